//! Access keys of one product environment.

mod import;
mod lifecycle;
pub(crate) mod purpose;

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, EnvironmentId, generate_api_key, generate_api_secret},
    policy::rule::RuleError,
    seal::{SealError, SealingRing},
    secret::Secret,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Expr,
};
use serde_json::{Value, json};

use crate::{
    changes::Change,
    foundation::Foundation,
    key_bounds::{KeyPermissions, PermissionChanges},
    names::{can_be_a_name, check_display_name},
    permissions::held::{self, PrincipalType},
    store_error::StoreError,
    tables::access_keys as rows,
};

pub(crate) use lifecycle::KeyDetails;
use purpose::Purpose;

/// The name of the key that comes with an environment.
const ROOT_NAME: &str = "Root";

/// An access key of an environment, with its secret open.
#[derive(Debug, Clone)]
pub(crate) struct AccessKey {
    row: rows::Model,
    secret: Secret,
    /// The second secret, while a rotation is under way.
    next_secret: Option<Secret>,
}

impl AccessKey {
    /// Opens the secrets of a stored key.
    pub(crate) fn open(key_encryption_key: &SealingRing, row: rows::Model) -> Result<Self, SealError> {
        let secret = key_encryption_key.open(&row.sealed_secret)?;
        let next_secret =
            row.next_sealed_secret.as_deref().map(|sealed| key_encryption_key.open(sealed)).transpose()?;
        Ok(Self { row, secret, next_secret })
    }

    /// The row, for the policy.
    pub(crate) fn row(&self) -> &rows::Model {
        &self.row
    }

    /// The public half.
    pub(crate) fn api_key(&self) -> &str {
        &self.row.api_key
    }

    /// The secret half; the present one while a rotation is under way.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.row.name
    }

    /// Whether it is accepted.
    pub(crate) fn enabled(&self) -> bool {
        self.row.enabled
    }

    /// Whether it came with the environment.
    pub(crate) fn root(&self) -> bool {
        self.row.root
    }

    /// The purpose it is designated for.
    pub(crate) fn dedicated_for(&self) -> Option<&str> {
        self.row.dedicated_for.as_deref()
    }

    /// What bounds it.
    pub(crate) fn permissions(&self) -> Result<KeyPermissions, RuleError> {
        KeyPermissions::of(&self.row)
    }

    /// When it was made.
    pub(crate) fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When it last changed.
    pub(crate) fn updated_at(&self) -> DateTime<Utc> {
        self.row.updated_at
    }
}

/// What a list of keys is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortBy {
    /// The public half.
    ApiKey,
    /// When it was made.
    CreatedAt,
    /// What people call it.
    Name,
    /// Disabled before enabled.
    Enabled,
}

/// A page of the keys of an environment.
#[derive(Debug, Clone)]
pub(crate) struct KeyListing {
    /// The page, from 1, and its size; everything when absent.
    pub page: Option<(u64, u64)>,
    /// What to sort by.
    pub sort_by: SortBy,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// What changes about a key; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyChanges {
    /// A new name.
    pub name: Option<String>,
    /// Switches it on or off.
    pub enabled: Option<bool>,
    /// Designates it, and no other key of the environment, for a purpose.
    pub dedicated_for: Option<Purpose>,
}

/// How a key to be deleted is named.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyName<'a> {
    /// By its public half.
    ApiKey(&'a str),
    /// By what people call it.
    Name(&'a str),
}

/// The access keys of one environment. Made only by the environments' store, from an environment that it has found.
pub(crate) struct AccessKeys<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    environment: EnvironmentId,
    origin: &'a Origin,
}

impl<'a> AccessKeys<'a> {
    /// The keys of an environment of the account.
    pub(super) fn new(
        foundation: &'a Foundation,
        account: AccountId,
        environment: EnvironmentId,
        origin: &'a Origin,
    ) -> Self {
        Self { foundation, account, environment, origin }
    }

    /// The base of every query.
    fn mine(&self) -> Select<rows::Entity> {
        rows::Entity::find().filter(rows::Column::EnvironmentId.eq(self.environment.0))
    }

    fn open(&self, row: rows::Model) -> Result<AccessKey, StoreError> {
        Ok(AccessKey::open(&self.foundation.key_encryption_key, row)?)
    }

    /// All keys, oldest first.
    pub(crate) async fn all(&self) -> Result<Vec<AccessKey>, StoreError> {
        let listing = KeyListing { page: None, sort_by: SortBy::CreatedAt, descending: false };
        Ok(self.list(&listing).await?.0)
    }

