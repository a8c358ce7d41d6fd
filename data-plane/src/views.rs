//! Assets as the wire shows them.

use std::{fmt, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plane_kit::{
    clock::Clock,
    ids::AssetId,
    secret::Secret,
    signature::{Algorithm, escape_source, sign_delivery, sign_result},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{
    analyses::AnalysisView,
    assets::{
        coordinates::{Coordinates, Rectangle},
        derived::Derived,
        early::{Early, Outcome},
        moderation::{MANUAL, Moderation},
        record::{AssetName, AssetRecord, DeliveryType, ResourceType},
    },
    media::facts::{AudioFacts, VideoStream},
    tables::{derived_assets, renditions},
    tenants::Tenant,
    transformations::spelling::Spelling,
};

/// What stays as it is in a delivery path, as the official clients escape it.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'/').remove(b':');

/// Builds delivery addresses.
#[derive(Clone)]
pub struct Links {
    plain: String,
    secure: String,
    /// Says which keys are accepted now and may sign an address.
    clock: Arc<dyn Clock>,
    /// Whether addresses are signed that need it.
    signs: bool,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("plain", &self.plain).field("secure", &self.secure).finish_non_exhaustive()
    }
}

impl Links {
    /// Links that begin with a public address, as in `http://127.0.0.1:7788`. The secure ones have the same host and port.
    pub fn new(public_url: &str, clock: Arc<dyn Clock>) -> Self {
        let rest = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
        Self { plain: public_url.to_owned(), secure: format!("https://{rest}"), clock, signs: true }
    }

    /// The same for whoever may not have what a signed address opens.
    pub fn for_strangers(&self) -> Self {
        Self { signs: false, ..self.clone() }
    }

    /// `url` and `secure_url` of an asset's original, or of a derived asset of it.
    fn of(&self, tenant: &Tenant, asset: &AssetRecord, derived: Option<(&str, &str)>) -> (String, String) {
        let mut source = utf8_percent_encode(&asset.name.public_id, PATH).to_string();
        let extension = match derived {
            Some((_, extension)) if !extension.is_empty() => Some(extension),
            _ if asset.name.resource_type == ResourceType::Raw || asset.version.format.is_empty() => None,
            _ => Some(asset.version.format.as_str()),
        };
        if let Some(extension) = extension {
            source = format!("{source}.{extension}");
        }
        let transformation = derived.map_or("", |(transformation, _)| transformation);
        let mut pieces = vec![
            tenant.snapshot.cloud_name.clone(),
            asset.name.resource_type.name().to_owned(),
            asset.name.delivery_type.name().to_owned(),
        ];
        let is_open = asset.name.delivery_type == DeliveryType::Upload && !asset.access.wants_signature();
        if !is_open
            && self.signs
            && let Some(secret) = tenant.delivery_secrets(self.clock.now()).next()
        {
            let algorithm = tenant.snapshot.settings.url_signature_algorithm.unwrap_or(Algorithm::Sha1);
            pieces.push(signature_piece(transformation, &source, secret, algorithm));
        }
        if !transformation.is_empty() {
            pieces.push(transformation.to_owned());
        }
        pieces.push(format!("v{}", asset.version.version));
        pieces.push(source);
        let path = pieces.join("/");
        (format!("{}/{path}", self.plain), format!("{}/{path}", self.secure))
    }
}

fn signature_piece(transformation: &str, source: &str, secret: &Secret, algorithm: Algorithm) -> String {
    let source = escape_source(&percent_encoding::percent_decode_str(source).decode_utf8_lossy());
    let text = if transformation.is_empty() { source } else { format!("{transformation}/{source}") };
    format!("s--{}--", sign_delivery(&text, secret, algorithm, 8))
}

/// The answer to an upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct UploadResult {
    /// Id of the asset, the same through all its versions.
    #[schema(example = "0197c9b2f0a67c3ab5b1b6b0c8d6f1aa")]
    pub asset_id: String,
    /// Public id.
    #[schema(example = "cats/tom")]
    pub public_id: String,
    /// Version: Unix seconds, always growing.
    pub version: i64,
    /// Id of this version.
    pub version_id: String,
    /// Digest over `public_id` and `version`, so that a receiver can check the answer.
    pub signature: String,
    /// Width in pixels, of pictures, moving ones too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels, of pictures, moving ones too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Format by the bytes; absent for raw files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `image`, `video` or `raw`.
    pub resource_type: String,
    /// When the asset was first uploaded.
    pub created_at: String,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Pages or frames, of pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Size in bytes.
    pub bytes: u64,
    /// Delivery type.
    #[serde(rename = "type")]
    pub delivery_type: String,
    /// MD5 of the stored bytes, in hexadecimal digits.
    pub etag: String,
    /// Always false: the asset is there.
    pub placeholder: bool,
    /// Address of the original over http.
    pub url: String,
    /// Address of the original over https.
    pub secure_url: String,
    /// Folder.
    pub asset_folder: String,
    /// Name shown to people.
    pub display_name: String,
    /// Base name of the uploaded file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_filename: Option<String>,
    /// True when the name was taken and kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing: Option<bool>,
    /// By which it can be taken away again for ten minutes, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_token: Option<String>,
    /// True when it came in chunks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<bool>,
    /// Key and value pairs, under `custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// Values of metadata fields, by their external ids.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// What people have marked in it: `faces` and `custom`, each as lists of left, top, width and height.
    #[serde(skip_serializing_if = "Coordinates::is_empty")]
    #[schema(value_type = Object)]
    pub coordinates: Coordinates,
    /// `public` or `authenticated`.
    #[schema(example = "public")]
    pub access_mode: &'static str,
    /// Who may have it delivered; absent where nobody said anything of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>, example = json!([{"access_type": "anonymous", "end": "2027-01-01T00:00:00Z"}]))]
    pub access_control: Vec<Value>,
    /// What people said of it, if they are to look at it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moderation: Vec<ModerationView>,
    /// What is known of sound and moving pictures.
    #[serde(flatten)]
    pub media: Option<MediaView>,
    /// What it shows, where that was asked for.
    #[serde(flatten)]
    pub analysis: Option<AnalysisView>,
    /// The access key that uploaded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// True when the decoder found damage inside the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<bool>,
    /// What was asked for by `eager`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub eager: Vec<EagerView>,
    /// The batch of what is made later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<String>,
}

