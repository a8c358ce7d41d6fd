//! Audit and call records on their way up.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("audit_outbox")
                    .col(uuid("id").primary_key())
                    .col(timestamp_with_time_zone("at"))
                    .col(text("record"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(Index::create().name("audit_outbox_at").table("audit_outbox").col("at").col("id").to_owned())
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("audit_set_aside")
                    .col(uuid("id").primary_key())
                    .col(text("record"))
                    .col(text("reason"))
                    .col(timestamp_with_time_zone("refused_at"))
                    .to_owned(),
            )
            .await
    }
}
