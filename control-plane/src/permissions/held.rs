//! Roles that principals hold: the types, and reading and forgetting the rows. Everything else about roles stands on this.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use plane_kit::ids::AccountId;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    Select,
};

use crate::tables::{role_assignments as rows, settled_principals};

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PrincipalType {
    /// A user of the account.
    User,
    /// A group of users.
    Group,
    /// An access key of a product environment.
    ApiKey,
    /// A provisioning key of the account.
    ProvisioningKey,
}

impl PrincipalType {
    pub(super) const ALL: [Self; 4] = [Self::User, Self::Group, Self::ApiKey, Self::ProvisioningKey];

    /// The name on the wire and in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::ApiKey => "apiKey",
            Self::ProvisioningKey => "provisioningKey",
        }
    }

    /// The kind of entity in Cedar.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::ApiKey => "APIKey",
            Self::ProvisioningKey => "ProvisioningKey",
        }
    }

    /// The type of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A principal of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Principal {
    /// What it is.
    pub kind: PrincipalType,
    /// The id of a user or a group; the public half of a key.
    pub id: String,
}

/// A role that a principal has, by assignment or because nobody has changed its roles.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// Who has it.
    pub principal: Principal,
    /// The role.
    pub role_id: String,
    /// The product environment, `all`, or nothing for a role of the account.
    pub scope_id: String,
    /// The parameters of a role of a folder.
    pub parameters: BTreeMap<String, String>,
    /// When it was assigned, or the principal made.
    pub created_at: DateTime<Utc>,
    /// When the assignment last changed.
    pub updated_at: DateTime<Utc>,
}

/// The base of every query.
pub(super) fn mine(account: AccountId) -> Select<rows::Entity> {
    rows::Entity::find().filter(rows::Column::AccountId.eq(account.0))
}

/// The principals of one type whose roles somebody has changed, among these.
pub(crate) async fn settled<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    kind: PrincipalType,
    ids: &[&str],
) -> Result<HashSet<String>, DbErr> {
    let rows = settled_principals::Entity::find()
        .filter(settled_principals::Column::AccountId.eq(account.0))
        .filter(settled_principals::Column::PrincipalType.eq(kind.name()))
        .filter(settled_principals::Column::PrincipalId.is_in(ids.iter().copied()))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.principal_id).collect())
}

/// The assigned roles of principals of one type.
pub(crate) async fn held_of<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    kind: PrincipalType,
    ids: &[&str],
) -> Result<Vec<Held>, DbErr> {
    let rows = in_order(mine(account))
        .filter(rows::Column::PrincipalType.eq(kind.name()))
        .filter(rows::Column::PrincipalId.is_in(ids.iter().copied()))
        .all(connection)
        .await?;
    Ok(rows.into_iter().filter_map(read).collect())
}

/// How many assignments of a role there are.
pub(crate) async fn holders<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    role_id: &str,
) -> Result<usize, DbErr> {
    let count = mine(account).filter(rows::Column::RoleId.eq(role_id)).count(connection).await?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Takes a role from everybody who has it.
pub(crate) async fn take_from_all(
    transaction: &DatabaseTransaction,
    account: AccountId,
    role_id: &str,
) -> Result<(), DbErr> {
    rows::Entity::delete_many()
        .filter(rows::Column::AccountId.eq(account.0))
        .filter(rows::Column::RoleId.eq(role_id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Forgets what was assigned to principals that go.
pub(crate) async fn forget(
    transaction: &DatabaseTransaction,
    account: AccountId,
    kind: PrincipalType,
    ids: &[String],
) -> Result<(), DbErr> {
    rows::Entity::delete_many()
        .filter(rows::Column::AccountId.eq(account.0))
        .filter(rows::Column::PrincipalType.eq(kind.name()))
        .filter(rows::Column::PrincipalId.is_in(ids.iter().cloned()))
        .exec(transaction)
        .await?;
    settled_principals::Entity::delete_many()
        .filter(settled_principals::Column::AccountId.eq(account.0))
        .filter(settled_principals::Column::PrincipalType.eq(kind.name()))
        .filter(settled_principals::Column::PrincipalId.is_in(ids.iter().cloned()))
        .exec(transaction)
        .await?;
    Ok(())
}

pub(super) fn in_order(query: Select<rows::Entity>) -> Select<rows::Entity> {
    query
        .order_by_asc(rows::Column::PrincipalId)
        .order_by_asc(rows::Column::RoleId)
        .order_by_asc(rows::Column::ScopeId)
        .order_by_asc(rows::Column::ParametersKey)
}

pub(super) fn read(row: rows::Model) -> Option<Held> {
    let parameters = row.policy_parameters.as_object().into_iter().flatten();
    let parameters = parameters.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    Some(Held {
        principal: Principal { kind: PrincipalType::parse(&row.principal_type)?, id: row.principal_id },
        role_id: row.role_id,
        scope_id: row.scope_id,
        parameters,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
