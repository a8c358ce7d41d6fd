//! Accounts as the operator runs them.

use actix_web::http::Method;
use control_plane::AccountCredentials;
use plane_kit::{
    ids::AccountId,
    seam::snapshot::{Standing, TenantSnapshot},
};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, OPERATOR_TOKEN, REGION, Stage, basic},
    on_both_databases,
};

on_both_databases!(
    an_account_lives_and_is_closed,
    closing_deletes_everything_of_it_and_nothing_else,
    nothing_is_made_in_a_closed_account,
    only_the_operator_gets_in,
    mistakes_are_named,
);

const ACCOUNTS: &str = "/accounts";

async fn all_snapshots(stage: &Stage) -> Vec<TenantSnapshot> {
    let link = stage.plane.link_for_region(REGION);
    let page = link.snapshots(0, std::time::Duration::ZERO).await.unwrap();
    page.items.iter().map(|item| stage.read(item)).collect()
}

fn id_of(account: &Value) -> String {
    account["id"].as_str().unwrap().to_owned()
}

async fn an_account_lives_and_is_closed(stage: Stage) {
    stage.clock.advance(std::time::Duration::from_secs(1));
    let body = json!({"name": "Second", "plan": "plus"});
    let made = stage.operate(Method::POST, ACCOUNTS, Body::Json(body)).await.ok();
    assert_eq!(Answer::members(&made), ["account", "provisioning_api_key", "provisioning_api_secret"]);
    let account = &made["account"];
    assert_eq!(Answer::members(account), ["id", "name", "plan", "status", "created_at", "closed_at"]);
    assert_eq!((&account["plan"], &account["status"]), (&json!("Plus"), &json!("active")));
    let listed = stage.operate(Method::GET, ACCOUNTS, Body::None).await.ok();
    assert_eq!(listed["accounts"].as_array().unwrap()[1], *account);
    assert_eq!(listed["accounts"][0]["name"], "Acme");

    let credentials = AccountCredentials {
        account: stage.plane.accounts().await.unwrap()[1].clone(),
        api_key: made["provisioning_api_key"].as_str().unwrap().to_owned(),
        api_secret: plane_kit::secret::Secret::new(made["provisioning_api_secret"].as_str().unwrap()),
    };
    stage.call_as(&credentials, Method::GET, "/sub_accounts", Body::None).await.ok();
    let path = format!("{ACCOUNTS}/{}", id_of(account));
    for (act, status) in [("suspend", "suspended"), ("suspend", "suspended"), ("resume", "active")] {
        let answer = stage.operate(Method::POST, &format!("{path}/{act}"), Body::None).await.ok();
        assert_eq!(answer["status"], status, "{act}");
        let is_open = stage.call_as(&credentials, Method::GET, "/sub_accounts", Body::None).await.status == 200;
        assert_eq!(is_open, status == "active", "{act}");
    }
    let closed = stage.operate(Method::DELETE, &path, Body::None).await.ok();
    assert_eq!((&closed["status"], &closed["closed_at"]), (&json!("closed"), &json!("2026-11-23T12:00:01Z")));
    assert_eq!(stage.operate(Method::GET, &path, Body::None).await.ok(), closed);
    stage.call_as(&credentials, Method::GET, "/sub_accounts", Body::None).await.refused(401, "Invalid credentials");
    for (method, act) in [(Method::POST, "/resume"), (Method::POST, "/suspend"), (Method::DELETE, "")] {
        let answer = stage.operate(method, &format!("{path}{act}"), Body::None).await;
        answer.refused(409, "is closed, and a closed account is not taken back");
    }
    assert_eq!(stage.operate(Method::GET, &path, Body::None).await.ok(), closed);
    assert!(stage.plane.find_account("Second").await.unwrap().is_none(), "a closed account is not found by its name");
}

