//! Accounts, their provisioning keys, product environments and access keys.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("accounts")
                    .col(uuid("id").primary_key())
                    .col(string("name"))
                    .col(string("plan"))
                    .col(boolean("enabled"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("provisioning_keys")
                    .col(string("api_key").primary_key())
                    .col(uuid("account_id"))
                    .col(string("name"))
                    .col(text("sealed_secret"))
                    .col(string("role"))
                    .col(boolean("enabled"))
                    .col(timestamp_with_time_zone("created_at"))
                    .foreign_key(ForeignKey::create().from("provisioning_keys", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("product_environments")
                    .col(uuid("id").primary_key())
                    .col(uuid("account_id"))
                    .col(string("name"))
                    // The name in lower case as the program folds it; SQLite's own lower() knows ASCII only.
                    .col(string("name_folded"))
                    .col(string("cloud_name"))
                    .col(string("region"))
                    .col(boolean("enabled"))
                    .col(json("custom_attributes"))
                    .col(json("limits"))
                    .col(string("folder_mode"))
                    .col(big_integer("version"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .col(timestamp_with_time_zone_null("deleted_at"))
                    .foreign_key(ForeignKey::create().from("product_environments", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        // A deleted environment gives its name back; the row stays, because the ledger speaks of it.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE UNIQUE INDEX product_environments_cloud_name ON product_environments (cloud_name) \
                 WHERE deleted_at IS NULL",
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("product_environments_account")
                    .table("product_environments")
                    .col("account_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("access_keys")
                    .col(string("api_key").primary_key())
                    .col(uuid("environment_id"))
                    .col(string("name"))
                    .col(text("sealed_secret"))
                    .col(boolean("enabled"))
                    .col(boolean("root"))
                    .col(string_null("dedicated_for"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(
                        ForeignKey::create().from("access_keys", "environment_id").to("product_environments", "id"),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("access_keys_name")
                    .table("access_keys")
                    .col("environment_id")
                    .col("name")
                    .unique()
                    .to_owned(),
            )
            .await
    }
}
