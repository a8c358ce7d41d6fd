//! Eager transformations: made with an upload or after it, delivered afterwards for nothing, and counted once.

use reqwest::Method;
use safelight_tests::{
    harness::{
        client::{Answer, Tenant, Usage},
        pictures,
        receiver::Receiver,
    },
    on_both_databases,
};
use serde_json::{Value, json};

/// Settings under which a receiver on this machine is reached.
const SETTINGS: [(&str, &str); 2] =
    [("SAFELIGHT_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8"), ("SAFELIGHT_OUTBOUND__PORTS", "")];

on_both_databases!(
    with &SETTINGS;
    what_an_upload_wants_is_there_with_it,
    what_cannot_be_made_leaves_nothing_behind,
    what_is_put_off_is_made_and_told,
    who_is_named_hears_of_what_was_made_at_once,
    what_goes_before_it_is_made_is_told,
    an_asset_that_is_there_gets_what_explicit_wants,
    what_is_kept_gets_its_own_renditions,
    a_preset_says_what_is_wanted,
    a_chunked_upload_is_answered_with_what_it_wants,
    what_cannot_be_wanted_is_named,
);

/// What came, weighted: one for an upload, one for each derived asset.
async fn counted(tenant: &Tenant) -> (i64, i64, i64) {
    let Usage { transformations, resources, derived_resources, .. } = tenant.settled_usage().await;
    (transformations, resources, derived_resources)
}

/// The derived assets of an asset, each as transformation and format, sorted.
async fn derived(tenant: &Tenant, path: &str) -> Vec<(String, String)> {
    let detail = tenant.get(&format!("resources/image/{path}")).await.ok();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let all = detail["derived"].as_array().expect("a list").iter();
    let mut all: Vec<_> = all.map(|one| (text(&one["transformation"]), text(&one["format"]))).collect();
    all.sort();
    all
}

async fn fetch_url(tenant: &Tenant, url: &Value) -> Answer {
    let url = url.as_str().expect("an address");
    Answer::to(tenant.http().get(url)).await.expect("the server answers")
}

async fn what_an_upload_wants_is_there_with_it(tenant: Tenant) {
    let before = counted(&tenant).await;
    let photo = pictures::jpeg(&pictures::photo(640, 480, 1));
    let upload = tenant.upload(photo).public_id("cats/tom").parameter("type", "authenticated");
    // The last two are one rendition: its order is another, and its extension that of the asset.
    let wanted = "c_fill,h_100,w_200|w_50/e_grayscale/png|c_fit,w_80|w_80,c_fit/jpg";
    let stored = upload.parameter("eager", wanted).send().await.ok();
    let eager = stored["eager"].as_array().expect("a list").clone();
    let facts: Vec<_> =
        eager.iter().map(|one| (&one["transformation"], &one["width"], &one["height"], &one["format"])).collect();
    assert_eq!(
        json!(facts),
        json!([
            ["c_fill,h_100,w_200", 200, 100, "jpg"],
            ["w_50/e_grayscale", 50, 38, "png"],
            ["c_fit,w_80", 80, 60, "jpg"],
            ["w_80,c_fit", 80, 60, "jpg"],
        ])
    );
    assert_eq!(stored["batch_id"], Value::Null);
    let after = counted(&tenant).await;
    assert_eq!((after.0 - before.0, after.1 - before.1, after.2 - before.2), (4, 1, 3));
    let listed = derived(&tenant, "authenticated/cats/tom").await;
    assert_eq!(listed.len(), 4, "{listed:?}");
    for one in &eager {
        let got = fetch_url(&tenant, &one["url"]).await;
        assert_eq!((got.status, got.body.len()), (200, one["bytes"].as_u64().expect("a size") as usize), "{one}");
        let picture = pictures::decode(&got.body);
        assert_eq!(json!([picture.width(), picture.height()]), json!([one["width"], one["height"]]));
        assert_eq!(pictures::format(&got.body), one["format"]);
    }
    // Nothing is counted for what was there, and nothing more is spelled.
    assert_eq!(counted(&tenant).await, after);
    assert_eq!(derived(&tenant, "authenticated/cats/tom").await, listed);
}

