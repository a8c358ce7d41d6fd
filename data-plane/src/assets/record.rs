//! What an asset is, in the words of the wire.

use chrono::{DateTime, Utc};
use plane_kit::{
    error::ApiError,
    ids::{AssetId, EnvironmentId, VersionId},
};
use sea_orm::DbErr;
use serde_json::Value;
use transform::source::SourceMeta;

use super::{
    access_control::AccessControl,
    coordinates::Coordinates,
    moderation::{Moderation, Status},
};
use crate::{
    media::facts::MediaFacts,
    tables::{asset_versions, assets},
};

/// The kind of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceType {
    /// Pictures, documents with pages.
    Image,
    /// Moving pictures and sound.
    Video,
    /// Everything else; delivered as it is.
    Raw,
}

impl ResourceType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Raw => "raw",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Image, Self::Video, Self::Raw].into_iter().find(|kind| kind.name() == name)
    }

    /// Reads a name of a path or a parameter, or says which names there are.
    pub fn parse(name: &str) -> Result<Self, ApiError> {
        Self::from_name(name).ok_or_else(|| {
            ApiError::invalid(format!("Invalid value {name} for parameter resource_type: image, video or raw"))
        })
    }
}

/// Who may have an asset delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryType {
    /// Everybody.
    Upload,
    /// Everybody what is derived; the original only by signature.
    Private,
    /// Only by signature.
    Authenticated,
    /// Everybody; the public id is the address of a remote file.
    Fetch,
}

/// Delivery types of the wire that are not built yet.
const DELIVERY_TYPES_NOT_BUILT: [&str; 17] = [
    "list",
    "text",
    "sprite",
    "multi",
    "asset",
    "public",
    "facebook",
    "twitter",
    "twitter_name",
    "gravatar",
    "instagram",
    "instagram_name",
    "youtube",
    "vimeo",
    "dailymotion",
    "hulu",
    "animoto",
];

impl DeliveryType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Private => "private",
            Self::Authenticated => "authenticated",
            Self::Fetch => "fetch",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Upload, Self::Private, Self::Authenticated, Self::Fetch].into_iter().find(|kind| kind.name() == name)
    }

    /// Reads a name; one that is known and not built is refused as such.
    pub fn parse(name: &str) -> Result<Self, ApiError> {
        if DELIVERY_TYPES_NOT_BUILT.contains(&name) {
            return Err(ApiError::not_built(format!("The delivery type {name}")));
        }
        Self::from_name(name).ok_or_else(|| {
            ApiError::invalid(format!(
                "Invalid value {name} for parameter type: upload, private, authenticated or fetch"
            ))
        })
    }
}

/// What an asset is found by within its environment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssetName {
    /// Kind.
    pub resource_type: ResourceType,
    /// Delivery type.
    pub delivery_type: DeliveryType,
    /// Public id, decoded.
    pub public_id: String,
}

impl AssetName {
    /// The name that a row has, if this program knows its kind and type.
    pub(super) fn of_row(row: assets::Model) -> Option<Self> {
        Some(Self {
            resource_type: ResourceType::from_name(&row.resource_type)?,
            delivery_type: DeliveryType::from_name(&row.delivery_type)?,
            public_id: row.public_id,
        })
    }
}

/// An asset with its current version.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetRecord {
    /// The asset's own id.
    pub id: AssetId,
    /// Whose it is.
    pub environment: EnvironmentId,
    /// Its name.
    pub name: AssetName,
    /// The name shown to people.
    pub display_name: String,
    /// The folder it is shown in.
    pub asset_folder: String,
    /// Base name of the uploaded file.
    pub original_filename: String,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Key and value pairs.
    pub context: serde_json::Map<String, Value>,
    /// Values of the environment's metadata fields, by their external ids.
    pub metadata: serde_json::Map<String, Value>,
    /// What people have marked in it.
    pub coordinates: Coordinates,
    /// Who may have it delivered.
    pub access: AccessControl,
    /// Whether its versions are to be kept.
    pub backup: bool,
    /// What people said of it, if they are to look at it.
    pub moderation: Option<Moderation>,
    /// When the asset was first uploaded.
    pub created_at: DateTime<Utc>,
    /// The current version.
    pub version: VersionRecord,
}

