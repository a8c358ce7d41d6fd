//! Renditions of a version, and the spellings that they were asked for by.

use chrono::{DateTime, Utc};
use plane_kit::{
    ids::{DerivedId, VersionId},
    usage::{Meter, NaturalKey},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect, RuntimeErr,
    SqlErr, sea_query::OnConflict,
};
use serde_json::json;
use uuid::Uuid;

use super::{AssetStore, record::VersionRecord};
use crate::{
    metering::outbox,
    storage::ObjectKey,
    tables::{asset_versions, derived_assets, renditions},
    transformations::{record::put_made, recorded::Recorded, spelling::Spelling},
};

/// A made picture and everything that its rows will say.
#[derive(Debug, Clone)]
pub struct NewRendition {
    /// Rendition key in hexadecimal digits.
    pub key: String,
    /// Version it was made of.
    pub version: VersionId,
    /// What is counted once.
    pub count_key: Uuid,
    /// The epoch of its version when it was planned.
    pub epoch: u64,
    /// Format.
    pub format: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames.
    pub frames: u32,
    /// Size.
    pub bytes: u64,
    /// Why it was made, for the ledger: `url`, `eager` or `explicit`.
    pub reason: &'static str,
    /// The request that had it made, for the ledger.
    pub request: String,
}

impl AssetStore<'_> {
    /// Keeps a made picture and counts it, once however often this is said. Nothing when its version is gone meanwhile; else the objects
    /// that no row names any more: `is_same_for_all` says that the spelling asks for nothing else, whoever asks, so what it asked for before
    /// (under another definition of a name, another default quality, another engine) is asked for by nobody.
    pub async fn commit_rendition(
        &self,
        new: &NewRendition,
        spelling: &Spelling,
        is_same_for_all: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<ObjectKey>>, DbErr> {
        let transaction = self.database.begin().await?;
        // What was planned before its kind was dropped counts under what was dropped; it is planned again.
        let version = asset_versions::Entity::find_by_id(new.version.0).lock_shared().one(&transaction).await?;
        let Some(version) = version.filter(|version| version.epoch == signed(new.epoch)) else {
            transaction.rollback().await?;
            return Ok(None);
        };
        match self.put_rendition(&transaction, new, spelling, now).await {
            Ok(()) => {}
            Err(error) if is_foreign_key(&error) => {
                transaction.rollback().await?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        self.put_spelling(&transaction, &new.key, new.version, spelling, now).await?;
        let orphans = match is_same_for_all {
            true => self.supersede(&transaction, &new.key, new.version, spelling, now).await?,
            false => Vec::new(),
        };
        put_made(&transaction, self.environment, Recorded::of(spelling, &version.format), now).await?;
        transaction.commit().await?;
        Ok(Some(orphans))
    }

    /// Writes the row of a made picture and counts it, unless it is there.
    pub(super) async fn put_rendition(
        &self,
        transaction: &DatabaseTransaction,
        new: &NewRendition,
        spelling: &Spelling,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let row = renditions::Model {
            key: new.key.clone(),
            environment_id: self.environment.0,
            version_id: new.version.0,
            format: new.format.into(),
            width: i64::from(new.width),
            height: i64::from(new.height),
            bytes: signed(new.bytes),
            generation: 0,
            created_at: now,
        };
        let inserted = renditions::Entity::insert(renditions::ActiveModel::from(row))
            .on_conflict(OnConflict::column(renditions::Column::Key).do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
        if inserted == 0 {
            return Ok(());
        }
        let facts = json!({
            "asset_version": new.version,
            "rendition": new.key,
            "transformation": spelling.transformation,
            "resource_type": "image",
            "format": new.format,
            "width": new.width,
            "height": new.height,
            "frames": new.frames,
            "animated": new.frames > 1,
            "request": new.request,
        });
        let mut made = self.record(Meter::DerivedAssets, 1, None, now, new.reason, facts);
        made.key = NaturalKey::Row { id: new.count_key };
        let facts = json!({"rendition": new.key, "request": new.request});
        let stored = self.record(Meter::StoredBytes, signed(new.bytes), None, now, new.reason, facts);
        outbox::put(transaction, self.region, &[made, stored]).await
    }

    /// Keeps one more spelling of a rendition of a version that exists.
    pub async fn note_spelling(
        &self,
        key: &str,
        version: &VersionRecord,
        spelling: &Spelling,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        match self.put_spelling(self.database.writer(), key, version.id, spelling, now).await {
            // The rendition went away with its version: then there is nothing to spell.
            Err(error) if is_foreign_key(&error) => Ok(()),
            Ok(()) => {
                let recorded = Recorded::of(spelling, &version.format);
                put_made(self.database.writer(), self.environment, recorded, now).await
            }
            outcome => outcome,
        }
    }

    /// Takes away what a spelling asked for before it asked for this.
    async fn supersede(
        &self,
        transaction: &DatabaseTransaction,
        key: &str,
        version: VersionId,
        spelling: &Spelling,
        now: DateTime<Utc>,
    ) -> Result<Vec<ObjectKey>, DbErr> {
        use derived_assets::Column;
        let before = derived_assets::Entity::find()
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(Column::VersionId.eq(version.0))
            .filter(Column::Transformation.eq(spelling.transformation.as_str()))
            .filter(Column::Extension.eq(spelling.extension.as_str()))
            .filter(Column::RenditionKey.ne(key))
            .all(transaction)
            .await?;
        let mut orphans = Vec::new();
        for old in before {
            // Its rendition is locked first: whoever does the same at once waits here, and finds nothing left to do.
            let made = renditions::Entity::find_by_id(old.rendition_key.as_str())
                .filter(renditions::Column::EnvironmentId.eq(self.environment.0))
                .lock_exclusive()
                .one(transaction)
                .await?;
            derived_assets::Entity::delete_by_id(old.id).exec(transaction).await?;
            let Some(made) = made else { continue };
            let spelled = derived_assets::Entity::find().filter(Column::RenditionKey.eq(made.key.as_str()));
            if spelled.one(transaction).await?.is_some() {
                continue;
            }
            renditions::Entity::delete_by_id(made.key.as_str()).exec(transaction).await?;
            let facts = json!({"asset_version": version, "rendition": made.key});
            let usage = self.record(Meter::StoredBytes, -made.bytes, None, now, "superseded", facts);
            outbox::put(transaction, self.region, &[usage]).await?;
            orphans.push(ObjectKey::rendition(self.environment, version, &made.key));
        }
        Ok(orphans)
    }

    pub(super) async fn put_spelling<C: ConnectionTrait>(
        &self,
        connection: &C,
        key: &str,
        version: VersionId,
        spelling: &Spelling,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        use derived_assets::Column;
        let row = derived_assets::Model {
            id: DerivedId::generate(now).0,
            environment_id: self.environment.0,
            version_id: version.0,
            rendition_key: key.into(),
            transformation: spelling.transformation.clone(),
            extension: spelling.extension.clone(),
            created_at: now,
        };
        let name = [Column::RenditionKey, Column::Transformation, Column::Extension];
        derived_assets::Entity::insert(derived_assets::ActiveModel::from(row))
            .on_conflict(OnConflict::columns(name).do_nothing().to_owned())
            .exec_without_returning(connection)
            .await?;
        Ok(())
    }
}

/// A size as the rows have it.
pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Whether a row names another that is gone.
fn is_foreign_key(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_)))
        || matches!(error, DbErr::Exec(RuntimeErr::SqlxError(inner)) if inner.to_string().contains("FOREIGN KEY"))
}
