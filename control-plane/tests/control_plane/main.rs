//! The control plane from outside: its HTTP interface, the seam, and what an operator calls.
//!
//! Every case is a function over a [`harness::Stage`] and runs on SQLite always, and on PostgreSQL when
//! `SAFELIGHT_TEST_POSTGRES_URL` names a server on which databases may be made.

mod access;
mod access_keys;
mod advisor;
mod audit;
mod description;
mod environments;
mod harness;
mod invitations;
mod kek;
mod key_lifecycle;
mod key_permissions;
mod operator;
mod permissions_v2;
mod provisioning_keys;
mod rates;
mod rehearse;
mod signup;
mod snapshots;
mod statuses;
mod usage;
mod user_groups;
mod users;
