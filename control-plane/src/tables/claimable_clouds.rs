//! An account that a stranger made, until somebody claims it.

use sea_orm::entity::prelude::*;

/// An account that a stranger made, until somebody claims it.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "claimable_clouds")]
pub(crate) struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// When it is closed, unless somebody has claimed it.
    pub expires_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
