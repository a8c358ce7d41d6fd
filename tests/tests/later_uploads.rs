//! Uploads that are answered before they are carried out, pictures that are changed before they are stored, and answers for frames.

use std::time::Duration;

use safelight_tests::{
    harness::{
        client::{Tenant, Upload},
        eventually, pictures,
        receiver::Receiver,
        remote::RemoteFiles,
    },
    on_both_databases,
};
use serde_json::{Value, json};

/// How long something that nobody waits for may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Settings under which this machine is reached.
const SETTINGS: [(&str, &str); 2] =
    [("SAFELIGHT_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8"), ("SAFELIGHT_OUTBOUND__PORTS", "")];

on_both_databases!(
    with &SETTINGS;
    a_file_is_taken_at_once_and_told_when_it_is_there,
    what_fails_later_is_told_too,
    what_could_never_be_is_refused_at_once,
    an_address_is_asked_later,
    who_waits_for_a_name_that_is_kept_hears_of_it,
    chunks_may_be_put_together_later,
    a_picture_is_changed_before_it_is_stored,
    a_form_in_a_frame_is_sent_on,
);

/// An asset, as soon as it is there.
async fn stored(tenant: &Tenant, path: &str) -> Value {
    eventually(&format!("{path} is there"), LIMIT, async || {
        let answer = tenant.get(&format!("resources/{path}")).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await
}

async fn no_jobs(tenant: &Tenant) {
    eventually("the jobs are done", LIMIT, async || (tenant.get("jobs").await.ok()["jobs"] == json!([])).then_some(()))
        .await;
}

async fn a_file_is_taken_at_once_and_told_when_it_is_there(tenant: Tenant) {
    let receiver = Receiver::start().await;
    let before = tenant.settled_usage().await;
    let upload = tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 1))).public_id("cats/tom");
    let upload = upload.parameter("async", "1").parameter("tags", "a").parameter("asset_folder", "here");
    let upload = upload.parameter("eager", "w_30").parameter("notification_url", &receiver.url("/told"));
    let answer = upload.send().await;
    let pending = answer.ok();
    let batch = pending["batch_id"].clone();
    assert_eq!(
        pending,
        json!({"status": "pending", "resource_type": "image", "type": "upload", "public_id": "cats/tom", "batch_id": batch})
    );
    let told = receiver.wait_for("/told", 1).await.remove(0).json();
    assert_eq!((&told["notification_type"], &told["batch_id"]), (&json!("upload"), &batch));
    assert_eq!(told["request_id"], answer.header("x-request-id"));
    assert_eq!((&told["public_id"], &told["api_key"]), (&json!("cats/tom"), &json!(tenant.key)));
    assert_eq!(told["eager"][0]["height"], json!(20));
    let asset = stored(&tenant, "image/upload/cats/tom").await;
    assert_eq!((&asset["tags"], &asset["asset_folder"], &asset["width"]), (&json!(["a"]), &json!("here"), &json!(300)));
    no_jobs(&tenant).await;
    let after = tenant.settled_usage().await;
    assert_eq!((after.transformations - before.transformations, after.resources - before.resources), (2, 1));
    assert_eq!(receiver.received("/told").len(), 1);

    // A name that is made up is the one that was answered, and who asks for nothing else hears of it by its batch.
    let upload = tenant.upload(b"text".to_vec()).action("auto/upload").file_name("note.txt").parameter("async", "true");
    let pending = upload.parameter("notification_url", "poll://*").parameter("batch_id", "mine").send().await.ok();
    assert_eq!((&pending["resource_type"], &pending["batch_id"]), (&json!("raw"), &json!("mine")));
    let id = pending["public_id"].as_str().expect("a name");
    assert!(id.ends_with(".txt"), "{id}");
    stored(&tenant, &format!("raw/upload/{id}")).await;
    let told = tenant.notifications("messages?batch_id=mine").await;
    assert!(told.to_string().contains(id), "{told}");
}

async fn what_fails_later_is_told_too(tenant: Tenant) {
    let receiver = Receiver::start().await;
    let before = tenant.settled_usage().await.counts();
    let mut broken = pictures::small_jpeg(1);
    broken.truncate(300);
    let upload = tenant.upload(broken).public_id("broken").parameter("async", "1");
    let pending = upload.parameter("notification_url", &receiver.url("/told")).send().await.ok();
    let told = receiver.wait_for("/told", 1).await.remove(0).json();
    assert_eq!((&told["notification_type"], &told["public_id"]), (&json!("error"), &json!("broken")));
    assert_eq!(told["batch_id"], pending["batch_id"]);
    let message = told["error"]["message"].as_str().expect("a text");
    assert!(message.starts_with("Invalid image file"), "{message}");
    no_jobs(&tenant).await;
    assert_eq!(tenant.get("resources/image/upload/broken").await.status, 404);
    let upload = tenant.upload(pictures::small_jpeg(1)).public_id("broken").parameter("async", "1");
    let upload = upload.parameter("eager", "c_scale,h_70000,w_70000");
    upload.parameter("notification_url", &receiver.url("/eager")).send().await.ok();
    let told = receiver.wait_for("/eager", 1).await.remove(0).json();
    assert_eq!(told["notification_type"], "error", "{told}");
    assert_eq!(tenant.get("resources/image/upload/broken").await.status, 404);
    assert_eq!(tenant.settled_usage().await.counts(), before);
}

