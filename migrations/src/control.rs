//! The control database: who there is, what they may do, what was used.

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod m20261123_000001_accounts;
mod m20261123_000002_regions;
mod m20261123_000003_ledger;
mod m20261124_000004_key_rules;
mod m20261124_000005_people;
mod m20261124_000006_key_lifecycle;
mod m20261124_000007_accounts;
mod m20261124_000008_permissions;
mod m20261124_000009_audit;
mod m20261124_000010_invitations;
mod m20261124_000011_environments_in_order;
mod m20261125_000012_environment_counts;
mod m20261127_000013_environment_settings;

/// The control set.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_accounts::Migration),
            Box::new(m20261123_000002_regions::Migration),
            Box::new(m20261123_000003_ledger::Migration),
            Box::new(m20261124_000004_key_rules::Migration),
            Box::new(m20261124_000005_people::Migration),
            Box::new(m20261124_000006_key_lifecycle::Migration),
            Box::new(m20261124_000007_accounts::Migration),
            Box::new(m20261124_000008_permissions::Migration),
            Box::new(m20261124_000009_audit::Migration),
            Box::new(m20261124_000010_invitations::Migration),
            Box::new(m20261124_000011_environments_in_order::Migration),
            Box::new(m20261125_000012_environment_counts::Migration),
            Box::new(m20261127_000013_environment_settings::Migration),
        ]
    }
}
