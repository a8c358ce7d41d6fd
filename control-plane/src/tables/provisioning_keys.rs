//! A credential of an account.

use sea_orm::entity::prelude::*;

/// A credential of an account.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "provisioning_keys")]
pub(crate) struct Model {
    /// The public half, 15 digits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub api_key: String,
    /// The account.
    pub account_id: Uuid,
    /// What people call it; unique within the account.
    pub name: String,
    /// The secret half, sealed under the key-encryption key.
    #[sea_orm(column_type = "Text")]
    pub sealed_secret: String,
    /// The role of the key within the account, as in `account_admin`.
    pub role: String,
    /// A disabled key is refused.
    pub enabled: bool,
    /// When it was made.
    pub created_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
