//! The settings of a product environment, each by what it does.

use std::{collections::BTreeMap, time::Duration};

use plane_kit::{
    secret::Secret,
    signature::{Algorithm, Escaping, sign_delivery, sign_notification, sign_request, sign_result},
};
use reqwest::Method;
use safelight_tests::harness::{
    client::{Answer, Tenant},
    eventually, pictures,
    receiver::Receiver,
    server::{self, Dev},
};
use serde_json::{Value, json};

/// How long something that nobody waits for may take.
const LIMIT: Duration = Duration::from_secs(20);

async fn start() -> (Dev, Tenant) {
    let settings = [("SAFELIGHT_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8"), ("SAFELIGHT_OUTBOUND__PORTS", "")];
    let server = Dev::start_with(&["--seed", "none"], &settings).await;
    let tenant = server.tenant();
    (server, tenant)
}

async fn put(tenant: &Tenant, public_id: &str, delivery_type: &str) {
    let upload = tenant.upload(pictures::small_jpeg(1)).public_id(public_id);
    upload.parameter("type", delivery_type).send().await.ok();
}

/// The path of an image with the signature of the tenant's key.
fn signed(tenant: &Tenant, transformation: &str, source: &str, algorithm: Algorithm) -> String {
    let secret = Secret::new(tenant.secret.clone());
    let text = if transformation.is_empty() { source.to_owned() } else { format!("{transformation}/{source}") };
    format!("image/upload/s--{}--/{text}", sign_delivery(&text, &secret, algorithm, 8))
}

async fn from_page(tenant: &Tenant, path: &str, page: &str) -> Answer {
    tenant.fetch_with(path, &[("referer", page)]).await
}

#[tokio::test]
async fn all_settings_are_shown_to_people_and_to_keys() {
    let (server, tenant) = start().await;
    let shown =
        server.set_environment(json!({"notification_url": "https://user:word@a.test/hook", "backup": true})).await;
    assert_eq!((&shown["notification_url"], &shown["backup"]), (&json!("https://user:word@a.test/hook"), &json!(true)));
    assert_eq!(shown["without_effect"], json!(["backup"]));
    let config = tenant.get("config?settings=true").await.ok();
    let mut to_keys = config["settings"].clone();
    assert_eq!(to_keys["notification_url"], "https://a.test/hook");
    to_keys["notification_url"] = shown["notification_url"].clone();
    assert_eq!(to_keys, shown);
    assert_eq!(tenant.get("config").await.ok()["settings"], Value::Null);
    // Null is what many clients write for what they do not speak of; an empty text unsets.
    let still = server.set_environment(json!({"notification_url": null})).await;
    assert_eq!(still, shown);
    let unset = server.set_environment(json!({"notification_url": "", "backup": false})).await;
    assert_eq!((&unset["notification_url"], &unset["backup"]), (&Value::Null, &json!(false)));
    let log = server.account().call(Method::GET, "audit_log?max_results=100", None).await.ok().to_string();
    assert!(log.contains("update_environment_settings") && log.contains("a.test/hook") && !log.contains("user:word"));
}

