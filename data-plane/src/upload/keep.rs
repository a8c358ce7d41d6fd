//! Keeping a staged file: it is looked into, its bytes are stored, and only then they get their name.

use plane_kit::{
    error::{ApiError, ErrorCode},
    http::edge::RequestId,
    ids::VersionId,
};
use serde_json::{Map, Value};
use transform::{analysis::Analysis, source::SourceMeta};

use super::stage::Staged;
use crate::{
    Plane,
    assets::{
        AssetStore,
        access_control::AccessChange,
        analyses::Questions,
        commit::{Ends, NewVersion, RemoteSource, UploadOutcome},
        coordinates::Coordinates,
        early::Ahead,
        record::{AssetName, AssetRecord, ResourceType},
    },
    media::{content_type, facts::MediaFacts},
    permitted::Permitted,
    render::{RenderError, SourceFile},
    storage::ObjectKey,
    tenants::Tenant,
};

/// What a file turned out to be.
#[derive(Debug)]
pub struct Seen {
    /// What is known of a picture.
    pub source: Option<SourceMeta>,
    /// What is known of sound and moving pictures.
    pub media: Option<MediaFacts>,
    /// Format by the bytes, or the extension of a raw file's name; may be empty.
    pub format: String,
    content_type: &'static str,
}

/// What is to be said of a file, whatever it is.
#[derive(Debug)]
pub struct Wanted {
    /// Under which id its bytes are kept.
    pub id: VersionId,
    /// Name shown to people.
    pub display_name: String,
    /// Folder.
    pub asset_folder: String,
    /// Base name of the file.
    pub original_filename: String,
    /// Whether an asset that is replaced keeps its folder: the call says nothing of one.
    pub keeps_folder: bool,
    /// The same of its name shown to people.
    pub keeps_display_name: bool,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Key and value pairs.
    pub context: Map<String, Value>,
    /// Values of metadata fields.
    pub metadata: Map<String, Value>,
    /// What people have marked in it.
    pub coordinates: Coordinates,
    /// Who may have it delivered, as far as the call says so.
    pub access: AccessChange,
    /// Whether its versions are to be kept; as before where nothing is said.
    pub backup: Option<bool>,
    /// Whether people are to look at it.
    pub is_moderated: bool,
    /// `upload`, `fetch` or `upload_mapping`.
    pub origin: &'static str,
    /// The access key that uploaded it, if one did.
    pub access_key: Option<String>,
    /// The request that brought it.
    pub request: RequestId,
    /// What happens when the name is taken.
    pub overwrite: bool,
    /// What its remote server said of it, if it is to be asked again.
    pub remote: Option<RemoteSource>,
    /// The version that it replaces, if it is to replace no other.
    pub replaces: Option<VersionId>,
    /// What it ends.
    pub ends: Ends,
    /// What was made of it ahead.
    pub ahead: Ahead,
    /// What it shows, where the call wants to know.
    pub analysis: Option<Analysis>,
    /// What the call wants to know.
    pub questions: Questions,
}

/// What became of it.
#[derive(Debug)]
pub enum Kept {
    /// The asset as it is now.
    Stored(Box<AssetRecord>),
    /// The name was taken and was to be kept.
    Existing(Box<AssetRecord>),
    /// The name is taken by an asset in a folder that the caller may not change.
    OutOfScope,
    /// The upload in chunks or the job was ended by another.
    Ended,
}

/// Looks into a file. A picture's own header refuses one that is too large before a worker is asked. `extension` is that of the
/// file's name.
pub async fn look_into(
    plane: &Plane,
    tenant: &Tenant,
    staged: &Staged,
    resource_type: ResourceType,
    extension: Option<&str>,
) -> Result<Seen, ApiError> {
    match resource_type {
        ResourceType::Image => look_into_picture(plane, tenant, staged).await,
        ResourceType::Video => {
            let (format, facts) = plane.media.probe(staged.file(), &staged.head, extension).await?;
            Ok(Seen { source: None, media: Some(facts), content_type: content_type(&format), format })
        }
        ResourceType::Raw => {
            let format = extension.unwrap_or_default().to_owned();
            Ok(Seen { source: None, media: None, format, content_type: "application/octet-stream" })
        }
    }
}

