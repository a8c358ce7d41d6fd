//! The installation's own keys, sealed under the key-encryption key in the table `installation`.

use plane_kit::{
    database::Database,
    seal::{SealError, SealingRing},
    seam::snapshot::{InvalidSigningKey, SnapshotSigner},
};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, sea_query::OnConflict};

use crate::tables::installation;

/// The row that holds the key which signs snapshots.
const SNAPSHOT_SIGNING_KEY: &str = "snapshot_signing_key";

/// Why the installation's keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database does not answer.
    #[error("the installation's keys cannot be read from the database")]
    Database(#[from] DbErr),
    /// No key-encryption key at hand is the one that the installation's keys are sealed under.
    #[error("the installation's keys do not open with this key-encryption key")]
    Seal(#[from] SealError),
    /// The stored key opens, but is none.
    #[error("the stored signing key is damaged")]
    Damaged(#[from] InvalidSigningKey),
}

/// The key that signs snapshots. It is made when the installation is opened for the first time; when two processes do that at
/// once, both end up with the key of the one that wrote first.
pub(crate) async fn snapshot_signer(
    database: &Database,
    key_encryption_key: &SealingRing,
) -> Result<SnapshotSigner, KeyError> {
    if let Some(signer) = stored_signer(database, key_encryption_key).await? {
        return Ok(signer);
    }
    let fresh = SnapshotSigner::generate();
    let row = installation::ActiveModel {
        name: Set(SNAPSHOT_SIGNING_KEY.to_owned()),
        sealed_value: Set(key_encryption_key.seal(&fresh.export())),
    };
    installation::Entity::insert(row)
        .on_conflict(OnConflict::column(installation::Column::Name).do_nothing().to_owned())
        .exec_without_returning(database.writer())
        .await?;
    Ok(stored_signer(database, key_encryption_key).await?.unwrap_or(fresh))
}

async fn stored_signer(
    database: &Database,
    key_encryption_key: &SealingRing,
) -> Result<Option<SnapshotSigner>, KeyError> {
    // Read over the writer: on SQLite it is the connection that has just written.
    let row = installation::Entity::find_by_id(SNAPSHOT_SIGNING_KEY).one(database.writer()).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let text = key_encryption_key.open(&row.sealed_value)?;
    Ok(Some(SnapshotSigner::parse(text.expose())?))
}
