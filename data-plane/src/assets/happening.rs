//! What happens to assets and folders, for whoever wants to be told. The stores say what happened, in the transaction in which it
//! does; how that is told, and to whom, is the herald's.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use plane_kit::audit::Origin;
use sea_orm::{DatabaseTransaction, DbErr};
use transform::analysis::Analysis;

use super::{
    analyses::Questions,
    early::Early,
    record::{AssetName, AssetRecord},
};

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum Happening<'a> {
    /// An asset was uploaded or replaced.
    Uploaded {
        /// The asset as it is now.
        asset: &'a AssetRecord,
        /// What was asked for ahead.
        early: &'a [Early],
        /// Whether it was there before and was to be kept; told of who was answered before that was known.
        is_existing: bool,
        /// What the call wants to know of what it shows,
        questions: Questions,
        /// and what a picture was seen to show.
        analysis: Option<&'a Analysis>,
    },
    /// Assets were taken away.
    Deleted(&'a [AssetRecord]),
    /// An asset has another name.
    Renamed {
        /// Its former name.
        from: &'a AssetName,
        /// The asset as it is now.
        asset: &'a AssetRecord,
    },
    /// An asset is of the delivery type `upload` now.
    Published {
        /// Its former name.
        from: &'a AssetName,
        /// The asset as it is now.
        asset: &'a AssetRecord,
    },
    /// Something else is said of assets: before and after.
    Changed(&'a [(AssetRecord, AssetRecord)]),
    /// A folder was made.
    FolderMade(&'a str),
    /// A folder has another path, and everything below it.
    FolderMoved {
        /// Its former path.
        from: &'a str,
        /// Its path now.
        to: &'a str,
    },
    /// A folder was taken away.
    FolderDeleted(&'a str),
}

/// Tells others what happened.
#[async_trait]
pub trait Herald: Send + Sync {
    /// Writes down what is to be told, into the transaction in which it happens.
    async fn announce(
        &self,
        transaction: &DatabaseTransaction,
        by: &Origin,
        happening: Happening<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr>;
}
