//! The merged audit log, and the call records.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("audit_log")
                    .col(uuid("id").primary_key())
                    .col(timestamp_with_time_zone("at"))
                    .col(uuid_null("account_id"))
                    .col(uuid_null("environment_id"))
                    .col(string("region"))
                    .col(text("actor"))
                    .col(string("operation"))
                    .col(text("target"))
                    .col(string("address"))
                    .col(string("request"))
                    .col(json_null("before"))
                    .col(json_null("after"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("call_records")
                    .col(uuid("id").primary_key())
                    .col(uuid("account_id"))
                    .col(uuid("environment_id"))
                    .col(string("region"))
                    .col(text("actor"))
                    .col(string("operation"))
                    .col(string("method"))
                    .col(text_null("folder"))
                    .col(string("outcome"))
                    .col(timestamp_with_time_zone("hour"))
                    .col(big_integer("count"))
                    .col(timestamp_with_time_zone("last_at"))
                    .to_owned(),
            )
            .await?;
        let account_at = Index::create()
            .name("audit_log_account")
            .table("audit_log")
            .col("account_id")
            .col("at")
            .col("id")
            .to_owned();
        let environment_at =
            Index::create().name("audit_log_environment").table("audit_log").col("environment_id").col("at").to_owned();
        let account_hour = Index::create()
            .name("call_records_account")
            .table("call_records")
            .col("account_id")
            .col("hour")
            .col("id")
            .to_owned();
        let actor = Index::create()
            .name("call_records_actor")
            .table("call_records")
            .col("account_id")
            .col("actor")
            .col("last_at")
            .to_owned();
        // What is too old goes, whosever it is.
        let hour = Index::create().name("call_records_hour").table("call_records").col("hour").to_owned();
        for index in [account_at, environment_at, account_hour, actor, hour] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
