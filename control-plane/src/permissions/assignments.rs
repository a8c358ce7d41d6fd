//! Who has which role.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, EnvironmentId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, Select,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    enforcement::{EVERY_ENVIRONMENT, parameters_key},
    error::PermissionsError,
    held::{Held, Principal, PrincipalType, in_order, mine, read, settled},
    lockout::guard_last_administrator,
    principals::{self, Known},
    roles::{self, Role},
    system::{FOLDER_PARAMETER, PermissionType, ScopeType},
};
use crate::{
    access::AccountGrant,
    changes::{self, Concerned},
    foundation::Foundation,
    store_error::StoreError,
    tables::{product_environments, role_assignments as rows, settled_principals},
};

/// The path of a folder that a role is assigned for may be this long, in characters.
const LONGEST_FOLDER: usize = 1_024;

/// Whether roles are given or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Given.
    Add,
    /// Taken away.
    Remove,
}

/// A role for a principal, as it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    /// Who.
    pub principal: Principal,
    /// Which role.
    pub role_id: String,
    /// In which product environment, or `all`; the key's own for access keys when absent.
    pub scope_id: Option<String>,
    /// The parameters of a role of a folder.
    pub parameters: BTreeMap<String, String>,
}

/// All roles of the account's principals, or of one of them: those that were assigned, and the default of everybody whose roles
/// nobody has changed.
pub(crate) async fn held<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    only: Option<&Principal>,
) -> Result<Vec<Held>, DbErr> {
    let mut assigned = in_order(mine(account));
    let mut changed = settled_principals::Entity::find().filter(settled_principals::Column::AccountId.eq(account.0));
    if let Some(principal) = only {
        assigned = assigned
            .filter(rows::Column::PrincipalType.eq(principal.kind.name()))
            .filter(rows::Column::PrincipalId.eq(&principal.id));
        changed = changed
            .filter(settled_principals::Column::PrincipalType.eq(principal.kind.name()))
            .filter(settled_principals::Column::PrincipalId.eq(&principal.id));
    }
    let changed: HashSet<(String, String)> =
        changed.all(connection).await?.into_iter().map(|row| (row.principal_type, row.principal_id)).collect();
    let is_settled = |one: &Principal| changed.contains(&(one.kind.name().to_owned(), one.id.clone()));
    let known = principals::known(connection, account, only).await?;
    let present: HashSet<&Principal> = known.iter().map(|known| &known.principal).collect();
    let assigned = assigned.all(connection).await?.into_iter().filter_map(read);
    // What was assigned to somebody who is not there any more is nobody's.
    let mut held: Vec<Held> = assigned.filter(|held| present.contains(&held.principal)).collect();
    let by_default = known.iter().filter(|known| !is_settled(&known.principal));
    held.extend(by_default.filter_map(|known| known.by_default.clone()));
    held.sort_by(|a, b| (&a.principal, &a.role_id, &a.scope_id).cmp(&(&b.principal, &b.role_id, &b.scope_id)));
    Ok(held)
}

/// The principals of a change as the audit log names them: the one, or how many.
fn target(principals: &BTreeSet<Principal>) -> String {
    match principals.iter().collect::<Vec<_>>().as_slice() {
        [one] => named(one),
        several => format!("{} principals", several.len()),
    }
}

/// The roles of principals, by their names.
type Shown = BTreeMap<String, Vec<Value>>;

/// Takes out what is the same before and after: a principal may have more roles than a record has room for.
fn leave_what_differs(before: &mut Shown, after: &mut Shown) {
    for (name, earlier) in before {
        let Some(later) = after.get_mut(name) else { continue };
        let kept: Vec<Value> = earlier.iter().filter(|role| later.contains(role)).cloned().collect();
        earlier.retain(|role| !kept.contains(role));
        later.retain(|role| !kept.contains(role));
    }
}

fn named(principal: &Principal) -> String {
    format!("{} {}", principal.kind.name(), principal.id)
}

/// The assignments of one account. The account is part of every query.
pub(crate) struct Assignments<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    origin: &'a Origin,
}

