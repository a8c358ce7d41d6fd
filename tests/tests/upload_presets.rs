//! Upload presets: made, changed, listed, taken away, and what uploads under them come to; on both databases.

use reqwest::Method;
use safelight_tests::{
    harness::{client::Tenant, pictures},
    on_both_databases,
};
use serde_json::{Value, json};

on_both_databases!(
    a_preset_lives_and_dies,
    presets_are_listed_in_pages,
    signed_uploads_have_a_preset_s_values_as_defaults,
    unsigned_uploads_are_bound_by_their_preset,
    mistakes_are_named,
);

async fn create(tenant: &Tenant, body: Value) -> Value {
    tenant.send(Method::POST, "upload_presets", body).await.ok()
}

async fn a_preset_lives_and_dies(tenant: Tenant) {
    let body = json!({"name": "p", "unsigned": true, "tags": "b,a", "context": "alt=x", "folder": "f", "timestamp": 1});
    let made = create(&tenant, body).await;
    let id = made["external_id"].as_str().expect("an id").to_owned();
    assert_eq!(made, json!({"message": "created", "name": "p", "external_id": id}));
    let read = tenant.get("upload_presets/p").await.ok();
    let settings = json!({"folder": "f", "tags": ["a", "b"], "context": {"alt": "x"}});
    assert_eq!(read, json!({"name": "p", "unsigned": true, "settings": settings, "external_id": id}));
    let updated = tenant.send(Method::PUT, "upload_presets/p", json!({"overwrite": "false"})).await.ok();
    assert_eq!(updated, json!({"message": "updated", "external_id": id}));
    let read = tenant.get("upload_presets/p").await.ok();
    assert_eq!(read["settings"], json!({"overwrite": false}), "all that it fixed before is replaced");
    assert_eq!(read["unsigned"], true);
    let gone = tenant.admin(Method::DELETE, "upload_presets/p").await.ok();
    assert_eq!(gone, json!({"message": "deleted", "external_id": id}));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let missing = tenant.admin(method, "upload_presets/p").await;
        assert_eq!((missing.status, missing.message().as_str()), (404, "Upload preset not found: p"));
    }
    let made_up = create(&tenant, json!({})).await;
    let name = made_up["name"].as_str().expect("a name");
    assert_eq!(name.len(), 8);
    assert_eq!(tenant.get(&format!("upload_presets/{name}")).await.ok()["settings"], json!({}));
}

