//! Relating assets to each other.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, missing},
    },
    ids::AssetId,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::resources::{named, store};
use crate::{
    DataPlane,
    access::{DestroyAssets, TenantGrant, WriteAssets},
    assets::{
        AssetStore,
        record::{AssetName, AssetRecord, DeliveryType, ResourceType},
        relations::Relating,
    },
};

/// How many assets a call may name.
const MOST: usize = 10;

/// What became of the relation to one asset.
#[derive(Debug, Serialize, ToSchema)]
pub struct RelationInfo {
    /// In words.
    #[schema(example = "success")]
    message: &'static str,
    /// As a word of a list: `success_ids`, `already_exists_ids`, `relation_does_not_exist_ids`, `non_existing_ids`, `invalid_ids` or
    /// `invalid_relate_to_self_id`.
    #[schema(example = "success_ids")]
    code: &'static str,
    /// The asset, as it was named.
    #[schema(example = "raw/upload/dog_subtitles.srt")]
    asset: String,
    /// As a status of HTTP.
    #[schema(example = 200)]
    status: u16,
}

/// What became of the relations.
#[derive(Debug, Serialize, ToSchema)]
pub struct Relations {
    /// Those that are as they were asked for.
    success: Vec<RelationInfo>,
    /// The others.
    failed: Vec<RelationInfo>,
}

/// Which assets, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct RelateRequest {
    /// At most 10, each as `resource_type/type/public_id`; where the asset is named by its id, as ids.
    #[schema(example = json!(["raw/upload/dog_subtitles.srt"]))]
    assets_to_relate: Vec<String>,
}

/// Which assets, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct UnrelateRequest {
    /// At most 10, each as `resource_type/type/public_id`; where the asset is named by its id, as ids.
    #[schema(example = json!(["raw/upload/dog_subtitles.srt"]))]
    assets_to_unrelate: Vec<String>,
}

