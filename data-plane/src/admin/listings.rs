//! Listing assets: by kind, name, tag, context, folder and ids; and the tags that there are.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value},
    },
    ids::AssetId,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    paging::cursor,
    resources::{read_by_id, store},
};
use crate::{
    DataPlane,
    access::{ReadAssets, ReadTags, TenantGrant},
    assets::{
        labels,
        list::{Among, Cursor, Listing, fingerprint},
        moderation::{Status, check_kind},
        record::{DeliveryType, ResourceType},
    },
    views::{Extras, Resource},
};

/// How many ids a listing may name.
const MOST_IDS: usize = 100;

/// A page of assets.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourcePage {
    /// The assets.
    #[schema(value_type = Vec<Resource>)]
    pub resources: Vec<Value>,
    /// Where the next page begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many there are on all pages, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_count: Option<u64>,
}

/// A page of tags.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagPage {
    /// The tags, in their order.
    #[schema(example = json!(["cat", "dog"]))]
    pub tags: Vec<String>,
    /// Where the next page begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// List assets of a kind
///
/// All delivery types, newest first; by the beginning of the public id in the order of public ids.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/{resource_type}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("prefix" = Option<String>, Query, description = "Beginning of the public id"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc` by creation, `desc` when absent; by public id with a prefix, `asc` when absent"),
        ("start_at" = Option<String>, Query, description = "Only what was created from this time on"),
        ("tags" = Option<bool>, Query, description = "Whether tags are shown"),
        ("context" = Option<bool>, Query, description = "Whether context is shown"),
        ("metadata" = Option<bool>, Query, description = "Whether values of metadata fields are shown"),
        ("moderations" = Option<bool>, Query, description = "Whether moderation is shown"),
        ("fields" = Option<Vec<String>>, Query, description = "Only these members of each asset, beside its ids"),
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
    if let Ok(id) = kind.parse::<AssetId>() {
        return read_by_id(access.into_grant(), &plane, id, &params).await;
    }
    let among = prefix(&params)?;
    page(&plane, access.grant(), Listing { resource_type: Some(ResourceType::parse(kind)?), among, ..usual() }, &params)
        .await
}

/// List assets of a kind and a delivery type
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/{type}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("type" = String, Path, description = "`upload`, `private`, `authenticated` or `fetch`", example = "upload"),
        ("public_ids" = Option<Vec<String>>, Query, description = "Exactly these, at most 100"),
        ("prefix" = Option<String>, Query, description = "Beginning of the public id"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc` by creation, `desc` when absent; by public id with a prefix, `asc` when absent"),
        ("start_at" = Option<String>, Query, description = "Only what was created from this time on"),
        ("fields" = Option<Vec<String>>, Query, description = "Only these members of each asset, beside its ids"),
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
    let among = match ids(&params, "public_ids")? {
        Some(ids) => Among::Named(ids),
        None => prefix(&params)?,
    };
    let listing = Listing {
        resource_type: Some(ResourceType::parse(&kind)?),
        delivery_type: Some(DeliveryType::parse(&delivery_type)?),
        among,
        ..usual()
    };
    page(&plane, access.grant(), listing, &params).await
}

/// List assets by a tag
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/tags/{tag}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("tag" = String, Path, description = "The tag", example = "cat"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc` by creation; `desc` when absent"),
        ("fields" = Option<Vec<String>>, Query, description = "Only these members of each asset, beside its ids"),
    ),
    responses((status = 200, description = "A page", body = ResourcePage))
)]
pub async fn list_resources_by_tag(
    access: Allow<ReadAssets>,
    path: web::Path<(String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, tag) = path.into_inner();
    check_label("tag", &tag)?;
    let resource_type = Some(ResourceType::parse(&kind)?);
    page(&plane, access.grant(), Listing { resource_type, among: Among::Tagged(tag), ..usual() }, &params).await
}

