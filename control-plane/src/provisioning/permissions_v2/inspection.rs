//! Who has which role in a scope, on the wire: found by filters, or of principals that are named.

use std::collections::BTreeMap;

use actix_web::web::Json;
use plane_kit::{
    error::{ApiError, PermissionsErrorEnvelope},
    http::{
        access::Allow,
        params::{Params, invalid_value, missing},
        routes::Routes,
    },
    ids::AccountId,
    routes,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    PAGE, PrincipalRoleData, content_filter, in_one_spelling, is_given_for, objects, policy_parameters, principal_of,
    scope_type, word,
};
use crate::{
    access::{AccountGrant, ReadPermissions},
    permissions::{
        assignments::{Assignments, environment},
        custom_policies::Scope,
        effective::holds_in,
        enforcement::EVERY_ENVIRONMENT,
        held::{Held, Principal, PrincipalType},
        roles::Roles,
    },
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; inspect_principal_roles, inspect_multiple_principal_roles);
    routes
}

/// A principal with its roles.
#[derive(Debug, Serialize, ToSchema)]
struct InspectedPrincipal {
    /// `user`, `group`, `apiKey` or `provisioningKey`.
    #[serde(rename = "type")]
    #[schema(example = "apiKey")]
    kind: &'static str,
    /// Its id; the public half of a key.
    #[schema(example = "814814814814814")]
    id: String,
    /// Its roles in the scope.
    roles: Vec<PrincipalRoleData>,
}

/// Principals with their roles.
#[derive(Debug, Serialize, ToSchema)]
struct InspectedPrincipals {
    /// The principals.
    principals: Vec<InspectedPrincipal>,
}