#[tokio::test]
async fn strict_transformations_leave_strangers_what_is_allowed_or_there() {
    let (server, tenant) = start().await;
    put(&tenant, "cat", "upload").await;
    tenant.fetch("image/upload/w_10/cat.jpg").await.delivered();
    server.set_environment(json!({"strict_transformations": "image", "strict_referral_domains": "good.example"})).await;
    // The original, and another address of it.
    tenant.fetch("image/upload/cat.jpg").await.delivered();
    tenant.fetch("image/upload/fl_attachment/cat").await.delivered();
    // What was made before; another order is another address.
    tenant.fetch("image/upload/w_10/cat.jpg").await.delivered();
    // Although it would be another picture today.
    server.set_environment(json!({"default_image_quality": "20"})).await;
    tenant.fetch("image/upload/w_10/cat.jpg").await.delivered();
    for path in ["image/upload/w_11/cat.jpg", "image/upload/cat.png", "image/upload/w_10/cat.png"] {
        let refused = tenant.fetch(path).await;
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("x-cld-error").contains("strict"), "{}", refused.header("x-cld-error"));
    }
    // Nor are pixels looked at for strangers: what they would tell decides nothing about who may ask.
    assert_eq!(tenant.fetch("image/upload/e_trim/cat.jpg").await.status, 401);
    assert_eq!(server.metric("safelight_measures_started_total", &[]).await, 0.0);
    // Nothing was made by asking.
    let detail = tenant.get("resources/image/upload/cat").await.ok();
    assert_eq!(detail["derived"].as_array().map(Vec::len), Some(1), "{detail}");

    // Allowed by name, as it is written, and with a signature.
    let allow = async |text: &str, allowed: bool| {
        let body = json!({"transformation": text, "allowed_for_strict": allowed});
        tenant.send(Method::PUT, "transformations", body).await.ok();
    };
    allow("h_5,w_12", true).await;
    tenant.fetch("image/upload/h_5,w_12/cat.jpg").await.delivered();
    assert_eq!(tenant.fetch("image/upload/w_12,h_5/cat.jpg").await.status, 401);
    allow("h_5,w_13", true).await;
    allow("h_5,w_13", false).await;
    assert_eq!(tenant.fetch("image/upload/h_5,w_13/cat.jpg").await.status, 401);
    assert_eq!(tenant.fetch("image/upload/t_small/cat.jpg").await.status, 400);
    tenant.send(Method::POST, "transformations", json!({"name": "small", "transformation": "w_14"})).await.ok();
    tenant.fetch("image/upload/t_small/cat.jpg").await.delivered();
    assert_eq!(tenant.fetch("image/upload/w_14/cat.jpg").await.status, 401);
    assert_eq!(tenant.fetch("image/upload/t_small/f_auto/cat.jpg").await.status, 401);
    allow("t_small/f_auto", true).await;
    tenant.fetch("image/upload/t_small/f_auto/cat.jpg").await.delivered();
    tenant.fetch(&signed(&tenant, "w_15", "cat.jpg", Algorithm::Sha1)).await.delivered();
    tenant.fetch("image/upload/w_15/cat.jpg").await.delivered();
    // Made ahead, it may be asked for.
    let explicit = tenant.signed("image/explicit").parameter("public_id", "cat").parameter("type", "upload");
    explicit.parameter("eager", "w_16|w_16/png").send().await.ok();
    tenant.fetch("image/upload/w_16/cat.jpg").await.delivered();
    tenant.fetch("image/upload/w_16/cat.png").await.delivered();

    // What follows a client's window is made for no window that nobody had.
    let auto = signed(&tenant, "c_limit,w_auto:1:30", "cat.jpg", Algorithm::Sha1);
    tenant.fetch_with(&auto, &[("sec-ch-width", "20")]).await.delivered();
    let open = "image/upload/c_limit,w_auto:1:30/cat.jpg";
    assert_eq!(tenant.fetch_with(open, &[("sec-ch-width", "20")]).await.status, 200);
    assert_eq!(tenant.fetch_with(open, &[("sec-ch-width", "21")]).await.status, 401);

    // A page of one's own; what it got is for nobody else to keep.
    let shown = from_page(&tenant, "image/upload/w_17/cat.jpg", "https://www.good.example/a?b").await;
    assert_eq!(shown.status, 200);
    assert!(shown.header("cache-control").starts_with("private"), "{}", shown.header("cache-control"));
    assert_eq!(from_page(&tenant, "image/upload/w_18/cat.jpg", "https://good.example.bad.test/").await.status, 401);
    // A private asset keeps its own rule, and strict transformations come on top.
    put(&tenant, "mine", "private").await;
    assert_eq!(tenant.fetch("image/private/w_9/mine.jpg").await.status, 401);
    server.set_environment(json!({"strict_transformations": []})).await;
    tenant.fetch("image/private/w_9/mine.jpg").await.delivered();
    tenant.fetch("image/upload/w_11/cat.jpg").await.delivered();
}