impl UploadResult {
    /// Shows an asset to who uploaded it.
    pub fn new(links: &Links, tenant: &Tenant, asset: &AssetRecord, api_key: Option<&str>) -> Self {
        let (url, secure_url) = links.of(tenant, asset, None);
        let source = asset.version.source.as_ref();
        let size = asset.version.size();
        let is_raw = asset.name.resource_type == ResourceType::Raw;
        let own = api_key.and_then(|key| tenant.key(key)).and_then(|(_, secrets)| secrets.first());
        let signature = own
            .or_else(|| tenant.result_secret(links.clock.now()))
            .map(|secret| sign_result(&asset.name.public_id, asset.version.version, secret, tenant.signing_algorithm()))
            .unwrap_or_default();
        Self {
            asset_id: asset.id.to_string(),
            public_id: asset.name.public_id.clone(),
            version: asset.version.version,
            version_id: asset.version.id.to_string(),
            signature,
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            format: (!is_raw).then(|| asset.version.format.clone()),
            resource_type: asset.name.resource_type.name().into(),
            created_at: wire_time(asset.created_at),
            tags: asset.tags.clone(),
            pages: source.map(|source| source.pages),
            bytes: asset.version.bytes,
            delivery_type: asset.name.delivery_type.name().into(),
            etag: asset.version.md5.clone(),
            placeholder: false,
            url,
            secure_url,
            asset_folder: asset.asset_folder.clone(),
            display_name: asset.display_name.clone(),
            original_filename: (!asset.original_filename.is_empty()).then(|| asset.original_filename.clone()),
            existing: None,
            delete_token: None,
            done: None,
            context: custom(&asset.context),
            metadata: asset.metadata.clone(),
            coordinates: asset.coordinates.clone(),
            access_mode: asset.access.mode.name(),
            access_control: asset.access.shown(),
            moderation: ModerationView::all(asset),
            media: MediaView::of(asset),
            analysis: None,
            api_key: api_key.map(str::to_owned),
            damaged: source.filter(|source| source.damaged).map(|_| true),
            eager: Vec::new(),
            batch_id: None,
        }
    }

