//! The Admin API.

pub mod datasources;
pub mod deletion;
pub mod explain;
pub mod folders;
pub mod jobs;
pub mod listings;
pub mod mappings;
pub mod metadata_fields;
pub mod metadata_rules;
pub mod notifications;
pub mod openness;
pub mod paging;
pub mod presets;
pub mod relations;
pub mod resources;
pub mod service;
pub mod streaming_profiles;
pub mod transformations;
pub mod triggers;
