//! Structured metadata: fields, rules, and the values that assets have.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["metadata_fields", "metadata_rules"] {
            manager
                .create_table(
                    Table::create()
                        .table(table)
                        .col(uuid("environment_id"))
                        .col(string("external_id"))
                        .col(json("definition"))
                        .col(integer("position"))
                        .col(timestamp_with_time_zone("created_at"))
                        // An id that was used is not used again.
                        .col(timestamp_with_time_zone_null("deleted_at"))
                        .primary_key(Index::create().col("environment_id").col("external_id"))
                        .to_owned(),
                )
                .await?;
        }
        let metadata = ColumnDef::new("metadata").json().not_null().default("{}").to_owned();
        manager.alter_table(Table::alter().table("assets").add_column(metadata).to_owned()).await
    }
}
