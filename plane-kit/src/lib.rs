//! What both planes are made of.
//!
//! Nothing here knows an asset, an account or a price. A plane builds its rooms from these pieces: ids and time, secrets and
//! signatures, the witness of access and the routes that demand it, configuration, databases, the types of the seam between
//! the planes, and telemetry. Start reading at [`http::routes`], which holds the central promise of the house.

pub mod audit;
pub mod clock;
pub mod config;
pub mod database;
pub mod destination;
pub mod domains;
pub mod error;
pub mod http;
pub mod ids;
pub mod nearest;
pub mod operations;
pub mod policy;
pub mod seal;
pub mod seam;
pub mod secret;
pub mod settings;
pub mod signature;
pub mod telemetry;
pub mod usage;

#[doc(hidden)]
pub use pastey;
