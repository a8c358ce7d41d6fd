//! Upload presets: what uploads under a name have in common.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{
        access::Allow,
        params::{Params, invalid_value},
    },
};
use rand::Rng;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::paging::cursor;
use crate::{
    DataPlane,
    access::{DestroyUploadPresets, ReadUploadPresets, TenantGrant, WriteUploadPresets},
    assets::list::fingerprint,
    metadata,
    presets::{KeptPreset, Preset, PresetError, PresetOrder, PresetStore, settings},
};

/// The longest name of a preset, in characters.
const LONGEST_NAME: usize = 255;
/// How many characters a made-up name has.
const MADE_UP: usize = 8;

/// A preset.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresetView {
    /// Its name.
    #[schema(example = "holiday_pictures")]
    pub name: String,
    /// Whether uploads without a signature may use it.
    pub unsigned: bool,
    /// The upload parameters that it fixes; only what was set.
    #[schema(value_type = Object, example = json!({"folder": "holidays", "tags": ["sea"]}))]
    pub settings: Value,
    /// Its id, which stays whatever is set.
    #[schema(example = "0197c9b2f0a67c3ab5b1b6b0c8d6f1aa")]
    pub external_id: String,
}

/// A page of presets.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresetPage {
    /// The presets.
    pub presets: Vec<PresetView>,
    /// Where the next page begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What was done to a preset.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresetMessage {
    /// `created`, `updated` or `deleted`.
    #[schema(example = "created")]
    pub message: &'static str,
    /// Its name, when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its id.
    pub external_id: String,
}

/// What a preset is made of, for the description. Every upload parameter that is built may stand beside these.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct PresetRequest {
    /// Its name; made up when absent.
    #[schema(example = "holiday_pictures")]
    name: Option<String>,
    /// Whether uploads without a signature may use it.
    unsigned: Option<bool>,
    /// Whether uploads under it may not name their asset.
    disallow_public_id: Option<bool>,
    /// Tags, joined by commas.
    #[schema(example = "sea,sun")]
    tags: Option<String>,
    /// `key=value` pairs joined by `|`.
    context: Option<String>,
    /// Folder.
    asset_folder: Option<String>,
    /// Whether an asset of the same name is replaced.
    overwrite: Option<bool>,
    /// Formats that are accepted, joined by commas.
    allowed_formats: Option<String>,
}

impl From<KeptPreset> for PresetView {
    fn from(kept: KeptPreset) -> Self {
        Self {
            external_id: kept.external_id.as_simple().to_string(),
            name: kept.preset.name,
            unsigned: kept.preset.unsigned,
            settings: Value::Object(kept.preset.settings),
        }
    }
}

/// List upload presets
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/upload_presets",
    tag = "Upload Presets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("order_by" = Option<String>, Query, description = "`name`, `id` or `created_at`; `created_at` when absent"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc`; by name `asc` when absent, else `desc`"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
    ),
    responses((status = 200, description = "A page", body = PresetPage))
)]
pub async fn list_upload_presets(
    access: Allow<ReadUploadPresets>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let order = match params.text("order_by")?.as_deref() {
        Some("name") => PresetOrder::Name,
        // An id begins with the moment at which it was made.
        None | Some("id" | "created_at") => PresetOrder::CreatedAt,
        Some(other) => return Err(invalid_value("order_by", &other.into())),
    };
    let ascending = match params.text("direction")?.as_deref() {
        None => order == PresetOrder::Name,
        Some("asc" | "1") => true,
        Some("desc" | "-1") => false,
        Some(other) => return Err(invalid_value("direction", &other.into())),
    };
    let limit = params.integer_in("max_results", 1..=500, 10)?.unsigned_abs();
    let listing = fingerprint(&format!("upload_presets {order:?} {ascending}"));
    let after = cursor(&params, "next_cursor", listing)?;
    let (page, next) = store(&plane, access.grant()).list(order, ascending, after, limit).await?;
    let presets = page.into_iter().map(PresetView::from).collect();
    Ok(HttpResponse::Ok().json(PresetPage { presets, next_cursor: next.map(|cursor| cursor.print(listing)) }))
}

