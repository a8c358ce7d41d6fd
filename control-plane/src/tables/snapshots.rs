//! The newest snapshot of each environment, as it was signed for its region.

use sea_orm::entity::prelude::*;

/// The newest snapshot of each environment, as it was signed for its region.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "snapshots")]
pub(crate) struct Model {
    /// The region.
    #[sea_orm(primary_key, auto_increment = false)]
    pub region: String,
    /// The environment.
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment_id: Uuid,
    /// Its place in the region's sequence.
    pub seq: i64,
    /// JSON text of the snapshot, as it was signed.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    /// The signature, in base64.
    #[sea_orm(column_type = "Text")]
    pub signature: String,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
