//! The Admin API.

pub mod deletion;
pub mod listings;
pub mod resources;
pub mod service;
