//! The Admin API.

pub mod deletion;
pub mod folders;
pub mod listings;
pub mod mappings;
pub mod paging;
pub mod presets;
pub mod resources;
pub mod service;
