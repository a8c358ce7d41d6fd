//! Giving an asset another name.

use chrono::{DateTime, Utc};
use plane_kit::audit::Entry;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    AssetStore,
    commit::{shown, target},
    happening::Happening,
    record::{AssetName, AssetRecord},
};
use crate::{
    folders::{self, Hold},
    metering::outbox,
    permitted::Permitted,
    storage::ObjectKey,
    tables::{asset_versions, assets},
};

/// What a renaming led to.
#[derive(Debug)]
pub enum RenameOutcome {
    /// The asset under its new name, and the objects that no row names any more.
    Renamed(Box<AssetRecord>, Vec<ObjectKey>),
    /// There is no such asset in the folders that the caller may change.
    NotFound,
    /// Another asset has the name and was to be kept.
    Taken,
    /// Another asset has the name, in a folder that the caller may not change.
    OutOfScope,
}

/// The operation that gives assets the delivery type `upload`.
pub const PUBLISH: &str = "publish_resources";

impl AssetStore<'_> {
    /// Gives an asset another name. What was made of it stays, because that depends on its bytes. `folder` is where it lies afterwards,
    /// where that follows from the name. `operation` is what the audit log says was done.
    pub async fn rename(
        &self,
        from: Permitted<AssetName>,
        to: AssetName,
        overwrite: bool,
        folder: Option<&str>,
        operation: &'static str,
        now: DateTime<Utc>,
    ) -> Result<RenameOutcome, DbErr> {
        let Permitted { thing: from, by, told } = from;
        let transaction = self.database.begin().await?;
        folders::hold(&transaction, self.environment, Hold::Into).await?;
        // Two that rename in opposite directions take both names in one order.
        let version = if from.lock_order() <= to.lock_order() {
            self.lock_name(&transaction, &from).await?;
            self.next_version(&transaction, &to, now).await?
        } else {
            let version = self.next_version(&transaction, &to, now).await?;
            self.lock_name(&transaction, &from).await?;
            version
        };
        let found = self.find_on(&transaction, &from).await?;
        let Some(asset) = found.and_then(|found| self.within_scope(found)) else {
            transaction.rollback().await?;
            return Ok(RenameOutcome::NotFound);
        };
        let mut orphans = Vec::new();
        if let Some(existing) = self.find_on(&transaction, &to).await? {
            let Some(existing) = self.within_scope(existing) else {
                transaction.rollback().await?;
                return Ok(RenameOutcome::OutOfScope);
            };
            if !overwrite || existing.id == asset.id {
                transaction.rollback().await?;
                return Ok(RenameOutcome::Taken);
            }
            let usage = self.drop_version(&transaction, &existing, "overwrite", now, &mut orphans).await?;
            assets::Entity::delete_by_id(existing.id.0)
                .filter(assets::Column::EnvironmentId.eq(self.environment.0))
                .exec(&transaction)
                .await?;
            outbox::put(&transaction, self.region, &[usage]).await?;
            let entry = Entry::removed(operation, target(&to), shown(&existing));
            self.audit(&transaction, &by, entry, now).await?;
            told.of(&transaction, &by, Happening::Deleted(&[existing]), now).await?;
        }
        let mut update = assets::Entity::update_many()
            .col_expr(assets::Column::DeliveryType, Expr::value(to.delivery_type.name()))
            .col_expr(assets::Column::PublicId, Expr::value(to.public_id.as_str()));
        if let Some(folder) = folder {
            update = update.col_expr(assets::Column::AssetFolder, Expr::value(folder));
            self.put_folders(&transaction, folder, now).await?;
        }
        update
            .filter(assets::Column::Id.eq(asset.id.0))
            .filter(assets::Column::EnvironmentId.eq(self.environment.0))
            .exec(&transaction)
            .await?;
        asset_versions::Entity::update_many()
            .col_expr(asset_versions::Column::Version, Expr::value(version))
            .filter(asset_versions::Column::Id.eq(asset.version.id.0))
            .filter(asset_versions::Column::EnvironmentId.eq(self.environment.0))
            .exec(&transaction)
            .await?;
        let folder = folder.unwrap_or(&asset.asset_folder).to_owned();
        let before = shown(&asset);
        let renamed = AssetRecord {
            name: to,
            asset_folder: folder,
            version: super::record::VersionRecord { version, ..asset.version },
            ..asset
        };
        let entry = Entry::changed(operation, target(&from), before, shown(&renamed));
        self.audit(&transaction, &by, entry, now).await?;
        let happening = match operation {
            PUBLISH => Happening::Published { from: &from, asset: &renamed },
            _ => Happening::Renamed { from: &from, asset: &renamed },
        };
        told.of(&transaction, &by, happening, now).await?;
        transaction.commit().await?;
        Ok(RenameOutcome::Renamed(Box::new(renamed), orphans))
    }
}
