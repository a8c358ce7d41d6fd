//! Uploads that arrive in chunks: in any order, again, through a restart, and what is left of those that nobody goes on with.

use std::time::Duration;

use md5::{Digest, Md5};
use safelight_tests::{
    harness::{
        client::{Answer, Tenant},
        eventually, pictures,
        server::Dev,
    },
    on_both_databases,
};
use serde_json::{Value, json};

/// Every chunk but the last has at least this many bytes.
const CHUNK: usize = 5 * 1024 * 1024;

on_both_databases!(
    chunks_come_in_any_order_and_again,
    a_total_may_become_known_late,
    parts_are_numbered_and_of_any_size,
    what_does_not_fit_is_refused,
    a_file_that_is_none_is_given_up,
    a_preset_may_allow_chunks_and_no_names,
    a_name_that_is_kept_ends_the_upload,
);

/// Bytes that are nowhere alike.
fn file(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    (0..length.div_ceil(8))
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .take(length)
        .collect()
}

/// One upload of a client.
struct Sending<'a> {
    tenant: &'a Tenant,
    action: &'static str,
    id: &'static str,
    parameters: Vec<(&'static str, String)>,
}

impl<'a> Sending<'a> {
    fn new(tenant: &'a Tenant, action: &'static str, id: &'static str) -> Self {
        Self { tenant, action, id, parameters: Vec::new() }
    }

    fn upload(&self, bytes: &[u8]) -> safelight_tests::harness::client::Upload<'a> {
        let mut upload = self.tenant.upload(bytes).action(self.action).file_name("film.bin");
        for (name, value) in &self.parameters {
            upload = upload.parameter(name, value);
        }
        upload.header("X-Unique-Upload-Id", self.id)
    }

    async fn range(&self, whole: &[u8], first: usize, last: usize, total: &str) -> Answer {
        let range = format!("bytes {first}-{last}/{total}");
        self.upload(&whole[first..=last]).header("Content-Range", &range).send().await
    }

    async fn part(&self, bytes: &[u8], number: usize, total: Option<usize>) -> Answer {
        let mut upload = self.upload(bytes).header("X-Upload-Part-Number", &number.to_string());
        if let Some(total) = total {
            upload = upload.header("X-Upload-Total-Parts", &total.to_string());
        }
        upload.send().await
    }
}

fn etag(bytes: &[u8]) -> Value {
    json!(hex::encode(Md5::digest(bytes)))
}

async fn chunks_come_in_any_order_and_again(tenant: Tenant) {
    let whole = file(2 * CHUNK + 1000);
    let total = whole.len().to_string();
    let mut sending = Sending::new(&tenant, "raw/upload", "any order");
    sending.parameters = vec![("tags", "large".into()), ("folder", "films".into())];
    let last = sending.range(&whole, 2 * CHUNK, whole.len() - 1, &total).await.ok();
    let public_id = last["public_id"].as_str().expect("a public id").to_owned();
    assert!(public_id.starts_with("films/") && public_id.ends_with(".bin"), "{public_id}");
    assert_eq!(
        last,
        json!({"done": false, "bytes": 1000, "kind": "upload", "resource_type": "raw", "public_id": public_id})
    );
    // Later chunks name what the first answer said, and a folder with it, as one of the clients does.
    sending.parameters.push(("public_id", public_id.clone()));
    let first = sending.range(&whole, 0, CHUNK - 1, &total).await.ok();
    assert_eq!((&first["done"], &first["bytes"]), (&json!(false), &json!(CHUNK + 1000)));
    let again = sending.range(&whole, 0, CHUNK - 1, &total).await.ok();
    assert_eq!(again["bytes"], json!(CHUNK + 1000), "the same bytes again are no more bytes");
    assert_eq!(tenant.get("resources/raw").await.ok()["resources"], json!([]));

    let done = sending.range(&whole, CHUNK, 2 * CHUNK - 1, &total).await.ok();
    assert_eq!((&done["done"], &done["bytes"]), (&json!(true), &json!(whole.len())));
    assert_eq!((&done["public_id"], &done["etag"]), (&json!(public_id), &etag(&whole)));
    assert_eq!((&done["tags"], &done["original_filename"]), (&json!(["large"]), &json!("film")));
    assert!(tenant.fetch(&format!("raw/upload/{public_id}")).await.delivered() == whole);
    // A client that did not hear the answer sends its last chunk once more.
    let again = sending.range(&whole, CHUNK, 2 * CHUNK - 1, &total).await.ok();
    assert_eq!((&again["version"], &again["done"]), (&done["version"], &json!(true)));
    let usage = tenant.settled_usage().await;
    assert_eq!((usage.resources, usage.storage), (1, whole.len() as i64));
}

