//! The Admin API.

pub mod resources;
pub mod service;
