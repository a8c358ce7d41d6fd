//! Which assets belong together. A relation goes both ways, and goes with either of the two.

use chrono::{DateTime, Utc};
use plane_kit::{audit::Entry, ids::AssetId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Condition, OnConflict},
};
use serde_json::json;

use super::{
    AssetStore,
    commit::target,
    list::{Cursor, folders_of},
    record::{AssetName, AssetRecord},
};
use crate::{
    permitted::Permitted,
    tables::{
        assets,
        related_assets::{ActiveModel, Column, Entity},
    },
};

/// What became of the relation to an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relating {
    /// It was made, or taken away.
    Done,
    /// It was there, or was not.
    AsItWas,
}

impl AssetStore<'_> {
    /// Relates an asset to others, or takes the relations away.
    pub async fn relate(
        &self,
        asset: Permitted<&AssetRecord>,
        others: &[AssetRecord],
        is_related: bool,
        now: DateTime<Utc>,
    ) -> Result<Vec<Relating>, DbErr> {
        let Permitted { thing: asset, by, .. } = asset;
        let transaction = self.database.begin().await?;
        let mut outcomes = vec![Relating::AsItWas; others.len()];
        let mut changed = Vec::new();
        // All in one order, whoever begins, and in whatever order they were named.
        let mut ordered: Vec<(usize, &AssetRecord)> = others.iter().enumerate().collect();
        ordered.sort_by_key(|(_, other)| other.id.0);
        for (place, other) in ordered {
            let mut pairs = [(asset.id, other.id), (other.id, asset.id)];
            pairs.sort_by_key(|(from, _)| from.0);
            let touched = if is_related {
                let rows = pairs.map(|(from, to)| ActiveModel {
                    asset_id: Set(from.0),
                    related_id: Set(to.0),
                    environment_id: Set(self.environment.0),
                    created_at: Set(now),
                });
                let key = [Column::AssetId, Column::RelatedId];
                let stays = OnConflict::columns(key).do_nothing().to_owned();
                Entity::insert_many(rows).on_conflict(stays).exec_without_returning(&transaction).await?
            } else {
                let pair = |(from, to): (AssetId, AssetId)| {
                    Condition::all().add(Column::AssetId.eq(from.0)).add(Column::RelatedId.eq(to.0))
                };
                let either = pairs.into_iter().fold(Condition::any(), |any, ids| any.add(pair(ids)));
                let gone = Entity::delete_many().filter(Column::EnvironmentId.eq(self.environment.0)).filter(either);
                gone.exec(&transaction).await?.rows_affected
            };
            let outcome = if touched > 0 { Relating::Done } else { Relating::AsItWas };
            if outcome == Relating::Done {
                changed.push(target(&other.name));
            }
            outcomes[place] = outcome;
        }
        if !changed.is_empty() {
            let entry = match is_related {
                true => Entry::made("relate_assets", target(&asset.name), json!({"related": changed})),
                false => Entry::removed("unrelate_assets", target(&asset.name), json!({"related": changed})),
            };
            self.audit(&transaction, &by, entry, now).await?;
        }
        transaction.commit().await?;
        Ok(outcomes)
    }

    /// A page of the assets that an asset is related to, oldest first and as far as they are within reach, and where the next begins.
    pub async fn related(
        &self,
        asset: AssetId,
        cursor: Option<Cursor>,
        limit: u64,
    ) -> Result<(Vec<(AssetId, AssetName)>, Option<Cursor>), DbErr> {
        let related = Entity::find()
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(Column::AssetId.eq(asset.0))
            .select_only()
            .column(Column::RelatedId)
            .into_query();
        let mut query = self.base().filter(assets::Column::Id.in_subquery(related));
        if !self.scope.is_everywhere() {
            query = query.filter(folders_of(&self.scope));
        }
        if let Some(cursor) = cursor {
            query = query.filter(cursor.after(assets::Column::CreatedAt, assets::Column::Id, true));
        }
        let query = query.order_by_asc(assets::Column::CreatedAt).order_by_asc(assets::Column::Id).limit(limit + 1);
        let mut rows = query.all(self.database.reader()).await?;
        let has_more = rows.len() as u64 > limit;
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = rows.last().filter(|_| has_more).map(|last| Cursor::at(last.created_at, last.id));
        let names = rows.into_iter().filter_map(|row| Some((AssetId(row.id), AssetName::of_row(row)?)));
        Ok((names.collect(), next))
    }
}
