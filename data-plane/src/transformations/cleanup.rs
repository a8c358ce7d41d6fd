//! Taking away what was made by a transformation that is gone, or whose name stands for something else now.

use chrono::{DateTime, Utc};
use plane_kit::audit::Origin;
use serde::{Deserialize, Serialize};

use super::recorded::asked_as;
use crate::{
    Plane,
    assets::{
        AssetStore,
        remove::{DerivedBy, Extent, Selection},
    },
    delivery::make::OnBehalfOf,
    jobs::{
        Claim, Job, Lane,
        runner::{Ended, JobError},
    },
    permitted::{Permitted, Told},
    tables::transformations::Model,
};

/// The job of one transformation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cleanup {
    /// How addresses ask for it.
    spellings: Vec<String>,
    /// With which extension, where only that is meant.
    extension: Option<String>,
    /// What was made later stays.
    made_before: DateTime<Utc>,
}

impl Job for Cleanup {
    const KIND: &'static str = "transformation_cleanup";
    const LANE: Lane = Lane::Work;
}

impl Cleanup {
    /// The job that takes away what was made by a transformation until now.
    pub(super) fn of(row: &Model, now: DateTime<Utc>) -> Self {
        let (spellings, extension) = asked_as(&row.name, row.is_named);
        Self { spellings, extension, made_before: now }
    }
}

/// Takes it away, a pass of assets at a time, until there is none.
pub async fn carry(plane: &Plane, claim: &Claim) -> Result<Ended, JobError> {
    let Cleanup { spellings, extension, made_before } = claim.read()?;
    if claim.is_spent {
        tracing::error!(?spellings, "what was made by a transformation stays: taking it away broke off too often");
        claim.finish(plane.database.writer()).await?;
        return Ok(Ended::GivenUp);
    }
    let by = DerivedBy { spellings, extension, made_before: Some(made_before) };
    let extent = Extent { keep_original: true, derived_by: Some(vec![by.clone()]) };
    let assets = AssetStore::of(&OnBehalfOf(claim.environment), &plane.database, &plane.settings.region.name);
    let mut after = None;
    loop {
        let selection = Selection::DerivedBy(by.clone());
        let permitted = Permitted::by_decision(selection, Origin::PROGRAM, Told::NOBODY);
        let pass = assets.remove(permitted, &extent, after, plane.clock.now()).await?;
        plane.located.forget_all_of(claim.environment, pass.removed.into_iter().map(|removed| removed.name));
        plane.remove_objects(pass.orphans);
        match pass.next {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let ended = claim.finish(plane.database.writer()).await?;
    Ok(if ended { Ended::Done } else { Ended::Lost })
}
