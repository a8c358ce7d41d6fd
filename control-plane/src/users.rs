//! Users of one account: the memberships of persons in it.
//!
//! A person is known to the installation by an email address, a user is that person in one account. Everything that an account
//! says of a user stands in the membership, so one account neither sees nor changes what another one says of the same person.

pub(crate) mod invitations;
mod listing;
mod persons;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, EnvironmentId, GroupId, UserId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, sea_query::SelectStatement,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use listing::{LoginFilter, SortBy, UserFilter, UserListing};

use crate::{
    access::AccountGrant,
    changes::{self, PrincipalChange},
    foundation::Foundation,
    names::{check_display_name, check_email},
    permissions::held::{self, PrincipalType},
    roles::AccountRole,
    store_error::StoreError,
    tables::{
        group_members, membership_environments as links, memberships as rows, product_environments as environments,
        user_groups,
    },
};

/// So many users are named one by one where other tables are asked about them.
const MOST_NAMED: usize = 1_000;

/// A group that a user is in.
#[derive(Debug, Clone)]
pub(crate) struct GroupName {
    /// The group.
    pub id: GroupId,
    /// What people call it.
    pub name: String,
}

/// A user that the store of its account has found; holding one is the proof that it is the account's.
#[derive(Debug, Clone)]
pub(crate) struct User {
    row: rows::Model,
    root: bool,
    environments: Option<Vec<EnvironmentId>>,
    environment_count: u64,
    groups: Vec<GroupName>,
}

impl User {
    /// Its id.
    pub(crate) fn id(&self) -> UserId {
        UserId(self.row.id)
    }

    /// The account it is in.
    pub(crate) fn account(&self) -> AccountId {
        AccountId(self.row.account_id)
    }

    /// What the account calls it.
    pub(crate) fn name(&self) -> &str {
        &self.row.name
    }

    /// The person's address as the account wrote it.
    pub(crate) fn email(&self) -> &str {
        &self.row.email
    }

    /// The name of its role.
    pub(crate) fn role(&self) -> &str {
        &self.row.role
    }

    /// Whether it may use the account.
    pub(crate) fn enabled(&self) -> bool {
        self.row.enabled
    }

    /// Whether the person has not accepted yet.
    pub(crate) fn pending(&self) -> bool {
        self.row.pending
    }

    /// Whether it is the account's oldest user.
    pub(crate) fn root(&self) -> bool {
        self.root
    }

    /// The product environments it has, oldest first; all of them when absent.
    pub(crate) fn environments(&self) -> Option<&[EnvironmentId]> {
        self.environments.as_deref()
    }

    /// How many product environments it has.
    pub(crate) fn environment_count(&self) -> u64 {
        self.environment_count
    }

    /// The groups it is in, by name.
    pub(crate) fn groups(&self) -> &[GroupName] {
        &self.groups
    }

    /// When the person last signed in.
    pub(crate) fn last_login(&self) -> Option<DateTime<Utc>> {
        self.row.last_login
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

/// A user to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewUser {
    /// What the account calls it.
    pub name: String,
    /// The person's address.
    pub email: String,
    /// Its role.
    pub role: AccountRole,
    /// Ids of the product environments it has; all of them when absent.
    pub environments: Option<Vec<String>>,
    /// Whether it may use the account.
    pub enabled: bool,
}

/// What changes about a user; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserChanges {
    /// A new name.
    pub name: Option<String>,
    /// The address of the person that takes the user's place.
    pub email: Option<String>,
    /// A new role.
    pub role: Option<AccountRole>,
    /// Ids of the product environments it has from now on.
    pub environments: Option<Vec<String>>,
    /// Switches it on or off.
    pub enabled: Option<bool>,
}

/// The users of one account. The account is part of every query.
pub(crate) struct Users<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    origin: &'a Origin,
}

