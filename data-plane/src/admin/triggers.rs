//! Triggers over HTTP.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use plane_kit::{
    destination::{Destination, without_credentials},
    error::{ApiError, ErrorCode},
    http::{
        access::Allow,
        params::{Params, invalid_value},
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    DataPlane,
    access::{DestroyTriggers, ReadTriggers, TenantGrant, WriteTriggers},
    notifications::{
        event::{check_told, check_type},
        triggers::{MOST, NewTrigger, Trigger, TriggerError, TriggerStore},
    },
};

/// A trigger.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriggerView {
    /// Its id.
    #[schema(example = "c2c822dd1aa41ba6d81299df8b5ae949")]
    id: String,
    /// The environment.
    product_environment_id: String,
    /// `webhook` or `poll`.
    #[schema(example = "webhook")]
    uri_type: String,
    /// Where it is told.
    #[schema(example = "https://www.example.com/hooks/media")]
    uri: String,
    /// What is told.
    #[schema(example = "upload")]
    event_type: String,
    /// When it was made.
    created_at: String,
    /// When it was changed last.
    updated_at: String,
}

impl From<Trigger> for TriggerView {
    fn from(trigger: Trigger) -> Self {
        let moment = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        Self {
            id: trigger.id.as_simple().to_string(),
            product_environment_id: trigger.environment_id.as_simple().to_string(),
            uri_type: trigger.uri_type,
            uri: without_credentials(&trigger.uri),
            event_type: trigger.event_type,
            created_at: moment(trigger.created_at),
            updated_at: moment(trigger.updated_at),
        }
    }
}

/// All triggers.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriggerList {
    /// The triggers, oldest first.
    triggers: Vec<TriggerView>,
    /// How many they are.
    total: usize,
}

/// What was done to a trigger.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriggerMessage {
    /// `updated` or `deleted`.
    #[schema(example = "updated")]
    message: &'static str,
}

/// Whether a trigger would tell of something.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriggerTest {
    /// The trigger.
    trigger_id: String,
    /// Always false: triggers have no filter here.
    filter_present: bool,
    /// Always true: what has no filter tells of everything of its type.
    filter_result: bool,
}

/// What a trigger is made of, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct TriggerRequest {
    /// An http or https address, or `poll://` and a channel.
    #[schema(example = "https://www.example.com/hooks/media")]
    uri: String,
    /// A type of notification, or `all`: `upload`, `eager`, `delete`, `delete_by_token`, `rename`, `move`, `moderation`, `error`,
    /// `resource_tags_changed`, `resource_context_changed`, `resource_metadata_changed`, `resource_display_name_changed`,
    /// `create_folder`, `delete_folder`, `move_or_rename_asset_folder`.
    #[schema(example = "upload")]
    event_type: String,
    /// `webhook` or `poll`; it follows from the address when absent.
    uri_type: Option<String>,
}

/// A trigger's new address, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct TriggerUpdate {
    /// The new address.
    #[schema(example = "https://www.example.com/hooks/media")]
    new_uri: String,
}

/// What a test of a trigger is given, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct TriggerSample {
    /// What would be told.
    #[schema(value_type = Option<Object>)]
    sample_data: Option<Value>,
}

/// List triggers
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/triggers",
    tag = "Notifications",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("event_type" = Option<String>, Query, description = "Only those of this type"),
    ),
    responses((status = 200, description = "The triggers", body = TriggerList))
)]
pub async fn list_triggers(
    access: Allow<ReadTriggers>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let event_type = params.text("event_type")?;
    if let Some(event_type) = &event_type {
        check_type(event_type)?;
    }
    let triggers = store(&plane, access.grant()).list(event_type.as_deref()).await?;
    let triggers: Vec<TriggerView> = triggers.into_iter().map(TriggerView::from).collect();
    Ok(HttpResponse::Ok().json(TriggerList { total: triggers.len(), triggers }))
}

