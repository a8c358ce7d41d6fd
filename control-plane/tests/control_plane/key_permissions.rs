//! What access keys may do, over HTTP.

use std::time::Duration;

use actix_web::http::Method;
use plane_kit::policy::{Effect, PolicyLine, key_subject, rules_subject};
use serde_json::{Value, json};

use crate::{
    harness::{Body, Stage},
    on_both_databases,
};

on_both_databases!(
    rules_are_set_shown_and_carried_down,
    rules_that_are_none_are_refused,
    templates_are_rules,
    decisions_are_explained,
    an_expired_key_is_explained_as_such,
    rules_that_cannot_be_read_bind_to_nothing,
    keys_of_others_are_not_there,
);

/// The path of the only key of a new environment, and its public half.
async fn key(stage: &Stage, cloud_name: &str) -> (String, String) {
    let keys = format!("/sub_accounts/{}/access_keys", stage.environment(cloud_name).await);
    let listed = stage.call(Method::GET, &keys, Body::None).await.ok();
    let api_key = listed["access_keys"][0]["api_key"].as_str().unwrap().to_owned();
    (format!("{keys}/{api_key}"), api_key)
}

fn contains(list: &Value, id: &str) -> bool {
    list.as_array().unwrap().contains(&json!(id))
}

async fn rules_are_set_shown_and_carried_down(stage: Stage) {
    let (path, api_key) = key(&stage, "demo").await;
    let path = format!("{path}/permissions");
    let free = stage.call(Method::GET, &path, Body::None).await.ok();
    assert_eq!((&free["rules"], &free["signs_delivery"]), (&json!([]), &json!(true)));
    assert!(contains(&free["allowed"], "destroy") && contains(&free["allowed"], "upload"));

    let rules = json!(["POST /:resource_type/upload in clients/acme", "@usage"]);
    let bound = stage.call(Method::PUT, &path, Body::Json(json!({"rules": rules}))).await.ok();
    assert_eq!(bound["rules"], rules);
    assert_eq!(bound["allowed"], json!(["usage"]));
    assert_eq!(bound["allowed_in_folders"], json!(["upload"]));
    assert_eq!(bound["signs_delivery"], false);
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), bound);

    let link = stage.plane.link_for_region("eu");
    let page = link.snapshots(0, Duration::ZERO).await.unwrap();
    let snapshot = stage.read(page.items.last().unwrap());
    let subject = rules_subject(&key_subject(&api_key));
    let lines: Vec<&PolicyLine> = snapshot.policies.iter().filter(|line| line.subject == subject).collect();
    let printed: Vec<String> = lines.iter().map(ToString::to_string).collect();
    assert_eq!(json!(printed), rules);
    assert!(lines.iter().all(|line| line.effect == Effect::Allow));
    assert!(!snapshot.keys[0].signs_delivery);

    // What is not named stays; an empty list frees the key.
    let signing = stage.call(Method::PUT, &path, Body::Form("sign_delivery=true")).await.ok();
    assert_eq!((&signing["rules"], &signing["signs_delivery"]), (&rules, &json!(true)));
    let by_form = stage.call(Method::PUT, &path, Body::Form("rules[]=@usage&rules[]=@tags:read+in+a,b")).await;
    by_form.refused(400, "nothing that it covers has a folder");
    let by_form = stage.call(Method::PUT, &path, Body::Form("rules[]=@usage&rules[]=@assets:read+in+a,b")).await.ok();
    assert_eq!(by_form["rules"], json!(["@usage", "@assets:read in a,b"]), "a comma is part of a folder's name");
    let freed = stage.call(Method::PUT, &path, Body::Json(json!({"rules": []}))).await.ok();
    assert_eq!(freed["rules"], json!([]));
    assert_eq!(freed["allowed"], free["allowed"]);
}

