//! Rendering in other processes: a fair queue, and workers that can crash, hang or be killed without harm.
//!
//! Every worker process has a thread here that feeds it, one job at a time, over a blocking socket. The thread is what
//! enforces the time limit, replaces a worker that has ended, grown or served long enough, and repeats a job once whose
//! worker was lost. Callers see a future; dropping it takes a job that still waits out of the queue.

pub mod flavours;
mod memory;
mod queue;
mod worker_process;

use std::{
    collections::HashMap,
    io,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use transform::{
    analysis::Analysis,
    facts::Rectangle,
    plan::{Measure, Plan, Step},
    protocol::{Answer, Job, Outcome, Refused, RefusedKind, Setup, Work},
    source::SourceMeta,
};

use self::{
    memory::ResultFile,
    queue::FairQueue,
    worker_process::{Fault, WorkerProcess},
};
pub use self::{memory::SourceFile, queue::TenantTag, worker_process::WorkerCommand};

/// Largest rendition in bytes.
const RESULT_BYTES: u64 = 512 << 20;

/// Pauses between attempts to start a worker that does not start.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a request is told whose worker was lost twice; details are in the log.
const GENERAL_ERROR: &str = "General Error";

/// What a request is told whose input took more processor time than its pixels explain.
const TOO_COSTLY: &str = "The file takes more processor time than a picture of its size";

/// Processor time that a million pixels may take in each step, read or written. Usual ones take a tenth of it.
const PROCESSOR_TIME_PER_MEGAPIXEL: Duration = Duration::from_millis(250);

/// Settings of the render pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RenderConfig {
    /// Number of worker processes; 0 means one for each processor core.
    pub workers: usize,
    /// How many jobs may wait, of all tenants together, before further ones are answered with 429.
    pub queue_length: usize,
    /// How many jobs of one tenant may wait.
    pub queue_length_per_tenant: usize,
    /// How long one job may take, in milliseconds; then its worker is killed.
    pub job_timeout_ms: u64,
    /// How much processor time one job may take beside what its pixels explain, in milliseconds; then its worker is killed, and its input
    /// is refused.
    pub job_processor_ms: u64,
    /// After this many jobs a worker is replaced.
    pub jobs_per_worker: u32,
    /// A worker whose resident memory has exceeded this many bytes is replaced after its job.
    pub worker_max_rss_bytes: u64,
    /// Sources of more pixels than this, all frames together, are refused.
    pub max_pixels: u64,
    /// Address space of a worker in bytes; an allocation beyond it ends the worker.
    pub address_space_bytes: u64,
    /// A folder with another build of libvips, as `scripts/libvips` brings it. What it does not read is left to the system's.
    pub libvips_folder: Option<PathBuf>,
    /// Whether workers are started only when there is work for them.
    #[serde(skip)]
    pub starts_when_asked: bool,
}

impl Default for RenderConfig {
    fn default() -> Self {
        Self {
            workers: 0,
            queue_length: 512,
            queue_length_per_tenant: 128,
            job_timeout_ms: 20_000,
            job_processor_ms: 2_000,
            jobs_per_worker: 1000,
            worker_max_rss_bytes: 512 << 20,
            max_pixels: 100_000_000,
            address_space_bytes: 4 << 30,
            libvips_folder: None,
            starts_when_asked: false,
        }
    }
}

