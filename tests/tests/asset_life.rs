//! What becomes of assets after their upload: tags, context, other names, updates, and their end; on both databases.

use reqwest::Method;
use safelight_tests::{
    harness::{
        client::{Answer, Tenant},
        pictures,
    },
    on_both_databases,
};
use serde_json::{Value, json};

on_both_databases!(
    tags_are_added_removed_and_found,
    context_is_merged_and_found,
    an_asset_is_renamed,
    an_asset_is_updated,
    upload_parameters_are_applied_to_what_is_there,
    a_token_takes_away_what_was_just_uploaded,
    assets_that_belong_together_are_related_both_ways,
    an_asset_is_destroyed_by_its_id,
    people_look_at_what_waits_for_them,
    people_mark_what_is_in_a_picture,
    what_is_replaced_stays_where_it_is,
    assets_are_deleted_in_bulk,
    what_was_derived_is_deleted_and_counted_anew,
    listings_go_on_where_they_stopped,
    changes_and_ends_at_once_do_not_wait_for_each_other,
    mistakes_are_named,
);

async fn put(tenant: &Tenant, public_id: &str, parameters: &[(&str, &str)]) -> Value {
    let mut upload = tenant.upload(pictures::small_jpeg(1)).public_id(public_id);
    for (name, value) in parameters {
        upload = upload.parameter(name, value);
    }
    upload.send().await.ok()
}

/// A signed command whose lists are sent as the official clients send them.
async fn command(tenant: &Tenant, action: &str, public_ids: &[&str], parameters: &[(&str, &str)]) -> Answer {
    let mut call = tenant.signed(action).parameter("public_ids", &public_ids.join(","));
    for (name, value) in parameters {
        call = call.parameter(name, value);
    }
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in call.fields() {
        form = match name.as_str() {
            "public_ids" => public_ids.iter().fold(form, |form, id| form.text("public_ids[]", (*id).to_owned())),
            _ => form.text(name, value),
        };
    }
    Answer::to(tenant.http().post(tenant.api_url(action)).multipart(form)).await.expect("the server answers")
}

async fn tags_of(tenant: &Tenant, public_id: &str) -> Value {
    tenant.get(&format!("resources/image/upload/{public_id}")).await.ok()["tags"].clone()
}

fn ids(listing: &Value) -> Vec<&str> {
    let resources = listing["resources"].as_array().expect("a list of resources");
    resources.iter().map(|one| one["public_id"].as_str().expect("a public id")).collect()
}

async fn tags_are_added_removed_and_found(tenant: Tenant) {
    put(&tenant, "a", &[("tags", "pet, cat")]).await;
    put(&tenant, "b", &[]).await;
    put(&tenant, "c", &[("tags", "dog")]).await;
    assert_eq!(tags_of(&tenant, "a").await, json!(["cat", "pet"]));
    let added = command(&tenant, "image/tags", &["b", "nobody", "a"], &[("command", "add"), ("tag", "zoo,cat")]).await;
    assert_eq!(added.ok(), json!({"public_ids": ["b", "a"]}), "unknown ids are left out");
    assert_eq!(tags_of(&tenant, "a").await, json!(["cat", "pet", "zoo"]));
    assert_eq!(ids(&tenant.get("resources/image/tags/cat").await.ok()), ["b", "a"], "newest first");
    assert_eq!(ids(&tenant.get("resources/image/tags/cat?direction=asc").await.ok()), ["a", "b"]);
    assert_eq!(ids(&tenant.get("resources/raw/tags/cat").await.ok()), [] as [&str; 0]);
    assert_eq!(tenant.get("tags/image").await.ok(), json!({"tags": ["cat", "dog", "pet", "zoo"]}));
    assert_eq!(tenant.get("tags/image?prefix=z").await.ok(), json!({"tags": ["zoo"]}));
    assert_eq!(tenant.get("tags/image?prefix=%25").await.ok(), json!({"tags": []}));
    let first = tenant.get("tags/image?max_results=3").await.ok();
    let next = first["next_cursor"].as_str().expect("more");
    let second = tenant.get(&format!("tags/image?max_results=3&next_cursor={next}")).await.ok();
    assert_eq!((&first["tags"], second), (&json!(["cat", "dog", "pet"]), json!({"tags": ["zoo"]})));

    command(&tenant, "image/tags", &["a"], &[("command", "remove"), ("tag", "pet")]).await.ok();
    assert_eq!(tags_of(&tenant, "a").await, json!(["cat", "zoo"]));
    command(&tenant, "image/tags", &["c"], &[("command", "set_exclusive"), ("tag", "zoo")]).await.ok();
    assert_eq!(ids(&tenant.get("resources/image/tags/zoo").await.ok()), ["c"]);
    assert_eq!(tags_of(&tenant, "c").await, json!(["dog", "zoo"]));
    command(&tenant, "image/tags", &["c"], &[("command", "replace"), ("tag", "one")]).await.ok();
    assert_eq!(tags_of(&tenant, "c").await, json!(["one"]));
    command(&tenant, "image/tags", &["a", "c"], &[("command", "remove_all")]).await.ok();
    let detail = tenant.get("resources/image/upload/a").await.ok();
    assert!(detail.get("tags").is_none(), "absent when there are none: {detail}");
    // An overwrite takes the tags of the call, and a destroyed asset has none.
    put(&tenant, "b", &[("tags", "new")]).await;
    assert_eq!(tenant.get("tags/image").await.ok(), json!({"tags": ["new"]}));
    tenant.destroy("b").await.ok();
    assert_eq!(tenant.get("tags/image").await.ok(), json!({"tags": []}));
}

