//! What every room of the control plane stands on: the database, the keys, the clock, and what is known of the regions.

use std::sync::Arc;

use plane_kit::{
    clock::Clock,
    database::Database,
    policy::{Decisions, PolicySet},
    seal::SealingKey,
    seam::snapshot::SnapshotSigner,
};

use crate::{config::ControlConfig, follow::Followers};

/// How many principals' policies are kept ready.
const REMEMBERED_POLICIES: u64 = 10_000;

/// Owner, version and principal of a policy that is kept ready.
pub(crate) type PolicyKey = (uuid::Uuid, i64, String);

/// One control plane, shared by all its HTTP workers and in-process links.
pub(crate) struct Foundation {
    /// The control database.
    pub database: Database,
    /// Seals every secret at rest.
    pub key_encryption_key: SealingKey,
    /// Signs the snapshots that regions follow.
    pub signer: SnapshotSigner,
    /// The present time.
    pub clock: Arc<dyn Clock>,
    /// Who follows which region, and how far.
    pub followers: Followers,
    /// Policies by owner, version and principal, built once for each.
    pub policies: moka::future::Cache<PolicyKey, PolicySet>,
    /// Decisions already taken.
    pub decisions: Decisions,
    /// Settings.
    pub config: ControlConfig,
}

impl Foundation {
    /// Puts the parts together.
    pub(crate) fn new(
        config: ControlConfig,
        database: Database,
        key_encryption_key: SealingKey,
        signer: SnapshotSigner,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            followers: Followers::new(database.clone(), Arc::clone(&clock), &config),
            database,
            key_encryption_key,
            signer,
            clock,
            policies: moka::future::Cache::new(REMEMBERED_POLICIES),
            decisions: Decisions::default(),
            config,
        }
    }
}
