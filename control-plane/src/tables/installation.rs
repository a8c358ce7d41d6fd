//! The installation's own keys.

use sea_orm::entity::prelude::*;

/// The installation's own keys.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "installation")]
pub(crate) struct Model {
    /// Which key it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The key, sealed under the key-encryption key.
    #[sea_orm(column_type = "Text")]
    pub sealed_value: String,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
