//! Upload presets: named sets of upload parameters.

pub mod settings;

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    database::Database,
    ids::EnvironmentId,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Condition, OnConflict},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    Plane,
    assets::{ActsFor, list::Cursor},
    audit,
    permitted::Permitted,
    tables::upload_presets::{ActiveModel, Column, Entity, Model},
    tenants::Tenant,
};

/// A preset as an upload sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Name.
    pub name: String,
    /// Whether uploads without a signature may use it.
    pub unsigned: bool,
    /// Upload parameters.
    pub settings: Map<String, Value>,
}

/// A preset as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptPreset {
    /// What an upload sees.
    pub preset: Preset,
    /// Its id.
    pub external_id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// In which order presets are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresetOrder {
    /// By name.
    Name,
    /// By when they were made.
    CreatedAt,
}

/// What kept a change from being made.
#[derive(Debug)]
pub enum PresetError {
    /// There is none of that name.
    NotFound,
    /// There is one of that name.
    Taken,
    /// The database failed.
    Database(DbErr),
}

impl From<DbErr> for PresetError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Model> for KeptPreset {
    fn from(row: Model) -> Self {
        let settings = match row.settings {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        Self {
            preset: Preset { name: row.name, unsigned: row.unsigned, settings },
            external_id: row.external_id.unwrap_or_default(),
            created_at: row.created_at,
        }
    }
}

/// The preset of a name, for an upload.
pub async fn find(database: &Database, tenant: &Tenant, name: &str) -> Result<Option<Preset>, DbErr> {
    let row = Entity::find_by_id((tenant.id().0, name.to_owned())).one(database.reader()).await?;
    Ok(row.map(|row| KeptPreset::from(row).preset))
}

/// The presets of one tenant.
pub struct PresetStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
}