async fn what_cannot_be_made_leaves_nothing_behind(tenant: Tenant) {
    let before = counted(&tenant).await;
    for (wanted, part) in [
        ("w_100|w_many", "many"),
        ("w_100|l_text:Arial_20:Hello", "l_text"),
        ("w_100|w_100/mp4", "mp4"),
        ("w_100|c_scale,w_70000,h_70000", "70000"),
    ] {
        for later in ["0", "1"] {
            let upload = tenant.upload(pictures::small_jpeg(1)).public_id("cat").parameter("eager_async", later);
            let refused = upload.parameter("eager", wanted).send().await;
            assert_eq!(refused.status, 400, "{wanted}: {}", refused.text());
            assert!(refused.message().contains(part), "{wanted}: {}", refused.message());
            assert_eq!(tenant.get("resources/image/upload/cat").await.status, 404);
        }
    }
    assert_eq!(counted(&tenant).await, before);
    assert_eq!(tenant.get("jobs").await.ok()["jobs"], json!([]));
}

async fn what_is_put_off_is_made_and_told(tenant: Tenant) {
    let receiver = Receiver::start().await;
    let before = counted(&tenant).await;
    let upload = tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 1))).public_id("cat");
    let upload = upload.parameter("eager", "c_fill,h_50,w_50|w_100/webp").parameter("eager_async", "true");
    let upload = upload.parameter("notification_url", &receiver.url("/upload"));
    let answer = upload.parameter("eager_notification_url", &receiver.url("/eager")).send().await;
    let stored = answer.ok();
    let batch = stored["batch_id"].as_str().expect("a batch");
    for one in stored["eager"].as_array().expect("a list") {
        assert_eq!((&one["status"], &one["batch_id"]), (&json!("processing"), &json!(batch)));
        assert_eq!(one["width"], Value::Null);
    }
    let told = receiver.wait_for("/upload", 1).await.remove(0).json();
    assert_eq!((&told["notification_type"], &told["eager"]), (&json!("upload"), &stored["eager"]));
    let told = receiver.wait_for("/eager", 1).await.remove(0).json();
    assert_eq!((&told["notification_type"], &told["batch_id"]), (&json!("eager"), &json!(batch)));
    assert_eq!((&told["public_id"], &told["request_id"]), (&json!("cat"), &json!(answer.header("x-request-id"))));
    let facts: Vec<_> = told["eager"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| json!([one["width"], one["height"], one["format"]]))
        .collect();
    assert_eq!(json!(facts), json!([[50, 50, "jpg"], [100, 67, "webp"]]));
    for (one, promised) in
        told["eager"].as_array().expect("a list").iter().zip(stored["eager"].as_array().expect("a list"))
    {
        assert_eq!(one["url"], promised["url"]);
        assert_eq!(fetch_url(&tenant, &one["url"]).await.status, 200);
    }
    let after = counted(&tenant).await;
    assert_eq!((after.0 - before.0, after.1 - before.1, after.2 - before.2), (3, 1, 2));
    assert_eq!((receiver.received("/upload").len(), receiver.received("/eager").len()), (1, 1));

    // A trigger hears of it where the call names nobody, and its own batch is the caller's.
    let trigger = json!({"uri": receiver.url("/trigger"), "event_type": "eager"});
    tenant.send(Method::POST, "triggers", trigger).await.ok();
    let explicit = tenant.signed("image/explicit").parameter("public_id", "cat").parameter("type", "upload");
    let explicit = explicit.parameter("eager", "w_100/webp|w_10").parameter("eager_async", "1");
    let answer = explicit.parameter("batch_id", "mine").send().await.ok();
    assert_eq!((&answer["batch_id"], &answer["eager"][1]["status"]), (&json!("mine"), &json!("processing")));
    let told = receiver.wait_for("/trigger", 1).await.remove(0).json();
    assert_eq!((&told["batch_id"], &told["eager"][1]["width"]), (&json!("mine"), &json!(10)));
    assert_eq!(counted(&tenant).await.2 - after.2, 1, "one of the two was there");
}

