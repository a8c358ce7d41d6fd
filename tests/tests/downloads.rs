//! Private download links: an address that a key signed hands an asset over until it expires.

use chrono::Utc;
use reqwest::Method;
use safelight_tests::harness::{
    client::{Account, Tenant},
    pictures,
    server::Dev,
};
use serde_json::json;

async fn server() -> Dev {
    Dev::start_with(&["--seed", "none"], &[]).await
}

#[tokio::test]
async fn a_link_hands_over_what_nobody_else_gets() {
    let server = server().await;
    let tenant = server.tenant();
    let photo = pictures::jpeg(&pictures::photo(300, 200, 1));
    let upload = tenant.upload(photo.clone()).public_id("cats/tom").parameter("type", "authenticated");
    let stored = upload.send().await.ok();
    let link = || tenant.signed("image/download").public_id("cats/tom").parameter("type", "authenticated");
    let original = link().get().await;
    assert_eq!((original.status, original.body == photo), (200, true), "{}", original.text());
    assert_eq!(original.header("content-type"), "image/jpeg");
    assert!(!original.header("cache-control").contains("public"), "{}", original.header("cache-control"));
    let png = link().parameter("format", "png").parameter("transformation", "c_fit,w_60").get().await;
    let picture = pictures::decode(&png.body);
    assert_eq!((pictures::format(&png.body), picture.width(), picture.height()), ("png", 60, 40));
    let file = link().parameter("attachment", "true").parameter("target_filename", "my cat.jpg").get().await;
    let disposition = file.header("content-disposition");
    assert!(disposition.starts_with("attachment") && disposition.contains("my cat.jpg"), "{disposition}");
    let by_id = tenant.signed("asset/download").parameter("asset_id", stored["asset_id"].as_str().expect("an id"));
    assert!(by_id.get().await.body == photo);
    tenant.upload(b"text".to_vec()).action("raw/upload").public_id("note.txt").send().await.ok();
    assert_eq!(tenant.signed("raw/download").public_id("note.txt").get().await.body, b"text");
    // Counted like deliveries: three originals of the picture, one derived, one text.
    let usage = tenant.settled_usage().await;
    assert_eq!((usage.requests, usage.transformations), (5, 2), "{usage:?}");
    assert_eq!(usage.bandwidth, (3 * photo.len() + png.body.len() + 4) as i64);
}

#[tokio::test]
async fn a_link_ends_and_says_what_is_wrong_with_it() {
    let server = server().await;
    let tenant = server.tenant();
    tenant.upload(pictures::small_jpeg(1)).public_id("cat").parameter("type", "private").send().await.ok();
    let now = Utc::now().timestamp();
    let link = || tenant.signed("image/download").public_id("cat").parameter("type", "private");
    // An old link is good until it says that it ends; without a word of that, for an hour.
    assert_eq!(
        link().parameter("expires_at", &(now + 60).to_string()).signed_at(now - 100_000).get().await.status,
        200
    );
    for (link, status, part) in [
        (link().parameter("expires_at", &(now - 1).to_string()), 400, "expired"),
        (link().signed_at(now - 100_000), 400, "Stale request"),
        (link().credentials(&tenant.key, &now.to_string(), &"0".repeat(40)), 401, "Invalid Signature"),
        (link().credentials("1", &now.to_string(), &"0".repeat(40)), 401, "Unknown API key"),
        (link().anonymous(), 401, "Must supply"),
        (tenant.signed("image/download").public_id("cat"), 404, "Resource not found - cat"),
        (tenant.signed("asset/download").parameter("asset_id", "x"), 404, "Resource not found - x"),
        (tenant.signed("image/download"), 400, "public_id"),
        (link().parameter("format", "mp4"), 400, "format"),
        (link().parameter("transformation", "w_many"), 400, "width"),
        (link().parameter("target_filename", "a/b"), 400, "target_filename"),
        (link().parameter("expires_at", "soon"), 400, "expires_at"),
    ] {
        let refused = link.get().await;
        assert!(
            refused.status == status && refused.message().contains(part),
            "{part}: {} {}",
            refused.status,
            refused.text()
        );
    }
    assert_eq!(tenant.settled_usage().await.requests, 1);
}

#[tokio::test]
async fn a_key_of_one_folder_makes_no_links_into_others() {
    let server = server().await;
    let tenant = server.tenant();
    for (name, folder) in [("mine", "a"), ("other", "b")] {
        tenant.upload(pictures::small_jpeg(1)).public_id(name).parameter("asset_folder", folder).send().await.ok();
    }
    let ready = &server.ready;
    let account =
        Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
    let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
    let keys = format!("sub_accounts/{}/access_keys", environments["sub_accounts"][0]["id"].as_str().expect("an id"));
    let made = account.call(Method::POST, &keys, Some(json!({"name": "bound"}))).await.ok();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    let rules = json!({"rules": ["GET /:resource_type/download in a"]});
    account.call(Method::PUT, &format!("{keys}/{}/permissions", text("api_key")), Some(rules)).await.ok();
    let bound: Tenant = tenant.with_key(&text("api_key"), &text("api_secret"));
    assert_eq!(bound.signed("image/download").public_id("mine").get().await.status, 200);
    // An image whose name ends like that of another in another format is itself.
    let named_alike = tenant.upload(pictures::alpha_png(8, 8)).public_id("other.png").parameter("asset_folder", "a");
    let named_alike = named_alike.send().await.ok();
    let got = bound.signed("image/download").public_id("other.png").get().await;
    assert_eq!((got.status, got.body.len() as u64), (200, named_alike["bytes"].as_u64().expect("a size")));
    let refused = bound.signed("image/download").public_id("other").get().await;
    assert_eq!(refused.status, 401, "{}", refused.text());
}
