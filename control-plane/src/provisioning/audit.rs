//! The audit log and the call records of an account on the wire.

use actix_web::{
    HttpResponse,
    web::{Bytes, Json},
};
use chrono::{DateTime, SecondsFormat, Utc};
use futures::{StreamExt, stream};
use plane_kit::{
    audit::{AuditRecord, OTHER, Outcome, State},
    error::ApiError,
    http::{
        access::Allow,
        params::{Params, invalid_value, missing},
        routes::Routes,
    },
    ids::EnvironmentId,
    routes,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{users::moment, wire_time};
use crate::{
    access::{AccountGrant, DestroyAudit, ReadAudit},
    audit::{self, AuditFilter, AuditLog, CallFilter, Calls, PageEnd},
    tables::call_records,
};

/// Records of a page when its length is not asked for.
const USUAL_PAGE: i64 = 50;
/// The longest page.
const LONGEST_PAGE: i64 = 500;
/// What JSON lines are served as.
const JSON_LINES: &str = "application/x-ndjson";

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_audit_log, get_call_records, purge_call_records);
    routes
}

/// One change: who, what, when, from where, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    pub id: String,
    /// When it happened, in UTC, to the microsecond.
    #[schema(format = DateTime, example = "2026-11-24T12:00:00.000000Z")]
    pub at: String,
    /// The product environment; null for changes of the account.
    pub sub_account_id: Option<String>,
    /// The region where it happened; null on the control plane.
    #[schema(example = "eu")]
    pub region: Option<String>,
    /// `key:…`, `provisioning_key:…`, `user:…`, `preset:…`, `anonymous`, `operator` or `program`.
    #[schema(example = "key:814799152538476")]
    pub actor: String,
    /// The operation.
    #[schema(example = "upload")]
    pub operation: String,
    /// What was changed.
    #[schema(example = "image/upload/cats/tom")]
    pub target: String,
    /// Address of the connection's other end; null when there is none.
    #[schema(example = "203.0.113.7")]
    pub address: Option<String>,
    /// The request, as its answer named it in `X-Request-Id`; null when there is none.
    pub request_id: Option<String>,
    /// The state before, without secrets; null when it was made.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// The state after, without secrets; null when it was taken away.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