async fn context_is_merged_and_found(tenant: Tenant) {
    put(&tenant, "a", &[("context", "alt=A cat|mood=calm")]).await;
    put(&tenant, "b", &[]).await;
    let added = [("command", "add"), ("context", r"mood=a\|b\=c|place=Köln")];
    assert_eq!(command(&tenant, "image/context", &["a", "b"], &added).await.ok()["public_ids"], json!(["a", "b"]));
    let detail = tenant.get("resources/image/upload/a").await.ok();
    assert_eq!(detail["context"], json!({"custom": {"alt": "A cat", "mood": "a|b=c", "place": "Köln"}}));
    let found = async |query: &str| tenant.get(&format!("resources/image/context?{query}")).await.ok();
    assert_eq!(ids(&found("key=mood").await), ["b", "a"]);
    assert_eq!(ids(&found("key=alt&value=A%20cat").await), ["a"]);
    assert_eq!(ids(&found("key=alt&value=A").await), [] as [&str; 0]);
    assert_eq!(ids(&found("key=nothing").await), [] as [&str; 0]);
    // What begins alike over the length of an index is told apart.
    let long = "x".repeat(300);
    command(&tenant, "image/context", &["a"], &[("command", "add"), ("context", &format!("long={long}"))]).await.ok();
    assert_eq!(ids(&found(&format!("key=long&value={long}")).await), ["a"]);
    assert_eq!(ids(&found(&format!("key=long&value={long}y")).await), [] as [&str; 0]);
    command(&tenant, "image/context", &["a"], &[("command", "remove_all")]).await.ok();
    assert_eq!(ids(&found("key=mood").await), ["b"]);
}

async fn an_asset_is_renamed(tenant: Tenant) {
    let stored = put(&tenant, "cats/tom", &[("tags", "cat"), ("asset_folder", "pets")]).await;
    put(&tenant, "taken", &[]).await;
    let derived = "c_scale,w_50";
    tenant.fetch(&format!("image/upload/{derived}/cats/tom.jpg")).await.delivered();
    let before = tenant.settled_usage().await;
    let rename = async |from: &str, to: &str, more: &[(&str, &str)]| {
        let mut call = tenant.signed("image/rename").parameter("from_public_id", from).parameter("to_public_id", to);
        for (name, value) in more {
            call = call.parameter(name, value);
        }
        call.send().await
    };
    let renamed = rename("cats/tom", "cats/tommy", &[]).await.ok();
    assert_eq!((&renamed["public_id"], &renamed["asset_id"]), (&json!("cats/tommy"), &stored["asset_id"]));
    assert_eq!((&renamed["asset_folder"], &renamed["tags"]), (&json!("pets"), &json!(["cat"])));
    assert!(renamed["version"].as_i64() >= stored["version"].as_i64());
    assert_eq!(tenant.fetch("image/upload/cats/tom.jpg").await.status, 404);
    tenant.fetch("image/upload/cats/tommy.jpg").await.delivered();
    tenant.fetch(&format!("image/upload/{derived}/cats/tommy.jpg")).await.delivered();
    let after = tenant.settled_usage().await;
    assert_eq!(
        (after.transformations, after.storage),
        (before.transformations, before.storage),
        "nothing is made anew"
    );

    let refused = rename("cats/tommy", "taken", &[]).await;
    assert_eq!((refused.status, refused.message().as_str()), (400, "to_public_id taken already exists"));
    let refused = rename("nobody", "somebody", &[]).await;
    assert_eq!((refused.status, refused.message().as_str()), (404, "Resource not found - nobody"));
    let refused = rename("taken", "taken", &[("overwrite", "1")]).await;
    assert_eq!((refused.status, refused.message().as_str()), (400, "to_public_id taken already exists"));
    rename("cats/tommy", "taken", &[("overwrite", "1")]).await.ok();
    assert_eq!(tenant.get("resources/image/upload/taken").await.ok()["asset_id"], stored["asset_id"]);
    let hidden = rename("taken", "taken", &[("to_type", "authenticated")]).await.ok();
    assert_eq!(hidden["type"], "authenticated");
    assert_eq!(tenant.fetch("image/upload/taken.jpg").await.status, 404);
    let usage = tenant.settled_usage().await;
    assert_eq!(usage.resources, 1);
    assert!(usage.storage < before.storage, "what was replaced is not stored any more");
}

