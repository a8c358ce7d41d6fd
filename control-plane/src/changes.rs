//! A change of one environment: the transaction, the locks, the next version, the audit record, and the snapshot that tells the
//! region; and a change of the principals of an account. Neither is committed without an entry in the audit log.
//!
//! Locks are always taken in the order account, environment, region, so two changes never wait for each other in a circle.

use std::collections::BTreeSet;

use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, EnvironmentId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit,
    billing::plans::PricePlan,
    follow::Issued,
    foundation::Foundation,
    permissions::held::{self, PrincipalType},
    snapshots,
    store_error::StoreError,
    tables::{
        access_keys as key_rows, accounts, membership_environments as links, product_environments as environments,
        provisioning_keys,
    },
};

/// A change under way. Dropped without [`commit`](Self::commit) it leaves no trace.
pub(crate) struct Change<'a> {
    foundation: &'a Foundation,
    transaction: DatabaseTransaction,
    account_enabled: bool,
    environment: environments::Model,
}

impl<'a> Change<'a> {
    /// Begins a change of an environment of `account`, and locks it. An environment of another account is not found.
    pub(crate) async fn of(foundation: &'a Foundation, account: AccountId, id: Uuid) -> Result<Self, StoreError> {
        Self::locked(foundation, account, id, Lock::Shared).await
    }

    /// Begins the removal of an environment of `account`, which ends with [`bury`](Self::bury).
    pub(crate) async fn of_removal(
        foundation: &'a Foundation,
        account: AccountId,
        id: Uuid,
    ) -> Result<Self, StoreError> {
        Self::locked(foundation, account, id, Lock::Exclusive).await
    }

    async fn locked(foundation: &'a Foundation, account: AccountId, id: Uuid, lock: Lock) -> Result<Self, StoreError> {
        let transaction = foundation.database.begin().await?;
        let account_enabled = lock_account(&transaction, account, lock).await?.enabled;
        let environment = next_version(&transaction, account, id).await?;
        Ok(Self { foundation, transaction, account_enabled, environment })
    }

    /// Begins with a new environment, inserted under the account that it names, if the account's plan allows one more.
    pub(crate) async fn with_new(
        foundation: &'a Foundation,
        environment: environments::Model,
    ) -> Result<Self, StoreError> {
        let transaction = foundation.database.begin().await?;
        let account = lock_account(&transaction, AccountId(environment.account_id), Lock::Exclusive).await?;
        check_plan(&account)?;
        count_environments(&transaction, AccountId(account.id), 1).await?;
        environments::Entity::insert(environment.clone().into_active_model().reset_all())
            .exec_without_returning(&transaction)
            .await
            .map_err(|error| StoreError::or_taken(error, StoreError::CloudNameTaken(environment.cloud_name.clone())))?;
        Ok(Self { foundation, transaction, account_enabled: account.enabled, environment })
    }

    /// The transaction, for the rows that belong to the environment.
    pub(crate) fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// The environment as it is now, under its lock.
    pub(crate) fn environment(&self) -> &environments::Model {
        &self.environment
    }

    /// Writes new values into the environment's row.
    pub(crate) async fn write(&mut self, environment: environments::Model) -> Result<(), StoreError> {
        let taken = StoreError::CloudNameTaken(environment.cloud_name.clone());
        self.environment = environments::Entity::update(environment.into_active_model().reset_all())
            .exec(&self.transaction)
            .await
            .map_err(|error| StoreError::or_taken(error, taken))?;
        Ok(())
    }

    /// Leaves the environment's row as a tombstone and takes what does not outlive it.
    pub(crate) async fn bury(&mut self) -> Result<(), StoreError> {
        let account = AccountId(self.environment.account_id);
        strip(&self.transaction, account, self.environment.id).await?;
        count_environments(&self.transaction, account, -1).await?;
        let now = self.foundation.clock.now();
        self.write(environments::Model { deleted_at: Some(now), updated_at: now, ..self.environment.clone() }).await
    }