#[tokio::test]
async fn pages_and_formats_are_restricted() {
    let (server, tenant) = start().await;
    put(&tenant, "cat", "upload").await;
    for name in ["a.pdf", "b.ZIP", "c.txt"] {
        tenant.upload(b"%PDF-".to_vec()).action("raw/upload").public_id(name).send().await.ok();
    }
    let nameless = tenant.upload(b"%PDF-".to_vec()).action("raw/upload").file_name("d.pdf").public_id("d");
    nameless.send().await.ok();
    server.set_environment(json!({"restricted_types": ["pdf", "zip"]})).await;
    for (path, status) in [
        ("raw/upload/a.pdf", 401),
        ("raw/upload/b.ZIP", 401),
        ("raw/upload/c.txt", 200),
        ("raw/upload/fl_attachment:x.pdf/v1/c.txt", 401),
        ("raw/upload/fl_attachment:x.csv/v1/c.txt", 200),
        ("raw/upload/fl_attachment:x.pdf%20/v1/c.txt", 401),
        ("raw/upload/fl_attachment/v1/d", 401),
        ("raw/upload/d", 401),
        ("image/upload/cat.jpg", 200),
        ("image/upload/w_10/cat.jpg", 200),
    ] {
        let answer = tenant.fetch(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.header("x-cld-error"));
        assert_eq!(answer.header("x-cld-error").contains("deny or ACL failure"), status == 401, "{path}");
    }
    server.set_environment(json!({"restricted_types": [], "referral_domains": ["good.example"]})).await;
    tenant.fetch("raw/upload/a.pdf").await.delivered();
    let shown = tenant.fetch("image/upload/cat.jpg").await;
    assert!(shown.header("cache-control").starts_with("private"), "{}", shown.header("cache-control"));
    for (page, status) in [
        ("https://good.example", 200),
        ("http://WWW.Good.Example:8080/x", 200),
        ("https://bad.example/good.example", 401),
        ("https://good.example@bad.example/", 401),
        ("nonsense", 200),
    ] {
        assert_eq!(from_page(&tenant, "image/upload/cat.jpg", page).await.status, status, "{page}");
    }
    server.set_environment(json!({"refuse_empty_referrer": true})).await;
    assert_eq!(tenant.fetch("image/upload/cat.jpg").await.status, 401);
    assert_eq!(from_page(&tenant, "image/upload/cat.jpg", "nonsense").await.status, 401);
    assert_eq!(from_page(&tenant, "image/upload/cat.jpg", "https://good.example/").await.status, 200);
    // The server itself is no page.
    let mut fields = tenant.signed("image/upload").parameter("public_id", "copy").fields();
    fields.insert("file".into(), tenant.delivery_url("image/upload/cat.jpg"));
    Answer::to(tenant.http().post(tenant.api_url("image/upload")).json(&fields)).await.expect("an answer").ok();
}

