//! Jobs over HTTP.

use actix_web::{HttpResponse, web};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::cursor;
use crate::{
    DataPlane,
    access::ReadJobs,
    assets::list::fingerprint,
    jobs::list::{JobState, ShownJob, list},
    views::wire_time,
};

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobPage {
    /// The jobs that are not done, oldest first.
    jobs: Vec<JobView>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    id: String,
    /// What it is.
    #[schema(example = "notification")]
    kind: String,
    /// `waiting` or `running`.
    #[schema(example = "waiting")]
    state: &'static str,
    /// How often it was tried.
    attempts: i32,
    /// When it is tried next, if it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it came into being.
    created_at: String,
}

impl From<ShownJob> for JobView {
    fn from(job: ShownJob) -> Self {
        Self {
            id: job.id.as_simple().to_string(),
            kind: job.kind,
            state: match job.state {
                JobState::Waiting => "waiting",
                JobState::Running => "running",
            },
            attempts: job.attempts,
            due_at: job.due_at.map(wire_time),
            error: job.error,
            created_at: wire_time(job.created_at),
        }
    }
}

/// List jobs
///
/// What the environment was promised for later and is not done: notifications, eager transformations, asynchronous uploads.
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/jobs",
    tag = "Service",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("max_results" = Option<u32>, Query, description = "Length of the page, 1 to 500; 50 when absent"),
        ("next_cursor" = Option<String>, Query, description = "Where the last page ended"),
    ),
    responses((status = 200, description = "A page", body = JobPage))
)]
pub async fn list_jobs(
    access: Allow<ReadJobs>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let limit = params.integer_in("max_results", 1..=500, 50)?.unsigned_abs();
    let listing = fingerprint("jobs");
    let cursor = cursor(&params, "next_cursor", listing)?;
    let (page, next) = list(access.grant(), &plane.database, cursor, limit).await?;
    let jobs = page.into_iter().map(JobView::from).collect();
    Ok(HttpResponse::Ok().json(JobPage { jobs, next_cursor: next.map(|cursor| cursor.print(listing)) }))
}
