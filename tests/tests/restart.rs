//! `safelight dev` from its first start to its last: what it makes once, what it finds again, what it refuses.

use std::{collections::BTreeMap, net::TcpListener, os::unix::fs::PermissionsExt};

use reqwest::{Certificate, Client};
use safelight_tests::harness::{
    client::Tenant,
    pictures,
    server::{self, Dev, DevReady},
};
use serde_json::Value;

/// The samples with what would change if they were made again.
async fn assets(server: &Dev) -> BTreeMap<String, Value> {
    let listing = server.tenant().get("resources/image?max_results=100").await.ok();
    let items = listing["resources"].as_array().expect("a list").iter();
    items.map(|item| (item["public_id"].as_str().unwrap_or_default().to_owned(), item["version"].clone())).collect()
}

/// The announcement without what differs between two runs.
fn lasting(ready: &DevReady) -> DevReady {
    DevReady { ready_ms: 0, pid: 0, ..ready.clone() }
}

#[tokio::test]
async fn a_second_start_finds_everything_and_changes_nothing() {
    let mut server = Dev::start_with(&["--seed", "demo"], &[]).await;
    let first = lasting(&server.ready);
    let samples = assets(&server).await;
    assert!(samples.len() >= 3, "a photo-like sample, one with alpha, one that moves: {samples:?}");
    let usage = server.tenant().settled_usage().await;
    assert_eq!((usage.transformations, usage.bandwidth), (0, 0), "samples are made by the program and cost nothing");
    assert!(usage.storage > 0, "samples use storage");
    for name in samples.keys() {
        server.tenant().fetch(&format!("image/upload/c_limit,w_100/{name}.png")).await.delivered();
    }
    let usage = server.tenant().settled_usage().await;

    let ended = server.process().stop().await;
    assert_eq!(ended.code(), Some(0), "a drained server ends with success: {ended}");
    server.restart().await;
    assert_eq!(lasting(&server.ready), first);
    assert_eq!(assets(&server).await, samples);
    assert_eq!(server.tenant().settled_usage().await.counts(), usage.counts());
    // What the program makes for itself is in the audit log, once.
    let data = server.ready.data_dir.to_str().expect("a path in UTF-8");
    let arguments = ["audit", "--data", data, "--account", &server.ready.account_id, "--actor", "program", "--json"];
    let logged = server::run(server.folder(), &arguments, &[]).stdout;
    let presets = logged.lines().filter(|line| line.contains("create_upload_preset") && line.contains("unsigned"));
    assert_eq!(presets.count(), 1, "{logged}");
}

#[tokio::test]
async fn the_announcement_is_the_only_output_and_complete() {
    let mut server = Dev::start().await;
    let line: Value = server.process().announced();
    let expected = [
        "ready_ms",
        "pid",
        "port",
        "data_dir",
        "api_url",
        "delivery_url",
        "console_url",
        "metrics_url",
        "docs_url",
        "ca_certificate",
        "account_id",
        "provisioning_api_key",
        "provisioning_api_secret",
        "cloud_name",
        "api_key",
        "api_secret",
        "upload_preset",
        "cloudinary_url",
        "cloudinary_account_url",
        "owner_login_url",
    ];
    for name in expected {
        assert!(line.get(name).is_some(), "`{name}` is missing in {line}");
    }
    let ready = &server.ready;
    assert_eq!(ready.pid, line["pid"].as_u64().expect("a number") as u32);
    assert_eq!(ready.cloud_name, "demo");
    assert_eq!(ready.delivery_url, format!("http://127.0.0.1:{}/demo", ready.port));
    let here = format!("127.0.0.1:{}", ready.port);
    assert_eq!(
        ready.cloudinary_url,
        format!(
            "cloudinary://{}:{}@demo?upload_prefix=http://{here}&cname={here}&secure_distribution={here}&secure_cname={here}",
            ready.api_key, ready.api_secret
        )
    );
    assert_eq!(
        ready.cloudinary_account_url,
        format!("account://{}:{}@{}", ready.provisioning_api_key, ready.provisioning_api_secret, ready.account_id)
    );
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    assert!(ready.api_key.len() == 15 && ready.api_key.bytes().all(|b| b.is_ascii_digit()), "{}", ready.api_key);
    assert!(is_plain(&ready.api_secret) && is_plain(&ready.provisioning_api_secret));
    assert!(ready.account_id.len() == 32 && ready.account_id == ready.account_id.to_lowercase());

    let log = server.process().log();
    for secret in [&server.ready.api_secret, &server.ready.provisioning_api_secret] {
        assert!(!log.contains(secret.as_str()), "a secret reached the log");
    }
}

