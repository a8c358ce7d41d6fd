//! Files that are fetched instead of sent: uploads by address, and the delivery of remote files.

use std::time::Duration;

use image::GenericImageView;
use reqwest::Method;
use safelight_tests::harness::{
    client::{Answer, Tenant},
    eventually, pictures,
    remote::RemoteFiles,
    server::{self, Dev},
};
use serde_json::json;

/// How long something that nobody waits for may take.
const LIMIT: Duration = Duration::from_secs(20);

fn encoded(url: &str) -> String {
    url.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

async fn upload_from(tenant: &Tenant, url: &str, parameters: &[(&str, &str)]) -> Answer {
    let mut upload = tenant.signed("image/upload");
    for (name, value) in parameters {
        upload = upload.parameter(name, value);
    }
    let mut form = reqwest::multipart::Form::new().text("file", url.to_owned());
    for (name, value) in upload.fields() {
        form = form.text(name, value);
    }
    Answer::to(tenant.http().post(tenant.api_url("image/upload")).multipart(form)).await.expect("the server answers")
}

#[tokio::test]
async fn a_file_is_uploaded_by_its_address() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let remote = RemoteFiles::start().await;
    let cat = pictures::small_jpeg(1);
    remote.file("/pets/my%20cat.jpg?size=full", cat.clone(), None);
    remote.moved("/old", "/pets/my%20cat.jpg?size=full");

    let url = remote.url("/pets/my%20cat.jpg?size=full");
    let stored = upload_from(&tenant, &url, &[("use_filename", "1"), ("unique_filename", "0")]).await.ok();
    assert_eq!(stored["public_id"], "my_cat");
    assert_eq!(stored["original_filename"], "my cat");
    assert_eq!(stored["bytes"], cat.len());
    assert!(tenant.fetch("image/upload/my_cat.jpg").await.delivered() == cat);

    let moved = upload_from(&tenant, &remote.url("/old"), &[("public_id", "moved")]).await.ok();
    assert_eq!(moved["etag"], stored["etag"]);
    // What is uploaded stays, whatever becomes of its source.
    remote.status("/pets/my%20cat.jpg?size=full", 404);
    assert!(tenant.fetch("image/upload/moved.jpg").await.delivered() == cat);
    let transformations = tenant.settled_usage().await.transformations;
    assert_eq!(transformations, 2, "two uploads");
}

#[tokio::test]
async fn an_address_of_our_own_is_answered_from_inside() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let cat = pictures::small_jpeg(1);
    tenant.upload(cat.clone()).public_id("cat").send().await.ok();
    tenant.upload(cat.clone()).public_id("hidden").parameter("type", "authenticated").send().await.ok();
    let before = tenant.settled_usage().await;

    let url = tenant.delivery_url("image/upload/cat.jpg?x=1");
    let copy = upload_from(&tenant, &url, &[("public_id", "copy")]).await.ok();
    assert_eq!(copy["bytes"], cat.len());
    let localhost = tenant.delivery_url("image/upload/c_scale,w_64/cat.jpg").replace("127.0.0.1", "localhost");
    let small = upload_from(&tenant, &localhost, &[("public_id", "small")]).await.ok();
    assert_eq!((&small["width"], &small["height"]), (&json!(64), &json!(48)));
    let after = tenant.settled_usage().await;
    assert_eq!(after.bandwidth, before.bandwidth, "nothing left");
    assert_eq!(after.requests, before.requests);
    assert_eq!(after.derived_resources, before.derived_resources + 1, "what was made is counted");

    // Fetched, it is the asset itself; nothing is copied.
    for (inner, width) in [("image/upload/cat.jpg", 320), ("image/upload/v1/cat", 320)] {
        let fetched = tenant.fetch(&format!("image/fetch/{}", tenant.delivery_url(inner))).await.delivered();
        assert_eq!(image::load_from_memory(&fetched).expect("a picture").width(), width, "{inner}");
    }
    let scaled = format!("image/fetch/c_scale,w_32/{}", tenant.delivery_url("image/upload/cat.jpg"));
    assert_eq!(image::load_from_memory(&tenant.fetch(&scaled).await.delivered()).expect("a picture").width(), 32);
    assert_eq!(tenant.get("resources/image/fetch").await.ok()["resources"], json!([]));
    for (inner, part) in [
        ("image/upload/c_scale,w_64/cat.jpg", "without a transformation of its own"),
        ("image/authenticated/hidden.jpg", "only images of delivery type upload"),
        ("image/fetch/http://a.test/b.jpg", "only images of delivery type upload"),
        ("image/upload/nothing.jpg", "Resource not found"),
    ] {
        let answer = tenant.fetch(&format!("image/fetch/{}", tenant.delivery_url(inner))).await;
        assert_eq!(answer.status, 404, "{inner}");
        assert!(answer.message().contains(part), "{inner}: {}", answer.message());
    }
    let elsewhere = tenant.delivery_url("image/upload/cat.jpg").replace("/demo/", "/other/");
    assert!(tenant.fetch(&format!("image/fetch/{elsewhere}")).await.message().contains("another product environment"));

    // Inside, the same is refused as outside, and the API is not reached.
    for (path, part) in [
        ("image/authenticated/hidden.jpg", "signature is required"),
        ("image/upload/nothing.jpg", "Resource not found"),
        ("../v1_1/demo/ping", "Resource not found"),
    ] {
        let answer = upload_from(&tenant, &tenant.delivery_url(path), &[("public_id", "stolen")]).await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert!(answer.message().starts_with("Error in loading http"), "{path}: {}", answer.message());
        assert!(answer.message().contains(part), "{path}: {}", answer.message());
    }
}

