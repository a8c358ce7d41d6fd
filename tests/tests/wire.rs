//! The wire as the official clients speak it, in all the spellings that they use.

use std::{collections::BTreeSet, time::Duration};

use reqwest::{Method, RequestBuilder};
use safelight_tests::harness::{
    client::{Answer, Tenant},
    pictures,
    server::{self, Dev},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn answer(request: RequestBuilder) -> Answer {
    Answer::to(request).await.expect("the server answers")
}

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn public_ids(listing: &Value) -> Vec<&str> {
    let items = listing["resources"].as_array().expect("a list").iter();
    items.map(|item| item["public_id"].as_str().expect("a text")).collect()
}

#[tokio::test]
async fn an_upload_answers_with_every_key_that_clients_read() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let picture = pictures::small_jpeg(1);
    let upload = tenant.upload(picture.clone()).public_id("folder/cat").file_name("Tom the cat.jpeg");
    let image = upload.parameter("tags", "b,a").parameter("context", "alt=A cat|k=v").send().await;
    assert_eq!(image.header("x-request-id").len(), 32);
    assert_eq!(image.header("access-control-allow-origin"), "*");
    let image = image.ok();
    let wanted = [
        "asset_id",
        "public_id",
        "version",
        "version_id",
        "signature",
        "width",
        "height",
        "format",
        "resource_type",
        "created_at",
        "tags",
        "pages",
        "bytes",
        "type",
        "etag",
        "placeholder",
        "url",
        "secure_url",
        "asset_folder",
        "display_name",
        "original_filename",
        "api_key",
    ];
    let missing: Vec<&&str> = wanted.iter().filter(|name| image.get(**name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} in {image}");
    assert_eq!((&image["width"], &image["height"], &image["pages"]), (&json!(320), &json!(240), &json!(1)));
    assert_eq!((&image["format"], &image["resource_type"]), (&json!("jpg"), &json!("image")), "by bytes, not by name");
    assert_eq!(image["tags"], json!(["a", "b"]), "sorted");
    assert_eq!(image["context"], json!({"custom": {"alt": "A cat", "k": "v"}}));
    assert_eq!(image["original_filename"], "Tom the cat");
    assert!(image["version"].is_i64() && image["created_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    let url = image["url"].as_str().expect("a link");
    assert!(url.ends_with(&format!("/demo/image/upload/v{}/folder/cat.jpg", image["version"])), "{url}");
    assert!(answer(tenant.http().get(url)).await.delivered() == picture);
    let secret = plane_kit::secret::Secret::new(tenant.secret.clone());
    let version = image["version"].as_i64().expect("a number");
    assert_eq!(
        image["signature"],
        plane_kit::signature::sign_result("folder/cat", version, &secret, plane_kit::signature::Algorithm::Sha1)
    );

    let raw = tenant.upload("x").action("raw/upload").file_name("a.csv").send().await.ok();
    let absent = ["width", "height", "format"];
    assert!(absent.iter().all(|name| raw.get(name).is_none()), "{raw}");
    assert!(raw["public_id"].as_str().is_some_and(|name| name.ends_with(".csv")), "{raw}");

    let auto = tenant.upload(picture).action("auto/upload").send().await.ok();
    assert_eq!(auto["resource_type"], "image", "{auto}");
    let plain = tenant.upload("only text").action("auto/upload").file_name("a.txt").send().await.ok();
    assert_eq!(plain["resource_type"], "raw", "{plain}");
}

#[tokio::test]
async fn uploads_come_in_every_body_that_clients_send() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let uri = "data:text/plain;base64,aGVsbG8=";
    let fields = tenant.signed("raw/upload").public_id("as-json").fields();
    let mut body: serde_json::Map<String, Value> =
        fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    body.insert("file".into(), uri.into());
    body.insert("tags".into(), Value::Null);
    let sent = answer(tenant.http().post(tenant.api_url("raw/upload")).json(&body)).await.ok();
    assert_eq!((&sent["public_id"], &sent["bytes"]), (&json!("as-json"), &json!(5)));

    let mut fields = tenant.signed("raw/upload").public_id("as-form").fields();
    fields.insert("file".into(), uri.into());
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
    let request = tenant.http().post(tenant.api_url("raw/upload")).body(body);
    let sent = answer(request.header("Content-Type", "application/x-www-form-urlencoded")).await.ok();
    assert_eq!(sent["bytes"], 5);

    // A list under its three names, signed as one text; and a client that sends no line end behind the closing boundary.
    for (index, names) in [["tags[]", "tags[]"], ["tags", "tags"], ["tags[0]", "tags[1]"]].iter().enumerate() {
        let public_id = format!("listed-{index}");
        let fields = tenant.signed("raw/upload").public_id(&public_id).parameter("tags", "red,blue").fields();
        let mut form = String::new();
        let mut part = |name: &str, value: &str| {
            form.push_str(&format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
        };
        for (name, value) in fields.iter().filter(|(name, _)| *name != "tags") {
            part(name, value);
        }
        part(names[0], "red");
        part(names[1], "blue");
        part("file", uri);
        form.push_str("--edge--");
        let request = tenant.http().post(tenant.api_url("raw/upload"));
        let sent = answer(request.header("Content-Type", "multipart/form-data; boundary=edge").body(form)).await.ok();
        assert_eq!(sent["tags"], json!(["blue", "red"]), "{names:?}: {sent}");
    }
}

#[tokio::test]
async fn a_file_that_comes_before_its_credentials_is_verified_all_the_same() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let send = async |public_id: &str, tenant: &Tenant| {
        let part = reqwest::multipart::Part::bytes(pictures::small_jpeg(1)).file_name("a.jpg");
        let mut form = reqwest::multipart::Form::new().part("file", part);
        for (name, value) in tenant.signed("image/upload").public_id(public_id).fields() {
            form = form.text(name, value);
        }
        answer(tenant.http().post(tenant.api_url("image/upload")).multipart(form)).await
    };
    assert_eq!(send("right", &tenant).await.ok()["public_id"], "right");
    assert_eq!(send("wrong", &tenant.with_key(&tenant.key, "wrong")).await.status, 401);
    assert_eq!(public_ids(&tenant.get("resources/image").await.ok()), ["right"]);
}

#[tokio::test]
async fn encoded_slashes_are_slashes_in_api_paths() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    tenant.upload(pictures::small_jpeg(1)).public_id("a/b c").send().await.ok();
    for path in
        ["resources/image/upload/a%2Fb%20c", "resources%2Fimage%2Fupload%2Fa%2fb%20c", "resources/image/upload/a/b%20c"]
    {
        assert_eq!(tenant.get(path).await.ok()["public_id"], "a/b c", "{path}");
    }
    for path in ["image/upload/a/b%20c.jpg", "image/upload/v1/a/b%20c.jpg?_a=BAMAABCD0"] {
        tenant.fetch(path).await.delivered();
    }
}

#[tokio::test]
async fn listings_page_filter_and_carry_the_rate_headers() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    for number in 0..7 {
        let picture = pictures::remarked(&pictures::small_jpeg(1), number);
        tenant.upload(picture).public_id(&format!("cats/{number}")).parameter("tags", "cat").send().await.ok();
    }
    tenant.upload(pictures::small_jpeg(2)).public_id("dog").send().await.ok();

    let mut seen = Vec::new();
    let mut path = "resources/image/upload?prefix=cats/&max_results=3".to_owned();
    let mut pages = 0;
    loop {
        let page = tenant.get(&path).await;
        for name in ["x-featureratelimit-limit", "x-featureratelimit-remaining"] {
            assert!(page.header(name).parse::<i64>().is_ok_and(|value| value > 0), "{name}: {}", page.header(name));
        }
        assert!(page.header("x-featureratelimit-reset").ends_with("GMT"));
        let page = page.ok();
        pages += 1;
        seen.extend(public_ids(&page).into_iter().map(str::to_owned));
        match page.get("next_cursor") {
            Some(cursor) => {
                let cursor = cursor.as_str().expect("a text");
                path = format!("resources/image/upload?prefix=cats/&max_results=3&next_cursor={cursor}");
            }
            None => break,
        }
    }
    let expected: Vec<String> = (0..7).map(|number| format!("cats/{number}")).collect();
    assert_eq!((seen, pages), (expected.clone(), 3), "in the order of public ids, each once");
    let ascending = tenant.get("resources/image?direction=asc&max_results=1").await.ok();
    assert_eq!(public_ids(&ascending), ["cats/0"]);
    for path in ["public_ids[]=dog&public_ids[]=cats/1", "public_ids=dog&public_ids=cats/1"] {
        let named = tenant.get(&format!("resources/image/upload?{path}")).await.ok();
        assert_eq!(
            public_ids(&named).into_iter().collect::<BTreeSet<_>>(),
            BTreeSet::from(["cats/1", "dog"]),
            "{path}"
        );
    }

    // What is off by default, and absent when it is empty.
    let bare = tenant.get("resources/image/upload?prefix=cats/1").await.ok();
    assert!(!names(&bare["resources"][0]).contains("tags"), "{bare}");
    let tagged = tenant.get("resources/image/upload?prefix=cats/1&tags=true").await.ok();
    assert_eq!(tagged["resources"][0]["tags"], json!(["cat"]));
    let dog = tenant.get("resources/image/upload/dog").await.ok();
    assert!(!names(&dog).contains("tags") && !names(&dog).contains("context"), "{dog}");
    assert_eq!(dog["derived"], json!([]));

    // A client that sends a kind of body with no body is not refused for it.
    let request = tenant.http().get(tenant.api_url("ping?")).header("Content-Type", "application/json");
    assert_eq!(answer(request.basic_auth(&tenant.key, Some(&tenant.secret))).await.ok()["status"], "ok");
    assert_eq!(tenant.get("resources").await.ok()["resource_types"], json!(["image", "raw", "video"]));
}

