//! Originals for workers, and what keeps a worker's job from its end.

use std::time::Duration;

use plane_kit::error::{ApiError, ErrorCode, chain};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Failure;
use crate::{
    Plane,
    assets::record::AssetRecord,
    render::{RenderError, SourceFile},
    storage::{ObjectKey, StorageError},
};

/// How long a refusal of a make is remembered.
pub(super) const FAILURES_KEPT: Duration = Duration::from_secs(3);
/// How many mebibytes of sources may wait for a worker in memory; who comes when they are taken is answered 429.
const SOURCES_MEBIBYTES: usize = 1024;
/// Room for sources that wait for a worker or are in one, in units of a mebibyte.
pub struct SourceRoom(Semaphore);

impl Default for SourceRoom {
    fn default() -> Self {
        Self(Semaphore::new(SOURCES_MEBIBYTES))
    }
}

/// What kept a make from its end, as every asker is told it.
#[derive(Debug, Clone)]
pub(super) enum MakeError {
    Replaced,
    Refused(String),
    Busy,
    Unavailable(String),
}

impl From<&MakeError> for Failure {
    fn from(error: &MakeError) -> Self {
        Self::Refused(match error {
            MakeError::Replaced => return Self::Replaced,
            MakeError::Refused(message) => ApiError::new(ErrorCode::InvalidTransformation, message.clone()),
            MakeError::Busy => {
                ApiError::new(ErrorCode::Busy, "Too many pictures are waiting; try again").with_retry_after(1)
            }
            MakeError::Unavailable(detail) => {
                ApiError::unavailable("Pictures cannot be made now", 2).with_operator_text(detail.clone())
            }
        })
    }
}

impl From<sea_orm::DbErr> for MakeError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Unavailable(chain(&error))
    }
}

impl From<StorageError> for MakeError {
    fn from(error: StorageError) -> Self {
        match error {
            // The row was read a moment ago: the asset was taken away or replaced since.
            StorageError::Missing(_) => Self::Replaced,
            error => Self::Unavailable(chain(&error)),
        }
    }
}

impl From<RenderError> for MakeError {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Refused(refused) => Self::Refused(refused.message),
            RenderError::Busy => Self::Busy,
            RenderError::Unavailable => Self::Unavailable(error.to_string()),
        }
    }
}

/// The original of an asset for a worker, and the room that it takes in memory.
pub(crate) async fn original_of<'a>(plane: &'a Plane, asset: &AssetRecord) -> Result<(SourceFile, Room<'a>), Failure> {
    original(plane, asset).await.map_err(|error| Failure::from(&error))
}

/// What is given back when a source is not needed any more; nothing for one that takes no memory.
pub(crate) type Room<'a> = Option<SemaphorePermit<'a>>;

pub(super) async fn original<'a>(plane: &'a Plane, asset: &AssetRecord) -> Result<(SourceFile, Room<'a>), MakeError> {
    let key = ObjectKey::original(asset.environment, asset.version.id);
    let unreadable = |error: std::io::Error| MakeError::Unavailable(chain(&error));
    // A worker reads a file of this machine as it is.
    if let Some(file) = plane.storage.open_file(&key).await? {
        return Ok((SourceFile::from_object(file).map_err(unreadable)?, None));
    }
    // Others are read before they queue; without a bound on that, a queue of large ones would fill the memory.
    let mebibytes = u32::try_from(asset.version.bytes >> 20).unwrap_or(u32::MAX).saturating_add(1);
    let room = plane.source_room.0.try_acquire_many(mebibytes.min(SOURCES_MEBIBYTES as u32));
    let room = room.map_err(|_| MakeError::Busy)?;
    let source = plane.storage.read(&key).await?;
    Ok((SourceFile::from_chunks(source).map_err(unreadable)?, Some(room)))
}
