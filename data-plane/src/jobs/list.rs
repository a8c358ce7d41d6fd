//! The jobs of one tenant, as it may see them.

use chrono::{DateTime, Utc};
use plane_kit::database::Database;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Column, Entity, Model};
use crate::assets::{ActsFor, list::Cursor};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It waits for its moment.
    Waiting,
    /// Somebody works on it.
    Running,
}

/// A job as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownJob {
    /// Its id.
    pub id: Uuid,
    /// Its kind.
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// How often it was taken.
    pub attempts: i32,
    /// When it is tried next, if it waits.
    pub due_at: Option<DateTime<Utc>>,
    /// What went wrong last.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl From<Model> for ShownJob {
    fn from(row: Model) -> Self {
        let state = if row.node.is_some() { JobState::Running } else { JobState::Waiting };
        let due_at = row.due_at.filter(|_| state == JobState::Waiting);
        let Model { id, kind, attempts, error, created_at, .. } = row;
        Self { id, kind, state, attempts, due_at, error, created_at }
    }
}

/// A page of the tenant's jobs that are not done, oldest first, and where the next page begins.
pub async fn list(
    witness: &impl ActsFor,
    database: &Database,
    cursor: Option<Cursor>,
    limit: u64,
) -> Result<(Vec<ShownJob>, Option<Cursor>), DbErr> {
    let mut query = Entity::find().filter(Column::EnvironmentId.eq(witness.environment().0));
    if let Some(cursor) = cursor {
        query = query.filter(cursor.after(Column::CreatedAt, Column::Id, true));
    }
    let query = query.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).limit(limit + 1);
    let mut page: Vec<ShownJob> = query.all(database.reader()).await?.into_iter().map(ShownJob::from).collect();
    let has_more = page.len() as u64 > limit;
    page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = page.last().filter(|_| has_more).map(|last| Cursor::at(last.created_at, last.id));
    Ok((page, next))
}
