//! Transformations over HTTP: what they are called, what is allowed of them, and what was made by them.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{
        access::Allow,
        params::{Params, invalid_value, missing},
    },
};
use serde::Serialize;
use serde_json::{Value, json};
use transform::grammar::Transformation;
use utoipa::ToSchema;
use uuid::Uuid;

use super::paging::cursor;
use crate::{
    DataPlane,
    access::{DestroyTransformations, ReadTransformations, TenantGrant, WriteTransformations},
    assets::{
        AssetStore,
        list::{Cursor, fingerprint},
        remove::DerivedBy,
    },
    delivery::url::refused as refused_by_language,
    tables::transformations::Model,
    transformations::{
        info::steps,
        recorded::{Recorded, is_name, name_of},
        store::{Named, TransformationError, TransformationStore, Update},
        stored::StoredTransformation,
        uses::write_now,
    },
    views::{DerivedOf, wire_time},
};

/// The longest name, in characters.
const LONGEST_NAME: usize = 255;

/// A transformation.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransformationView {
    /// `t_` and its name, or how it is written: its chain, and behind the last slash the format where it is another than the asset's own.
    #[schema(example = "t_small_profile_thumbnail")]
    pub name: String,
    /// Whether anybody may ask for it under strict transformations.
    pub allowed_for_strict: bool,
    /// Whether something was made by it.
    pub used: bool,
    /// Whether it has a name.
    pub named: bool,
    /// How often what was made by it was delivered.
    pub deliveries: i64,
    /// When it was used last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

impl From<Model> for TransformationView {
    fn from(row: Model) -> Self {
        Self {
            name: row.name,
            allowed_for_strict: row.allowed_for_strict,
            used: row.last_used_at.is_some(),
            named: row.is_named,
            deliveries: row.deliveries,
            last_used_at: row.last_used_at.map(wire_time),
        }
    }
}

/// A page of transformations.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransformationPage {
    /// The transformations, by their names.
    pub transformations: Vec<TransformationView>,
    /// Where the next page begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A transformation in full.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransformationDetail {
    /// The transformation.
    #[serde(flatten)]
    pub transformation: TransformationView,
    /// Its steps, in the words that official clients have for the parameters.
    #[schema(value_type = Vec<Object>, example = json!([{"crop": "scale", "width": 100}]))]
    pub info: Vec<Value>,
    /// What was made by it.
    pub derived: Vec<DerivedOf>,
    /// Where the next page of what was made begins; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What was done to a transformation.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransformationMessage {
    /// `created`, `updated` or `deleted`.
    #[schema(example = "created")]
    pub message: &'static str,
}

/// What is stored under a name, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct TransformationRequest {
    /// The name, where it is not in the path.
    #[schema(example = "small_profile_thumbnail")]
    name: Option<String>,
    /// What it stands for.
    #[schema(example = "c_fill,g_auto,h_150,w_100")]
    transformation: String,
    /// Whether anybody may ask for it under strict transformations; true when absent.
    allowed_for_strict: Option<bool>,
}

/// What becomes of a transformation, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct TransformationUpdate {
    /// Which, where it is not in the path: a name, or a transformation as it is written.
    transformation: Option<String>,
    /// Whether anybody may ask for it under strict transformations.
    allowed_for_strict: Option<bool>,
    /// What its name stands for from now on. What was made under it goes, and is made anew when it is asked for.
    #[schema(example = "c_fill,g_face,h_200,w_200")]
    unsafe_update: Option<String>,
}

/// List transformations
///
/// Those that were given a name, and every other that something was made by. With `transformation` the one that is meant, as at its own
/// path.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/transformations",
    tag = "Transformations",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("named" = Option<bool>, Query, description = "Only those with a name, or only those without; all when absent"),
        ("transformation" = Option<String>, Query, description = "The one that is wanted: a name, or a transformation as it is written"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
    ),
    responses((status = 200, description = "A page, or the transformation itself", body = TransformationPage))
)]
pub async fn list_transformations(
    access: Allow<ReadTransformations>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    if let Some(text) = params.text("transformation")? {
        let grant = access.into_grant().instead(&plane, "read_transformation").await?;
        return detail(&plane, &grant, &text, &params).await;
    }
    let named = params.boolean("named")?;
    let limit = params.integer_in("max_results", 1..=500, 10)?.unsigned_abs();
    let listing = fingerprint(&format!("transformations {named:?}"));
    let after = match cursor(&params, "next_cursor", listing)? {
        Some(Cursor::Name { public_id: name, .. }) => Some(name),
        Some(Cursor::Moment { .. }) | None => None,
    };
    write_now(&plane).await;
    let mut page = store(&plane, access.grant()).list(named, after.as_deref(), limit + 1).await?;
    let has_more = page.len() as u64 > limit;
    page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = page.last().filter(|_| has_more);
    let next_cursor = last.map(|last| Cursor::Name { public_id: last.name.clone(), id: Uuid::nil() }.print(listing));
    let transformations = page.into_iter().map(TransformationView::from).collect();
    Ok(HttpResponse::Ok().json(TransformationPage { transformations, next_cursor }))
}

