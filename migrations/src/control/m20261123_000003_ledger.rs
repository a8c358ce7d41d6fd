//! The ledger of usage and what is known of its completeness.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("usage_ledger")
                    .col(string("natural_key").primary_key())
                    .col(string("region"))
                    .col(uuid("environment_id"))
                    .col(string_null("access_key"))
                    .col(string("meter"))
                    .col(big_integer("quantity"))
                    .col(big_integer("weight"))
                    .col(integer("rate_card"))
                    .col(timestamp_with_time_zone("at"))
                    .col(string("reason"))
                    .col(json("facts"))
                    .col(timestamp_with_time_zone("received_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("usage_ledger_environment")
                    .table("usage_ledger")
                    .col("environment_id")
                    .col("meter")
                    .col("at")
                    .to_owned(),
            )
            .await?;
        // The read model of the ledger: one bucket for each environment, UTC day, meter and type of asset, kept in the
        // transaction that writes the ledger.
        manager
            .create_table(
                Table::create()
                    .table("usage_daily")
                    .col(uuid("environment_id"))
                    .col(date("day"))
                    .col(string("meter"))
                    .col(string("resource_type"))
                    .col(big_integer("quantity"))
                    .col(big_integer("weight"))
                    .primary_key(Index::create().col("environment_id").col("day").col("meter").col("resource_type"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("usage_windows")
                    .col(uuid("node"))
                    .col(uuid("boot"))
                    .col(big_integer("idx"))
                    .col(string("region"))
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
                    .table("node_reports")
                    .col(uuid("node"))
                    .col(uuid("boot"))
                    .col(string("region"))
                    // The window that continues the unbroken row of windows; a higher one that is stored marks a gap.
                    .col(big_integer("next_index"))
                    .col(timestamp_with_time_zone("complete_until"))
                    .col(boolean("ended"))
                    .primary_key(Index::create().col("node").col("boot"))
                    .to_owned(),
            )
            .await
    }
}
