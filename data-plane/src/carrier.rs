//! Who carries out which kind of job.

use async_trait::async_trait;

use crate::{
    DataPlane,
    eager::job::{self, Eager},
    jobs::{
        Claim, Job,
        runner::{Carry, Ended, JobError},
    },
    metadata::cleanup::{self, Cleanup},
    notifications::send::{self, Send},
    transformations::cleanup as transformations,
    upload::later::{self, Upload},
};

/// Carries out the jobs of a plane.
pub struct Carrier(pub DataPlane);

#[async_trait]
impl Carry for Carrier {
    async fn carry(&self, claim: &Claim) -> Result<Ended, JobError> {
        match claim.kind.as_str() {
            Eager::KIND => job::carry(&self.0, claim).await,
            Upload::KIND => later::carry(&self.0, claim).await,
            Cleanup::KIND => cleanup::carry(&self.0, claim).await,
            transformations::Cleanup::KIND => transformations::carry(&self.0, claim).await,
            Send::KIND => send::carry(&self.0, claim).await,
            other => Err(JobError::UnknownKind(other.to_owned())),
        }
    }
}
