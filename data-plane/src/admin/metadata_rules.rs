//! Metadata rules: what becomes of a field when others have some value.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{access::Allow, params::Params},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::metadata_fields::{id, place, store};
use crate::{
    DataPlane,
    access::{DestroyMetadataRules, ReadMetadataRules, WriteMetadataRules},
    metadata::{rule::Rule, store::made_up},
};

/// A rule, for the description.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MetadataRule)]
pub struct RuleRequest {
    /// The field that it is about.
    #[schema(example = "city")]
    metadata_field_id: String,
    /// What people call it.
    #[schema(example = "Cities of the country")]
    name: String,
    /// When it is met: `metadata_field_id` with `equals`, `includes` or `populated`; `and`, `or`.
    #[schema(value_type = Object, example = json!({"metadata_field_id": "country", "equals": "de"}))]
    condition: Value,
    /// What becomes of the field: `enable`, `disable`, `hide`, `set_mandatory`, `activate_values`, `apply_value`. User interfaces
    /// carry it out; which values are left to choose from, a search of the field's list answers.
    #[schema(value_type = Object, example = json!({"activate_values": {"external_ids": ["berlin"]}}))]
    result: Value,
    /// Its id; made up when absent.
    external_id: Option<String>,
    /// `active` or `inactive`; an inactive one is not looked at.
    state: Option<String>,
    /// Its place among the rules, from 0; of two that say different things the later one counts.
    position: Option<u64>,
    /// A digest of the condition; in answers.
    condition_signature: Option<String>,
}

/// Rules.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleList {
    /// The rules, in their order.
    #[schema(value_type = Vec<RuleRequest>)]
    metadata_rules: Vec<Value>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleMessage {
    /// Always true.
    success: bool,
}

/// List metadata rules
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/metadata_rules",
    tag = "Metadata",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    responses((status = 200, description = "The rules", body = RuleList))
)]
pub async fn list_metadata_rules(
    access: Allow<ReadMetadataRules>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let rules = store(&plane, access.grant()).rules().await?;
    let metadata_rules = rules.iter().enumerate().map(|(position, rule)| rule.shown(position)).collect();
    Ok(HttpResponse::Ok().json(RuleList { metadata_rules }))
}

/// Create a metadata rule
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/metadata_rules",
    tag = "Metadata",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = RuleRequest, description = "The rule; JSON."),
    responses((status = 200, description = "The rule", body = RuleRequest))
)]
pub async fn create_metadata_rule(
    access: Allow<WriteMetadataRules>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let store = store(&plane, access.grant());
    let rule = Rule::read(&params, &store.fields().await?, made_up)?;
    let (id, place) = (rule.external_id.clone(), place(&params)?);
    let permitted = access.grant().permit_within_reach(rule, &request);
    answer(&store.create_rule(permitted, place, plane.clock.now()).await?, &id)
}

/// Update a metadata rule
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/metadata_rules/{external_id}",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The rule", example = "cities"),
    ),
    request_body(content = RuleRequest, description = "The changes; JSON."),
    responses(
        (status = 200, description = "The rule as it is now", body = RuleRequest),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_metadata_rule(
    access: Allow<WriteMetadataRules>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let store = store(&plane, access.grant());
    let (id, place, fields) = (id(&request), place(&params)?, store.fields().await?);
    let change = |rule: &mut Rule| rule.change(&params, &fields);
    let permitted = access.grant().permit_within_reach(id.clone(), &request);
    answer(&store.change_rule(permitted, place, change, plane.clock.now()).await?, &id)
}

/// Delete a metadata rule
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/metadata_rules/{external_id}",
    tag = "Metadata",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("external_id" = String, Path, description = "The rule", example = "cities"),
    ),
    responses(
        (status = 200, description = "It is gone", body = RuleMessage),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_metadata_rule(
    access: Allow<DestroyMetadataRules>,
    request: HttpRequest,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let permitted = access.grant().permit_within_reach(id(&request), &request);
    store(&plane, access.grant()).delete_rule(permitted, plane.clock.now()).await?;
    Ok(HttpResponse::Ok().json(RuleMessage { success: true }))
}

/// One of all rules, at its place.
fn answer(rules: &[Rule], id: &str) -> Result<HttpResponse, ApiError> {
    let found = rules.iter().enumerate().find(|(_, rule)| rule.external_id == id);
    let (position, rule) = found.ok_or_else(|| ApiError::new(ErrorCode::Internal, "General Error"))?;
    Ok(HttpResponse::Ok().json(rule.shown(position)))
}