async fn presets_are_listed_in_pages(tenant: Tenant) {
    for name in ["c", "a", "d", "b"] {
        create(&tenant, json!({"name": format!("listed-{name}")})).await;
    }
    let walk = async |query: &str| {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        for _ in 0..5 {
            let page = tenant.get(&format!("upload_presets?max_results=2{query}{cursor}")).await.ok();
            let listed = page["presets"].as_array().expect("a list").iter();
            names.extend(listed.map(|preset| preset["name"].as_str().expect("a name").to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&next_cursor={next}"),
                None => break,
            }
        }
        // A server that was just made has an unsigned preset of its own.
        names
            .into_iter()
            .filter_map(|name| name.strip_prefix("listed-").map(str::to_owned))
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(walk("").await, "bdac", "newest first");
    assert_eq!(walk("&order_by=created_at&direction=asc").await, "cadb");
    assert_eq!(walk("&order_by=name").await, "abcd");
    assert_eq!(walk("&order_by=name&direction=desc").await, "dcba");
}

async fn signed_uploads_have_a_preset_s_values_as_defaults(tenant: Tenant) {
    create(&tenant, json!({"name": "p", "tags": "fixed", "public_id": "named", "overwrite": false})).await;
    let upload = || tenant.upload(pictures::small_jpeg(1)).parameter("upload_preset", "p");
    let stored = upload().send().await.ok();
    assert_eq!((&stored["public_id"], &stored["tags"]), (&json!("named"), &json!(["fixed"])));
    let again = tenant.upload(pictures::small_jpeg(2)).parameter("upload_preset", "p").send().await.ok();
    assert_eq!((&again["existing"], &again["etag"]), (&json!(true), &stored["etag"]));
    let own = upload().parameter("tags", "own").parameter("public_id", "mine").send().await.ok();
    assert_eq!((&own["public_id"], &own["tags"]), (&json!("mine"), &json!(["own"])));
}

async fn unsigned_uploads_are_bound_by_their_preset(tenant: Tenant) {
    let preset = json!({
        "name": "open", "unsigned": "1", "tags": ["fixed"], "context": {"alt": "fixed"}, "asset_folder": "inbox",
        "allowed_formats": "png",
    });
    create(&tenant, preset).await;
    let upload = |bytes: Vec<u8>| tenant.upload(bytes).unsigned("open");
    let stored = upload(pictures::alpha_png(32, 24))
        .parameter("tags", "mine")
        .parameter("asset_folder", "elsewhere")
        .parameter("context", "alt=mine|caption=mine")
        .public_id("a")
        .send()
        .await
        .ok();
    assert_eq!((&stored["tags"], &stored["asset_folder"]), (&json!(["fixed"]), &json!("inbox")));
    assert_eq!(stored["context"], json!({"custom": {"alt": "fixed", "caption": "mine"}}));
    let refused = upload(pictures::small_jpeg(1)).send().await;
    assert_eq!((refused.status, refused.message().as_str()), (400, "Image file format jpg not allowed"));
    let refused = upload(pictures::alpha_png(32, 24)).parameter("overwrite", "1").send().await;
    assert!(
        refused.message().starts_with("overwrite parameter is not allowed when using unsigned upload"),
        "{}",
        refused.text()
    );

    create(&tenant, json!({"name": "nameless", "unsigned": true, "disallow_public_id": true})).await;
    let nameless = || tenant.upload(pictures::alpha_png(32, 24)).unsigned("nameless");
    let refused = nameless().public_id("chosen").send().await;
    let says = "public_id parameter is not allowed by upload preset nameless";
    assert_eq!((refused.status, refused.message().as_str()), (400, says));
    nameless().send().await.ok();
    // Closed to strangers, it is closed at once.
    tenant.send(Method::PUT, "upload_presets/nameless", json!({"unsigned": false})).await.ok();
    let refused = nameless().send().await;
    let says = "Upload preset nameless must be whitelisted for unsigned uploads";
    assert_eq!((refused.status, refused.message().as_str()), (400, says));
}

async fn mistakes_are_named(tenant: Tenant) {
    create(&tenant, json!({"name": "p"})).await;
    let taken = tenant.send(Method::POST, "upload_presets", json!({"name": "p"})).await;
    assert_eq!((taken.status, taken.message().as_str()), (409, "Upload preset p already exists"));
    for (body, says) in [
        (json!({"name": "a/b"}), "a/b"),
        (json!({"name": " "}), "name"),
        (json!({"name": "x".repeat(256)}), "name"),
        (json!({"name": "q", "unsigned": "perhaps"}), "unsigned"),
        (json!({"name": "q", "overwite": true}), "did you mean overwrite?"),
        (json!({"name": "q", "moderation": "aws_rek"}), "aws_rek is not built"),
        (json!({"name": "q", "tags": {"a": 1}}), "tags"),
        (json!({"name": "q", "type": "fetch"}), "fetch"),
    ] {
        let refused = tenant.send(Method::POST, "upload_presets", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text());
        assert!(refused.message().contains(says), "{body}: {}", refused.message());
    }
    for query in ["order_by=size", "direction=up", "max_results=0", "next_cursor=x"] {
        let refused = tenant.get(&format!("upload_presets?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
        let name = query.split('=').next().unwrap_or_default();
        assert!(refused.message().contains(name), "{query}: {}", refused.message());
    }
    assert_eq!(tenant.get("upload_presets/q").await.status, 404, "what was refused is not kept");
}
