//! Product environments over HTTP.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, REGION, Stage},
    on_both_databases,
};

on_both_databases!(
    an_environment_lives_and_dies,
    lists_are_filtered,
    mistakes_are_named,
    another_account_s_environments_are_not_there,
    settings_are_copied_from_a_base,
    settings_are_set_one_by_one,
    every_form_of_body_is_read,
    a_second_start_finds_the_same_credentials,
);

fn cloud_names(body: &Value) -> Vec<&str> {
    let listed = body["sub_accounts"].as_array().unwrap();
    listed.iter().map(|one| one["cloud_name"].as_str().unwrap()).collect()
}

async fn an_environment_lives_and_dies(stage: Stage) {
    let body = json!({"name": "My Shop", "cloud_name": "My-Shop", "custom_attributes": {"a": [1]}, "enabled": null});
    let answer = stage.call(Method::POST, "/sub_accounts", Body::Json(body)).await;
    let has_rate_headers = answer.headers.keys().any(|name| name.as_str().contains("ratelimit"));
    assert!(!has_rate_headers, "clients compare the members of an answer, and add these to it");
    let made = answer.ok();
    let expected =
        ["id", "name", "cloud_name", "enabled", "created_at", "updated_at", "custom_attributes", "api_access_keys"];
    assert_eq!(Answer::members(&made), expected);
    assert_eq!(made["cloud_name"], "my-shop");
    assert_eq!(made["created_at"], "2026-11-23T12:00:00Z");
    assert_eq!(made["custom_attributes"], json!({"a": [1]}));
    let keys = made["api_access_keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(Answer::members(&keys[0]), ["key", "secret", "enabled"]);

    let path = format!("/sub_accounts/{}", made["id"].as_str().unwrap());
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), made);
    stage.clock.advance(std::time::Duration::from_secs(60));
    let changes = json!({"name": "Renamed", "cloud_name": "OTHER", "enabled": "false", "custom_attributes": {}});
    let changed = stage.call(Method::PUT, &path, Body::Json(changes)).await.ok();
    assert_eq!(changed["name"], "Renamed");
    assert_eq!(changed["cloud_name"], "other");
    assert_eq!(changed["enabled"], false);
    assert_eq!(changed["custom_attributes"], json!({}));
    assert_eq!(changed["updated_at"], "2026-11-23T12:01:00Z");
    assert_eq!(changed["api_access_keys"], made["api_access_keys"]);
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), changed);

    assert_eq!(stage.call(Method::DELETE, &path, Body::Json(json!({}))).await.ok(), json!({"message": "ok"}));
    let gone = stage.call(Method::GET, &path, Body::None).await;
    gone.refused(404, &format!("Cannot find sub account with id {}", made["id"].as_str().unwrap()));
    stage.call(Method::DELETE, &path, Body::None).await.refused(404, "Cannot find sub account");
    let again = stage.environment("other").await;
    assert_ne!(again, made["id"].as_str().unwrap(), "a name is free again, and inherits nothing");
}

