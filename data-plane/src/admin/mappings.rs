//! Upload mappings over HTTP.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{
        access::Allow,
        params::{Params, invalid_value, missing},
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::paging::cursor;
use crate::{
    DataPlane,
    access::{DestroyUploadMappings, ReadUploadMappings, TenantGrant, WriteUploadMappings},
    assets::list::{Cursor, fingerprint},
    mappings::{MOST, Mapping, MappingError, MappingStore, read_template},
    upload::parameters::clean_folder,
};

/// A mapping.
#[derive(Debug, Serialize, ToSchema)]
pub struct MappingView {
    /// The folder at the beginning of public ids; empty for all.
    #[schema(example = "site")]
    pub folder: String,
    /// The beginning of remote addresses.
    #[schema(example = "https://www.example.com/images/")]
    pub template: String,
    /// Its id.
    pub external_id: String,
    /// Always null: mappings have no preset here.
    pub upload_preset_name: Option<String>,
}

/// A page of mappings.
#[derive(Debug, Serialize, ToSchema)]
pub struct MappingPage {
    /// The mappings, by their folders.
    pub mappings: Vec<MappingView>,
    /// How many there are on all pages.
    pub total_entries: u64,
    /// Where the next page begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What was done to a mapping.
#[derive(Debug, Serialize, ToSchema)]
pub struct MappingMessage {
    /// `created`, `updated`, `deleted` or `replaced`.
    #[schema(example = "created")]
    pub message: &'static str,
    /// Its folder, when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Its id, when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// What a mapping is made of, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct MappingRequest {
    /// The folder at the beginning of public ids; `/` for all.
    #[schema(example = "site")]
    folder: String,
    /// The beginning of remote addresses; what follows the folder is added to it.
    #[schema(example = "https://www.example.com/images/")]
    template: String,
}

/// All mappings, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct MappingsRequest {
    /// The mappings that there shall be.
    mappings: Vec<MappingRequest>,
}

impl From<Mapping> for MappingView {
    fn from(mapping: Mapping) -> Self {
        let external_id = mapping.external_id.as_simple().to_string();
        Self { folder: mapping.folder, template: mapping.template, external_id, upload_preset_name: None }
    }
}

