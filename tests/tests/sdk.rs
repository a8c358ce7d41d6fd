//! The official SDKs, as their registries give them out, do the main job against `safelight dev` with nothing but their
//! environment variables; afterwards the ledger holds what they did.

use std::{path::PathBuf, process::Command};

use safelight_tests::{
    harness::{client::Tenant, pictures, sdk, server::Dev},
    workspace,
};
use serde_json::Value;

/// A photo of twelve megapixels on disk.
fn photo(server: &Dev) -> (PathBuf, i64) {
    let bytes = pictures::jpeg(&pictures::photo(pictures::CAMERA.0, pictures::CAMERA.1, 1));
    let path = server.folder().join("photo.jpg");
    std::fs::write(&path, &bytes).expect("the photo is written");
    (path, bytes.len() as i64)
}

/// Sets what an application would set, and nothing that the machine has set for other servers.
fn environment<'a>(command: &'a mut Command, server: &Dev) -> &'a mut Command {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CLOUDINARY_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
        .env("CLOUDINARY_URL", &server.ready.cloudinary_url)
        .env("CLOUDINARY_ACCOUNT_URL", &server.ready.cloudinary_account_url)
        .current_dir(server.folder())
}

/// What the script printed last.
fn done(output: &str) -> Value {
    serde_json::from_str(output.lines().last().unwrap_or_default()).expect("the script ends with one JSON line")
}

async fn assert_nothing_left(tenant: &Tenant) {
    let listing = tenant.get("resources/image").await.ok();
    assert_eq!(listing["resources"], serde_json::json!([]), "the scripts remove what they made");
}

#[tokio::test]
async fn the_python_sdk_does_the_main_job() {
    let server = Dev::start().await;
    let (photo, bytes) = photo(&server);
    let mut command = Command::new(sdk::python());
    command.arg(workspace::root().join("tests/sdk/python/main_job.py")).arg(&photo).arg(&server.ready.upload_preset);
    let done = done(&sdk::run(environment(&mut command, &server)));
    assert_eq!(done["bytes"], bytes);

    let tenant = server.tenant();
    let usage = tenant.settled_usage().await;
    // Three uploads of images and one derived asset, fetched twice; a raw file is stored and delivered, not processed.
    assert_eq!(usage.transformations, 4, "{usage:?}");
    assert_eq!(usage.bandwidth, done["delivered"].as_i64().expect("a number") + 8, "{usage:?}");
    assert_eq!(usage.requests, 3, "{usage:?}");
    assert_nothing_left(&tenant).await;
}

#[tokio::test]
async fn the_node_sdk_does_the_main_job() {
    let server = Dev::start().await;
    let (photo, bytes) = photo(&server);
    let mut command = Command::new("node");
    command.arg(workspace::root().join("tests/sdk/node/main_job.js")).arg(&photo).arg(&server.ready.upload_preset);
    command.env("NODE_PATH", sdk::node_modules()).env("NODE_EXTRA_CA_CERTS", &server.ready.ca_certificate);
    let done = done(&sdk::run(environment(&mut command, &server)));
    assert_eq!(done["bytes"], bytes);

    let tenant = server.tenant();
    let usage = tenant.settled_usage().await;
    // Three uploads of images and two derived assets, one of them fetched twice.
    assert_eq!(usage.transformations, 5, "{usage:?}");
    assert_eq!(usage.requests, 5, "{usage:?}");
    assert_nothing_left(&tenant).await;
}