async fn who_is_named_hears_of_what_was_made_at_once(tenant: Tenant) {
    let receiver = Receiver::start().await;
    let url = receiver.url("/eager");
    let upload = tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 1))).public_id("cat");
    let stored = upload.parameter("eager", "w_30").parameter("eager_notification_url", &url).send().await.ok();
    let told = receiver.wait_for("/eager", 1).await.remove(0).json();
    assert_eq!((&told["notification_type"], &told["eager"]), (&json!("eager"), &stored["eager"]));
    let explicit = tenant.signed("image/explicit").public_id("cat").parameter("type", "upload");
    let changed = explicit.parameter("eager", "w_60").parameter("eager_notification_url", &url).send().await.ok();
    let told = receiver.wait_for("/eager", 2).await.remove(1).json();
    assert_eq!((&told["public_id"], &told["eager"]), (&json!("cat"), &changed["eager"]));
    let explicit =
        tenant.signed("image/explicit").public_id("cat").parameter("type", "upload").parameter("eager", "w_60");
    explicit.parameter("notification_url", &receiver.url("/call")).send().await.ok();
    assert_eq!(receiver.wait_for("/call", 1).await[0].json()["eager"], changed["eager"]);
}

async fn what_goes_before_it_is_made_is_told(tenant: Tenant) {
    let receiver = Receiver::start().await;
    // The environment's only places are taken by what takes long, so the rest waits.
    let large = pictures::jpeg(&pictures::photo(3000, 2000, 1));
    for number in 0..4 {
        let upload = tenant.upload(large.clone()).public_id(&format!("large{number}")).parameter("eager_async", "1");
        upload.parameter("eager", "e_blur:2000/f_png|e_blur:1900/f_png").send().await.ok();
    }
    let upload = tenant.upload(pictures::small_jpeg(1)).public_id("cat").parameter("eager_async", "1");
    let upload = upload.parameter("eager", "w_30").parameter("eager_notification_url", &receiver.url("/eager"));
    let batch = upload.send().await.ok()["batch_id"].clone();
    tenant.destroy("cat").await.ok();
    let told = receiver.wait_for("/eager", 1).await.remove(0).json();
    assert_eq!(told["batch_id"], batch);
    // Whether it was quicker than the end of the asset is open; that its end is told is not.
    match told["notification_type"].as_str() {
        Some("error") => assert_eq!(told["public_id"], "cat"),
        other => assert_eq!(other, Some("eager")),
    }
}

async fn an_asset_that_is_there_gets_what_explicit_wants(tenant: Tenant) {
    let explicit = |eager: &str| {
        let call = tenant.signed("image/explicit").parameter("public_id", "cat").parameter("type", "upload");
        call.parameter("tags", "seen").parameter("eager", eager)
    };
    let missing = explicit("w_100").send().await;
    assert_eq!((missing.status, missing.message()), (404, "Resource not found - cat".to_owned()));
    tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 1))).public_id("cat").send().await.ok();
    let before = counted(&tenant).await;
    let refused = explicit("w_100|c_scale,h_70000,w_70000").send().await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(derived(&tenant, "upload/cat").await, []);
    assert_eq!(tenant.get("resources/image/upload/cat").await.ok()["tags"], Value::Null, "nothing was changed");
    let changed = explicit("w_100|w_30/png").send().await.ok();
    assert_eq!((&changed["tags"], &changed["eager"][0]["width"]), (&json!(["seen"]), &json!(100)));
    assert_eq!((&changed["eager"][1]["format"], &changed["eager"][1]["height"]), (&json!("png"), &json!(20)));
    let after = counted(&tenant).await;
    assert_eq!((after.0 - before.0, after.2 - before.2), (2, 2));
    let again = explicit("w_100|w_30/png").send().await.ok();
    assert_eq!(again["eager"], changed["eager"]);
    assert_eq!(counted(&tenant).await, after);
    let listed = derived(&tenant, "upload/cat").await;
    assert_eq!(json!(listed), json!([["w_100", "jpg"], ["w_30", "png"]]));
}

