//! Users of an account on the wire.

use actix_web::web::{Json, Path};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value},
        routes::Routes,
    },
    routes,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    Done, filter_list, is_descending, page,
    user_groups::{UserGroupSummary, UserGroupsListResponse, summaries},
    wire_time,
};
use crate::{
    access::{DestroyUsers, ReadUsers, WriteUsers},
    environments::{Environment, EnvironmentFilter, Environments},
    roles::AccountRole,
    users::{self, LoginFilter, NewUser, SortBy, UserChanges, UserFilter, UserListing, Users},
};

/// So many product environments can be given to a user one by one.
const MOST_ENVIRONMENTS: usize = 1_000;
/// How clients write days.
const DAYS: [&str; 2] = ["%Y-%m-%d", "%d-%m-%Y"];
/// Formats of a moment that is no ISO 8601: what a client makes of its own time when it prints it.
const PRINTED_MOMENTS: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(
        routes;
        get_users,
        create_user,
        get_user,
        update_user,
        delete_user,
        get_groups_for_user,
        get_sub_accounts_for_user,
    );
    routes
}

/// A user: a person in the account.
#[derive(Debug, Serialize, ToSchema)]
struct User {
    /// Its id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// What the account calls it.
    #[schema(example = "John Doe")]
    name: String,
    /// The name up to its first space.
    #[schema(example = "John")]
    first_name: String,
    /// The name behind its first space; empty when there is none.
    #[schema(example = "Doe")]
    last_name: String,
    /// The person's address, which is also the login name.
    #[schema(example = "john.doe@example.com")]
    email: String,
    /// The role.
    #[schema(example = "technical_admin")]
    role: String,
    /// Whether the person has not accepted yet.
    pending: bool,
    /// Whether the user may use the account.
    enabled: bool,
    /// `pending` or `active`.
    #[schema(example = "active")]
    status: &'static str,
    /// When it was made, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    created_at: String,
    /// When it last changed, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    updated_at: String,
    /// When the person last signed in, ISO 8601; absent when never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    last_login: Option<String>,
    /// Whether the user has every product environment, later ones too.
    all_sub_accounts: bool,
    /// The product environments that were given to the user one by one, oldest first; empty with `all_sub_accounts`.
    sub_account_ids: Vec<String>,
    /// The groups it is in, by name.
    groups: Vec<UserGroupSummary>,
    /// Outside services that the person signs in by. Empty: this server has none.
    providers: Vec<String>,
    /// What mail the person wants. Empty: this server has no choices.
    #[schema(value_type = Object)]
    email_preferences: Map<String, Value>,
    /// The account.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    account_id: String,
    /// Whether a second factor is asked for. Always false: this server has none.
    two_factor: bool,
    /// Whether it is the account's oldest user.
    root: bool,
    /// How many groups it is in.
    group_count: usize,
    /// How many product environments it has.
    sub_account_count: u64,
}

/// Users.
#[derive(Debug, Serialize, ToSchema)]
struct UsersResponse {
    /// The users of the page.
    users: Vec<User>,
}

/// A product environment in brief.
#[derive(Debug, Serialize, ToSchema)]
struct SubAccountSummary {
    /// Its id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// What people call it.
    #[schema(example = "Product1 Application")]
    name: String,
    /// The name in URLs.
    #[schema(example = "product1")]
    cloud_name: String,
    /// Whether it may be used.
    enabled: bool,
}

/// The product environments of a user.
#[derive(Debug, Serialize, ToSchema)]
struct UserSubAccountsResponse {
    /// The product environments, oldest first.
    sub_accounts: Vec<SubAccountSummary>,
}

/// What a new user is made of.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct UserRequest {
    /// What the account calls it, at most 255 characters.
    #[schema(example = "John Doe")]
    name: String,
    /// The person's address, at most 254 bytes; once in an account, in any case.
    #[schema(example = "john.doe@example.com")]
    email: String,
    /// master_admin, admin, billing, technical_admin, reports, media_library_admin or media_library_user. Default:
    /// media_library_user.
    #[schema(example = "technical_admin")]
    role: Option<String>,
    /// The product environments it has, at most 1000. Absent or without entries: all, later ones too. Passed over
    /// for a master_admin.
    sub_account_ids: Option<Vec<String>>,
    /// Whether it may use the account from the start. Default: true.
    enabled: Option<bool>,
}

