//! Many callers change one name at the same time. Whoever wins, what is stored is what is counted.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use safelight_tests::harness::{client::Tenant, eventually_or, pictures, planes::Planes, server::Dev};
use serde_json::{Value, json};

/// How often everybody runs at the name.
const ROUNDS: u32 = 12;
/// Further answers that a usage report may need to settle in.
const SETTLE: Duration = Duration::from_secs(10);

/// Uploads, destroys and deliveries of one name run at each other; at the end the name is destroyed and nothing may be left.
async fn run_at_one_name(tenant: Tenant) {
    let before = tenant.settled_usage().await;
    let picture = pictures::small_jpeg(7);
    for round in 0..ROUNDS {
        let name = "contested";
        tenant.upload(picture.clone()).public_id(name).send().await.ok();
        let upload = async {
            let answer = tenant.upload(picture.clone()).public_id(name).send().await;
            assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
        };
        let destroy = async {
            let answer = tenant.destroy(name).await.ok();
            let result = answer["result"].as_str().unwrap_or_default().to_owned();
            assert!(result == "ok" || result == "not found", "round {round}: {result}");
        };
        let deliver = async {
            let width = 20 + round;
            let answer = tenant.fetch(&format!("image/upload/w_{width}/{name}.jpg")).await;
            assert!(matches!(answer.status, 200 | 404 | 503), "round {round}: {}", answer.message());
        };
        let again = async {
            tenant.destroy(name).await.ok();
        };
        futures::join!(upload, destroy, deliver, again);
        tenant.destroy(name).await.ok();
        assert_eq!(tenant.get(&format!("resources/image/upload/{name}")).await.status, 404);
    }
    let mut after = tenant.settled_usage().await;
    // Usage of a delivery that was still being written down when its asset went is settled a window later.
    eventually_or("storage as it was before", SETTLE, async || {
        after = tenant.settled_usage().await;
        (after.storage == before.storage).then_some(())
    })
    .await;
    assert_eq!(after.storage, before.storage, "what was stored and taken away must cancel out");
    assert_eq!((after.resources, after.derived_resources), (before.resources, before.derived_resources));
}

/// Folders are moved to and fro, across each other and away, while files are put into them. At the end every asset's folder is there,
/// and so is every folder's parent.
async fn run_at_a_tree(tenant: Tenant) {
    let put = async |path: &str, body: Value| tenant.send(Method::PUT, &format!("folders/{path}"), body).await;
    for round in 0..ROUNDS {
        for path in ["a/b/c", "x/y/z"] {
            tenant.send(Method::POST, &format!("folders/{path}"), json!({})).await.ok();
        }
        let upload = async |number: u32| {
            for (at, folder) in ["a/b/c", "x/y/z", "a/b"].into_iter().enumerate() {
                let upload = tenant.upload(pictures::small_jpeg(1)).public_id(&format!("r{round}n{number}f{at}"));
                let answer = upload.parameter("asset_folder", folder).send().await;
                assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
            }
        };
        let moves = async {
            put("a/b", json!({"to_folder": "x/b"})).await;
            put("a", json!({"to_folder": format!("old{round}")})).await;
        };
        let across = async {
            put("x", json!({"to_folder": "a/x"})).await;
            put("x/y", json!({"to_folder": "y"})).await;
        };
        let away = async {
            tenant.admin(Method::DELETE, "folders/a/b/c").await;
            tenant.admin(Method::DELETE, "folders/y").await;
        };
        futures::join!(upload(0), moves, across, upload(1), away);
    }
    let mut folders = BTreeSet::new();
    let mut waiting = vec![String::new()];
    while let Some(parent) = waiting.pop() {
        let path = if parent.is_empty() { "folders".to_owned() } else { format!("folders/{parent}") };
        let children = tenant.get(&format!("{path}?max_results=500")).await.ok();
        for child in children["folders"].as_array().expect("a list") {
            let child = child["path"].as_str().expect("a path").to_owned();
            assert!(folders.insert(child.clone()), "{child} is there twice");
            waiting.push(child);
        }
    }
    let assets = tenant.get("resources/image?max_results=500").await.ok();
    let assets = assets["resources"].as_array().expect("a list");
    assert!(!assets.is_empty(), "what is taken away takes along what lies in it, but not everything");
    for asset in assets {
        let folder = asset["asset_folder"].as_str().expect("a folder");
        assert!(folders.contains(folder), "{} lies in {folder}, which is not there: {folders:?}", asset["public_id"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let server = Dev::start().await;
    run_at_one_name(server.tenant()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_on_sqlite() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    run_at_a_tree(server.tenant()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_on_postgres() {
    let planes = Planes::start().await;
    let environment = planes.provisioning(&planes.account).create_environment("tree").await;
    run_at_a_tree(planes.tenant(&environment)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let planes = Planes::start().await;
    let environment = planes.provisioning(&planes.account).create_environment("contested").await;
    run_at_one_name(planes.tenant(&environment)).await;
}
