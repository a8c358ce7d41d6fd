//! A product environment: the tenant of the data planes. A deleted one stays, because the ledger speaks of it.

use sea_orm::entity::prelude::*;

/// A product environment: the tenant of the data planes. A deleted one stays, because the ledger speaks of it.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "product_environments")]
pub(crate) struct Model {
    /// The environment's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account that owns it.
    pub account_id: Uuid,
    /// What people call it.
    pub name: String,
    /// The name in lower case, for search by prefix.
    pub name_folded: String,
    /// The name in URLs, lower case, unique among those that are not deleted.
    pub cloud_name: String,
    /// The region that serves it.
    pub region: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// A JSON object of the caller's own.
    pub custom_attributes: Json,
    /// A JSON text of `plane_kit::seam::snapshot::Limits`.
    pub limits: Json,
    /// A JSON text of `plane_kit::seam::snapshot::EnvironmentSettings`.
    pub settings: Json,
    /// `fixed` or `dynamic`.
    pub folder_mode: String,
    /// Grows with every change of the environment or of its keys.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When its own fields last changed.
    pub updated_at: DateTimeUtc,
    /// When it was deleted.
    pub deleted_at: Option<DateTimeUtc>,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
