//! The Permissions API over HTTP: roles, policies, who has them, and what that permits.

use std::time::Duration;

use actix_web::http::Method;
use control_plane::{AccountCredentials, AuditFilter};
use plane_kit::{
    operations::operations,
    policy::{Place, Policies, PolicyBook, Principal, key_subject},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Answer, Body, Stage, basic},
    on_both_databases,
};

on_both_databases!(
    the_vocabulary_is_open_to_everybody,
    policies_are_validated,
    custom_policies_live_and_die,
    custom_roles_live_and_die,
    roles_are_given_and_taken,
    a_narrower_role_reaches_the_regions,
    custom_policies_reach_the_regions,
    policies_are_effective,
    principals_are_inspected,
    the_last_administrator_is_not_locked_out,
    errors_wear_the_second_envelope,
    another_account_s_things_are_not_there,
);

const VIEW_REPORTS: &str = "cld::policy::global::reports::usage::view";
const MASTER: &str = "cld::role::prodenv::master_admin";
const REPORTS: &str = "cld::role::prodenv::reports";
const VIEWER: &str = "cld::role::folder::viewer";

async fn call_as(stage: &Stage, account: &AccountCredentials, method: Method, path: &str, body: Body) -> Answer {
    let path = format!("/v2/accounts/{}/permissions{path}", account.account.id);
    let credentials = format!("{}:{}", account.api_key, account.api_secret.expose());
    stage.send(method, &path, &[("authorization", basic(&credentials))], body).await
}

async fn call(stage: &Stage, method: Method, path: &str, body: Body) -> Answer {
    call_as(stage, &stage.account, method, path, body).await
}

async fn get(stage: &Stage, path: &str) -> Value {
    call(stage, Method::GET, path, Body::None).await.ok()
}

/// A new environment and its only key.
async fn key(stage: &Stage, cloud_name: &str) -> (String, String) {
    let environment = stage.environment(cloud_name).await;
    let keys = stage.call(Method::GET, &format!("/sub_accounts/{environment}/access_keys"), Body::None).await.ok();
    (environment, keys["access_keys"][0]["api_key"].as_str().unwrap().to_owned())
}

/// Gives or takes one role of an access key.
async fn change(stage: &Stage, operation: &str, api_key: &str, role: Value) -> Answer {
    let principal = json!({"type": "apiKey", "id": api_key});
    let body = json!({"operation": operation, "principal": principal, "roles": [role]});
    call(stage, Method::PUT, "/principal_roles", Body::Json(body)).await
}

