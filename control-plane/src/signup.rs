//! Accounts that strangers make for themselves: one that waits for the operator, and one that works at once and is closed again
//! unless somebody claims it.

use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{audit::Origin, ids::AccountId};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Map, Value};

use crate::{
    accounts,
    audit::PROGRAM,
    changes,
    environments::{Environment, Environments, NewEnvironment},
    foundation::Foundation,
    names::check_email,
    roles::AccountRole,
    store_error::StoreError,
    tables::{claimable_clouds as rows, memberships},
    users::{NewUser, User, Users, invitations::Invitation},
};

/// The plan of what strangers make.
const PLAN: &str = "Free";
/// A cloud that nobody claims works for so many hours.
const CLOUD_HOURS: i64 = 24;
/// Who accepts in the last moment is not closed beside it: the link ends with the cloud, and the closing comes this much later.
const GRACE_MINUTES: i64 = 5;
/// So many are closed at one call.
const CLOSED_AT_ONCE: u64 = 20;

/// What a stranger says.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    /// Address of the person who is to have the account.
    pub email: Option<String>,
    /// What is kept among the attributes of the environment.
    pub attributes: Map<String, Value>,
}

/// An account with its one environment.
#[derive(Debug, Clone)]
pub(crate) struct SignedUp {
    /// The account.
    pub account: AccountId,
    /// Name of its plan.
    pub plan: String,
    /// The environment with its key.
    pub environment: Environment,
}

/// A cloud that works at once.
#[derive(Debug, Clone)]
pub(crate) struct ClaimableCloud {
    /// What was made.
    pub made: SignedUp,
    /// When it is closed, unless it was claimed.
    pub expires_at: DateTime<Utc>,
    /// The link by which it is claimed, if there is somebody to have it.
    pub claim: Option<Invitation>,
}

/// Makes an account that is suspended until the operator resumes it. Nothing of it works for a moment: it is suspended before its
/// environment is made.
pub(crate) async fn waiting_account(
    foundation: &Foundation,
    origin: &Origin,
    application: Application,
) -> Result<SignedUp, StoreError> {
    Ok(make(foundation, origin, application, None).await?.0)
}

/// Makes an account that works at once, after those whose time has passed are closed.
pub(crate) async fn claimable_cloud(
    foundation: &Foundation,
    origin: &Origin,
    application: Application,
) -> Result<ClaimableCloud, StoreError> {
    close_unclaimed(foundation).await?;
    let expires_at = foundation.clock.now() + TimeDelta::hours(CLOUD_HOURS);
    let (made, user) = make(foundation, origin, application, Some(expires_at)).await?;
    let claim = match user {
        Some(user) => {
            let users = Users::on_behalf_of(foundation, made.account, origin);
            Some(users.invite_until(&user.id().to_string(), expires_at).await?)
        }
        None => None,
    };
    Ok(ClaimableCloud { made, expires_at, claim })
}

/// Makes an account that works until then, or one that is suspended. Either is settled before there is an environment: what a process
/// that is killed in between leaves behind gives nobody anything.
async fn make(
    foundation: &Foundation,
    origin: &Origin,
    application: Application,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(SignedUp, Option<User>), StoreError> {
    if let Some(email) = &application.email {
        check_email(email)?;
    }
    let name = application.email.clone().unwrap_or_else(|| "Claimable".to_owned());
    let made = accounts::create(foundation, origin, &name, PLAN).await?;
    let account = made.account.id;
    match expires_at {
        None => changes::set_account_enabled(foundation, origin, account, false).await?,
        Some(expires_at) => {
            let row = rows::Model { account_id: account.0, expires_at };
            rows::Entity::insert(row.into_active_model().reset_all())
                .exec_without_returning(foundation.database.writer())
                .await?;
        }
    }
    let new = NewEnvironment {
        name: "Main".to_owned(),
        custom_attributes: Some(application.attributes),
        ..NewEnvironment::default()
    };
    let environment = Environments::on_behalf_of(foundation, account, origin).create(new).await?;
    let user = match application.email {
        Some(email) => {
            let new = NewUser {
                name: email.clone(),
                email,
                role: AccountRole::MasterAdmin,
                environments: None,
                enabled: true,
            };
            Some(Users::on_behalf_of(foundation, account, origin).create(new).await?)
        }
        None => None,
    };
    Ok((SignedUp { account, plan: made.account.plan, environment }, user))
}

/// Closes clouds whose time has passed and that nobody has claimed; a claimed one is an account like any other from then on.
pub(crate) async fn close_unclaimed(foundation: &Foundation) -> Result<(), StoreError> {
    let passed = foundation.clock.now() - TimeDelta::minutes(GRACE_MINUTES);
    let due = rows::Entity::find()
        .filter(rows::Column::ExpiresAt.lte(passed))
        .order_by_asc(rows::Column::ExpiresAt)
        .limit(CLOSED_AT_ONCE)
        .all(foundation.database.reader())
        .await?;
    for row in due {
        let claimed = memberships::Entity::find()
            .filter(memberships::Column::AccountId.eq(row.account_id))
            .filter(memberships::Column::Pending.eq(false))
            .count(foundation.database.reader())
            .await?;
        if claimed == 0 {
            match changes::close_account(foundation, &PROGRAM, AccountId(row.account_id)).await {
                // The operator, or another node, was there first.
                Ok(()) | Err(StoreError::AccountClosed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        rows::Entity::delete_by_id(row.account_id).exec(foundation.database.writer()).await?;
    }
    Ok(())
}
