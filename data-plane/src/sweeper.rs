//! The sweeper: collects objects that no row names.
//!
//! Bytes are written before the row that names them, so a process killed in between leaves an object without a row. Such an object
//! is removed when it is old enough that nobody can still be about to name it.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use plane_kit::error::{ApiError, chain};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    DataPlane, Plane,
    metering::shipper::stopped,
    notifications::{log, poll},
    storage::{INCOMING, NamedBy, ObjectKey, StorageError},
    tables::{asset_versions, jobs, renditions, upload_chunks},
    upload::chunks::assembly::abandon_old,
};

/// How many objects are looked up at once.
const BATCH: usize = 500;

/// Why a sweep ended early. The next one begins anew.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The object store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The regional database failed.
    #[error("the regional database failed")]
    Database(#[from] sea_orm::DbErr),
}

impl From<SweepError> for ApiError {
    fn from(error: SweepError) -> Self {
        Self::internal(&error)
    }
}

struct Candidate {
    key: ObjectKey,
    /// What would have to have a row; nothing for a file that a killed process was still writing.
    named_by: Option<NamedBy>,
}

/// What is known of a path in the store. A path of no known shape is not ours to remove.
fn candidate(path: &str) -> Option<Candidate> {
    if let Some(key) = ObjectKey::incoming(path) {
        return Some(Candidate { key, named_by: None });
    }
    let (key, named_by) = ObjectKey::parse(path)?;
    Some(Candidate { key, named_by: Some(named_by) })
}

/// Sweeps once. Uploads in chunks that nobody goes on with are given up first. Objects changed within `grace` before `now` are left alone. Answers how many were removed.
pub async fn sweep(plane: &Plane, now: DateTime<Utc>, grace: Duration) -> Result<usize, SweepError> {
    abandon_old(plane, now, TimeDelta::seconds(plane.settings.uploads.chunks_kept_seconds.into())).await?;
    let notifications = &plane.settings.notifications;
    log::forget_old(&plane.database, now - TimeDelta::days(notifications.log_days.into())).await?;
    poll::forget_old(&plane.database, now - TimeDelta::seconds(notifications.poll_kept_seconds.into())).await?;
    let mut removed = 0;
    for prefix in ["o/", "d/", "c/", INCOMING] {
        let mut objects = std::pin::pin!(plane.storage.list(prefix).await?);
        let mut batch = Vec::new();
        loop {
            let path = objects.try_next().await?;
            let is_end = path.is_none();
            batch.extend(path.as_deref().and_then(candidate));
            if batch.len() >= BATCH || is_end {
                removed += remove_nameless(plane, std::mem::take(&mut batch), now, grace).await?;
            }
            if is_end {
                break;
            }
        }
    }
    Ok(removed)
}

async fn remove_nameless(
    plane: &Plane,
    batch: Vec<Candidate>,
    now: DateTime<Utc>,
    grace: Duration,
) -> Result<usize, SweepError> {
    if batch.is_empty() {
        return Ok(0);
    }
    let reader = plane.database.reader();
    let versions: HashSet<uuid::Uuid> = asset_versions::Entity::find()
        .filter(asset_versions::Column::Id.is_in(batch.iter().filter_map(|candidate| match &candidate.named_by {
            Some(NamedBy::Version(version)) => Some(version.0),
            _ => None,
        })))
        .all(reader)
        .await?
        .into_iter()
        .map(|row| row.id)
        .collect();
    let made: HashSet<String> = renditions::Entity::find()
        .filter(renditions::Column::Key.is_in(batch.iter().filter_map(|candidate| match &candidate.named_by {
            Some(NamedBy::Rendition(key)) => Some(key.as_str()),
            _ => None,
        })))
        .all(reader)
        .await?
        .into_iter()
        .map(|row| row.key)
        .collect();
    let chunks: HashSet<uuid::Uuid> = upload_chunks::Entity::find()
        .filter(upload_chunks::Column::Id.is_in(batch.iter().filter_map(|candidate| match &candidate.named_by {
            Some(NamedBy::Chunk(chunk)) => Some(*chunk),
            _ => None,
        })))
        .all(reader)
        .await?
        .into_iter()
        .map(|row| row.id)
        .collect();
    let kept_by_jobs: HashSet<uuid::Uuid> = jobs::Entity::find()
        .filter(jobs::Column::Id.is_in(batch.iter().filter_map(|candidate| match &candidate.named_by {
            Some(NamedBy::Chunk(job)) => Some(*job),
            _ => None,
        })))
        .all(reader)
        .await?
        .into_iter()
        .map(|row| row.id)
        .collect();
    let mut removed = 0;
    for candidate in batch {
        let is_named = match &candidate.named_by {
            Some(NamedBy::Version(version)) => versions.contains(&version.0),
            Some(NamedBy::Rendition(key)) => made.contains(key),
            Some(NamedBy::Chunk(chunk)) => chunks.contains(chunk) || kept_by_jobs.contains(chunk),
            None => false,
        };
        if is_named {
            continue;
        }
        let changed_at = plane.storage.changed_at(&candidate.key).await?;
        let is_old = changed_at.is_some_and(|time| (now - time).to_std().is_ok_and(|age| age >= grace));
        if is_old {
            plane.storage.delete(&candidate.key).await?;
            plane.metrics.swept_objects.inc();
            removed += 1;
        }
    }
    Ok(removed)
}

/// Sweeps until `stop` is set.
pub fn run(plane: &DataPlane, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    let plane = DataPlane::clone(plane);
    tokio::spawn(async move {
        let uploads = &plane.settings.uploads;
        let mut times = tokio::time::interval(Duration::from_secs(uploads.sweep_interval_seconds));
        let grace = Duration::from_secs(uploads.sweep_grace_seconds);
        loop {
            tokio::select! {
                _ = times.tick() => {}
                () = stopped(&mut stop) => return,
            }
            if let Err(error) = plane.database.analyse().await {
                tracing::warn!(error = chain(&error), "the regional database was not analysed");
            }
            match sweep(&plane, plane.clock.now(), grace).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "objects without a row were removed"),
                Err(error) => tracing::warn!(error = chain(&error), "a sweep ended early"),
            }
        }
    })
}
