//! `safelight doctor` about an account.

use reqwest::Method;
use safelight_tests::harness::{
    client::Account,
    server::{self, Dev},
};
use serde_json::json;

#[tokio::test]
async fn it_names_who_can_see_a_secret_beyond_the_role() {
    let mut server = Dev::start_with(&["--seed", "none"], &[]).await;
    let ready = server.ready.clone();
    let account =
        Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
    let tech = json!({"name": "Tech", "email": "tech@example.com", "role": "technical_admin"});
    account.call(Method::POST, "users", Some(tech)).await.ok();
    let _ = server.process().stop().await;
    let key = std::fs::read_to_string(ready.data_dir.join("key-encryption-key")).expect("the installation's key");
    let url = format!("sqlite://{}", ready.data_dir.join("control.db").display());
    let settings =
        [("SAFELIGHT_CONTROL__DATABASE_URL", url.as_str()), ("SAFELIGHT_CONTROL__KEY_ENCRYPTION_KEY", key.trim())];
    let advised = server::run(server.folder(), &["doctor", "--account", &ready.account_id], &settings);
    let noted = format!("note  tech@example.com (technical_admin) can see the secret of access key {}", ready.api_key);
    assert!(advised.stdout.lines().any(|line| line.starts_with(&noted)), "{}", advised.stdout);
    assert!(advised.stdout.contains("ok    the account was looked through"), "{}", advised.stdout);
    // Advice makes nothing fail; whatever else is found here is found without an account too.
    let plain = server::run(server.folder(), &["doctor"], &settings);
    assert!(!plain.stdout.contains("note  "), "{}", plain.stdout);
    assert_eq!(advised.status.code(), plain.status.code(), "{}", advised.stdout);
    let nobody = server::run(server.folder(), &["doctor", "--account", &"0".repeat(32)], &settings);
    assert!(!nobody.status.success() && nobody.stdout.contains("Cannot find account"), "{}", nobody.stdout);
}