impl<'a> Assignments<'a> {
    /// The assignments of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: AccountId(grant.account().id), origin: grant.origin() }
    }

    /// The roles of all principals, by principal.
    pub(crate) async fn all(&self) -> Result<Vec<Held>, PermissionsError> {
        Ok(held(self.foundation.database.reader(), self.account, None).await?)
    }

    /// The roles of one principal, which has to be there.
    pub(crate) async fn of_principal(&self, principal: &Principal) -> Result<Vec<Held>, PermissionsError> {
        let reader = self.foundation.database.reader();
        principals::find(reader, self.account, principal).await?;
        Ok(held(reader, self.account, Some(principal)).await?)
    }

    /// Gives or takes roles, all of them or none; `by` is the operation of the table. In force on the connected regions when this returns, after at most the configured
    /// wait. Giving what is there already and taking what is not there changes nothing.
    pub(crate) async fn change(
        &self,
        by: &'static str,
        operation: Operation,
        assignments: Vec<Assignment>,
    ) -> Result<(), PermissionsError> {
        let now = self.foundation.clock.now();
        let principals: BTreeSet<Principal> = assignments.iter().map(|one| one.principal.clone()).collect();
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let mut before = self.shown(transaction, &principals).await?;
        let mut environments = BTreeSet::new();
        for assignment in assignments {
            let known = principals::find(transaction, self.account, &assignment.principal).await?;
            let role = roles::find(transaction, self.account, &assignment.role_id).await?;
            let scope_id = self.scope(transaction, &known, &role, assignment.scope_id).await?;
            let parameters = check_parameters(&role, assignment.parameters)?;
            self.settle(transaction, &known).await?;
            environments.extend(known.environment);
            let held = Held {
                principal: known.principal,
                role_id: role.id,
                scope_id,
                parameters,
                created_at: now,
                updated_at: now,
            };
            match operation {
                Operation::Add => self.add(transaction, held, now).await?,
                Operation::Remove => self.remove(transaction, &held).await?,
            }
        }
        guard_last_administrator(transaction, self.account).await?;
        let mut after = self.shown(transaction, &principals).await?;
        leave_what_differs(&mut before, &mut after);
        let entry = Entry::changed(by, target(&principals), json!(before), json!(after));
        let concerned = Concerned::These(environments);
        Ok(change.commit_with_environments(self.origin, entry, concerned).await?)
    }

    /// The roles of principals as the audit log shows them.
    async fn shown(
        &self,
        transaction: &DatabaseTransaction,
        principals: &BTreeSet<Principal>,
    ) -> Result<Shown, PermissionsError> {
        let mut shown = Shown::new();
        for principal in principals {
            let held = held(transaction, self.account, Some(principal)).await?;
            let roles = held
                .iter()
                .map(|one| json!({"role": one.role_id, "scope_id": one.scope_id, "policy_parameters": one.parameters}));
            shown.insert(named(principal), roles.collect());
        }
        Ok(shown)
    }

    /// From now on a principal has the roles of its rows; the first of them is the one that it had by default.
    async fn settle(&self, transaction: &DatabaseTransaction, known: &Known) -> Result<(), PermissionsError> {
        let (kind, id) = (known.principal.kind, known.principal.id.as_str());
        if settled(transaction, self.account, kind, &[id]).await?.contains(id) {
            return Ok(());
        }
        let row = settled_principals::Model {
            account_id: self.account.0,
            principal_type: kind.name().to_owned(),
            principal_id: id.to_owned(),
        };
        settled_principals::Entity::insert(row.into_active_model().reset_all())
            .exec_without_returning(transaction)
            .await?;
        match &known.by_default {
            Some(held) => self.add(transaction, held.clone(), held.updated_at).await,
            None => Ok(()),
        }
    }

    async fn add(
        &self,
        transaction: &DatabaseTransaction,
        held: Held,
        now: DateTime<Utc>,
    ) -> Result<(), PermissionsError> {
        if let Some(row) = self.row(&held).one(transaction).await? {
            let row = rows::Model { updated_at: now, ..row };
            rows::Entity::update(row.into_active_model().reset_all()).exec(transaction).await?;
            return Ok(());
        }
        let row = rows::Model {
            account_id: self.account.0,
            principal_type: held.principal.kind.name().to_owned(),
            principal_id: held.principal.id,
            role_id: held.role_id,
            scope_id: held.scope_id,
            parameters_key: parameters_key(&held.parameters),
            policy_parameters: json!(held.parameters),
            created_at: held.created_at,
            updated_at: now,
        };
        rows::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(transaction).await?;
        Ok(())
    }

    async fn remove(&self, transaction: &DatabaseTransaction, held: &Held) -> Result<(), PermissionsError> {
        rows::Entity::delete_many()
            .filter(rows::Column::AccountId.eq(self.account.0))
            .filter(rows::Column::PrincipalType.eq(held.principal.kind.name()))
            .filter(rows::Column::PrincipalId.eq(&held.principal.id))
            .filter(rows::Column::RoleId.eq(&held.role_id))
            .filter(rows::Column::ScopeId.eq(&held.scope_id))
            .filter(rows::Column::ParametersKey.eq(parameters_key(&held.parameters)))
            .exec(transaction)
            .await?;
        Ok(())
    }

    /// The row of an assignment.
    fn row(&self, held: &Held) -> Select<rows::Entity> {
        mine(self.account)
            .filter(rows::Column::PrincipalType.eq(held.principal.kind.name()))
            .filter(rows::Column::PrincipalId.eq(&held.principal.id))
            .filter(rows::Column::RoleId.eq(&held.role_id))
            .filter(rows::Column::ScopeId.eq(&held.scope_id))
            .filter(rows::Column::ParametersKey.eq(parameters_key(&held.parameters)))
    }

    /// Where a role is to hold, checked. What would be kept and never asked is refused: a role of the account does nothing for an
    /// access key, and a role of an environment nothing for a provisioning key.
    async fn scope<C: ConnectionTrait>(
        &self,
        connection: &C,
        known: &Known,
        role: &Role,
        scope_id: Option<String>,
    ) -> Result<String, PermissionsError> {
        let refused = |why: &str| Err(PermissionsError::value("role_id", &role.id, why));
        match (role.scope_type, known.principal.kind) {
            (ScopeType::Account, PrincipalType::ApiKey) => {
                return refused("it is a role of the account, which an access key cannot have");
            }
            (ScopeType::Environment, PrincipalType::ProvisioningKey) => {
                return refused("it is a role of product environments, which a provisioning key cannot have");
            }
            (ScopeType::Account, _) => return Ok(String::new()),
            (ScopeType::Environment, _) => {}
        }
        match (known.environment, scope_id) {
            (Some(own), None) => Ok(EnvironmentId(own).to_string()),
            (None, None) => Err(PermissionsError::missing("scope_id")),
            (_, Some(id)) if id == EVERY_ENVIRONMENT => Ok(id),
            (own, Some(id)) => {
                let found = environment(connection, self.account, &id).await?;
                match own {
                    Some(own) if own != found => Err(PermissionsError::value(
                        "scope_id",
                        &id,
                        "the access key is of another product environment",
                    )),
                    _ => Ok(EnvironmentId(found).to_string()),
                }
            }
        }
    }
}

