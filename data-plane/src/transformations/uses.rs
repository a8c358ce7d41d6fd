//! How often transformations are delivered, counted in memory and written in passing.
//!
//! A process that is killed loses what it counted since the last writing. That something was made by a transformation is not lost: that
//! is written with what was made.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use plane_kit::{database::Database, error::chain, ids::EnvironmentId};
use sea_orm::DbErr;
use tokio::{sync::watch, task::JoinHandle};

use super::{
    record::{self, Delivered},
    recorded::Recorded,
};
use crate::{DataPlane, metering::shipper::stopped};

/// How many counts are written in one transaction. SQLite has one writer, and others wait for it.
const AT_ONCE: usize = 200;
/// How many transformations are counted between two writings; what comes then is not.
const MOST: usize = 50_000;
/// How exactly it is known when one was delivered last, in milliseconds.
const LAST_TO: i64 = 1000;

/// Deliveries by one transformation that are not written yet.
#[derive(Debug)]
pub struct Use {
    environment: EnvironmentId,
    recorded: Arc<Recorded>,
    deliveries: AtomicI64,
    /// Unix milliseconds.
    last: AtomicI64,
}

impl Use {
    /// Counts a delivery.
    pub fn note(&self, now: DateTime<Utc>) {
        let now = now.timestamp_millis();
        if now - self.last.load(Ordering::Relaxed) >= LAST_TO {
            self.last.fetch_max(now, Ordering::Relaxed);
        }
        self.deliveries.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counters of this process. What is planned holds its counter, so counting looks nothing up.
#[derive(Default)]
pub struct Uses(Mutex<HashMap<Key, Arc<Use>>>);

type Key = (EnvironmentId, Arc<Recorded>);

impl Uses {
    /// The counter of a transformation. Nothing where too many are counted.
    pub fn of(&self, environment: EnvironmentId, recorded: Recorded) -> Option<Arc<Use>> {
        let recorded = Arc::new(recorded);
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (environment, Arc::clone(&recorded));
        if let Some(counter) = counters.get(&key) {
            return Some(Arc::clone(counter));
        }
        if counters.len() >= MOST {
            return None;
        }
        let counter = Use { environment, recorded, deliveries: AtomicI64::new(0), last: AtomicI64::new(0) };
        Some(Arc::clone(counters.entry(key).or_insert(Arc::new(counter))))
    }

    /// Takes out what was counted, in the order in which rows are locked. Counters that nobody holds go.
    fn take(&self) -> Vec<Delivered> {
        let mut taken = Vec::new();
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.retain(|_, counter| {
            let deliveries = counter.deliveries.swap(0, Ordering::Relaxed);
            let last = DateTime::from_timestamp_millis(counter.last.load(Ordering::Relaxed)).unwrap_or_default();
            if deliveries > 0 {
                let (environment, recorded) = (counter.environment, Recorded::clone(&counter.recorded));
                taken.push(Delivered { environment, recorded, deliveries, last });
            }
            deliveries > 0 || Arc::strong_count(counter) > 1
        });
        taken.sort_by_cached_key(|delivered| (delivered.environment.0, delivered.recorded.key()));
        taken
    }

    /// Puts back what could not be written.
    fn put_back(&self, left: &[Delivered]) {
        for delivered in left {
            let Some(counter) = self.of(delivered.environment, delivered.recorded.clone()) else { continue };
            counter.last.fetch_max(delivered.last.timestamp_millis(), Ordering::Relaxed);
            counter.deliveries.fetch_add(delivered.deliveries, Ordering::Relaxed);
        }
    }

    /// Writes what was counted.
    pub async fn write(&self, database: &Database) -> Result<(), DbErr> {
        let taken = self.take();
        for (index, some) in taken.chunks(AT_ONCE).enumerate() {
            if let Err(error) = write(database, some).await {
                self.put_back(&taken[index * AT_ONCE..]);
                return Err(error);
            }
        }
        Ok(())
    }
}

async fn write(database: &Database, some: &[Delivered]) -> Result<(), DbErr> {
    let transaction = database.begin().await?;
    for delivered in some {
        record::add_deliveries(&transaction, delivered).await?;
    }
    transaction.commit().await
}

/// Writes what was counted here, for an answer that shows it. It goes on when the caller leaves, and an answer does not fail by it.
pub async fn write_now(plane: &DataPlane) {
    let plane = Arc::clone(plane);
    let written = tokio::spawn(async move { plane.uses.write(&plane.database).await }).await;
    if let Ok(Err(error)) = written {
        tracing::warn!(error = chain(&error), "how often transformations were delivered is written later");
    }
}

/// Writes the counts every `period`, and once more at the end.
pub fn run(plane: &DataPlane, period: Duration, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    let plane = Arc::clone(plane);
    tokio::spawn(async move {
        loop {
            let is_end = tokio::select! {
                () = tokio::time::sleep(period) => false,
                () = stopped(&mut stop) => true,
            };
            if let Err(error) = plane.uses.write(&plane.database).await {
                tracing::warn!(error = chain(&error), "how often transformations were delivered is written later");
            }
            if is_end {
                return;
            }
        }
    })
}