#[tokio::test]
async fn uploads_have_the_limits_and_the_preset_of_their_environment() {
    let (server, tenant) = start().await;
    let photo = pictures::jpeg(&pictures::photo(64, 48, 1));
    server.set_environment(json!({"max_upload_bytes": photo.len() - 1})).await;
    let refused = tenant.upload(photo.clone()).public_id("cat").send().await;
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains(&format!("Maximum is {}", photo.len() - 1)), "{}", refused.message());
    assert_eq!(tenant.get("usage").await.ok()["media_limits"]["image_max_size_bytes"], json!(photo.len() - 1));
    server.set_environment(json!({"max_upload_bytes": "", "max_image_pixels": 64 * 48 - 1})).await;
    let refused = tenant.upload(photo.clone()).public_id("cat").send().await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    // More than the plan allows is what the plan allows.
    server.set_environment(json!({"max_upload_bytes": i64::MAX, "max_image_pixels": i64::MAX})).await;
    tenant.upload(photo.clone()).public_id("cat").send().await.ok();

    // The Admin API too, on all nodes together; its last call is the one that lifts the limit elsewhere.
    server.set_environment(json!({"max_admin_calls_per_hour": 2})).await;
    let calls = [tenant.get("ping").await, tenant.get("ping").await, tenant.get("ping").await];
    assert_eq!(calls.each_ref().map(|call| call.status), [200, 200, 420]);
    let left = calls.each_ref().map(|call| call.header("x-featureratelimit-remaining").to_owned());
    assert_eq!((left, calls[0].header("x-featureratelimit-limit")), (["1", "0", "0"].map(str::to_owned), "2"));
    assert!(calls[2].message().contains("Limit of 2 api operations"), "{}", calls[2].message());
    server.set_environment(json!({"max_admin_calls_per_hour": 0})).await;
    let free = tenant.get("ping").await;
    assert!(free.status == 200 && free.header("x-featureratelimit-remaining").len() > 3);

    for (name, tags) in [("pictures", "seen"), ("documents", "read"), ("other", "named")] {
        tenant.send(Method::POST, "upload_presets", json!({"name": name, "tags": tags})).await.ok();
    }
    server.set_environment(json!({"default_image_preset": "pictures", "default_raw_preset": "documents"})).await;
    let tags = async |action: &str, more: &[(&str, &str)]| {
        let mut upload = tenant.upload(photo.clone()).action(action);
        for (name, value) in more {
            upload = upload.parameter(name, value);
        }
        upload.send().await.ok()["tags"].clone()
    };
    assert_eq!(tags("image/upload", &[]).await, json!(["seen"]));
    assert_eq!(tags("auto/upload", &[]).await, json!(["seen"]));
    assert_eq!(tags("raw/upload", &[]).await, json!(["read"]));
    assert_eq!(tags("image/upload", &[("upload_preset", "other")]).await, json!(["named"]));
    assert_eq!(tags("image/upload", &[("tags", "own")]).await, json!(["own"]));
    // No other call has it, and an unsigned upload has to name its own.
    let explicit = tenant.signed("image/explicit").parameter("public_id", "cat").parameter("type", "upload");
    assert_eq!(explicit.send().await.ok()["tags"], json!([]));
    assert_eq!(tenant.upload(photo.clone()).anonymous().send().await.status, 400);
    tenant.admin(Method::DELETE, "upload_presets/pictures").await.ok();
    let refused = tenant.upload(photo.clone()).send().await;
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains("default_image_preset"), "{}", refused.message());
}

#[tokio::test]
async fn images_have_the_quality_of_their_environment() {
    let (server, tenant) = start().await;
    tenant.upload(pictures::jpeg(&pictures::photo(320, 240, 1))).public_id("photo").send().await.ok();
    let size = async |path: &str| tenant.fetch(&format!("image/upload/{path}/photo.jpg")).await.delivered().len();
    let (usual, asked) = (size("w_200").await, size("q_90,w_200").await);
    let derived = async || tenant.get("resources/image/upload/photo").await.ok()["derived"].as_array().map(Vec::len);
    assert_eq!(derived().await, Some(2));
    server.set_environment(json!({"default_image_quality": "20"})).await;
    let low = size("w_200").await;
    // What its address asked for before, no address asks for any more.
    assert_eq!(derived().await, Some(2));
    let named = size("q_20,w_200").await;
    assert!(low < usual && low == named, "{low} {named} {usual}");
    assert_eq!(size("q_90,w_200").await, asked);
    server.set_environment(json!({"default_image_quality": "auto:best"})).await;
    let answer = tenant.fetch("image/upload/w_200/photo.jpg").await;
    assert_eq!(answer.header("vary"), "");
    assert!(answer.delivered().len() > low);
    // What was superseded is made again, for explicit as well.
    let eager = async |expected: usize| {
        let explicit = tenant.signed("image/explicit").parameter("public_id", "photo").parameter("type", "upload");
        let made = explicit.parameter("eager", "w_200").send().await.ok();
        assert_eq!(made["eager"][0]["bytes"], json!(expected), "{made}");
    };
    server.set_environment(json!({"default_image_quality": "20"})).await;
    eager(low).await;
    server.set_environment(json!({"default_image_quality": ""})).await;
    eager(usual).await;
    // What is made ahead is what is asked for afterwards.
    server.set_environment(json!({"default_image_quality": 30})).await;
    let ahead = tenant.upload(pictures::jpeg(&pictures::photo(320, 240, 2))).public_id("ahead");
    let ahead = ahead.parameter("eager", "w_150").send().await.ok();
    let derived = tenant.settled_usage().await.derived_resources;
    let delivered = tenant.fetch("image/upload/w_150/ahead.jpg").await.delivered();
    assert_eq!(json!(delivered.len()), ahead["eager"][0]["bytes"]);
    assert_eq!(tenant.settled_usage().await.derived_resources, derived);
}