/// The product environment of that id, if it is the account's.
pub(crate) async fn environment<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    id: &str,
) -> Result<Uuid, PermissionsError> {
    let not_found = || PermissionsError::Store(StoreError::EnvironmentNotFound(id.chars().take(100).collect()));
    let EnvironmentId(uuid) = id.parse().map_err(|_| not_found())?;
    let row = product_environments::Entity::find_by_id(uuid)
        .filter(product_environments::Column::AccountId.eq(account.0))
        .filter(product_environments::Column::DeletedAt.is_null())
        .one(connection)
        .await?;
    row.map(|row| row.id).ok_or_else(not_found)
}

/// A role of a folder is given for one folder, any other role without parameters.
fn check_parameters(
    role: &Role,
    mut parameters: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, PermissionsError> {
    let refused =
        |text: String| Err(PermissionsError::Invalid(format!("Invalid value for parameter policy_parameters: {text}")));
    if role.permission_type == PermissionType::Global {
        let first = parameters.keys().next();
        return match first {
            Some(name) => refused(format!("role {} has no parameter {name}", role.id)),
            None => Ok(parameters),
        };
    }
    let folder = parameters.remove(FOLDER_PARAMETER).unwrap_or_default();
    if let Some(name) = parameters.keys().next() {
        return refused(format!("{name} is not built yet on this server; a role is given for a folder_id"));
    }
    match folder.trim_matches('/') {
        "" => refused(format!("role {} needs a folder_id, which is the path of a folder", role.id)),
        path if path.chars().count() > LONGEST_FOLDER || path.contains('\0') => {
            refused(format!("a folder_id is at most {LONGEST_FOLDER} characters long"))
        }
        path => Ok(BTreeMap::from([(FOLDER_PARAMETER.to_owned(), path.to_owned())])),
    }
}
