//! The server is killed at random moments of uploads and deliveries, again and again; then everything is counted anew.
//!
//! What was acknowledged is there, equal to the byte, and counted once. What was not is there whole and counted once, or it is
//! not there and costs nothing. Uploads come whole, in chunks and to be carried out later, with eager transformations made with them
//! and after them; each that is there is told of by one notification, and so is each batch of eager transformations.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use safelight_tests::harness::{
    client::{Answer, Tenant},
    eventually_or, pictures,
    planes::Planes,
    receiver::Receiver,
    server::Dev,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement, prelude::Uuid};
use serde_json::json;

/// Rounds on SQLite, as the design asks.
const SQLITE_ROUNDS: u32 = 50;
/// Rounds on PostgreSQL: fewer, because what differs there is the database alone, and each takes about a second.
const POSTGRES_ROUNDS: u32 = 10;
/// How long the jobs may take that the killed processes have left.
const JOBS_LIMIT: Duration = Duration::from_secs(120);
/// Settings under which a receiver on this machine is reached, and asked again at once.
const SETTINGS: [(&str, &str); 3] = [
    ("SAFELIGHT_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8"),
    ("SAFELIGHT_OUTBOUND__PORTS", ""),
    ("SAFELIGHT_NOTIFICATIONS__RETRY_SECONDS", "0"),
];
/// Clients that upload and deliver at the same time.
const CLIENTS: u64 = 3;
/// The latest moment of a round at which the server is killed.
const LATEST_KILL_MS: u64 = 1000;
/// Rounds that may be added, each of which may last longer than the one before, until something was acknowledged and delivered: on a
/// busy machine a server that has just started may not get so far in a second.
const FURTHER_ROUNDS: u32 = 10;
/// How long the sweeper may take, which is told to look every second.
const SWEEP_LIMIT: Duration = Duration::from_secs(30);
/// How long a request of a round may hang on a server that is gone.
const ROUND_LIMIT: Duration = Duration::from_secs(20);

/// A server that can be killed and started again.
trait Victim {
    /// Kills the process that uploads and delivers.
    fn kill(&mut self);
    /// Starts it again.
    async fn revive(&mut self);
    /// Starts it a last time, with a sweeper that does not wait.
    async fn revive_with_eager_sweeper(&mut self);
    /// A client.
    fn tenant(&self) -> Tenant;
    /// Its data folder.
    fn data(&self) -> PathBuf;
    /// Its regional database.
    async fn rows(&self) -> DatabaseConnection;
    /// Value of a metric that must stay at zero.
    async fn unspent_tickets(&self) -> f64;
}

/// How an asset is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Whole, and delivered.
    Whole,
    /// With eager transformations, and delivered.
    Eager,
    /// To be carried out later, with eager transformations.
    Later,
    /// In two parts, and the eager transformations after it.
    Parts,
}

impl Way {
    const ALL: [Self; 4] = [Self::Whole, Self::Eager, Self::Later, Self::Parts];
}

/// An upload that was begun.
struct Begun {
    bytes: Vec<u8>,
    way: Way,
    is_acknowledged: bool,
}

/// What the clients did, as they saw it.
struct Journal {
    picture: Vec<u8>,
    /// Where the server tells of it.
    hook: String,
    uploads: Mutex<BTreeMap<String, Begun>>,
    /// Body bytes of deliveries that arrived whole.
    received: AtomicI64,
    /// Deliveries that arrived whole.
    answered: AtomicI64,
    /// Deliveries that broke, and the most that they can have cost.
    broken: AtomicI64,
    broken_bytes: AtomicI64,
    next: AtomicU64,
    /// Whether a client got as far as a rendition of what it had uploaded.
    has_delivered: AtomicBool,
}

impl Journal {
    fn new(hook: String) -> Self {
        Self {
            hook,
            picture: pictures::jpeg(&pictures::photo(96, 72, 1)),
            uploads: Mutex::default(),
            received: AtomicI64::new(0),
            answered: AtomicI64::new(0),
            broken: AtomicI64::new(0),
            broken_bytes: AtomicI64::new(0),
            next: AtomicU64::new(0),
            has_delivered: AtomicBool::new(false),
        }
    }

