//! Assets that are copies of remote files: what their servers said of them, and when they were last asked.

use chrono::{DateTime, Utc};
use plane_kit::ids::AssetId;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, UpdateMany,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use super::{AssetStore, commit::RemoteSource};
use crate::tables::fetched_sources::{ActiveModel, Column, Entity, Model};

impl AssetStore<'_> {
    /// What is known of the remote file of an asset.
    pub async fn fetched_source(&self, asset: AssetId) -> Result<Option<Model>, DbErr> {
        Entity::find_by_id(asset.0)
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .one(self.database.reader())
            .await
    }

    /// Takes the check that is due since `last`. Of two that come at once, on whichever nodes, one takes it.
    pub async fn take_check(&self, asset: AssetId, last: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool, DbErr> {
        let taken = self.source_of(asset).col_expr(Column::CheckedAt, Expr::value(now));
        let taken = taken.filter(Column::CheckedAt.eq(last)).exec(self.database.writer()).await?;
        Ok(taken.rows_affected > 0)
    }

    /// The remote file is there.
    pub async fn note_there(&self, asset: AssetId) -> Result<(), DbErr> {
        let there = self.source_of(asset).col_expr(Column::TimesMissing, Expr::value(0));
        there.filter(Column::TimesMissing.ne(0)).exec(self.database.writer()).await.map(drop)
    }

    /// The remote file is gone; says how often in a row it has been found so.
    pub async fn note_missing(&self, asset: AssetId) -> Result<i32, DbErr> {
        let more = Expr::col(Column::TimesMissing).add(1);
        self.source_of(asset).col_expr(Column::TimesMissing, more).exec(self.database.writer()).await?;
        Ok(self.fetched_source(asset).await?.map_or(0, |source| source.times_missing))
    }

    fn source_of(&self, asset: AssetId) -> UpdateMany<Entity> {
        Entity::update_many().filter(Column::AssetId.eq(asset.0)).filter(Column::EnvironmentId.eq(self.environment.0))
    }

    pub(super) async fn put_fetched_source<C: ConnectionTrait>(
        &self,
        connection: &C,
        asset: AssetId,
        remote: RemoteSource,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        let row = ActiveModel {
            asset_id: Set(asset.0),
            environment_id: Set(self.environment.0),
            etag: Set(remote.etag),
            last_modified: Set(remote.last_modified),
            checked_at: Set(now),
            times_missing: Set(0),
        };
        let replace = OnConflict::column(Column::AssetId)
            .update_columns([Column::Etag, Column::LastModified, Column::CheckedAt, Column::TimesMissing])
            .to_owned();
        Entity::insert(row).on_conflict(replace).exec_without_returning(connection).await.map(drop)
    }
}
