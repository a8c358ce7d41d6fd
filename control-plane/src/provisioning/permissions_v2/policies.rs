//! System, custom and effective policies on the wire.

use actix_web::{
    HttpResponse,
    web::{Json, Path},
};
use plane_kit::{
    error::{ApiError, PermissionsErrorEnvelope},
    http::{
        access::Allow,
        params::{Params, invalid_value, missing},
        routes::Routes,
    },
    ids::PolicyId,
    routes,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{PAGE, SystemPolicyData, permission_type, principal, scope, scope_type};
use crate::{
    access::{DestroyPermissions, ReadPermissions, WritePermissions},
    permissions::{
        custom_policies::{CustomPolicies, CustomPolicy, PolicyContent, Scope},
        effective::{self, EffectivePolicy},
        system::{SYSTEM_POLICIES, ScopeType},
    },
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(
        routes;
        get_system_policies,
        get_custom_policies,
        create_custom_policy,
        get_custom_policy,
        update_custom_policy,
        delete_custom_policy,
        get_effective_policies,
    );
    routes
}

/// System policies.
#[derive(Debug, Serialize, ToSchema)]
struct SystemPoliciesResponse {
    /// All of them; there is never a next page.
    data: Vec<SystemPolicyData>,
}

/// A custom policy.
#[derive(Debug, Serialize, ToSchema)]
struct CustomPolicyData {
    /// Its id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// The text, in Cedar.
    policy_statement: String,
    /// What it is for; absent when nobody has said.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// `account` or `prodenv`.
    #[schema(example = "prodenv")]
    scope_type: String,
    /// The product environment, or `all`; absent for the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_id: Option<String>,
    /// What people call it.
    name: String,
    /// Whether it holds.
    enabled: bool,
    /// When it was made, in seconds since 1970.
    created_at: i64,
    /// When it last changed, in seconds since 1970.
    updated_at: i64,
}

impl From<&CustomPolicy> for CustomPolicyData {
    fn from(policy: &CustomPolicy) -> Self {
        Self {
            id: policy.id().to_string(),
            policy_statement: policy.statement().to_owned(),
            description: policy.description().map(str::to_owned),
            scope_type: policy.scope_type().to_owned(),
            scope_id: policy.scope_id().map(str::to_owned),
            name: policy.name().to_owned(),
            enabled: policy.enabled(),
            created_at: policy.created_at().timestamp(),
            updated_at: policy.updated_at().timestamp(),
        }
    }
}

/// A custom policy in its wrapper.
#[derive(Debug, Serialize, ToSchema)]
struct CustomPolicyResponse {
    /// The policy.
    data: CustomPolicyData,
}

impl From<&CustomPolicy> for CustomPolicyResponse {
    fn from(policy: &CustomPolicy) -> Self {
        Self { data: CustomPolicyData::from(policy) }
    }
}

/// A page of custom policies.
#[derive(Debug, Serialize, ToSchema)]
struct CustomPoliciesResponse {
    /// The policies, oldest first.
    data: Vec<CustomPolicyData>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What a custom policy is made of.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct CustomPolicyRequest {
    /// The text, in Cedar. What this server cannot decide is refused by name.
    #[schema(
        example = "permit(principal == Cloudinary::APIKey::\"814814814814814\", action == Cloudinary::Action::\"read\", resource is Cloudinary::Folder) when { resource.ancestor_ids.contains(\"clients/acme\") };"
    )]
    policy_statement: String,
    /// What it is for.
    description: Option<String>,
    /// `account` or `prodenv`.
    #[schema(example = "prodenv")]
    scope_type: String,
    /// The product environment, or `all`; needed with `prodenv`.
    scope_id: Option<String>,
    /// What people call it, at most 255 characters.
    name: String,
    /// Whether it holds. Default when it is made: true; needed when it is replaced.
    enabled: Option<bool>,
}

/// A policy that holds.
#[derive(Debug, Serialize, ToSchema)]
struct EffectivePolicyData {
    /// Its id.
    #[schema(example = "cld::policy::global::api_keys::manage")]
    id: String,
    /// The text, in Cedar.
    policy_statement: String,
}

impl From<EffectivePolicy> for EffectivePolicyData {
    fn from(policy: EffectivePolicy) -> Self {
        Self { id: policy.id, policy_statement: policy.statement }
    }
}

/// A role that somebody has.
#[derive(Debug, Serialize, ToSchema)]
struct EffectiveRoleData {
    /// Its id.
    id: String,
    /// Its policies.
    system_policies: Vec<EffectivePolicyData>,
}

