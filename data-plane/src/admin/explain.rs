//! What becomes of a delivery URL, told without making anything.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params},
};
use serde::Serialize;
use transform::{explain, hints::ClientHints};
use utoipa::ToSchema;

use crate::{
    DataPlane,
    access::{ReadTransformations, TenantGrant},
    assets::{
        ActsFor, AssetStore,
        record::{AssetRecord, ResourceType},
        said::Said,
    },
    delivery::{
        admit::{AdmittedDelivery, Viewer},
        locate::LocatedAsset,
        measure::FileOf,
        openness,
        prepare::{Derived, FRAMES, Prepared, Wish, as_it_is, hints_of, of_version},
        strangers,
        url::{DeliveryUrl, ResolvedUrl},
    },
    transformations::spelling::Spelling,
};

/// What becomes of a delivery URL. Members that are not known are null.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct UrlExplanation {
    /// The components of the chain as they stand, in order.
    pub components: Vec<String>,
    /// The one spelling of the transformation, with names put in.
    pub canonical: Option<String>,
    /// Who may have it.
    pub admission: Option<Admission>,
    /// The asset that it means.
    pub asset: Option<ExplainedAsset>,
    /// What is done, in words.
    pub plan: Option<String>,
    /// Values that were cut to what is allowed.
    pub notes: Vec<String>,
    /// Width of the result in pixels.
    pub width: Option<u32>,
    /// Height of the result in pixels.
    pub height: Option<u32>,
    /// Format of the result.
    pub format: Option<String>,
    /// Whether it is there already; an original always is.
    pub exists: Option<bool>,
    /// What asking for it would count.
    pub counts: Option<WouldCount>,
    /// Why it is refused.
    pub error: Option<String>,
}

/// Who may have what a URL asks for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Admission {
    /// Whether whoever has the URL gets it.
    pub is_admitted: bool,
    /// The rule that lets it through, or keeps it back.
    pub rule: String,
}

/// The asset that a URL means.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedAsset {
    /// Asset id.
    pub asset_id: String,
    /// Public id.
    pub public_id: String,
    /// Format of the stored file.
    pub format: String,
    /// Width of the stored picture in pixels.
    pub width: Option<u32>,
    /// Height of the stored picture in pixels.
    pub height: Option<u32>,
}

/// What a delivery would count, at most: what was made and counted before, and is made again by another engine, counts nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct WouldCount {
    /// Derived assets: one where it is not there yet.
    pub derived_assets: u32,
    /// Bytes of bandwidth for one delivery, where the size is known.
    pub bandwidth_bytes: Option<u64>,
    /// Delivery requests.
    pub requests: u32,
}

/// Explain a delivery URL
///
/// Nothing is made or counted. Assets that the key may not read are not found. Where a plan depends on pixels, they are looked at. What the caller's `Accept` and client hints say decides
/// about `f_auto` and other automatic values, as it would for a delivery.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/explain",
    tag = "Transformations",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("url" = String, Query, description = "The URL, or its path", example = "/demo/image/upload/c_fill,h_100,w_100/cat.jpg"),
    ),
    responses((status = 200, description = "What becomes of it, or why it is refused", body = UrlExplanation))
)]
pub async fn explain_url(
    access: Allow<ReadTransformations>,
    params: Params,
    request: HttpRequest,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let grant = access.grant();
    let cloud_name = &grant.tenant().snapshot.cloud_name;
    let text = params.required_text("url")?;
    let path = path_of(&text);
    let mut told = UrlExplanation::default();
    let url = match DeliveryUrl::parse(path) {
        Ok(url) => url,
        Err(error) => return Ok(answer(UrlExplanation { error: Some(error.message().to_owned()), ..told })),
    };
    if &url.cloud_name != cloud_name {
        return Err(ApiError::invalid(format!("The URL is of cloud_name {}, and not of {cloud_name}", url.cloud_name)));
    }
    told.components = url.transformation.components().iter().map(ToString::to_string).collect();
    if let Err(error) = explain_into(&mut told, grant, &plane, url, hints_of(&request)).await {
        told.error = Some(error.message().to_owned());
    }
    Ok(answer(told))
}

fn answer(told: UrlExplanation) -> HttpResponse {
    HttpResponse::Ok().json(told)
}

