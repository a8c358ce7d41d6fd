//! The rows of the control database, one entity a table. Nothing outside the stores reads them.

use sea_orm::sea_query::LikeExpr;
use serde_json::Value;

pub(crate) mod access_keys;
pub(crate) mod accounts;
pub(crate) mod audit_log;
pub(crate) mod call_records;
pub(crate) mod claimable_clouds;
pub(crate) mod custom_policies;
pub(crate) mod custom_roles;
pub(crate) mod group_members;
pub(crate) mod installation;
pub(crate) mod invitations;
pub(crate) mod membership_environments;
pub(crate) mod memberships;
pub(crate) mod node_reports;
pub(crate) mod persons;
pub(crate) mod product_environments;
pub(crate) mod provisioning_keys;
pub(crate) mod regions;
pub(crate) mod role_assignments;
pub(crate) mod settled_principals;
pub(crate) mod snapshots;
pub(crate) mod usage_daily;
pub(crate) mod usage_ledger;
pub(crate) mod usage_windows;
pub(crate) mod user_groups;

/// Whether both databases can keep a JSON value: PostgreSQL has no zero byte, not even an escaped one.
pub(crate) fn can_be_kept(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(can_be_kept),
        Value::Object(members) => members.iter().all(|(name, value)| !name.contains('\0') && can_be_kept(value)),
    }
}

/// The pattern of texts that begin with `prefix`. What a pattern makes of `%`, `_` and its own escape is taken away from them.
pub(crate) fn begins_with(prefix: &str) -> LikeExpr {
    LikeExpr::new(format!("{}%", escape_like(prefix))).escape('\\')
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_in_a_prefix_mean_themselves() {
        assert_eq!(escape_like(r"50%_a\b"), r"50\%\_a\\b");
    }
}
