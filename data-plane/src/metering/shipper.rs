//! From counters to outbox to ledger; and behind usage the audit and call records of the region.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use plane_kit::{
    clock::Clock,
    database::Database,
    error::chain,
    ids::{BootId, NodeId},
    seam::{ControlLink, SeamError},
    telemetry::metrics::Metrics,
    usage::{IdleNode, UsageBatch, Window},
};
use tokio::{
    sync::{Mutex, Notify, watch},
    task::JoinHandle,
};

use super::{
    counters::{ClosedWindow, Counters},
    outbox,
    ship_error::ShipError,
};
use crate::audit::{self, calls::Calls};

/// Records in one batch.
const BATCH: u64 = 2000;
/// How long to wait after the control plane did not take a batch.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long facts are gathered once there is one, so that many changes cost the databases no more than a few.
const GATHERING: Duration = Duration::from_millis(100);

/// Carries usage up.
pub struct Shipper {
    counters: Arc<Counters>,
    calls: Arc<Calls>,
    database: Database,
    region: String,
    link: Arc<dyn ControlLink>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    window: Duration,
    wake: Notify,
    /// Windows that were closed and are not in the outbox yet, oldest first.
    closed: Mutex<VecDeque<ClosedWindow>>,
}

impl Shipper {
    /// A shipper of what this node counts and of its region's outbox.
    #[expect(clippy::too_many_arguments, reason = "each is a part of the plane, and the plane alone makes a shipper")]
    pub fn new(
        counters: Arc<Counters>,
        calls: Arc<Calls>,
        database: Database,
        region: &str,
        link: Arc<dyn ControlLink>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        window: Duration,
    ) -> Arc<Self> {
        let region = region.to_owned();
        let (wake, closed) = (Notify::new(), Mutex::default());
        Arc::new(Self { counters, calls, database, region, link, clock, metrics, window, wake, closed })
    }

    /// Writes the windows of earlier runs to the outbox.
    pub async fn recover(&self, left: Vec<ClosedWindow>) -> Result<(), ShipError> {
        self.closed.lock().await.extend(left);
        self.keep_closed().await
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
            let mut is_failing = false;
            loop {
                let step = tokio::select! {
                    _ = windows.tick() => shipper.close_window().await,
                    () = shipper.wake.notified() => {
                        tokio::time::sleep(GATHERING).await;
                        shipper.ship(None).await
                    }
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

    /// Writes the counters through once a second until `stop` is set, beside the shipping, which may have to wait.
    pub fn sync(self: &Arc<Self>, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
        let counters = Arc::clone(&self.counters);
        tokio::spawn(async move {
            let mut times = tokio::time::interval(Duration::from_secs(1));
            times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = times.tick() => {}
                    () = stopped(&mut stop) => return,
                }
                let counters = Arc::clone(&counters);
                if let Ok(Err(error)) = tokio::task::spawn_blocking(move || counters.sync()).await {
                    tracing::warn!(%error, "the counters could not be written through");
                }
            }
        })
    }

    /// Closes the present window if it counted anything, and ships everything up to it.
    pub async fn close_window(&self) -> Result<(), ShipError> {
        let now = self.clock.now();
        self.calls.flush_when_due(&self.database, now).await?;
        self.keep_closed().await?;
        if self.counters.is_idle() {
            // Whatever was answered before `now` had been counted before we looked, so silence is complete until `now`.
            let place = self.counters.place();
            return self.ship(Some(IdleNode { node: place.node, boot: place.boot, complete_until: now })).await;
        }
        let closed = self.counters.rotate(now, false).await?;
        self.closed.lock().await.push_back(closed);
        self.keep_closed().await?;
        self.ship(None).await
    }

    async fn finish(&self) -> Result<(), ShipError> {
        let closed = self.counters.rotate(self.clock.now(), true).await?;
        self.closed.lock().await.push_back(closed);
        self.counters.discard();
        // What one of the two cannot write must not take the other with it.
        let calls = self.calls.flush(&self.database, self.clock.now()).await;
        self.keep_closed().await?;
        calls?;
        self.ship(None).await
    }

    /// Puts the closed windows into the outbox in their order and removes their files. A window that could not be kept stays
    /// in front: nothing may be said about the time after it before it is there. Doing it twice changes nothing.
    async fn keep_closed(&self) -> Result<(), ShipError> {
        let mut closed = self.closed.lock().await;
        while let Some(front) = closed.front() {
            let transaction = self.database.begin().await?;
            outbox::put(&transaction, &self.region, &front.records).await?;
            outbox::put_window(&transaction, &front.window).await?;
            transaction.commit().await?;
            front.remove_files()?;
            closed.pop_front();
        }
        Ok(())
    }

    /// Ships usage, then audit and call records.
    async fn ship(&self, idle: Option<IdleNode>) -> Result<(), ShipError> {
        // Neither waits behind a fault of the other.
        let usage = self.ship_usage(idle).await;
        let audit = audit::ship(&self.database, self.link.as_ref(), self.clock.as_ref(), &self.metrics).await;
        usage.and(audit)
    }

    /// Ships all records, and only then the windows that were closed before: a window in the ledger means that everything before
    /// its end is there too.
    async fn ship_usage(&self, idle: Option<IdleNode>) -> Result<(), ShipError> {
        // Windows of other nodes too: one that never comes back cannot hand its own over.
        let windows = outbox::windows(self.database.reader()).await?;
        loop {
            let rows = outbox::oldest(self.database.reader(), BATCH).await?;
            self.metrics.usage_outbox_records.set(i64::try_from(rows.len()).unwrap_or(i64::MAX));
            // What is written while we ship is for the next time: everything before the windows was there when they were read.
            let is_all = (rows.len() as u64) < BATCH;
            self.ship_rows(rows).await?;
            if is_all {
                break;
            }
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

    /// Ships records and forgets them. A batch that is refused is halved until the record is found that is meant; that one is set
    /// aside, named in the log, and holds up nothing else.
    async fn ship_rows(&self, rows: Vec<outbox::Row>) -> Result<(), ShipError> {
        let mut parts = vec![rows];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let records = part.iter().map(|row| row.record.clone()).collect();
            match self.link.ship(&UsageBatch { records, ..UsageBatch::default() }).await {
                Ok(()) => {
                    let keys = part.into_iter().map(|row| row.key).collect();
                    outbox::forget(self.database.writer(), keys).await?;
                }
                Err(SeamError::Refused(reason)) if part.len() == 1 => {
                    for row in part {
                        tracing::error!(key = row.key, reason, "a usage record was refused and is set aside");
                        self.metrics.usage_set_aside.inc();
                        outbox::set_aside(&self.database, &row.key, &reason, self.clock.now()).await?;
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
}

/// Resolves when the process is to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left to say it, which is a stop as well.
    stop.wait_for(|stop| *stop).await.ok();
}
