//! Invitations: the one-time links by which persons accept that they are users.
//!
//! A link is worth what its token is: who has it chooses the password of a person that has none, so of the token only the digest
//! is kept, and it is shown once. There is at most one link of a user that works. Everything here is decided under the lock of the
//! account, so of two who accept at once the second finds the link used.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AccountId, UserId, uuid_at},
    secret::Secret,
};
use rand::RngCore;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect, sea_query::Expr,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{NewUser, User, Users, shown, target};
use crate::{
    audit::OPERATOR,
    changes,
    foundation::Foundation,
    names::check_email,
    passwords,
    roles::AccountRole,
    store_error::StoreError,
    tables::{accounts, invitations as rows, memberships, persons},
};

/// An invitation is worth something for this many days.
const LIFETIME_DAYS: i64 = 7;
/// Bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Where the links lead, behind the address of the control plane.
const LINKS: &str = "/v1_1/provisioning/invitations";

/// An invitation that was just made.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    /// The user that it is for.
    pub user: UserId,
    /// The person's address as the account wrote it.
    pub email: String,
    /// What the link is worth. It is shown this once.
    token: Secret,
    /// From when on it is worth nothing.
    pub expires_at: DateTime<Utc>,
}

impl Invitation {
    /// The link, behind the address at which the control plane is reached.
    pub(crate) fn link(&self, base: &str) -> Secret {
        Secret::new(format!("{}{LINKS}/{}", base.trim_end_matches('/'), self.token.expose()))
    }
}

/// What an operator is given who invites.
#[derive(Debug, Clone)]
pub struct UserInvitation {
    /// The user that it is for.
    pub user: UserId,
    /// The person's address as the account wrote it.
    pub email: String,
    /// The link, to be handed to the person. It is shown this once and works once.
    pub url: Secret,
    /// From when on it is worth nothing.
    pub expires_at: DateTime<Utc>,
}

/// An invitation that somebody holds the token of, and that can still be accepted.
#[derive(Debug, Clone)]
pub(crate) struct OpenInvitation {
    row: rows::Model,
    membership: memberships::Model,
    account_name: String,
    person: persons::Model,
}

impl OpenInvitation {
    /// The account that invites.
    pub(crate) fn account(&self) -> AccountId {
        AccountId(self.membership.account_id)
    }

    /// What people call the account.
    pub(crate) fn account_name(&self) -> &str {
        &self.account_name
    }

    /// The user that the person becomes.
    pub(crate) fn user(&self) -> UserId {
        UserId(self.membership.id)
    }

    /// The person's address as the account wrote it.
    pub(crate) fn email(&self) -> &str {
        &self.membership.email
    }

    /// What the account calls the person.
    pub(crate) fn name(&self) -> &str {
        &self.membership.name
    }

    /// From when on it is worth nothing.
    pub(crate) fn expires_at(&self) -> DateTime<Utc> {
        self.row.expires_at
    }
}

impl<'a> Users<'a> {
    /// The users of an account on behalf of the operator.
    pub(crate) fn for_operator(foundation: &'a Foundation, account: AccountId) -> Self {
        Self { foundation, account, origin: &OPERATOR }
    }

    /// The users of an account on behalf of somebody who has just made it.
    pub(crate) fn on_behalf_of(foundation: &'a Foundation, account: AccountId, origin: &'a Origin) -> Self {
        Self { foundation, account, origin }
    }