impl RenderConfig {
    /// Checks what can be checked without asking anybody.
    ///
    /// # Errors
    /// Names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), String> {
        let within = |name: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("render.{name} must be between {least} and {most}, not {value}"))
            }
        };
        within("workers", self.workers as u64, 0, 1024)?;
        within("queue_length", self.queue_length as u64, 1, 1_000_000)?;
        within("queue_length_per_tenant", self.queue_length_per_tenant as u64, 1, self.queue_length as u64)?;
        within("job_timeout_ms", self.job_timeout_ms, 10, 3_600_000)?;
        within("job_processor_ms", self.job_processor_ms, 10, 3_600_000)?;
        within("jobs_per_worker", self.jobs_per_worker.into(), 1, u32::MAX.into())?;
        within("worker_max_rss_bytes", self.worker_max_rss_bytes, 16 << 20, 1 << 40)?;
        within("max_pixels", self.max_pixels, 1, 1 << 40)?;
        // Below this the libraries themselves do not fit.
        within("address_space_bytes", self.address_space_bytes, 512 << 20, 1 << 44)
    }

    /// Processor time that a job may take which costs so much, in pixels.
    fn processor_limit(&self, cost: u64, work: &Work) -> Duration {
        let steps = match work {
            Work::Render { plan, .. } => plan.steps.as_slice(),
            Work::Measure { measure, .. } => &measure.steps,
            Work::Probe { .. } | Work::Describe { .. } => &[],
        };
        // What is made large on the way shows neither in the source nor in the result.
        let largest =
            steps.iter().filter_map(Step::size).map(|(width, height)| u64::from(width) * u64::from(height)).max();
        let megapixels = (cost.saturating_add(largest.unwrap_or(0))) as f64 / 1e6 * (1 + steps.len()) as f64;
        let explained = PROCESSOR_TIME_PER_MEGAPIXEL.mul_f64(megapixels.min(1e6));
        Duration::from_millis(self.job_processor_ms) + explained
    }

    fn worker_count(&self) -> usize {
        match self.workers {
            0 => thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
    }
}

/// A finished rendition.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// The encoded picture, mapped from the file that the worker wrote. Clones share the mapping.
    pub bytes: Bytes,
    /// Width in pixels, of one frame.
    pub width: u32,
    /// Height in pixels, of one frame.
    pub height: u32,
    /// Number of frames.
    pub frames: u32,
    /// Processor time the rendering took.
    pub cpu: Duration,
}

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The source or the plan is at fault, or has cost two workers their lives. The caller's answer is 400.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The queue, or the tenant's share of it, is full. The caller's answer is 429 with `Retry-After`.
    #[error("too many renderings are waiting")]
    Busy,
    /// No worker can be started, or the pool is shutting down. The caller's answer is 503 with `Retry-After`.
    #[error("rendering is not available")]
    Unavailable,
}

/// Counters of a pool since its start, and two levels.
#[derive(Debug, Default)]
pub struct RenderStats {
    /// Jobs handed to a worker, repetitions included.
    pub started: AtomicU64,
    /// Jobs that came to their outcome.
    pub completed: AtomicU64,
    /// Jobs whose input was refused, by a worker's verdict or for having lost two workers.
    pub refused: AtomicU64,
    /// Jobs turned away because the queue was full.
    pub busy: AtomicU64,
    /// Workers that ended or broke the protocol during a job.
    pub crashed: AtomicU64,
    /// Workers killed because a job's time was up.
    pub timed_out: AtomicU64,
    /// Workers killed because a job took more processor time than its pixels explain.
    pub costly: AtomicU64,
    /// Workers replaced for their age or size.
    pub recycled: AtomicU64,
    /// Attempts to start a worker that failed.
    pub start_failed: AtomicU64,
    /// Jobs waiting now.
    pub queue_len: AtomicU64,
    /// Workers ready or working now.
    pub workers: AtomicU64,
    /// Processor time of all completed and refused jobs, in microseconds.
    pub cpu_micros: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// A number of worker processes behind a fair queue.
#[derive(Debug)]
pub struct RenderPool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    config: RenderConfig,
    command: WorkerCommand,
    stats: Arc<RenderStats>,
    state: Mutex<State>,
    /// Told when a job is added or the pool closes.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    queue: FairQueue<Task>,
    closed: bool,
    slots: usize,
    /// Slots whose last attempt to start a worker failed.
    failing: usize,
    /// The live workers by slot: process id, and a handle that interrupts the conversation.
    workers: HashMap<usize, (u32, UnixStream)>,
    next_job: u64,
    /// What one unit of cost has taken lately, in microseconds.
    micros_per_cost: Option<f64>,
}

#[derive(Debug)]
struct Task {
    work: Work,
    source: SourceFile,
    processor_limit: Duration,
    reply: oneshot::Sender<Result<Done, RenderError>>,
}

