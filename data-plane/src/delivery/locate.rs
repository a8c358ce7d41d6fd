//! From names to rows, remembered for a moment.
//!
//! A row is remembered for at most two seconds, which bounds how long an overwrite can stay unseen on other nodes; the node that
//! made the change forgets at once. That something is missing is remembered as well.

use std::{sync::Arc, time::Duration};

use plane_kit::{error::ApiError, ids::EnvironmentId};

use super::admit::AdmittedDelivery;
use crate::{
    DataPlane,
    assets::{
        AssetStore,
        record::{AssetName, AssetRecord},
    },
    generations::Generations,
};

/// How many rows are remembered.
const REMEMBERED: u64 = 50_000;

type Key = (EnvironmentId, AssetName, u32);

/// A row and what is left of the URL's extension.
#[derive(Debug, Clone)]
pub struct LocatedAsset {
    /// The row.
    pub record: Arc<AssetRecord>,
    /// The extension that asks for a format, as it stands in the URL.
    pub extension: Option<String>,
}

impl LocatedAsset {
    /// What people have rejected nobody gets; to whoever asks it is not there.
    pub fn refuse_rejected(&self) -> Result<(), ApiError> {
        match self.record.is_rejected() {
            true => Err(ApiError::not_found(format!("Resource not found - {}", self.record.name.public_id))),
            false => Ok(()),
        }
    }
}

/// Rows by name.
pub struct Located {
    rows: moka::future::Cache<Key, Option<Arc<AssetRecord>>>,
    generations: Generations,
}

impl Located {
    /// Remembers rows for `keep`.
    pub fn new(keep: Duration) -> Self {
        Self {
            rows: moka::future::Cache::builder().max_capacity(REMEMBERED).time_to_live(keep).build(),
            generations: Generations::default(),
        }
    }

    /// The asset that a delivery means.
    pub async fn locate(&self, plane: &DataPlane, admitted: &AdmittedDelivery<'_>) -> Result<LocatedAsset, ApiError> {
        use crate::assets::ActsFor;
        let url = admitted.url();
        for (name, extension) in url.candidates() {
            let generation = self.generations.of(&(admitted.environment(), &name));
            let key = (admitted.environment(), name, generation);
            let record = match self.rows.get(&key).await {
                Some(record) => record,
                None => {
                    let assets = AssetStore::of(admitted, &plane.database, &plane.settings.region.name);
                    let name = key.1.clone();
                    let find = async move { Ok(assets.find(&name).await?.map(Arc::new)) };
                    Box::pin(self.rows.try_get_with(key, find))
                        .await
                        .map_err(|error: Arc<sea_orm::DbErr>| ApiError::internal(error.as_ref()))?
                }
            };
            if let Some(record) = record {
                return Ok(LocatedAsset { record, extension: extension.map(str::to_owned) });
            }
        }
        Err(ApiError::not_found(format!("Resource not found - {}", url.decoded)))
    }

    /// Forgets a name.
    pub fn forget(&self, environment: EnvironmentId, name: &AssetName) {
        self.generations.forget(&(environment, name));
    }

    /// Forgets several names.
    pub fn forget_all_of(&self, environment: EnvironmentId, names: impl Iterator<Item = AssetName>) {
        for name in names {
            self.forget(environment, &name);
        }
    }
}
