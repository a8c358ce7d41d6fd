//! Two processes on PostgreSQL: brought up from nothing, connected by the seam, each alive without the other.

use std::time::{Duration, Instant};

use reqwest::Method;
use safelight_tests::harness::{
    client::Tenant,
    eventually, pictures,
    planes::{self, CreatedAccount, Planes},
    server,
};
use serde_json::json;

/// What the design promises for a new or a disabled key.
const SEAM_LIMIT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn upload_deliver_and_count_across_the_seam() {
    let mut planes = Planes::start().await;
    let account = planes.provisioning(&planes.account);
    let shop = planes.tenant(&account.create_environment("shop").await);
    let picture = pictures::small_jpeg(1);
    let uploaded = shop.upload(picture.clone()).public_id("cat").send().await.ok();
    assert_eq!(uploaded["bytes"], picture.len());
    let small = shop.fetch("image/upload/c_scale,w_90/cat.jpg").await.delivered();
    let again = shop.fetch("image/upload/c_scale,w_90/cat.jpg").await.delivered();
    assert!(small == again);

    let usage = shop.settled_usage().await;
    assert_eq!((usage.transformations, usage.requests), (2, 2), "{usage:?}");
    assert_eq!(usage.bandwidth, 2 * small.len() as i64, "{usage:?}");
    assert_eq!(usage.storage, (picture.len() + small.len()) as i64, "{usage:?}");

    // Unknown tenants are refused, and the planes keep to their own operations.
    let stranger =
        Tenant::new(&planes.data_url(), &format!("{}/nowhere", planes.data_url()), "nowhere", &shop.key, &shop.secret);
    assert_eq!(stranger.get("ping").await.status, 401);
    assert_eq!(stranger.fetch("image/upload/cat.jpg").await.status, 404);
    assert_eq!(reqwest::get(format!("{}/v1_1/shop/ping", planes.control_url())).await.expect("answers").status(), 404);
    for url in [planes.control_url(), planes.data_url()] {
        for path in ["/healthz", "/readyz", "/metrics"] {
            let answer = reqwest::get(format!("{url}{path}")).await.expect("the server answers");
            assert_eq!(answer.status(), 200, "{url}{path}");
        }
    }

    for process in [planes.data().stop().await, planes.control().stop().await] {
        assert_eq!(process.code(), Some(0), "a drained server ends with success: {process}");
    }
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let planes = Planes::start().await;
    let created = planes.control_command(&["account", "create", "--name", "Second", "--json"]);
    assert!(created.status.success(), "{}", created.stderr);
    let second: CreatedAccount = planes::read(&created.stdout);
    assert_ne!(second.account_id, planes.account.account_id);
    let (first, second) = (planes.provisioning(&planes.account), planes.provisioning(&second));
    let environment = first.create_environment("mine").await;
    let path = format!("sub_accounts/{}", environment["id"].as_str().expect("an id"));
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::GET, format!("{path}/access_keys")),
        (Method::POST, format!("{path}/access_keys")),
    ] {
        let body = (method != Method::GET).then(|| json!({"name": "stolen"}));
        assert_eq!(second.call(method.clone(), &path, body).await.status, 404, "{method} {path}");
    }
    assert_eq!(second.call(Method::GET, "sub_accounts", None).await.ok()["sub_accounts"], json!([]));
    assert_eq!(first.call(Method::GET, &path, None).await.ok()["name"], "mine");
    let taken = second.call(Method::POST, "sub_accounts", Some(json!({"name": "x", "cloud_name": "MINE"}))).await;
    assert_eq!(taken.status, 409, "cloud names are unique over the installation: {}", taken.text());
}