    /// With what was asked for ahead.
    pub fn with_early(mut self, links: &Links, tenant: &Tenant, asset: &AssetRecord, early: &[Early]) -> Self {
        self.eager = EagerView::all(links, tenant, asset, early);
        self.batch_id = self.eager.iter().find_map(|view| view.batch_id.clone());
        self
    }
}

/// One moderation of an asset.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModerationView {
    /// `manual`.
    #[schema(example = "manual")]
    pub kind: &'static str,
    /// `pending`, `approved` or `rejected`.
    #[schema(example = "pending")]
    pub status: &'static str,
    /// When that was said.
    pub updated_at: String,
}

impl ModerationView {
    fn all(asset: &AssetRecord) -> Vec<Self> {
        let view = |said: Moderation| Self {
            kind: MANUAL,
            status: said.status.name(),
            updated_at: wire_time(said.updated_at),
        };
        asset.moderation.map(view).into_iter().collect()
    }
}

/// What is known of sound and moving pictures.
#[derive(Debug, Serialize, ToSchema)]
pub struct MediaView {
    /// Length in seconds.
    #[schema(example = 9.976)]
    pub duration: f64,
    /// Bits a second, all streams together.
    #[schema(example = 1_630_000)]
    pub bit_rate: u64,
    /// Whether there is sound alone.
    pub is_audio: bool,
    /// Frames a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 29.97)]
    pub frame_rate: Option<f64>,
    /// Number of frames, where the container says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nb_frames: Option<u64>,
    /// Degrees, clockwise, by which it is turned to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<i32>,
    /// How the moving picture is compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoStream>,
    /// How the sound is compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioFacts>,
}

impl MediaView {
    fn of(asset: &AssetRecord) -> Option<Self> {
        let facts = asset.version.media.as_ref()?;
        let video = facts.video.as_ref();
        Some(Self {
            duration: facts.duration,
            bit_rate: facts.bit_rate,
            is_audio: video.is_none(),
            frame_rate: video.map(|video| video.frame_rate),
            nb_frames: video.and_then(|video| video.frames),
            rotation: video.map(|video| video.rotation),
            video: video.map(|video| video.stream.clone()),
            audio: facts.audio.clone(),
        })
    }
}

/// A transformation that was asked for by `eager`.
#[derive(Debug, Serialize, ToSchema)]
pub struct EagerView {
    /// The transformation as it was asked for.
    #[schema(example = "c_fill,h_300,w_400")]
    pub transformation: String,
    /// Width in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Delivered format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Address over http.
    pub url: String,
    /// Address over https.
    pub secure_url: String,
    /// `processing` or `failed`; absent when it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The batch that it is made in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<String>,
}

impl EagerView {
    /// Shows all.
    pub fn all(links: &Links, tenant: &Tenant, asset: &AssetRecord, early: &[Early]) -> Vec<Self> {
        early.iter().map(|early| Self::new(links, tenant, asset, early)).collect()
    }

    fn new(links: &Links, tenant: &Tenant, asset: &AssetRecord, early: &Early) -> Self {
        let Spelling { transformation, extension } = &early.spelling;
        let (url, secure_url) = links.of(tenant, asset, Some((transformation, extension)));
        let mut view = Self {
            transformation: transformation.clone(),
            width: None,
            height: None,
            bytes: None,
            format: None,
            url,
            secure_url,
            status: None,
            reason: None,
            batch_id: None,
        };
        match &early.outcome {
            Outcome::Made { width, height, bytes, format } => {
                (view.width, view.height) = (Some(*width), Some(*height));
                (view.bytes, view.format) = (Some(*bytes), Some(format.clone()));
            }
            Outcome::Processing(batch) => (view.status, view.batch_id) = (Some("processing"), Some(batch.clone())),
            Outcome::Failed(reason) => (view.status, view.reason) = (Some("failed"), Some(reason.clone())),
        }
        view
    }
}

