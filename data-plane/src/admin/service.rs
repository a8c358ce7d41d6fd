//! Whether the service is there, what it used, and how it is set.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, NaiveDate};
use plane_kit::{
    destination::without_credentials,
    error::{ApiError, chain},
    http::{access::Allow, params::Params},
    seam::SeamError,
    settings::SettingsView,
    usage::UsageSummary,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    DataPlane,
    access::{Ping, ReadSettings, ReadUsage, TenantGrant},
    assets::AssetStore,
    views::wire_time,
};

/// The answer to a ping.
#[derive(Debug, Serialize, ToSchema)]
pub struct PingResult {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub status: String,
}

/// Ask whether the service is there
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/ping",
    tag = "Service",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    responses((status = 200, description = "It is", body = PingResult))
)]
pub async fn ping(_: Allow<Ping>) -> HttpResponse {
    HttpResponse::Ok().json(PingResult { status: "ok".into() })
}

/// A metric with its credits.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricUsage {
    /// How much.
    pub usage: i64,
    /// What it is in credits, two decimals.
    pub credits_usage: f64,
}

/// Transformations with their parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransformationUsage {
    /// How many.
    pub usage: i64,
    /// What they are in credits, two decimals.
    pub credits_usage: f64,
    /// Parts by kind: `upload` and `transformation`.
    #[schema(value_type = Object, example = json!({"upload": 1, "transformation": 1}))]
    pub breakdown: Value,
}

/// Credits used and allowed.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreditUsage {
    /// Sum of the metrics' credits.
    pub usage: f64,
    /// The plan's allowance, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Part of the allowance that is used, in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<f64>,
}

/// A plain count.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountUsage {
    /// How many.
    pub usage: i64,
}

/// Usage of a product environment over the last 30 days; storage and objects are present values.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageReport {
    /// Name of the plan.
    #[schema(example = "Self-hosted")]
    pub plan: String,
    /// Day of the data.
    #[schema(example = "2026-11-23")]
    pub last_updated: String,
    /// When it was asked for.
    pub date_requested: String,
    /// Uploads and derived assets.
    pub transformations: TransformationUsage,
    /// Assets and derived assets together.
    pub objects: CountUsage,
    /// Delivered bytes.
    pub bandwidth: MetricUsage,
    /// Stored bytes.
    pub storage: MetricUsage,
    /// Credits.
    pub credits: CreditUsage,
    /// Delivery requests.
    pub requests: i64,
    /// Assets.
    pub resources: u64,
    /// Derived assets.
    pub derived_resources: u64,
    /// Limits of uploads.
    #[schema(value_type = Object, example = json!({"image_max_size_bytes": 100000000, "image_max_px": 100000000}))]
    pub media_limits: Value,
    /// Everything before this moment is in the figures; absent until a node has reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete_until: Option<String>,
    /// When the figures were taken; older than now while the control plane is away.
    pub taken_at: String,
}

