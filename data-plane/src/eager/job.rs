//! The job that makes what was put off, and tells of it.

use std::sync::Arc;

use plane_kit::{error::chain, http::edge::RequestId, ids::EnvironmentId};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ask::Item, make};
use crate::{
    Plane,
    assets::{
        AssetStore,
        early::{Early, Outcome},
        record::AssetRecord,
    },
    delivery::{
        Failure,
        make::{Occasion, OnBehalfOf},
    },
    jobs::{
        Claim, Job, Lane,
        patience::{is_final, is_last, rest},
        runner::{Ended, JobError},
    },
    notifications::{
        destination::Destination,
        event::Event,
        message::{Message, put},
        notice::addressees,
        payload,
    },
    tenants::Tenant,
};

/// How often a version is planned anew whose derived assets are dropped meanwhile.
const REPLANS: usize = 3;
/// The job of one call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Eager {
    /// Of which version.
    pub version: Uuid,
    /// What of it, in the form that [`Item::print`] gives.
    pub items: Vec<String>,
    /// The batch that the call was answered.
    pub batch: String,
    /// Who is told, in the place of the triggers.
    pub to: Option<Destination>,
    /// The access key of the call.
    pub api_key: Option<String>,
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
    let made = make_all(plane, &tenant, environment, &job, is_last(claim, now)).await?;
    let transaction = plane.database.begin().await?;
    if !claim.finish(&transaction).await? {
        transaction.rollback().await?;
        return Ok(Ended::Lost);
    }
    let Some((asset, early)) = made else {
        // It was replaced or taken away, which was told when it happened.
        transaction.commit().await?;
        return Ok(Ended::GivenUp);
    };
    let message = Message {
        event: Event::Eager,
        body: payload::eager(&plane.links, &tenant, &asset, &early),
        request: RequestId(job.request).to_string(),
        batch: Some(job.batch),
        actor: job.actor,
    };
    let to = addressees(&transaction, &tenant, job.to.as_ref(), Event::Eager).await?;
    put(&transaction, environment, &message, &to, plane.clock.now()).await?;
    transaction.commit().await?;
    plane.jobs.wake();
    plane.poll_waits.wake(environment);
    Ok(Ended::Done)
}

/// The asset and how each item went; the last time, whatever keeps one from being made is how it went. Nothing when the version is not there any more.
async fn make_all(
    plane: &Arc<Plane>,
    tenant: &Tenant,
    environment: EnvironmentId,
    job: &Eager,
    is_last: bool,
) -> Result<Option<(Arc<AssetRecord>, Vec<Early>)>, JobError> {
    let request = RequestId(job.request);
    let occasion = if job.is_explicit { Occasion::explicit(request) } else { Occasion::eager(request) };
    let Some(mut asset) = find(plane, environment, job.version).await? else {
        return Ok(None);
    };
    let mut early = Vec::new();
    for text in &job.items {
        let item = match Item::parse("eager", text) {
            Ok(item) => item,
            // A newer program took it; here it stays until one carries it out.
            Err(error) => return Err(JobError::Failed(error.message().to_owned())),
        };
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
                Err(Failure::Replaced) => {
                    return Err(JobError::Failed("what is derived is dropped all the time".into()));
                }
                Err(Failure::Refused(error)) if is_last || is_final(&error) => {
                    let spelling = item.spelling(&asset.version.format);
                    break Early { spelling, outcome: Outcome::Failed(error.message().to_owned()) };
                }
                Err(Failure::Refused(error)) => return Err(JobError::Failed(chain(&error))),
            }
        });
    }
    Ok(Some((asset, early)))
}

async fn find(plane: &Plane, environment: EnvironmentId, version: Uuid) -> Result<Option<Arc<AssetRecord>>, DbErr> {
    let assets = AssetStore::of(&OnBehalfOf(environment), &plane.database, &plane.settings.region.name);
    Ok(assets.find_by_version(version).await?.map(Arc::new))
}