async fn look_into_picture(plane: &Plane, tenant: &Tenant, staged: &Staged) -> Result<Seen, ApiError> {
    let limit = tenant.most_pixels();
    if let Some((width, height)) = staged.claimed_size() {
        check_pixels(u64::from(width) * u64::from(height), limit)?;
    }
    let source = SourceFile::from_file(staged.file()).map_err(|error| ApiError::internal(&error))?;
    let meta = plane.render.probe(tenant.id().0.as_u128().into(), source).await.map_err(refused_file)?;
    check_pixels(u64::from(meta.width) * u64::from(meta.height) * u64::from(meta.pages), limit)?;
    let (format, content_type) = (meta.format.name().to_owned(), meta.format.content_type());
    Ok(Seen { source: Some(meta), media: None, format, content_type })
}

/// Stores the bytes under the id of the version and commits the asset. What becomes of other nodes' and of our own memory of the name is done here too.
pub async fn keep(
    plane: &Plane,
    assets: &AssetStore<'_>,
    permitted: Permitted<AssetName>,
    staged: Staged,
    seen: Seen,
    wanted: Wanted,
) -> Result<Kept, ApiError> {
    let now = plane.clock.now();
    let id = wanted.id;
    let object = ObjectKey::original(assets.environment(), id);
    let mut staged = staged;
    let bytes = staged.bytes;
    let file = staged.settled().await?;
    plane.storage.write_file(&object, file, seen.content_type).await?;
    let md5 = staged.md5().await?.to_owned();
    let new = NewVersion {
        id,
        display_name: wanted.display_name,
        asset_folder: wanted.asset_folder,
        keeps_folder: wanted.keeps_folder,
        keeps_display_name: wanted.keeps_display_name,
        original_filename: wanted.original_filename,
        tags: wanted.tags,
        context: wanted.context,
        metadata: wanted.metadata,
        coordinates: wanted.coordinates,
        access: wanted.access,
        backup: wanted.backup,
        is_moderated: wanted.is_moderated,
        format: seen.format,
        bytes,
        md5,
        source: seen.source,
        media: seen.media,
        origin: wanted.origin,
        access_key: wanted.access_key,
        request: wanted.request.to_string(),
        overwrite: wanted.overwrite,
        remote: wanted.remote,
        replaces: wanted.replaces,
        ends: wanted.ends,
        ahead: wanted.ahead,
        analysis: wanted.analysis,
        questions: wanted.questions,
    };
    let mut unused = vec![object];
    unused.extend(new.ahead.renditions.iter().map(|(new, _)| ObjectKey::rendition(assets.environment(), id, &new.key)));
    let outcome = assets.commit_upload(permitted, new, now).await?;
    let (kept, orphans) = match outcome {
        UploadOutcome::Stored(asset, orphans) => {
            plane.shipper.wake();
            plane.located.forget(assets.environment(), &asset.name);
            (Kept::Stored(asset), orphans)
        }
        UploadOutcome::Existing(asset) => (Kept::Existing(asset), unused),
        UploadOutcome::OutOfScope => (Kept::OutOfScope, unused),
        UploadOutcome::Ended => (Kept::Ended, unused),
    };
    plane.remove_objects(orphans);
    Ok(kept)
}

fn check_pixels(pixels: u64, limit: u64) -> Result<(), ApiError> {
    if pixels <= limit {
        return Ok(());
    }
    let text = format!("Image has too many pixels. Got {pixels}. Maximum is {limit}.");
    Err(ApiError::new(ErrorCode::InvalidFile, text))
}

/// A picture that cannot be taken is the client's error; a pool that cannot work is ours.
pub(crate) fn refused_file(error: RenderError) -> ApiError {
    match error {
        RenderError::Refused(refused) => {
            ApiError::new(ErrorCode::InvalidFile, format!("Invalid image file: {}", refused.message))
        }
        RenderError::Busy => {
            ApiError::new(ErrorCode::Busy, "Too many pictures are waiting; try again").with_retry_after(1)
        }
        RenderError::Unavailable => {
            ApiError::unavailable("Pictures cannot be looked into now", 2).with_operator_text(error.to_string())
        }
    }
}
