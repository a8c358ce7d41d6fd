//! Accounts that can be closed, and provisioning keys that are told apart by their names.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter().table("accounts").add_column(timestamp_with_time_zone_null("closed_at")).to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("provisioning_keys_name")
                    .table("provisioning_keys")
                    .col("account_id")
                    .col("name")
                    .unique()
                    .to_owned(),
            )
            .await
    }
}
