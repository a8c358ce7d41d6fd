//! How long work on assets is tried. Notifications have a patience of their own.

use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::error::{ApiError, ErrorCode};

use super::{
    Claim,
    runner::{Ended, JobError},
};
use crate::Plane;

/// After which time a job is told as failed that failed each time.
const GIVE_UP: TimeDelta = TimeDelta::days(1);
/// How long the jobs of an environment rest that is switched off.
const REST: TimeDelta = TimeDelta::hours(1);

/// How often a job is tried at least, however long it has waited.
const LEAST_ATTEMPTS: i32 = 3;

/// Whether a job is tried for the last time.
pub fn is_last(claim: &Claim, now: DateTime<Utc>) -> bool {
    claim.created_at + GIVE_UP <= now && claim.attempts >= LEAST_ATTEMPTS
}

/// Why a job is not begun once more from which nodes did not come back.
pub const SPENT: &str = "it broke off too often";

/// Whether trying again is of no use.
pub fn is_final(error: &ApiError) -> bool {
    error.code().status().is_client_error() && error.code() != ErrorCode::Busy
}

/// What becomes of the job of an environment that is switched off.
pub async fn rest(plane: &Plane, claim: &Claim, now: DateTime<Utc>) -> Result<Ended, JobError> {
    let writer = plane.database.writer();
    if is_last(claim, now) {
        claim.finish(writer).await?;
        return Ok(Ended::GivenUp);
    }
    claim.postpone(writer, now + REST, "the environment is switched off").await?;
    Ok(Ended::PutOff)
}
