//! What an access key may do: its rules, and whether it signs delivery URLs although it has some.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [json("rules").default("[]"), boolean("sign_delivery").default(false)] {
            manager.alter_table(Table::alter().table("access_keys").add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
