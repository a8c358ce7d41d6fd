//! Provisioning keys over HTTP.

use std::time::Duration;

use actix_web::http::Method;
use control_plane::AccountCredentials;
use plane_kit::secret::Secret;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, Stage},
    on_both_databases,
};

on_both_databases!(
    a_key_lives_and_dies,
    the_last_enabled_key_stays,
    mistakes_are_named,
    another_account_s_keys_are_not_there,
);

const PATH: &str = "/provisioning_keys";
const MEMBERS: [&str; 5] = ["name", "api_key", "role", "enabled", "created_at"];

/// Makes a key. Time moves by a second, so that one made later sorts behind.
async fn key(stage: &Stage, name: &str) -> Value {
    stage.clock.advance(Duration::from_secs(1));
    stage.call(Method::POST, PATH, Body::Json(json!({"name": name}))).await.ok()
}

fn path_of(key: &Value) -> String {
    format!("{PATH}/{}", key["api_key"].as_str().unwrap())
}

/// The account with another of its keys.
fn with(stage: &Stage, key: &Value) -> AccountCredentials {
    AccountCredentials {
        account: stage.account.account.clone(),
        api_key: key["api_key"].as_str().unwrap().to_owned(),
        api_secret: Secret::new(key["api_secret"].as_str().unwrap()),
    }
}

async fn names(stage: &Stage) -> Vec<(String, bool)> {
    let listed = stage.call(Method::GET, PATH, Body::None).await.ok();
    let keys = listed["provisioning_keys"].as_array().unwrap().iter();
    keys.map(|key| (key["name"].as_str().unwrap().to_owned(), key["enabled"].as_bool().unwrap())).collect()
}

async fn a_key_lives_and_dies(stage: Stage) {
    let made = key(&stage, "ci").await;
    let created = ["name", "api_key", "api_secret", "role", "enabled", "created_at"];
    assert_eq!(Answer::members(&made), created);
    assert_eq!((&made["role"], &made["created_at"]), (&json!("account_admin"), &json!("2026-11-23T12:00:01Z")));
    let ci = with(&stage, &made);
    stage.call_as(&ci, Method::GET, "/sub_accounts", Body::None).await.ok();

    let listed = stage.call_as(&ci, Method::GET, PATH, Body::None).await.ok();
    assert_eq!(Answer::members(&listed), ["provisioning_keys"]);
    for key in listed["provisioning_keys"].as_array().unwrap() {
        assert_eq!(Answer::members(key), MEMBERS, "the secret is in no list");
    }
    assert_eq!(names(&stage).await, [("Root".to_owned(), true), ("ci".to_owned(), true)]);

    let path = path_of(&made);
    let changed = stage.call(Method::PUT, &path, Body::Form("name=builds&enabled=0")).await.ok();
    assert_eq!(Answer::members(&changed), MEMBERS);
    assert_eq!((&changed["name"], &changed["enabled"]), (&json!("builds"), &json!(false)));
    stage.call_as(&ci, Method::GET, PATH, Body::None).await.refused(401, "Invalid credentials");
    assert_eq!(stage.call(Method::PUT, &path, Body::None).await.ok(), changed, "what is absent stays");
    stage.call(Method::PUT, &path, Body::Json(json!({"enabled": true, "role": "account_admin"}))).await.ok();
    stage.call_as(&ci, Method::GET, PATH, Body::None).await.ok();

    assert_eq!(stage.call(Method::DELETE, &path, Body::None).await.ok(), json!({"message": "ok"}));
    stage.call_as(&ci, Method::GET, PATH, Body::None).await.refused(401, "Invalid credentials");
    assert_eq!(names(&stage).await, [("Root".to_owned(), true)]);
}

async fn the_last_enabled_key_stays(stage: Stage) {
    let root = format!("{PATH}/{}", stage.account.api_key);
    let body = json!({"name": "asleep", "enabled": false});
    let asleep = stage.call(Method::POST, PATH, Body::Json(body)).await.ok();
    for (method, body) in [(Method::PUT, json!({"enabled": false})), (Method::DELETE, json!({}))] {
        let answer = stage.call(method, &root, Body::Json(body)).await;
        answer.refused(403, &format!("{} is the last enabled key of the account", stage.account.api_key));
    }
    stage.call(Method::PUT, &root, Body::Json(json!({"name": "first"}))).await.ok();
    // Another account's keys do not help.
    stage.plane.create_account("Other", "Plus").await.unwrap();
    stage.call(Method::DELETE, &root, Body::None).await.refused(403, "last enabled key");
    stage.call(Method::PUT, &path_of(&asleep), Body::Json(json!({"enabled": true}))).await.ok();
    stage.call(Method::DELETE, &root, Body::None).await.ok();
    let awake = with(&stage, &asleep);
    let last = stage.call_as(&awake, Method::DELETE, &path_of(&asleep), Body::None).await;
    last.refused(403, "last enabled key");
}

async fn mistakes_are_named(stage: Stage) {
    let ci = key(&stage, "ci").await;
    let long = "n".repeat(256);
    let path = path_of(&ci);
    let cases: Vec<(Method, &str, Value, u16, &str)> = vec![
        (Method::POST, PATH, json!({}), 400, "Missing required parameter - name"),
        (Method::POST, PATH, json!({"name": long}), 400, "parameter name"),
        (Method::POST, PATH, json!({"name": "\u{7}"}), 400, "parameter name"),
        (Method::POST, PATH, json!({"name": "x", "enabled": "so"}), 400, "parameter enabled"),
        (Method::POST, PATH, json!({"name": "x", "role": "owner"}), 400, "owner for parameter role"),
        (Method::POST, PATH, json!({"name": "x", "role": "owner"}), 400, "account_admin"),
        (Method::POST, PATH, json!({"name": "Root"}), 409, "Root already exists"),
        (Method::PUT, &path, json!({"name": "Root"}), 409, "Root already exists"),
        (Method::PUT, &path, json!({"role": "owner"}), 400, "account_admin"),
        (Method::PUT, "/provisioning_keys/1", json!({}), 404, "Cannot find provisioning key 1"),
        (Method::DELETE, "/provisioning_keys/1", json!({}), 404, "Cannot find provisioning key 1"),
        (Method::DELETE, "/provisioning_keys/%07", json!({}), 404, "Cannot find provisioning key"),
    ];
    for (method, path, body, status, text) in cases {
        stage.call(method, path, Body::Json(body)).await.refused(status, text);
    }
    assert_eq!(names(&stage).await, [("Root".to_owned(), true), ("ci".to_owned(), true)]);
}

async fn another_account_s_keys_are_not_there(stage: Stage) {
    let ci = key(&stage, "ci").await;
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    for method in [Method::PUT, Method::DELETE] {
        let answer = stage.call_as(&other, method, &path_of(&ci), Body::Json(json!({"enabled": false}))).await;
        answer.refused(404, "Cannot find provisioning key");
    }
    let listed = stage.call_as(&other, Method::GET, PATH, Body::None).await.ok();
    assert_eq!(listed["provisioning_keys"].as_array().map(Vec::len), Some(1));
    // Names are unique within an account only.
    stage.call_as(&other, Method::POST, PATH, Body::Json(json!({"name": "ci"}))).await.ok();
    stage.call_as(&with(&stage, &ci), Method::GET, PATH, Body::None).await.ok();
}