#[tokio::test]
async fn the_environment_file_is_private_and_can_be_sourced() {
    let server = Dev::start().await;
    let file = server.folder().join(".env.safelight");
    let mode = file.metadata().expect("the file is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
    let output = std::process::Command::new("sh")
        .args(["-c", "set -a; . ./.env.safelight; set +a; exec env"])
        .env_clear()
        .current_dir(server.folder())
        .output()
        .expect("sh runs");
    let variables = String::from_utf8_lossy(&output.stdout).into_owned();
    for (name, value) in [
        ("CLOUDINARY_URL", &server.ready.cloudinary_url),
        ("CLOUDINARY_ACCOUNT_URL", &server.ready.cloudinary_account_url),
    ] {
        assert!(variables.lines().any(|line| line == format!("{name}={value}")), "{name} in {variables}");
    }
}

#[tokio::test]
async fn one_port_speaks_plain_and_encrypted() {
    let server = Dev::start().await;
    server.tenant().upload(pictures::small_jpeg(3)).public_id("both").send().await.ok();
    let authority = std::fs::read(&server.ready.ca_certificate).expect("the local authority's certificate is there");
    let authority = Certificate::from_pem(&authority).expect("it is a certificate");
    let client = Client::builder().tls_certs_only([authority]).build().expect("a client can be made");
    let path = "demo/image/upload/both.jpg";
    let plain = server.tenant().fetch("image/upload/both.jpg").await.delivered();
    for host in ["127.0.0.1", "localhost"] {
        let answer = client.get(format!("https://{host}:{}/{path}", server.ready.port)).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{host}: {error:?}"));
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().get("strict-transport-security").is_none(), "never for loopback hosts");
        assert_eq!(answer.bytes().await.expect("a body"), plain);
    }
}

#[tokio::test]
async fn pages_without_secrets_are_served() {
    let server = Dev::start().await;
    let base = &server.ready.api_url;
    for (path, contains) in [("/", "Safelight"), ("/healthz", ""), ("/readyz", ""), ("/docs/", "swagger")] {
        let page = reqwest::get(format!("{base}{path}")).await.expect("the server answers");
        assert_eq!(page.status(), 200, "{path}");
        assert!(page.headers().contains_key("x-request-id"), "{path}");
        let text = page.text().await.expect("a text");
        assert!(text.contains(contains), "{path}: {text}");
        for secret in [&server.ready.api_secret, &server.ready.provisioning_api_secret] {
            assert!(!text.contains(secret.as_str()), "{path} shows a secret");
        }
        let outside = text.match_indices("https://").chain(text.match_indices("src=\"http"));
        let links = outside.map(|(at, _)| &text[at..text.len().min(at + 60)]);
        let links: Vec<&str> =
            links.filter(|link| !link.contains("127.0.0.1") && !link.contains("localhost")).collect();
        assert!(links.is_empty(), "{path} points outside: {links:?}");
    }
    for name in ["control-plane", "data-plane"] {
        let answer = reqwest::get(format!("{base}/docs/{name}.json")).await.expect("the server answers");
        let served: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        let committed =
            safelight_tests::workspace::committed(&format!("openapi/{name}.json")).expect("it is committed");
        assert_eq!(served, serde_json::from_str::<Value>(&committed).expect("JSON"), "{name}");
    }
}