#[tokio::test]
async fn a_browser_may_ask_from_anywhere() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let request = tenant.http().request(Method::OPTIONS, tenant.api_url("image/upload"));
    let preflight =
        answer(request.header("Origin", "https://shop.test").header("Access-Control-Request-Method", "POST")).await;
    assert!((200..300).contains(&preflight.status));
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert!(preflight.header("access-control-allow-methods").contains("POST"));
    let missing = tenant.fetch_with("image/upload/nothing.jpg", &[("Origin", "https://shop.test")]).await;
    assert!(missing.header("access-control-expose-headers").to_ascii_lowercase().contains("x-cld-error"));
}

#[tokio::test]
async fn refusals_wear_the_envelope_even_where_there_is_no_route() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let base = &server.ready.api_url;
    for (path, status) in [
        ("/v1_1/demo/ping", 401),
        ("/v1_1/demo/nothing/at/all", 404),
        ("/v1_1/provisioning/accounts/x/nothing", 404),
        ("/v2/nothing", 404),
    ] {
        let refused = answer(tenant.http().get(format!("{base}{path}"))).await;
        assert_eq!(refused.status, status, "{path}");
        assert!(refused.json()["error"]["message"].is_string(), "{path}: {}", refused.text());
        assert_eq!(refused.header("x-request-id").len(), 32, "{path}");
    }
}

