//! Which transformations strangers may ask for where transformations are strict, remembered for a moment.

use std::{sync::Arc, time::Duration};

use plane_kit::{database::Database, error::ApiError, ids::EnvironmentId};
use sea_orm::{DbErr, EntityTrait};

use crate::{generations::Generations, tables::transformations};

/// How many are remembered.
const REMEMBERED: u64 = 50_000;

/// What is allowed, by environment and name.
pub struct Allowed {
    rows: moka::future::Cache<(EnvironmentId, String, u32), bool>,
    generations: Generations,
}

impl Allowed {
    /// Remembers it for `keep`, which is how long a change can stay unseen on other nodes.
    pub fn new(keep: Duration) -> Self {
        Self {
            rows: moka::future::Cache::builder().max_capacity(REMEMBERED).time_to_live(keep).build(),
            generations: Generations::default(),
        }
    }

    /// Whether a transformation is allowed. What nobody ever spoke of is not.
    pub async fn is_allowed(
        &self,
        database: &Database,
        environment: EnvironmentId,
        name: &str,
    ) -> Result<bool, ApiError> {
        let key = (environment, name.to_owned(), self.generations.of(&(environment, name)));
        let find = async {
            let row = transformations::Entity::find_by_id((environment.0, name.to_owned())).one(database.reader());
            Ok::<_, DbErr>(row.await?.is_some_and(|row| row.allowed_for_strict))
        };
        let found = self.rows.try_get_with(key, find).await;
        found.map_err(|error: Arc<DbErr>| ApiError::internal(error.as_ref()))
    }

    /// Forgets a transformation.
    pub fn forget(&self, environment: EnvironmentId, name: &str) {
        self.generations.forget(&(environment, name));
    }
}
