//! Delivery: what comes back, under which headers, how often it is made, and what is counted.

use std::collections::BTreeSet;

use image::{AnimationDecoder, GenericImageView, codecs::gif::GifDecoder};
use md5::{Digest, Md5};
use plane_kit::{
    secret::Secret,
    signature::{self, Algorithm},
};
use reqwest::Method;
use safelight_tests::harness::{
    client::{Account, Answer, Tenant},
    pictures,
    server::Dev,
};

/// A server with one picture of 320 × 240, called `cat`.
async fn with_cat() -> (Dev, Tenant, Vec<u8>) {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let cat = pictures::small_jpeg(1);
    tenant.upload(cat.clone()).public_id("cat").send().await.ok();
    (server, tenant, cat)
}

fn signed(transformation: &str, source: &str, secret: &str, algorithm: Algorithm, length: usize) -> String {
    let text = if transformation.is_empty() { source.to_owned() } else { format!("{transformation}/{source}") };
    let signature = signature::sign_delivery(&text, &Secret::new(secret), algorithm, length);
    format!("s--{signature}--/{text}")
}

#[tokio::test]
async fn an_original_comes_back_as_it_was_sent() {
    let (_server, tenant, cat) = with_cat().await;
    let detail = tenant.get("resources/image/upload/cat").await.ok();
    let version = detail["version"].as_i64().expect("a version");
    for path in [
        "image/upload/cat.jpg",
        "image/upload/v1/cat.jpg",
        &format!("image/upload/v{version}/cat.jpg"),
        "image/upload/cat",
    ] {
        let answer = tenant.fetch(path).await;
        assert_eq!(answer.header("content-type"), "image/jpeg", "{path}");
        assert_eq!(answer.header("content-length"), cat.len().to_string(), "{path}");
        assert!(answer.header("etag").contains(&hex::encode(Md5::digest(&cat))), "{}", answer.header("etag"));
        assert!(answer.header("cache-control").contains("max-age="), "{}", answer.header("cache-control"));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("x-request-id").len(), 32);
        assert!(answer.delivered() == cat, "{path}: other bytes");
    }
    let head = tenant.http().head(tenant.delivery_url("image/upload/cat.jpg"));
    let head = Answer::to(head).await.expect("the server answers");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), cat.len().to_string());

    // A raw file keeps its extension as part of its name and its bytes whatever they are.
    let raw = b"%PDF is what this is not".to_vec();
    tenant.upload(raw.clone()).action("raw/upload").public_id("notes.txt").send().await.ok();
    let answer = tenant.fetch("raw/upload/notes.txt").await;
    assert!(!answer.header("content-type").starts_with("text/html"));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.delivered(), raw);
}

#[tokio::test]
async fn transformations_give_the_sizes_they_name() {
    let (_server, tenant, _) = with_cat().await;
    let cases = [
        ("c_scale,w_100", (100, 75)),
        ("c_scale,h_120", (160, 120)),
        ("c_scale,w_100,h_100", (100, 100)),
        ("w_0.5", (160, 120)),
        ("c_fit,w_100,h_100", (100, 75)),
        ("c_limit,w_1000,h_1000", (320, 240)),
        ("c_limit,w_80,h_80", (80, 60)),
        ("c_fill,w_100,h_100", (100, 100)),
        ("c_fill,g_north,w_90,h_30", (90, 30)),
        ("c_fill,g_auto,w_60,h_120", (60, 120)),
        ("ar_1:1,c_fill,w_80", (80, 80)),
        ("ar_16:9,c_fill,h_90", (160, 90)),
        ("c_pad,w_100,h_100,b_red", (100, 100)),
        ("c_crop,w_50,h_60,x_10,y_20", (50, 60)),
        ("c_crop,g_south_east,w_50,h_60", (50, 60)),
        ("c_thumb,g_center,w_70,h_70", (70, 70)),
        ("a_90", (240, 320)),
        ("c_scale,dpr_2.0,w_100", (200, 150)),
        ("c_fill,h_100,w_100/e_grayscale/r_max", (100, 100)),
        ("c_scale,w_200/c_crop,w_50,h_50/a_180", (50, 50)),
        ("e_blur:300", (320, 240)),
        ("e_sharpen:100", (320, 240)),
        ("q_40", (320, 240)),
    ];
    for (transformation, expected) in cases {
        let body = tenant.fetch(&format!("image/upload/{transformation}/cat.png")).await.delivered();
        assert_eq!(pictures::format(&body), "png", "{transformation}");
        assert_eq!(pictures::decode(&body).dimensions(), expected, "{transformation}");
    }
}

