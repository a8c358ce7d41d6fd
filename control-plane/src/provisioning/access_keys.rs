//! Access keys of a product environment on the wire.

use actix_web::web::{Json, Path};
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
use serde_json::Value;
use utoipa::ToSchema;

use super::{Done, is_descending, page, wire_time};
use crate::{
    access::{AccountGrant, DestroyAccessKeys, ReadAccessKeys, WriteAccessKeys},
    access_keys::{self as keys, AccessKeys, KeyChanges, KeyListing, KeyName, SortBy, purpose::Purpose},
    environments::Environments,
    store_error::StoreError,
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(
        routes;
        get_access_keys,
        generate_access_key,
        delete_access_key_by_name,
        update_access_key,
        delete_access_key,
    );
    routes
}

/// An access key. The order of the members is part of the contract: a client's tests compare it.
#[derive(Debug, Serialize, ToSchema)]
struct AccessKey {
    /// What people call it; unique within the product environment.
    #[schema(example = "main_key")]
    name: String,
    /// The public half, 15 digits.
    #[schema(example = "814814814814814")]
    api_key: String,
    /// The secret half.
    #[schema(format = Password)]
    api_secret: String,
    /// When it was made, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00Z")]
    created_at: String,
    /// When it last changed, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00Z")]
    updated_at: String,
    /// Whether it is accepted.
    enabled: bool,
    /// Purposes that it is designated for; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    dedicated_for: Option<Vec<String>>,
    /// Whether it came with the product environment.
    root: bool,
}

/// A page of access keys.
#[derive(Debug, Serialize, ToSchema)]
struct AccessKeysResponse {
    /// The keys of the page.
    access_keys: Vec<AccessKey>,
    /// How many keys the product environment has in all.
    total: u64,
}

/// What a new access key is made of.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct AccessKeyRequest {
    /// What people call it, at most 255 characters; unique within the product environment. Made up when absent.
    #[schema(example = "main_key")]
    name: Option<String>,
    /// Whether it is accepted from the start. Default: true.
    enabled: Option<bool>,
}

/// What changes about an access key; what is absent stays.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct AccessKeyUpdateRequest {
    /// What people call it, at most 255 characters; unique within the product environment.
    #[schema(example = "main_key")]
    name: Option<String>,
    /// Switches it on or off. The last enabled key that never expires cannot be switched off.
    enabled: Option<bool>,
    /// Designates the key, and no other one, for a purpose: `webhooks`.
    #[schema(example = "webhooks")]
    dedicated_for: Option<String>,
}

impl From<&keys::AccessKey> for AccessKey {
    fn from(key: &keys::AccessKey) -> Self {
        Self {
            name: key.name().to_owned(),
            api_key: key.api_key().to_owned(),
            api_secret: key.secret().expose().to_owned(),
            created_at: wire_time(key.created_at()),
            updated_at: wire_time(key.updated_at()),
            enabled: key.enabled(),
            dedicated_for: key.dedicated_for().map(|purpose| vec![purpose.to_owned()]),
            root: key.root(),
        }
    }
}

/// The keys of an environment that the account has.
pub(super) async fn keys_of<'a>(grant: &'a AccountGrant, environment: &str) -> Result<AccessKeys<'a>, StoreError> {
    let environments = Environments::of(grant);
    let environment = environments.find(environment).await?;
    Ok(environments.keys_of(&environment))
}

fn listing(params: &Params) -> Result<KeyListing, ApiError> {
    let page = page(params)?;
    let sort_by = match params.text("sort_by")?.as_deref() {
        None | Some("created_at") => SortBy::CreatedAt,
        Some("api_key") => SortBy::ApiKey,
        Some("name") => SortBy::Name,
        Some("enabled") => SortBy::Enabled,
        Some(other) => return Err(invalid_value("sort_by", &Value::from(other))),
    };
    Ok(KeyListing { page, sort_by, descending: is_descending(params)? })
}

