//! Principals: users, groups, access keys and provisioning keys, and what they have until somebody changes their roles.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use plane_kit::ids::{AccountId, EnvironmentId, GroupId, UserId};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{
    error::PermissionsError,
    held::{Held, Principal, PrincipalType},
    system::{ACCOUNT_MASTER, ENVIRONMENT_MASTER},
};
use crate::{
    names::can_be_a_name,
    tables::{access_keys, memberships, product_environments, provisioning_keys, user_groups},
};

/// A principal that was found, with the role that it has by default.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Who it is.
    pub principal: Principal,
    /// The product environment of an access key.
    pub environment: Option<Uuid>,
    /// What it has until somebody changes its roles; groups have nothing.
    pub by_default: Option<Held>,
}

impl Known {
    fn new(kind: PrincipalType, id: String, role: Option<&str>, scope_id: String, made: DateTime<Utc>) -> Self {
        let principal = Principal { kind, id };
        let by_default = role.map(|role| Held {
            principal: principal.clone(),
            role_id: role.to_owned(),
            scope_id,
            parameters: BTreeMap::new(),
            created_at: made,
            updated_at: made,
        });
        Self { principal, environment: None, by_default }
    }
}

/// The principals of an account, or the one of them that is asked for.
pub(crate) async fn known<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    only: Option<&Principal>,
) -> Result<Vec<Known>, DbErr> {
    let mut found = Vec::new();
    for kind in PrincipalType::ALL {
        let id = match only {
            Some(principal) if principal.kind != kind => continue,
            Some(principal) if !can_be_a_name(&principal.id) => continue,
            only => only.map(|principal| principal.id.as_str()),
        };
        match kind {
            PrincipalType::User => found.extend(users(connection, account, id).await?),
            PrincipalType::Group => found.extend(groups(connection, account, id).await?),
            PrincipalType::ApiKey => found.extend(api_keys(connection, account, id).await?),
            PrincipalType::ProvisioningKey => found.extend(account_keys(connection, account, id).await?),
        }
    }
    Ok(found)
}

/// The principal, if it is the account's.
pub(crate) async fn find<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    principal: &Principal,
) -> Result<Known, PermissionsError> {
    let found = known(connection, account, Some(principal)).await?.pop();
    found.ok_or_else(|| PermissionsError::PrincipalNotFound { kind: principal.kind.name(), id: principal.id.clone() })
}

async fn users<C: ConnectionTrait>(connection: &C, account: AccountId, id: Option<&str>) -> Result<Vec<Known>, DbErr> {
    let mut query = memberships::Entity::find().filter(memberships::Column::AccountId.eq(account.0));
    if let Some(id) = id {
        let Ok(UserId(uuid)) = id.parse() else {
            return Ok(Vec::new());
        };
        query = query.filter(memberships::Column::Id.eq(uuid));
    }
    let rows = query.order_by_asc(memberships::Column::Id).all(connection).await?;
    let known = rows.into_iter().map(|row| {
        let role = format!("cld::role::account::{}", row.role);
        Known::new(PrincipalType::User, UserId(row.id).to_string(), Some(&role), String::new(), row.created_at)
    });
    Ok(known.collect())
}

async fn groups<C: ConnectionTrait>(connection: &C, account: AccountId, id: Option<&str>) -> Result<Vec<Known>, DbErr> {
    let mut query = user_groups::Entity::find().filter(user_groups::Column::AccountId.eq(account.0));
    if let Some(id) = id {
        let Ok(GroupId(uuid)) = id.parse() else {
            return Ok(Vec::new());
        };
        query = query.filter(user_groups::Column::Id.eq(uuid));
    }
    let rows = query.order_by_asc(user_groups::Column::Id).all(connection).await?;
    let known = rows
        .into_iter()
        .map(|row| Known::new(PrincipalType::Group, GroupId(row.id).to_string(), None, String::new(), row.created_at));
    Ok(known.collect())
}

async fn api_keys<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    id: Option<&str>,
) -> Result<Vec<Known>, DbErr> {
    let environments: HashMap<Uuid, String> = product_environments::Entity::find()
        .filter(product_environments::Column::AccountId.eq(account.0))
        .filter(product_environments::Column::DeletedAt.is_null())
        .all(connection)
        .await?
        .into_iter()
        .map(|row| (row.id, EnvironmentId(row.id).to_string()))
        .collect();
    // The keys of another account are not found, because their environments are not among these.
    let mut query =
        access_keys::Entity::find().filter(access_keys::Column::EnvironmentId.is_in(environments.keys().copied()));
    if let Some(id) = id {
        query = query.filter(access_keys::Column::ApiKey.eq(id));
    }
    let rows = query.order_by_asc(access_keys::Column::ApiKey).all(connection).await?;
    let known = rows.into_iter().map(|row| {
        let scope = environments.get(&row.environment_id).cloned().unwrap_or_default();
        let known = Known::new(PrincipalType::ApiKey, row.api_key, Some(ENVIRONMENT_MASTER), scope, row.created_at);
        Known { environment: Some(row.environment_id), ..known }
    });
    Ok(known.collect())
}

async fn account_keys<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    id: Option<&str>,
) -> Result<Vec<Known>, DbErr> {
    let mut query = provisioning_keys::Entity::find().filter(provisioning_keys::Column::AccountId.eq(account.0));
    if let Some(id) = id {
        query = query.filter(provisioning_keys::Column::ApiKey.eq(id));
    }
    let rows = query.order_by_asc(provisioning_keys::Column::ApiKey).all(connection).await?;
    let known = rows.into_iter().map(|row| {
        Known::new(PrincipalType::ProvisioningKey, row.api_key, Some(ACCOUNT_MASTER), String::new(), row.created_at)
    });
    Ok(known.collect())
}
