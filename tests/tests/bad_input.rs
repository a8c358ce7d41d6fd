//! Bad input: a clear message that names the offending part, the right status, nothing stored, nothing counted, and a server
//! that goes on.

use chrono::Utc;
use reqwest::{Method, RequestBuilder, multipart};
use safelight_tests::harness::{
    client::{Account, Answer, Tenant, Upload},
    pictures,
    server::Dev,
};
use serde_json::{Value, json};

/// A case that was not refused as it should be, in words; nothing if it was.
fn complaint(case: &str, answer: &Answer, status: u16, says: &str) -> Option<String> {
    let message = answer.message();
    let is_right =
        answer.status == status && !message.is_empty() && message.to_lowercase().contains(&says.to_lowercase());
    (!is_right).then(|| {
        format!("{case}: expected {status} with `{says}`, got {} with `{message}` ({})", answer.status, answer.text())
    })
}

/// What is stored and counted.
async fn state(tenant: &Tenant) -> (Value, Value, [(&'static str, i64); 6]) {
    let images = tenant.get("resources/image").await.ok()["resources"].clone();
    let raw = tenant.get("resources/raw").await.ok()["resources"].clone();
    (images, raw, tenant.settled_usage().await.counts())
}

/// Runs the cases between two looks at the state, which must be the same.
async fn assert_without_effect(server: &mut Dev, complaints: impl AsyncFnOnce(&Dev, &Tenant) -> Vec<String>) {
    let tenant = server.tenant();
    tenant.upload(pictures::small_jpeg(1)).public_id("kept").send().await.ok();
    let before = state(&tenant).await;
    let complaints = complaints(server, &tenant).await;
    assert!(complaints.is_empty(), "{} cases:\n{}", complaints.len(), complaints.join("\n"));
    assert_eq!(state(&tenant).await, before, "bad input left something behind");
    assert_eq!(server.metric("safelight_undecided_responses_total", &[]).await, 0.0);
    assert_eq!(server.metric("safelight_unspent_tickets_total", &[]).await, 0.0);
    assert_eq!(server.metric("safelight_http_requests_total", &["status=\"5xx\""]).await, 0.0);
    assert_eq!(server.starts(), 1);
    assert!(server.process().is_running(), "the server died");
    tenant.fetch("image/upload/c_scale,w_50/kept.jpg").await.delivered();
}

fn truncated() -> Vec<u8> {
    let whole = pictures::small_jpeg(7);
    whole[..whole.len() / 2].to_vec()
}

#[tokio::test]
async fn uploads_that_cannot_be_accepted_leave_nothing_behind() {
    let mut server = Dev::start().await;
    assert_without_effect(&mut server, async |server, tenant| {
        let picture = || pictures::small_jpeg(2);
        let now = Utc::now().timestamp();
        let unknown_cloud =
            Tenant::new(&server.ready.api_url, &server.ready.delivery_url, "nowhere", &tenant.key, &tenant.secret);
        let wrong_secret = tenant.with_key(&tenant.key, "wrong");
        let unknown_key = tenant.with_key("123456789012345", &tenant.secret);
        // Case, upload, status, what the message must name.
        let cases: Vec<(&str, Upload<'_>, u16, &str)> = vec![
            ("unknown cloud", unknown_cloud.upload(picture()), 401, "nowhere"),
            ("wrong signature", wrong_secret.upload(picture()), 401, "Invalid Signature"),
            ("wrong signature says what to sign", wrong_secret.upload(picture()), 401, "timestamp="),
            ("unknown key", unknown_key.upload(picture()), 401, "123456789012345"),
            ("stale signature", tenant.upload(picture()).signed_at(now - 7200), 400, "Stale request"),
            ("signature from the future", tenant.upload(picture()).signed_at(now + 86_400), 400, "timestamp"),
            (
                "timestamp that is no number",
                tenant.upload(picture()).credentials(&tenant.key, "soon", "00"),
                401,
                "timestamp=soon",
            ),
            ("no credentials", tenant.upload(picture()).anonymous(), 400, "upload preset"),
            ("unknown preset", tenant.upload(picture()).unsigned("no-such-preset"), 400, "preset"),
            ("no file", tenant.signed("image/upload"), 400, "Missing required parameter - file"),
            ("empty file", tenant.upload(Vec::new()), 400, "empty"),
            ("text called jpg", tenant.upload("no picture at all"), 400, "Invalid image file"),
            ("truncated image", tenant.upload(truncated()), 400, "image"),
            ("over the pixel limit", tenant.upload(pictures::png_that_claims(50_000, 50_000)), 400, "2500"),
            (
                "address that is not public",
                tenant.signed("image/upload").parameter("file", "http://169.254.169.254/latest/meta-data"),
                400,
                "Error in loading http://169.254.169.254/latest/meta-data - the host has no public address",
            ),
            (
                "address of another scheme",
                tenant.signed("image/upload").parameter("file", "s3://bucket/a.jpg"),
                400,
                "s3:// (parameter file) is not built",
            ),
            (
                "address that is none",
                tenant.signed("image/upload").parameter("file", "http://"),
                400,
                "not a valid address",
            ),
            ("a fetched type", tenant.upload(picture()).parameter("type", "fetch"), 400, "Invalid value fetch"),
            (
                "damaged data address",
                tenant.signed("image/upload").parameter("file", "data:image/png;base64,%%%"),
                400,
                "data",
            ),
            ("unknown resource type", tenant.upload(picture()).action("banana/upload"), 400, "banana"),
            ("unknown delivery type", tenant.upload(picture()).parameter("type", "banana"), 400, "banana"),
            ("name with a control character", tenant.upload(picture()).public_id("a\u{1}b"), 400, "public_id"),
            ("name that climbs", tenant.upload(picture()).public_id("../../etc/passwd"), 400, "public_id"),
            ("boolean that is none", tenant.upload(picture()).parameter("overwrite", "perhaps"), 400, "overwrite"),
            ("not built: ocr", tenant.upload(picture()).parameter("ocr", "adv_ocr"), 400, "ocr"),
            ("not built: moderation", tenant.upload(picture()).parameter("moderation", "aws_rek"), 400, "aws_rek"),
            (
                "a chunk of no upload",
                tenant.upload(picture()).header("Content-Range", "bytes 0-99/200"),
                400,
                "X-Unique-Upload-Id",
            ),
            (
                "a chunk that lies",
                tenant
                    .upload(picture())
                    .header("Content-Range", "bytes 0-99/100000")
                    .header("X-Unique-Upload-Id", "lie"),
                400,
                "it names 100 bytes",
            ),
            (
                "a chunk that is too small",
                tenant
                    .upload(vec![1; 100])
                    .header("Content-Range", "bytes 0-99/100000")
                    .header("X-Unique-Upload-Id", "small"),
                400,
                "All parts except EOF-chunk must be larger than 5mb",
            ),
            (
                "a chunk of too large a file",
                tenant
                    .upload(vec![1; 100])
                    .header("Content-Range", "bytes 0-99/100000001")
                    .header("X-Unique-Upload-Id", "large"),
                400,
                "Got at least 100000001. Maximum is 100000000.",
            ),
            ("chunk garbage", tenant.upload(picture()).header("Content-Range", "bytes x-y/z"), 400, "Content-Range"),
            (
                "a chunk beyond all numbers",
                tenant.upload(picture()).header("Content-Range", "bytes 0-9223372036854775807/-1"),
                400,
                "Content-Range",
            ),
            (
                "a folder without end",
                tenant.upload(picture()).parameter("asset_folder", &"a/".repeat(10_000)),
                400,
                "asset_folder",
            ),
            ("a zero byte", tenant.upload(picture()).parameter("display_name", "a\0b"), 400, "display_name"),
            ("destroy without a name", tenant.signed("image/destroy"), 400, "public_id"),
            (
                "destroy with a wrong signature",
                wrong_secret.signed("image/destroy").public_id("kept"),
                401,
                "Invalid Signature",
            ),
        ];
        let mut complaints = Vec::new();
        for (case, upload, status, says) in cases {
            complaints.extend(complaint(case, &upload.send().await, status, says));
        }
        complaints
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_no_forms_are_refused() {
    let mut server = Dev::start().await;
    assert_without_effect(&mut server, async |_, tenant| {
        let post = || tenant.http().post(tenant.api_url("image/upload"));
        let form = |body: &'static str| post().header("Content-Type", "multipart/form-data; boundary=b").body(body);
        let head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n";
        let cases: Vec<(&str, RequestBuilder, u16, &str)> = vec![
            ("no body", post(), 400, ""),
            (
                "form without a boundary",
                post().header("Content-Type", "multipart/form-data").body("x"),
                400,
                "boundary",
            ),
            ("form without parts", form("nothing like a form"), 400, ""),
            ("form that ends too early", form(head), 400, ""),
            ("form with a part without a name", form("--b\r\nX: y\r\n\r\nz\r\n--b--\r\n"), 400, ""),
            (
                "JSON that is none",
                post().header("Content-Type", "application/json").body("{\"public_id\":"),
                400,
                "JSON",
            ),
            ("JSON that is no object", post().header("Content-Type", "application/json").body("[1]"), 400, "JSON"),
            ("a body of another kind", post().header("Content-Type", "image/jpeg").body("x"), 400, "Content-Type"),
        ];
        let mut complaints = Vec::new();
        for (case, request, status, says) in cases {
            let answer = Answer::to(request).await.expect("the server answers");
            complaints.extend(complaint(case, &answer, status, says));
        }
        complaints
    })
    .await;
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_and_costs_nothing() {
    let mut server = Dev::start().await;
    assert_without_effect(&mut server, async |_, tenant| {
        // The limit of a new environment is 100 MB. The form says how much comes, so the refusal need not wait for it.
        let upload = tenant.upload(vec![b'a'; 100_000_001]).action("raw/upload").file_name("big.bin");
        match upload.try_send().await {
            Ok(answer) => complaint("too large", &answer, 400, "File size too large").into_iter().collect(),
            Err(error) => vec![format!("too large: the connection broke: {error:?}")],
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_never_ends_well_costs_nothing() {
    let mut server = Dev::start().await;
    assert_without_effect(&mut server, async |_, tenant| {
        // A client that leaves in the middle of a file: the stream fails on the client's side, and the connection is closed.
        let fields = tenant.upload(Vec::new()).public_id("half").fields();
        let pieces = futures::stream::iter([
            Ok(pictures::small_jpeg(9)[..1000].to_vec()),
            Err(std::io::Error::other("the client leaves")),
        ]);
        let mut form = multipart::Form::new();
        for (name, value) in fields {
            form = form.text(name, value);
        }
        let part = multipart::Part::stream(reqwest::Body::wrap_stream(pieces)).file_name("half.jpg");
        let sent = tenant.http().post(tenant.api_url("image/upload")).multipart(form.part("file", part)).send().await;
        sent.is_ok().then(|| "half a body was answered".to_owned()).into_iter().collect()
    })
    .await;
}

#[tokio::test]
async fn deliveries_that_cannot_be_made_say_why() {
    let mut server = Dev::start().await;
    assert_without_effect(&mut server, async |server, tenant| {
        // Path behind the cloud name, status, what the message must name.
        let cases = [
            ("image/upload/nothing.jpg", 404, "nothing"),
            ("image/upload/kept%00.jpg", 404, "public id"),
            ("image/upload/c_scale,w_100/nothing.jpg", 404, "nothing"),
            // Alone in its piece it may as well be a folder, so it is part of the name.
            ("image/upload/zz_12/kept.jpg", 404, "zz_12"),
            ("image/upload/w_100,zz_12/kept.jpg", 400, "zz_12"),
            ("image/upload/c_banana,w_100/kept.jpg", 400, "banana"),
            ("image/upload/c_scale,w_abc/kept.jpg", 400, "abc"),
            ("image/upload/c_scale,w_-5/kept.jpg", 400, "-5"),
            ("image/upload/c_scale,w_0/kept.jpg", 400, "width"),
            ("image/upload/c_scale,w_1000000/kept.jpg", 400, "1000000"),
            ("image/upload/c_scale,w_16000,h_16000/kept.jpg", 400, ""),
            ("image/upload/q_101/kept.jpg", 400, "101"),
            ("image/upload/q_banana/kept.jpg", 400, "banana"),
            ("image/upload/f_banana/kept", 400, "banana"),
            ("image/upload/c_scale,w_100/kept.banana", 404, "banana"),
            ("image/upload/a_sideways/kept.jpg", 400, "sideways"),
            ("image/upload/r_banana/kept.jpg", 400, "banana"),
            ("image/upload/e_nothing/kept.jpg", 400, "nothing"),
            ("image/upload/e_blur:banana/kept.jpg", 400, "banana"),
            ("image/upload/b_banana,c_pad,w_400,h_400/kept.jpg", 400, "banana"),
            ("image/upload/c_fill,g_nowhere,w_10,h_10/kept.jpg", 400, "nowhere"),
            ("image/upload/dpr_banana,w_100/kept.jpg", 400, "banana"),
            ("image/upload/ar_0:0,c_fill,w_100/kept.jpg", 400, "0:0"),
            ("image/upload/t_nothing/kept.jpg", 400, "nothing"),
            ("image/upload/s--AAAAAAAA--/c_scale,w_100/kept.jpg", 401, "signature"),
            ("image/authenticated/kept.jpg", 401, "signature"),
            ("image/banana/kept.jpg", 404, ""),
            ("banana/upload/kept.jpg", 404, ""),
            ("image/upload/%00", 404, ""),
            ("image/upload/%FF%FE.jpg", 400, "UTF-8"),
        ];
        let mut complaints = Vec::new();
        for (path, status, says) in cases {
            let answer = tenant.fetch(path).await;
            complaints.extend(complaint(path, &answer, status, says));
            if answer.header("x-cld-error").is_empty() {
                complaints.push(format!("{path}: no X-Cld-Error"));
            }
        }
        let base = server.ready.delivery_url.trim_end_matches(&tenant.cloud);
        for (path, status, says) in
            [("nowhere/image/upload/kept.jpg", 404, "nowhere"), ("", 404, ""), ("%2e%2e/x", 404, "")]
        {
            let answer = Answer::to(tenant.http().get(format!("{base}{path}"))).await.expect("the server answers");
            // The start page of `dev` lives at the root.
            if !path.is_empty() {
                complaints.extend(complaint(path, &answer, status, says));
            }
        }
        let long = format!("image/upload/{}/kept.jpg", vec!["e_grayscale"; 5_000].join("/"));
        let answer = tenant.fetch(&long).await;
        if !(400..500).contains(&answer.status) {
            complaints.push(format!("5,000 components: {}", answer.status));
        }
        complaints
    })
    .await;
}

#[tokio::test]
async fn administration_names_what_is_wrong() {
    let mut server = Dev::start().await;
    assert_without_effect(&mut server, async |_, tenant| {
        let cases = [
            (Method::GET, "resources/image?max_results=many", 400, "max_results"),
            (Method::GET, "resources/image?max_results=0", 400, "max_results"),
            (Method::GET, "resources/image?max_results=501", 400, "max_results"),
            (Method::GET, "resources/image?next_cursor=garbage", 400, "next_cursor"),
            (Method::GET, "resources/image?direction=sideways", 400, "direction"),
            (Method::GET, "resources/image/upload/nothing", 404, "nothing"),
            (Method::GET, "resources/banana", 400, "banana"),
            (Method::GET, "no_such_thing", 404, "no_such_thing"),
            (Method::GET, "resources/search", 400, "not built"),
        ];
        let mut complaints = Vec::new();
        for (method, path, status, says) in cases {
            let answer = tenant.admin(method, path).await;
            complaints.extend(complaint(path, &answer, status, says));
        }
        complaints
    })
    .await;
}

#[tokio::test]
async fn provisioning_names_what_is_wrong() {
    let mut server = Dev::start().await;
    let ready = server.ready.clone();
    let account =
        Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
    let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
    assert_without_effect(&mut server, async |_, tenant| {
        let own = environments["sub_accounts"][0]["id"].as_str().expect("an id").to_owned();
        let one = format!("sub_accounts/{own}");
        let keys = format!("sub_accounts/{own}/access_keys");
        let key = format!("{keys}/{}", tenant.key);
        let unknown = "sub_accounts/00000000000000000000000000000000";
        let cases: Vec<(Method, &str, Value, u16, &str)> = vec![
            (Method::POST, "sub_accounts", json!({}), 400, "name"),
            (Method::POST, "sub_accounts", json!({"name": {"a": 1}}), 400, "name"),
            (Method::POST, "sub_accounts", json!({"name": ["a"]}), 400, "name"),
            (Method::POST, "sub_accounts", json!([1, 2]), 400, ""),
            (Method::POST, "sub_accounts", json!({"name": "x", "cloud_name": "has space"}), 400, "cloud_name"),
            (Method::POST, "sub_accounts", json!({"name": "x", "cloud_name": "provisioning"}), 400, "provisioning"),
            (Method::POST, "sub_accounts", json!({"name": "x", "cloud_name": tenant.cloud}), 409, &tenant.cloud),
            (Method::POST, "sub_accounts", json!({"name": "x", "enabled": "perhaps"}), 400, "enabled"),
            (Method::POST, "sub_accounts", json!({"name": "x", "custom_attributes": "no"}), 400, "custom_attributes"),
            (Method::PUT, &one, json!({"enabled": 7}), 400, "enabled"),
            (Method::GET, unknown, Value::Null, 404, "sub account"),
            (Method::GET, "sub_accounts/banana", Value::Null, 404, "sub account"),
            (Method::DELETE, unknown, Value::Null, 404, "sub account"),
            (Method::POST, &keys, json!({"enabled": []}), 400, "enabled"),
            (Method::GET, &format!("{keys}?page=minus"), Value::Null, 400, "page"),
            (Method::GET, &format!("{keys}?sort_by=banana"), Value::Null, 400, "sort_by"),
            (Method::PUT, &format!("{keys}/1"), json!({"enabled": false}), 404, ""),
            (Method::POST, "users", json!({"name": "x"}), 400, "email"),
            (Method::POST, "users", json!({"name": "x", "email": "nobody"}), 400, "parameter email"),
            (Method::POST, "users", json!({"name": "x", "email": "x@y.org", "role": "king"}), 400, "parameter role"),
            (Method::POST, "users", json!({"name": "x", "email": "x@y.org", "sub_account_ids": ["no"]}), 404, "id no"),
            (Method::GET, "users?page=101", Value::Null, 400, "page"),
            (Method::GET, "users?from=yesterday", Value::Null, 400, "parameter from"),
            (Method::GET, "users/banana", Value::Null, 404, "user"),
            (Method::POST, "user_groups", json!({}), 400, "name"),
            (Method::GET, "user_groups/banana", Value::Null, 404, "user group"),
            (Method::GET, "user_groups?extended_details=perhaps", Value::Null, 400, "extended_details"),
            (Method::GET, "sub_accounts?page=100001", Value::Null, 400, "page"),
            (Method::GET, &format!("{keys}/1/details"), Value::Null, 404, "access key 1"),
            (Method::PUT, &format!("{key}/details"), json!({}), 400, "owner"),
            (Method::PUT, &format!("{key}/details"), json!({"note": "n".repeat(1001)}), 400, "parameter note"),
            (Method::PUT, &format!("{key}/details"), json!({"expires_at": "soon"}), 400, "parameter expires_at"),
            (
                Method::PUT,
                &format!("{key}/details"),
                json!({"expires_at": "2999-01-01T00:00:00Z"}),
                403,
                "never expires",
            ),
            (Method::POST, &format!("{key}/rotate/confirm"), Value::Null, 404, "no rotation"),
            (Method::DELETE, &format!("{key}/rotate"), Value::Null, 404, "no rotation"),
        ]
        .into_iter()
        .map(|(method, path, body, status, says)| {
            (method, &*path.to_owned().leak(), body, status, &*says.to_owned().leak())
        })
        .collect();
        let mut complaints = Vec::new();
        for (method, path, body, status, says) in cases {
            let case = format!("{method} {path} {body}");
            let answer = account.call(method, path, (!body.is_null()).then_some(body)).await;
            complaints.extend(complaint(&case, &answer, status, says));
        }
        let after = account.call(Method::GET, "sub_accounts", None).await.ok();
        if after != environments {
            complaints.push(format!("the environments changed: {after}"));
        }
        complaints
    })
    .await;
}

#[tokio::test]
async fn a_stranger_cannot_make_the_server_keep_what_it_does_not_know() {
    let mut server = Dev::start_with(&["--seed", "none"], &[("SAFELIGHT_UPLOADS__UNVERIFIED_BYTES", "100000")]).await;
    assert_without_effect(&mut server, async |_, tenant| {
        let mut wrong = Vec::new();
        let url = tenant.api_url("image/upload");
        // A multipart body that never begins a part.
        let endless = tenant.http().post(&url).header("Content-Type", "multipart/form-data; boundary=b");
        let answer = Answer::to(endless.body(vec![b'a'; 12_000_000])).await.expect("the server answers");
        if answer.status != 400 || !answer.message().contains("multipart") {
            wrong.push(format!("no part: {} {}", answer.status, answer.text()));
        }
        // A preset that does not exist opens no larger door than none.
        let big = tenant.upload(vec![0xff; 300_000]).unsigned("no-such-preset").send().await;
        if big.status != 401 || !big.message().contains("100000") {
            wrong.push(format!("unknown preset: {} {}", big.status, big.text()));
        }
        let posted = Answer::to(tenant.http().post(tenant.delivery_url("image/upload/kept.jpg"))).await;
        let posted = posted.expect("the server answers");
        if posted.status != 405 || !posted.message().contains("POST") {
            wrong.push(format!("POST to delivery: {} {}", posted.status, posted.message()));
        }
        let put = Answer::to(tenant.http().put(tenant.api_url("ping"))).await.expect("the server answers");
        let allowed = put.header("allow");
        if put.status != 405 || allowed != "GET" || !put.message().contains("PUT") {
            wrong.push(format!("PUT to ping: {} {allowed:?} {}", put.status, put.message()));
        }
        let unknown = Answer::to(tenant.http().put(tenant.api_url("image/no/such/thing"))).await;
        let unknown = unknown.expect("the server answers");
        if unknown.status != 404 {
            wrong.push(format!("PUT to nothing: {} {}", unknown.status, unknown.message()));
        }
        wrong
    })
    .await;
}
