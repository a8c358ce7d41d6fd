//! Notifications that wait until somebody asks for them.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    database::Database,
    destination::ANONYMOUS,
    ids::{EnvironmentId, uuid_at},
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::tables::poll_messages::{Column, Entity, Model};

/// How many environments with somebody who waits are remembered.
const WAITS: u64 = 100_000;

/// Which messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// Those of a channel.
    Channel(String),
    /// The anonymous ones of a batch.
    Batch(String),
}

/// Wakes those who wait for messages of an environment on this node.
pub struct PollWaits(moka::sync::Cache<EnvironmentId, Arc<Notify>>);

impl Default for PollWaits {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(WAITS).time_to_idle(Duration::from_secs(300)).build())
    }
}

impl PollWaits {
    /// What is notified when there may be something new.
    pub fn of(&self, environment: EnvironmentId) -> Arc<Notify> {
        self.0.get_with(environment, Arc::default)
    }

    /// Says that there may be something new.
    pub fn wake(&self, environment: EnvironmentId) {
        if let Some(waiting) = self.0.get(&environment) {
            waiting.notify_waiters();
        }
    }
}

/// A message that was handed out; it comes back unless its receipt is acknowledged in time.
#[derive(Debug, Clone)]
pub struct Handed {
    /// By which it is acknowledged.
    pub receipt: Uuid,
    /// Its batch.
    pub batch_id: Option<String>,
    /// What is told, without the signature key.
    pub body: String,
}

/// Hands out messages of an environment, oldest first. They are not visible to others for a while.
pub async fn take(
    database: &Database,
    environment: EnvironmentId,
    from: &From,
    most: u64,
    invisible: TimeDelta,
    now: DateTime<Utc>,
) -> Result<Vec<Handed>, DbErr> {
    let of = || {
        let of_environment =
            Entity::find().filter(Column::EnvironmentId.eq(environment.0)).filter(Column::VisibleAt.lte(now));
        match from {
            From::Channel(channel) => of_environment.filter(Column::Channel.eq(channel.as_str())),
            From::Batch(batch) => {
                of_environment.filter(Column::Channel.eq(ANONYMOUS)).filter(Column::BatchId.eq(batch.as_str()))
            }
        }
    };
    let visible = of().order_by_asc(Column::VisibleAt).order_by_asc(Column::Id).limit(most);
    let rows: Vec<Model> = visible.all(database.reader()).await?;
    let mut handed = Vec::with_capacity(rows.len());
    for row in rows {
        let receipt = uuid_at(now);
        // Of two that ask at once, one gets it.
        let taken = Entity::update_many()
            .col_expr(Column::Receipt, Expr::value(Some(receipt)))
            .col_expr(Column::VisibleAt, Expr::value(now + invisible))
            .filter(Column::Id.eq(row.id))
            .filter(Column::VisibleAt.lte(now))
            .exec(database.writer())
            .await?;
        if taken.rows_affected > 0 {
            handed.push(Handed { receipt, batch_id: row.batch_id, body: row.body });
        }
    }
    Ok(handed)
}

/// Takes a message away that was handed out under a receipt. False when the receipt is not, or no longer, that of a message.
pub async fn acknowledge(database: &Database, environment: EnvironmentId, receipt: Uuid) -> Result<bool, DbErr> {
    let gone = Entity::delete_many()
        .filter(Column::EnvironmentId.eq(environment.0))
        .filter(Column::Receipt.eq(receipt))
        .exec(database.writer())
        .await?;
    Ok(gone.rows_affected > 0)
}

/// Takes away what nobody asked for until a moment.
pub async fn forget_old(database: &Database, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let gone = Entity::delete_many().filter(Column::CreatedAt.lt(before)).exec(database.writer()).await?;
    Ok(gone.rows_affected)
}
