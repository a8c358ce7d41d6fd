//! Upload presets have ids of their own, by which other things can refer to them.

use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{QueryResult, Statement},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(Table::alter().table("upload_presets").add_column(uuid_null("external_id")).to_owned())
            .await?;
        let connection = manager.get_connection();
        let backend = manager.get_database_backend();
        let text = "SELECT environment_id, name FROM upload_presets";
        let rows: Vec<QueryResult> = connection.query_all_raw(Statement::from_string(backend, text)).await?;
        for row in rows {
            let environment: uuid::Uuid = row.try_get("", "environment_id")?;
            let name: String = row.try_get("", "name")?;
            let given = Query::update()
                .table("upload_presets")
                .value("external_id", uuid::Uuid::now_v7())
                .and_where(Expr::col("environment_id").eq(environment))
                .and_where(Expr::col("name").eq(name))
                .to_owned();
            connection.execute(&given).await?;
        }
        manager
            .create_index(
                Index::create()
                    .name("upload_presets_listing")
                    .table("upload_presets")
                    .col("environment_id")
                    .col("created_at")
                    .col("external_id")
                    .to_owned(),
            )
            .await
    }
}