async fn an_asset_is_updated(tenant: Tenant) {
    let stored = put(&tenant, "a", &[("tags", "old"), ("context", "alt=old")]).await;
    let id = stored["asset_id"].as_str().expect("an id");
    let body = json!({"tags": "x,y", "context": {"caption": "A"}, "asset_folder": "new/place", "display_name": "Mine"});
    let updated = tenant.send(Method::POST, "resources/image/upload/a", body).await.ok();
    assert_eq!(updated["tags"], json!(["x", "y"]));
    assert_eq!(updated["context"], json!({"custom": {"caption": "A"}}));
    assert_eq!((&updated["asset_folder"], &updated["display_name"]), (&json!("new/place"), &json!("Mine")));
    assert_eq!(updated["asset_id"], id);
    let by_folder = tenant.get("resources/by_asset_folder?asset_folder=new/place").await.ok();
    assert_eq!((ids(&by_folder), &by_folder["total_count"]), (vec!["a"], &json!(1)));
    assert_eq!(ids(&tenant.get("resources/by_asset_folder?asset_folder=new").await.ok()), [] as [&str; 0]);
    let in_root = tenant.send(Method::PUT, &format!("resources/{id}"), json!({"asset_folder": ""})).await.ok();
    assert_eq!(in_root["asset_folder"], "", "an empty text is the root");
    let by_id =
        tenant.send(Method::PUT, &format!("resources/{id}"), json!({"tags": ["z"], "context": null})).await.ok();
    assert_eq!((&by_id["tags"], &by_id["context"]), (&json!(["z"]), &json!({"custom": {"caption": "A"}})));
    let body = json!({"public_id": "a", "resource_type": "image", "kind": "upload", "tags": []});
    let by_body = tenant.send(Method::POST, "resources/update", body.clone()).await.ok();
    assert!(by_body.get("tags").is_none(), "{by_body}");
    let read = tenant.send(Method::POST, "resources/get_resource", body).await.ok();
    assert_eq!(read["asset_id"], id);
    let listed =
        tenant.get(&format!("resources/by_asset_ids?asset_ids[]={id}&asset_ids[]=nothing&fields=url,tags")).await.ok();
    let mut members: Vec<_> = listed["resources"][0].as_object().expect("an asset").keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["asset_id", "public_id", "tags", "url"]);
    let missing = tenant.send(Method::POST, "resources/image/upload/nobody", json!({"tags": "x"})).await;
    assert_eq!((missing.status, missing.message().as_str()), (404, "Resource not found - nobody"));
}

async fn upload_parameters_are_applied_to_what_is_there(tenant: Tenant) {
    let stored = put(&tenant, "a", &[("tags", "old"), ("context", "alt=old")]).await;
    let explicit = async |public_id: &str, more: &[(&str, &str)]| {
        let call = more.iter().fold(tenant.signed("image/explicit"), |call, (name, value)| call.parameter(name, value));
        call.public_id(public_id).send().await
    };
    let changed = explicit("a", &[("type", "upload"), ("tags", "y,x"), ("asset_folder", "there")]).await.ok();
    assert_eq!((&changed["tags"], &changed["asset_folder"]), (&json!(["x", "y"]), &json!("there")));
    assert_eq!((&changed["context"], &changed["version"]), (&stored["context"], &stored["version"]));
    assert_eq!(ids(&tenant.get("resources/image/tags/x").await.ok()), ["a"]);
    let missing = explicit("nobody", &[]).await;
    assert_eq!((missing.status, missing.message().as_str()), (404, "Resource not found - nobody"));
    for (public_id, more, says) in [
        ("a", &[("async", "1")][..], "async of explicit is not built"),
        ("a", &[("transformation", "w_100")], "transformation of explicit is not built"),
        ("a", &[("type", "banana")], "banana"),
        ("../a", &[], "public_id"),
        ("no address", &[("type", "fetch")], "address of a remote file"),
        ("http://169.254.169.254/a.jpg", &[("type", "fetch")], "no public address"),
    ] {
        let refused = explicit(public_id, more).await;
        assert!([400, 404].contains(&refused.status), "{public_id} {more:?}: {}", refused.text());
        assert!(refused.message().contains(says), "{public_id} {more:?}: {}", refused.message());
    }
    assert_eq!(tenant.settled_usage().await.transformations, 1, "nothing was made");
}

