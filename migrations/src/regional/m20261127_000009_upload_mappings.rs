//! Upload mappings: folders whose assets are fetched from elsewhere when they are first asked for.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("upload_mappings")
                    .col(uuid("environment_id"))
                    .col(string("folder"))
                    .col(text("template"))
                    .col(uuid("external_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("environment_id").col("folder"))
                    .to_owned(),
            )
            .await
    }
}
