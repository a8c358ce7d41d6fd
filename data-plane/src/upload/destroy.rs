//! Destroying an asset.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{access::Public, params::Params},
    ids::AssetId,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{CredentialsInBody, authorize::AuthorizedUpload, calls::call_without_file, parameters::check_public_id};
use crate::{
    DataPlane,
    assets::{
        ActsFor, AssetStore,
        commit::DestroyOutcome,
        record::{AssetName, DeliveryType, ResourceType},
    },
};

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
    take_away(&plane, &call, AssetName { resource_type, delivery_type, public_id }).await
}

/// The same of an asset that is named by its id.
pub async fn destroy_by_id(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let id = call.params().required_text("asset_id")?;
    let assets = AssetStore::of(&call, &plane.database, &plane.settings.region.name);
    let found = match id.parse::<AssetId>() {
        Ok(id) => assets.find_by_id(id.0).await?,
        Err(_) => None,
    };
    match found {
        Some(asset) => take_away(&plane, &call, asset.name).await,
        None => match call.not_within_reach(None, ApiError::not_found("not found")) {
            error if error.code() == ErrorCode::NotFound => {
                Ok(HttpResponse::Ok().json(DestroyResult { result: "not found".into() }))
            }
            refusal => Err(refusal),
        },
    }
}

async fn take_away(plane: &DataPlane, call: &AuthorizedUpload, name: AssetName) -> Result<HttpResponse, ApiError> {
    let assets = AssetStore::of(call, &plane.database, &plane.settings.region.name);
    let outcome = assets.destroy(call.permit_within_reach(name.clone()), None, plane.clock.now()).await?;
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
    Ok(HttpResponse::Ok().json(DestroyResult { result: result.into() }))
}
