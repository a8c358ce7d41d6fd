//! What a call wants made ahead: made while it waits, or ordered.

use std::sync::Arc;

use plane_kit::{error::ApiError, ids::VersionId};
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
        ask::Eager,
        job,
        make::{Target, make},
    },
    jobs::Order,
    notifications::{
        event::Event,
        message::{Message, put},
        payload,
    },
    transformations::stored::StoredTransformation,
};

/// Makes what is wanted of a file that has no name yet, or orders it.
pub(super) async fn wanted_ahead(
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    eager: &Eager,
    public_id: &str,
    version: VersionId,
    target: Target<'_>,
    staged: &Staged,
) -> Result<Ahead, ApiError> {
    if !eager.is_async {
        let occasion = Occasion::eager(upload.request());
        return target.make(plane, upload.tenant(), staged.file(), &eager.items, occasion).await;
    }
    let job = order(upload, eager, version, public_id, false);
    let early = target.put_off(plane, upload.tenant(), &eager.items, &job.batch).await?;
    Ok(Ahead { renditions: Vec::new(), early, later: Some(Order::of(&job)?) })
}

/// Makes what is wanted of an asset that is there, or says which job does. `is_explicit` says by which call.
pub(super) async fn of_existing(
    plane: &DataPlane,
    call: &AuthorizedUpload,
    eager: &Eager,
    asset: &AssetRecord,
    is_explicit: bool,
) -> Result<(Vec<Early>, Option<Order>), ApiError> {
    let job = order(call, eager, asset.version.id, &asset.name.public_id, is_explicit);
    // All are planned before the first is made.
    let put_off = Target::of(asset)?.put_off(plane, call.tenant(), &eager.items, &job.batch).await?;
    if eager.is_async {
        return Ok((put_off, Some(Order::of(&job)?)));
    }
    let occasion = match is_explicit {
        true => Occasion::explicit(call.request()),
        false => Occasion::eager(call.request()),
    };
    let asset = Arc::new(asset.clone());
    let mut early = Vec::new();
    for item in &eager.items {
        early.push(make(plane, call.tenant(), &asset, item, occasion).await.map_err(Failure::into_error)?);
    }
    Ok((early, None))
}

/// Tells whoever the call names of what was made of an asset while it waited.
pub(super) async fn tell(
    plane: &DataPlane,
    call: &AuthorizedUpload,
    asset: &AssetRecord,
    early: &[Early],
) -> Result<(), ApiError> {
    let to = call.wishes().eager_to.clone().or_else(|| call.wishes().to.clone());
    let Some(to) = to.filter(|_| !early.is_empty() && early.iter().all(Early::is_made)) else {
        return Ok(());
    };
    let message = Message {
        event: Event::Eager,
        body: payload::eager(&plane.links, call.tenant(), asset, early),
        request: call.request().to_string(),
        batch: call.wishes().batch.clone(),
        actor: call.subject().to_owned(),
    };
    let transaction = plane.database.begin().await?;
    put(&transaction, call.tenant().id(), &message, &[to], plane.clock.now()).await?;
    transaction.commit().await?;
    plane.jobs.wake();
    plane.poll_waits.wake(call.tenant().id());
    Ok(())
}

/// The job of a call.
fn order(call: &AuthorizedUpload, eager: &Eager, version: VersionId, public_id: &str, is_explicit: bool) -> job::Eager {
    job::Eager {
        version: version.0,
        items: eager.items.iter().map(StoredTransformation::print).collect(),
        batch: call.wishes().batch.clone().unwrap_or_else(|| Uuid::new_v4().as_simple().to_string()),
        to: eager.notify.clone().or_else(|| call.wishes().to.clone()),
        public_id: public_id.to_owned(),
        actor: call.subject().to_owned(),
        request: call.request().0,
        is_explicit,
    }
}