/// List assets by a key of their context
///
/// Those that have the key, or those that have it with a value.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/context",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("key" = String, Query, description = "The key", example = "alt"),
        ("value" = Option<String>, Query, description = "The value"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc` by creation; `desc` when absent"),
        ("fields" = Option<Vec<String>>, Query, description = "Only these members of each asset, beside its ids"),
    ),
    responses((status = 200, description = "A page", body = ResourcePage))
)]
pub async fn list_resources_by_context(
    access: Allow<ReadAssets>,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let key = params.required_text("key")?;
    check_label("key", &key)?;
    let resource_type = Some(ResourceType::parse(&path.1)?);
    let among = Among::Context(key, params.text("value")?);
    page(&plane, access.grant(), Listing { resource_type, among, ..usual() }, &params).await
}

/// List assets by their moderation
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/moderations/{moderation_kind}/{moderation_status}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("moderation_kind" = String, Path, description = "`manual`", example = "manual"),
        ("moderation_status" = String, Path, description = "`pending`, `approved` or `rejected`", example = "pending"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc` by creation; `desc` when absent"),
        ("fields" = Option<Vec<String>>, Query, description = "Only these members of each asset, beside its ids"),
    ),
    responses((status = 200, description = "A page", body = ResourcePage))
)]
pub async fn list_resources_by_moderation(
    access: Allow<ReadAssets>,
    path: web::Path<(String, String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, moderation_kind, status) = path.into_inner();
    let resource_type = Some(ResourceType::parse(&kind)?);
    check_kind("moderation_kind", &moderation_kind)?;
    let among = Among::Moderated(Status::parse("moderation_status", &status)?);
    page(&plane, access.grant(), Listing { resource_type, among, ..usual() }, &params).await
}

/// List the assets in a folder
///
/// Those in the folder itself, of all kinds.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/by_asset_folder",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("asset_folder" = String, Query, description = "The folder", example = "clients/acme"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
        ("direction" = Option<String>, Query, description = "`asc` or `desc` by creation; `desc` when absent"),
        ("fields" = Option<Vec<String>>, Query, description = "Only these members of each asset, beside its ids"),
    ),
    responses((status = 200, description = "A page, with how many there are in all", body = ResourcePage))
)]
pub async fn list_resources_by_asset_folder(
    access: Allow<ReadAssets>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    // An empty text is the root.
    if !params.names().any(|name| name == "asset_folder") {
        return Err(plane_kit::http::params::missing("asset_folder"));
    }
    let folder = params.text("asset_folder")?.unwrap_or_default().trim_matches('/').to_owned();
    page(&plane, access.grant(), Listing { among: Among::Folder(folder), ..usual() }, &params).await
}

/// List assets by their ids
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/resources/by_asset_ids",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("asset_ids" = Vec<String>, Query, description = "At most 100; what is not there is passed over"),
        ("fields" = Option<Vec<String>>, Query, description = "Only these members of each asset, beside its ids"),
    ),
    responses((status = 200, description = "The assets", body = ResourcePage))
)]
pub async fn list_resources_by_asset_ids(
    access: Allow<ReadAssets>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let ids = ids(&params, "asset_ids")?.ok_or_else(|| plane_kit::http::params::missing("asset_ids"))?;
    // A text that is no id is that of no asset.
    let ids = ids.iter().filter_map(|id| id.parse::<AssetId>().ok()).map(|id| id.0).collect();
    page(&plane, access.grant(), Listing { among: Among::Ids(ids), ..usual() }, &params).await
}

/// List the tags of a kind of assets
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/tags/{resource_type}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("prefix" = Option<String>, Query, description = "Beginning of the tag"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
    ),
    responses((status = 200, description = "A page", body = TagPage))
)]
pub async fn list_tags(
    access: Allow<ReadTags>,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let kind = ResourceType::parse(&path.1)?;
    let prefix = params.text("prefix")?;
    let limit = params.integer_in("max_results", 1..=500, 10)?.unsigned_abs();
    let listing = fingerprint(&format!("tags {kind:?} {prefix:?}"));
    let after = match cursor(&params, "next_cursor", listing)? {
        Some(Cursor::Name { public_id: tag, .. }) => Some(tag),
        Some(Cursor::Moment { .. }) | None => None,
    };
    let store = store(&plane, access.grant());
    let mut tags = store.tags(kind, prefix.as_deref(), after.as_deref(), limit + 1).await?;
    let has_more = tags.len() as u64 > limit;
    tags.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = tags.last().filter(|_| has_more).cloned();
    let next = next.map(|tag| Cursor::Name { public_id: tag, id: uuid::Uuid::nil() }.print(listing));
    Ok(HttpResponse::Ok().json(TagPage { tags, next_cursor: next }))
}

fn usual() -> Listing {
    Listing::default()
}

fn prefix(params: &Params) -> Result<Among, ApiError> {
    Ok(params.text("prefix")?.map_or(Among::All, Among::Prefix))
}

fn ids(params: &Params, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let ids = params.list(name)?;
    if ids.as_ref().is_some_and(|ids| ids.len() > MOST_IDS) {
        return Err(ApiError::invalid(format!("Invalid value for parameter {name}: at most {MOST_IDS}")));
    }
    Ok(ids)
}

