//! Streaming profiles: those of an environment's own, and what it has in the place of predefined ones.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("streaming_profiles")
                    .col(uuid("environment_id"))
                    .col(string("name"))
                    .col(text_null("display_name"))
                    .col(json("representations"))
                    .col(uuid("external_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("environment_id").col("name"))
                    .to_owned(),
            )
            .await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            let ordered = "ALTER TABLE streaming_profiles ALTER COLUMN name TYPE varchar COLLATE \"C\"";
            manager.get_connection().execute_unprepared(ordered).await?;
        }
        Ok(())
    }
}
