//! Private download links: an asset is handed over to whoever has an address that a key signed, until it expires.

use actix_web::{HttpRequest, web};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use plane_kit::{
    error::ApiError,
    http::{
        access::Public,
        params::{Params, invalid_value},
    },
};
use serde_json::json;
use transform::source::Format;

use super::{CredentialsInBody, authorize::AuthorizedUpload, calls::call_without_file};
use crate::{
    DataPlane,
    assets::{
        AssetStore,
        record::{AssetName, AssetRecord, DeliveryType, ResourceType},
    },
    delivery::{self, admit::AdmittedDelivery, respond::Delivered, url::DeliveryUrl},
};

/// The longest name that a file is given, in characters.
const LONGEST_NAME: usize = 255;

/// Download an asset by a signed link
///
/// The address is the credential, for an hour or until `expires_at`. What is handed over counts like a delivery.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/{resource_type}/download",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("public_id" = String, Query, description = "Name of the asset", example = "cats/tom"),
        ("type" = Option<String>, Query, description = "`upload`, `private`, `authenticated` or `fetch`; `upload` when absent"),
        ("format" = Option<String>, Query, description = "The format that a picture is handed over in; the stored one when absent"),
        ("transformation" = Option<String>, Query, description = "What is made of a picture before", example = "c_limit,w_1000"),
        ("attachment" = Option<bool>, Query, description = "Whether it is handed over as a file to save"),
        ("target_filename" = Option<String>, Query, description = "What the file to save is called"),
        ("expires_at" = Option<i64>, Query, description = "Unix seconds at which the link ends"),
        ("api_key" = String, Query, description = "Access key", example = "123456789012345"),
        ("timestamp" = i64, Query, description = "Unix seconds at which the link was made"),
        ("signature" = String, Query, description = "Digest over all other parameters, sorted"),
    ),
    responses(
        (status = 200, description = "The bytes", content_type = "image/*", body = Vec<u8>),
        (status = 401, description = "Wrong signature, unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "No such asset", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn download(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<Delivered, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let params = call.params();
    let resource_type = ResourceType::parse(request.match_info().get("resource_type").unwrap_or_default())?;
    let delivery_type = match params.text("type")? {
        Some(name) => DeliveryType::parse(&name)?,
        None => DeliveryType::Upload,
    };
    let name = AssetName { resource_type, delivery_type, public_id: params.required_text("public_id")? };
    let assets = AssetStore::of(&call, &plane.database, &plane.settings.region.name);
    let found = assets.find(&name).await?;
    let folder = call.tenant().folder_of(&name.public_id);
    hand_over(&request, &plane, &call, found, folder, &name.public_id).await
}

/// The same of an asset that is named by its id.
pub async fn download_by_id(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<Delivered, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let id = call.params().required_text("asset_id")?;
    let assets = AssetStore::of(&call, &plane.database, &plane.settings.region.name);
    let found = match id.parse::<plane_kit::ids::AssetId>() {
        Ok(id) => assets.find_by_id(id.0).await?,
        Err(_) => None,
    };
    hand_over(&request, &plane, &call, found, None, &id).await
}

async fn hand_over(
    request: &HttpRequest,
    plane: &DataPlane,
    call: &AuthorizedUpload,
    found: Option<AssetRecord>,
    folder: Option<&str>,
    named: &str,
) -> Result<Delivered, ApiError> {
    let not_found = || ApiError::not_found(format!("Resource not found - {named}"));
    let asset = found.ok_or_else(|| call.not_within_reach(folder, not_found()))?;
    call.permit((), &asset.asset_folder)?;
    let url = url_of(call, &asset.name)?.resolve(plane, call.tenant(), true).await?;
    let admitted = AdmittedDelivery::by_signed_call(&url, call.tenant(), asset.id);
    delivery::hand_over(request, plane, call.tenant(), &admitted).await
}

/// The delivery that a link stands for.
fn url_of(call: &AuthorizedUpload, name: &AssetName) -> Result<DeliveryUrl, ApiError> {
    let params = call.params();
    let mut chain = Vec::new();
    if let Some(flag) = attachment(params)? {
        chain.push(flag);
    }
    if let Some(transformation) = params.text("transformation")? {
        let transformation = transformation.trim_matches('/');
        if !transformation.is_empty() {
            chain.push(transformation.to_owned());
        }
    }
    let format = params.text("format")?.filter(|format| !format.is_empty() && name.resource_type != ResourceType::Raw);
    if let Some(format) = &format
        && Format::from_name(format).is_none()
    {
        return Err(invalid_value("format", &json!(format)));
    }
    DeliveryUrl::of(&call.tenant().snapshot.cloud_name, name, &chain.join("/"), format.as_deref())
}

/// The flag by which a file is handed over to be saved.
fn attachment(params: &Params) -> Result<Option<String>, ApiError> {
    let name = params.text("target_filename")?.filter(|name| !name.is_empty());
    let Some(name) = name else {
        return Ok((params.boolean("attachment")? == Some(true)).then(|| "fl_attachment".to_owned()));
    };
    if name.chars().count() > LONGEST_NAME || name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) {
        return Err(invalid_value("target_filename", &json!(name.escape_debug().to_string())));
    }
    // The extension is that of what is handed over.
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let once = utf8_percent_encode(stem, NON_ALPHANUMERIC).to_string();
    Ok(Some(format!("fl_attachment:{}", utf8_percent_encode(&once, NON_ALPHANUMERIC))))
}
