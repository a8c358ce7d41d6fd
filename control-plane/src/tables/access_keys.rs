//! A credential of a product environment.

use sea_orm::entity::prelude::*;

/// A credential of a product environment.
///
/// The table has a column `last_used_at` that is neither written nor read: when a key was last used is asked of the call records.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "access_keys")]
pub(crate) struct Model {
    /// The public half: 15 digits, or as many as an imported one has.
    #[sea_orm(primary_key, auto_increment = false)]
    pub api_key: String,
    /// The environment.
    pub environment_id: Uuid,
    /// What people call it; unique within the environment.
    pub name: String,
    /// The secret half, sealed under the key-encryption key.
    #[sea_orm(column_type = "Text")]
    pub sealed_secret: String,
    /// A disabled key is refused everywhere.
    pub enabled: bool,
    /// Whether it is the key that came with the environment.
    pub root: bool,
    /// The purpose it is designated for, as in `webhooks`.
    pub dedicated_for: Option<String>,
    /// The rules that bound it, a JSON list of texts; with none it may do everything in its environment.
    pub rules: Json,
    /// Whether it signs delivery URLs although it has rules.
    pub sign_delivery: bool,
    /// Who answers for it, in free words.
    pub owner: Option<String>,
    /// What people have to know of it.
    #[sea_orm(column_type = "Text", nullable)]
    pub note: Option<String>,
    /// From when on it is refused everywhere; never when absent.
    pub expires_at: Option<DateTimeUtc>,
    /// The second secret of a rotation that is under way, sealed under the key-encryption key.
    #[sea_orm(column_type = "Text", nullable)]
    pub next_sealed_secret: Option<String>,
    /// When the rotation that is under way began.
    pub rotation_started_at: Option<DateTimeUtc>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
