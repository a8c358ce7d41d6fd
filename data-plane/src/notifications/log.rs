//! The log of what was sent, and how that went.

use chrono::{DateTime, Utc};
use plane_kit::{audit::Entry, database::Database, ids::EnvironmentId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Condition,
};
use serde_json::json;
use uuid::Uuid;

use super::send::Send;
use crate::{
    assets::{ActsFor, list::Cursor},
    audit,
    jobs::{self, Order},
    permitted::Permitted,
    tables::notifications::{Column, Entity, Model},
};

/// How a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was not taken yet.
    Waiting,
    /// The receiver took it.
    Delivered,
    /// Nobody took it in time.
    GivenUp,
}

impl State {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::GivenUp];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    /// How a notification stands.
    pub fn of(row: &Model) -> Self {
        match (row.delivered_at, row.given_up_at) {
            (Some(_), _) => Self::Delivered,
            (None, Some(_)) => Self::GivenUp,
            (None, None) => Self::Waiting,
        }
    }

    fn condition(self) -> Condition {
        match self {
            Self::Waiting => Condition::all().add(Column::DeliveredAt.is_null()).add(Column::GivenUpAt.is_null()),
            Self::Delivered => Condition::all().add(Column::DeliveredAt.is_not_null()),
            Self::GivenUp => Condition::all().add(Column::DeliveredAt.is_null()).add(Column::GivenUpAt.is_not_null()),
        }
    }
}

/// The log of one tenant.
pub struct DeliveryLog<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
}

impl<'a> DeliveryLog<'a> {
    /// The log of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment() }
    }

    /// A page, newest first, and where the next one begins.
    pub async fn list(
        &self,
        state: Option<State>,
        event_type: Option<&str>,
        cursor: Option<Cursor>,
        limit: u64,
    ) -> Result<(Vec<Model>, Option<Cursor>), DbErr> {
        let mut query = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        if let Some(state) = state {
            query = query.filter(state.condition());
        }
        if let Some(event_type) = event_type {
            query = query.filter(Column::EventType.eq(event_type));
        }
        if let Some(cursor) = cursor {
            query = query.filter(cursor.after(Column::CreatedAt, Column::Id, false));
        }
        let query = query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id).limit(limit + 1);
        let mut page = query.all(self.database.reader()).await?;
        let has_more = page.len() as u64 > limit;
        page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = page.last().filter(|_| has_more).map(|last| Cursor::at(last.created_at, last.id));
        Ok((page, next))
    }

    /// Sends a notification once more, from the beginning. False when there is none of that id, or it is not through yet.
    pub async fn replay(&self, id: Permitted<Uuid>, now: DateTime<Utc>) -> Result<bool, DbErr> {
        let Permitted { thing: id, by, .. } = id;
        let transaction = self.database.begin().await?;
        let row = Entity::find_by_id(id).filter(Column::EnvironmentId.eq(self.environment.0)).lock_exclusive();
        let row = row.one(&transaction).await?.filter(|row| State::of(row) != State::Waiting);
        let Some(row) = row else {
            transaction.rollback().await?;
            return Ok(false);
        };
        let before = json!({"state": State::of(&row).name(), "attempts": row.attempts});
        let mut change = row.into_active_model();
        change.attempts = Set(0);
        change.delivered_at = Set(None);
        change.given_up_at = Set(None);
        // The day in which it is tried begins anew.
        change.created_at = Set(now);
        change.update(&transaction).await?;
        jobs::put(&transaction, self.environment, Order::of(&Send { notification: id })?, now).await?;
        let target = format!("notification {}", id.as_simple());
        let entry = Entry::changed("replay_notification", target, before, json!({"state": State::Waiting.name()}));
        audit::put(&transaction, self.region, self.environment, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Forgets what was through before a moment.
pub async fn forget_old(database: &Database, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let through = Condition::any().add(Column::DeliveredAt.is_not_null()).add(Column::GivenUpAt.is_not_null());
    let gone = Entity::delete_many().filter(Column::CreatedAt.lt(before)).filter(through);
    Ok(gone.exec(database.writer()).await?.rows_affected)
}
