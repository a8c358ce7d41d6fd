//! The harness of the end-to-end tests: it starts the real program on real databases and talks to it as a client would.
//!
//! Every test file in `tests/` is one subject. Nothing here sleeps to wait for an event: [`harness::eventually`] asks until
//! the event is there or its deadline has passed.

pub mod harness;
pub mod workspace;

/// The crates that the compile-fail proof names, as this library was built with them.
pub mod proof {
    pub use {actix_web, plane_kit, utoipa};
}
