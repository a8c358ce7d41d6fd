//! What is remembered of the remote files that fetched assets are copies of.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("fetched_sources")
                    .col(uuid("asset_id").primary_key())
                    .col(uuid("environment_id"))
                    .col(text_null("etag"))
                    .col(text_null("last_modified"))
                    .col(timestamp_with_time_zone("checked_at"))
                    .col(integer("times_missing"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("fetched_sources", "asset_id")
                            .to("assets", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await
    }
}
