//! Folders: they come with what is stored in them or by themselves, move with all that is in them, and go; on both databases.

use reqwest::Method;
use safelight_tests::{
    harness::{client::Tenant, pictures},
    on_both_databases,
};
use serde_json::{Value, json};

on_both_databases!(
    folders_are_made_and_listed,
    a_folder_moves_with_all_that_is_in_it,
    a_folder_goes_with_all_that_is_in_it,
    a_folder_tells_what_is_in_it,
    mistakes_are_named,
);

async fn put(tenant: &Tenant, public_id: &str, folder: &str) {
    tenant.upload(pictures::small_jpeg(1)).public_id(public_id).parameter("asset_folder", folder).send().await.ok();
}

async fn create(tenant: &Tenant, path: &str) -> Value {
    tenant.send(Method::POST, &format!("folders/{path}"), json!({})).await.ok()
}

fn names(page: &Value) -> Vec<&str> {
    page["folders"].as_array().expect("a list").iter().map(|folder| folder["name"].as_str().expect("a name")).collect()
}

async fn folder_of(tenant: &Tenant, public_id: &str) -> Value {
    tenant.get(&format!("resources/image/upload/{public_id}")).await.ok()["asset_folder"].clone()
}

async fn folders_are_made_and_listed(tenant: Tenant) {
    assert_eq!(tenant.get("folders").await.ok(), json!({"folders": [], "total_count": 0}));
    put(&tenant, "x", "b/with asset").await;
    let made = create(&tenant, "c%2Fd/e").await;
    let id = made["external_id"].as_str().expect("an id").to_owned();
    assert_eq!(made, json!({"success": true, "path": "c/d/e", "name": "e", "external_id": id}));
    assert_eq!(create(&tenant, "c/d/e").await, made, "one that is there stays");
    create(&tenant, "a").await;
    let root = tenant.get("folders").await.ok();
    assert_eq!((names(&root), &root["total_count"]), (vec!["a", "b", "c"], &json!(3)));
    assert_eq!(names(&tenant.get("folders/%2F").await.ok()), ["a", "b", "c"]);
    assert_eq!(names(&tenant.get("folders/b").await.ok()), ["with asset"]);
    let inner = tenant.get("folders/c%2Fd").await.ok();
    assert_eq!((&inner["folders"][0]["path"], &inner["folders"][0]["external_id"]), (&json!("c/d/e"), &json!(id)));
    assert_eq!(tenant.get("folders/a").await.ok()["folders"], json!([]));
    let first = tenant.get("folders?max_results=2").await.ok();
    let next = first["next_cursor"].as_str().expect("more");
    let second = tenant.get(&format!("folders?max_results=2&next_cursor={next}")).await.ok();
    assert_eq!((names(&first), names(&second)), (vec!["a", "b"], vec!["c"]));
    assert!(second.get("next_cursor").is_none());
    let missing = tenant.get("folders/nowhere/at all").await;
    assert_eq!((missing.status, missing.message().as_str()), (404, "Can't find folder with path nowhere/at all"));
}

async fn a_folder_moves_with_all_that_is_in_it(tenant: Tenant) {
    put(&tenant, "top", "old").await;
    put(&tenant, "deep", "old/inner/ä").await;
    put(&tenant, "beside", "older").await;
    let moved = tenant.send(Method::PUT, "folders/old", json!({"to_folder": "new/place"})).await.ok();
    assert_eq!(moved, json!({"from": {"name": "old", "path": "old"}, "to": {"name": "place", "path": "new/place"}}));
    assert_eq!(folder_of(&tenant, "top").await, "new/place");
    assert_eq!(folder_of(&tenant, "deep").await, "new/place/inner/ä");
    assert_eq!(folder_of(&tenant, "beside").await, "older");
    assert_eq!(names(&tenant.get("folders").await.ok()), ["new", "older"]);
    assert_eq!(names(&tenant.get("folders/new/place/inner").await.ok()), ["ä"]);
    assert_eq!(tenant.get("folders/old").await.status, 404);
    let listed = tenant.get("resources/by_asset_folder?asset_folder=new/place/inner/ä").await.ok();
    assert_eq!(listed["total_count"], 1);
    tenant.fetch("image/upload/deep.jpg").await.delivered();
}

