//! Opening assets to everybody, and closing them, many at once.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, missing},
    },
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{listings::check_label, resources::store};
use crate::{
    DataPlane,
    access::{TenantGrant, WriteAssets},
    assets::{
        access_control::{AccessChange, AccessMode},
        change::AssetChanges,
        record::{AssetName, DeliveryType, ResourceType},
        remove::Selection,
        rename::{PUBLISH, RenameOutcome},
    },
    notifications::notice::Wishes,
    views::{Extras, Resource},
};

/// How many assets one call changes.
const MOST: usize = 1000;

/// Which assets, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct PublishRequest {
    /// These public ids, at most 1000; or `prefix`, or `tag`.
    public_ids: Option<Vec<String>>,
    /// All whose public id begins so.
    prefix: Option<String>,
    /// All with this tag.
    tag: Option<String>,
    /// Only those of this delivery type, `private` or `authenticated`; both when absent.
    r#type: Option<String>,
    /// Whether an asset of the delivery type `upload` that has the name is replaced; no when absent.
    overwrite: Option<bool>,
    /// Accepted; the old name is not delivered any more in any case.
    invalidate: Option<bool>,
    /// Who is told, in the place of the triggers.
    notification_url: Option<String>,
}

/// What could not be changed, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failed {
    /// Public id.
    #[schema(example = "cats/tom")]
    pub public_id: String,
    /// Why.
    #[schema(example = "an asset of type upload has the name")]
    pub error: String,
}

/// What was opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublishResult {
    /// The assets as they are now.
    pub published: Vec<Resource>,
    /// Those that stay as they were.
    pub failed: Vec<Failed>,
}

/// Give assets the delivery type `upload`
///
/// Private and authenticated assets, by public ids, by the beginning of the public id or by a tag; at most 1000 in one call. What was made
/// of them stays.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/publish_resources",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
    ),
    request_body(content = PublishRequest, description = "Which; JSON or a form."),
    responses((status = 200, description = "What was opened", body = PublishResult))
)]
pub async fn publish_resources(
    access: Allow<WriteAssets>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let grant = access.grant();
    let resource_type = ResourceType::parse(&path.1)?;
    let types = match params.text("type")? {
        None => vec![DeliveryType::Private, DeliveryType::Authenticated],
        Some(name) => match DeliveryType::parse(&name)? {
            closed @ (DeliveryType::Private | DeliveryType::Authenticated) => vec![closed],
            // What everybody has is published.
            DeliveryType::Upload => Vec::new(),
            DeliveryType::Fetch => {
                let text = "Invalid value fetch for parameter type: the name of what was fetched is its address";
                return Err(ApiError::invalid(text));
            }
        },
    };
    let overwrite = params.boolean("overwrite")?.unwrap_or(false);
    let wishes = Wishes::read(&params)?;
    let which = Which::read(&params)?;
    let (mut names, all_types) = (Vec::new(), types.len());
    for delivery_type in types {
        names.extend(which.names(&plane, grant, resource_type, delivery_type).await?);
    }
    if names.len() > MOST {
        return Err(too_many());
    }
    let mut result = PublishResult { published: Vec::new(), failed: Vec::new() };
    let failed = |public_id: &str, error: &str| Failed { public_id: public_id.to_owned(), error: error.to_owned() };
    if let (Which::Ids(ids), 1..) = (&which, all_types) {
        let nowhere = ids.iter().filter(|id| names.iter().all(|name| name.public_id != **id));
        result.failed.extend(nowhere.map(|id| failed(id, "no private or authenticated asset has this name")));
    }
    let assets = store(&plane, grant);
    for from in names {
        // Of two that would get one name the second does not replace the first.
        if result.published.iter().any(|published| published.public_id == from.public_id) {
            result.failed.push(failed(&from.public_id, "another asset of this name was published by the same call"));
            continue;
        }
        let to = AssetName { delivery_type: DeliveryType::Upload, ..from.clone() };
        let permitted = grant.permit_and_tell(from.clone(), wishes.clone(), &request);
        let outcome = assets.rename(permitted, to.clone(), overwrite, None, PUBLISH, plane.clock.now()).await;
        let error = match outcome {
            Ok(RenameOutcome::Renamed(asset, orphans)) => {
                plane.located.forget_all_of(grant.tenant().id(), [from, to].into_iter());
                plane.remove_objects(orphans);
                result.published.push(Resource::new(&plane.links, grant.tenant(), &asset, SHOWN));
                continue;
            }
            // Taken away or renamed meanwhile.
            Ok(RenameOutcome::NotFound) => continue,
            Ok(RenameOutcome::Taken) => "an asset of type upload has the name; overwrite replaces it",
            Ok(RenameOutcome::OutOfScope) => {
                "an asset of type upload has the name, in a folder that this key may not change"
            }
            // What was published so far is told all the same.
            Err(error) if result.published.is_empty() => return Err(error.into()),
            Err(_) => "it could not be published now; try again",
        };
        result.failed.push(failed(&from.public_id, error));
    }
    plane.shipper.wake();
    Ok(HttpResponse::Ok().json(result))
}

