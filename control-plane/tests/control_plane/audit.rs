//! The audit log and the call records: what gets in, and what an account finds in them.

use std::{collections::BTreeSet, time::Duration};

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use control_plane::{AuditFilter, ControlPlane};
use plane_kit::{
    audit::{AuditBatch, AuditRecord, CallRecord, Entry, Origin, Outcome, hour_of},
    clock::Clock,
    ids::{AccountId, EnvironmentId},
    operations::{Act, Plane, operations},
    seam::SeamError,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Answer, Body, REGION, Stage, basic},
    on_both_databases,
};

on_both_databases!(
    every_change_leaves_one_record,
    what_the_operator_does_is_in_the_account_s_log,
    a_record_says_who_and_what_and_no_secret,
    filters_narrow_and_pages_continue,
    lines_are_the_whole_log,
    what_is_sent_twice_is_there_once,
    what_does_not_hold_is_refused_whole,
    call_records_are_found_purged_and_forgotten,
    another_account_s_records_are_not_there,
    mistakes_are_named,
);

/// Changes an account over its API and keeps which operations that were.
struct Driver<'a> {
    stage: &'a Stage,
    driven: Vec<&'static str>,
}

impl Driver<'_> {
    async fn drive(&mut self, operation: &'static str, method: Method, path: &str, body: Value) -> Value {
        self.driven.push(operation);
        let body = if body.is_null() { Body::None } else { Body::Json(body) };
        self.stage.call(method, path, body).await.ok()
    }

    /// Accepts an invitation, as the person who has the link.
    async fn accept(&mut self, url: &str) {
        self.driven.push("accept_invitation");
        let path = &url[url.find("/v1_1").unwrap()..];
        let body = Body::Json(json!({"password": "correct horse battery"}));
        self.stage.send(Method::POST, path, &[], body).await.ok();
    }
}

impl Driver<'_> {
    /// Changes roles and policies over the Permissions API.
    async fn drive_permissions(&mut self, api_key: &str) {
        let base = format!("/v2/accounts/{}/permissions", self.stage.account.account.id);
        let role = json!({"id": "readers", "name": "Readers", "permission_type": "global", "scope_type": "prodenv",
            "system_policy_ids": ["cld::policy::global::prodenv::view"]});
        let policy = |action: &str| {
            json!({"name": "A policy", "scope_type": "account", "enabled": true,
                "policy_statement": format!("permit(principal, action == Cloudinary::Action::\"{action}\", resource);")})
        };
        let made = self.drive_v2("create_custom_policy", Method::POST, &base, "/policies/custom", policy("read")).await;
        let made = format!("/policies/custom/{}", made["data"]["id"].as_str().unwrap());
        self.drive_v2("update_custom_policy", Method::PUT, &base, &made, policy("delete")).await;
        self.drive_v2("delete_custom_policy", Method::DELETE, &base, &made, Value::Null).await;
        self.drive_v2("create_role", Method::POST, &base, "/roles", role).await;
        let renamed = json!({"name": "Lookers"});
        self.drive_v2("update_role", Method::PUT, &base, "/roles/readers", renamed).await;
        let principals =
            json!({"operation": "add", "principals": [{"principal_type": "apiKey", "principal_id": api_key}]});
        self.drive_v2("update_role_principals", Method::PUT, &base, "/roles/readers/principals", principals).await;
        let roles = json!({"operation": "remove", "principal": {"type": "apiKey", "id": api_key},
            "roles": [{"id": "readers"}]});
        self.drive_v2("update_principal_roles", Method::PUT, &base, "/principal_roles", roles).await;
        self.drive_v2("delete_role", Method::DELETE, &base, "/roles/readers", Value::Null).await;
    }

    async fn drive_v2(
        &mut self,
        operation: &'static str,
        method: Method,
        base: &str,
        path: &str,
        body: Value,
    ) -> Value {
        self.driven.push(operation);
        let account = &self.stage.account;
        let credentials = basic(&format!("{}:{}", account.api_key, account.api_secret.expose()));
        let body = if body.is_null() { Body::None } else { Body::Json(body) };
        let answer = self.stage.send(method, &format!("{base}{path}"), &[("authorization", credentials)], body).await;
        assert!(answer.status.is_success(), "{operation}: {} {}", answer.status, answer.body);
        answer.body
    }
}

