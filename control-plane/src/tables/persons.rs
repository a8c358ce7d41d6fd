//! A person, known to the installation by one email address, whatever accounts the person is in.

use sea_orm::entity::prelude::*;

/// A person, known to the installation by one email address, whatever accounts the person is in.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "persons")]
pub(crate) struct Model {
    /// The person's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The address as it was first written.
    pub email: String,
    /// The address in lower case; unique over the installation.
    pub email_folded: String,
    /// The hash of the password; none before one was chosen.
    pub password_hash: Option<String>,
    /// When it was made.
    pub created_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
