//! The plans of the queries that are asked all day, as committed text, on both databases: whoever loses an index sees it here.
//!
//! Two environments have assets, so that a plan that forgets whose they are costs something. Both databases know their tables, as they
//! do in an installation after some minutes.

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
};

use chrono::DateTime;
use data_plane::{
    assets::{
        ActsFor, AssetStore,
        list::{Among, Cursor, Listing},
        moderation::Status,
        record::{AssetName, DeliveryType, ResourceType},
        remove::DerivedBy,
    },
    folders::FolderStore,
    jobs,
    notifications::log::DeliveryLog,
    presets::{PresetOrder, PresetStore},
    transformations::{spelling::Spelling, store::TransformationStore},
};
use plane_kit::{database::Database, ids::EnvironmentId, policy::Scope};
use safelight_tests::{
    harness::{
        many::{self, BEGIN},
        postgres::Postgres,
    },
    workspace,
};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use uuid::Uuid;

/// How many assets the two environments have.
const MANY: u64 = 20_000;
const FEW: u64 = 2_000;

/// Who asks.
struct Asker {
    environment: EnvironmentId,
    scope: Scope,
}

impl ActsFor for Asker {
    fn environment(&self) -> EnvironmentId {
        self.environment
    }

    fn scope(&self) -> Scope {
        self.scope.clone()
    }
}

/// What was asked of the database.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Statement>>>);

impl Seen {
    fn take(&self) -> Vec<Statement> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it"))
    }
}

/// The plan of a statement, one step a line.
async fn plan(database: &Database, statement: &Statement) -> String {
    let backend = database.backend();
    let explain = match backend {
        DbBackend::Postgres => "EXPLAIN (COSTS OFF) ",
        _ => "EXPLAIN QUERY PLAN ",
    };
    let explain = Statement { sql: format!("{explain}{}", statement.sql), ..statement.clone() };
    let rows = database.reader().query_all_raw(explain).await.expect("a plan");
    let mut text = String::new();
    for row in rows {
        let step: String = match backend {
            DbBackend::Postgres => row.try_get_by_index(0).expect("a line"),
            _ => row.try_get("", "detail").expect("a line"),
        };
        let _ = writeln!(text, "    {}", without_values(&step));
    }
    text
}

/// A step without the values that were asked for.
fn without_values(step: &str) -> String {
    let mut pieces = step.split('\'');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    while let (Some(_), Some(behind)) = (pieces.next(), pieces.next()) {
        let kind = behind.strip_prefix("::").unwrap_or(behind);
        let end = kind.find(|c: char| !(c.is_ascii_alphabetic() || matches!(c, ' ' | '[' | ']'))).unwrap_or(kind.len());
        text.push('?');
        text.push_str(&kind[end..]);
    }
    text
}

