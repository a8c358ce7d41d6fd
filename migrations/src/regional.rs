//! A regional database: what is stored and made in the region, and its copy of the tenants' snapshots.

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod m20261123_000001_assets;
mod m20261123_000002_seam;
mod m20261124_000003_audit;
mod m20261127_000004_fetched_sources;
mod m20261127_000005_asset_labels;
mod m20261127_000006_preset_ids;
mod m20261127_000007_chunked_uploads;
mod m20261127_000008_folders;
mod m20261127_000009_upload_mappings;
mod m20261127_000010_jobs;
mod m20261127_000011_metadata;
mod m20261127_000012_relations;
mod m20261127_000013_moderation;
mod m20261127_000014_coordinates;
mod m20261128_000015_transformations;
mod m20261128_000016_orders_and_indexes;
mod m20261128_000017_streaming_profiles;
mod m20261128_000018_admin_calls;
mod m20261128_000019_access_and_media;

/// The regional set.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_assets::Migration),
            Box::new(m20261123_000002_seam::Migration),
            Box::new(m20261124_000003_audit::Migration),
            Box::new(m20261127_000004_fetched_sources::Migration),
            Box::new(m20261127_000005_asset_labels::Migration),
            Box::new(m20261127_000006_preset_ids::Migration),
            Box::new(m20261127_000007_chunked_uploads::Migration),
            Box::new(m20261127_000008_folders::Migration),
            Box::new(m20261127_000009_upload_mappings::Migration),
            Box::new(m20261127_000010_jobs::Migration),
            Box::new(m20261127_000011_metadata::Migration),
            Box::new(m20261127_000012_relations::Migration),
            Box::new(m20261127_000013_moderation::Migration),
            Box::new(m20261127_000014_coordinates::Migration),
            Box::new(m20261128_000015_transformations::Migration),
            Box::new(m20261128_000016_orders_and_indexes::Migration),
            Box::new(m20261128_000017_streaming_profiles::Migration),
            Box::new(m20261128_000018_admin_calls::Migration),
            Box::new(m20261128_000019_access_and_media::Migration),
        ]
    }
}