    /// A page of keys, and how many there are in all.
    pub(crate) async fn list(&self, listing: &KeyListing) -> Result<(Vec<AccessKey>, u64), StoreError> {
        let order = if listing.descending { Order::Desc } else { Order::Asc };
        let column = match listing.sort_by {
            SortBy::ApiKey => rows::Column::ApiKey,
            SortBy::CreatedAt => rows::Column::CreatedAt,
            SortBy::Name => rows::Column::Name,
            SortBy::Enabled => rows::Column::Enabled,
        };
        let reader = self.foundation.database.reader();
        let total = self.mine().count(reader).await?;
        // Equal values are told apart by the key itself, so that pages neither repeat nor leave out.
        let mut query = self.mine().order_by(column, order.clone()).order_by(rows::Column::ApiKey, order);
        if let Some((page, size)) = listing.page {
            query = query.limit(size).offset(page.saturating_sub(1).saturating_mul(size));
        }
        let found = query.all(reader).await?;
        let keys = found.into_iter().map(|row| self.open(row)).collect::<Result<_, _>>()?;
        Ok((keys, total))
    }

    /// Makes a key. Without a name it is called after its public half.
    pub(crate) async fn create(&self, name: Option<String>, enabled: bool) -> Result<AccessKey, StoreError> {
        let api_key = generate_api_key();
        let name = name.unwrap_or_else(|| format!("key_{api_key}"));
        check_display_name(&name)?;
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let new = NewKey { api_key, secret: generate_api_secret(), name, enabled, root: false };
        let key = insert(self.foundation, &change, new).await?;
        let entry = Entry::made("generate_access_key", target(&key.row), shown(&key.row));
        change.commit(self.origin, entry).await?;
        Ok(key)
    }

    /// Changes a key.
    pub(crate) async fn update(&self, api_key: &str, changes: KeyChanges) -> Result<AccessKey, StoreError> {
        if let Some(name) = &changes.name {
            check_display_name(name)?;
        }
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let mut row = self.locked(&change, KeyName::ApiKey(api_key)).await?;
        let before = shown(&row);
        if changes.enabled == Some(false) {
            self.guard_last(&change, &row).await?;
        }
        if let Some(purpose) = changes.dedicated_for {
            self.free_purpose(&change, purpose).await?;
            row.dedicated_for = Some(purpose.name().to_owned());
        }
        row.enabled = changes.enabled.unwrap_or(row.enabled);
        row.name = changes.name.unwrap_or(row.name);
        row.updated_at = self.foundation.clock.now();
        let taken = StoreError::KeyNameTaken(row.name.clone());
        let row = rows::Entity::update(row.into_active_model().reset_all())
            .exec(change.transaction())
            .await
            .map_err(|error| StoreError::or_taken(error, taken))?;
        let entry = Entry::changed("update_access_key", target(&row), before, shown(&row));
        change.commit(self.origin, entry).await?;
        self.open(row)
    }

    /// The key of that public half.
    pub(crate) async fn find(&self, api_key: &str) -> Result<AccessKey, StoreError> {
        let not_found = || StoreError::AccessKeyNotFound(api_key.to_owned());
        if !can_be_a_name(api_key) {
            return Err(not_found());
        }
        let row = self.mine().filter(rows::Column::ApiKey.eq(api_key)).one(self.foundation.database.reader()).await?;
        self.open(row.ok_or_else(not_found)?)
    }

    /// Bounds a key, or frees it. In force on the connected regions when this returns, after at most the configured wait.
    pub(crate) async fn permit(&self, api_key: &str, changes: PermissionChanges) -> Result<AccessKey, StoreError> {
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let mut row = self.locked(&change, KeyName::ApiKey(api_key)).await?;
        let before = shown(&row);
        if let Some(rules) = changes.rules {
            row.rules = json!(rules.texts());
        }
        row.sign_delivery = changes.sign_delivery.unwrap_or(row.sign_delivery);
        row.updated_at = self.foundation.clock.now();
        let row = rows::Entity::update(row.into_active_model().reset_all()).exec(change.transaction()).await?;
        let entry = Entry::changed("update_access_key_permissions", target(&row), before, shown(&row));
        change.commit(self.origin, entry).await?;
        self.open(row)
    }

    /// Deletes a key.
    pub(crate) async fn delete(&self, name: KeyName<'_>) -> Result<(), StoreError> {
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let row = self.locked(&change, name).await?;
        self.guard_last(&change, &row).await?;
        let gone = [row.api_key.clone()];
        held::forget(change.transaction(), self.account, PrincipalType::ApiKey, &gone).await?;
        let operation = match name {
            KeyName::ApiKey(_) => "delete_access_key",
            KeyName::Name(_) => "delete_access_key_by_name",
        };
        let entry = Entry::removed(operation, target(&row), shown(&row));
        rows::Entity::delete_by_id(row.api_key).exec(change.transaction()).await?;
        change.commit(self.origin, entry).await?;
        Ok(())
    }

