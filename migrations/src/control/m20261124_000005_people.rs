//! People: persons of the installation, their memberships in accounts, and the groups of users.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("persons")
                    .col(uuid("id").primary_key())
                    .col(string("email"))
                    // The address in lower case as the program folds it: who a person is.
                    .col(string("email_folded").unique_key())
                    .col(string_null("password_hash"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("memberships")
                    .col(uuid("id").primary_key())
                    .col(uuid("account_id"))
                    .col(uuid("person_id"))
                    // The address as this account wrote it: another account's spelling is not shown here.
                    .col(string("email"))
                    .col(string("name"))
                    .col(string("name_folded"))
                    .col(string("role"))
                    .col(boolean("enabled"))
                    .col(boolean("pending"))
                    .col(boolean("all_environments"))
                    .col(timestamp_with_time_zone_null("last_login"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(ForeignKey::create().from("memberships", "account_id").to("accounts", "id"))
                    .foreign_key(ForeignKey::create().from("memberships", "person_id").to("persons", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("memberships_person")
                    .table("memberships")
                    .col("account_id")
                    .col("person_id")
                    .unique()
                    .to_owned(),
            )
            .await?;
        // Asked whenever a membership ends: whether the person has another one.
        manager
            .create_index(
                Index::create().name("memberships_of_person").table("memberships").col("person_id").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("membership_environments")
                    .col(uuid("membership_id"))
                    .col(uuid("environment_id"))
                    .primary_key(Index::create().col("membership_id").col("environment_id"))
                    .foreign_key(
                        ForeignKey::create().from("membership_environments", "membership_id").to("memberships", "id"),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("membership_environments", "environment_id")
                            .to("product_environments", "id"),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("membership_environments_environment")
                    .table("membership_environments")
                    .col("environment_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("user_groups")
                    .col(uuid("id").primary_key())
                    .col(uuid("account_id"))
                    .col(string("name"))
                    .col(string("name_folded"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .foreign_key(ForeignKey::create().from("user_groups", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("user_groups_name")
                    .table("user_groups")
                    .col("account_id")
                    .col("name")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("group_members")
                    .col(uuid("group_id"))
                    .col(uuid("membership_id"))
                    .col(timestamp_with_time_zone("added_at"))
                    .primary_key(Index::create().col("group_id").col("membership_id"))
                    .foreign_key(ForeignKey::create().from("group_members", "group_id").to("user_groups", "id"))
                    .foreign_key(ForeignKey::create().from("group_members", "membership_id").to("memberships", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("group_members_membership").table("group_members").col("membership_id").to_owned(),
            )
            .await
    }
}
