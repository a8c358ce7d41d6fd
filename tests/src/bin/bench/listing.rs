//! Figures of an account of many product environments beside one of few.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use reqwest::Method;
use safelight_tests::harness::{client::Account, eventually, planes::Planes, server, server::Dev};
use serde_json::json;

use super::{ROUNDS, median, spread};

/// Environments of the two accounts.
const FEW: usize = 100;
const MANY: usize = 10_000;
/// Keys of each environment, the one that it is made with among them.
const KEYS: usize = 3;
/// Environments that are made at once.
const AT_ONCE: usize = 8;
/// Environments on a page, and how often it is asked for in a round.
const PAGE: usize = 50;
const REQUESTS: u32 = 100;
/// No call is slowed while the accounts are filled.
const UNLIMITED: [(&str, &str); 2] =
    [("SAFELIGHT_CONTROL__RATES__CALLS_PER_SECOND", "0"), ("SAFELIGHT_CONTROL__RATES__KEY_CREATIONS_PER_SECOND", "0")];
/// What a data plane says of how far it is.
const SEQUENCE: &str = "safelight_snapshot_sequence";
/// How long a data plane may take to catch up before the figure is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// Figure 7: a page in the middle of the list of product environments, on both databases; and how long a data plane takes that has
/// seen none of them.
pub async fn listing() {
    println!("\n7. {MANY} product environments with {KEYS} keys each, beside {FEW}");
    let servers = (on_sqlite().await, on_sqlite().await);
    let (few, many) = (account(&servers.0), account(&servers.1));
    fill(&few, FEW).await;
    fill(&many, MANY).await;
    compare("SQLite", &few, &many).await;
    drop(servers);

    let (mut few, mut many) = (Planes::start_with(&UNLIMITED).await, Planes::start_with(&UNLIMITED).await);
    let (of_few, of_many) = (few.provisioning(&few.account), many.provisioning(&many.account));
    fill(&of_few, FEW).await;
    fill(&of_many, MANY).await;
    compare("PostgreSQL, just filled", &of_few, &of_many).await;
    // What its autovacuum does within a minute, at a moment that is ours.
    few.database().vacuum();
    many.database().vacuum();
    compare("PostgreSQL, vacuumed", &of_few, &of_many).await;
    let (of_few, of_many) = (catch_up(&mut few).await, catch_up(&mut many).await);
    println!("   a data plane with an empty database has caught up after {of_few:.2} s and {of_many:.2} s");
    let (one_of_few, one_of_many) = (of_few / FEW as f64, of_many / MANY as f64);
    println!("   {:.2} ms and {:.2} ms an environment", one_of_few * 1e3, one_of_many * 1e3);
}

async fn on_sqlite() -> Dev {
    Dev::start_with(&["--seed", "none"], &UNLIMITED).await
}

fn account(server: &Dev) -> Account {
    let ready = &server.ready;
    Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret)
}

/// Makes environments until there are so many.
async fn fill(account: &Account, environments: usize) {
    let made = stream::iter(0..environments).map(|number| async move {
        let environment = account.create_environment(&format!("env-{number}")).await;
        let keys = format!("sub_accounts/{}/access_keys", environment["id"].as_str().expect("an id"));
        for key in 1..KEYS {
            account.call(Method::POST, &keys, Some(json!({"name": format!("key-{key}")}))).await.ok();
        }
    });
    made.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// Seconds that a page takes.
async fn page(account: &Account, number: usize) -> f64 {
    let path = format!("sub_accounts?page={number}&page_size={PAGE}");
    let started = Instant::now();
    for _ in 0..REQUESTS {
        let found = account.call(Method::GET, &path, None).await.ok();
        assert_eq!(found["sub_accounts"].as_array().map(Vec::len), Some(PAGE));
    }
    started.elapsed().as_secs_f64() / f64::from(REQUESTS)
}

async fn compare(database: &str, few: &Account, many: &Account) {
    let (mut of_few, mut of_many, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (one, other) = (page(few, FEW / PAGE / 2).await, page(many, MANY / PAGE / 2).await);
        of_few.push(one * 1e3);
        of_many.push(other * 1e3);
        ratios.push(other / one);
    }
    println!(
        "   {database}: a page of {PAGE} takes {:.2} ms of few, {:.2} ms of many",
        median(of_few),
        median(of_many)
    );
    println!("   ratio {:.3} ({}), wanted at most 1.5", median(ratios.clone()), spread(&ratios));
}

/// Seconds until a data plane that starts with an empty database is where the one before it was.
async fn catch_up(planes: &mut Planes) -> f64 {
    let metrics = format!("{}/metrics", planes.data_url());
    let wanted = server::metric(&metrics, SEQUENCE, &[]).await;
    assert!(wanted > 0.0, "the data plane has seen nothing");
    planes.data().stop().await;
    let empty = planes.data_folder().join("empty.db");
    planes.set_data(&[("SAFELIGHT_REGION__DATABASE_URL", &format!("sqlite://{}", empty.display()))]);
    let started = Instant::now();
    planes.restart_data().await;
    eventually("a data plane that has caught up", PATIENCE, async || {
        (server::metric(&metrics, SEQUENCE, &[]).await >= wanted).then_some(())
    })
    .await;
    started.elapsed().as_secs_f64()
}