/// The public half of the first key of an environment.
async fn key_of(stage: &Stage, cloud_name: &str) -> String {
    let found = stage.call(Method::GET, &format!("/sub_accounts?cloud_names={cloud_name}"), Body::None).await.ok();
    found["sub_accounts"][0]["api_access_keys"][0]["key"].as_str().unwrap().to_owned()
}

fn id(made: &Value) -> &str {
    made["id"].as_str().unwrap()
}

/// The records of a page, with the query behind the path.
async fn log(stage: &Stage, query: &str) -> Vec<Value> {
    let page = stage.call(Method::GET, &format!("/audit_log{query}"), Body::None).await.ok();
    page["audit_log"].as_array().unwrap().clone()
}

fn operations_of(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["operation"].as_str().unwrap()).collect()
}

async fn environment(stage: &Stage, cloud_name: &str) -> EnvironmentId {
    stage.environment(cloud_name).await.parse().unwrap()
}

/// The record of an upload as a region sends it.
fn upload(environment: EnvironmentId, public_id: &str, at: DateTime<Utc>) -> AuditRecord {
    let origin = Origin { actor: "key:1".into(), address: "192.0.2.7".into(), request: "0a".into() };
    let entry = Entry::made("upload", format!("image/upload/{public_id}"), json!({"bytes": 5}));
    let record = AuditRecord::new(at, &origin, entry);
    AuditRecord { environment: Some(environment), region: REGION.to_owned(), ..record }
}

fn calls(environment: EnvironmentId, key: &str, outcome: Outcome, at: DateTime<Utc>) -> CallRecord {
    CallRecord {
        id: Uuid::new_v4(),
        environment,
        actor: format!("key:{key}"),
        operation: "upload".to_owned(),
        method: "POST".to_owned(),
        folder: Some("cats".to_owned()),
        outcome,
        hour: hour_of(at),
        count: 3,
        last_at: at,
    }
}

fn changes(records: Vec<AuditRecord>) -> AuditBatch {
    AuditBatch { records, ..AuditBatch::default() }
}

