//! An invitation: a one-time link by which a person accepts a membership.

use sea_orm::entity::prelude::*;

/// An invitation: a one-time link by which a person accepts a membership.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub(crate) struct Model {
    /// The invitation's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The membership that is accepted by it.
    pub membership_id: Uuid,
    /// SHA-256 of the token, 64 hexadecimal digits; the token is not kept.
    pub token_digest: String,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// From when on it is worth nothing.
    pub expires_at: DateTimeUtc,
    /// When it was used.
    pub accepted_at: Option<DateTimeUtc>,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