async fn a_total_may_become_known_late(tenant: Tenant) {
    let whole = file(CHUNK + 10);
    let mut sending = Sending::new(&tenant, "auto/upload", "streamed");
    sending.parameters = vec![("public_id", "stream.bin".into())];
    assert_eq!(sending.range(&whole, 0, CHUNK - 1, "-1").await.ok()["done"], false);
    let done = sending.range(&whole, CHUNK, whole.len() - 1, &whole.len().to_string()).await.ok();
    assert_eq!((&done["done"], &done["etag"]), (&json!(true), &etag(&whole)));
    assert_eq!((&done["public_id"], &done["resource_type"]), (&json!("stream.bin"), &json!("raw")));
    // One range of everything is an upload like any other.
    let sending = Sending::new(&tenant, "raw/upload", "whole");
    let done = sending.range(&whole[..10], 0, 9, "10").await.ok();
    assert_eq!(done["bytes"], 10);
}

async fn parts_are_numbered_and_of_any_size(tenant: Tenant) {
    let picture = pictures::small_jpeg(1);
    let sending = Sending::new(&tenant, "image/upload_chunked", "parts");
    let (first, rest) = picture.split_at(10);
    let (second, third) = rest.split_at(1000);
    assert_eq!(sending.part(third, 3, None).await.ok()["done"], false);
    assert_eq!(sending.part(first, 1, Some(3)).await.ok()["done"], false);
    let done = sending.part(second, 2, None).await.ok();
    assert_eq!((&done["done"], &done["etag"]), (&json!(true), &etag(&picture)));
    assert_eq!((&done["width"], &done["format"]), (&json!(320), &json!("jpg")));
}

async fn what_does_not_fit_is_refused(tenant: Tenant) {
    let whole = file(3 * CHUNK);
    let other = file(3 * CHUNK + 8)[8..].to_vec();
    let total = whole.len().to_string();
    let sending = Sending::new(&tenant, "raw/upload", "fit");
    sending.range(&whole, CHUNK, 2 * CHUNK - 1, &total).await.ok();
    for (answer, says) in [
        (sending.range(&other, CHUNK, 2 * CHUNK - 1, &total).await, "other bytes were sent for bytes"),
        (sending.range(&whole, CHUNK / 2, CHUNK / 2 + CHUNK, &total).await, "overlaps bytes"),
        (sending.range(&whole, 0, CHUNK - 1, &(whole.len() + 1).to_string()).await, "the total was"),
        (sending.part(b"part", 1, None).await, "by ranges or by part numbers"),
    ] {
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.message().contains(says), "{says}: {}", answer.message());
    }
    // What was signed for one upload is not put together with what was signed for another.
    let mut signed_otherwise = Sending::new(&tenant, "raw/upload", "fit");
    for parameters in [("tags", "other"), ("public_id", "other"), ("overwrite", "false")] {
        signed_otherwise.parameters = vec![(parameters.0, parameters.1.into())];
        let answer = signed_otherwise.range(&whole, 0, CHUNK - 1, &total).await;
        assert!(answer.message().contains("are not those of the upload's other chunks"), "{}", answer.text());
    }
    let beyond = Sending::new(&tenant, "raw/upload", "beyond");
    beyond.part(b"five", 5, None).await.ok();
    let answer = beyond.part(b"one", 1, Some(3)).await;
    assert!(answer.message().contains("part 5 is more than there are"), "{}", answer.text());
    // Another key's upload of the same id is another upload, and so is another environment's.
    let parts = Sending::new(&tenant, "raw/upload", "numbered");
    parts.part(b"a", 2, Some(2)).await.ok();
    let answer = parts.part(b"a", 1, Some(3)).await;
    assert!(answer.message().contains("the total was 2"), "{}", answer.text());
    sending.range(&whole, 0, CHUNK - 1, &total).await.ok();
    let done = sending.range(&whole, 2 * CHUNK, whole.len() - 1, &total).await.ok();
    assert_eq!(done["etag"], etag(&whole), "what was refused left no trace");
}

