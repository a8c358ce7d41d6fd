//! Reading an asset and changing what is said of it.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params},
    ids::AssetId,
    policy::Scope,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::cursor;
use crate::{
    DataPlane,
    access::{ReadAssets, TenantGrant, WriteAssets},
    analyses::find,
    assets::{
        ActsFor, AssetStore,
        analyses::Questions,
        list::fingerprint,
        record::{AssetName, AssetRecord, DeliveryType, ResourceType},
    },
    metadata,
    notifications::notice::Wishes,
    upload::changes::{read_changes, refuse_upload_parameters},
    views::{RelatedView, ResourceDetail},
};

/// What a detail would show and cannot yet.
const DETAILS_NOT_BUILT: [&str; 3] = ["quality_analysis", "accessibility_analysis", "cinemagraph_analysis"];
/// How many related assets are shown at once.
const MOST_RELATED: u64 = 500;

impl ActsFor for TenantGrant {
    fn environment(&self) -> plane_kit::ids::EnvironmentId {
        self.tenant().id()
    }

    fn scope(&self) -> Scope {
        self.authority().scope().clone()
    }
}

/// The kinds of assets.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceTypes {
    /// Names of the kinds.
    #[schema(example = json!(["image", "raw", "video"]))]
    pub resource_types: Vec<String>,
}

/// List kinds of assets
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources",
    tag = "Assets",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    responses((status = 200, description = "The kinds", body = ResourceTypes))
)]
pub async fn list_resource_types(_: Allow<ReadAssets>) -> HttpResponse {
    let resource_types = ["image", "raw", "video"].map(str::to_owned).to_vec();
    HttpResponse::Ok().json(ResourceTypes { resource_types })
}

