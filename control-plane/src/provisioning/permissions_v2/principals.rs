//! Who has which role, on the wire.

use std::collections::BTreeMap;

use actix_web::{
    HttpResponse,
    web::{Json, Path},
};
use plane_kit::{
    error::{ApiError, PermissionsErrorEnvelope},
    http::{
        access::Allow,
        params::{Params, missing},
        routes::Routes,
    },
    routes,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    PrincipalRoleData, content_filter, is_given_for, objects, permission_type, policy_parameters, principal,
    principal_of, scope_type, some_parameters, some_scope, wants_system, word,
};
use crate::{
    access::{ReadPermissions, WritePermissions},
    permissions::{
        assignments::{Assignment, Assignments, Operation},
        custom_policies::Scope,
        effective::holds_in,
        held::{Held, Principal},
        roles::{Role, Roles},
    },
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_principal_roles, update_principal_roles, get_role_principals, update_role_principals);
    routes
}

/// The roles of a principal.
#[derive(Debug, Serialize, ToSchema)]
struct PrincipalRolesResponse {
    /// The roles.
    data: Vec<PrincipalRoleData>,
}

/// A principal that has a role.
#[derive(Debug, Serialize, ToSchema)]
struct RolePrincipalData {
    /// Its id; the public half of a key.
    #[schema(example = "814814814814814")]
    id: String,
    /// `user`, `group`, `apiKey` or `provisioningKey`.
    #[serde(rename = "type")]
    #[schema(example = "apiKey")]
    kind: &'static str,
    /// The role; this and what follows only when it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    role_id: Option<String>,
    /// What the role is given for; absent for a global role.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_parameters: Option<BTreeMap<String, String>>,
    /// `account` or `prodenv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_type: Option<&'static str>,
    /// The product environment, or `all`; absent for a role of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_id: Option<String>,
    /// When it was assigned, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<i64>,
    /// When the assignment last changed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
}

impl RolePrincipalData {
    fn of(held: &Held, role: &Role, is_verbose: bool) -> Self {
        Self {
            id: held.principal.id.clone(),
            kind: held.principal.kind.name(),
            role_id: is_verbose.then(|| role.id.clone()),
            policy_parameters: some_parameters(held).filter(|_| is_verbose),
            scope_type: is_verbose.then(|| role.scope_type.name()),
            scope_id: some_scope(held).filter(|_| is_verbose),
            created_at: is_verbose.then(|| held.created_at.timestamp()),
            updated_at: is_verbose.then(|| held.updated_at.timestamp()),
        }
    }
}

/// The principals that have a role.
#[derive(Debug, Serialize, ToSchema)]
struct PrincipalsResponse {
    /// The principals.
    data: Vec<RolePrincipalData>,
}

/// Roles that a principal is to be given, or to lose.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct UpdatePrincipalRolesRequest {
    /// `add` or `remove`.
    #[schema(example = "add")]
    operation: String,
    /// The principal: its `type` and its `id`, which is the public half for a key.
    #[schema(value_type = Object, example = json!({"type": "apiKey", "id": "814814814814814"}))]
    principal: Value,
    /// The roles: for each its `id`, `scope_id` for a role of product environments (an access key's own when absent), and
    /// `policy_parameters` for a role of a folder, whose `folder_id` is the path of the folder.
    #[schema(value_type = Vec<Object>, example = json!([{"id": "cld::role::folder::viewer", "policy_parameters": {"folder_id": "clients/acme"}}]))]
    roles: Vec<Value>,
}

/// Principals that are to be given a role, or to lose it.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct UpdateRolePrincipalsRequest {
    /// `add` or `remove`.
    #[schema(example = "add")]
    operation: String,
    /// The principals: for each its `principal_type` and `principal_id`, `scope_id` and `policy_parameters`.
    #[schema(value_type = Vec<Object>, example = json!([{"principal_type": "apiKey", "principal_id": "814814814814814"}]))]
    principals: Vec<Value>,
}

fn operation(params: &Params) -> Result<Operation, ApiError> {
    let named = word(params, "operation", |name| match name {
        "add" => Some(Operation::Add),
        "remove" => Some(Operation::Remove),
        _ => None,
    })?;
    named.ok_or_else(|| missing("operation"))
}

/// An assignment from an entry of a list.
fn assignment(entry: Map<String, Value>, principal: Principal, role_id: String) -> Result<Assignment, ApiError> {
    let params = Params::from(entry);
    Ok(Assignment {
        principal,
        role_id,
        scope_id: text_or_null(&params, "scope_id")?,
        parameters: params
            .get("policy_parameters")
            .filter(|value| !value.is_null())
            .map_or_else(|| Ok(BTreeMap::new()), |_| policy_parameters(&params))?,
    })
}

/// A text; an inner null, which bodies may hold, is absent.
fn text_or_null(params: &Params, name: &str) -> Result<Option<String>, ApiError> {
    if params.get(name).is_some_and(Value::is_null) { Ok(None) } else { params.text(name) }
}

/// The scope that a list is narrowed to, if it is.
fn narrowed(params: &Params) -> Result<Option<Scope>, ApiError> {
    let id = params.text("scope_id")?;
    Ok(scope_type(params)?.map(|kind| Scope { kind, id }))
}

