//! Policies that an account writes itself, in Cedar.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, EnvironmentId, PolicyId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Select,
};
use serde_json::{Value, json};

use super::{
    assignments::environment, cedar::check, enforcement::EVERY_ENVIRONMENT, error::PermissionsError,
    lockout::guard_last_administrator, roles::check_description, system::ScopeType,
};
use crate::{
    access::AccountGrant,
    changes::{self, Concerned, PrincipalChange},
    foundation::Foundation,
    names::check_display_name,
    store_error::StoreError,
    tables::custom_policies as rows,
};

/// A custom policy that the store of its account has found.
#[derive(Debug, Clone)]
pub(crate) struct CustomPolicy(rows::Model);

impl CustomPolicy {
    /// Its id.
    pub(crate) fn id(&self) -> PolicyId {
        PolicyId(self.0.id)
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for.
    pub(crate) fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The text, in Cedar.
    pub(crate) fn statement(&self) -> &str {
        &self.0.statement
    }

    /// `account` or `prodenv`.
    pub(crate) fn scope_type(&self) -> &str {
        &self.0.scope_type
    }

    /// The product environment, or `all`; none for the account.
    pub(crate) fn scope_id(&self) -> Option<&str> {
        self.0.scope_id.as_deref()
    }

    /// Whether it holds.
    pub(crate) fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// When it was made.
    pub(crate) fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it last changed.
    pub(crate) fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

/// Where policies hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// In the account or in product environments.
    pub kind: ScopeType,
    /// Which environment, or `all`; none for the account.
    pub id: Option<String>,
}

/// A policy as it is to be.
#[derive(Debug, Clone)]
pub(crate) struct PolicyContent {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The text, in Cedar.
    pub statement: String,
    /// Where it holds.
    pub scope: Scope,
    /// Whether it holds.
    pub enabled: bool,
}

/// A policy as the audit log names it.
fn target(row: &rows::Model) -> String {
    format!("policy {}", PolicyId(row.id))
}

/// A policy as the audit log shows it.
fn shown(row: &rows::Model) -> Value {
    json!({
        "name": row.name,
        "scope_type": row.scope_type,
        "scope_id": row.scope_id,
        "policy_statement": row.statement,
        "enabled": row.enabled,
    })
}

/// The custom policies of one account. The account is part of every query.
pub(crate) struct CustomPolicies<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    origin: &'a Origin,
}

