//! Metadata fields: what an environment says of its assets beside tags and context.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value},
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    DataPlane,
    access::{DestroyMetadataFields, ReadMetadataFields, TenantGrant, WriteMetadataFields},
    metadata::{
        field::Field,
        store::{MetadataStore, made_up},
    },
};

/// Fields.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldList {
    /// The fields, in their order.
    #[schema(value_type = Vec<FieldRequest>)]
    metadata_fields: Vec<Value>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldMessage {
    /// Always `ok`.
    #[schema(example = "ok")]
    message: &'static str,
}

/// A field, for the description.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MetadataField)]
pub struct FieldRequest {
    /// `string`, `integer`, `date`, `enum` or `set`; it does not change.
    #[serde(rename = "type")]
    #[schema(example = "enum")]
    kind: String,
    /// Its id, made up when absent; it does not change and is not given out again.
    #[schema(example = "colour")]
    external_id: Option<String>,
    /// What people call it.
    #[schema(example = "Colour")]
    label: String,
    /// Whether every new asset has a value of it.
    mandatory: Option<bool>,
    /// What a new asset has that says nothing of it.
    #[schema(value_type = Option<Object>, example = "red")]
    default_value: Option<Value>,
    /// What its values are held to: `strlen`, `greater_than`, `less_than` or `and`.
    #[schema(value_type = Option<Object>)]
    validation: Option<Value>,
    /// How user interfaces show it: `readonly_ui`, `hidden_ui`, `excluded_from_search`.
    #[schema(value_type = Option<Object>)]
    restrictions: Option<Value>,
    /// The list of an `enum` or a `set`: `values`, each with `external_id`, `value`, `position` and `state`.
    #[schema(value_type = Option<Object>, example = json!({"values": [{"external_id": "red", "value": "Red"}]}))]
    datasource: Option<Value>,
    /// Whether user interfaces show it disabled.
    default_disabled: Option<bool>,
    /// Whether an asset may bring a new value into the list.
    allow_dynamic_list_values: Option<bool>,
    /// Whether the list is kept in the order of its values.
    alphabetically_sorted: Option<bool>,
}

/// In which order fields or values of a list are, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct OrderRequest {
    /// `label`, `external_id` or `created_at` for fields; `value` for a list.
    #[schema(example = "label")]
    order_by: String,
    /// `asc` or `desc`; `asc` when absent.
    direction: Option<String>,
}

/// The place of a field, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct PlaceRequest {
    /// Its place among the fields, from 0.
    #[schema(example = 0)]
    position: u64,
}

/// List metadata fields
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/metadata_fields",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_ids" = Option<Vec<String>>, Query, description = "Only these"),
    ),
    responses((status = 200, description = "The fields", body = FieldList))
)]
pub async fn list_metadata_fields(
    access: Allow<ReadMetadataFields>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let only = params.list("external_ids")?;
    let fields = store(&plane, access.grant()).fields().await?;
    let wanted = fields.into_iter().filter(|field| only.as_ref().is_none_or(|only| only.contains(&field.external_id)));
    Ok(answer(wanted))
}

/// Create a metadata field
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/metadata_fields",
    tag = "Metadata",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = FieldRequest, description = "The field; JSON."),
    responses((status = 200, description = "The field", body = FieldRequest))
)]
pub async fn create_metadata_field(
    access: Allow<WriteMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let field = Field::read(&params, made_up)?;
    let permitted = access.grant().permit_within_reach(field, &request);
    let field = store(&plane, access.grant()).create(permitted, plane.clock.now()).await?;
    Ok(HttpResponse::Ok().json(field.shown()))
}

