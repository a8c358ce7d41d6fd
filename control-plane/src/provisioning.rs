//! The Provisioning API: product environments, their access keys, users and their groups, roles and policies, provisioning keys, what is
//! billed, and who did what.

mod access_keys;
mod agents;
pub(crate) mod audit;
mod billing;
mod environments;
mod invitations;
mod key_lifecycle;
mod key_permissions;
mod permissions;
mod permissions_v2;
mod provisioning_keys;
mod rehearse;
mod settings;
mod user_groups;
mod users;

use chrono::{DateTime, SecondsFormat, Utc};
use plane_kit::{
    error::ApiError,
    http::{
        gaps,
        params::{Params, invalid_value},
        routes::Routes,
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The operations of the vendor's Provisioning and Permissions APIs that are not built yet.
const GAPS: &str = include_str!("../../openapi/gaps/control-plane.txt");
/// A filter may name this many ids or names.
const LONGEST_FILTER: usize = 100;
/// Entries of a page when only its number is asked for.
const USUAL_PAGE: i64 = 50;
/// The largest page.
const LARGEST_PAGE: i64 = 500;
/// The last page that may be asked for.
const LAST_PAGE: i64 = 100;
/// The last page of product environments, of which an account may have more than the vendor's wire can page through.
const LAST_ENVIRONMENT_PAGE: i64 = 100_000;

/// The routes, and behind them those that are answered as not built.
pub(crate) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes.merge(environments::routes());
    routes.merge(settings::routes());
    routes.merge(access_keys::routes());
    routes.merge(key_permissions::routes());
    routes.merge(key_lifecycle::routes());
    routes.merge(permissions::routes());
    routes.merge(permissions_v2::routes());
    routes.merge(users::routes());
    routes.merge(invitations::routes());
    routes.merge(agents::routes());
    routes.merge(user_groups::routes());
    routes.merge(provisioning_keys::routes());
    routes.merge(billing::routes());
    routes.merge(audit::routes());
    routes.merge(rehearse::routes());
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

/// A list that filters, of bounded length. One without entries filters nothing: official clients send it where nothing was said.
fn filter_list(params: &Params, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let list = params.list(name)?;
    match &list {
        Some(items) if items.len() > LONGEST_FILTER => {
            Err(ApiError::invalid(format!("Invalid value for parameter {name}: at most {LONGEST_FILTER} entries")))
        }
        _ => Ok(list.filter(|items| !items.is_empty())),
    }
}

/// The page that is asked for, from 1, and its size; none when everything is.
fn page(params: &Params) -> Result<Option<(u64, u64)>, ApiError> {
    page_up_to(params, LAST_PAGE)
}

/// The same with a last page of one's own.
fn page_up_to(params: &Params, last: i64) -> Result<Option<(u64, u64)>, ApiError> {
    let is_paged = params.get("page").is_some() || params.get("page_size").is_some();
    let page = params.integer_in("page", 1..=last, 1)?;
    let size = params.integer_in("page_size", 1..=LARGEST_PAGE, USUAL_PAGE)?;
    Ok(is_paged.then_some((page.unsigned_abs(), size.unsigned_abs())))
}

/// Whether the largest comes first, as it does when nothing is said.
fn is_descending(params: &Params) -> Result<bool, ApiError> {
    match params.text("sort_order")?.as_deref() {
        None | Some("desc") => Ok(true),
        Some("asc") => Ok(false),
        Some(other) => Err(invalid_value("sort_order", &Value::from(other))),
    }
}
