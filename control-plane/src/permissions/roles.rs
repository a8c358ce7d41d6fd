//! Roles: the system's own, and those that an account puts together of system policies.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, uuid_at},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, Select,
};
use serde_json::{Value, json};

use super::{
    enforcement::ids_of,
    error::PermissionsError,
    held,
    lockout::guard_last_administrator,
    system::{
        self, FOLDER_PARAMETER, PermissionType, SYSTEM_PREFIX, SYSTEM_ROLES, SYSTEM_SINCE, ScopeType, SystemPolicy,
    },
};
use crate::{
    access::AccountGrant,
    changes::{self, Concerned, PrincipalChange},
    foundation::Foundation,
    names::{can_be_a_name, check_display_name},
    store_error::StoreError,
    tables::custom_roles as rows,
};

/// An id of a role may be this long, in bytes.
const LONGEST_ID: usize = 128;
/// A role may have this many policies.
const MOST_POLICIES: usize = 100;
/// A description may be this long, in characters.
pub(crate) const LONGEST_DESCRIPTION: usize = 2_000;

/// A role, whosever it is.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it is the system's own.
    pub is_system: bool,
    /// Global or of a folder.
    pub permission_type: PermissionType,
    /// Of the account or of product environments.
    pub scope_type: ScopeType,
    /// Its policies.
    pub policies: Vec<&'static SystemPolicy>,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// When it last changed, in seconds since 1970.
    pub updated_at: i64,
}

impl Role {
    /// The parameters that an assignment has to name.
    pub(crate) fn parameters(&self) -> &'static [&'static str] {
        match self.permission_type {
            PermissionType::Global => &[],
            PermissionType::Content => &[FOLDER_PARAMETER],
        }
    }
}

impl From<&'static system::SystemRole> for Role {
    fn from(role: &'static system::SystemRole) -> Self {
        Self {
            id: role.id.to_owned(),
            name: role.name.to_owned(),
            description: Some(role.description.to_owned()),
            is_system: true,
            permission_type: role.permission_type,
            scope_type: role.scope_type,
            policies: role.policies.iter().filter_map(|id| system::policy(id)).collect(),
            created_at: SYSTEM_SINCE,
            updated_at: SYSTEM_SINCE,
        }
    }
}

impl From<&rows::Model> for Role {
    fn from(row: &rows::Model) -> Self {
        Self {
            id: row.id.clone(),
            name: row.name.clone(),
            description: row.description.clone(),
            is_system: false,
            permission_type: PermissionType::parse(&row.permission_type).unwrap_or(PermissionType::Global),
            scope_type: ScopeType::parse(&row.scope_type).unwrap_or(ScopeType::Environment),
            policies: ids_of(row).iter().filter_map(|id| system::policy(id)).collect(),
            created_at: row.created_at.timestamp(),
            updated_at: row.updated_at.timestamp(),
        }
    }
}

/// A custom role to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewRole {
    /// Its id; made up when absent.
    pub id: Option<String>,
    /// Global or of a folder.
    pub permission_type: PermissionType,
    /// Of the account or of product environments.
    pub scope_type: ScopeType,
    /// What it is from the start.
    pub content: RoleContent,
}

/// What may change about a custom role.
#[derive(Debug, Clone)]
pub(crate) struct RoleContent {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The ids of its system policies; none stay as they are when absent.
    pub policy_ids: Option<Vec<String>>,
}

/// The role of that id, whosever it is.
pub(crate) async fn find<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    id: &str,
) -> Result<Role, PermissionsError> {
    if let Some(role) = system::role(id) {
        return Ok(Role::from(role));
    }
    let not_found = || PermissionsError::RoleNotFound(id.to_owned());
    if !can_be_a_name(id) {
        return Err(not_found());
    }
    let row = mine(account).filter(rows::Column::Id.eq(id)).one(connection).await?;
    row.as_ref().map(Role::from).ok_or_else(not_found)
}

