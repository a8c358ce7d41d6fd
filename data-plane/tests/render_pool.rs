//! The render pool with real workers: this test program itself, started again as a worker.

use std::{
    io::Cursor,
    process::ExitCode,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use data_plane::render::{RenderConfig, RenderError, RenderPool, RenderStats, SourceFile, TenantTag, WorkerCommand};
use image::{ImageFormat, Rgb, RgbImage};
use transform::{
    plan::{Decode, Encode, Plan, Step},
    protocol::RefusedKind,
    source::Format,
};

const A: TenantTag = TenantTag([1; 16]);
const B: TenantTag = TenantTag([2; 16]);

/// Not a test: the worker program. The pool starts this very executable with arguments that run this function alone.
#[test]
#[ignore = "is the program that the other tests start"]
fn worker_program() -> ExitCode {
    transform::worker::run(0)
}

fn command() -> WorkerCommand {
    WorkerCommand {
        program: std::env::current_exe().unwrap(),
        args: ["worker_program", "--exact", "--ignored", "--nocapture"].map(String::from).to_vec(),
        library_folder: None,
    }
}

fn pool(config: RenderConfig) -> Arc<RenderPool> {
    config.validate().unwrap();
    Arc::new(RenderPool::start(config, command()).unwrap())
}

fn one_worker() -> RenderConfig {
    RenderConfig { workers: 1, ..Default::default() }
}

fn picture() -> SourceFile {
    let picture = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8 * 4, y as u8 * 5, (x * y) as u8]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    SourceFile::from_bytes(bytes.get_ref()).unwrap()
}

fn resize(width: u32, height: u32, format: Format) -> Plan {
    Plan {
        decode: Decode { format: Format::Png, page: 0, pages: 1, auto_orient: true },
        steps: vec![Step::Resize { width, height }],
        encode: Encode::plain(format, 80),
        width,
        height,
    }
}

/// A plan that keeps a worker busy for a second or more: many pixels, and lossless compression of them.
fn slow() -> Plan {
    resize(5000, 5000, Format::Png)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} does not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until_started(stats: &RenderStats, jobs: u64) {
    until("the start of a job", || stats.started.load(Relaxed) >= jobs).await;
}

/// Whether a process has ended with all its threads, whether or not somebody has asked how. Its descriptors are closed then.
fn is_over(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    status.is_empty() || (status.contains("State:\tZ") && threads <= 1)
}

/// Whether this process has a child that runs the named program.
fn has_child(program: &str) -> bool {
    let ours = format!("PPid:\t{}\n", std::process::id());
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut statuses = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("status")).ok());
    statuses.any(|status| status.starts_with(&format!("Name:\t{program}\n")) && status.contains(&ours))
}

