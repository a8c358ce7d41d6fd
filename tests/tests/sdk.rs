//! The official SDKs, as their registries give them out, do the main job against `safelight dev` with nothing but their
//! environment variables; afterwards the ledger holds what they did.

use std::{collections::HashSet, path::PathBuf, process::Command};

use reqwest::Method;
use safelight_tests::{
    harness::{
        client::{Account, Tenant},
        clips, pictures,
        remote::RemoteFiles,
        sdk,
        server::Dev,
    },
    workspace,
};
use serde_json::{Value, json};

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

/// A command for a module below `tests/sdk`. Modules are looked for beside the script, so the script stands beside the modules.
fn module(script: &str) -> Command {
    let name = script.rsplit('/').next().unwrap_or_default();
    let copy = sdk::node_modules().parent().expect("modules stand in a folder").join(name);
    std::fs::copy(workspace::root().join("tests/sdk").join(script), &copy).expect("it is copied");
    let mut command = Command::new("node");
    command.arg(copy);
    command
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

// The remote files are served while this thread waits for a script.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdks_lead_assets_through_their_lives() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let (photo, _) = photo(&server);
    let remote = RemoteFiles::start().await;
    let path = "/pictures/seaside.jpg?size=full";
    remote.file(path, pictures::small_jpeg(1), None);
    let url = remote.url(path);
    let mut command = Command::new(sdk::python());
    command.arg(workspace::root().join("tests/sdk/python/asset_life.py")).arg(&photo).arg(&url);
    done(&sdk::run(environment(&mut command, &server)));
    assert_nothing_left(&server.tenant()).await;
    let mut command = Command::new("node");
    command.arg(workspace::root().join("tests/sdk/node/asset_life.js")).arg(&photo).arg(&url);
    command.env("NODE_PATH", sdk::node_modules());
    done(&sdk::run(environment(&mut command, &server)));
    assert_nothing_left(&server.tenant()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdks_are_told_and_have_things_made_ahead() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let photo = server.folder().join("small.jpg");
    std::fs::write(&photo, pictures::jpeg(&pictures::photo(800, 600, 1))).expect("the photo is written");
    let remote = RemoteFiles::start().await;
    remote.file("/seaside.jpg", pictures::small_jpeg(1), None);
    let mut command = Command::new(sdk::python());
    command.arg(workspace::root().join("tests/sdk/python/told.py")).arg(&photo).arg(remote.url("/seaside.jpg"));
    done(&sdk::run(environment(&mut command, &server)));
    assert_nothing_left(&server.tenant()).await;
    let mut command = Command::new("node");
    command.arg(workspace::root().join("tests/sdk/node/told.js")).arg(&photo).arg(remote.url("/seaside.jpg"));
    command.env("NODE_PATH", sdk::node_modules());
    done(&sdk::run(environment(&mut command, &server)));
    assert_nothing_left(&server.tenant()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdks_have_clips_and_say_who_may_have_what() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let files = [("small.jpg", pictures::small_jpeg(1)), ("clip.mp4", clips::mp4()), ("tone.mp3", clips::mp3())];
    let paths = files.map(|(name, bytes)| {
        let path = server.folder().join(name);
        std::fs::write(&path, bytes).expect("the file is written");
        path
    });
    let mut command = Command::new(sdk::python());
    command.arg(workspace::root().join("tests/sdk/python/media.py")).args(&paths);
    done(&sdk::run(environment(&mut command, &server)));
    assert_nothing_left(&server.tenant()).await;
    let mut command = Command::new("node");
    command.arg(workspace::root().join("tests/sdk/node/media.js")).args(&paths).env("NODE_PATH", sdk::node_modules());
    done(&sdk::run(environment(&mut command, &server)));
    assert_nothing_left(&server.tenant()).await;
}

#[tokio::test]
async fn the_python_sdk_runs_an_organisation_and_a_contractor() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let (photo, _) = photo(&server);
    let mut command = Command::new(sdk::python());
    command.arg(workspace::root().join("tests/sdk/python/organisation.py")).arg(&photo);
    done(&sdk::run(environment(&mut command, &server)));
    assert_nothing_left(&server.tenant()).await;
}

#[tokio::test]
async fn the_node_sdk_works_with_a_contractors_key() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let (photo, _) = photo(&server);
    let ready = &server.ready;
    let account =
        Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
    let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
    let id = environments["sub_accounts"][0]["id"].as_str().expect("an id");
    let keys = format!("sub_accounts/{id}/access_keys");
    let key = account.call(Method::POST, &keys, Some(json!({"name": "contractor"}))).await.ok();
    let (api_key, secret) = (key["api_key"].as_str().expect("a key"), key["api_secret"].as_str().expect("a secret"));
    let rules = json!({"rules": ["POST /:resource_type/upload in clients/acme"]});
    account.call(Method::PUT, &format!("{keys}/{api_key}/permissions"), Some(rules)).await.ok();

    let mut command = Command::new("node");
    command.arg(workspace::root().join("tests/sdk/node/contractor.js")).arg(&photo).arg("clients/acme");
    command.env("NODE_PATH", sdk::node_modules());
    let credentials = format!("{}:{}", ready.api_key, ready.api_secret);
    let url = ready.cloudinary_url.replace(&credentials, &format!("{api_key}:{secret}"));
    done(&sdk::run(environment(&mut command, &server).env("CLOUDINARY_URL", url)));
}

#[tokio::test]
async fn the_generated_package_runs_an_organisation() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let mut command = module("node/account_provisioning.mjs");
    command.arg(&server.ready.api_url);
    done(&sdk::run(environment(&mut command, &server)));
}

/// What the transformations mean that the clients' builders print stands beside the calls in the scripts; `transform` is tested to read them
/// so. Here it is seen that they do print them.
#[test]
fn builders_print_what_is_committed() {
    let mut python = Command::new(sdk::python());
    python.arg(workspace::root().join("tests/sdk/builders/python.py"));
    let printed = [module("builders/url_gen.mjs"), module("builders/node.mjs"), python]
        .iter_mut()
        .map(sdk::run)
        .collect::<String>();
    let mut text = "# client | what its builder prints | what was meant, canonical\n".to_owned();
    let (mut seen, mut group) = (HashSet::new(), None);
    for line in printed.lines() {
        let Some(transformation) = line.split(" | ").nth(1).filter(|_| !line.starts_with('#')) else {
            group = Some(line);
            continue;
        };
        // What an earlier client prints as well stands there once.
        if seen.insert(transformation) {
            text.extend(group.take().into_iter().chain([line]).flat_map(|line| [line, "\n"]));
        }
    }
    workspace::assert_committed("data-plane/transform/tests/vectors/built.txt", &text);
}