impl<'a> Users<'a> {
    /// The users of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: AccountId(grant.account().id), origin: grant.origin() }
    }

    /// The base of every query.
    fn mine(&self) -> Select<rows::Entity> {
        rows::Entity::find().filter(rows::Column::AccountId.eq(self.account.0))
    }

    /// The account's product environments.
    fn environments(&self) -> Select<environments::Entity> {
        environments::Entity::find()
            .filter(environments::Column::AccountId.eq(self.account.0))
            .filter(environments::Column::DeletedAt.is_null())
    }

    /// A page of the users that pass the filter.
    pub(crate) async fn list(&self, listing: &UserListing) -> Result<Vec<User>, StoreError> {
        let reader = self.foundation.database.reader();
        let named = match &listing.filter.environment {
            Some(id) => self.environments_named(reader, std::slice::from_ref(id)).await?.first().copied(),
            None => None,
        };
        match listing.chosen_from(self.mine(), named) {
            Some(chosen) => self.complete(reader, chosen).await,
            None => Ok(Vec::new()),
        }
    }

    /// The user with that id.
    pub(crate) async fn find(&self, id: &str) -> Result<User, StoreError> {
        let not_found = || StoreError::UserNotFound(id.to_owned());
        let UserId(uuid) = id.parse().map_err(|_| not_found())?;
        let found = self.one(self.foundation.database.reader(), uuid).await?;
        found.ok_or_else(not_found)
    }

    async fn one<C: ConnectionTrait>(&self, connection: &C, id: Uuid) -> Result<Option<User>, StoreError> {
        let chosen = self.mine().filter(rows::Column::Id.eq(id));
        Ok(self.complete(connection, chosen).await?.pop())
    }

    /// Reads users with what other tables say of them: one question a table, however many users there are.
    async fn complete<C: ConnectionTrait>(
        &self,
        connection: &C,
        chosen: Select<rows::Entity>,
    ) -> Result<Vec<User>, StoreError> {
        let mut ids = chosen.clone().select_only().column(rows::Column::Id).into_query();
        let found = chosen.all(connection).await?;
        if found.len() <= MOST_NAMED {
            // A page must not move between the questions; all users are too many to be named, and are no page.
            let named = rows::Column::Id.is_in(found.iter().map(|row| row.id));
            ids = rows::Entity::find().select_only().column(rows::Column::Id).filter(named).into_query();
        }
        let root = self
            .mine()
            .order_by_asc(rows::Column::CreatedAt)
            .order_by_asc(rows::Column::Id)
            .one(connection)
            .await?
            .map(|row| row.id);
        let every_environment = self.environments().count(connection).await?;
        let mut environments = self.environments_of(connection, ids.clone()).await?;
        let mut groups = self.groups_of(connection, ids).await?;
        let with_rest = |row: rows::Model| {
            let restricted = environments.remove(&row.id).unwrap_or_default();
            let environments = if row.all_environments { None } else { Some(restricted) };
            let counted = environments.as_ref().map(|ids| u64::try_from(ids.len()).unwrap_or(u64::MAX));
            User {
                root: Some(row.id) == root,
                environment_count: counted.unwrap_or(every_environment),
                environments,
                groups: groups.remove(&row.id).unwrap_or_default(),
                row,
            }
        };
        Ok(found.into_iter().map(with_rest).collect())
    }

    /// The product environments of users with restricted access.
    async fn environments_of<C: ConnectionTrait>(
        &self,
        connection: &C,
        users: SelectStatement,
    ) -> Result<HashMap<Uuid, Vec<EnvironmentId>>, StoreError> {
        let of_users = links::Entity::find().filter(links::Column::MembershipId.in_subquery(users));
        let named = of_users.clone().select_only().column(links::Column::EnvironmentId).into_query();
        let mut holders: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for link in of_users.all(connection).await? {
            holders.entry(link.environment_id).or_default().push(link.membership_id);
        }
        let present: Vec<Uuid> = self
            .environments()
            .select_only()
            .column(environments::Column::Id)
            .filter(environments::Column::Id.in_subquery(named))
            .order_by_asc(environments::Column::CreatedAt)
            .order_by_asc(environments::Column::Id)
            .into_tuple()
            .all(connection)
            .await?;
        let mut by_user: HashMap<Uuid, Vec<EnvironmentId>> = HashMap::new();
        for environment in present {
            for user in holders.remove(&environment).unwrap_or_default() {
                by_user.entry(user).or_default().push(EnvironmentId(environment));
            }
        }
        Ok(by_user)
    }

    /// The groups of users.
    async fn groups_of<C: ConnectionTrait>(
        &self,
        connection: &C,
        users: SelectStatement,
    ) -> Result<HashMap<Uuid, Vec<GroupName>>, StoreError> {
        let of_users = group_members::Entity::find().filter(group_members::Column::MembershipId.in_subquery(users));
        let named = of_users.clone().select_only().column(group_members::Column::GroupId).into_query();
        let mut members: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        for member in of_users.all(connection).await? {
            members.entry(member.group_id).or_default().push(member.membership_id);
        }
        let groups = user_groups::Entity::find()
            .filter(user_groups::Column::AccountId.eq(self.account.0))
            .filter(user_groups::Column::Id.in_subquery(named))
            .order_by_asc(user_groups::Column::NameFolded)
            .order_by_asc(user_groups::Column::Id)
            .all(connection)
            .await?;
        let mut by_user: HashMap<Uuid, Vec<GroupName>> = HashMap::new();
        for group in groups {
            for user in members.remove(&group.id).unwrap_or_default() {
                let name = GroupName { id: GroupId(group.id), name: group.name.clone() };
                by_user.entry(user).or_default().push(name);
            }
        }
        Ok(by_user)
    }

    /// The account's product environments of these ids. One that is not there is named in the refusal.
    async fn environments_named<C: ConnectionTrait>(
        &self,
        connection: &C,
        ids: &[String],
    ) -> Result<BTreeSet<Uuid>, StoreError> {
        let mut named = Vec::with_capacity(ids.len());
        for id in ids {
            let EnvironmentId(uuid) = id.parse().map_err(|_| StoreError::EnvironmentNotFound(id.clone()))?;
            named.push(uuid);
        }
        let found: Vec<Uuid> = self
            .environments()
            .select_only()
            .column(environments::Column::Id)
            .filter(environments::Column::Id.is_in(named.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
        let found: BTreeSet<Uuid> = found.into_iter().collect();
        match ids.iter().zip(&named).find(|(_, uuid)| !found.contains(*uuid)) {
            Some((id, _)) => Err(StoreError::EnvironmentNotFound(id.clone())),
            None => Ok(found),
        }
    }

    /// Makes a user, pending until the person accepts. A person that other accounts know joins this one too.
    pub(crate) async fn create(&self, new: NewUser) -> Result<User, StoreError> {
        check_display_name(&new.name)?;
        let email = check_email(&new.email)?;
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let now = self.foundation.clock.now();
        let person = persons::obtain(transaction, &email, now).await?;
        let restricted = new.environments.filter(|_| new.role != AccountRole::MasterAdmin);
        let row = rows::Model {
            id: UserId::generate(now).0,
            account_id: self.account.0,
            person_id: person,
            email: email.text,
            name_folded: new.name.to_lowercase(),
            name: new.name,
            role: new.role.name().to_owned(),
            enabled: new.enabled,
            pending: true,
            all_environments: restricted.is_none(),
            last_login: None,
            created_at: now,
            updated_at: now,
        };
        let (id, taken) = (row.id, StoreError::EmailTaken(row.email.clone()));
        rows::Entity::insert(row.into_active_model().reset_all())
            .exec_without_returning(transaction)
            .await
            .map_err(|error| StoreError::or_taken(error, taken))?;
        if let Some(ids) = restricted {
            self.restrict(transaction, id, &ids).await?;
        }
        self.finish(change, id, |user| Entry::made("create_user", target(id), shown(user))).await
    }

    /// Changes a user.
    pub(crate) async fn update(&self, id: &str, changes: UserChanges) -> Result<User, StoreError> {
        if let Some(name) = &changes.name {
            check_display_name(name)?;
        }
        let email = changes.email.as_deref().map(check_email).transpose()?;
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let mut row = self.locked(transaction, id).await?;
        let before = self.one(transaction, row.id).await?.as_ref().map_or(Value::Null, shown);
        let was_acting = is_acting_master(&row);
        if let Some(name) = changes.name {
            row.name_folded = name.to_lowercase();
            row.name = name;
        }
        if let Some(role) = changes.role {
            row.role = role.name().to_owned();
        }
        row.enabled = changes.enabled.unwrap_or(row.enabled);
        if was_acting && !is_acting_master(&row) {
            self.guard_last(transaction, row.id).await?;
        }
        row.updated_at = self.foundation.clock.now();
        let mut left = None;
        if let Some(email) = email {
            let person = persons::exchange(transaction, row.person_id, &email, row.updated_at).await?;
            // Another spelling of the same address is the same person, who need not accept again.
            if person != row.person_id {
                left = Some(row.person_id);
                row.person_id = person;
                row.pending = true;
                row.last_login = None;
            }
            // A link that went to the former address must not open the new one.
            if row.email != email.text {
                invitations::forget(transaction, row.id).await?;
            }
            row.email = email.text;
        }
        let id = row.id;
        if row.role == AccountRole::MasterAdmin.name() {
            row.all_environments = true;
            self.lift(transaction, id).await?;
        } else if let Some(ids) = changes.environments {
            row.all_environments = false;
            self.lift(transaction, id).await?;
            self.restrict(transaction, id, &ids).await?;
        }
        let taken = StoreError::EmailTaken(row.email.clone());
        rows::Entity::update(row.into_active_model().reset_all())
            .exec(transaction)
            .await
            .map_err(|error| StoreError::or_taken(error, taken))?;
        if let Some(person) = left {
            persons::remove_if_alone(transaction, person).await?;
        }
        self.finish(change, id, |user| Entry::changed("update_user", target(id), before, shown(user))).await
    }

    /// Deletes a user: what it has, the groups it is in, and the person when no other account knows it.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let row = self.locked(transaction, id).await?;
        if is_acting_master(&row) {
            self.guard_last(transaction, row.id).await?;
        }
        let before = self.one(transaction, row.id).await?.as_ref().map_or(Value::Null, shown);
        self.lift(transaction, row.id).await?;
        invitations::forget(transaction, row.id).await?;
        group_members::Entity::delete_many()
            .filter(group_members::Column::MembershipId.eq(row.id))
            .exec(transaction)
            .await?;
        let gone = [UserId(row.id).to_string()];
        held::forget(transaction, self.account, PrincipalType::User, &gone).await?;
        rows::Entity::delete_by_id(row.id).exec(transaction).await?;
        persons::remove_if_alone(transaction, row.person_id).await?;
        change.commit(self.origin, Entry::removed("delete_user", target(row.id), before)).await
    }

    /// Reads a user as it is now, writes down what was done, and commits.
    async fn finish(
        &self,
        change: PrincipalChange<'_>,
        id: Uuid,
        entry: impl FnOnce(&User) -> Entry,
    ) -> Result<User, StoreError> {
        let user = self.one(change.transaction(), id).await?;
        let user = user.ok_or_else(|| StoreError::UserNotFound(UserId(id).to_string()))?;
        change.commit(self.origin, entry(&user)).await?;
        Ok(user)
    }

    /// A user within a change, which holds the lock of the account and so of all its users.
    async fn locked(&self, transaction: &DatabaseTransaction, id: &str) -> Result<rows::Model, StoreError> {
        let not_found = || StoreError::UserNotFound(id.to_owned());
        let UserId(uuid) = id.parse().map_err(|_| not_found())?;
        let row = self.mine().filter(rows::Column::Id.eq(uuid)).one(transaction).await?;
        row.ok_or_else(not_found)
    }

    /// Refuses to take the last enabled master_admin away: nobody could administer the account any more.
    async fn guard_last(&self, transaction: &DatabaseTransaction, id: Uuid) -> Result<(), StoreError> {
        let others = self
            .mine()
            .filter(rows::Column::Role.eq(AccountRole::MasterAdmin.name()))
            .filter(rows::Column::Enabled.eq(true))
            .filter(rows::Column::Id.ne(id))
            .count(transaction)
            .await?;
        if others == 0 { Err(StoreError::LastMasterAdmin(UserId(id))) } else { Ok(()) }
    }

    /// Gives a user these product environments.
    async fn restrict(&self, transaction: &DatabaseTransaction, id: Uuid, ids: &[String]) -> Result<(), StoreError> {
        let named = self.environments_named(transaction, ids).await?;
        if named.is_empty() {
            return Ok(());
        }
        let link = |environment_id| links::Model { membership_id: id, environment_id }.into_active_model().reset_all();
        links::Entity::insert_many(named.into_iter().map(link)).exec_without_returning(transaction).await?;
        Ok(())
    }

    /// Takes all product environments that were given one by one from a user.
    async fn lift(&self, transaction: &DatabaseTransaction, id: Uuid) -> Result<(), StoreError> {
        links::Entity::delete_many().filter(links::Column::MembershipId.eq(id)).exec(transaction).await?;
        Ok(())
    }
}

/// A user as the audit log names it.
fn target(id: Uuid) -> String {
    format!("user {}", UserId(id))
}

/// A user as the audit log shows it.
fn shown(user: &User) -> Value {
    json!({
        "name": user.name(),
        "email": user.email(),
        "role": user.role(),
        "enabled": user.enabled(),
        "pending": user.pending(),
        "environments": user.environments(),
    })
}

/// Whether a user can administer the account.
fn is_acting_master(row: &rows::Model) -> bool {
    row.enabled && row.role == AccountRole::MasterAdmin.name()
}