#[tokio::test]
async fn pixels_are_what_the_transformation_says() {
    let (_server, tenant, _) = with_cat().await;
    let picture = async |transformation: &str| {
        pictures::decode(&tenant.fetch(&format!("image/upload/{transformation}/cat.png")).await.delivered()).to_rgba8()
    };
    let grey = picture("e_grayscale").await;
    assert!(grey.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]), "e_grayscale leaves colour");
    let padded = picture("b_rgb:ff0000,c_pad,h_240,w_240").await;
    assert_eq!(padded.get_pixel(120, 2).0, [255, 0, 0, 255], "c_pad fills with b_");
    let round = picture("c_fill,h_100,w_100/r_max").await;
    assert_eq!((round.get_pixel(0, 0)[3], round.get_pixel(50, 50)[3]), (0, 255), "r_max makes a disc");

    let (plain, blurred, sharpened) = (
        picture("c_scale,w_200").await,
        picture("c_scale,w_200/e_blur:800").await,
        picture("c_scale,w_200/e_sharpen:400").await,
    );
    let roughness = |picture: &image::RgbaImage| -> u64 {
        let row = |y: u32| (1..picture.width()).map(move |x| (x, y));
        let steps = (0..picture.height()).flat_map(row);
        steps.map(|(x, y)| u64::from(picture.get_pixel(x, y)[1].abs_diff(picture.get_pixel(x - 1, y)[1]))).sum()
    };
    let (plain, blurred, sharpened) = (roughness(&plain), roughness(&blurred), roughness(&sharpened));
    assert!(blurred < plain && plain < sharpened, "{blurred} {plain} {sharpened}");

    let turned = picture("a_180").await;
    let upright = picture("q_100").await;
    let (a, b) = (turned.get_pixel(0, 0), upright.get_pixel(319, 239));
    assert!((0..3).all(|channel| a[channel].abs_diff(b[channel]) < 12), "a_180: {a:?} {b:?}");
}

/// A drawing of `60x30` with a white edge of ten pixels on all sides.
fn framed() -> Vec<u8> {
    let inside = |x: u32, y: u32| (10..50).contains(&x) && (10..20).contains(&y);
    let picture =
        image::RgbImage::from_fn(60, 30, |x, y| image::Rgb(if inside(x, y) { [20, 90, 30] } else { [255; 3] }));
    pictures::encode(&picture.into(), image::ImageFormat::Png)
}

#[tokio::test]
async fn edges_are_found_before_they_are_cut_off() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let upload = tenant.upload(framed()).public_id("framed").parameter("eager", "e_trim/w_0.5");
    let uploaded = upload.send().await.ok();
    assert_eq!((&uploaded["eager"][0]["width"], &uploaded["eager"][0]["height"]), (&20.into(), &5.into()));
    let size = async |path: &str| pictures::decode(&tenant.fetch(path).await.delivered()).dimensions();
    assert_eq!(size("image/upload/e_trim/framed.png").await, (40, 10));
    // What comes behind it is planned for what is left, and edges may be asked for again.
    assert_eq!(
        size("image/upload/w_120/e_trim:20/c_scale,w_40/if_h_lt_20/bo_2px_solid_red/if_end/framed.png").await,
        (44, 14)
    );
    // All of it is edge, or none of it.
    assert_eq!(size("image/upload/c_crop,h_5,w_5/e_trim/framed.png").await, (5, 5));
    assert_eq!(size("image/upload/e_trim:10:blue/framed.png").await, (60, 30));
    // An incoming transformation looks at the file that is being uploaded.
    let incoming = tenant.upload(framed()).public_id("bare").parameter("transformation", "e_trim").send().await.ok();
    assert_eq!((&incoming["width"], &incoming["height"]), (&40.into(), &10.into()));
    let often: String = (1..10).map(|tolerance| format!("e_trim:{tolerance}/")).collect();
    let refused = tenant.fetch(&format!("image/upload/{often}framed.png")).await;
    assert_eq!((refused.status, refused.header("x-cld-error")), (400, "A transformation may ask for edges 8 times"));
}

