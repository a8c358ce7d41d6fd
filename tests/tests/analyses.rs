//! What pictures show and what their files say: colours, a hash of the looks, EXIF, IPTC and XMP.

use reqwest::Method;
use safelight_tests::harness::{
    client::Tenant,
    clips,
    pictures::{self, with_exif},
    server::Dev,
};
use serde_json::{Value, json};

async fn start() -> (Dev, Tenant) {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let tenant = server.tenant();
    (server, tenant)
}

fn bits(one: &Value, other: &Value) -> u32 {
    let read = |text: &Value| u64::from_str_radix(text.as_str().expect("a hash"), 16).expect("16 digits");
    (read(one) ^ read(other)).count_ones()
}

#[tokio::test]
async fn an_upload_tells_what_it_was_asked_for_and_a_detail_the_same() {
    let (server, tenant) = start().await;
    let told = |upload: &Value| -> Vec<String> {
        let names = [
            "colors",
            "predominant",
            "grayscale",
            "semi_transparent",
            "phash",
            "exif",
            "image_metadata",
            "media_metadata",
        ];
        names.into_iter().filter(|name| !upload[*name].is_null()).map(str::to_owned).collect()
    };
    let bytes = with_exif(&pictures::small_jpeg(1), "Safelight", "One");
    tenant.upload(bytes.clone()).public_id("late").send().await.ok();
    let plain = tenant.upload(bytes.clone()).public_id("plain").send().await.ok();
    assert_eq!(told(&plain), Vec::<String>::new(), "nobody asked");
    let asked = tenant.upload(bytes.clone()).public_id("asked").parameter("colors", "1").parameter("phash", "true");
    let asked = asked.parameter("exif", "1").parameter("image_metadata", "1").send().await.ok();
    assert_eq!(
        told(&asked),
        ["colors", "predominant", "grayscale", "semi_transparent", "phash", "exif", "image_metadata"]
    );
    let shares: f64 = asked["colors"].as_array().unwrap().iter().map(|one| one[1].as_f64().unwrap()).sum();
    assert!((90.0..101.0).contains(&shares), "{}", asked["colors"]);
    assert_eq!((&asked["exif"]["Make"], &asked["exif"]["Model"]), (&json!("Safelight"), &json!("One")));
    assert_eq!(
        (&asked["image_metadata"]["Make"], &asked["image_metadata"]["Colorspace"]),
        (&json!("Safelight"), &json!("RGB"))
    );

    // Of what nobody asked about when it came, a detail finds out, and finds the same.
    let flags = "colors=true&phash=true&exif=true&image_metadata=true";
    let [one, other] = ["plain", "asked"].map(|id| format!("resources/image/upload/{id}?{flags}"));
    let (plain, detail) = (tenant.get(&one).await.ok(), tenant.get(&other).await.ok());
    for name in told(&asked) {
        assert_eq!((&plain[&name], &detail[&name]), (&asked[&name], &asked[&name]), "{name}");
    }
    assert_eq!(told(&tenant.get("resources/image/upload/plain").await.ok()), Vec::<String>::new());
    // What is known is not looked for again: it is told even where the file is gone.
    let [there, gone] = ["objects/o", "objects/gone"].map(|name| server.ready.data_dir.join(name));
    std::fs::rename(&there, &gone).unwrap();
    assert_eq!(tenant.get(&one).await.ok()["phash"], asked["phash"]);
    let unknown = tenant.get("resources/image/upload/late?phash=true").await;
    assert_eq!(unknown.status, 503, "what nobody has looked at cannot be told then: {}", unknown.text());
    std::fs::rename(&gone, &there).unwrap();

    // The same looks in another file and size, and other looks.
    let again =
        tenant.upload(pictures::small_jpeg(1)).public_id("png").parameter("phash", "1").parameter("format", "png");
    assert!(bits(&again.send().await.ok()["phash"], &asked["phash"]) <= 2);
    let other = tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 9))).public_id("o").parameter("phash", "1");
    assert!(bits(&other.send().await.ok()["phash"], &asked["phash"]) > 2);
    // Another file under the name shows something else.
    tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 9))).public_id("asked").send().await.ok();
    let replaced = tenant.get("resources/image/upload/asked?phash=true&exif=true").await.ok();
    assert_ne!(replaced["phash"], asked["phash"]);
    assert_eq!(replaced["exif"], json!({}));
}

#[tokio::test]
async fn whatever_asks_and_whatever_is_asked_about() {
    let (_server, tenant) = start().await;
    let hook = json!({"uri": "poll://changes", "event_type": "upload"});
    tenant.send(Method::POST, "triggers", hook).await.ok();
    tenant.send(Method::POST, "upload_presets", json!({"name": "p", "phash": true, "unsigned": true})).await.ok();
    let preset = tenant.upload(pictures::small_jpeg(1)).unsigned("p").public_id("a").send().await.ok();
    let told = tenant.notifications("messages?channel=changes&wait_seconds=10").await;
    assert_eq!(told["messages"][0]["payload"]["phash"], preset["phash"]);
    assert!(preset["phash"].is_string());
    let explicit = tenant.signed("image/explicit").parameter("public_id", "a").parameter("type", "upload");
    assert!(explicit.parameter("colors", "1").send().await.ok()["colors"].is_array());
    // What was kept as it is shows itself, and not the file that came.
    let kept = tenant.upload(pictures::jpeg(&pictures::photo(300, 200, 9))).public_id("a").parameter("overwrite", "0");
    let kept = kept.parameter("phash", "1").send().await.ok();
    assert_eq!((&kept["existing"], &kept["phash"]), (&json!(true), &preset["phash"]));

    let raw =
        tenant.upload(b"text".to_vec()).action("raw/upload").public_id("t").parameter("colors", "1").send().await.ok();
    assert_eq!(raw["colors"], Value::Null);
    let clip = tenant.upload(clips::mp4()).action("video/upload").public_id("c").parameter("media_metadata", "1");
    let clip = clip.send().await.ok();
    let streams = &clip["media_metadata"];
    assert_eq!(
        (&streams["audio_codec"], &streams["codec"], &streams["channels"]),
        (&json!("aac"), &json!("h264"), &json!(1))
    );

    let refused = tenant.get("resources/image/upload/a?quality_analysis=true").await;
    assert!(refused.status == 400 && refused.message().contains("quality_analysis"), "{}", refused.message());
    let refused = tenant.upload(pictures::small_jpeg(2)).public_id("b").parameter("colors", "many").send().await;
    assert!(refused.status == 400 && refused.message().contains("colors"), "{}", refused.message());
    assert_eq!(tenant.get("resources/image/upload/b").await.status, 404);
    // A file that says nonsense of itself is a picture all the same.
    let mut nonsense = with_exif(&pictures::small_jpeg(3), "Safelight", "One");
    nonsense[12..40].fill(0xff);
    let stored = tenant.upload(nonsense).public_id("n").parameter("exif", "1").send().await.ok();
    assert_eq!(stored["exif"], json!({}));
}
