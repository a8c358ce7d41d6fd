//! What every room of the control plane stands on: the database, the keys, the clock, and what is known of the regions.

use std::sync::Arc;

use plane_kit::{
    clock::Clock, database::Database, policy::Policies, seal::SealingRing, seam::snapshot::SnapshotSigner,
};

use crate::{config::ControlConfig, follow::Followers, rates::Rates};

/// One control plane, shared by all its HTTP workers and in-process links.
pub(crate) struct Foundation {
    /// The control database.
    pub database: Database,
    /// Seals every secret at rest, and opens what earlier keys have sealed.
    pub key_encryption_key: SealingRing,
    /// Signs the snapshots that regions follow.
    pub signer: SnapshotSigner,
    /// The present time.
    pub clock: Arc<dyn Clock>,
    /// Who follows which region, and how far.
    pub followers: Followers,
    /// What principals may do.
    pub policies: Policies,
    /// How much is let through.
    pub rates: Rates,
    /// Settings.
    pub config: ControlConfig,
}

impl Foundation {
    /// Puts the parts together.
    pub(crate) fn new(
        config: ControlConfig,
        database: Database,
        key_encryption_key: SealingRing,
        signer: SnapshotSigner,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            followers: Followers::new(database.clone(), Arc::clone(&clock), &config),
            database,
            key_encryption_key,
            signer,
            clock,
            policies: Policies::default(),
            rates: Rates::new(&config.rates),
            config,
        }
    }
}
