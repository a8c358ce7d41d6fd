//! The queue of what people have to look at before, or after, others see it.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite takes no more.
        for column in [
            string_null("moderation_kind"),
            string_null("moderation_status"),
            timestamp_with_time_zone_null("moderation_updated_at"),
        ] {
            manager.alter_table(Table::alter().table("assets").add_column(column).to_owned()).await?;
        }
        let mut index = Index::create().name("assets_moderation").table("assets").to_owned();
        for column in ["environment_id", "resource_type", "moderation_kind", "moderation_status", "created_at", "id"] {
            index.col(column);
        }
        manager.create_index(index).await
    }
}
