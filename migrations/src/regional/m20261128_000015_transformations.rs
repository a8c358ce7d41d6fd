//! Transformations: those that were given a name, and every one that something was made by, with how often and when it was delivered.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// What was made before is recorded by how it is asked for: the format belongs to it where it is not the asset's own.
const RECORD: &str = "
    INSERT INTO transformations (environment_id, name, is_named, allowed_for_strict, deliveries, created_at, last_used_at)
    SELECT environment_id, name, FALSE, FALSE, 0, MIN(created_at), MAX(created_at)
    FROM (
        SELECT made.environment_id, made.created_at,
            CASE WHEN made.extension = '' OR made.extension = version.format
                    OR (made.extension IN ('jpeg', 'jpe') AND version.format = 'jpg')
                    OR (made.extension = 'tif' AND version.format = 'tiff')
                THEN made.transformation
                ELSE made.transformation || '/' || CASE made.extension
                    WHEN 'jpeg' THEN 'jpg' WHEN 'jpe' THEN 'jpg' WHEN 'tif' THEN 'tiff' ELSE made.extension END
            END AS name
        FROM derived_assets made JOIN asset_versions version ON version.id = made.version_id
    ) AS spelled
    WHERE name <> ''
    GROUP BY environment_id, name";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("transformations")
                    .col(uuid("environment_id"))
                    .col(text("name"))
                    .col(boolean("is_named"))
                    .col(text_null("definition"))
                    .col(boolean("allowed_for_strict"))
                    .col(big_integer("deliveries"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("last_used_at"))
                    .primary_key(Index::create().col("environment_id").col("name"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("transformations_named")
                    .table("transformations")
                    .col("environment_id")
                    .col("is_named")
                    .col("name")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("derived_assets_transformation")
                    .table("derived_assets")
                    .col("environment_id")
                    .col("transformation")
                    .col("created_at")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        manager.get_connection().execute_unprepared(RECORD).await.map(drop)
    }
}