fn exists(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_probed_and_rendered() {
    let pool = pool(RenderConfig { workers: 2, ..Default::default() });
    let meta = pool.probe(A, picture()).await.unwrap();
    assert_eq!((meta.format, meta.width, meta.height), (Format::Png, 64, 48));
    let rendition = pool.render(A, 3072, resize(32, 24, Format::Jpg), picture()).await.unwrap();
    assert_eq!((rendition.width, rendition.height, rendition.frames), (32, 24, 1));
    assert!(rendition.cpu > Duration::ZERO);
    let decoded = image::load_from_memory_with_format(&rendition.bytes, ImageFormat::Jpeg).unwrap();
    assert_eq!((decoded.width(), decoded.height()), (32, 24));
    // A staged file serves as well as memory.
    let mut staged = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut staged, &rendition.bytes).unwrap();
    let meta = pool.probe(A, SourceFile::from_file(&staged).unwrap()).await.unwrap();
    assert_eq!((meta.format, meta.width), (Format::Jpg, 32));
    let stats = pool.stats();
    assert_eq!((stats.started.load(Relaxed), stats.completed.load(Relaxed)), (3, 3));
    assert!(stats.cpu_micros.load(Relaxed) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn faulty_input_is_refused_and_harms_nobody() {
    let pool = pool(RenderConfig { max_pixels: 5000, ..one_worker() });
    let kind = |outcome: RenderError| match outcome {
        RenderError::Refused(refused) => refused.kind,
        other => panic!("{other:?}"),
    };
    for bytes in [&b""[..], b"garbage"] {
        let source = SourceFile::from_bytes(bytes).unwrap();
        assert_eq!(kind(pool.probe(A, source).await.unwrap_err()), RefusedKind::NotAnImage);
    }
    let broken = Plan { steps: vec![Step::Extract { x: 60, y: 0, width: 60, height: 1 }], ..resize(1, 1, Format::Png) };
    assert_eq!(kind(pool.render(A, 1, broken, picture()).await.unwrap_err()), RefusedKind::Failed);
    let large =
        SourceFile::from_bytes(&pool.render(A, 1, resize(100, 100, Format::Png), picture()).await.unwrap().bytes)
            .unwrap();
    assert_eq!(kind(pool.probe(A, large).await.unwrap_err()), RefusedKind::TooManyPixels);
    let stats = pool.stats();
    assert_eq!((stats.refused.load(Relaxed), stats.crashed.load(Relaxed), stats.workers.load(Relaxed)), (4, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_survives_the_loss_of_its_worker_once() {
    let pool = pool(one_worker());
    let stats = pool.stats();
    let task = tokio::spawn({
        let pool = pool.clone();
        async move { pool.render(A, 1, slow(), picture()).await }
    });
    until_started(&stats, 1).await;
    let victim = pool.worker_pids()[0];
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(victim as i32).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let rendition = task.await.unwrap().unwrap();
    assert_eq!((rendition.width, rendition.height), (5000, 5000));
    assert_eq!((stats.crashed.load(Relaxed), stats.started.load(Relaxed), stats.completed.load(Relaxed)), (1, 2, 1));
    assert_ne!(pool.worker_pids(), [victim]);
    assert!(!exists(victim));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_loss_is_the_inputs_fault() {
    let pool = pool(one_worker());
    let stats = pool.stats();
    let task = tokio::spawn({
        let pool = pool.clone();
        async move { pool.render(A, 1, slow(), picture()).await }
    });
    for attempt in 1..=2 {
        until_started(&stats, attempt).await;
        let victim = rustix::process::Pid::from_raw(pool.worker_pids()[0] as i32).unwrap();
        rustix::process::kill_process(victim, rustix::process::Signal::KILL).unwrap();
    }
    let error = task.await.unwrap().unwrap_err();
    assert!(matches!(&error, RenderError::Refused(refused) if refused.message == "General Error"), "{error:?}");
    assert_eq!(stats.refused.load(Relaxed), 1);
    // The pool goes on.
    pool.probe(A, picture()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_limited() {
    let pool = pool(RenderConfig { job_timeout_ms: 150, ..one_worker() });
    let start = Instant::now();
    let error = pool.render(A, 1, slow(), picture()).await.unwrap_err();
    assert!(matches!(&error, RenderError::Refused(refused) if refused.message == "General Error"), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(pool.stats().timed_out.load(Relaxed), 2);
    pool.probe(A, picture()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn processor_time_is_limited_by_what_pixels_explain() {
    let pool = pool(RenderConfig { job_processor_ms: 50, ..one_worker() });
    // A job that decodes next to nothing and makes it large is explained by what it makes.
    let enlarged = pool.render(A, 1, resize(3000, 3000, Format::Jpg), picture()).await.unwrap();
    assert_eq!(enlarged.width, 3000);
    // One of many pixels that says it has one is not.
    let mut large = Cursor::new(Vec::new());
    RgbImage::from_fn(2000, 2000, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]))
        .write_to(&mut large, ImageFormat::Png)
        .unwrap();
    let large = SourceFile::from_bytes(large.get_ref()).unwrap();
    let plan = Plan { steps: Vec::new(), ..resize(2000, 2000, Format::Png) };
    let error = pool.render(A, 1, plan, large).await.unwrap_err();
    assert!(matches!(&error, RenderError::Refused(refused) if refused.message.contains("processor time")), "{error:?}");
    // It is not tried again, and the pool goes on.
    assert_eq!((pool.stats().costly.load(Relaxed), pool.stats().timed_out.load(Relaxed)), (1, 0));
    pool.probe(A, picture()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_one_tenant_does_not_hold_up_another() {
    let pool = pool(one_worker());
    let stats = pool.stats();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let submit = |tenant: TenantTag, name: &'static str| {
        let (pool, order) = (pool.clone(), order.clone());
        tokio::spawn(async move {
            pool.render(tenant, 1_000_000, resize(800, 600, Format::Png), picture()).await.unwrap();
            order.lock().unwrap().push(name);
        })
    };
    // The first job occupies the worker while the others line up behind it.
    let first = tokio::spawn({
        let pool = pool.clone();
        async move { pool.render(A, 1_000_000, slow(), picture()).await.map(drop) }
    });
    until_started(&stats, 1).await;
    let mut tasks: Vec<_> = (0..20).map(|_| submit(A, "crowd")).collect();
    until("the crowd's arrival", || stats.queue_len.load(Relaxed) == 20).await;
    tasks.extend((0..2).map(|_| submit(B, "guest")));
    for task in tasks {
        task.await.unwrap();
    }
    first.await.unwrap().unwrap();
    let order = order.lock().unwrap();
    let last_guest = order.iter().rposition(|name| *name == "guest").unwrap();
    assert!(last_guest <= 5, "{order:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_so_and_who_leaves_makes_room() {
    let pool = pool(RenderConfig { queue_length: 3, queue_length_per_tenant: 2, ..one_worker() });
    let stats = pool.stats();
    let submit = |tenant| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.render(tenant, 1, slow(), picture()).await.map(drop) })
    };
    let running = submit(A);
    until_started(&stats, 1).await;
    let waiting = [submit(A), submit(A)];
    until("a queue of two", || stats.queue_len.load(Relaxed) == 2).await;
    assert_eq!(submit(A).await.unwrap(), Err(RenderError::Busy), "the tenant's share is full");
    let other = submit(B);
    until("a queue of three", || stats.queue_len.load(Relaxed) == 3).await;
    assert_eq!(submit(TenantTag::from(3)).await.unwrap(), Err(RenderError::Busy), "the queue is full");
    assert_eq!(stats.busy.load(Relaxed), 2);
    waiting.iter().for_each(|task| task.abort());
    other.abort();
    until("an empty queue", || stats.queue_len.load(Relaxed) == 0).await;
    running.await.unwrap().unwrap();
    assert_eq!(stats.started.load(Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_replaced() {
    let by_age = pool(RenderConfig { jobs_per_worker: 2, ..one_worker() });
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..6 {
        by_age.probe(A, picture()).await.unwrap();
        seen.extend(by_age.worker_pids());
    }
    until("the third replacement", || by_age.stats().recycled.load(Relaxed) == 3).await;
    assert!(seen.len() >= 3, "{seen:?}");
    let by_size = pool(RenderConfig { worker_max_rss_bytes: 16 << 20, ..one_worker() });
    by_size.probe(A, picture()).await.unwrap();
    until("the replacement", || by_size.stats().recycled.load(Relaxed) == 1).await;
    assert_eq!(by_size.stats().crashed.load(Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_died_idle_costs_nothing() {
    let pool = pool(one_worker());
    pool.probe(A, picture()).await.unwrap();
    let victim = pool.worker_pids()[0];
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(victim as i32).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    until("the worker's end", || is_over(victim)).await;
    pool.probe(A, picture()).await.unwrap();
    assert_eq!((pool.stats().crashed.load(Relaxed), pool.stats().started.load(Relaxed)), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_confine_themselves() {
    let pool = pool(one_worker());
    pool.probe(A, picture()).await.unwrap();
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", pool.worker_pids()[0])).unwrap();
    let status = read("status");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Seccomp:\t2"), "{status}");
    let limits: Vec<String> =
        read("limits").lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for limit in ["Max core file size 0 0", "Max open files 64 64", "Max address space 4294967296 4294967296"] {
        assert!(limits.iter().any(|line| line.starts_with(limit)), "{limits:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_program_there_is_no_rendering() {
    for program in ["/nonexistent/worker", "/bin/true"] {
        let command = WorkerCommand { program: program.into(), args: Vec::new(), library_folder: None };
        let pool = RenderPool::start(one_worker(), command).unwrap();
        assert_eq!(pool.probe(A, picture()).await.unwrap_err(), RenderError::Unavailable, "{program}");
        assert!(pool.stats().start_failed.load(Relaxed) >= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_are_started_when_asked_are_tried_again_until_they_start() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("worker");
    let config = RenderConfig { starts_when_asked: true, ..one_worker() };
    let pool = RenderPool::start(config, WorkerCommand { program: program.clone(), ..command() }).unwrap();
    let stats = pool.stats();
    assert_eq!(pool.probe(A, picture()).await.unwrap_err(), RenderError::Unavailable);
    assert!(stats.start_failed.load(Relaxed) >= 1);
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &program).unwrap();
    until("a worker", || stats.workers.load(Relaxed) == 1).await;
    pool.probe(A, picture()).await.unwrap();
    pool.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_leaves_no_process() {
    let pool = pool(RenderConfig { workers: 2, ..Default::default() });
    let stats = pool.stats();
    until("two workers", || stats.workers.load(Relaxed) == 2).await;
    let pids = pool.worker_pids();
    let running = tokio::spawn({
        let pool = pool.clone();
        async move { pool.render(A, 1, slow(), picture()).await.map(drop) }
    });
    until_started(&stats, 1).await;
    let start = Instant::now();
    pool.shutdown().await;
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    assert_eq!(running.await.unwrap(), Err(RenderError::Unavailable));
    assert!(!pids.into_iter().any(exists));
    assert_eq!(pool.probe(A, picture()).await.unwrap_err(), RenderError::Unavailable);
    // A program that never says a word is no obstacle either.
    let silent = WorkerCommand { program: "/bin/sleep".into(), args: vec!["60".into()], library_folder: None };
    let pool = RenderPool::start(one_worker(), silent).unwrap();
    until("the start of the silent program", || has_child("sleep")).await;
    let start = Instant::now();
    drop(pool);
    assert!(start.elapsed() < Duration::from_secs(2));
}