/// Read a metadata field
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    responses(
        (status = 200, description = "The field", body = FieldRequest),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn read_metadata_field(
    access: Allow<ReadMetadataFields>,
    request: HttpRequest,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let field = store(&plane, access.grant()).field(&id(&request)).await?;
    Ok(HttpResponse::Ok().json(field.shown()))
}

/// Update a metadata field
///
/// Changes what the body names. Values that assets have stay, even where the field would not permit them any more.
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    request_body(content = FieldRequest, description = "The changes; JSON."),
    responses(
        (status = 200, description = "The field as it is now", body = FieldRequest),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_metadata_field(
    access: Allow<WriteMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let permitted = access.grant().permit_within_reach(id(&request), &request);
    let store = store(&plane, access.grant());
    let change = |field: &mut Field| field.change(&params, made_up);
    let field = store.change(permitted, "update_metadata_field", change, plane.clock.now()).await?;
    Ok(HttpResponse::Ok().json(field.shown()))
}

/// Delete a metadata field
///
/// Its values go from all assets, a little later. Its id is not given out again.
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    responses(
        (status = 200, description = "It is gone", body = FieldMessage),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "Rules name it", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_metadata_field(
    access: Allow<DestroyMetadataFields>,
    request: HttpRequest,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let permitted = access.grant().permit_within_reach(id(&request), &request);
    store(&plane, access.grant()).delete(permitted, plane.clock.now()).await?;
    plane.jobs.wake();
    Ok(HttpResponse::Ok().json(FieldMessage { message: "ok" }))
}

/// Put the metadata fields into an order
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/metadata_fields/order",
    tag = "Metadata",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = OrderRequest, description = "By what; JSON."),
    responses((status = 200, description = "The fields in their new order", body = FieldList))
)]
pub async fn reorder_metadata_fields(
    access: Allow<WriteMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let by = params.required_text("order_by")?;
    let is_descending = direction(&params)?;
    if !["label", "external_id", "created_at"].contains(&by.as_str()) {
        return Err(invalid_value("order_by", &by.into()));
    }
    let permitted = access.grant().permit_within_reach("reorder_metadata_fields", &request);
    let store = store(&plane, access.grant());
    let sort = |fields: &mut Vec<(Field, chrono::DateTime<chrono::Utc>)>| {
        match by.as_str() {
            "label" => fields.sort_by_cached_key(|(field, _)| (field.label.to_lowercase(), field.external_id.clone())),
            "external_id" => fields.sort_by_cached_key(|(field, _)| field.external_id.clone()),
            _ => fields.sort_by_key(|(_, created_at)| *created_at),
        }
        if is_descending {
            fields.reverse();
        }
        Ok(())
    };
    let fields = store.order(permitted, sort, plane.clock.now()).await?;
    Ok(answer(fields.into_iter()))
}

/// Give a metadata field another place
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}/reorder",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    request_body(content = PlaceRequest, description = "The place; JSON."),
    responses(
        (status = 200, description = "The fields in their new order", body = FieldList),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn reorder_metadata_field(
    access: Allow<WriteMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let place = place(&params)?.ok_or_else(|| plane_kit::http::params::missing("position"))?;
    let id = id(&request);
    let permitted = access.grant().permit_within_reach("reorder_metadata_field", &request);
    let store = store(&plane, access.grant());
    let sort = |fields: &mut Vec<(Field, chrono::DateTime<chrono::Utc>)>| {
        let at = fields.iter().position(|(field, _)| field.external_id == id);
        let field = fields.remove(at.ok_or_else(|| crate::metadata::store::not_found(&id))?);
        fields.insert(place.min(fields.len()), field);
        Ok(())
    };
    let fields = store.order(permitted, sort, plane.clock.now()).await?;
    Ok(answer(fields.into_iter()))
}

fn answer(fields: impl Iterator<Item = Field>) -> HttpResponse {
    let metadata_fields = fields.map(|field| field.shown()).collect();
    HttpResponse::Ok().json(FieldList { metadata_fields })
}

/// Whether a direction is down.
pub(super) fn direction(params: &Params) -> Result<bool, ApiError> {
    match params.text("direction")?.as_deref() {
        None | Some("asc") => Ok(false),
        Some("desc") => Ok(true),
        Some(other) => Err(invalid_value("direction", &other.into())),
    }
}

/// A place among others, from 0.
pub(super) fn place(params: &Params) -> Result<Option<usize>, ApiError> {
    let said = params.integer("position")?;
    let place = said.map(|said| usize::try_from(said).map_err(|_| invalid_value("position", &said.into())));
    place.transpose()
}

/// The id of the path.
pub(super) fn id(request: &HttpRequest) -> String {
    request.match_info().get("external_id").unwrap_or_default().to_owned()
}

pub(super) fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> MetadataStore<'a> {
    MetadataStore::of(grant, &plane.database, &plane.settings.region.name)
}