async fn what_could_never_be_is_refused_at_once(tenant: Tenant) {
    let later = || tenant.upload(pictures::small_jpeg(1)).parameter("async", "1");
    for (upload, part) in [
        (later().public_id("a?b"), "public_id"),
        (later().parameter("eager", "w_many"), "width"),
        (later().parameter("ocr", "adv_ocr"), "ocr"),
        (later().parameter("transformation", "f_auto"), "f_auto"),
        (later().action("video/upload").parameter("eager", "w_10"), "video"),
        (tenant.upload(Vec::new()).parameter("async", "1"), "Empty"),
        (tenant.upload(pictures::small_jpeg(1)).parameter("async", "perhaps"), "async"),
    ] {
        let refused = upload.send().await;
        assert!(refused.status == 400 && refused.message().contains(part), "{part}: {}", refused.text());
    }
    assert_eq!(tenant.get("jobs").await.ok()["jobs"], json!([]));
}

async fn an_address_is_asked_later(tenant: Tenant) {
    let (remote, receiver) = (RemoteFiles::start().await, Receiver::start().await);
    remote.file("/photo.jpg", pictures::jpeg(&pictures::photo(300, 200, 1)), None);
    let later = |path: &str| {
        let upload = tenant.signed("auto/upload").parameter("file", &remote.url(path)).parameter("async", "1");
        upload.parameter("notification_url", &receiver.url("/told"))
    };
    let upload = later("/photo.jpg").parameter("use_filename", "1").parameter("unique_filename", "0");
    let pending = upload.send().await.ok();
    assert_eq!((&pending["public_id"], &pending["resource_type"]), (&json!("photo"), &json!("auto")));
    assert_eq!(stored(&tenant, "image/upload/photo").await["width"], json!(300));
    receiver.wait_for("/told", 1).await;
    assert_eq!(remote.answers("/photo.jpg"), [200]);
    let secret = remote.url("/none.jpg?token=secret").replace("http://", "http://me:word@");
    let upload = tenant.signed("auto/upload").parameter("file", &secret).parameter("async", "1").public_id("none");
    upload.parameter("notification_url", &receiver.url("/told")).send().await.ok();
    let told = receiver.wait_for("/told", 2).await.remove(1).json();
    assert!(!told.to_string().contains("secret") && !told.to_string().contains("word"), "{told}");
    assert_eq!((&told["notification_type"], &told["public_id"]), (&json!("error"), &json!("none")));
    assert!(told["error"]["message"].as_str().is_some_and(|text| text.contains("404")), "{told}");
    no_jobs(&tenant).await;
}

async fn who_waits_for_a_name_that_is_kept_hears_of_it(tenant: Tenant) {
    let receiver = Receiver::start().await;
    let kept = tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 1))).public_id("cat").send().await.ok();
    let upload = tenant.upload(pictures::small_jpeg(2)).public_id("cat").parameter("overwrite", "0");
    let upload = upload.parameter("async", "1").parameter("eager", "w_30");
    let pending = upload.parameter("notification_url", &receiver.url("/told")).send().await.ok();
    let told = receiver.wait_for("/told", 1).await.remove(0).json();
    assert_eq!((&told["notification_type"], &told["batch_id"]), (&json!("upload"), &pending["batch_id"]));
    assert_eq!((&told["existing"], &told["version_id"]), (&json!(true), &kept["version_id"]));
    assert_eq!(told["eager"][0]["height"], json!(20), "of what is there");
    no_jobs(&tenant).await;
    assert_eq!(receiver.received("/told").len(), 1);
}

