//! The job that makes what was put off, and tells of it.

use std::sync::Arc;

use plane_kit::{destination::Destination, http::edge::RequestId, ids::EnvironmentId};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::make;
use crate::{
    Plane,
    assets::{
        AssetStore,
        early::{Early, Outcome},
        record::{AssetRecord, ResourceType},
    },
    delivery::{
        Failure,
        make::{Occasion, OnBehalfOf},
    },
    jobs::{
        Claim, Job, Lane,
        patience::{SPENT, is_final, is_last, rest},
        runner::{Ended, JobError},
    },
    notifications::{
        event::Event,
        message::{Message, put},
        notice::addressees,
        payload,
    },
    tenants::Tenant,
    transformations::{spelling::Spelling, stored::StoredTransformation},
};

/// How often a version is planned anew whose derived assets are dropped meanwhile.
const REPLANS: usize = 3;
/// Why nothing is made of a version.
const GONE: &str = "The asset was replaced or taken away before its eager transformations were made";
const DROPPED: &str = "what is derived from the asset is dropped all the time";
/// The job of one call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Eager {
    /// Of which version.
    pub version: Uuid,
    /// What of it, in the form that [`StoredTransformation::print`] gives.
    pub items: Vec<String>,
    /// The batch that the call was answered.
    pub batch: String,
    /// Who is told, in the place of the triggers.
    pub to: Option<Destination>,
    /// The public id that the asset had.
    pub public_id: String,
    /// Who made the call, as in `key:814…`.
    pub actor: String,
    /// The call.
    pub request: Uuid,
    /// Whether it was a call of explicit.
    pub is_explicit: bool,
}

impl Job for Eager {
    const KIND: &'static str = "eager";
    const LANE: Lane = Lane::Work;
}

/// Makes what is not there yet. What was made when a process was killed is found again and not counted again.
pub async fn carry(plane: &Arc<Plane>, claim: &Claim) -> Result<Ended, JobError> {
    let job: Eager = claim.read()?;
    let environment = claim.environment;
    let now = plane.clock.now();
    let Some(tenant) = plane.tenants.find_by_id(environment).filter(|tenant| tenant.is_active()) else {
        return rest(plane, claim, now).await;
    };
    let made = make_all(plane, claim, &tenant, &job).await?;
    // It may have another name by now.
    let made = match made {
        Some((asset, early)) => Some((find(plane, environment, job.version).await?.unwrap_or(asset), early)),
        None => None,
    };
    let transaction = plane.database.begin().await?;
    if !claim.finish(&transaction).await? {
        transaction.rollback().await?;
        return Ok(Ended::Lost);
    }
    let (event, body, ended) = match &made {
        Some((asset, early)) => (Event::Eager, payload::eager(&plane.links, &tenant, asset, early), Ended::Done),
        None => (Event::Error, payload::error(GONE, &job.public_id, ResourceType::Image.name()), Ended::GivenUp),
    };
    let request = RequestId(job.request).to_string();
    let message = Message { event, body, request, batch: Some(job.batch), actor: job.actor };
    let to = addressees(&transaction, &tenant, job.to.as_ref(), event).await?;
    put(&transaction, environment, &message, &to, now).await?;
    transaction.commit().await?;
    plane.jobs.wake();
    plane.poll_waits.wake(environment);
    Ok(ended)
}

/// The asset and how each item went; the last time, whatever keeps one from being made is how it went. Nothing when the version is not
/// there any more.
async fn make_all(
    plane: &Arc<Plane>,
    claim: &Claim,
    tenant: &Tenant,
    job: &Eager,
) -> Result<Option<(Arc<AssetRecord>, Vec<Early>)>, JobError> {
    let (environment, is_last) = (claim.environment, is_last(claim, plane.clock.now()));
    let request = RequestId(job.request);
    let occasion = if job.is_explicit { Occasion::explicit(request) } else { Occasion::eager(request) };
    let Some(mut asset) = find(plane, environment, job.version).await? else {
        return Ok(None);
    };
    let mut early = Vec::new();
    for text in &job.items {
        let item = match StoredTransformation::parse("eager", text) {
            Ok(item) => item,
            // A newer program took it; here it stays until one carries it out, or it was enough.
            Err(error) if !is_last => return Err(JobError::Refused(error)),
            Err(error) => {
                let spelling = Spelling { transformation: text.clone(), extension: String::new() };
                early.push(Early { spelling, outcome: Outcome::Failed(error.message().to_owned()) });
                continue;
            }
        };
        let spelling = item.spelling(&asset.version.format);
        let failed = |why: &str| Early { spelling: spelling.clone(), outcome: Outcome::Failed(why.to_owned()) };
        if claim.is_spent {
            early.push(failed(SPENT));
            continue;
        }
        let mut replans = 0;
        early.push(loop {
            match make::make(plane, tenant, &asset, &item, occasion).await {
                Ok(made) => break made,
                Err(Failure::Replaced) if replans < REPLANS => {
                    replans += 1;
                    let Some(now) = find(plane, environment, job.version).await? else {
                        return Ok(None);
                    };
                    asset = now;
                }
                Err(Failure::Replaced) if is_last => break failed(DROPPED),
                Err(Failure::Replaced) => return Err(JobError::Failed(DROPPED.into())),
                Err(Failure::Refused(error)) if is_last || is_final(&error) => break failed(error.message()),
                Err(Failure::Refused(error)) => return Err(JobError::Refused(error)),
            }
        });
    }
    Ok(Some((asset, early)))
}

async fn find(plane: &Plane, environment: EnvironmentId, version: Uuid) -> Result<Option<Arc<AssetRecord>>, DbErr> {
    let assets = AssetStore::of(&OnBehalfOf(environment), &plane.database, &plane.settings.region.name);
    Ok(assets.find_by_version(version).await?.map(Arc::new))
}
