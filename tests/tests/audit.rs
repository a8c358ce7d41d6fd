//! Who changed what, over the whole of a server: from the region's transaction to the account's log.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use reqwest::Method;
use safelight_tests::harness::{
    client::{Account, Tenant},
    eventually, pictures,
    server::{self, Dev},
};
use serde_json::{Value, json};

/// How long a record may be on its way, on a busy machine.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);
/// Windows of a second, so that call records are on their way soon.
const SHORT_WINDOWS: [(&str, &str); 1] = [("SAFELIGHT_METERING__WINDOW_SECONDS", "1")];

fn account(server: &Dev) -> Account {
    let ready = &server.ready;
    Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret)
}

/// The records that a query of the log finds as soon as there are `count`, newest first.
async fn records(account: &Account, query: &str, count: usize) -> Vec<Value> {
    eventually("audit records", ARRIVAL_LIMIT, async || {
        let page = account.call(Method::GET, &format!("audit_log?max_results=500&{query}"), None).await.ok();
        let records = page["audit_log"].as_array().expect("a list").clone();
        (records.len() >= count).then_some(records)
    })
    .await
}

/// Whether a record says that it came from this machine.
fn is_loopback(record: &Value) -> bool {
    let address = record["address"].as_str().and_then(|text| text.parse::<IpAddr>().ok());
    address.is_some_and(|address| address.to_canonical().is_loopback())
}

#[tokio::test]
async fn what_happens_on_either_plane_is_in_one_log() {
    let server = Dev::start_with(&["--seed", "none"], &SHORT_WINDOWS).await;
    let (account, tenant) = (account(&server), server.tenant());
    let first = tenant.upload(pictures::small_jpeg(1)).public_id("cats/tom").parameter("tags", "red").send().await.ok();
    let second = tenant.upload(pictures::small_jpeg(2)).public_id("cats/tom").send().await.ok();
    let unsigned = tenant.upload(pictures::small_jpeg(3)).unsigned(&server.ready.upload_preset).send().await.ok();
    let gone = tenant.destroy("cats/tom").await;
    let request = gone.header("x-request-id").to_owned();
    assert_eq!(gone.ok()["result"], "ok");
    // What was not there is no change.
    assert_eq!(tenant.destroy("nobody").await.ok()["result"], "not found");

    let key = format!("key:{}", server.ready.api_key);
    let log = records(&account, "target=image/upload/cats/tom", 3).await;
    let seen: Vec<_> = log
        .iter()
        .map(|record| {
            let etag = |state: &str| record[state]["etag"].as_str().unwrap_or("-").to_owned();
            (record["operation"].as_str().expect("an operation"), etag("before"), etag("after"))
        })
        .collect();
    let etag = |result: &Value| result["etag"].as_str().expect("an etag").to_owned();
    let none = "-".to_owned();
    let expected = [
        ("destroy", etag(&second), none.clone()),
        ("upload", etag(&first), etag(&second)),
        ("upload", none, etag(&first)),
    ];
    assert_eq!(seen, expected);
    for record in &log {
        assert_eq!(record["actor"], json!(key), "{record}");
        assert!(is_loopback(record), "{record}");
        assert_eq!(record["region"].as_str().map(str::is_empty), Some(false), "{record}");
    }
    assert_eq!((&log[0]["request_id"], &log[2]["after"]["tags"]), (&json!(request), &json!(["red"])));
    let target = format!("target=image/upload/{}", unsigned["public_id"].as_str().expect("a public id"));
    let actor = json!(format!("preset:{}", server.ready.upload_preset));
    assert_eq!(records(&account, &target, 1).await[0]["actor"], actor);

    // A key is changed on the control plane, and then refused on the data plane.
    let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
    let keys = format!("sub_accounts/{}/access_keys", environments["sub_accounts"][0]["id"].as_str().expect("an id"));
    let made = account.call(Method::POST, &keys, Some(json!({"name": "reader"}))).await.ok();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    let path = format!("{keys}/{}/permissions", text("api_key"));
    account.call(Method::PUT, &path, Some(json!({"rules": ["@all:read"]}))).await.ok();
    let reader: Tenant = tenant.with_key(&text("api_key"), &text("api_secret"));
    let refused = reader.upload(pictures::small_jpeg(4)).public_id("cats/tom").send().await;
    assert_eq!(refused.status, 401, "{}", refused.text());
    let changed = &records(&account, "operation=update_access_key_permissions", 1).await[0];
    assert_eq!(changed["after"]["rules"], json!(["@all:read"]));
    assert_eq!(changed["actor"], json!(format!("provisioning_key:{}", server.ready.provisioning_api_key)));
    assert!(is_loopback(changed) && changed["region"].is_null(), "{changed}");

    let calls = format!("call_records?actor=key:{}", text("api_key"));
    let call = eventually("the record of a refused call", ARRIVAL_LIMIT, async || {
        let page = account.call(Method::GET, &calls, None).await.ok();
        page["call_records"].as_array().expect("a list").first().cloned()
    })
    .await;
    assert_eq!(
        (&call["operation"], &call["outcome"], &call["count"]),
        (&json!("upload"), &json!("refused"), &json!(1))
    );
    // A refused call changed nothing.
    assert_eq!(records(&account, "target=image/upload/cats/tom", 3).await.len(), 3);

    // No secret is anywhere in it, and the operator reads the same at the command line.
    let lines = account.call(Method::GET, "audit_log?format=jsonl", None).await.text();
    for secret in [&server.ready.api_secret, &server.ready.provisioning_api_secret, &text("api_secret")] {
        assert!(!lines.contains(secret.as_str()), "a secret in {lines}");
    }
}