/// Which assets are opened or closed, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct AccessModeRequest {
    /// `public` or `authenticated`.
    #[schema(example = "authenticated")]
    access_mode: String,
    /// These public ids, at most 1000; or `prefix`, or `tag`.
    public_ids: Option<Vec<String>>,
    /// All whose public id begins so.
    prefix: Option<String>,
    /// All with this tag.
    tag: Option<String>,
    /// Who is told, in the place of the triggers.
    notification_url: Option<String>,
}

/// What has another access mode.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessModeResult {
    /// The assets as they are now.
    pub updated: Vec<Resource>,
    /// Always empty: what was found was changed.
    pub failed: Vec<Failed>,
}

/// Change the access mode of assets
///
/// By public ids, by the beginning of the public id or by a tag; at most 1000 in one call. What is `authenticated` is delivered to signed
/// addresses alone, whatever its delivery type.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/{type}/update_access_mode",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("type" = String, Path, description = "`upload`, `private`, `authenticated` or `fetch`", example = "upload"),
    ),
    request_body(content = AccessModeRequest, description = "Which; JSON or a form."),
    responses((status = 200, description = "What was changed", body = AccessModeResult))
)]
pub async fn update_access_mode(
    access: Allow<WriteAssets>,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let grant = access.grant();
    let (_, kind, delivery_type) = path.into_inner();
    let (resource_type, delivery_type) = (ResourceType::parse(&kind)?, DeliveryType::parse(&delivery_type)?);
    let mode = AccessMode::read(&params)?.ok_or_else(|| missing("access_mode"))?;
    let wishes = Wishes::read(&params)?;
    let names = Which::read(&params)?.names(&plane, grant, resource_type, delivery_type).await?;
    let access = AccessChange { mode: Some(mode), rules: None };
    let changes = AssetChanges { access, ..AssetChanges::default() };
    let permitted = grant.permit_and_tell(names, wishes, &request);
    let changed =
        store(&plane, grant).change(permitted, None, "update_access_mode", &changes, plane.clock.now()).await?;
    plane.located.forget_all_of(grant.tenant().id(), changed.iter().map(|asset| asset.name.clone()));
    let show = |asset| Resource::new(&plane.links, grant.tenant(), asset, SHOWN);
    Ok(HttpResponse::Ok().json(AccessModeResult { updated: changed.iter().map(show).collect(), failed: Vec::new() }))
}

/// What is shown of assets that were changed.
const SHOWN: Extras = Extras { tags: true, context: true, metadata: true, moderation: false };

/// How assets are named that are changed together.
enum Which {
    Ids(Vec<String>),
    Prefix(String),
    Tag(String),
}

impl Which {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let (ids, prefix, tag) = (params.texts("public_ids")?, params.text("prefix")?, params.text("tag")?);
        match (ids, prefix, tag) {
            (Some(ids), None, None) if ids.len() > MOST => {
                Err(ApiError::invalid(format!("Invalid value for parameter public_ids: at most {MOST}")))
            }
            (Some(ids), None, None) => Ok(Self::Ids(ids)),
            (None, Some(prefix), None) => Ok(Self::Prefix(prefix)),
            (None, None, Some(tag)) => {
                check_label("tag", &tag)?;
                Ok(Self::Tag(tag))
            }
            (None, None, None) => Err(missing("public_ids, prefix or tag")),
            _ => Err(ApiError::invalid("Give one of the parameters public_ids, prefix and tag")),
        }
    }

    /// The names of those there are within reach.
    async fn names(
        &self,
        plane: &DataPlane,
        grant: &TenantGrant,
        resource_type: ResourceType,
        delivery_type: DeliveryType,
    ) -> Result<Vec<AssetName>, ApiError> {
        let fitting =
            |prefix, tag| Selection::Fitting { resource_type, delivery_type: Some(delivery_type), prefix, tag };
        let selection = match self {
            Self::Ids(ids) => {
                let name = |id: &String| AssetName { resource_type, delivery_type, public_id: id.clone() };
                Selection::Named(ids.iter().map(name).collect())
            }
            Self::Prefix(prefix) => fitting(Some(prefix.clone()), None),
            Self::Tag(tag) => fitting(None, Some(tag.clone())),
        };
        let names = store(plane, grant).chosen(&selection, MOST).await?;
        names.ok_or_else(too_many)
    }
}

fn too_many() -> ApiError {
    ApiError::invalid(format!("More than {MOST} assets fit; name fewer of them with a longer prefix or public_ids"))
}
