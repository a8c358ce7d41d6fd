//! A group of users of an account.

use sea_orm::entity::prelude::*;

/// A group of users of an account.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "user_groups")]
pub(crate) struct Model {
    /// The group's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// What people call it; unique within the account.
    pub name: String,
    /// The name in lower case, for sorting.
    pub name_folded: String,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When its name last changed.
    pub updated_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
