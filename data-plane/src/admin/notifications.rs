//! Notifications over HTTP: those that wait to be asked for, and the log of those that are sent.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    destination::{ANONYMOUS, check_batch, without_credentials},
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value, missing},
    },
    signature::sign_notification,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;
use uuid::Uuid;

use super::paging::cursor;
use crate::{
    DataPlane,
    access::{ReadNotifications, TenantGrant, WriteNotifications},
    assets::list::fingerprint,
    notifications::{
        event::check_type,
        log::{DeliveryLog, State},
        poll::{From, Handed, acknowledge, take},
        send::signed_text,
    },
    tables::notifications::Model,
    views::wire_time,
};

/// How many receipts are acknowledged in one call.
const MOST_RECEIPTS: usize = 100;
/// How often one that waits looks for what another node wrote down.
const LOOK: Duration = Duration::from_secs(1);

/// Notifications that were handed out.
#[derive(Debug, Serialize, ToSchema)]
pub struct Messages {
    /// The notifications, oldest first; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<MessageView>,
}

/// A notification that was handed out.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageView {
    /// By which it is acknowledged.
    receipt_handle: String,
    /// The batch of the call that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    /// What is told.
    #[schema(value_type = Object)]
    payload: Value,
    /// The bytes that are signed, in base64 of the URL alphabet without padding.
    signed_payload: String,
    /// The digest over those bytes, the timestamp and the secret of the key that the payload names.
    signature: String,
    /// When it was signed, Unix seconds.
    timestamp: i64,
}

/// What became of receipts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acknowledged {
    /// One result for each receipt, in their order.
    results: Vec<Acknowledgement>,
}

/// What became of a receipt.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acknowledgement {
    /// The receipt.
    receipt_handle: String,
    /// `acked`, or `not_found` when it is none, or the notification was handed out anew since.
    #[schema(example = "acked")]
    status: &'static str,
}

/// The receipts, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct AcknowledgeRequest {
    /// At most 100.
    receipt_handles: Vec<String>,
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryPage {
    /// The notifications, newest first.
    notifications: Vec<DeliveryView>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A notification that is sent or was.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id; `webhook-id` of every attempt is `msg_` and this.
    id: String,
    /// Its type.
    #[schema(example = "upload")]
    event_type: String,
    /// Where it goes.
    uri: String,
    /// The request that it comes from.
    request_id: String,
    /// The batch of that call.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    /// `waiting`, `delivered` or `given_up`.
    #[schema(example = "delivered")]
    state: &'static str,
    /// How often it was tried.
    attempts: i32,
    /// What the receiver answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<i32>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// When it was tried last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_attempt_at: Option<String>,
    /// When it came into being.
    created_at: String,
    /// What is told.
    #[schema(value_type = Object)]
    payload: Value,
}

impl std::convert::From<Model> for DeliveryView {
    fn from(row: Model) -> Self {
        let state = State::of(&row).name();
        Self {
            id: row.id.as_simple().to_string(),
            event_type: row.event_type,
            uri: without_credentials(&row.uri),
            request_id: row.request_id,
            batch_id: row.batch_id,
            state,
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error,
            last_attempt_at: row.last_attempt_at.map(wire_time),
            created_at: wire_time(row.created_at),
            payload: serde_json::from_str(&row.body).unwrap_or(Value::Null),
        }
    }
}

/// Ask for notifications
///
/// Those of `poll://` destinations, of one channel or of one batch. The answer waits until there are some. What was handed out comes
/// back after a while unless it is acknowledged.
#[utoipa::path(
    get,
    path = "/v2/notifications/{cloud_name}/messages",
    tag = "Notifications",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("channel" = Option<String>, Query, description = "The channel; exactly one of this and batch_id", example = "orders"),
        ("batch_id" = Option<String>, Query, description = "The batch of calls that named `poll://*`"),
        ("max_messages" = Option<u32>, Query, description = "How many at most, 1 to 100; 10 when absent"),
        ("wait_seconds" = Option<u32>, Query, description = "How long to wait for the first, 0 to 60; 20 when absent"),
        ("visibility_timeout" = Option<u32>, Query, description = "Seconds until they come back, 1 to 600; 30 when absent"),
    ),
    responses((status = 200, description = "The notifications", body = Messages))
)]
pub async fn list_notifications(
    access: Allow<ReadNotifications>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let from = match (params.text("channel")?, params.text("batch_id")?) {
        (Some(channel), None) => {
            if channel == ANONYMOUS {
                return Err(ApiError::invalid("Invalid value * for parameter channel: ask for poll://* by batch_id"));
            }
            check_batch("channel", &channel)?;
            From::Channel(channel)
        }
        (None, Some(batch)) => {
            check_batch("batch_id", &batch)?;
            From::Batch(batch)
        }
        _ => return Err(ApiError::invalid("Supply exactly one of channel and batch_id")),
    };
    let most = params.integer_in("max_messages", 1..=100, 10)?.unsigned_abs();
    let wait = Duration::from_secs(params.integer_in("wait_seconds", 0..=60, 20)?.unsigned_abs());
    let invisible = TimeDelta::seconds(params.integer_in("visibility_timeout", 1..=600, 30)?);
    let tenant = access.grant().tenant();
    let deadline = Instant::now() + wait;
    let waiting = plane.poll_waits.of(tenant.id());
    let handed = loop {
        // Whoever is notified between the look and the waiting is notified all the same.
        let notified = waiting.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        let handed = take(&plane.database, tenant.id(), &from, most, invisible, plane.clock.now()).await?;
        if !handed.is_empty() || Instant::now() >= deadline {
            break handed;
        }
        let _ = timeout_at(deadline.min(Instant::now() + LOOK), notified).await;
    };
    let now = plane.clock.now();
    let messages = handed.into_iter().map(|handed| message(access.grant(), handed, now));
    Ok(HttpResponse::Ok().json(Messages { messages: messages.collect::<Result<_, _>>()? }))
}

