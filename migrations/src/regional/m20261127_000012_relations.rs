//! Which assets belong together, each pair in both directions.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let to_asset = |column: &str| {
            ForeignKey::create()
                .from("related_assets", column.to_owned())
                .to("assets", "id")
                .on_delete(ForeignKeyAction::Cascade)
                .to_owned()
        };
        manager
            .create_table(
                Table::create()
                    .table("related_assets")
                    .col(uuid("asset_id"))
                    .col(uuid("related_id"))
                    .col(uuid("environment_id"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("asset_id").col("related_id"))
                    .foreign_key(&mut to_asset("asset_id"))
                    .foreign_key(&mut to_asset("related_id"))
                    .to_owned(),
            )
            .await?;
        // The other direction, for an asset that goes.
        let index = Index::create().name("related_assets_related").table("related_assets").col("related_id").to_owned();
        manager.create_index(index).await
    }
}