async fn rules_that_are_none_are_refused(stage: Stage) {
    let (path, _) = key(&stage, "demo").await;
    let path = format!("{path}/permissions");
    let kept = json!({"rules": ["@usage"]});
    stage.call(Method::PUT, &path, Body::Json(kept.clone())).await.ok();
    for (body, text) in [
        (json!({}), "Missing required parameter - rules"),
        (json!({"rules": ["GET /usages"]}), "did you mean `GET /usage`?"),
        (json!({"rules": ["GET /usage", "FETCH /usage"]}), "unknown method FETCH"),
        (json!({"rules": ["@upload_preset"]}), "did you mean `@upload_presets`?"),
        (json!({"rules": ["GET /sub_accounts"]}), "no operation has the path"),
        (json!({"rules": [1]}), "Invalid value 1 for parameter rules"),
        (json!({"rules": {"a": 1}}), "parameter rules"),
        (json!({"rules": [null]}), "parameter rules"),
        (json!({"rules": vec!["@usage"; 101]}), "101 rules; a key may have 100"),
        (json!({"template": "read_some"}), "one of read_only"),
        (json!({"template": "read_only", "rules": []}), "rules or a template, not both"),
        (json!({"rules": ["@usage"], "sign_delivery": "perhaps"}), "parameter sign_delivery"),
    ] {
        stage.call(Method::PUT, &path, Body::Json(body)).await.refused(400, text);
    }
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok()["rules"], kept["rules"], "nothing was changed");
}

async fn templates_are_rules(stage: Stage) {
    let (path, _) = key(&stage, "demo").await;
    let path = format!("{path}/permissions");
    let templates = stage.call(Method::GET, "/permissions/templates", Body::None).await.ok();
    for template in templates["templates"].as_array().unwrap() {
        let bound = stage.call(Method::PUT, &path, Body::Json(json!({"template": template["name"]}))).await.ok();
        assert_eq!(bound["rules"], template["rules"]);
    }
    let bound = stage.call(Method::PUT, &path, Body::Json(json!({"template": "everything_but_delete"}))).await.ok();
    assert!(contains(&bound["allowed"], "destroy") && !contains(&bound["allowed"], "delete_resources"));
    assert!(bound["warnings"][0].as_str().unwrap().contains("is no DELETE"), "{bound}");
    let bound = stage.call(Method::PUT, &path, Body::Json(json!({"template": "read_only"}))).await.ok();
    for id in ["search_resources", "download", "list_resources", "read_folder"] {
        assert!(contains(&bound["allowed"], id), "{id}");
    }
    for id in ["upload", "destroy", "delete_folder", "create_upload_preset"] {
        assert!(!contains(&bound["allowed"], id), "{id}");
    }
    let operations = stage.call(Method::GET, "/permissions/operations", Body::None).await.ok();
    assert!(operations["operations"].as_array().unwrap().len() > 100);
}

async fn decisions_are_explained(stage: Stage) {
    let (path, api_key) = key(&stage, "demo").await;
    let rules = json!({"rules": ["@upload in clients/acme", "@assets:read", "deny GET /resources/:resource_type"]});
    stage.call(Method::PUT, &format!("{path}/permissions"), Body::Json(rules)).await.ok();
    let explain = async |body: Value| {
        let mut body = body;
        if body.get("principal").is_none() {
            body["principal"] = json!(api_key);
        }
        stage.call(Method::POST, "/permissions/explain", Body::Json(body)).await
    };
    for (call, decision, reason) in [
        (json!({"method": "POST", "path": "/image/upload", "folder": "clients/acme/summer"}), "allow", "@upload in"),
        (json!({"method": "POST", "path": "/v1_1/demo/image/upload"}), "deny", "only in clients/acme"),
        (json!({"method": "get", "path": "resources/image"}), "deny", "denies it"),
        (json!({"method": "GET", "path": "/resources/image/upload/a/b"}), "allow", "@assets:read"),
        (json!({"method": "DELETE", "path": "/resources/image/upload"}), "deny", "none of its rules"),
        (
            json!({"principal": format!("provisioning_key:{}", stage.account.api_key), "method": "GET", "path": "/users"}),
            "allow",
            "role:account_admin",
        ),
    ] {
        let shown = call.to_string();
        let explained = explain(call).await.ok();
        assert_eq!(explained["decision"], decision, "{shown} {explained}");
        assert!(explained["reason"].as_str().unwrap().contains(reason), "{shown} {explained}");
        let advice = explained["would_allow"].as_array().unwrap().len();
        assert_eq!(advice == 0, decision == "allow", "{explained}");
    }
    let elsewhere = explain(json!({"method": "POST", "path": "/image/upload", "folder": "x"})).await.ok();
    assert_eq!(elsewhere["allowed_in"], json!(["clients/acme"]));
    assert_eq!(elsewhere["would_allow"][0], "add the rule `POST /:resource_type/upload in x`");
    explain(json!({"method": "GET", "path": "/usages"})).await.refused(400, "did you mean `GET /usage`?");
    let as_uploaded = explain(json!({"method": "POST", "path": "/image/upload", "asset_folder": "x"})).await.ok();
    assert_eq!(as_uploaded, elsewhere, "uploads call it asset_folder");
    let mistaken = json!({"method": "POST", "path": "/image/upload", "folders": "x"});
    explain(mistaken).await.refused(400, "There is no parameter folders; did you mean folder?");
    explain(json!({"path": "/usage"})).await.refused(400, "Missing required parameter - method");
    explain(json!({"principal": "1", "method": "GET", "path": "/usage"}))
        .await
        .refused(404, "Cannot find access key 1");
    explain(json!({"principal": "provisioning_key:1", "method": "GET", "path": "/users"}))
        .await
        .refused(404, "Cannot find provisioning key 1");
}

