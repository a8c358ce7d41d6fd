//! Taking assets away in bulk, and what was derived from them.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value, missing},
    },
    ids::{AssetId, DerivedId},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{listings::check_label, paging::cursor, resources::store};
use crate::{
    DataPlane,
    access::{DestroyAssets, TenantGrant},
    assets::{
        list::{Cursor, fingerprint},
        record::{AssetName, DeliveryType, ResourceType},
        remove::{DerivedBy, Extent, Removed, Selection},
    },
};

/// How many ids a call may name.
const MOST_IDS: usize = 100;

/// How much of an asset went.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedCounts {
    /// 1 when the original went.
    pub original: u64,
    /// How many derived assets went.
    pub derived: u64,
}

/// What was taken away.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletionResult {
    /// For each asset `deleted` or `not_found`. For a key that may not do it in every folder, what is elsewhere reads like what is nowhere.
    #[schema(value_type = Object, example = json!({"cats/tom": "deleted"}))]
    pub deleted: BTreeMap<String, &'static str>,
    /// How much of each asset went.
    pub deleted_counts: BTreeMap<String, DeletedCounts>,
    /// Whether there is more to take away.
    pub partial: bool,
    /// What the next call is to be given to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which derived assets were taken away.
#[derive(Debug, Serialize, ToSchema)]
pub struct DerivedDeletionResult {
    /// For each id `deleted` or `not_found`.
    #[schema(value_type = Object, example = json!({"0197c9b2f0a67c3ab5b1b6b0c8d6f1aa": "deleted"}))]
    pub deleted: BTreeMap<String, &'static str>,
}

/// What is to be taken away, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct DeletionRequest {
    /// Exactly these public ids, at most 100; or `prefix`, or `all`.
    public_ids: Option<Vec<String>>,
    /// All whose public id begins so.
    prefix: Option<String>,
    /// All of the kind and type.
    all: Option<bool>,
    /// Only what was derived goes, and the originals stay.
    keep_original: Option<bool>,
    /// Of what was derived only these, joined by `|`; the originals stay.
    #[schema(example = "c_fill,w_100|c_scale,w_50")]
    transformations: Option<String>,
    /// Where the last call stopped.
    next_cursor: Option<String>,
}

/// Delete assets
///
/// By public ids, by the beginning of the public id, or all of a kind and type; at most 1000 in one call, and `next_cursor` goes on.
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/{type}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("type" = String, Path, description = "`upload`, `private`, `authenticated` or `fetch`", example = "upload"),
    ),
    request_body(content = DeletionRequest, description = "Which; JSON, a form or the query."),
    responses((status = 200, description = "What went", body = DeletionResult))
)]
pub async fn delete_resources(
    access: Allow<DestroyAssets>,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, delivery_type) = path.into_inner();
    let (resource_type, delivery_type) = (ResourceType::parse(&kind)?, DeliveryType::parse(&delivery_type)?);
    let (ids, prefix, all) =
        (limited(&params, "public_ids")?, params.text("prefix")?, params.boolean("all")? == Some(true));
    let mut named = Vec::new();
    let selection = match (ids, prefix, all) {
        (Some(ids), None, false) => {
            named = ids.clone();
            let name = |public_id| AssetName { resource_type, delivery_type, public_id };
            Selection::Named(ids.into_iter().map(name).collect())
        }
        (None, prefix @ Some(_), false) => {
            Selection::Fitting { resource_type, delivery_type: Some(delivery_type), prefix, tag: None }
        }
        (None, None, true) => {
            Selection::Fitting { resource_type, delivery_type: Some(delivery_type), prefix: None, tag: None }
        }
        (None, None, false) => return Err(missing("public_ids, prefix or all")),
        _ => return Err(ApiError::invalid("Give one of the parameters public_ids, prefix and all")),
    };
    remove(&plane, access.grant(), &request, selection, named, |removed| removed.name.public_id.clone(), &params).await
}

/// Delete the assets with a tag
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/resources/{resource_type}/tags/{tag}",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video` or `raw`", example = "image"),
        ("tag" = String, Path, description = "The tag", example = "cat"),
        ("keep_original" = Option<bool>, Query, description = "Only what was derived goes, and the originals stay"),
        ("transformations" = Option<String>, Query, description = "Of what was derived only these, joined by `|`; the originals stay"),
        ("next_cursor" = Option<String>, Query, description = "Where the last call stopped"),
    ),
    responses((status = 200, description = "What went", body = DeletionResult))
)]
pub async fn delete_resources_by_tag(
    access: Allow<DestroyAssets>,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let (_, kind, tag) = path.into_inner();
    check_label("tag", &tag)?;
    let resource_type = ResourceType::parse(&kind)?;
    let selection = Selection::Fitting { resource_type, delivery_type: None, prefix: None, tag: Some(tag) };
    let by = |removed: &Removed| removed.name.public_id.clone();
    remove(&plane, access.grant(), &request, selection, Vec::new(), by, &params).await
}

