//! Product environments of one account.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    destination::without_credentials,
    ids::{AccountId, EnvironmentId},
    seam::snapshot::Limits,
    settings::{EnvironmentSettings, FolderMode, SettingsView},
};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::SimpleExpr,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    access::AccountGrant,
    access_keys::{self, AccessKey, AccessKeys},
    audit::OPERATOR,
    changes::Change,
    foundation::Foundation,
    names::{can_be_a_name, check_cloud_name, check_display_name, generate_cloud_name},
    regions,
    settings::SettingsChanges,
    snapshots::IssueError,
    store_error::StoreError,
    tables::{access_keys as key_rows, accounts, begins_with, can_be_kept, product_environments as rows},
};

/// A product environment that the store of its account has found; holding one is the proof that it is the account's.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    row: rows::Model,
    keys: Vec<AccessKey>,
}

impl Environment {
    /// Its id.
    pub(crate) fn id(&self) -> EnvironmentId {
        EnvironmentId(self.row.id)
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.row.name
    }

    /// The name in URLs.
    pub(crate) fn cloud_name(&self) -> &str {
        &self.row.cloud_name
    }

    /// The region that serves it.
    pub(crate) fn region(&self) -> &str {
        &self.row.region
    }

    /// Whether it may be used.
    pub(crate) fn enabled(&self) -> bool {
        self.row.enabled
    }

    /// The caller's own attributes, an object.
    pub(crate) fn custom_attributes(&self) -> &Value {
        &self.row.custom_attributes
    }

    /// What its administrators have set.
    pub(crate) fn settings(&self) -> Result<SettingsView, StoreError> {
        let settings: EnvironmentSettings =
            serde_json::from_value(self.row.settings.clone()).map_err(IssueError::from)?;
        let mode = FolderMode::from_name(&self.row.folder_mode).unwrap_or(FolderMode::Dynamic);
        Ok(SettingsView::new(mode, settings))
    }

    /// What it may do at most.
    pub(crate) fn limits(&self) -> Result<Limits, StoreError> {
        Ok(serde_json::from_value(self.row.limits.clone()).map_err(IssueError::from)?)
    }

    /// When it was made.
    pub(crate) fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When its own fields last changed.
    pub(crate) fn updated_at(&self) -> DateTime<Utc> {
        self.row.updated_at
    }

    /// Its access keys, oldest first.
    pub(crate) fn keys(&self) -> &[AccessKey] {
        &self.keys
    }
}

/// Which environments to list. With `ids` everything else is ignored, as on the vendor's wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct EnvironmentFilter {
    /// Only enabled ones, or only disabled ones.
    pub enabled: Option<bool>,
    /// Only these ids; unknown ones are passed over.
    pub ids: Option<Vec<String>>,
    /// Only these cloud names, in any case.
    pub cloud_names: Option<Vec<String>>,
    /// Only those whose display name begins with this text, in any case.
    pub prefix: Option<String>,
}

impl EnvironmentFilter {
    /// Whether it leaves any environment out.
    fn restricts(&self) -> bool {
        self.enabled.is_some() || self.ids.is_some() || self.cloud_names.is_some() || self.prefix.is_some()
    }
}

/// A product environment to be made.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewEnvironment {
    /// What people call it.
    pub name: String,
    /// The name in URLs; made up when absent.
    pub cloud_name: Option<String>,
    /// The environment of the same account whose settings are copied.
    pub base: Option<String>,
    /// The caller's own attributes; copied from the base, else empty, when absent.
    pub custom_attributes: Option<Map<String, Value>>,
    /// Whether it may be used from the start; yes when absent.
    pub enabled: Option<bool>,
    /// The region that serves it; the configured default when absent.
    pub region: Option<String>,
    /// How folders and public ids relate; as in the base, else independently, when absent.
    pub folder_mode: Option<FolderMode>,
}

/// What changes about a product environment; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct EnvironmentChanges {
    /// A new display name.
    pub name: Option<String>,
    /// A new name in URLs.
    pub cloud_name: Option<String>,
    /// New attributes in the place of all old ones.
    pub custom_attributes: Option<Map<String, Value>>,
    /// Switches it on or off.
    pub enabled: Option<bool>,
}

/// The product environments of one account. The account is part of every query.
pub(crate) struct Environments<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    origin: &'a Origin,
}

