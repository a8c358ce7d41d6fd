//! Rectangles that people have marked in pictures.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let coordinates = ColumnDef::new("coordinates").json().not_null().default("{}").to_owned();
        manager.alter_table(Table::alter().table("assets").add_column(coordinates).to_owned()).await
    }
}
