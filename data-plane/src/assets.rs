//! Assets: their names, their rows, and the store that reads and changes them for one tenant.

pub mod access_control;
pub mod analyses;
pub mod change;
pub mod commit;
pub mod coordinates;
pub mod derived;
pub mod early;
pub mod fetched;
pub mod happening;
pub mod labels;
pub mod list;
pub mod made;
pub mod moderation;
pub mod record;
pub mod relations;
pub mod remove;
pub mod rename;
pub mod said;

use plane_kit::{database::Database, ids::EnvironmentId, policy::Scope};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, Select};

use crate::tables::{asset_versions, assets, renditions};
use record::{AssetName, AssetRecord, DeliveryType, ResourceType};

/// How often an asset that is being replaced is read again.
const REREADS: usize = 5;

/// A proof of access to a tenant's assets. Implemented by what the doors of the plane hand out, and by nothing else.
pub trait ActsFor {
    /// The tenant.
    fn environment(&self) -> EnvironmentId;

    /// In which folders it holds.
    fn scope(&self) -> Scope;
}

/// The assets of one tenant, in the folders that the witness is for. The tenant stands in every query from the beginning; what lies
/// in other folders is not there for a reader, and stops a change.
pub struct AssetStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
    scope: Scope,
}

impl<'a> AssetStore<'a> {
    /// The store of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment(), scope: witness.scope() }
    }

    /// Whose assets they are.
    pub fn environment(&self) -> EnvironmentId {
        self.environment
    }

    fn base(&self) -> Select<assets::Entity> {
        assets::Entity::find().filter(assets::Column::EnvironmentId.eq(self.environment.0))
    }

    /// The asset of a name.
    pub async fn find(&self, name: &AssetName) -> Result<Option<AssetRecord>, DbErr> {
        // The row and its version are two reads; an overwrite in between takes the version away, and then both are read again.
        for _ in 0..REREADS {
            if let Some(found) = self.find_on(self.database.reader(), name).await? {
                return Ok(self.within_scope(found));
            }
            if self.named(self.database.reader(), name).await?.is_none() {
                return Ok(None);
            }
        }
        Err(DbErr::Custom("an asset is being replaced too often to be read".into()))
    }

    async fn named<C: ConnectionTrait>(
        &self,
        connection: &C,
        name: &AssetName,
    ) -> Result<Option<assets::Model>, DbErr> {
        self.base()
            .filter(assets::Column::ResourceType.eq(name.resource_type.name()))
            .filter(assets::Column::DeliveryType.eq(name.delivery_type.name()))
            .filter(assets::Column::PublicId.eq(name.public_id.as_str()))
            .one(connection)
            .await
    }

    async fn find_on<C: ConnectionTrait>(
        &self,
        connection: &C,
        name: &AssetName,
    ) -> Result<Option<AssetRecord>, DbErr> {
        let asset = self.named(connection, name).await?;
        self.with_version(connection, asset).await
    }

    /// The asset of an id.
    pub async fn find_by_id(&self, id: uuid::Uuid) -> Result<Option<AssetRecord>, DbErr> {
        let asset = self.base().filter(assets::Column::Id.eq(id)).one(self.database.reader()).await?;
        let found = self.with_version(self.database.reader(), asset).await?;
        Ok(found.and_then(|found| self.within_scope(found)))
    }

    /// The asset whose current version has this id.
    pub async fn find_by_version(&self, version: uuid::Uuid) -> Result<Option<AssetRecord>, DbErr> {
        let asset = self.base().filter(assets::Column::VersionId.eq(version)).one(self.database.reader()).await?;
        let found = self.with_version(self.database.reader(), asset).await?;
        Ok(found.and_then(|found| self.within_scope(found)))
    }

    fn within_scope(&self, asset: AssetRecord) -> Option<AssetRecord> {
        self.scope.permits(&asset.asset_folder).then_some(asset)
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

    /// The rendition of a key, if it was made.
    pub async fn rendition(&self, key: &str) -> Result<Option<renditions::Model>, DbErr> {
        renditions::Entity::find_by_id(key)
            .filter(renditions::Column::EnvironmentId.eq(self.environment.0))
            .one(self.database.reader())
            .await
    }

    /// How many assets there are, and how many derived assets: renditions, however many spellings each has.
    pub async fn counts(&self) -> Result<(u64, u64), DbErr> {
        let assets = self.base().count(self.database.reader()).await?;
        let derived = renditions::Entity::find()
            .filter(renditions::Column::EnvironmentId.eq(self.environment.0))
            .count(self.database.reader())
            .await?;
        Ok((assets, derived))
    }
}

impl AssetName {
    /// The order in which whoever needs several names takes them, so that no two wait for each other.
    pub fn lock_order(&self) -> (&'static str, &'static str, &str) {
        (self.resource_type.name(), self.delivery_type.name(), &self.public_id)
    }

    /// The name of an uploaded image, the commonest kind.
    pub fn image(public_id: impl Into<String>) -> Self {
        Self { resource_type: ResourceType::Image, delivery_type: DeliveryType::Upload, public_id: public_id.into() }
    }
}
