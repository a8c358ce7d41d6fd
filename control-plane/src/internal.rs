//! The seam over HTTP: what a data plane asks under `/internal/v1`.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    http::header::CONTENT_LENGTH,
    web::{BytesMut, Json, Path, Payload},
};
use futures::StreamExt;
use plane_kit::{
    audit::AuditBatch,
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    ids::EnvironmentId,
    routes,
    seam::SnapshotPage,
    usage::{UsageBatch, UsageSummary},
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    access::{ReadRegion, WriteRegion},
    audit::Intake,
    billing::RegionBilling,
    follow::FollowError,
    ledger::Ledger,
};

/// A batch may be this long, in bytes.
const BATCH_LIMIT: usize = 8 * 1024 * 1024;
/// The longest wait that a data plane may ask for, in milliseconds; the configured limit may be shorter.
const LONGEST_WAIT_MS: i64 = 120_000;

/// The routes.
pub(crate) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_region_snapshots, ship_region_usage, ship_region_audit, get_environment_usage);
    routes
}

/// The answer to a batch that has been taken.
#[derive(Debug, Serialize, ToSchema)]
struct Taken {
    /// Records of the batch; they are all in the ledger now.
    records: usize,
    /// Windows of the batch; they are all known now.
    windows: usize,
}

/// The answer to a batch of audit and call records that has been taken.
#[derive(Debug, Serialize, ToSchema)]
struct TakenAudit {
    /// Audit records of the batch; they are all in the log now.
    records: usize,
    /// Call records of the batch; they are all known now.
    calls: usize,
}

impl From<FollowError> for ApiError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::UnknownRegion(_) => Self::not_found(error.to_string()),
            FollowError::Database(source) => source.into(),
        }
    }
}

/// Follow the snapshots of a region.
///
/// Snapshots after a sequence number, waiting while there is none. Asking also acknowledges everything up to `after`.
#[utoipa::path(
    get,
    path = "/internal/v1/regions/{region}/snapshots",
    tag = "Regions",
    params(
        ("region" = String, Path, description = "The region; must be the token's.", example = "eu"),
        ("x-safelight-region" = String, Header, description = "The region; must be the token's."),
        ("after" = Option<i64>, Query, description = "The last sequence number that the region has applied. Default: 0."),
        ("wait_ms" = Option<i64>, Query, description = "How long to wait while there is none, in milliseconds. Default: 0."),
    ),
    responses((
        status = 200,
        description = "Signed snapshots in the order of their sequence numbers (`items`), and the highest number (`head`).",
        body = Object,
        example = json!({"items": [{"seq": 7, "payload": "{…}", "signature": "base64"}], "head": 7}),
    )),
)]
async fn get_region_snapshots(allow: Allow<ReadRegion>, params: Params) -> Result<Json<SnapshotPage>, ApiError> {
    let after = params.integer_in("after", 0..=i64::MAX, 0)?;
    let wait_ms = params.integer_in("wait_ms", 0..=LONGEST_WAIT_MS, 0)?;
    let grant = allow.grant();
    let wait = Duration::from_millis(wait_ms.unsigned_abs());
    Ok(Json(grant.foundation().followers.page(grant.region(), after, wait).await?))
}

/// Hand usage over.
///
/// Puts a batch into the ledger, once: sending it again changes nothing. A batch with a bad record is refused whole.
#[utoipa::path(
    post,
    path = "/internal/v1/regions/{region}/usage",
    tag = "Regions",
    params(
        ("region" = String, Path, description = "The region; must be the token's.", example = "eu"),
        ("x-safelight-region" = String, Header, description = "The region; must be the token's."),
    ),
    request_body(content = Object, description = "`records`, `windows` and `idle` nodes as JSON, at most 8 MiB."),
    responses((status = 200, description = "Everything in the batch is in the ledger.", body = Taken)),
)]
async fn ship_region_usage(
    allow: Allow<WriteRegion>,
    request: HttpRequest,
    body: Payload,
) -> Result<Json<Taken>, ApiError> {
    let batch: UsageBatch = read_batch(&request, body).await?;
    Ledger::of(allow.grant()).take(&batch).await?;
    Ok(Json(Taken { records: batch.records.len(), windows: batch.windows.len() }))
}

/// Hand audit and call records over.
///
/// Adds a batch to the audit log and the call records, once: sending it again changes nothing. A batch with a bad record is refused
/// whole.
#[utoipa::path(
    post,
    path = "/internal/v1/regions/{region}/audit",
    tag = "Regions",
    params(
        ("region" = String, Path, description = "The region; must be the token's.", example = "eu"),
        ("x-safelight-region" = String, Header, description = "The region; must be the token's."),
    ),
    request_body(content = Object, description = "`records` and `calls` as JSON, at most 8 MiB."),
    responses((status = 200, description = "Everything in the batch is known.", body = TakenAudit)),
)]
async fn ship_region_audit(
    allow: Allow<WriteRegion>,
    request: HttpRequest,
    body: Payload,
) -> Result<Json<TakenAudit>, ApiError> {
    let batch: AuditBatch = read_batch(&request, body).await?;
    Intake::of(allow.grant()).take(&batch).await?;
    Ok(Json(TakenAudit { records: batch.records.len(), calls: batch.calls.len() }))
}

/// Sums of an environment.
///
/// The usage of the last 30 days, the bytes stored now, and until when that is complete.
#[utoipa::path(
    get,
    path = "/internal/v1/usage/{environment}",
    tag = "Regions",
    params(
        (
            "environment" = String,
            Path,
            description = "The product environment's id; it must be of the token's region.",
            example = "0197c9b2f0a67c3ab5b1b6b0c8d6f1aa"
        ),
        ("x-safelight-region" = String, Header, description = "The region; must be the token's."),
    ),
    responses(
        (status = 200, description = "The sums.", body = Object),
        (status = 404, description = "Not there, or another region's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_environment_usage(
    allow: Allow<ReadRegion>,
    environment: Path<String>,
) -> Result<Json<UsageSummary>, ApiError> {
    let unknown = || ApiError::not_found(format!("Cannot find environment with id {environment}"));
    let environment: EnvironmentId = environment.parse().map_err(|_| unknown())?;
    Ok(Json(RegionBilling::of(allow.grant()).summary(environment).await?))
}

/// Reads a batch from a body that is taken only after the witness, so that strangers cannot make us hold their bytes.
async fn read_batch<T: DeserializeOwned>(request: &HttpRequest, mut body: Payload) -> Result<T, ApiError> {
    let too_long = || ApiError::invalid(format!("The batch is longer than {BATCH_LIMIT} bytes"));
    let header = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared: Option<usize> = header.and_then(|text| text.parse().ok());
    if declared.is_some_and(|length| length > BATCH_LIMIT) {
        return Err(too_long());
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| ApiError::invalid(format!("The body could not be read: {error}")))?;
        if bytes.len() + chunk.len() > BATCH_LIMIT {
            return Err(too_long());
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|error| ApiError::invalid(format!("Malformed batch: {error}")))
}
