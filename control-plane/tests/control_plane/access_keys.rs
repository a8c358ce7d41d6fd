//! Access keys over HTTP.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, Stage},
    on_both_databases,
};

on_both_databases!(
    a_key_lives_and_dies,
    the_last_enabled_key_stays,
    keys_are_paged_and_sorted,
    keys_are_deleted_by_name
);

const MEMBERS: [&str; 7] = ["name", "api_key", "api_secret", "created_at", "updated_at", "enabled", "root"];

fn names(body: &Value) -> Vec<&str> {
    body["access_keys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect()
}

async fn a_key_lives_and_dies(stage: Stage) {
    let path = format!("/sub_accounts/{}/access_keys", stage.environment("demo").await);
    let first = stage.call(Method::GET, &path, Body::None).await.ok();
    assert_eq!(Answer::members(&first), ["access_keys", "total"]);
    assert_eq!(first["total"], 1);
    let root = first["access_keys"][0].clone();
    assert_eq!(Answer::members(&root), MEMBERS);
    assert_eq!(root["root"], true);

    stage.clock.advance(Duration::from_secs(1));
    let made = stage.call(Method::POST, &path, Body::Json(json!({"name": "main", "enabled": "false"}))).await.ok();
    assert_eq!(Answer::members(&made), MEMBERS);
    assert_eq!((&made["name"], &made["enabled"], &made["root"]), (&json!("main"), &json!(false), &json!(false)));
    assert_eq!(made["api_key"].as_str().unwrap().len(), 15);
    stage.call(Method::POST, &path, Body::Json(json!({"name": "main"}))).await.refused(409, "main already exists");
    stage.clock.advance(Duration::from_secs(1));
    let unnamed = stage.call(Method::POST, &path, Body::None).await.ok();
    assert_eq!(unnamed["enabled"], true);

    let main = format!("{path}/{}", made["api_key"].as_str().unwrap());
    let other = format!("{path}/{}", unnamed["api_key"].as_str().unwrap());
    let changed =
        stage.call(Method::PUT, &main, Body::Json(json!({"enabled": true, "dedicated_for": "webhooks"}))).await;
    let changed = changed.ok();
    let with_purpose =
        ["name", "api_key", "api_secret", "created_at", "updated_at", "enabled", "dedicated_for", "root"];
    assert_eq!(Answer::members(&changed), with_purpose);
    assert_eq!(changed["dedicated_for"], json!(["webhooks"]));
    assert_eq!(changed["api_secret"], made["api_secret"]);
    let moved = stage.call(Method::PUT, &other, Body::Form("dedicated_for=webhooks&name=hooks")).await.ok();
    assert_eq!((&moved["name"], &moved["dedicated_for"]), (&json!("hooks"), &json!(["webhooks"])));
    let listed = stage.call(Method::GET, &format!("{path}?sort_by=created_at&sort_order=asc"), Body::None).await.ok();
    let dedicated: Vec<bool> =
        listed["access_keys"].as_array().unwrap().iter().map(|key| key.get("dedicated_for").is_some()).collect();
    assert_eq!((names(&listed), dedicated), (vec!["Root", "main", "hooks"], vec![false, false, true]));

    for (changes, status, text) in [
        (json!({"dedicated_for": "lunch"}), 400, "Invalid value lunch for parameter dedicated_for"),
        (json!({"name": "Root"}), 409, "Root already exists"),
        (json!({"enabled": "perhaps"}), 400, "parameter enabled"),
    ] {
        stage.call(Method::PUT, &main, Body::Json(changes)).await.refused(status, text);
    }
    assert_eq!(stage.call(Method::DELETE, &main, Body::Json(json!({}))).await.ok(), json!({"message": "ok"}));
    stage.call(Method::DELETE, &main, Body::None).await.refused(404, "Cannot find access key");
    stage.call(Method::PUT, &main, Body::Json(json!({"name": "x"}))).await.refused(404, "Cannot find access key");
    // A key is looked for in its own environment only.
    let elsewhere = stage.environment("elsewhere").await;
    let crossed = format!("/sub_accounts/{elsewhere}/access_keys/{}", unnamed["api_key"].as_str().unwrap());
    stage.call(Method::DELETE, &crossed, Body::None).await.refused(404, "Cannot find access key");
}

async fn the_last_enabled_key_stays(stage: Stage) {
    let path = format!("/sub_accounts/{}/access_keys", stage.environment("demo").await);
    let root = stage.call(Method::GET, &path, Body::None).await.ok()["access_keys"][0].clone();
    let root = format!("{path}/{}", root["api_key"].as_str().unwrap());
    let spare = stage.call(Method::POST, &path, Body::Json(json!({"name": "spare", "enabled": false}))).await.ok();
    let spare = format!("{path}/{}", spare["api_key"].as_str().unwrap());
    let off = || Body::Json(json!({"enabled": false}));
    stage.call(Method::DELETE, &root, Body::None).await.refused(403, "last enabled key");
    stage.call(Method::PUT, &root, off()).await.refused(403, "last enabled key");
    stage.call(Method::DELETE, &format!("{path}?name=Root"), Body::None).await.refused(403, "last enabled key");
    stage.call(Method::PUT, &spare, off()).await.ok();
    stage.call(Method::PUT, &spare, Body::Json(json!({"enabled": true}))).await.ok();
    stage.call(Method::PUT, &root, off()).await.ok();
    stage.call(Method::PUT, &root, off()).await.ok();
    stage.call(Method::DELETE, &spare, Body::None).await.refused(403, "last enabled key");
    stage.call(Method::DELETE, &root, Body::None).await.ok();
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok()["total"], 1);

    // Two who each switch off one of two keys at once do not leave the environment without.
    let second = stage.call(Method::POST, &path, Body::Json(json!({"name": "second"}))).await.ok();
    let second = format!("{path}/{}", second["api_key"].as_str().unwrap());
    let (one, two) = tokio::join!(stage.call(Method::PUT, &spare, off()), stage.call(Method::PUT, &second, off()));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
}

