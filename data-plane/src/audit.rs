//! Audit and call records of the region: rows beside the changes they speak of, in the same transaction, and their way up.

pub mod calls;

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{AuditBatch, AuditRecord, CallRecord, Entry, Origin},
    clock::Clock,
    database::Database,
    ids::EnvironmentId,
    seam::{ControlLink, SeamError},
    telemetry::metrics::Metrics,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    metering::ship_error::ShipError,
    tables::{audit_outbox, audit_set_aside},
};

/// Records in one batch. A record has two states of at most 16 KiB, and a batch at most 8 MiB.
const BATCH: u64 = 200;
/// How many rows one statement may insert; SQLite allows only so many bound values.
const ROWS_PER_STATEMENT: usize = 500;

/// What stands in a row of the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Kept {
    /// A change.
    Change(Box<AuditRecord>),
    /// Calls of one kind.
    Calls(Box<CallRecord>),
}

impl Kept {
    fn id(&self) -> Uuid {
        match self {
            Self::Change(record) => record.id,
            Self::Calls(record) => record.id,
        }
    }

    fn row(&self, at: DateTime<Utc>) -> Result<audit_outbox::ActiveModel, DbErr> {
        let record = serde_json::to_string(self)
            .map_err(|error| DbErr::Custom(format!("record {} cannot be written: {error}", self.id())))?;
        Ok(audit_outbox::ActiveModel { id: Set(self.id()), at: Set(at), record: Set(record) })
    }
}

/// Writes down who did what to something of an environment, into the transaction of the change.
pub(crate) async fn put<C: ConnectionTrait>(
    connection: &C,
    region: &str,
    environment: EnvironmentId,
    by: &Origin,
    entry: Entry,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let record =
        AuditRecord { environment: Some(environment), region: region.to_owned(), ..AuditRecord::new(at, by, entry) };
    put_rows(connection, vec![Kept::Change(Box::new(record)).row(at)?]).await
}

/// Writes call records. One that stands there already is the same record.
async fn put_calls<C: ConnectionTrait>(connection: &C, records: &[CallRecord]) -> Result<(), DbErr> {
    let rows = records.iter().map(|record| Kept::Calls(Box::new(record.clone())).row(record.last_at));
    put_rows(connection, rows.collect::<Result<_, _>>()?).await
}

async fn put_rows<C: ConnectionTrait>(connection: &C, rows: Vec<audit_outbox::ActiveModel>) -> Result<(), DbErr> {
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        audit_outbox::Entity::insert_many(rows.to_vec())
            .on_conflict(OnConflict::column(audit_outbox::Column::Id).do_nothing().to_owned())
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

/// Ships the whole outbox, oldest first. What the control plane has taken is forgotten only then, so nothing is lost, and it takes
/// everything by its id, so nothing is there twice.
pub(crate) async fn ship(
    database: &Database,
    link: &dyn ControlLink,
    clock: &dyn Clock,
    metrics: &Metrics,
) -> Result<(), ShipError> {
    let waiting = audit_outbox::Entity::find().count(database.reader()).await?;
    metrics.audit_outbox_records.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    loop {
        let rows = audit_outbox::Entity::find()
            .order_by_asc(audit_outbox::Column::At)
            .order_by_asc(audit_outbox::Column::Id)
            .limit(BATCH)
            .all(database.reader())
            .await?;
        let is_all = (rows.len() as u64) < BATCH;
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            match serde_json::from_str::<Kept>(&row.record) {
                Ok(record) => records.push(record),
                Err(error) => set_aside(database, metrics, row.id, &error.to_string(), clock.now()).await?,
            }
        }
        ship_records(database, link, clock, metrics, records).await?;
        if is_all {
            metrics.audit_outbox_records.set(0);
            return Ok(());
        }
    }
}

