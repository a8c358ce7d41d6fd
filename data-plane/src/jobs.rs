//! Jobs: what is carried out later, and survives the process that promised it.
//!
//! A job is a row that is written in the transaction of the change that wants it. Any node of the region takes it under a lease; what
//! a killed process had taken comes back when the lease runs out, or at once when the node starts again. Whoever carries a job out
//! removes its row in the transaction of the outcome, so an outcome that was kept is kept once.

pub mod list;
pub mod patience;
pub mod runner;

use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    database::Database,
    ids::{EnvironmentId, NodeId, uuid_at},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::tables::jobs::{ActiveModel, Column, Entity, Model};

/// How long a job is one node's before another may take it. It is renewed while it is worked on.
pub const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How often a node may not come back from a job. Then it is not begun once more, and only told as failed: one that takes its node
/// down each time does not do that for ever.
const MOST_LOSSES: i32 = 10;
/// How long an error text may be that is kept with a job, in characters.
const LONGEST_ERROR: usize = 500;

/// Jobs of one lane wait for no job of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Telling somebody outside.
    Send,
    /// Work on assets.
    Work,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Self; 2] = [Self::Send, Self::Work];

    /// Its name in the database and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Work => "work",
        }
    }
}

/// How many jobs a node carries out at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobsConfig {
    /// Notifications that are being sent at once.
    pub senders: usize,
    /// Uploads and eager transformations that are worked on at once.
    pub workers: usize,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self { senders: 16, workers: 4 }
    }
}

impl JobsConfig {
    /// Checks the ranges.
    pub fn validate(&self) -> Result<(), String> {
        for (name, value) in [("senders", self.senders), ("workers", self.workers)] {
            if value == 0 {
                return Err(format!("jobs.{name} must be at least 1"));
            }
        }
        Ok(())
    }

    fn at_once(&self, lane: Lane) -> usize {
        match lane {
            Lane::Send => self.senders,
            Lane::Work => self.workers,
        }
    }
}

/// A kind of job: its name, its lane, and what one of it has to know.
pub trait Job: Serialize + DeserializeOwned {
    /// Its name in the database, in listings and in metrics.
    const KIND: &'static str;
    /// Its lane.
    const LANE: Lane;
}

/// Wakes the runners of this process when there is something new.
#[derive(Default)]
pub struct Wakers {
    send: Notify,
    work: Notify,
}

impl Wakers {
    fn of(&self, lane: Lane) -> &Notify {
        match lane {
            Lane::Send => &self.send,
            Lane::Work => &self.work,
        }
    }

    /// Says that jobs may have been committed.
    pub fn wake(&self) {
        self.send.notify_one();
        self.work.notify_one();
    }
}

/// A job that is to be put into the queue, whatever its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    kind: &'static str,
    lane: Lane,
    payload: String,
}

impl Order {
    /// Orders a job.
    pub fn of<J: Job>(job: &J) -> Result<Self, DbErr> {
        let payload = serde_json::to_string(job)
            .map_err(|error| DbErr::Custom(format!("a job of kind {} cannot be written: {error}", J::KIND)))?;
        Ok(Self { kind: J::KIND, lane: J::LANE, payload })
    }
}

/// Puts a job into the queue, in the transaction of the change that wants it.
pub async fn put<C: ConnectionTrait>(
    connection: &C,
    environment: EnvironmentId,
    order: Order,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    put_as(connection, uuid_at(now), environment, order, now).await
}

/// The same under an id that something else is named by, too. A job of this id that is there stays as it is.
pub async fn put_as<C: ConnectionTrait>(
    connection: &C,
    id: Uuid,
    environment: EnvironmentId,
    order: Order,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(id),
        environment_id: Set(environment.0),
        lane: Set(order.lane.name().into()),
        kind: Set(order.kind.into()),
        payload: Set(order.payload),
        attempts: Set(0),
        losses: Set(0),
        due_at: Set(Some(now)),
        lease: Set(None),
        node: Set(None),
        error: Set(None),
        created_at: Set(now),
    };
    let stays = OnConflict::column(Column::Id).do_nothing().to_owned();
    Entity::insert(row).on_conflict(stays).exec_without_returning(connection).await.map(drop)
}

/// A job that this node has taken.
#[derive(Debug, Clone)]
pub struct Claim {
    id: Uuid,
    lease: Uuid,
    /// Whose it is.
    pub environment: EnvironmentId,
    /// Its kind.
    pub kind: String,
    /// How often it was taken, this time included.
    pub attempts: i32,
    /// Whether nodes did not come back from it so often that it is not begun once more.
    pub is_spent: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    payload: String,
}

impl Claim {
    /// Its id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// What the job has to know.
    pub fn read<J: Job>(&self) -> Result<J, serde_json::Error> {
        serde_json::from_str(&self.payload)
    }