async fn assets_that_belong_together_are_related_both_ways(tenant: Tenant) {
    let a = put(&tenant, "a/b", &[]).await;
    put(&tenant, "c", &[("type", "private")]).await;
    let text = tenant.upload(b"text".to_vec()).action("raw/upload").public_id("d.srt").send().await.ok();
    let path = "resources/related_assets/image/upload/a/b";
    let named = json!(["image/private/c", "raw/upload/d.srt", "image/upload/nobody", "image/upload/a/b", "nonsense"]);
    let related = tenant.send(Method::POST, path, json!({"assets_to_relate": named})).await.ok();
    let codes = |list: &Value| -> Vec<String> {
        let all = list.as_array().expect("a list").iter();
        all.map(|one| {
            format!("{} {} {}", one["asset"].as_str().unwrap_or(""), one["code"].as_str().unwrap_or(""), one["status"])
        })
        .collect()
    };
    assert_eq!(codes(&related["success"]), ["image/private/c success_ids 200", "raw/upload/d.srt success_ids 200"]);
    assert_eq!(
        codes(&related["failed"]),
        [
            "image/upload/nobody non_existing_ids 404",
            "image/upload/a/b invalid_relate_to_self_id 400",
            "nonsense invalid_ids 400",
        ]
    );
    let shown = async |path: &str| {
        let detail = tenant.get(&format!("resources/{path}?related=true")).await.ok();
        let all = detail["related_assets"].as_array().expect("a list").iter();
        all.map(|one| one["public_id"].as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown("image/upload/a/b").await, ["c", "d.srt"]);
    assert_eq!(shown("raw/upload/d.srt").await, ["a/b"]);
    assert_eq!(tenant.get("resources/image/upload/a/b").await.ok()["related_assets"], Value::Null);
    // By their ids, from the other side.
    let by_id = format!("resources/related_assets/{}", text["asset_id"].as_str().expect("an id"));
    let again = tenant.send(Method::POST, &by_id, json!({"assets_to_relate": [a["asset_id"]]})).await.ok();
    assert_eq!(again["failed"][0]["code"], "already_exists_ids");
    let gone = tenant.send(Method::DELETE, &by_id, json!({"assets_to_unrelate": [a["asset_id"]]})).await.ok();
    assert_eq!(gone["success"][0]["code"], "success_ids");
    let gone = tenant.send(Method::DELETE, &by_id, json!({"assets_to_unrelate": [a["asset_id"]]})).await.ok();
    assert_eq!(gone["failed"][0]["code"], "relation_does_not_exist_ids");
    // A relation outlives a new version, and ends with either of the two.
    put(&tenant, "a/b", &[]).await;
    assert_eq!(shown("image/private/c").await, ["a/b"]);
    tenant.destroy("a/b").await.ok();
    assert_eq!(shown("image/private/c").await, Vec::<String>::new());
    for (path, body, status, part) in [
        (
            "resources/related_assets/image/upload/nobody",
            json!({"assets_to_relate": ["raw/upload/d.srt"]}),
            404,
            "nobody",
        ),
        ("resources/related_assets/image/private/c", json!({}), 400, "assets_to_relate"),
        (
            "resources/related_assets/image/private/c",
            json!({"assets_to_relate": vec!["raw/upload/x"; 11]}),
            400,
            "at most 10",
        ),
    ] {
        let refused = tenant.send(Method::POST, path, body).await;
        assert!(refused.status == status && refused.message().contains(part), "{part}: {}", refused.text());
    }
}

async fn what_is_replaced_stays_where_it_is(tenant: Tenant) {
    put(&tenant, "cat", &[("asset_folder", "here"), ("display_name", "Tom"), ("tags", "old")]).await;
    let replaced = put(&tenant, "cat", &[("tags", "new")]).await;
    assert_eq!((&replaced["asset_folder"], &replaced["display_name"]), (&json!("here"), &json!("Tom")));
    assert_eq!(replaced["tags"], json!(["new"]));
    let moved = put(&tenant, "cat", &[("asset_folder", "there"), ("display_name", "Jerry")]).await;
    assert_eq!((&moved["asset_folder"], &moved["display_name"]), (&json!("there"), &json!("Jerry")));
}

async fn people_mark_what_is_in_a_picture(tenant: Tenant) {
    let marks = [("face_coordinates", "1,2,30,40|5,6,7,8"), ("custom_coordinates", "10,20,30,40")];
    let stored = put(&tenant, "cat", &marks).await;
    let expected = json!({"faces": [[1, 2, 30, 40], [5, 6, 7, 8]], "custom": [[10, 20, 30, 40]]});
    assert_eq!(stored["coordinates"], expected);
    let shown = async || tenant.get("resources/image/upload/cat?coordinates=true").await.ok()["coordinates"].clone();
    assert_eq!(shown().await, expected);
    assert_eq!(tenant.get("resources/image/upload/cat").await.ok()["coordinates"], Value::Null);
    let call = tenant.signed("image/explicit").public_id("cat").parameter("type", "upload");
    call.parameter("face_coordinates", "3,3,3,3").send().await.ok();
    assert_eq!(shown().await, json!({"faces": [[3, 3, 3, 3]], "custom": [[10, 20, 30, 40]]}));
    let update = json!({"custom_coordinates": [[1, 1, 2, 2]], "face_coordinates": ""});
    tenant.send(Method::POST, "resources/image/upload/cat", update).await.ok();
    assert_eq!(shown().await, json!({"custom": [[1, 1, 2, 2]]}));
    for (name, value) in
        [("face_coordinates", "1,2,3"), ("custom_coordinates", "a,b,c,d"), ("face_coordinates", "1,2,0,4")]
    {
        let refused = tenant.upload(pictures::small_jpeg(1)).parameter(name, value).send().await;
        assert!(refused.status == 400 && refused.message().contains(name), "{}", refused.text());
    }
}

async fn people_look_at_what_waits_for_them(tenant: Tenant) {
    let stored = put(&tenant, "cat", &[("moderation", "manual")]).await;
    put(&tenant, "dog", &[("moderation", "manual")]).await;
    put(&tenant, "free", &[]).await;
    let said = &stored["moderation"][0];
    assert_eq!((&said["kind"], &said["status"]), (&json!("manual"), &json!("pending")));
    let queue = async |status: &str| {
        let path = format!("resources/image/moderations/manual/{status}?moderations=true");
        tenant.get(&path).await.ok()
    };
    let waiting = queue("pending").await;
    assert_eq!(ids(&waiting), ["dog", "cat"]);
    assert_eq!(waiting["resources"][0]["moderation_status"], "pending");
    assert_eq!(tenant.fetch("image/upload/cat.jpg").await.status, 200, "who waits is seen");
    let say = async |status: &str| {
        let body = json!({"moderation_status": status});
        tenant.send(Method::POST, "resources/image/upload/cat", body).await.ok()
    };
    let rejected = say("rejected").await;
    assert_eq!((&rejected["moderation_kind"], &rejected["moderation_status"]), (&json!("manual"), &json!("rejected")));
    assert_eq!((ids(&queue("pending").await), ids(&queue("rejected").await)), (vec!["dog"], vec!["cat"]));
    for path in ["image/upload/cat.jpg", "image/upload/w_20/cat.jpg"] {
        assert_eq!(tenant.fetch(path).await.status, 404, "{path}");
    }
    assert_eq!(tenant.signed("image/download").public_id("cat").get().await.status, 404);
    say("approved").await;
    assert_eq!(tenant.fetch("image/upload/w_20/cat.jpg").await.status, 200);
    assert_eq!(ids(&queue("approved").await), ["cat"]);
    // Another file has not been looked at, whatever its call says.
    put(&tenant, "cat", &[]).await;
    assert_eq!(ids(&queue("pending").await), ["dog", "cat"]);
    let call = tenant.signed("image/explicit").public_id("free").parameter("type", "upload");
    assert_eq!(call.parameter("moderation", "manual").send().await.ok()["moderation"][0]["status"], "pending");
    for (path, part) in [
        ("resources/image/moderations/aws_rek/pending", "aws_rek is not built"),
        ("resources/image/moderations/manual/perhaps", "moderation_status"),
        ("resources/image/moderations/banana/pending", "banana"),
    ] {
        let refused = tenant.get(path).await;
        assert!(refused.status == 400 && refused.message().contains(part), "{path}: {}", refused.text());
    }
}

async fn an_asset_is_destroyed_by_its_id(tenant: Tenant) {
    let stored = put(&tenant, "a", &[]).await;
    let destroy = |id: &str| tenant.signed("asset/destroy").parameter("asset_id", id);
    let id = stored["asset_id"].as_str().expect("an id");
    assert_eq!(destroy(id).send().await.ok(), json!({"result": "ok"}));
    assert_eq!(tenant.get("resources/image/upload/a").await.status, 404);
    for gone in [id, "nonsense"] {
        assert_eq!(destroy(gone).send().await.ok(), json!({"result": "not found"}));
    }
}

async fn a_token_takes_away_what_was_just_uploaded(tenant: Tenant) {
    let with_token = || tenant.upload(pictures::small_jpeg(1)).parameter("return_delete_token", "1");
    let use_token = async |token: &Value| {
        let form = reqwest::multipart::Form::new().text("token", token.as_str().expect("a token").to_owned());
        Answer::to(tenant.http().post(tenant.api_url("delete_by_token")).multipart(form)).await.expect("an answer")
    };
    let token = with_token().public_id("a").send().await.ok()["delete_token"].clone();
    assert_eq!(use_token(&token).await.ok()["result"], "ok");
    assert_eq!(tenant.fetch("image/upload/a.jpg").await.status, 404);
    assert_eq!(use_token(&token).await.ok()["result"], "not found");
    // It reaches the version that it was given for, and no other.
    let token = with_token().public_id("b").send().await.ok()["delete_token"].clone();
    put(&tenant, "b", &[]).await;
    assert_eq!(use_token(&token).await.ok()["result"], "not found");
    tenant.fetch("image/upload/b.jpg").await.delivered();
    let kept = with_token().public_id("b").parameter("overwrite", "0").send().await.ok();
    assert!(kept.get("delete_token").is_none(), "what was there before is nobody's to take away: {kept}");
    let text = token.as_str().expect("a token");
    let later = text.replacen(text.split('.').next().unwrap_or_default(), "9999999999", 1);
    for token in [later.as_str(), "1.2.3", "x", "", &text.replace('.', ":")] {
        let refused = use_token(&json!(token)).await;
        assert_eq!(refused.status, 400, "{token}: {}", refused.text());
    }
}

async fn assets_are_deleted_in_bulk(tenant: Tenant) {
    for id in ["a", "b", "c/1", "c/2", "d", "e"] {
        put(&tenant, id, &[("tags", if id == "d" { "gone" } else { "kept" })]).await;
    }
    tenant.fetch("image/upload/c_scale,w_50/a.jpg").await.delivered();
    let body = json!({"public_ids": ["a", "nobody"], "transformations": null, "keep_original": false});
    let deleted = tenant.send(Method::DELETE, "resources/image/upload", body).await.ok();
    assert_eq!(deleted["deleted"], json!({"a": "deleted", "nobody": "not_found"}));
    assert_eq!(deleted["deleted_counts"], json!({"a": {"original": 1, "derived": 1}}));
    assert_eq!(deleted["partial"], false);
    assert!(deleted.get("next_cursor").is_none());
    assert_eq!(tenant.fetch("image/upload/a.jpg").await.status, 404);
    let by_prefix = tenant.admin(Method::DELETE, "resources/image/upload?prefix=c/").await.ok();
    assert_eq!(by_prefix["deleted"], json!({"c/1": "deleted", "c/2": "deleted"}));
    let by_tag = tenant.admin(Method::DELETE, "resources/image/tags/gone").await.ok();
    assert_eq!(by_tag["deleted"], json!({"d": "deleted"}));
    let id = tenant.get("resources/image/upload/e").await.ok()["asset_id"].as_str().expect("an id").to_owned();
    let by_id = tenant.send(Method::DELETE, "resources", json!({"asset_ids": [id]})).await.ok();
    assert_eq!(by_id["deleted"], json!({id: "deleted"}));
    assert_eq!(ids(&tenant.get("resources/image").await.ok()), ["b"]);
    let all = tenant.admin(Method::DELETE, "resources%2Fimage%2Fupload?all=true").await.ok();
    assert_eq!(all["deleted"], json!({"b": "deleted"}));
    let usage = tenant.settled_usage().await;
    assert_eq!((usage.resources, usage.derived_resources, usage.storage), (0, 0, 0));
}

async fn what_was_derived_is_deleted_and_counted_anew(tenant: Tenant) {
    let stored = put(&tenant, "a", &[]).await;
    let make = async |transformation: &str| {
        tenant.fetch(&format!("image/upload/{transformation}/a.jpg")).await.delivered();
    };
    for transformation in ["c_scale,w_50", "w_50,c_scale", "c_scale,w_60", "c_scale,w_70"] {
        make(transformation).await;
    }
    let detail = tenant.get("resources/image/upload/a").await.ok();
    let derived = detail["derived"].as_array().expect("a list");
    assert_eq!(derived.len(), 4);
    let id = |transformation: &str| {
        let one = derived.iter().find(|one| one["transformation"] == transformation);
        one.expect("it was made")["id"].as_str().expect("an id").to_owned()
    };
    let usage = tenant.settled_usage().await;
    assert_eq!((usage.transformations, usage.derived_resources), (4, 3), "two spellings of one");
    let remove = async |ids: &[String]| {
        let query: Vec<_> = ids.iter().map(|id| format!("derived_resource_ids[]={id}")).collect();
        tenant.admin(Method::DELETE, &format!("derived_resources?{}", query.join("&"))).await.ok()["deleted"].clone()
    };
    // The bytes go with the last spelling.
    let first = id("c_scale,w_50");
    let unknown = "0".repeat(32);
    let outcome = remove(&[first.clone(), unknown.clone()]).await;
    assert_eq!(outcome, json!({first: "deleted", unknown: "not_found"}));
    assert_eq!(tenant.settled_usage().await.derived_resources, 3);
    remove(&[id("w_50,c_scale")]).await;
    let less = tenant.settled_usage().await;
    assert_eq!(less.derived_resources, 2);
    assert!(less.storage < usage.storage);
    make("c_scale,w_50").await;
    let again = tenant.settled_usage().await;
    assert_eq!(
        (again.transformations, again.storage),
        (usage.transformations + 1, usage.storage),
        "made anew, counted anew"
    );

    // An empty choice is one of nothing, and above all not of the original.
    let nothing = tenant.admin(Method::DELETE, "resources/image/upload?public_ids[]=a&transformations=").await.ok();
    assert_eq!(nothing["deleted_counts"], json!({"a": {"original": 0, "derived": 0}}));
    let some = "resources/image/upload?public_ids[]=a&keep_original=true&transformations=c_scale,w_60|c_scale,w_1";
    let some = tenant.admin(Method::DELETE, some).await.ok();
    assert_eq!(some["deleted_counts"], json!({"a": {"original": 0, "derived": 1}}));
    let rest = tenant.admin(Method::DELETE, "resources/image/upload?all=1&keep_original=1").await.ok();
    assert_eq!(rest["deleted_counts"], json!({"a": {"original": 0, "derived": 2}}));
    assert_eq!(tenant.settled_usage().await.storage, stored["bytes"].as_i64().expect("a size"));
    assert_eq!(tenant.get("resources/image/upload/a").await.ok()["derived"], json!([]));
    tenant.fetch("image/upload/a.jpg").await.delivered();
}

async fn listings_go_on_where_they_stopped(tenant: Tenant) {
    for id in ["b/2", "a/1", "b/1", "c", "b/3", "b%"] {
        put(&tenant, &id.replace('%', "x"), &[("tags", "t"), ("context", "k=v"), ("asset_folder", "f")]).await;
    }
    let walk = async |path: &str| {
        let joint = if path.contains('?') { '&' } else { '?' };
        let (mut all, mut cursor) = (Vec::new(), String::new());
        for _ in 0..10 {
            let page = tenant.get(&format!("{path}{joint}max_results=2{cursor}")).await.ok();
            all.extend(ids(&page).into_iter().map(str::to_owned));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&next_cursor={next}"),
                None => return all,
            }
        }
        panic!("{path} has no end: {all:?}");
    };
    let newest = ["bx", "b/3", "c", "b/1", "a/1", "b/2"];
    let oldest: Vec<_> = newest.iter().rev().copied().collect();
    for path in [
        "resources/image",
        "resources/image/upload",
        "resources/image/tags/t",
        "resources/image/context?key=k",
        "resources/image/context?key=k&value=v",
        "resources/by_asset_folder?asset_folder=f",
    ] {
        assert_eq!(walk(path).await, newest, "{path}");
        let joint = if path.contains('?') { '&' } else { '?' };
        assert_eq!(walk(&format!("{path}{joint}direction=asc")).await, oldest, "{path}");
    }
    assert_eq!(walk("resources/image/upload?prefix=b/").await, ["b/1", "b/2", "b/3"], "in the order of public ids");
    assert_eq!(walk("resources/image/upload?prefix=b/&direction=desc").await, ["b/3", "b/2", "b/1"]);
    // A cursor belongs to its listing.
    let page = tenant.get("resources/image?max_results=2").await.ok();
    let cursor = page["next_cursor"].as_str().expect("more");
    for path in ["resources/image/upload", "resources/raw", "resources/image/tags/t", "tags/image"] {
        let refused = tenant.get(&format!("{path}?next_cursor={cursor}")).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.message().contains("next_cursor"), "{path}: {}", refused.message());
    }
}

