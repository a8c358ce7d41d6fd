//! What rules would have come to, had an access key had them already, on the wire. Beside the vendor's API.

use actix_web::web::Json;
use chrono::TimeDelta;
use plane_kit::{
    audit::hour_of,
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, missing},
        routes::Routes,
    },
    ids::AccountId,
    policy::{PolicyBook, rule::KeyRules},
    routes,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{key_permissions::rules, wire_time};
use crate::{
    access::{AccountGrant, ReadPermissions},
    access_keys::AccessKey,
    audit::{ChangedCalls, rehearse},
    environments::{Environment, Environments},
    permissions::{enforcement, error::PermissionsError},
};

/// How many days are looked back when nothing is said.
const USUAL_DAYS: i64 = 7;

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; rehearse_permissions);
    routes
}

/// Rules to be rehearsed. Nothing is changed by them.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct RehearsalRequest {
    /// The public half of an access key of the account, with or without `key:` in front.
    #[schema(example = "814814814814814")]
    principal: String,
    /// Rules in the place of all that the key has, as they would be set. An empty list is a key without rules.
    #[schema(example = json!(["POST /:resource_type/upload in clients/acme"]))]
    rules: Option<Vec<String>>,
    /// The name of a template whose rules are taken; not together with rules.
    #[schema(example = "read_only")]
    template: Option<String>,
    /// How many days are looked back, at most as many as call records are kept. Default: 7, or as many as they are kept.
    #[schema(example = 7)]
    days: Option<i64>,
}

/// What rules would have come to. The calls of its four parts add up to `calls`.
#[derive(Debug, Serialize, ToSchema)]
struct RehearsedPermissions {
    /// How many days were looked back.
    #[schema(example = 7)]
    days: i64,
    /// How many calls were looked at.
    #[schema(example = 1200)]
    calls: i64,
    /// Calls that were permitted and would be refused, the most frequent first.
    newly_refused: Vec<RehearsedCalls>,
    /// Calls that were refused and would be allowed, the most frequent first.
    newly_allowed: Vec<RehearsedCalls>,
    /// How many calls would be decided as they were.
    #[schema(example = 1100)]
    unchanged: i64,
    /// How many calls cannot be decided: they were counted as `other`, or the rules decide by the folder and none was recorded.
    #[schema(example = 0)]
    unknown: i64,
}

/// Calls of one kind that would be decided otherwise.
#[derive(Debug, Serialize, ToSchema)]
struct RehearsedCalls {
    /// The operation.
    #[schema(example = "upload")]
    operation: &'static str,
    /// Its method.
    #[schema(example = "POST")]
    method: &'static str,
    /// Its path, as rules write it.
    #[schema(example = "/:resource_type/upload")]
    path: &'static str,
    /// The folder that the calls were about, the root being the empty text; null where there is none or it was not recorded.
    #[schema(example = "clients/other")]
    folder: Option<String>,
    /// How many.
    #[schema(example = 100)]
    calls: i64,
    /// The last of them, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00Z")]
    last_at: String,
    /// Why they would be decided so, in a sentence.
    #[schema(example = "its rules allow it only in clients/acme")]
    reason: String,
}

impl From<ChangedCalls> for RehearsedCalls {
    fn from(changed: ChangedCalls) -> Self {
        Self {
            operation: changed.operation.id,
            method: changed.operation.method(),
            path: changed.operation.path(),
            folder: changed.folder,
            calls: changed.calls,
            last_at: wire_time(changed.last_at),
            reason: changed.reason,
        }
    }
}

/// Rehearse permissions.
///
/// Holds what an access key was used for in the last days against rules that it does not have yet, and says which calls would be
/// decided otherwise than they were, and why. Its roles and the custom policies are taken as they are. Nothing is changed. Call records of a region come in a moment after the calls.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/permissions/rehearse",
    tag = "Key Permissions",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = RehearsalRequest, description = "The key and the rules; JSON or a form."),
    responses(
        (status = 200, description = "What the rules would have come to.", body = RehearsedPermissions),
        (status = 400, description = "The rules are none, or so many days are not kept.", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "The key is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn rehearse_permissions(
    allow: Allow<ReadPermissions>,
    params: Params,
) -> Result<Json<RehearsedPermissions>, ApiError> {
    let foundation = allow.grant().foundation();
    let kept = i64::from(foundation.config.call_records_days);
    let name = params.required_text("principal")?;
    let days = params.integer_in("days", 1..=kept, USUAL_DAYS.min(kept))?;
    let draft = rules(&params)?.ok_or_else(|| missing("rules"))?;
    let api_key = name.strip_prefix("key:").unwrap_or(&name);
    let (environment, key) = Environments::of(allow.grant()).find_key(api_key).await?;
    // The hour in which the span begins is looked at whole.
    let since = hour_of(foundation.clock.now() - TimeDelta::days(days));
    let policy = drafted(allow.grant(), &environment, &key, &draft).await?;
    let found = rehearse(allow.grant(), environment.id(), key.api_key(), &policy, since).await?;
    Ok(Json(RehearsedPermissions {
        days,
        calls: found.calls(),
        unchanged: found.unchanged,
        unknown: found.unknown,
        newly_refused: found.newly_refused.into_iter().map(RehearsedCalls::from).collect(),
        newly_allowed: found.newly_allowed.into_iter().map(RehearsedCalls::from).collect(),
    }))
}

/// The policy of a key as it would be with rules in the place of all that it has.
async fn drafted(
    grant: &AccountGrant,
    environment: &Environment,
    key: &AccessKey,
    rules: &KeyRules,
) -> Result<PolicyBook, PermissionsError> {
    let mut row = key.row().clone();
    row.rules = json!(rules.texts());
    let (reader, account) = (grant.foundation().database.reader(), AccountId(grant.account().id));
    let (lines, links) = enforcement::of_environment(reader, account, environment.id(), &[row]).await?;
    Ok(PolicyBook::new(&lines, &links))
}