async fn keys_are_paged_and_sorted(stage: Stage) {
    let path = format!("/sub_accounts/{}/access_keys", stage.environment("demo").await);
    // How capital letters sort is the database's business, so the first key gets a small one.
    let root = stage.call(Method::GET, &path, Body::None).await.ok()["access_keys"][0].clone();
    let root = format!("{path}/{}", root["api_key"].as_str().unwrap());
    stage.call(Method::PUT, &root, Body::Json(json!({"name": "d"}))).await.ok();
    for (name, enabled) in [("c", true), ("a", false), ("b", true)] {
        stage.clock.advance(Duration::from_secs(1));
        stage.call(Method::POST, &path, Body::Json(json!({"name": name, "enabled": enabled}))).await.ok();
    }
    let cases: [(&str, &[&str]); 8] = [
        ("", &["b", "a", "c", "d"]),
        ("?sort_order=asc", &["d", "c", "a", "b"]),
        ("?sort_by=name&sort_order=asc&page_size=3&page=2", &["d"]),
        ("?sort_by=created_at&page_size=2", &["b", "a"]),
        ("?page_size=2&page=2", &["c", "d"]),
        ("?page_size=2&page=3", &[]),
        ("?sort_by=enabled&sort_order=asc&page_size=1", &["a"]),
        ("?page=1", &["b", "a", "c", "d"]),
    ];
    for (query, expected) in cases {
        let listed = stage.call(Method::GET, &format!("{path}{query}"), Body::None).await.ok();
        assert_eq!(names(&listed), expected, "{query}");
        assert_eq!(listed["total"], 4, "{query}");
    }
    for (query, text) in [
        ("?page=101", "parameter page"),
        ("?page=0", "parameter page"),
        ("?page_size=0", "parameter page_size"),
        ("?page_size=x", "parameter page_size"),
        ("?sort_by=secret", "Invalid value secret for parameter sort_by"),
        ("?sort_order=up", "Invalid value up for parameter sort_order"),
    ] {
        stage.call(Method::GET, &format!("{path}{query}"), Body::None).await.refused(400, text);
    }
}

async fn keys_are_deleted_by_name(stage: Stage) {
    let path = format!("/sub_accounts/{}/access_keys", stage.environment("demo").await);
    let ways = [
        (path.clone(), Body::Json(json!({"name": "a b"}))),
        (path.clone(), Body::Form("name=a+b")),
        (format!("{path}?name=a%20b"), Body::None),
    ];
    for (target, body) in ways {
        stage.call(Method::POST, &path, Body::Json(json!({"name": "a b"}))).await.ok();
        let shown = format!("{body:?}");
        let deleted = stage.call(Method::DELETE, &target, body).await.ok();
        assert_eq!(deleted, json!({"message": "ok"}), "{shown}");
    }
    stage.call(Method::DELETE, &path, Body::Json(json!({"name": "a b"}))).await.refused(404, "Cannot find access key");
    stage.call(Method::DELETE, &path, Body::Json(json!({"name": "\0"}))).await.refused(400, "parameter name");
    stage.call(Method::DELETE, &format!("{path}/%00"), Body::None).await.refused(404, "Cannot find access key");
    stage.call(Method::DELETE, &path, Body::None).await.refused(400, "Missing required parameter - name");
}
