//! The life of access keys: details, expiry, rotation and import; pages of environments and how many a plan allows.

use std::time::Duration;

use actix_web::http::Method;
use control_plane::StoreError;
use plane_kit::{
    seal::SealingKey,
    seam::snapshot::{KeySnapshot, TenantSnapshot},
    secret::Secret,
};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, REGION, Stage},
    on_both_databases,
};

on_both_databases!(
    details_are_kept_beside_the_vendors_object,
    details_that_are_none_are_refused,
    an_expiry_reaches_the_region,
    the_last_lasting_key_stays,
    a_rotation_has_two_secrets_until_it_is_confirmed,
    a_rotation_is_given_up,
    keys_of_others_are_not_there,
    keys_from_elsewhere_are_taken_over,
    keys_that_are_none_or_taken_are_not_imported,
    environments_are_paged,
    the_total_follows_what_is_made_and_deleted,
    an_upgrade_counts_what_is_there,
    a_plan_bounds_the_environments,
    two_at_once_do_not_pass_the_limit,
);

/// Members of the vendor's object, which does not change.
const MEMBERS: [&str; 7] = ["name", "api_key", "api_secret", "created_at", "updated_at", "enabled", "root"];

/// The keys of a new environment, and the path of the only one.
async fn key(stage: &Stage, cloud_name: &str) -> (String, String) {
    let keys = format!("/sub_accounts/{}/access_keys", stage.environment(cloud_name).await);
    let listed = stage.call(Method::GET, &keys, Body::None).await.ok();
    let api_key = listed["access_keys"][0]["api_key"].as_str().unwrap().to_owned();
    (keys.clone(), format!("{keys}/{api_key}"))
}

/// Makes a second key and answers its path.
async fn spare(stage: &Stage, keys: &str) -> String {
    let made = stage.call(Method::POST, keys, Body::Json(json!({"name": "spare"}))).await.ok();
    format!("{keys}/{}", made["api_key"].as_str().unwrap())
}

/// The newest snapshot of the environment with that cloud name.
async fn snapshot(stage: &Stage, cloud_name: &str) -> TenantSnapshot {
    let page = stage.plane.link_for_region(REGION).snapshots(0, Duration::ZERO).await.unwrap();
    page.items.iter().map(|item| stage.read(item)).find(|snapshot| snapshot.cloud_name == cloud_name).unwrap()
}

/// The secrets of a key as the region opens them.
fn secrets(stage: &Stage, key: &KeySnapshot) -> Vec<String> {
    let region_key = SealingKey::parse(stage.region.region_key.expose()).unwrap();
    let sealed = std::iter::once(&key.sealed_secret).chain(&key.next_sealed_secret);
    sealed.map(|sealed| region_key.open(sealed).unwrap().expose().to_owned()).collect()
}

fn cloud_names(body: &Value) -> Vec<&str> {
    body["sub_accounts"].as_array().unwrap().iter().map(|one| one["cloud_name"].as_str().unwrap()).collect()
}

async fn details_are_kept_beside_the_vendors_object(stage: Stage) {
    let (keys, _) = key(&stage, "demo").await;
    let spare = spare(&stage, &keys).await;
    let path = format!("{spare}/details");
    let bare = stage.call(Method::GET, &path, Body::None).await.ok();
    assert_eq!(Answer::members(&bare), ["api_key", "name", "owner", "note", "expires_at", "last_used_at"]);
    for member in ["owner", "note", "expires_at", "last_used_at"] {
        assert_eq!(bare[member], Value::Null, "{member}");
    }
    let given = json!({"owner": "web team", "note": "line one\nline two", "expires_at": "2026-12-01T01:00:00.9+01:00"});
    let set = stage.call(Method::PUT, &path, Body::Json(given)).await.ok();
    assert_eq!((&set["owner"], &set["note"]), (&json!("web team"), &json!("line one\nline two")));
    assert_eq!(set["expires_at"], "2026-12-01T00:00:00Z");
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), set);

    // What is absent or null stays; an empty text takes away.
    for (body, member, expected) in [
        (Body::Json(json!({"owner": null, "note": "short"})), "owner", json!("web team")),
        (Body::Form("owner="), "owner", Value::Null),
        (Body::Json(json!({"note": ""})), "note", Value::Null),
        (Body::Json(json!({"owner": "ops"})), "expires_at", json!("2026-12-01T00:00:00Z")),
        (Body::Json(json!({"expires_at": ""})), "expires_at", Value::Null),
        (Body::Form("expires_at=2027-01-01T00:00:00Z"), "expires_at", json!("2027-01-01T00:00:00Z")),
        (Body::Json(json!({"expires_at": "Never"})), "expires_at", Value::Null),
    ] {
        let shown = format!("{body:?}");
        assert_eq!(stage.call(Method::PUT, &path, body).await.ok()[member], expected, "{shown}");
    }

    stage.call(Method::POST, &format!("{spare}/rotate"), Body::None).await.ok();
    let listed = stage.call(Method::GET, &keys, Body::None).await.ok();
    for key in listed["access_keys"].as_array().unwrap() {
        assert_eq!(Answer::members(key), MEMBERS);
    }
}

