//! What calls want to know of what assets show, and what is known of it, kept with the versions.

use plane_kit::{error::ApiError, http::params::Params, ids::VersionId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, sea_query::OnConflict,
};
use serde_json::json;
use transform::analysis::Analysis;

use super::AssetStore;
use crate::tables::{asset_analyses, asset_versions};

/// What a call wants to know of what an asset shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Questions {
    /// Its colours.
    pub colors: bool,
    /// A hash of its looks.
    pub phash: bool,
    /// Its EXIF.
    pub exif: bool,
    /// Everything that its file says of itself.
    pub image_metadata: bool,
    /// The same, and the streams of sound and moving pictures.
    pub media_metadata: bool,
}

/// The parameters that say so.
const FLAGS: [&str; 5] = ["colors", "phash", "exif", "image_metadata", "media_metadata"];

impl Questions {
    /// Reads the flags of a call.
    pub fn read(params: &Params) -> Result<Self, ApiError> {
        let [colors, phash, exif, image_metadata, media_metadata] = FLAGS.map(|name| params.boolean(name));
        let is_wanted = |flag: Result<Option<bool>, ApiError>| Ok::<_, ApiError>(flag?.unwrap_or(false));
        Ok(Self {
            colors: is_wanted(colors)?,
            phash: is_wanted(phash)?,
            exif: is_wanted(exif)?,
            image_metadata: is_wanted(image_metadata)?,
            media_metadata: is_wanted(media_metadata)?,
        })
    }

    /// Whether there is anything to find out.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}

impl AssetStore<'_> {
    /// What is known of a version.
    pub async fn analysis(&self, version: VersionId) -> Result<Option<Analysis>, DbErr> {
        let found = asset_analyses::Entity::find_by_id(version.0)
            .filter(asset_analyses::Column::EnvironmentId.eq(self.environment.0))
            .one(self.database.reader())
            .await?;
        let read = |row: asset_analyses::Model| serde_json::from_value(row.facts);
        found.map(read).transpose().map_err(|_| DbErr::Custom(format!("what version {version} shows cannot be read")))
    }

    /// Keeps what was found of a version, unless the version is gone.
    pub async fn keep_analysis(&self, version: VersionId, analysis: &Analysis) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        let is_there = asset_versions::Entity::find_by_id(version.0)
            .filter(asset_versions::Column::EnvironmentId.eq(self.environment.0))
            .lock_shared()
            .one(&transaction)
            .await?
            .is_some();
        if is_there {
            self.put_analysis(&transaction, version, analysis).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn put_analysis<C: ConnectionTrait>(
        &self,
        connection: &C,
        version: VersionId,
        analysis: &Analysis,
    ) -> Result<(), DbErr> {
        let row = asset_analyses::ActiveModel {
            version_id: Set(version.0),
            environment_id: Set(self.environment.0),
            facts: Set(json!(analysis)),
        };
        // Two who looked at the same time saw the same.
        let same = OnConflict::column(asset_analyses::Column::VersionId)
            .update_column(asset_analyses::Column::Facts)
            .to_owned();
        asset_analyses::Entity::insert(row).on_conflict(same).exec_without_returning(connection).await?;
        Ok(())
    }
}
