//! Uploads that arrive in chunks: which chunks are there, until the asset is.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("chunked_uploads")
                    .col(uuid("id").primary_key())
                    .col(uuid("environment_id"))
                    .col(string("subject"))
                    .col(string("client_id"))
                    .col(string("public_id"))
                    .col(string_null("said_id"))
                    .col(string("said"))
                    .col(boolean("by_part"))
                    .col(big_integer_null("total"))
                    .col(uuid_null("version_id"))
                    .col(timestamp_with_time_zone("touched_at"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("chunked_uploads_client")
                    .table("chunked_uploads")
                    .col("environment_id")
                    .col("subject")
                    .col("client_id")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create().name("chunked_uploads_touched").table("chunked_uploads").col("touched_at").to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("upload_chunks")
                    .col(uuid("id").primary_key())
                    .col(uuid("upload_id"))
                    .col(big_integer("position"))
                    .col(big_integer("bytes"))
                    .col(string("sha256"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("upload_chunks", "upload_id")
                            .to("chunked_uploads", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("upload_chunks_position")
                    .table("upload_chunks")
                    .col("upload_id")
                    .col("position")
                    .unique()
                    .to_owned(),
            )
            .await
    }
}