    /// Uploads and delivers until the server is gone.
    async fn work(&self, tenant: &Tenant, stopped: &AtomicBool) {
        while !stopped.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let name = format!("asset-{number}");
            let bytes = pictures::remarked(&self.picture, number);
            let way = Way::ALL[usize::try_from(number).expect("a small number") % Way::ALL.len()];
            let begun = Begun { bytes: bytes.clone(), way, is_acknowledged: false };
            self.uploads.lock().expect("no client panicked").insert(name.clone(), begun);
            match self.upload(tenant, &name, &bytes, way).await {
                Ok(answer) => {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    if let Some(begun) = self.uploads.lock().expect("no client panicked").get_mut(&name) {
                        begun.is_acknowledged = true;
                    }
                }
                Err(_) => return,
            }
            if matches!(way, Way::Later | Way::Parts) {
                continue;
            }
            for path in [format!("image/upload/{name}.jpg"), format!("image/upload/c_scale,w_48/{name}.jpg")] {
                // A rendition of half the size is smaller than its original.
                let most = bytes.len() as i64;
                self.broken.fetch_add(1, Ordering::SeqCst);
                self.broken_bytes.fetch_add(most, Ordering::SeqCst);
                let request = tenant.http().get(tenant.delivery_url(&path));
                let Ok(answer) = Answer::to(request).await else { return };
                assert_eq!(answer.status, 200, "{path}: {}", answer.message());
                assert!(answer.body.len() as i64 <= most, "{path}");
                self.broken.fetch_sub(1, Ordering::SeqCst);
                self.broken_bytes.fetch_sub(most, Ordering::SeqCst);
                self.answered.fetch_add(1, Ordering::SeqCst);
                self.received.fetch_add(answer.body.len() as i64, Ordering::SeqCst);
            }
            self.has_delivered.store(true, Ordering::SeqCst);
        }
    }

    async fn upload(&self, tenant: &Tenant, name: &str, bytes: &[u8], way: Way) -> Result<Answer, reqwest::Error> {
        let upload = |bytes: &[u8]| tenant.upload(bytes).public_id(name).parameter("notification_url", &self.hook);
        let eager = "c_scale,w_48|w_24/png";
        match way {
            Way::Whole => upload(bytes).try_send().await,
            Way::Eager => upload(bytes).parameter("eager", eager).try_send().await,
            Way::Later => upload(bytes).parameter("eager", eager).parameter("async", "1").try_send().await,
            Way::Parts => {
                let part = |bytes: &[u8], number: &str| {
                    let part = upload(bytes).parameter("eager", eager).parameter("eager_async", "1");
                    let part = part.header("X-Unique-Upload-Id", name).header("X-Upload-Part-Number", number);
                    part.header("X-Upload-Total-Parts", "2").try_send()
                };
                let (first, last) = bytes.split_at(bytes.len() / 2);
                let answer = part(first, "1").await?;
                assert_eq!(answer.status, 200, "{}", answer.text());
                part(last, "2").await
            }
        }
    }
}

