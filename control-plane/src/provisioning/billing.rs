//! What is billed, on the wire.

use actix_web::web::Json;
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    routes,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    access::ReadBilling,
    billing::{AccountBilling, YearOfAccount, cycles},
};

/// Years that can be asked for.
const YEARS: std::ops::RangeInclusive<i64> = 1970..=9999;

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_billing_usage);
    routes
}

/// Usage under one plan.
#[derive(Debug, Serialize, ToSchema)]
struct PlanUsage {
    /// Name of the plan.
    #[schema(example = "Plus")]
    plan_name: String,
    /// Usage by metric.
    metric_usage: Vec<MetricUsage>,
}

/// Usage of one metric.
#[derive(Debug, Serialize, ToSchema)]
struct MetricUsage {
    /// What is measured; always `credit`.
    #[schema(example = "credit")]
    metric: &'static str,
    /// What the plan allows in a cycle; absent when it limits nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    /// The cycles that began in the year, oldest first; a cycle is a calendar month.
    cycles: Vec<UsageCycle>,
}

/// Usage in one billing cycle.
#[derive(Debug, Serialize, ToSchema)]
struct UsageCycle {
    /// First day.
    #[schema(format = Date, example = "2026-11-01")]
    from_day: String,
    /// Last day, inclusive.
    #[schema(format = Date, example = "2026-11-30")]
    to_day: String,
    /// Credits used: the sum of the breakdown.
    usage: f64,
    /// Credits by metric and type of asset.
    breakdown: UsageBreakdown,
    /// The same for each product environment; there only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    product_environment_breakdown: Option<Vec<EnvironmentBreakdown>>,
}

/// Credits by metric and type of asset.
#[derive(Debug, Serialize, ToSchema)]
struct UsageBreakdown {
    /// Stored images, the average of the days.
    storage_image: f64,
    /// Stored videos, the average of the days.
    storage_video: f64,
    /// Stored raw files, the average of the days.
    storage_raw: f64,
    /// Transformations of images.
    transformations_image: f64,
    /// Transformations of videos.
    transformations_video: f64,
    /// Delivered images.
    bandwidth_image: f64,
    /// Delivered videos.
    bandwidth_video: f64,
    /// Delivered raw files.
    bandwidth_raw: f64,
}

/// Credits of one product environment.
#[derive(Debug, Serialize, ToSchema)]
struct EnvironmentBreakdown {
    /// The credits.
    #[serde(flatten)]
    breakdown: UsageBreakdown,
    /// The product environment.
    #[schema(example = "product3")]
    cloud_name: String,
}

impl From<cycles::Breakdown> for UsageBreakdown {
    fn from(breakdown: cycles::Breakdown) -> Self {
        Self {
            storage_image: breakdown.storage_image,
            storage_video: breakdown.storage_video,
            storage_raw: breakdown.storage_raw,
            transformations_image: breakdown.transformations_image,
            transformations_video: breakdown.transformations_video,
            bandwidth_image: breakdown.bandwidth_image,
            bandwidth_video: breakdown.bandwidth_video,
            bandwidth_raw: breakdown.bandwidth_raw,
        }
    }
}

fn cycle(cycle: cycles::Cycle, by_environment: bool) -> UsageCycle {
    let environments = cycle.environments.into_iter();
    let of_environment = |(cloud_name, breakdown): (String, cycles::Breakdown)| EnvironmentBreakdown {
        breakdown: breakdown.into(),
        cloud_name,
    };
    UsageCycle {
        from_day: cycle.from_day.to_string(),
        to_day: cycle.to_day.to_string(),
        usage: cycle.usage,
        breakdown: cycle.breakdown.into(),
        product_environment_breakdown: by_environment.then(|| environments.map(of_environment).collect()),
    }
}

/// The plans of a year: one, or none when the account did not exist.
fn plans(year: YearOfAccount, by_environment: bool) -> Vec<PlanUsage> {
    if year.cycles.is_empty() {
        return Vec::new();
    }
    let cycles = year.cycles.into_iter().map(|one| cycle(one, by_environment)).collect();
    let metric = MetricUsage { metric: "credit", limit: year.limit, cycles };
    vec![PlanUsage { plan_name: year.plan, metric_usage: vec![metric] }]
}

/// Get billing usage information.
///
/// Credits of the account by calendar month, for one year. The list is empty for a year in which the account did not exist.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/billing_usage",
    tag = "Billing Usage",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("year" = Option<i32>, Query, description = "The year. Default: the present one.", example = 2026),
        ("include_prodenv_breakdown" = Option<bool>, Query, description = "Adds the credits of each product environment. Default: false."),
    ),
    responses((status = 200, description = "Usage by plan.", body = Vec<PlanUsage>)),
)]
async fn get_billing_usage(allow: Allow<ReadBilling>, params: Params) -> Result<Json<Vec<PlanUsage>>, ApiError> {
    let billing = AccountBilling::of(allow.grant());
    let year = params.integer_in("year", YEARS, i64::from(billing.present_year()))?;
    let by_environment = params.boolean("include_prodenv_breakdown")?.unwrap_or(false);
    let year = billing.year(i32::try_from(year).unwrap_or_default()).await?;
    Ok(Json(plans(year, by_environment)))
}