/// A deletion that is signed by a digest.
async fn destroy(tenant: &Tenant, algorithm: Algorithm) -> Answer {
    let mut fields: BTreeMap<String, String> = tenant.signed("image/destroy").parameter("public_id", "no").fields();
    fields.remove("signature");
    let signed = fields.iter().filter(|(name, _)| *name != "api_key");
    let signed: BTreeMap<String, String> = signed.map(|(name, value)| (name.clone(), value.clone())).collect();
    let signature = sign_request(&signed, &Secret::new(tenant.secret.clone()), algorithm, Escaping::Ampersand);
    fields.insert("signature".into(), signature);
    Answer::to(tenant.http().post(tenant.api_url("image/destroy")).json(&fields)).await.expect("the server answers")
}

#[tokio::test]
async fn one_digest_signs_where_one_is_set() {
    let (server, tenant) = start().await;
    put(&tenant, "cat", "upload").await;
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
        assert_eq!(destroy(&tenant, algorithm).await.status, 200);
        tenant.fetch(&signed(&tenant, "w_10", "cat.jpg", algorithm)).await.delivered();
    }
    server.set_environment(json!({"api_signature_algorithm": "sha256", "url_signature_algorithm": "sha256"})).await;
    let refused = destroy(&tenant, Algorithm::Sha1).await;
    assert_eq!(refused.status, 401);
    assert!(refused.message().contains("sha256 only"), "{}", refused.message());
    assert_eq!(destroy(&tenant, Algorithm::Sha256).await.status, 200);
    assert_eq!(tenant.fetch(&signed(&tenant, "w_10", "cat.jpg", Algorithm::Sha1)).await.status, 401);
    tenant.fetch(&signed(&tenant, "w_10", "cat.jpg", Algorithm::Sha256)).await.delivered();
    // What the server signs is signed by the same: addresses, results, notifications.
    server.set_environment(json!({"api_signature_algorithm": ""})).await;
    put(&tenant, "mine", "authenticated").await;
    let detail = tenant.get("resources/image/authenticated/mine").await.ok();
    let url = detail["url"].as_str().expect("an address");
    assert_eq!(Answer::to(tenant.http().get(url)).await.expect("an answer").status, 200);
    let secret = Secret::new(tenant.secret.clone());
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
        server.set_environment(json!({"api_signature_algorithm": algorithm.name()})).await;
        tenant.send(Method::POST, "upload_presets", json!({"name": algorithm.name(), "unsigned": true})).await.ok();
        let upload = tenant.upload(pictures::small_jpeg(2)).unsigned(algorithm.name());
        let stored = upload.send().await.ok();
        let (id, version) =
            (stored["public_id"].as_str().expect("an id"), stored["version"].as_i64().expect("a version"));
        assert_eq!(stored["signature"], sign_result(id, version, &secret, algorithm));
    }
}

#[tokio::test]
async fn what_happens_is_told_to_whom_the_environment_names() {
    let (server, tenant) = start().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let url = receiver.url("/hook");
    server.set_environment(json!({"notification_url": url, "api_signature_algorithm": "sha1"})).await;
    // The same address as a trigger is told once.
    tenant.send(Method::POST, "triggers", json!({"event_type": "all", "uri": url})).await.ok();
    put(&tenant, "cat", "upload").await;
    let told = eventually("the upload is told", LIMIT, async || receiver.received("/hook").into_iter().next()).await;
    let secret = Secret::new(tenant.secret.clone());
    let timestamp: i64 = told.header("x-cld-timestamp").parse().expect("seconds");
    assert_eq!(told.header("x-cld-signature"), sign_notification(&told.body, timestamp, &secret, Algorithm::Sha1));
    // A call that names somebody else is told there alone.
    let upload = tenant.upload(pictures::small_jpeg(2)).public_id("dog");
    upload.parameter("notification_url", &other.url("/hook")).send().await.ok();
    eventually("the other one is told", LIMIT, async || other.received("/hook").into_iter().next()).await;
    let log = tenant.notifications("deliveries").await;
    let told = log["notifications"].as_array().expect("a list").iter().filter(|one| one["uri"] == json!(url)).count();
    assert_eq!((told, receiver.received("/hook").len()), (1, 1), "{log}");
    server.set_environment(json!({"notification_url": ""})).await;
}