async fn details_that_are_none_are_refused(stage: Stage) {
    let (keys, root) = key(&stage, "demo").await;
    let spare = spare(&stage, &keys).await;
    let path = format!("{spare}/details");
    let kept = stage.call(Method::PUT, &path, Body::Json(json!({"owner": "web"}))).await.ok();
    let present = "2026-11-23T12:00:00Z";
    for (body, text) in [
        (json!({}), "Missing required parameter - owner, note or expires_at"),
        (json!({"owner": null}), "Missing required parameter - owner, note or expires_at"),
        (json!({"owner": "o".repeat(256)}), "parameter owner"),
        (json!({"owner": "a\nb"}), "parameter owner"),
        (json!({"owner": ["a"]}), "parameter owner"),
        (json!({"note": "n".repeat(1001)}), "parameter note"),
        (json!({"note": "\u{7}"}), "parameter note"),
        (json!({"note": "a\0b"}), "parameter note"),
        (json!({"expires_at": "tomorrow"}), "Invalid value tomorrow for parameter expires_at"),
        (json!({"expires_at": "2027-01-01"}), "Invalid value 2027-01-01 for parameter expires_at"),
        (json!({"expires_at": 1_800_000_000}), "parameter expires_at"),
        (json!({"expires_at": present, "owner": "x"}), "it is not in the future"),
    ] {
        stage.call(Method::PUT, &path, Body::Json(body)).await.refused(400, text);
    }
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), kept, "nothing was changed");
    stage.call(Method::GET, &format!("{keys}/1/details"), Body::None).await.refused(404, "Cannot find access key 1");
    stage.call(Method::GET, &format!("{keys}/%00/details"), Body::None).await.refused(404, "Cannot find access key");
    stage.call(Method::GET, &format!("{root}/details"), Body::None).await.ok();
}

async fn an_expiry_reaches_the_region(stage: Stage) {
    let (keys, _) = key(&stage, "demo").await;
    let spare = spare(&stage, &keys).await;
    let set = json!({"expires_at": "2026-11-23T12:00:10Z"});
    stage.call(Method::PUT, &format!("{spare}/details"), Body::Json(set)).await.ok();
    let snapshot = snapshot(&stage, "demo").await;
    let carried = snapshot.keys.iter().find(|key| spare.ends_with(&key.api_key)).unwrap();
    let now = plane_kit::clock::Clock::now(&stage.clock);
    assert!(carried.is_usable(now) && !carried.is_usable(now + Duration::from_secs(10)));
    assert_eq!(snapshot.keys.iter().filter(|key| key.expires_at.is_none()).count(), 1);
}

async fn the_last_lasting_key_stays(stage: Stage) {
    let (keys, root) = key(&stage, "demo").await;
    let spare = spare(&stage, &keys).await;
    let expiry = || Body::Json(json!({"expires_at": "2027-01-01T00:00:00Z"}));
    let off = || Body::Json(json!({"enabled": false}));
    stage.call(Method::PUT, &format!("{spare}/details"), expiry()).await.ok();
    // The other key is enabled, but not for ever.
    let refusal = "is the last enabled key of the product environment that never expires";
    stage.call(Method::PUT, &format!("{root}/details"), expiry()).await.refused(403, refusal);
    stage.call(Method::PUT, &root, off()).await.refused(403, refusal);
    stage.call(Method::DELETE, &root, Body::None).await.refused(403, refusal);
    // What goes with the refused change goes nowhere.
    let both = json!({"owner": "x", "expires_at": "2027-01-01T00:00:00Z"});
    stage.call(Method::PUT, &format!("{root}/details"), Body::Json(both)).await.refused(403, refusal);
    let details = stage.call(Method::GET, &format!("{root}/details"), Body::None).await.ok();
    assert_eq!((&details["owner"], &details["expires_at"]), (&Value::Null, &Value::Null));
    // The first environment prints the key that lasts.
    let account = stage.account.account.id;
    let found = stage.plane.find_environment(account, "demo").await.unwrap().unwrap();
    assert!(root.ends_with(&found.api_key));

    stage.call(Method::PUT, &spare, off()).await.ok();
    stage.call(Method::PUT, &spare, Body::Json(json!({"enabled": true}))).await.ok();
    stage.call(Method::PUT, &format!("{spare}/details"), Body::Json(json!({"expires_at": "never"}))).await.ok();
    stage.call(Method::PUT, &format!("{root}/details"), expiry()).await.ok();
    stage.call(Method::PUT, &spare, off()).await.refused(403, refusal);
    stage.call(Method::DELETE, &root, Body::None).await.ok();
}

