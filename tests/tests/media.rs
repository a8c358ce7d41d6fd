//! Video and audio: probed, stored, and delivered as they are.

use reqwest::Method;
use safelight_tests::harness::{
    client::Tenant,
    clips, pictures,
    server::{Dev, metric},
};
use serde_json::{Value, json};

async fn start() -> (Dev, Tenant) {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let tenant = server.tenant();
    (server, tenant)
}

async fn put(tenant: &Tenant, action: &str, name: &str, bytes: Vec<u8>, public_id: &str) -> Value {
    tenant.upload(bytes).action(action).file_name(name).public_id(public_id).send().await.ok()
}

#[tokio::test]
async fn a_clip_is_probed_kept_and_delivered_with_ranges() {
    let (_server, tenant) = start().await;
    let bytes = clips::mp4();
    let stored = put(&tenant, "video/upload", "holiday.mp4", bytes.clone(), "clips/a").await;
    assert_eq!((&stored["resource_type"], &stored["format"]), (&json!("video"), &json!("mp4")), "{stored}");
    assert_eq!((&stored["width"], &stored["height"]), (&json!(320), &json!(180)));
    let seconds = stored["duration"].as_f64().unwrap();
    assert!((0.9..1.2).contains(&seconds), "{stored}");
    assert_eq!(
        (&stored["frame_rate"], &stored["nb_frames"], &stored["is_audio"]),
        (&json!(25.0), &json!(25), &json!(false))
    );
    assert_eq!((&stored["video"]["codec"], &stored["video"]["pix_format"]), (&json!("h264"), &json!("yuv420p")));
    assert_eq!((&stored["audio"]["codec"], &stored["audio"]["frequency"]), (&json!("aac"), &json!(44100)));
    assert!(stored["url"].as_str().unwrap().ends_with("clips/a.mp4"), "{stored}");

    let whole = tenant.fetch("video/upload/clips/a.mp4").await;
    assert_eq!((whole.header("content-type"), whole.header("accept-ranges")), ("video/mp4", "bytes"));
    assert_eq!(whole.delivered(), bytes);
    assert_eq!(tenant.fetch("video/upload/clips/a").await.delivered(), bytes);
    let part = tenant.fetch_with("video/upload/clips/a.mp4", &[("range", "bytes=100-199")]).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &bytes[100..200]));
    assert_eq!(part.header("content-range"), format!("bytes 100-199/{}", bytes.len()));
    let tail = tenant.fetch_with("video/upload/clips/a.mp4", &[("range", "bytes=-10")]).await;
    assert_eq!((tail.status, tail.body.as_slice()), (206, &bytes[bytes.len() - 10..]));
    let beyond = tenant.fetch_with("video/upload/clips/a.mp4", &[("range", "bytes=99999999-")]).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, format!("bytes */{}", bytes.len()).as_str()));

    // Whatever would make something of it is refused by name, and counts nothing.
    for (path, part) in [
        ("w_100/clips/a.mp4", "w_100"),
        ("clips/a.jpg", "mp4 file as jpg"),
        ("clips/a.webm", "mp4 file as webm"),
        ("f_auto/clips/a.mp4", "f_auto"),
    ] {
        let refused = tenant.fetch(&format!("video/upload/{path}")).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.message().contains(part) && refused.message().contains("not"), "{path}: {}", refused.message());
    }
    let saved = tenant.fetch("video/upload/fl_attachment/clips/a.mp4").await;
    assert_eq!(saved.header("content-disposition"), "attachment; filename=\"holiday.mp4\"");

    let detail = tenant.get("resources/video/upload/clips%2Fa").await.ok();
    for name in ["duration", "bit_rate", "video", "audio", "width", "is_audio"] {
        assert_eq!(detail[name], stored[name], "{name}");
    }
    let listed = tenant.get("resources/video").await.ok();
    assert_eq!(listed["resources"][0]["width"], 320);
    let usage = tenant.settled_usage().await;
    assert_eq!((usage.transformations, usage.resources), (1, 1), "the upload, and nothing else");
}