/// List upload mappings
///
/// All of them in pages, or with `folder` the one of that folder.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/upload_mappings",
    tag = "Upload Mappings",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("folder" = Option<String>, Query, description = "The folder of the one that is wanted; `/` for that of all"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
    ),
    responses(
        (status = 200, description = "A page, or the mapping itself", body = MappingPage),
        (status = 404, description = "There is none of that folder", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn list_upload_mappings(
    access: Allow<ReadUploadMappings>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let store = store(&plane, access.grant());
    if params.get("folder").is_some() {
        let folder = folder(&params)?;
        let mapping = store.find(&folder).await.map_err(|error| refused(error, &folder))?;
        return Ok(HttpResponse::Ok().json(MappingView::from(mapping)));
    }
    let limit = params.integer_in("max_results", 1..=500, 10)?.unsigned_abs();
    let listing = fingerprint("upload_mappings");
    let after = match cursor(&params, "next_cursor", listing)? {
        Some(Cursor::Name { public_id: folder, .. }) => Some(folder),
        Some(Cursor::Moment { .. }) | None => None,
    };
    let (mut page, total_entries) = store.list(after.as_deref(), limit + 1).await?;
    let has_more = page.len() as u64 > limit;
    page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = page.last().filter(|_| has_more);
    let next = last.map(|last| Cursor::Name { public_id: last.folder.clone(), id: last.external_id }.print(listing));
    let mappings = page.into_iter().map(MappingView::from).collect();
    Ok(HttpResponse::Ok().json(MappingPage { mappings, total_entries, next_cursor: next }))
}

/// Create an upload mapping
///
/// What is asked for in the folder and is not there is fetched from the template's address with the rest of the name, and kept.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/upload_mappings",
    tag = "Upload Mappings",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = MappingRequest, description = "The mapping; JSON or a form."),
    responses(
        (status = 200, description = "It was made", body = MappingMessage),
        (status = 409, description = "There is one of that folder", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn create_upload_mapping(
    access: Allow<WriteUploadMappings>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let grant = access.grant();
    let (folder, template) = (folder(&params)?, read_template(&params.required_text("template")?)?);
    let permitted = grant.permit_within_reach((folder.clone(), template), &request);
    let made = store(&plane, grant).create(permitted, plane.clock.now()).await;
    let made = made.map_err(|error| refused(error, &folder))?;
    plane.mappings.forget(grant.tenant().id()).await;
    let external_id = Some(made.external_id.as_simple().to_string());
    Ok(HttpResponse::Ok().json(MappingMessage { message: "created", folder: Some(made.folder), external_id }))
}

/// Update an upload mapping
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/upload_mappings",
    tag = "Upload Mappings",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = MappingRequest, description = "Its folder and its new template; JSON or a form."),
    responses(
        (status = 200, description = "It was changed", body = MappingMessage),
        (status = 404, description = "There is none of that folder", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_upload_mapping(
    access: Allow<WriteUploadMappings>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let grant = access.grant();
    let (folder, template) = (folder(&params)?, read_template(&params.required_text("template")?)?);
    let permitted = grant.permit_within_reach((folder.clone(), template), &request);
    store(&plane, grant).update(permitted, plane.clock.now()).await.map_err(|error| refused(error, &folder))?;
    plane.mappings.forget(grant.tenant().id()).await;
    Ok(message("updated"))
}

/// Delete an upload mapping
///
/// What was fetched by it stays.
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/upload_mappings",
    tag = "Upload Mappings",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("folder" = String, Query, description = "Its folder; `/` for that of all", example = "site"),
    ),
    responses(
        (status = 200, description = "It is gone", body = MappingMessage),
        (status = 404, description = "There is none of that folder", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_upload_mapping(
    access: Allow<DestroyUploadMappings>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (grant, folder) = (access.grant(), folder(&params)?);
    let permitted = grant.permit_within_reach(folder.clone(), &request);
    store(&plane, grant).delete(permitted, plane.clock.now()).await.map_err(|error| refused(error, &folder))?;
    plane.mappings.forget(grant.tenant().id()).await;
    Ok(message("deleted"))
}

/// Replace all upload mappings
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/upload_mappings/replace",
    tag = "Upload Mappings",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = MappingsRequest, description = "The mappings; JSON."),
    responses((status = 200, description = "They were replaced", body = MappingMessage))
)]
pub async fn replace_upload_mappings(
    access: Allow<WriteUploadMappings>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let items = match params.get("mappings") {
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::Array(items)) => items,
            _ => return Err(invalid_value("mappings", &Value::String(text.clone()))),
        },
        Some(other) => return Err(invalid_value("mappings", other)),
        None => return Err(missing("mappings")),
    };
    let mut mappings: Vec<(String, String)> = Vec::with_capacity(items.len());
    for item in items {
        let Value::Object(members) = item else {
            return Err(invalid_value("mappings", &item));
        };
        let one = Params::from(members);
        let mapping = (folder(&one)?, read_template(&one.required_text("template")?)?);
        if mappings.iter().any(|(folder, _)| *folder == mapping.0) {
            return Err(ApiError::invalid(format!("Invalid value for parameter mappings: folder {} twice", mapping.0)));
        }
        mappings.push(mapping);
    }
    let grant = access.grant();
    let permitted = grant.permit_within_reach(mappings, &request);
    store(&plane, grant).replace(permitted, plane.clock.now()).await.map_err(|error| refused(error, ""))?;
    plane.mappings.forget(grant.tenant().id()).await;
    Ok(message("replaced"))
}

fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> MappingStore<'a> {
    MappingStore::of(grant, &plane.database, &plane.settings.region.name)
}

fn folder(params: &Params) -> Result<String, ApiError> {
    clean_folder("folder", &params.required_text("folder")?)
}

fn message(message: &'static str) -> HttpResponse {
    HttpResponse::Ok().json(MappingMessage { message, folder: None, external_id: None })
}

fn refused(error: MappingError, folder: &str) -> ApiError {
    match error {
        MappingError::NotFound => ApiError::not_found(format!("Can't find upload mapping for folder {folder}")),
        MappingError::Taken => {
            ApiError::new(ErrorCode::Conflict, format!("Upload mapping for folder {folder} already exists"))
        }
        MappingError::TooMany => ApiError::invalid(format!("At most {MOST} upload mappings")),
        MappingError::Database(error) => error.into(),
    }
}
