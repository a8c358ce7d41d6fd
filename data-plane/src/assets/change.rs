//! Changes of what is said of assets; their bytes stay as they are.

use chrono::{DateTime, Utc};
use plane_kit::audit::Entry;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use serde_json::{Value, json};

use super::{
    AssetStore,
    commit::{Permitted, shown, target},
    labels::{ContextChange, TagChange, put_labels, update},
    record::{AssetName, AssetRecord, DeliveryType, ResourceType},
};
use crate::tables::{asset_tags, assets};

/// How many assets are changed in one transaction. SQLite has one writer, and others wait for it.
const AT_ONCE: usize = 50;

/// What changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssetChanges {
    /// Tags.
    pub tags: Option<TagChange>,
    /// Key and value pairs.
    pub context: Option<ContextChange>,
    /// Name shown to people.
    pub display_name: Option<String>,
    /// Folder.
    pub asset_folder: Option<String>,
}

impl AssetStore<'_> {
    /// Changes the assets of these names that there are within reach, and answers with them as they are now. `operation` is what the
    /// audit log says was done.
    pub async fn change(
        &self,
        names: Permitted<Vec<AssetName>>,
        operation: &'static str,
        changes: &AssetChanges,
        now: DateTime<Utc>,
    ) -> Result<Vec<AssetRecord>, DbErr> {
        let Permitted { thing: mut names, by } = names;
        names.sort_by(|a, b| a.lock_order().cmp(&b.lock_order()));
        names.dedup();
        let mut changed = Vec::with_capacity(names.len());
        for names in names.chunks(AT_ONCE) {
            let transaction = self.database.begin().await?;
            for asset in self.locked(&transaction, names).await? {
                let before = shown(&asset);
                let asset = self.write(&transaction, asset, changes, now).await?;
                let after = shown(&asset);
                if before != after {
                    let entry = Entry::changed(operation, target(&asset.name), before, after);
                    self.audit(&transaction, &by, entry, now).await?;
                }
                changed.push(asset);
            }
            transaction.commit().await?;
        }
        Ok(changed)
    }

    /// The names of all other assets of the same kind and type that have any of these tags.
    pub async fn others_with(&self, tags: &[String], names: &[AssetName]) -> Result<Vec<AssetName>, DbErr> {
        let Some(AssetName { resource_type, delivery_type, .. }) = names.first() else {
            return Ok(Vec::new());
        };
        let tagged = Query::select()
            .column(asset_tags::Column::AssetId)
            .from(asset_tags::Entity)
            .and_where(asset_tags::Column::EnvironmentId.eq(self.environment.0))
            .and_where(asset_tags::Column::ResourceType.eq(resource_type.name()))
            .and_where(asset_tags::Column::Tag.is_in(tags.iter().map(String::as_str)))
            .to_owned();
        let rows = self
            .named_of(*resource_type, *delivery_type)
            .filter(Expr::col((assets::Entity, assets::Column::Id)).in_subquery(tagged))
            .all(self.database.reader())
            .await?;
        let name = |public_id| AssetName { resource_type: *resource_type, delivery_type: *delivery_type, public_id };
        let others = rows.into_iter().map(|row| name(row.public_id));
        Ok(others.filter(|other| !names.contains(other)).collect())
    }

    fn named_of(&self, resource_type: ResourceType, delivery_type: DeliveryType) -> sea_orm::Select<assets::Entity> {
        self.base()
            .filter(assets::Column::ResourceType.eq(resource_type.name()))
            .filter(assets::Column::DeliveryType.eq(delivery_type.name()))
    }

    /// The assets of these names within reach, which nobody else changes until the transaction ends.
    async fn locked(&self, transaction: &DatabaseTransaction, names: &[AssetName]) -> Result<Vec<AssetRecord>, DbErr> {
        let mut found = Vec::with_capacity(names.len());
        let mut rest = names;
        // Names of one kind and type stand together, because that is how they are sorted.
        while let Some(first) = rest.first() {
            let kind = (first.resource_type, first.delivery_type);
            let end = rest.iter().position(|name| (name.resource_type, name.delivery_type) != kind);
            let (same, others) = rest.split_at(end.unwrap_or(rest.len()));
            rest = others;
            let rows = self
                .named_of(kind.0, kind.1)
                .filter(assets::Column::PublicId.is_in(same.iter().map(|name| name.public_id.as_str())))
                .order_by_asc(assets::Column::Id)
                .lock_exclusive()
                .all(transaction)
                .await?;
            for row in rows {
                let record = self.with_version(transaction, Some(row)).await?;
                found.extend(record.and_then(|record| self.within_scope(record)));
            }
        }
        Ok(found)
    }

    async fn write(
        &self,
        transaction: &DatabaseTransaction,
        asset: AssetRecord,
        changes: &AssetChanges,
        now: DateTime<Utc>,
    ) -> Result<AssetRecord, DbErr> {
        let tags = changes.tags.as_ref().map_or_else(|| asset.tags.clone(), |change| change.applied_to(&asset.tags));
        let context =
            changes.context.as_ref().map_or_else(|| asset.context.clone(), |change| change.applied_to(&asset.context));
        let row = assets::Model {
            id: asset.id.0,
            environment_id: self.environment.0,
            resource_type: asset.name.resource_type.name().into(),
            delivery_type: asset.name.delivery_type.name().into(),
            public_id: asset.name.public_id.clone(),
            display_name: changes.display_name.clone().unwrap_or_else(|| asset.display_name.clone()),
            asset_folder: changes.asset_folder.clone().unwrap_or_else(|| asset.asset_folder.clone()),
            original_filename: asset.original_filename.clone(),
            version_id: asset.version.id.0,
            tags: json!(tags),
            context: Value::Object(context.clone()),
            created_at: asset.created_at,
        };
        if (&tags, &context) != (&asset.tags, &asset.context) {
            put_labels(transaction, &row, &tags, &context).await?;
        }
        self.put_folders(transaction, &row.asset_folder, now).await?;
        let row = update(transaction, row).await?;
        Ok(AssetRecord { display_name: row.display_name, asset_folder: row.asset_folder, tags, context, ..asset })
    }
}
