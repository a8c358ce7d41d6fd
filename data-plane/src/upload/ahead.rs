//! What a call wants made ahead: made while it waits, or ordered.

use std::sync::Arc;

use plane_kit::{error::ApiError, ids::VersionId};
use transform::source::SourceMeta;
use uuid::Uuid;

use super::{authorize::AuthorizedUpload, stage::Staged};
use crate::{
    DataPlane,
    assets::{
        early::{Ahead, Early},
        record::AssetRecord,
    },
    delivery::{Failure, make::Occasion},
    eager::{
        ask::{Eager, Item},
        job,
        make::{Target, make},
    },
    jobs::{self, Order},
};

/// Makes what is wanted of a file that has no name yet, or orders it.
pub(super) async fn wanted_ahead(
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    eager: &Eager,
    version: VersionId,
    source: &SourceMeta,
    staged: &Staged,
) -> Result<Ahead, ApiError> {
    let target = Target::staged(version, source, staged.bytes);
    if !eager.is_async {
        let occasion = Occasion::eager(upload.request());
        return target.make(plane, upload.tenant().id(), &staged.file, &eager.items, occasion).await;
    }
    let job = order(upload, eager, version, false);
    let early = target.put_off(plane, &eager.items, &job.batch)?;
    Ok(Ahead { renditions: Vec::new(), early, later: Some(Order::of(&job)?) })
}

/// Makes what is wanted of an asset that is there, or orders it. `is_explicit` says by which call.
pub(super) async fn of_existing(
    plane: &DataPlane,
    call: &AuthorizedUpload,
    eager: &Eager,
    asset: &AssetRecord,
    is_explicit: bool,
) -> Result<Vec<Early>, ApiError> {
    if eager.is_async {
        let job = order(call, eager, asset.version.id, is_explicit);
        let early = Target::of(asset)?.put_off(plane, &eager.items, &job.batch)?;
        let now = plane.clock.now();
        jobs::put(plane.database.writer(), call.tenant().id(), Order::of(&job)?, now).await?;
        plane.jobs.wake();
        return Ok(early);
    }
    let occasion = match is_explicit {
        true => Occasion::explicit(call.request()),
        false => Occasion::eager(call.request()),
    };
    // All are planned before the first is made.
    Target::of(asset)?.put_off(plane, &eager.items, "")?;
    let asset = Arc::new(asset.clone());
    let mut early = Vec::new();
    for item in &eager.items {
        early.push(make(plane, call.tenant(), &asset, item, occasion).await.map_err(Failure::into_error)?);
    }
    Ok(early)
}

/// The job of a call.
fn order(call: &AuthorizedUpload, eager: &Eager, version: VersionId, is_explicit: bool) -> job::Eager {
    job::Eager {
        version: version.0,
        items: eager.items.iter().map(Item::print).collect(),
        batch: call.wishes().batch.clone().unwrap_or_else(|| Uuid::new_v4().as_simple().to_string()),
        to: eager.notify.clone().or_else(|| call.wishes().to.clone()),
        api_key: call.access_key().map(str::to_owned),
        actor: call.subject().to_owned(),
        request: call.request().0,
        is_explicit,
    }
}
