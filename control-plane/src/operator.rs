//! Accounts as the operator runs them over HTTP, under `/internal/v1/operator`.

use actix_web::web::{Json, Path};
use chrono::{DateTime, SecondsFormat, Utc};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    ids::AccountId,
    routes,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::{DestroyAccounts, OperatorGrant, ReadAccounts, WriteAccounts},
    accounts, changes,
};

/// The plan of an account that names none.
const USUAL_PLAN: &str = "Unlimited";

/// The routes.
pub(crate) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; list_accounts, create_account, get_account, close_account, suspend_account, resume_account);
    routes
}

/// An account as the operator sees it, over HTTP and at the command line.
#[derive(Debug, Serialize, ToSchema)]
pub struct OperatedAccount {
    /// Its id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// What people call it.
    #[schema(example = "Acme")]
    name: String,
    /// Name of its price plan.
    #[schema(example = "Plus")]
    plan: String,
    /// `active`, `suspended` or `closed`.
    #[schema(example = "active")]
    status: &'static str,
    /// When it was made, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    created_at: String,
    /// When it was closed, ISO 8601; null while it is not.
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    closed_at: Option<String>,
}

/// All accounts.
#[derive(Debug, Serialize, ToSchema)]
struct OperatedAccounts {
    /// The accounts, oldest first, the closed ones among them.
    accounts: Vec<OperatedAccount>,
}

/// An account that was just made, with its first provisioning key.
#[derive(Debug, Serialize, ToSchema)]
struct CreatedAccount {
    /// The account.
    account: OperatedAccount,
    /// The public half of the provisioning key, 15 digits.
    #[schema(example = "814814814814814")]
    provisioning_api_key: String,
    /// The secret half. It is in this answer only and can be read nowhere afterwards.
    #[schema(format = Password)]
    provisioning_api_secret: String,
}

/// What an account is made of.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct AccountRequest {
    /// What people call it, at most 255 characters.
    #[schema(example = "Acme")]
    name: String,
    /// Its price plan: `Free`, `Plus` or `Unlimited`, in any case. Default: `Unlimited`.
    #[schema(example = "Plus")]
    plan: Option<String>,
}

impl From<&accounts::Account> for OperatedAccount {
    fn from(account: &accounts::Account) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name.clone(),
            plan: account.plan.clone(),
            status: account.standing().name(),
            created_at: wire_time(account.created_at),
            closed_at: account.closed_at.map(wire_time),
        }
    }
}

fn wire_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn account_id(text: &str) -> Result<AccountId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(format!("Cannot find account with id {text}")))
}

async fn as_it_is_now(grant: &OperatorGrant, id: AccountId) -> Result<Json<OperatedAccount>, ApiError> {
    let account = accounts::get(grant.foundation(), id).await?;
    Ok(Json(OperatedAccount::from(&account)))
}

/// List accounts.
///
/// All accounts of the installation, the closed ones among them.
#[utoipa::path(
    get,
    path = "/internal/v1/operator/accounts",
    tag = "Operator",
    responses((status = 200, description = "The accounts.", body = OperatedAccounts)),
)]
async fn list_accounts(allow: Allow<ReadAccounts>) -> Result<Json<OperatedAccounts>, ApiError> {
    let found = accounts::list(allow.grant().foundation()).await?;
    Ok(Json(OperatedAccounts { accounts: found.iter().map(OperatedAccount::from).collect() }))
}

/// Create an account.
///
/// Makes an account with one provisioning key, whose secret is in this answer only.
#[utoipa::path(
    post,
    path = "/internal/v1/operator/accounts",
    tag = "Operator",
    request_body(content = AccountRequest, description = "The account; JSON or a form."),
    responses((status = 200, description = "The account with its provisioning key.", body = CreatedAccount)),
)]
async fn create_account(allow: Allow<WriteAccounts>, params: Params) -> Result<Json<CreatedAccount>, ApiError> {
    let (name, plan) = (params.required_text("name")?, params.text("plan")?);
    let plan = plan.as_deref().unwrap_or(USUAL_PLAN);
    let made = accounts::create(allow.grant().foundation(), allow.grant().origin(), &name, plan).await?;
    Ok(Json(CreatedAccount {
        account: OperatedAccount::from(&made.account),
        provisioning_api_key: made.api_key,
        provisioning_api_secret: made.api_secret.expose().to_owned(),
    }))
}

/// Get an account.
///
/// One account, closed or not.
#[utoipa::path(
    get,
    path = "/internal/v1/operator/accounts/{account_id}",
    tag = "Operator",
    params(("account_id" = String, Path, description = "The account.", example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")),
    responses(
        (status = 200, description = "The account.", body = OperatedAccount),
        (status = 404, description = "Not there.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_account(allow: Allow<ReadAccounts>, path: Path<String>) -> Result<Json<OperatedAccount>, ApiError> {
    as_it_is_now(allow.grant(), account_id(&path)?).await
}

/// Close an account.
///
/// Switches an account off for good: its provisioning keys are disabled and its product environments deleted.
#[utoipa::path(
    delete,
    path = "/internal/v1/operator/accounts/{account_id}",
    tag = "Operator",
    params(("account_id" = String, Path, description = "The account.", example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")),
    responses(
        (status = 200, description = "The account, closed.", body = OperatedAccount),
        (status = 404, description = "Not there.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "It is closed already.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn close_account(allow: Allow<DestroyAccounts>, path: Path<String>) -> Result<Json<OperatedAccount>, ApiError> {
    let id = account_id(&path)?;
    changes::close_account(allow.grant().foundation(), allow.grant().origin(), id).await?;
    as_it_is_now(allow.grant(), id).await
}

/// Suspend an account.
///
/// Switches an account and all its product environments off until it is taken back.
#[utoipa::path(
    post,
    path = "/internal/v1/operator/accounts/{account_id}/suspend",
    tag = "Operator",
    params(("account_id" = String, Path, description = "The account.", example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")),
    responses(
        (status = 200, description = "The account, suspended.", body = OperatedAccount),
        (status = 404, description = "Not there.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "It is closed.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn suspend_account(allow: Allow<WriteAccounts>, path: Path<String>) -> Result<Json<OperatedAccount>, ApiError> {
    let id = account_id(&path)?;
    changes::set_account_enabled(allow.grant().foundation(), allow.grant().origin(), id, false).await?;
    as_it_is_now(allow.grant(), id).await
}

/// Resume an account.
///
/// Takes a suspended account back. A closed one is not taken back.
#[utoipa::path(
    post,
    path = "/internal/v1/operator/accounts/{account_id}/resume",
    tag = "Operator",
    params(("account_id" = String, Path, description = "The account.", example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")),
    responses(
        (status = 200, description = "The account, active.", body = OperatedAccount),
        (status = 404, description = "Not there.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "It is closed.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn resume_account(allow: Allow<WriteAccounts>, path: Path<String>) -> Result<Json<OperatedAccount>, ApiError> {
    let id = account_id(&path)?;
    changes::set_account_enabled(allow.grant().foundation(), allow.grant().origin(), id, true).await?;
    as_it_is_now(allow.grant(), id).await
}
