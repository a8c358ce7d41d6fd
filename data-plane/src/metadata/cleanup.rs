//! Taking the values of a field away that there is no more.

use plane_kit::{audit::Origin, ids::EnvironmentId, policy::Scope};
use serde::{Deserialize, Serialize};

use super::values::MetadataChange;
use crate::{
    Plane,
    assets::{ActsFor, AssetStore, change::AssetChanges},
    jobs::{
        Claim, Job, Lane,
        runner::{Ended, JobError},
    },
    permitted::{Permitted, Told},
};

/// How many assets are looked at before the next are looked for.
const AT_ONCE: u64 = 100;

/// The job of one field.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cleanup {
    /// Which.
    pub field: String,
}

impl Job for Cleanup {
    const KIND: &'static str = "metadata_cleanup";
    const LANE: Lane = Lane::Work;
}

/// The program itself, on behalf of a tenant.
struct OwnAccord(EnvironmentId);

impl ActsFor for OwnAccord {
    fn environment(&self) -> EnvironmentId {
        self.0
    }

    fn scope(&self) -> Scope {
        Scope::everywhere()
    }
}

/// Takes the values away, some assets at a time, until there are none.
pub async fn carry(plane: &Plane, claim: &Claim) -> Result<Ended, JobError> {
    let Cleanup { field } = claim.read()?;
    let assets = AssetStore::of(&OwnAccord(claim.environment), &plane.database, &plane.settings.region.name);
    let metadata = Some(MetadataChange::without(&field));
    let changes = AssetChanges { metadata, ..AssetChanges::default() };
    if claim.is_spent {
        tracing::error!(field, "values of a metadata field that is gone stay: taking them away broke off too often");
        claim.finish(plane.database.writer()).await?;
        return Ok(Ended::GivenUp);
    }
    let mut after = None;
    loop {
        let (names, next) = assets.with_metadata(&field, after, AT_ONCE).await?;
        let permitted = Permitted::by_decision(names.clone(), Origin::PROGRAM, Told::NOBODY);
        let changed = assets.change(permitted, None, "delete_metadata_field", &changes, plane.clock.now()).await;
        changed.map_err(|error| JobError::Failed(error.to_string()))?;
        plane.located.forget_all_of(claim.environment, names.into_iter());
        match next {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    let ended = claim.finish(plane.database.writer()).await?;
    Ok(if ended { Ended::Done } else { Ended::Lost })
}