async fn a_rotation_has_two_secrets_until_it_is_confirmed(stage: Stage) {
    let (keys, root) = key(&stage, "demo").await;
    let before = stage.call(Method::GET, &keys, Body::None).await.ok()["access_keys"][0].clone();
    stage.call(Method::POST, &format!("{root}/rotate/confirm"), Body::None).await.refused(404, "no rotation under way");
    let rotated = stage.call(Method::POST, &format!("{root}/rotate"), Body::None).await.ok();
    assert_eq!(Answer::members(&rotated), ["api_key", "api_secret", "next_api_secret", "started_at"]);
    assert_eq!((&rotated["api_key"], &rotated["api_secret"]), (&before["api_key"], &before["api_secret"]));
    assert_ne!(rotated["api_secret"], rotated["next_api_secret"]);
    assert_eq!(rotated["started_at"], "2026-11-23T12:00:00Z");
    let (first, second) = (rotated["api_secret"].as_str().unwrap(), rotated["next_api_secret"].as_str().unwrap());
    let during = snapshot(&stage, "demo").await;
    assert_eq!(secrets(&stage, &during.keys[0]), [first, second]);
    stage.call(Method::POST, &format!("{root}/rotate"), Body::None).await.refused(409, "is under way");
    let details = stage.call(Method::GET, &format!("{root}/details"), Body::None).await.ok();
    assert_eq!(details["rotation"], json!({"started_at": "2026-11-23T12:00:00Z"}));
    let listed = stage.call(Method::GET, &keys, Body::None).await.ok();
    assert_eq!(listed["access_keys"][0]["api_secret"], first, "the present secret is the one that is shown");

    let confirmed = stage.call(Method::POST, &format!("{root}/rotate/confirm"), Body::None).await.ok();
    assert_eq!(confirmed, json!({"api_key": before["api_key"], "api_secret": second}));
    let after = snapshot(&stage, "demo").await;
    assert_eq!(secrets(&stage, &after.keys[0]), [second]);
    assert!(after.version > during.version);
    let details = stage.call(Method::GET, &format!("{root}/details"), Body::None).await.ok();
    assert_eq!(details.get("rotation"), None);
    stage.call(Method::POST, &format!("{root}/rotate/confirm"), Body::None).await.refused(404, "no rotation under way");
    let again = stage.call(Method::POST, &format!("{root}/rotate"), Body::None).await.ok();
    assert_eq!(again["api_secret"], second);
}

async fn a_rotation_is_given_up(stage: Stage) {
    let (_, root) = key(&stage, "demo").await;
    let rotate = format!("{root}/rotate");
    stage.call(Method::DELETE, &rotate, Body::None).await.refused(404, "no rotation under way");
    let rotated = stage.call(Method::POST, &rotate, Body::None).await.ok();
    assert_eq!(stage.call(Method::DELETE, &rotate, Body::None).await.ok(), json!({"message": "ok"}));
    let after = snapshot(&stage, "demo").await;
    assert_eq!(secrets(&stage, &after.keys[0]), [rotated["api_secret"].as_str().unwrap()]);
    let again = stage.call(Method::POST, &rotate, Body::None).await.ok();
    assert_ne!(again["next_api_secret"], rotated["next_api_secret"]);
}

async fn keys_of_others_are_not_there(stage: Stage) {
    let (_, root) = key(&stage, "demo").await;
    let elsewhere = format!("/sub_accounts/{}/access_keys", stage.environment("elsewhere").await);
    let crossed = format!("{elsewhere}/{}", root.rsplit('/').next().unwrap());
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    for (method, rest) in [
        (Method::GET, "details"),
        (Method::PUT, "details"),
        (Method::POST, "rotate"),
        (Method::POST, "rotate/confirm"),
        (Method::DELETE, "rotate"),
    ] {
        let body = || Body::Json(json!({"owner": "thief"}));
        let answer = stage.call_as(&other, method.clone(), &format!("{root}/{rest}"), body()).await;
        answer.refused(404, "Cannot find sub account");
        let answer = stage.call(method, &format!("{crossed}/{rest}"), body()).await;
        answer.refused(404, "Cannot find access key");
    }
    let details = stage.call(Method::GET, &format!("{root}/details"), Body::None).await.ok();
    assert_eq!((&details["owner"], details.get("rotation")), (&Value::Null, None));
}