/// What changes about a user; what is absent stays.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct UserUpdateRequest {
    /// What the account calls it, at most 255 characters.
    #[schema(example = "John Doe")]
    name: Option<String>,
    /// Another address, and with it another person, who has to accept first.
    #[schema(example = "john.doe@example.com")]
    email: Option<String>,
    /// The role. The last enabled master_admin of the account stays one.
    #[schema(example = "technical_admin")]
    role: Option<String>,
    /// The product environments it has from now on, at most 1000; as before when absent or without entries. Passed over for a master_admin,
    /// who has all.
    sub_account_ids: Option<Vec<String>>,
    /// Switches it on or off. The last enabled master_admin of the account cannot be switched off.
    enabled: Option<bool>,
}

impl From<&users::User> for User {
    fn from(user: &users::User) -> Self {
        let (first_name, last_name) = user.name().split_once(' ').unwrap_or((user.name(), ""));
        Self {
            id: user.id().to_string(),
            name: user.name().to_owned(),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            email: user.email().to_owned(),
            role: user.role().to_owned(),
            pending: user.pending(),
            enabled: user.enabled(),
            status: if user.pending() { "pending" } else { "active" },
            created_at: wire_time(user.created_at()),
            updated_at: wire_time(user.updated_at()),
            last_login: user.last_login().map(wire_time),
            all_sub_accounts: user.environments().is_none(),
            sub_account_ids: user.environments().unwrap_or_default().iter().map(ToString::to_string).collect(),
            groups: summaries(user),
            providers: Vec::new(),
            email_preferences: Map::new(),
            account_id: user.account().to_string(),
            two_factor: false,
            root: user.root(),
            group_count: user.groups().len(),
            sub_account_count: user.environment_count(),
        }
    }
}

impl From<&Environment> for SubAccountSummary {
    fn from(environment: &Environment) -> Self {
        Self {
            id: environment.id().to_string(),
            name: environment.name().to_owned(),
            cloud_name: environment.cloud_name().to_owned(),
            enabled: environment.enabled(),
        }
    }
}

fn role(params: &Params) -> Result<Option<AccountRole>, ApiError> {
    let Some(name) = params.text("role")? else {
        return Ok(None);
    };
    AccountRole::parse(&name).map(Some).ok_or_else(|| {
        let refused = invalid_value("role", &Value::from(name));
        let names = AccountRole::ALL.map(AccountRole::name).join(", ");
        ApiError::invalid(format!("{}: one of {names}", refused.message()))
    })
}

/// The environments that a user is for. A list without entries says nothing: official clients send it where nothing was said, with every
/// change of a name, too.
fn environment_ids(params: &Params) -> Result<Option<Vec<String>>, ApiError> {
    let ids = params.list("sub_account_ids")?;
    if let (Some(text @ Value::String(_)), Some([])) = (params.get("sub_account_ids"), ids.as_deref()) {
        return Err(invalid_value("sub_account_ids", text));
    }
    match &ids {
        Some(ids) if ids.len() > MOST_ENVIRONMENTS => {
            let text = format!("Invalid value for parameter sub_account_ids: at most {MOST_ENVIRONMENTS} entries");
            Err(ApiError::invalid(text))
        }
        _ => Ok(ids.filter(|ids| !ids.is_empty())),
    }
}

/// What older clients say by `pending` and newer ones by `status`.
fn pending(params: &Params) -> Result<Option<bool>, ApiError> {
    let pending = params.boolean("pending")?;
    let Some(status) = params.text("status")? else {
        return Ok(pending);
    };
    let by_status = match status.as_str() {
        "pending" => true,
        "active" => false,
        _ => return Err(invalid_value("status", &Value::from(status))),
    };
    if pending.is_some_and(|pending| pending != by_status) {
        let text = format!("Invalid value {status} for parameter status: parameter pending says otherwise");
        return Err(ApiError::invalid(text));
    }
    Ok(Some(by_status))
}

/// The filter by the last sign-in. The vendor's description has `union_type` say whether those outside are meant, its own
/// clients have `last_login` say it; either is heard.
fn login(params: &Params) -> Result<Option<LoginFilter>, ApiError> {
    let last_login = params.boolean("last_login")?;
    let is_excluding = match params.text("union_type")?.as_deref() {
        None | Some("include") => false,
        Some("exclude") => true,
        Some(other) => return Err(invalid_value("union_type", &Value::from(other))),
    };
    let from = moment(params, "from")?.map(|span| span.0);
    let before = moment(params, "to")?.map(|span| span.1);
    if last_login.is_none() && from.is_none() && before.is_none() {
        return Ok(None);
    }
    Ok(Some(LoginFilter { from, before, outside: is_excluding || last_login == Some(false) }))
}

