//! Pages of derived assets: of one version, or by one transformation.

use std::collections::HashMap;

use plane_kit::ids::VersionId;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::{
    AssetStore,
    list::{Cursor, folders_of},
    record::AssetRecord,
    remove::DerivedBy,
};
use crate::{
    tables::{assets, derived_assets, renditions},
    transformations::spelling::Spelling,
};

/// A spelling, and the rendition that it asks for.
pub type Derived = (derived_assets::Model, renditions::Model);

impl AssetStore<'_> {
    /// A page of the spellings under which renditions of a version exist, newest first, with their renditions, and where the
    /// next page begins.
    pub async fn derived(
        &self,
        version: Uuid,
        cursor: Option<Cursor>,
        limit: u64,
    ) -> Result<(Vec<Derived>, Option<Cursor>), DbErr> {
        let query = self.spellings().filter(derived_assets::Column::VersionId.eq(version));
        self.page_of_derived(query, cursor, limit).await
    }

    /// The same of what was made by a transformation, each with its asset.
    pub async fn derived_by(
        &self,
        by: &DerivedBy,
        cursor: Option<Cursor>,
        limit: u64,
    ) -> Result<(Vec<(AssetRecord, Derived)>, Option<Cursor>), DbErr> {
        let mut query = self.spellings().filter(by.condition());
        if !self.scope.is_everywhere() {
            let within = self.base().filter(folders_of(&self.scope)).select_only().column(assets::Column::VersionId);
            query =
                query.filter(derived_assets::Column::VersionId.in_subquery(sea_orm::QueryTrait::into_query(within)));
        }
        let (page, next) = self.page_of_derived(query, cursor, limit).await?;
        let versions = page.iter().map(|(spelling, _)| spelling.version_id);
        let owners = self.base().filter(assets::Column::VersionId.is_in(versions)).all(self.database.reader()).await?;
        let owners: HashMap<Uuid, AssetRecord> =
            self.with_versions(owners).await?.into_iter().map(|asset| (asset.version.id.0, asset)).collect();
        // What was replaced between two reads is not there any more.
        let with_owner = |derived: Derived| Some((owners.get(&derived.0.version_id)?.clone(), derived));
        Ok((page.into_iter().filter_map(with_owner).collect(), next))
    }

    /// Whether something was made of a version under a spelling, whatever that would be today; or only this rendition, where one is given.
    pub async fn is_spelled(&self, version: VersionId, spelling: &Spelling, key: Option<&str>) -> Result<bool, DbErr> {
        use derived_assets::Column;
        let mut found = self
            .spellings()
            .filter(Column::VersionId.eq(version.0))
            .filter(Column::Transformation.eq(spelling.transformation.as_str()))
            .filter(Column::Extension.eq(spelling.extension.as_str()));
        if let Some(key) = key {
            found = found.filter(Column::RenditionKey.eq(key));
        }
        Ok(found.one(self.database.reader()).await?.is_some())
    }

    fn spellings(&self) -> Select<derived_assets::Entity> {
        derived_assets::Entity::find().filter(derived_assets::Column::EnvironmentId.eq(self.environment.0))
    }

    async fn page_of_derived(
        &self,
        mut query: Select<derived_assets::Entity>,
        cursor: Option<Cursor>,
        limit: u64,
    ) -> Result<(Vec<Derived>, Option<Cursor>), DbErr> {
        use derived_assets::Column;
        if let Some(cursor) = cursor {
            query = query.filter(cursor.after(Column::CreatedAt, Column::Id, false));
        }
        let mut spellings = query
            .order_by_desc(Column::CreatedAt)
            .order_by_desc(Column::Id)
            .limit(limit + 1)
            .all(self.database.reader())
            .await?;
        let has_more = spellings.len() as u64 > limit;
        spellings.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = spellings.last().filter(|_| has_more).map(|last| Cursor::at(last.created_at, last.id));
        let made: HashMap<String, renditions::Model> = renditions::Entity::find()
            .filter(renditions::Column::EnvironmentId.eq(self.environment.0))
            .filter(renditions::Column::Key.is_in(spellings.iter().map(|spelling| spelling.rendition_key.as_str())))
            .all(self.database.reader())
            .await?
            .into_iter()
            .map(|made| (made.key.clone(), made))
            .collect();
        let page = spellings.into_iter().filter_map(|spelling| {
            let made = made.get(&spelling.rendition_key)?.clone();
            Some((spelling, made))
        });
        Ok((page.collect(), next))
    }
}
