//! Triggers: who wants to be told of what, whatever call it comes from.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::Entry,
    database::Database,
    destination::{Destination, without_credentials},
    ids::{EnvironmentId, uuid_at},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, SqlErr,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::event::Event;
use crate::{
    assets::ActsFor,
    audit,
    permitted::Permitted,
    tables::triggers::{Column, Entity, Model},
};

/// How many addresses may be told of one type.
pub const MOST: u64 = 30;

/// A trigger as it is kept.
pub type Trigger = Model;

/// A trigger that is to be made.
#[derive(Debug, Clone)]
pub struct NewTrigger {
    /// Of which type, or `all`.
    pub event_type: String,
    /// Where it is told.
    pub to: Destination,
}

/// What kept a change from being made.
#[derive(Debug)]
pub enum TriggerError {
    /// There is none of that id.
    NotFound,
    /// There is one for that address and type.
    Taken,
    /// There are as many as there may be.
    TooMany,
    /// The database failed.
    Database(DbErr),
}

impl From<DbErr> for TriggerError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Taken,
            _ => Self::Database(error),
        }
    }
}

/// Where an event is told: to those who want it, or all.
pub async fn destinations(
    transaction: &DatabaseTransaction,
    environment: EnvironmentId,
    event: Event,
) -> Result<Vec<Destination>, DbErr> {
    let rows = Entity::find()
        .filter(Column::EnvironmentId.eq(environment.0))
        .filter(Column::EventType.is_in([event.name(), "all"]))
        .order_by_asc(Column::Id)
        .all(transaction)
        .await?;
    let mut to: Vec<Destination> = Vec::with_capacity(rows.len());
    for row in rows {
        // An address that wants all and this one, too, is told once.
        let destination = match row.uri.strip_prefix("poll://") {
            Some(channel) => Destination::Poll(channel.to_owned()),
            None => Destination::Webhook(row.uri),
        };
        if !to.contains(&destination) {
            to.push(destination);
        }
    }
    Ok(to)
}

/// The triggers of one tenant.
pub struct TriggerStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
}

impl<'a> TriggerStore<'a> {
    /// The triggers of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment() }
    }

    /// All of them, or those of a type, oldest first.
    pub async fn list(&self, event_type: Option<&str>) -> Result<Vec<Trigger>, DbErr> {
        let mut query = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        if let Some(event_type) = event_type {
            query = query.filter(Column::EventType.eq(event_type));
        }
        query.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(self.database.reader()).await
    }

    /// The trigger of an id.
    pub async fn find(&self, id: Uuid) -> Result<Trigger, TriggerError> {
        let row = Entity::find_by_id(id).filter(Column::EnvironmentId.eq(self.environment.0));
        row.one(self.database.reader()).await?.ok_or(TriggerError::NotFound)
    }

    /// Makes a trigger.
    pub async fn create(&self, trigger: Permitted<NewTrigger>, now: DateTime<Utc>) -> Result<Trigger, TriggerError> {
        let Permitted { thing: NewTrigger { event_type, to }, by, .. } = trigger;
        let transaction = self.database.begin().await?;
        let of_type = Entity::find()
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(Column::EventType.eq(event_type.as_str()));
        if of_type.count(&transaction).await? >= MOST {
            return Err(TriggerError::TooMany);
        }
        let uri_type = match &to {
            Destination::Webhook(_) => "webhook",
            Destination::Poll(_) => "poll",
        };
        let row = Model {
            id: uuid_at(now),
            environment_id: self.environment.0,
            event_type,
            uri_type: uri_type.into(),
            uri: to.uri(),
            created_at: now,
            updated_at: now,
        };
        Entity::insert(row.clone().into_active_model()).exec_without_returning(&transaction).await?;
        let entry = Entry::made("create_trigger", target(row.id), shown(&row));
        audit::put(&transaction, self.region, self.environment, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Gives a trigger another address.
    pub async fn update(
        &self,
        id: Uuid,
        to: Permitted<Destination>,
        now: DateTime<Utc>,
    ) -> Result<Trigger, TriggerError> {
        let Permitted { thing: to, by, .. } = to;
        let transaction = self.database.begin().await?;
        let row = Entity::find_by_id(id).filter(Column::EnvironmentId.eq(self.environment.0));
        let row = row.one(&transaction).await?.ok_or(TriggerError::NotFound)?;
        let before = shown(&row);
        let mut change = row.into_active_model();
        change.uri = Set(to.uri());
        change.uri_type = Set(if matches!(to, Destination::Poll(_)) { "poll" } else { "webhook" }.into());
        change.updated_at = Set(now);
        let row = change.update(&transaction).await?;
        let entry = Entry::changed("update_trigger", target(row.id), before, shown(&row));
        audit::put(&transaction, self.region, self.environment, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Takes a trigger away.
    pub async fn delete(&self, id: Permitted<Uuid>, now: DateTime<Utc>) -> Result<(), TriggerError> {
        let Permitted { thing: id, by, .. } = id;
        let transaction = self.database.begin().await?;
        let row = Entity::find_by_id(id).filter(Column::EnvironmentId.eq(self.environment.0));
        let row = row.one(&transaction).await?.ok_or(TriggerError::NotFound)?;
        Entity::delete_by_id(id).exec(&transaction).await?;
        let entry = Entry::removed("delete_trigger", target(row.id), shown(&row));
        audit::put(&transaction, self.region, self.environment, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(())
    }
}

fn target(id: Uuid) -> String {
    format!("trigger {}", id.as_simple())
}

fn shown(trigger: &Trigger) -> Value {
    json!({"event_type": trigger.event_type, "uri": without_credentials(&trigger.uri)})
}