/// A page of principals with their roles.
#[derive(Debug, Serialize, ToSchema)]
struct InspectResponse {
    /// The page.
    data: InspectedPrincipals,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What is to be inspected.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct InspectRequest {
    /// `account` or `prodenv`.
    #[schema(example = "prodenv")]
    scope_type: String,
    /// The product environment; all of them when absent.
    scope_id: Option<String>,
    /// The principals: for each its `type` and its `id`.
    #[schema(value_type = Vec<Object>, example = json!([{"type": "apiKey", "id": "814814814814814"}]))]
    principals: Vec<Value>,
    /// Only roles that are given for this, as in `{"folder_id": "clients/acme"}`.
    #[schema(value_type = Option<Object>)]
    policy_parameters: Option<Value>,
    /// Where the page begins.
    cursor: Option<String>,
}

/// The scope, which has to be named and to be the account's.
async fn scope(grant: &AccountGrant, params: &Params) -> Result<Scope, ApiError> {
    let kind = scope_type(params)?.ok_or_else(|| missing("scope_type"))?;
    let id = params.text("scope_id")?;
    if let Some(id) = id.as_deref().filter(|id| *id != EVERY_ENVIRONMENT) {
        environment(grant.foundation().database.reader(), AccountId(grant.account().id), id).await?;
    }
    Ok(Scope { kind, id })
}

/// A principal as a cursor.
fn cursor_of(principal: &Principal) -> String {
    format!("{}:{}", principal.kind.name(), principal.id)
}

/// The principal that a page begins behind.
fn after(params: &Params) -> Result<Option<Principal>, ApiError> {
    let Some(text) = params.text("cursor")? else {
        return Ok(None);
    };
    let parsed = text.split_once(':').and_then(|(kind, id)| Some((PrincipalType::parse(kind)?, id.to_owned())));
    match parsed {
        Some((kind, id)) => Ok(Some(Principal { kind, id })),
        None => Err(invalid_value("cursor", &Value::from(text))),
    }
}

/// Puts a page together: principals in their order, each with those of its roles that are asked for.
async fn page(
    grant: &AccountGrant,
    principals: Vec<Principal>,
    held: &[Held],
    is_asked: impl Fn(&Held) -> bool,
    with_empty: bool,
    after: Option<Principal>,
) -> Result<Json<InspectResponse>, ApiError> {
    let roles = Roles::of(grant).list().await?;
    let mut shown: Vec<(Principal, Vec<PrincipalRoleData>)> = Vec::new();
    for principal in principals.into_iter().filter(|one| after.as_ref().is_none_or(|after| one > after)) {
        let own = held.iter().filter(|held| held.principal == principal && is_asked(held));
        let own: Vec<_> = own
            .filter_map(|held| {
                let role = roles.iter().find(|role| role.id == held.role_id)?;
                Some(PrincipalRoleData::of(held, role))
            })
            .collect();
        if with_empty || !own.is_empty() {
            shown.push((principal, own));
        }
        if shown.len() > PAGE {
            break;
        }
    }
    let has_more = shown.len() > PAGE;
    shown.truncate(PAGE);
    let next_cursor = shown.last().filter(|_| has_more).map(|(principal, _)| cursor_of(principal));
    let principals = shown
        .into_iter()
        .map(|(principal, roles)| InspectedPrincipal { kind: principal.kind.name(), id: principal.id, roles })
        .collect();
    Ok(Json(InspectResponse { data: InspectedPrincipals { principals }, next_cursor }))
}

/// Inspect.
///
/// Finds the principals that have roles in a scope, with these roles.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/principal_roles/inspect",
    tag = "Principals",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("scope_type" = String, Query, description = "`account` or `prodenv`."),
        ("scope_id" = Option<String>, Query, description = "The product environment; all of them when absent."),
        ("principal_type" = Option<String>, Query, description = "Only principals of this type."),
        ("principal_id" = Option<String>, Query, description = "Only this principal; with its type."),
        ("folder_id" = Option<String>, Query, description = "Only roles that are given for this folder."),
        ("param_key" = Option<Vec<String>>, Query, description = "Parameters that the roles are given for."),
        ("param_value" = Option<Vec<String>>, Query, description = "A value for each `param_key`."),
        ("cursor" = Option<String>, Query, description = "Where the page begins."),
    ),
    responses(
        (status = 200, description = "The principals.", body = InspectResponse),
        (status = 404, description = "The principal or the product environment is not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn inspect_principal_roles(
    allow: Allow<ReadPermissions>,
    params: Params,
) -> Result<Json<InspectResponse>, ApiError> {
    let grant = allow.grant();
    let (kind, id) = (word(&params, "principal_type", PrincipalType::parse)?, params.text("principal_id")?);
    let (wanted, after) = (content_filter(&params)?, after(&params)?);
    let scope = scope(grant, &params).await?;
    let held = match (kind, id) {
        (Some(kind), Some(id)) => Assignments::of(grant).of_principal(&Principal { kind, id }).await?,
        (None, Some(_)) => return Err(missing("principal_type")),
        (kind, None) => {
            let mut held = Assignments::of(grant).all().await?;
            held.retain(|held| kind.is_none_or(|kind| held.principal.kind == kind));
            held
        }
    };
    let mut principals: Vec<Principal> = held.iter().map(|held| held.principal.clone()).collect();
    principals.sort_unstable();
    principals.dedup();
    page(grant, principals, &held, |held| holds_in(held, &scope) && is_given_for(held, &wanted), false, after).await
}

/// Inspect multiple.
///
/// The roles that each of the named principals has in a scope.
#[utoipa::path(
    post,
    path = "/v2/accounts/{account_id}/permissions/principal_roles/inspect",
    tag = "Principals",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = InspectRequest, description = "The principals, JSON."),
    responses(
        (status = 200, description = "The principals.", body = InspectResponse),
        (status = 404, description = "A principal or the product environment is not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn inspect_multiple_principal_roles(
    allow: Allow<ReadPermissions>,
    params: Params,
) -> Result<Json<InspectResponse>, ApiError> {
    let grant = allow.grant();
    let wanted: BTreeMap<String, String> = in_one_spelling(policy_parameters(&params)?);
    let after = after(&params)?;
    let scope = scope(grant, &params).await?;
    let mut principals = Vec::new();
    for entry in objects(&params, "principals")? {
        principals.push(principal_of(&entry, "type", "id", "principals")?);
    }
    principals.sort_unstable();
    principals.dedup();
    let mut held = Vec::new();
    for principal in &principals {
        held.extend(Assignments::of(grant).of_principal(principal).await?);
    }
    page(grant, principals, &held, |held| holds_in(held, &scope) && is_given_for(held, &wanted), true, after).await
}
