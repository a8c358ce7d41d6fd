//! Tags and context in rows of their own, so that assets are found by them, and filled from what the assets have.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

/// Longer tags, and longer keys of context, were never found by anything; they stay with their assets.
const LONGEST: usize = 255;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("asset_tags")
                    .col(uuid("asset_id"))
                    .col(string("tag"))
                    .col(uuid("environment_id"))
                    .col(string("resource_type"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("asset_id").col("tag"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("asset_tags", "asset_id")
                            .to("assets", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("asset_tags_listing")
                    .table("asset_tags")
                    .col("environment_id")
                    .col("resource_type")
                    .col("tag")
                    .col("created_at")
                    .col("asset_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("asset_context")
                    .col(uuid("asset_id"))
                    .col(string("key"))
                    .col(text("value"))
                    // An index holds no text of any length; what begins alike is told apart by the value itself.
                    .col(string("value_start"))
                    .col(uuid("environment_id"))
                    .col(string("resource_type"))
                    .col(timestamp_with_time_zone("created_at"))
                    .primary_key(Index::create().col("asset_id").col("key"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("asset_context", "asset_id")
                            .to("assets", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        for (name, columns) in [
            ("asset_context_listing", &["environment_id", "resource_type", "key", "created_at", "asset_id"][..]),
            (
                "asset_context_values",
                &["environment_id", "resource_type", "key", "value_start", "created_at", "asset_id"][..],
            ),
        ] {
            let mut index = Index::create().name(name).table("asset_context").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("assets_folder")
                    .table("assets")
                    .col("environment_id")
                    .col("asset_folder")
                    .col("created_at")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        let (tags, context) = match manager.get_database_backend() {
            DbBackend::Postgres => (
                // A zero byte in JSON is no text there, and whoever has one in his labels is not found by them.
                r"LATERAL json_array_elements_text(CASE WHEN position('\u0000' in assets.tags::text) > 0 THEN '[]' ELSE assets.tags END) AS found(value)",
                r"LATERAL json_each_text(CASE WHEN position('\u0000' in assets.context::text) > 0 THEN '{}' ELSE assets.context END) AS found(key, value)",
            ),
            _ => ("json_each(assets.tags) AS found", "json_each(assets.context) AS found"),
        };
        let connection = manager.get_connection();
        connection
            .execute_unprepared(&format!(
                "INSERT INTO asset_tags (asset_id, tag, environment_id, resource_type, created_at) \
                 SELECT DISTINCT assets.id, found.value, assets.environment_id, assets.resource_type, assets.created_at \
                 FROM assets, {tags} WHERE length(found.value) BETWEEN 1 AND {LONGEST}"
            ))
            .await?;
        connection
            .execute_unprepared(&format!(
                "INSERT INTO asset_context (asset_id, key, value, value_start, environment_id, resource_type, created_at) \
                 SELECT assets.id, found.key, found.value, substr(found.value, 1, {LONGEST}), assets.environment_id, \
                 assets.resource_type, assets.created_at \
                 FROM assets, {context} WHERE length(found.key) BETWEEN 1 AND {LONGEST} AND found.value IS NOT NULL"
            ))
            .await?;
        Ok(())
    }
}