/// Create a trigger
///
/// What happens and is of its type is told to its address, unless the call that made it happen names another. It is posted as JSON with
/// `X-Cld-Timestamp` and `X-Cld-Signature` (SHA-1 over body, timestamp and the secret of the key that `signature_key` names), and with
/// `webhook-id`, `webhook-timestamp` and `webhook-signature` as Standard Webhooks has them, whose secret is the key's in base64. Anything
/// but 2xx is tried again for a day, signed anew; 410 ends it.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/triggers",
    tag = "Notifications",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = TriggerRequest, description = "The trigger; JSON or a form."),
    responses(
        (status = 200, description = "The trigger", body = TriggerView),
        (status = 409, description = "There is one of that address and type", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn create_trigger(
    access: Allow<WriteTriggers>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let event_type = params.required_text("event_type")?;
    check_told(&event_type)?;
    let to = Destination::parse_standing("uri", &params.required_text("uri")?)?;
    match (params.text("uri_type")?.as_deref(), &to) {
        (None, _) | (Some("webhook"), Destination::Webhook(_)) | (Some("poll"), Destination::Poll(_)) => {}
        (Some("flow"), _) => return Err(ApiError::not_built("The trigger type flow")),
        (Some(other), _) => return Err(invalid_value("uri_type", &Value::String(other.to_owned()))),
    }
    let permitted = access.grant().permit_within_reach(NewTrigger { event_type, to }, &request);
    let made = store(&plane, access.grant()).create(permitted, plane.clock.now()).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(TriggerView::from(made)))
}

/// Update a trigger's address
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/triggers/{id}",
    tag = "Notifications",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("id" = String, Path, description = "The trigger", example = "c2c822dd1aa41ba6d81299df8b5ae949"),
    ),
    request_body(content = TriggerUpdate, description = "The new address; JSON or a form."),
    responses(
        (status = 200, description = "It was changed", body = TriggerMessage),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_trigger(
    access: Allow<WriteTriggers>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let to = Destination::parse_standing("new_uri", &params.required_text("new_uri")?)?;
    let permitted = access.grant().permit_within_reach(to, &request);
    let store = store(&plane, access.grant());
    store.update(id(&request)?, permitted, plane.clock.now()).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(TriggerMessage { message: "updated" }))
}

/// Delete a trigger
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/triggers/{id}",
    tag = "Notifications",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("id" = String, Path, description = "The trigger", example = "c2c822dd1aa41ba6d81299df8b5ae949"),
    ),
    responses(
        (status = 200, description = "It is gone", body = TriggerMessage),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_trigger(
    access: Allow<DestroyTriggers>,
    request: HttpRequest,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let permitted = access.grant().permit_within_reach(id(&request)?, &request);
    store(&plane, access.grant()).delete(permitted, plane.clock.now()).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(TriggerMessage { message: "deleted" }))
}

/// Test a trigger's filter
///
/// Nothing is sent.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/triggers/{id}/test",
    tag = "Notifications",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("id" = String, Path, description = "The trigger", example = "c2c822dd1aa41ba6d81299df8b5ae949"),
    ),
    request_body(content = TriggerSample, description = "What would be told; JSON."),
    responses(
        (status = 200, description = "Whether it would be told", body = TriggerTest),
        (status = 404, description = "There is none of that id", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn test_trigger(
    access: Allow<WriteTriggers>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    if let Some(sample) = params.get("sample_data") {
        let is_object = match sample {
            Value::Object(_) => true,
            Value::String(text) => serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object()),
            _ => false,
        };
        if !is_object {
            return Err(invalid_value("sample_data", sample));
        }
    }
    let trigger = store(&plane, access.grant()).find(id(&request)?).await.map_err(refused)?;
    let trigger_id = trigger.id.as_simple().to_string();
    Ok(HttpResponse::Ok().json(TriggerTest { trigger_id, filter_present: false, filter_result: true }))
}

fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> TriggerStore<'a> {
    TriggerStore::of(grant, &plane.database, &plane.settings.region.name)
}

/// The id of the path. What is no id is that of no trigger.
fn id(request: &HttpRequest) -> Result<Uuid, ApiError> {
    let text = request.match_info().get("id").unwrap_or_default();
    Uuid::try_parse(text).map_err(|_| refused(TriggerError::NotFound))
}

fn refused(error: TriggerError) -> ApiError {
    match error {
        TriggerError::NotFound => ApiError::not_found("There is no trigger of this id"),
        TriggerError::Taken => {
            ApiError::new(ErrorCode::Conflict, "There is a trigger for this uri and event_type already")
        }
        TriggerError::TooMany => {
            ApiError::invalid(format!("At most {MOST} triggers of one event_type; delete another first"))
        }
        TriggerError::Database(error) => error.into(),
    }
}
