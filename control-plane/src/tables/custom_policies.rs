//! A policy that an account wrote.

use sea_orm::entity::prelude::*;

/// A policy that an account wrote.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "custom_policies")]
pub(crate) struct Model {
    /// The policy's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// `account` or `prodenv`.
    pub scope_type: String,
    /// The product environment, 32 hexadecimal digits, or `all`; none for the account.
    pub scope_id: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it is for.
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    /// The text, in Cedar.
    #[sea_orm(column_type = "Text")]
    pub statement: String,
    /// Whether it holds.
    pub enabled: bool,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
