//! Call records: how often what was asked, by node and hour.

use sea_orm::entity::prelude::*;

/// Call records: how often what was asked, by node and hour.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "call_records")]
pub(crate) struct Model {
    /// What makes the record the same record however often it is sent.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// The product environment.
    pub environment_id: Uuid,
    /// Where it was asked.
    pub region: String,
    /// Who asked.
    pub actor: String,
    /// The operation.
    pub operation: String,
    /// The canonical method of the operation.
    pub method: String,
    /// The folder it was about.
    pub folder: Option<String>,
    /// What was decided.
    pub outcome: String,
    /// Start of the hour.
    pub hour: DateTimeUtc,
    /// How often.
    pub count: i64,
    /// When for the last time.
    pub last_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
