//! Provisioning keys of one account.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, generate_api_key, generate_api_secret},
    secret::Secret,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, Select,
};
use serde_json::{Value, json};

use crate::{
    access::AccountGrant,
    changes,
    foundation::Foundation,
    names::{can_be_a_name, check_display_name},
    roles::ACCOUNT_ADMIN,
    store_error::StoreError,
    tables::provisioning_keys as rows,
};

/// A provisioning key that the store of its account has found. Its secret stays sealed.
#[derive(Debug, Clone)]
pub(crate) struct ProvisioningKey {
    row: rows::Model,
}

impl ProvisioningKey {
    /// The public half.
    pub(crate) fn api_key(&self) -> &str {
        &self.row.api_key
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.row.name
    }

    /// What it may do in its account.
    pub(crate) fn role(&self) -> &str {
        &self.row.role
    }

    /// Whether it is accepted.
    pub(crate) fn enabled(&self) -> bool {
        self.row.enabled
    }

    /// When it was made.
    pub(crate) fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }
}

/// What changes about a provisioning key; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProvisioningKeyChanges {
    /// A new name.
    pub name: Option<String>,
    /// Switches it on or off.
    pub enabled: Option<bool>,
    /// What it may do in its account.
    pub role: Option<String>,
}

/// The provisioning keys of one account. The account is part of every query.
pub(crate) struct ProvisioningKeys<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    origin: &'a Origin,
}

impl<'a> ProvisioningKeys<'a> {
    /// The keys of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: AccountId(grant.account().id), origin: grant.origin() }
    }

    /// The base of every query.
    fn mine(&self) -> Select<rows::Entity> {
        rows::Entity::find().filter(rows::Column::AccountId.eq(self.account.0))
    }

    /// All keys, oldest first.
    pub(crate) async fn list(&self) -> Result<Vec<ProvisioningKey>, StoreError> {
        let found = self
            .mine()
            .order_by_asc(rows::Column::CreatedAt)
            .order_by_asc(rows::Column::ApiKey)
            .all(self.foundation.database.reader())
            .await?;
        Ok(found.into_iter().map(|row| ProvisioningKey { row }).collect())
    }

    /// Makes a key. Its secret is open in the answer, and nowhere afterwards.
    pub(crate) async fn create(
        &self,
        name: String,
        role: Option<String>,
        enabled: bool,
    ) -> Result<(ProvisioningKey, Secret), StoreError> {
        check_display_name(&name)?;
        let role = role.unwrap_or_else(|| ACCOUNT_ADMIN.to_owned());
        check_role(&role)?;
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let secret = generate_api_secret();
        let row = rows::Model {
            api_key: generate_api_key(),
            account_id: self.account.0,
            name,
            sealed_secret: self.foundation.key_encryption_key.seal(&secret),
            role,
            enabled,
            created_at: self.foundation.clock.now(),
        };
        rows::Entity::insert(row.clone().into_active_model().reset_all())
            .exec_without_returning(change.transaction())
            .await
            .map_err(|error| StoreError::or_taken(error, StoreError::ProvisioningKeyNameTaken(row.name.clone())))?;
        let entry = Entry::made("create_provisioning_key", target(&row), audited(&row));
        change.commit(self.origin, entry).await?;
        Ok((ProvisioningKey { row }, secret))
    }

    /// Changes a key.
    pub(crate) async fn update(
        &self,
        api_key: &str,
        changes: ProvisioningKeyChanges,
    ) -> Result<ProvisioningKey, StoreError> {
        if let Some(name) = &changes.name {
            check_display_name(name)?;
        }
        if let Some(role) = &changes.role {
            check_role(role)?;
        }
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let mut row = self.locked(change.transaction(), api_key).await?;
        if changes.enabled == Some(false) {
            self.guard_last(change.transaction(), &row).await?;
        }
        let before = audited(&row);
        row.name = changes.name.unwrap_or(row.name);
        row.enabled = changes.enabled.unwrap_or(row.enabled);
        row.role = changes.role.unwrap_or(row.role);
        let taken = StoreError::ProvisioningKeyNameTaken(row.name.clone());
        let row = rows::Entity::update(row.into_active_model().reset_all())
            .exec(change.transaction())
            .await
            .map_err(|error| StoreError::or_taken(error, taken))?;
        let entry = Entry::changed("update_provisioning_key", target(&row), before, audited(&row));
        change.commit(self.origin, entry).await?;
        Ok(ProvisioningKey { row })
    }

    /// Deletes a key with its secret.
    pub(crate) async fn delete(&self, api_key: &str) -> Result<(), StoreError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let row = self.locked(change.transaction(), api_key).await?;
        self.guard_last(change.transaction(), &row).await?;
        let entry = Entry::removed("delete_provisioning_key", target(&row), audited(&row));
        rows::Entity::delete_by_id(row.api_key).exec(change.transaction()).await?;
        change.commit(self.origin, entry).await
    }

    /// A key within a change, which holds the lock of the account and so of all its keys.
    async fn locked(&self, transaction: &DatabaseTransaction, api_key: &str) -> Result<rows::Model, StoreError> {
        let not_found = || StoreError::ProvisioningKeyNotFound(api_key.to_owned());
        if !can_be_a_name(api_key) {
            return Err(not_found());
        }
        let row = self.mine().filter(rows::Column::ApiKey.eq(api_key)).one(transaction).await?;
        row.ok_or_else(not_found)
    }

    /// Refuses to take the last enabled key away: nobody could provision the account any more.
    async fn guard_last(&self, transaction: &DatabaseTransaction, row: &rows::Model) -> Result<(), StoreError> {
        let others = self
            .mine()
            .filter(rows::Column::Enabled.eq(true))
            .filter(rows::Column::ApiKey.ne(&row.api_key))
            .count(transaction)
            .await?;
        if row.enabled && others == 0 {
            Err(StoreError::LastEnabledProvisioningKey(row.api_key.clone()))
        } else {
            Ok(())
        }
    }
}

/// A key as the audit log names it.
fn target(row: &rows::Model) -> String {
    format!("provisioning_key {}", row.api_key)
}

/// A key as the audit log shows it.
fn audited(row: &rows::Model) -> Value {
    json!({"api_key": row.api_key, "name": row.name, "role": row.role, "enabled": row.enabled})
}

/// Checks that a provisioning key can have this role.
fn check_role(role: &str) -> Result<(), StoreError> {
    if role == ACCOUNT_ADMIN { Ok(()) } else { Err(StoreError::UnknownKeyRole(shown(role))) }
}

/// The beginning of a text, to be shown.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}
