//! The Permissions API, the vendor's second version: what its operations have in common.

mod inspection;
mod policies;
mod principals;
mod public;
mod roles;

use std::collections::BTreeMap;

use plane_kit::{
    error::ApiError,
    http::{
        params::{Params, invalid_value, missing},
        routes::Routes,
    },
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::permissions::{
    custom_policies::Scope,
    effective::text_for,
    held::{Held, Principal, PrincipalType},
    roles::Role,
    system::{FOLDER_PARAMETER, PermissionType, SYSTEM_SINCE, ScopeType, SystemPolicy},
};

/// Entries of a page of a list that has a cursor.
const PAGE: usize = 100;
/// A call may name this many principals or roles.
const MOST_NAMED: usize = 100;

/// The routes.
pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes.merge(public::routes());
    routes.merge(policies::routes());
    routes.merge(roles::routes());
    routes.merge(principals::routes());
    routes.merge(inspection::routes());
    routes
}

/// A system policy.
#[derive(Debug, Serialize, ToSchema)]
struct SystemPolicyData {
    /// Its id.
    #[schema(example = "cld::policy::global::api_keys::manage")]
    id: &'static str,
    /// What people call it.
    name: &'static str,
    /// What it is for.
    description: &'static str,
    /// `account` or `prodenv`.
    #[schema(example = "prodenv")]
    scope_type: &'static str,
    /// `global` or `content`.
    #[schema(example = "global")]
    permission_type: &'static str,
    /// The text, in Cedar.
    policy_statement: String,
    /// The parameters that an assignment names; absent for a global policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["folder_id"]))]
    policy_parameters: Option<&'static [&'static str]>,
    /// Where the console lists it.
    category: &'static str,
    /// The same, one level down.
    sub_category: &'static str,
    /// When it was made, in seconds since 1970.
    #[schema(example = 1_795_392_000)]
    created_at: i64,
    /// When it last changed, in seconds since 1970.
    updated_at: i64,
}

impl SystemPolicyData {
    fn of(policy: &'static SystemPolicy, folder: Option<&str>) -> Self {
        Self {
            id: policy.id,
            name: policy.name,
            description: policy.description,
            scope_type: policy.scope_type.name(),
            permission_type: policy.permission_type.name(),
            policy_statement: text_for(policy, folder),
            policy_parameters: parameters(policy.parameters()),
            category: policy.category,
            sub_category: policy.sub_category,
            created_at: SYSTEM_SINCE,
            updated_at: SYSTEM_SINCE,
        }
    }
}

/// A role that a principal has.
#[derive(Debug, Serialize, ToSchema)]
struct PrincipalRoleData {
    /// The role's id.
    #[schema(example = "cld::role::prodenv::master_admin")]
    id: String,
    /// What people call the role.
    name: String,
    /// What the role is for; absent when nobody has said.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// `system` or `custom`.
    #[schema(example = "system")]
    management_type: &'static str,
    /// `global` or `content`.
    #[schema(example = "global")]
    permission_type: &'static str,
    /// `account` or `prodenv`.
    #[schema(example = "prodenv")]
    scope_type: &'static str,
    /// The product environment, or `all`; absent for a role of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_id: Option<String>,
    /// What the role is given for, as in `{"folder_id": "clients/acme"}`; absent for a global role.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_parameters: Option<BTreeMap<String, String>>,
    /// When the role was assigned, in seconds since 1970.
    created_at: i64,
    /// When the assignment last changed, in seconds since 1970.
    updated_at: i64,
}

impl PrincipalRoleData {
    fn of(held: &Held, role: &Role) -> Self {
        Self {
            id: role.id.clone(),
            name: role.name.clone(),
            description: role.description.clone(),
            management_type: management_type(role),
            permission_type: role.permission_type.name(),
            scope_type: role.scope_type.name(),
            scope_id: some_scope(held),
            policy_parameters: some_parameters(held),
            created_at: held.created_at.timestamp(),
            updated_at: held.updated_at.timestamp(),
        }
    }
}

fn some_scope(held: &Held) -> Option<String> {
    Some(held.scope_id.clone()).filter(|id| !id.is_empty())
}

fn some_parameters(held: &Held) -> Option<BTreeMap<String, String>> {
    Some(held.parameters.clone()).filter(|parameters| !parameters.is_empty())
}

/// Parameters by their names; none are absent.
fn parameters(names: &'static [&'static str]) -> Option<&'static [&'static str]> {
    Some(names).filter(|names| !names.is_empty())
}

