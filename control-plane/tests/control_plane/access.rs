//! Who is let in, and what is answered to the others.

use actix_web::http::Method;
use control_plane::ControlPlane;
use plane_kit::http::access::Access;
use serde_json::json;

use crate::{
    harness::{Body, REGION, Stage, basic},
    on_both_databases,
};

on_both_databases!(
    wrong_credentials_are_all_the_same,
    a_suspended_account_is_shut,
    a_key_without_the_role_is_refused_by_name,
    regions_hold_their_own_token_only,
    what_is_not_there_says_so,
    every_guarded_route_refuses_strangers,
);

async fn wrong_credentials_are_all_the_same(stage: Stage) {
    let (id, key) = (stage.account.account.id, &stage.account.api_key);
    let secret = stage.account.api_secret.expose();
    let environment = stage.plane.create_environment_for(id, "demo", Some("demo"), None).await.unwrap();
    let cloud = format!("{}:{}", environment.api_key, environment.api_secret.expose());
    let cases = [
        ("no credentials", id.to_string(), None),
        ("a wrong secret", id.to_string(), Some(basic(&format!("{key}:x{secret}")))),
        ("an empty secret", id.to_string(), Some(basic(&format!("{key}:")))),
        ("a wrong key", id.to_string(), Some(basic(&format!("1{key}:{secret}")))),
        ("a zero byte", id.to_string(), Some(basic(&format!("\0{key}:{secret}")))),
        ("no colon", id.to_string(), Some(basic(key))),
        ("no base64", id.to_string(), Some("Basic ***".to_owned())),
        ("another scheme", id.to_string(), Some(format!("Bearer {secret}"))),
        ("the key of a cloud", id.to_string(), Some(basic(&cloud))),
        ("no account", "nobody".to_owned(), Some(basic(&format!("{key}:{secret}")))),
        ("another account", "0".repeat(32), Some(basic(&format!("{key}:{secret}")))),
    ];
    for (name, account, authorization) in cases {
        let path = format!("/v1_1/provisioning/accounts/{account}/sub_accounts");
        let headers: Vec<_> = authorization.into_iter().map(|value| ("authorization", value)).collect();
        let answer = stage.send(Method::GET, &path, &headers, Body::None).await;
        assert_eq!(answer.status, 401, "{name}");
        assert_eq!(answer.body, json!({"error": {"message": "Invalid credentials"}}), "{name}");
    }
    stage.call(Method::GET, "/sub_accounts", Body::None).await.ok();
}

async fn a_suspended_account_is_shut(stage: Stage) {
    let account = stage.account.account.id;
    stage.plane.set_account_enabled(account, false).await.unwrap();
    stage.call(Method::GET, "/sub_accounts", Body::None).await.refused(401, &format!("Account {account} is disabled"));
    let mut stranger = stage.account.clone();
    stranger.api_key.push('1');
    let answer = stage.call_as(&stranger, Method::GET, "/sub_accounts", Body::None).await;
    answer.refused(401, "Invalid credentials");
    stage.plane.set_account_enabled(account, true).await.unwrap();
    stage.call(Method::GET, "/sub_accounts", Body::None).await.ok();
    let nobody = plane_kit::ids::AccountId(uuid::Uuid::nil());
    assert!(stage.plane.set_account_enabled(nobody, false).await.is_err());
}

async fn a_key_without_the_role_is_refused_by_name(stage: Stage) {
    stage.call(Method::GET, "/sub_accounts", Body::None).await.ok();
    stage.execute("UPDATE {}provisioning_keys SET role = 'onlooker'").await;
    stage.execute("UPDATE {}accounts SET version = version + 1").await;
    let answer = stage.call(Method::POST, "/sub_accounts/x/access_keys", Body::None).await;
    answer.refused(403, "(generate_access_key) needs access_keys:write; no role permits it");
    stage.execute("UPDATE {}provisioning_keys SET enabled = false").await;
    stage.call(Method::GET, "/sub_accounts", Body::None).await.refused(401, "Invalid credentials");
}

async fn regions_hold_their_own_token_only(stage: Stage) {
    let other = stage.plane.add_region("us").await.unwrap();
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
    let own = stage.region.token.as_ref().unwrap().expose();
    let others = other.token.as_ref().unwrap().expose();
    let region = |name: &str| ("x-safelight-region", name.to_owned());
    let path = "/internal/v1/regions/eu/snapshots";
    let cases = [
        ("nothing", vec![], 401, "Invalid credentials"),
        ("no region", vec![bearer(own)], 401, "Invalid credentials"),
        ("no token", vec![region(REGION)], 401, "Invalid credentials"),
        ("a wrong token", vec![bearer("x"), region(REGION)], 401, "Invalid credentials"),
        ("another region's token", vec![bearer(others), region(REGION)], 401, "Invalid credentials"),
        ("another region's token and name", vec![bearer(others), region("us")], 403, "another region's"),
        ("an unknown region", vec![bearer(own), region("moon")], 401, "Invalid credentials"),
        ("a provisioning key", vec![("authorization", basic("a:b")), region(REGION)], 401, "Invalid credentials"),
    ];
    for (name, headers, status, text) in cases {
        let answer = stage.send(Method::GET, path, &headers, Body::None).await;
        assert_eq!(answer.status, status, "{name}");
        answer.refused(status, text);
    }
    stage.send(Method::GET, path, &[bearer(own), region(REGION)], Body::None).await.ok();
}

async fn what_is_not_there_says_so(stage: Stage) {
    let unknown = stage.send(Method::GET, "/v1_1/provisioning/nowhere", &[], Body::None).await;
    unknown.refused(404, "No such resource");
}

async fn every_guarded_route_refuses_strangers(stage: Stage) {
    let routes = ControlPlane::routes();
    let guarded: Vec<_> =
        routes.infos().filter(|route| matches!(route.access, Access::Permission(_))).cloned().collect();
    assert_eq!(guarded.len(), 76);
    for route in guarded {
        let path = route.path.replace(['{', '}'], "");
        let method: Method = route.methods[0].parse().unwrap();
        let answer = stage.send(method, &path, &[], Body::None).await;
        assert_eq!(answer.status, 401, "{:?} {}", route.methods, route.path);
    }
}
