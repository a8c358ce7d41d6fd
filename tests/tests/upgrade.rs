//! Upgrades: what a server of before left behind is found by the one of today, on both databases.

use plane_kit::database::Database;
use safelight_tests::harness::{
    client::Tenant,
    pictures,
    planes::{Planes, REGION},
    server::Dev,
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

async fn put(tenant: &Tenant, public_id: &str, parameters: &[(&str, &str)]) {
    let mut upload = tenant.upload(pictures::small_jpeg(1)).public_id(public_id);
    for (name, value) in parameters {
        upload = upload.parameter(name, value);
    }
    upload.send().await.ok();
}

fn ids(listing: &Value) -> Vec<&str> {
    let resources = listing["resources"].as_array().expect("a list of resources");
    resources.iter().map(|one| one["public_id"].as_str().expect("a public id")).collect()
}

/// Takes a regional database back to the state before labels had rows, and presets and folders ids, of their own, and anything was known of transformations.
async fn as_it_was(url: &str, schema: &str) {
    let database = Database::open(url, schema).await.expect("the database opens");
    for statement in [
        "DROP TABLE asset_tags",
        "DROP TABLE asset_context",
        "DROP TABLE fetched_sources",
        "DROP TABLE upload_mappings",
        "DROP TABLE upload_chunks",
        "DROP TABLE chunked_uploads",
        "DROP TABLE jobs",
        "DROP TABLE notifications",
        "DROP TABLE poll_messages",
        "DROP TABLE triggers",
        "DROP TABLE related_assets",
        "DROP TABLE metadata_fields",
        "DROP TABLE metadata_rules",
        "ALTER TABLE assets DROP COLUMN metadata",
        "ALTER TABLE assets DROP COLUMN coordinates",
        "ALTER TABLE assets DROP COLUMN access",
        "ALTER TABLE assets DROP COLUMN backup",
        "ALTER TABLE asset_versions DROP COLUMN media",
        "DROP TABLE asset_analyses",
        "DROP INDEX assets_moderation",
        "ALTER TABLE assets DROP COLUMN moderation_kind",
        "ALTER TABLE assets DROP COLUMN moderation_status",
        "ALTER TABLE assets DROP COLUMN moderation_updated_at",
        "DROP INDEX assets_folder",
        "DROP INDEX upload_presets_listing",
        "DROP INDEX folders_listing",
        "DROP INDEX folders_external_id",
        "ALTER TABLE upload_presets DROP COLUMN external_id",
        "ALTER TABLE folders DROP COLUMN external_id",
        "ALTER TABLE folders DROP COLUMN parent",
        "ALTER TABLE folders DROP COLUMN name",
        "DROP TABLE transformations",
        "DROP TABLE streaming_profiles",
        "DROP TABLE admin_calls",
        "DROP INDEX derived_assets_transformation",
        "DROP INDEX derived_assets_version",
        "DROP INDEX renditions_environment",
        "DROP INDEX assets_version",
        "DELETE FROM seaql_migrations WHERE version LIKE 'm20261127%' OR version LIKE 'm20261128%'",
    ] {
        database.writer().execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    database.close().await.expect("it closes");
}

async fn put_all(tenant: &Tenant) {
    put(tenant, "a", &[("tags", "cat,dog"), ("context", "alt=A cat|long=yes")]).await;
    put(tenant, "b", &[("tags", "cat")]).await;
    put(tenant, "c", &[("asset_folder", "one/two")]).await;
    tenant.send(reqwest::Method::POST, "upload_presets", json!({"name": "p", "tags": "x"})).await.ok();
    for path in ["w_10/a.jpg", "w_10/b.jpeg", "w_10/a.png", "a.png"] {
        tenant.fetch(&format!("image/upload/{path}")).await.delivered();
    }
}

async fn assert_all_is_found(tenant: &Tenant) {
    assert_eq!(tenant.get("tags/image").await.ok(), json!({"tags": ["cat", "dog"]}));
    assert_eq!(ids(&tenant.get("resources/image/tags/cat").await.ok()), ["b", "a"]);
    assert_eq!(ids(&tenant.get("resources/image/context?key=alt&value=A%20cat").await.ok()), ["a"]);
    assert_eq!(ids(&tenant.get("resources/by_asset_folder?asset_folder=").await.ok()), ["b", "a"]);
    let inner = tenant.get("folders/one").await.ok();
    assert_eq!((&inner["folders"][0]["path"], &inner["total_count"]), (&json!("one/two"), &json!(1)));
    assert_eq!(inner["folders"][0]["external_id"].as_str().map(str::len), Some(32));
    let preset = tenant.get("upload_presets/p").await.ok();
    assert_eq!((&preset["settings"], preset["external_id"] != "0".repeat(32)), (&json!({"tags": ["x"]}), true));
    let known = tenant.get("transformations").await.ok();
    let known = known["transformations"].as_array().expect("a list").iter();
    let known: Vec<Value> = known.map(|one| json!([one["name"], one["used"], one["named"]])).collect();
    assert_eq!(json!(known), json!([["/png", true, false], ["w_10", true, false], ["w_10/png", true, false]]));
}

#[tokio::test]
async fn an_upgrade_finds_what_is_there() {
    let mut server = Dev::start().await;
    put_all(&server.tenant()).await;
    server.process().stop().await;
    let files = std::fs::read_dir(&server.ready.data_dir).expect("the data folder").flatten().map(|entry| entry.path());
    let is_regional = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("region-") && name.ends_with(".db")
    };
    let path = files.into_iter().find(is_regional).expect("a regional database");
    as_it_was(&format!("sqlite://{}", path.display()), "").await;
    server.restart().await;
    assert_all_is_found(&server.tenant()).await;
}

#[tokio::test]
async fn an_upgrade_on_postgres_finds_what_is_there() {
    let mut planes = Planes::start().await;
    let environment = planes.provisioning(&planes.account).create_environment("labels").await;
    let tenant = planes.tenant(&environment);
    put_all(&tenant).await;
    planes.data().stop().await;
    let url = planes.database().url();
    as_it_was(&url, &format!("region_{REGION}")).await;
    planes.restart_data().await;
    assert_all_is_found(&tenant).await;
}
