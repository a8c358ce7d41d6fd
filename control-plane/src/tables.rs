//! The rows of the control database, one entity a table. Nothing outside the stores reads them.

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
