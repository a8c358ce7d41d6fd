//! How many product environments an account has, kept in its row, so that neither the total of a page nor the limit of a plan is
//! counted anew.

use sea_orm_migration::{prelude::*, schema::*};

const COUNT: &str = "UPDATE accounts SET environment_count = (SELECT COUNT(*) FROM product_environments \
     WHERE product_environments.account_id = accounts.id AND product_environments.deleted_at IS NULL)";

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter().table("accounts").add_column(big_integer("environment_count").default(0)).to_owned(),
            )
            .await?;
        manager.get_connection().execute_unprepared(COUNT).await?;
        Ok(())
    }
}