#[tokio::test]
async fn kinds_are_told_by_bytes_and_not_by_names() {
    let (_server, tenant) = start().await;
    let cases = [
        ("a.mp4", clips::mp4(), "video", json!("mp4"), json!(false)),
        ("b.bin", clips::webm(), "video", json!("webm"), json!(false)),
        ("c.jpg", clips::mp3(), "video", json!("mp3"), json!(true)),
        ("d.mp4", pictures::small_jpeg(1), "image", json!("jpg"), Value::Null),
        // A playlist is a file like any other; what it names is not read.
        ("e.m3u8", clips::playlist("/etc/passwd"), "raw", Value::Null, Value::Null),
    ];
    for (name, bytes, kind, format, is_audio) in cases {
        let stored = put(&tenant, "auto/upload", name, bytes.clone(), name).await;
        assert_eq!(
            (&stored["resource_type"], &stored["format"], &stored["is_audio"]),
            (&json!(kind), &format, &is_audio),
            "{name}"
        );
    }
    let tone = tenant.fetch("video/upload/c.jpg.mp3").await;
    assert_eq!(tone.header("content-type"), "audio/mpeg");
    // Large files come in parts, and their kind shows in the whole.
    let bytes = clips::mp4();
    let range = format!("bytes 0-{}/{}", bytes.len() - 1, bytes.len());
    let parts = tenant.upload(bytes.clone()).action("auto/upload").file_name("f.mp4").public_id("f");
    let whole = parts.header("x-unique-upload-id", "u-1").header("content-range", &range).send().await.ok();
    assert_eq!((&whole["resource_type"], &whole["bytes"]), (&json!("video"), &json!(bytes.len())));
}

#[tokio::test]
async fn what_is_no_video_is_refused_and_nothing_is_kept() {
    let (server, tenant) = start().await;
    let mut cut = clips::mp4();
    cut.truncate(64);
    // A file that there is, so that only the rule against reading other files keeps it from being read.
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.mp4");
    std::fs::write(&other, clips::mp4()).unwrap();
    let other = other.to_str().unwrap();
    let list = format!("ffconcat version 1.0\nfile {other}\n").into_bytes();
    for (what, bytes) in [
        ("text", b"a text, and no video at all".to_vec()),
        ("a picture", pictures::small_jpeg(1)),
        ("a picture in a container of videos", clips::avif()),
        ("a playlist", clips::playlist(other)),
        ("a list of files", list),
        ("a clip without an end", cut),
        ("noise", (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
    ] {
        let refused = tenant.upload(bytes).action("video/upload").public_id("x").send().await;
        assert_eq!(refused.status, 400, "{what}: {}", refused.text());
        assert_eq!(refused.message(), "Unsupported video format or file", "{what}");
    }
    let eager =
        tenant.upload(clips::mp4()).action("video/upload").public_id("x").parameter("eager", "w_100").send().await;
    assert!(eager.status == 400 && eager.message().contains("Transformations of video"), "{}", eager.message());
    let formats =
        tenant.upload(clips::mp4()).action("video/upload").public_id("x").parameter("allowed_formats", "webm");
    let refused = formats.send().await;
    assert_eq!((refused.status, refused.message().as_str()), (400, "Video file format mp4 not allowed"));
    assert_eq!(tenant.get("resources/video/upload/x").await.status, 404);
    assert_eq!(tenant.settled_usage().await.counts().iter().map(|(_, count)| count).sum::<i64>(), 0);
    assert_eq!(metric(&server.ready.metrics_url, "safelight_uploads_total", &["stored"]).await, 0.0);
    // Somebody's own preset for video applies to video alone.
    tenant.send(Method::POST, "upload_presets", json!({"name": "v", "tags": "clip"})).await.ok();
    server.set_environment(json!({"default_video_preset": "v"})).await;
    assert_eq!(put(&tenant, "video/upload", "a.mp4", clips::mp4(), "y").await["tags"], json!(["clip"]));
    assert_eq!(put(&tenant, "image/upload", "a.jpg", pictures::small_jpeg(1), "y").await["tags"], json!([]));
}

#[tokio::test]
async fn without_ffprobe_only_video_is_not_taken() {
    let settings = [("SAFELIGHT_MEDIA__FFPROBE", "/nowhere/ffprobe")];
    let server = Dev::start_with(&["--seed", "none"], &settings).await;
    let tenant = server.tenant();
    let refused = tenant.upload(clips::mp4()).action("video/upload").public_id("x").send().await;
    assert_eq!((refused.status, refused.message().as_str()), (503, "Video and audio cannot be looked into now"));
    tenant.upload(pictures::small_jpeg(1)).public_id("x").send().await.ok();
}
