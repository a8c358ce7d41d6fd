//! Assets: their names, their rows, and the store that reads and changes them for one tenant.

pub mod commit;
pub mod list;
pub mod record;

use plane_kit::{database::Database, ids::EnvironmentId};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Select};

use crate::tables::{asset_versions, assets, derived_assets, renditions};
use record::{AssetName, AssetRecord, DeliveryType, ResourceType};

/// A proof of access to a tenant's assets. Implemented by what the doors of the plane hand out, and by nothing else.
pub trait ActsFor {
    /// The tenant.
    fn environment(&self) -> EnvironmentId;
}

/// The assets of one tenant. The tenant stands in every query from the beginning.
pub struct AssetStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
}

impl<'a> AssetStore<'a> {
    /// The store of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment() }
    }

    fn base(&self) -> Select<assets::Entity> {
        assets::Entity::find().filter(assets::Column::EnvironmentId.eq(self.environment.0))
    }

    /// The asset of a name.
    pub async fn find(&self, name: &AssetName) -> Result<Option<AssetRecord>, DbErr> {
        self.find_on(self.database.reader(), name).await
    }

    async fn find_on<C: ConnectionTrait>(
        &self,
        connection: &C,
        name: &AssetName,
    ) -> Result<Option<AssetRecord>, DbErr> {
        let asset = self
            .base()
            .filter(assets::Column::ResourceType.eq(name.resource_type.name()))
            .filter(assets::Column::DeliveryType.eq(name.delivery_type.name()))
            .filter(assets::Column::PublicId.eq(name.public_id.as_str()))
            .one(connection)
            .await?;
        self.with_version(connection, asset).await
    }

    /// The asset of an id.
    pub async fn find_by_id(&self, id: uuid::Uuid) -> Result<Option<AssetRecord>, DbErr> {
        let asset = self.base().filter(assets::Column::Id.eq(id)).one(self.database.reader()).await?;
        self.with_version(self.database.reader(), asset).await
    }

    async fn with_version<C: ConnectionTrait>(
        &self,
        connection: &C,
        asset: Option<assets::Model>,
    ) -> Result<Option<AssetRecord>, DbErr> {
        let Some(asset) = asset else {
            return Ok(None);
        };
        let version = asset_versions::Entity::find_by_id(asset.version_id)
            .filter(asset_versions::Column::EnvironmentId.eq(self.environment.0))
            .one(connection)
            .await?;
        version.map(|version| AssetRecord::from_rows(asset, version)).transpose()
    }

    /// The spellings under which renditions of a version exist, newest first, with their renditions.
    pub async fn derived(
        &self,
        version_id: uuid::Uuid,
    ) -> Result<Vec<(derived_assets::Model, renditions::Model)>, DbErr> {
        let spellings = derived_assets::Entity::find()
            .filter(derived_assets::Column::EnvironmentId.eq(self.environment.0))
            .filter(derived_assets::Column::VersionId.eq(version_id))
            .order_by_desc(derived_assets::Column::CreatedAt)
            .all(self.database.reader())
            .await?;
        let made = renditions::Entity::find()
            .filter(renditions::Column::EnvironmentId.eq(self.environment.0))
            .filter(renditions::Column::VersionId.eq(version_id))
            .all(self.database.reader())
            .await?;
        Ok(spellings
            .into_iter()
            .filter_map(|spelling| {
                let rendition = made.iter().find(|rendition| rendition.key == spelling.rendition_key)?;
                Some((spelling, rendition.clone()))
            })
            .collect())
    }

    /// The rendition of a key, if it was made.
    pub async fn rendition(&self, key: &str) -> Result<Option<renditions::Model>, DbErr> {
        renditions::Entity::find_by_id(key)
            .filter(renditions::Column::EnvironmentId.eq(self.environment.0))
            .one(self.database.reader())
            .await
    }

    /// How many assets and how many derived assets there are.
    pub async fn counts(&self) -> Result<(u64, u64), DbErr> {
        let assets = self.base().count(self.database.reader()).await?;
        let derived = derived_assets::Entity::find()
            .filter(derived_assets::Column::EnvironmentId.eq(self.environment.0))
            .count(self.database.reader())
            .await?;
        Ok((assets, derived))
    }
}

impl AssetName {
    /// The name of an uploaded image, the commonest kind.
    pub fn image(public_id: impl Into<String>) -> Self {
        Self { resource_type: ResourceType::Image, delivery_type: DeliveryType::Upload, public_id: public_id.into() }
    }
}
