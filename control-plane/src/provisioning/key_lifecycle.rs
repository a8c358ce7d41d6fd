//! Whose an access key is, how long it is accepted, and how its secret is changed, on the wire. Beside the vendor's API, whose access
//! key object stays as it is.

use actix_web::web::{Json, Path};
use chrono::{DateTime, Utc};
use plane_kit::{
    error::ApiError,
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

use super::{Done, access_keys::keys_of, wire_time};
use crate::{
    access::{AccountGrant, DestroyAccessKeys, ReadAccessKeys, WriteAccessKeys},
    access_keys::{AccessKey, KeyDetails},
    audit::last_used,
    store_error::StoreError,
};

/// What is said in the place of a moment to take an expiry away. An empty text says the same.
const NEVER: &str = "never";

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(
        routes;
        get_access_key_details,
        update_access_key_details,
        rotate_access_key,
        confirm_access_key_rotation,
        delete_access_key_rotation,
    );
    routes
}

/// What is known of an access key beside what the vendor's API shows.
#[derive(Debug, Serialize, ToSchema)]
struct AccessKeyDetails {
    /// The public half of the key.
    #[schema(example = "814814814814814")]
    api_key: String,
    /// What people call it.
    #[schema(example = "main_key")]
    name: String,
    /// Who answers for it, in free words; null when nobody is named.
    #[schema(example = "web team")]
    owner: Option<String>,
    /// What people have to know of it; null when there is nothing.
    #[schema(example = "in the shop's build server")]
    note: Option<String>,
    /// From when on it is refused everywhere, ISO 8601; null when it never expires.
    #[schema(format = DateTime, example = "2027-01-01T00:00:00Z")]
    expires_at: Option<String>,
    /// When it was last used for something that it may do, ISO 8601; null when that is not known. It is known a moment later, and as
    /// long as call records are kept.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00Z")]
    last_used_at: Option<String>,
    /// The change of its secret, while one is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rotation: Option<RotationUnderWay>,
}

/// A change of a secret that is under way.
#[derive(Debug, Serialize, ToSchema)]
struct RotationUnderWay {
    /// When it began, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00Z")]
    started_at: String,
}

/// What changes about the details of an access key; what is absent or null stays.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct AccessKeyDetailsRequest {
    /// Who answers for it, at most 255 characters. An empty text takes the owner away.
    #[schema(example = "web team")]
    owner: Option<String>,
    /// What people have to know of it, at most 1000 characters. An empty text takes the note away.
    #[schema(example = "in the shop's build server")]
    note: Option<String>,
    /// From when on it is refused everywhere, ISO 8601 with a time zone and in the future; cut to whole seconds. `never` or an empty
    /// text takes the expiry away. The last enabled key that never expires cannot be given one.
    #[schema(example = "2027-01-01T00:00:00Z")]
    expires_at: Option<String>,
}

/// An access key with two secrets.
#[derive(Debug, Serialize, ToSchema)]
struct AccessKeyRotation {
    /// The public half of the key.
    #[schema(example = "814814814814814")]
    api_key: String,
    /// The present secret. Results are signed with it until the rotation is confirmed.
    #[schema(format = Password)]
    api_secret: String,
    /// The second secret, accepted beside the present one.
    #[schema(format = Password)]
    next_api_secret: String,
    /// When the rotation began, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00Z")]
    started_at: String,
}

/// An access key whose secret has changed.
#[derive(Debug, Serialize, ToSchema)]
struct RotatedAccessKey {
    /// The public half of the key.
    #[schema(example = "814814814814814")]
    api_key: String,
    /// The secret, which was the second one and is the only one now.
    #[schema(format = Password)]
    api_secret: String,
}

impl AccessKeyDetails {
    async fn of(grant: &AccountGrant, key: &AccessKey) -> Result<Self, ApiError> {
        let last_used_at = last_used(grant.foundation(), AccountId(grant.account().id), key.api_key()).await?;
        Ok(Self {
            api_key: key.api_key().to_owned(),
            name: key.name().to_owned(),
            owner: key.owner().map(str::to_owned),
            note: key.note().map(str::to_owned),
            expires_at: key.expires_at().map(wire_time),
            last_used_at: last_used_at.map(wire_time),
            rotation: key.rotation().map(|(_, started_at)| RotationUnderWay { started_at: wire_time(started_at) }),
        })
    }
}

/// A text that can be taken away. `Params` reads null as absent and keeps empty texts to itself, so an empty text is asked for by its
/// name.
fn clearable(params: &Params, name: &str) -> Result<Option<Option<String>>, ApiError> {
    match params.text(name)? {
        Some(text) => Ok(Some(Some(text))),
        None => Ok(params.names().any(|given| given == name).then_some(None)),
    }
}