    /// A key within a change, which holds the lock of the environment and so of all its keys.
    async fn locked(&self, change: &Change<'_>, name: KeyName<'_>) -> Result<rows::Model, StoreError> {
        let (query, shown) = match name {
            KeyName::ApiKey(api_key) => (self.mine().filter(rows::Column::ApiKey.eq(api_key)), api_key),
            KeyName::Name(name) => (self.mine().filter(rows::Column::Name.eq(name)), name),
        };
        let row = if can_be_a_name(shown) { query.one(change.transaction()).await? } else { None };
        row.ok_or_else(|| StoreError::AccessKeyNotFound(shown.to_owned()))
    }

    /// Refuses to take away the last key that is enabled and never expires: sooner or later nobody could sign or administer anything
    /// any more.
    async fn guard_last(&self, change: &Change<'_>, row: &rows::Model) -> Result<(), StoreError> {
        let others = self
            .mine()
            .filter(rows::Column::Enabled.eq(true))
            .filter(rows::Column::ExpiresAt.is_null())
            .filter(rows::Column::ApiKey.ne(&row.api_key))
            .count(change.transaction())
            .await?;
        let lasts = row.enabled && row.expires_at.is_none();
        if lasts && others == 0 { Err(StoreError::LastEnabledKey(row.api_key.clone())) } else { Ok(()) }
    }

    /// Takes a purpose from whichever key has it.
    async fn free_purpose(&self, change: &Change<'_>, purpose: Purpose) -> Result<(), StoreError> {
        rows::Entity::update_many()
            .col_expr(rows::Column::DedicatedFor, Expr::val(None::<String>))
            .filter(rows::Column::EnvironmentId.eq(self.environment.0))
            .filter(rows::Column::DedicatedFor.eq(purpose.name()))
            .exec(change.transaction())
            .await?;
        Ok(())
    }
}

/// A key as the audit log names it.
fn target(row: &rows::Model) -> String {
    format!("access_key {}", row.api_key)
}

/// A key as the audit log shows it.
fn shown(row: &rows::Model) -> Value {
    json!({
        "api_key": row.api_key,
        "name": row.name,
        "enabled": row.enabled,
        "root": row.root,
        "dedicated_for": row.dedicated_for,
        "rules": row.rules,
        "sign_delivery": row.sign_delivery,
        "owner": row.owner,
        "note": row.note,
        "expires_at": row.expires_at,
        "rotation_started_at": row.rotation_started_at,
    })
}

/// A key to be made.
struct NewKey {
    api_key: String,
    secret: Secret,
    name: String,
    enabled: bool,
    root: bool,
}

/// Makes the key that comes with a new environment.
pub(crate) async fn insert_root(foundation: &Foundation, change: &Change<'_>) -> Result<AccessKey, StoreError> {
    let new = NewKey {
        api_key: generate_api_key(),
        secret: generate_api_secret(),
        name: ROOT_NAME.to_owned(),
        enabled: true,
        root: true,
    };
    insert(foundation, change, new).await
}

/// Inserts a key into the environment of a change, which holds its lock: no other key can take the name meanwhile, so what the
/// database still refuses is the public half, which is unique over the installation.
async fn insert(foundation: &Foundation, change: &Change<'_>, new: NewKey) -> Result<AccessKey, StoreError> {
    let environment_id = change.environment().id;
    let namesakes = rows::Entity::find()
        .filter(rows::Column::EnvironmentId.eq(environment_id))
        .filter(rows::Column::Name.eq(&new.name))
        .count(change.transaction())
        .await?;
    if namesakes > 0 {
        return Err(StoreError::KeyNameTaken(new.name));
    }
    let now = foundation.clock.now();
    let NewKey { api_key, secret, name, enabled, root } = new;
    let row = rows::Model {
        api_key,
        environment_id,
        name,
        sealed_secret: foundation.key_encryption_key.seal(&secret),
        enabled,
        root,
        dedicated_for: None,
        rules: json!([]),
        sign_delivery: false,
        owner: None,
        note: None,
        expires_at: None,
        next_sealed_secret: None,
        rotation_started_at: None,
        created_at: now,
        updated_at: now,
    };
    rows::Entity::insert(row.clone().into_active_model().reset_all())
        .exec_without_returning(change.transaction())
        .await
        .map_err(|error| StoreError::or_taken(error, StoreError::AccessKeyTaken(row.api_key.clone())))?;
    Ok(AccessKey { row, secret, next_secret: None })
}
