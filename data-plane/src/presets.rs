//! Upload presets: named sets of upload parameters.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{AuditRecord, Entry, Origin},
    database::Database,
    ids::EnvironmentId,
};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, sea_query::OnConflict};
use serde_json::{Map, Value, json};

use crate::{Plane, audit, tables::upload_presets, tenants::Tenant};

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

/// The preset of a name.
pub async fn find(database: &Database, tenant: &Tenant, name: &str) -> Result<Option<Preset>, DbErr> {
    let row = upload_presets::Entity::find_by_id((tenant.id().0, name.to_owned())).one(database.reader()).await?;
    Ok(row.map(|row| {
        let settings = match row.settings {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        Preset { name: row.name, unsigned: row.unsigned, settings }
    }))
}

/// Writes a preset if there is none of its name, on the program's own behalf.
pub async fn ensure(
    plane: &Plane,
    environment: EnvironmentId,
    preset: &Preset,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    use upload_presets::Column;
    let row = upload_presets::ActiveModel {
        environment_id: Set(environment.0),
        name: Set(preset.name.clone()),
        unsigned: Set(preset.unsigned),
        settings: Set(Value::Object(preset.settings.clone())),
        created_at: Set(now),
    };
    let transaction = plane.database.begin().await?;
    let written = upload_presets::Entity::insert(row)
        .on_conflict(OnConflict::columns([Column::EnvironmentId, Column::Name]).do_nothing().to_owned())
        .exec_without_returning(&transaction)
        .await?;
    if written > 0 {
        let shown = json!({"name": preset.name, "unsigned": preset.unsigned, "settings": preset.settings});
        let entry = Entry::made("create_upload_preset", format!("upload_preset {}", preset.name), shown);
        let record = AuditRecord {
            environment: Some(environment),
            region: plane.settings.region.name.clone(),
            ..AuditRecord::new(now, &Origin::PROGRAM, entry)
        };
        audit::put(&transaction, record).await?;
    }
    transaction.commit().await
}