    /// The user with that address, in any case, if the account has one.
    pub(crate) async fn find_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let email = check_email(email)?;
        let reader = self.foundation.database.reader();
        let person = persons::Entity::find().filter(persons::Column::EmailFolded.eq(email.folded)).one(reader).await?;
        let Some(person) = person else {
            return Ok(None);
        };
        let chosen = self.mine().filter(memberships::Column::PersonId.eq(person.id));
        Ok(self.complete(reader, chosen).await?.pop())
    }

    /// Makes a link for a user who has not accepted yet. Earlier ones stop working.
    pub(crate) async fn invite(&self, id: &str) -> Result<Invitation, StoreError> {
        self.invite_until(id, self.foundation.clock.now() + TimeDelta::days(LIFETIME_DAYS)).await
    }

    /// The same with an end of its own.
    pub(crate) async fn invite_until(&self, id: &str, expires_at: DateTime<Utc>) -> Result<Invitation, StoreError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let user = self.locked(transaction, id).await?;
        if !user.pending {
            return Err(StoreError::AlreadyAccepted(UserId(user.id)));
        }
        forget(transaction, user.id).await?;
        let now = self.foundation.clock.now();
        let token = generate_token();
        let row = rows::Model {
            id: uuid_at(now),
            membership_id: user.id,
            token_digest: digest(token.expose()),
            created_at: now,
            expires_at,
            accepted_at: None,
        };
        rows::Entity::insert(row.into_active_model().reset_all()).exec_without_returning(transaction).await?;
        let state = json!({"email": user.email, "expires_at": expires_at});
        change.commit(self.origin, Entry::made("create_user_invitation", target(user.id), state)).await?;
        Ok(Invitation { user: UserId(user.id), email: user.email, token, expires_at })
    }

    /// Makes the link of a user worth nothing. A link that has expired can be taken away too; a used one stays used.
    pub(crate) async fn revoke_invitation(&self, id: &str) -> Result<(), StoreError> {
        let change = changes::begin_of_principals(self.foundation, self.account).await?;
        let transaction = change.transaction();
        let user = self.locked(transaction, id).await?;
        let open = rows::Entity::find()
            .filter(rows::Column::MembershipId.eq(user.id))
            .filter(rows::Column::AcceptedAt.is_null())
            .one(transaction)
            .await?;
        let open = open.ok_or(StoreError::NoInvitation(UserId(user.id)))?;
        rows::Entity::delete_by_id(open.id).exec(transaction).await?;
        let state = json!({"email": user.email, "expires_at": open.expires_at});
        change.commit(self.origin, Entry::removed("delete_user_invitation", target(user.id), state)).await
    }
}

/// Invites on behalf of the operator, who may have to make the user first.
pub(crate) async fn invite_for_operator(
    foundation: &Foundation,
    account: AccountId,
    name: &str,
    email: &str,
    role: &str,
    reached_at: &str,
) -> Result<UserInvitation, StoreError> {
    let role = AccountRole::parse(role).ok_or_else(|| StoreError::UnknownUserRole(role.to_owned()))?;
    let users = Users::for_operator(foundation, account);
    let user = match users.find_by_email(email).await? {
        Some(user) => user,
        None => {
            let new =
                NewUser { name: name.to_owned(), email: email.to_owned(), role, environments: None, enabled: true };
            users.create(new).await?
        }
    };
    let made = users.invite(&user.id().to_string()).await?;
    let base = match foundation.config.public_url.as_str() {
        "" => reached_at,
        url => url,
    };
    let url = made.link(base);
    Ok(UserInvitation { user: made.user, email: made.email, url, expires_at: made.expires_at })
}

/// The invitation of a token. One refusal for every reason, so that nobody learns which tokens there were.
pub(crate) async fn open(foundation: &Foundation, token: &str) -> Result<OpenInvitation, StoreError> {
    find(foundation, foundation.database.reader(), token).await
}

/// Accepts on behalf of the person who holds the token. A person without a password chooses one by it; one who has a password,
/// from another account, proves by it to be that person: otherwise whoever can invite an address could take its person over.
pub(crate) async fn accept(
    foundation: &Foundation,
    token: &str,
    password: &Secret,
    origin: impl Fn(UserId) -> Origin,
) -> Result<OpenInvitation, StoreError> {
    loop {
        let invitation = open(foundation, token).await?;
        // Before the transaction: nobody else's change waits for a hash.
        let fresh = match &invitation.person.password_hash {
            Some(hash) if passwords::matches(password, hash).await? => None,
            Some(_) => return Err(StoreError::WrongPassword),
            None => {
                passwords::check(password, &invitation.person.email)?;
                passwords::check(password, &invitation.membership.email)?;
                Some(passwords::hash(password).await?)
            }
        };
        if accept_with(foundation, token, &invitation, fresh, &origin).await? {
            return Ok(invitation);
        }
        // The person has got another password in the meantime, and has to prove that one.
    }
}

