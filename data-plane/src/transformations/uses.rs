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

/// Deliveries by one transformation that are not written yet.
#[derive(Debug)]
pub struct Use {
    environment: EnvironmentId,
    recorded: Recorded,
    deliveries: AtomicI64,
    /// Unix milliseconds.
    last: AtomicI64,
}

impl Use {
    /// The name under which it is recorded.
    pub fn key(&self) -> String {
        self.recorded.key()
    }

    /// Counts a delivery.
    pub fn note(&self, now: DateTime<Utc>) {
        self.last.fetch_max(now.timestamp_millis(), Ordering::Relaxed);
        self.deliveries.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counters of this process. What is planned holds its counter, so counting looks nothing up.
#[derive(Default)]
pub struct Uses(Mutex<HashMap<(EnvironmentId, Recorded), Arc<Use>>>);

impl Uses {
    /// The counter of a transformation.
    pub fn of(&self, environment: EnvironmentId, recorded: Recorded) -> Arc<Use> {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry((environment, recorded)).or_insert_with_key(|(environment, recorded)| {
            let (environment, recorded) = (*environment, recorded.clone());
            Arc::new(Use { environment, recorded, deliveries: AtomicI64::new(0), last: AtomicI64::new(0) })
        });
        Arc::clone(counter)
    }

    /// Takes out what was counted, in the order in which rows are locked. Counters that nobody holds go.
    fn take(&self) -> Vec<Delivered> {
        let mut taken = Vec::new();
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.retain(|_, counter| {
            let deliveries = counter.deliveries.swap(0, Ordering::Relaxed);
            let last = DateTime::from_timestamp_millis(counter.last.load(Ordering::Relaxed)).unwrap_or_default();
            if deliveries > 0 {
                let (environment, recorded) = (counter.environment, counter.recorded.clone());
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
            let counter = self.of(delivered.environment, delivered.recorded.clone());
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
