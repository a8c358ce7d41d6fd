//! Who can see a secret beyond the own role, as an operator asks.

use std::time::Duration;

use actix_web::http::Method;
use control_plane::{SecretBeyondRole, StoreError};
use plane_kit::ids::AccountId;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Body, Stage},
    on_both_databases,
};

on_both_databases!(roles_and_environments_decide, what_is_bound_or_not_accepted_is_passed_over, accounts_are_apart);

async fn user(stage: &Stage, name: &str, body: Value) {
    stage.clock.advance(Duration::from_secs(1));
    let mut body = body;
    body["name"] = json!(name);
    body["email"] = json!(format!("{name}@example.com"));
    stage.call(Method::POST, "/users", Body::Json(body)).await.ok();
}

async fn found(stage: &Stage) -> Vec<SecretBeyondRole> {
    stage.plane.secrets_beyond_roles(stage.account.account.id).await.unwrap()
}

/// Who sees which key of which environment.
fn brief(found: &[SecretBeyondRole]) -> Vec<(&str, &str, &str)> {
    found.iter().map(|one| (one.email.as_str(), one.cloud_name.as_str(), one.key_name.as_str())).collect()
}

async fn roles_and_environments_decide(stage: Stage) {
    stage.environment("demo").await;
    let shop = stage.environment("shop").await;
    let in_shop = json!([shop]);
    let cases: [(&str, Value, &[&str]); 10] = [
        ("master", json!({"role": "master_admin"}), &[]),
        ("admin", json!({"role": "admin"}), &[]),
        ("billing", json!({"role": "billing"}), &[]),
        ("reports", json!({"role": "reports"}), &[]),
        ("library", json!({"role": "media_library_admin"}), &[]),
        ("guest", json!({"role": "media_library_user"}), &[]),
        ("off", json!({"role": "technical_admin", "enabled": false}), &[]),
        ("tech", json!({"role": "technical_admin"}), &["demo", "shop"]),
        ("integrator", json!({"role": "technical_admin", "sub_account_ids": in_shop}), &["shop"]),
        ("boss", json!({"role": "admin", "sub_account_ids": in_shop}), &[]),
    ];
    for (name, body, _) in &cases {
        user(&stage, name, body.clone()).await;
    }
    let found = found(&stage).await;
    for (name, _, expected) in cases {
        let email = format!("{name}@example.com");
        let seen: Vec<_> = found.iter().filter(|one| one.email == email).map(|one| one.cloud_name.as_str()).collect();
        assert_eq!(seen, expected, "{name}");
    }
    let api_key = &found[0].api_key;
    assert_eq!(
        found[0].to_string(),
        format!(
            "tech@example.com (technical_admin) can see the secret of access key {api_key} (Root) of demo, which may do \
             everything there: bound the key with rules, or give the user another role"
        )
    );
}

async fn what_is_bound_or_not_accepted_is_passed_over(stage: Stage) {
    let demo = stage.environment("demo").await;
    user(&stage, "tech", json!({"role": "technical_admin"})).await;
    let keys = format!("/sub_accounts/{demo}/access_keys");
    let root = found(&stage).await[0].api_key.clone();
    stage.clock.advance(Duration::from_secs(1));
    let made = stage.call(Method::POST, &keys, Body::Json(json!({"name": "second"}))).await.ok();
    let (root, second) = (format!("{keys}/{root}"), format!("{keys}/{}", made["api_key"].as_str().unwrap()));
    let cases: [(String, Value, &[&str]); 6] = [
        (root.clone(), json!({"name": "Root"}), &["Root", "second"]),
        (format!("{root}/permissions"), json!({"rules": ["@all:read"]}), &["second"]),
        (second.clone(), json!({"enabled": false}), &[]),
        (second.clone(), json!({"enabled": true}), &["second"]),
        (format!("{root}/permissions"), json!({"rules": []}), &["Root", "second"]),
        (format!("{second}/details"), json!({"expires_at": "2026-11-24T00:00:00Z"}), &["Root", "second"]),
    ];
    for (path, body, expected) in cases {
        let what = format!("{path} {body}");
        stage.call(Method::PUT, &path, Body::Json(body)).await.ok();
        let found = found(&stage).await;
        let names: Vec<_> = brief(&found).into_iter().map(|(_, _, name)| name).collect();
        assert_eq!(names, expected, "{what}");
    }
    stage.clock.advance(Duration::from_secs(86_400));
    assert_eq!(brief(&found(&stage).await), [("tech@example.com", "demo", "Root")], "the second one has expired");
    stage.call(Method::DELETE, &format!("/sub_accounts/{demo}"), Body::None).await.ok();
    assert!(found(&stage).await.is_empty());
}

async fn accounts_are_apart(stage: Stage) {
    stage.environment("demo").await;
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let tech = json!({"name": "tech", "email": "tech@example.com", "role": "technical_admin"});
    stage.call_as(&other, Method::POST, "/users", Body::Json(tech)).await.ok();
    assert!(found(&stage).await.is_empty());
    assert!(stage.plane.secrets_beyond_roles(other.account.id).await.unwrap().is_empty());
    let nobody = stage.plane.secrets_beyond_roles(AccountId(Uuid::nil())).await;
    assert!(matches!(nobody, Err(StoreError::AccountNotFound(_))), "{nobody:?}");
}
