//! The life of an access key: whose it is, how long it is accepted, and the second secret of a rotation.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [
            string_null("owner"),
            text_null("note"),
            timestamp_with_time_zone_null("expires_at"),
            timestamp_with_time_zone_null("last_used_at"),
            text_null("next_sealed_secret"),
            timestamp_with_time_zone_null("rotation_started_at"),
        ] {
            manager.alter_table(Table::alter().table("access_keys").add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