/// Delete assets by their ids, another spelling of `delete_resources`.
pub async fn delete_resources_by_ids(
    access: Allow<DestroyAssets>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let named = limited(&params, "asset_ids")?.ok_or_else(|| missing("asset_ids"))?;
    let ids = named.iter().filter_map(|id| id.parse::<AssetId>().ok()).map(|id| id.0).collect();
    let by = |removed: &Removed| removed.id.as_simple().to_string();
    remove(&plane, access.grant(), &request, Selection::Ids(ids), named, by, &params).await
}

/// Delete derived assets
///
/// By their ids, as details of an asset show them; at most 100. They are made anew when they are asked for.
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/derived_resources",
    tag = "Assets",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("derived_resource_ids" = Vec<String>, Query, description = "Ids of derived assets, at most 100"),
    ),
    responses((status = 200, description = "Which went", body = DerivedDeletionResult))
)]
pub async fn delete_derived_resources(
    access: Allow<DestroyAssets>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let named = limited(&params, "derived_resource_ids")?.ok_or_else(|| missing("derived_resource_ids"))?;
    let ids = named.iter().filter_map(|id| id.parse::<DerivedId>().ok()).collect();
    let grant = access.grant();
    let permitted = grant.permit_within_reach(ids, &request);
    let (gone, of, orphans) = store(&plane, grant).remove_derived(permitted, plane.clock.now()).await?;
    plane.shipper.wake();
    plane.remove_objects(orphans);
    plane.located.forget_all_of(grant.tenant().id(), of.into_iter());
    let gone: Vec<String> = gone.iter().map(DerivedId::to_string).collect();
    let outcome = |id: &String| if gone.contains(id) { "deleted" } else { "not_found" };
    let deleted = named.iter().map(|id| (id.clone(), outcome(id))).collect();
    Ok(HttpResponse::Ok().json(DerivedDeletionResult { deleted }))
}

fn limited(params: &Params, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let ids = params.texts(name)?;
    if ids.as_ref().is_some_and(|ids| ids.len() > MOST_IDS) {
        return Err(ApiError::invalid(format!("Invalid value for parameter {name}: at most {MOST_IDS}")));
    }
    Ok(ids)
}

fn extent(params: &Params) -> Result<Extent, ApiError> {
    let transformations = match params.get("transformations") {
        Some(Value::String(_)) => {
            let text = params.text("transformations")?.unwrap_or_default();
            Some(text.split('|').map(|one| one.trim_end_matches('/').to_owned()).collect())
        }
        Some(_) => params.texts("transformations")?,
        // Said and empty, it chooses nothing, and above all not the original.
        None if params.names().any(|name| name == "transformations") => Some(Vec::new()),
        None => None,
    };
    let derived_by = transformations.map(|texts| texts.iter().map(|text| DerivedBy::written(text)).collect());
    Ok(Extent { keep_original: params.boolean("keep_original")?.unwrap_or(false), derived_by })
}

async fn remove(
    plane: &DataPlane,
    grant: &TenantGrant,
    request: &HttpRequest,
    selection: Selection,
    named: Vec<String>,
    called: impl Fn(&Removed) -> String,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let extent = extent(params)?;
    let listing = fingerprint(&format!("{selection:?} {extent:?}"));
    let after = match cursor(params, "next_cursor", listing)? {
        Some(Cursor::Name { id, .. }) => Some(id),
        Some(Cursor::Moment { .. }) => return Err(invalid_value("next_cursor", &Value::Null)),
        None => None,
    };
    let permitted = grant.permit_within_reach(selection, request);
    let pass = store(plane, grant).remove(permitted, &extent, after, plane.clock.now()).await?;
    plane.shipper.wake();
    for removed in &pass.removed {
        plane.located.forget(grant.tenant().id(), &removed.name);
    }
    plane.remove_objects(pass.orphans);
    let mut result = DeletionResult {
        deleted: named.into_iter().map(|id| (id, "not_found")).collect(),
        deleted_counts: BTreeMap::new(),
        partial: pass.next.is_some(),
        next_cursor: pass.next.map(|id: Uuid| Cursor::Name { public_id: String::new(), id }.print(listing)),
    };
    for removed in &pass.removed {
        let id = called(removed);
        let counts = DeletedCounts { original: u64::from(removed.original), derived: removed.derived };
        result.deleted.insert(id.clone(), "deleted");
        result.deleted_counts.insert(id, counts);
    }
    Ok(HttpResponse::Ok().json(result))
}