#[tokio::test]
async fn a_url_is_explained_and_nothing_is_made() {
    let (_server, tenant, cat) = with_cat().await;
    let cloud = tenant.cloud.clone();
    let explain =
        async |path: &str| tenant.get(&format!("explain?url=https://media.test/{cloud}/{path}?_a=x")).await.ok();
    let told = explain("image/upload/w_80,c_scale/e_hue:290/f_webp/cat").await;
    assert_eq!(told["components"], serde_json::json!(["c_scale,w_80", "e_hue:100", "f_webp"]));
    assert_eq!((&told["canonical"], &told["format"]), (&"c_scale,w_80/e_hue:100/f_webp".into(), &"webp".into()));
    assert_eq!((&told["width"], &told["height"], &told["exists"]), (&80.into(), &60.into(), &false.into()));
    assert_eq!(told["notes"], serde_json::json!(["290 of e_hue was cut to 100"]));
    assert_eq!(told["admission"]["rule"], "what is derived from type upload is open to everybody");
    assert_eq!((&told["asset"]["width"], &told["counts"]["derived_assets"]), (&320.into(), &1.into()));
    assert!(told["plan"].as_str().is_some_and(|plan| plan.contains("resize to 80x60")), "{told}");
    assert_eq!(tenant.get("resources/image/upload/cat").await.ok()["derived"], serde_json::json!([]));

    let made = tenant.fetch("image/upload/c_scale,w_80/e_hue:100/f_webp/cat").await.delivered();
    let told = explain("image/upload/w_80,c_scale/e_hue:290/f_webp/cat").await;
    assert_eq!((&told["exists"], &told["counts"]["derived_assets"]), (&true.into(), &0.into()));
    assert_eq!(told["counts"]["bandwidth_bytes"], made.len());
    let told = explain("image/upload/cat.jpg").await;
    assert_eq!(
        (&told["plan"], &told["counts"]["bandwidth_bytes"]),
        (&"deliver the stored file".into(), &cat.len().into())
    );
    // What only pixels can tell is asked of them.
    assert_eq!(explain("image/upload/e_trim:100/cat.png").await["width"], 320);

    for (path, error) in [
        (
            "image/upload/c_fil,w_80/cat.jpg",
            "Invalid crop in transformation: fil (component 1, item 1). Did you mean c_fill?",
        ),
        ("image/upload/w_80/l_logo/fl_layer_apply/cat.jpg", "l_logo is not built yet"),
        ("image/upload/w_80/nobody.jpg", "Resource not found - nobody.jpg"),
    ] {
        let told = explain(path).await;
        assert!(told["error"].as_str().is_some_and(|text| text.starts_with(error)), "{path}: {told}");
    }
    // Its owner learns what keeps strangers out.
    tenant.upload(pictures::small_jpeg(2)).public_id("mine").parameter("type", "authenticated").send().await.ok();
    let told = explain("image/authenticated/w_80/mine.jpg").await;
    let admission =
        serde_json::json!({"is_admitted": false, "rule": "A signature is required for delivery type authenticated"});
    assert_eq!((&told["admission"], &told["width"]), (&admission, &80.into()));

    assert_eq!(tenant.get("explain").await.status, 400);
    let other = tenant.get("explain?url=/other/image/upload/cat.jpg").await;
    assert_eq!((other.status, other.message()), (400, format!("The URL is of cloud_name other, and not of {cloud}")));
}

