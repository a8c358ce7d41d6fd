//! Groups of users of one account.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, GroupId, UserId},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    access::AccountGrant,
    changes::{self, PrincipalChange},
    foundation::Foundation,
    names::check_display_name,
    permissions::held::{self, PrincipalType},
    store_error::StoreError,
    tables::{group_members as members, memberships as users, user_groups as rows},
};

/// A user as the members of a group are listed.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// The user.
    pub id: UserId,
    /// What the account calls it.
    pub name: String,
    /// Its address.
    pub email: String,
}

/// A group of users that the store of its account has found; holding one is the proof that it is the account's.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    row: rows::Model,
    members: Vec<Member>,
}

impl Group {
    /// Its id.
    pub(crate) fn id(&self) -> GroupId {
        GroupId(self.row.id)
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.row.name
    }

    /// The users in it, in the order in which they were added.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// When it was made.
    pub(crate) fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When its name last changed.
    pub(crate) fn updated_at(&self) -> DateTime<Utc> {
        self.row.updated_at
    }
}

/// The groups of one account. The account is part of every query.
pub(crate) struct Groups<'a> {
    foundation: &'a Foundation,
    account: AccountId,
    origin: &'a Origin,
}

impl<'a> Groups<'a> {
    /// The groups of the account that was granted.
    pub(crate) fn of(grant: &'a AccountGrant) -> Self {
        Self { foundation: grant.foundation(), account: AccountId(grant.account().id), origin: grant.origin() }
    }

    /// The base of every query of groups.
    fn mine(&self) -> Select<rows::Entity> {
        rows::Entity::find().filter(rows::Column::AccountId.eq(self.account.0))
    }

    /// All groups by name, with their members.
    pub(crate) async fn list(&self) -> Result<Vec<Group>, StoreError> {
        self.complete(self.foundation.database.reader(), self.mine()).await
    }

    /// The group with that id.
    pub(crate) async fn find(&self, id: &str) -> Result<Group, StoreError> {
        let not_found = || StoreError::GroupNotFound(id.to_owned());
        let GroupId(uuid) = id.parse().map_err(|_| not_found())?;
        let found = self.one(self.foundation.database.reader(), uuid).await?;
        found.ok_or_else(not_found)
    }

    async fn one<C: ConnectionTrait>(&self, connection: &C, id: Uuid) -> Result<Option<Group>, StoreError> {
        let chosen = self.mine().filter(rows::Column::Id.eq(id));
        Ok(self.complete(connection, chosen).await?.pop())
    }

    /// Reads groups with their members: one question a table, however many groups there are.
    async fn complete<C: ConnectionTrait>(
        &self,
        connection: &C,
        chosen: Select<rows::Entity>,
    ) -> Result<Vec<Group>, StoreError> {
        let ids = chosen.clone().select_only().column(rows::Column::Id).into_query();
        let found =
            chosen.order_by_asc(rows::Column::NameFolded).order_by_asc(rows::Column::Id).all(connection).await?;
        let of_groups = members::Entity::find().filter(members::Column::GroupId.in_subquery(ids));
        let named = of_groups.clone().select_only().column(members::Column::MembershipId).into_query();
        let links = of_groups
            .order_by_asc(members::Column::AddedAt)
            .order_by_asc(members::Column::MembershipId)
            .all(connection)
            .await?;
        let known: HashMap<Uuid, users::Model> = users::Entity::find()
            .filter(users::Column::AccountId.eq(self.account.0))
            .filter(users::Column::Id.in_subquery(named))
            .all(connection)
            .await?
            .into_iter()
            .map(|user| (user.id, user))
            .collect();
        let mut by_group: HashMap<Uuid, Vec<Member>> = HashMap::new();
        for link in links {
            // A user that was deleted between the two reads is in no group any more.
            if let Some(user) = known.get(&link.membership_id) {
                by_group.entry(link.group_id).or_default().push(member(user));
            }
        }
        let with_members = |row: rows::Model| {
            let members = by_group.remove(&row.id).unwrap_or_default();
            Group { row, members }
        };
        Ok(found.into_iter().map(with_members).collect())
    }

    /// Makes a group without members.
    pub(crate) async fn create(&self, name: String) -> Result<Group, StoreError> {
        check_display_name(&name)?;
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let now = self.foundation.clock.now();
        let row = rows::Model {
            id: GroupId::generate(now).0,
            account_id: self.account.0,
            name_folded: name.to_lowercase(),
            name,
            created_at: now,
            updated_at: now,
        };
        rows::Entity::insert(row.clone().into_active_model().reset_all())
            .exec_without_returning(change.transaction())
            .await
            .map_err(|error| StoreError::or_taken(error, StoreError::GroupNameTaken(row.name.clone())))?;
        let entry = Entry::made("create_user_group", target(row.id), json!({"name": row.name}));
        change.commit(self.origin, entry).await?;
        Ok(Group { row, members: Vec::new() })
    }

