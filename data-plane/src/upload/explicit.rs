//! Explicit: an asset that is there is changed as an upload would have it, and a fetched one is fetched again.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{access::Public, params::Params},
};
use utoipa::ToSchema;

use super::{
    CredentialsInBody, ahead,
    calls::call_without_file,
    changes::{read_changes, refuse_upload_parameters},
    parameters::check_public_id,
};
use crate::{
    DataPlane,
    analyses::find,
    assets::{
        AssetStore,
        analyses::Questions,
        record::{AssetName, DeliveryType, ResourceType},
    },
    delivery::fetched,
    eager::ask::{Eager, not_a_picture},
    metadata,
    views::UploadResult,
};

/// Parameters of [`explicit`], for the description.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as parameters")]
pub struct ExplicitRequest {
    /// Access key.
    #[schema(example = "123456789012345")]
    api_key: String,
    /// Unix seconds, at most an hour old.
    timestamp: i64,
    /// Digest over all other fields, sorted.
    signature: String,
    /// Name of the asset; with type `fetch` the address of the remote file.
    #[schema(example = "cats/tom")]
    public_id: String,
    /// `upload`, `private`, `authenticated` or `fetch`; `upload` when absent.
    r#type: Option<String>,
    /// Tags in the place of all old ones, joined by commas.
    tags: Option<String>,
    /// `key=value` pairs joined by `|`, in the place of all old ones.
    context: Option<String>,
    /// Folder; where folders follow from public ids it cannot be changed.
    asset_folder: Option<String>,
    /// Name shown to people.
    display_name: Option<String>,
    /// Values of metadata fields: `id=value` pairs joined by `|`, or a JSON object. An empty value goes; what is not named stays.
    metadata: Option<String>,
    /// `manual`: people are to look at it.
    moderation: Option<String>,
    /// Rectangles of faces, as `x,y,w,h` joined by `|`, in the place of all old ones.
    face_coordinates: Option<String>,
    /// Rectangles that a crop is to keep, in the place of all old ones.
    custom_coordinates: Option<String>,
    /// Whether the colours are told, a hash of the looks (`phash`), EXIF, and everything that the file says of itself
    /// (`image_metadata`, `media_metadata`).
    colors: Option<bool>,
    /// See `colors`.
    phash: Option<bool>,
    /// See `colors`.
    exif: Option<bool>,
    /// See `colors`.
    image_metadata: Option<bool>,
    /// See `colors`.
    media_metadata: Option<bool>,
    /// Who may have it delivered: a JSON list of rules, `token` or `anonymous` with `start` and `end`, in the place of all old ones.
    access_control: Option<String>,
    /// `public` or `authenticated`.
    access_mode: Option<String>,
    /// Whether its versions are to be kept.
    backup: Option<bool>,
    /// Who is told, in the place of the triggers.
    notification_url: Option<String>,
    /// Transformations that are made now, joined by `|`; each may end in a slash and a format.
    #[schema(example = "c_fill,h_300,w_400|w_200/png")]
    eager: Option<String>,
    /// Whether they are made after the answer.
    eager_async: Option<bool>,
    /// Who is told when they are made; as absent, whoever is told of the call.
    eager_notification_url: Option<String>,
}

/// Apply upload parameters to an asset
///
/// With type `fetch` the remote file is fetched, or asked whether it has changed.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/{resource_type}/explicit",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
    ),
    request_body(content = ExplicitRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "The asset as it is now", body = UploadResult),
        (status = 401, description = "Wrong signature, or unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "No such asset", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn explicit(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let call = call_without_file(&request, params, &plane).await?;
    let resource_type = ResourceType::parse(request.match_info().get("resource_type").unwrap_or_default())?;
    let delivery_type = match call.params().text("type")? {
        Some(name) => DeliveryType::parse(&name)?,
        None => DeliveryType::Upload,
    };
    let public_id = call.params().required_text("public_id")?;
    let name = AssetName { resource_type, delivery_type, public_id };
    let mut changes = read_changes(call.params(), call.tenant().folders_are_free())?;
    changes.metadata = metadata::of_change(&plane, call.tenant().id(), call.params()).await?;
    refuse_upload_parameters(call.params(), "explicit", &["async", "callback", "format", "transformation"])?;
    let eager = Eager::read(call.params())?;
    let wanted = Questions::read(call.params())?;
    if eager.is_some() && resource_type != ResourceType::Image {
        return Err(not_a_picture("eager", resource_type));
    }
    if let Some(folder) = &changes.asset_folder {
        call.permit((), folder)?;
    }
    if delivery_type == DeliveryType::Fetch {
        fetched::check_address(&name)?;
        // What was not there comes into the root.
        let assets = AssetStore::of(&call, &plane.database, &plane.settings.region.name);
        if assets.find(&name).await?.is_none() {
            call.permit((), "")?;
        }
        fetched::refresh(&plane, call.tenant(), name.clone(), call.origin().clone(), call.request()).await?;
    } else {
        check_public_id("public_id", &name.public_id)?;
    }
    let assets = AssetStore::of(&call, &plane.database, &plane.settings.region.name);
    let not_found = || {
        let not_found = ApiError::not_found(format!("Resource not found - {}", name.public_id));
        call.not_within_reach(call.tenant().folder_of(&name.public_id), not_found)
    };
    // What cannot be made changes nothing.
    let early = match &eager {
        Some(eager) => {
            let asset = assets.find(&name).await?.ok_or_else(not_found)?;
            let (early, later) = ahead::of_existing(&plane, &call, eager, &asset, true).await?;
            changes.later = later;
            early
        }
        None => Vec::new(),
    };
    let permitted = call.permit_within_reach(vec![name.clone()]);
    let changed = assets.change(permitted, None, "explicit", &changes, plane.clock.now()).await?.pop();
    plane.located.forget(call.tenant().id(), &name);
    let asset = changed.ok_or_else(not_found)?;
    ahead::tell(&plane, &call, &asset, &early).await?;
    let result = UploadResult::new(&plane.links, call.tenant(), &asset, call.access_key());
    let mut result = result.with_early(&plane.links, call.tenant(), &asset, &early);
    result.analysis = find::shown_after(&plane, call.tenant(), &assets, &asset, wanted).await;
    Ok(HttpResponse::Ok().json(result))
}