/// Read an asset
///
/// The asset with everything derived from it.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/{type}/{public_id}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("type" = String, Path, description = "`upload`, `private` or `authenticated`", example = "upload"),
        ("public_id" = String, Path, description = "Public id, slashes included", example = "cats/tom"),
        ("max_results" = Option<u32>, Query, description = "How many derived assets are shown, 1 to 500; 10 when absent"),
        ("derived_next_cursor" = Option<String>, Query, description = "Where the last page of derived assets ended"),
        ("coordinates" = Option<bool>, Query, description = "Whether marked rectangles are shown"),
        ("faces" = Option<bool>, Query, description = "Whether the rectangles of marked faces are shown"),
        ("colors" = Option<bool>, Query, description = "Whether the colours are shown"),
        ("phash" = Option<bool>, Query, description = "Whether a hash of the looks is shown"),
        ("exif" = Option<bool>, Query, description = "Whether EXIF is shown"),
        ("image_metadata" = Option<bool>, Query, description = "Whether everything is shown that the file says of itself"),
        ("media_metadata" = Option<bool>, Query, description = "The same; of sound and moving pictures their streams"),
        ("related" = Option<bool>, Query, description = "Whether the assets are shown that it is related to, at most 500 at once"),
        ("related_next_cursor" = Option<String>, Query, description = "Where the last page of related assets ended"),
    ),
    responses(
        (status = 200, description = "The asset", body = ResourceDetail),
        (status = 404, description = "No such asset", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn read_resource(
    access: Allow<ReadAssets>,
    path: web::Path<(String, String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, delivery_type, public_id) = path.into_inner();
    let name = named(&kind, &delivery_type, public_id)?;
    let asset = store(&plane, access.grant()).find(&name).await?;
    let folder = access.grant().tenant().folder_of(&name.public_id);
    detail(&plane, access.grant(), asset, &name.public_id, folder, &params).await
}

/// Reads an asset by its id. It is reading one asset, whatever the path looks like, and bound as that.
pub(super) async fn read_by_id(
    grant: TenantGrant,
    plane: &DataPlane,
    id: AssetId,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let grant = grant.instead(plane, "read_resource").await?;
    let asset = store(plane, &grant).find_by_id(id.0).await?;
    detail(plane, &grant, asset, &id.to_string(), None, params).await
}

/// What is to change of an asset, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct UpdateRequest {
    /// Tags in the place of all old ones, joined by commas.
    #[schema(example = "cat,garden")]
    tags: Option<String>,
    /// `key=value` pairs joined by `|`, or an object, in the place of all old ones.
    #[schema(example = "alt=A cat")]
    context: Option<String>,
    /// Values of metadata fields: `id=value` pairs joined by `|`, or an object. An empty value goes; what is not named stays.
    #[schema(example = "colour=red")]
    metadata: Option<String>,
    /// Whether values go that their fields do not permit any more.
    clear_invalid: Option<bool>,
    /// What people say of it: `pending`, `approved` or `rejected`; what is rejected is delivered to nobody.
    moderation_status: Option<String>,
    /// Rectangles of faces, as `x,y,w,h` joined by `|`, in the place of all old ones.
    face_coordinates: Option<String>,
    /// Rectangles that a crop is to keep, in the place of all old ones.
    custom_coordinates: Option<String>,
    /// Who may have it delivered: a list of rules, `token` or `anonymous` with `start` and `end`, in the place of all old ones.
    access_control: Option<String>,
    /// `public` or `authenticated`.
    access_mode: Option<String>,
    /// Whether its versions are to be kept.
    backup: Option<bool>,
    /// Who is told, in the place of the triggers.
    notification_url: Option<String>,
    /// Folder; where folders follow from public ids it cannot be changed.
    asset_folder: Option<String>,
    /// Name shown to people.
    display_name: Option<String>,
}

/// Update an asset
///
/// Changes what the body names and leaves the rest; tags and context replace what was there.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/{type}/{public_id}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("type" = String, Path, description = "`upload`, `private`, `authenticated` or `fetch`", example = "upload"),
        ("public_id" = String, Path, description = "Public id, slashes included", example = "cats/tom"),
    ),
    request_body(content = UpdateRequest, description = "The changes; JSON or a form."),
    responses(
        (status = 200, description = "The asset as it is now", body = ResourceDetail),
        (status = 404, description = "No such asset", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_resource(
    access: Allow<WriteAssets>,
    request: HttpRequest,
    path: web::Path<(String, String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, delivery_type, public_id) = path.into_inner();
    let name = named(&kind, &delivery_type, public_id)?;
    update(&plane, access.grant(), &request, name, None, &params).await
}

/// The same by the asset's id.
pub async fn update_resource_by_id(
    access: Allow<WriteAssets>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let grant = access.grant();
    let not_found = || ApiError::not_found(format!("Resource not found - {}", path.1));
    let asset = match path.1.parse::<AssetId>() {
        Ok(id) => store(&plane, grant).find_by_id(id.0).await?,
        Err(_) => None,
    };
    let asset = asset.ok_or_else(|| grant.authority().not_within_reach(None, not_found()))?;
    update(&plane, grant, &request, asset.name, Some(asset.id), &params).await
}

/// The same by a body that names the asset.
pub async fn update_resource_by_body(
    access: Allow<WriteAssets>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = named_in_body(&params)?;
    update(&plane, access.grant(), &request, name, None, &params).await
}

/// Reads an asset that the body names.
pub async fn read_resource_by_body(
    access: Allow<ReadAssets>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = named_in_body(&params)?;
    let asset = store(&plane, access.grant()).find(&name).await?;
    let folder = access.grant().tenant().folder_of(&name.public_id);
    detail(&plane, access.grant(), asset, &name.public_id, folder, &params).await
}

fn named_in_body(params: &Params) -> Result<AssetName, ApiError> {
    let (kind, delivery_type) = (params.required_text("resource_type")?, params.required_text("kind")?);
    named(&kind, &delivery_type, params.required_text("public_id")?)
}

/// A name of the wire. What no asset can be called is not there.
pub(super) fn named(kind: &str, delivery_type: &str, public_id: String) -> Result<AssetName, ApiError> {
    let (resource_type, delivery_type) = (ResourceType::parse(kind)?, DeliveryType::parse(delivery_type)?);
    if public_id.chars().any(char::is_control) {
        return Err(ApiError::not_found("Resource not found - no asset has such a public id"));
    }
    Ok(AssetName { resource_type, delivery_type, public_id })
}

async fn update(
    plane: &DataPlane,
    grant: &TenantGrant,
    request: &HttpRequest,
    name: AssetName,
    only: Option<AssetId>,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let of_uploads =
        ["eager", "eager_async", "eager_notification_url", "transformation", "format", "async", "callback"];
    refuse_upload_parameters(params, "an update", &of_uploads)?;
    let mut changes = read_changes(params, grant.tenant().folders_are_free())?;
    changes.metadata = metadata::of_change(plane, grant.tenant().id(), params).await?;
    let names = vec![name.clone()];
    let wishes = Wishes::read(params)?;
    if let Some(folder) = &changes.asset_folder {
        grant.permit((), folder, request)?;
    }
    let permitted = grant.permit_and_tell(names, wishes, request);
    let store = store(plane, grant);
    let asset = store.change(permitted, only, "update_resource", &changes, plane.clock.now()).await?.pop();
    plane.located.forget(grant.tenant().id(), &name);
    let folder = grant.tenant().folder_of(&name.public_id);
    detail(plane, grant, asset, &name.public_id, folder, &Params::new()).await
}

pub(super) fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> AssetStore<'a> {
    AssetStore::of(grant, &plane.database, &plane.settings.region.name)
}

async fn detail(
    plane: &DataPlane,
    grant: &TenantGrant,
    asset: Option<AssetRecord>,
    named: &str,
    folder: Option<&str>,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let limit = params.integer_in("max_results", 1..=500, 10)?.unsigned_abs();
    refuse_upload_parameters(params, "a detail", &DETAILS_NOT_BUILT)?;
    let not_found = || ApiError::not_found(format!("Resource not found - {named}"));
    let asset = asset.ok_or_else(|| grant.authority().not_within_reach(folder, not_found()))?;
    grant.authority().note_folder(&asset.asset_folder);
    let listing = fingerprint(&format!("derived {}", asset.version.id));
    let cursor = cursor(params, "derived_next_cursor", listing)?;
    let (derived, next) = store(plane, grant).derived(asset.version.id.0, cursor, limit).await?;
    let mut view = ResourceDetail::new(&plane.links, grant.tenant(), &asset, &derived);
    view.derived_next_cursor = next.map(|cursor| cursor.print(listing));
    let wanted = Questions::read(params)?;
    view.analysis = find::shown(plane, grant.tenant(), &store(plane, grant), &asset, wanted).await?;
    if params.boolean("faces")? == Some(true) {
        view.faces = Some(asset.coordinates.faces.clone());
    }
    if params.boolean("coordinates")? == Some(true) {
        view.coordinates = Some(asset.coordinates.clone());
    }
    if params.boolean("related")? == Some(true) {
        let listing = fingerprint(&format!("related {}", asset.id));
        let after = self::cursor(params, "related_next_cursor", listing)?;
        let (related, next) = store(plane, grant).related(asset.id, after, MOST_RELATED).await?;
        view.related_assets = Some(related.into_iter().map(RelatedView::from).collect());
        view.related_next_cursor = next.map(|cursor| cursor.print(listing));
    }
    Ok(HttpResponse::Ok().json(view))
}