#[tokio::test]
async fn formats_follow_the_extension_the_transformation_and_the_client() {
    let (_server, tenant, cat) = with_cat().await;
    for extension in ["jpg", "png", "webp", "gif", "avif"] {
        let answer = tenant.fetch(&format!("image/upload/c_scale,w_64/cat.{extension}")).await;
        let kind = if extension == "jpg" { "jpeg" } else { extension };
        assert_eq!(answer.header("content-type"), format!("image/{kind}"));
        assert_eq!(pictures::format(&answer.delivered()), extension);
    }
    let converted = tenant.fetch("image/upload/cat.webp").await.delivered();
    assert_eq!(pictures::format(&converted), "webp", "another extension converts an original");

    let accepts =
        [("image/avif,image/webp,*/*", "avif"), ("image/webp,*/*", "webp"), ("image/jpeg,*/*", "jpg"), ("*/*", "jpg")];
    for (accept, format) in accepts {
        let path = "image/upload/c_scale,w_100/f_auto,q_auto/cat";
        let answer = tenant.fetch_with(path, &[("Accept", accept)]).await;
        assert!(answer.header("vary").to_ascii_lowercase().contains("accept"), "vary: {}", answer.header("vary"));
        assert_eq!(pictures::format(&answer.delivered()), format, "Accept: {accept}");
    }
    let fixed = tenant.fetch("image/upload/c_scale,w_100/cat.jpg").await;
    assert!(!fixed.header("vary").to_ascii_lowercase().contains("accept"), "nothing was negotiated");

    let best = tenant.fetch("image/upload/q_100/cat.jpg").await.delivered();
    let auto = tenant.fetch("image/upload/q_auto/cat.jpg").await.delivered();
    assert!(auto.len() < best.len() && auto.len() < cat.len(), "{} {} {}", auto.len(), best.len(), cat.len());

    tenant.upload(pictures::alpha_png(200, 200)).file_name("disc.png").public_id("disc").send().await.ok();
    let kept = tenant.fetch("image/upload/c_scale,w_100/disc.png").await.delivered();
    assert_eq!(pictures::decode(&kept).to_rgba8().get_pixel(0, 0)[3], 0, "transparency survives");
    let flat = pictures::decode(&tenant.fetch("image/upload/c_scale,w_100/disc.jpg").await.delivered()).to_rgb8();
    assert!(flat.get_pixel(0, 0).0.iter().all(|value| *value > 240), "{:?}", flat.get_pixel(0, 0));
}

#[tokio::test]
async fn drawings_run_nothing_and_can_be_cleaned() {
    let (_server, tenant, _) = with_cat().await;
    let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"30\" onload=\"alert(1)\">\
                   <script>alert(2)</script><rect width=\"9\" height=\"9\" fill=\"red\"/></svg>";
    tenant.upload(drawing).public_id("logo").send().await.ok();
    let original = tenant.fetch("image/upload/logo.svg").await;
    assert_eq!(original.text(), drawing);
    let policy = original.header("content-security-policy").to_owned();
    assert!(policy.contains("default-src 'none'") || policy.contains("sandbox"), "{policy}");
    for path in ["image/upload/fl_sanitize/logo.svg", "image/upload/fl_sanitize/logo", "image/upload/f_svg/logo"] {
        let cleaned = tenant.fetch(path).await;
        assert_eq!((cleaned.status, cleaned.header("content-type")), (200, "image/svg+xml"), "{path}");
        assert_eq!(cleaned.header("content-security-policy"), policy, "{path}");
        let text = cleaned.text();
        assert!(text.contains("<rect") && !text.contains("alert"), "{path}: {text}");
    }
    let enlarged = pictures::decode(&tenant.fetch("image/upload/fl_sanitize,w_80/logo.png").await.delivered());
    assert_eq!((enlarged.dimensions(), enlarged.to_rgba8()[(3, 3)].0), ((80, 60), [255, 0, 0, 255]));
    for (path, says) in [
        ("image/upload/f_svg,w_20/logo", "f_svg of a drawing that is changed"),
        ("image/upload/f_svg/cat", "f_svg of a picture made of pixels"),
    ] {
        let refused = tenant.fetch(path).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.header("x-cld-error").contains(says), "{path}: {}", refused.header("x-cld-error"));
    }
}

