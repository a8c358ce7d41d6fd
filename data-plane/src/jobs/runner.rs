//! Carrying jobs out: as many at once as the settings say, and at most half of them for one environment.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    clock::Clock,
    database::Database,
    error::{ApiError, chain},
    ids::{EnvironmentId, NodeId},
    telemetry::metrics::Metrics,
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::{
    sync::watch,
    task::{Id, JoinHandle, JoinSet},
};

use super::{Claim, Column, Entity, JobsConfig, LEASE, Lane, Wakers, claim, give_back};
use crate::metering::shipper::stopped;

/// How often a node looks for what others left.
const LOOK: Duration = Duration::from_secs(1);
/// How often the gauges are brought up to date.
const GAUGE: Duration = Duration::from_secs(10);
/// How long jobs under way are waited for when the process ends.
const DRAIN: Duration = Duration::from_secs(5);
/// The longest pause before a job that failed is tried again.
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(600);

/// How a job went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It is done, and its row is gone.
    Done,
    /// It was put off.
    PutOff,
    /// It was given up, and its row is gone.
    GivenUp,
    /// It turned out to be another node's.
    Lost,
}

/// Carries jobs out.
#[async_trait]
pub trait Carry: Send + Sync {
    /// Carries one out, and ends or puts off its row. What goes wrong otherwise is tried again later.
    async fn carry(&self, claim: &Claim) -> Result<Ended, JobError>;
}

/// What kept a job from being carried out, for now.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// This program does not know the kind; a newer one may.
    #[error("no job of kind {0} is known here")]
    UnknownKind(String),
    /// What the job has to know cannot be read.
    #[error("the job cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// The regional database failed.
    #[error("the regional database failed")]
    Database(#[from] DbErr),
    /// Something else.
    #[error("{0}")]
    Failed(String),
    /// A refusal that may not last.
    #[error("{0}")]
    Refused(ApiError),
}

impl JobError {
    /// What the tenant may read of it.
    fn shown(&self) -> String {
        match self {
            Self::Refused(error) => error.message().to_owned(),
            error => error.to_string(),
        }
    }

    /// What the operator reads of it.
    fn told(&self) -> String {
        match self {
            Self::Refused(error) => error.operator_text().map_or_else(|| error.message().to_owned(), str::to_owned),
            error => chain(error),
        }
    }
}

/// What carries out the jobs of a node.
pub struct Runner {
    /// The regional database.
    pub database: Database,
    /// This node.
    pub node: NodeId,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Metrics of the process.
    pub metrics: Arc<Metrics>,
    /// Says that there is something new.
    pub wakers: Arc<Wakers>,
    /// How much at once.
    pub config: JobsConfig,
    /// Who carries them out.
    pub carrier: Arc<dyn Carry>,
}

impl Runner {
    /// Runs all lanes until `stop` is set. What is under way then is waited for a little, and given back.
    pub fn start(self, stop: watch::Receiver<bool>) -> JoinHandle<()> {
        let runner = Arc::new(self);
        tokio::spawn(async move {
            if let Err(error) = give_back(&runner.database, runner.node, runner.clock.now()).await {
                tracing::warn!(error = chain(&error), "jobs of an earlier run come back when their leases run out");
            }
            let mut lanes = JoinSet::new();
            for lane in Lane::ALL {
                lanes.spawn(Arc::clone(&runner).run_lane(lane, stop.clone()));
            }
            lanes.spawn(Arc::clone(&runner).measure(stop));
            lanes.join_all().await;
            if let Err(error) = give_back(&runner.database, runner.node, runner.clock.now()).await {
                tracing::debug!(error = chain(&error), "jobs under way come back when their leases run out");
            }
        })
    }

    async fn run_lane(self: Arc<Self>, lane: Lane, mut stop: watch::Receiver<bool>) {
        let at_once = self.config.at_once(lane);
        let share = at_once.div_ceil(2);
        let mut under_way: JoinSet<()> = JoinSet::new();
        let mut of: HashMap<Id, EnvironmentId> = HashMap::new();
        let mut last = None;
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            while of.len() < at_once {
                let busy = busy(&of, share);
                match claim(&self.database, self.node, lane, last, &busy, self.clock.now()).await {
                    Ok(Some(claim)) => {
                        let environment = claim.environment;
                        last = Some(environment);
                        let handle = under_way.spawn(Arc::clone(&self).carry(claim));
                        of.insert(handle.id(), environment);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(lane = lane.name(), error = chain(&error), "no job can be taken now");
                        break;
                    }
                }
            }
            tokio::select! {
                _ = looks.tick() => {}
                () = self.wakers.of(lane).notified(), if of.len() < at_once => {}
                Some(ended) = under_way.join_next_with_id() => {
                    let id = match &ended {
                        Ok((id, ())) => *id,
                        Err(error) => error.id(),
                    };
                    of.remove(&id);
                    if let Err(error) = ended {
                        tracing::error!(%error, lane = lane.name(), "a job broke off; it comes back when its lease runs out");
                    }
                }
                () = stopped(&mut stop) => break,
            }
        }
        let drained = async { while under_way.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(DRAIN, drained).await;
    }

