//! Why records could not be carried up.

use plane_kit::seam::SeamError;
use sea_orm::DbErr;

/// Why records could not be carried further. Nothing is lost by it; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The counter files failed.
    #[error("the counter files failed")]
    Counters(#[from] std::io::Error),
    /// The regional database failed.
    #[error("the regional database failed")]
    Database(#[from] DbErr),
    /// The control plane did not take it.
    #[error(transparent)]
    Seam(#[from] SeamError),
}
