//! A principal whose roles somebody has changed, so that it has no default role any more.

use sea_orm::entity::prelude::*;

/// A principal whose roles somebody has changed, so that it has no default role any more.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "settled_principals")]
pub(crate) struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// `user`, `group`, `apiKey` or `provisioningKey`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub principal_type: String,
    /// The id of a user or a group, or the public half of a key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub principal_id: String,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
