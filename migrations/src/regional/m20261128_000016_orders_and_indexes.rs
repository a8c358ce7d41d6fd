//! One order of names on both databases, and indexes for what is looked for by version.
//!
//! PostgreSQL orders text by the language of its database. In that order no prefix is a range, so a listing by prefix would read everything;
//! and the same listing would come in another order than on SQLite.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Columns that listings go along, or whose beginnings are looked for.
const ORDERED: [(&str, &str, &str); 16] = [
    ("asset_names", "public_id", "varchar"),
    ("assets", "public_id", "varchar"),
    ("assets", "asset_folder", "varchar"),
    ("asset_tags", "tag", "varchar"),
    ("asset_context", "key", "varchar"),
    ("asset_context", "value_start", "varchar"),
    ("folders", "path", "varchar"),
    ("folders", "parent", "varchar"),
    ("folders", "name", "varchar"),
    ("upload_presets", "name", "varchar"),
    ("upload_mappings", "folder", "varchar"),
    ("metadata_fields", "external_id", "varchar"),
    ("metadata_rules", "external_id", "varchar"),
    ("transformations", "name", "text"),
    ("derived_assets", "transformation", "text"),
    ("derived_assets", "extension", "varchar"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            for (table, column, kind) in ORDERED {
                let statement = format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind} COLLATE \"C\"");
                manager.get_connection().execute_unprepared(&statement).await?;
            }
        }
        for (name, table, columns) in [
            ("assets_version", "assets", &["version_id"][..]),
            ("derived_assets_version", "derived_assets", &["version_id", "created_at", "id"]),
            ("renditions_environment", "renditions", &["environment_id"]),
        ] {
            // SQLite keeps what a migration has done when it breaks off.
            let mut index = Index::create().if_not_exists().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