    /// Issues the snapshot, writes down who did what, commits, and waits (at most as long as configured) until the connected
    /// region has applied it.
    pub(crate) async fn commit(self, origin: &Origin, entry: Entry) -> Result<environments::Model, StoreError> {
        let (account, environment) = (AccountId(self.environment.account_id), EnvironmentId(self.environment.id));
        audit::write(self.foundation, &self.transaction, account, Some(environment), origin, entry).await?;
        let issued =
            snapshots::issue(self.foundation, &self.transaction, self.account_enabled, &self.environment).await?;
        self.transaction.commit().await?;
        self.foundation.followers.acknowledged(&issued).await;
        Ok(self.environment)
    }
}

/// Suspends an account or takes it back, and tells the regions of all its environments. A closed account stays closed.
pub(crate) async fn set_account_enabled(
    foundation: &Foundation,
    origin: &Origin,
    account: AccountId,
    enabled: bool,
) -> Result<(), StoreError> {
    let transaction = foundation.database.begin().await?;
    let former = accounts::Entity::find_by_id(account.0).lock_exclusive().one(&transaction).await?;
    let former = former.ok_or(StoreError::AccountNotFound(account))?;
    let changed = accounts::Entity::update_many()
        .col_expr(accounts::Column::Enabled, Expr::val(enabled))
        .col_expr(accounts::Column::Version, Expr::col(accounts::Column::Version).add(1))
        .filter(accounts::Column::Id.eq(account.0))
        .filter(accounts::Column::ClosedAt.is_null())
        .exec(&transaction)
        .await?;
    if changed.rows_affected == 0 {
        return Err(closed_or_missing(&transaction, account).await?);
    }
    let mut newest = Newest::default();
    for id in living(&transaction, account, Concerned::All).await? {
        let environment = next_version(&transaction, account, id).await?;
        newest.note(snapshots::issue(foundation, &transaction, enabled, &environment).await?);
    }
    let operation = if enabled { "resume_account" } else { "suspend_account" };
    let (before, after) = (json!({"enabled": former.enabled}), json!({"enabled": enabled}));
    let entry = Entry::changed(operation, format!("account {account}"), before, after);
    // Asked for again it is no change, but whoever asks again may have waited in vain for the regions the first time.
    if former.enabled != enabled {
        audit::write(foundation, &transaction, account, None, origin, entry).await?;
    }
    transaction.commit().await?;
    newest.acknowledged(foundation).await;
    Ok(())
}

/// Closes an account: its provisioning keys are switched off and its environments deleted, of which the regions are told. Its
/// rows stay, because the ledger speaks of them.
pub(crate) async fn close_account(
    foundation: &Foundation,
    origin: &Origin,
    account: AccountId,
) -> Result<(), StoreError> {
    let transaction = foundation.database.begin().await?;
    let now = foundation.clock.now();
    let changed = accounts::Entity::update_many()
        .col_expr(accounts::Column::Enabled, Expr::val(false))
        .col_expr(accounts::Column::ClosedAt, Expr::val(now))
        .col_expr(accounts::Column::EnvironmentCount, Expr::val(0_i64))
        .col_expr(accounts::Column::Version, Expr::col(accounts::Column::Version).add(1))
        .filter(accounts::Column::Id.eq(account.0))
        .filter(accounts::Column::ClosedAt.is_null())
        .exec(&transaction)
        .await?;
    if changed.rows_affected == 0 {
        return Err(closed_or_missing(&transaction, account).await?);
    }
    provisioning_keys::Entity::update_many()
        .col_expr(provisioning_keys::Column::Enabled, Expr::val(false))
        .filter(provisioning_keys::Column::AccountId.eq(account.0))
        .exec(&transaction)
        .await?;
    let mut newest = Newest::default();
    for id in living(&transaction, account, Concerned::All).await? {
        let environment = next_version(&transaction, account, id).await?;
        strip(&transaction, account, id).await?;
        let buried = environments::Model { deleted_at: Some(now), updated_at: now, ..environment };
        let buried = environments::Entity::update(buried.into_active_model().reset_all()).exec(&transaction).await?;
        newest.note(snapshots::issue(foundation, &transaction, false, &buried).await?);
    }
    let entry = Entry::removed("close_account", format!("account {account}"), json!({"closed": false}));
    audit::write(foundation, &transaction, account, None, origin, entry).await?;
    transaction.commit().await?;
    newest.acknowledged(foundation).await;
    Ok(())
}