impl<'a> PresetStore<'a> {
    /// The presets of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment() }
    }

    /// The preset of a name.
    pub async fn find(&self, name: &str) -> Result<KeptPreset, PresetError> {
        let row = Entity::find_by_id((self.environment.0, name.to_owned())).one(self.database.reader()).await?;
        row.map(KeptPreset::from).ok_or(PresetError::NotFound)
    }

    /// A page, and where the next begins.
    pub async fn list(
        &self,
        order: PresetOrder,
        ascending: bool,
        cursor: Option<Cursor>,
        limit: u64,
    ) -> Result<(Vec<KeptPreset>, Option<Cursor>), DbErr> {
        let mut query = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        let direction = if ascending { Order::Asc } else { Order::Desc };
        query = match (order, cursor) {
            (_, None) => query,
            (PresetOrder::CreatedAt, Some(cursor)) => {
                query.filter(cursor.after(Column::CreatedAt, Column::ExternalId, ascending))
            }
            (PresetOrder::Name, Some(Cursor::Name { public_id: name, .. })) => {
                query.filter(if ascending { Column::Name.gt(name) } else { Column::Name.lt(name) })
            }
            (PresetOrder::Name, Some(Cursor::Moment { .. })) => query.filter(Condition::any()),
        };
        query = match order {
            PresetOrder::Name => query.order_by(Column::Name, direction),
            PresetOrder::CreatedAt => {
                query.order_by(Column::CreatedAt, direction.clone()).order_by(Column::ExternalId, direction)
            }
        };
        let rows = query.limit(limit + 1).all(self.database.reader()).await?;
        let mut page: Vec<KeptPreset> = rows.into_iter().map(KeptPreset::from).collect();
        let has_more = page.len() as u64 > limit;
        page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = page.last().filter(|_| has_more).map(|last| match order {
            PresetOrder::Name => Cursor::Name { public_id: last.preset.name.clone(), id: last.external_id },
            PresetOrder::CreatedAt => Cursor::at(last.created_at, last.external_id),
        });
        Ok((page, next))
    }

    /// Makes a preset.
    pub async fn create(&self, preset: Permitted<Preset>, now: DateTime<Utc>) -> Result<KeptPreset, PresetError> {
        let Permitted { thing: preset, by, .. } = preset;
        let transaction = self.database.begin().await?;
        let row = new_row(self.environment, &preset, now);
        let external_id = row.external_id.clone().take().flatten().unwrap_or_default();
        if !insert(&transaction, row).await? {
            transaction.rollback().await?;
            return Err(PresetError::Taken);
        }
        self.audit(&transaction, &by, made(&preset), now).await?;
        transaction.commit().await?;
        Ok(KeptPreset { preset, external_id, created_at: now })
    }

    /// Sets a preset anew. Whether it is for unsigned uploads stays when that is not said.
    pub async fn replace(
        &self,
        name: Permitted<String>,
        unsigned: Option<bool>,
        settings: Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Result<KeptPreset, PresetError> {
        let Permitted { thing: name, by, .. } = name;
        let transaction = self.database.begin().await?;
        let row = self.locked(&transaction, &name).await?;
        let before = shown(&KeptPreset::from(row.clone()).preset);
        let mut row = row;
        row.unsigned = unsigned.unwrap_or(row.unsigned);
        row.settings = Value::Object(settings);
        let kept = KeptPreset::from(row.clone());
        row.into_active_model().reset_all().update(&transaction).await?;
        let entry = Entry::changed("update_upload_preset", target(&name), before, shown(&kept.preset));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(kept)
    }

    /// Takes a preset away.
    pub async fn delete(&self, name: Permitted<String>, now: DateTime<Utc>) -> Result<KeptPreset, PresetError> {
        let Permitted { thing: name, by, .. } = name;
        let transaction = self.database.begin().await?;
        let kept = KeptPreset::from(self.locked(&transaction, &name).await?);
        Entity::delete_by_id((self.environment.0, name.clone())).exec(&transaction).await?;
        let entry = Entry::removed("delete_upload_preset", target(&name), shown(&kept.preset));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(kept)
    }

    async fn locked(&self, transaction: &DatabaseTransaction, name: &str) -> Result<Model, PresetError> {
        let row = Entity::find_by_id((self.environment.0, name.to_owned())).lock_exclusive().one(transaction).await?;
        row.ok_or(PresetError::NotFound)
    }

    async fn audit(
        &self,
        transaction: &DatabaseTransaction,
        by: &Origin,
        entry: Entry,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        audit::put(transaction, self.region, self.environment, by, entry, now).await
    }
}

/// Writes a preset if there is none of its name, on the program's own behalf.
pub async fn ensure(
    plane: &Plane,
    environment: EnvironmentId,
    preset: &Preset,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let store = PresetStore { database: &plane.database, region: &plane.settings.region.name, environment };
    let transaction = plane.database.begin().await?;
    if insert(&transaction, new_row(environment, preset, now)).await? {
        store.audit(&transaction, &Origin::PROGRAM, made(preset), now).await?;
    }
    transaction.commit().await
}

fn new_row(environment: EnvironmentId, preset: &Preset, now: DateTime<Utc>) -> ActiveModel {
    ActiveModel {
        environment_id: Set(environment.0),
        name: Set(preset.name.clone()),
        external_id: Set(Some(plane_kit::ids::uuid_at(now))),
        unsigned: Set(preset.unsigned),
        settings: Set(Value::Object(preset.settings.clone())),
        created_at: Set(now),
    }
}

/// Whether the row was written; it is not when the name is taken.
async fn insert(transaction: &DatabaseTransaction, row: ActiveModel) -> Result<bool, DbErr> {
    let written = Entity::insert(row)
        .on_conflict(OnConflict::columns([Column::EnvironmentId, Column::Name]).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await?;
    Ok(written > 0)
}

fn made(preset: &Preset) -> Entry {
    Entry::made("create_upload_preset", target(&preset.name), shown(preset))
}

fn target(name: &str) -> String {
    format!("upload_preset {name}")
}

fn shown(preset: &Preset) -> Value {
    json!({"name": preset.name, "unsigned": preset.unsigned, "settings": preset.settings})
}