impl From<AuditRecord> for AuditEntry {
    fn from(record: AuditRecord) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            id: record.id.as_simple().to_string(),
            at: precise(record.at),
            sub_account_id: record.environment.map(|id| id.to_string()),
            region: some(record.region),
            actor: record.actor,
            operation: record.operation,
            target: record.target,
            address: some(record.address),
            request_id: some(record.request),
            before: record.before.map(State::into_value),
            after: record.after.map(State::into_value),
        }
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct AuditLogResponse {
    /// Records, newest first.
    audit_log: Vec<AuditEntry>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Calls of one kind within an hour, as one node counted them.
#[derive(Debug, Serialize, ToSchema)]
struct CallEntry {
    /// The start of the hour, in UTC.
    #[schema(format = DateTime, example = "2026-11-24T12:00:00Z")]
    hour: String,
    /// The product environment.
    sub_account_id: String,
    /// The region.
    #[schema(example = "eu")]
    region: String,
    /// Who called, as in `key:…`; `other` when there were too many to be told apart.
    #[schema(example = "key:814799152538476")]
    actor: String,
    /// The operation.
    #[schema(example = "upload")]
    operation: String,
    /// Its method.
    #[schema(example = "POST")]
    method: String,
    /// The folder that it was about; null where it was about none or that is not known.
    folder: Option<String>,
    /// `permitted` or `refused`, as it was decided; what then came of a permitted call is not said.
    #[schema(example = "permitted")]
    outcome: String,
    /// How many.
    count: i64,
    /// The last of them.
    #[schema(format = DateTime, example = "2026-11-24T12:34:56.000000Z")]
    last_at: String,
}

impl From<call_records::Model> for CallEntry {
    fn from(row: call_records::Model) -> Self {
        Self {
            hour: wire_time(row.hour),
            sub_account_id: EnvironmentId(row.environment_id).to_string(),
            region: row.region,
            actor: row.actor,
            operation: row.operation,
            method: row.method,
            folder: row.folder,
            outcome: row.outcome,
            count: row.count,
            last_at: precise(row.last_at),
        }
    }
}

/// A page of call records.
#[derive(Debug, Serialize, ToSchema)]
struct CallRecordsResponse {
    /// Records, newest hour first.
    call_records: Vec<CallEntry>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// How many call records were purged.
#[derive(Debug, Serialize, ToSchema)]
struct PurgedResponse {
    /// How many there were.
    deleted: u64,
}

/// A time to the microsecond, finer than the vendor's wire has it: changes of one second have an order too.
fn precise(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn environment(params: &Params) -> Result<Option<EnvironmentId>, ApiError> {
    let Some(text) = params.text("sub_account_id")? else {
        return Ok(None);
    };
    text.parse::<EnvironmentId>().map(Some).map_err(|_| invalid_value("sub_account_id", &Value::from(text)))
}

fn page_end(params: &Params) -> Result<Option<PageEnd>, ApiError> {
    let Some(text) = params.text("next_cursor")? else {
        return Ok(None);
    };
    PageEnd::parse(&text).map(Some).ok_or_else(|| invalid_value("next_cursor", &Value::from(text)))
}

fn page_length(params: &Params) -> Result<u64, ApiError> {
    Ok(params.integer_in("max_results", 1..=LONGEST_PAGE, USUAL_PAGE)?.unsigned_abs())
}

fn audit_filter(params: &Params) -> Result<AuditFilter, ApiError> {
    let filter = AuditFilter {
        from: moment(params, "from")?.map(|span| span.0),
        to: moment(params, "to")?.map(|span| span.1),
        actor: params.text("actor")?,
        operation: params.text("operation")?,
        environment: environment(params)?,
        target: params.text("target")?,
    };
    match filter.impossible() {
        Some((name, value)) => Err(invalid_value(name, &Value::from(value))),
        None => Ok(filter),
    }
}

fn call_filter(params: &Params) -> Result<CallFilter, ApiError> {
    let outcome = match params.text("outcome")? {
        None => None,
        Some(name) => {
            Some(Outcome::from_name(&name).ok_or_else(|| invalid_value("outcome", &Value::from(name.as_str())))?)
        }
    };
    let filter = CallFilter {
        from: moment(params, "from")?.map(|span| span.0),
        to: moment(params, "to")?.map(|span| span.1),
        actor: params.text("actor")?,
        operation: params.text("operation")?,
        outcome,
        environment: environment(params)?,
    };
    match audit::impossible(filter.operation.as_deref(), filter.actor.as_deref(), Some(OTHER)) {
        Some((name, value)) => Err(invalid_value(name, &Value::from(value))),
        None => Ok(filter),
    }
}

/// Get the audit log.
///
/// Every change on either plane that was made in the account: by whom, from where, what was before and what after, never a secret.
/// Changes in a region arrive a moment after they were made. With `format=jsonl` everything that passes the filters is streamed as
/// one JSON object a line, and `max_results` is of no effect.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/audit_log",
    tag = "Audit",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("from" = Option<String>, Query, description = "Only since this day or moment; UTC unless it says otherwise.", example = "2026-11-01"),
        ("to" = Option<String>, Query, description = "Only until this day or moment, inclusive.", example = "2026-11-30"),
        ("actor" = Option<String>, Query, description = "Only by this actor, as in `key:814799152538476`."),
        ("operation" = Option<String>, Query, description = "Only this operation.", example = "destroy"),
        ("sub_account_id" = Option<String>, Query, description = "Only of this product environment, which may be deleted."),
        ("target" = Option<String>, Query, description = "Only what was changed under names that begin so.", example = "image/upload/cats/"),
        ("max_results" = Option<i64>, Query, description = "Records of a page, 1 to 500. Default: 50."),
        ("next_cursor" = Option<String>, Query, description = "Where the page begins, as the page before said."),
        ("format" = Option<String>, Query, description = "json (default) or jsonl.", example = "json"),
    ),
    responses((status = 200, description = "The records.", body = AuditLogResponse)),
)]
async fn get_audit_log(allow: Allow<ReadAudit>, params: Params) -> Result<HttpResponse, ApiError> {
    let (filter, behind) = (audit_filter(&params)?, page_end(&params)?);
    let length = page_length(&params)?;
    match params.text("format")?.as_deref() {
        None | Some("json") => {
            let (records, end) = AuditLog::of(allow.grant()).page(&filter, behind, length).await?;
            let audit_log = records.into_iter().map(AuditEntry::from).collect();
            Ok(HttpResponse::Ok().json(AuditLogResponse { audit_log, next_cursor: end.map(PageEnd::print) }))
        }
        Some("jsonl") => lines(allow.into_grant(), filter, behind).await,
        Some(other) => Err(invalid_value("format", &Value::from(other))),
    }
}