/// All roles: the system's, then the account's own by name.
pub(crate) async fn all<C: ConnectionTrait>(connection: &C, account: AccountId) -> Result<Vec<Role>, PermissionsError> {
    let own = mine(account).order_by_asc(rows::Column::Name).order_by_asc(rows::Column::Id).all(connection).await?;
    Ok(SYSTEM_ROLES.iter().map(Role::from).chain(own.iter().map(Role::from)).collect())
}

/// The base of every query of custom roles.
fn mine(account: AccountId) -> Select<rows::Entity> {
    rows::Entity::find().filter(rows::Column::AccountId.eq(account.0))
}

/// A role as the audit log names it.
fn target(row: &rows::Model) -> String {
    format!("role {}", row.id)
}

/// A role as the audit log shows it.
fn shown(row: &rows::Model) -> Value {
    json!({
        "name": row.name,
        "permission_type": row.permission_type,
        "scope_type": row.scope_type,
        "system_policy_ids": row.policy_ids,
    })
}

/// The custom roles of one account. The account is part of every query.
pub(crate) struct Roles<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    origin: &'a Origin,
}

impl<'a> Roles<'a> {
    /// The roles of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: AccountId(grant.account().id), origin: grant.origin() }
    }

    /// All roles, the system's among them.
    pub(crate) async fn list(&self) -> Result<Vec<Role>, PermissionsError> {
        all(self.foundation.database.reader(), self.account).await
    }

    /// The role of that id.
    pub(crate) async fn find(&self, id: &str) -> Result<Role, PermissionsError> {
        find(self.foundation.database.reader(), self.account, id).await
    }

    /// Makes a role.
    pub(crate) async fn create(&self, new: NewRole) -> Result<Role, PermissionsError> {
        check_content(&new.content)?;
        let policy_ids = new.content.policy_ids.unwrap_or_default();
        check_policies(&policy_ids, new.scope_type, new.permission_type)?;
        let now = self.foundation.clock.now();
        let id = match new.id {
            Some(id) => check_id(id)?,
            None => made_up_id(&new.content.name, now),
        };
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        if mine(self.account).filter(rows::Column::Id.eq(&id)).one(transaction).await?.is_some() {
            return Err(PermissionsError::RoleIdTaken(id));
        }
        self.check_name(transaction, &id, &new.content.name).await?;
        let row = rows::Model {
            account_id: self.account.0,
            id,
            permission_type: new.permission_type.name().to_owned(),
            scope_type: new.scope_type.name().to_owned(),
            name: new.content.name,
            description: new.content.description,
            policy_ids: json!(policy_ids),
            created_at: now,
            updated_at: now,
        };
        rows::Entity::insert(row.clone().into_active_model().reset_all()).exec_without_returning(transaction).await?;
        change.commit(self.origin, Entry::made("create_role", target(&row), shown(&row))).await?;
        Ok(Role::from(&row))
    }

    /// Changes a role. What its holders may do changes at once, on the connected regions too.
    pub(crate) async fn update(&self, id: &str, content: RoleContent) -> Result<Role, PermissionsError> {
        check_content(&content)?;
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let mut row = self.locked(transaction, id).await?;
        let (role, before) = (Role::from(&row), shown(&row));
        if let Some(ids) = content.policy_ids {
            check_policies(&ids, role.scope_type, role.permission_type)?;
            row.policy_ids = json!(ids);
        }
        self.check_name(transaction, &row.id, &content.name).await?;
        row.name = content.name;
        row.description = content.description;
        row.updated_at = self.foundation.clock.now();
        let row = rows::Entity::update(row.into_active_model().reset_all()).exec(transaction).await?;
        self.finish(change, Entry::changed("update_role", target(&row), before, shown(&row))).await?;
        Ok(Role::from(&row))
    }

    /// Deletes a role. One that principals have is deleted only if `force` is given, and taken from them.
    pub(crate) async fn delete(&self, id: &str, force: bool) -> Result<(), PermissionsError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let row = self.locked(transaction, id).await?;
        let holders = held::holders(transaction, self.account, &row.id).await?;
        if holders > 0 && !force {
            return Err(PermissionsError::RoleHeld { role: row.id, holders });
        }
        held::take_from_all(transaction, self.account, &row.id).await?;
        rows::Entity::delete_many()
            .filter(rows::Column::AccountId.eq(self.account.0))
            .filter(rows::Column::Id.eq(&row.id))
            .exec(transaction)
            .await?;
        self.finish(change, Entry::removed("delete_role", target(&row), shown(&row))).await
    }

    /// Commits, unless nobody could change roles afterwards.
    async fn finish(&self, change: PrincipalChange<'_>, entry: Entry) -> Result<(), PermissionsError> {
        guard_last_administrator(change.transaction(), self.account).await?;
        Ok(change.commit_with_environments(self.origin, entry, Concerned::All).await?)
    }

    /// A custom role within a change, which holds the lock of the account and so of all its roles.
    async fn locked(&self, transaction: &DatabaseTransaction, id: &str) -> Result<rows::Model, PermissionsError> {
        if system::role(id).is_some() {
            return Err(PermissionsError::SystemRole(id.to_owned()));
        }
        let not_found = || PermissionsError::RoleNotFound(id.to_owned());
        if !can_be_a_name(id) {
            return Err(not_found());
        }
        mine(self.account).filter(rows::Column::Id.eq(id)).one(transaction).await?.ok_or_else(not_found)
    }

    /// Refuses a name that another role of the account has.
    async fn check_name(
        &self,
        transaction: &DatabaseTransaction,
        id: &str,
        name: &str,
    ) -> Result<(), PermissionsError> {
        let other = mine(self.account)
            .filter(rows::Column::Name.eq(name))
            .filter(rows::Column::Id.ne(id))
            .one(transaction)
            .await?;
        if other.is_some() { Err(PermissionsError::RoleNameTaken(name.to_owned())) } else { Ok(()) }
    }
}