async fn keys_from_elsewhere_are_taken_over(stage: Stage) {
    let (keys, _) = key(&stage, "demo").await;
    let account = stage.account.account.id;
    let secret = "an-Old_secret-of-27-letters";
    let imported = stage.plane.import_key(account, "DEMO", "old", "271", Secret::new(secret)).await.unwrap();
    assert_eq!(
        (imported.cloud_name.as_str(), imported.name.as_str(), imported.api_key.as_str()),
        ("demo", "old", "271")
    );
    let carried = snapshot(&stage, "demo").await;
    let key = carried.keys.iter().find(|key| key.api_key == "271").unwrap();
    assert!(key.enabled && key.signs_delivery);
    assert_eq!(secrets(&stage, key), [secret]);
    let listed = stage.call(Method::GET, &keys, Body::None).await.ok();
    let shown = listed["access_keys"].as_array().unwrap().iter().find(|key| key["api_key"] == "271").unwrap();
    assert_eq!((&shown["name"], &shown["api_secret"]), (&json!("old"), &json!(secret)));
    assert_eq!((&shown["root"], &shown["enabled"]), (&json!(false), &json!(true)));
}

async fn keys_that_are_none_or_taken_are_not_imported(stage: Stage) {
    let account = stage.account.account.id;
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let (keys, root) = key(&stage, "demo").await;
    let root = root.rsplit('/').next().unwrap();
    stage.plane.create_environment_for(other.account.id, "theirs", Some("theirs"), None).await.unwrap();
    let good = "12345678";
    for (account, cloud, name, api_key, secret, expected) in [
        (account, "demo", "a", root, good, format!("Access key {root} is already taken")),
        (other.account.id, "theirs", "a", root, good, format!("Access key {root} is already taken")),
        (account, "demo", "Root", "1", good, "Access key with name Root already exists".to_owned()),
        (account, "theirs", "a", "1", good, "Cannot find a product environment with cloud name theirs".to_owned()),
        (account, "no cloud", "a", "1", good, "Cannot find a product environment".to_owned()),
        (account, "demo", "a", "1a", good, "Invalid value 1a for parameter api_key".to_owned()),
        (account, "demo", "a", "", good, "parameter api_key".to_owned()),
        (account, "demo", "a", "1", "short", "parameter api_secret".to_owned()),
        (account, "demo", "a", "1", "with a space", "parameter api_secret".to_owned()),
        (account, "demo", "a\nb", "1", good, "parameter name".to_owned()),
    ] {
        let outcome = stage.plane.import_key(account, cloud, name, api_key, Secret::new(secret)).await;
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains(&expected), "`{text}` does not contain `{expected}`");
        assert!(!text.contains("short") && !text.contains("with a space"), "a secret is not shown: {text}");
    }
    let listed = stage.call(Method::GET, &keys, Body::None).await.ok();
    assert_eq!(listed["total"], 1, "nothing was changed");
}

async fn environments_are_paged(stage: Stage) {
    for name in ["a", "b", "c", "d", "e"] {
        stage.environment(name).await;
    }
    let cases: [(&str, &[&str], &str); 8] = [
        ("", &["a", "b", "c", "d", "e"], "5"),
        ("?page_size=2", &["a", "b"], "5"),
        ("?page_size=2&page=2", &["c", "d"], "5"),
        ("?page=3&page_size=2", &["e"], "5"),
        ("?page=100000&page_size=500", &[], "5"),
        ("?page=1", &["a", "b", "c", "d", "e"], "5"),
        ("?page_size=2&cloud_names=b,d,e", &["b", "d"], "3"),
        ("?prefix=%01&page=1", &[], "0"),
    ];
    for (query, expected, total) in cases {
        let answer = stage.call(Method::GET, &format!("/sub_accounts{query}"), Body::None).await;
        assert_eq!(answer.headers.get("x-total-count").unwrap(), total, "{query}");
        let listed = answer.ok();
        assert_eq!(Answer::members(&listed), ["sub_accounts"], "{query}");
        assert_eq!(cloud_names(&listed), expected, "{query}");
        for one in listed["sub_accounts"].as_array().unwrap() {
            assert_eq!(one["api_access_keys"].as_array().unwrap().len(), 1, "{query}");
        }
    }
    for (query, text) in [
        ("?page=0", "parameter page"),
        ("?page=100001", "parameter page"),
        ("?page_size=0", "parameter page_size"),
        ("?page_size=501", "parameter page_size"),
        ("?page_size=x", "parameter page_size"),
    ] {
        stage.call(Method::GET, &format!("/sub_accounts{query}"), Body::None).await.refused(400, text);
    }
}

