//! Changes of what is said of assets; their bytes stay as they are.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use plane_kit::{audit::Entry, error::ApiError, ids::AssetId};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LikeExpr, Query},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AssetStore,
    access_control::AccessChange,
    commit::{shown, target},
    coordinates::CoordinatesChange,
    happening::Happening,
    labels::{ContextChange, MOST, TagChange, put_labels, take_labels},
    list::folders_of,
    moderation::{MANUAL, Moderation, Status},
    record::{AssetName, AssetRecord},
};
use crate::{
    folders::{self, Hold},
    jobs::{self, Order},
    metadata::values::MetadataChange,
    permitted::Permitted,
    tables::{asset_tags, assets},
};

/// How many assets are changed in one transaction. SQLite has one writer, and others wait for it.
const AT_ONCE: usize = 50;

/// What changes; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssetChanges {
    /// Tags.
    pub tags: Option<TagChange>,
    /// Key and value pairs.
    pub context: Option<ContextChange>,
    /// Values of metadata fields.
    pub metadata: Option<MetadataChange>,
    /// What people mark in it.
    pub coordinates: CoordinatesChange,
    /// Who may have it delivered.
    pub access: AccessChange,
    /// Whether its versions are to be kept.
    pub backup: Option<bool>,
    /// What people say of it.
    pub moderation: Option<Status>,
    /// Name shown to people.
    pub display_name: Option<String>,
    /// Folder.
    pub asset_folder: Option<String>,
    /// The job that does the rest of the call, if the asset is there.
    pub later: Option<Order>,
}

/// Why assets were not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// An asset would have too much of something.
    #[error("Asset {public_id} would have more than {MOST} {name}")]
    TooMany {
        /// Of what.
        name: &'static str,
        /// Which asset.
        public_id: String,
    },
    /// The database failed.
    #[error("the assets cannot be changed in the database")]
    Database(#[from] DbErr),
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::TooMany { .. } => Self::invalid(error.to_string()),
            ChangeError::Database(error) => error.into(),
        }
    }
}

