//! Jobs that are carried out later, what is told to whom, and who wants to be told.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("jobs")
                    .col(uuid("id").primary_key())
                    .col(uuid("environment_id"))
                    .col(string("lane"))
                    .col(string("kind"))
                    .col(text("payload"))
                    .col(integer("attempts"))
                    .col(integer("losses"))
                    .col(timestamp_with_time_zone_null("due_at"))
                    .col(uuid_null("lease"))
                    .col(uuid_null("node"))
                    .col(text_null("error"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("notifications")
                    .col(uuid("id").primary_key())
                    .col(uuid("environment_id"))
                    .col(string("event_type"))
                    .col(text("uri"))
                    .col(text("body"))
                    .col(string("request_id"))
                    .col(string_null("batch_id"))
                    .col(integer("attempts"))
                    .col(integer_null("last_status"))
                    .col(text_null("last_error"))
                    .col(timestamp_with_time_zone_null("last_attempt_at"))
                    .col(timestamp_with_time_zone_null("delivered_at"))
                    .col(timestamp_with_time_zone_null("given_up_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("poll_messages")
                    .col(uuid("id").primary_key())
                    .col(uuid("environment_id"))
                    .col(string("channel"))
                    .col(string_null("batch_id"))
                    .col(text("body"))
                    .col(uuid_null("receipt"))
                    .col(timestamp_with_time_zone("visible_at"))
                    .col(timestamp_with_time_zone("created_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("triggers")
                    .col(uuid("id").primary_key())
                    .col(uuid("environment_id"))
                    .col(string("event_type"))
                    .col(string("uri_type"))
                    .col(string("uri"))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone("updated_at"))
                    .to_owned(),
            )
            .await?;
        for (name, table, columns, is_unique) in [
            ("jobs_due", "jobs", &["lane", "environment_id", "due_at", "id"][..], false),
            ("jobs_of_environment", "jobs", &["environment_id", "created_at", "id"][..], false),
            ("jobs_node", "jobs", &["node"][..], false),
            ("notifications_listing", "notifications", &["environment_id", "created_at", "id"][..], false),
            ("notifications_age", "notifications", &["created_at"][..], false),
            ("poll_messages_channel", "poll_messages", &["environment_id", "channel", "visible_at", "id"][..], false),
            ("poll_messages_batch", "poll_messages", &["environment_id", "batch_id", "visible_at", "id"][..], false),
            ("poll_messages_receipt", "poll_messages", &["environment_id", "receipt"][..], false),
            ("poll_messages_age", "poll_messages", &["created_at"][..], false),
            ("triggers_place", "triggers", &["environment_id", "event_type", "uri"][..], true),
        ] {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            if is_unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