async fn every_change_leaves_one_record(stage: Stage) {
    let mut driver = Driver { stage: &stage, driven: Vec::new() };
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let new = json!({"name": "Demo", "cloud_name": "demo"});
    let made = driver.drive("create_product_environment", post.clone(), "/sub_accounts", new).await;
    let demo = format!("/sub_accounts/{}", id(&made));
    driver.drive("update_product_environment", put.clone(), &demo, json!({"name": "Other"})).await;
    let domains = json!({"allowed_fetch_domains": ["a.test"]});
    driver.drive("update_environment_settings", put.clone(), &format!("{demo}/settings"), domains).await;
    let keys = format!("{demo}/access_keys");
    let made = driver.drive("generate_access_key", post.clone(), &keys, json!({"name": "second"})).await;
    let key = format!("{keys}/{}", made["api_key"].as_str().unwrap());
    driver.drive("update_access_key", put.clone(), &key, json!({"name": "renamed"})).await;
    let rules = json!({"rules": ["@all:read"]});
    driver.drive("update_access_key_permissions", put.clone(), &format!("{key}/permissions"), rules).await;
    driver.drive("update_access_key_details", put.clone(), &format!("{key}/details"), json!({"owner": "Ada"})).await;
    let rotate = format!("{key}/rotate");
    driver.drive("rotate_access_key", post.clone(), &rotate, Value::Null).await;
    driver.drive("delete_access_key_rotation", delete.clone(), &rotate, Value::Null).await;
    driver.drive("rotate_access_key", post.clone(), &rotate, Value::Null).await;
    driver.drive("confirm_access_key_rotation", post.clone(), &format!("{rotate}/confirm"), Value::Null).await;
    let named = format!("{keys}?name=renamed");
    driver.drive("delete_access_key_by_name", delete.clone(), &named, Value::Null).await;
    let made = driver.drive("generate_access_key", post.clone(), &keys, json!({})).await;
    let key = format!("{keys}/{}", made["api_key"].as_str().unwrap());
    driver.drive("delete_access_key", delete.clone(), &key, Value::Null).await;
    let bob = json!({"name": "bob", "email": "bob@example.com"});
    driver.drive("create_user", post.clone(), "/users", bob).await;
    let ada = json!({"name": "ada", "email": "ada@example.com"});
    let made = driver.drive("create_user", post.clone(), "/users", ada).await;
    let user = format!("/users/{}", id(&made));
    driver.drive("update_user", put.clone(), &user, json!({"name": "Ada"})).await;
    let invitation = format!("{user}/invitation");
    driver.drive("create_user_invitation", post.clone(), &invitation, Value::Null).await;
    driver.drive("delete_user_invitation", delete.clone(), &invitation, Value::Null).await;
    let made = driver.drive("create_user_invitation", post.clone(), &invitation, Value::Null).await;
    driver.accept(made["invitation_url"].as_str().unwrap()).await;
    let made = driver.drive("create_user_group", post.clone(), "/user_groups", json!({"name": "Designers"})).await;
    let group = format!("/user_groups/{}", id(&made));
    driver.drive("update_user_group", put.clone(), &group, json!({"name": "Writers"})).await;
    driver.drive("add_user_to_user_group", post.clone(), &format!("{group}{user}"), Value::Null).await;
    driver.drive("remove_user_from_user_group", delete.clone(), &format!("{group}{user}"), Value::Null).await;
    driver.drive("delete_user_group", delete.clone(), &group, Value::Null).await;
    driver.drive("delete_user", delete.clone(), &user, Value::Null).await;
    let second = json!({"name": "second"});
    let made = driver.drive("create_provisioning_key", post.clone(), "/provisioning_keys", second).await;
    let key = format!("/provisioning_keys/{}", made["api_key"].as_str().unwrap());
    driver.drive("update_provisioning_key", put.clone(), &key, json!({"name": "renamed"})).await;
    driver.drive("delete_provisioning_key", delete.clone(), &key, Value::Null).await;
    driver.drive_permissions(&key_of(&stage, "demo").await).await;
    driver.drive("purge_call_records", delete.clone(), "/call_records?before=2026-11-01", Value::Null).await;
    driver.drive("delete_product_environment", delete.clone(), &demo, Value::Null).await;

    // What is refused changes nothing, and neither does what is read.
    stage.call(put, &demo, Body::Json(json!({"name": "x"}))).await.refused(404, "Cannot find");
    let taken = json!({"name": "bob", "email": "bob@example.com"});
    stage.call(post, "/users", Body::Json(taken)).await.refused(409, "already exists");
    stage.call(get, "/users", Body::None).await.ok();

    let records = log(&stage, "?max_results=500").await;
    let mut found = operations_of(&records);
    let mut expected = driver.driven.clone();
    expected.push("create_account");
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);

    let built: BTreeSet<_> = ControlPlane::routes().infos().map(|info| info.operation_id.to_owned()).collect();
    let mutating: BTreeSet<_> = operations()
        .of(Plane::Control)
        .filter(|operation| operation.act != Act::Read && built.contains(operation.id))
        // What goes on between the planes changes nothing of an account; what the operator and strangers do has cases of its own.
        .filter(|operation| !["region", "accounts", "agents"].contains(&operation.feature))
        .map(|operation| operation.id)
        .collect();
    assert_eq!(driver.driven.into_iter().collect::<BTreeSet<_>>(), mutating, "drive the operations that were added");
}

async fn what_the_operator_does_is_in_the_account_s_log(stage: Stage) {
    let made = stage.operate(Method::POST, "/accounts", Body::Json(json!({"name": "Other"}))).await.ok();
    let account: AccountId = made["account"]["id"].as_str().unwrap().parse().unwrap();
    for (method, path) in [
        (Method::POST, format!("/accounts/{account}/suspend")),
        (Method::POST, format!("/accounts/{account}/resume")),
        (Method::DELETE, format!("/accounts/{account}")),
    ] {
        stage.clock.advance(Duration::from_secs(1));
        stage.operate(method, &path, Body::None).await.ok();
    }
    let (records, _) = stage.plane.audit_log(Some(account), &AuditFilter::default(), None, 50).await.unwrap();
    let records: Vec<Value> = records.iter().map(|record| json!(record)).collect();
    assert_eq!(operations_of(&records), ["close_account", "resume_account", "suspend_account", "create_account"]);
    assert!(
        records
            .iter()
            .all(|record| record["actor"] == "operator" && !record["request_id"].as_str().unwrap().is_empty())
    );
}