#[derive(Debug)]
enum Done {
    Probed(SourceMeta),
    Described(Box<Analysis>),
    Measured(Option<Rectangle>, Duration),
    Rendered(Rendition),
}

impl Shared {
    /// The state is counters and a queue, whole after every statement, so a panic elsewhere does not make it unusable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show_queue(&self, state: &State) {
        self.stats.queue_len.store(state.queue.len() as u64, Relaxed);
    }
}

impl RenderPool {
    /// Starts the pool. Workers come up in the background; jobs may be given at once.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(config: RenderConfig, worker_command: WorkerCommand) -> io::Result<Self> {
        let slots = config.worker_count();
        let state = State {
            queue: FairQueue::new(config.queue_length, config.queue_length_per_tenant),
            closed: false,
            slots,
            failing: 0,
            workers: HashMap::new(),
            next_job: 0,
            micros_per_cost: None,
        };
        let shared = Arc::new(Shared {
            config,
            command: worker_command,
            stats: Arc::default(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let pool = Self { shared, threads: Mutex::default() };
        for slot in 0..slots {
            let shared = pool.shared.clone();
            let thread = thread::Builder::new()
                .name(format!("render-{slot}"))
                .spawn(move || Slot { number: slot, shared, worker: None, failing: false }.run())?;
            pool.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(pool)
    }

    /// Carries out a plan. `cost` is what the job is expected to take, in a unit of the caller's choice that is the same for all
    /// (source pixels after the decoder's own reduction are a good one); it decides how long the tenant's next job waits.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn render(
        &self,
        tenant: TenantTag,
        cost: u64,
        plan: Plan,
        source: SourceFile,
    ) -> Result<Rendition, RenderError> {
        let work = Work::Render { plan, max_pixels: self.shared.config.max_pixels };
        match self.submit(tenant, cost, work, source).await? {
            Done::Rendered(rendition) => Ok(rendition),
            _ => Err(general_error()),
        }
    }

    /// Finds out what a source is.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn probe(&self, tenant: TenantTag, source: SourceFile) -> Result<SourceMeta, RenderError> {
        let work = Work::Probe { max_pixels: self.shared.config.max_pixels };
        // A probe reads the bytes and computes few pixels.
        match self.submit(tenant, source.len(), work, source).await? {
            Done::Probed(meta) => Ok(meta),
            _ => Err(general_error()),
        }
    }

    /// Finds out what a source shows and what its file says of it. `cost` as for [`RenderPool::render`].
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn describe(&self, tenant: TenantTag, cost: u64, source: SourceFile) -> Result<Analysis, RenderError> {
        let work = Work::Describe { max_pixels: self.shared.config.max_pixels };
        match self.submit(tenant, cost, work, source).await? {
            Done::Described(analysis) => Ok(*analysis),
            _ => Err(general_error()),
        }
    }

    /// Finds what lies within the edges of what a source becomes, and how much processor time that took. `cost` as for
    /// [`RenderPool::render`].
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn measure(
        &self,
        tenant: TenantTag,
        cost: u64,
        measure: Measure,
        source: SourceFile,
    ) -> Result<(Option<Rectangle>, Duration), RenderError> {
        let work = Work::Measure { measure, max_pixels: self.shared.config.max_pixels };
        match self.submit(tenant, cost, work, source).await? {
            Done::Measured(within, cpu) => Ok((within, cpu)),
            _ => Err(general_error()),
        }
    }

    /// The pool's counters.
    pub fn stats(&self) -> Arc<RenderStats> {
        self.shared.stats.clone()
    }

    /// Process ids of the live workers, for diagnosis.
    pub fn worker_pids(&self) -> Vec<u32> {
        self.shared.lock().workers.values().map(|(pid, _)| *pid).collect()
    }

    /// Ends all workers and waits until they are gone. Jobs that wait or run are answered [`RenderError::Unavailable`].
    pub async fn shutdown(&self) {
        let threads = self.close();
        // Joining takes the milliseconds that the kernel needs to end the workers; if the task is cancelled, or the runtime is
        // ending, the threads end by themselves.
        let _ = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join()))).await;
    }

    async fn submit(&self, tenant: TenantTag, cost: u64, work: Work, source: SourceFile) -> Result<Done, RenderError> {
        let (reply, answer) = oneshot::channel();
        let processor_limit = self.shared.config.processor_limit(cost, &work);
        let place = {
            let mut state = self.shared.lock();
            if state.closed || state.failing == state.slots {
                return Err(RenderError::Unavailable);
            }
            let Ok(number) = state.queue.push(tenant, cost, Task { work, source, processor_limit, reply }) else {
                count(&self.shared.stats.busy);
                return Err(RenderError::Busy);
            };
            self.shared.show_queue(&state);
            Place { shared: &self.shared, tenant, number }
        };
        // All, because the one that wakes might be a slot that rests from failing to start a worker.
        self.shared.changed.notify_all();
        let outcome = answer.await.unwrap_or(Err(RenderError::Unavailable));
        drop(place);
        outcome
    }

    /// Makes every thread end, and hands over those that have not been joined.
    fn close(&self) -> Vec<thread::JoinHandle<()>> {
        let waiting = {
            let mut state = self.shared.lock();
            state.closed = true;
            for (_, handle) in state.workers.values() {
                // The worker may have gone already, which is what is wanted.
                let _ = handle.shutdown(std::net::Shutdown::Both);
            }
            let waiting = state.queue.drain();
            self.shared.show_queue(&state);
            waiting
        };
        self.shared.changed.notify_all();
        refuse_all(waiting);
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for RenderPool {
    fn drop(&mut self) {
        for thread in self.close() {
            // A panic of the thread has been reported by the thread.
            let _ = thread.join();
        }
    }
}

/// A place in the queue, given up when the caller leaves. Once the job is taken there is nothing to give up.
struct Place<'a> {
    shared: &'a Shared,
    tenant: TenantTag,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let task = state.queue.remove(self.tenant, self.number);
        if task.is_some() {
            self.shared.show_queue(&state);
        }
        // Closing the source may take a moment; nobody should wait for it.
        drop(state);
        drop(task);
    }
}