async fn a_folder_goes_with_all_that_is_in_it(tenant: Tenant) {
    put(&tenant, "top", "gone").await;
    put(&tenant, "deep", "gone/inner").await;
    put(&tenant, "kept", "gone-not").await;
    tenant.fetch("image/upload/c_scale,w_32/deep.jpg").await.delivered();
    create(&tenant, "gone/empty").await;
    let deleted = tenant.admin(Method::DELETE, "folders/gone").await.ok();
    assert_eq!(deleted, json!({"deleted": ["gone", "gone/empty", "gone/inner"]}));
    assert_eq!(names(&tenant.get("folders").await.ok()), ["gone-not"]);
    for public_id in ["top", "deep"] {
        assert_eq!(tenant.fetch(&format!("image/upload/{public_id}.jpg")).await.status, 404);
    }
    let usage = tenant.settled_usage().await;
    assert_eq!((usage.resources, usage.derived_resources), (1, 0));
    assert_eq!(usage.storage, pictures::small_jpeg(1).len() as i64);
    assert_eq!(tenant.admin(Method::DELETE, "folders/gone").await.status, 404);
}

async fn a_folder_tells_what_is_in_it(tenant: Tenant) {
    put(&tenant, "a", "one/two").await;
    put(&tenant, "b", "one/two").await;
    put(&tenant, "c", "one/two/three").await;
    let by_path = tenant.send(Method::PUT, "folders/by_path", json!({"path": "one/two"})).await.ok();
    let bytes = 2 * pictures::small_jpeg(1).len();
    assert_eq!((&by_path["resource_count"], &by_path["total_bytes"]), (&json!(2), &json!(bytes)));
    assert_eq!((&by_path["name"], &by_path["ancestors"][0]["path"]), (&json!("two"), &json!("one")));
    let id = by_path["external_id"].clone();
    assert_eq!(tenant.send(Method::PUT, "folders/by_id", json!({"id": id})).await.ok(), by_path);
    let below = tenant.send(Method::PUT, "folders/descendants", json!({"id": id, "inclusive": true})).await.ok();
    assert_eq!(names(&below), ["two", "three"]);
    let unknown = tenant.send(Method::PUT, "folders/by_id", json!({"id": "0".repeat(32)})).await;
    assert_eq!(unknown.status, 404);
}

async fn mistakes_are_named(tenant: Tenant) {
    create(&tenant, "a/b").await;
    create(&tenant, "c").await;
    for (method, path, body, status, says) in [
        (Method::PUT, "folders/a", json!({}), 400, "Missing required parameter - to_folder"),
        (Method::PUT, "folders/a", json!({"to_folder": "a/x"}), 400, "it lies in the folder itself"),
        (Method::PUT, "folders/a", json!({"to_folder": "../x"}), 400, "to_folder"),
        (Method::PUT, "folders/a", json!({"to_folder": "c"}), 409, "Folder c already exists"),
        (Method::PUT, "folders/nowhere", json!({"to_folder": "x"}), 404, "Can't find folder with path nowhere"),
        (Method::POST, "folders/a%3Fb", json!({}), 400, "path"),
        (Method::POST, "folders/%2F", json!({}), 400, "path"),
        (Method::PUT, "folders/by_path", json!({}), 400, "Missing required parameter - path"),
        (Method::PUT, "folders/by_id", json!({"id": "x"}), 404, "x"),
        (Method::GET, "folders?max_results=0", json!({}), 400, "max_results"),
    ] {
        let refused = tenant.send(method.clone(), path, body.clone()).await;
        assert_eq!(refused.status, status, "{method} {path} {body}: {}", refused.text());
        assert!(refused.message().contains(says), "{method} {path} {body}: {}", refused.message());
    }
    assert_eq!(names(&tenant.get("folders").await.ok()), ["a", "c"], "what was refused left no trace");
}