#[tokio::test]
async fn a_remote_file_is_delivered_and_asked_for_once() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let remote = RemoteFiles::start().await;
    let cat = pictures::small_jpeg(1);
    remote.file("/cat.jpg", cat.clone(), Some("\"one\""));
    remote.file("/cat.jpg?size=full", pictures::small_jpeg(2), None);

    let url = remote.url("/cat.jpg");
    let path = format!("image/fetch/{url}");
    let askers = (0..8).map(|_| tenant.fetch(&path));
    for answer in futures::future::join_all(askers).await {
        assert_eq!(answer.header("content-type"), "image/jpeg");
        assert!(answer.header("cache-control").starts_with("public"), "{}", answer.header("cache-control"));
        assert!(answer.delivered() == cat);
    }
    assert_eq!(remote.answers("/cat.jpg"), [200], "one asks for all");

    // The same address in its other spellings is the same asset.
    let single_slash = url.replace("://", ":/");
    for spelling in [encoded(&url), single_slash, format!("v17/{url}")] {
        assert!(tenant.fetch(&format!("image/fetch/{spelling}")).await.delivered() == cat, "{spelling}");
    }
    let small = tenant.fetch(&format!("image/fetch/c_scale,w_64/{url}")).await.delivered();
    assert_eq!(image::load_from_memory(&small).expect("a picture").dimensions(), (64, 48));
    assert_eq!(remote.answers("/cat.jpg"), [200]);

    // A query is the remote server's when it is encoded, and nobody's when it is not.
    assert!(tenant.fetch(&format!("{path}?size=full")).await.delivered() == cat);
    let other = tenant.fetch(&format!("image/fetch/{}", encoded(&remote.url("/cat.jpg?size=full")))).await.delivered();
    assert!(other == pictures::small_jpeg(2));

    let usage = tenant.settled_usage().await;
    assert_eq!(usage.transformations, 3, "two files fetched, one picture made");
    assert_eq!((usage.resources, usage.derived_resources), (2, 1));
    let listed = tenant.get("resources/image/fetch").await.ok();
    let ids: Vec<_> = listed["resources"].as_array().expect("a list").iter().map(|one| &one["public_id"]).collect();
    assert!(ids.contains(&&json!(url)), "{listed}");
    assert_eq!(listed["resources"][0]["type"], "fetch");

    // Whoever knows that a file has changed says so, and does not wait for days.
    remote.file("/cat.jpg", pictures::small_jpeg(5), Some("\"two\""));
    let explicit = tenant.signed("image/explicit").parameter("public_id", &url).parameter("type", "fetch");
    let refreshed = explicit.parameter("tags", "fresh").send().await.ok();
    assert_eq!((&refreshed["tags"], &refreshed["public_id"]), (&json!(["fresh"]), &json!(url)));
    assert!(tenant.fetch(&path).await.delivered() == pictures::small_jpeg(5));
    let unseen = remote.url("/unseen.jpg");
    remote.file("/unseen.jpg", cat.clone(), None);
    let explicit = tenant.signed("image/explicit").parameter("public_id", &unseen).parameter("type", "fetch");
    assert_eq!(explicit.send().await.ok()["bytes"], cat.len());
    remote.file("/cat.jpg", cat.clone(), Some("\"one\""));

    let gone = tenant.signed("image/destroy").parameter("public_id", &url).parameter("type", "fetch").send().await;
    assert_eq!(gone.ok()["result"], "ok");
    assert!(tenant.fetch(&path).await.delivered() == cat);
    assert_eq!(remote.answers("/cat.jpg"), [200, 200, 200], "what was taken away is fetched anew");
}