/// The last number that each region was given within a change of many environments.
#[derive(Default)]
struct Newest(Vec<Issued>);

impl Newest {
    fn note(&mut self, issued: Issued) {
        // The last number of a region acknowledges the ones before it.
        self.0.retain(|earlier| earlier.region != issued.region);
        self.0.push(issued);
    }

    async fn acknowledged(&self, foundation: &Foundation) {
        for issued in &self.0 {
            foundation.followers.acknowledged(issued).await;
        }
    }
}

/// The product environments whose principals a change of the account concerns.
pub(crate) enum Concerned {
    /// Those of these ids, as far as they are the account's; possibly none.
    These(BTreeSet<Uuid>),
    /// All of the account.
    All,
}

/// The environments of an account that are not deleted, as far as they are concerned.
async fn living(
    transaction: &DatabaseTransaction,
    account: AccountId,
    concerned: Concerned,
) -> Result<Vec<Uuid>, StoreError> {
    let mut chosen = environments::Entity::find()
        .filter(environments::Column::AccountId.eq(account.0))
        .filter(environments::Column::DeletedAt.is_null());
    if let Concerned::These(ids) = concerned {
        chosen = chosen.filter(environments::Column::Id.is_in(ids));
    }
    let rows = chosen
        // Regions are locked in one order by everybody, or two accounts that share two of them could wait for each other.
        .order_by_asc(environments::Column::Region)
        .order_by_asc(environments::Column::Id)
        .all(transaction)
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Takes from an environment what does not outlive it: its keys with their secrets and roles, and the users that were given it.
async fn strip(transaction: &DatabaseTransaction, account: AccountId, environment: Uuid) -> Result<(), StoreError> {
    let gone: Vec<String> = key_rows::Entity::find()
        .select_only()
        .column(key_rows::Column::ApiKey)
        .filter(key_rows::Column::EnvironmentId.eq(environment))
        .into_tuple()
        .all(transaction)
        .await?;
    held::forget(transaction, account, PrincipalType::ApiKey, &gone).await?;
    key_rows::Entity::delete_many().filter(key_rows::Column::EnvironmentId.eq(environment)).exec(transaction).await?;
    links::Entity::delete_many().filter(links::Column::EnvironmentId.eq(environment)).exec(transaction).await?;
    Ok(())
}

/// Why an account could not be changed.
async fn closed_or_missing(transaction: &DatabaseTransaction, account: AccountId) -> Result<StoreError, StoreError> {
    let row = accounts::Entity::find_by_id(account.0).one(transaction).await?;
    Ok(row.map_or(StoreError::AccountNotFound(account), |_| StoreError::AccountClosed(account)))
}

/// A change of the principals of an account under way: its users, their groups, its provisioning keys, or the roles and policies of
/// them all. Dropped without [`commit`](Self::commit) it leaves no trace.
pub(crate) struct PrincipalChange<'a> {
    foundation: &'a Foundation,
    transaction: DatabaseTransaction,
    account: AccountId,
}

impl PrincipalChange<'_> {
    /// The transaction, for the rows of the principals.
    pub(crate) fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Writes down who did what, and commits.
    pub(crate) async fn commit(self, origin: &Origin, entry: Entry) -> Result<(), StoreError> {
        audit::write(self.foundation, &self.transaction, self.account, None, origin, entry).await?;
        self.transaction.commit().await?;
        Ok(())
    }

    /// Writes down who did what, commits, and tells the regions of the environments that it concerns. Waits (at most as long as
    /// configured) until the connected regions have applied it.
    pub(crate) async fn commit_with_environments(
        self,
        origin: &Origin,
        entry: Entry,
        concerned: Concerned,
    ) -> Result<(), StoreError> {
        let row = accounts::Entity::find_by_id(self.account.0).one(&self.transaction).await?;
        let enabled = row.ok_or(StoreError::AccountNotFound(self.account))?.enabled;
        let mut newest = Newest::default();
        for id in living(&self.transaction, self.account, concerned).await? {
            let environment = next_version(&self.transaction, self.account, id).await?;
            newest.note(snapshots::issue(self.foundation, &self.transaction, enabled, &environment).await?);
        }
        let foundation = self.foundation;
        self.commit(origin, entry).await?;
        newest.acknowledged(foundation).await;
        Ok(())
    }
}

