//! Who may have an asset delivered: access rules, the access mode, and publishing.

use chrono::{Duration, Utc};
use plane_kit::{
    secret::Secret,
    signature::{Algorithm, sign_delivery},
};
use reqwest::Method;
use safelight_tests::harness::{
    client::{Answer, Tenant},
    pictures,
    server::Dev,
};
use serde_json::{Value, json};

async fn start() -> (Dev, Tenant) {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let tenant = server.tenant();
    (server, tenant)
}

async fn put(tenant: &Tenant, public_id: &str, parameters: &[(&str, &str)]) -> Value {
    let mut upload = tenant.upload(pictures::small_jpeg(1)).public_id(public_id);
    for (name, value) in parameters {
        upload = upload.parameter(name, value);
    }
    upload.send().await.ok()
}

fn signed(tenant: &Tenant, transformation: &str, source: &str) -> String {
    let text = if transformation.is_empty() { source.to_owned() } else { format!("{transformation}/{source}") };
    format!(
        "image/upload/s--{}--/{text}",
        sign_delivery(&text, &Secret::new(tenant.secret.clone()), Algorithm::Sha1, 8)
    )
}

fn max_age(answer: &Answer) -> i64 {
    let text = answer.header("cache-control");
    text.split("max-age=")
        .nth(1)
        .and_then(|rest| rest.split(',').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{text}"))
}

fn window(start: Option<Duration>, end: Option<Duration>) -> String {
    let at = |from_now: Duration| (Utc::now() + from_now).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut rule = json!({"access_type": "anonymous"});
    for (name, from_now) in [("start", start), ("end", end)] {
        if let Some(from_now) = from_now {
            rule[name] = json!(at(from_now));
        }
    }
    json!([rule]).to_string()
}

/// What waits in the channel `changes`, at least so many messages.
async fn told(tenant: &Tenant, least: usize) -> Vec<Value> {
    let mut told = Vec::new();
    while told.len() < least {
        let some = tenant.notifications("messages?channel=changes&wait_seconds=10").await;
        let some = some["messages"].as_array().unwrap_or_else(|| panic!("only {told:?}")).clone();
        told.extend(some.into_iter().map(|one| one["payload"].clone()));
    }
    told
}

#[tokio::test]
async fn a_window_opens_and_closes_and_no_cache_outlives_it() {
    let (_server, tenant) = start().await;
    let (past, future) = (Some(Duration::hours(-1)), Some(Duration::hours(1)));
    let stored = put(&tenant, "open", &[("access_control", &window(past, future))]).await;
    assert_eq!(stored["access_control"][0]["access_type"], "anonymous");
    for path in ["image/upload/open.jpg", "image/upload/v2/open.jpg", "image/upload/w_10/v2/open.jpg"] {
        let answer = tenant.fetch(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.message());
        assert!(answer.header("cache-control").starts_with("private"), "{}", answer.header("cache-control"));
        assert!(!answer.header("cache-control").contains("immutable"));
        assert!((3500..=3600).contains(&max_age(&answer)), "{path}: {}", max_age(&answer));
    }
    put(&tenant, "early", &[("access_control", &window(future, None))]).await;
    put(&tenant, "late", &[("access_control", &window(None, past))]).await;
    for name in ["early", "late"] {
        for path in [
            format!("image/upload/{name}.jpg"),
            format!("image/upload/w_10/{name}.jpg"),
            signed(&tenant, "", &format!("{name}.jpg")),
        ] {
            let refused = tenant.fetch(&path).await;
            assert_eq!(refused.status, 401, "{path}");
            assert!(refused.message().contains("deny or ACL failure"), "{path}: {}", refused.message());
            assert!(!refused.header("cache-control").contains("public"), "{}", refused.header("cache-control"));
        }
        // The owner has it by a signed call whenever he wants.
        let owner = tenant.signed("image/download").parameter("public_id", name).parameter("format", "jpg").get().await;
        assert_eq!(owner.status, 200, "{name}: {}", owner.text());
    }
    // Without an end it is kept as long as everything else.
    put(&tenant, "from", &[("access_control", &window(past, None))]).await;
    assert_eq!(max_age(&tenant.fetch("image/upload/from.jpg").await), 30 * 86_400);
}

#[tokio::test]
async fn rules_can_be_changed_and_stay_when_other_bytes_come() {
    let (_server, tenant) = start().await;
    let token = r#"[{"access_type":"token"}]"#;
    let stored = put(&tenant, "a", &[("access_control", token)]).await;
    // The address that an answer names is one that opens it.
    assert!(stored["url"].as_str().unwrap().contains("/s--"), "{stored}");
    let made = tenant.fetch("image/upload/w_10/a.jpg").await;
    assert_eq!(made.status, 401, "{}", made.message());
    let opened = tenant.fetch(&signed(&tenant, "w_10", "a.jpg")).await;
    assert_eq!((opened.status, opened.header("cache-control")), (200, "private, no-transform, max-age=0"));
    // What was made is not a way round.
    assert_eq!(tenant.fetch("image/upload/w_10/a.jpg").await.status, 401);
    let conditional = tenant.fetch_with("image/upload/a.jpg", &[("if-none-match", "*")]).await;
    assert_eq!(conditional.status, 401);

    put(&tenant, "a", &[]).await;
    assert_eq!(tenant.fetch("image/upload/a.jpg").await.status, 401, "an upload that says nothing opens nothing");
    let detail = tenant.get("resources/image/upload/a").await.ok();
    assert_eq!(detail["access_control"], json!([{"access_type": "token"}]));
    let detail = tenant.send(Method::POST, "resources/image/upload/a", json!({"access_control": []})).await.ok();
    assert_eq!(detail["access_control"], Value::Null);
    tenant.fetch("image/upload/a.jpg").await.delivered();
    let closed = tenant.signed("image/explicit").parameter("public_id", "a").parameter("type", "upload");
    closed.parameter("access_control", &window(None, Some(Duration::hours(-1)))).send().await.ok();
    assert_eq!(tenant.fetch("image/upload/a.jpg").await.status, 401);

    for (rules, part) in [
        ("[{\"access_type\":\"everybody\"}]", "token or anonymous"),
        ("[{\"access_type\":\"anonymous\",\"start\":\"tomorrow\"}]", "start tomorrow"),
        ("nonsense", "access_control"),
    ] {
        let refused =
            tenant.upload(pictures::small_jpeg(2)).public_id("b").parameter("access_control", rules).send().await;
        assert!(refused.status == 400 && refused.message().contains(part), "{rules}: {}", refused.message());
    }
    assert_eq!(tenant.get("resources/image/upload/b").await.status, 404);
    // Neither can somebody without a signature say who may have it; his preset can.
    let body = json!({"name": "closed", "unsigned": true, "access_control": [{"access_type": "token"}]});
    tenant.send(Method::POST, "upload_presets", body).await.ok();
    let stranger =
        tenant.upload(pictures::small_jpeg(3)).unsigned("closed").public_id("c").parameter("access_mode", "public");
    assert_eq!(stranger.send().await.status, 400);
    tenant.upload(pictures::small_jpeg(3)).unsigned("closed").public_id("c").send().await.ok();
    // What was there before a stranger is told of, and gets no address that would open it.
    let body = json!({"name": "open", "unsigned": true, "eager": "w_10"});
    tenant.send(Method::POST, "upload_presets", body).await.ok();
    let known = tenant.upload(pictures::small_jpeg(3)).unsigned("open").public_id("c").send().await.ok();
    assert_eq!(known["existing"], true);
    assert!(!known.to_string().contains("s--"), "{known}");
    assert_eq!(tenant.fetch("image/upload/c.jpg").await.status, 401);
}

#[tokio::test]
async fn its_own_address_is_no_way_round() {
    let (server, tenant) = start().await;
    let token = r#"[{"access_type":"token"}]"#;
    put(&tenant, "a", &[("access_control", token)]).await;
    let [open, closed] =
        [signed(&tenant, "", "a.jpg"), "image/upload/a.jpg".to_owned()].map(|path| tenant.delivery_url(&path));
    let from = |address: &str, public_id: &str| {
        let upload = tenant.signed("image/upload").parameter("file", address);
        upload.public_id(public_id).send()
    };
    assert_eq!(from(&closed, "copy").await.status, 400);
    from(&open, "copy").await.ok();
    let escaped = closed.replace(':', "%3A");
    assert_ne!(tenant.fetch(&format!("image/fetch/{escaped}")).await.status, 200);
    // Neither is that of somebody else in the same installation.
    let other = server.account().create_environment("Other").await;
    let cloud = other["cloud_name"].as_str().unwrap();
    let key = &other["api_access_keys"][0];
    let (key, secret) = (key["key"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let stranger = Tenant::new(
        &server.ready.api_url,
        &tenant.delivery_url("").replace("/demo/", &format!("/{cloud}")),
        cloud,
        key,
        secret,
    );
    let taken = stranger.signed("image/upload").parameter("file", &closed).public_id("copy").send().await;
    assert_eq!(taken.status, 400, "{}", taken.text());
}

#[tokio::test]
async fn the_access_mode_of_many_changes_at_once_and_is_told() {
    let (_server, tenant) = start().await;
    tenant
        .send(Method::POST, "triggers", json!({"uri": "poll://changes", "event_type": "access_control_changed"}))
        .await
        .ok();
    for (id, tags) in [("x/a", "red"), ("x/b", "red"), ("y/a", "red"), ("y/b", "")] {
        put(&tenant, id, &[("tags", tags)]).await;
    }
    let call = |body: Value| tenant.send(Method::POST, "resources/image/upload/update_access_mode", body);
    let ids = |answer: &Value| {
        let mut ids: Vec<String> = answer["updated"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["public_id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let updated = call(json!({"access_mode": "authenticated", "prefix": "x/"})).await.ok();
    assert_eq!(
        (ids(&updated), &updated["updated"][0]["access_mode"]),
        (vec!["x/a".into(), "x/b".into()], &json!("authenticated"))
    );
    assert_eq!(tenant.fetch("image/upload/x/a.jpg").await.status, 401);
    tenant.fetch(&signed(&tenant, "w_10", "x/a.jpg")).await.delivered();
    tenant.fetch("image/upload/y/a.jpg").await.delivered();
    let updated = call(json!({"access_mode": "public", "tag": "red"})).await.ok();
    assert_eq!(ids(&updated), ["x/a", "x/b", "y/a"]);
    tenant.fetch("image/upload/x/a.jpg").await.delivered();
    let updated = call(json!({"access_mode": "authenticated", "public_ids": ["y/b", "none"]})).await.ok();
    assert_eq!((ids(&updated), &updated["failed"]), (vec!["y/b".to_owned()], &json!([])));
    let told = told(&tenant, 2).await;
    let told: Vec<&Value> = told.iter().flat_map(|one| one["resources"].as_object().unwrap().values()).collect();
    // Of y/a nothing changed, so nothing is told of it.
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(told[0]["new"]["access_mode"], "authenticated");
    for (body, part) in [
        (json!({"prefix": "x/"}), "access_mode"),
        (json!({"access_mode": "secret", "prefix": "x/"}), "secret"),
        (json!({"access_mode": "public"}), "public_ids, prefix or tag"),
        (json!({"access_mode": "public", "prefix": "x", "tag": "red"}), "one of the parameters"),
    ] {
        let refused = call(body.clone()).await;
        assert!(refused.status == 400 && refused.message().contains(part), "{body}: {}", refused.message());
    }
}

#[tokio::test]
async fn what_is_published_everybody_has() {
    let (_server, tenant) = start().await;
    tenant.send(Method::POST, "triggers", json!({"uri": "poll://changes", "event_type": "publish"})).await.ok();
    for (id, kind) in [("p/a", "private"), ("p/b", "authenticated"), ("p/c", "private"), ("p/c", "upload")] {
        put(&tenant, id, &[("type", kind), ("tags", "t")]).await;
    }
    tenant.fetch("image/private/w_10/p/a.jpg").await.delivered();
    let call = |body: Value| tenant.send(Method::POST, "resources/image/publish_resources", body);
    let ids = |list: &Value| {
        let mut ids: Vec<String> =
            list.as_array().unwrap().iter().map(|one| one["public_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let nothing = call(json!({"prefix": "p/", "type": "upload"})).await.ok();
    assert_eq!(nothing, json!({"published": [], "failed": []}));
    let published = call(json!({"prefix": "p/"})).await.ok();
    assert_eq!(
        (ids(&published["published"]), ids(&published["failed"])),
        (vec!["p/a".into(), "p/b".into()], vec!["p/c".to_owned()])
    );
    assert_eq!(published["published"][0]["type"], "upload");
    assert!(published["failed"][0]["error"].as_str().unwrap().contains("has the name"));
    for id in ["p/a", "p/b"] {
        tenant.fetch(&format!("image/upload/{id}.jpg")).await.delivered();
    }
    assert_eq!(tenant.fetch("image/private/w_10/p/a.jpg").await.status, 404);
    // What was made of it came along, and is not counted again.
    tenant.fetch("image/upload/w_10/p/a.jpg").await.delivered();
    let usage = tenant.settled_usage().await;
    assert_eq!(usage.transformations, 5, "four uploads, and one that was made");
    let replaced = call(json!({"public_ids": ["p/c"], "overwrite": true, "type": "private"})).await.ok();
    assert_eq!(ids(&replaced["published"]), ["p/c"]);
    assert_eq!(tenant.get("resources/image/private/p%2Fc").await.status, 404);
    let mut from: Vec<String> =
        told(&tenant, 3).await.iter().map(|one| one["from_type"].as_str().unwrap().to_owned()).collect();
    from.sort();
    assert_eq!(from, ["authenticated", "private", "private"]);
    let refused = call(json!({"prefix": "p/", "type": "fetch"})).await;
    assert!(refused.status == 400 && refused.message().contains("fetch"), "{}", refused.message());
}