/// One stored version.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRecord {
    /// Id of the version; objects are keyed by it.
    pub id: VersionId,
    /// Version on the wire: Unix seconds, always growing.
    pub version: i64,
    /// Format by the bytes, or the file's extension for raw files; may be empty.
    pub format: String,
    /// Size.
    pub bytes: u64,
    /// MD5 of the bytes, in hexadecimal digits; the `etag` of the wire.
    pub md5: String,
    /// What is known of a picture.
    pub source: Option<SourceMeta>,
    /// What is known of sound and moving pictures.
    pub media: Option<MediaFacts>,
    /// Where it came from: `upload`, `fetch`, or `internal` for samples that the program made.
    pub origin: String,
    /// Grows when all derived assets are dropped, so that they count again.
    pub epoch: u64,
    /// When it was uploaded.
    pub uploaded_at: DateTime<Utc>,
}

impl VersionRecord {
    /// Width and height in pixels, as it is shown.
    pub fn size(&self) -> Option<(u32, u32)> {
        let picture = self.source.as_ref().map(|source| (source.width, source.height));
        picture.or_else(|| self.media.as_ref()?.video.as_ref().map(|video| (video.width, video.height)))
    }
}

impl AssetRecord {
    /// Whether people have said that nobody gets it.
    pub fn is_rejected(&self) -> bool {
        self.moderation.is_some_and(|moderation| moderation.status == Status::Rejected)
    }

    pub(super) fn from_rows(asset: assets::Model, version: asset_versions::Model) -> Result<Self, DbErr> {
        let unreadable = |what: &str| DbErr::Custom(format!("asset {}: {what} cannot be read", asset.id));
        let resource_type =
            ResourceType::from_name(&asset.resource_type).ok_or_else(|| unreadable("its resource type"))?;
        let delivery_type =
            DeliveryType::from_name(&asset.delivery_type).ok_or_else(|| unreadable("its delivery type"))?;
        let source = match version.source {
            Some(value) => Some(serde_json::from_value(value).map_err(|_| unreadable("its source"))?),
            None => None,
        };
        let media = match version.media {
            Some(value) => Some(serde_json::from_value(value).map_err(|_| unreadable("what is known of it"))?),
            None => None,
        };
        let tags = serde_json::from_value(asset.tags.clone()).map_err(|_| unreadable("its tags"))?;
        let context = match &asset.context {
            Value::Object(pairs) => pairs.clone(),
            _ => return Err(unreadable("its context")),
        };
        let metadata = match &asset.metadata {
            Value::Object(values) => values.clone(),
            _ => return Err(unreadable("its metadata")),
        };
        let coordinates =
            serde_json::from_value(asset.coordinates.clone()).map_err(|_| unreadable("its coordinates"))?;
        let access = serde_json::from_value(asset.access.clone()).map_err(|_| unreadable("its access control"))?;
        let moderation = match (&asset.moderation_status, asset.moderation_updated_at) {
            (Some(status), Some(updated_at)) => {
                let status = Status::from_name(status).ok_or_else(|| unreadable("its moderation"))?;
                Some(Moderation { status, updated_at })
            }
            _ => None,
        };
        Ok(Self {
            id: AssetId(asset.id),
            environment: EnvironmentId(asset.environment_id),
            name: AssetName { resource_type, delivery_type, public_id: asset.public_id },
            display_name: asset.display_name,
            asset_folder: asset.asset_folder,
            original_filename: asset.original_filename,
            tags,
            context,
            metadata,
            coordinates,
            access,
            backup: asset.backup,
            moderation,
            created_at: asset.created_at,
            version: VersionRecord {
                id: VersionId(version.id),
                version: version.version,
                format: version.format,
                bytes: u64::try_from(version.bytes).unwrap_or(0),
                md5: version.md5,
                source,
                media,
                origin: version.origin,
                epoch: u64::try_from(version.epoch).unwrap_or(0),
                uploaded_at: version.uploaded_at,
            },
        })
    }
}