#[tokio::test]
async fn folders_become_independent_and_stay_that() {
    let (server, _) = start().await;
    let account = server.account();
    let make = async |mode: &str| {
        account.call(Method::POST, "sub_accounts", Some(json!({"name": mode, "folder_mode": mode}))).await
    };
    let refused = make("loose").await;
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains("folder_mode"), "{}", refused.message());
    let made = make("fixed").await.ok();
    let key = &made["api_access_keys"][0];
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let ready = &server.ready;
    let delivery = ready.delivery_url.replace(&ready.cloud_name, &text(&made["cloud_name"]));
    let tenant =
        Tenant::new(&ready.api_url, &delivery, &text(&made["cloud_name"]), &text(&key["key"]), &text(&key["secret"]));
    put(&tenant, "a/b", "upload").await;
    let mode = async || tenant.get("config?settings=true").await.ok()["settings"]["folder_mode"].clone();
    assert_eq!(mode().await, "fixed");
    assert_eq!(tenant.get("resources/image/upload/a%2Fb").await.ok()["asset_folder"], "a");
    let settings = format!("sub_accounts/{}/settings", text(&made["id"]));
    let freed = account.call(Method::PUT, &settings, Some(json!({"folder_mode": "dynamic"}))).await.ok();
    assert_eq!(freed["folder_mode"], "dynamic");
    assert_eq!(mode().await, "dynamic");
    let detail = tenant.get("resources/image/upload/a%2Fb").await.ok();
    assert_eq!((&detail["asset_folder"], &detail["public_id"]), (&json!("a"), &json!("a/b")));
    let back = account.call(Method::PUT, &settings, Some(json!({"folder_mode": "fixed"}))).await;
    assert_eq!(back.status, 400, "{}", back.text());
}

#[tokio::test]
async fn an_operator_widens_what_settings_can_only_narrow() {
    let installation = [("SAFELIGHT_CONTROL__LIMITS__UPLOAD_BYTES", "2000")];
    let mut server = Dev::start_with(&["--seed", "none"], &installation).await;
    let (tenant, ready) = (server.tenant(), server.ready.clone());
    let picture = pictures::small_jpeg(1);
    let size = picture.len().to_string();
    let refused = tenant.upload(picture.clone()).public_id("a").send().await;
    assert!(refused.status == 400 && refused.message().contains("Maximum is 2000"), "{}", refused.message());
    // A setting does not widen it.
    server.set_environment(json!({"max_upload_bytes": 10_000_000})).await;
    assert_eq!(tenant.upload(picture.clone()).public_id("a").send().await.status, 400);
    let _ = server.process().stop().await;
    let folder = server.folder().to_owned();
    let data = ready.data_dir.to_str().expect("a path").to_owned();
    let of = |more: &[&str]| {
        let account =
            ["environment", "limits", "--data", &data, "--account", &ready.account_id, "--cloud", &ready.cloud_name];
        server::run(&folder, &[&account, more].concat(), &[])
    };
    assert!(of(&[]).stdout.contains("upload_bytes = 2000"), "{}", of(&[]).stdout);
    let done = of(&["--set", &format!("upload_bytes={size}"), "--json"]);
    assert!(done.stdout.contains(&format!("\"upload_bytes\":{size}")), "{} {}", done.stdout, done.stderr);
    for (set, part) in
        [("upload_bytes=0", "upload_bytes"), ("uploads=1", "no limit uploads"), ("upload_bytes=x", "x is no whole")]
    {
        let refused = of(&["--set", set]);
        assert!(!refused.status.success() && refused.stderr.contains(part), "{set}: {}", refused.stderr);
    }
    server.restart().await;
    let tenant = server.tenant();
    eventually("a picture that is taken", LIMIT, async || {
        let taken = tenant.upload(picture.clone()).public_id("a").send().await;
        (taken.status == 200).then_some(())
    })
    .await;
}