/// A first moment, and the first one behind.
type Span = (DateTime<Utc>, DateTime<Utc>);

/// A day, or a moment, as its first moment and the first one behind it. Without a zone it is UTC.
pub(super) fn moment(params: &Params, name: &str) -> Result<Option<Span>, ApiError> {
    let Some(text) = params.text(name)? else {
        return Ok(None);
    };
    let span = span(&text).ok_or_else(|| invalid_value(name, &Value::from(text)))?;
    Ok(Some(span))
}

fn span(text: &str) -> Option<Span> {
    let text = text.trim();
    let day = DAYS.into_iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
    let (first, behind) = match day {
        Some(day) => {
            let next = day.checked_add_days(Days::new(1))?;
            (day.and_time(NaiveTime::MIN).and_utc(), next.and_time(NaiveTime::MIN).and_utc())
        }
        None => {
            let printed = |format| NaiveDateTime::parse_from_str(text, format).ok();
            let zoned = DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc());
            let at = zoned.or_else(|| PRINTED_MOMENTS.into_iter().find_map(printed).map(|moment| moment.and_utc()))?;
            // No time is kept finer than this.
            (at, at.checked_add_signed(TimeDelta::microseconds(1))?)
        }
    };
    // Beyond these years the databases do not agree on what comes first.
    (first.year() >= 1 && behind.year() <= 9999).then_some((first, behind))
}

fn listing(params: &Params) -> Result<UserListing, ApiError> {
    if params.get("activity").is_some() {
        return Err(ApiError::not_built("Parameter activity of the list of users"));
    }
    let filter = UserFilter {
        ids: filter_list(params, "ids")?,
        emails: filter_list(params, "emails")?,
        environment: params.text("sub_account_id")?,
        prefix: params.text("prefix")?,
        pending: pending(params)?,
        login: login(params)?,
    };
    let sort_by = match params.text("sort_by")?.as_deref() {
        None | Some("created_at") => SortBy::CreatedAt,
        Some("name") => SortBy::Name,
        Some("role") => SortBy::Role,
        Some("status") => SortBy::Status,
        Some("activity") => SortBy::Activity,
        Some(other) => return Err(invalid_value("sort_by", &Value::from(other))),
    };
    Ok(UserListing { filter, page: page(params)?, sort_by, descending: is_descending(params)? })
}

/// Get users.
///
/// The users of the account, or those that pass all the filters: all of them, or a page.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/users",
    tag = "Users",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("pending" = Option<bool>, Query, description = "Only those who have not accepted yet (true) or only those who have (false)."),
        ("status" = Option<String>, Query, description = "The same as a word: pending or active.", example = "active"),
        ("ids" = Option<Vec<String>>, Query, description = "Up to 100 ids."),
        ("emails" = Option<Vec<String>>, Query, description = "Up to 100 addresses, in any case."),
        ("prefix" = Option<String>, Query, description = "Only those whose name begins so, in any case.", example = "john"),
        ("sub_account_id" = Option<String>, Query, description = "Only those who have this product environment."),
        ("last_login" = Option<bool>, Query, description = "Only those who last signed in within from and to (true) or only the others (false)."),
        ("from" = Option<String>, Query, description = "First day (yyyy-mm-dd) or moment of the last sign-in.", example = "2026-01-01"),
        ("to" = Option<String>, Query, description = "Last day (yyyy-mm-dd) or moment of the last sign-in, included.", example = "2026-12-31"),
        ("union_type" = Option<String>, Query, description = "include (default) those within from and to, or exclude them.", example = "include"),
        ("sort_order" = Option<String>, Query, description = "desc (default) or asc.", example = "asc"),
        ("sort_by" = Option<String>, Query, description = "name, role, status, activity or created_at (default).", example = "name"),
        ("page" = Option<i64>, Query, description = "Which page, 1 to 100. Without page and page_size all users are returned."),
        ("page_size" = Option<i64>, Query, description = "Entries of a page, 1 to 500."),
    ),
    responses(
        (status = 200, description = "The users.", body = UsersResponse),
        (status = 404, description = "The product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_users(allow: Allow<ReadUsers>, params: Params) -> Result<Json<UsersResponse>, ApiError> {
    let listing = listing(&params)?;
    let found = Users::of(allow.grant()).list(&listing).await?;
    Ok(Json(UsersResponse { users: found.iter().map(User::from).collect() }))
}

/// Create user.
///
/// Makes a user, pending until the person accepts.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/users",
    tag = "Users",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = UserRequest, description = "The user; JSON or a form."),
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 404, description = "A product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The account has a user with the address.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn create_user(allow: Allow<WriteUsers>, params: Params) -> Result<Json<User>, ApiError> {
    let new = NewUser {
        name: params.required_text("name")?,
        email: params.required_text("email")?,
        role: role(&params)?.unwrap_or(AccountRole::WHEN_ABSENT),
        environments: environment_ids(&params)?,
        enabled: params.boolean("enabled")?.unwrap_or(true),
    };
    let user = Users::of(allow.grant()).create(new).await?;
    Ok(Json(User::from(&user)))
}