async fn a_record_says_who_and_what_and_no_secret(stage: Stage) {
    let demo = stage.environment("demo").await;
    let keys = format!("/sub_accounts/{demo}/access_keys");
    let made = stage.call(Method::POST, &keys, Body::Json(json!({"name": "second"}))).await.ok();
    let api_key = made["api_key"].as_str().unwrap();
    stage.clock.advance(Duration::from_secs(1));
    let changed = stage.call(Method::PUT, &format!("{keys}/{api_key}"), Body::Json(json!({"enabled": false}))).await;
    let request = changed.headers.get("x-request-id").unwrap().to_str().unwrap().to_owned();
    changed.ok();
    let record = &log(&stage, "?operation=update_access_key").await[0];
    assert_eq!(
        Answer::members(record),
        [
            "id",
            "at",
            "sub_account_id",
            "region",
            "actor",
            "operation",
            "target",
            "address",
            "request_id",
            "before",
            "after"
        ]
    );
    assert_eq!(record["at"], "2026-11-23T12:00:01.000001Z");
    assert_eq!(record["actor"], json!(format!("provisioning_key:{}", stage.account.api_key)));
    assert_eq!(record["target"], json!(format!("access_key {api_key}")));
    assert_eq!((&record["sub_account_id"], &record["region"]), (&json!(demo), &Value::Null));
    assert_eq!((&record["request_id"], &record["address"]), (&json!(request), &Value::Null));
    assert_eq!((&record["before"]["enabled"], &record["after"]["enabled"]), (&json!(true), &json!(false)));
    assert_eq!(record["after"]["name"], "second");

    // The operator is in the log too.
    for enabled in [false, false, true] {
        stage.plane.set_account_enabled(stage.account.account.id, enabled).await.unwrap();
    }
    let suspensions = log(&stage, "?operation=suspend_account").await;
    assert_eq!(suspensions.len(), 1, "what changes nothing is no change");
    let record = &suspensions[0];
    assert_eq!((&record["actor"], &record["after"]), (&json!("operator"), &json!({"enabled": false})));

    // A secret gets in by no way, not even when a region sends one.
    let mut sent = serde_json::to_value(upload(demo.parse().unwrap(), "cat", stage.clock.now())).unwrap();
    sent["before"] = json!({"deep": [{"API_Secret": "hush-1", "token": "hush-2", "kept": 1}]});
    let batch = Body::Json(json!({"records": [sent]}));
    stage.call_internal(Method::POST, "/internal/v1/regions/eu/audit", batch).await.ok();
    let record = &log(&stage, "?operation=upload").await[0];
    assert_eq!(record["before"], json!({"deep": [{"kept": 1}]}));
    let whole = stage.call(Method::GET, "/audit_log?format=jsonl", Body::None).await.text;
    for secret in [made["api_secret"].as_str().unwrap(), stage.account.api_secret.expose(), "hush", "secret"] {
        assert!(!whole.contains(secret), "{secret} in {whole}");
    }
}