async fn lists_are_filtered(stage: Stage) {
    let mut ids = Vec::new();
    for (name, cloud_name, enabled) in
        [("Alpha", "a1", true), ("alphabet", "a2", false), ("Ärger_%", "b1", true), ("Beta", "b2", true)]
    {
        let body = json!({"name": name, "cloud_name": cloud_name, "enabled": enabled});
        let made = stage.call(Method::POST, "/sub_accounts", Body::Json(body)).await.ok();
        ids.push(made["id"].as_str().unwrap().to_owned());
        stage.clock.advance(std::time::Duration::from_secs(1));
    }
    let cases: Vec<(String, &[&str])> = vec![
        (String::new(), &["a1", "a2", "b1", "b2"]),
        ("?".into(), &["a1", "a2", "b1", "b2"]),
        ("?enabled=true".into(), &["a1", "b1", "b2"]),
        ("?enabled=false".into(), &["a2"]),
        ("?prefix=ALPHA".into(), &["a1", "a2"]),
        ("?prefix=alpha&enabled=true".into(), &["a1"]),
        ("?prefix=%C3%A4rger_%25".into(), &["b1"]),
        ("?prefix=%25".into(), &[]),
        ("?prefix=lpha".into(), &[]),
        ("?cloud_names=A1&cloud_names=b2".into(), &["a1", "b2"]),
        ("?cloud_names[]=a2&enabled=true".into(), &[]),
        (format!("?ids={}", ids[1]), &["a2"]),
        (format!("?ids={},{}", ids[0], ids[3]), &["a1", "b2"]),
        (format!("?ids={}&prefix=%01", ids[1]), &["a2"]),
        (format!("?ids[]={}&ids[]=nonsense&enabled=false&prefix=x", ids[2]), &["b1"]),
    ];
    for (query, named) in [("?prefix=%00", "prefix"), ("?cloud_names=b1&cloud_names=%00", "cloud_names")] {
        let answer = stage.call(Method::GET, &format!("/sub_accounts{query}"), Body::None).await;
        answer.refused(400, &format!("parameter {named}"));
    }
    for (query, expected) in cases {
        let listed = stage.call(Method::GET, &format!("/sub_accounts{query}"), Body::None).await.ok();
        assert_eq!(Answer::members(&listed), ["sub_accounts"]);
        assert_eq!(cloud_names(&listed), expected, "{query}");
        for one in listed["sub_accounts"].as_array().unwrap() {
            assert_eq!(one["api_access_keys"].as_array().unwrap().len(), 1, "{query}");
        }
    }
    let many = vec!["x"; 101].join(",");
    let refused = stage.call(Method::GET, &format!("/sub_accounts?ids={many}"), Body::None).await;
    refused.refused(400, "at most 100");
}

async fn mistakes_are_named(stage: Stage) {
    let taken = stage.environment("taken").await;
    let mine = format!("/sub_accounts/{}", stage.environment("mine").await);
    let long = "n".repeat(256);
    let cases: Vec<(Method, &str, Value, u16, &str)> = vec![
        (Method::POST, "/sub_accounts", json!({}), 400, "Missing required parameter - name"),
        (Method::POST, "/sub_accounts", json!({"name": ""}), 400, "Missing required parameter - name"),
        (Method::POST, "/sub_accounts", json!({"name": {"a": 1}}), 400, "for parameter name"),
        (Method::POST, "/sub_accounts", json!({"name": long}), 400, "parameter name"),
        (Method::POST, "/sub_accounts", json!({"name": "x", "cloud_name": "TAKEN"}), 409, "already taken"),
        (Method::POST, "/sub_accounts", json!({"name": "x", "cloud_name": "a b"}), 400, "cloud_name"),
        (Method::POST, "/sub_accounts", json!({"name": "x", "cloud_name": "V1_1"}), 400, "reserved"),
        (Method::POST, "/sub_accounts", json!({"name": "x", "enabled": "perhaps"}), 400, "parameter enabled"),
        (Method::POST, "/sub_accounts", json!({"name": "x", "custom_attributes": [1]}), 400, "custom_attributes"),
        (Method::POST, "/sub_accounts", json!({"name": "x", "region": "moon"}), 400, "parameter region"),
        (
            Method::POST,
            "/sub_accounts",
            json!({"name": "x", "base_sub_account_id": "no"}),
            404,
            "sub account with id no",
        ),
        (Method::PUT, &mine, json!({"cloud_name": "taken"}), 409, "already taken"),
        (Method::PUT, &mine, json!({"cloud_name": "metrics"}), 400, "reserved"),
        (Method::PUT, "/sub_accounts/no-id", json!({"name": "x"}), 404, "Cannot find sub account with id no-id"),
        (Method::POST, "/sub_accounts", json!({"name": "zero\0byte"}), 400, "parameter name"),
        (
            Method::POST,
            "/sub_accounts",
            json!({"name": "x", "custom_attributes": {"a": ["\0"]}}),
            400,
            "custom_attributes",
        ),
        (Method::PUT, &mine, json!({"custom_attributes": {"\0": 1}}), 400, "custom_attributes"),
        (Method::GET, "/sub_accounts?enabled=perhaps", json!({}), 400, "parameter enabled"),
    ];
    for (method, path, body, status, text) in cases {
        stage.call(method, path, Body::Json(body)).await.refused(status, text);
    }
    // What was refused has changed nothing.
    let listed = stage.call(Method::GET, "/sub_accounts", Body::None).await.ok();
    assert_eq!(cloud_names(&listed), ["taken", "mine"]);
    let unchanged = stage.call(Method::GET, &format!("/sub_accounts/{taken}"), Body::None).await.ok();
    assert_eq!(unchanged["name"], "taken");
}