impl<'a> CustomPolicies<'a> {
    /// The policies of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: AccountId(grant.account().id), origin: grant.origin() }
    }

    /// The base of every query.
    fn mine(&self) -> Select<rows::Entity> {
        rows::Entity::find().filter(rows::Column::AccountId.eq(self.account.0))
    }

    /// A page of the policies of a scope in the order in which they were made, those of all environments among those of one:
    /// `limit` of them behind the policy `after`.
    pub(crate) async fn list(
        &self,
        scope: &Scope,
        enabled: Option<bool>,
        after: Option<PolicyId>,
        limit: Option<u64>,
    ) -> Result<Vec<CustomPolicy>, PermissionsError> {
        let mut query = self.mine().filter(rows::Column::ScopeType.eq(scope.kind.name()));
        if let Some(id) = &scope.id {
            let reader = self.foundation.database.reader();
            let named = if id == EVERY_ENVIRONMENT { id.clone() } else { self.scope_id(reader, id).await? };
            query = query.filter(rows::Column::ScopeId.is_in([named, EVERY_ENVIRONMENT.to_owned()]));
        }
        if let Some(enabled) = enabled {
            query = query.filter(rows::Column::Enabled.eq(enabled));
        }
        if let Some(PolicyId(after)) = after {
            query = query.filter(rows::Column::Id.gt(after));
        }
        if let Some(limit) = limit {
            query = query.limit(limit);
        }
        let found = query.order_by_asc(rows::Column::Id).all(self.foundation.database.reader()).await?;
        Ok(found.into_iter().map(CustomPolicy).collect())
    }

    /// The policy of that id.
    pub(crate) async fn find(&self, id: &str) -> Result<CustomPolicy, PermissionsError> {
        let row = self.row(self.foundation.database.reader(), id).await?;
        Ok(CustomPolicy(row))
    }

    /// Makes a policy. In force on the connected regions when this returns, after at most the configured wait.
    pub(crate) async fn create(&self, content: PolicyContent) -> Result<CustomPolicy, PermissionsError> {
        check_content(&content)?;
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let scope_id = self.checked_scope(transaction, &content.scope).await?;
        let now = self.foundation.clock.now();
        let row = rows::Model {
            id: PolicyId::generate(now).0,
            account_id: self.account.0,
            scope_type: content.scope.kind.name().to_owned(),
            scope_id,
            name: content.name,
            description: content.description,
            statement: content.statement,
            enabled: content.enabled,
            created_at: now,
            updated_at: now,
        };
        rows::Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(transaction).await?;
        let entry = Entry::made("create_custom_policy", target(&row), shown(&row));
        self.finish(change, entry, &[&row]).await?;
        Ok(CustomPolicy(row))
    }

    /// Puts a policy in the place of the one that is there. One with the same statement is refused, as the vendor does.
    pub(crate) async fn replace(&self, id: &str, content: PolicyContent) -> Result<CustomPolicy, PermissionsError> {
        check_content(&content)?;
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let before = self.row(transaction, id).await?;
        if before.statement == content.statement {
            return Err(PermissionsError::Unchanged);
        }
        let scope_id = self.checked_scope(transaction, &content.scope).await?;
        let row = rows::Model {
            scope_type: content.scope.kind.name().to_owned(),
            scope_id,
            name: content.name,
            description: content.description,
            statement: content.statement,
            enabled: content.enabled,
            updated_at: self.foundation.clock.now(),
            ..before.clone()
        };
        let row = rows::Entity::update(row.into_active_model().reset_all()).exec(transaction).await?;
        let entry = Entry::changed("update_custom_policy", target(&row), shown(&before), shown(&row));
        self.finish(change, entry, &[&before, &row]).await?;
        Ok(CustomPolicy(row))
    }

    /// Deletes a policy.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), PermissionsError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let row = self.row(transaction, id).await?;
        rows::Entity::delete_by_id(row.id).exec(transaction).await?;
        let entry = Entry::removed("delete_custom_policy", target(&row), shown(&row));
        self.finish(change, entry, &[&row]).await
    }

    /// Commits, unless nobody could change roles afterwards, and tells the environments that the policies are about.
    async fn finish(
        &self,
        change: PrincipalChange<'_>,
        entry: Entry,
        about: &[&rows::Model],
    ) -> Result<(), PermissionsError> {
        guard_last_administrator(change.transaction(), self.account).await?;
        let mut environments = BTreeSet::new();
        let mut concerned = None;
        for row in about {
            let named = row.scope_id.as_deref().and_then(|id| id.parse::<EnvironmentId>().ok());
            match named {
                Some(EnvironmentId(id)) => {
                    environments.insert(id);
                }
                None => concerned = Some(Concerned::All),
            }
        }
        let concerned = concerned.unwrap_or(Concerned::These(environments));
        Ok(change.commit_with_environments(self.origin, entry, concerned).await?)
    }

    async fn row<C: ConnectionTrait>(&self, connection: &C, id: &str) -> Result<rows::Model, PermissionsError> {
        let not_found = || PermissionsError::PolicyNotFound(id.to_owned());
        let PolicyId(uuid) = id.parse().map_err(|_| not_found())?;
        let row: Option<rows::Model> = self.mine().filter(rows::Column::Id.eq(uuid)).one(connection).await?;
        row.ok_or_else(not_found)
    }

    /// Where a policy is to hold, as it is stored.
    async fn checked_scope<C: ConnectionTrait>(
        &self,
        connection: &C,
        scope: &Scope,
    ) -> Result<Option<String>, PermissionsError> {
        match (scope.kind, &scope.id) {
            (ScopeType::Account, _) => Ok(None),
            (ScopeType::Environment, None) => Err(PermissionsError::missing("scope_id")),
            (ScopeType::Environment, Some(id)) if id == EVERY_ENVIRONMENT => Ok(Some(id.clone())),
            (ScopeType::Environment, Some(id)) => self.scope_id(connection, id).await.map(Some),
        }
    }

    /// The id of an environment of the account, in its one spelling.
    async fn scope_id<C: ConnectionTrait>(&self, connection: &C, id: &str) -> Result<String, PermissionsError> {
        Ok(EnvironmentId(environment(connection, self.account, id).await?).to_string())
    }
}

fn check_content(content: &PolicyContent) -> Result<(), PermissionsError> {
    check_display_name(&content.name).map_err(StoreError::from)?;
    check_description(content.description.as_deref())?;
    check(&content.statement).map(|_| ()).map_err(PermissionsError::Statement)
}
