//! Taking many assets away, or only what was derived from them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{DerivedId, VersionId},
    usage::Meter,
};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Condition, Expr, ExprTrait, IntoCondition, Query, SimpleExpr},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    AssetStore,
    commit::{shown, target},
    happening::Happening,
    list::{folders_of, lies_in, starts_with},
    record::{AssetName, AssetRecord, DeliveryType, ResourceType},
};
use crate::{
    folders::{self, Hold},
    metering::outbox,
    permitted::Permitted,
    storage::ObjectKey,
    tables::{asset_tags, asset_versions, assets, derived_assets, renditions},
    transformations::recorded::{asked_as, same_format},
};

/// How many assets one call takes away.
pub const PASS: u64 = 1000;
/// How many are taken away in one transaction. SQLite has one writer, and others wait for it.
const AT_ONCE: usize = 25;

/// Which assets.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// Those of these names.
    Named(Vec<AssetName>),
    /// Those of these ids.
    Ids(Vec<Uuid>),
    /// Those in this folder and below it.
    InFolder(String),
    /// Those of which something was made like one of these.
    DerivedBy(Vec<DerivedBy>),
    /// All of a kind that fit.
    Fitting {
        /// Kind.
        resource_type: ResourceType,
        /// Delivery type; all when absent.
        delivery_type: Option<DeliveryType>,
        /// Beginning of the public id.
        prefix: Option<String>,
        /// A tag.
        tag: Option<String>,
    },
}

/// Which extension an address has behind a transformation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Whichever.
    Any,
    /// This one, or another of the same format.
    For(String),
    /// None, or that of the asset's own format.
    Own,
    /// This one, where it is not that of the asset's own format.
    Other(String),
}

/// Whether the extension of a derived asset is that of the stored format.
fn asks_for_own() -> SimpleExpr {
    use asset_versions::Column as Version;
    use derived_assets::{Column, Entity};
    let format = Expr::col((asset_versions::Entity, Version::Format));
    let mut same = Condition::any().add(format.clone().equals((Entity, Column::Extension)));
    for own in ["jpg", "tiff", "heic"] {
        let spelled = Expr::col((Entity, Column::Extension)).is_in(same_format(own));
        same = same.add(format.clone().eq(own).and(spelled));
    }
    let of_version = Query::select()
        .expr(Expr::val(1))
        .from(asset_versions::Entity)
        .and_where(Expr::col((asset_versions::Entity, Version::Id)).equals((Entity, Column::VersionId)))
        .cond_where(same)
        .to_owned();
    Expr::exists(of_version)
}

/// What was made by a transformation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedBy {
    /// How addresses ask for it.
    pub spellings: Vec<String>,
    /// With which extension.
    pub extension: Asked,
    /// Only what was made before.
    pub made_before: Option<DateTime<Utc>>,
}

impl DerivedBy {
    /// By a transformation as it is written, with or without a format behind it.
    pub fn written(text: &str) -> Self {
        let (spellings, extension) = asked_as(text, false);
        Self { spellings, extension: extension.map_or(Asked::Any, Asked::For), made_before: None }
    }

    /// By a transformation as it is recorded.
    pub fn recorded(name: &str, is_named: bool) -> Self {
        let (spellings, extension) = asked_as(name, is_named);
        Self { spellings, extension: extension.map_or(Asked::Own, Asked::Other), made_before: None }
    }

    pub(super) fn condition(&self) -> Condition {
        use derived_assets::Column;
        let mut chosen = Condition::all().add(Column::Transformation.is_in(self.spellings.iter().map(String::as_str)));
        chosen = match &self.extension {
            Asked::Any => chosen,
            Asked::For(extension) => chosen.add(Column::Extension.is_in(same_format(extension))),
            Asked::Own => chosen.add(asks_for_own().or(Column::Extension.eq(""))),
            Asked::Other(extension) => {
                chosen.add(Column::Extension.is_in(same_format(extension))).add(asks_for_own().not())
            }
        };
        if let Some(before) = self.made_before {
            chosen = chosen.add(Column::CreatedAt.lte(before));
        }
        chosen
    }
}

