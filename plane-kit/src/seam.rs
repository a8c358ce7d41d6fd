//! The seam between the planes: what travels down (snapshots), what travels up (usage, audit and call records), and who carries it.
//!
//! The planes share these types and nothing else. There are two carriers with the same behaviour: in one process, and HTTP.

pub mod client;
pub mod snapshot;

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    audit::AuditBatch,
    ids::EnvironmentId,
    usage::{UsageBatch, UsageSummary},
};
use snapshot::SignedSnapshot;

/// Why a call over the seam failed.
#[derive(Debug, thiserror::Error)]
pub enum SeamError {
    /// The control plane cannot be reached or cannot answer now. Trying again makes sense.
    #[error("the control plane is away: {0}")]
    Away(String),
    /// The control plane answered no. Trying again the same way is of no use.
    #[error("the control plane refused: {0}")]
    Refused(String),
}

/// A page of snapshots.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SnapshotPage {
    /// Snapshots in the order of their sequence numbers, all higher than what was asked for.
    pub items: Vec<SignedSnapshot>,
    /// Highest sequence number of the region at the time of the answer.
    pub head: i64,
}

/// The carrier of the seam, seen from a data plane.
#[async_trait]
pub trait ControlLink: Send + Sync + 'static {
    /// Snapshots of the region after `after`. Waits up to `wait` while there is none. Asking for `after` also acknowledges
    /// everything up to it.
    async fn snapshots(&self, after: i64, wait: Duration) -> Result<SnapshotPage, SeamError>;

    /// Hands usage over. After `Ok` it is in the ledger; sending it again changes nothing.
    async fn ship(&self, batch: &UsageBatch) -> Result<(), SeamError>;

    /// Hands audit and call records over. After `Ok` they are in the read model; sending them again changes nothing.
    async fn ship_audit(&self, batch: &AuditBatch) -> Result<(), SeamError>;

    /// The sums of an environment of this region.
    async fn usage(&self, environment: EnvironmentId) -> Result<UsageSummary, SeamError>;
}
