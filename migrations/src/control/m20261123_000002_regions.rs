//! Regions, the snapshots they follow, and the installation's own keys.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("installation")
                    .col(string("name").primary_key())
                    .col(text("sealed_value"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("regions")
                    .col(string("name").primary_key())
                    .col(string("token_sha256"))
                    .col(text("sealed_region_key"))
                    .col(big_integer("seq"))
                    // What the region is known to have applied, and when it last asked: every node of the control plane sees it.
                    .col(big_integer("acknowledged_seq"))
                    .col(timestamp_with_time_zone_null("polled_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("snapshots")
                    .col(string("region"))
                    .col(uuid("environment_id"))
                    .col(big_integer("seq"))
                    .col(text("payload"))
                    .col(text("signature"))
                    .primary_key(Index::create().col("region").col("environment_id"))
                    .foreign_key(ForeignKey::create().from("snapshots", "region").to("regions", "name"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("snapshots_seq").table("snapshots").col("region").col("seq").unique().to_owned(),
            )
            .await
    }
}