/// Get user.
///
/// One user.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/users/{user_id}",
    tag = "Users",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("user_id" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_user(allow: Allow<ReadUsers>, path: Path<(String, String)>) -> Result<Json<User>, ApiError> {
    let user = Users::of(allow.grant()).find(&path.1).await?;
    Ok(Json(User::from(&user)))
}

/// Update user.
///
/// Changes what the body names and leaves the rest.
#[utoipa::path(
    put,
    path = "/v1_1/provisioning/accounts/{account_id}/users/{user_id}",
    tag = "Users",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("user_id" = String, Path, description = "The user."),
    ),
    request_body(content = UserUpdateRequest, description = "The changes; JSON or a form."),
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 403, description = "The last enabled master_admin would be lost.", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "The user or a product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The account has another user with the address.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_user(
    allow: Allow<WriteUsers>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<User>, ApiError> {
    let changes = UserChanges {
        name: params.text("name")?,
        email: params.text("email")?,
        role: role(&params)?,
        environments: environment_ids(&params)?,
        enabled: params.boolean("enabled")?,
    };
    let user = Users::of(allow.grant()).update(&path.1, changes).await?;
    Ok(Json(User::from(&user)))
}

/// Delete user.
///
/// Deletes a user. The last enabled master_admin stays.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/users/{user_id}",
    tag = "Users",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("user_id" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "Deleted.", body = Done),
        (status = 403, description = "The last enabled master_admin would be lost.", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn delete_user(allow: Allow<DestroyUsers>, path: Path<(String, String)>) -> Result<Json<Done>, ApiError> {
    Users::of(allow.grant()).delete(&path.1).await?;
    Ok(Json(Done::OK))
}

/// Get user groups.
///
/// The groups that a user is in.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/users/{user_id}/groups",
    tag = "Users",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("user_id" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "The groups.", body = UserGroupsListResponse),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_groups_for_user(
    allow: Allow<ReadUsers>,
    path: Path<(String, String)>,
) -> Result<Json<UserGroupsListResponse>, ApiError> {
    let user = Users::of(allow.grant()).find(&path.1).await?;
    Ok(Json(UserGroupsListResponse::from(&user)))
}

/// Get user sub-accounts.
///
/// The product environments that a user has.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/users/{user_id}/sub_accounts",
    tag = "Users",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("user_id" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "The product environments.", body = UserSubAccountsResponse),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_sub_accounts_for_user(
    allow: Allow<ReadUsers>,
    path: Path<(String, String)>,
) -> Result<Json<UserSubAccountsResponse>, ApiError> {
    let user = Users::of(allow.grant()).find(&path.1).await?;
    let given = user.environments().map(|ids| ids.iter().map(ToString::to_string).collect());
    let filter = EnvironmentFilter { ids: given, ..EnvironmentFilter::default() };
    let found = Environments::of(allow.grant()).list(&filter).await?;
    Ok(Json(UserSubAccountsResponse { sub_accounts: found.iter().map(SubAccountSummary::from).collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_whole_and_a_moment_to_the_microsecond() {
        let cases = [
            ("2026-11-23", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"),
            ("2026-11-23 12:00:00.000001", "2026-11-23T12:00:00.000001Z", "2026-11-23T12:00:00.000002Z"),
            ("2026-11-23T12:00:00", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00.000001Z"),
            ("2026-11-23T13:00:00+01:00", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00.000001Z"),
        ];
        for (text, first, behind) in cases {
            let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
            assert_eq!(span(text), Some((at(first), at(behind))), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "0000-01-01", "9999-12-31", "+10000-01-01", "2026-11-23 25:00:00"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