/// An asset in listings and details.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resource {
    /// Id of the asset.
    pub asset_id: String,
    /// Public id.
    #[schema(example = "cats/tom")]
    pub public_id: String,
    /// Folder.
    pub asset_folder: String,
    /// Name shown to people.
    pub display_name: String,
    /// Format; absent for raw files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Version.
    pub version: i64,
    /// Kind.
    pub resource_type: String,
    /// Delivery type.
    #[serde(rename = "type")]
    pub delivery_type: String,
    /// When the asset was first uploaded.
    pub created_at: String,
    /// When this version was uploaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// Width in pixels, of pictures, moving ones too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels, of pictures, moving ones too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// `public` or `authenticated`.
    #[schema(example = "public")]
    pub access_mode: &'static str,
    /// Who may have it delivered; absent where nobody said anything of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>, example = json!([{"access_type": "anonymous", "end": "2027-01-01T00:00:00Z"}]))]
    pub access_control: Vec<Value>,
    /// Address over http.
    pub url: String,
    /// Address over https.
    pub secure_url: String,
    /// Tags, when asked for or when there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Key and value pairs under `custom`, when asked for or when there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// Values of metadata fields, by their external ids, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// What people said of it, if that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moderation: Vec<ModerationView>,
    /// The kind of moderation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moderation_kind: Option<&'static str>,
    /// What was said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moderation_status: Option<&'static str>,
}

/// What a listing shows beside the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras {
    /// Tags, an empty list included.
    pub tags: bool,
    /// Context.
    pub context: bool,
    /// Values of metadata fields.
    pub metadata: bool,
    /// Moderation.
    pub moderation: bool,
}

impl Resource {
    /// Shows an asset in a listing.
    pub fn new(links: &Links, tenant: &Tenant, asset: &AssetRecord, extras: Extras) -> Self {
        let (url, secure_url) = links.of(tenant, asset, None);
        let size = asset.version.size();
        let is_raw = asset.name.resource_type == ResourceType::Raw;
        Self {
            asset_id: asset.id.to_string(),
            public_id: asset.name.public_id.clone(),
            asset_folder: asset.asset_folder.clone(),
            display_name: asset.display_name.clone(),
            format: (!is_raw).then(|| asset.version.format.clone()),
            version: asset.version.version,
            resource_type: asset.name.resource_type.name().into(),
            delivery_type: asset.name.delivery_type.name().into(),
            created_at: wire_time(asset.created_at),
            uploaded_at: None,
            bytes: asset.version.bytes,
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            access_mode: asset.access.mode.name(),
            access_control: asset.access.shown(),
            url,
            secure_url,
            tags: extras.tags.then(|| asset.tags.clone()),
            context: if extras.context { custom(&asset.context) } else { None },
            moderation: if extras.moderation { ModerationView::all(asset) } else { Vec::new() },
            moderation_kind: asset.moderation.filter(|_| extras.moderation).map(|_| MANUAL),
            moderation_status: asset.moderation.filter(|_| extras.moderation).map(|said| said.status.name()),
            metadata: (extras.metadata && !asset.metadata.is_empty()).then(|| asset.metadata.clone()),
        }
    }
}

/// One asset with what was derived from it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceDetail {
    /// The asset.
    #[serde(flatten)]
    pub resource: Resource,
    /// Id of the current version.
    pub version_id: String,
    /// Pages or frames, of pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// What is known of sound and moving pictures.
    #[serde(flatten)]
    pub media: Option<MediaView>,
    /// What it shows, where that was asked for.
    #[serde(flatten)]
    pub analysis: Option<AnalysisView>,
    /// MD5 of the stored bytes, in hexadecimal digits.
    pub etag: String,
    /// Always false: the asset is there.
    pub placeholder: bool,
    /// Whether its versions are to be kept, as uploads or the environment's settings say. Former ones are not kept yet.
    pub backup: bool,
    /// Derived assets, one for each spelling.
    pub derived: Vec<DerivedView>,
    /// Where the next page of derived assets begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived_next_cursor: Option<String>,
    /// What people have marked in it, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub coordinates: Option<Coordinates>,
    /// The rectangles of marked faces, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub faces: Option<Vec<Rectangle>>,
    /// The assets that it is related to, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_assets: Option<Vec<RelatedView>>,
    /// Where the next page of related assets begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_next_cursor: Option<String>,
}

