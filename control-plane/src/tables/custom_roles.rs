//! A role that an account put together.

use sea_orm::entity::prelude::*;

/// A role that an account put together.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "custom_roles")]
pub(crate) struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// The role's id, unique within the account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// `global` or `content`.
    pub permission_type: String,
    /// `account` or `prodenv`.
    pub scope_type: String,
    /// What people call it; unique within the account.
    pub name: String,
    /// What it is for.
    #[sea_orm(column_type = "Text", nullable)]
    pub description: Option<String>,
    /// The ids of its system policies, a JSON list of texts.
    pub policy_ids: Json,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