fn check_content(content: &RoleContent) -> Result<(), PermissionsError> {
    check_display_name(&content.name).map_err(StoreError::from)?;
    check_description(content.description.as_deref())
}

/// Checks what people write about a role or a policy.
pub(crate) fn check_description(description: Option<&str>) -> Result<(), PermissionsError> {
    match description {
        Some(text) if text.chars().count() > LONGEST_DESCRIPTION => Err(PermissionsError::Invalid(format!(
            "Invalid value for parameter description: at most {LONGEST_DESCRIPTION} characters"
        ))),
        _ => Ok(()),
    }
}

fn check_id(id: String) -> Result<String, PermissionsError> {
    let is_plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:.".contains(&b));
    if !is_plain || id.is_empty() || id.len() > LONGEST_ID || id.starts_with(SYSTEM_PREFIX) {
        let why =
            format!("use 1 to {LONGEST_ID} letters, digits, _, -, : and ., and do not begin with {SYSTEM_PREFIX}");
        return Err(PermissionsError::value("id", &id, &why));
    }
    Ok(id)
}

/// The policies of a role are of its own scope and type.
fn check_policies(
    ids: &[String],
    scope_type: ScopeType,
    permission_type: PermissionType,
) -> Result<(), PermissionsError> {
    if ids.len() > MOST_POLICIES {
        let text = format!("Invalid value for parameter system_policy_ids: at most {MOST_POLICIES} entries");
        return Err(PermissionsError::Invalid(text));
    }
    for id in ids {
        let refused = |why: &str| Err(PermissionsError::value("system_policy_ids", id, why));
        match system::policy(id) {
            None => return refused("there is no such system policy"),
            Some(policy) if policy.scope_type != scope_type => return refused("it is of another scope_type"),
            Some(policy) if policy.permission_type != permission_type => {
                return refused("it is of another permission_type");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// An id that says what it is, as in `upload_manager_0193a1b2c3d4`.
fn made_up_id(name: &str, now: DateTime<Utc>) -> String {
    let word: String =
        name.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    format!("{word}_{}", uuid_at(now).as_simple())
}