#[tokio::test]
async fn a_copy_follows_its_source_and_outlives_an_accident() {
    let server = Dev::start_with(&["--seed", "none"], &[("SAFELIGHT_DELIVERY__FETCH_KEEP_SECONDS", "0")]).await;
    let tenant = server.tenant();
    let remote = RemoteFiles::start().await;
    let (cat, dog) = (pictures::small_jpeg(1), pictures::small_jpeg(2));
    remote.file("/pet.jpg", cat.clone(), Some("\"cat\""));
    let path = format!("image/fetch/{}", remote.url("/pet.jpg"));
    assert!(tenant.fetch(&path).await.delivered() == cat);

    // Asked on a condition, beside the delivery.
    assert!(tenant.fetch(&path).await.delivered() == cat);
    eventually("a conditional question", LIMIT, async || {
        (remote.answers("/pet.jpg").get(1..) == Some(&[304])).then_some(())
    })
    .await;
    assert_eq!(tenant.settled_usage().await.transformations, 1, "looking whether it changed costs nothing");

    remote.file("/pet.jpg", dog.clone(), Some("\"dog\""));
    eventually("the changed file", LIMIT, async || (tenant.fetch(&path).await.delivered() == dog).then_some(())).await;
    assert_eq!(tenant.settled_usage().await.transformations, 2, "a changed file is another one");

    // What was said of the copy here is not the source's to change.
    let id = remote.url("/pet.jpg");
    let body =
        json!({"public_id": id, "resource_type": "image", "kind": "fetch", "tags": "mine", "asset_folder": "pets"});
    tenant.send(Method::POST, "resources/update", body).await.ok();
    remote.file("/pet.jpg", pictures::small_jpeg(3), Some("\"third\""));
    let third = pictures::small_jpeg(3);
    eventually("the file changed again", LIMIT, async || {
        (tenant.fetch(&path).await.delivered() == third).then_some(())
    })
    .await;
    let listed = tenant.get("resources/image/fetch?tags=true").await.ok();
    assert_eq!(
        (&listed["resources"][0]["tags"], &listed["resources"][0]["asset_folder"]),
        (&json!(["mine"]), &json!("pets"))
    );
    remote.file("/pet.jpg", dog.clone(), Some("\"dog\""));
    eventually("the dog again", LIMIT, async || (tenant.fetch(&path).await.delivered() == dog).then_some(())).await;

    // Server errors change nothing, and the first time that it is missing changes nothing either.
    remote.status("/pet.jpg", 500);
    let asked = remote.answers("/pet.jpg").len();
    eventually("a question in vain", LIMIT, async || {
        assert!(tenant.fetch(&path).await.delivered() == dog);
        remote.answers("/pet.jpg")[asked..].contains(&500).then_some(())
    })
    .await;
    remote.status("/pet.jpg", 404);
    eventually("the copy given up", LIMIT, async || {
        let answer = tenant.fetch(&path).await;
        assert!(answer.status == 404 || answer.body == dog, "{}", answer.status);
        (answer.status == 404).then_some(())
    })
    .await;
    let missing = remote.answers("/pet.jpg").iter().filter(|status| **status == 404).count();
    assert!(missing >= 2, "given up after {missing}");
}

