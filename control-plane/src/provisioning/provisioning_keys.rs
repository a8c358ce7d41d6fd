//! Provisioning keys of an account on the wire: an extension of this server, the vendor has none.

use actix_web::web::{Json, Path};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    routes,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Done, wire_time};
use crate::{
    access::{DestroyProvisioningKeys, ReadProvisioningKeys, WriteProvisioningKeys},
    provisioning_keys::{self as keys, ProvisioningKeyChanges, ProvisioningKeys},
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(
        routes;
        get_provisioning_keys,
        create_provisioning_key,
        update_provisioning_key,
        delete_provisioning_key,
    );
    routes
}

/// A provisioning key. Its secret is not among the members: only the answer to its creation has it.
#[derive(Debug, Serialize, ToSchema)]
struct ProvisioningKey {
    /// What people call it; unique within the account.
    #[schema(example = "continuous integration")]
    name: String,
    /// The public half, 15 digits.
    #[schema(example = "814814814814814")]
    api_key: String,
    /// What it may do in the account: `account_admin`, everything.
    #[schema(example = "account_admin")]
    role: String,
    /// Whether it is accepted.
    enabled: bool,
    /// When it was made, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    created_at: String,
}

/// A provisioning key that was just made, with its secret.
#[derive(Debug, Serialize, ToSchema)]
struct CreatedProvisioningKey {
    /// What people call it; unique within the account.
    #[schema(example = "continuous integration")]
    name: String,
    /// The public half, 15 digits.
    #[schema(example = "814814814814814")]
    api_key: String,
    /// The secret half. It is in this answer only and can be read nowhere afterwards.
    #[schema(format = Password)]
    api_secret: String,
    /// What it may do in the account: `account_admin`, everything.
    #[schema(example = "account_admin")]
    role: String,
    /// Whether it is accepted.
    enabled: bool,
    /// When it was made, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    created_at: String,
}

/// The provisioning keys of an account.
#[derive(Debug, Serialize, ToSchema)]
struct ProvisioningKeysResponse {
    /// The keys, oldest first, without their secrets.
    provisioning_keys: Vec<ProvisioningKey>,
}

/// What a new provisioning key is made of.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct ProvisioningKeyRequest {
    /// What people call it, at most 255 characters; unique within the account.
    #[schema(example = "continuous integration")]
    name: String,
    /// What it may do in the account. Default: `account_admin`, which is the only role there is.
    #[schema(example = "account_admin")]
    role: Option<String>,
    /// Whether it is accepted from the start. Default: true.
    enabled: Option<bool>,
}

/// What changes about a provisioning key; what is absent stays.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct ProvisioningKeyUpdateRequest {
    /// What people call it, at most 255 characters; unique within the account.
    #[schema(example = "continuous integration")]
    name: Option<String>,
    /// What it may do in the account: `account_admin`.
    #[schema(example = "account_admin")]
    role: Option<String>,
    /// Switches it on or off. The last enabled key cannot be switched off.
    enabled: Option<bool>,
}

impl From<&keys::ProvisioningKey> for ProvisioningKey {
    fn from(key: &keys::ProvisioningKey) -> Self {
        Self {
            name: key.name().to_owned(),
            api_key: key.api_key().to_owned(),
            role: key.role().to_owned(),
            enabled: key.enabled(),
            created_at: wire_time(key.created_at()),
        }
    }
}

/// Get provisioning keys.
///
/// All provisioning keys of the account, without their secrets. An extension of this server.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/provisioning_keys",
    tag = "Provisioning Keys",
    params(("account_id" = String, Path, description = "The account.")),
    responses((status = 200, description = "The keys.", body = ProvisioningKeysResponse)),
)]
async fn get_provisioning_keys(allow: Allow<ReadProvisioningKeys>) -> Result<Json<ProvisioningKeysResponse>, ApiError> {
    let found = ProvisioningKeys::of(allow.grant()).list().await?;
    Ok(Json(ProvisioningKeysResponse { provisioning_keys: found.iter().map(ProvisioningKey::from).collect() }))
}

/// Create a provisioning key.
///
/// Makes a provisioning key, usable at once. Its secret is in this answer only. An extension of this server.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/provisioning_keys",
    tag = "Provisioning Keys",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = ProvisioningKeyRequest, description = "The key; JSON or a form."),
    responses(
        (status = 200, description = "The key with its secret.", body = CreatedProvisioningKey),
        (status = 409, description = "The name is taken.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn create_provisioning_key(
    allow: Allow<WriteProvisioningKeys>,
    params: Params,
) -> Result<Json<CreatedProvisioningKey>, ApiError> {
    let (name, role) = (params.required_text("name")?, params.text("role")?);
    let enabled = params.boolean("enabled")?.unwrap_or(true);
    allow.grant().take_key_creation()?;
    let (key, secret) = ProvisioningKeys::of(allow.grant()).create(name, role, enabled).await?;
    let ProvisioningKey { name, api_key, role, enabled, created_at } = ProvisioningKey::from(&key);
    let api_secret = secret.expose().to_owned();
    Ok(Json(CreatedProvisioningKey { name, api_key, api_secret, role, enabled, created_at }))
}

/// Update a provisioning key.
///
/// Changes what the body names and leaves the rest. An extension of this server.
#[utoipa::path(
    put,
    path = "/v1_1/provisioning/accounts/{account_id}/provisioning_keys/{key}",
    tag = "Provisioning Keys",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    request_body(content = ProvisioningKeyUpdateRequest, description = "The changes; JSON or a form."),
    responses(
        (status = 200, description = "The key.", body = ProvisioningKey),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The name is taken.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_provisioning_key(
    allow: Allow<WriteProvisioningKeys>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<ProvisioningKey>, ApiError> {
    let changes = ProvisioningKeyChanges {
        name: params.text("name")?,
        enabled: params.boolean("enabled")?,
        role: params.text("role")?,
    };
    let key = ProvisioningKeys::of(allow.grant()).update(&path.1, changes).await?;
    Ok(Json(ProvisioningKey::from(&key)))
}

/// Delete a provisioning key.
///
/// Deletes a provisioning key. The last enabled key stays. An extension of this server.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/provisioning_keys/{key}",
    tag = "Provisioning Keys",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    responses(
        (status = 200, description = "Deleted.", body = Done),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn delete_provisioning_key(
    allow: Allow<DestroyProvisioningKeys>,
    path: Path<(String, String)>,
) -> Result<Json<Done>, ApiError> {
    ProvisioningKeys::of(allow.grant()).delete(&path.1).await?;
    Ok(Json(Done::OK))
}