/// Everything that passes, a page at a time: no more than that is held, however long the log is. The first page is read before the
/// answer begins, so that a database that is away is an error and not a short answer.
async fn lines(grant: AccountGrant, filter: AuditFilter, behind: Option<PageEnd>) -> Result<HttpResponse, ApiError> {
    let (first, end) = page_of_lines(&grant, &filter, behind).await?;
    let rest = stream::try_unfold((grant, filter, end), |(grant, filter, behind)| async move {
        let Some(behind) = behind else {
            return Ok::<_, ApiError>(None);
        };
        let (lines, end) = page_of_lines(&grant, &filter, Some(behind)).await?;
        Ok(Some((lines, (grant, filter, end))))
    });
    let whole = stream::iter([Ok::<_, ApiError>(first)]).chain(rest);
    Ok(HttpResponse::Ok().content_type(JSON_LINES).streaming(whole))
}

async fn page_of_lines(
    grant: &AccountGrant,
    filter: &AuditFilter,
    behind: Option<PageEnd>,
) -> Result<(Bytes, Option<PageEnd>), ApiError> {
    let (records, end) = AuditLog::of(grant).page(filter, behind, LONGEST_PAGE.unsigned_abs()).await?;
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, &AuditEntry::from(record)).map_err(|error| ApiError::internal(&error))?;
        lines.push(b'\n');
    }
    Ok((Bytes::from(lines), end))
}

/// Get call records.
///
/// How often which access key asked for what, by hour, and what was decided. They are kept for some days, and bounded: of too many
/// kinds of calls folders are left out first, and then actors.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/call_records",
    tag = "Audit",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("from" = Option<String>, Query, description = "Only hours that begin at or after this day or moment.", example = "2026-11-01"),
        ("to" = Option<String>, Query, description = "Only hours that begin until this day or moment, inclusive.", example = "2026-11-30"),
        ("actor" = Option<String>, Query, description = "Only by this actor, as in `key:814799152538476`."),
        ("operation" = Option<String>, Query, description = "Only this operation.", example = "upload"),
        ("outcome" = Option<String>, Query, description = "Only permitted or refused ones.", example = "refused"),
        ("sub_account_id" = Option<String>, Query, description = "Only of this product environment, which may be deleted."),
        ("max_results" = Option<i64>, Query, description = "Records of a page, 1 to 500. Default: 50."),
        ("next_cursor" = Option<String>, Query, description = "Where the page begins, as the page before said."),
    ),
    responses((status = 200, description = "The records.", body = CallRecordsResponse)),
)]
async fn get_call_records(allow: Allow<ReadAudit>, params: Params) -> Result<Json<CallRecordsResponse>, ApiError> {
    let (filter, behind) = (call_filter(&params)?, page_end(&params)?);
    let (rows, end) = Calls::of(allow.grant()).page(&filter, behind, page_length(&params)?).await?;
    let call_records = rows.into_iter().map(CallEntry::from).collect();
    Ok(Json(CallRecordsResponse { call_records, next_cursor: end.map(PageEnd::print) }))
}

/// Purge call records.
///
/// Forgets the call records of hours that began before a day or moment. The audit log keeps that it was done.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/call_records",
    tag = "Audit",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("before" = String, Query, description = "The day or moment.", example = "2026-11-01"),
    ),
    responses((status = 200, description = "They are gone.", body = PurgedResponse)),
)]
async fn purge_call_records(allow: Allow<DestroyAudit>, params: Params) -> Result<Json<PurgedResponse>, ApiError> {
    let (before, _) = moment(&params, "before")?.ok_or_else(|| missing("before"))?;
    Ok(Json(PurgedResponse { deleted: Calls::of(allow.grant()).purge(before).await? }))
}