async fn chunks_may_be_put_together_later(tenant: Tenant) {
    let receiver = Receiver::start().await;
    let photo = pictures::jpeg(&pictures::photo(300, 200, 1));
    let (first, last) = photo.split_at(photo.len() / 2);
    let send = async |bytes: &[u8], number: &str| {
        let upload = tenant.upload(bytes).public_id("cat").parameter("async", "1");
        let upload = upload.parameter("notification_url", &receiver.url("/told"));
        let upload = upload.header("X-Unique-Upload-Id", "u1").header("X-Upload-Part-Number", number);
        upload.header("X-Upload-Total-Parts", "2").send().await.ok()
    };
    assert_eq!(send(first, "1").await["done"], json!(false));
    let pending = send(last, "2").await;
    assert_eq!((&pending["status"], &pending["public_id"]), (&json!("pending"), &json!("cat")));
    let told = receiver.wait_for("/told", 1).await.remove(0).json();
    assert_eq!(
        (&told["batch_id"], &told["etag"]),
        (&pending["batch_id"], &stored(&tenant, "image/upload/cat").await["etag"])
    );
    let again = send(last, "2").await;
    assert_eq!((&again["done"], &again["version_id"]), (&json!(true), &told["version_id"]));
    no_jobs(&tenant).await;
    assert_eq!(receiver.received("/told").len(), 1);
}

async fn a_picture_is_changed_before_it_is_stored(tenant: Tenant) {
    let before = tenant.settled_usage().await;
    let photo = || tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 1)));
    let limited = photo().public_id("limited").parameter("transformation", "c_limit,h_100,w_100");
    let limited = limited.parameter("eager", "w_60").send().await.ok();
    let facts = |stored: &Value| json!([stored["width"], stored["height"], stored["format"]]);
    assert_eq!(facts(&limited), json!([100, 67, "jpg"]));
    assert_eq!((&limited["eager"][0]["width"], &limited["eager"][0]["height"]), (&json!(60), &json!(40)));
    let got = tenant.fetch("image/upload/limited").await.delivered();
    let picture = pictures::decode(&got);
    assert_eq!(
        (picture.width(), picture.height(), got.len() as u64),
        (100, 67, limited["bytes"].as_u64().expect("a size"))
    );
    // One for each upload and one for the eager transformation: the incoming one is part of the upload.
    let after = tenant.settled_usage().await;
    assert_eq!(after.transformations - before.transformations, 2);

    let converted = photo().parameter("format", "png").parameter("allowed_formats", "png").send().await.ok();
    assert_eq!(facts(&converted), json!([300, 200, "png"]));
    let both = photo().parameter("transformation", "w_30/a_90").parameter("format", "webp").send().await.ok();
    assert_eq!(facts(&both), json!([20, 30, "webp"]));
    let gif = tenant.upload(pictures::animated_gif(60, 40, 5)).parameter("transformation", "w_30").send().await.ok();
    assert_eq!((facts(&gif), &gif["pages"]), (json!([30, 20, "gif"]), &json!(5)));
    for (upload, part) in [
        (photo().parameter("allowed_formats", "png"), "jpg not allowed"),
        (photo().parameter("transformation", "w_100").parameter("allowed_formats", "png"), "jpg not allowed"),
        (photo().parameter("format", "jpg").parameter("allowed_formats", "png"), "jpg not allowed"),
        (photo().parameter("transformation", "f_png").parameter("allowed_formats", "jpg"), "png not allowed"),
        (photo().parameter("transformation", "w_100,f_auto"), "f_auto"),
        (photo().parameter("transformation", "w_many"), "width"),
        (photo().parameter("transformation", "c_scale,h_70000,w_70000"), "70000"),
        (photo().parameter("format", "mp4"), "format"),
        (photo().action("raw/upload").parameter("format", "png"), "raw"),
    ] {
        let refused: Upload<'_> = upload.public_id("refused");
        let refused = refused.send().await;
        assert!(refused.status == 400 && refused.message().contains(part), "{part}: {}", refused.text());
    }
    assert_eq!(tenant.get("resources/image/upload/refused").await.status, 404);
}

async fn a_form_in_a_frame_is_sent_on(tenant: Tenant) {
    let form = || tenant.upload(pictures::small_jpeg(1)).public_id("cat").parameter("tags", "b,a");
    let page = "https://app.test/done.html?x=1";
    let sent_on = form().parameter("callback", page).send().await;
    assert_eq!((sent_on.status, sent_on.header("content-type")), (302, "text/html; charset=utf-8"));
    let to = sent_on.header("location");
    assert!(
        to.starts_with(page) && to.contains("&public_id=cat&") && to.contains("&tags%5B%5D=a&tags%5B%5D=b"),
        "{to}"
    );
    assert!(sent_on.text().contains("You are being <a href="), "{}", sent_on.text());
    let by_script = form().parameter("callback", page).header("X-Requested-With", "XMLHttpRequest").send().await;
    assert_eq!(by_script.ok()["public_id"], "cat");
    for callback in ["javascript:alert(1)", "done.html", "//app.test/x"] {
        let refused = form().parameter("callback", callback).send().await;
        assert!(refused.status == 400 && refused.message().contains("callback"), "{}", refused.text());
    }
}