/// A principal with its roles.
#[derive(Debug, Serialize, ToSchema)]
struct EffectivePrincipal {
    /// `user`, `group`, `apiKey` or `provisioningKey`.
    principal_type: &'static str,
    /// Its id; the public half of a key.
    principal_id: String,
    /// Its roles in the scope.
    roles: Vec<EffectiveRoleData>,
}

/// What holds in a scope.
#[derive(Debug, Serialize, ToSchema)]
struct EffectivePolicies {
    /// Principals with their roles.
    principals: Vec<EffectivePrincipal>,
    /// The custom policies.
    custom_policies: Vec<EffectivePolicyData>,
}

/// What holds, in its wrapper.
#[derive(Debug, Serialize, ToSchema)]
struct EffectivePoliciesResponse {
    /// What holds.
    data: EffectivePolicies,
}

/// The scope of a policy in a body.
fn scope_of(params: &Params) -> Result<Scope, ApiError> {
    let kind = scope_type(params)?.ok_or_else(|| missing("scope_type"))?;
    Ok(Scope { kind, id: params.text("scope_id")? })
}

fn content(params: &Params, enabled: bool) -> Result<PolicyContent, ApiError> {
    Ok(PolicyContent {
        statement: params.required_text("policy_statement")?,
        name: params.required_text("name")?,
        description: params.text("description")?,
        scope: scope_of(params)?,
        enabled,
    })
}

/// The scope of a list, in which an environment has to be named.
fn listed_scope(params: &Params) -> Result<Scope, ApiError> {
    let scope = scope(params)?;
    if scope.kind == ScopeType::Environment && scope.id.is_none() { Err(missing("scope_id")) } else { Ok(scope) }
}

/// Get system policies.
///
/// The predefined policies of a scope: those of the account when none is named.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/policies/system",
    tag = "Policies",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("permission_type" = Option<String>, Query, description = "`global` or `content`."),
        ("scope_type" = Option<String>, Query, description = "`account` or `prodenv`. Default: account."),
    ),
    responses((status = 200, description = "The policies.", body = SystemPoliciesResponse)),
)]
async fn get_system_policies(
    _: Allow<ReadPermissions>,
    params: Params,
) -> Result<Json<SystemPoliciesResponse>, ApiError> {
    let (kind, scope) = (permission_type(&params)?, scope(&params)?);
    let chosen = SYSTEM_POLICIES
        .iter()
        .filter(|policy| policy.scope_type == scope.kind && kind.is_none_or(|kind| policy.permission_type == kind));
    Ok(Json(SystemPoliciesResponse { data: chosen.map(|policy| SystemPolicyData::of(policy, None)).collect() }))
}

/// Get custom policies.
///
/// The policies that the account wrote for a scope, a page of them.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/policies/custom",
    tag = "Policies",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("scope_type" = Option<String>, Query, description = "`account` or `prodenv`. Default: account."),
        ("scope_id" = Option<String>, Query, description = "The product environment; needed with `prodenv`."),
        ("enabled" = Option<bool>, Query, description = "Only those that hold, or only those that do not."),
        ("cursor" = Option<String>, Query, description = "Where the page begins."),
    ),
    responses((status = 200, description = "The policies.", body = CustomPoliciesResponse)),
)]
async fn get_custom_policies(
    allow: Allow<ReadPermissions>,
    params: Params,
) -> Result<Json<CustomPoliciesResponse>, ApiError> {
    let (scope, enabled, cursor) = (listed_scope(&params)?, params.boolean("enabled")?, params.text("cursor")?);
    let after: Option<PolicyId> = match cursor {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| invalid_value("cursor", &Value::from(text)))?),
    };
    let limit = u64::try_from(PAGE + 1).unwrap_or(u64::MAX);
    let mut found = CustomPolicies::of(allow.grant()).list(&scope, enabled, after, Some(limit)).await?;
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let next_cursor = found.last().filter(|_| has_more).map(|last| last.id().to_string());
    Ok(Json(CustomPoliciesResponse { data: found.iter().map(CustomPolicyData::from).collect(), next_cursor }))
}

