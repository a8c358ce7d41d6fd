//! The Provisioning API: product environments, their access keys, and what is billed.

mod access_keys;
mod billing;
mod environments;
mod key_permissions;
mod permissions;

use chrono::{DateTime, SecondsFormat, Utc};
use plane_kit::{
    error::ApiError,
    http::{gaps, params::Params, routes::Routes},
};
use serde::Serialize;
use utoipa::ToSchema;

/// The operations of the vendor's Provisioning and Permissions APIs that are not built yet.
const GAPS: &str = include_str!("../../openapi/gaps/control-plane.txt");
/// A filter may name this many ids or names.
const LONGEST_FILTER: usize = 100;

/// The routes, and behind them those that are answered as not built.
pub(crate) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes.merge(environments::routes());
    routes.merge(access_keys::routes());
    routes.merge(key_permissions::routes());
    routes.merge(permissions::routes());
    routes.merge(billing::routes());
    routes.merge(gaps::routes(GAPS));
    routes
}

/// What a deletion answers.
#[derive(Debug, Serialize, ToSchema)]
struct Done {
    /// Always `ok`.
    #[schema(example = "ok")]
    message: &'static str,
}

impl Done {
    const OK: Self = Self { message: "ok" };
}

/// A time as the vendor's wire has it: ISO 8601 in UTC, whole seconds, with `Z`.
fn wire_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A list that filters, of bounded length.
fn filter_list(params: &Params, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let list = params.list(name)?;
    match &list {
        Some(items) if items.len() > LONGEST_FILTER => {
            Err(ApiError::invalid(format!("Invalid value for parameter {name}: at most {LONGEST_FILTER} entries")))
        }
        _ => Ok(list),
    }
}
