//! Sums of the ledger by environment, UTC day, meter and type of asset.

use sea_orm::entity::prelude::*;

/// Sums of the ledger by environment, UTC day, meter and type of asset.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_daily")]
pub(crate) struct Model {
    /// Whose usage it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: Uuid,
    /// The UTC day.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Date,
    /// Name of the meter.
    #[sea_orm(primary_key, auto_increment = false)]
    pub meter: String,
    /// `image`, `video` or `raw`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub resource_type: String,
    /// Sum of the quantities.
    pub quantity: i64,
    /// Sum of the weights.
    pub weight: i64,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
