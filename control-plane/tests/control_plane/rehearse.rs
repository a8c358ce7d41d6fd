//! Rules held against what an access key was used for, and when it was last used, over HTTP.

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use plane_kit::{
    audit::{AuditBatch, CallRecord, OTHER, Outcome, hour_of},
    clock::Clock,
    operations::operations,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{Body, REGION, Stage, basic},
    on_both_databases,
};

on_both_databases!(
    calls_are_held_against_rules,
    roles_and_policies_stay,
    only_so_many_days_are_looked_back,
    more_than_a_page_is_looked_at,
    mistakes_are_named,
    keys_of_others_are_not_there,
    the_last_use_is_shown,
);

/// What can be said of calls, and how many they are.
type Call = (&'static str, Option<&'static str>, Outcome, i64);

/// A product environment with its key.
struct Place {
    id: String,
    api_key: String,
}

async fn place(stage: &Stage, cloud_name: &str) -> Place {
    let id = stage.environment(cloud_name).await;
    let listed = stage.call(Method::GET, &format!("/sub_accounts/{id}/access_keys"), Body::None).await.ok();
    Place { api_key: listed["access_keys"][0]["api_key"].as_str().unwrap().to_owned(), id }
}

fn record(place: &Place, actor: &str, call: Call, at: DateTime<Utc>) -> CallRecord {
    let (operation, folder, outcome, count) = call;
    CallRecord {
        id: Uuid::new_v4(),
        environment: place.id.parse().unwrap(),
        actor: actor.to_owned(),
        operation: operation.to_owned(),
        method: operations().find(operation).map(|operation| operation.method()).unwrap_or_default().to_owned(),
        folder: folder.map(str::to_owned),
        outcome,
        hour: hour_of(at),
        count,
        last_at: at,
    }
}

async fn ship(stage: &Stage, calls: Vec<CallRecord>) {
    for part in calls.chunks(400) {
        let batch = AuditBatch { calls: part.to_vec(), ..AuditBatch::default() };
        stage.plane.link_for_region(REGION).ship_audit(&batch).await.unwrap();
    }
}

/// Rehearses what a body says, of a key unless it names another one.
async fn rehearse(stage: &Stage, place: &Place, mut body: Value) -> Value {
    if body.get("principal").is_none() {
        body["principal"] = json!(place.api_key);
    }
    stage.call(Method::POST, "/permissions/rehearse", Body::Json(body)).await.ok()
}

/// Operation, folder and number of the calls of a list.
fn shown(list: &Value) -> Vec<(&str, Option<&str>, i64)> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|calls| (calls["operation"].as_str().unwrap(), calls["folder"].as_str(), calls["calls"].as_i64().unwrap()))
        .collect()
}

