//! A user in a group.

use sea_orm::entity::prelude::*;

/// A user in a group.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "group_members")]
pub(crate) struct Model {
    /// The group.
    #[sea_orm(primary_key, auto_increment = false)]
    pub group_id: Uuid,
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub membership_id: Uuid,
    /// When the user was added.
    pub added_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