/// What `X-Total-Count` says of all environments.
async fn total(stage: &Stage) -> String {
    let answer = stage.call(Method::GET, "/sub_accounts?page_size=1", Body::None).await;
    answer.headers.get("x-total-count").unwrap().to_str().unwrap().to_owned()
}

async fn the_total_follows_what_is_made_and_deleted(stage: Stage) {
    assert_eq!(total(&stage).await, "0");
    let first = stage.environment("first").await;
    stage.environment("second").await;
    assert_eq!(total(&stage).await, "2");
    // A cloud name that is taken makes nothing, and what is deleted is not deleted twice.
    let taken = Body::Json(json!({"name": "more", "cloud_name": "second"}));
    stage.call(Method::POST, "/sub_accounts", taken).await.refused(409, "second");
    assert_eq!(total(&stage).await, "2");
    let path = format!("/sub_accounts/{first}");
    stage.call(Method::DELETE, &path, Body::None).await.ok();
    stage.call(Method::DELETE, &path, Body::None).await.refused(404, &first);
    assert_eq!(total(&stage).await, "1");
}

async fn an_upgrade_counts_what_is_there(stage: Stage) {
    for name in ["one", "two", "three"] {
        stage.environment(name).await;
    }
    let gone = stage.environment("gone").await;
    stage.call(Method::DELETE, &format!("/sub_accounts/{gone}"), Body::None).await.ok();
    stage.plane.create_account("Other", "free").await.unwrap();
    // The state before counts were kept.
    for statement in [
        "ALTER TABLE {}accounts DROP COLUMN environment_count",
        "DELETE FROM {}seaql_migrations WHERE version = 'm20261125_000012_environment_counts'",
    ] {
        stage.execute(statement).await;
    }
    stage.second_node().await;
    assert_eq!(total(&stage).await, "3");
}

/// Fills the account of the stage, which has the plan Free, with as many environments as leave `free` places.
async fn fill(stage: &Stage, free: usize) -> String {
    let mut last = String::new();
    for index in free..25 {
        last = stage.environment(&format!("cloud{index}")).await;
    }
    last
}

async fn a_plan_bounds_the_environments(stage: Stage) {
    let last = fill(&stage, 0).await;
    let one_more = || Body::Json(json!({"name": "more", "cloud_name": "more"}));
    let answer = stage.call(Method::POST, "/sub_accounts", one_more()).await;
    answer.refused(403, "Plan Free allows 25 product environments");
    let by_operator = stage.plane.create_environment_for(stage.account.account.id, "more", None, None).await;
    assert!(matches!(by_operator, Err(StoreError::TooManyEnvironments { plan: "Free", limit: 25 })));
    // A disabled one counts, a deleted one does not.
    let path = format!("/sub_accounts/{last}");
    stage.call(Method::PUT, &path, Body::Json(json!({"enabled": false}))).await.ok();
    stage.call(Method::POST, "/sub_accounts", one_more()).await.refused(403, "Plan Free");
    stage.call(Method::DELETE, &path, Body::None).await.ok();
    stage.call(Method::POST, "/sub_accounts", one_more()).await.ok();
    // Another account has its own count, and this one with another plan its own limit.
    let other = stage.plane.create_account("Other", "free").await.unwrap();
    let theirs = Body::Json(json!({"name": "theirs"}));
    stage.call_as(&other, Method::POST, "/sub_accounts", theirs).await.ok();
    stage.execute("UPDATE {}accounts SET plan = 'Unlimited' WHERE name = 'Acme'").await;
    stage.call(Method::POST, "/sub_accounts", Body::Json(json!({"name": "unlimited"}))).await.ok();
}

async fn two_at_once_do_not_pass_the_limit(stage: Stage) {
    fill(&stage, 1).await;
    let account = stage.account.account.id;
    let nodes = [stage.plane.clone(), stage.second_node().await];
    let tasks: Vec<_> = (0..6)
        .map(|index| {
            let plane = nodes[index % 2].clone();
            actix_web::rt::spawn(async move { plane.create_environment_for(account, "more", None, None).await.is_ok() })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap());
    }
    assert_eq!(made, 1);
    let listed = stage.call(Method::GET, "/sub_accounts", Body::None).await.ok();
    assert_eq!(cloud_names(&listed).len(), 25);
}
