//! How far the reports of one run of a node are complete.

use sea_orm::entity::prelude::*;

/// How far the reports of one run of a node are complete.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "node_reports")]
pub(crate) struct Model {
    /// The node.
    #[sea_orm(primary_key, auto_increment = false)]
    pub node: Uuid,
    /// The run of the node.
    #[sea_orm(primary_key, auto_increment = false)]
    pub boot: Uuid,
    /// The region of the node.
    pub region: String,
    /// The window that continues the unbroken row.
    pub next_index: i64,
    /// Everything the run counted before this moment is in the ledger.
    pub complete_until: DateTimeUtc,
    /// Whether the run has ended and reported everything.
    pub ended: bool,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