    /// Gives a group another name. Without one it stays as it is.
    pub(crate) async fn rename(&self, id: &str, name: Option<String>) -> Result<Group, StoreError> {
        let Some(name) = name else {
            return self.find(id).await;
        };
        check_display_name(&name)?;
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let mut row = self.locked(change.transaction(), id).await?;
        let before = json!({"name": row.name});
        row.name_folded = name.to_lowercase();
        row.name = name;
        row.updated_at = self.foundation.clock.now();
        let (id, taken) = (row.id, StoreError::GroupNameTaken(row.name.clone()));
        rows::Entity::update(row.into_active_model().reset_all())
            .exec(change.transaction())
            .await
            .map_err(|error| StoreError::or_taken(error, taken))?;
        let renamed =
            |group: &Group| Entry::changed("update_user_group", target(id), before, json!({"name": group.name()}));
        self.finish(change, id, renamed).await
    }

    /// Deletes a group. Its members stay users.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let row = self.locked(transaction, id).await?;
        members::Entity::delete_many().filter(members::Column::GroupId.eq(row.id)).exec(transaction).await?;
        let gone = [GroupId(row.id).to_string()];
        held::forget(transaction, self.account, PrincipalType::Group, &gone).await?;
        rows::Entity::delete_by_id(row.id).exec(transaction).await?;
        let entry = Entry::removed("delete_user_group", target(row.id), json!({"name": row.name}));
        change.commit(self.origin, entry).await
    }

    /// Adds a user to a group. Answers the group as it is now, and the user.
    pub(crate) async fn add(&self, id: &str, user: &str) -> Result<(Group, Member), StoreError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let group = self.locked(transaction, id).await?;
        let user = self.user(transaction, user).await?;
        let link = members::Model { group_id: group.id, membership_id: user.id, added_at: self.foundation.clock.now() };
        let taken = StoreError::AlreadyInGroup { user: UserId(user.id), group: GroupId(group.id) };
        members::Entity::insert(link.into_active_model().reset_all())
            .exec_without_returning(transaction)
            .await
            .map_err(|error| StoreError::or_taken(error, taken))?;
        let id = group.id;
        let added = |_: &Group| {
            let what = json!({"user": UserId(user.id), "name": user.name});
            Entry::made("add_user_to_user_group", target(id), what)
        };
        let group = self.finish(change, id, added).await?;
        Ok((group, member(&user)))
    }

    /// Takes a user out of a group. Answers the group as it is now.
    pub(crate) async fn remove(&self, id: &str, user: &str) -> Result<Group, StoreError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let group = self.locked(transaction, id).await?;
        let user = self.user(transaction, user).await?;
        let removed = members::Entity::delete_many()
            .filter(members::Column::GroupId.eq(group.id))
            .filter(members::Column::MembershipId.eq(user.id))
            .exec(transaction)
            .await?;
        if removed.rows_affected == 0 {
            return Err(StoreError::NotInGroup { user: UserId(user.id), group: GroupId(group.id) });
        }
        let id = group.id;
        let taken_out = |_: &Group| {
            let what = json!({"user": UserId(user.id), "name": user.name});
            Entry::removed("remove_user_from_user_group", target(id), what)
        };
        self.finish(change, id, taken_out).await
    }

    /// Reads a group as it is now, writes down what was done, and commits.
    async fn finish(
        &self,
        change: PrincipalChange<'_>,
        id: Uuid,
        entry: impl FnOnce(&Group) -> Entry,
    ) -> Result<Group, StoreError> {
        let group = self.one(change.transaction(), id).await?;
        let group = group.ok_or_else(|| StoreError::GroupNotFound(GroupId(id).to_string()))?;
        change.commit(self.origin, entry(&group)).await?;
        Ok(group)
    }

    /// A group within a change, which holds the lock of the account and so of all its groups.
    async fn locked(&self, transaction: &DatabaseTransaction, id: &str) -> Result<rows::Model, StoreError> {
        let not_found = || StoreError::GroupNotFound(id.to_owned());
        let GroupId(uuid) = id.parse().map_err(|_| not_found())?;
        let row = self.mine().filter(rows::Column::Id.eq(uuid)).one(transaction).await?;
        row.ok_or_else(not_found)
    }

    /// A user of the same account.
    async fn user(&self, transaction: &DatabaseTransaction, id: &str) -> Result<users::Model, StoreError> {
        let not_found = || StoreError::UserNotFound(id.to_owned());
        let UserId(uuid) = id.parse().map_err(|_| not_found())?;
        let row = users::Entity::find_by_id(uuid)
            .filter(users::Column::AccountId.eq(self.account.0))
            .one(transaction)
            .await?;
        row.ok_or_else(not_found)
    }
}

/// A group as the audit log names it.
fn target(id: Uuid) -> String {
    format!("user_group {}", GroupId(id))
}

fn member(user: &users::Model) -> Member {
    Member { id: UserId(user.id), name: user.name.clone(), email: user.email.clone() }
}