fn refuse_all(waiting: Vec<Task>) {
    for task in waiting {
        // Whoever does not listen any more needs no answer.
        let _ = task.reply.send(Err(RenderError::Unavailable));
    }
}

fn general_error() -> RenderError {
    RenderError::Refused(Refused::new(RefusedKind::Failed, GENERAL_ERROR))
}

/// A thread with its worker.
struct Slot {
    number: usize,
    shared: Arc<Shared>,
    worker: Option<WorkerProcess>,
    failing: bool,
}

impl Slot {
    fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        while !self.shared.lock().closed {
            // One that does not start is tried again: no job is taken until it does.
            let waits = self.shared.config.starts_when_asked && self.worker.is_none() && !self.failing;
            if waits && !self.wait_for_work() {
                break;
            }
            // The worker is started before there is work, so that the first job does not wait for it.
            if !self.ready() {
                self.rest(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            }
            pause = FIRST_PAUSE;
            let Some(taken) = self.next() else { break };
            let charged = taken.cost;
            let cpu_micros = self.serve(taken.item);
            self.settle(taken.tenant, charged, cpu_micros);
            self.recycle();
        }
        self.lose_worker();
        if self.failing {
            self.shared.lock().failing -= 1;
        }
    }

    /// Has a live worker at hand, or tries to start one.
    fn ready(&mut self) -> bool {
        if self.worker.as_mut().is_some_and(WorkerProcess::is_alive) {
            return true;
        }
        self.lose_worker();
        match self.start_worker() {
            Ok(is_open) => is_open,
            Err(error) => {
                self.lose_worker();
                let mut state = self.shared.lock();
                if state.closed {
                    return false;
                }
                state.failing += usize::from(!std::mem::replace(&mut self.failing, true));
                // While one slot works the others' trouble only slows things down; when none does, waiting is in vain.
                let waiting = if state.failing == state.slots { state.queue.drain() } else { Vec::new() };
                self.shared.show_queue(&state);
                drop(state);
                count(&self.shared.stats.start_failed);
                tracing::error!(program = %self.shared.command.program.display(), %error, "a render worker does not start");
                refuse_all(waiting);
                false
            }
        }
    }