fn ids(data: &Value) -> Vec<&str> {
    data.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

/// What the newest snapshot of the only environment permits a key.
async fn permits(stage: &Stage, api_key: &str, operation: &str, place: Place<'_>) -> bool {
    let page = stage.plane.link_for_region("eu").snapshots(0, Duration::ZERO).await.unwrap();
    let snapshot = stage.read(page.items.last().unwrap());
    let book = PolicyBook::new(&snapshot.policies, &snapshot.roles);
    let subject = key_subject(api_key);
    let principal = Principal { owner: Uuid::nil(), version: snapshot.version, subject: &subject, book: &book };
    Policies::default().permits(&principal, operations().find(operation).unwrap(), place).await.unwrap()
}

fn policy(statement: &str) -> Value {
    json!({"policy_statement": statement, "scope_type": "account", "name": "One", "enabled": true})
}

async fn the_vocabulary_is_open_to_everybody(stage: Stage) {
    for headers in [vec![], vec![("authorization", basic("1:wrong"))]] {
        let path = "/v2/accounts/permissions/public/catalog";
        let answer = stage.send(Method::GET, path, &headers, Body::None).await.ok();
        let policy = &answer["catalog"]["system_policies"][0];
        assert_eq!(
            Answer::members(policy),
            ["id", "name", "description", "category", "sub_category", "permission_type", "scope_type", "policy"]
        );
        let role = &answer["catalog"]["system_roles"][0];
        assert_eq!(role["id"], "cld::role::account::master_admin");
        let path = "/v2/accounts/permissions/public/schema";
        let answer = stage.send(Method::GET, path, &headers, Body::None).await.ok();
        assert!(answer["schema"]["Cloudinary"]["entityTypes"]["Asset"].is_object(), "{answer}");
    }
}

async fn policies_are_validated(stage: Stage) {
    for (policy, expected, code) in [
        ("permit(principal, action, resource);", None, ""),
        (
            r#"permit(principal == Cloudinary::APIKy::"1", action, resource);"#,
            Some("Cloudinary::APIKy"),
            "ACCOUNTS_00002",
        ),
        ("permit(principal", Some("line 1"), "ACCOUNTS_00002"),
        (
            "permit(principal, action, resource is Cloudinary::Asset) when { resource.resource_type == \"image\" };",
            Some("resource_type"),
            "SAFELIGHT_00001",
        ),
    ] {
        let path = "/v2/accounts/permissions/public/validate";
        let answer = stage.send(Method::POST, path, &[], Body::Json(json!({"policy": policy}))).await.ok();
        assert_eq!(answer["valid"], expected.is_none(), "{answer}");
        if let Some(text) = expected {
            let error = &answer["errors"][0];
            assert!(error["cedar_message"].as_str().unwrap().contains(text), "{answer}");
            assert_eq!(error["cedar_code"], code, "{answer}");
        }
    }
    let path = "/v2/accounts/permissions/public/validate";
    stage.send(Method::POST, path, &[], Body::Json(json!({}))).await.refused(400, "parameter - policy");
}

async fn custom_policies_live_and_die(stage: Stage) {
    let environment = stage.environment("demo").await;
    let statement = r#"permit(principal == Cloudinary::APIKey::"1", action == Cloudinary::Action::"read", resource is Cloudinary::Folder) when { resource.ancestor_ids.contains("a") };"#;
    let body = json!({
        "policy_statement": statement, "scope_type": "prodenv", "scope_id": environment, "name": "Read", "description": "Why",
    });
    let made = call(&stage, Method::POST, "/policies/custom", Body::Json(body.clone())).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let data = &made.body["data"];
    assert_eq!((&data["policy_statement"], &data["enabled"]), (&json!(statement), &json!(true)));
    assert!(data["created_at"].is_i64(), "{data}");
    let path = format!("/policies/custom/{}", data["id"].as_str().unwrap());
    assert_eq!(get(&stage, &path).await["data"], *data);

    call(&stage, Method::GET, "/policies/custom?scope_type=prodenv", Body::None).await.refused(400, "scope_id");
    assert_eq!(get(&stage, "/policies/custom").await, json!({"data": []}), "the account's");
    let listed = get(&stage, &format!("/policies/custom?scope_type=prodenv&scope_id={environment}")).await;
    assert_eq!(listed, json!({"data": [data]}));
    let disabled = format!("/policies/custom?scope_type=prodenv&scope_id={environment}&enabled=false");
    assert_eq!(get(&stage, &disabled).await, json!({"data": []}));

    let mut again = body.clone();
    again["enabled"] = json!(true);
    call(&stage, Method::PUT, &path, Body::Json(again.clone())).await.refused(409, "unchanged");
    again["policy_statement"] = json!("forbid(principal, action, resource is Cloudinary::UploadPreset);");
    again["scope_id"] = json!("all");
    let changed = call(&stage, Method::PUT, &path, Body::Json(again.clone())).await.ok();
    assert_eq!(changed["data"]["scope_id"], "all");
    again.as_object_mut().unwrap().remove("enabled");
    call(&stage, Method::PUT, &path, Body::Json(again)).await.refused(400, "Missing required parameter - enabled");

    let deleted = call(&stage, Method::DELETE, &path, Body::None).await;
    assert_eq!((deleted.status.as_u16(), deleted.body), (204, Value::Null));
    for method in [Method::GET, Method::DELETE] {
        call(&stage, method, &path, Body::None).await.refused(404, "Cannot find policy with id");
    }
    let mut nowhere = body.clone();
    nowhere["scope_id"] = json!("0".repeat(32));
    let mut outside = body.clone();
    outside["policy_statement"] = json!("permit(principal, action, resource) unless { true };");
    for (body, status, text) in [
        (nowhere, 404, "Cannot find sub account"),
        (outside, 400, "`unless` is not supported at line 1"),
        (json!({"policy_statement": statement, "scope_type": "prodenv", "name": "x"}), 400, "scope_id"),
        (json!({"policy_statement": statement, "scope_type": "moon", "name": "x"}), 400, "scope_type"),
        (json!({"policy_statement": statement, "scope_type": "account"}), 400, "name"),
        (json!({"scope_type": "account", "name": "x"}), 400, "policy_statement"),
    ] {
        call(&stage, Method::POST, "/policies/custom", Body::Json(body)).await.refused(status, text);
    }
}

async fn custom_roles_live_and_die(stage: Stage) {
    let body = json!({
        "id": "usage_readers", "permission_type": "global", "scope_type": "prodenv", "name": "Usage readers",
        "system_policy_ids": [VIEW_REPORTS],
    });
    let made = call(&stage, Method::POST, "/roles", Body::Json(body.clone())).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        (ids(&made.body["data"]["policies"]), &made.body["data"]["management_type"]),
        (vec![VIEW_REPORTS], &json!("custom"))
    );
    assert_eq!(get(&stage, "/roles/usage_readers").await, made.body);
    call(&stage, Method::POST, "/roles", Body::Json(body)).await.refused(409, "Role with id usage_readers already");
    let other =
        json!({"permission_type": "content", "scope_type": "prodenv", "name": "Folders", "system_policy_ids": []});
    let other = call(&stage, Method::POST, "/roles", Body::Json(other)).await.body;
    assert_eq!(other["data"]["policy_parameters"], json!(["folder_id"]));

    let listed = get(&stage, "/roles?permission_type=global&scope_type=prodenv&management_type=custom").await;
    assert_eq!(ids(&listed["data"]), ["usage_readers"]);
    let listed = get(&stage, "/roles?permission_type=content&management_type=system").await;
    assert!(ids(&listed["data"]).contains(&VIEWER), "{listed}");
    call(&stage, Method::GET, "/roles", Body::None).await.refused(400, "permission_type");
    let system = get(&stage, &format!("/roles/{VIEWER}?folder_id=a%22b")).await;
    assert!(system["data"]["policies"][0]["policy_statement"].as_str().unwrap().contains(r#"contains("a\"b")"#));

    let taken = json!({"name": "Folders"});
    call(&stage, Method::PUT, "/roles/usage_readers", Body::Json(taken)).await.refused(409, "Folders already exists");
    let renamed = json!({"name": "Readers", "system_policy_ids": []});
    let renamed = call(&stage, Method::PUT, "/roles/usage_readers", Body::Json(renamed)).await.ok();
    assert_eq!((&renamed["data"]["name"], &renamed["data"]["policies"]), (&json!("Readers"), &json!([])));
    for (path, body, status, text) in [
        ("/roles/usage_readers", json!({"name": "x", "system_policy_ids": ["cld::x"]}), 400, "no such system policy"),
        (
            "/roles/usage_readers",
            json!({"name": "x", "system_policy_ids": ["cld::policy::global::account::all"]}),
            400,
            "another scope_type",
        ),
        ("/roles/nobody", json!({"name": "x"}), 404, "Cannot find role with id nobody"),
        (format!("/roles/{MASTER}").as_str(), json!({"name": "x"}), 403, "a role of the system"),
    ] {
        call(&stage, Method::PUT, path, Body::Json(body)).await.refused(status, text);
    }

    let (_, api_key) = key(&stage, "demo").await;
    change(&stage, "add", &api_key, json!({"id": "usage_readers"})).await;
    call(&stage, Method::DELETE, "/roles/usage_readers", Body::None).await.refused(403, "held by 1 principals");
    let deleted = call(&stage, Method::DELETE, "/roles/usage_readers?force=true", Body::None).await;
    assert_eq!((deleted.status.as_u16(), deleted.body), (204, Value::Null));
    call(&stage, Method::GET, "/roles/usage_readers", Body::None).await.refused(404, "Cannot find role");
}

async fn roles_are_given_and_taken(stage: Stage) {
    let (environment, api_key) = key(&stage, "demo").await;
    let of_key = format!("/principal_roles?principal_type=apiKey&principal_id={api_key}");
    let by_default = get(&stage, &format!("{of_key}&permission_type=global")).await;
    assert_eq!(ids(&by_default["data"]), [MASTER]);
    assert_eq!(by_default["data"][0]["scope_id"], environment);
    let viewer = json!({"id": VIEWER, "policy_parameters": {"folder_id": "/clients/acme/"}});
    let given = change(&stage, "add", &api_key, viewer.clone()).await;
    assert_eq!((given.status.as_u16(), given.body), (200, Value::Null));
    change(&stage, "add", &api_key, viewer.clone()).await;
    let held = get(&stage, &format!("{of_key}&permission_type=content")).await;
    assert_eq!(ids(&held["data"]), [VIEWER]);
    assert_eq!(held["data"][0]["policy_parameters"], json!({"folder_id": "clients/acme"}));
    let held = get(&stage, &format!("{of_key}&permission_type=content&param_key=folder_id&param_value=other")).await;
    assert_eq!(held, json!({"data": []}));

    let holders = get(&stage, &format!("/roles/{VIEWER}/principals?folder_id=clients/acme")).await;
    assert_eq!(holders, json!({"data": [{"id": api_key, "type": "apiKey"}]}));
    let holders =
        get(&stage, &format!("/roles/{VIEWER}/principals?verbose=true&scope_type=prodenv&scope_id={environment}"))
            .await;
    assert_eq!(holders["data"][0]["role_id"], VIEWER);
    let taken = json!({"operation": "remove", "principals": [{
        "principal_type": "apiKey", "principal_id": api_key, "policy_parameters": {"folder_id": "clients/acme"},
    }]});
    let taken = call(&stage, Method::PUT, &format!("/roles/{VIEWER}/principals"), Body::Json(taken)).await;
    assert_eq!((taken.status.as_u16(), taken.body), (200, Value::Null));
    assert_eq!(get(&stage, &format!("/roles/{VIEWER}/principals")).await, json!({"data": []}));

    // Without any role a key may do nothing; it does not fall back to the default.
    change(&stage, "remove", &api_key, json!({"id": MASTER})).await;
    assert_eq!(get(&stage, &format!("{of_key}&permission_type=global")).await, json!({"data": []}));
    assert!(!permits(&stage, &api_key, "ping", Place::None).await);

    for (role, status, text) in [
        (json!({"id": "nobody"}), 404, "Cannot find role with id nobody"),
        (json!({"id": REPORTS, "scope_id": "0".repeat(32)}), 404, "Cannot find sub account"),
        (json!({"id": VIEWER}), 400, "needs a folder_id"),
        (json!({"id": VIEWER, "policy_parameters": {"collection_id": "x"}}), 400, "collection_id is not built yet"),
        (json!({"id": REPORTS, "policy_parameters": {"folder_id": "x"}}), 400, "has no parameter folder_id"),
        (json!({"id": "cld::role::account::reports"}), 400, "an access key cannot have"),
        (json!({}), 400, "roles.id"),
    ] {
        change(&stage, "add", &api_key, role).await.refused(status, text);
    }
    change(&stage, "subtract", &api_key, json!({"id": REPORTS})).await.refused(400, "operation");
    change(&stage, "add", "1", json!({"id": REPORTS})).await.refused(404, "Cannot find apiKey with id 1");
}

async fn a_narrower_role_reaches_the_regions(stage: Stage) {
    let (environment, api_key) = key(&stage, "demo").await;
    let permissions = format!("/sub_accounts/{environment}/access_keys/{api_key}/permissions");
    assert_eq!(stage.call(Method::GET, &permissions, Body::None).await.ok()["warnings"], json!([]));
    assert!(permits(&stage, &api_key, "upload", Place::In("")).await);
    change(&stage, "add", &api_key, json!({"id": REPORTS})).await;
    assert!(permits(&stage, &api_key, "upload", Place::In("")).await, "the default stays until it is taken away");
    change(&stage, "remove", &api_key, json!({"id": MASTER})).await;
    for (operation, place, expected) in
        [("upload", Place::In(""), false), ("usage", Place::None, true), ("ping", Place::None, true)]
    {
        assert_eq!(permits(&stage, &api_key, operation, place).await, expected, "{operation}");
    }
    let contributor =
        json!({"id": "cld::role::folder::contributor", "policy_parameters": {"folder_id": "clients/acme"}});
    change(&stage, "add", &api_key, contributor).await;
    for (place, expected) in [("clients/acme", true), ("clients/acme/x", true), ("clients", false), ("", false)] {
        assert_eq!(permits(&stage, &api_key, "upload", Place::In(place)).await, expected, "{place}");
    }
    let asked = json!({"principal": api_key, "method": "POST", "path": "/image/upload", "folder": "other"});
    let explained = stage.call(Method::POST, "/permissions/explain", Body::Json(asked)).await.ok();
    assert_eq!(explained["reason"], "its roles permit it only in clients/acme", "{explained}");
    // Nothing of this keeps the key from signing deliveries, which whoever narrows it has to know.
    let told = stage.call(Method::GET, &permissions, Body::None).await.ok();
    assert_eq!(told["signs_delivery"], true);
    assert!(told["warnings"][0].as_str().unwrap().contains("say nothing of deliveries"), "{told}");
}

async fn custom_policies_reach_the_regions(stage: Stage) {
    let (environment, api_key) = key(&stage, "demo").await;
    let body = policy(&format!(
        r#"forbid(principal == Cloudinary::APIKey::"{api_key}", action == Cloudinary::Action::"delete", resource);"#
    ));
    let made = call(&stage, Method::POST, "/policies/custom", Body::Json(body.clone())).await.body;
    assert!(!permits(&stage, &api_key, "destroy", Place::In("a")).await);
    assert!(permits(&stage, &api_key, "upload", Place::In("a")).await);
    let path = format!("/policies/custom/{}", made["data"]["id"].as_str().unwrap());
    call(&stage, Method::DELETE, &path, Body::None).await;
    assert!(permits(&stage, &api_key, "destroy", Place::In("a")).await);

    let mut one = policy("forbid(principal, action == Cloudinary::Action::\"delete\", resource);");
    (one["scope_type"], one["scope_id"], one["enabled"]) = (json!("prodenv"), json!(environment), json!(false));
    let made = call(&stage, Method::POST, "/policies/custom", Body::Json(one.clone())).await.body;
    assert!(permits(&stage, &api_key, "destroy", Place::In("a")).await, "it is not enabled");
    one["enabled"] = json!(true);
    one["policy_statement"] = json!("forbid(principal, action in [Cloudinary::Action::\"delete\"], resource);");
    let path = format!("/policies/custom/{}", made["data"]["id"].as_str().unwrap());
    call(&stage, Method::PUT, &path, Body::Json(one)).await.ok();
    assert!(!permits(&stage, &api_key, "destroy", Place::In("a")).await);
}

async fn policies_are_effective(stage: Stage) {
    let (environment, api_key) = key(&stage, "demo").await;
    change(&stage, "add", &api_key, json!({"id": VIEWER, "policy_parameters": {"folder_id": "a"}})).await;
    let statement = format!(r#"permit(principal == Cloudinary::APIKey::"{api_key}", action, resource);"#);
    let mut body = policy(&statement);
    (body["scope_type"], body["scope_id"]) = (json!("prodenv"), json!(environment));
    call(&stage, Method::POST, "/policies/custom", Body::Json(body)).await;
    let path = format!("/policies/effective?scope_type=prodenv&scope_id={environment}");
    let all = get(&stage, &path).await;
    let one = get(&stage, &format!("{path}&principal_type=apiKey&principal_id={api_key}")).await;
    assert_eq!(all, one);
    let data = &one["data"];
    assert_eq!(data["principals"][0]["principal_id"], api_key);
    assert_eq!(ids(&data["principals"][0]["roles"]), [VIEWER, MASTER]);
    let shown = &data["principals"][0]["roles"][0]["system_policies"][0]["policy_statement"];
    assert!(shown.as_str().unwrap().contains(r#"contains("a")"#), "{shown}");
    assert_eq!(data["custom_policies"][0]["policy_statement"], statement);
    let of_account = get(&stage, "/policies/effective").await;
    assert_eq!(of_account["data"]["principals"][0]["principal_type"], "provisioningKey");
    assert_eq!(of_account["data"]["custom_policies"], json!([]));
    let half = format!("{path}&principal_type=apiKey");
    call(&stage, Method::GET, &half, Body::None).await.refused(400, "principal_id");
    let system = get(&stage, "/policies/system?permission_type=content&scope_type=prodenv").await;
    assert!(ids(&system["data"]).contains(&"cld::policy::content::folder::view_download"), "{system}");

    // A user comes with the groups that it is in.
    let user = json!({"name": "Ada", "email": "ada@example.com", "role": "reports"});
    let user = stage.call(Method::POST, "/users", Body::Json(user)).await.ok();
    let group = stage.call(Method::POST, "/user_groups", Body::Json(json!({"name": "Editors"}))).await.ok();
    let (user, group) = (user["id"].as_str().unwrap(), group["id"].as_str().unwrap());
    stage.call(Method::POST, &format!("/user_groups/{group}/users/{user}"), Body::None).await.ok();
    let given = json!({"operation": "add", "principals": [{"principal_type": "group", "principal_id": group}]});
    let role = "/roles/cld::role::account::admin/principals";
    assert_eq!(call(&stage, Method::PUT, role, Body::Json(given)).await.status, 200);
    let found = get(&stage, &format!("/policies/effective?principal_type=user&principal_id={user}")).await;
    let kinds: Vec<_> =
        found["data"]["principals"].as_array().unwrap().iter().map(|one| &one["principal_type"]).collect();
    assert_eq!(kinds, ["user", "group"]);
}

async fn principals_are_inspected(stage: Stage) {
    let (environment, api_key) = key(&stage, "demo").await;
    change(&stage, "add", &api_key, json!({"id": VIEWER, "policy_parameters": {"folder_id": "a"}})).await;
    let path = format!("/principal_roles/inspect?scope_type=prodenv&scope_id={environment}");
    let found = get(&stage, &path).await;
    let principal = &found["data"]["principals"][0];
    assert_eq!((&principal["type"], &principal["id"]), (&json!("apiKey"), &json!(api_key)));
    assert_eq!(ids(&principal["roles"]), [VIEWER, MASTER]);
    let found = get(&stage, &format!("{path}&folder_id=a")).await;
    assert_eq!(ids(&found["data"]["principals"][0]["roles"]), [VIEWER]);
    assert_eq!(get(&stage, &format!("{path}&folder_id=b")).await, json!({"data": {"principals": []}}));
    assert_eq!(get(&stage, &format!("{path}&principal_type=user")).await, json!({"data": {"principals": []}}));
    assert_eq!(get(&stage, &format!("{path}&cursor=apiKey:{api_key}")).await, json!({"data": {"principals": []}}));

    let account = json!({"type": "provisioningKey", "id": stage.account.api_key});
    let asked = json!([{"type": "apiKey", "id": api_key}, account]);
    let body = json!({"scope_type": "prodenv", "principals": asked, "policy_parameters": {"folder_id": "a"}});
    let found = call(&stage, Method::POST, "/principal_roles/inspect", Body::Json(body)).await.ok();
    assert_eq!(ids(&found["data"]["principals"][0]["roles"]), [VIEWER]);
    assert_eq!(found["data"]["principals"][1]["roles"], json!([]));
    for (body, status, text) in [
        (json!({"principals": asked}), 400, "scope_type"),
        (json!({"scope_type": "account"}), 400, "principals"),
        (json!({"scope_type": "account", "principals": [{"type": "apiKey"}]}), 400, "principals.id"),
        (json!({"scope_type": "account", "principals": [{"type": "user", "id": "x"}]}), 404, "Cannot find user"),
    ] {
        call(&stage, Method::POST, "/principal_roles/inspect", Body::Json(body)).await.refused(status, text);
    }
}

async fn the_last_administrator_is_not_locked_out(stage: Stage) {
    let principal = json!({"type": "provisioningKey", "id": stage.account.api_key});
    let roles = |operation: &str, role: &str| {
        Body::Json(json!({"operation": operation, "principal": principal, "roles": [{"id": role}]}))
    };
    let (master, admin) = ("cld::role::account::master_admin", "cld::role::account::admin");
    let text = "lock the last administrator out";
    call(&stage, Method::PUT, "/principal_roles", roles("remove", master)).await.refused(403, text);
    for statement in [
        "forbid(principal, action, resource);",
        r#"forbid(principal is Cloudinary::ProvisioningKey, action == Cloudinary::Action::"assign", resource is Cloudinary::Role);"#,
    ] {
        let answer = call(&stage, Method::POST, "/policies/custom", Body::Json(policy(statement))).await;
        answer.refused(403, text);
    }
    // Another role that may change roles will do; what it may not do is refused from then on.
    assert_eq!(call(&stage, Method::PUT, "/principal_roles", roles("add", admin)).await.status, 200);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(call(&stage, Method::PUT, "/principal_roles", roles("remove", master)).await.status, 200);
    let filter = AuditFilter { operation: Some("update_principal_roles".into()), ..AuditFilter::default() };
    let (logged, _) = stage.plane.audit_log(Some(stage.account.account.id), &filter, None, 1).await.unwrap();
    let (record, name) = (json!(logged[0]), format!("provisioningKey {}", stage.account.api_key));
    assert_eq!(record["target"], name);
    let held = |state: &str| -> Vec<&str> {
        record[state][&name].as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect()
    };
    assert_eq!((held("before"), held("after")), (vec![master], vec![]));
    stage.call(Method::GET, "/users", Body::None).await.ok();
    stage.call(Method::GET, "/billing_usage", Body::None).await.refused(403, "needs billing:read; no role permits it");
    let viewers = "cld::role::prodenv::reports";
    call(&stage, Method::PUT, "/principal_roles", roles("add", viewers))
        .await
        .refused(400, "provisioning key cannot have");
}

async fn errors_wear_the_second_envelope(stage: Stage) {
    let path = format!("/v2/accounts/{}/permissions/roles/x", stage.account.account.id);
    let refused = stage.send(Method::GET, &path, &[], Body::None).await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.body["error"],
        json!({"category": "user_error", "code": "ACCOUNTS_00006", "message": "Invalid credentials"})
    );
    let id = refused.headers.get("x-request-id").unwrap().to_str().unwrap();
    assert_eq!(refused.body["request_id"], id);
    let missing = call(&stage, Method::GET, "/roles/x", Body::None).await;
    assert_eq!(missing.body["error"]["code"], "ACCOUNTS_00003");
    assert_eq!(missing.body["error"]["details"], json!({"fields": [{"role_id": "x"}]}));
    let wrong = call(&stage, Method::POST, "/policies/custom", Body::Json(policy("permit(principal"))).await;
    assert_eq!((wrong.status.as_u16(), &wrong.body["error"]["code"]), (400, &json!("ACCOUNTS_00002")));
    assert!(wrong.body["error"]["details"]["fields"][0]["cedar_errors"][0]["cedar_message"].is_string());
    let nowhere = stage.send(Method::GET, "/v2/accounts/nowhere", &[], Body::None).await;
    assert_eq!((nowhere.status.as_u16(), &nowhere.body["error"]["code"]), (404, &json!("ACCOUNTS_00003")));
}

async fn another_account_s_things_are_not_there(stage: Stage) {
    let (environment, api_key) = key(&stage, "demo").await;
    let made =
        call(&stage, Method::POST, "/policies/custom", Body::Json(policy("permit(principal, action, resource);")))
            .await;
    let role = json!({"id": "mine", "permission_type": "global", "scope_type": "prodenv", "name": "Mine"});
    assert_eq!(call(&stage, Method::POST, "/roles", Body::Json(role)).await.status, 201);
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let policy = format!("/policies/custom/{}", made.body["data"]["id"].as_str().unwrap());
    let principal =
        json!({"operation": "add", "principal": {"type": "apiKey", "id": api_key}, "roles": [{"id": REPORTS}]});
    for (method, path, body) in [
        (Method::GET, policy.clone(), json!({})),
        (Method::DELETE, policy, json!({})),
        (Method::GET, "/roles/mine".to_owned(), json!({})),
        (Method::DELETE, "/roles/mine".to_owned(), json!({})),
        (Method::PUT, "/roles/mine".to_owned(), json!({"name": "x"})),
        (Method::GET, "/roles/mine/principals".to_owned(), json!({})),
        (
            Method::GET,
            format!("/principal_roles?principal_type=apiKey&principal_id={api_key}&permission_type=global"),
            json!({}),
        ),
        (Method::PUT, "/principal_roles".to_owned(), principal),
        (Method::GET, format!("/principal_roles/inspect?scope_type=prodenv&scope_id={environment}"), json!({})),
        (Method::GET, format!("/policies/custom?scope_type=prodenv&scope_id={environment}"), json!({})),
    ] {
        call_as(&stage, &other, method, &path, Body::Json(body)).await.refused(404, "Cannot find");
    }
    assert_eq!(call_as(&stage, &other, Method::GET, "/policies/custom", Body::None).await.ok(), json!({"data": []}));
}
