//! The audit log: every change on either plane once.

use sea_orm::entity::prelude::*;

/// The audit log: every change on either plane once.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub(crate) struct Model {
    /// What makes the record the same record however often it is sent.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When it happened.
    pub at: DateTimeUtc,
    /// The account, unless it was a change of the installation.
    pub account_id: Option<Uuid>,
    /// The product environment, if it was a change of one.
    pub environment_id: Option<Uuid>,
    /// Where it happened; empty on the control plane.
    pub region: String,
    /// Who did it.
    pub actor: String,
    /// The operation.
    pub operation: String,
    /// What was changed.
    pub target: String,
    /// Address of the connection's other end, or empty.
    pub address: String,
    /// The request, or empty.
    pub request: String,
    /// The state before.
    pub before: Option<Json>,
    /// The state after.
    pub after: Option<Json>,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