/// Create custom policy.
///
/// Makes a policy from a text in Cedar. In force in the regions when the answer comes, after a second at most.
#[utoipa::path(
    post,
    path = "/v2/accounts/{account_id}/permissions/policies/custom",
    tag = "Policies",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = CustomPolicyRequest, description = "The policy; JSON or a form."),
    responses(
        (status = 201, description = "The policy.", body = CustomPolicyResponse),
        (status = 404, description = "The product environment is not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn create_custom_policy(allow: Allow<WritePermissions>, params: Params) -> Result<HttpResponse, ApiError> {
    let content = content(&params, params.boolean("enabled")?.unwrap_or(true))?;
    let policy = CustomPolicies::of(allow.grant()).create(content).await?;
    Ok(HttpResponse::Created().json(CustomPolicyResponse::from(&policy)))
}

/// Get custom policy.
///
/// One policy that the account wrote.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/policies/custom/{policy_id}",
    tag = "Policies",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("policy_id" = String, Path, description = "The policy."),
    ),
    responses(
        (status = 200, description = "The policy.", body = CustomPolicyResponse),
        (status = 404, description = "Not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn get_custom_policy(
    allow: Allow<ReadPermissions>,
    path: Path<(String, String)>,
) -> Result<Json<CustomPolicyResponse>, ApiError> {
    let policy = CustomPolicies::of(allow.grant()).find(&path.1).await?;
    Ok(Json(CustomPolicyResponse::from(&policy)))
}

/// Update custom policy.
///
/// Puts a policy in the place of the one that is there.
#[utoipa::path(
    put,
    path = "/v2/accounts/{account_id}/permissions/policies/custom/{policy_id}",
    tag = "Policies",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("policy_id" = String, Path, description = "The policy."),
    ),
    request_body(content = CustomPolicyRequest, description = "The policy; JSON or a form."),
    responses(
        (status = 200, description = "The policy.", body = CustomPolicyResponse),
        (status = 404, description = "Not there, or another account's.", body = PermissionsErrorEnvelope),
        (status = 409, description = "The statement is unchanged.", body = PermissionsErrorEnvelope),
    ),
)]
async fn update_custom_policy(
    allow: Allow<WritePermissions>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<CustomPolicyResponse>, ApiError> {
    let enabled = params.boolean("enabled")?.ok_or_else(|| missing("enabled"))?;
    let policy = CustomPolicies::of(allow.grant()).replace(&path.1, content(&params, enabled)?).await?;
    Ok(Json(CustomPolicyResponse::from(&policy)))
}

/// Delete custom policy.
///
/// Deletes a policy that the account wrote.
#[utoipa::path(
    delete,
    path = "/v2/accounts/{account_id}/permissions/policies/custom/{policy_id}",
    tag = "Policies",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("policy_id" = String, Path, description = "The policy.", example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b"),
    ),
    responses(
        (status = 204, description = "Deleted."),
        (status = 404, description = "Not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn delete_custom_policy(
    allow: Allow<DestroyPermissions>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    CustomPolicies::of(allow.grant()).delete(&path.1).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Get effective policies.
///
/// The policies that hold in a scope: those of roles by principal, and the custom ones. A user comes with its groups.
#[utoipa::path(
    get,
    path = "/v2/accounts/{account_id}/permissions/policies/effective",
    tag = "Policies",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("scope_type" = Option<String>, Query, description = "`account` or `prodenv`. Default: account."),
        ("scope_id" = Option<String>, Query, description = "The product environment; needed with `prodenv`."),
        ("principal_type" = Option<String>, Query, description = "`user`, `group`, `apiKey` or `provisioningKey`."),
        ("principal_id" = Option<String>, Query, description = "The principal; needed with its type."),
    ),
    responses(
        (status = 200, description = "The policies.", body = EffectivePoliciesResponse),
        (status = 404, description = "The principal or the product environment is not there, or another account's.", body = PermissionsErrorEnvelope),
    ),
)]
async fn get_effective_policies(
    allow: Allow<ReadPermissions>,
    params: Params,
) -> Result<Json<EffectivePoliciesResponse>, ApiError> {
    let (scope, only) = (listed_scope(&params)?, principal(&params)?);
    let found = effective::policies(allow.grant(), &scope, only.as_ref()).await?;
    let principals = found.principals.into_iter().map(|(principal, roles)| EffectivePrincipal {
        principal_type: principal.kind.name(),
        principal_id: principal.id,
        roles: roles
            .into_iter()
            .map(|role| EffectiveRoleData {
                id: role.id,
                system_policies: role.policies.into_iter().map(EffectivePolicyData::from).collect(),
            })
            .collect(),
    });
    let custom_policies = found.custom.into_iter().map(EffectivePolicyData::from).collect();
    Ok(Json(EffectivePoliciesResponse {
        data: EffectivePolicies { principals: principals.collect(), custom_policies },
    }))
}