    /// Ends the job, in the transaction of its outcome. False when it is another node's by now: then that transaction must not be
    /// committed.
    pub async fn finish<C: ConnectionTrait>(&self, connection: &C) -> Result<bool, DbErr> {
        let gone = Entity::delete_many()
            .filter(Column::Id.eq(self.id))
            .filter(Column::Lease.eq(self.lease))
            .exec(connection)
            .await?;
        Ok(gone.rows_affected > 0)
    }

    /// Puts the job off until a moment. False when it is another node's by now.
    pub async fn postpone<C: ConnectionTrait>(
        &self,
        connection: &C,
        until: DateTime<Utc>,
        error: &str,
    ) -> Result<bool, DbErr> {
        let error: String = error.chars().filter(|c| *c != '\0').take(LONGEST_ERROR).collect();
        let put_off = Entity::update_many()
            .col_expr(Column::DueAt, Expr::value(Some(until)))
            .col_expr(Column::Lease, Expr::value(None::<Uuid>))
            .col_expr(Column::Node, Expr::value(None::<Uuid>))
            .col_expr(Column::Error, Expr::value(error))
            .filter(Column::Id.eq(self.id))
            .filter(Column::Lease.eq(self.lease))
            .exec(connection)
            .await?;
        Ok(put_off.rows_affected > 0)
    }

    /// Keeps the job for another lease. False when it is another node's by now.
    async fn renew(&self, database: &Database, now: DateTime<Utc>) -> Result<bool, DbErr> {
        let renewed = Entity::update_many()
            .col_expr(Column::DueAt, Expr::value(now + LEASE))
            .filter(Column::Id.eq(self.id))
            .filter(Column::Lease.eq(self.lease))
            .exec(database.writer())
            .await?;
        Ok(renewed.rows_affected > 0)
    }
}

/// Takes a due job. Environments have their turns: the first one behind `after` in the order of ids that has something due and is not
/// among `busy`. Nothing when there is none.
async fn claim(
    database: &Database,
    node: NodeId,
    lane: Lane,
    after: Option<EnvironmentId>,
    busy: &[EnvironmentId],
    now: DateTime<Utc>,
) -> Result<Option<Claim>, DbErr> {
    // Another node may be quicker; then the next one is looked for.
    loop {
        let Some(row) = next_due(database, lane, after, busy, now).await? else {
            return Ok(None);
        };
        let lease = uuid_at(now);
        let losses = row.losses + i32::from(row.lease.is_some());
        let taken = Entity::update_many()
            .col_expr(Column::DueAt, Expr::value(Some(now + LEASE)))
            .col_expr(Column::Lease, Expr::value(Some(lease)))
            .col_expr(Column::Node, Expr::value(Some(node.0)))
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .col_expr(Column::Losses, Expr::value(losses))
            .filter(Column::Id.eq(row.id))
            .filter(Column::Attempts.eq(row.attempts))
            .filter(Column::DueAt.lte(now))
            .exec(database.writer())
            .await?;
        if taken.rows_affected > 0 {
            return Ok(Some(Claim {
                id: row.id,
                lease,
                environment: EnvironmentId(row.environment_id),
                kind: row.kind,
                attempts: row.attempts + 1,
                is_spent: losses >= MOST_LOSSES,
                created_at: row.created_at,
                payload: row.payload,
            }));
        }
    }
}

async fn next_due(
    database: &Database,
    lane: Lane,
    after: Option<EnvironmentId>,
    busy: &[EnvironmentId],
    now: DateTime<Utc>,
) -> Result<Option<Model>, DbErr> {
    let due = || {
        let due = Entity::find().filter(Column::Lane.eq(lane.name())).filter(Column::DueAt.lte(now));
        due.filter(Column::EnvironmentId.is_not_in(busy.iter().map(|environment| environment.0)))
    };
    let mut turn = None;
    if let Some(after) = after {
        turn = turn_of(database, due().filter(Column::EnvironmentId.gt(after.0))).await?;
    }
    if turn.is_none() {
        turn = turn_of(database, due()).await?;
    }
    let Some(environment) = turn else {
        return Ok(None);
    };
    due()
        .filter(Column::EnvironmentId.eq(environment))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::Id)
        .one(database.reader())
        .await
}

async fn turn_of(database: &Database, due: sea_orm::Select<Entity>) -> Result<Option<Uuid>, DbErr> {
    let first = due.select_only().column(Column::EnvironmentId).order_by_asc(Column::EnvironmentId).limit(1);
    first.into_tuple().one(database.reader()).await
}

/// Gives back what an earlier run of this node had taken, at its start. The lease stays: it says that nobody came back with an outcome.
async fn give_back(database: &Database, node: NodeId, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let given_back = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(now))
        .col_expr(Column::Node, Expr::value(None::<Uuid>))
        .filter(Column::Node.eq(node.0))
        .filter(Column::DueAt.is_not_null())
        .exec(database.writer())
        .await?;
    Ok(given_back.rows_affected)
}