/// Get a principal's roles.
///
/// The roles of one type that a principal has, those among them that nobody has assigned.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/principal_roles",
    tag = "Principals",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("principal_type" = String, Query, description = "`user`, `group`, `apiKey` or `provisioningKey`."),
        ("principal_id" = String, Query, description = "The principal; the public half of a key."),
        ("permission_type" = String, Query, description = "`global` or `content`."),
        ("management_type" = Option<String>, Query, description = "`system` or `custom`; both when absent."),
        ("scope_type" = Option<String>, Query, description = "`account` or `prodenv`; both when absent."),
        ("scope_id" = Option<String>, Query, description = "The product environment."),
        ("folder_id" = Option<String>, Query, description = "The folder, by its path."),
        ("param_key" = Option<Vec<String>>, Query, description = "Parameters that the roles are given for."),
        ("param_value" = Option<Vec<String>>, Query, description = "A value for each `param_key`."),
    ),
    responses(
        (status = 200, description = "The roles.", body = PrincipalRolesResponse),
        (status = 404, description = "The principal is not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn get_principal_roles(
    allow: Allow<ReadPermissions>,
    params: Params,
) -> Result<Json<PrincipalRolesResponse>, ApiError> {
    let principal = principal(&params)?.ok_or_else(|| missing("principal_type"))?;
    let kind = permission_type(&params)?.ok_or_else(|| missing("permission_type"))?;
    let (system, scope, wanted) = (wants_system(&params)?, narrowed(&params)?, content_filter(&params)?);
    let held = Assignments::of(allow.grant()).of_principal(&principal).await?;
    let roles = Roles::of(allow.grant()).list().await?;
    let chosen = held.iter().filter_map(|held| {
        let role = roles.iter().find(|role| role.id == held.role_id)?;
        let is_asked = role.permission_type == kind
            && system.is_none_or(|system| role.is_system == system)
            && scope.as_ref().is_none_or(|scope| holds_in(held, scope))
            && is_given_for(held, &wanted);
        is_asked.then(|| PrincipalRoleData::of(held, role))
    });
    Ok(Json(PrincipalRolesResponse { data: chosen.collect() }))
}

/// Assign roles to a principal.
///
/// Gives roles to a principal or takes them away. The first change keeps the role that it had by default; take that away to narrow it.
/// In force in the regions when the answer comes, after a second at most.
#[utoipa::path(
    put,
    path = "/v2/accounts/{account_id}/permissions/principal_roles",
    tag = "Principals",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = UpdatePrincipalRolesRequest, description = "The principal and the roles, JSON."),
    responses(
        (status = 200, description = "Done; there is no body."),
        (status = 404, description = "The principal, a role or a product environment is not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn update_principal_roles(allow: Allow<WritePermissions>, params: Params) -> Result<HttpResponse, ApiError> {
    let operation = operation(&params)?;
    let members = params.object("principal")?.ok_or_else(|| missing("principal"))?;
    let principal = principal_of(&members, "type", "id", "principal")?;
    let mut assignments = Vec::new();
    for entry in objects(&params, "roles")? {
        let role_id = Params::from(entry.clone()).text("id")?.ok_or_else(|| missing("roles.id"))?;
        assignments.push(assignment(entry, principal.clone(), role_id)?);
    }
    Assignments::of(allow.grant()).change("update_principal_roles", operation, assignments).await?;
    Ok(HttpResponse::Ok().finish())
}

/// Get a role's principals.
///
/// Who has a role.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/roles/{role_id}/principals",
    tag = "Roles",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("role_id" = String, Path, description = "The role."),
        ("scope_type" = Option<String>, Query, description = "`account` or `prodenv`; both when absent."),
        ("scope_id" = Option<String>, Query, description = "The product environment."),
        ("verbose" = Option<bool>, Query, description = "Whether the answer has more than ids and types. Default: false."),
        ("folder_id" = Option<String>, Query, description = "The folder, by its path."),
        ("param_key" = Option<Vec<String>>, Query, description = "Parameters that the role is given for."),
        ("param_value" = Option<Vec<String>>, Query, description = "A value for each `param_key`."),
    ),
    responses(
        (status = 200, description = "The principals.", body = PrincipalsResponse),
        (status = 404, description = "The role is not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn get_role_principals(
    allow: Allow<ReadPermissions>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<PrincipalsResponse>, ApiError> {
    let (scope, wanted) = (narrowed(&params)?, content_filter(&params)?);
    let is_verbose = params.boolean("verbose")?.unwrap_or(false);
    let role = Roles::of(allow.grant()).find(&path.1).await?;
    let held = Assignments::of(allow.grant()).all().await?;
    let chosen = held.iter().filter(|held| {
        held.role_id == role.id
            && scope.as_ref().is_none_or(|scope| holds_in(held, scope))
            && is_given_for(held, &wanted)
    });
    Ok(Json(PrincipalsResponse { data: chosen.map(|held| RolePrincipalData::of(held, &role, is_verbose)).collect() }))
}

/// Assign a role to principals.
///
/// Gives a role to principals or takes it from them, all of them or none.
#[utoipa::path(
    put,
    path = "/v2/accounts/{account_id}/permissions/roles/{role_id}/principals",
    tag = "Roles",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("role_id" = String, Path, description = "The role."),
    ),
    request_body(content = UpdateRolePrincipalsRequest, description = "The principals, JSON."),
    responses(
        (status = 200, description = "Done; there is no body."),
        (status = 404, description = "The role, a principal or a product environment is not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn update_role_principals(
    allow: Allow<WritePermissions>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<HttpResponse, ApiError> {
    let operation = operation(&params)?;
    let mut assignments = Vec::new();
    for entry in objects(&params, "principals")? {
        let principal = principal_of(&entry, "principal_type", "principal_id", "principals")?;
        assignments.push(assignment(entry, principal, path.1.clone())?);
    }
    Assignments::of(allow.grant()).change("update_role_principals", operation, assignments).await?;
    Ok(HttpResponse::Ok().finish())
}