async fn plans(url: &str, schema: &str) -> String {
    let seen = Seen::default();
    let watch = seen.clone();
    let database = Database::open(url, schema).await.expect("the database opens");
    migrations::migrate_regional(database.writer()).await.expect("it is migrated");
    let environments = [EnvironmentId(Uuid::from_u128(0xa)), EnvironmentId(Uuid::from_u128(0xb))];
    for (environment, count) in environments.into_iter().zip([MANY, FEW]) {
        many::assets(&database, environment, 0..count).await.expect("assets are written");
    }
    database.analyse().await.expect("it is analysed");
    if database.backend() == DbBackend::Postgres {
        // A table of few rows is read whole, whatever indexes it has; here it is about the indexes.
        for statement in ["ANALYZE", "ALTER ROLE CURRENT_USER SET enable_seqscan = off"] {
            database.writer().execute_unprepared(statement).await.expect("it is analysed");
        }
    }
    database.close().await.expect("it closes");
    let database = Database::open(url, schema).await.expect("the database opens again");
    let database = database.watched(move |info| {
        watch.0.lock().expect("nobody panics with it").push(info.statement.clone());
    });
    let of = environments[0];
    let everywhere = Asker { environment: of, scope: Scope::everywhere() };
    let assets = AssetStore::of(&everywhere, &database, "here");
    let image = AssetName {
        resource_type: ResourceType::Image,
        delivery_type: DeliveryType::Upload,
        public_id: "album0000010/picture0000010".into(),
    };
    let mut text = String::new();
    macro_rules! note {
        ($name:expr, $call:expr) => {{
            seen.take();
            let answer = $call.await.expect($name);
            let _ = writeln!(text, "[{}]", $name);
            for statement in seen.take() {
                let _ = writeln!(text, "  {}", statement.sql.split_whitespace().next().unwrap_or_default());
                text.push_str(&plan(&database, &statement).await);
            }
            text.push('\n');
            answer
        }};
    }
    let found = note!("asset by name", assets.find(&image)).expect("it is there");
    note!("asset by id", assets.find_by_id(found.id.0));
    note!("asset by version", assets.find_by_version(found.version.id.0));
    let key = format!("{}0000010", of.0.simple());
    note!("rendition by key", assets.rendition(&key));
    let spelling = Spelling { transformation: "w_10".into(), extension: "jpg".into() };
    note!("rendition by spelling", assets.is_spelled(found.version.id, &spelling, None));

    let images = Listing { resource_type: Some(ResourceType::Image), limit: 50, ..Listing::default() };
    let moment = Cursor::at(DateTime::from_timestamp(BEGIN + 10_000, 0).expect("a time"), Uuid::from_u128(7));
    let named = Cursor::Name { public_id: "album0000010/picture0005010".into(), id: Uuid::from_u128(7) };
    let uploads = Listing { delivery_type: Some(DeliveryType::Upload), ..images.clone() };
    let among = |among: Among| Listing { among, ..images.clone() };
    let page = assets.list(&images).await.expect("a page").0;
    let (ids, names) = page.iter().map(|asset| (asset.id.0, asset.name.public_id.clone())).unzip();
    let listings = [
        ("newest images", images.clone()),
        ("newest uploaded images", uploads.clone()),
        ("by prefix", Listing { among: Among::Prefix("album0000010/".into()), ascending: true, ..uploads.clone() }),
        ("by tag", among(Among::Tagged("tag7".into()))),
        ("by rare tag", among(Among::Tagged("rare7".into()))),
        ("by context key", among(Among::Context("place".into(), None))),
        ("by context value", among(Among::Context("place".into(), Some("place7".into())))),
        ("by folder", Listing { among: Among::Folder("albums/0000010".into()), limit: 50, ..Listing::default() }),
        ("waiting for people", among(Among::Moderated(Status::Pending))),
        ("by public ids", Listing { among: Among::Named(names), ..uploads.clone() }),
        ("by asset ids", Listing { among: Among::Ids(ids), limit: 50, ..Listing::default() }),
    ];
    for (name, listing) in &listings {
        note!(*name, assets.list(listing));
        let cursor = if matches!(listing.among, Among::Prefix(_)) { named.clone() } else { moment.clone() };
        let next = format!("{name}, a further page");
        let listing = Listing { cursor: Some(cursor), ..listing.clone() };
        note!(next.as_str(), assets.list(&listing));
    }
    note!("how many in a folder", assets.count(&listings[7].1));
    let one_folder = Scope::new(false, [("albums/0000010".to_owned(), true)]);
    let bound = Asker { environment: of, scope: one_folder };
    note!("newest images, for a key of one folder", AssetStore::of(&bound, &database, "here").list(&images));

    note!("tags", assets.tags(ResourceType::Image, None, Some("tag5"), 50));
    note!("tags by prefix", assets.tags(ResourceType::Image, Some("tag5"), None, 50));
    note!("derived of a version", assets.derived(found.version.id.0, Some(moment.clone()), 50));
    let by = DerivedBy::written("w_10");
    note!("derived by a transformation", assets.derived_by(&by, Some(moment.clone()), 50));
    note!("usage of an environment", assets.counts());

    let folders = FolderStore::of(&everywhere, &database, "here");
    note!("folders in a folder", folders.children("albums", Some("0000500"), 50));
    note!("folders below a folder", folders.descendants("albums", 50));
    note!("what a folder holds", folders.content("albums"));
    let presets = PresetStore::of(&everywhere, &database, "here");
    note!("presets", presets.list(PresetOrder::CreatedAt, false, Some(moment.clone()), 50));
    let transformations = TransformationStore::of(&everywhere, &database, "here");
    note!("transformations", transformations.list(None, Some("w_10"), 50));
    note!("named transformations", transformations.list(Some(true), Some("w_10"), 50));
    note!("jobs under way", jobs::list::list(&everywhere, &database, None, 50));
    note!("sent notifications", DeliveryLog::of(&everywhere, &database, "here").list(None, None, None, 50));
    text
}

fn describe(database: &str, plans: &str) -> String {
    format!(
        "# How {database} finds what is asked for all day: {MANY} assets in one environment and {FEW} in another.\n\
         # A scan of a whole table here is a listing that takes longer with every upload.\n\n{plans}"
    )
}

#[tokio::test]
async fn sqlite_goes_along_its_indexes() {
    let folder = tempfile::tempdir().expect("a folder");
    let plans = plans(&format!("sqlite://{}", folder.path().join("region.db").display()), "").await;
    workspace::assert_committed("tests/vectors/query-plans-sqlite.txt", &describe("SQLite", &plans));
}

#[tokio::test]
async fn postgres_goes_along_its_indexes() {
    let server = Postgres::start().await;
    let plans = plans(&server.url(), "region_plans").await;
    workspace::assert_committed("tests/vectors/query-plans-postgres.txt", &describe("PostgreSQL", &plans));
}
