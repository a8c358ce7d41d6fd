//! Roles on the wire.

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
use utoipa::ToSchema;

use super::{SystemPolicyData, content_filter, management_type, parameters, permission_type, scope_type, wants_system};
use crate::{
    access::{DestroyPermissions, ReadPermissions, WritePermissions},
    permissions::{
        roles::{NewRole, Role, RoleContent, Roles},
        system::FOLDER_PARAMETER,
    },
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_roles, create_role, get_role, update_role, delete_role);
    routes
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
struct RoleData {
    /// Its policies; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<SystemPolicyData>>,
    /// Its id.
    #[schema(example = "cld::role::prodenv::master_admin")]
    id: String,
    /// What people call it.
    #[schema(example = "Master Admin")]
    name: String,
    /// What it is for; absent when nobody has said.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// `system` or `custom`.
    #[schema(example = "system")]
    management_type: &'static str,
    /// `global` or `content`.
    #[schema(example = "global")]
    permission_type: &'static str,
    /// The parameters that an assignment names; absent for a global role.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["folder_id"]))]
    policy_parameters: Option<&'static [&'static str]>,
    /// `account` or `prodenv`.
    #[schema(example = "prodenv")]
    scope_type: &'static str,
    /// When it was made, in seconds since 1970.
    created_at: i64,
    /// When it last changed, in seconds since 1970.
    updated_at: i64,
}

impl RoleData {
    fn brief(role: &Role) -> Self {
        Self {
            policies: None,
            id: role.id.clone(),
            name: role.name.clone(),
            description: role.description.clone(),
            management_type: management_type(role),
            permission_type: role.permission_type.name(),
            policy_parameters: parameters(role.parameters()),
            scope_type: role.scope_type.name(),
            created_at: role.created_at,
            updated_at: role.updated_at,
        }
    }

    fn whole(role: &Role, folder: Option<&str>) -> Self {
        let policies = role.policies.iter().copied().map(|policy| SystemPolicyData::of(policy, folder)).collect();
        Self { policies: Some(policies), ..Self::brief(role) }
    }
}

/// A role in its wrapper.
#[derive(Debug, Serialize, ToSchema)]
struct RoleResponse {
    /// The role.
    data: RoleData,
}

/// Roles.
#[derive(Debug, Serialize, ToSchema)]
struct RolesResponse {
    /// The roles, the system's first.
    data: Vec<RoleData>,
}

/// What a custom role is made of.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct CreateRoleRequest {
    /// Its id: at most 128 letters, digits, `_`, `-`, `:` and `.`; made up when absent.
    #[schema(example = "upload_manager_12334565")]
    id: Option<String>,
    /// `global` or `content`; it never changes.
    #[schema(example = "global")]
    permission_type: String,
    /// `account` or `prodenv`; it never changes.
    #[schema(example = "prodenv")]
    scope_type: String,
    /// What people call it, at most 255 characters; unique within the account.
    #[schema(example = "Upload manager")]
    name: String,
    /// What it is for.
    description: Option<String>,
    /// The ids of its system policies, of its own scope and type.
    #[schema(example = json!(["cld::policy::global::upload_presets::manage"]))]
    system_policy_ids: Option<Vec<String>>,
}

/// What a custom role is to be.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct UpdateRoleRequest {
    /// What people call it, at most 255 characters; unique within the account.
    #[schema(example = "Upload manager")]
    name: String,
    /// What it is for; nothing when absent.
    description: Option<String>,
    /// The ids of its system policies; as they were when absent.
    #[schema(example = json!(["cld::policy::global::upload_presets::manage"]))]
    system_policy_ids: Option<Vec<String>>,
}

fn content(params: &Params) -> Result<RoleContent, ApiError> {
    Ok(RoleContent {
        name: params.required_text("name")?,
        description: params.text("description")?,
        policy_ids: params.texts("system_policy_ids")?,
    })
}

