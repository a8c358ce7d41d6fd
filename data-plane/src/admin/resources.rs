//! Reading assets.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value},
    },
    policy::Scope,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    DataPlane,
    access::{ReadAssets, TenantGrant},
    assets::{
        ActsFor, AssetStore,
        list::{Cursor, Listing},
        record::{AssetName, AssetRecord, DeliveryType, ResourceType},
    },
    views::{Extras, Resource, ResourceDetail},
};

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

/// A page of assets.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourcePage {
    /// The assets.
    pub resources: Vec<Resource>,
    /// Where the next page begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
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

/// List assets of a kind
///
/// All delivery types, newest first.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/{resource_type}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("prefix" = Option<String>, Query, description = "Beginning of the public id"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page ended"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc` by creation; `desc` when absent"),
        ("start_at" = Option<String>, Query, description = "Only what was created from this time on"),
        ("tags" = Option<bool>, Query, description = "Whether tags are shown"),
        ("context" = Option<bool>, Query, description = "Whether context is shown"),
    ),
    responses(
        (status = 200, description = "A page", body = ResourcePage),
    )
)]
pub async fn list_resources(
    access: Allow<ReadAssets>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    // `GET resources/{asset_id}` has the same shape; an id is 32 hexadecimal digits, which no kind is.
    let kind = request.match_info().get("resource_type").unwrap_or_default();
    if let Ok(id) = kind.parse::<plane_kit::ids::AssetId>() {
        // It is reading one asset, whatever the path looks like, and bound as that.
        let grant = access.into_grant().instead(&plane, "read_resource").await?;
        let asset = store(&plane, &grant).find_by_id(id.0).await?;
        return detail(&plane, &grant, asset, kind, None, &params).await;
    }
    page(&plane, access.grant(), ResourceType::parse(kind)?, None, &params).await
}

/// List assets of a kind and a delivery type
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/{type}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("type" = String, Path, description = "`upload`, `private` or `authenticated`", example = "upload"),
        ("public_ids" = Option<Vec<String>>, Query, description = "Exactly these, at most 100"),
        ("prefix" = Option<String>, Query, description = "Beginning of the public id"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page ended"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc` by creation; `desc` when absent"),
    ),
    responses(
        (status = 200, description = "A page", body = ResourcePage),
    )
)]
pub async fn list_resources_of_type(
    access: Allow<ReadAssets>,
    path: web::Path<(String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, delivery_type) = path.into_inner();
    let delivery_type = DeliveryType::parse(&delivery_type)?;
    page(&plane, access.grant(), ResourceType::parse(&kind)?, Some(delivery_type), &params).await
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
    if public_id.chars().any(char::is_control) {
        return Err(ApiError::not_found("Resource not found - no asset has such a public id"));
    }
    let name = AssetName {
        resource_type: ResourceType::parse(&kind)?,
        delivery_type: DeliveryType::parse(&delivery_type)?,
        public_id,
    };
    let asset = store(&plane, access.grant()).find(&name).await?;
    let folder = access.grant().tenant().folder_of(&name.public_id);
    detail(&plane, access.grant(), asset, &name.public_id, folder, &params).await
}

fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> AssetStore<'a> {
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
    let cursor = cursor(params, "derived_next_cursor")?;
    let limit = params.integer_in("max_results", 1..=500, 10)?.unsigned_abs();
    let not_found = || ApiError::not_found(format!("Resource not found - {named}"));
    let asset = asset.ok_or_else(|| grant.authority().not_within_reach(folder, not_found()))?;
    grant.authority().note_folder(&asset.asset_folder);
    let (derived, next) = store(plane, grant).derived(asset.version.id.0, cursor, limit).await?;
    let mut view = ResourceDetail::new(&plane.links, grant.tenant(), &asset, &derived);
    view.derived_next_cursor = next.map(|cursor| cursor.print());
    Ok(HttpResponse::Ok().json(view))
}

async fn page(
    plane: &DataPlane,
    grant: &TenantGrant,
    resource_type: ResourceType,
    delivery_type: Option<DeliveryType>,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let listing = listing(resource_type, delivery_type, params)?;
    let extras =
        Extras { tags: params.boolean("tags")?.unwrap_or(false), context: params.boolean("context")?.unwrap_or(false) };
    let (assets, next) = store(plane, grant).list(&listing).await?;
    let resources = assets.iter().map(|asset| Resource::new(&plane.links, grant.tenant(), asset, extras)).collect();
    Ok(HttpResponse::Ok().json(ResourcePage { resources, next_cursor: next.map(|cursor| cursor.print()) }))
}

fn cursor(params: &Params, name: &str) -> Result<Option<Cursor>, ApiError> {
    let Some(text) = params.text(name)? else {
        return Ok(None);
    };
    Cursor::parse(&text).map(Some).ok_or_else(|| invalid_value(name, &Value::String(text)))
}

fn listing(
    resource_type: ResourceType,
    delivery_type: Option<DeliveryType>,
    params: &Params,
) -> Result<Listing, ApiError> {
    for name in ["metadata", "moderations", "fields"] {
        if params.get(name).is_some() && params.boolean(name).ok().flatten() != Some(false) {
            return Err(ApiError::not_built(format!("The listing parameter {name}")));
        }
    }
    let cursor = cursor(params, "next_cursor")?;
    let ascending = match params.text("direction")?.as_deref() {
        None | Some("desc" | "-1") => false,
        Some("asc" | "1") => true,
        Some(other) => return Err(invalid_value("direction", &other.into())),
    };
    let start_at = params.text("start_at")?.map(|text| start_at(&text)).transpose()?;
    let public_ids = params.list("public_ids")?;
    if public_ids.as_ref().is_some_and(|ids| ids.len() > 100) {
        return Err(ApiError::invalid("Invalid value for parameter public_ids: at most 100"));
    }
    Ok(Listing {
        resource_type,
        delivery_type,
        prefix: params.text("prefix")?,
        // Ids that were asked for by name are all answered, however long the page is.
        limit: match &public_ids {
            Some(ids) => ids.len().max(1) as u64,
            None => params.integer_in("max_results", 1..=500, 10)?.unsigned_abs(),
        },
        public_ids,
        start_at,
        ascending,
        cursor,
    })
}

/// A time as the clients write it: an HTTP date or ISO 8601.
fn start_at(text: &str) -> Result<DateTime<Utc>, ApiError> {
    DateTime::parse_from_rfc2822(text)
        .or_else(|_| DateTime::parse_from_rfc3339(text))
        .map(|time| time.with_timezone(&Utc))
        .map_err(|_| invalid_value("start_at", &text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(query: &str) -> String {
        listing(ResourceType::Image, None, &Params::from_urlencoded(query)).unwrap_err().message().to_owned()
    }

    #[test]
    fn listings_refuse_what_they_cannot_read_by_name() {
        assert!(refusal("max_results=0").contains("max_results"));
        assert!(refusal("max_results=501").contains("max_results"));
        assert!(refusal("next_cursor=zzz").contains("next_cursor"));
        assert!(refusal("direction=sideways").contains("direction"));
        assert!(refusal("start_at=yesterday").contains("start_at"));
        assert!(refusal("fields=url").contains("fields"));
    }
}
