//! The HTTP kit of both planes.

pub mod access;
pub mod docs;
pub mod edge;
pub mod gaps;
pub mod listener;
pub mod params;
pub mod path;
pub mod rate;
pub mod routes;