#[tokio::test]
async fn a_killed_server_loses_no_record_of_what_it_acknowledged() {
    let mut server = Dev::start().await;
    let picture = pictures::small_jpeg(1);
    for number in 0..12 {
        server.tenant().upload(picture.clone()).public_id(&format!("kept/{number}")).send().await.ok();
    }
    server.tenant().destroy("kept/0").await.ok();
    server.process().kill();
    server.restart().await;
    let log = records(&account(&server), "target=image/upload/kept/", 13).await;
    let ids: BTreeSet<_> = log.iter().map(|record| record["id"].as_str().expect("an id")).collect();
    assert_eq!((log.len(), ids.len()), (13, 13), "each change once");
    assert_eq!(log[0]["operation"], "destroy");
    assert_eq!(server.metric("safelight_audit_set_aside_records_total", &[]).await, 0.0);
}

#[tokio::test]
async fn the_command_line_reads_the_log() {
    let mut server = Dev::start().await;
    server.tenant().upload(pictures::small_jpeg(1)).public_id("cat").send().await.ok();
    let expected = records(&account(&server), "operation=upload", 1).await;
    let (id, database) = (server.ready.account_id.clone(), server.ready.data_dir.join("control.db"));
    let _ = server.process().stop().await;
    let key =
        std::fs::read_to_string(server.ready.data_dir.join("key-encryption-key")).expect("the installation's key");
    let url = format!("sqlite://{}", database.display());
    let settings =
        [("SAFELIGHT_CONTROL__DATABASE_URL", url.as_str()), ("SAFELIGHT_CONTROL__KEY_ENCRYPTION_KEY", key.trim())];
    let arguments = ["audit", "--account", &id, "--operation", "upload", "--json"];
    let printed = server::run(server.folder(), &arguments, &settings);
    assert!(printed.status.success(), "{}", printed.stderr);
    let lines: Vec<Value> = printed.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines, expected);
    let plain = server::run(server.folder(), &["audit", "--account", &id, "--since", "2020-01-01"], &settings);
    assert!(plain.stdout.lines().any(|line| line.ends_with("upload  image/upload/cat")), "{}", plain.stdout);
    let wrong = server::run(server.folder(), &["audit", "--account", &id, "--since", "lately"], &settings);
    assert!(!wrong.status.success() && wrong.stderr.contains("--since lately"), "{}", wrong.stderr);
}