#[tokio::test]
async fn an_animation_keeps_moving() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    let uploaded =
        tenant.upload(pictures::animated_gif(120, 90, 5)).file_name("a.gif").public_id("run").send().await.ok();
    assert_eq!((&uploaded["format"], &uploaded["pages"]), (&"gif".into(), &5.into()), "{uploaded}");
    let body = tenant.fetch("image/upload/c_scale,w_60/run.gif").await.delivered();
    let frames = GifDecoder::new(std::io::Cursor::new(&body)).expect("a GIF").into_frames().collect_frames();
    let frames = frames.expect("frames");
    assert_eq!((frames.len(), frames[0].buffer().dimensions()), (5, (60, 45)));
    let still = tenant.fetch("image/upload/c_scale,w_60/run.jpg").await.delivered();
    assert_eq!(pictures::decode(&still).dimensions(), (60, 45), "a format without animation gets the first frame");
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let (server, tenant, _) = with_cat().await;
    for path in ["image/upload/cat.jpg", "image/upload/c_scale,w_100/cat.jpg"] {
        let first = tenant.fetch(path).await;
        let etag = first.header("etag").to_owned();
        assert!(etag.len() > 10, "{path}: {etag}");
        let made = server.metric("safelight_makes_started_total", &[]).await;
        let again = tenant.fetch_with(path, &[("If-None-Match", &etag)]).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), etag, "{path}");
        assert!(!again.header("cache-control").is_empty(), "{path}");
        let other = tenant.fetch_with(path, &[("If-None-Match", "\"other\"")]).await;
        assert_eq!(other.status, 200, "{path}");
        assert!(other.body == first.body);
        assert_eq!(server.metric("safelight_makes_started_total", &[]).await, made, "{path}: made again");
    }
    // The tag of a rendition follows from its key: a fresh spelling is answered without making anything.
    let etag = tenant.fetch("image/upload/c_scale,w_100/cat.jpg").await.header("etag").to_owned();
    let made = server.metric("safelight_makes_started_total", &[]).await;
    let respelled = tenant.fetch_with("image/upload/w_100,c_scale/cat.jpg", &[("If-None-Match", &etag)]).await;
    assert_eq!(respelled.status, 304);
    assert_eq!(server.metric("safelight_makes_started_total", &[]).await, made);
}

#[tokio::test]
async fn ranges_are_cut_from_the_same_body() {
    let (_server, tenant, cat) = with_cat().await;
    let derived = tenant.fetch("image/upload/c_scale,w_200/cat.jpg").await.delivered();
    for (path, whole) in [("image/upload/cat.jpg", &cat), ("image/upload/c_scale,w_200/cat.jpg", &derived)] {
        let length = whole.len();
        let cases = [
            ("bytes=0-99".to_owned(), 0..100),
            ("bytes=100-".to_owned(), 100..length),
            ("bytes=-50".to_owned(), length - 50..length),
            (format!("bytes=10-{}", length * 2), 10..length),
        ];
        for (range, expected) in cases {
            let answer = tenant.fetch_with(path, &[("Range", &range)]).await;
            assert_eq!(answer.status, 206, "{path} {range}");
            let content_range = format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
            assert_eq!(answer.header("content-range"), content_range, "{path} {range}");
            assert!(answer.body == whole[expected], "{path} {range}");
        }
        let outside = tenant.fetch_with(path, &[("Range", &format!("bytes={length}-"))]).await;
        assert_eq!(outside.status, 416, "{path}");
        assert_eq!(outside.header("content-range"), format!("bytes */{length}"), "{path}");
        let stale = tenant.fetch_with(path, &[("Range", "bytes=0-9"), ("If-Range", "\"other\"")]).await;
        assert_eq!((stale.status, stale.body.len()), (200, length), "{path}: another body is sent whole");
    }
}

#[tokio::test]
async fn signed_addresses_are_checked() {
    let (_server, tenant, _) = with_cat().await;
    for (algorithm, length) in [(Algorithm::Sha1, 8), (Algorithm::Sha256, 8), (Algorithm::Sha256, 32)] {
        let path = signed("c_scale,w_40", "cat.jpg", &tenant.secret, algorithm, length);
        tenant.fetch(&format!("image/upload/{path}")).await.delivered();
        let foreign = signed("c_scale,w_40", "cat.jpg", "another secret", algorithm, length);
        let moved = path.replace("w_40", "w_41");
        for wrong in [foreign, moved] {
            let answer = tenant.fetch(&format!("image/upload/{wrong}")).await;
            assert_eq!(answer.status, 401, "{wrong}");
            assert!(!answer.header("x-cld-error").is_empty());
            assert!(answer.header("cache-control").contains("no-store"), "{}", answer.header("cache-control"));
        }
    }
    tenant.upload(pictures::small_jpeg(2)).parameter("type", "authenticated").public_id("secret").send().await.ok();
    let path = signed("", "secret.jpg", &tenant.secret, Algorithm::Sha1, 8);
    tenant.fetch(&format!("image/authenticated/{path}")).await.delivered();
    assert_eq!(tenant.fetch("image/authenticated/secret.jpg").await.status, 401);
    assert_eq!(tenant.fetch("image/upload/secret.jpg").await.status, 404, "it is not there under another type");
}