/// Accepts if the person still has the password that was looked at; otherwise nothing is done and the answer is no.
async fn accept_with(
    foundation: &Foundation,
    token: &str,
    seen: &OpenInvitation,
    fresh: Option<String>,
    origin: &impl Fn(UserId) -> Origin,
) -> Result<bool, StoreError> {
    let users = Users::for_operator(foundation, seen.account());
    let change = match changes::begin_of_principals(foundation, seen.account()).await {
        Err(StoreError::AccountClosed(_) | StoreError::AccountNotFound(_)) => {
            return Err(StoreError::InvitationNotFound);
        }
        begun => begun?,
    };
    let transaction = change.transaction();
    let invitation = find(foundation, transaction, token).await?;
    let person = persons::Entity::find_by_id(invitation.person.id).lock_exclusive().one(transaction).await?;
    let person = person.ok_or(StoreError::InvitationNotFound)?;
    if person.id != seen.person.id || person.password_hash != seen.person.password_hash {
        return Ok(false);
    }
    let now = foundation.clock.now();
    let used = rows::Entity::update_many()
        .col_expr(rows::Column::AcceptedAt, Expr::val(now))
        .filter(rows::Column::Id.eq(invitation.row.id))
        .filter(rows::Column::AcceptedAt.is_null())
        .exec(transaction)
        .await?;
    if used.rows_affected == 0 {
        return Err(StoreError::InvitationNotFound);
    }
    if let Some(hash) = fresh {
        persons::Entity::update_many()
            .col_expr(persons::Column::PasswordHash, Expr::val(hash))
            .filter(persons::Column::Id.eq(person.id))
            .filter(persons::Column::PasswordHash.is_null())
            .exec(transaction)
            .await?;
    }
    let id = invitation.membership.id;
    let before = users.one(transaction, id).await?.ok_or(StoreError::InvitationNotFound)?;
    memberships::Entity::update_many()
        .col_expr(memberships::Column::Pending, Expr::val(false))
        .col_expr(memberships::Column::UpdatedAt, Expr::val(now))
        .filter(memberships::Column::Id.eq(id))
        .filter(memberships::Column::AccountId.eq(invitation.membership.account_id))
        .exec(transaction)
        .await?;
    let after = users.one(transaction, id).await?.ok_or(StoreError::InvitationNotFound)?;
    let entry = Entry::changed("accept_invitation", target(id), shown(&before), shown(&after));
    change.commit(&origin(UserId(id)), entry).await?;
    Ok(true)
}

/// The invitation of a token, if it can be accepted now: it is neither used nor expired, its user has not accepted, and its account
/// may be used.
async fn find<C: ConnectionTrait>(
    foundation: &Foundation,
    connection: &C,
    token: &str,
) -> Result<OpenInvitation, StoreError> {
    let not_found = || StoreError::InvitationNotFound;
    let row = rows::Entity::find()
        .filter(rows::Column::TokenDigest.eq(digest(token)))
        .filter(rows::Column::AcceptedAt.is_null())
        .filter(rows::Column::ExpiresAt.gt(foundation.clock.now()))
        .one(connection)
        .await?
        .ok_or_else(not_found)?;
    let membership = memberships::Entity::find_by_id(row.membership_id)
        .filter(memberships::Column::Pending.eq(true))
        .one(connection)
        .await?
        .ok_or_else(not_found)?;
    let account = accounts::Entity::find_by_id(membership.account_id)
        .filter(accounts::Column::Enabled.eq(true))
        .filter(accounts::Column::ClosedAt.is_null())
        .one(connection)
        .await?
        .ok_or_else(not_found)?;
    let person = persons::Entity::find_by_id(membership.person_id).one(connection).await?.ok_or_else(not_found)?;
    Ok(OpenInvitation { row, membership, account_name: account.name, person })
}

/// Removes every invitation of a user, the used ones among them.
pub(super) async fn forget(transaction: &DatabaseTransaction, user: Uuid) -> Result<(), DbErr> {
    rows::Entity::delete_many().filter(rows::Column::MembershipId.eq(user)).exec(transaction).await?;
    Ok(())
}

fn generate_token() -> Secret {
    let mut bytes = [0; TOKEN_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// A token as it is kept. It is random, so a plain digest gives nothing away and can be looked for.
fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
