//! `safelight doctor` about an account.

use reqwest::Method;
use safelight_tests::harness::{
    client::Account,
    server::{self, Dev},
};
use serde_json::json;

#[test]
fn where_there_is_nothing_to_look_at_it_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let done = server::run(folder.path(), &["doctor"], &[]);
    assert!(done.stdout.contains("note  no database was looked at"), "{}", done.stdout);
    assert!(done.stdout.contains("ok    video and audio can be looked into (ffprobe version"), "{}", done.stdout);
    let without = server::run(folder.path(), &["doctor"], &[("SAFELIGHT_MEDIA__FFPROBE", "/nowhere/ffprobe")]);
    let note =
        "note  video and audio cannot be looked into, and uploads of them are refused: /nowhere/ffprobe does not start";
    assert!(without.stdout.contains(note), "{}", without.stdout);
    let done = server::run(folder.path(), &["audit", "--data", "elsewhere"], &[]);
    assert!(!done.status.success() && done.stderr.contains("no installation of `safelight dev` in elsewhere"));
}

#[tokio::test]
async fn it_names_who_can_see_a_secret_beyond_the_role() {
    let mut server = Dev::start_with(&["--seed", "none"], &[]).await;
    let ready = server.ready.clone();
    let account =
        Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
    let tech = json!({"name": "Tech", "email": "tech@example.com", "role": "technical_admin"});
    account.call(Method::POST, "users", Some(tech)).await.ok();
    let _ = server.process().stop().await;
    let data = ready.data_dir.to_str().expect("a path in UTF-8");
    let doctor =
        |arguments: &[&str]| server::run(server.folder(), &[&["doctor", "--data", data], arguments].concat(), &[]);
    let advised = doctor(&["--account", &ready.account_id]);
    let noted = format!("note  tech@example.com (technical_admin) can see the secret of access key {}", ready.api_key);
    assert!(advised.stdout.lines().any(|line| line.starts_with(&noted)), "{}", advised.stdout);
    assert!(advised.stdout.contains("ok    the account was looked through"), "{}", advised.stdout);
    // Advice makes nothing fail; whatever else is found here is found without an account too.
    let plain = doctor(&[]);
    assert!(!plain.stdout.contains("note  "), "{}", plain.stdout);
    assert_eq!(advised.status.code(), plain.status.code(), "{}", advised.stdout);
    assert!(plain.stdout.contains("the regional database answers"), "{}", plain.stdout);
    let nobody = doctor(&["--account", &"0".repeat(32)]);
    assert!(!nobody.status.success() && nobody.stdout.contains("Cannot find account"), "{}", nobody.stdout);
    let suspended = server::run(server.folder(), &["account", "suspend", &ready.account_id, "--data", data], &[]);
    assert!(suspended.status.success(), "{}", suspended.stderr);
    let advised = doctor(&["--account", &ready.account_id]);
    assert!(advised.stdout.contains(" is suspended"), "{}", advised.stdout);
}