async fn filters_narrow_and_pages_continue(stage: Stage) {
    let demo = environment(&stage, "demo").await;
    stage.clock.advance(Duration::from_secs(86_400));
    stage.call(Method::POST, "/user_groups", Body::Json(json!({"name": "Designers"}))).await.ok();
    stage.clock.advance(Duration::from_secs(1));
    let cats = (0..4).map(|number| upload(demo, &format!("cats/{number}"), stage.clock.now()));
    let records = cats.chain([upload(demo, "cats_1", stage.clock.now())]).collect();
    stage.plane.link_for_region(REGION).ship_audit(&changes(records)).await.unwrap();
    let key = format!("provisioning_key:{}", stage.account.api_key);
    let cases: [(String, &[&str]); 10] = [
        ("?operation=create_user_group".into(), &["create_user_group"]),
        ("?actor=operator".into(), &["create_account"]),
        (format!("?actor={key}"), &["create_user_group", "create_product_environment"]),
        (format!("?sub_account_id={demo}&actor={key}"), &["create_product_environment"]),
        ("?to=2026-11-23".into(), &["create_product_environment", "create_account"]),
        ("?from=2026-11-24&actor=key:1".into(), &["upload"; 5]),
        ("?from=2026-11-24T12:00:00.000001Z&to=2026-11-24T12:00:00.000001Z".into(), &["create_user_group"]),
        ("?from=2026-11-25".into(), &[]),
        ("?target=image/upload/cats/".into(), &["upload"; 4]),
        ("?target=image/upload/cats_".into(), &["upload"]),
    ];
    for (query, expected) in cases {
        assert_eq!(operations_of(&log(&stage, &query).await), expected, "{query}");
    }
    for (query, part) in [("operation=bogus", "operation"), ("actor=bogus", "actor"), ("actor=key:", "actor")] {
        for path in ["/audit_log", "/call_records"] {
            let answer = stage.call(Method::GET, &format!("{path}?{query}"), Body::None).await;
            answer.refused(400, &format!("for parameter {part}"));
        }
    }
    // What stands for calls that were too many to be told apart is in the call records only.
    stage.call(Method::GET, "/call_records?operation=other&actor=other", Body::None).await.ok();
    stage.call(Method::GET, "/audit_log?actor=other", Body::None).await.refused(400, "for parameter actor");
    // Five records of one moment are told apart by their ids: none is left out, none comes twice.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/audit_log?actor=key:1&max_results=2{cursor}");
        let page = stage.call(Method::GET, &path, Body::None).await.ok();
        let records = page["audit_log"].as_array().unwrap();
        assert!(records.len() <= 2 && !records.is_empty());
        seen.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&next_cursor={next}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|first, second| first > second), "{seen:?}");
}