async fn what_is_kept_gets_its_own_renditions(tenant: Tenant) {
    tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 1))).public_id("cat").send().await.ok();
    let other = tenant.upload(pictures::jpeg(&pictures::photo(100, 400, 2))).public_id("cat");
    let kept = other.parameter("overwrite", "false").parameter("eager", "w_60").send().await.ok();
    assert_eq!((&kept["existing"], &kept["eager"][0]["height"]), (&json!(true), &json!(40)));
    // Replaced, it has those of the new file and no other.
    let other = tenant.upload(pictures::jpeg(&pictures::photo(100, 400, 2))).public_id("cat");
    let replaced = other.parameter("eager", "w_50").send().await.ok();
    assert_eq!(replaced["eager"][0]["height"], json!(200));
    assert_eq!(json!(derived(&tenant, "upload/cat").await), json!([["w_50", "jpg"]]));
    assert_eq!(tenant.settled_usage().await.derived_resources, 1);
}

async fn a_preset_says_what_is_wanted(tenant: Tenant) {
    let preset = json!({"name": "ready", "unsigned": true, "eager": "c_fill,h_20,w_20|w_40/PNG", "eager_async": "0"});
    tenant.send(Method::POST, "upload_presets", preset).await.ok();
    let shown = tenant.get("upload_presets/ready").await.ok();
    assert_eq!(shown["settings"]["eager"], "c_fill,h_20,w_20|w_40/png");
    let upload = tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 1))).unsigned("ready");
    let stored = upload.send().await.ok();
    assert_eq!((&stored["eager"][0]["width"], &stored["eager"][1]["format"]), (&json!(20), &json!("png")));
    let upload = tenant.upload(pictures::small_jpeg(1)).unsigned("ready").parameter("eager", "w_10");
    let refused = upload.send().await;
    assert_eq!(refused.status, 400);
    assert!(refused.message().starts_with("eager parameter is not allowed"), "{}", refused.message());
    let preset = json!({"name": "broken", "eager": "w_many"});
    let refused = tenant.send(Method::POST, "upload_presets", preset).await;
    assert!(refused.status == 400 && refused.message().contains("eager: Invalid width"), "{}", refused.text());
}

async fn a_chunked_upload_is_answered_with_what_it_wants(tenant: Tenant) {
    let photo = pictures::jpeg(&pictures::photo(300, 200, 1));
    let send = async |bytes: &[u8], number: &str| {
        let upload = tenant.upload(bytes).public_id("cat").parameter("eager", "w_30");
        let upload = upload.header("X-Unique-Upload-Id", "u1").header("X-Upload-Part-Number", number);
        upload.header("X-Upload-Total-Parts", "2").send().await.ok()
    };
    let (first, last) = photo.split_at(photo.len() / 2);
    send(first, "1").await;
    let stored = send(last, "2").await;
    assert_eq!((&stored["done"], &stored["eager"][0]["height"]), (&json!(true), &json!(20)));
    let counted = counted(&tenant).await;
    assert_eq!(send(last, "2").await["eager"], stored["eager"], "the last chunk once more");
    assert_eq!(json!(derived(&tenant, "upload/cat").await), json!([["w_30", "jpg"]]));
    assert_eq!(self::counted(&tenant).await, counted);
}

async fn what_cannot_be_wanted_is_named(tenant: Tenant) {
    let before = tenant.settled_usage().await.resources;
    let raw = tenant.upload(b"hello".to_vec()).action("raw/upload").parameter("eager", "w_10").send().await;
    assert_eq!((raw.status, raw.message().contains("raw")), (400, true), "{}", raw.text());
    let address = tenant
        .upload(pictures::small_jpeg(1))
        .parameter("eager", "w_10")
        .parameter("eager_notification_url", "ftp://a");
    let refused = address.send().await;
    assert_eq!(
        (refused.status, refused.message().contains("eager_notification_url")),
        (400, true),
        "{}",
        refused.text()
    );
    tenant.upload(pictures::small_jpeg(1)).public_id("there").send().await.ok();
    let update = json!({"eager": "w_10"});
    let refused = tenant.send(Method::POST, "resources/image/upload/there", update).await;
    assert!(refused.status == 400 && refused.message().contains("eager of an update"), "{}", refused.text());
    tenant.destroy("there").await.ok();
    let many = "w_10|".repeat(101);
    let refused = tenant.upload(pictures::small_jpeg(1)).parameter("eager", &many).send().await;
    assert_eq!((refused.status, refused.message().contains("101")), (400, true), "{}", refused.text());
    assert_eq!(tenant.settled_usage().await.resources, before);
}