/// Create an upload preset
///
/// Fixes upload parameters under a name. What it fixes is the default of signed uploads that name it; an unsigned upload is bound by it.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/upload_presets",
    tag = "Upload Presets",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = PresetRequest, description = "Name and upload parameters; JSON or a form."),
    responses(
        (status = 200, description = "It was made", body = PresetMessage),
        (status = 409, description = "There is one of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn create_upload_preset(
    access: Allow<WriteUploadPresets>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = params.text("name")?.unwrap_or_else(made_up);
    check_name(&name)?;
    let unsigned = params.boolean("unsigned")?.unwrap_or(false);
    let preset = Preset { name: name.clone(), unsigned, settings: settings::read(&params)? };
    metadata::check_values(&plane, access.grant().tenant().id(), &preset.settings).await?;
    let permitted = access.grant().permit_within_reach(preset, &request);
    let kept = store(&plane, access.grant()).create(permitted, plane.clock.now()).await;
    message("created", kept, &name, true)
}

/// Get an upload preset
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/upload_presets/{name}",
    tag = "Upload Presets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("name" = String, Path, description = "Name of the preset", example = "unsigned"),
    ),
    responses(
        (status = 200, description = "The preset", body = PresetView),
        (status = 404, description = "There is none of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn read_upload_preset(
    access: Allow<ReadUploadPresets>,
    path: web::Path<(String, String)>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = &path.1;
    check_name(name)?;
    let kept = store(&plane, access.grant()).find(name).await.map_err(|error| refused(error, name))?;
    Ok(HttpResponse::Ok().json(PresetView::from(kept)))
}

/// Update an upload preset
///
/// The upload parameters of the body take the place of all that it fixed before.
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/upload_presets/{name}",
    tag = "Upload Presets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("name" = String, Path, description = "Name of the preset", example = "unsigned"),
    ),
    request_body(content = PresetRequest, description = "Upload parameters; JSON or a form."),
    responses(
        (status = 200, description = "It was changed", body = PresetMessage),
        (status = 404, description = "There is none of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_upload_preset(
    access: Allow<WriteUploadPresets>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = &path.1;
    check_name(name)?;
    if params.text("name")?.is_some_and(|other| other != *name) {
        return Err(ApiError::invalid("Invalid value for parameter name: a preset is not renamed"));
    }
    let (unsigned, settings) = (params.boolean("unsigned")?, settings::read(&params)?);
    metadata::check_values(&plane, access.grant().tenant().id(), &settings).await?;
    let permitted = access.grant().permit_within_reach(name.clone(), &request);
    let kept = store(&plane, access.grant()).replace(permitted, unsigned, settings, plane.clock.now()).await;
    message("updated", kept, name, false)
}

/// Delete an upload preset
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/upload_presets/{name}",
    tag = "Upload Presets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("name" = String, Path, description = "Name of the preset", example = "unsigned"),
    ),
    responses(
        (status = 200, description = "It is gone", body = PresetMessage),
        (status = 404, description = "There is none of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_upload_preset(
    access: Allow<DestroyUploadPresets>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = &path.1;
    check_name(name)?;
    let permitted = access.grant().permit_within_reach(name.clone(), &request);
    let kept = store(&plane, access.grant()).delete(permitted, plane.clock.now()).await;
    message("deleted", kept, name, false)
}

fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> PresetStore<'a> {
    PresetStore::of(grant, &plane.database, &plane.settings.region.name)
}

fn made_up() -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut rng = rand::rng();
    (0..MADE_UP).map(|_| char::from(ALPHABET[rng.random_range(0..36)])).collect()
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_fit = !name.trim().is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(|c| c.is_control() || c == '/');
    if is_fit { Ok(()) } else { Err(invalid_value("name", &Value::String(name.escape_debug().to_string()))) }
}

fn message(
    message: &'static str,
    outcome: Result<KeptPreset, PresetError>,
    name: &str,
    is_new: bool,
) -> Result<HttpResponse, ApiError> {
    let kept = outcome.map_err(|error| refused(error, name))?;
    let external_id = kept.external_id.as_simple().to_string();
    let name = is_new.then_some(kept.preset.name);
    Ok(HttpResponse::Ok().json(PresetMessage { message, name, external_id }))
}

fn refused(error: PresetError, name: &str) -> ApiError {
    match error {
        PresetError::NotFound => ApiError::not_found(format!("Upload preset not found: {name}")),
        PresetError::Taken => ApiError::new(ErrorCode::Conflict, format!("Upload preset {name} already exists")),
        PresetError::Database(error) => error.into(),
    }
}