/// Whoever closes an idle connection loses the request that is on its way, so it is never the server first: clients and
/// proxies keep theirs for a minute and more. The wait is the thing tested here; five seconds is what many servers allow.
/// Only a drain closes it, and does not wait for it.
#[tokio::test]
async fn an_idle_connection_stays_open_until_the_drain() {
    let mut server = Dev::start().await;
    let address = server.ready.api_url.strip_prefix("http://").expect("a plain address").to_owned();
    let mut connection = TcpStream::connect(&address).await.expect("the server listens");
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let mut answer = [0_u8; 4096];
    for idle in [Duration::from_secs(6), Duration::ZERO] {
        connection.write_all(request.as_bytes()).await.expect("the connection is open");
        let read = connection.read(&mut answer).await.expect("the connection is open");
        assert!(answer[..read].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..read]));
        let more = tokio::time::timeout(idle, connection.read(&mut answer)).await;
        assert!(more.is_err(), "after an answer: {more:?}");
    }
    let ended = server.process().stop().await;
    assert!(server::ended_by_itself(ended) && ended.success(), "{ended}");
    assert_eq!(connection.read(&mut answer).await.expect("it is closed in order"), 0);
}

#[tokio::test]
async fn what_is_under_way_is_finished_before_the_end() {
    let mut server = Dev::start().await;
    let tenant = server.tenant();
    tenant.upload(pictures::jpeg(&pictures::photo(1600, 1200, 1))).public_id("large").send().await.ok();
    let started = server.metric("safelight_makes_started_total", &[]).await;
    let fetching = tokio::spawn({
        let tenant = tenant.clone();
        async move { tenant.fetch("image/upload/c_fill,h_700,w_700/e_blur:400/large.png").await }
    });
    let limit = Duration::from_secs(20);
    safelight_tests::harness::eventually("a picture that is being made", limit, async || {
        (server.metric("safelight_makes_started_total", &[]).await > started).then_some(())
    })
    .await;
    let ended = server.process().stop().await;
    assert!(server::ended_by_itself(ended) && ended.success(), "{ended}");
    fetching.await.expect("the client did not panic").delivered();
}

#[test]
fn the_commands_that_only_tell_tell() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for plane in ["control-plane", "data-plane"] {
        let printed = server::run(folder.path(), &["openapi", plane], &[]);
        assert!(printed.status.success(), "{}", printed.stderr);
        let committed =
            safelight_tests::workspace::committed(&format!("openapi/{plane}.json")).expect("it is committed");
        let [printed, committed] = [&printed.stdout, &committed].map(|text| serde_json::from_str::<Value>(text));
        assert_eq!(printed.expect("JSON"), committed.expect("JSON"), "{plane}");
    }
    let doctor = server::run(folder.path(), &["doctor"], &[]);
    assert!(!doctor.stdout.is_empty(), "{}", doctor.stderr);
}
