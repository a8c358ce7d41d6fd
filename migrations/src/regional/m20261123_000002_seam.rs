//! The regional ends of the seam: usage on its way up, snapshots that came down.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("usage_outbox")
                    .col(string("natural_key").primary_key())
                    .col(timestamp_with_time_zone("at"))
                    .col(text("record"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(Index::create().name("usage_outbox_at").table("usage_outbox").col("at").to_owned())
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("usage_set_aside")
                    .col(string("natural_key").primary_key())
                    .col(text("record"))
                    .col(text("reason"))
                    .col(timestamp_with_time_zone("refused_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("window_outbox")
                    .col(uuid("node"))
                    .col(uuid("boot"))
                    .col(big_integer("idx"))
                    .col(timestamp_with_time_zone("opened_at"))
                    .col(timestamp_with_time_zone("closed_at"))
                    .col(boolean("is_last"))
                    .primary_key(Index::create().col("node").col("boot").col("idx"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("tenant_snapshots")
                    .col(uuid("environment_id").primary_key())
                    .col(big_integer("seq"))
                    .col(big_integer("version"))
                    .col(text("payload"))
                    .col(text("signature"))
                    .to_owned(),
            )
            .await
    }
}
