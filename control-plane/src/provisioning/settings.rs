//! The settings of a product environment, on the wire. Beside the vendor's API: there people set them in a console.

use actix_web::web::{Json, Path};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    routes,
    settings::SettingsView,
};
use utoipa::ToSchema;

use crate::{
    access::{ReadEnvironments, WriteEnvironments},
    environments::Environments,
    settings::SettingsChanges,
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_environment_settings, update_environment_settings);
    routes
}

/// What is to be set.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct SettingsRequest {
    /// Hosts in the place of all old ones, at most 100; an empty list allows all.
    #[schema(example = json!(["example.com", "*.media.example"]))]
    allowed_fetch_domains: Option<Vec<String>>,
    /// `fetch`, `pdf` and `zip` in the place of all old ones; an empty list restricts none.
    #[schema(example = json!(["pdf", "zip"]))]
    restricted_types: Option<Vec<String>>,
    /// `image`, or an empty list. Strangers get only those transformations that are allowed, or were made before.
    #[schema(example = json!(["image"]))]
    strict_transformations: Option<Vec<String>>,
    /// Hosts whose pages may ask for any transformation all the same, at most 100.
    #[schema(example = json!(["www.example.com"]))]
    strict_referral_domains: Option<Vec<String>>,
    /// Hosts whose pages may show what is delivered, at most 100; an empty list allows all.
    #[schema(example = json!(["example.com"]))]
    referral_domains: Option<Vec<String>>,
    /// Whether what is asked for from no page at all is refused, too, where pages are restricted.
    refuse_empty_referrer: Option<bool>,
    /// Who is told of everything that happens, beside the triggers: an address, or `poll://` and a channel. Here and below an empty
    /// text unsets it.
    #[schema(example = "https://www.example.com/hooks/media")]
    notification_url: Option<String>,
    /// The preset of signed uploads of images that name none, and of those whose kind is found out (`auto`).
    #[schema(example = "pictures")]
    default_image_preset: Option<String>,
    /// The preset of signed uploads of raw files that name none.
    #[schema(example = "documents")]
    default_raw_preset: Option<String>,
    /// The preset of signed uploads of videos that name none.
    #[schema(example = "films")]
    default_video_preset: Option<String>,
    /// The quality of images whose transformation says none: 1 to 100, `auto:best`, `auto:good`, `auto:eco` or `auto:low`.
    #[schema(example = "auto:eco")]
    default_image_quality: Option<String>,
    /// `sha1` or `sha256`: the one digest that signs calls, results and notifications. Either signs calls when it is not set, and SHA-1 the
    /// others.
    #[schema(example = "sha256")]
    api_signature_algorithm: Option<String>,
    /// `sha1` or `sha256`: the one digest that signs delivery URLs; either when it is not set.
    #[schema(example = "sha256")]
    url_signature_algorithm: Option<String>,
    /// The largest file that is taken, in bytes, where the plan allows more; nought unsets it.
    #[schema(example = 10485760)]
    max_upload_bytes: Option<u64>,
    /// The largest picture that is taken, in pixels of all frames, where the plan allows more; nought unsets it.
    #[schema(example = 25000000)]
    max_image_pixels: Option<u64>,
    /// How many calls of the Admin API may be made in an hour, on all nodes together, where the plan allows more; nought unsets it.
    #[schema(example = 5000)]
    max_admin_calls_per_hour: Option<u32>,
    /// Whether old versions are kept where a call does not say. Kept, and without effect yet.
    backup: Option<bool>,
    /// `dynamic`: folders that were part of public ids become independent of them. There is no way back.
    #[schema(example = "dynamic")]
    folder_mode: Option<String>,
}

/// Get the settings of a product environment.
///
/// All settings, those that were never set at their defaults.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/settings",
    tag = "Product Environments",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
    ),
    responses(
        (status = 200, description = "The settings.", body = SettingsView),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_environment_settings(
    allow: Allow<ReadEnvironments>,
    path: Path<(String, String)>,
) -> Result<Json<SettingsView>, ApiError> {
    let environment = Environments::of(allow.grant()).find(&path.1).await?;
    Ok(Json(environment.settings()?))
}

/// Change the settings of a product environment.
///
/// Sets what the body names and leaves the rest. The connected regions have applied that when the answer comes, after a second at
/// most. A name that is no setting is refused with the nearest that is one.
#[utoipa::path(
    put,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/settings",
    tag = "Product Environments",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
    ),
    request_body(content = SettingsRequest, description = "The changes; JSON or a form."),
    responses(
        (status = 200, description = "The settings as they are now.", body = SettingsView),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_environment_settings(
    allow: Allow<WriteEnvironments>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<SettingsView>, ApiError> {
    let changes = SettingsChanges::read(&params)?;
    let environments = Environments::of(allow.grant());
    let mut environment = environments.find(&path.1).await?;
    if !changes.is_empty() {
        environment = environments.set(&environment, changes).await?;
    }
    Ok(Json(environment.settings()?))
}
