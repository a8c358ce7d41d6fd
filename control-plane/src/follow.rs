//! Regions follow their snapshots by long poll, and a change waits until the connected region has applied it.
//!
//! Within one process followers are woken at once. A second node of the control plane is served by looking into the database
//! every 200 ms; what a region has acknowledged stands there too, so it does not matter which node it asks.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use plane_kit::{
    clock::Clock,
    database::Database,
    seam::{SnapshotPage, snapshot::SignedSnapshot},
};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{CaseStatement, Expr},
};
use tokio::{sync::watch, time::Instant};

use crate::{
    config::ControlConfig,
    tables::{regions, snapshots},
};

/// How often the database is looked into for what another node did.
const DATABASE_LOOK: Duration = Duration::from_millis(200);
/// A region that has not asked for this long counts as away, and nobody waits for it.
const CONNECTED_FOR: TimeDelta = TimeDelta::seconds(40);
/// The time of the last question is written down at most this often.
const POLL_NOTED_EVERY: TimeDelta = TimeDelta::seconds(5);

/// Why a region cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// There is no such region.
    #[error("there is no region `{0}`")]
    UnknownRegion(String),
    /// The database does not answer.
    #[error("the snapshots cannot be read from the database")]
    Database(#[from] DbErr),
}

/// A snapshot that has been committed: which region it is for, and its place there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the region has to be told, and the change answers only after it"]
pub(crate) struct Issued {
    /// The region.
    pub region: String,
    /// The place in the region's sequence.
    pub seq: i64,
}

/// Who follows which region, and how far.
pub(crate) struct Followers {
    database: Database,
    clock: Arc<dyn Clock>,
    page_size: u64,
    poll_limit: Duration,
    acknowledge_limit: Duration,
    regions: Mutex<HashMap<String, Arc<Follower>>>,
}

/// What this process knows of the followers of one region.
struct Follower {
    head: watch::Sender<i64>,
    acknowledged: watch::Sender<i64>,
    polls_under_way: AtomicUsize,
}

/// Counts a question as under way until it is answered or its asker has left.
struct PollUnderWay<'a>(&'a Follower);

impl<'a> PollUnderWay<'a> {
    fn begin(follower: &'a Follower) -> Self {
        follower.polls_under_way.fetch_add(1, Ordering::SeqCst);
        Self(follower)
    }
}