async fn changes_and_ends_at_once_do_not_wait_for_each_other(tenant: Tenant) {
    let names = ["a", "b", "c", "d"];
    for round in 0..4 {
        // Made in another order than that of their names.
        for name in names.iter().rev() {
            put(&tenant, name, &[("tags", "t"), ("asset_folder", "here")]).await;
        }
        let tagged =
            (0..3).map(|n| {
                let (tenant, tag) = (tenant.clone(), format!("t{n}"));
                async move {
                    command(&tenant, "image/tags", &["d", "c", "b", "a"], &[("command", "add"), ("tag", &tag)]).await
                }
            });
        let renamed = [("a", "d"), ("d", "a"), ("b", "c")].map(|(from, to)| {
            let call = tenant.signed("image/rename").parameter("from_public_id", from).parameter("to_public_id", to);
            call.parameter("overwrite", "1").send()
        });
        let moved = names.map(|name| {
            let tenant = tenant.clone();
            async move {
                let path = format!("resources/image/upload/{name}");
                tenant.send(Method::POST, &path, json!({"asset_folder": "there"})).await
            }
        });
        let deleted = (0..2).map(|_| tenant.admin(Method::DELETE, "resources/image/tags/t"));
        let (tagged, renamed, moved, deleted) = tokio::join!(
            futures::future::join_all(tagged),
            futures::future::join_all(renamed),
            futures::future::join_all(moved),
            futures::future::join_all(deleted),
        );
        for answer in tagged.iter().chain(&renamed).chain(&moved).chain(&deleted) {
            assert!([200, 400, 404].contains(&answer.status), "round {round}: {} {}", answer.status, answer.text());
        }
        tenant.admin(Method::DELETE, "resources/image/upload?all=true").await.ok();
        let usage = tenant.settled_usage().await;
        assert_eq!((usage.resources, usage.storage), (0, 0), "round {round}");
    }
}

