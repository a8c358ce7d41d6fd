//! The order in which product environments are listed, so that a page costs the same however many there are, and what their number
//! is counted from without reading them.

use sea_orm_migration::prelude::*;

const STATEMENTS: [&str; 3] = [
    "CREATE INDEX product_environments_in_order ON product_environments (account_id, created_at, id) WHERE deleted_at IS NULL",
    "CREATE INDEX product_environments_of_account ON product_environments (account_id, deleted_at)",
    // The one above does all that it was for.
    "DROP INDEX product_environments_account",
];

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in STATEMENTS {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
