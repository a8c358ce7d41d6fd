//! Named transformations, and the record of what was made and delivered by every other.

use std::time::Duration;

use reqwest::Method;
use safelight_tests::{
    harness::{
        client::{Answer, Tenant},
        eventually, pictures,
    },
    on_both_databases,
};
use serde_json::{Value, json};

/// How long something that nobody waits for may take.
const LIMIT: Duration = Duration::from_secs(20);

on_both_databases!(
    a_name_stands_for_what_is_stored_under_it,
    what_a_name_stands_for_changes_at_once_and_nothing_old_is_kept,
    a_transformation_that_goes_takes_what_was_made_by_it_along,
    uploads_and_presets_use_names,
    a_name_hides_nothing_and_opens_nothing,
    every_transformation_is_recorded_and_counted,
    derived_assets_of_one_format_go_alone,
    a_chain_follows_what_is_said_of_its_asset,
    what_makes_no_sense_is_named,
);

async fn create(tenant: &Tenant, name: &str, definition: &str) -> Answer {
    tenant.send(Method::POST, "transformations", json!({"name": name, "transformation": definition})).await
}

async fn named(tenant: &Tenant, text: &str) -> Answer {
    tenant.get(&format!("transformations?transformation={text}")).await
}

async fn listed(tenant: &Tenant, query: &str) -> Vec<String> {
    let page = tenant.get(&format!("transformations?max_results=500{query}")).await.ok();
    let all = page["transformations"].as_array().expect("a list").iter();
    all.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

async fn delivered_size(tenant: &Tenant, path: &str) -> (u32, u32) {
    let picture = pictures::decode(&tenant.fetch(path).await.delivered());
    (picture.width(), picture.height())
}

/// How many derived assets an asset has.
async fn derived_count(tenant: &Tenant, public_id: &str) -> usize {
    let detail = tenant.get(&format!("resources/image/upload/{public_id}")).await.ok();
    detail["derived"].as_array().expect("a list").len()
}

async fn derived_resources(tenant: &Tenant) -> i64 {
    tenant.settled_usage().await.derived_resources
}

async fn a_name_stands_for_what_is_stored_under_it(tenant: Tenant) {
    let photo = pictures::jpeg(&pictures::photo(640, 480, 1));
    tenant.upload(photo).public_id("tom").send().await.ok();
    let unknown = tenant.fetch("image/upload/t_small/tom.jpg").await;
    assert_eq!((unknown.status, unknown.header("x-cld-error")), (400, "Unknown transformation small"));

    assert_eq!(create(&tenant, "small", "c_fill,h_30,w_40").await.ok(), json!({"message": "created"}));
    let again = create(&tenant, "t_small", "w_9").await;
    assert_eq!((again.status, again.message().as_str()), (409, "Transformation small already exists"));
    let detail = named(&tenant, "small").await.ok();
    let expected = json!({
        "name": "t_small", "allowed_for_strict": true, "used": false, "named": true, "deliveries": 0,
        "info": [{"crop": "fill", "height": 30, "width": 40}], "derived": [],
    });
    assert_eq!(detail, expected);
    assert_eq!(tenant.get("transformations/t_small").await.ok(), expected);

    // The node that stores a name has forgotten that there was none.
    assert_eq!(delivered_size(&tenant, "image/upload/t_small/tom.jpg").await, (40, 30));
    let before = derived_resources(&tenant).await;
    // It is what is written out, and counted once with it.
    assert_eq!(delivered_size(&tenant, "image/upload/w_40,h_30,c_fill/tom.jpg").await, (40, 30));
    assert_eq!(delivered_size(&tenant, "image/upload/t_small/tom").await, (40, 30));
    assert_eq!(derived_resources(&tenant).await, before);

    // Names lie in names, share a component, and stand among others.
    create(&tenant, "grey small", "t_small/e_grayscale/png").await.ok();
    let grey = tenant.fetch("image/upload/t_grey%20small/tom.jpg").await.delivered();
    assert_eq!(pictures::format(&grey), "png");
    assert_eq!(delivered_size(&tenant, "image/upload/a_90,t_small/tom.jpg").await, (30, 40));
    assert_eq!(delivered_size(&tenant, "image/upload/w_300/t_small/w_20/tom.jpg").await, (20, 15));
    assert_eq!(delivered_size(&tenant, "image/upload/t_small/f_auto,q_auto/tom.jpg").await, (40, 30));
    assert_eq!(listed(&tenant, "&named=true").await, ["t_grey small", "t_small"]);
    assert_eq!(
        named(&tenant, "grey%20small").await.ok()["info"],
        json!([
        {"transformation": "small"}, {"effect": "grayscale"}, {"format": "png"}])
    );
    // Each spelling of a name is found as made by it.
    let made = named(&tenant, "t_grey%20small").await.ok();
    assert_eq!(made["derived"].as_array().map(Vec::len), Some(1), "{made}");
    assert_eq!(made["derived"][0]["public_id"], "tom");
}

async fn what_a_name_stands_for_changes_at_once_and_nothing_old_is_kept(tenant: Tenant) {
    for number in 0..3 {
        tenant.upload(pictures::small_jpeg(number)).public_id(&format!("cat{number}")).send().await.ok();
    }
    create(&tenant, "thumb", "w_16").await.ok();
    for number in 0..3 {
        assert_eq!(delivered_size(&tenant, &format!("image/upload/t_thumb/cat{number}.jpg")).await.0, 16);
    }
    // Written out, one of them is made, too: it stays.
    assert_eq!(delivered_size(&tenant, "image/upload/w_16/cat0.jpg").await.0, 16);
    let update = json!({"transformation": "thumb", "unsafe_update": "w_8"});
    assert_eq!(tenant.send(Method::PUT, "transformations", update).await.ok(), json!({"message": "updated"}));
    for number in 0..3 {
        assert_eq!(delivered_size(&tenant, &format!("image/upload/t_thumb/cat{number}.jpg")).await.0, 8);
    }
    eventually("what the name stood for before is gone", LIMIT, async || {
        let (first, second) = (derived_count(&tenant, "cat0").await, derived_count(&tenant, "cat1").await);
        ((first, second) == (2, 1)).then_some(())
    })
    .await;
    assert_eq!(named(&tenant, "thumb").await.ok()["info"], json!([{"width": 8}]));
    // So is what other addresses made that mention it, directly or by another name; what only looks like it stays.
    create(&tenant, "outer", "t_thumb/e_grayscale").await.ok();
    create(&tenant, "thumbs", "w_9").await.ok();
    for path in ["t_thumb/f_auto", "a_90,t_thumb", "t_outer", "t_outer/w_4", "t_thumbs", "w_11"] {
        tenant.fetch(&format!("image/upload/{path}/cat2.jpg")).await.delivered();
    }
    assert_eq!(derived_count(&tenant, "cat2").await, 7);
    tenant.send(Method::PUT, "transformations/thumb", json!({"unsafe_update": "w_7"})).await.ok();
    eventually("what mentions the name is gone", LIMIT, async || {
        (derived_count(&tenant, "cat2").await == 2).then_some(())
    })
    .await;
    tenant.send(Method::PUT, "transformations/thumb", json!({"unsafe_update": "w_8"})).await.ok();
    for number in 0..3 {
        assert_eq!(delivered_size(&tenant, &format!("image/upload/t_thumb/cat{number}.jpg")).await.0, 8);
    }
    eventually("nothing is under way", LIMIT, async || {
        (tenant.get("jobs").await.ok()["jobs"] == json!([])).then_some(())
    })
    .await;
    // What is said again changes nothing and takes nothing away.
    tenant
        .send(Method::PUT, "transformations/thumb", json!({"unsafe_update": "w_8", "allowed_for_strict": false}))
        .await
        .ok();
    assert_eq!(tenant.get("jobs").await.ok()["jobs"], json!([]));
    let detail = named(&tenant, "thumb").await.ok();
    assert_eq!((&detail["allowed_for_strict"], &detail["used"]), (&json!(false), &json!(true)));
    assert_eq!(detail["derived"].as_array().map(Vec::len), Some(3));
}

async fn a_transformation_that_goes_takes_what_was_made_by_it_along(tenant: Tenant) {
    tenant.upload(pictures::small_jpeg(1)).public_id("cat").send().await.ok();
    create(&tenant, "thumb", "w_16").await.ok();
    tenant.fetch("image/upload/t_thumb/cat.jpg").await.delivered();
    tenant.fetch("image/upload/w_12/cat.jpg").await.delivered();
    let before = tenant.settled_usage().await;
    let gone = tenant.admin(Method::DELETE, "transformations?transformation=t_thumb").await.ok();
    assert_eq!(gone, json!({"message": "deleted"}));
    assert_eq!(tenant.fetch("image/upload/t_thumb/cat.jpg").await.status, 400);
    assert_eq!(named(&tenant, "thumb").await.status, 404);
    assert_eq!(tenant.admin(Method::DELETE, "transformations/thumb").await.status, 404);
    // Its neighbours stay: another format of it, and what is longer.
    tenant.fetch("image/upload/w_12/cat.png").await.delivered();
    tenant.fetch("image/upload/w_12/e_grayscale/cat.jpg").await.delivered();
    assert_eq!(named(&tenant, "w_12").await.ok()["derived"].as_array().map(Vec::len), Some(1));
    assert_eq!(tenant.admin(Method::DELETE, "transformations/w_12").await.ok(), json!({"message": "deleted"}));
    eventually("one is gone", LIMIT, async || (derived_count(&tenant, "cat").await == 2).then_some(())).await;
    for rest in ["w_12%2Fpng", "w_12/e_grayscale"] {
        tenant.admin(Method::DELETE, &format!("transformations/{rest}")).await.ok();
    }
    eventually("what was made is gone", LIMIT, async || (derived_count(&tenant, "cat").await == 0).then_some(())).await;
    let after = tenant.settled_usage().await;
    assert!(after.storage < before.storage, "{} {}", after.storage, before.storage);
    assert_eq!(listed(&tenant, "").await, [] as [&str; 0]);
    // It is made anew when it is asked for, and recorded anew.
    tenant.fetch("image/upload/w_12/cat.jpg").await.delivered();
    assert_eq!(listed(&tenant, "").await, ["w_12"]);
}

async fn uploads_and_presets_use_names(tenant: Tenant) {
    create(&tenant, "small", "w_16/png").await.ok();
    let upload =
        tenant.upload(pictures::small_jpeg(1)).public_id("eager").parameter("eager", "t_small|t_small/e_grayscale");
    let stored = upload.send().await.ok();
    assert_eq!((&stored["eager"][0]["width"], &stored["eager"][0]["format"]), (&json!(16), &json!("png")), "{stored}");
    assert_eq!(listed(&tenant, "").await, ["t_small", "t_small/e_grayscale"]);
    assert_eq!(named(&tenant, "small").await.ok()["used"], true);
    // What was made ahead is what is delivered.
    let before = derived_resources(&tenant).await;
    tenant.fetch("image/upload/t_small/eager.jpg").await.delivered();
    assert_eq!(derived_resources(&tenant).await, before);

    let incoming = tenant.upload(pictures::small_jpeg(2)).public_id("incoming").parameter("transformation", "t_small");
    let stored = incoming.send().await.ok();
    assert_eq!((&stored["width"], &stored["format"]), (&json!(16), &json!("png")), "{stored}");
    let unknown = tenant.upload(pictures::small_jpeg(3)).public_id("none").parameter("eager", "t_nobody").send().await;
    assert_eq!((unknown.status, unknown.message().as_str()), (400, "Unknown transformation nobody"));
    assert_eq!(tenant.get("resources/image/upload/none").await.status, 404);

    let preset = json!({"name": "p", "eager": "t_small"});
    tenant.send(Method::POST, "upload_presets", preset).await.ok();
    let stored = tenant.upload(pictures::small_jpeg(4)).parameter("upload_preset", "p").send().await.ok();
    assert_eq!(stored["eager"][0]["transformation"], "t_small");
}

async fn a_name_hides_nothing_and_opens_nothing(tenant: Tenant) {
    // No more than how the file is handed over: it is the original, which a private asset gives nobody without a signature.
    create(&tenant, "dl", "fl_attachment").await.ok();
    create(&tenant, "small", "w_16").await.ok();
    tenant.upload(pictures::small_jpeg(1)).public_id("mine").parameter("type", "private").send().await.ok();
    tenant.upload(pictures::small_jpeg(1)).public_id("open").file_name("open.jpg").send().await.ok();
    assert_eq!(tenant.fetch("image/private/t_dl/mine.jpg").await.status, 401);
    assert_eq!(tenant.fetch("image/private/t_small/mine.jpg").await.status, 200);
    let handed = tenant.fetch("image/upload/t_dl/open.jpg").await;
    assert_eq!((handed.status, handed.header("content-disposition")), (200, "attachment; filename=\"open.jpg\""));
    // A raw file has no transformations, whatever a name stands for.
    tenant.upload(b"text".to_vec()).action("raw/upload").public_id("notes.txt").send().await.ok();
    assert_eq!(tenant.fetch("raw/upload/t_dl/v1/notes.txt").await.status, 400);
    // Whether there is a name is nobody's business who may not have what it would make.
    tenant.upload(pictures::small_jpeg(1)).public_id("closed").parameter("type", "authenticated").send().await.ok();
    for name in ["small", "nobody"] {
        assert_eq!(tenant.fetch(&format!("image/authenticated/t_{name}/closed.jpg")).await.status, 401, "{name}");
        assert_eq!(tenant.fetch(&format!("image/upload/s--abcdefgh--/t_{name}/open.jpg")).await.status, 401, "{name}");
    }
    // What it stands for may change, so no cache is told that it never does.
    let versioned = tenant.fetch("image/upload/t_small/v1700000000/open.jpg").await;
    assert!(!versioned.header("cache-control").contains("immutable"), "{}", versioned.header("cache-control"));
    let written = tenant.fetch("image/upload/w_16/v1700000000/open.jpg").await;
    assert!(written.header("cache-control").contains("immutable"), "{}", written.header("cache-control"));
}

async fn every_transformation_is_recorded_and_counted(tenant: Tenant) {
    tenant.upload(pictures::jpeg(&pictures::photo(64, 48, 1))).public_id("cat").send().await.ok();
    create(&tenant, "small", "w_16").await.ok();
    // Nothing was made by who only says that what he has is current.
    let idle = tenant.fetch_with("image/upload/w_19/cat.jpg", &[("if-none-match", "*")]).await;
    assert_eq!(idle.status, 304);
    for path in ["w_20/cat.jpg", "w_20/cat", "w_20/cat.jpeg", "w_20/cat.png", "cat.png", "cat.jpg", "t_small/cat.jpg"] {
        tenant.fetch(&format!("image/upload/{path}")).await.delivered();
    }
    let current = tenant.fetch("image/upload/w_20/cat.jpg").await;
    let etag = current.header("etag").to_owned();
    assert_eq!(tenant.fetch_with("image/upload/w_20/cat.jpg", &[("if-none-match", &etag)]).await.status, 304);
    assert_eq!(tenant.fetch("image/upload/w_21/nobody.jpg").await.status, 404);
    let page = tenant.get("transformations?max_results=500").await.ok();
    let all = page["transformations"].as_array().expect("a list").iter();
    let counts: Vec<Value> =
        all.map(|one| json!([one["name"], one["named"], one["used"], one["deliveries"]])).collect();
    assert_eq!(
        json!(counts),
        json!([
            ["/png", false, true, 1],
            ["t_small", true, true, 1],
            ["w_20", false, true, 5],
            ["w_20/png", false, true, 1]
        ])
    );
    let detail = named(&tenant, "w_20/png").await.ok();
    assert_eq!(
        (&detail["info"], &detail["derived"][0]["format"]),
        (&json!([{"width": 20}, {"format": "png"}]), &json!("png"))
    );
    assert!(detail["last_used_at"].is_string(), "{detail}");
    assert_eq!(named(&tenant, "w_20").await.ok()["derived"].as_array().map(Vec::len), Some(3));

    // In pages, and those without a name alone.
    let first = tenant.get("transformations?max_results=3").await.ok();
    let cursor = first["next_cursor"].as_str().expect("there is more");
    let second = tenant.get(&format!("transformations?max_results=3&next_cursor={cursor}")).await.ok();
    assert_eq!(second["transformations"][0]["name"], "w_20/png");
    assert_eq!(second["next_cursor"], Value::Null);
    let other = tenant.get(&format!("transformations?named=true&next_cursor={cursor}")).await;
    assert_eq!(other.status, 400);
    assert_eq!(listed(&tenant, "&named=false").await, ["/png", "w_20", "w_20/png"]);

    // What nobody has asked for can be allowed ahead.
    let allow = json!({"transformation": "w_33/jpeg", "allowed_for_strict": true});
    tenant.send(Method::PUT, "transformations", allow).await.ok();
    let ahead = named(&tenant, "w_33/jpg").await.ok();
    assert_eq!((&ahead["allowed_for_strict"], &ahead["used"]), (&json!(true), &json!(false)), "{ahead}");
    assert_eq!(ahead["last_used_at"], Value::Null);
}

async fn derived_assets_of_one_format_go_alone(tenant: Tenant) {
    tenant.upload(pictures::small_jpeg(1)).public_id("cat").send().await.ok();
    for path in ["w_20/cat.jpg", "w_20/cat.png", "w_21/cat.jpg"] {
        tenant.fetch(&format!("image/upload/{path}")).await.delivered();
    }
    let path = "resources/image/upload?public_ids[]=cat&keep_original=true&transformations=w_20/png";
    tenant.admin(Method::DELETE, path).await.ok();
    assert_eq!(derived_count(&tenant, "cat").await, 2);
    tenant
        .admin(Method::DELETE, "resources/image/upload?public_ids[]=cat&keep_original=true&transformations=")
        .await
        .ok();
    assert_eq!(derived_count(&tenant, "cat").await, 2);
}

async fn what_makes_no_sense_is_named(tenant: Tenant) {
    create(&tenant, "small", "w_16").await.ok();
    create(&tenant, "other", "t_small").await.ok();
    let long = format!("w_10/{}", "e_grayscale/".repeat(200));
    let longer = "e_grayscale/".repeat(10_000);
    let longest = format!("l_text:Arial_20:{}", "a".repeat(1 << 20));
    for (name, definition, part) in [
        ("", "w_10", "name"),
        ("a/b", "w_10", "name"),
        ("a.b", "w_10", "name"),
        ("a\nb", "w_10", "name"),
        (&"n".repeat(256), "w_10", "name"),
        ("x", "", "transformation"),
        ("x", "hello", "hello"),
        ("x", "w_many", "many"),
        ("x", "l_cat", "l_cat"),
        ("x", "w_10/mp4", "mp4"),
        ("x", "w_10/heic", "heic"),
        ("x", "w_10/f_auto", "t_x/f_auto"),
        ("x", "t_small,dpr_auto", "dpr_auto"),
        ("x", "t_x", "itself"),
        ("x", "t_nobody", "nobody"),
        ("x", &long, "longer"),
        ("x", &longer, "longer"),
        ("x", &longest, "longer"),
    ] {
        let refused = create(&tenant, name, definition).await;
        assert_eq!(refused.status, 400, "{name} {definition}: {}", refused.text());
        assert!(refused.message().contains(part), "{name} {definition}: {}", refused.message());
    }
    assert_eq!(listed(&tenant, "").await, ["t_other", "t_small"]);
    for (body, status, part) in [
        (json!({"transformation": "small"}), 400, "allowed_for_strict"),
        (json!({"transformation": "nobody", "allowed_for_strict": true}), 404, "nobody"),
        (json!({"transformation": "nobody", "unsafe_update": "w_1"}), 404, "nobody"),
        (json!({"transformation": "t_nobody", "allowed_for_strict": true}), 404, "nobody"),
        (json!({"transformation": "small", "unsafe_update": "t_small"}), 400, "itself"),
        (json!({"transformation": "small", "allowed_for_strict": "perhaps"}), 400, "allowed_for_strict"),
        (json!({"allowed_for_strict": true}), 400, "transformation"),
    ] {
        let refused = tenant.send(Method::PUT, "transformations", body.clone()).await;
        assert_eq!(refused.status, status, "{body}: {}", refused.text());
        assert!(refused.message().contains(part), "{body}: {}", refused.message());
    }
    // A circle over two names is found when it is asked for.
    tenant.send(Method::PUT, "transformations/small", json!({"unsafe_update": "t_other"})).await.ok();
    tenant.upload(pictures::small_jpeg(1)).public_id("cat").send().await.ok();
    let round = tenant.fetch("image/upload/t_small/cat.jpg").await;
    assert_eq!(
        (round.status, round.header("x-cld-error")),
        (400, "Invalid transformation small: it stands for itself")
    );
    for text in ["a%00b", "t_%00"] {
        assert_eq!(tenant.get(&format!("transformations/{text}")).await.status, 404, "{text}");
        assert_eq!(tenant.admin(Method::DELETE, &format!("transformations/{text}")).await.status, 404, "{text}");
    }
    // A name that reads like a transformation hides none.
    create(&tenant, "w_46", "w_5").await.ok();
    tenant.fetch("image/upload/w_46/cat.jpg").await.delivered();
    assert_eq!(named(&tenant, "w_46").await.ok()["named"], false);
    assert_eq!(named(&tenant, "t_w_46").await.ok()["named"], true);
    for query in ["named=perhaps", "max_results=0", "next_cursor=zzz"] {
        assert_eq!(tenant.get(&format!("transformations?{query}")).await.status, 400, "{query}");
    }
    let unnamed = json!({"transformation": "w_44", "allowed_for_strict": true});
    tenant.send(Method::PUT, "transformations", unnamed).await.ok();
    let refused = tenant.send(Method::PUT, "transformations/w_44", json!({"unsafe_update": "w_45"})).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.message().contains("only what a name stands for"), "{}", refused.message());
}

