//! The lists of metadata fields: their values, in which order they are, and which there are to choose from.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value, missing},
    },
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::metadata_fields::{OrderRequest, direction, id, store};
use crate::{
    DataPlane,
    access::{DestroyMetadataFields, ReadMetadataFields, WriteMetadataFields},
    metadata::{
        entry::{Entry, shown_entries},
        field::Field,
        rule::choices,
        store::made_up,
    },
};

/// A value of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView {
    /// Its id.
    #[schema(example = "red")]
    external_id: String,
    /// What people read.
    #[schema(example = "Red")]
    value: String,
    /// Its place in the list, from 0.
    position: u64,
    /// `active` or `inactive`.
    #[schema(example = "active")]
    state: String,
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryList {
    /// The values, in their order.
    values: Vec<EntryView>,
}

/// A value that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundEntry {
    /// The field.
    #[schema(example = "colour")]
    field_id: String,
    /// The value's id.
    #[schema(example = "red")]
    id: String,
    /// What people read.
    #[schema(example = "Red")]
    value: String,
}

/// Values to add or to change, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct EntriesRequest {
    /// Values; one whose `external_id` is in the list is changed, any other is added.
    #[schema(value_type = Vec<Object>, example = json!([{"external_id": "red", "value": "Red"}]))]
    values: Value,
}

/// Which values, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct EntryIds {
    /// Their ids.
    #[schema(example = json!(["red"]))]
    external_ids: Vec<String>,
}

/// What is looked for, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct SearchRequest {
    /// A part of the value, whatever its case.
    #[schema(example = "re")]
    term: Option<String>,
    /// How many are answered, at most.
    max_results: Option<u32>,
    /// Whether the value is the term; in one field.
    exact_match: Option<bool>,
    /// Values of other fields, under which rules narrow the list; in one field.
    #[schema(value_type = Option<Object>)]
    payload: Option<Value>,
}