async fn an_expired_key_is_explained_as_such(stage: Stage) {
    let (path, _) = key(&stage, "demo").await;
    let keys = path.rsplit_once('/').unwrap().0;
    let made = stage.call(Method::POST, keys, Body::Json(json!({"name": "brief"}))).await.ok();
    let api_key = made["api_key"].as_str().unwrap();
    let expires_at = json!({"expires_at": "2026-11-23T13:00:00Z"});
    stage.call(Method::PUT, &format!("{keys}/{api_key}/details"), Body::Json(expires_at)).await.ok();
    let asked = json!({"principal": api_key, "method": "GET", "path": "/usage"});
    for (advance, decision, reason) in [(0, "allow", "permits it"), (3_600, "deny", "the key has expired")] {
        stage.clock.advance(Duration::from_secs(advance));
        let explained = stage.call(Method::POST, "/permissions/explain", Body::Json(asked.clone())).await.ok();
        assert_eq!(explained["decision"], decision);
        assert!(explained["reason"].as_str().unwrap().contains(reason), "{explained}");
    }
}

async fn rules_that_cannot_be_read_bind_to_nothing(stage: Stage) {
    let (path, api_key) = key(&stage, "demo").await;
    let keys = path.rsplit_once('/').unwrap().0;
    let other = stage.call(Method::POST, keys, Body::Json(json!({"name": "other"}))).await.ok();
    stage.execute(&format!("UPDATE {{}}access_keys SET rules = '[\"GET /gone\"]' WHERE api_key = '{api_key}'")).await;
    // What has to be switched off can be switched off all the same.
    let off = format!("{keys}/{}", other["api_key"].as_str().unwrap());
    stage.call(Method::PUT, &off, Body::Json(json!({"enabled": false}))).await.ok();
    let page = stage.plane.link_for_region("eu").snapshots(0, Duration::ZERO).await.unwrap();
    let snapshot = stage.read(page.items.last().unwrap());
    let subject = rules_subject(&key_subject(&api_key));
    let lines: Vec<String> =
        snapshot.policies.iter().filter(|line| line.subject == subject).map(ToString::to_string).collect();
    assert_eq!(lines.first().map(String::as_str), Some("deny *"));
    stage.call(Method::GET, &format!("{path}/permissions"), Body::None).await.refused(500, "General Error");
    stage.call(Method::PUT, &format!("{path}/permissions"), Body::Json(json!({"rules": []}))).await.ok();
}

async fn keys_of_others_are_not_there(stage: Stage) {
    let (path, api_key) = key(&stage, "demo").await;
    let other = stage.plane.create_account("Other", "free").await.unwrap();
    let permissions = format!("{path}/permissions");
    stage.call_as(&other, Method::GET, &permissions, Body::None).await.refused(404, "Cannot find sub account");
    let rules = || Body::Json(json!({"rules": ["deny *"]}));
    stage.call_as(&other, Method::PUT, &permissions, rules()).await.refused(404, "Cannot find sub account");
    let elsewhere = stage.environment("elsewhere").await;
    let crossed = format!("/sub_accounts/{elsewhere}/access_keys/{api_key}/permissions");
    stage.call(Method::PUT, &crossed, rules()).await.refused(404, "Cannot find access key");
    let asked = json!({"principal": api_key, "method": "GET", "path": "/usage"});
    stage
        .call_as(&other, Method::POST, "/permissions/explain", Body::Json(asked))
        .await
        .refused(404, "Cannot find access key");
}