async fn a_chain_follows_what_is_said_of_its_asset(tenant: Tenant) {
    let upload = tenant.upload(pictures::small_jpeg(1)).public_id("sale").parameter("tags", "sale,new");
    let upload = upload.parameter("context", "wide=120").parameter("face_coordinates", "100,50,80,60");
    upload.parameter("eager", "if_!sale!_in_tags/w_30/if_end").send().await.ok();
    let width = async |chain: &str| {
        let picture = tenant.fetch(&format!("image/upload/{chain}/sale.png")).await.delivered();
        pictures::decode(&picture).width()
    };
    let on_sale = "if_!sale:new!_in_tags,c_scale,w_40/if_else,c_scale,w_50";
    assert_eq!(width(on_sale).await, 40);
    assert_eq!(width("$wide_ctx:!wide!/c_scale,w_$wide").await, 120);
    assert_eq!(width("if_fc_eq_1/c_crop,g_face/if_end").await, 80);
    assert_eq!(width("$n_iw_div_4/c_scale,w_$n").await, 80);
    // What was made early was made by what the call said.
    let details = tenant.get("resources/image/upload/sale").await.ok();
    assert_eq!(details["derived"].as_array().map(Vec::len), Some(5), "{}", details["derived"]);

    tenant
        .signed("image/tags")
        .parameter("command", "remove")
        .parameter("tag", "new")
        .parameter("public_ids", "sale")
        .send()
        .await
        .ok();
    tenant
        .send(Method::POST, "resources/image/upload/sale", json!({"context": "wide=60", "face_coordinates": ""}))
        .await
        .ok();
    assert_eq!(width(on_sale).await, 50);
    assert_eq!(width("$wide_ctx:!wide!/c_scale,w_$wide").await, 60);
    assert_eq!(width("if_fc_eq_1/c_crop,g_face/if_end").await, 320);

    for (chain, part) in [
        ("c_scale,w_$none", "$none is not set"),
        ("w_40/c_fil,w_20", "(component 2, item 1). Did you mean c_fill?"),
        ("if_end/w_20", "if_end ends no condition (component 1)"),
        ("l_logo/fl_layer_apply", "l_logo is not built yet"),
    ] {
        let refused = tenant.fetch(&format!("image/upload/{chain}/sale.png")).await;
        assert!(refused.header("x-cld-error").contains(part), "{chain}: {}", refused.header("x-cld-error"));
        assert_eq!(refused.status, 400, "{chain}");
    }
}