/// An asset that another is related to.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelatedView {
    /// Its id.
    #[schema(example = "0197c9b2f0a67c3ab5b1b6b0c8d6f1aa")]
    pub asset_id: String,
    /// Its public id.
    #[schema(example = "dog_subtitles.srt")]
    pub public_id: String,
    /// Its kind.
    #[schema(example = "raw")]
    pub resource_type: &'static str,
    /// Its delivery type.
    #[serde(rename = "type")]
    #[schema(example = "upload")]
    pub delivery_type: &'static str,
}

impl From<(AssetId, AssetName)> for RelatedView {
    fn from((id, name): (AssetId, AssetName)) -> Self {
        Self {
            asset_id: id.to_string(),
            public_id: name.public_id,
            resource_type: name.resource_type.name(),
            delivery_type: name.delivery_type.name(),
        }
    }
}

impl ResourceDetail {
    /// Shows an asset in full.
    pub fn new(links: &Links, tenant: &Tenant, asset: &AssetRecord, derived: &[Derived]) -> Self {
        let extras = Extras { tags: !asset.tags.is_empty(), context: true, metadata: true, moderation: true };
        let mut resource = Resource::new(links, tenant, asset, extras);
        resource.uploaded_at = Some(wire_time(asset.version.uploaded_at));
        Self {
            resource,
            version_id: asset.version.id.to_string(),
            pages: asset.version.source.as_ref().map(|source| source.pages),
            media: MediaView::of(asset),
            analysis: None,
            etag: asset.version.md5.clone(),
            placeholder: false,
            backup: asset.backup,
            derived: derived
                .iter()
                .map(|(spelling, made)| DerivedView::new(links, tenant, asset, spelling, made))
                .collect(),
            derived_next_cursor: None,
            coordinates: None,
            faces: None,
            related_assets: None,
            related_next_cursor: None,
        }
    }
}

/// A derived asset under one spelling.
#[derive(Debug, Serialize, ToSchema)]
pub struct DerivedView {
    /// Id of the derived asset.
    pub id: String,
    /// The transformation as it was asked for.
    #[schema(example = "c_fill,h_300,w_400")]
    pub transformation: String,
    /// Delivered format.
    pub format: String,
    /// Size in bytes.
    pub bytes: i64,
    /// Width in pixels.
    pub width: i64,
    /// Height in pixels.
    pub height: i64,
    /// Address over http.
    pub url: String,
    /// Address over https.
    pub secure_url: String,
}

impl DerivedView {
    fn new(
        links: &Links,
        tenant: &Tenant,
        asset: &AssetRecord,
        spelling: &derived_assets::Model,
        made: &renditions::Model,
    ) -> Self {
        let (url, secure_url) = links.of(tenant, asset, Some((&spelling.transformation, &spelling.extension)));
        Self {
            id: spelling.id.as_simple().to_string(),
            transformation: spelling.transformation.clone(),
            format: made.format.clone(),
            bytes: made.bytes,
            width: made.width,
            height: made.height,
            url,
            secure_url,
        }
    }
}

/// A derived asset, with the asset that it was made of.
#[derive(Debug, Serialize, ToSchema)]
pub struct DerivedOf {
    /// Public id of the asset.
    #[schema(example = "cats/tom")]
    pub public_id: String,
    /// Kind of the asset.
    #[schema(example = "image")]
    pub resource_type: &'static str,
    /// Delivery type of the asset.
    #[serde(rename = "type")]
    #[schema(example = "upload")]
    pub delivery_type: &'static str,
    /// The derived asset.
    #[serde(flatten)]
    pub derived: DerivedView,
}

impl DerivedOf {
    /// Shows a derived asset and whose it is.
    pub fn new(links: &Links, tenant: &Tenant, (asset, (spelling, made)): &(AssetRecord, Derived)) -> Self {
        Self {
            public_id: asset.name.public_id.clone(),
            resource_type: asset.name.resource_type.name(),
            delivery_type: asset.name.delivery_type.name(),
            derived: DerivedView::new(links, tenant, asset, spelling, made),
        }
    }
}

fn custom(context: &Map<String, Value>) -> Option<Value> {
    (!context.is_empty()).then(|| json!({"custom": context}))
}

/// Seconds and `Z`, as in `2026-11-23T20:15:00Z`.
pub fn wire_time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
