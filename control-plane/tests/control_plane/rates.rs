//! Rate classes: who is slowed, by what, and who never is.

use actix_web::http::Method;
use control_plane::RatesConfig;
use serde_json::json;

use crate::{
    harness::{Answer, Body, Stage},
    on_both_databases,
};

on_both_databases!(
    calls_are_limited_by_account,
    new_keys_are_limited_by_account,
    failed_attempts_are_limited_by_address_and_right_ones_are_not,
);

/// All classes switched off, with small bursts for the one that a case switches on.
fn slow() -> RatesConfig {
    RatesConfig {
        calls_per_second: 0,
        key_creations_per_second: 0,
        failed_attempts_per_second: 0,
        calls_burst: 3,
        key_creations_burst: 2,
        failed_attempts_burst: 3,
        ..RatesConfig::default()
    }
}

#[track_caller]
fn slowed(answer: &Answer, text: &str) {
    answer.refused(429, text);
    let wait = answer.headers.get("retry-after").unwrap().to_str().unwrap();
    assert!(wait.parse::<u32>().unwrap() >= 1, "{wait}");
}

async fn calls_are_limited_by_account(mut stage: Stage) {
    let rates = RatesConfig { calls_per_second: 1, ..slow() };
    stage.plane = stage.node_with(stage.key.clone(), |config| config.rates = rates).await.unwrap();
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let mut slowed_at = None;
    for call in 0..100 {
        let answer = stage.call(Method::GET, "/sub_accounts", Body::None).await;
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("x-featureratelimit")));
        if answer.status != 200 {
            slowed(&answer, "Too many calls of this account");
            slowed_at = Some(call);
            break;
        }
    }
    // A slow machine may have been given some more in the meantime.
    assert!(slowed_at.is_some_and(|call| call >= 3), "{slowed_at:?}");
    stage.call_as(&other, Method::GET, "/sub_accounts", Body::None).await.ok();
}

async fn new_keys_are_limited_by_account(mut stage: Stage) {
    let environment = stage.environment("demo").await;
    let rates = RatesConfig { key_creations_per_second: 1, ..slow() };
    stage.plane = stage.node_with(stage.key.clone(), |config| config.rates = rates).await.unwrap();
    let paths = [format!("/sub_accounts/{environment}/access_keys"), "/provisioning_keys".to_owned()];
    let mut made = 0;
    let refused = loop {
        let body = Body::Json(json!({"name": format!("key {made}")}));
        let answer = stage.call(Method::POST, &paths[made % 2], body).await;
        if answer.status != 200 {
            break answer;
        }
        made += 1;
        assert!(made < 100, "never refused");
    };
    assert!(made >= 2, "{made}");
    slowed(&refused, "Too many new keys of this account");
    for path in &paths {
        stage.call(Method::GET, path, Body::None).await.ok();
    }
}

async fn failed_attempts_are_limited_by_address_and_right_ones_are_not(mut stage: Stage) {
    let rates = RatesConfig { failed_attempts_per_second: 1, ..slow() };
    stage.plane = stage.node_with(stage.key.clone(), |config| config.rates = rates).await.unwrap();
    stage.peer = Some("192.0.2.1:1000".parse().unwrap());
    let mut wrong = stage.account.clone();
    wrong.api_key.push('1');
    let bearer = [("authorization", "Bearer wrong".to_owned()), ("x-safelight-region", "eu".to_owned())];
    let mut statuses = Vec::new();
    let refused = loop {
        // All gates of the plane count together.
        let answer = match statuses.len() % 3 {
            0 => stage.call_as(&wrong, Method::GET, "/sub_accounts", Body::None).await,
            1 => stage.send(Method::GET, "/internal/v1/regions/eu/snapshots", &bearer, Body::None).await,
            _ => stage.send(Method::GET, "/internal/v1/operator/accounts", &bearer, Body::None).await,
        };
        if answer.status == 429 {
            break answer;
        }
        answer.refused(401, "Invalid credentials");
        statuses.push(answer.status);
        assert!(statuses.len() < 100, "never refused");
    };
    assert!(statuses.len() >= 3, "{statuses:?}");
    slowed(&refused, "Too many failed attempts from this address");

    // Right credentials from the same address are never slowed, and wrong ones from elsewhere are their own affair.
    for _ in 0..10 {
        stage.call(Method::GET, "/sub_accounts", Body::None).await.ok();
        stage.operate(Method::GET, "/accounts", Body::None).await.ok();
    }
    stage.peer = Some("192.0.2.2:1000".parse().unwrap());
    stage
        .send(Method::GET, "/internal/v1/operator/accounts", &bearer, Body::None)
        .await
        .refused(401, "Invalid credentials");
}
