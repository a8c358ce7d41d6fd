//! Streaming profiles: kept, listed and reverted.

use reqwest::Method;
use safelight_tests::{harness::client::Tenant, on_both_databases};
use serde_json::{Value, json};

on_both_databases!(profiles_live_and_predefined_ones_come_back, what_makes_no_sense_is_named,);

async fn names(tenant: &Tenant) -> Vec<String> {
    let all = tenant.get("streaming_profiles").await.ok();
    let all = all["data"].as_array().expect("a list").iter();
    all.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

async fn profiles_live_and_predefined_ones_come_back(tenant: Tenant) {
    let predefined = ["4k", "full_hd", "hd", "sd", "full_hd_wifi", "full_hd_lean", "hd_lean"];
    assert_eq!(names(&tenant).await, predefined);
    let renditions =
        json!([{"transformation": "br_5m,c_crop,h_1200,w_1200"}, {"transformation": "c_limit,w_320/q_30"}]);
    let body = json!({"name": "own_square", "display_name": "Square", "representations": renditions.to_string()});
    let made = tenant.send(Method::POST, "streaming_profiles", body.clone()).await.ok();
    assert_eq!(made["message"], "created");
    let steps = json!([
        {"transformation": [{"bit_rate": "5m", "crop": "crop", "height": 1200, "width": 1200}]},
        {"transformation": [{"crop": "limit", "width": 320}, {"quality": 30}]},
    ]);
    assert_eq!(made["data"]["representations"], steps);
    assert_eq!((&made["data"]["predefined"], &made["data"]["display_name"]), (&json!(false), &json!("Square")));
    assert_eq!(tenant.send(Method::POST, "streaming_profiles", body).await.status, 409);
    let found = tenant.get("streaming_profiles/own_square").await.ok();
    assert_eq!(found["data"], made["data"]);
    assert_eq!(names(&tenant).await.last().map(String::as_str), Some("own_square"));
    let changed = json!({"representations": ["w_5"]});
    let changed = tenant.send(Method::PUT, "streaming_profiles/own_square", changed).await.ok();
    assert_eq!(changed["message"], "updated");
    assert_eq!(changed["data"]["representations"], json!([{"transformation": [{"width": 5}]}]));
    assert_eq!(changed["data"]["display_name"], "Square");
    let gone = tenant.admin(Method::DELETE, "streaming_profiles/own_square").await.ok();
    assert_eq!((&gone["message"], &gone["data"]["name"]), (&json!("deleted"), &json!("own_square")));
    assert_eq!(tenant.get("streaming_profiles/own_square").await.status, 404);

    let before = tenant.get("streaming_profiles/hd").await.ok();
    assert_eq!(before["data"]["representations"][0]["transformation"][0]["width"], 1280);
    let named = json!({"display_name": "Ours"});
    let own = tenant.send(Method::PUT, "streaming_profiles/hd", named).await.ok();
    assert_eq!((&own["data"]["predefined"], &own["data"]["display_name"]), (&json!(true), &json!("Ours")));
    assert_eq!(own["data"]["representations"], before["data"]["representations"]);
    assert_eq!(names(&tenant).await, predefined);
    tenant.admin(Method::DELETE, "streaming_profiles/hd").await.ok();
    assert_eq!(tenant.get("streaming_profiles/hd").await.ok(), before);
    assert_eq!(before["data"]["display_name"], Value::Null);
}

async fn what_makes_no_sense_is_named(tenant: Tenant) {
    for (body, status, part) in [
        (json!({"representations": ["w_5"]}), 400, "name"),
        (json!({"name": "a/b", "representations": ["w_5"]}), 400, "name"),
        (json!({"name": "x"}), 400, "representations"),
        (json!({"name": "x", "representations": "[]"}), 400, "representations"),
        (json!({"name": "x", "representations": ["hello"]}), 400, "hello"),
        (json!({"name": "x", "representations": vec!["w_5"; 51]}), 400, "50"),
        (json!({"name": "x", "display_name": "n".repeat(256), "representations": ["w_5"]}), 400, "display_name"),
        (json!({"name": "hd", "representations": ["w_5"]}), 409, "hd"),
    ] {
        let refused = tenant.send(Method::POST, "streaming_profiles", body.clone()).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.text());
        assert!(refused.message().contains(part), "{body}: {}", refused.message());
    }
    assert_eq!(tenant.send(Method::PUT, "streaming_profiles/hd", json!({})).await.status, 400);
    assert_eq!(tenant.send(Method::PUT, "streaming_profiles/none", json!({"display_name": "x"})).await.status, 404);
    assert_eq!(tenant.admin(Method::DELETE, "streaming_profiles/none").await.status, 404);
    assert_eq!(tenant.get("streaming_profiles/a%00b").await.status, 404);
}
