//! The operations of the Upload API.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{access::Public, params::Params},
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    CredentialsInBody,
    authorize::{AuthorizedUpload, SignatureCheck, authorize},
    form::{self, UploadFile, UploadForm},
    keep::{self, Kept, Wanted},
    parameters::{ResolvedUpload, check_format, check_public_id, resolve},
};
use crate::{
    DataPlane,
    access::{failed, named_operation},
    assets::{
        ActsFor, AssetStore,
        commit::DestroyOutcome,
        record::{AssetName, DeliveryType, ResourceType},
    },
    tenants::Tenant,
    views::UploadResult,
};

/// The form of an upload, for the description. Further parameters of the vendor's wire are accepted or refused by name.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as a stream")]
pub struct UploadRequest {
    /// The file, a `data:` URI, or the http address of a remote file.
    #[schema(value_type = String, format = Binary)]
    file: String,
    /// Access key of a signed upload.
    #[schema(example = "123456789012345")]
    api_key: Option<String>,
    /// Unix seconds, at most an hour old.
    timestamp: Option<i64>,
    /// Digest over all other fields but the file, sorted.
    signature: Option<String>,
    /// Preset; an unsigned one replaces key and signature.
    upload_preset: Option<String>,
    /// Name of the asset; made up when absent.
    #[schema(example = "cats/tom")]
    public_id: Option<String>,
    /// Whether an asset of this name is replaced.
    overwrite: Option<bool>,
    /// Tags, joined by commas.
    tags: Option<String>,
    /// `key=value` pairs, joined by `|`.
    context: Option<String>,
    /// Folder that the asset is shown in.
    asset_folder: Option<String>,
    /// `upload`, `private` or `authenticated`.
    r#type: Option<String>,
}

/// Upload a file
///
/// Takes an image or a raw file, signed with an access key's secret or under an unsigned preset. `auto` as resource type decides
/// by the bytes.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/{resource_type}/upload",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `raw` or `auto`", example = "image"),
    ),
    request_body(content = UploadRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "The stored asset", body = UploadResult),
        (status = 401, description = "Wrong signature, or unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn upload(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    payload: web::Payload,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let asked = request.match_info().get("resource_type").unwrap_or("auto").to_owned();
    let outcome = take_upload(&request, payload, &plane, &asked).await;
    plane.metrics.uploads.with_label_values(&[if outcome.is_ok() { "stored" } else { "refused" }]).inc();
    Ok(HttpResponse::Ok().json(outcome?))
}

async fn take_upload(
    request: &HttpRequest,
    payload: web::Payload,
    plane: &DataPlane,
    asked: &str,
) -> Result<UploadResult, ApiError> {
    let tenant = tenant_of(request, plane).await?;
    let check = SignatureCheck { plane, tenant: &tenant, operation: named_operation(request)? };
    let form = form::read(request, payload, plane, &tenant, &check).await?;
    let tenant = with_named_key(plane, tenant, &form.params).await?;
    let upload = authorize(plane, request, tenant, form.params).await?;
    let file = UploadForm::take_file(form.file, upload.params(), plane, upload.tenant(), upload.request()).await?;
    let file = file.ok_or_else(|| plane_kit::http::params::missing("file"))?;
    if file.staged.bytes == 0 {
        return Err(ApiError::new(ErrorCode::InvalidFile, "Empty file"));
    }
    let resolved = resolve(&upload, asked, &file)?;
    store(plane, &upload, resolved, file).await
}

/// Looks into the file, stores its bytes, and only then gives them their name.
async fn store(
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    resolved: ResolvedUpload,
    file: UploadFile,
) -> Result<UploadResult, ApiError> {
    let tenant = upload.tenant();
    let permitted = upload.permit(resolved.name.clone(), &resolved.asset_folder)?;
    let extension = resolved.extension.as_deref();
    let seen = keep::look_into(plane, tenant, &file.staged, resolved.name.resource_type, extension).await?;
    check_format(&resolved, &seen.format)?;
    let wanted = Wanted {
        display_name: resolved.display_name,
        asset_folder: resolved.asset_folder,
        original_filename: resolved.original_filename,
        tags: resolved.tags,
        context: resolved.context,
        origin: "upload",
        access_key: upload.access_key().map(str::to_owned),
        request: upload.request(),
        overwrite: resolved.overwrite,
        remote: None,
    };
    let assets = AssetStore::of(upload, &plane.database, &plane.settings.region.name);
    let (asset, existing) = match keep::keep(plane, &assets, permitted, file.staged, seen, wanted).await? {
        Kept::Stored(asset) => (asset, None),
        Kept::Existing(asset) => (asset, Some(true)),
        Kept::OutOfScope => return Err(upload.beyond_reach()),
    };
    let mut result = UploadResult::new(&plane.links, tenant, &asset, upload.access_key());
    result.existing = existing;
    Ok(result)
}

