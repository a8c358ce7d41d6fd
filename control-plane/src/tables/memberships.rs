//! The membership of a person in an account: a user of the account.

use sea_orm::entity::prelude::*;

/// The membership of a person in an account: a user of the account.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "memberships")]
pub(crate) struct Model {
    /// The user's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account.
    pub account_id: Uuid,
    /// The person; once in an account.
    pub person_id: Uuid,
    /// The person's address as this account wrote it.
    pub email: String,
    /// What the account calls the person.
    pub name: String,
    /// The name in lower case, for search by prefix.
    pub name_folded: String,
    /// Name of the role.
    pub role: String,
    /// Whether the user may use the account.
    pub enabled: bool,
    /// Whether the person has not accepted yet.
    pub pending: bool,
    /// Whether the user has every product environment; otherwise those of `membership_environments`.
    pub all_environments: bool,
    /// When the person last signed in.
    pub last_login: Option<DateTimeUtc>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