/// Begins a change of the principals of an account, or of their roles and policies. It raises the account's
/// version, because what principals may do changes, and that locks the account's row: such changes follow one another, and none
/// of them runs beside a change of an environment.
pub(crate) async fn begin_of_principals(
    foundation: &Foundation,
    account: AccountId,
) -> Result<PrincipalChange<'_>, StoreError> {
    let transaction = foundation.database.begin().await?;
    let raised = accounts::Entity::update_many()
        .col_expr(accounts::Column::Version, Expr::col(accounts::Column::Version).add(1))
        .filter(accounts::Column::Id.eq(account.0))
        .filter(accounts::Column::ClosedAt.is_null())
        .exec(&transaction)
        .await?;
    if raised.rows_affected == 0 {
        return Err(closed_or_missing(&transaction, account).await?);
    }
    Ok(PrincipalChange { foundation, transaction, account })
}

/// How much a change keeps others out of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    /// Changes of other environments go on.
    Shared,
    /// One change after the other, because what is counted must not change.
    Exclusive,
}

/// Keeps the account from being suspended or closed until the transaction ends.
async fn lock_account(
    transaction: &DatabaseTransaction,
    account: AccountId,
    lock: Lock,
) -> Result<accounts::Model, StoreError> {
    let query = accounts::Entity::find_by_id(account.0);
    let query = match lock {
        Lock::Shared => query.lock_shared(),
        Lock::Exclusive => query.lock_exclusive(),
    };
    match query.one(transaction).await? {
        // Whoever was let in a moment before it was closed makes nothing new in it.
        Some(row) if row.closed_at.is_some() => Err(StoreError::AccountClosed(account)),
        Some(row) => Ok(row),
        None => Err(StoreError::AccountNotFound(account)),
    }
}

/// Refuses one more environment than the plan allows. Called under the exclusive lock of the account, so that of two that are made
/// at once the second sees the first. A name that is no plan of this version of the program allows everything.
fn check_plan(account: &accounts::Model) -> Result<(), StoreError> {
    let Some((plan, limit)) = PricePlan::named(&account.plan).and_then(|plan| Some((plan, plan.environments()?)))
    else {
        return Ok(());
    };
    if account.environments() < limit {
        Ok(())
    } else {
        Err(StoreError::TooManyEnvironments { plan: plan.name(), limit })
    }
}

/// Keeps the number of environments in the account's row, under its exclusive lock.
async fn count_environments(
    transaction: &DatabaseTransaction,
    account: AccountId,
    more: i64,
) -> Result<(), StoreError> {
    accounts::Entity::update_many()
        .col_expr(accounts::Column::EnvironmentCount, Expr::col(accounts::Column::EnvironmentCount).add(more))
        .filter(accounts::Column::Id.eq(account.0))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Raises the version of an environment, which also locks its row.
async fn next_version(
    transaction: &DatabaseTransaction,
    account: AccountId,
    id: Uuid,
) -> Result<environments::Model, StoreError> {
    environments::Entity::update_many()
        .col_expr(environments::Column::Version, Expr::col(environments::Column::Version).add(1))
        .filter(environments::Column::AccountId.eq(account.0))
        .filter(environments::Column::Id.eq(id))
        .filter(environments::Column::DeletedAt.is_null())
        .exec(transaction)
        .await?;
    let row = environments::Entity::find_by_id(id)
        .filter(environments::Column::AccountId.eq(account.0))
        .filter(environments::Column::DeletedAt.is_null())
        .one(transaction)
        .await?;
    row.ok_or_else(|| StoreError::EnvironmentNotFound(id.as_simple().to_string()))
}