async fn mistakes_are_named(tenant: Tenant) {
    put(&tenant, "a", &[("tags", "kept")]).await;
    let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (action, ids, parameters, says) in [
        (
            "image/tags",
            &["a"][..],
            &[("command", "paint"), ("tag", "x")][..],
            "Invalid command - paint. Must be one of: add,",
        ),
        ("image/tags", &["a"], &[("tag", "x")], "Missing required parameter - command"),
        ("image/tags", &["a"], &[("command", "add")], "Missing required parameter - tag"),
        ("image/tags", &[], &[("command", "add"), ("tag", "x")], "Missing required parameter - public_ids"),
        ("image/tags", &many, &[("command", "add"), ("tag", "x")], "public_ids: at most 1000"),
        ("image/tags", &["a"], &[("command", "add"), ("tag", "x"), ("type", "banana")], "banana"),
        ("banana/tags", &["a"], &[("command", "add"), ("tag", "x")], "banana"),
        ("image/context", &["a"], &[("command", "add")], "Missing required parameter - context"),
        ("image/context", &["a"], &[("command", "add"), ("context", "nothing")], "nothing"),
        ("image/rename", &[], &[("to_public_id", "b")], "Missing required parameter - from_public_id"),
        ("image/rename", &[], &[("from_public_id", "a"), ("to_public_id", "../b")], "to_public_id"),
        ("image/rename", &[], &[("from_public_id", "a"), ("to_public_id", "b"), ("to_type", "fetch")], "to_type"),
    ] {
        let refused = command(&tenant, action, ids, parameters).await;
        assert_eq!(refused.status, 400, "{action} {parameters:?}: {}", refused.text());
        assert!(refused.message().contains(says), "{action} {parameters:?}: {}", refused.message());
    }
    for (method, path, body, says) in [
        (Method::DELETE, "resources/image/upload", json!({}), "public_ids, prefix or all"),
        (Method::DELETE, "resources/image/upload", json!({"prefix": "a", "all": true}), "one of the parameters"),
        (Method::DELETE, "resources/image/upload", json!({"public_ids": vec!["x"; 101]}), "at most 100"),
        (Method::DELETE, "resources", json!({}), "asset_ids"),
        (Method::DELETE, "derived_resources", json!({}), "derived_resource_ids"),
        (Method::POST, "resources/image/upload/a", json!({"tags": {"a": 1}}), "tags"),
        (Method::POST, "resources/image/upload/a", json!({"tags": ["a,b"]}), "a,b"),
        (Method::POST, "resources/image/upload/a", json!({"asset_folder": "../x"}), "asset_folder"),
        (Method::POST, "resources/image/upload/a", json!({"moderation_status": "perhaps"}), "moderation_status"),
        (Method::GET, "resources/image/context", json!({}), "Missing required parameter - key"),
        (Method::GET, "resources/by_asset_folder", json!({}), "asset_folder"),
    ] {
        let refused = tenant.send(method.clone(), path, body.clone()).await;
        assert_eq!(refused.status, 400, "{method} {path} {body}: {}", refused.text());
        assert!(refused.message().contains(says), "{method} {path} {body}: {}", refused.message());
    }
    assert_eq!(tags_of(&tenant, "a").await, json!(["kept"]));
    let more: Vec<String> = (0..600).map(|n| format!("m{n}")).collect();
    command(&tenant, "image/tags", &["a"], &[("command", "add"), ("tag", &more.join(","))]).await.ok();
    let still: Vec<String> = (0..600).map(|n| format!("n{n}")).collect();
    let refused = command(&tenant, "image/tags", &["a"], &[("command", "add"), ("tag", &still.join(","))]).await;
    assert_eq!((refused.status, refused.message().as_str()), (400, "Asset a would have more than 1000 tags"));
    for path in ["resources/image/upload/a%00b", "resources/image/upload/a%00"] {
        let missing = tenant.send(Method::POST, path, json!({"tags": "x"})).await;
        assert_eq!(missing.status, 404, "{path}: {}", missing.text());
    }
}