async fn another_account_s_environments_are_not_there(stage: Stage) {
    let mine = stage.environment("mine").await;
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let key = stage.plane.find_environment(stage.account.account.id, "mine").await.unwrap().unwrap().api_key;
    let paths = [
        (Method::GET, format!("/sub_accounts/{mine}")),
        (Method::PUT, format!("/sub_accounts/{mine}")),
        (Method::DELETE, format!("/sub_accounts/{mine}")),
        (Method::GET, format!("/sub_accounts/{mine}/access_keys")),
        (Method::POST, format!("/sub_accounts/{mine}/access_keys")),
        (Method::DELETE, format!("/sub_accounts/{mine}/access_keys")),
        (Method::PUT, format!("/sub_accounts/{mine}/access_keys/{key}")),
        (Method::DELETE, format!("/sub_accounts/{mine}/access_keys/{key}")),
    ];
    for (method, path) in paths {
        let answer = stage.call_as(&other, method, &path, Body::Json(json!({"name": "x"}))).await;
        answer.refused(404, &format!("Cannot find sub account with id {mine}"));
    }
    let copied = json!({"name": "x", "base_sub_account_id": mine});
    stage.call_as(&other, Method::POST, "/sub_accounts", Body::Json(copied)).await.refused(404, &mine);
    let listed = stage.call_as(&other, Method::GET, &format!("/sub_accounts?ids={mine}"), Body::None).await.ok();
    assert!(cloud_names(&listed).is_empty());
    assert_eq!(stage.plane.find_environment(other.account.id, "mine").await.unwrap().map(|found| found.id), None);
    // Names are unique over the installation, not over the account.
    let taken = json!({"name": "x", "cloud_name": "Mine"});
    stage.call_as(&other, Method::POST, "/sub_accounts", Body::Json(taken)).await.refused(409, "already taken");
    // Under the path of an account, the key of another one is no credential.
    let mut stolen = other.clone();
    stolen.account = stage.account.account.clone();
    stage.call_as(&stolen, Method::GET, "/sub_accounts", Body::None).await.refused(401, "Invalid credentials");
}