/// Add or change values of a list
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}/datasource",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    request_body(content = EntriesRequest, description = "The values; JSON."),
    responses(
        (status = 200, description = "The list", body = EntryList),
        (status = 404, description = "There is no such field", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_datasource(
    access: Allow<WriteMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let values = params.get("values").ok_or_else(|| missing("values"))?;
    let change = |field: &mut Field| of_list(field)?.put_entries(values, made_up);
    let permitted = access.grant().permit_within_reach(id(&request), &request);
    let store = store(&plane, access.grant());
    Ok(answer(&store.change(permitted, "update_datasource", change, plane.clock.now()).await?))
}

/// Take values out of a list
///
/// Assets keep what they have of them; they can be put back.
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}/datasource",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    request_body(content = EntryIds, description = "Which; JSON."),
    responses(
        (status = 200, description = "What is left", body = EntryList),
        (status = 404, description = "There is no such field", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_datasource_entries(
    access: Allow<DestroyMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let ids = params.texts("external_ids")?.ok_or_else(|| missing("external_ids"))?;
    let change = |field: &mut Field| of_list(field)?.mark_entries(&ids, true);
    let permitted = access.grant().permit_within_reach(id(&request), &request);
    let store = store(&plane, access.grant());
    Ok(answer(&store.change(permitted, "delete_datasource_entries", change, plane.clock.now()).await?))
}

/// Put values back into a list
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}/datasource_restore",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    request_body(content = EntryIds, description = "Which; JSON."),
    responses(
        (status = 200, description = "The list", body = EntryList),
        (status = 404, description = "There is no such field", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn restore_datasource_entries(
    access: Allow<WriteMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let ids = params.texts("external_ids")?.ok_or_else(|| missing("external_ids"))?;
    let change = |field: &mut Field| of_list(field)?.mark_entries(&ids, false);
    let permitted = access.grant().permit_within_reach(id(&request), &request);
    let store = store(&plane, access.grant());
    Ok(answer(&store.change(permitted, "restore_datasource_entries", change, plane.clock.now()).await?))
}

/// Put a list into the order of its values
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}/datasource/order",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    request_body(content = OrderRequest, description = "By what; JSON."),
    responses(
        (status = 200, description = "The list", body = EntryList),
        (status = 404, description = "There is no such field", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn order_datasource(
    access: Allow<WriteMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    match params.required_text("order_by")?.as_str() {
        "value" => {}
        other => return Err(invalid_value("order_by", &other.into())),
    }
    let is_descending = direction(&params)?;
    let change = |field: &mut Field| {
        let field = of_list(field)?;
        if field.alphabetically_sorted {
            return Err(ApiError::invalid(
                "The list is kept in the order of its values; change alphabetically_sorted first",
            ));
        }
        field.order_entries(is_descending);
        Ok(())
    };
    let permitted = access.grant().permit_within_reach(id(&request), &request);
    let store = store(&plane, access.grant());
    Ok(answer(&store.change(permitted, "order_datasource", change, plane.clock.now()).await?))
}

/// Search the lists of all fields
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/metadata_fields/datasource/search",
    tag = "Metadata",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = SearchRequest, description = "What is looked for; JSON."),
    responses((status = 200, description = "What was found", body = Vec<FoundEntry>))
)]
pub async fn search_datasources(
    access: Allow<ReadMetadataFields>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let term = params.text("term")?.unwrap_or_default();
    let limit = params.integer_in("max_results", 1..=1000, 100)?;
    let fields = store(&plane, access.grant()).fields().await?;
    let found = fields.iter().flat_map(|field| {
        let listed = field.listed().filter(|entry| entry.is_open() && contains(&entry.value, &term));
        listed.map(|entry| FoundEntry {
            field_id: field.external_id.clone(),
            id: entry.external_id.clone(),
            value: entry.value.clone(),
        })
    });
    let found: Vec<FoundEntry> = found.take(usize::try_from(limit).unwrap_or(0)).collect();
    Ok(HttpResponse::Ok().json(found))
}

/// Search the list of a field
///
/// With a payload, only what the rules leave to choose from under these values of other fields.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/metadata_fields/{external_id}/datasource/search",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The field", example = "colour"),
    ),
    request_body(content = SearchRequest, description = "What is looked for; JSON, or in the query."),
    responses(
        (status = 200, description = "What was found", body = EntryList),
        (status = 404, description = "There is no such field", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn search_datasource(
    access: Allow<ReadMetadataFields>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let mut params = params;
    params.fill_from(Params::from_urlencoded(request.query_string()));
    let term = params.text("term")?.unwrap_or_default();
    let is_exact = params.boolean("exact_match")?.unwrap_or(false);
    let limit = params.integer_in("max_results", 1..=3000, 255)?;
    let payload: Option<Map<String, Value>> = params.object("payload")?;
    let store = store(&plane, access.grant());
    let mut field = store.field(&id(&request)).await?;
    of_list(&mut field)?;
    let rules = if payload.is_some() { store.rules().await? } else { Vec::new() };
    let fits = |entry: &&Entry| if is_exact { entry.value == term } else { contains(&entry.value, &term) };
    let found = choices(&field, &rules, &payload.unwrap_or_default()).into_iter().filter(fits);
    Ok(HttpResponse::Ok().json(shown_entries(found.take(usize::try_from(limit).unwrap_or(0)))))
}

fn contains(value: &str, term: &str) -> bool {
    value.to_lowercase().contains(&term.to_lowercase())
}

/// The field, if it has a list.
fn of_list(field: &mut Field) -> Result<&mut Field, ApiError> {
    match field.kind.is_list() {
        true => Ok(field),
        false => {
            let text =
                format!("The field {} is of type {} and has no datasource", field.external_id, field.kind.name());
            Err(ApiError::invalid(text))
        }
    }
}

fn answer(field: &Field) -> HttpResponse {
    HttpResponse::Ok().json(shown_entries(field.listed()))
}