/// The path of a URL, or what is one already, without its query.
fn path_of(text: &str) -> &str {
    let path = match text.split_once("://") {
        // What begins with a slash is a path, whatever address it holds.
        Some((_, rest)) if !text.starts_with('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => text,
    };
    path.split(['?', '#']).next().unwrap_or_default()
}

/// Tells as much as can be known, up to what refuses it.
async fn explain_into(
    told: &mut UrlExplanation,
    grant: &TenantGrant,
    plane: &DataPlane,
    url: DeliveryUrl,
    hints: ClientHints,
) -> Result<(), ApiError> {
    let tenant = grant.tenant();
    // The owner asks, so that names are looked up whoever may have what comes of them.
    let url = url.resolve(plane, tenant, true).await?;
    told.canonical = Some(url.transformation.canonical()).filter(|text| !text.is_empty());
    told.notes = explain::notes(&url.transformation);
    let now = plane.clock.now();
    let admitted = AdmittedDelivery::admit(&url, tenant, Viewer::Outside(None), now);
    // What the key may not read it does not learn of here.
    let reach = grant.reach_of(plane, "read_resource").await?;
    let scope = reach.scope();
    let assets = AssetStore::of(&reach, &plane.database, &plane.settings.region.name);
    if let Err(error) = &admitted {
        told.admission = Some(Admission { is_admitted: false, rule: error.message().to_owned() });
    }
    let mut located = None;
    for (name, extension) in url.candidates() {
        if let Some(record) = assets.find(&name).await?.filter(|record| scope.permits(&record.asset_folder)) {
            located = Some(LocatedAsset { record: record.into(), extension: extension.map(str::to_owned) });
            break;
        }
    }
    let located = located.ok_or_else(|| ApiError::not_found(format!("Resource not found - {}", url.decoded)))?;
    let record = &located.record;
    let source = record.version.source.as_ref();
    told.asset = Some(ExplainedAsset {
        asset_id: record.id.to_string(),
        public_id: record.name.public_id.clone(),
        format: record.version.format.clone(),
        width: source.map(|source| source.width),
        height: source.map(|source| source.height),
    });
    let prepared = prepared(plane, grant, &url, &located, &hints).await?;
    if let Ok(admitted) = &admitted {
        let outcome = match openness::check(admitted, &located, now) {
            Ok(_) => strangers::check(plane, tenant, admitted, &located, &prepared).await.map(drop),
            Err(error) => Err(error),
        };
        let outcome = outcome.and_then(|()| located.refuse_rejected());
        told.admission = Some(match outcome {
            Ok(()) => Admission { is_admitted: true, rule: rule(admitted, &url, &prepared) },
            Err(error) => Admission { is_admitted: false, rule: error.message().to_owned() },
        });
    }
    match prepared {
        Prepared::Original => {
            told.plan = Some("deliver the stored file".to_owned());
            (told.width, told.height) = (source.map(|source| source.width), source.map(|source| source.height));
            told.format = Some(record.version.format.clone());
            told.exists = Some(true);
            told.counts =
                Some(WouldCount { derived_assets: 0, bandwidth_bytes: Some(record.version.bytes), requests: 1 });
        }
        Prepared::Derived(derived) => derived_into(told, &assets, &derived).await?,
    }
    Ok(())
}

async fn derived_into(told: &mut UrlExplanation, assets: &AssetStore<'_>, derived: &Derived) -> Result<(), ApiError> {
    let made = assets.rendition(&derived.key_text).await?;
    told.plan = Some(explain::told(&derived.plan));
    told.width = Some(derived.plan.width);
    told.height = Some(derived.plan.height);
    told.format = Some(derived.plan.encode.format.name().to_owned());
    told.exists = Some(made.is_some());
    told.counts = Some(WouldCount {
        derived_assets: u32::from(made.is_none()),
        bandwidth_bytes: made.and_then(|made| u64::try_from(made.bytes).ok()),
        requests: 1,
    });
    Ok(())
}

async fn prepared(
    plane: &DataPlane,
    grant: &TenantGrant,
    url: &ResolvedUrl,
    located: &LocatedAsset,
    hints: &ClientHints,
) -> Result<Prepared, ApiError> {
    let record: &AssetRecord = &located.record;
    if url.resource_type == ResourceType::Video {
        return as_it_is(located).map(|()| Prepared::Original);
    }
    let Some(source) = record.version.source.as_ref().filter(|_| url.resource_type == ResourceType::Image) else {
        return Ok(Prepared::Original);
    };
    let tenant = grant.tenant();
    let spelling = Spelling {
        transformation: url.spelling.clone(),
        extension: located.extension.as_deref().unwrap_or_default().to_ascii_lowercase(),
    };
    let wish = Wish {
        tenant,
        default_quality: tenant.default_quality(),
        transformation: &url.transformation,
        spelling: &spelling,
        version: record.version.id,
        epoch: record.version.epoch,
        source,
        said: &Said::from(record),
        frames: FRAMES,
        file: FileOf::Stored(record),
    };
    of_version(plane, &wish, hints).await
}

/// The rule that lets a delivery through.
fn rule(admitted: &AdmittedDelivery<'_>, url: &ResolvedUrl, prepared: &Prepared) -> String {
    let kind = url.delivery_type.name();
    match prepared {
        _ if admitted.is_signed() => "its signature holds".to_owned(),
        Prepared::Original => format!("originals of type {kind} are open to everybody"),
        Prepared::Derived(_) => format!("what is derived from type {kind} is open to everybody"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_its_path() {
        for (text, path) in [
            ("https://media.test/demo/image/upload/w_1/a.jpg?_a=B", "/demo/image/upload/w_1/a.jpg"),
            ("/demo/image/upload/a.jpg#top", "/demo/image/upload/a.jpg"),
            ("http://media.test", "/"),
            ("/demo/image/fetch/https://far.test/a.jpg", "/demo/image/fetch/https://far.test/a.jpg"),
        ] {
            assert_eq!(path_of(text), path);
        }
    }
}
