//! Accounts and their provisioning keys, as the operator makes them.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, generate_api_key, generate_api_secret},
    secret::Secret,
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;

use crate::{
    access::AccountGrant,
    audit,
    billing::plans::PricePlan,
    foundation::Foundation,
    names::{can_be_a_name, check_display_name},
    roles::ACCOUNT_ADMIN,
    store_error::StoreError,
    tables::{accounts, provisioning_keys},
};

/// An account as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// Name of its price plan.
    pub plan: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was closed; what is closed is not taken back.
    pub closed_at: Option<DateTime<Utc>>,
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStanding {
    /// It may be used.
    Active,
    /// It is switched off and can be taken back.
    Suspended,
    /// It is switched off for good.
    Closed,
}

impl AccountStanding {
    /// The name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }
}

impl Account {
    /// How it stands.
    pub fn standing(&self) -> AccountStanding {
        match (self.closed_at, self.enabled) {
            (Some(_), _) => AccountStanding::Closed,
            (None, true) => AccountStanding::Active,
            (None, false) => AccountStanding::Suspended,
        }
    }
}

/// An account with the credential of its provisioning API.
#[derive(Debug, Clone)]
pub struct AccountCredentials {
    /// The account.
    pub account: Account,
    /// The public half of the provisioning key, 15 digits.
    pub api_key: String,
    /// The secret half.
    pub api_secret: Secret,
}

impl From<accounts::Model> for Account {
    fn from(row: accounts::Model) -> Self {
        Self {
            id: AccountId(row.id),
            name: row.name,
            plan: row.plan,
            enabled: row.enabled,
            created_at: row.created_at,
            closed_at: row.closed_at,
        }
    }
}

/// Makes an account with one provisioning key. `plan` is the name of a plan, in any case.
pub(crate) async fn create(
    foundation: &Foundation,
    origin: &Origin,
    name: &str,
    plan: &str,
) -> Result<AccountCredentials, StoreError> {
    check_display_name(name)?;
    let plan = PricePlan::named(plan).ok_or_else(|| StoreError::UnknownPlan(plan.to_owned()))?;
    let now = foundation.clock.now();
    let account = accounts::Model {
        id: AccountId::generate(now).0,
        name: name.to_owned(),
        plan: plan.name().to_owned(),
        enabled: true,
        version: 1,
        environment_count: 0,
        created_at: now,
        closed_at: None,
    };
    let api_key = generate_api_key();
    let api_secret = generate_api_secret();
    let key = provisioning_keys::ActiveModel {
        api_key: Set(api_key.clone()),
        account_id: Set(account.id),
        name: Set("Root".to_owned()),
        sealed_secret: Set(foundation.key_encryption_key.seal(&api_secret)),
        role: Set(ACCOUNT_ADMIN.to_owned()),
        enabled: Set(true),
        created_at: Set(now),
    };
    let transaction = foundation.database.begin().await?;
    let row: accounts::ActiveModel = account.clone().into();
    accounts::Entity::insert(row.reset_all()).exec_without_returning(&transaction).await?;
    provisioning_keys::Entity::insert(key).exec_without_returning(&transaction).await?;
    let id = AccountId(account.id);
    let state = json!({"name": account.name, "plan": account.plan, "enabled": true, "provisioning_key": api_key});
    let entry = Entry::made("create_account", format!("account {id}"), state);
    audit::write(foundation, &transaction, id, None, origin, entry).await?;
    transaction.commit().await?;
    Ok(AccountCredentials { account: account.into(), api_key, api_secret })
}

/// A provisioning key of the account.
pub(crate) async fn provisioning_key(
    grant: &AccountGrant,
    api_key: &str,
) -> Result<provisioning_keys::Model, StoreError> {
    let not_found = || StoreError::ProvisioningKeyNotFound(api_key.to_owned());
    if !can_be_a_name(api_key) {
        return Err(not_found());
    }
    let row = provisioning_keys::Entity::find_by_id(api_key)
        .filter(provisioning_keys::Column::AccountId.eq(grant.account().id))
        .one(grant.foundation().database.reader())
        .await?;
    row.ok_or_else(not_found)
}

/// All accounts, oldest first.
pub(crate) async fn list(foundation: &Foundation) -> Result<Vec<Account>, StoreError> {
    let rows = accounts::Entity::find()
        .order_by_asc(accounts::Column::CreatedAt)
        .order_by_asc(accounts::Column::Id)
        .all(foundation.database.reader())
        .await?;
    Ok(rows.into_iter().map(Account::from).collect())
}

/// The account with that id.
pub(crate) async fn get(foundation: &Foundation, id: AccountId) -> Result<Account, StoreError> {
    let row = accounts::Entity::find_by_id(id.0).one(foundation.database.reader()).await?;
    row.map(Account::from).ok_or(StoreError::AccountNotFound(id))
}

/// The oldest account of that name that is not closed, with its oldest enabled provisioning key; none if either is missing.
pub(crate) async fn find(foundation: &Foundation, name: &str) -> Result<Option<AccountCredentials>, StoreError> {
    let account = accounts::Entity::find()
        .filter(accounts::Column::Name.eq(name))
        .filter(accounts::Column::ClosedAt.is_null())
        .order_by_asc(accounts::Column::CreatedAt)
        .order_by_asc(accounts::Column::Id)
        .one(foundation.database.reader())
        .await?;
    let Some(account) = account else {
        return Ok(None);
    };
    let key = provisioning_keys::Entity::find()
        .filter(provisioning_keys::Column::AccountId.eq(account.id))
        .filter(provisioning_keys::Column::Enabled.eq(true))
        .order_by_asc(provisioning_keys::Column::CreatedAt)
        .order_by_asc(provisioning_keys::Column::ApiKey)
        .one(foundation.database.reader())
        .await?;
    let Some(key) = key else {
        return Ok(None);
    };
    let api_secret = foundation.key_encryption_key.open(&key.sealed_secret)?;
    Ok(Some(AccountCredentials { account: account.into(), api_key: key.api_key, api_secret }))
}
