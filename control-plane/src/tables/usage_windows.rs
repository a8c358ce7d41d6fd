//! Windows whose sums have come in.

use sea_orm::entity::prelude::*;

/// Windows whose sums have come in.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_windows")]
pub(crate) struct Model {
    /// The node.
    #[sea_orm(primary_key, auto_increment = false)]
    pub node: Uuid,
    /// The run of the node.
    #[sea_orm(primary_key, auto_increment = false)]
    pub boot: Uuid,
    /// Number of the window within the run, from zero.
    #[sea_orm(primary_key, auto_increment = false)]
    pub idx: i64,
    /// The region of the node.
    pub region: String,
    /// Start.
    pub opened_at: DateTimeUtc,
    /// End.
    pub closed_at: DateTimeUtc,
    /// Whether the run ended with it.
    pub is_last: bool,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