impl<'a> Environments<'a> {
    /// The environments of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: AccountId(grant.account().id), origin: grant.origin() }
    }

    /// The environments of an account on behalf of the operator.
    pub(crate) fn for_operator(foundation: &'a Foundation, account: AccountId) -> Self {
        Self { foundation, account, origin: &OPERATOR }
    }

    /// The environments of an account on behalf of somebody who has just made it.
    pub(crate) fn on_behalf_of(foundation: &'a Foundation, account: AccountId, origin: &'a Origin) -> Self {
        Self { foundation, account, origin }
    }

    /// The access keys of an environment.
    pub(crate) fn keys_of(&self, environment: &Environment) -> AccessKeys<'a> {
        AccessKeys::new(self.foundation, self.account, environment.id(), self.origin)
    }

    /// The base of every query: of this account and not deleted.
    fn mine(&self) -> Select<rows::Entity> {
        rows::Entity::find()
            .filter(rows::Column::AccountId.eq(self.account.0))
            .filter(rows::Column::DeletedAt.is_null())
    }

    /// The environments that pass the filter, oldest first.
    pub(crate) async fn list(&self, filter: &EnvironmentFilter) -> Result<Vec<Environment>, StoreError> {
        Ok(self.list_page(filter, None).await?.0)
    }

    /// A page of the environments that pass the filter, oldest first, and how many pass it in all. The page is given by its number,
    /// from 1, and its size; everything when absent. However many they are, it takes one query for them and one for their keys, and
    /// beyond that one for the ids on a page and one for the number of all.
    pub(crate) async fn list_page(
        &self,
        filter: &EnvironmentFilter,
        page: Option<(u64, u64)>,
    ) -> Result<(Vec<Environment>, u64), StoreError> {
        if filter.ids.is_none() && filter.prefix.as_deref().is_some_and(|prefix| !can_be_a_name(prefix)) {
            return Ok((Vec::new(), 0));
        }
        let chosen = self.filtered(filter);
        let of_chosen = chosen.clone().select_only().column(rows::Column::Id).into_query();
        let in_order = chosen.clone().order_by_asc(rows::Column::CreatedAt).order_by_asc(rows::Column::Id);
        let reader = self.foundation.database.reader();
        let keys_of = |of_found: SimpleExpr| {
            let keys = key_rows::Entity::find().filter(of_found).order_by_asc(key_rows::Column::CreatedAt);
            keys.order_by_asc(key_rows::Column::ApiKey).all(reader)
        };
        let (found, keys, total) = match page {
            None => {
                let found = in_order.all(reader).await?;
                let keys = keys_of(key_rows::Column::EnvironmentId.in_subquery(of_chosen)).await?;
                let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
                (found, keys, total)
            }
            Some((page, size)) => {
                let on_page = async {
                    // What comes before the page is passed over in the index: chosen by their ids alone, those rows are never read.
                    // As one query with a subquery PostgreSQL plans it, once it is prepared, for a page of unknown size, and reads all.
                    let skipped = page.saturating_sub(1).saturating_mul(size);
                    let ids = in_order.select_only().column(rows::Column::Id).limit(size).offset(skipped);
                    let ids: Vec<Uuid> = ids.into_tuple().all(reader).await?;
                    let keys = keys_of(key_rows::Column::EnvironmentId.is_in(ids.iter().copied()));
                    // Nothing but the ids, which are this account's: with more to go by, a planner that has no figures yet goes by that.
                    let found = rows::Entity::find().filter(rows::Column::Id.is_in(ids));
                    let found = found.order_by_asc(rows::Column::CreatedAt).order_by_asc(rows::Column::Id);
                    tokio::try_join!(found.all(reader), keys)
                };
                let total =
                    async { if filter.restricts() { chosen.count(reader).await } else { self.how_many().await } };
                // Counting what passes a filter reads all of it, so nobody waits for it longer than for the page.
                let ((mut found, keys), total) = tokio::try_join!(on_page, total)?;
                // One may have been deleted after its id was found.
                found.retain(|row| row.deleted_at.is_none());
                (found, keys, total)
            }
        };
        let mut by_environment: HashMap<Uuid, Vec<AccessKey>> = HashMap::new();
        for key in keys {
            let of_environment = by_environment.entry(key.environment_id).or_default();
            of_environment.push(AccessKey::open(&self.foundation.key_encryption_key, key)?);
        }
        let with_keys = |row: rows::Model| {
            let keys = by_environment.remove(&row.id).unwrap_or_default();
            Environment { row, keys }
        };
        Ok((found.into_iter().map(with_keys).collect(), total))
    }

    /// How many the account has, as its row says.
    async fn how_many(&self) -> Result<u64, DbErr> {
        let row = accounts::Entity::find_by_id(self.account.0).one(self.foundation.database.reader()).await?;
        Ok(row.map_or(0, |row| row.environments()))
    }

    fn filtered(&self, filter: &EnvironmentFilter) -> Select<rows::Entity> {
        if let Some(ids) = &filter.ids {
            let ids = ids.iter().filter_map(|id| id.parse().ok()).map(|EnvironmentId(id)| id);
            return self.mine().filter(rows::Column::Id.is_in(ids));
        }
        let mut chosen = self.mine();
        if let Some(enabled) = filter.enabled {
            chosen = chosen.filter(rows::Column::Enabled.eq(enabled));
        }
        if let Some(names) = &filter.cloud_names {
            chosen = chosen
                .filter(rows::Column::CloudName.is_in(names.iter().filter_map(|name| check_cloud_name(name).ok())));
        }
        if let Some(prefix) = &filter.prefix {
            chosen = chosen.filter(rows::Column::NameFolded.like(begins_with(&prefix.to_lowercase())));
        }
        chosen
    }

    /// The environment with that id.
    pub(crate) async fn find(&self, id: &str) -> Result<Environment, StoreError> {
        let not_found = || StoreError::EnvironmentNotFound(id.to_owned());
        let EnvironmentId(uuid) = id.parse().map_err(|_| not_found())?;
        let row = self.mine().filter(rows::Column::Id.eq(uuid)).one(self.foundation.database.reader()).await?;
        self.with_keys(row.ok_or_else(not_found)?).await
    }

    /// The environment with that cloud name, if the account has one.
    pub(crate) async fn find_by_cloud_name(&self, cloud_name: &str) -> Result<Option<Environment>, StoreError> {
        let filter = EnvironmentFilter { cloud_names: Some(vec![cloud_name.to_owned()]), ..Default::default() };
        Ok(self.list(&filter).await?.pop())
    }

    /// A key of the account by its public half, with its environment.
    pub(crate) async fn find_key(&self, api_key: &str) -> Result<(Environment, AccessKey), StoreError> {
        let not_found = || StoreError::AccessKeyNotFound(api_key.to_owned());
        if !can_be_a_name(api_key) {
            return Err(not_found());
        }
        let row = key_rows::Entity::find_by_id(api_key).one(self.foundation.database.reader()).await?;
        let environment = row.ok_or_else(not_found)?.environment_id;
        // The key of another account is found nowhere, because its environment is not one of this account's.
        let row = self.mine().filter(rows::Column::Id.eq(environment)).one(self.foundation.database.reader()).await?;
        let environment = self.with_keys(row.ok_or_else(not_found)?).await?;
        let key = environment.keys.iter().find(|key| key.api_key() == api_key).cloned().ok_or_else(not_found)?;
        Ok((environment, key))
    }

    async fn with_keys(&self, row: rows::Model) -> Result<Environment, StoreError> {
        let keys = AccessKeys::new(self.foundation, self.account, EnvironmentId(row.id), self.origin).all().await?;
        Ok(Environment { row, keys })
    }

    /// Makes an environment with its first access key.
    pub(crate) async fn create(&self, new: NewEnvironment) -> Result<Environment, StoreError> {
        check_display_name(&new.name)?;
        let base = match &new.base {
            Some(id) => Some(self.find(id).await?.row),
            None => None,
        };
        let cloud_name = match &new.cloud_name {
            Some(name) => check_cloud_name(name)?,
            None => generate_cloud_name(),
        };
        if let Some(region) = &new.region
            && regions::find(self.foundation, region).await?.is_none()
        {
            return Err(StoreError::UnknownRegion(region.clone()));
        }
        let now = self.foundation.clock.now();
        let row = rows::Model {
            id: EnvironmentId::generate(now).0,
            account_id: self.account.0,
            name_folded: new.name.to_lowercase(),
            name: new.name,
            cloud_name,
            region: new.region.unwrap_or_else(|| self.foundation.config.default_region.clone()),
            enabled: new.enabled.unwrap_or(true),
            custom_attributes: match (new.custom_attributes, &base) {
                (Some(attributes), _) => check_attributes(attributes)?,
                (None, Some(base)) => base.custom_attributes.clone(),
                (None, None) => json!({}),
            },
            limits: match &base {
                Some(base) => base.limits.clone(),
                None => serde_json::to_value(&self.foundation.config.limits).map_err(IssueError::from)?,
            },
            settings: match &base {
                Some(base) => base.settings.clone(),
                None => json!({}),
            },
            folder_mode: match (new.folder_mode, &base) {
                (Some(mode), _) => mode.name().to_owned(),
                (None, Some(base)) => base.folder_mode.clone(),
                (None, None) => FolderMode::Dynamic.name().to_owned(),
            },
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let change = Change::with_new(self.foundation, row).await?;
        let key = access_keys::insert_root(self.foundation, &change).await?;
        let row = change.environment();
        let entry = Entry::made("create_product_environment", target(row), shown(row));
        let row = change.commit(self.origin, entry).await?;
        Ok(Environment { row, keys: vec![key] })
    }

    /// Changes an environment.
    pub(crate) async fn update(
        &self,
        environment: &Environment,
        changes: EnvironmentChanges,
    ) -> Result<Environment, StoreError> {
        let cloud_name = changes.cloud_name.as_deref().map(check_cloud_name).transpose()?;
        if let Some(name) = &changes.name {
            check_display_name(name)?;
        }
        let attributes = changes.custom_attributes.map(check_attributes).transpose()?;
        let mut change = Change::of(self.foundation, self.account, environment.row.id).await?;
        let mut row = change.environment().clone();
        let before = shown(&row);
        if let Some(name) = changes.name {
            row.name_folded = name.to_lowercase();
            row.name = name;
        }
        if let Some(cloud_name) = cloud_name {
            row.cloud_name = cloud_name;
        }
        if let Some(attributes) = attributes {
            row.custom_attributes = attributes;
        }
        if let Some(enabled) = changes.enabled {
            row.enabled = enabled;
        }
        row.updated_at = self.foundation.clock.now();
        change.write(row).await?;
        let row = change.environment();
        let entry = Entry::changed("update_product_environment", target(row), before, shown(row));
        let row = change.commit(self.origin, entry).await?;
        self.with_keys(row).await
    }

    /// Sets what the changes name; the rest stays.
    pub(crate) async fn set(
        &self,
        environment: &Environment,
        changes: SettingsChanges,
    ) -> Result<Environment, StoreError> {
        let mut change = Change::of(self.foundation, self.account, environment.row.id).await?;
        let mut row = change.environment().clone();
        let before = all_settings(&row);
        if let Some(mode) = changes.folder_mode() {
            row.folder_mode = mode.name().to_owned();
        }
        let settings = serde_json::from_value(row.settings.clone()).map_err(IssueError::from)?;
        let settings = changes.apply(settings).map_err(IssueError::from)?;
        row.settings = serde_json::to_value(settings).map_err(IssueError::from)?;
        row.updated_at = self.foundation.clock.now();
        change.write(row).await?;
        let row = change.environment();
        let entry = Entry::changed("update_environment_settings", target(row), before, all_settings(row));
        let row = change.commit(self.origin, entry).await?;
        self.with_keys(row).await
    }

    /// Sets limits by their names and leaves the others.
    pub(crate) async fn limit(
        &self,
        environment: &Environment,
        changes: &BTreeMap<String, u64>,
    ) -> Result<Limits, StoreError> {
        let mut change = Change::of(self.foundation, self.account, environment.row.id).await?;
        let mut row = change.environment().clone();
        let before = row.limits.clone();
        let mut after = before.as_object().cloned().unwrap_or_default();
        after.extend(changes.iter().map(|(name, value)| (name.clone(), json!(value))));
        row.limits = Value::Object(after);
        let limits = serde_json::from_value(row.limits.clone()).map_err(IssueError::from)?;
        row.updated_at = self.foundation.clock.now();
        change.write(row).await?;
        let row = change.environment();
        let entry = Entry::changed("update_environment_limits", target(row), before, row.limits.clone());
        change.commit(self.origin, entry).await?;
        Ok(limits)
    }

    /// Deletes an environment. Its row stays as a tombstone, its keys go with their secrets, no user has it any more, and its
    /// cloud name is free again.
    pub(crate) async fn delete(&self, environment: &Environment) -> Result<(), StoreError> {
        let mut change = Change::of_removal(self.foundation, self.account, environment.row.id).await?;
        let row = change.environment();
        let entry = Entry::removed("delete_product_environment", target(row), shown(row));
        change.bury().await?;
        change.commit(self.origin, entry).await?;
        Ok(())
    }
}

/// An environment as the audit log names it.
fn target(row: &rows::Model) -> String {
    format!("product_environment {}", EnvironmentId(row.id))
}

/// An environment as the audit log shows it.
fn shown(row: &rows::Model) -> Value {
    json!({
        "name": row.name,
        "cloud_name": row.cloud_name,
        "region": row.region,
        "enabled": row.enabled,
        "custom_attributes": row.custom_attributes,
        "folder_mode": row.folder_mode,
    })
}

/// The settings of an environment as the audit log shows them.
fn all_settings(row: &rows::Model) -> Value {
    let mut settings = row.settings.clone();
    if let Some(url) = settings.get_mut("notification_url") {
        *url = json!(url.as_str().map(without_credentials));
    }
    if let Value::Object(settings) = &mut settings {
        settings.insert("folder_mode".into(), row.folder_mode.as_str().into());
    }
    settings
}

/// Checks the caller's own attributes.
fn check_attributes(attributes: Map<String, Value>) -> Result<Value, StoreError> {
    let attributes = Value::Object(attributes);
    if can_be_kept(&attributes) { Ok(attributes) } else { Err(StoreError::InvalidAttributes) }
}