#[tokio::test]
async fn an_overwrite_shows_at_once_and_a_missing_asset_is_not_remembered() {
    let (_server, tenant, cat) = with_cat().await;
    let missing = tenant.fetch("image/upload/dog.jpg").await;
    assert_eq!((missing.status, missing.header("cache-control")), (404, "no-store"));
    let dog = pictures::small_jpeg(8);
    tenant.upload(dog.clone()).public_id("dog").send().await.ok();
    assert!(tenant.fetch("image/upload/dog.jpg").await.delivered() == dog);

    let small = tenant.fetch("image/upload/c_scale,w_50/cat.jpg").await;
    let first = tenant.get("resources/image/upload/cat").await.ok();
    tenant.upload(dog.clone()).public_id("cat").send().await.ok();
    let second = tenant.get("resources/image/upload/cat").await.ok();
    assert!(second["version"].as_i64() > first["version"].as_i64(), "{first} {second}");
    assert_eq!(second["asset_id"], first["asset_id"]);
    assert!(tenant.fetch("image/upload/cat.jpg").await.delivered() == dog && dog != cat);
    let again = tenant.fetch("image/upload/c_scale,w_50/cat.jpg").await;
    assert!(again.body != small.body && again.header("etag") != small.header("etag"));

    let kept = tenant.upload(cat).public_id("cat").parameter("overwrite", "0").send().await.ok();
    assert_eq!(kept["existing"], true, "{kept}");
    assert!(tenant.fetch("image/upload/cat.jpg").await.delivered() == dog);

    assert_eq!(tenant.destroy("cat").await.ok()["result"], "ok");
    let gone = tenant.fetch("image/upload/c_scale,w_50/cat.jpg").await;
    assert_eq!((gone.status, gone.header("cache-control")), (404, "no-store"));
    assert_eq!(tenant.destroy("cat").await.ok()["result"], "not found");
}

#[tokio::test]
async fn a_hundred_equal_requests_make_one_picture() {
    let (server, tenant, _) = with_cat().await;
    tenant.upload(pictures::jpeg(&pictures::photo(1600, 1200, 5))).public_id("large").send().await.ok();
    let before = tenant.settled_usage().await;
    let made = server.metric("safelight_makes_started_total", &[]).await;

    let path = "image/upload/c_fill,h_300,w_400/large.jpg";
    let answers = futures::future::join_all((0..100).map(|_| tenant.fetch(path))).await;
    let bodies: BTreeSet<Vec<u8>> = answers.into_iter().map(Answer::delivered).collect();
    assert_eq!(bodies.len(), 1, "all got the same bytes");

    assert_eq!(server.metric("safelight_makes_started_total", &[]).await, made + 1.0);
    let after = tenant.settled_usage().await;
    assert_eq!(after.transformations, before.transformations + 1);
    assert_eq!(after.derived_resources, before.derived_resources + 1);
    assert_eq!(after.requests, before.requests + 100);
    let length = bodies.first().expect("a body").len() as i64;
    assert_eq!(after.bandwidth, before.bandwidth + 100 * length);
    assert_eq!(after.storage, before.storage + length);
}