/// Ships records and forgets them. A batch that is refused is halved until the record is found that is meant; that one is set aside,
/// named in the log, and holds up nothing else.
async fn ship_records(
    database: &Database,
    link: &dyn ControlLink,
    clock: &dyn Clock,
    metrics: &Metrics,
    records: Vec<Kept>,
) -> Result<(), ShipError> {
    let mut parts = vec![records];
    while let Some(mut part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        match link.ship_audit(&batch(&part)).await {
            Ok(()) => {
                audit_outbox::Entity::delete_many()
                    .filter(audit_outbox::Column::Id.is_in(part.iter().map(Kept::id)))
                    .exec(database.writer())
                    .await?;
            }
            Err(SeamError::Refused(reason)) if part.len() == 1 => {
                for record in part {
                    set_aside(database, metrics, record.id(), &reason, clock.now()).await?;
                }
            }
            Err(SeamError::Refused(_)) => {
                let second = part.split_off(part.len() / 2);
                parts.push(second);
                parts.push(part);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn batch(records: &[Kept]) -> AuditBatch {
    let mut batch = AuditBatch::default();
    for record in records {
        match record {
            Kept::Change(record) => batch.records.push((**record).clone()),
            Kept::Calls(record) => batch.calls.push((**record).clone()),
        }
    }
    batch
}

/// Takes a refused record out of the way and keeps it with the reason.
async fn set_aside(
    database: &Database,
    metrics: &Metrics,
    id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    tracing::error!(%id, reason, "an audit or call record was refused and is set aside");
    metrics.audit_set_aside.inc();
    let transaction = database.begin().await?;
    if let Some(row) = audit_outbox::Entity::find_by_id(id).one(&transaction).await? {
        let kept = audit_set_aside::ActiveModel {
            id: Set(row.id),
            record: Set(row.record),
            reason: Set(reason.to_owned()),
            refused_at: Set(now),
        };
        audit_set_aside::Entity::insert(kept)
            .on_conflict(OnConflict::column(audit_set_aside::Column::Id).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        audit_outbox::Entity::delete_by_id(id).exec(&transaction).await?;
    }
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    use plane_kit::{
        audit::{Entry, Origin, Outcome},
        clock::ManualClock,
        ids::EnvironmentId,
        operations::operations,
        seam::SnapshotPage,
        usage::{UsageBatch, UsageSummary},
    };
    use sea_orm::PaginatorTrait;
    use serde_json::json;

    use super::*;

    /// A control plane that may be away, and refuses every batch with a record of `bad`.
    #[derive(Default)]
    struct Picky {
        is_away: AtomicBool,
        taken: Mutex<Vec<String>>,
    }

    #[async_trait::async_trait]
    impl ControlLink for Picky {
        async fn snapshots(&self, _: i64, _: Duration) -> Result<SnapshotPage, SeamError> {
            Ok(SnapshotPage::default())
        }

        async fn ship(&self, _: &UsageBatch) -> Result<(), SeamError> {
            Ok(())
        }

        async fn ship_audit(&self, batch: &AuditBatch) -> Result<(), SeamError> {
            if self.is_away.load(Ordering::SeqCst) {
                return Err(SeamError::Away("for a while".into()));
            }
            if batch.records.iter().any(|record| record.target == "bad") {
                return Err(SeamError::Refused("it is bad".into()));
            }
            let targets = batch.records.iter().map(|record| record.target.clone());
            let calls = batch.calls.iter().map(|call| format!("{} {}", call.actor, call.count));
            self.taken.lock().unwrap().extend(targets.chain(calls));
            Ok(())
        }

        async fn usage(&self, _: EnvironmentId) -> Result<UsageSummary, SeamError> {
            Err(SeamError::Refused("not here".into()))
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_and_a_refused_record_holds_up_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/region.db", folder.path().display());
        let database = Database::open(&url, "region_eu").await.unwrap();
        migrations::migrate_regional(database.writer()).await.unwrap();
        let (clock, metrics, link) = (ManualClock::at(1_000), Metrics::new().unwrap(), Picky::default());
        for target in ["a", "b", "bad", "c"] {
            clock.advance(Duration::from_millis(1));
            let entry = Entry::removed("destroy", target.to_owned(), json!({}));
            let (by, nobody) = (Origin::PROGRAM, EnvironmentId(Uuid::nil()));
            put(database.writer(), "here", nobody, &by, entry, clock.now()).await.unwrap();
        }
        let damaged = audit_outbox::ActiveModel {
            id: Set(Uuid::new_v4()),
            at: Set(DateTime::UNIX_EPOCH),
            record: Set("{".to_owned()),
        };
        audit_outbox::Entity::insert(damaged).exec_without_returning(database.writer()).await.unwrap();
        let counted = calls::Calls::new(metrics.clone(), chrono::TimeDelta::zero());
        for _ in 0..3 {
            let upload = operations().find("upload").unwrap();
            counted.note(EnvironmentId(Uuid::nil()), "1", upload, None, Outcome::Permitted, clock.now());
        }
        for _ in 0..2 {
            counted.flush(&database, clock.now()).await.unwrap();
        }

        link.is_away.store(true, Ordering::SeqCst);
        assert!(ship(&database, &link, &clock, &metrics).await.is_err());
        assert_eq!(audit_outbox::Entity::find().count(database.reader()).await.unwrap(), 5, "all but the damaged one");
        link.is_away.store(false, Ordering::SeqCst);
        for _ in 0..2 {
            ship(&database, &link, &clock, &metrics).await.unwrap();
        }
        let mut taken = link.taken.lock().unwrap().clone();
        taken.sort_unstable();
        assert_eq!(taken, ["a", "b", "c", "key:1 3"]);
        assert_eq!(audit_outbox::Entity::find().count(database.reader()).await.unwrap(), 0);
        let aside = audit_set_aside::Entity::find().all(database.reader()).await.unwrap();
        assert_eq!((aside.len(), metrics.audit_set_aside.get()), (2, 2));
        assert!(aside.iter().any(|row| row.reason == "it is bad" && row.record.contains("\"bad\"")));
    }

    #[test]
    fn what_is_kept_reads_back() {
        let at = DateTime::UNIX_EPOCH;
        let entry = Entry::made("upload", "image/upload/cat".into(), json!({"bytes": 1}));
        let change = AuditRecord::new(at, &Origin::PROGRAM, entry);
        let calls = CallRecord {
            id: Uuid::nil(),
            environment: EnvironmentId(Uuid::nil()),
            actor: "key:1".into(),
            operation: "upload".into(),
            method: "POST".into(),
            folder: None,
            outcome: Outcome::Refused,
            hour: at,
            count: 2,
            last_at: at,
        };
        for kept in [Kept::Change(Box::new(change)), Kept::Calls(Box::new(calls))] {
            let text = serde_json::to_string(&kept).unwrap();
            assert_eq!(serde_json::from_str::<Kept>(&text).unwrap(), kept, "{text}");
        }
    }
}
