//! Wrong credentials in a row: slowed by the address that they come from, on both planes, while right ones go on.

use reqwest::Method;
use safelight_tests::harness::{
    client::{Account, Answer},
    pictures,
    server::Dev,
};

/// Repeats a wrong call until it is answered 429, which happens behind so many that are refused as usual.
async fn slowed(what: &str, at_least: usize, call: impl AsyncFn() -> Answer) {
    for attempt in 0..100 {
        let answer = call().await;
        if answer.status == 429 {
            assert!(attempt >= at_least, "{what}: slowed at attempt {attempt}");
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{what}");
            assert!(answer.message().contains("failed attempts"), "{what}: {}", answer.message());
            return;
        }
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    }
    panic!("{what}: never slowed");
}

#[tokio::test]
async fn wrong_credentials_are_slowed_and_right_ones_are_not() {
    let settings =
        [("SAFELIGHT_REGION__FAILED_ATTEMPTS_BURST", "3"), ("SAFELIGHT_CONTROL__RATES__FAILED_ATTEMPTS_BURST", "3")];
    let server = Dev::start_with(&["--seed", "none"], &settings).await;
    let (tenant, ready) = (server.tenant(), &server.ready);
    let wrong = tenant.with_key(&tenant.key, "wrong");
    let account = |secret: &str| Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, secret);
    let (own, stranger) = (account(&ready.provisioning_api_secret), account("wrong"));

    slowed("the Admin API", 3, async || wrong.get("ping").await).await;
    // The APIs of a data plane count together, so wrong signatures find the burst used up.
    slowed("the Upload API", 0, async || wrong.upload(pictures::small_jpeg(1)).send().await).await;
    slowed("the Provisioning API", 3, async || stranger.call(Method::GET, "sub_accounts", None).await).await;

    for _ in 0..10 {
        tenant.get("ping").await.ok();
        own.call(Method::GET, "sub_accounts", None).await.ok();
    }
    tenant.upload(pictures::small_jpeg(1)).public_id("right").send().await.ok();
}