    /// Carries a job out and keeps it leased meanwhile.
    async fn carry(self: Arc<Self>, claim: Claim) {
        // Both go on at once: a renewal may wait for what the work itself holds.
        let outcome = tokio::select! {
            outcome = self.carrier.carry(&claim) => outcome,
            () = self.keep_leased(&claim) => Ok(Ended::Lost),
        };
        let label = match outcome {
            Ok(Ended::Done) => "done",
            Ok(Ended::PutOff) => "put_off",
            Ok(Ended::GivenUp) => "given_up",
            Ok(Ended::Lost) => "lost",
            Err(error) => {
                let until = self.clock.now() + pause(claim.attempts);
                tracing::warn!(kind = claim.kind, attempts = claim.attempts, error = error.told(), "a job is put off");
                if let Err(error) = claim.postpone(self.database.writer(), until, &error.shown()).await {
                    tracing::debug!(error = chain(&error), "a job comes back when its lease runs out");
                }
                "failed"
            }
        };
        self.metrics.jobs_ended.with_label_values(&[claim.kind.as_str(), label]).inc();
    }

    /// Renews a lease for as long as this is waited for. Whoever has lost it learns that when he ends the job.
    async fn keep_leased(&self, claim: &Claim) {
        let mut renewals = tokio::time::interval(LEASE.to_std().unwrap_or(LOOK) / 3);
        renewals.tick().await;
        loop {
            renewals.tick().await;
            match claim.renew(&self.database, self.clock.now()).await {
                Ok(true) => {}
                Ok(false) => std::future::pending().await,
                // The lease may last until the database answers again.
                Err(error) => tracing::debug!(error = chain(&error), "a lease was not renewed"),
            }
        }
    }

    /// Keeps the gauges true.
    async fn measure(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut times = tokio::time::interval(GAUGE);
        times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = times.tick() => {}
                () = stopped(&mut stop) => return,
            }
            for lane in Lane::ALL {
                if let Ok((waiting, oldest)) = waiting(&self.database, lane).await {
                    let late = oldest.map_or(0, |due| (self.clock.now() - due).num_seconds().max(0));
                    let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
                    self.metrics.jobs_waiting.with_label_values(&[lane.name()]).set(waiting);
                    self.metrics.jobs_late_seconds.with_label_values(&[lane.name()]).set(late);
                }
            }
        }
    }
}

/// The environments that have their share under way.
fn busy(of: &HashMap<Id, EnvironmentId>, share: usize) -> Vec<EnvironmentId> {
    let mut counts: HashMap<EnvironmentId, usize> = HashMap::new();
    for environment in of.values() {
        *counts.entry(*environment).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count >= share).map(|(environment, _)| environment).collect()
}

/// How long a job that failed waits: longer each time.
fn pause(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    TimeDelta::seconds(2_i64.saturating_pow(doublings)).min(LONGEST_PAUSE)
}

/// How many jobs wait in a lane, and since when the first of them is due.
async fn waiting(database: &Database, lane: Lane) -> Result<(u64, Option<DateTime<Utc>>), DbErr> {
    let of_lane = || Entity::find().filter(Column::Lane.eq(lane.name())).filter(Column::DueAt.is_not_null());
    let count = of_lane().count(database.reader()).await?;
    let oldest = of_lane().select_only().column(Column::DueAt).order_by_asc(Column::DueAt).limit(1);
    let oldest: Option<Option<DateTime<Utc>>> = oldest.into_tuple().one(database.reader()).await?;
    Ok((count, oldest.flatten()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_ten_minutes() {
        let seconds: Vec<i64> = [1, 2, 3, 10, 11, 1000].into_iter().map(|n| pause(n).num_seconds()).collect();
        assert_eq!(seconds, [1, 2, 4, 512, 600, 600]);
    }
}
