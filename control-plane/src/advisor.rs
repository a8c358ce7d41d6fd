//! Who can see a secret that may do more than the one who sees it.
//!
//! Reading the access keys of a product environment shows their secrets. A key without rules may do everything there, so whoever reads
//! its secret may do so too, whatever the own role says.

use std::{collections::HashSet, fmt};

use plane_kit::ids::AccountId;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use uuid::Uuid;

use crate::{
    foundation::Foundation,
    key_bounds::KeyPermissions,
    roles::AccountRole,
    store_error::StoreError,
    tables::{
        access_keys as keys, accounts, membership_environments as links, memberships as users,
        product_environments as environments,
    },
};

/// A user who can see the secret of an access key that may do more than the user's role. Printed as a sentence with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretBeyondRole {
    /// The user's address, as the account wrote it.
    pub email: String,
    /// The name of the user's role.
    pub role: &'static str,
    /// The name in URLs of the product environment.
    pub cloud_name: String,
    /// What people call the key.
    pub key_name: String,
    /// The public half of the key.
    pub api_key: String,
}

impl fmt::Display for SecretBeyondRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { email, role, cloud_name, key_name, api_key } = self;
        write!(
            f,
            "{email} ({role}) can see the secret of access key {api_key} ({key_name}) of {cloud_name}, which may do \
             everything there: bound the key with rules, or give the user another role"
        )
    }
}

/// The users of an account who can see secrets beyond their roles, oldest first, each with every such key. What is disabled or has
/// expired is passed over. No secret is opened for it.
pub(crate) async fn secrets_beyond_roles(
    foundation: &Foundation,
    account: AccountId,
) -> Result<Vec<SecretBeyondRole>, StoreError> {
    let reader = foundation.database.reader();
    let known = accounts::Entity::find_by_id(account.0).one(reader).await?;
    known.ok_or(StoreError::AccountNotFound(account))?;
    let onlooking = AccountRole::ALL.into_iter().filter(|role| role.sees_secrets() && !role.does_everything());
    let chosen = users::Entity::find()
        .filter(users::Column::AccountId.eq(account.0))
        .filter(users::Column::Enabled.eq(true))
        .filter(users::Column::Role.is_in(onlooking.map(AccountRole::name)));
    let ids = chosen.clone().select_only().column(users::Column::Id).into_query();
    let given = links::Entity::find().filter(links::Column::MembershipId.in_subquery(ids)).all(reader).await?;
    let given: HashSet<(Uuid, Uuid)> =
        given.into_iter().map(|link| (link.membership_id, link.environment_id)).collect();
    let onlookers = chosen.order_by_asc(users::Column::CreatedAt).order_by_asc(users::Column::Id).all(reader).await?;
    let unbound = unbound_keys(foundation, account).await?;
    let mut found = Vec::new();
    for user in &onlookers {
        let Some(role) = AccountRole::parse(&user.role) else {
            continue;
        };
        let has = |environment: Uuid| user.all_environments || given.contains(&(user.id, environment));
        found.extend(unbound.iter().filter(|(environment, _)| has(environment.id)).map(|(environment, key)| {
            SecretBeyondRole {
                email: user.email.clone(),
                role: role.name(),
                cloud_name: environment.cloud_name.clone(),
                key_name: key.name.clone(),
                api_key: key.api_key.clone(),
            }
        }));
    }
    Ok(found)
}

/// The keys of an account that are accepted and have no rules, each with its environment, oldest first.
async fn unbound_keys(
    foundation: &Foundation,
    account: AccountId,
) -> Result<Vec<(environments::Model, keys::Model)>, StoreError> {
    let reader = foundation.database.reader();
    let mine = environments::Entity::find()
        .filter(environments::Column::AccountId.eq(account.0))
        .filter(environments::Column::DeletedAt.is_null());
    let ids = mine.clone().select_only().column(environments::Column::Id).into_query();
    let mine = mine.order_by_asc(environments::Column::CreatedAt).order_by_asc(environments::Column::Id);
    let mine = mine.all(reader).await?;
    let lasts =
        Condition::any().add(keys::Column::ExpiresAt.is_null()).add(keys::Column::ExpiresAt.gt(foundation.clock.now()));
    let accepted = keys::Entity::find()
        .filter(keys::Column::EnvironmentId.in_subquery(ids))
        .filter(keys::Column::Enabled.eq(true))
        .filter(lasts)
        .order_by_asc(keys::Column::CreatedAt)
        .order_by_asc(keys::Column::ApiKey)
        .all(reader)
        .await?;
    let mut unbound = Vec::new();
    for key in accepted {
        if KeyPermissions::of(&key).map_err(StoreError::StoredRules)?.rules.is_empty() {
            unbound.push(key);
        }
    }
    let with_keys = mine.into_iter().flat_map(|environment| {
        let of_it: Vec<_> = unbound.iter().filter(|key| key.environment_id == environment.id).cloned().collect();
        of_it.into_iter().map(move |key| (environment.clone(), key))
    });
    Ok(with_keys.collect())
}