async fn a_file_that_is_none_is_given_up(tenant: Tenant) {
    let sending = Sending::new(&tenant, "image/upload", "no picture");
    sending.part(b"no ", 1, Some(2)).await.ok();
    let refused = sending.part(b"picture", 2, Some(2)).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.message().starts_with("Invalid image file"), "{}", refused.message());
    // Begun anew, it is another file.
    let picture = pictures::small_jpeg(1);
    sending.part(&picture[..10], 1, Some(2)).await.ok();
    assert_eq!(sending.part(&picture[10..], 2, Some(2)).await.ok()["etag"], etag(&picture));
}

async fn a_preset_may_allow_chunks_and_no_names(tenant: Tenant) {
    let preset = json!({"name": "nameless", "unsigned": true, "disallow_public_id": true});
    tenant.send(reqwest::Method::POST, "upload_presets", preset).await.ok();
    let part = async |number: &str, bytes: &[u8], public_id: Option<&str>| {
        let upload = tenant.upload(bytes).action("raw/upload").unsigned("nameless");
        let upload = upload.header("X-Unique-Upload-Id", "n").header("X-Upload-Part-Number", number);
        let upload = upload.header("X-Upload-Total-Parts", "2");
        match public_id {
            Some(public_id) => upload.public_id(public_id).send().await,
            None => upload.send().await,
        }
    };
    let first = part("1", b"one ", None).await.ok();
    let settled = first["public_id"].as_str().expect("a public id");
    let refused = part("2", b"two", Some("chosen")).await;
    assert!(refused.message().contains("not allowed by upload preset nameless"), "{}", refused.text());
    assert_eq!(part("2", b"two", Some(settled)).await.ok()["public_id"], settled);
}

async fn a_name_that_is_kept_ends_the_upload(tenant: Tenant) {
    let kept = tenant.upload(b"kept").action("raw/upload").public_id("taken.bin").send().await.ok();
    let mut sending = Sending::new(&tenant, "raw/upload", "kept");
    sending.parameters = vec![("public_id", "taken.bin".into()), ("overwrite", "false".into())];
    sending.part(b"one", 1, Some(2)).await.ok();
    for _ in 0..2 {
        let done = sending.part(b"two", 2, Some(2)).await.ok();
        assert_eq!((&done["etag"], &done["done"]), (&kept["etag"], &json!(true)));
    }
}

#[tokio::test]
async fn an_upload_goes_on_after_a_killed_process() {
    let mut server = Dev::start().await;
    let whole = file(2 * CHUNK + 5);
    let total = whole.len().to_string();
    let tenant = server.tenant();
    let sending = Sending::new(&tenant, "raw/upload", "killed");
    let public_id = sending.range(&whole, 0, CHUNK - 1, &total).await.ok()["public_id"].clone();
    server.process().kill();
    server.restart().await;
    let tenant = server.tenant();
    let sending = Sending::new(&tenant, "raw/upload", "killed");
    sending.range(&whole, CHUNK, 2 * CHUNK - 1, &total).await.ok();
    let done = sending.range(&whole, 2 * CHUNK, whole.len() - 1, &total).await.ok();
    assert_eq!((&done["public_id"], &done["etag"]), (&public_id, &etag(&whole)));
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_collected() {
    let settings = [
        // Without any grace a chunk could be swept away between its object and its row.
        ("SAFELIGHT_UPLOADS__CHUNKS_KEPT_SECONDS", "1"),
        ("SAFELIGHT_UPLOADS__SWEEP_INTERVAL_SECONDS", "1"),
        ("SAFELIGHT_UPLOADS__SWEEP_GRACE_SECONDS", "1"),
    ];
    let server = Dev::start_with(&["--seed", "none"], &settings).await;
    let tenant = server.tenant();
    let chunks = || {
        let mut found = Vec::new();
        let mut folders = vec![server.ready.data_dir.join("objects/c")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found.len()
    };
    let sending = Sending::new(&tenant, "raw/upload", "left");
    sending.part(b"one", 1, Some(2)).await.ok();
    eventually("an empty folder of chunks", Duration::from_secs(20), async || (chunks() == 0).then_some(())).await;
    let second = sending.part(b"two", 2, Some(2)).await.ok();
    assert_eq!(second["done"], false, "the first part is gone");
}