/// A tag or a key that no asset can have is refused by name.
pub(super) fn check_label(name: &str, text: &str) -> Result<(), ApiError> {
    let is_fit = !text.is_empty() && text.chars().count() <= labels::LONGEST && !text.contains('\0');
    if is_fit { Ok(()) } else { Err(invalid_value(name, &Value::String(text.escape_debug().to_string()))) }
}

async fn page(
    plane: &DataPlane,
    grant: &TenantGrant,
    listing: Listing,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let listing = with_page(listing, params)?;
    let fields = params.list("fields")?;
    let shown = |name: &str| fields.as_ref().is_some_and(|fields| fields.iter().any(|field| field == name));
    let extras = Extras {
        tags: params.boolean("tags")?.unwrap_or(false) || shown("tags"),
        context: params.boolean("context")?.unwrap_or(false) || shown("context"),
        moderation: params.boolean("moderations")?.unwrap_or(false) || shown("moderation"),
        metadata: params.boolean("metadata")?.unwrap_or(false) || shown("metadata"),
    };
    let store = store(plane, grant);
    let (assets, next) = store.list(&listing).await?;
    let total_count = match &listing.among {
        Among::Folder(_) => Some(store.count(&listing).await?),
        _ => None,
    };
    let views = assets.iter().map(|asset| Resource::new(&plane.links, grant.tenant(), asset, extras));
    let resources = views.map(|view| only(view, fields.as_deref())).collect::<Result<_, _>>()?;
    let next_cursor = next.map(|cursor| cursor.print(listing.fingerprint()));
    Ok(HttpResponse::Ok().json(ResourcePage { resources, next_cursor, total_count }))
}

/// An asset with the members that were asked for. Its ids are always among them.
fn only(view: Resource, fields: Option<&[String]>) -> Result<Value, ApiError> {
    let mut value = serde_json::to_value(view).map_err(|error| ApiError::internal(&error))?;
    if let (Some(fields), Value::Object(members)) = (fields, &mut value) {
        members.retain(|name, _| matches!(name.as_str(), "asset_id" | "public_id") || fields.contains(name));
    }
    Ok(value)
}

/// Reads what all listings have in common.
fn with_page(mut listing: Listing, params: &Params) -> Result<Listing, ApiError> {
    listing.ascending = match params.text("direction")?.as_deref() {
        None => matches!(listing.among, Among::Prefix(_)),
        Some("desc" | "-1") => false,
        Some("asc" | "1") => true,
        Some(other) => return Err(invalid_value("direction", &other.into())),
    };
    listing.start_at = params.text("start_at")?.map(|text| start_at(&text)).transpose()?;
    // What was asked for by name is answered whole, however long the page is.
    listing.limit = match &listing.among {
        Among::Named(ids) => ids.len().max(1) as u64,
        Among::Ids(ids) => ids.len().max(1) as u64,
        _ => params.integer_in("max_results", 1..=500, 10)?.unsigned_abs(),
    };
    listing.cursor = cursor(params, "next_cursor", listing.fingerprint())?;
    Ok(listing)
}

/// A time as the clients write it: an HTTP date, ISO 8601, or as a language prints its times.
fn start_at(text: &str) -> Result<DateTime<Utc>, ApiError> {
    DateTime::parse_from_rfc2822(text)
        .or_else(|_| DateTime::parse_from_rfc3339(text))
        .or_else(|_| DateTime::parse_from_str(&text.replace(" UTC", " +0000"), "%Y-%m-%d %H:%M:%S%.f %z"))
        .map(|time| time.with_timezone(&Utc))
        .map_err(|_| invalid_value("start_at", &text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(query: &str) -> String {
        let listing = Listing { resource_type: Some(ResourceType::Image), ..usual() };
        with_page(listing, &Params::from_urlencoded(query)).unwrap_err().message().to_owned()
    }

    #[test]
    fn listings_refuse_what_they_cannot_read_by_name() {
        assert!(refusal("max_results=0").contains("max_results"));
        assert!(refusal("max_results=501").contains("max_results"));
        assert!(refusal("next_cursor=zzz").contains("next_cursor"));
        assert!(refusal("direction=sideways").contains("direction"));
        assert!(refusal("start_at=yesterday").contains("start_at"));
        let of_images = Listing { resource_type: Some(ResourceType::Image), ..usual() };
        let cursor = Cursor::at(DateTime::UNIX_EPOCH, uuid::Uuid::nil()).print(of_images.fingerprint());
        assert!(refusal(&format!("direction=asc&next_cursor={cursor}")).contains("next_cursor"));
        let same = Params::from_urlencoded(&format!("max_results=3&next_cursor={cursor}"));
        assert!(with_page(of_images, &same).unwrap().cursor.is_some());
    }
}