/// Parameters of [`destroy`], for the description.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as parameters")]
pub struct DestroyRequest {
    /// Access key.
    #[schema(example = "123456789012345")]
    api_key: String,
    /// Unix seconds, at most an hour old.
    timestamp: i64,
    /// Digest over all other fields, sorted.
    signature: String,
    /// Name of the asset.
    #[schema(example = "cats/tom")]
    public_id: String,
    /// `upload`, `private`, `authenticated` or `fetch`.
    r#type: Option<String>,
    /// Accepted; what is gone is not delivered any more in any case.
    invalidate: Option<bool>,
}

/// Whether an asset was taken away.
#[derive(Debug, Serialize, ToSchema)]
pub struct DestroyResult {
    /// `ok` or `not found`.
    #[schema(example = "ok")]
    pub result: String,
}

/// Destroy an asset
///
/// Takes the asset and everything derived from it away. Always 200; the answer says whether it was there.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/{resource_type}/destroy",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image` or `raw`", example = "image"),
    ),
    request_body(content = DestroyRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "Whether it was there", body = DestroyResult),
        (status = 401, description = "Wrong signature, or unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn destroy(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let resource_type = ResourceType::parse(request.match_info().get("resource_type").unwrap_or_default())?;
    let public_id = call.params().required_text("public_id")?;
    let delivery_type = match call.params().text("type")? {
        Some(name) => DeliveryType::parse(&name)?,
        None => DeliveryType::Upload,
    };
    // The public id of what was fetched is an address.
    if delivery_type != DeliveryType::Fetch {
        check_public_id("public_id", &public_id)?;
    }
    let name = AssetName { resource_type, delivery_type, public_id };
    let assets = AssetStore::of(&call, &plane.database, &plane.settings.region.name);
    let outcome = assets.destroy(call.permit_within_reach(name.clone()), plane.clock.now()).await?;
    let result = match outcome {
        DestroyOutcome::Gone(orphans) => {
            plane.shipper.wake();
            plane.located.forget(call.tenant().id(), &name);
            plane.remove_objects(orphans);
            "ok"
        }
        DestroyOutcome::NotFound if call.scope().is_everywhere() => "not found",
        DestroyOutcome::NotFound => {
            let folder = call.tenant().folder_of(&name.public_id);
            match call.not_within_reach(folder, ApiError::not_found("not found")) {
                error if error.code() == ErrorCode::NotFound => "not found",
                refusal => return Err(refusal),
            }
        }
    };
    Ok(HttpResponse::Ok().json(json!({"result": result})))
}

/// A signed call that brings no file.
pub(super) async fn call_without_file(
    request: &HttpRequest,
    params: Params,
    plane: &DataPlane,
) -> Result<AuthorizedUpload, ApiError> {
    let tenant = tenant_of(request, plane).await?;
    let tenant = with_named_key(plane, tenant, &params).await?;
    if params.get("signature").is_none() {
        return Err(ApiError::unauthorized("Must supply api_key, timestamp and signature"));
    }
    authorize(plane, request, tenant, params).await
}

/// The tenant that the path names.
async fn tenant_of(request: &HttpRequest, plane: &DataPlane) -> Result<Arc<Tenant>, ApiError> {
    let cloud_name = request.match_info().get("cloud_name").unwrap_or_default();
    plane
        .tenants
        .find_or_ask(cloud_name)
        .await
        .ok_or_else(|| failed(plane, request, ApiError::unauthorized(format!("Unknown cloud_name {cloud_name}"))))
}

/// The tenant with the key that the form names, which may have been made a moment ago.
async fn with_named_key(plane: &DataPlane, tenant: Arc<Tenant>, params: &Params) -> Result<Arc<Tenant>, ApiError> {
    match params.text("api_key")? {
        Some(key) => Ok(plane.tenants.with_key(tenant, &key).await),
        None => Ok(tenant),
    }
}
