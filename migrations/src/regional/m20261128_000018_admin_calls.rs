//! Calls of the Admin API in the present hour, where they are limited.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("admin_calls")
                    .col(uuid("environment_id").primary_key())
                    .col(timestamp_with_time_zone("hour"))
                    .col(big_integer("calls"))
                    .to_owned(),
            )
            .await
    }
}