async fn calls_are_held_against_rules(stage: Stage) {
    let demo = place(&stage, "demo").await;
    let (now, key) = (stage.clock.now(), format!("key:{}", demo.api_key));
    let calls: [Call; 10] = [
        ("upload", Some("clients/acme"), Outcome::Permitted, 4),
        ("upload", Some("clients/acme"), Outcome::Permitted, 6),
        ("upload", Some("clients/acme"), Outcome::Permitted, 1),
        ("upload", Some("clients/acme/summer"), Outcome::Permitted, 1),
        ("upload", Some(""), Outcome::Permitted, 4),
        ("upload", None, Outcome::Permitted, 2),
        ("destroy", None, Outcome::Permitted, 3),
        ("usage", None, Outcome::Refused, 5),
        ("ping", None, Outcome::Refused, 6),
        ("yesterdays_operation", None, Outcome::Permitted, 7),
    ];
    let mut sent: Vec<_> = calls.into_iter().map(|call| record(&demo, &key, call, now)).collect();
    sent.push(record(&demo, OTHER, (OTHER, None, Outcome::Permitted, 8), now));
    // What others did is looked at nowhere: another key, and what was not told apart in another environment.
    let elsewhere = place(&stage, "elsewhere").await;
    sent.push(record(&demo, "key:1", ("upload", None, Outcome::Permitted, 100), now));
    sent.push(record(&elsewhere, OTHER, (OTHER, None, Outcome::Permitted, 100), now));
    ship(&stage, sent).await;
    let permissions = format!("/sub_accounts/{}/access_keys/{}/permissions", demo.id, demo.api_key);
    let before = (
        stage.call(Method::GET, &permissions, Body::None).await.ok(),
        stage.call(Method::GET, "/audit_log", Body::None).await.ok(),
    );

    let (acme, summer) = (Some("clients/acme"), Some("clients/acme/summer"));
    let reads = [("ping", None, 6), ("usage", None, 5)];
    let everything_refused = vec![
        ("upload", acme, 11),
        ("upload", Some(""), 4),
        ("destroy", None, 3),
        ("upload", None, 2),
        ("upload", summer, 1),
    ];
    for (draft, refused, allowed, unchanged, unknown) in [
        (
            json!({"rules": ["@upload in clients/acme", "@usage"]}),
            vec![("upload", Some(""), 4), ("destroy", None, 3)],
            vec![("usage", None, 5)],
            18,
            17,
        ),
        (
            json!({"rules": ["deny @upload in clients/acme"]}),
            vec![("upload", acme, 11), ("upload", summer, 1)],
            reads.to_vec(),
            7,
            17,
        ),
        (json!({"template": "read_only"}), everything_refused.clone(), reads.to_vec(), 0, 15),
        (json!({"rules": ["deny *"], "principal": key}), everything_refused, vec![], 11, 15),
        (json!({"rules": []}), vec![], reads.to_vec(), 21, 15),
    ] {
        let what = draft.to_string();
        let found = rehearse(&stage, &demo, draft).await;
        assert_eq!(shown(&found["newly_refused"]), refused, "{what}");
        assert_eq!(shown(&found["newly_allowed"]), allowed, "{what}");
        assert_eq!((&found["unchanged"], &found["unknown"]), (&json!(unchanged), &json!(unknown)), "{what}");
        assert_eq!((&found["days"], &found["calls"]), (&json!(7), &json!(47)), "{what}");
    }
    let found = rehearse(&stage, &demo, json!({"rules": ["@upload in clients/acme"]})).await;
    assert_eq!(
        found["newly_refused"][0],
        json!({
            "operation": "upload", "method": "POST", "path": "/:resource_type/upload", "folder": "", "calls": 4,
            "last_at": "2026-11-23T12:00:00Z", "reason": "its rules allow it only in clients/acme",
        })
    );
    let after = (
        stage.call(Method::GET, &permissions, Body::None).await.ok(),
        stage.call(Method::GET, "/audit_log", Body::None).await.ok(),
    );
    assert_eq!(before, after, "nothing is changed by it");
}

/// Rules take the place of rules alone: roles and custom policies decide on as they do.
async fn roles_and_policies_stay(stage: Stage) {
    let demo = place(&stage, "demo").await;
    let (now, key) = (stage.clock.now(), format!("key:{}", demo.api_key));
    let calls = [("destroy", Some("cats"), Outcome::Refused, 3), ("upload", Some("cats"), Outcome::Permitted, 2)];
    ship(&stage, calls.into_iter().map(|call| record(&demo, &key, call, now)).collect()).await;
    let found = rehearse(&stage, &demo, json!({"rules": ["*"]})).await;
    assert_eq!(shown(&found["newly_allowed"]), [("destroy", Some("cats"), 3)]);

    let statement = format!(
        r#"forbid(principal == Cloudinary::APIKey::"{}", action == Cloudinary::Action::"delete", resource);"#,
        demo.api_key
    );
    let policy = json!({
        "name": "No deleting", "scope_type": "prodenv", "scope_id": demo.id, "policy_statement": statement, "enabled": true,
    });
    let path = format!("/v2/accounts/{}/permissions/policies/custom", stage.account.account.id);
    let credentials = format!("{}:{}", stage.account.api_key, stage.account.api_secret.expose());
    let headers = [("authorization", basic(&credentials))];
    assert_eq!(stage.send(Method::POST, &path, &headers, Body::Json(policy)).await.status, 201);
    let found = rehearse(&stage, &demo, json!({"rules": ["*"]})).await;
    assert_eq!((shown(&found["newly_allowed"]), &found["unchanged"]), (vec![], &json!(5)));
}

async fn only_so_many_days_are_looked_back(stage: Stage) {
    let demo = place(&stage, "demo").await;
    let (now, key) = (stage.clock.now(), format!("key:{}", demo.api_key));
    // The hour in which seven days ago lies is looked at, the one before is not.
    let sent = [(0, 1), (7 * 24, 2), (7 * 24 + 1, 4), (20 * 24, 8)].into_iter().map(|(hours, count)| {
        let call = ("upload", Some("cats"), Outcome::Permitted, count);
        record(&demo, &key, call, now - TimeDelta::hours(hours))
    });
    ship(&stage, sent.collect()).await;
    for (days, expected) in
        [(json!(null), 3), (json!(7), 3), (json!("7"), 3), (json!(1), 1), (json!(8), 7), (json!(30), 15)]
    {
        let found = rehearse(&stage, &demo, json!({"rules": ["@usage"], "days": days})).await;
        assert_eq!(shown(&found["newly_refused"]), [("upload", Some("cats"), expected)], "{days}");
        assert_eq!(found["newly_refused"][0]["last_at"], "2026-11-23T12:00:00Z", "{days}");
    }
}

