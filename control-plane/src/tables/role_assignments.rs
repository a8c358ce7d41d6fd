//! A role that a principal has.

use sea_orm::entity::prelude::*;

/// A role that a principal has.
#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "role_assignments")]
pub(crate) struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// `user`, `group`, `apiKey` or `provisioningKey`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub principal_type: String,
    /// The id of a user or a group, or the public half of a key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub principal_id: String,
    /// The role, the system's or the account's own.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role_id: String,
    /// The product environment, 32 hexadecimal digits, or `all`; empty for a role of the account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope_id: String,
    /// The parameters in one spelling; empty without parameters.
    #[sea_orm(primary_key, auto_increment = false)]
    pub parameters_key: String,
    /// The parameters, a JSON object of texts, as in `{"folder_id": "clients/acme"}`.
    pub policy_parameters: Json,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it last changed.
    pub updated_at: DateTimeUtc,
}

/// No relation is declared: stores state their joins, so that the tenant stays visible in the base query.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