async fn closing_deletes_everything_of_it_and_nothing_else(stage: Stage) {
    for cloud in ["one", "two"] {
        stage.environment(cloud).await;
    }
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    stage.plane.create_environment_for(other.account.id, "three", Some("three"), None).await.unwrap();
    stage.plane.close_account(stage.account.account.id).await.unwrap();
    let mut standings: Vec<_> = all_snapshots(&stage)
        .await
        .into_iter()
        .map(|snapshot| (snapshot.cloud_name, snapshot.standing, snapshot.keys.len()))
        .collect();
    standings.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("one".to_owned(), Standing::Deleted, 0),
        ("three".to_owned(), Standing::Active, 1),
        ("two".to_owned(), Standing::Deleted, 0),
    ];
    assert_eq!(standings, expected);
    stage.call_as(&other, Method::GET, "/sub_accounts", Body::None).await.ok();
    // Their names are free again.
    stage.plane.create_environment_for(other.account.id, "one", Some("one"), None).await.unwrap();
}

async fn nothing_is_made_in_a_closed_account(stage: Stage) {
    let account = stage.account.account.id;
    stage.plane.close_account(account).await.unwrap();
    let refused = stage.plane.create_environment_for(account, "late", Some("late"), None).await.unwrap_err();
    assert!(refused.to_string().contains("is closed"), "{refused}");
    // A key that somebody enables behind our back opens nothing either.
    stage.execute("UPDATE {}provisioning_keys SET enabled = true").await;
    let answer = stage.call(Method::POST, "/users", Body::Json(json!({"name": "a", "email": "a@b.co"}))).await;
    answer.refused(401, "is disabled");
}

async fn only_the_operator_gets_in(mut stage: Stage) {
    let path = "/internal/v1/operator/accounts";
    let region = stage.region.token.as_ref().unwrap().expose().to_owned();
    let account = format!("{}:{}", stage.account.api_key, stage.account.api_secret.expose());
    for (name, value) in [
        ("nothing", None),
        ("a wrong token", Some("Bearer wrong".to_owned())),
        ("an empty token", Some("Bearer ".to_owned())),
        ("a beginning of the token", Some(format!("Bearer {}", &OPERATOR_TOKEN[..5]))),
        ("another scheme", Some(format!("Basic {OPERATOR_TOKEN}"))),
        ("a region's token", Some(format!("Bearer {region}"))),
        ("a provisioning key", Some(basic(&account))),
    ] {
        let headers: Vec<_> = value.into_iter().map(|value| ("authorization", value)).collect();
        let answer = stage.send(Method::GET, path, &headers, Body::None).await;
        assert_eq!(answer.status, 401, "{name}");
        answer.refused(401, "Invalid credentials");
    }
    stage.operate(Method::GET, ACCOUNTS, Body::None).await.ok();

    stage.plane = stage.node_with(stage.key.clone(), |config| config.operator_token.clear()).await.unwrap();
    for token in ["", OPERATOR_TOKEN] {
        let headers = [("authorization", format!("Bearer {token}"))];
        stage.send(Method::GET, path, &headers, Body::None).await.refused(403, "control.operator_token");
    }
}

async fn mistakes_are_named(stage: Stage) {
    let nobody = AccountId(uuid::Uuid::nil());
    let long = "n".repeat(256);
    let cases: Vec<(Method, String, Value, u16, &str)> = vec![
        (Method::POST, ACCOUNTS.into(), json!({}), 400, "Missing required parameter - name"),
        (Method::POST, ACCOUNTS.into(), json!({"name": long}), 400, "parameter name"),
        (Method::POST, ACCOUNTS.into(), json!({"name": "x", "plan": "gold"}), 400, "gold"),
        (Method::GET, format!("{ACCOUNTS}/no-id"), json!({}), 404, "Cannot find account with id no-id"),
        (Method::GET, format!("{ACCOUNTS}/{nobody}"), json!({}), 404, "Cannot find account with id 000"),
        (Method::DELETE, format!("{ACCOUNTS}/{nobody}"), json!({}), 404, "Cannot find account with id 000"),
        (Method::POST, format!("{ACCOUNTS}/{nobody}/suspend"), json!({}), 404, "Cannot find account with id 000"),
        (Method::POST, format!("{ACCOUNTS}/{nobody}/resume"), json!({}), 404, "Cannot find account with id 000"),
    ];
    for (method, path, body, status, text) in cases {
        stage.operate(method, &path, Body::Json(body)).await.refused(status, text);
    }
    assert_eq!(stage.plane.accounts().await.unwrap().len(), 1);
}