#[tokio::test]
async fn a_taken_port_is_refused_with_the_next_free_one() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data").display().to_string();
    let done = server::run(folder.path(), &["dev", "--port", &port.to_string(), "--data", &data, "--json"], &[]);
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    assert!(done.stdout.is_empty(), "{}", done.stdout);
    assert!(done.stderr.contains(&port.to_string()), "{}", done.stderr);
    let words = done.stderr.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse::<u16>().ok());
    let free = words.filter(|named| *named != port).find(|named| TcpListener::bind(("127.0.0.1", *named)).is_ok());
    assert!(free.is_some(), "no free port is named: {}", done.stderr);
}

#[tokio::test]
async fn a_data_folder_serves_one_process_at_a_time() {
    let server = Dev::start().await;
    let data = server.folder().join("data").display().to_string();
    let done = server::run(server.folder(), &["dev", "--port", "0", "--data", &data, "--json"], &[]);
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    assert!(done.stderr.contains("data"), "{}", done.stderr);
    server.tenant().get("ping").await.ok();
}

#[tokio::test]
async fn a_reset_removes_our_own_folder_and_no_other() {
    let foreign = tempfile::tempdir().expect("a temporary folder");
    let precious = foreign.path().join("thesis.txt");
    std::fs::write(&precious, "years of work").expect("a file");
    let data = foreign.path().display().to_string();
    let done = server::run(foreign.path(), &["dev", "--port", "0", "--data", &data, "--reset", "--json"], &[]);
    assert_ne!(done.status.code(), Some(0));
    assert!(done.stderr.contains(&data), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(&precious).expect("it is still there"), "years of work");

    let mut server = Dev::start_with(&["--seed", "none", "--reset"], &[]).await;
    let first = server.ready.clone();
    server.tenant().upload(pictures::small_jpeg(4)).public_id("gone").send().await.ok();
    server.process().stop().await;
    server.restart().await;
    assert_ne!(server.ready.api_key, first.api_key, "a reset makes a new account");
    assert!(assets(&server).await.is_empty());
}

#[test]
fn settings_that_do_not_hold_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data").display().to_string();
    let dev = ["dev", "--port", "0", "--data", &data, "--json"];
    for (name, value, says) in [
        ("SAFELIGHT_HTTP__WORKER", "2", "http.workers"),
        ("SAFELIGHT_HTTP__WORKERS", "many", "a number"),
        ("SAFELIGHT_DELIVERY__PUBLIC_ULR", "http://x", "delivery.public_url"),
        ("SAFELIGHT_METERING__WINDOW_SECONDS", "0", "metering.window_seconds"),
    ] {
        let done = server::run(folder.path(), &dev, &[(name, value)]);
        assert!(done.status.code().is_some_and(|code| code != 0), "{name}={value} was accepted");
        assert!(done.stderr.contains(says), "{name}={value}: {}", done.stderr);
    }
    let settings = [("SAFELIGHT_HTTP__WORKERS", "3"), ("SAFELIGHT_REGION__TOKEN", "hunter2")];
    let shown = server::run(folder.path(), &["config", "show"], &settings);
    assert!(shown.status.success(), "{}", shown.stderr);
    let line = shown.stdout.lines().find(|line| line.contains("http.workers")).unwrap_or_default();
    assert!(line.contains('3') && line.contains("SAFELIGHT_HTTP__WORKERS"), "{line}");
    assert!(!shown.stdout.contains("hunter2"), "a secret is shown");
}

#[tokio::test]
async fn the_public_address_is_a_setting() {
    let settings = [("SAFELIGHT_DELIVERY__PUBLIC_URL", "https://media.example.test"), ("SAFELIGHT_HTTP__WORKERS", "1")];
    let server = Dev::start_with(&["--seed", "none"], &settings).await;
    let ready = &server.ready;
    let here = format!("http://127.0.0.1:{}", ready.port);
    let tenant = Tenant::new(&here, &format!("{here}/demo"), "demo", &ready.api_key, &ready.api_secret);
    assert_eq!(ready.delivery_url, "https://media.example.test/demo");
    let uploaded = tenant.upload(pictures::small_jpeg(5)).public_id("far").send().await.ok();
    let url = uploaded["secure_url"].as_str().expect("a link");
    assert!(url.starts_with("https://media.example.test/demo/image/upload/v"), "{url}");
}