impl AssetStore<'_> {
    /// Changes the assets of these names that there are within reach, and answers with them as they are now. `only` is the id that
    /// the one asset has to have, if it was found by its id. `operation` is what the audit log says was done.
    pub async fn change(
        &self,
        names: Permitted<Vec<AssetName>>,
        only: Option<AssetId>,
        operation: &'static str,
        changes: &AssetChanges,
        now: DateTime<Utc>,
    ) -> Result<Vec<AssetRecord>, ChangeError> {
        let Permitted { thing: mut names, by, told } = names;
        names.sort_by(|a, b| a.lock_order().cmp(&b.lock_order()));
        names.dedup();
        let mut changed = Vec::with_capacity(names.len());
        for names in names.chunks(AT_ONCE) {
            let transaction = self.database.begin().await?;
            // Not only for who moves them: a folder that is moved takes all its assets along in one go.
            folders::hold(&transaction, self.environment, Hold::Into).await?;
            let mut pairs = Vec::new();
            for name in names {
                self.lock_name(&transaction, name).await?;
                let found = self.find_on(&transaction, name).await?;
                let found = found.filter(|found| only.is_none_or(|only| found.id == only));
                let Some(asset) = found.and_then(|found| self.within_scope(found)) else {
                    continue;
                };
                let former = asset.clone();
                let asset = self.write(&transaction, asset, changes, now).await?;
                let (before, after) = (shown(&former), shown(&asset));
                if before != after {
                    let entry = Entry::changed(operation, target(&asset.name), before, after);
                    self.audit(&transaction, &by, entry, now).await?;
                    pairs.push((former, asset.clone()));
                }
                changed.push(asset);
            }
            if let Some(later) = changes.later.clone().filter(|_| !changed.is_empty()) {
                jobs::put(&transaction, self.environment, later, now).await?;
            }
            told.of(&transaction, &by, Happening::Changed(&pairs), now).await?;
            transaction.commit().await?;
        }
        Ok(changed)
    }

    /// The names of assets that have a value of a metadata field, among at most `limit` assets behind one, and where the next begin.
    pub async fn with_metadata(
        &self,
        field: &str,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<(Vec<AssetName>, Option<Uuid>), DbErr> {
        // In the text of the column the name stands in quotes, whatever the database thinks of blanks; what only looks alike is sorted
        // out afterwards.
        let text = Expr::col((assets::Entity, assets::Column::Metadata)).cast_as("text");
        let key = serde_json::to_string(field).map_err(|error| DbErr::Custom(error.to_string()))?;
        let escape = |c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c]);
        let pattern: String = key.chars().flat_map(escape).collect();
        let pattern = LikeExpr::new(format!("%{pattern}%")).escape('\\');
        let mut query = self.base().filter(text.like(pattern)).order_by_asc(assets::Column::Id).limit(limit);
        if let Some(after) = after {
            query = query.filter(assets::Column::Id.gt(after));
        }
        let found = query.all(self.database.reader()).await?;
        let next = found.last().filter(|_| found.len() as u64 == limit).map(|last| last.id);
        let has_value = |asset: &assets::Model| asset.metadata.get(field).is_some();
        Ok((found.into_iter().filter(has_value).filter_map(AssetName::of_row).collect(), next))
    }

    /// The names of all other assets of the same kind and type that have any of these tags; nothing when there are more than `limit`.
    pub async fn others_with(
        &self,
        tags: &[String],
        names: &[AssetName],
        limit: usize,
    ) -> Result<Option<Vec<AssetName>>, DbErr> {
        let Some(AssetName { resource_type, delivery_type, .. }) = names.first() else {
            return Ok(Some(Vec::new()));
        };
        let tagged = Query::select()
            .column(asset_tags::Column::AssetId)
            .from(asset_tags::Entity)
            .and_where(asset_tags::Column::EnvironmentId.eq(self.environment.0))
            .and_where(asset_tags::Column::ResourceType.eq(resource_type.name()))
            .and_where(asset_tags::Column::Tag.is_in(tags.iter().map(String::as_str)))
            .to_owned();
        let mut query = self
            .base()
            .filter(assets::Column::ResourceType.eq(resource_type.name()))
            .filter(assets::Column::DeliveryType.eq(delivery_type.name()))
            .filter(Expr::col((assets::Entity, assets::Column::Id)).in_subquery(tagged));
        if !self.scope.is_everywhere() {
            query = query.filter(folders_of(&self.scope));
        }
        let most = u64::try_from(limit + names.len() + 1).unwrap_or(u64::MAX);
        let query = query.select_only().column(assets::Column::PublicId).limit(most);
        let found: Vec<String> = query.into_tuple().all(self.database.reader()).await?;
        let named: HashSet<&str> = names.iter().map(|name| name.public_id.as_str()).collect();
        let name = |public_id| AssetName { resource_type: *resource_type, delivery_type: *delivery_type, public_id };
        let others: Vec<_> = found.into_iter().filter(|id| !named.contains(id.as_str())).map(name).collect();
        Ok((others.len() <= limit).then_some(others))
    }

    async fn write(
        &self,
        transaction: &DatabaseTransaction,
        asset: AssetRecord,
        changes: &AssetChanges,
        now: DateTime<Utc>,
    ) -> Result<AssetRecord, ChangeError> {
        let tags = changes.tags.as_ref().map_or_else(|| asset.tags.clone(), |change| change.applied_to(&asset.tags));
        let context =
            changes.context.as_ref().map_or_else(|| asset.context.clone(), |change| change.applied_to(&asset.context));
        let metadata = changes.metadata.as_ref();
        let metadata = metadata.map_or_else(|| asset.metadata.clone(), |change| change.applied_to(&asset.metadata));
        let coordinates = changes.coordinates.applied_to(&asset.coordinates);
        let access = changes.access.applied_to(&asset.access);
        let moderation = match changes.moderation {
            Some(status) if asset.moderation.is_none_or(|former| former.status != status) => {
                Some(Moderation { status, updated_at: now })
            }
            _ => asset.moderation,
        };
        for (name, is_too_many) in [("tags", tags.len() > MOST), ("context", context.len() > MOST)] {
            if is_too_many {
                return Err(ChangeError::TooMany { name, public_id: asset.name.public_id });
            }
        }
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
            metadata: Value::Object(metadata.clone()),
            coordinates: json!(coordinates),
            access: json!(access),
            backup: changes.backup.unwrap_or(asset.backup),
            moderation_kind: moderation.map(|_| MANUAL.to_owned()),
            moderation_status: moderation.map(|moderation| moderation.status.name().to_owned()),
            moderation_updated_at: moderation.map(|moderation| moderation.updated_at),
            created_at: asset.created_at,
        };
        if (&tags, &context) != (&asset.tags, &asset.context) {
            take_labels(transaction, row.id).await?;
            put_labels(transaction, &row, &tags, &context).await?;
        }
        if let Some(folder) = &changes.asset_folder {
            self.put_folders(transaction, folder, now).await?;
        }
        // Only what changes: a folder that is moved meanwhile keeps what it did to the rest.
        use assets::Column;
        let mut update = assets::Entity::update_many()
            .filter(Column::Id.eq(row.id))
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .col_expr(Column::Tags, Expr::value(row.tags.clone()))
            .col_expr(Column::Context, Expr::value(row.context.clone()))
            .col_expr(Column::Metadata, Expr::value(row.metadata.clone()))
            .col_expr(Column::Coordinates, Expr::value(row.coordinates.clone()))
            .col_expr(Column::Access, Expr::value(row.access.clone()))
            .col_expr(Column::Backup, Expr::value(row.backup));
        if changes.moderation.is_some() {
            update = update
                .col_expr(Column::ModerationKind, Expr::value(row.moderation_kind.clone()))
                .col_expr(Column::ModerationStatus, Expr::value(row.moderation_status.clone()))
                .col_expr(Column::ModerationUpdatedAt, Expr::value(row.moderation_updated_at));
        }
        if let Some(name) = &changes.display_name {
            update = update.col_expr(Column::DisplayName, Expr::value(name.as_str()));
        }
        if let Some(folder) = &changes.asset_folder {
            update = update.col_expr(Column::AssetFolder, Expr::value(folder.as_str()));
        }
        update.exec(transaction).await?;
        Ok(AssetRecord {
            display_name: row.display_name,
            asset_folder: row.asset_folder,
            tags,
            context,
            metadata,
            coordinates,
            access,
            backup: row.backup,
            moderation,
            ..asset
        })
    }
}
