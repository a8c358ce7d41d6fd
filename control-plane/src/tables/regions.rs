//! A region: one or more data planes over one regional database.

use sea_orm::entity::prelude::*;

/// A region: one or more data planes over one regional database.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "regions")]
pub(crate) struct Model {
    /// The name of the region.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Digest of the bearer token, hexadecimal.
    pub token_sha256: String,
    /// The key that seals secrets for the region, itself sealed under the key-encryption key.
    #[sea_orm(column_type = "Text")]
    pub sealed_region_key: String,
    /// The highest sequence number given out. Raising it is the lock that orders the region's snapshots.
    pub seq: i64,
    /// The highest sequence number that the region has asked to continue after.
    pub acknowledged_seq: i64,
    /// When the region last asked, within a few seconds.
    pub polled_at: Option<DateTimeUtc>,
    /// When it was added.
    pub created_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