fn purpose(params: &Params) -> Result<Option<Purpose>, ApiError> {
    match params.text("dedicated_for")? {
        None => Ok(None),
        Some(name) if name == Purpose::Webhooks.name() => Ok(Some(Purpose::Webhooks)),
        Some(other) => Err(invalid_value("dedicated_for", &Value::from(other))),
    }
}

/// Get access keys.
///
/// The access keys of a product environment: all of them, or a page.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys",
    tag = "Access Keys",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("page_size" = Option<i64>, Query, description = "Entries of a page, 1 to 500."),
        ("page" = Option<i64>, Query, description = "Which page, 1 to 100. Without page and page_size all keys are returned."),
        ("sort_by" = Option<String>, Query, description = "api_key, created_at (default), name or enabled.", example = "created_at"),
        ("sort_order" = Option<String>, Query, description = "desc (default) or asc.", example = "asc"),
    ),
    responses(
        (status = 200, description = "The keys.", body = AccessKeysResponse),
        (status = 404, description = "The product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_access_keys(
    allow: Allow<ReadAccessKeys>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<AccessKeysResponse>, ApiError> {
    let listing = listing(&params)?;
    let (found, total) = keys_of(allow.grant(), &path.1).await?.list(&listing).await?;
    Ok(Json(AccessKeysResponse { access_keys: found.iter().map(AccessKey::from).collect(), total }))
}

/// Generate an access key.
///
/// Makes an access key for a product environment, usable at once.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys",
    tag = "Access Keys",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
    ),
    request_body(content = AccessKeyRequest, description = "The key; JSON or a form."),
    responses(
        (status = 200, description = "The key.", body = AccessKey),
        (status = 404, description = "The product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The name is taken.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn generate_access_key(
    allow: Allow<WriteAccessKeys>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<AccessKey>, ApiError> {
    let (name, enabled) = (params.text("name")?, params.boolean("enabled")?.unwrap_or(true));
    allow.grant().take_key_creation()?;
    let key = keys_of(allow.grant(), &path.1).await?.create(name, enabled).await?;
    Ok(Json(AccessKey::from(&key)))
}

/// Delete access key by name.
///
/// Deletes the access key of that name. The last enabled key that never expires stays.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys",
    tag = "Access Keys",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("name" = String, Query, description = "The name; taken from a JSON or form body too.", example = "main_key"),
    ),
    responses(
        (status = 200, description = "Deleted.", body = Done),
        (status = 404, description = "The key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn delete_access_key_by_name(
    allow: Allow<DestroyAccessKeys>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<Done>, ApiError> {
    let name = params.required_text("name")?;
    keys_of(allow.grant(), &path.1).await?.delete(KeyName::Name(&name)).await?;
    Ok(Json(Done::OK))
}

/// Update an access key.
///
/// Changes what the body names and leaves the rest.
#[utoipa::path(
    put,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}",
    tag = "Access Keys",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    request_body(content = AccessKeyUpdateRequest, description = "The changes; JSON or a form."),
    responses(
        (status = 200, description = "The key.", body = AccessKey),
        (status = 404, description = "The key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The name is taken.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_access_key(
    allow: Allow<WriteAccessKeys>,
    path: Path<(String, String, String)>,
    params: Params,
) -> Result<Json<AccessKey>, ApiError> {
    let changes = KeyChanges {
        name: params.text("name")?,
        enabled: params.boolean("enabled")?,
        dedicated_for: purpose(&params)?,
    };
    let key = keys_of(allow.grant(), &path.1).await?.update(&path.2, changes).await?;
    Ok(Json(AccessKey::from(&key)))
}

/// Delete access key.
///
/// Deletes an access key. The last enabled key that never expires stays.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}",
    tag = "Access Keys",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    responses(
        (status = 200, description = "Deleted.", body = Done),
        (status = 404, description = "The key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn delete_access_key(
    allow: Allow<DestroyAccessKeys>,
    path: Path<(String, String, String)>,
) -> Result<Json<Done>, ApiError> {
    keys_of(allow.grant(), &path.1).await?.delete(KeyName::ApiKey(&path.2)).await?;
    Ok(Json(Done::OK))
}
