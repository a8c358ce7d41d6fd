//! Folders are listed by their parents, and have ids of their own.

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
        for column in [uuid_null("external_id"), string_null("parent"), string_null("name")] {
            manager.alter_table(Table::alter().table("folders").add_column(column).to_owned()).await?;
        }
        let connection = manager.get_connection();
        let backend = manager.get_database_backend();
        let text = "SELECT environment_id, path FROM folders";
        let rows: Vec<QueryResult> = connection.query_all_raw(Statement::from_string(backend, text)).await?;
        for row in rows {
            let environment: uuid::Uuid = row.try_get("", "environment_id")?;
            let path: String = row.try_get("", "path")?;
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let filled = Query::update()
                .table("folders")
                .value("external_id", uuid::Uuid::now_v7())
                .value("parent", parent)
                .value("name", name)
                .and_where(Expr::col("environment_id").eq(environment))
                .and_where(Expr::col("path").eq(path.as_str()))
                .to_owned();
            connection.execute(&filled).await?;
        }
        for (name, columns) in [
            ("folders_listing", &["environment_id", "parent", "name"][..]),
            ("folders_external_id", &["environment_id", "external_id"][..]),
        ] {
            let mut index = Index::create().name(name).table("folders").to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
