//! From counters to outbox to ledger.

use std::{sync::Arc, time::Duration};

use plane_kit::{
    clock::Clock,
    database::Database,
    error::chain,
    ids::{BootId, NodeId},
    seam::{ControlLink, SeamError},
    telemetry::metrics::Metrics,
    usage::{IdleNode, UsageBatch, Window},
};
use sea_orm::DbErr;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use super::{
    counters::{ClosedWindow, Counters},
    outbox,
};

/// Records in one batch.
const BATCH: u64 = 2000;
/// How long to wait after the control plane did not take a batch.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Why usage could not be carried further. Nothing is lost by it; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    /// The counter files failed.
    #[error("the counter files failed")]
    Counters(#[from] std::io::Error),
    /// The regional database failed.
    #[error("the regional database failed")]
    Database(#[from] DbErr),
    /// The control plane did not take it.
    #[error(transparent)]
    Seam(#[from] SeamError),
}

/// Carries usage up.
pub struct Shipper {
    counters: Arc<Counters>,
    database: Database,
    region: String,
    link: Arc<dyn ControlLink>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    window: Duration,
    wake: Notify,
}

impl Shipper {
    /// A shipper of this node's counters and its region's outbox.
    pub fn new(
        counters: Arc<Counters>,
        database: Database,
        region: &str,
        link: Arc<dyn ControlLink>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        window: Duration,
    ) -> Arc<Self> {
        let region = region.to_owned();
        Arc::new(Self { counters, database, region, link, clock, metrics, window, wake: Notify::new() })
    }

    /// Writes the windows of earlier runs to the outbox.
    pub async fn recover(&self, left: Vec<ClosedWindow>) -> Result<(), ShipError> {
        for closed in left {
            self.keep(closed).await?;
        }
        Ok(())
    }

    /// Says that a row-shaped fact was committed and may be shipped.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Closes windows and ships until `stop` is set, then closes the last window and ships once more.
    pub fn run(self: &Arc<Self>, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
        let shipper = Arc::clone(self);
        tokio::spawn(async move {
            let mut windows = tokio::time::interval(shipper.window);
            windows.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut syncs = tokio::time::interval(Duration::from_secs(1));
            syncs.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut is_failing = false;
            loop {
                let step = tokio::select! {
                    _ = windows.tick() => shipper.close_window().await,
                    _ = syncs.tick() => shipper.sync().await,
                    () = shipper.wake.notified() => shipper.ship(None).await,
                    () = stopped(&mut stop) => break,
                };
                match step {
                    Ok(()) if std::mem::take(&mut is_failing) => tracing::info!("usage is shipped again"),
                    Ok(()) => {}
                    Err(error) => {
                        if !std::mem::replace(&mut is_failing, true) {
                            tracing::warn!(error = chain(&error), "usage waits in the outbox");
                        }
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
            if let Err(error) = shipper.finish().await {
                tracing::warn!(error = chain(&error), "usage waits in the outbox for the next start");
            }
        })
    }

    /// Closes the present window if it counted anything, and ships everything up to it.
    pub async fn close_window(&self) -> Result<(), ShipError> {
        let now = self.clock.now();
        if self.counters.is_idle() {
            // Whatever was answered before `now` had been counted before we looked, so silence is complete until `now`.
            let place = self.counters.place();
            return self.ship(Some(IdleNode { node: place.node, boot: place.boot, complete_until: now })).await;
        }
        let closed = self.counters.rotate(now, false).await?;
        self.keep(closed).await?;
        self.ship(None).await
    }

    async fn finish(&self) -> Result<(), ShipError> {
        let closed = self.counters.rotate(self.clock.now(), true).await?;
        self.keep(closed).await?;
        self.counters.discard();
        self.ship(None).await
    }

    async fn sync(&self) -> Result<(), ShipError> {
        let counters = Arc::clone(&self.counters);
        match tokio::task::spawn_blocking(move || counters.sync()).await {
            Ok(synced) => Ok(synced?),
            Err(_) => Ok(()),
        }
    }

    /// Puts a closed window into the outbox, then removes its files. Doing it twice changes nothing.
    async fn keep(&self, closed: ClosedWindow) -> Result<(), ShipError> {
        let transaction = self.database.begin().await?;
        outbox::put(&transaction, &self.region, &closed.records).await?;
        outbox::put_window(&transaction, &closed.window).await?;
        transaction.commit().await?;
        closed.remove_files()?;
        Ok(())
    }

    /// Ships all records, and only then the windows that were closed before: a window in the ledger means that everything before
    /// its end is there too.
    async fn ship(&self, idle: Option<IdleNode>) -> Result<(), ShipError> {
        let node = self.counters.place().node;
        let windows = outbox::windows(self.database.reader(), node.0).await?;
        loop {
            let rows = outbox::oldest(self.database.reader(), BATCH).await?;
            self.metrics.usage_outbox_records.set(i64::try_from(rows.len()).unwrap_or(i64::MAX));
            if rows.is_empty() {
                break;
            }
            let (keys, records): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            self.link.ship(&UsageBatch { records, ..UsageBatch::default() }).await?;
            outbox::forget(self.database.writer(), keys).await?;
        }
        if windows.is_empty() && idle.is_none() {
            return Ok(());
        }
        let batch = UsageBatch {
            records: Vec::new(),
            windows: windows
                .iter()
                .map(|row| Window {
                    node: NodeId(row.node),
                    boot: BootId(row.boot),
                    index: row.idx,
                    opened_at: row.opened_at,
                    closed_at: row.closed_at,
                    is_last: row.is_last,
                })
                .collect(),
            idle: idle.into_iter().collect(),
        };
        self.link.ship(&batch).await?;
        for window in &windows {
            outbox::forget_window(self.database.writer(), window).await?;
        }
        Ok(())
    }
}

/// Resolves when the process is to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left to say it, which is a stop as well.
    stop.wait_for(|stop| *stop).await.ok();
}