/// Read the usage
///
/// Sums of the ledger. While the control plane is away the last known figures are answered with their date.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/usage",
    tag = "Service",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("date" = Option<String>, Query, description = "Last day of the 30, `yyyy-mm-dd`; only today is built"),
    ),
    responses(
        (status = 200, description = "The usage", body = UsageReport),
        (status = 503, description = "The control plane is away and nothing is known yet", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn usage(
    access: Allow<ReadUsage>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let in_path = request.match_info().get("date").map(str::to_owned);
    if let Some(date) = in_path.or(params.text("date")?)
        && day(&date)? != plane.clock.now().date_naive()
    {
        return Err(ApiError::not_built(format!("Usage of a past date (date {date})")));
    }
    let summary = summary(&plane, access.grant()).await?;
    let assets = AssetStore::of(access.grant(), &plane.database, &plane.settings.region.name);
    let (resources, derived_resources) = assets.counts().await?;
    Ok(HttpResponse::Ok().json(report(&plane, access.grant(), &summary, resources, derived_resources)))
}

/// The last known figures, fresh ones if the control plane gives them.
async fn summary(plane: &DataPlane, grant: &TenantGrant) -> Result<UsageSummary, ApiError> {
    let environment = grant.tenant().id();
    match plane.link.usage(environment).await {
        Ok(summary) => {
            plane.known_usage.insert(environment, summary.clone());
            Ok(summary)
        }
        Err(error) => match (plane.known_usage.get(&environment), &error) {
            (Some(summary), SeamError::Away(_)) => Ok(summary),
            _ => Err(ApiError::unavailable("The usage is not known yet; the control plane is away", 5)
                .with_operator_text(chain(&error))),
        },
    }
}

/// A day, year first or day first; the year is the part of four digits.
fn day(text: &str) -> Result<NaiveDate, ApiError> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .or_else(|_| NaiveDate::parse_from_str(text, "%d-%m-%Y"))
        // A moment is of its own day.
        .or_else(|error| DateTime::parse_from_rfc3339(text).map(|moment| moment.date_naive()).map_err(|_| error))
        .map_err(|_| plane_kit::http::params::invalid_value("date", &text.into()))
}

fn report(
    plane: &DataPlane,
    grant: &TenantGrant,
    summary: &UsageSummary,
    resources: u64,
    derived_resources: u64,
) -> UsageReport {
    let (most_bytes, most_pixels) = (grant.tenant().most_bytes(), grant.tenant().most_pixels());
    let credits = &summary.credits;
    let used_percent = credits.limit.filter(|limit| *limit > 0.0).map(|limit| {
        let percent = credits.total / limit * 100.0;
        (percent * 100.0).round() / 100.0
    });
    UsageReport {
        plan: summary.plan.clone(),
        last_updated: summary.taken_at.date_naive().to_string(),
        date_requested: wire_time(plane.clock.now()),
        transformations: TransformationUsage {
            usage: summary.transformations,
            credits_usage: credits.transformations,
            breakdown: json!({"upload": summary.uploads, "transformation": summary.derived}),
        },
        objects: CountUsage { usage: i64::try_from(resources + derived_resources).unwrap_or(i64::MAX) },
        bandwidth: MetricUsage { usage: summary.bandwidth_bytes, credits_usage: credits.bandwidth },
        storage: MetricUsage { usage: summary.storage_bytes, credits_usage: credits.storage },
        credits: CreditUsage { usage: credits.total, limit: credits.limit, used_percent },
        requests: summary.requests,
        resources,
        derived_resources,
        media_limits: json!({
            "image_max_size_bytes": most_bytes,
            "video_max_size_bytes": most_bytes,
            "raw_max_size_bytes": most_bytes,
            "image_max_px": most_pixels,
            "asset_max_total_px": most_pixels,
        }),
        complete_until: summary.complete_until.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)),
        taken_at: summary.taken_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
    }
}

/// A product environment as its keys may see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnvironmentView {
    /// Cloud name.
    #[schema(example = "demo")]
    pub cloud_name: String,
    /// When it was made.
    pub created_at: String,
    /// Settings, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsView>,
}

/// Read the settings
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/config",
    tag = "Service",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("settings" = Option<bool>, Query, description = "Whether settings are shown"),
    ),
    responses((status = 200, description = "The environment", body = EnvironmentView))
)]
pub async fn config(access: Allow<ReadSettings>, params: Params) -> Result<HttpResponse, ApiError> {
    let snapshot = &access.grant().tenant().snapshot;
    let settings = (params.boolean("settings")? == Some(true)).then(|| {
        let mut settings = snapshot.settings.clone();
        settings.notification_url = settings.notification_url.as_deref().map(without_credentials);
        SettingsView::new(snapshot.folder_mode, settings)
    });
    let created_at = wire_time(snapshot.created_at);
    Ok(HttpResponse::Ok().json(EnvironmentView { cloud_name: snapshot.cloud_name.clone(), created_at, settings }))
}