async fn lines_are_the_whole_log(stage: Stage) {
    let demo = environment(&stage, "demo").await;
    let records: Vec<_> = (0..1_200)
        .map(|number| upload(demo, &number.to_string(), stage.clock.now() + TimeDelta::milliseconds(number)))
        .collect();
    for part in records.chunks(400) {
        stage.plane.link_for_region(REGION).ship_audit(&changes(part.to_vec())).await.unwrap();
    }
    let answer = stage.call(Method::GET, "/audit_log?format=jsonl&operation=upload", Body::None).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers.get("content-type").unwrap(), "application/x-ndjson");
    let lines: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let targets: Vec<_> = lines.iter().map(|line| line["target"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<_> = (0..1_200).rev().map(|number| format!("image/upload/{number}")).collect();
    assert_eq!(targets, expected);
    let page = log(&stage, "?operation=upload&max_results=500").await;
    assert_eq!(lines[..500], page[..]);
    // The command line reads the same.
    let filter = AuditFilter { operation: Some("upload".into()), ..AuditFilter::default() };
    let (records, end) = stage.plane.audit_log(Some(stage.account.account.id), &filter, None, 2).await.unwrap();
    assert_eq!(serde_json::to_value(&records).unwrap().as_array().unwrap()[..], lines[..2]);
    assert!(end.is_some());
    let nothing = stage.call(Method::GET, "/audit_log?format=jsonl&operation=delete_role", Body::None).await;
    assert_eq!((nothing.status.as_u16(), nothing.text.as_str()), (200, ""));
}

async fn what_is_sent_twice_is_there_once(stage: Stage) {
    let demo = environment(&stage, "demo").await;
    for (round, (carrier, link)) in stage.links().await.into_iter().enumerate() {
        let now = stage.clock.now();
        let (change, call) = (upload(demo, "cat", now), calls(demo, "1", Outcome::Permitted, now));
        let batch = AuditBatch { records: vec![change.clone(), change.clone()], calls: vec![call.clone(), call] };
        for _ in 0..3 {
            link.ship_audit(&batch).await.unwrap();
        }
        // The same id with another content is the record that is there.
        let forged = AuditRecord { actor: "nobody".into(), ..change };
        link.ship_audit(&changes(vec![forged, upload(demo, "dog", now)])).await.unwrap();
        let records = log(&stage, "?operation=upload").await;
        assert_eq!(records.len(), 2 * (round + 1), "{carrier}");
        assert!(records.iter().all(|record| record["actor"] == "key:1" && record["region"] == REGION), "{carrier}");
        assert_eq!(records[0]["address"], "192.0.2.7", "{carrier}");
        let found = stage.call(Method::GET, "/call_records", Body::None).await.ok();
        assert_eq!(found["call_records"].as_array().unwrap().len(), round + 1, "{carrier}");
    }
}

async fn what_does_not_hold_is_refused_whole(stage: Stage) {
    stage.plane.add_region("us").await.unwrap();
    let demo = environment(&stage, "demo").await;
    let elsewhere = json!({"name": "x", "region": "us"});
    let elsewhere = stage.call(Method::POST, "/sub_accounts", Body::Json(elsewhere)).await.ok();
    let elsewhere: EnvironmentId = id(&elsewhere).parse().unwrap();
    let now = stage.clock.now();
    let good = upload(demo, "cat", now);
    let bad_count = CallRecord { count: 0, ..calls(demo, "1", Outcome::Refused, now) };
    let cases = [
        (changes(vec![good.clone(), upload(elsewhere, "cat", now)]), elsewhere.to_string()),
        (changes(vec![good.clone(), AuditRecord { environment: None, ..good.clone() }]), "no environment".to_owned()),
        (changes(vec![good.clone(), AuditRecord { target: "a\0".into(), ..good.clone() }]), "characters".to_owned()),
        (AuditBatch { calls: vec![bad_count], ..changes(vec![good]) }, "counts 0 calls".to_owned()),
    ];
    for (carrier, link) in stage.links().await {
        for (batch, text) in &cases {
            match link.ship_audit(batch).await {
                Err(SeamError::Refused(reason)) => assert!(reason.contains(text), "{carrier}: {reason}"),
                other => panic!("{carrier}: {other:?} instead of a refusal because of {text}"),
            }
        }
    }
    assert!(log(&stage, "?operation=upload").await.is_empty());
}

async fn call_records_are_found_purged_and_forgotten(stage: Stage) {
    let (demo, account) = (environment(&stage, "demo").await, stage.account.account.id);
    let link = stage.plane.link_for_region(REGION);
    let now = stage.clock.now();
    let hours = |hours| now - TimeDelta::hours(hours);
    let sent = vec![
        calls(demo, "1", Outcome::Permitted, hours(49)),
        calls(demo, "1", Outcome::Permitted, hours(1)),
        calls(demo, "1", Outcome::Refused, now),
        calls(demo, "2", Outcome::Refused, now),
    ];
    link.ship_audit(&AuditBatch { calls: sent, ..AuditBatch::default() }).await.unwrap();
    let cases = [
        ("", 4),
        ("?actor=key:1", 3),
        ("?outcome=refused", 2),
        ("?operation=upload&actor=key:2", 1),
        ("?operation=destroy", 0),
        ("?from=2026-11-23", 3),
        ("?to=2026-11-22", 1),
        ("?max_results=3", 3),
    ];
    for (query, expected) in cases {
        let found = stage.call(Method::GET, &format!("/call_records{query}"), Body::None).await.ok();
        assert_eq!(found["call_records"].as_array().unwrap().len(), expected, "{query}");
        assert_eq!(found["next_cursor"].is_string(), query == "?max_results=3", "{query}");
    }
    let unknown = stage.call(Method::GET, "/call_records?outcome=maybe", Body::None).await;
    unknown.refused(400, "Invalid value maybe for parameter outcome");
    let found = stage.call(Method::GET, "/call_records?to=2026-11-22", Body::None).await.ok();
    assert_eq!(
        found["call_records"][0],
        json!({
            "hour": "2026-11-21T11:00:00Z", "sub_account_id": demo, "region": REGION, "actor": "key:1",
            "operation": "upload", "method": "POST", "folder": "cats", "outcome": "permitted", "count": 3,
            "last_at": "2026-11-21T11:00:00.000001Z",
        })
    );
    // A refusal is no use of a key.
    assert_eq!(stage.plane.last_used(account, "1").await.unwrap(), Some(hours(1)));
    assert_eq!(stage.plane.last_used(account, "2").await.unwrap(), None);

    let purged = stage.call(Method::DELETE, "/call_records?before=2026-11-23", Body::None).await.ok();
    assert_eq!(purged, json!({"deleted": 1}));
    assert_eq!(log(&stage, "?operation=purge_call_records").await[0]["before"]["deleted"], 1);

    // What is older than it is kept goes when something comes in.
    stage.clock.advance(Duration::from_secs(31 * 86_400));
    let late = calls(demo, "3", Outcome::Permitted, stage.clock.now());
    link.ship_audit(&AuditBatch { calls: vec![late], ..AuditBatch::default() }).await.unwrap();
    let left = stage.call(Method::GET, "/call_records", Body::None).await.ok();
    assert_eq!(left["call_records"].as_array().unwrap().len(), 1);
    assert_eq!(left["call_records"][0]["actor"], "key:3");
    // The audit log stays.
    assert_eq!(log(&stage, "?operation=create_account").await.len(), 1);
}

async fn another_account_s_records_are_not_there(stage: Stage) {
    let demo = environment(&stage, "demo").await;
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let now = stage.clock.now();
    // Whatever account a region says, the environment decides.
    let forged = AuditRecord { account: Some(other.account.id), ..upload(demo, "cat", now) };
    let batch = AuditBatch { records: vec![forged], calls: vec![calls(demo, "1", Outcome::Permitted, now)] };
    stage.plane.link_for_region(REGION).ship_audit(&batch).await.unwrap();
    for query in ["", &format!("?sub_account_id={demo}"), "?operation=upload", "?format=jsonl"] {
        let answer = stage.call_as(&other, Method::GET, &format!("/audit_log{query}"), Body::None).await;
        assert_eq!(answer.status, 200, "{query}");
        assert!(!answer.text.contains("upload") && !answer.text.contains("demo"), "{query}: {}", answer.text);
    }
    let theirs = stage.call_as(&other, Method::GET, "/audit_log", Body::None).await.ok();
    assert_eq!(operations_of(theirs["audit_log"].as_array().unwrap()), ["create_account"]);
    let theirs = stage.call_as(&other, Method::GET, "/call_records", Body::None).await.ok();
    assert_eq!(theirs, json!({"call_records": []}));
    let purge = "/call_records?before=2030-01-01";
    assert_eq!(stage.call_as(&other, Method::DELETE, purge, Body::None).await.ok(), json!({"deleted": 0}));
    assert_eq!(stage.plane.last_used(other.account.id, "1").await.unwrap(), None);
    let mine = stage.call(Method::GET, "/call_records", Body::None).await.ok();
    assert_eq!(mine["call_records"].as_array().unwrap().len(), 1);
    assert_eq!(log(&stage, "?operation=upload").await.len(), 1);
}

async fn mistakes_are_named(stage: Stage) {
    for (path, text) in [
        ("/audit_log?from=yesterday", "parameter from"),
        ("/audit_log?to=2026-13-01", "parameter to"),
        ("/audit_log?max_results=0", "parameter max_results"),
        ("/audit_log?max_results=501", "parameter max_results"),
        ("/audit_log?next_cursor=***", "parameter next_cursor"),
        ("/audit_log?next_cursor=AAAA", "parameter next_cursor"),
        ("/audit_log?format=xml", "parameter format"),
        ("/audit_log?sub_account_id=x", "parameter sub_account_id"),
        ("/audit_log?actor=%00", "parameter actor"),
        ("/call_records?outcome=maybe", "parameter outcome"),
        ("/call_records?operation=%00", "parameter operation"),
    ] {
        stage.call(Method::GET, path, Body::None).await.refused(400, text);
    }
    stage.call(Method::DELETE, "/call_records", Body::None).await.refused(400, "Missing required parameter - before");
    stage.call(Method::DELETE, "/call_records?before=x", Body::None).await.refused(400, "parameter before");
    let malformed = Body::Json(json!({"records": 1}));
    let answer = stage.call_internal(Method::POST, "/internal/v1/regions/eu/audit", malformed).await;
    answer.refused(400, "Malformed batch");
}