/// Relate an asset to others
///
/// A relation goes both ways. What became of each is answered; the status is 200 whatever that is.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/resources/related_assets/{resource_type}/{type}/{public_id}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("type" = String, Path, description = "`upload`, `private`, `authenticated` or `fetch`", example = "upload"),
        ("public_id" = String, Path, description = "Public id, slashes included", example = "cats/tom"),
    ),
    request_body(content = RelateRequest, description = "The others; JSON."),
    responses(
        (status = 200, description = "What became of each", body = Relations),
        (status = 404, description = "No such asset", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn relate_assets(
    access: Allow<WriteAssets>,
    request: HttpRequest,
    path: web::Path<(String, String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, delivery_type, public_id) = path.into_inner();
    let name = named(&kind, &delivery_type, public_id)?;
    let asset = store(&plane, access.grant()).find(&name).await?;
    let asked = Asked { named: &name.public_id, by_id: false, is_related: true };
    change(&plane, access.grant(), &request, &params, asset, asked).await
}

/// The same of an asset that is named by its id.
pub async fn relate_assets_by_id(
    access: Allow<WriteAssets>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let asset = by_id(&store(&plane, access.grant()), &path.1).await?;
    let asked = Asked { named: &path.1, by_id: true, is_related: true };
    change(&plane, access.grant(), &request, &params, asset, asked).await
}

/// Take relations of an asset away
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/resources/related_assets/{resource_type}/{type}/{public_id}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("type" = String, Path, description = "`upload`, `private`, `authenticated` or `fetch`", example = "upload"),
        ("public_id" = String, Path, description = "Public id, slashes included", example = "cats/tom"),
    ),
    request_body(content = UnrelateRequest, description = "The others; JSON."),
    responses(
        (status = 200, description = "What became of each", body = Relations),
        (status = 404, description = "No such asset", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn unrelate_assets(
    access: Allow<DestroyAssets>,
    request: HttpRequest,
    path: web::Path<(String, String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, delivery_type, public_id) = path.into_inner();
    let name = named(&kind, &delivery_type, public_id)?;
    let asset = store(&plane, access.grant()).find(&name).await?;
    let asked = Asked { named: &name.public_id, by_id: false, is_related: false };
    change(&plane, access.grant(), &request, &params, asset, asked).await
}

/// The same of an asset that is named by its id.
pub async fn unrelate_assets_by_id(
    access: Allow<DestroyAssets>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let asset = by_id(&store(&plane, access.grant()), &path.1).await?;
    let asked = Asked { named: &path.1, by_id: true, is_related: false };
    change(&plane, access.grant(), &request, &params, asset, asked).await
}

async fn by_id(store: &AssetStore<'_>, id: &str) -> Result<Option<AssetRecord>, ApiError> {
    match id.parse::<AssetId>() {
        Ok(id) => Ok(store.find_by_id(id.0).await?),
        Err(_) => Ok(None),
    }
}

/// What is asked for.
struct Asked<'a> {
    /// The asset, as it was named.
    named: &'a str,
    /// Whether assets are named by their ids.
    by_id: bool,
    /// Whether they are related afterwards.
    is_related: bool,
}

async fn change(
    plane: &DataPlane,
    grant: &TenantGrant,
    request: &HttpRequest,
    params: &Params,
    asset: Option<AssetRecord>,
    asked: Asked<'_>,
) -> Result<HttpResponse, ApiError> {
    let parameter = if asked.is_related { "assets_to_relate" } else { "assets_to_unrelate" };
    let others = params.texts(parameter)?.filter(|others| !others.is_empty()).ok_or_else(|| missing(parameter))?;
    if others.len() > MOST {
        return Err(ApiError::invalid(format!("Invalid value for parameter {parameter}: at most {MOST}")));
    }
    let folder = (!asked.by_id).then(|| grant.tenant().folder_of(asked.named)).flatten();
    let not_found = || ApiError::not_found(format!("Resource not found - {}", asked.named));
    let asset = asset.ok_or_else(|| grant.authority().not_within_reach(folder, not_found()))?;
    let store = store(plane, grant);
    let (mut failed, mut found) = (Vec::new(), Vec::new());
    for named in others {
        let other = match (asked.by_id, name_of(&named)) {
            (true, _) => by_id(&store, &named).await?,
            (false, Some(name)) => store.find(&name).await?,
            (false, None) => {
                failed.push(info("resource_type/type/public_id is expected", "invalid_ids", named, 400));
                continue;
            }
        };
        match other {
            None => failed.push(info("resource not found", "non_existing_ids", named, 404)),
            Some(other) if other.id == asset.id => {
                failed.push(info("an asset is not related to itself", "invalid_relate_to_self_id", named, 400));
            }
            Some(other) => found.push((named, other)),
        }
    }
    let (names, records): (Vec<String>, Vec<AssetRecord>) = found.into_iter().unzip();
    let permitted = grant.permit_within_reach(&asset, request);
    let outcomes = store.relate(permitted, &records, asked.is_related, plane.clock.now()).await?;
    let mut success = Vec::new();
    for (name, outcome) in names.into_iter().zip(outcomes) {
        match (outcome, asked.is_related) {
            (Relating::Done, _) => success.push(info("success", "success_ids", name, 200)),
            (Relating::AsItWas, true) => {
                failed.push(info("the relation is there already", "already_exists_ids", name, 409));
            }
            (Relating::AsItWas, false) => {
                failed.push(info("there is no such relation", "relation_does_not_exist_ids", name, 404));
            }
        }
    }
    Ok(HttpResponse::Ok().json(Relations { success, failed }))
}

fn info(message: &'static str, code: &'static str, asset: String, status: u16) -> RelationInfo {
    RelationInfo { message, code, asset, status }
}

/// Reads `resource_type/type/public_id`.
fn name_of(text: &str) -> Option<AssetName> {
    let (kind, rest) = text.split_once('/')?;
    let (delivery_type, public_id) = rest.split_once('/')?;
    let is_fit = !public_id.is_empty() && !public_id.chars().any(char::is_control);
    let name = AssetName {
        resource_type: ResourceType::from_name(kind)?,
        delivery_type: DeliveryType::from_name(delivery_type)?,
        public_id: public_id.to_owned(),
    };
    is_fit.then_some(name)
}