async fn settings_are_copied_from_a_base(stage: Stage) {
    let body = json!({"name": "base", "custom_attributes": {"team": "web"}});
    let base = stage.call(Method::POST, "/sub_accounts", Body::Json(body)).await.ok();
    let generated = base["cloud_name"].as_str().unwrap();
    assert!(generated.len() >= 8 && generated.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    let copy = json!({"name": "copy", "base_sub_account_id": base["id"]});
    let copy = stage.call(Method::POST, "/sub_accounts", Body::Json(copy)).await.ok();
    assert_eq!(copy["custom_attributes"], json!({"team": "web"}));
    assert_ne!(copy["api_access_keys"], base["api_access_keys"]);
    let own = json!({"name": "own", "base_sub_account_id": base["id"], "custom_attributes": {}});
    let own = stage.call(Method::POST, "/sub_accounts", Body::Json(own)).await.ok();
    assert_eq!(own["custom_attributes"], json!({}));
    let settings = |environment: &Value| format!("/sub_accounts/{}/settings", environment["id"].as_str().unwrap());
    let change = json!({"allowed_fetch_domains": ["a.test"]});
    let set = stage.call(Method::PUT, &settings(&base), Body::Json(change)).await.ok();
    let copy = json!({"name": "later", "base_sub_account_id": base["id"]});
    let copy = stage.call(Method::POST, "/sub_accounts", Body::Json(copy)).await.ok();
    assert_eq!(stage.call(Method::GET, &settings(&copy), Body::None).await.ok(), set);
    let untouched = stage.call(Method::GET, &settings(&own), Body::None).await.ok();
    assert_eq!(untouched["allowed_fetch_domains"], json!([]));
}

async fn settings_are_set_one_by_one(stage: Stage) {
    let path = format!("/sub_accounts/{}/settings", stage.environment("demo").await);
    let defaults = stage.call(Method::GET, &path, Body::None).await.ok();
    assert_eq!((&defaults["allowed_fetch_domains"], &defaults["folder_mode"]), (&json!([]), &json!("dynamic")));
    let carried = async || {
        let page = stage.plane.link_for_region(REGION).snapshots(0, std::time::Duration::ZERO).await.unwrap();
        let snapshot = stage.read(page.items.last().unwrap());
        (snapshot.version, snapshot.settings.allowed_fetch_domains)
    };
    for (body, expected, version) in [
        (Body::Json(json!({"allowed_fetch_domains": ["A.test", "*.b.test"]})), vec!["a.test", "*.b.test"], 2),
        (Body::Json(json!({"allowed_fetch_domains": null})), vec!["a.test", "*.b.test"], 2),
        (Body::None, vec!["a.test", "*.b.test"], 2),
        (
            Body::Form("allowed_fetch_domains[]=c.test&allowed_fetch_domains[]=192.0.2.7"),
            vec!["c.test", "192.0.2.7"],
            3,
        ),
        (Body::Form("allowed_fetch_domains="), vec![], 4),
    ] {
        stage.clock.advance(std::time::Duration::from_secs(1));
        let changed = stage.call(Method::PUT, &path, body).await.ok();
        assert_eq!(changed["allowed_fetch_domains"], json!(expected));
        assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), changed);
        assert_eq!(carried().await, (version, expected.iter().map(|domain| (*domain).to_owned()).collect()));
    }
    for (body, says) in [
        (json!({"allowed_fetch_domain": ["a.test"]}), "did you mean allowed_fetch_domains?"),
        (json!({"allowed_fetch_domains": ["https://a.test/"]}), "https://a.test/"),
        (json!({"allowed_fetch_domains": [7.5, {}]}), "allowed_fetch_domains"),
    ] {
        stage.call(Method::PUT, &path, Body::Json(body)).await.refused(400, says);
    }
    assert_eq!(carried().await.0, 4, "what is refused changes nothing");
    let log = stage.call(Method::GET, "/audit_log?operation=update_environment_settings", Body::None).await.ok();
    let entries = log["audit_log"].as_array().unwrap();
    assert_eq!(entries.len(), 3, "{log}");
    assert_eq!(entries[0]["before"]["allowed_fetch_domains"], json!(["c.test", "192.0.2.7"]));
    assert_eq!(entries[0]["after"]["allowed_fetch_domains"], json!([]));
}

async fn every_form_of_body_is_read(stage: Stage) {
    let cases = [
        (Body::Json(json!({"name": "x", "enabled": "false"})), false),
        (Body::Json(json!({"name": "x", "enabled": false, "cloud_name": null})), false),
        (Body::Form("name=x&enabled=false"), false),
        (Body::Form("name=x&enabled=1&custom_attributes=%7B%22a%22%3A1%7D"), true),
        (Body::Form("name=x"), true),
    ];
    for (body, enabled) in cases {
        let shown = format!("{body:?}");
        let made = stage.call(Method::POST, "/sub_accounts", body).await.ok();
        assert_eq!(made["enabled"], enabled, "{shown}");
    }
}

async fn a_second_start_finds_the_same_credentials(stage: Stage) {
    let account = stage.account.account.id;
    let made = stage.plane.create_environment_for(account, "Demo", Some("demo"), None).await.unwrap();
    let region = stage.plane.ensure_region("eu").await.unwrap();
    assert!(region.token.is_none(), "a token is shown once");
    assert_eq!(region.region_key.expose(), stage.region.region_key.expose());

    let again = stage.second_node().await;
    again.ready().await.unwrap();
    let found = again.find_account("Acme").await.unwrap().unwrap();
    assert_eq!(found.account, stage.account.account);
    assert!(found.api_secret.matches(stage.account.api_secret.expose()) && found.api_key == stage.account.api_key);
    let environment = again.find_environment(account, "DEMO").await.unwrap().unwrap();
    assert!(environment.id == made.id && environment.api_secret.matches(made.api_secret.expose()));
    assert_eq!(again.ensure_region("eu").await.unwrap().trusted_key, stage.region.trusted_key);
    assert_eq!(again.regions().await.unwrap(), ["eu"]);
    assert_eq!(again.accounts().await.unwrap().len(), 1);
    assert!(again.add_region("eu").await.is_err() && again.add_region("No Name").await.is_err());
    assert!(again.create_account("x", "gold").await.is_err());
}