    /// Starts a worker; answers `false` when the pool has closed meanwhile.
    fn start_worker(&mut self) -> io::Result<bool> {
        let worker = WorkerProcess::start(&self.shared.command)?;
        let handle = worker.handle()?;
        {
            // Known to the pool before the first word, so that closing interrupts even a worker that never answers.
            let mut state = self.shared.lock();
            if state.closed {
                return Ok(false);
            }
            state.workers.insert(self.number, (worker.pid(), handle));
        }
        let config = &self.shared.config;
        let setup = Setup { address_space_bytes: config.address_space_bytes, result_bytes: RESULT_BYTES };
        self.worker.insert(worker).greet(setup)?;
        let mut state = self.shared.lock();
        self.shared.stats.workers.store(state.workers.len() as u64, Relaxed);
        state.failing -= usize::from(std::mem::take(&mut self.failing));
        Ok(true)
    }

    /// Waits for a time, or until the pool closes.
    fn rest(&self, pause: Duration) {
        let state = self.shared.lock();
        let closed = self.shared.changed.wait_timeout_while(state, pause, |state| !state.closed);
        drop(closed);
    }

    /// Waits until there is a job, and leaves it where it is; `false` when the pool closes.
    fn wait_for_work(&self) -> bool {
        let state = self.shared.lock();
        let waits = |state: &mut State| !state.closed && state.queue.len() == 0;
        let state = self.shared.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    /// Waits for the next job; `None` when the pool closes.
    fn next(&self) -> Option<queue::Taken<Task>> {
        let mut state = self.shared.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(taken) = state.queue.pop() {
                self.shared.show_queue(&state);
                return Some(taken);
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Does a job, a second time on a fresh worker if the first was lost. Answers the processor time it took, if known.
    fn serve(&mut self, task: Task) -> Option<u64> {
        if task.reply.is_closed() {
            return None;
        }
        let stats = self.shared.stats.clone();
        let mut outcome = Err(general_error());
        let mut cpu_micros = None;
        for _ in 0..2 {
            if !self.ready() {
                outcome = Err(RenderError::Unavailable);
                break;
            }
            count(&stats.started);
            match self.attempt(&task) {
                Ok((done, micros)) => {
                    stats.cpu_micros.fetch_add(micros, Relaxed);
                    cpu_micros = Some(micros);
                    outcome = done.map_err(RenderError::Refused);
                    break;
                }
                Err(fault) => {
                    self.lose_worker();
                    if self.shared.lock().closed {
                        outcome = Err(RenderError::Unavailable);
                        break;
                    }
                    match fault {
                        Fault::Costly => {
                            count(&stats.costly);
                            tracing::warn!(
                                source_bytes = task.source.len(),
                                "a rendering took more processor time than its pixels explain; its worker is killed"
                            );
                            // It would again. What it took is known, and its tenant waits for it.
                            cpu_micros = Some(u64::try_from(task.processor_limit.as_micros()).unwrap_or(u64::MAX));
                            outcome = Err(RenderError::Refused(Refused::new(RefusedKind::Failed, TOO_COSTLY)));
                            break;
                        }
                        Fault::TimedOut => {
                            count(&stats.timed_out);
                            tracing::warn!(
                                source_bytes = task.source.len(),
                                "a rendering took too long; its worker is killed"
                            );
                        }
                        Fault::Crashed(error) => {
                            count(&stats.crashed);
                            tracing::warn!(source_bytes = task.source.len(), %error, "a render worker was lost during a job");
                        }
                    }
                }
            }
        }
        match &outcome {
            Ok(_) => count(&stats.completed),
            Err(RenderError::Refused(_)) => count(&stats.refused),
            Err(_) => {}
        }
        // Whoever does not listen any more needs no answer.
        let _ = task.reply.send(outcome);
        cpu_micros
    }

    /// One attempt at a job. What a worker says is not believed where it can be checked.
    fn attempt(&mut self, task: &Task) -> Result<(Result<Done, Refused>, u64), Fault> {
        let broken = |text: &str| Fault::Crashed(io::Error::new(io::ErrorKind::InvalidData, text));
        let Some(worker) = &mut self.worker else { return Err(broken("there is no worker")) };
        let id = {
            let mut state = self.shared.lock();
            state.next_job += 1;
            state.next_job
        };
        let job = Job { id, work: task.work.clone(), source_len: task.source.len() };
        let result = ResultFile::new().map_err(Fault::Crashed)?;
        let limit = Duration::from_millis(self.shared.config.job_timeout_ms);
        let Answer { outcome, cpu_micros, .. } =
            worker.perform(&job, task.source.descriptor(), result.descriptor(), limit, task.processor_limit)?;
        let done = match (outcome, &task.work) {
            (Outcome::Refused { refused }, _) => Err(refused),
            (Outcome::Probed { meta }, Work::Probe { .. }) => Ok(Done::Probed(meta)),
            (Outcome::Described { analysis }, Work::Describe { .. }) => Ok(Done::Described(analysis)),
            (Outcome::Measured { within }, Work::Measure { .. }) => {
                Ok(Done::Measured(within, Duration::from_micros(cpu_micros)))
            }
            (Outcome::Rendered { width, height, frames, .. }, Work::Render { .. }) => {
                let bytes = result.seal().map_err(Fault::Crashed)?;
                let cpu = Duration::from_micros(cpu_micros);
                Ok(Done::Rendered(Rendition { bytes, width, height, frames, cpu }))
            }
            _ => return Err(broken("the answer is to other work")),
        };
        Ok((done, cpu_micros))
    }

    /// Tells the queue what the job really took, in its unit of cost.
    fn settle(&self, tenant: TenantTag, charged: u64, cpu_micros: Option<u64>) {
        let mut state = self.shared.lock();
        let measured = match cpu_micros {
            Some(micros) => {
                let here = micros as f64 / charged as f64;
                let usual = state.micros_per_cost.map_or(here, |usual| usual + (here - usual) * 0.05);
                state.micros_per_cost = Some(usual);
                // One surprise may correct the estimate by a factor, but must not shut a tenant out. One that took a second is none: whoever
                // sends such files waits for them.
                let most = if micros >= 1_000_000 { f64::MAX } else { charged as f64 * 8.0 };
                (micros as f64 / usual.max(f64::MIN_POSITIVE)).clamp(charged as f64 / 8.0, most) as u64
            }
            None => charged,
        };
        state.queue.settle(tenant, charged, measured);
    }

    /// Replaces a worker that has served long enough or has grown.
    fn recycle(&mut self) {
        let config = &self.shared.config;
        let is_spent = |worker: &WorkerProcess| {
            worker.jobs() >= config.jobs_per_worker || worker.max_rss_bytes() > config.worker_max_rss_bytes
        };
        if self.worker.as_ref().is_some_and(is_spent) {
            count(&self.shared.stats.recycled);
            self.lose_worker();
        }
    }

    /// Kills and reaps the worker, if there is one.
    fn lose_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            let mut state = self.shared.lock();
            state.workers.remove(&self.number);
            self.shared.stats.workers.store(state.workers.len() as u64, Relaxed);
            drop(state);
            drop(worker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        assert_eq!(RenderConfig::default().validate(), Ok(()));
        let tight = RenderConfig { queue_length: 4, queue_length_per_tenant: 5, ..Default::default() };
        assert!(tight.validate().unwrap_err().contains("queue_length_per_tenant"));
        let small = RenderConfig { address_space_bytes: 1 << 20, ..Default::default() };
        assert!(small.validate().unwrap_err().contains("address_space_bytes"));
        let read: RenderConfig = serde_json::from_str(r#"{"workers": 3}"#).unwrap();
        assert_eq!(read, RenderConfig { workers: 3, ..Default::default() });
    }
}