/// What was made by any of these; nothing where there is none.
fn any_of(some: &[DerivedBy]) -> Condition {
    // Without the first, none of them would choose everything.
    some.iter().fold(Condition::any().add(Expr::val(1).eq(0)), |chosen, by| chosen.add(by.condition()))
}

/// What of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// The original stays, and what was derived from it goes.
    pub keep_original: bool,
    /// Of what was derived only this; the originals stay.
    pub derived_by: Option<Vec<DerivedBy>>,
}

/// One asset of which something was taken away.
#[derive(Debug, Clone, PartialEq)]
pub struct Removed {
    /// Its name.
    pub name: AssetName,
    /// Its id.
    pub id: Uuid,
    /// Whether the original went.
    pub original: bool,
    /// How many derived assets went.
    pub derived: u64,
}

/// What one pass took away.
#[derive(Debug, Default)]
pub struct Pass {
    /// The assets, in the order of their ids.
    pub removed: Vec<Removed>,
    /// Behind which id the next pass begins; absent when there is nothing left.
    pub next: Option<Uuid>,
    /// Objects that no row names any more.
    pub orphans: Vec<ObjectKey>,
}

impl AssetStore<'_> {
    /// Takes a pass of assets away, those behind `after` in the order of their ids. What lies in other folders than the witness is for
    /// is not touched.
    pub async fn remove(
        &self,
        selection: Permitted<Selection>,
        extent: &Extent,
        after: Option<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<Pass, DbErr> {
        let Permitted { thing: selection, by, told } = selection;
        let mut query = self.selected(&selection).order_by_asc(assets::Column::Id).limit(PASS + 1);
        if let Some(after) = after {
            query = query.filter(assets::Column::Id.gt(after));
        }
        let mut found = query.all(self.database.reader()).await?;
        let has_more = found.len() as u64 > PASS;
        found.truncate(usize::try_from(PASS).unwrap_or(usize::MAX));
        let next = found.last().filter(|_| has_more).map(|last| last.id);
        let named = |row: assets::Model| Some((row.id, AssetName::of_row(row)?));
        let mut found: Vec<(Uuid, AssetName)> = found.into_iter().filter_map(named).collect();
        found.sort_by(|(_, a), (_, b)| a.lock_order().cmp(&b.lock_order()));
        let mut pass = Pass { next, ..Pass::default() };
        for found in found.chunks(AT_ONCE) {
            let transaction = self.database.begin().await?;
            folders::hold(&transaction, self.environment, Hold::Into).await?;
            let mut gone = Vec::new();
            for (id, name) in found {
                self.lock_name(&transaction, name).await?;
                // Asked once more under the lock: it may have been renamed, moved, or lost its tag since.
                let row = self.selected(&selection).filter(assets::Column::Id.eq(*id)).one(&transaction).await?;
                let asset = self.with_version(&transaction, row).await?.filter(|asset| asset.name == *name);
                if let Some(asset) = asset.and_then(|asset| self.within_scope(asset)) {
                    let removed = self.remove_one(&transaction, &asset, extent, &by, now, &mut pass.orphans).await?;
                    if removed.original {
                        gone.push(asset);
                    }
                    pass.removed.push(removed);
                }
            }
            told.of(&transaction, &by, Happening::Deleted(&gone), now).await?;
            transaction.commit().await?;
        }
        Ok(pass)
    }

    /// Takes derived assets away by their ids; answers with the ids of those that were there, the names of their assets, and the
    /// objects that no row names any more.
    pub async fn remove_derived(
        &self,
        ids: Permitted<Vec<DerivedId>>,
        now: DateTime<Utc>,
    ) -> Result<(Vec<DerivedId>, Vec<AssetName>, Vec<ObjectKey>), DbErr> {
        let Permitted { thing: ids, by, .. } = ids;
        let spellings = derived_assets::Entity::find()
            .filter(derived_assets::Column::EnvironmentId.eq(self.environment.0))
            .filter(derived_assets::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .all(self.database.reader())
            .await?;
        let mut by_version: HashMap<Uuid, Vec<derived_assets::Model>> = HashMap::new();
        for spelling in spellings {
            by_version.entry(spelling.version_id).or_default().push(spelling);
        }
        let versions = by_version.keys().copied().collect::<Vec<_>>();
        let owners = self.base().filter(assets::Column::VersionId.is_in(versions)).all(self.database.reader()).await?;
        let (mut gone, mut of, mut orphans) = (Vec::new(), Vec::new(), Vec::new());
        for owner in owners {
            let spellings = by_version.remove(&owner.version_id).unwrap_or_default();
            let version = owner.version_id;
            let Some(name) = AssetName::of_row(owner) else { continue };
            let transaction = self.database.begin().await?;
            folders::hold(&transaction, self.environment, Hold::Into).await?;
            self.lock_name(&transaction, &name).await?;
            let record = self.find_on(&transaction, &name).await?.filter(|found| found.version.id.0 == version);
            let Some(asset) = record.and_then(|record| self.within_scope(record)) else {
                transaction.rollback().await?;
                continue;
            };
            let ids: Vec<Uuid> = spellings.iter().map(|spelling| spelling.id).collect();
            let chosen = derived_assets::Column::Id.is_in(ids.iter().copied());
            let count = self.drop_spellings(&transaction, &asset, chosen.into_condition(), now, &mut orphans).await?;
            let entry = Entry::changed(
                "delete_derived_resources",
                target(&asset.name),
                json!({"derived": spellings.iter().map(|one| one.transformation.as_str()).collect::<Vec<_>>()}),
                json!({"derived_deleted": count}),
            );
            self.audit(&transaction, &by, entry, now).await?;
            transaction.commit().await?;
            gone.extend(ids.into_iter().map(DerivedId));
            of.push(asset.name);
        }
        Ok((gone, of, orphans))
    }

    /// The names of what a selection is of, in the order of their ids; nothing when there are more than `limit`.
    pub async fn chosen(&self, selection: &Selection, limit: usize) -> Result<Option<Vec<AssetName>>, DbErr> {
        let most = u64::try_from(limit + 1).unwrap_or(u64::MAX);
        let query = self.selected(selection).order_by_asc(assets::Column::Id).limit(most);
        let found = query.all(self.database.reader()).await?;
        let names: Vec<_> = found.into_iter().filter_map(AssetName::of_row).collect();
        Ok((names.len() <= limit).then_some(names))
    }

    fn selected(&self, selection: &Selection) -> Select<assets::Entity> {
        use assets::Column;
        let mut query = self.base();
        if !self.scope.is_everywhere() {
            query = query.filter(folders_of(&self.scope));
        }
        match selection {
            Selection::Named(names) => {
                let Some(AssetName { resource_type, delivery_type, .. }) = names.first() else {
                    return query.filter(Expr::val(1).eq(0));
                };
                query
                    .filter(Column::ResourceType.eq(resource_type.name()))
                    .filter(Column::DeliveryType.eq(delivery_type.name()))
                    .filter(Column::PublicId.is_in(names.iter().map(|name| name.public_id.as_str())))
            }
            Selection::Ids(ids) => query.filter(Column::Id.is_in(ids.iter().copied())),
            Selection::InFolder(folder) => query.filter(lies_in(folder)),
            Selection::DerivedBy(by) => {
                let versions = Query::select()
                    .column(derived_assets::Column::VersionId)
                    .from(derived_assets::Entity)
                    .and_where(derived_assets::Column::EnvironmentId.eq(self.environment.0))
                    .cond_where(any_of(by))
                    .to_owned();
                query.filter(Expr::col((assets::Entity, Column::VersionId)).in_subquery(versions))
            }
            Selection::Fitting { resource_type, delivery_type, prefix, tag } => {
                query = query.filter(Column::ResourceType.eq(resource_type.name()));
                if let Some(delivery_type) = delivery_type {
                    query = query.filter(Column::DeliveryType.eq(delivery_type.name()));
                }
                if let Some(prefix) = prefix {
                    query = query.filter(starts_with(Column::PublicId, prefix));
                }
                if let Some(tag) = tag {
                    let tagged = Query::select()
                        .column(asset_tags::Column::AssetId)
                        .from(asset_tags::Entity)
                        .and_where(asset_tags::Column::EnvironmentId.eq(self.environment.0))
                        .and_where(asset_tags::Column::ResourceType.eq(resource_type.name()))
                        .and_where(asset_tags::Column::Tag.eq(tag.as_str()))
                        .to_owned();
                    query = query.filter(Expr::col((assets::Entity, Column::Id)).in_subquery(tagged));
                }
                query
            }
        }
    }

    async fn remove_one(
        &self,
        transaction: &DatabaseTransaction,
        asset: &AssetRecord,
        extent: &Extent,
        by: &Origin,
        now: DateTime<Utc>,
        orphans: &mut Vec<ObjectKey>,
    ) -> Result<Removed, DbErr> {
        let version = asset.version.id;
        let named = |derived, original| Removed { name: asset.name.clone(), id: asset.id.0, original, derived };
        if !extent.keep_original && extent.derived_by.is_none() {
            let derived = self.spellings_of(version).count(transaction).await?;
            let usage = self.drop_version(transaction, asset, "destroy", now, orphans).await?;
            assets::Entity::delete_by_id(asset.id.0)
                .filter(assets::Column::EnvironmentId.eq(self.environment.0))
                .exec(transaction)
                .await?;
            outbox::put(transaction, self.region, &[usage]).await?;
            self.audit(transaction, by, Entry::removed("delete_resources", target(&asset.name), shown(asset)), now)
                .await?;
            return Ok(named(derived, true));
        }
        let chosen = match &extent.derived_by {
            Some(some) => any_of(some),
            None => Condition::all(),
        };
        let derived = self.drop_spellings(transaction, asset, chosen, now, orphans).await?;
        if derived > 0 {
            let (before, after) = (json!({"derived": derived}), json!({"derived": 0}));
            self.audit(transaction, by, Entry::changed("delete_resources", target(&asset.name), before, after), now)
                .await?;
        }
        Ok(named(derived, false))
    }

    fn spellings_of(&self, version: VersionId) -> Select<derived_assets::Entity> {
        derived_assets::Entity::find()
            .filter(derived_assets::Column::EnvironmentId.eq(self.environment.0))
            .filter(derived_assets::Column::VersionId.eq(version.0))
    }

    /// Drops the chosen spellings of an asset's current version, and with the last spelling of a rendition its bytes. From here on what
    /// is made of the version is counted anew. Answers how many there were.
    async fn drop_spellings(
        &self,
        transaction: &DatabaseTransaction,
        asset: &AssetRecord,
        chosen: Condition,
        now: DateTime<Utc>,
        orphans: &mut Vec<ObjectKey>,
    ) -> Result<u64, DbErr> {
        let version = asset.version.id;
        asset_versions::Entity::find_by_id(version.0).lock_exclusive().one(transaction).await?;
        let dropped = derived_assets::Entity::delete_many()
            .filter(derived_assets::Column::EnvironmentId.eq(self.environment.0))
            .filter(derived_assets::Column::VersionId.eq(version.0))
            .filter(chosen)
            .exec(transaction)
            .await?;
        if dropped.rows_affected == 0 {
            return Ok(0);
        }
        let spelled = Query::select()
            .column(derived_assets::Column::RenditionKey)
            .from(derived_assets::Entity)
            .and_where(derived_assets::Column::VersionId.eq(version.0))
            .to_owned();
        let unspelled = Condition::all()
            .add(renditions::Column::EnvironmentId.eq(self.environment.0))
            .add(renditions::Column::VersionId.eq(version.0))
            .add(Expr::col((renditions::Entity, renditions::Column::Key)).not_in_subquery(spelled));
        let gone = renditions::Entity::find().filter(unspelled.clone()).all(transaction).await?;
        let bytes: i64 = gone.iter().map(|made| made.bytes).sum();
        orphans.extend(gone.iter().map(|made| ObjectKey::rendition(self.environment, version, &made.key)));
        renditions::Entity::delete_many().filter(unspelled).exec(transaction).await?;
        asset_versions::Entity::update_many()
            .col_expr(asset_versions::Column::Epoch, Expr::col(asset_versions::Column::Epoch).add(1))
            .filter(asset_versions::Column::Id.eq(version.0))
            .filter(asset_versions::Column::EnvironmentId.eq(self.environment.0))
            .exec(transaction)
            .await?;
        let facts = json!({"asset_version": version});
        let usage = self.record(Meter::StoredBytes, -bytes, None, now, "derived_deleted", facts);
        outbox::put(transaction, self.region, &[usage]).await?;
        Ok(dropped.rows_affected)
    }
}
