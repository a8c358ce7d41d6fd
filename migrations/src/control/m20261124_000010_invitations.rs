//! Invitations: the one-time links by which persons accept memberships; and the accounts that wait to be claimed by one.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("invitations")
                    .col(uuid("id").primary_key())
                    .col(uuid("membership_id"))
                    // The token itself is kept nowhere: who reads this table accepts nothing with it.
                    .col(string("token_digest").unique_key())
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .col(timestamp_with_time_zone_null("accepted_at"))
                    .foreign_key(ForeignKey::create().from("invitations", "membership_id").to("memberships", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("invitations_membership").table("invitations").col("membership_id").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("claimable_clouds")
                    .col(uuid("account_id").primary_key())
                    .col(timestamp_with_time_zone("expires_at"))
                    .foreign_key(ForeignKey::create().from("claimable_clouds", "account_id").to("accounts", "id"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("claimable_clouds_expiry").table("claimable_clouds").col("expires_at").to_owned(),
            )
            .await
    }
}