/// Get a transformation
///
/// Its steps, and what was made by it.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/transformations/{transformation}",
    tag = "Transformations",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("transformation" = String, Path, description = "A name, or a transformation as it is written", example = "small_profile_thumbnail"),
        ("max_results" = Option<u32>, Query, description = "How much of what was made is shown, 1 to 500; 10 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same transformation ended"),
    ),
    responses(
        (status = 200, description = "The transformation", body = TransformationDetail),
        (status = 404, description = "Nothing is known of it", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn read_transformation(
    access: Allow<ReadTransformations>,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    detail(&plane, access.grant(), &path.1, &params).await
}

/// Create a named transformation
///
/// `t_` and the name in a delivery URL stand for it from then on. Nothing in it may depend on who asks (`f_auto`, `dpr_auto`, `w_auto`):
/// those stand beside the name, as in `t_small/f_auto`. What stands for it may change, so browsers are not told that it never does.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/transformations/{transformation}",
    tag = "Transformations",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("transformation" = String, Path, description = "The name", example = "small_profile_thumbnail"),
    ),
    request_body(content = TransformationRequest, description = "What it stands for; JSON or a form."),
    responses(
        (status = 200, description = "It is stored", body = TransformationMessage),
        (status = 409, description = "There is one of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn create_transformation(
    access: Allow<WriteTransformations>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    create(&plane, access.grant(), &request, &path.1, &params).await
}

/// The same with the name beside the rest.
pub async fn create_transformation_by_parameter(
    access: Allow<WriteTransformations>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = params.required_text("name")?;
    create(&plane, access.grant(), &request, &name, &params).await
}

/// Update a transformation
///
/// Allows or forbids it under strict transformations, or stores something else under its name.
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/transformations/{transformation}",
    tag = "Transformations",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("transformation" = String, Path, description = "A name, or a transformation as it is written", example = "small_profile_thumbnail"),
    ),
    request_body(content = TransformationUpdate, description = "What becomes of it; JSON or a form."),
    responses(
        (status = 200, description = "It was changed", body = TransformationMessage),
        (status = 404, description = "Nothing is known of it", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_transformation(
    access: Allow<WriteTransformations>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    update(&plane, access.grant(), &request, path.into_inner().1, &params).await
}

/// The same with the transformation beside the rest.
pub async fn update_transformation_by_parameter(
    access: Allow<WriteTransformations>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let text = params.required_text("transformation")?;
    update(&plane, access.grant(), &request, text, &params).await
}

/// Delete a transformation
///
/// Everything that was made by it goes, too. Addresses that ask for its name are refused from then on; those that write it out make it
/// anew.
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/transformations/{transformation}",
    tag = "Transformations",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("transformation" = String, Path, description = "A name, or a transformation as it is written", example = "small_profile_thumbnail"),
    ),
    responses(
        (status = 200, description = "It is gone", body = TransformationMessage),
        (status = 404, description = "Nothing is known of it", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_transformation(
    access: Allow<DestroyTransformations>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    delete(&plane, access.grant(), &request, path.into_inner().1).await
}

/// The same with the transformation as a parameter.
pub async fn delete_transformation_by_parameter(
    access: Allow<DestroyTransformations>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let text = params.required_text("transformation")?;
    delete(&plane, access.grant(), &request, text).await
}

async fn detail(plane: &DataPlane, grant: &TenantGrant, text: &str, params: &Params) -> Result<HttpResponse, ApiError> {
    let limit = params.integer_in("max_results", 1..=500, 10)?.unsigned_abs();
    write_now(plane).await;
    let row = store(plane, grant).find(text).await.map_err(|error| refused(error, text))?;
    let listing = fingerprint(&format!("derived by {}", row.name));
    let after = cursor(params, "next_cursor", listing)?;
    let by = DerivedBy::recorded(&row.name, row.is_named);
    // Who may not see an asset does not learn of it here.
    let reach = grant.reach_of(plane, "read_resource").await?;
    let assets = AssetStore::of(&reach, &plane.database, &plane.settings.region.name);
    let (made, next) = assets.derived_by(&by, after, limit).await?;
    let info = steps(row.definition.as_deref().unwrap_or(&row.name));
    let derived = made.iter().map(|one| DerivedOf::new(&plane.links, grant.tenant(), one)).collect();
    let next_cursor = next.map(|cursor| cursor.print(listing));
    Ok(HttpResponse::Ok().json(TransformationDetail { transformation: row.into(), info, derived, next_cursor }))
}

async fn create(
    plane: &DataPlane,
    grant: &TenantGrant,
    request: &HttpRequest,
    name: &str,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let name = name_of(name).to_owned();
    check_name(&name)?;
    let definition =
        definition(plane, grant, "transformation", &params.required_text("transformation")?, &name).await?;
    let allowed_for_strict = params.boolean("allowed_for_strict")?.unwrap_or(true);
    let permitted = grant.permit_within_reach(Named { name: name.clone(), definition, allowed_for_strict }, request);
    let made = store(plane, grant).create(permitted, plane.clock.now()).await;
    made.map_err(|error| refused(error, &name))?;
    plane.definitions.forget(grant.tenant().id(), &name);
    plane.allowed.forget(grant.tenant().id(), &Recorded::Named(name).key());
    Ok(HttpResponse::Ok().json(TransformationMessage { message: "created" }))
}

async fn update(
    plane: &DataPlane,
    grant: &TenantGrant,
    request: &HttpRequest,
    text: String,
    params: &Params,
) -> Result<HttpResponse, ApiError> {
    let allowed_for_strict = params.boolean("allowed_for_strict")?;
    let new = params.text("unsafe_update")?;
    if allowed_for_strict.is_none() && new.is_none() {
        return Err(missing("allowed_for_strict or unsafe_update"));
    }
    let store = store(plane, grant);
    let definition = match new {
        Some(new) => Some(definition(plane, grant, "unsafe_update", &new, name_of(&text)).await?),
        None => None,
    };
    // What nobody has asked for yet can be allowed ahead, if it is something that can be asked for.
    if let Err(TransformationError::NotFound) = store.find(&text).await
        && (definition.is_some() || is_name(&text) || StoredTransformation::parse("transformation", &text).is_err())
    {
        return Err(refused(TransformationError::NotFound, &text));
    }
    let permitted = grant.permit_within_reach((text.clone(), Update { allowed_for_strict, definition }), request);
    let row = store.update(permitted, plane.clock.now()).await.map_err(|error| refused(error, &text))?;
    forget(plane, grant, &row);
    Ok(HttpResponse::Ok().json(TransformationMessage { message: "updated" }))
}

async fn delete(
    plane: &DataPlane,
    grant: &TenantGrant,
    request: &HttpRequest,
    text: String,
) -> Result<HttpResponse, ApiError> {
    let permitted = grant.permit_within_reach(text.clone(), request);
    let row = store(plane, grant).delete(permitted, plane.clock.now()).await.map_err(|error| refused(error, &text))?;
    forget(plane, grant, &row);
    Ok(HttpResponse::Ok().json(TransformationMessage { message: "deleted" }))
}

fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> TransformationStore<'a> {
    TransformationStore::of(grant, &plane.database, &plane.settings.region.name)
}

/// Makes a change be seen by the deliveries of this node, and its jobs be begun.
fn forget(plane: &DataPlane, grant: &TenantGrant, row: &Model) {
    if row.is_named {
        plane.definitions.forget(grant.tenant().id(), name_of(&row.name));
    }
    plane.allowed.forget(grant.tenant().id(), &row.name);
    plane.jobs.wake();
}

/// What is to be stored under a name, in the form in which it is kept. It can be made of some picture: all its names are there, it does not
/// name itself, and nothing in it depends on who asks. A circle over several names is found when it is asked for.
async fn definition(
    plane: &DataPlane,
    grant: &TenantGrant,
    parameter: &str,
    text: &str,
    name: &str,
) -> Result<String, ApiError> {
    let stored = StoredTransformation::parse(parameter, text)?;
    let naming = |why: &str| {
        let text = format!("Invalid value for parameter {parameter}: {why}");
        ApiError::new(ErrorCode::InvalidTransformation, text)
    };
    let chain: Transformation = stored.definition().map_err(refused_by_language)?;
    if chain.names().any(|other| other == name) {
        return Err(naming(&format!("{name} would stand for itself")));
    }
    let expanded = plane.definitions.expand(&plane.database, grant.tenant().id(), chain).await;
    let expanded = expanded.map_err(|error| naming(error.message()))?;
    match expanded.depends_on_client() {
        Some(part) => {
            let why = format!("{part} depends on who asks; it stands beside a name, as in t_{name}/{part}");
            Err(naming(&why))
        }
        None => Ok(stored.print()),
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_fit = !name.trim().is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '.' | ','));
    match is_fit {
        true => Ok(()),
        false => Err(invalid_value("name", &json!(name.escape_debug().to_string()))),
    }
}

fn refused(error: TransformationError, text: &str) -> ApiError {
    match error {
        TransformationError::NotFound => ApiError::not_found(format!("Transformation not found - {text}")),
        TransformationError::Taken => {
            ApiError::new(ErrorCode::Conflict, format!("Transformation {} already exists", name_of(text)))
        }
        TransformationError::Unnamed => ApiError::invalid(format!(
            "Invalid value for parameter unsafe_update: nothing is stored under {text}; only what a name stands for is changed"
        )),
        TransformationError::Database(error) => error.into(),
    }
}
