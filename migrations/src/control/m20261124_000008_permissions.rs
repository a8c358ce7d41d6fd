//! Custom policies, custom roles, and who has which role.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("custom_policies")
                    .col(uuid("id").primary_key())
                    .col(uuid("account_id"))
                    .col(string("scope_type"))
                    .col(string_null("scope_id"))
                    .col(string("name"))
                    .col(text_null("description"))
                    .col(text("statement"))
                    .col(boolean("enabled"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(ForeignKey::create().from("custom_policies", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("custom_policies_account").table("custom_policies").col("account_id").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("custom_roles")
                    .col(uuid("account_id"))
                    .col(string("id"))
                    .col(string("permission_type"))
                    .col(string("scope_type"))
                    .col(string("name"))
                    .col(text_null("description"))
                    .col(json("policy_ids"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .primary_key(Index::create().col("account_id").col("id"))
                    .foreign_key(ForeignKey::create().from("custom_roles", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("custom_roles_name")
                    .table("custom_roles")
                    .col("account_id")
                    .col("name")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("role_assignments")
                    .col(uuid("account_id"))
                    .col(string("principal_type"))
                    .col(string("principal_id"))
                    .col(string("role_id"))
                    // Empty for roles of the account: a part of the key cannot be null.
                    .col(string("scope_id").default(""))
                    // The parameters in one spelling, so that the same assignment is one row.
                    .col(string("parameters_key").default(""))
                    .col(json("policy_parameters"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .primary_key(
                        Index::create()
                            .col("account_id")
                            .col("principal_type")
                            .col("principal_id")
                            .col("role_id")
                            .col("scope_id")
                            .col("parameters_key"),
                    )
                    .foreign_key(ForeignKey::create().from("role_assignments", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        // Who stands here has the roles of its rows and no others, even when there is no row; who does not has the default role.
        manager
            .create_table(
                Table::create()
                    .table("settled_principals")
                    .col(uuid("account_id"))
                    .col(string("principal_type"))
                    .col(string("principal_id"))
                    .primary_key(Index::create().col("account_id").col("principal_type").col("principal_id"))
                    .foreign_key(ForeignKey::create().from("settled_principals", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await
    }
}
