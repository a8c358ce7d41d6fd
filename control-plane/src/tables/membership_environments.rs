//! A product environment that a user with restricted access has.

use sea_orm::entity::prelude::*;

/// A product environment that a user with restricted access has.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "membership_environments")]
pub(crate) struct Model {
    /// The user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub membership_id: Uuid,
    /// The product environment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: Uuid,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
