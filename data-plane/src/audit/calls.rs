//! Calls of this node, counted by kind and hour in a bounded table in memory.
//!
//! Counting costs a lookup under a lock and no database work. Every few minutes the table becomes rows of the outbox, so that a key
//! that does one thing is a handful of rows an hour; a process that is killed loses what it counted since. Each environment has a
//! share of the table, so that nobody fills it for the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    audit::{CallRecord, OTHER, Outcome, hour_of},
    database::Database,
    ids::{EnvironmentId, uuid_at},
    operations::Operation,
    policy::key_subject,
    telemetry::metrics::Metrics,
};
use sea_orm::DbErr;
use tokio::sync;

/// From so many rows of one environment on, folders of its new kinds are left out.
const MOST_WITH_FOLDERS: usize = 500;
/// From so many rows of one environment on, its new kinds are counted as [`OTHER`].
const MOST_WITH_ACTORS: usize = 1_000;
/// No table is longer than this; what would make it longer is counted by the metric alone.
const MOST: usize = 50_000;
/// A folder of more bytes is left out.
const LONGEST_FOLDER: usize = 1024;

/// What calls are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    environment: EnvironmentId,
    /// The access key; none when it is not told apart any more.
    api_key: Option<String>,
    /// The operation's id and method; none when it is not told apart any more.
    operation: Option<(&'static str, &'static str)>,
    folder: Option<String>,
    outcome: Outcome,
    hour: DateTime<Utc>,
}

/// How often, and when for the last time.
#[derive(Debug, Clone, Copy)]
struct Tally {
    count: i64,
    last_at: DateTime<Utc>,
}

/// The rows, and how many of them each environment has.
#[derive(Default)]
struct Table {
    rows: HashMap<Kind, Tally>,
    of: HashMap<EnvironmentId, usize>,
}

/// The table.
pub struct Calls {
    table: Mutex<Table>,
    /// When the table last became rows of the outbox.
    drained_at: Mutex<Option<DateTime<Utc>>>,
    /// How long it is kept before it does.
    keep: TimeDelta,
    /// What was taken out of the table and is not in the outbox yet. The ids are given already, so that trying again is harmless.
    leaving: sync::Mutex<Vec<CallRecord>>,
    metrics: Arc<Metrics>,
}

impl Calls {
    /// An empty table. The metrics count what was counted with less detail, or not at all.
    pub fn new(metrics: Arc<Metrics>, keep: TimeDelta) -> Self {
        Self { table: Mutex::default(), drained_at: Mutex::default(), keep, leaving: sync::Mutex::default(), metrics }
    }

    /// Counts a call of an access key.
    pub(crate) fn note(
        &self,
        environment: EnvironmentId,
        api_key: &str,
        operation: &'static Operation,
        folder: Option<&str>,
        outcome: Outcome,
        at: DateTime<Utc>,
    ) {
        let keepable = |folder: &&str| folder.len() <= LONGEST_FOLDER && !folder.chars().any(char::is_control);
        let kind = Kind {
            environment,
            api_key: Some(api_key.to_owned()),
            operation: Some((operation.id, operation.method())),
            folder: folder.filter(keepable).map(str::to_owned),
            outcome,
            hour: hour_of(at),
        };
        // Nothing panics while the lock is held; a poisoned table would still be whole.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let most = if kind.folder.is_some() { MOST_WITH_FOLDERS } else { MOST_WITH_ACTORS };
        if table.add(kind.clone(), at, most) {
            return;
        }
        self.metrics.call_records_folded.inc();
        let without_folder = Kind { folder: None, ..kind };
        let other = Kind { api_key: None, operation: None, ..without_folder.clone() };
        // When not even one row for the environment has room, the metric alone knows of the call.
        let _ = table.add(without_folder, at, MOST_WITH_ACTORS) || table.add(other, at, usize::MAX);
    }

    /// Writes what was counted into the outbox, if it was kept long enough.
    pub(crate) async fn flush_when_due(&self, database: &Database, now: DateTime<Utc>) -> Result<(), DbErr> {
        {
            let mut drained_at = self.drained_at.lock().unwrap_or_else(PoisonError::into_inner);
            if now - *drained_at.get_or_insert(now) < self.keep {
                return Ok(());
            }
            *drained_at = Some(now);
        }
        self.flush(database, now).await
    }

