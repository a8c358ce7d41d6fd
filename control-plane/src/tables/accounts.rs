//! An account: who pays, and what provisioning keys belong to.

use sea_orm::entity::prelude::*;

/// An account: who pays, and what provisioning keys belong to.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub(crate) struct Model {
    /// The account's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Name of the price plan.
    pub plan: String,
    /// A suspended account may not provision, and its environments are switched off.
    pub enabled: bool,
    /// Grows with every change of what its principals may do.
    pub version: i64,
    /// Product environments that it has, deleted ones not among them.
    pub environment_count: i64,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it was closed; what is closed is not taken back.
    pub closed_at: Option<DateTimeUtc>,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl Model {
    /// Product environments that it has. A number below nothing, which only a program that does not know of it could leave, is none.
    pub(crate) fn environments(&self) -> u64 {
        u64::try_from(self.environment_count).unwrap_or(0)
    }
}

impl ActiveModelBehavior for ActiveModel {}