fn management_type(role: &Role) -> &'static str {
    if role.is_system { "system" } else { "custom" }
}

/// What is asked for by a word out of a few.
fn word<T>(params: &Params, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
    let Some(text) = params.text(name)? else {
        return Ok(None);
    };
    parse(&text).map(Some).ok_or_else(|| invalid_value(name, &Value::from(text)))
}

fn scope_type(params: &Params) -> Result<Option<ScopeType>, ApiError> {
    word(params, "scope_type", ScopeType::parse)
}

fn permission_type(params: &Params) -> Result<Option<PermissionType>, ApiError> {
    word(params, "permission_type", PermissionType::parse)
}

/// Whether the system's own is asked for, or the account's own.
fn wants_system(params: &Params) -> Result<Option<bool>, ApiError> {
    word(params, "management_type", |name| match name {
        "system" => Some(true),
        "custom" => Some(false),
        _ => None,
    })
}

/// The scope of a list: the account when nothing is said.
fn scope(params: &Params) -> Result<Scope, ApiError> {
    let kind = scope_type(params)?.unwrap_or(ScopeType::Account);
    let id = params.text("scope_id")?.filter(|_| kind == ScopeType::Environment);
    Ok(Scope { kind, id })
}

/// The principal of a query; both of its parts or neither.
fn principal(params: &Params) -> Result<Option<Principal>, ApiError> {
    match (word(params, "principal_type", PrincipalType::parse)?, params.text("principal_id")?) {
        (Some(kind), Some(id)) => Ok(Some(Principal { kind, id })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing("principal_id")),
        (None, Some(_)) => Err(missing("principal_type")),
    }
}

/// A principal of a body, by the names of its members; `at` is where it stands, for the refusal.
fn principal_of(members: &Map<String, Value>, kind: &str, id: &str, at: &str) -> Result<Principal, ApiError> {
    let params = Params::from(members.clone());
    let refused = |name: &str| missing(&format!("{at}.{name}"));
    let found = word(&params, kind, PrincipalType::parse)?.ok_or_else(|| refused(kind))?;
    Ok(Principal { kind: found, id: params.text(id)?.ok_or_else(|| refused(id))? })
}

/// The objects of a list in a body, which has to be there.
fn objects(params: &Params, name: &str) -> Result<Vec<Map<String, Value>>, ApiError> {
    let value = params.get(name).ok_or_else(|| missing(name))?;
    let items = value.as_array().ok_or_else(|| invalid_value(name, value))?;
    if items.is_empty() {
        return Err(missing(name));
    }
    if items.len() > MOST_NAMED {
        return Err(ApiError::invalid(format!("Invalid value for parameter {name}: at most {MOST_NAMED} entries")));
    }
    items.iter().map(|item| item.as_object().cloned().ok_or_else(|| invalid_value(name, item))).collect()
}

/// `policy_parameters` of a body or of an entry in it: an object of texts.
fn policy_parameters(params: &Params) -> Result<BTreeMap<String, String>, ApiError> {
    let members = params.object("policy_parameters")?.unwrap_or_default();
    let text = |(name, value): (String, Value)| match value.as_str() {
        Some(text) if !text.contains('\0') => Ok((name, text.to_owned())),
        _ => Err(invalid_value("policy_parameters", &value)),
    };
    members.into_iter().filter(|(_, value)| !value.is_null()).map(text).collect()
}

/// What a list is narrowed to by the thing that a role is given for.
fn content_filter(params: &Params) -> Result<BTreeMap<String, String>, ApiError> {
    let mut wanted = BTreeMap::new();
    let (names, values) =
        (params.texts("param_key")?.unwrap_or_default(), params.texts("param_value")?.unwrap_or_default());
    if names.len() != values.len() {
        return Err(ApiError::invalid("Invalid value for parameter param_value: one for each param_key"));
    }
    wanted.extend(names.into_iter().zip(values));
    for name in [FOLDER_PARAMETER, "collection_id", "asset_id"] {
        if let Some(value) = params.text(name)? {
            wanted.insert(name.to_owned(), value);
        }
    }
    Ok(in_one_spelling(wanted))
}

/// A folder is named without slashes around it.
fn in_one_spelling(mut wanted: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if let Some(folder) = wanted.get_mut(FOLDER_PARAMETER) {
        *folder = folder.trim_matches('/').to_owned();
    }
    wanted
}

/// Whether a role is given for what is asked.
fn is_given_for(held: &Held, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(name, value)| held.parameters.get(name) == Some(value))
}