#[tokio::test]
async fn an_environment_says_which_domains_files_may_come_from() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let account = server.account();
    let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
    let id = environments["sub_accounts"][0]["id"].as_str().expect("an id").to_owned();
    let settings = format!("sub_accounts/{id}/settings");
    let remote = RemoteFiles::start().await;
    remote.file("/cat.jpg", pictures::small_jpeg(1), None);
    let (url, path) = (remote.url("/cat.jpg"), format!("image/fetch/{}", remote.url("/cat.jpg")));

    let change = json!({"allowed_fetch_domains": ["Pictures.example", "*.cdn.example"]});
    let changed = account.call(Method::PUT, &settings, Some(change)).await.ok();
    assert_eq!(changed["allowed_fetch_domains"], json!(["pictures.example", "*.cdn.example"]));
    let refused = upload_from(&tenant, &url, &[]).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.message().contains("127.0.0.1 is not among the allowed fetch domains"), "{}", refused.message());
    let refused = tenant.fetch(&path).await;
    assert_eq!(refused.status, 404);
    assert!(refused.message().starts_with(&format!("Resource not found - {url}")), "{}", refused.message());
    assert_eq!(remote.answers("/cat.jpg"), [] as [u16; 0]);

    // What lies here is another environment's as long as it is not one's own.
    account.create_environment("other").await;
    let inside = tenant.delivery_url("image/upload/nothing.jpg");
    assert!(upload_from(&tenant, &inside, &[]).await.message().contains("Resource not found"));
    let elsewhere = inside.replace("/demo/", "/other/");
    assert!(upload_from(&tenant, &elsewhere, &[]).await.message().contains("not among the allowed fetch domains"));

    // At the command line too, in a process of its own.
    let data = server.ready.data_dir.to_str().expect("a path is text");
    let environment =
        ["environment", "settings", "--data", data, "--account", &server.ready.account_id, "--cloud", "demo"];
    let command = |more: &[&str]| server::run(server.folder(), &[&environment[..], more].concat(), &[]);
    let done = command(&["--set", "allowed_fetch_domains=127.0.0.1"]);
    let says = "\nallowed_fetch_domains = 127.0.0.1\nrestricted_types = \n";
    assert!(done.stdout.contains(says), "{} {}", done.stdout, done.stderr);
    assert!(command(&["--set", "allowed_domains=a.test"]).stderr.contains("did you mean allowed_fetch_domains?"));
    assert!(command(&["--set", "allowed_fetch_domains"]).stderr.contains("NAME=VALUE"));
    eventually("the domain of the command", LIMIT, async || {
        (upload_from(&tenant, &url, &[]).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(account.call(Method::GET, &settings, None).await.ok()["allowed_fetch_domains"], json!(["127.0.0.1"]));
}

#[tokio::test]
async fn fetching_is_closed_to_strangers_where_it_is_restricted() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let remote = RemoteFiles::start().await;
    remote.file("/cat.jpg", pictures::small_jpeg(1), None);
    let url = remote.url("/cat.jpg");
    // Another server like this one asks for somebody else: it is told no, or two would ask each other for ever.
    let looping = tenant.fetch_with(&format!("image/fetch/{url}"), &[("cdn-loop", "safelight")]).await;
    assert_eq!(looping.status, 400, "{}", looping.message());
    assert_eq!(remote.answers("/cat.jpg"), [] as [u16; 0]);

    server.set_environment(json!({"restricted_types": ["fetch"]})).await;
    let refused = tenant.fetch(&format!("image/fetch/{url}")).await;
    let says = "Images of type fetch are restricted in this account";
    assert_eq!((refused.status, refused.message().as_str()), (401, says));
    assert_eq!(remote.answers("/cat.jpg"), [] as [u16; 0]);
    let secret = plane_kit::secret::Secret::new(tenant.secret.clone());
    let signature = plane_kit::signature::sign_delivery(&url, &secret, plane_kit::signature::Algorithm::Sha1, 8);
    tenant.fetch(&format!("image/fetch/s--{signature}--/{url}")).await.delivered();
    assert_eq!(remote.answers("/cat.jpg"), [200]);
}

#[tokio::test]
async fn what_is_not_there_is_fetched_from_where_a_mapping_says() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let remote = RemoteFiles::start().await;
    let cat = pictures::small_jpeg(1);
    remote.file("/img/pets/my%20cat.jpg", cat.clone(), None);
    remote.file("/img/page.jpg", b"<html>no picture".to_vec(), None);
    remote.file("/raw/notes.txt", b"hello".to_vec(), None);

    let make = async |folder: &str, template: String| {
        tenant.send(Method::POST, "upload_mappings", json!({"folder": folder, "template": template})).await
    };
    let made = make("site", remote.url("/img/")).await.ok();
    assert_eq!((&made["message"], &made["folder"]), (&json!("created"), &json!("site")));
    make("site/raw", remote.url("/raw/")).await.ok();
    assert_eq!(make("site", remote.url("/")).await.status, 409);
    let listed = tenant.get("upload_mappings").await.ok();
    let folders: Vec<_> = listed["mappings"].as_array().expect("a list").iter().map(|one| &one["folder"]).collect();
    assert_eq!((folders, &listed["total_entries"]), (vec![&json!("site"), &json!("site/raw")], &json!(2)));
    assert_eq!(tenant.get("upload_mappings?folder=site").await.ok()["template"], remote.url("/img/"));

    let askers = (0..6).map(|_| tenant.fetch("image/upload/c_scale,w_64/site/pets/my%20cat.jpg"));
    for answer in futures::future::join_all(askers).await {
        assert_eq!(image::load_from_memory(&answer.delivered()).expect("a picture").dimensions(), (64, 48));
    }
    assert!(tenant.fetch("image/upload/site/pets/my%20cat.jpg").await.delivered() == cat);
    assert_eq!(remote.answers("/img/pets/my%20cat.jpg"), [200], "once, and then it is here");
    let detail = tenant.get("resources/image/upload/site/pets/my%20cat").await.ok();
    assert_eq!(detail["asset_folder"], "site/pets");
    // The longest folder decides, and a raw file keeps its extension.
    assert_eq!(tenant.fetch("raw/upload/site/raw/notes.txt").await.delivered(), b"hello");

    for (path, part) in [
        ("image/upload/site/nothing.jpg", "404 Not Found"),
        ("image/upload/site/page.jpg", "Invalid image file"),
        ("image/upload/elsewhere/cat.jpg", "Resource not found - elsewhere/cat"),
    ] {
        let missing = tenant.fetch(path).await;
        assert_eq!(missing.status, 404, "{path}");
        assert!(missing.message().contains(part), "{path}: {}", missing.message());
        assert!(!missing.message().contains(&remote.url("")), "where it would come from is told to nobody");
    }
    tenant.fetch("image/upload/site/nothing.jpg").await;
    assert_eq!(remote.answers("/img/nothing.jpg"), [404], "what is not there is not asked for again at once");

    let change = json!({"folder": "site", "template": "http://169.254.169.254/"});
    tenant.send(Method::PUT, "upload_mappings", change).await.ok();
    let refused = tenant.fetch("image/upload/site/metadata.jpg").await;
    assert!(refused.message().contains("no public address"), "{}", refused.message());
    let all = json!({"mappings": [{"folder": "/", "template": remote.url("/img/pets/")}]});
    tenant.send(Method::PUT, "upload_mappings/replace", all).await.ok();
    assert!(tenant.fetch("image/upload/my%20cat.jpg").await.delivered() == cat);
    assert_eq!(tenant.admin(Method::DELETE, "upload_mappings?folder=%2F").await.ok(), json!({"message": "deleted"}));
    assert_eq!(tenant.get("upload_mappings").await.ok()["total_entries"], 0);
    for (body, says) in [
        (json!({"folder": "x"}), "template"),
        (json!({"template": "https://a.test/"}), "folder"),
        (json!({"folder": "x", "template": "ftp://a.test/"}), "http"),
        (json!({"folder": "../x", "template": "https://a.test/"}), "folder"),
    ] {
        let refused = tenant.send(Method::POST, "upload_mappings", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.message().contains(says), "{body}: {}", refused.message());
    }
    assert_eq!(tenant.settled_usage().await.transformations, 3, "two pictures came, and one was made");
}