impl Drop for PollUnderWay<'_> {
    fn drop(&mut self) {
        self.0.polls_under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Followers {
    /// Nobody follows yet.
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>, config: &ControlConfig) -> Self {
        Self {
            database,
            clock,
            page_size: config.snapshot_page_size,
            poll_limit: Duration::from_millis(config.poll_limit_ms),
            acknowledge_limit: Duration::from_millis(config.acknowledge_limit_ms),
            regions: Mutex::default(),
        }
    }

    /// Snapshots of the region after `after`; waits up to `wait` (and no longer than the configured limit) while there is none.
    /// Everything up to `after` counts as applied from now on.
    pub(crate) async fn page(&self, region: &str, after: i64, wait: Duration) -> Result<SnapshotPage, FollowError> {
        let deadline = Instant::now() + wait.min(self.poll_limit);
        // The row is read before anything is remembered, so that asking for made-up names costs no memory.
        let row = self.region(region).await?;
        let follower = self.follower(region);
        let _under_way = PollUnderWay::begin(&follower);
        self.note_poll(&row, Ord::min(after, row.seq), &follower).await?;
        let mut head = follower.head.subscribe();
        loop {
            head.borrow_and_update();
            let page = self.read(region, after).await?;
            let now = Instant::now();
            if !page.items.is_empty() || now >= deadline {
                return Ok(page);
            }
            let look = DATABASE_LOOK.min(deadline - now);
            // A closed channel cannot happen while `follower` lives; the timeout alone would serve too.
            let _ = tokio::time::timeout(look, head.changed()).await;
        }
    }

    /// Wakes the followers of this process after a commit and waits until the region has acknowledged. Does not wait for a
    /// region that is away, and not beyond the configured limit. Answers whether the region has acknowledged.
    pub(crate) async fn acknowledged(&self, issued: &Issued) -> bool {
        let follower = self.follower(&issued.region);
        raise(&follower.head, issued.seq);
        let mut acknowledged = follower.acknowledged.subscribe();
        let deadline = Instant::now() + self.acknowledge_limit;
        loop {
            if *acknowledged.borrow_and_update() >= issued.seq {
                return true;
            }
            match self.region(&issued.region).await {
                Ok(row) if row.acknowledged_seq >= issued.seq => return true,
                Ok(row) if !self.is_connected(&row, &follower) => return false,
                Ok(_) => {}
                Err(error) => {
                    // The change is committed; that nobody can tell how far the region is must not turn it into a failure.
                    tracing::warn!(region = issued.region, %error, "whether the region has applied a change is unknown");
                    return false;
                }
            }
            let now = Instant::now();
            if now >= deadline {
                return false;
            }
            let _ = tokio::time::timeout(DATABASE_LOOK.min(deadline - now), acknowledged.changed()).await;
        }
    }

    fn is_connected(&self, row: &regions::Model, follower: &Follower) -> bool {
        let asked_lately = row.polled_at.is_some_and(|at| self.clock.now() - at < CONNECTED_FOR);
        asked_lately || follower.polls_under_way.load(Ordering::SeqCst) > 0
    }

    fn follower(&self, region: &str) -> Arc<Follower> {
        // Nothing panics while the lock is held; a poisoned map would still be whole.
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let follower = regions.entry(region.to_owned()).or_insert_with(|| {
            Arc::new(Follower {
                head: watch::Sender::new(0),
                acknowledged: watch::Sender::new(0),
                polls_under_way: AtomicUsize::new(0),
            })
        });
        Arc::clone(follower)
    }

    async fn region(&self, region: &str) -> Result<regions::Model, FollowError> {
        let row = regions::Entity::find_by_id(region).one(self.database.reader()).await?;
        row.ok_or_else(|| FollowError::UnknownRegion(region.to_owned()))
    }

    /// Writes down that the region asked, and how far it is; in the database only when that says something new.
    async fn note_poll(&self, row: &regions::Model, after: i64, follower: &Follower) -> Result<(), DbErr> {
        let now = self.clock.now();
        let is_noted = row.polled_at.is_some_and(|at| now - at < POLL_NOTED_EVERY);
        if after > row.acknowledged_seq || !is_noted {
            let higher = Expr::col(regions::Column::AcknowledgedSeq).lt(after);
            let acknowledged = CaseStatement::new()
                .case(Condition::all().add(higher), Expr::val(after))
                .finally(Expr::col(regions::Column::AcknowledgedSeq));
            regions::Entity::update_many()
                .col_expr(regions::Column::AcknowledgedSeq, acknowledged.into())
                .col_expr(regions::Column::PolledAt, Expr::val(now))
                .filter(regions::Column::Name.eq(&row.name))
                .exec(self.database.writer())
                .await?;
        }
        raise(&follower.acknowledged, after);
        Ok(())
    }

    async fn read(&self, region: &str, after: i64) -> Result<SnapshotPage, FollowError> {
        let head = self.region(region).await?.seq;
        if head <= after {
            return Ok(SnapshotPage { items: Vec::new(), head });
        }
        let rows = snapshots::Entity::find()
            .filter(snapshots::Column::Region.eq(region))
            .filter(snapshots::Column::Seq.gt(after))
            .order_by_asc(snapshots::Column::Seq)
            .limit(self.page_size)
            .all(self.database.reader())
            .await?;
        let items: Vec<SignedSnapshot> = rows
            .into_iter()
            .map(|row| SignedSnapshot { seq: row.seq, payload: row.payload, signature: row.signature })
            .collect();
        // A change may have been committed between the two reads.
        let head = items.last().map_or(head, |item| Ord::max(item.seq, head));
        Ok(SnapshotPage { items, head })
    }
}

/// Sets a watched number if that raises it, and wakes those who wait.
fn raise(watched: &watch::Sender<i64>, to: i64) {
    watched.send_if_modified(|value| {
        let rises = to > *value;
        if rises {
            *value = to;
        }
        rises
    });
}
