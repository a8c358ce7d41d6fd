//! The in-process carrier of the seam: for a data plane that lives in the same process, with the behaviour of the HTTP one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use plane_kit::{
    audit::AuditBatch,
    error::chain,
    ids::EnvironmentId,
    seam::{ControlLink, SeamError, SnapshotPage},
    usage::{UsageBatch, UsageSummary},
};

use crate::{
    access::RegionGrant,
    audit::{Intake, IntakeError},
    billing::{BillingError, RegionBilling},
    follow::FollowError,
    foundation::Foundation,
    ledger::{Ledger, LedgerError},
};

/// The seam for one region.
pub(crate) struct LocalLink(RegionGrant);

impl LocalLink {
    /// The link of a region in this process.
    pub(crate) fn new(foundation: Arc<Foundation>, region: &str) -> Self {
        Self(RegionGrant::in_process(foundation, region))
    }
}

impl From<FollowError> for SeamError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::UnknownRegion(_) => Self::Refused(error.to_string()),
            FollowError::Database(_) => Self::Away(chain(&error)),
        }
    }
}

impl From<LedgerError> for SeamError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Database(_) => Self::Away(chain(&error)),
            refusal => Self::Refused(refusal.to_string()),
        }
    }
}

impl From<IntakeError> for SeamError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Database(_) => Self::Away(chain(&error)),
            refusal => Self::Refused(refusal.to_string()),
        }
    }
}

impl From<BillingError> for SeamError {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Database(_) => Self::Away(chain(&error)),
            refusal => Self::Refused(refusal.to_string()),
        }
    }
}

#[async_trait]
impl ControlLink for LocalLink {
    async fn snapshots(&self, after: i64, wait: Duration) -> Result<SnapshotPage, SeamError> {
        if after < 0 {
            return Err(SeamError::Refused("a sequence number is not negative".to_owned()));
        }
        Ok(self.0.foundation().followers.page(self.0.region(), after, wait).await?)
    }

    async fn ship(&self, batch: &UsageBatch) -> Result<(), SeamError> {
        Ok(Ledger::of(&self.0).take(batch).await?)
    }

    async fn ship_audit(&self, batch: &AuditBatch) -> Result<(), SeamError> {
        Ok(Intake::of(&self.0).take(batch).await?)
    }

    async fn usage(&self, environment: EnvironmentId) -> Result<UsageSummary, SeamError> {
        Ok(RegionBilling::of(&self.0).summary(environment).await?)
    }
}
