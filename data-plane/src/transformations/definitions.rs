//! What is stored under names, remembered for a moment.

use std::{collections::HashMap, sync::Arc, time::Duration};

use plane_kit::{database::Database, error::ApiError, ids::EnvironmentId};
use sea_orm::{DbErr, EntityTrait};
use transform::{
    grammar::{Expanded, Transformation},
    refusal::Refusal,
};

use super::{recorded::Recorded, stored::StoredTransformation};
use crate::{delivery::url::refused, generations::Generations, tables::transformations};

/// How many names are remembered.
const REMEMBERED: u64 = 50_000;
/// How many names one transformation may lead to.
const MOST: usize = 100;

type Key = (EnvironmentId, String, u32);

/// Stored transformations by name.
pub struct Definitions {
    rows: moka::future::Cache<Key, Option<Arc<Transformation>>>,
    generations: Generations,
}

impl Definitions {
    /// Remembers them for `keep`, which is how long a change can stay unseen on other nodes.
    pub fn new(keep: Duration) -> Self {
        Self {
            rows: moka::future::Cache::builder().max_capacity(REMEMBERED).time_to_live(keep).build(),
            generations: Generations::default(),
        }
    }

    /// Puts what an environment has stored under names in their place.
    pub async fn expand(
        &self,
        database: &Database,
        environment: EnvironmentId,
        transformation: Transformation,
    ) -> Result<Expanded, ApiError> {
        let mut wanted: Vec<String> = transformation.names().map(str::to_owned).collect();
        let mut known: HashMap<String, Arc<Transformation>> = HashMap::new();
        while let Some(name) = wanted.pop() {
            if known.contains_key(&name) {
                continue;
            }
            if known.len() >= MOST {
                return Err(refused(Refusal::name(&name, format_args!("leads to more than {MOST} names"))));
            }
            let definition = self.find(database, environment, &name).await?;
            let definition = definition.ok_or_else(|| refused(Refusal::unknown_name(&name)))?;
            wanted.extend(definition.names().map(str::to_owned));
            known.insert(name, definition);
        }
        transformation.expand(&|name| known.get(name).cloned()).map_err(refused)
    }

    async fn find(
        &self,
        database: &Database,
        environment: EnvironmentId,
        name: &str,
    ) -> Result<Option<Arc<Transformation>>, ApiError> {
        let key = (environment, name.to_owned(), self.generations.of(&(environment, name)));
        let find = async {
            let id = (environment.0, Recorded::Named(name.to_owned()).key());
            let row = transformations::Entity::find_by_id(id).one(database.reader()).await?;
            row.and_then(|row| row.definition).map(|text| read(name, &text).map(Arc::new)).transpose()
        };
        let found = self.rows.try_get_with(key, find).await;
        found.map_err(|error: Arc<DbErr>| ApiError::internal(error.as_ref()))
    }

    /// Forgets what is stored under a name.
    pub fn forget(&self, environment: EnvironmentId, name: &str) {
        self.generations.forget(&(environment, name));
    }
}

/// What is stored, read again.
fn read(name: &str, text: &str) -> Result<Transformation, DbErr> {
    let definition =
        StoredTransformation::parse("transformation", text).and_then(|stored| stored.definition().map_err(refused));
    definition
        .map_err(|error| DbErr::Custom(format!("what is stored as transformation {name} cannot be read: {error}")))
}