    /// Writes what was counted into the outbox, in one transaction.
    pub(crate) async fn flush(&self, database: &Database, now: DateTime<Utc>) -> Result<(), DbErr> {
        let mut leaving = self.leaving.lock().await;
        // What an earlier attempt could not write goes first, as it was.
        for _ in 0..2 {
            if leaving.is_empty() {
                *leaving = self.drain(now);
            }
            if leaving.is_empty() {
                return Ok(());
            }
            let transaction = database.begin().await?;
            super::put_calls(&transaction, &leaving).await?;
            transaction.commit().await?;
            leaving.clear();
        }
        Ok(())
    }

    fn drain(&self, now: DateTime<Utc>) -> Vec<CallRecord> {
        let table = std::mem::take(&mut *self.table.lock().unwrap_or_else(PoisonError::into_inner));
        let record = |(kind, tally): (Kind, Tally)| {
            let (operation, method) = kind.operation.unwrap_or((OTHER, ""));
            CallRecord {
                id: uuid_at(now),
                environment: kind.environment,
                actor: kind.api_key.map_or_else(|| OTHER.to_owned(), |api_key| key_subject(&api_key)),
                operation: operation.to_owned(),
                method: method.to_owned(),
                folder: kind.folder,
                outcome: kind.outcome,
                hour: kind.hour,
                count: tally.count,
                last_at: tally.last_at,
            }
        };
        table.rows.into_iter().map(record).collect()
    }
}

impl Table {
    /// Counts a call in its row, which is made if its environment has fewer than `most`. Answers whether it is counted.
    fn add(&mut self, kind: Kind, at: DateTime<Utc>, most: usize) -> bool {
        if let Some(tally) = self.rows.get_mut(&kind) {
            tally.count = tally.count.saturating_add(1);
            tally.last_at = tally.last_at.max(at);
            return true;
        }
        let own = self.of.entry(kind.environment).or_default();
        let has_room = *own < most && self.rows.len() < MOST;
        if has_room {
            *own += 1;
            self.rows.insert(kind, Tally { count: 1, last_at: at });
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use plane_kit::operations::operations;
    use uuid::Uuid;

    use super::*;

    fn table() -> Calls {
        Calls::new(Metrics::new().unwrap(), TimeDelta::minutes(10))
    }

    #[test]
    fn calls_of_one_kind_are_one_row_an_hour() {
        let (calls, upload) = (table(), operations().find("upload").unwrap());
        let environment = EnvironmentId(Uuid::nil());
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        for seconds in [10, 3_599, 20, 3_600] {
            calls.note(environment, "1", upload, Some("cats"), Outcome::Permitted, at(seconds));
        }
        calls.note(environment, "1", upload, Some("a\nb"), Outcome::Refused, at(30));
        let mut drained = calls.drain(at(4_000));
        drained.sort_by_key(|record| (record.hour, record.count));
        let seen: Vec<_> = drained
            .iter()
            .map(|record| (record.outcome.name(), record.folder.as_deref(), record.count, record.last_at.timestamp()))
            .collect();
        let expected =
            [("refused", None, 1, 30), ("permitted", Some("cats"), 3, 3_599), ("permitted", Some("cats"), 1, 3_600)];
        assert_eq!(seen, expected);
        assert_eq!((drained[0].actor.as_str(), drained[0].method.as_str()), ("key:1", "POST"));
        assert!(calls.drain(at(4_000)).is_empty());
    }

    #[test]
    fn a_full_share_leaves_folders_out_and_then_actors_and_others_keep_theirs() {
        let (calls, upload) = (table(), operations().find("upload").unwrap());
        let (environment, now) = (EnvironmentId(Uuid::nil()), DateTime::UNIX_EPOCH);
        for number in 0..MOST_WITH_FOLDERS {
            calls.note(environment, "1", upload, Some(&number.to_string()), Outcome::Permitted, now);
        }
        assert_eq!(calls.metrics.call_records_folded.get(), 0);
        for number in 0..700 {
            calls.note(environment, &format!("2{number}"), upload, Some("late"), Outcome::Permitted, now);
        }
        assert_eq!(calls.metrics.call_records_folded.get(), 700);
        let beside = EnvironmentId(Uuid::max());
        calls.note(beside, "3", upload, Some("theirs"), Outcome::Permitted, now);
        let (others, drained): (Vec<_>, Vec<_>) =
            calls.drain(now).into_iter().partition(|record| record.environment == beside);
        assert_eq!(others[0].folder.as_deref(), Some("theirs"));
        assert_eq!(drained.len(), MOST_WITH_ACTORS + 1);
        assert!(drained.iter().all(|record| record.folder.as_deref() != Some("late")));
        let other: Vec<_> = drained.iter().filter(|record| record.actor == OTHER).map(|record| record.count).collect();
        assert_eq!(other, [200]);
        assert_eq!(drained.iter().map(|record| record.count).sum::<i64>(), 1_200);
    }
}