#[tokio::test]
async fn keys_work_and_stop_working_within_a_second() {
    let planes = Planes::start().await;
    let account = planes.provisioning(&planes.account);
    let environment = account.create_environment("shop").await;
    let shop = planes.tenant(&environment);
    // From here on the data plane follows; the first environment may have found it still connecting.
    eventually("a key that works", SEAM_LIMIT, async || (shop.get("ping").await.status == 200).then_some(())).await;

    let keys = format!("sub_accounts/{}/access_keys", environment["id"].as_str().expect("an id"));
    for round in 0..5 {
        let started = Instant::now();
        let name = format!("key {round}");
        let key = account.call(Method::POST, &keys, Some(json!({"name": name}))).await.ok();
        let (id, secret) = (key["api_key"].as_str().expect("a key"), key["api_secret"].as_str().expect("a secret"));
        let tenant = shop.with_key(id, secret);
        eventually("a new key that works", SEAM_LIMIT, async || (tenant.get("ping").await.status == 200).then_some(()))
            .await;
        assert!(started.elapsed() < SEAM_LIMIT, "a new key took {:?}", started.elapsed());

        let started = Instant::now();
        account.call(Method::PUT, &format!("{keys}/{id}"), Some(json!({"enabled": false}))).await.ok();
        eventually("a disabled key that is refused", SEAM_LIMIT, async || {
            (tenant.get("ping").await.status == 401).then_some(())
        })
        .await;
        assert!(started.elapsed() < SEAM_LIMIT, "a disabled key took {:?}", started.elapsed());
        assert_eq!(tenant.upload(pictures::small_jpeg(1)).send().await.status, 401, "nor may it upload");
        assert_eq!(shop.get("ping").await.status, 200, "another key goes on");

        let started = Instant::now();
        let environment = account.create_environment(&format!("shop-{round}")).await;
        let tenant = planes.tenant(&environment);
        eventually("a new environment that works", SEAM_LIMIT, async || {
            (tenant.get("ping").await.status == 200).then_some(())
        })
        .await;
        assert!(started.elapsed() < SEAM_LIMIT, "a new environment took {:?}", started.elapsed());
    }

    let path = format!("sub_accounts/{}", environment["id"].as_str().expect("an id"));
    shop.upload(pictures::small_jpeg(2)).public_id("cat").send().await.ok();
    account.call(Method::PUT, &path, Some(json!({"enabled": false}))).await.ok();
    eventually("a disabled environment that is refused", SEAM_LIMIT, async || {
        let refused = shop.get("ping").await.status == 401 && shop.fetch("image/upload/cat.jpg").await.status != 200;
        refused.then_some(())
    })
    .await;
    account.call(Method::PUT, &path, Some(json!({"enabled": true}))).await.ok();
    eventually("an environment that is back", SEAM_LIMIT, async || {
        (shop.fetch("image/upload/cat.jpg").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn delivery_survives_the_control_plane_and_a_restart_without_it() {
    let mut planes = Planes::start().await;
    let account = planes.provisioning(&planes.account);
    let shop = planes.tenant(&account.create_environment("shop").await);
    let picture = pictures::small_jpeg(3);
    shop.upload(picture.clone()).public_id("cat").send().await.ok();
    let before = shop.settled_usage().await;

    planes.control().kill();
    assert!(shop.fetch("image/upload/cat.jpg").await.delivered() == picture);
    let small = shop.fetch("image/upload/c_scale,w_60/cat.jpg").await.delivered();
    shop.upload(pictures::small_jpeg(4)).public_id("dog").send().await.ok();
    let usage = shop.get("usage").await;
    assert_eq!(usage.status, 200, "usage answers its last good value: {}", usage.text());

    planes.data().kill();
    planes.restart_data().await;
    assert!(shop.fetch("image/upload/cat.jpg").await.delivered() == picture, "served from the stored snapshot");
    assert!(shop.fetch("image/upload/c_scale,w_60/cat.jpg").await.delivered() == small);
    assert_eq!(shop.fetch_with("image/upload/cat.jpg", &[]).await.status, 200);
    let stranger =
        Tenant::new(&planes.data_url(), &format!("{}/nowhere", planes.data_url()), "nowhere", &shop.key, &shop.secret);
    assert_eq!(stranger.get("ping").await.status, 401, "unknown tenants are refused");

    planes.restart_control().await;
    let after = shop.settled_usage().await;
    assert_eq!(after.transformations, before.transformations + 2, "one derived asset and one upload: {after:?}");
    let left = 3 * picture.len() + 2 * small.len();
    assert_eq!(after.bandwidth, before.bandwidth + left as i64, "{after:?}");
    assert_eq!(after.requests, before.requests + 5, "{after:?}");
}

#[test]
fn commands_say_what_they_need() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (arguments, says) in [
        (&["migrate"][..], "control.database_url"),
        (&["control-plane", "--port", "0"][..], "control.key_encryption_key"),
        (&["data-plane", "--region", "here", "--port", "0"][..], "region."),
        (&["region", "add", "Not A Name"][..], ""),
        (&["no-such-command"][..], "no-such-command"),
    ] {
        let done = server::run(folder.path(), arguments, &[]);
        assert!(done.status.code().is_some_and(|code| code != 0), "{arguments:?} succeeded: {}", done.stdout);
        assert!(done.stderr.contains(says), "{arguments:?}: {}", done.stderr);
    }
}
