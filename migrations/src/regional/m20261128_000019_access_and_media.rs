//! Who may have an asset, whether its versions are to be kept, what is known of sound and moving pictures, and what pictures show.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("assets", ColumnDef::new("access").json().not_null().default("{}").to_owned()),
            ("assets", ColumnDef::new("backup").boolean().not_null().default(false).to_owned()),
            ("asset_versions", ColumnDef::new("media").json().to_owned()),
        ];
        for (table, column) in columns {
            // On SQLite nothing brings an upgrade that broke off back to its beginning.
            let name = column.get_column_name();
            if !manager.has_column(table, name).await? {
                manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
            }
        }
        manager
            .create_table(
                Table::create()
                    .table("asset_analyses")
                    .if_not_exists()
                    .col(uuid("version_id").primary_key())
                    .col(uuid("environment_id"))
                    .col(json("facts"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("asset_analyses", "version_id")
                            .to("asset_versions", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await
    }
}