/// A moment that can be taken away.
fn expiry(params: &Params) -> Result<Option<Option<DateTime<Utc>>>, ApiError> {
    match clearable(params, "expires_at")? {
        None => Ok(None),
        Some(None) => Ok(Some(None)),
        Some(Some(text)) if text.eq_ignore_ascii_case(NEVER) => Ok(Some(None)),
        Some(Some(text)) => match DateTime::parse_from_rfc3339(&text) {
            Ok(moment) => Ok(Some(Some(moment.with_timezone(&Utc)))),
            Err(_) => Err(invalid_value("expires_at", &Value::from(text))),
        },
    }
}

/// Get the details of an access key.
///
/// Its owner, its note, its expiry, when it was last used, and whether a rotation is under way.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}/details",
    tag = "Key Lifecycle",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    responses(
        (status = 200, description = "What is known of the key.", body = AccessKeyDetails),
        (status = 404, description = "The key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_access_key_details(
    allow: Allow<ReadAccessKeys>,
    path: Path<(String, String, String)>,
) -> Result<Json<AccessKeyDetails>, ApiError> {
    let key = keys_of(allow.grant(), &path.1).await?.find(&path.2).await?;
    Ok(Json(AccessKeyDetails::of(allow.grant(), &key).await?))
}

/// Set the details of an access key.
///
/// Changes what the body names and leaves the rest. A key that has expired is refused like a disabled one, from its moment on.
#[utoipa::path(
    put,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}/details",
    tag = "Key Lifecycle",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    request_body(content = AccessKeyDetailsRequest, description = "The changes; JSON or a form."),
    responses(
        (status = 200, description = "What is known of the key now.", body = AccessKeyDetails),
        (status = 400, description = "A text is too long, or the expiry is no moment in the future.", body = plane_kit::error::ErrorEnvelope),
        (status = 403, description = "It is the last enabled key that never expires.", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "The key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_access_key_details(
    allow: Allow<WriteAccessKeys>,
    path: Path<(String, String, String)>,
    params: Params,
) -> Result<Json<AccessKeyDetails>, ApiError> {
    let details = KeyDetails {
        owner: clearable(&params, "owner")?,
        note: clearable(&params, "note")?,
        expires_at: expiry(&params)?,
    };
    if details.owner.is_none() && details.note.is_none() && details.expires_at.is_none() {
        return Err(missing("owner, note or expires_at"));
    }
    let key = keys_of(allow.grant(), &path.1).await?.describe(&path.2, details).await?;
    Ok(Json(AccessKeyDetails::of(allow.grant(), &key).await?))
}

/// Rotate the secret of an access key.
///
/// Makes a second secret that is accepted beside the present one, everywhere, until the rotation is confirmed or given up. The
/// connected regions know it when the answer comes, after a second at most.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}/rotate",
    tag = "Key Lifecycle",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    responses(
        (status = 200, description = "The key with both secrets.", body = AccessKeyRotation),
        (status = 404, description = "The key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "A rotation is under way already.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn rotate_access_key(
    allow: Allow<WriteAccessKeys>,
    path: Path<(String, String, String)>,
) -> Result<Json<AccessKeyRotation>, ApiError> {
    let key = keys_of(allow.grant(), &path.1).await?.rotate(&path.2).await?;
    let (next, started_at) = key.rotation().ok_or_else(|| StoreError::NoRotation(key.api_key().to_owned()))?;
    Ok(Json(AccessKeyRotation {
        api_key: key.api_key().to_owned(),
        api_secret: key.secret().expose().to_owned(),
        next_api_secret: next.expose().to_owned(),
        started_at: wire_time(started_at),
    }))
}

/// Confirm a rotation.
///
/// Makes the second secret the only one. What was signed with the first is refused from now on, delivery URLs too.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}/rotate/confirm",
    tag = "Key Lifecycle",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    responses(
        (status = 200, description = "The key with its new secret.", body = RotatedAccessKey),
        (status = 404, description = "No rotation is under way; or the key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn confirm_access_key_rotation(
    allow: Allow<WriteAccessKeys>,
    path: Path<(String, String, String)>,
) -> Result<Json<RotatedAccessKey>, ApiError> {
    let key = keys_of(allow.grant(), &path.1).await?.confirm_rotation(&path.2).await?;
    Ok(Json(RotatedAccessKey { api_key: key.api_key().to_owned(), api_secret: key.secret().expose().to_owned() }))
}

/// Give a rotation up.
///
/// Takes the second secret away; the first stays the only one.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}/rotate",
    tag = "Key Lifecycle",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    responses(
        (status = 200, description = "Given up.", body = Done),
        (status = 404, description = "No rotation is under way; or the key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn delete_access_key_rotation(
    allow: Allow<DestroyAccessKeys>,
    path: Path<(String, String, String)>,
) -> Result<Json<Done>, ApiError> {
    keys_of(allow.grant(), &path.1).await?.give_rotation_up(&path.2).await?;
    Ok(Json(Done::OK))
}
