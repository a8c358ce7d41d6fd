//! The words of policies, open to everybody: the catalogue, the schema, and whether a policy holds.

use actix_web::web::Json;
use plane_kit::{
    error::ApiError,
    http::{
        access::Public,
        params::{Params, missing},
        routes::Routes,
    },
    routes,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    access::Vocabulary,
    permissions::{
        cedar,
        system::{SYSTEM_POLICIES, SYSTEM_ROLES},
        vocabulary,
    },
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_catalog, get_cedar_schema, validate_policy);
    routes
}

/// A system policy in the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct CatalogPolicy {
    /// Its id.
    #[schema(example = "cld::policy::global::ml::access")]
    id: &'static str,
    /// What people call it.
    name: &'static str,
    /// What it is for.
    description: &'static str,
    /// Where the console lists it.
    category: &'static str,
    /// The same, one level down.
    sub_category: &'static str,
    /// `global` or `content`.
    permission_type: &'static str,
    /// `account` or `prodenv`.
    scope_type: &'static str,
    /// The text, in Cedar.
    policy: &'static str,
}

/// A system role in the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct CatalogRole {
    /// Its id.
    #[schema(example = "cld::role::prodenv::master_admin")]
    id: &'static str,
    /// What people call it.
    name: &'static str,
    /// What it is for.
    description: &'static str,
    /// `global` or `content`.
    permission_type: &'static str,
    /// `account` or `prodenv`.
    scope_type: &'static str,
    /// The ids of its policies.
    #[schema(value_type = Vec<String>)]
    system_policy_ids: &'static [&'static str],
}

/// System policies and roles.
#[derive(Debug, Serialize, ToSchema)]
struct Catalog {
    /// The policies.
    system_policies: Vec<CatalogPolicy>,
    /// The roles.
    system_roles: Vec<CatalogRole>,
}

/// The catalogue in its wrapper.
#[derive(Debug, Serialize, ToSchema)]
struct CatalogResponse {
    /// The catalogue.
    catalog: Catalog,
}

/// The schema in its wrapper.
#[derive(Debug, Serialize, ToSchema)]
struct CedarSchemaResponse {
    /// The schema, in Cedar's JSON form.
    #[schema(value_type = Object)]
    schema: Value,
}

/// What is to be validated.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct ValidatePolicyRequest {
    /// The policy, in Cedar.
    #[schema(example = "permit(principal, action, resource);")]
    policy: String,
}

/// Something that is wrong with a policy.
#[derive(Debug, Serialize, ToSchema)]
struct CedarError {
    /// What and where.
    #[schema(example = "`unless` is not supported at line 1, column 42")]
    cedar_message: String,
    /// `ACCOUNTS_00002` for what Cedar refuses, `SAFELIGHT_00001` for what this server cannot decide.
    #[schema(example = "SAFELIGHT_00001")]
    cedar_code: &'static str,
}

/// Whether a policy holds.
#[derive(Debug, Serialize, ToSchema)]
struct ValidatePolicyResponse {
    /// Whether it would be accepted.
    valid: bool,
    /// What is wrong with it; empty when nothing is.
    errors: Vec<CedarError>,
}

/// Get the catalogue.
///
/// The predefined policies and roles.
#[utoipa::path(
    get,
    path = "/v2/accounts/permissions/public/catalog",
    tag = "Permissions Vocabulary",
    responses((status = 200, description = "The catalogue.", body = CatalogResponse)),
)]
async fn get_catalog(_: Public<Vocabulary>) -> Json<CatalogResponse> {
    let policies = SYSTEM_POLICIES.iter().map(|policy| CatalogPolicy {
        id: policy.id,
        name: policy.name,
        description: policy.description,
        category: policy.category,
        sub_category: policy.sub_category,
        permission_type: policy.permission_type.name(),
        scope_type: policy.scope_type.name(),
        policy: policy.statement,
    });
    let roles = SYSTEM_ROLES.iter().map(|role| CatalogRole {
        id: role.id,
        name: role.name,
        description: role.description,
        permission_type: role.permission_type.name(),
        scope_type: role.scope_type.name(),
        system_policy_ids: role.policies,
    });
    Json(CatalogResponse { catalog: Catalog { system_policies: policies.collect(), system_roles: roles.collect() } })
}

/// Get the Cedar schema.
///
/// The kinds of entities, their attributes, and the actions that policies can speak of.
#[utoipa::path(
    get,
    path = "/v2/accounts/permissions/public/schema",
    tag = "Permissions Vocabulary",
    responses((
        status = 200,
        description = "The schema.",
        body = CedarSchemaResponse,
        example = json!({"schema": {"Cloudinary": {"entityTypes": {"Folder": {}}, "actions": {"read": {}}}}}),
    )),
)]
async fn get_cedar_schema(_: Public<Vocabulary>) -> Json<CedarSchemaResponse> {
    Json(CedarSchemaResponse { schema: vocabulary::schema() })
}

/// Validate a Cedar policy.
///
/// Whether a policy would be accepted as a custom one, and what is wrong with it. Nothing is kept.
#[utoipa::path(
    post,
    path = "/v2/accounts/permissions/public/validate",
    tag = "Permissions Vocabulary",
    request_body(content = ValidatePolicyRequest, description = "The policy; JSON or a form."),
    responses((status = 200, description = "What is wrong with it.", body = ValidatePolicyResponse)),
)]
async fn validate_policy(_: Public<Vocabulary>, params: Params) -> Result<Json<ValidatePolicyResponse>, ApiError> {
    let policy = params.text("policy")?.ok_or_else(|| missing("policy"))?;
    let complaints = cedar::check(&policy).err().map(|complaints| complaints.0).unwrap_or_default();
    let errors: Vec<_> =
        complaints.into_iter().map(|one| CedarError { cedar_message: one.message, cedar_code: one.code }).collect();
    Ok(Json(ValidatePolicyResponse { valid: errors.is_empty(), errors }))
}
