//! The wire as the official Ruby and PHP clients speak it, where it differs from that of the others. Requests are written out as those
//! clients put them on the wire.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use plane_kit::{
    secret::Secret,
    signature::{Algorithm, Escaping, sign_delivery, sign_request},
};
use reqwest::Method;
use safelight_tests::harness::{
    client::{Answer, Tenant},
    pictures,
    server::Dev,
};
use serde_json::{Value, json};

const CHUNK: usize = 5_242_880;

/// A part of a body: its headers and its content.
type Part<'a> = (&'a str, &'a [u8]);

async fn post(tenant: &Tenant, action: &str, headers: &[(&str, &str)], parts: &[Part<'_>]) -> Answer {
    let mut body = Vec::new();
    for (headers, content) in parts {
        body.extend_from_slice(format!("--b\r\nContent-Disposition: form-data; {headers}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    let mut request = tenant.http().post(tenant.api_url(action));
    request = request.header("Content-Type", "multipart/form-data; boundary=b");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::to(request.body(body)).await.expect("the server answers")
}

/// Fields of a call that is signed, as parts.
fn parts(fields: &BTreeMap<String, String>) -> Vec<(String, Vec<u8>)> {
    let part = |(name, value): (&String, &String)| {
        (format!("name=\"{name}\"\r\nContent-Length: {}", value.len()), value.clone().into_bytes())
    };
    fields.iter().map(part).collect()
}

/// A call of the PHP client: fields first, each with its length, and credentials beside them.
async fn php(tenant: &Tenant, action: &str, fields: &BTreeMap<String, String>, file: Part<'_>) -> Answer {
    php_chunk(tenant, action, fields, file, &[]).await
}

async fn php_chunk(
    tenant: &Tenant,
    action: &str,
    fields: &BTreeMap<String, String>,
    file: Part<'_>,
    headers: &[(&str, &str)],
) -> Answer {
    let parts = parts(fields);
    let mut all: Vec<Part<'_>> =
        parts.iter().map(|(headers, content)| (headers.as_str(), content.as_slice())).collect();
    let length = format!("{}\r\nContent-Length: {}", file.0, file.1.len());
    all.push((&length, file.1));
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", tenant.key, tenant.secret)));
    let mut headers = headers.to_vec();
    headers.push(("Authorization", &basic));
    post(tenant, action, &headers, &all).await
}

#[tokio::test]
async fn chunks_are_signed_once_and_named_by_the_first_answer() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let whole: Vec<u8> = (0..2 * CHUNK as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let total = whole.len();
    let file = "name=\"file\"; filename=\"blob.bin\"";
    for (given, folder, id) in [(None, None, "9f86d081884c7d65"), (Some("mine"), Some("in"), "1bf86d081884c7d6")] {
        let mut signed = tenant.signed("raw/upload");
        for (name, value) in [("public_id", given), ("folder", folder)] {
            if let Some(value) = value {
                signed = signed.parameter(name, value);
            }
        }
        let mut fields = signed.fields();
        let send = async |fields: &BTreeMap<String, String>, first: usize, end: usize| {
            let range = format!("bytes {first}-{}/{total}", end as i64 - 1);
            let headers = [("X-Unique-Upload-Id", id), ("Content-Range", range.as_str())];
            php_chunk(&tenant, "raw/upload", fields, (file, &whole[first..end]), &headers).await
        };
        let begun = send(&fields, 0, CHUNK).await.ok();
        assert_eq!(begun["done"], false, "{begun}");
        let settled = begun["public_id"].as_str().expect("a public id").to_owned();
        // Another name was signed by nobody.
        fields.insert("public_id".into(), "another".into());
        assert_eq!(send(&fields, CHUNK, total).await.status, 401);
        fields.insert("public_id".into(), settled.clone());
        let tags = fields.insert("tags".into(), "unsigned".into());
        assert_eq!(send(&fields, CHUNK, total).await.status, 401, "nor was anything else");
        assert!(tags.is_none() && fields.remove("tags").is_some());
        let done = send(&fields, CHUNK, total).await.ok();
        assert_eq!((&done["done"], &done["public_id"]), (&json!(true), &json!(settled)));
        assert_eq!(done["etag"], json!(hex::encode(Md5::digest(&whole))));
        // The file is a multiple of its chunks, so one more comes with nothing in it.
        let behind = send(&fields, total, total).await.ok();
        assert_eq!((&behind["public_id"], &behind["version"]), (&json!(settled), &done["version"]));
    }
    let fields = tenant.signed("raw/upload").fields();
    let headers = [("X-Unique-Upload-Id", "begun by nobody"), ("Content-Range", "bytes 9-8/9")];
    let refused = php_chunk(&tenant, "raw/upload", &fields, (file, b""), &headers).await;
    assert_eq!((refused.status, refused.message().contains("are missing")), (400, true), "{}", refused.message());
    assert_eq!(tenant.get("resources/raw").await.ok()["resources"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_file_part_may_lack_a_name_and_an_address_may_have_one() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let picture = pictures::small_jpeg(1);
    let etag = json!(hex::encode(Md5::digest(&picture)));
    let uri = format!("data:image/jpeg;base64,{}", STANDARD.encode(&picture));
    for (index, file) in [
        ("name=\"file\"", picture.as_slice()),
        ("name=\"file\"", uri.as_bytes()),
        ("name=\"file\"; filename=\"d.jpg\"\r\nContent-Type: image/jpeg", uri.as_bytes()),
    ]
    .into_iter()
    .enumerate()
    {
        let fields = tenant.signed("image/upload").public_id(&format!("stream-{index}")).fields();
        let stored = php(&tenant, "image/upload", &fields, file).await.ok();
        assert_eq!(stored["etag"], etag, "{index}: {stored}");
    }
    // A raw file with a name that holds an address is a list of one address.
    let fields = tenant.signed("raw/upload").public_id("list.txt").fields();
    let named = "name=\"file\"; filename=\"list.txt\"\r\nContent-Type: text/plain";
    let stored = php(&tenant, "raw/upload", &fields, (named, b"http://127.0.0.1:9/a.txt")).await.ok();
    assert_eq!(stored["bytes"], 24);
    // Of a picture it is where the picture lies, and there nobody may look.
    let fields = tenant.signed("image/upload").public_id("address").fields();
    let refused = php(&tenant, "image/upload", &fields, (named, b"http://127.0.0.1:9/a.jpg")).await;
    assert!(refused.status == 400 && refused.message().contains("127.0.0.1"), "{}", refused.message());
    // Text that is neither, from a client that read no stream, is no file.
    let fields = parts(&tenant.signed("raw/upload").fields());
    let mut all: Vec<Part<'_>> =
        fields.iter().map(|(headers, content)| (headers.as_str(), content.as_slice())).collect();
    all.push(("name=\"file\"", b"holiday.jpg"));
    let refused = post(&tenant, "raw/upload", &[], &all).await;
    assert!(refused.status == 400 && refused.message().contains("neither a file"), "{}", refused.message());
}

#[tokio::test]
async fn a_large_file_may_come_before_its_credentials() {
    let settings =
        [("SAFELIGHT_UPLOADS__UNVERIFIED_BYTES", "100000"), ("SAFELIGHT_UPLOADS__UNVERIFIED_LARGE_FILES", "1")];
    let server = Dev::start_with(&[], &settings).await;
    let tenant = server.tenant();
    let file = vec![b'x'; 300_000];
    let send = async |fields: BTreeMap<String, String>| {
        let (credentials, others): (BTreeMap<_, _>, _) =
            fields.into_iter().partition(|(name, _)| matches!(name.as_str(), "signature" | "api_key"));
        let (before, behind) = (parts(&others), parts(&credentials));
        let as_part = |(headers, content): &'_ (String, Vec<u8>)| (headers.clone(), content.clone());
        let named =
            "name=\"file\"; filename=\"big.bin\"\r\nContent-Length: 300000\r\nContent-Type: application/octet-stream";
        let all: Vec<(String, Vec<u8>)> = before
            .iter()
            .map(as_part)
            .chain([(named.to_owned(), file.clone())])
            .chain(behind.iter().map(as_part))
            .collect();
        let all: Vec<Part<'_>> = all.iter().map(|(headers, content)| (headers.as_str(), content.as_slice())).collect();
        post(&tenant, "raw/upload", &[], &all).await
    };
    let stored = send(tenant.signed("raw/upload").public_id("ruby.bin").fields()).await.ok();
    assert_eq!(stored["bytes"], 300_000);
    let mut forged = tenant.signed("raw/upload").public_id("forged.bin").fields();
    forged.insert("signature".into(), "0".repeat(40));
    assert_eq!(send(forged).await.status, 401);
    assert_eq!(tenant.get("resources/raw").await.ok()["resources"].as_array().map(Vec::len), Some(1));

    // Only so many are taken on trust at once.
    let settings = [settings[0], ("SAFELIGHT_UPLOADS__UNVERIFIED_LARGE_FILES", "0")];
    let strict = Dev::start_with(&[], &settings).await;
    let tenant = strict.tenant();
    let part = reqwest::multipart::Part::bytes(file.clone()).file_name("a.bin");
    let form = reqwest::multipart::Form::new().part("file", part);
    let refused =
        Answer::to(tenant.http().post(tenant.api_url("raw/upload")).multipart(form)).await.expect("an answer");
    assert!(refused.message().contains("credentials that come behind"), "{} {}", refused.status, refused.message());
}

#[tokio::test]
async fn the_whole_body_may_be_the_file() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let picture = pictures::small_jpeg(3);
    let put = async |public_id: &str, digest: &[u8]| {
        let fields = tenant.signed("image/upload").public_id(public_id).parameter("context", "key=abc").fields();
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let request = tenant.http().put(format!("{}?{query}", tenant.api_url("image/upload")));
        let request = request.header("Content-Type", "image/jpeg").header("Content-MD5", STANDARD.encode(digest));
        Answer::to(request.body(picture.clone())).await.expect("an answer")
    };
    let stored = put("active", &Md5::digest(&picture)).await.ok();
    assert_eq!((&stored["public_id"], &stored["width"]), (&json!("active"), &json!(320)));
    assert_eq!(stored["context"], json!({"custom": {"key": "abc"}}));
    let refused = put("other", &Md5::digest(b"another file")).await;
    assert!(refused.status == 400 && refused.message().contains("Content-MD5"), "{}", refused.message());
    let bare = tenant.http().put(tenant.api_url("image/upload")).body(picture.clone());
    assert_eq!(Answer::to(bare).await.expect("an answer").status, 400, "nobody signed it");
    assert_eq!(tenant.get("resources/image/upload").await.ok()["resources"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn bodies_have_no_type_or_stand_behind_every_method() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    for name in ["a", "x,y", "z"] {
        tenant.upload(pictures::small_jpeg(1)).public_id(name).send().await.ok();
    }
    let basic = |request: reqwest::RequestBuilder| request.basic_auth(&tenant.key, Some(&tenant.secret));
    let answer = async |request| Answer::to(request).await.expect("an answer");

    // A form without a type, whose list holds a comma that is escaped where it is signed.
    let mut signed = tenant.signed("image/tags").parameter("command", "add").parameter("tag", "t").fields();
    let mut texts = signed.clone();
    texts.retain(|name, _| !matches!(name.as_str(), "api_key" | "signature"));
    texts.insert("public_ids".into(), r"x\,y,z".into());
    let secret = Secret::new(tenant.secret.clone());
    signed.insert("signature".into(), sign_request(&texts, &secret, Algorithm::Sha1, Escaping::Ampersand));
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("public_ids[]", "x,y").append_pair("public_ids[]", "z").extend_pairs(&signed);
    let tagged = answer(tenant.http().post(tenant.api_url("image/tags")).body(body.finish())).await.ok();
    assert_eq!(tagged["public_ids"], json!(["x,y", "z"]));

    // JSON with a GET, and an indexed list with a DELETE.
    let listed = basic(tenant.http().get(tenant.api_url("resources/image")));
    let listed = answer(listed.json(
        &json!({"type": "upload", "max_results": 1, "start_at": "2024-03-01 12:00:00 +0100", "direction": "asc"}),
    ));
    assert_eq!(listed.await.ok()["resources"].as_array().map(Vec::len), Some(1));
    let later = basic(tenant.http().get(tenant.api_url("resources/image")));
    let later = later.json(&json!({"start_at": "2134-03-01 12:00:00 +0100", "direction": "asc"}));
    assert_eq!(answer(later).await.ok()["resources"], json!([]), "nothing is so young");
    let deleted = basic(tenant.http().delete(tenant.api_url("resources/image/upload")));
    let deleted = deleted.header("Content-Type", "application/x-www-form-urlencoded");
    let deleted = answer(deleted.body("public_ids%5B0%5D=a&public_ids%5B1%5D=z")).await.ok();
    assert_eq!(deleted["deleted"], json!({"a": "deleted", "z": "deleted"}));
    assert_eq!(answer(basic(tenant.http().get(tenant.api_url("ping"))).json(&json!({}))).await.ok()["status"], "ok");
    let today = chrono::Utc::now().format("%Y-%m-%dT00:00:00+00:00");
    assert_eq!(tenant.get(&format!("usage/{today}")).await.status, 200);

    // Credentials that are none stand beside an unsigned preset; without one, a token of OAuth is named.
    let upload = |kind: &str, preset: &str| {
        let form = reqwest::multipart::Form::new().text("upload_preset", preset.to_owned());
        let form = form.text("file", "data:text/plain;base64,aGk=");
        let request = tenant.http().post(tenant.api_url("raw/upload")).multipart(form);
        answer(request.header("Authorization", kind.to_owned()))
    };
    assert_eq!(upload("Basic Og==", "unsigned").await.ok()["bytes"], 2);
    assert_eq!(upload("Bearer abc", "unsigned").await.ok()["bytes"], 2);
    let refused = upload("Bearer abc", "").await;
    assert_eq!((refused.status, refused.message().as_str()), (401, "Invalid token"));
}

#[tokio::test]
async fn a_source_is_decoded_to_its_end_before_it_is_signed() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let secret = Secret::new(tenant.secret.clone());
    for (signed, is_valid) in [("http://127.0.0.1:9/a b.png", true), ("http://127.0.0.1:9/a c.png", false)] {
        let signature = sign_delivery(signed, &secret, Algorithm::Sha1, 8);
        let path = format!("image/fetch/s--{signature}--/http://127.0.0.1:9/a%2520b.png");
        // Nobody may look there; but that is told only to those who may ask.
        assert_eq!(tenant.fetch(&path).await.status != 401, is_valid, "{signed}");
    }
}

#[tokio::test]
async fn empty_lists_say_nothing() {
    let server = Dev::start().await;
    let account = server.account();
    let call = async |method: Method, path: &str, body: Value| account.call(method, path, Some(body)).await.ok();
    let listed = call(Method::GET, "sub_accounts", json!({"enabled": true, "ids": []})).await;
    let environments: Vec<&Value> =
        listed["sub_accounts"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(environments.len(), 1, "{listed}");

    let new = json!({"name": "n", "email": "n@x.org", "role": "reports", "sub_account_ids": []});
    let user = call(Method::POST, "users", new).await;
    assert_eq!(user["all_sub_accounts"], true, "{user}");
    let path = format!("users/{}", user["id"].as_str().expect("an id"));
    let some = call(Method::PUT, &path, json!({"sub_account_ids": environments})).await;
    assert_eq!((&some["all_sub_accounts"], &some["sub_account_ids"]), (&json!(false), &json!(environments)));
    let renamed = json!({"name": "new", "email": null, "role": null, "sub_account_ids": []});
    let renamed = call(Method::PUT, &path, renamed).await;
    assert_eq!((&renamed["name"], &renamed["sub_account_ids"]), (&json!("new"), &json!(environments)));

    let asked = json!({"ids": [], "last_login": "false", "from": "01-03-2024", "to": "31-03-2034"});
    let users = call(Method::GET, "users", asked).await;
    let mut users = users["users"].as_array().expect("a list").iter();
    assert!(users.any(|user| user["name"] == "new"));
}