fn message(grant: &TenantGrant, handed: Handed, now: DateTime<Utc>) -> Result<MessageView, ApiError> {
    let no_key = || ApiError::unavailable("The environment has no enabled access key to sign with", 5);
    let (api_key, secret) = grant.tenant().notification_key(now).ok_or_else(no_key)?;
    let text = signed_text(&handed.body, api_key).map_err(|error| ApiError::internal(&error))?;
    let timestamp = now.timestamp();
    Ok(MessageView {
        receipt_handle: handed.receipt.as_simple().to_string(),
        batch_id: handed.batch_id,
        payload: serde_json::from_str(&text).unwrap_or(Value::Null),
        signed_payload: URL_SAFE_NO_PAD.encode(&text),
        signature: sign_notification(&text, timestamp, secret, grant.tenant().signing_algorithm()),
        timestamp,
    })
}

/// Acknowledge notifications
#[utoipa::path(
    post,
    path = "/v2/notifications/{cloud_name}/messages/ack",
    tag = "Notifications",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = AcknowledgeRequest, description = "The receipts; JSON."),
    responses((status = 200, description = "What became of them", body = Acknowledged))
)]
pub async fn acknowledge_notifications(
    access: Allow<WriteNotifications>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let receipts = params.list("receipt_handles")?.ok_or_else(|| missing("receipt_handles"))?;
    if receipts.is_empty() || receipts.len() > MOST_RECEIPTS {
        let text = format!("Invalid value for parameter receipt_handles: 1 to {MOST_RECEIPTS} of them");
        return Err(ApiError::invalid(text));
    }
    let mut results = Vec::with_capacity(receipts.len());
    for receipt_handle in receipts {
        let is_gone = match Uuid::try_parse(&receipt_handle) {
            Ok(receipt) => acknowledge(&plane.database, access.grant().tenant().id(), receipt).await?,
            Err(_) => false,
        };
        results.push(Acknowledgement { receipt_handle, status: if is_gone { "acked" } else { "not_found" } });
    }
    Ok(HttpResponse::Ok().json(Acknowledged { results }))
}

/// List the log of notifications
///
/// What was sent to webhooks in the last days, what waits to be sent, and how that went.
#[utoipa::path(
    get,
    path = "/v2/notifications/{cloud_name}/deliveries",
    tag = "Notifications",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("state" = Option<String>, Query, description = "Only those that stand so: `waiting`, `delivered` or `given_up`"),
        ("event_type" = Option<String>, Query, description = "Only those of this type"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 50 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page of the same listing ended"),
    ),
    responses((status = 200, description = "A page", body = DeliveryPage))
)]
pub async fn list_deliveries(
    access: Allow<ReadNotifications>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let state = match params.text("state")? {
        None => None,
        Some(text) => Some(
            State::ALL
                .into_iter()
                .find(|state| state.name() == text)
                .ok_or_else(|| invalid_value("state", &json!(text)))?,
        ),
    };
    let event_type = params.text("event_type")?;
    if let Some(event_type) = &event_type {
        check_type(event_type)?;
    }
    let limit = params.integer_in("max_results", 1..=500, 50)?.unsigned_abs();
    let listing = fingerprint(&format!(
        "deliveries {} {}",
        state.map_or("", State::name),
        event_type.as_deref().unwrap_or_default()
    ));
    let cursor = cursor(&params, "next_cursor", listing)?;
    let (page, next) = log(&plane, access.grant()).list(state, event_type.as_deref(), cursor, limit).await?;
    let next_cursor = next.map(|cursor| cursor.print(listing));
    let notifications = page.into_iter().map(DeliveryView::from).collect();
    Ok(HttpResponse::Ok().json(DeliveryPage { notifications, next_cursor }))
}

/// Send a notification once more
///
/// One that was delivered or given up is tried again for a day, with the same id and payload.
#[utoipa::path(
    post,
    path = "/v2/notifications/{cloud_name}/deliveries/{id}/replay",
    tag = "Notifications",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("id" = String, Path, description = "The notification", example = "0197c9b2f0a67c3ab5b1b6b0c8d6f1aa"),
    ),
    responses(
        (status = 200, description = "It is sent"),
        (status = 404, description = "There is none of that id that is through", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn replay_notification(
    access: Allow<WriteNotifications>,
    request: HttpRequest,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let not_found = || ApiError::not_found("There is no notification of this id that was delivered or given up");
    let id = Uuid::try_parse(request.match_info().get("id").unwrap_or_default()).map_err(|_| not_found())?;
    let permitted = access.grant().permit_within_reach(id, &request);
    if !log(&plane, access.grant()).replay(permitted, plane.clock.now()).await? {
        return Err(not_found());
    }
    Ok(HttpResponse::Ok().json(json!({"message": "ok"})))
}

fn log<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> DeliveryLog<'a> {
    DeliveryLog::of(grant, &plane.database, &plane.settings.region.name)
}