#[tokio::test]
async fn the_ledger_holds_exactly_what_was_done() {
    let (server, tenant, cat) = with_cat().await;
    let uploaded = tenant.settled_usage().await;
    let size = cat.len() as i64;
    let expected = [
        ("transformations", 1),
        ("bandwidth", 0),
        ("storage", size),
        ("requests", 0),
        ("resources", 1),
        ("derived_resources", 0),
    ];
    assert_eq!(uploaded.counts(), expected, "one upload");

    // One derived asset under two spellings, fetched five times; the original twice, once in part; one 304 without a body.
    let mut left = 0;
    for path in ["c_scale,w_90/cat.jpg", "w_90,c_scale/cat.jpg", "c_scale,w_90/cat.jpg", "c_scale,w_90/v1/cat.jpg"] {
        left += tenant.fetch(&format!("image/upload/{path}")).await.delivered().len();
    }
    let answer = tenant.fetch("image/upload/c_scale,w_90/cat.jpg").await;
    let (etag, derived) = (answer.header("etag").to_owned(), answer.body.len() as i64);
    left += answer.delivered().len();
    left += tenant.fetch("image/upload/cat.jpg").await.delivered().len();
    left += tenant.fetch_with("image/upload/cat.jpg", &[("Range", "bytes=0-99")]).await.body.len();
    let not_modified = tenant.fetch_with("image/upload/c_scale,w_90/cat.jpg", &[("If-None-Match", &etag)]).await;
    assert_eq!(not_modified.status, 304);
    tenant.fetch("image/upload/nothing.jpg").await;
    tenant.fetch("image/upload/c_banana/cat.jpg").await;

    let usage = tenant.settled_usage().await;
    assert_eq!(usage.transformations, 2, "one upload and one derived asset however it is spelled: {usage:?}");
    assert_eq!(usage.bandwidth, left as i64, "{usage:?}");
    assert_eq!(usage.storage, size + derived, "{usage:?}");
    assert_eq!(usage.requests, 8, "answered from an asset, with or without a body: {usage:?}");
    assert_eq!((usage.resources, usage.derived_resources), (1, 1), "{usage:?}");
    assert_eq!(server.metric("safelight_unspent_tickets_total", &[]).await, 0.0);

    assert_eq!(tenant.destroy("cat").await.ok()["result"], "ok");
    let usage = tenant.settled_usage().await;
    assert_eq!((usage.transformations, usage.storage), (2, 0), "work stays counted, storage ends: {usage:?}");
    assert_eq!((usage.resources, usage.derived_resources), (0, 0), "{usage:?}");
}

#[tokio::test]
async fn the_account_sees_the_same_sums() {
    let (server, tenant, _) = with_cat().await;
    // Six transformations are the hundredth of a credit, the least that is shown.
    for width in 61..66 {
        tenant.fetch(&format!("image/upload/c_scale,w_{width}/cat.jpg")).await.delivered();
    }
    assert_eq!(tenant.settled_usage().await.transformations, 6);
    let usage = tenant.get("usage").await.ok();
    assert_eq!(usage["credits"]["usage"], 0.01, "{usage}");
    let ready = &server.ready;
    let account =
        Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
    let billing = account.call(Method::GET, "billing_usage?include_prodenv_breakdown=true", None).await.ok();
    let cycle = &billing[0]["metric_usage"][0]["cycles"][0];
    assert_eq!(cycle["usage"], 0.01, "{billing}");
    assert_eq!(cycle["breakdown"]["transformations_image"], 0.01, "{billing}");
    let environment = &cycle["product_environment_breakdown"][0];
    assert_eq!((&environment["cloud_name"], &environment["transformations_image"]), (&"demo".into(), &0.01.into()));
}

#[tokio::test]
async fn a_person_is_shown_what_is_wrong_and_a_picture_is_not() {
    let server = Dev::start().await;
    let tenant = server.tenant();
    tenant.upload(pictures::small_jpeg(1)).public_id("cat").send().await.ok();
    let path = "image/upload/w_20/c_fil,g_center/v1/cat.jpg";
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
    let page = tenant.fetch_with(path, &[("Accept", browser)]).await;
    assert_eq!((page.status, page.header("content-type")), (400, "text/html; charset=utf-8"));
    assert!(page.text().contains("w_20/<mark>c_fil</mark>,g_center"), "{}", page.text());
    assert!(page.text().contains("Did you mean c_fill?") && page.header("x-cld-error").contains("c_fill"));
    assert!(page.header("vary").contains("Accept"));
    let picture = tenant.fetch_with(path, &[("Accept", "image/avif,image/webp,*/*;q=0.8")]).await;
    assert_eq!((picture.status, picture.text().as_str()), (400, ""));
    let missing = tenant.fetch_with("image/upload/%3Cscript%3E.jpg", &[("Accept", browser)]).await;
    assert_eq!(missing.status, 404);
    assert!(!missing.text().contains("<script"), "{}", missing.text());
}
