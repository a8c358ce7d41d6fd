//! What a rotation, an expiry and an import of access keys come to on the wire: Basic credentials, signed uploads, signed deliveries.

use std::{io::Write, process::Stdio, time::Duration};

use chrono::{SecondsFormat, TimeDelta, Utc};
use plane_kit::{
    secret::Secret,
    signature::{Algorithm, sign_delivery, sign_result},
};
use reqwest::Method;
use safelight_tests::harness::{
    client::{Account, Answer, Tenant},
    eventually, pictures,
    server::{Dev, command},
};
use serde_json::{Value, json};

/// How long an expiry or a change by another process may take to show.
const LIMIT: Duration = Duration::from_secs(20);

/// The first environment of a server and a second key in it.
struct Second {
    account: Account,
    /// The path of the second key.
    path: String,
    /// A client with the first key.
    first: Tenant,
    /// A client with the second key.
    second: Tenant,
}

impl Second {
    async fn of(server: &Dev) -> Self {
        let ready = &server.ready;
        let (id, key, secret) = (&ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
        let account = Account::new(&ready.api_url, id, key, secret);
        let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
        let environment = text(&environments["sub_accounts"][0]["id"]);
        let keys = format!("sub_accounts/{environment}/access_keys");
        let made = account.call(Method::POST, &keys, Some(json!({"name": "second"}))).await.ok();
        let first = server.tenant();
        let second = first.with_key(&text(&made["api_key"]), &text(&made["api_secret"]));
        let hidden = first.upload(pictures::small_jpeg(1)).public_id("hidden").parameter("type", "authenticated");
        hidden.send().await.ok();
        Self { account, path: format!("{keys}/{}", text(&made["api_key"])), first, second }
    }

    async fn call(&self, method: Method, rest: &str, body: Option<Value>) -> Value {
        self.account.call(method, &format!("{}/{rest}", self.path), body).await.ok()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The path of the hidden picture, signed with the client's secret.
fn signed(tenant: &Tenant) -> String {
    let signature = sign_delivery("hidden.jpg", &Secret::new(tenant.secret.clone()), Algorithm::Sha1, 8);
    format!("image/authenticated/s--{signature}--/hidden.jpg")
}

/// The three roads that a secret opens: the Admin API, an upload, a delivery.
async fn roads(tenant: &Tenant) -> [(&'static str, Answer); 3] {
    [
        ("Basic credentials", tenant.get("ping").await),
        ("an upload", tenant.upload(pictures::small_jpeg(2)).public_id("by-key").send().await),
        ("a delivery", tenant.fetch(&signed(tenant)).await),
    ]
}

/// Fails the test unless every road is open, or every road is shut with a 401.
async fn expect(tenant: &Tenant, open: bool, case: &str) {
    for (road, answer) in roads(tenant).await {
        let status = if open { 200 } else { 401 };
        assert_eq!(answer.status, status, "{case}, {road}: {} {}", answer.message(), answer.text());
    }
}

#[tokio::test]
async fn both_secrets_work_until_the_rotation_is_confirmed() {
    let server = Dev::start().await;
    let keys = Second::of(&server).await;
    let old = &keys.second;
    let rotated = keys.call(Method::POST, "rotate", None).await;
    assert_eq!(rotated["api_secret"], old.secret);
    let new = old.with_key(&old.key, &text(&rotated["next_api_secret"]));
    expect(old, true, "the first secret while there are two").await;
    expect(&new, true, "the second secret while there are two").await;
    expect(&old.with_key(&old.key, "neither-of-the-two"), false, "a third secret").await;
    // Results are signed with the present secret, whichever of the two the caller has.
    for (caller, name) in [(old, "one"), (&new, "two")] {
        let stored = caller.upload(pictures::small_jpeg(3)).public_id(name).send().await.ok();
        let version = stored["version"].as_i64().expect("a version");
        assert_eq!(stored["signature"], sign_result(name, version, &Secret::new(old.secret.clone()), Algorithm::Sha1));
    }

    let confirmed = keys.call(Method::POST, "rotate/confirm", None).await;
    assert_eq!(confirmed["api_secret"], new.secret);
    expect(old, false, "the first secret after the second was confirmed").await;
    expect(&new, true, "the second secret after it was confirmed").await;

    let again = keys.call(Method::POST, "rotate", None).await;
    let third = new.with_key(&new.key, &text(&again["next_api_secret"]));
    expect(&third, true, "another second secret").await;
    keys.call(Method::DELETE, "rotate", None).await;
    expect(&third, false, "a second secret that was given up").await;
    expect(&new, true, "the first secret after the second was given up").await;
}

#[tokio::test]
async fn an_expired_key_is_refused_on_every_road() {
    let server = Dev::start().await;
    let keys = Second::of(&server).await;
    let key = &keys.second;
    expect(key, true, "before there is an expiry").await;
    // Far enough away to be in the future when the call arrives at a busy server.
    let moment = (Utc::now() + TimeDelta::seconds(4)).to_rfc3339_opts(SecondsFormat::Secs, true);
    keys.call(Method::PUT, "details", Some(json!({"expires_at": moment}))).await;
    eventually("the expiry of a key", LIMIT, async || (key.get("ping").await.status == 401).then_some(())).await;
    let text = format!("api_key {} has expired", key.key);
    for (road, answer) in roads(key).await {
        assert_eq!((answer.status, answer.message()), (401, text.clone()), "{road}");
    }
    // Without the secret an expired key is a key like any other that one does not have.
    for (case, other) in
        [("expired", key.with_key(&key.key, "wrong-secret")), ("unknown", key.with_key("1", "wrong-secret"))]
    {
        let answer = other.get("ping").await;
        assert_eq!((answer.status, answer.message()), (401, "Invalid credentials".to_owned()), "{case}");
        let answer = other.fetch(&signed(&other)).await;
        assert!(answer.status == 401 && answer.message().starts_with("Invalid signature"), "{case}");
    }
    expect(&keys.first, true, "the other key").await;
    keys.call(Method::PUT, "details", Some(json!({"expires_at": "never"}))).await;
    expect(key, true, "after the expiry was taken away").await;
}

/// Runs `key import` beside the server, with a secret on standard input.
fn import(server: &Dev, arguments: &[&str], secret: &str) -> std::process::Output {
    let data = &server.ready.data_dir;
    let sealing = std::fs::read_to_string(data.join("key-encryption-key")).expect("the key of the data folder");
    let mut import = command(server.folder());
    import
        .args(["key", "import", "--account", &server.ready.account_id, "--cloud", &server.ready.cloud_name])
        .args(arguments)
        .env("SAFELIGHT_CONTROL__DATABASE_URL", format!("sqlite://{}", data.join("control.db").display()))
        .env("SAFELIGHT_CONTROL__KEY_ENCRYPTION_KEY", sealing.trim())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = import.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A program that refuses its arguments does not read.
    let _ = stdin.write_all(secret.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the program ends")
}

#[tokio::test]
async fn urls_that_were_signed_elsewhere_stay_valid() {
    let server = Dev::start().await;
    let keys = Second::of(&server).await;
    let secret = "the-Secret_of-another-house";
    let elsewhere = keys.first.with_key("123456789012345", secret);
    let url = signed(&elsewhere);
    assert_eq!(keys.first.fetch(&url).await.status, 401);
    let done = import(&server, &["--name", "old", "--json", "123456789012345"], &format!("{secret}\n"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(!printed.contains(secret), "{printed}");
    let printed: Value = serde_json::from_str(printed.trim()).expect("a line of JSON");
    assert_eq!(printed, json!({"cloud_name": keys.first.cloud, "name": "old", "api_key": "123456789012345"}));
    eventually("an imported key", LIMIT, async || (keys.first.fetch(&url).await.status == 200).then_some(())).await;
    expect(&elsewhere, true, "an imported key").await;

    for (arguments, secret, refusal) in [
        (["--name", "again", "123456789012345"], secret, "Access key 123456789012345 is already taken"),
        (["--name", "old", "1"], secret, "Access key with name old already exists"),
        (["--name", "letters", "12x"], secret, "parameter api_key"),
        (["--name", "short", "1"], "short", "parameter api_secret"),
        (["--name", "nothing", "1"], "", "standard input"),
    ] {
        let done = import(&server, &arguments, secret);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success() && said.contains(refusal), "{arguments:?}: {said}");
    }
    let help = command(server.folder()).args(["key", "import", "--help"]).output().expect("the program starts");
    assert!(String::from_utf8_lossy(&help.stdout).contains("standard input"));
}
