//! The settings of a product environment, on the wire. Beside the vendor's API: there people set them in a console.

use actix_web::web::{Json, Path};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    routes,
    seam::snapshot::EnvironmentSettings,
};
use serde::Serialize;
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

/// What the administrators of a product environment have set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingsResponse {
    /// Hosts that remote files may come from, with all below them; `*.example.com` is only what lies below. All when empty.
    #[schema(example = json!(["example.com", "*.media.example"]))]
    allowed_fetch_domains: Vec<String>,
    /// Delivery types that need a signature although they are open by themselves: `fetch`.
    #[schema(example = json!(["fetch"]))]
    restricted_types: Vec<String>,
}

impl From<EnvironmentSettings> for SettingsResponse {
    fn from(settings: EnvironmentSettings) -> Self {
        let EnvironmentSettings { allowed_fetch_domains, restricted_types } = settings;
        Self { allowed_fetch_domains, restricted_types }
    }
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
    /// Delivery types in the place of all old ones; an empty list restricts none.
    #[schema(example = json!(["fetch"]))]
    restricted_types: Option<Vec<String>>,
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
        (status = 200, description = "The settings.", body = SettingsResponse),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_environment_settings(
    allow: Allow<ReadEnvironments>,
    path: Path<(String, String)>,
) -> Result<Json<SettingsResponse>, ApiError> {
    let environment = Environments::of(allow.grant()).find(&path.1).await?;
    Ok(Json(environment.settings()?.into()))
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
        (status = 200, description = "The settings as they are now.", body = SettingsResponse),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_environment_settings(
    allow: Allow<WriteEnvironments>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<SettingsResponse>, ApiError> {
    let changes = SettingsChanges::read(&params)?;
    let environments = Environments::of(allow.grant());
    let mut environment = environments.find(&path.1).await?;
    if !changes.is_empty() {
        environment = environments.set(&environment, changes).await?;
    }
    Ok(Json(environment.settings()?.into()))
}
