//! The ledger: every fact of usage once, with the weight it was given when it came in.

use sea_orm::entity::prelude::*;

/// The ledger: every fact of usage once, with the weight it was given when it came in.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_ledger")]
pub(crate) struct Model {
    /// What makes the fact the same fact however often it is sent.
    #[sea_orm(primary_key, auto_increment = false)]
    pub natural_key: String,
    /// The region that sent it.
    pub region: String,
    /// Whose usage it is.
    pub environment_id: Uuid,
    /// The access key that caused it, where one did.
    pub access_key: Option<String>,
    /// Name of the meter.
    pub meter: String,
    /// How much, in the meter's unit.
    pub quantity: i64,
    /// Transformations that the rate card made of it.
    pub weight: i64,
    /// Version of the rate card.
    pub rate_card: i32,
    /// When it happened.
    pub at: DateTimeUtc,
    /// Where it came from.
    pub reason: String,
    /// What was made; facts only.
    pub facts: Json,
    /// When it came in.
    pub received_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
