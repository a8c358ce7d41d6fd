//! Figures of an environment of many assets beside one of few.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use plane_kit::{database::Database, ids::EnvironmentId};
use reqwest::Method;
use safelight_tests::harness::{
    client::Tenant,
    many::{self, BEGIN},
    planes::{Planes, REGION},
    server::Dev,
};

use super::{ROUNDS, median, spread};

/// Assets of the two environments.
const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;
/// How often each is asked for in a round.
const REQUESTS: u32 = 50;

/// Figure 8: listings and details of many assets beside few, on both databases.
pub async fn assets() {
    println!("\n8. listings and details of {MANY} assets beside {FEW}");
    let few = on_sqlite(FEW).await;
    let many = on_sqlite(MANY).await;
    compare("SQLite", &few.tenant(), &many.tenant()).await;
    drop((few, many));

    let planes = (Planes::start().await, Planes::start().await);
    let (few, many) = (on_postgres(&planes.0, FEW).await, on_postgres(&planes.1, MANY).await);
    compare("PostgreSQL", &few, &many).await;
}

/// Writes a data set of so many assets into the regional database of an installation, which is better stopped meanwhile.
pub async fn write(url: &str, environment: &str, count: u64) {
    let schema = if url.starts_with("postgres") { format!("region_{REGION}") } else { String::new() };
    let database = Database::open(url, &schema).await.expect("the database opens");
    let environment = EnvironmentId(environment.parse().expect("the id of a product environment"));
    let started = Instant::now();
    many::assets(&database, environment, 0..count).await.expect("assets are written");
    database.close().await.expect("it closes");
    println!("   {count} assets written in {:.0} s", started.elapsed().as_secs_f64());
}

async fn on_sqlite(count: u64) -> Dev {
    let mut server = Dev::start_with(&["--seed", "none"], &[]).await;
    let environments = server.account().call(Method::GET, "sub_accounts", None).await.ok();
    let environment = environments["sub_accounts"][0]["id"].as_str().expect("an id").to_owned();
    server.process().stop().await;
    let path = regional_database(&server.ready.data_dir);
    write(&format!("sqlite://{}", path.display()), &environment, count).await;
    server.restart().await;
    server
}

async fn on_postgres(planes: &Planes, count: u64) -> Tenant {
    let environment = planes.provisioning(&planes.account).create_environment("many").await;
    write(&planes.database().url(), environment["id"].as_str().expect("an id"), count).await;
    // What its autovacuum does within a minute, at a moment that is ours.
    planes.database().vacuum();
    planes.tenant(&environment)
}

fn regional_database(data: &Path) -> PathBuf {
    let files = std::fs::read_dir(data).expect("the data folder").flatten().map(|entry| entry.path());
    let is_regional = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("region-") && name.ends_with(".db")
    };
    files.into_iter().find(is_regional).expect("a regional database")
}

/// What is asked for: a page of as many as both have, in the middle where there is one.
fn questions(count: u64) -> [(&'static str, String, usize); 7] {
    let middle = chrono::DateTime::from_timestamp(BEGIN + (count / 2) as i64, 0).expect("a time");
    let middle = middle.format("%Y-%m-%dT%H:%M:%SZ");
    [
        ("newest", "resources/image/upload?max_results=50".into(), 50),
        ("in the middle", format!("resources/image/upload?max_results=50&direction=asc&start_at={middle}"), 50),
        ("by prefix", "resources/image/upload?max_results=5&prefix=album0000010/".into(), 5),
        ("by tag", "resources/image/tags/tag7?max_results=50".into(), 50),
        ("by folder", "resources/by_asset_folder?max_results=5&asset_folder=albums/0000010".into(), 5),
        ("waiting for people", "resources/image/moderations/manual/pending?max_results=50".into(), 50),
        ("detail", "resources/image/upload/album0000010%2Fpicture0000010".into(), 0),
    ]
}

async fn time(tenant: &Tenant, path: &str, expected: usize) -> f64 {
    let started = Instant::now();
    for _ in 0..REQUESTS {
        let found = tenant.get(path).await.ok();
        match expected {
            0 => assert!(found["public_id"].is_string(), "{found}"),
            _ => assert_eq!(found["resources"].as_array().map(Vec::len), Some(expected), "{path}"),
        }
    }
    started.elapsed().as_secs_f64() / f64::from(REQUESTS)
}

async fn compare(database: &str, few: &Tenant, many: &Tenant) {
    let mut worst = 0.0_f64;
    for ((name, of_few, expected), (_, of_many, _)) in questions(FEW).into_iter().zip(questions(MANY)) {
        let (mut small, mut large, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (one, other) = (time(few, &of_few, expected).await, time(many, &of_many, expected).await);
            small.push(one * 1e3);
            large.push(other * 1e3);
            ratios.push(other / one);
        }
        let ratio = median(ratios.clone());
        worst = worst.max(ratio);
        println!(
            "   {database}, {name}: {:.2} ms of few, {:.2} ms of many, ratio {ratio:.3} ({})",
            median(small),
            median(large),
            spread(&ratios)
        );
    }
    println!("   {database}: the largest ratio is {worst:.3}, wanted at most 1.5");
}

/// `bench fill ADDRESS ENVIRONMENT COUNT`: the data set alone, into an installation of one's own.
pub async fn fill(arguments: &[String]) {
    let [url, environment, count] = arguments else {
        println!("bench fill DATABASE_URL ENVIRONMENT_ID COUNT");
        return;
    };
    write(url, environment, count.parse().expect("a number of assets")).await;
}