async fn more_than_a_page_is_looked_at(stage: Stage) {
    let demo = place(&stage, "demo").await;
    let (now, key) = (stage.clock.now(), format!("key:{}", demo.api_key));
    // Records of one hour are told apart by their ids: a page ends amid them.
    let sent = (0..1_200).map(|number| {
        let call = ("upload", Some("cats"), Outcome::Permitted, 1);
        record(&demo, &key, call, now - TimeDelta::hours(number / 600))
    });
    ship(&stage, sent.collect()).await;
    let found = rehearse(&stage, &demo, json!({"rules": ["@upload in cats"]})).await;
    assert_eq!((&found["calls"], &found["unchanged"]), (&json!(1_200), &json!(1_200)));
}

async fn mistakes_are_named(stage: Stage) {
    let demo = place(&stage, "demo").await;
    let key = &demo.api_key;
    for (body, status, text) in [
        (json!({"rules": ["@usage"]}), 400, "Missing required parameter - principal"),
        (json!({"principal": key}), 400, "Missing required parameter - rules"),
        (json!({"principal": key, "rules": ["GET /usages"]}), 400, "did you mean `GET /usage`?"),
        (json!({"principal": key, "rules": [1]}), 400, "parameter rules"),
        (json!({"principal": key, "rules": vec!["@usage"; 101]}), 400, "a key may have 100"),
        (json!({"principal": key, "rules": [], "template": "read_only"}), 400, "not both"),
        (json!({"principal": key, "template": "read_some"}), 400, "one of read_only"),
        (json!({"principal": key, "rules": [], "days": 0}), 400, "parameter days: between 1 and 30"),
        (json!({"principal": key, "rules": [], "days": 31}), 400, "parameter days: between 1 and 30"),
        (json!({"principal": key, "rules": [], "days": 9_999}), 400, "parameter days: between 1 and 30"),
        (json!({"principal": key, "rules": [], "days": "soon"}), 400, "parameter days"),
        (json!({"principal": "a\0", "rules": []}), 400, "parameter principal"),
        (json!({"principal": "404", "rules": []}), 404, "Cannot find access key 404"),
        (json!({"principal": format!("provisioning_key:{}", stage.account.api_key), "rules": []}), 404, "Cannot find"),
    ] {
        stage.call(Method::POST, "/permissions/rehearse", Body::Json(body)).await.refused(status, text);
    }
}

async fn keys_of_others_are_not_there(stage: Stage) {
    let demo = place(&stage, "demo").await;
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let body = Body::Json(json!({"principal": demo.api_key, "rules": []}));
    stage.call_as(&other, Method::POST, "/permissions/rehearse", body).await.refused(404, "Cannot find access key");
}

async fn the_last_use_is_shown(stage: Stage) {
    let (demo, unused) = (place(&stage, "demo").await, place(&stage, "unused").await);
    let details = |place: &Place| format!("/sub_accounts/{}/access_keys/{}/details", place.id, place.api_key);
    let (now, key) = (stage.clock.now(), format!("key:{}", demo.api_key));
    let shown = async |path: &str| stage.call(Method::GET, path, Body::None).await.ok()["last_used_at"].clone();
    assert_eq!(shown(&details(&demo)).await, Value::Null);
    // A refusal is no use, and neither is what another key did.
    for (actor, outcome, hours, expected) in [
        (&*key, Outcome::Refused, 0, json!(null)),
        ("key:1", Outcome::Permitted, 0, json!(null)),
        (&*key, Outcome::Permitted, 3, json!("2026-11-23T09:00:00Z")),
        (&*key, Outcome::Permitted, 1, json!("2026-11-23T11:00:00Z")),
        (&*key, Outcome::Permitted, 2, json!("2026-11-23T11:00:00Z")),
    ] {
        let at = now - TimeDelta::hours(hours);
        ship(&stage, vec![record(&demo, actor, ("upload", None, outcome, 1), at)]).await;
        assert_eq!(shown(&details(&demo)).await, expected, "{actor} {outcome:?} {hours}");
    }
    let set = stage.call(Method::PUT, &details(&demo), Body::Json(json!({"owner": "Ada"}))).await.ok();
    assert_eq!((&set["owner"], &set["last_used_at"]), (&json!("Ada"), &json!("2026-11-23T11:00:00Z")));
    assert_eq!(shown(&details(&unused)).await, Value::Null);
}
