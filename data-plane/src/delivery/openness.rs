//! Whether an asset that was found is open to who asks, by the rules that people put on it.

use chrono::{DateTime, Utc};
use plane_kit::error::ApiError;

use super::{admit::AdmittedDelivery, locate::LocatedAsset, respond::KeptFor};
use crate::assets::access_control::Openness;

/// Refuses what its access rules keep from who asks. The owner, who asks by a signed call, has everything.
pub(crate) fn check(
    admitted: &AdmittedDelivery<'_>,
    asset: &LocatedAsset,
    now: DateTime<Utc>,
) -> Result<KeptFor, ApiError> {
    let refused = |why: &str| {
        let public_id = &asset.record.name.public_id;
        Err(ApiError::unauthorized(format!("Access to {public_id} is restricted - {why} - deny or ACL failure")))
    };
    match asset.record.access.at(now) {
        Openness::Unrestricted => Ok(KeptFor::EVERYBODY),
        _ if admitted.is_by_signed_call() => Ok(KeptFor::asker(0)),
        Openness::Window(None) => Ok(KeptFor::EVERYBODY),
        // Rounded down, so that nothing is kept when the window has closed.
        Openness::Window(Some(end)) => Ok(KeptFor::asker((end - now).num_seconds().unsigned_abs())),
        Openness::Signed if admitted.is_signed() => Ok(KeptFor::asker(0)),
        Openness::Signed => refused("the address has to be signed (tokens, `__cld_token__`, are not built yet)"),
        Openness::Closed => refused("it is outside of the time in which it is open"),
    }
}