/// How many rounds; the environment may ask for more.
fn rounds(usual: u32) -> u32 {
    std::env::var("SAFELIGHT_TEST_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

async fn kill_and_recount(victim: &mut impl Victim, rounds: u32) {
    let seed = std::env::var("SAFELIGHT_TEST_KILL_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    eprintln!("moments of death from SAFELIGHT_TEST_KILL_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let receiver = Receiver::start().await;
    let journal = Arc::new(Journal::new(receiver.url("/hook")));
    for round in 0..rounds + FURTHER_ROUNDS {
        let further = (round + 1).saturating_sub(rounds);
        if further > 0 && journal.has_delivered.load(Ordering::SeqCst) {
            break;
        }
        let stopped = Arc::new(AtomicBool::new(false));
        let clients = (0..CLIENTS).map(|_| {
            let (journal, stopped, tenant) = (Arc::clone(&journal), Arc::clone(&stopped), victim.tenant());
            tokio::spawn(async move { journal.work(&tenant, &stopped).await })
        });
        let clients: Vec<_> = clients.collect();
        let moment = Duration::from_millis(random.random_range(0..LATEST_KILL_MS * u64::from(1 + further)));
        // The moment itself is what is tested; nothing is waited for.
        tokio::time::timeout(moment, std::future::pending::<()>()).await.expect_err("it never comes");
        victim.kill();
        stopped.store(true, Ordering::SeqCst);
        for client in clients {
            let ended = tokio::time::timeout(ROUND_LIMIT, client).await;
            ended
                .unwrap_or_else(|_| panic!("round {round}: a request hung on a dead server"))
                .expect("no client panicked");
        }
        if round + 1 < rounds || !journal.has_delivered.load(Ordering::SeqCst) {
            victim.revive().await;
        }
    }
    victim.revive().await;
    let tenant = victim.tenant();
    let jobs = eventually_or("the jobs are done", JOBS_LIMIT, async || {
        (tenant.get("jobs").await.ok()["jobs"] == json!([])).then_some(())
    });
    assert!(jobs.await.is_some(), "jobs that are never done: {}", tenant.get("jobs").await.text());
    victim.kill();
    victim.revive_with_eager_sweeper().await;
    recount(victim, &journal, &receiver).await;
}

/// The notifications of each asset, by what they tell; each once, however often it was sent.
fn told(receiver: &Receiver) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for received in receiver.received("/hook") {
        if known.insert(received.header("webhook-id").to_owned()) {
            let body = received.json();
            let text = |name: &str| body[name].as_str().expect("a text").to_owned();
            told.entry(text("public_id")).or_default().push(text("notification_type"));
        }
    }
    told.values_mut().for_each(|types| types.sort());
    told
}

async fn recount(victim: &impl Victim, journal: &Journal, receiver: &Receiver) {
    let tenant = victim.tenant();
    let mut told = told(receiver);
    let usage = tenant.settled_usage().await;
    let uploads = std::mem::take(&mut *journal.uploads.lock().expect("no client panicked"));
    let (mut present, mut stored, mut derived) = (0, 0, 0);
    for (name, Begun { bytes, way, is_acknowledged }) in &uploads {
        let told = told.remove(name).unwrap_or_default();
        let detail = tenant.get(&format!("resources/image/upload/{name}")).await;
        if detail.status == 404 {
            assert!(!is_acknowledged, "{name} was acknowledged and is gone");
            assert_eq!(tenant.fetch(&format!("image/upload/{name}.jpg")).await.status, 404);
            assert!(told.is_empty(), "{name} is told of as {told:?} and is not there");
            continue;
        }
        let wanted: &[&str] = if *way == Way::Parts { &["eager", "upload"] } else { &["upload"] };
        assert_eq!(told, wanted, "{name}, uploaded as {way:?}");
        let detail = detail.ok();
        let delivered = tenant.fetch(&format!("image/upload/{name}.jpg")).await.delivered();
        assert!(delivered == *bytes, "{name} has other bytes than were sent");
        present += 1;
        stored += bytes.len() as i64;
        if *way != Way::Whole {
            let all = detail["derived"].as_array().expect("a list");
            for wanted in ["c_scale,w_48", "w_24"] {
                assert!(all.iter().any(|one| one["transformation"] == wanted), "{name} has no {wanted}: {all:?}");
            }
        }
        for rendition in detail["derived"].as_array().expect("a list") {
            derived += 1;
            stored += rendition["bytes"].as_i64().expect("a size");
        }
    }
    assert!(told.is_empty(), "told of what was never begun: {told:?}");
    let acknowledged = uploads.values().filter(|begun| begun.is_acknowledged).count();
    let sent = receiver.received("/hook").len();
    eprintln!(
        "{} uploads begun, {acknowledged} acknowledged, {present} present, {derived} derived, {sent} notifications arrived",
        uploads.len()
    );
    assert!(acknowledged > 0 && derived > 0, "the rounds were too short to do anything");

    assert_eq!(usage.transformations, present + derived, "every upload and every derived asset once: {usage:?}");
    assert_eq!((usage.resources, usage.derived_resources), (present, derived), "{usage:?}");
    assert_eq!(usage.storage, stored, "{usage:?}");
    let (received, answered) = (journal.received.load(Ordering::SeqCst), journal.answered.load(Ordering::SeqCst));
    let (broken, most) = (journal.broken.load(Ordering::SeqCst), journal.broken_bytes.load(Ordering::SeqCst));
    assert!(
        (received..=received + most).contains(&usage.bandwidth),
        "{received} bytes arrived, {most} more may have left, {} were counted",
        usage.bandwidth
    );
    assert!(
        (answered..=answered + broken).contains(&usage.requests),
        "{answered} requests were answered, {broken} broke, {} were counted",
        usage.requests
    );
    assert_eq!(victim.unspent_tickets().await, 0.0);

    let (named, ended) = names_in_rows(&victim.rows().await).await;
    let mut stray = BTreeSet::new();
    let objects = victim.data().join("objects");
    let swept = eventually_or("a store in which every object has a row", SWEEP_LIMIT, async || {
        stray = names_on_disk(&objects).difference(&named).filter(|name| !ended.contains(*name)).cloned().collect();
        stray.is_empty().then_some(())
    })
    .await;
    assert!(swept.is_some(), "{} objects without a row are never collected: {stray:?}", stray.len());
    let lost: Vec<String> = named.difference(&names_on_disk(&objects)).cloned().collect();
    assert!(lost.is_empty(), "rows without an object: {lost:?}");
    let staged = names_on_disk(&victim.data().join("scratch"));
    assert!(staged.is_empty(), "staged files of runs that are over: {staged:?}");
}

/// The names of the files below a folder.
fn names_on_disk(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            names.extend(names_on_disk(&entry.path()));
        } else {
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names
}

/// The names of the objects that rows speak of, and of those that may still be there: chunks of uploads that have ended, which go with
/// the memory of their last chunk.
async fn names_in_rows(rows: &DatabaseConnection) -> (BTreeSet<String>, BTreeSet<String>) {
    let ask = async |query: &str| {
        let query = Statement::from_string(rows.get_database_backend(), query);
        rows.query_all_raw(query).await.expect("the database answers")
    };
    let versions = ask("SELECT id FROM asset_versions").await;
    let versions = versions.iter().map(|row| row.try_get::<Uuid>("", "id").expect("an id").as_simple().to_string());
    let renditions = ask("SELECT key FROM renditions").await;
    let renditions = renditions.iter().map(|row| row.try_get::<String>("", "key").expect("a key"));
    let chunks = async |ended: &str| -> BTreeSet<String> {
        let query =
            "SELECT c.id FROM upload_chunks c JOIN chunked_uploads u ON u.id = c.upload_id WHERE u.version_id IS";
        let rows = ask(&format!("{query} {ended}")).await;
        rows.iter().map(|row| row.try_get::<Uuid>("", "id").expect("an id").as_simple().to_string()).collect()
    };
    (versions.chain(renditions).chain(chunks("NULL").await).collect(), chunks("NOT NULL").await)
}

/// Settings of a sweeper that looks every second and gives no grace; only for a server that takes no uploads and has
/// no jobs, because what they have stored has no row yet.
const EAGER_SWEEPER: [(&str, &str); 2] =
    [("SAFELIGHT_UPLOADS__SWEEP_GRACE_SECONDS", "0"), ("SAFELIGHT_UPLOADS__SWEEP_INTERVAL_SECONDS", "1")];

impl Victim for Dev {
    fn kill(&mut self) {
        self.process().kill();
    }

    async fn revive(&mut self) {
        self.restart().await;
    }

    async fn revive_with_eager_sweeper(&mut self) {
        self.set(&EAGER_SWEEPER);
        self.restart().await;
    }

    fn tenant(&self) -> Tenant {
        Self::tenant(self)
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    async fn rows(&self) -> DatabaseConnection {
        let entries = std::fs::read_dir(self.data()).expect("the data folder is readable").flatten();
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut files = entries.map(|entry| entry.path());
        let file = files.find(|path| name(path).starts_with("region-") && name(path).ends_with(".db"));
        let file = file.expect("the regional database is in the data folder");
        Database::connect(format!("sqlite://{}?mode=ro", file.display())).await.expect("SQLite opens")
    }

    async fn unspent_tickets(&self) -> f64 {
        self.metric("safelight_unspent_tickets_total", &[]).await
    }
}

/// Both planes as processes on PostgreSQL. Now and then the control plane is killed as well.
struct OnPostgres {
    planes: Planes,
    tenant: Tenant,
    kills: u32,
}

impl Victim for OnPostgres {
    fn kill(&mut self) {
        self.kills += 1;
        self.planes.data().kill();
        if self.kills.is_multiple_of(3) {
            self.planes.control().kill();
        }
    }

    async fn revive(&mut self) {
        if !self.planes.control().is_running() {
            self.planes.restart_control().await;
        }
        self.planes.restart_data().await;
    }

    async fn revive_with_eager_sweeper(&mut self) {
        self.planes.set_data(&EAGER_SWEEPER);
        self.revive().await;
    }

    fn tenant(&self) -> Tenant {
        self.tenant.clone()
    }

    fn data(&self) -> PathBuf {
        self.planes.data_folder()
    }

    async fn rows(&self) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(self.planes.database().url());
        options.set_schema_search_path(format!("region_{}", safelight_tests::harness::planes::REGION));
        Database::connect(options).await.expect("PostgreSQL answers")
    }

    async fn unspent_tickets(&self) -> f64 {
        let url = format!("{}/metrics", self.planes.data_url());
        safelight_tests::harness::server::metric(&url, "safelight_unspent_tickets_total", &[]).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let mut server = Dev::start_with(&["--seed", "none"], &SETTINGS).await;
    kill_and_recount(&mut server, rounds(SQLITE_ROUNDS)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let planes = Planes::start_with_data(&SETTINGS).await;
    let environment = planes.provisioning(&planes.account).create_environment("shop").await;
    let tenant = planes.tenant(&environment);
    kill_and_recount(&mut OnPostgres { planes, tenant, kills: 0 }, rounds(POSTGRES_ROUNDS)).await;
}
