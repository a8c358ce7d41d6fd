//! The rows of the control database, one entity a table. Nothing outside the stores reads them.

use serde_json::Value;

pub(crate) mod access_keys;
pub(crate) mod accounts;
pub(crate) mod installation;
pub(crate) mod node_reports;
pub(crate) mod product_environments;
pub(crate) mod provisioning_keys;
pub(crate) mod regions;
pub(crate) mod snapshots;
pub(crate) mod usage_daily;
pub(crate) mod usage_ledger;
pub(crate) mod usage_windows;

/// Whether both databases can keep a JSON value: PostgreSQL has no zero byte, not even an escaped one.
pub(crate) fn can_be_kept(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(can_be_kept),
        Value::Object(members) => members.iter().all(|(name, value)| !name.contains('\0') && can_be_kept(value)),
    }
}