/// Get roles.
///
/// The system's and the account's own roles of a type.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/roles",
    tag = "Roles",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("permission_type" = String, Query, description = "`global` or `content`."),
        ("scope_type" = Option<String>, Query, description = "`account` or `prodenv`; both when absent."),
        ("management_type" = Option<String>, Query, description = "`system` or `custom`; both when absent."),
        ("policy_parameters" = Option<String>, Query, description = "A JSON list of parameters that the roles have to have."),
    ),
    responses((status = 200, description = "The roles.", body = RolesResponse)),
)]
async fn get_roles(allow: Allow<ReadPermissions>, params: Params) -> Result<Json<RolesResponse>, ApiError> {
    let kind = permission_type(&params)?.ok_or_else(|| missing("permission_type"))?;
    let (scope, system) = (scope_type(&params)?, wants_system(&params)?);
    let wanted = params.texts("policy_parameters")?.unwrap_or_default();
    let roles = Roles::of(allow.grant()).list().await?;
    let chosen = roles.iter().filter(|role| {
        role.permission_type == kind
            && scope.is_none_or(|scope| role.scope_type == scope)
            && system.is_none_or(|system| role.is_system == system)
            && wanted.iter().all(|name| role.parameters().contains(&name.as_str()))
    });
    Ok(Json(RolesResponse { data: chosen.map(RoleData::brief).collect() }))
}

/// Create custom role.
///
/// Puts system policies together to a role of the account's own.
#[utoipa::path(
    post,
    path = "/v2/accounts/{account_id}/permissions/roles",
    tag = "Roles",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = CreateRoleRequest, description = "The role; JSON or a form."),
    responses(
        (status = 201, description = "The role.", body = RoleResponse),
        (status = 409, description = "The id or the name is taken.", body = PermissionsErrorEnvelope),
    ),
)]
async fn create_role(allow: Allow<WritePermissions>, params: Params) -> Result<HttpResponse, ApiError> {
    let new = NewRole {
        id: params.text("id")?,
        permission_type: permission_type(&params)?.ok_or_else(|| missing("permission_type"))?,
        scope_type: scope_type(&params)?.ok_or_else(|| missing("scope_type"))?,
        content: content(&params)?,
    };
    let role = Roles::of(allow.grant()).create(new).await?;
    Ok(HttpResponse::Created().json(RoleResponse { data: RoleData::whole(&role, None) }))
}

/// Get role.
///
/// One role with its policies, whose texts show the folder that is named.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/roles/{role_id}",
    tag = "Roles",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("role_id" = String, Path, description = "The role."),
        ("folder_id" = Option<String>, Query, description = "The folder that the texts are to show."),
        ("param_key" = Option<Vec<String>>, Query, description = "The same by name; `folder_id`."),
        ("param_value" = Option<Vec<String>>, Query, description = "A value for each `param_key`."),
    ),
    responses(
        (status = 200, description = "The role.", body = RoleResponse),
        (status = 404, description = "Not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn get_role(
    allow: Allow<ReadPermissions>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<RoleResponse>, ApiError> {
    let wanted = content_filter(&params)?;
    let role = Roles::of(allow.grant()).find(&path.1).await?;
    let folder = wanted.get(FOLDER_PARAMETER).map(String::as_str);
    Ok(Json(RoleResponse { data: RoleData::whole(&role, folder) }))
}

/// Update custom role.
///
/// Changes a role of the account's own, and what its holders may do.
#[utoipa::path(
    put,
    path = "/v2/accounts/{account_id}/permissions/roles/{role_id}",
    tag = "Roles",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("role_id" = String, Path, description = "The role."),
    ),
    request_body(content = UpdateRoleRequest, description = "The role; JSON or a form."),
    responses(
        (status = 200, description = "The role.", body = RoleResponse),
        (status = 404, description = "Not there, or another account's.", body = PermissionsErrorEnvelope),
        (status = 409, description = "The name is taken.", body = PermissionsErrorEnvelope),
    ),
)]
async fn update_role(
    allow: Allow<WritePermissions>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<RoleResponse>, ApiError> {
    let role = Roles::of(allow.grant()).update(&path.1, content(&params)?).await?;
    Ok(Json(RoleResponse { data: RoleData::whole(&role, None) }))
}

/// Delete custom role.
///
/// Deletes a role of the account's own. One that principals have is deleted only by force, and taken from them.
#[utoipa::path(
    delete,
    path = "/v2/accounts/{account_id}/permissions/roles/{role_id}",
    tag = "Roles",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("role_id" = String, Path, description = "The role.", example = "upload_manager_12334565"),
        ("force" = Option<bool>, Query, description = "Whether to take it from its holders first. Default: false."),
    ),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "Not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn delete_role(
    allow: Allow<DestroyPermissions>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<HttpResponse, ApiError> {
    let force = params.boolean("force")?.unwrap_or(false);
    Roles::of(allow.grant()).delete(&path.1, force).await?;
    Ok(HttpResponse::NoContent().finish())
}
