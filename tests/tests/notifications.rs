//! Notifications: what happens is told, signed, once for each address, until it was taken.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use plane_kit::{
    secret::Secret,
    signature::{Algorithm, sign_notification, sign_webhook},
};
use reqwest::Method;
use safelight_tests::{
    harness::{
        client::Tenant,
        eventually, pictures,
        receiver::{Received, Receiver},
        server::Dev,
    },
    on_both_databases,
};
use serde_json::{Value, json};

/// How long something that nobody waits for may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Settings under which a receiver on this machine is reached, and a failed attempt is followed by the next at once.
const SETTINGS: [(&str, &str); 3] = [
    ("SAFELIGHT_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8"),
    ("SAFELIGHT_OUTBOUND__PORTS", ""),
    ("SAFELIGHT_NOTIFICATIONS__RETRY_SECONDS", "0"),
];

on_both_databases!(
    with &SETTINGS;
    an_upload_is_told_and_signed,
    what_a_receiver_does_not_take_is_told_again,
    a_receiver_that_is_gone_is_not_asked_again,
    triggers_are_told_of_their_types,
    a_call_is_told_where_it_says,
    triggers_are_made_changed_and_taken_away,
    notifications_wait_in_channels,
    a_notification_is_sent_once_more,
    wishes_that_cannot_be_are_named,
);

async fn trigger(tenant: &Tenant, uri: &str, event_type: &str) -> Value {
    tenant.send(Method::POST, "triggers", json!({"uri": uri, "event_type": event_type})).await.ok()
}

fn verify(tenant: &Tenant, received: &Received) {
    let secret = Secret::new(tenant.secret.clone());
    let timestamp: i64 = received.header("x-cld-timestamp").parse().expect("seconds");
    assert_eq!(
        received.header("x-cld-signature"),
        sign_notification(&received.body, timestamp, &secret, Algorithm::Sha1)
    );
    assert_eq!(received.header("webhook-timestamp"), received.header("x-cld-timestamp"));
    let id = received.header("webhook-id");
    assert!(id.starts_with("msg_"), "{id}");
    assert_eq!(received.header("webhook-signature"), sign_webhook(id, &received.body, timestamp, &secret));
    assert_eq!(received.json()["signature_key"], tenant.key);
}

async fn an_upload_is_told_and_signed(tenant: Tenant) {
    let receiver = Receiver::start().await;
    let cat = pictures::small_jpeg(1);
    let url = receiver.url("/hook?who=me");
    let upload = tenant.upload(cat).public_id("cats/tom").parameter("tags", "b,a");
    let answer = upload.parameter("notification_url", &url).parameter("batch_id", "batch-1").send().await;
    let stored = answer.ok();
    let received = receiver.wait_for("/hook?who=me", 1).await.remove(0);
    verify(&tenant, &received);
    assert_eq!(received.header("content-type"), "application/json");
    let told = received.json();
    assert_eq!((&told["notification_type"], &told["batch_id"]), (&json!("upload"), &json!("batch-1")));
    assert_eq!(told["request_id"], answer.header("x-request-id"));
    for member in ["asset_id", "public_id", "version", "signature", "width", "tags", "etag", "secure_url", "bytes"] {
        assert_eq!(told[member], stored[member], "{member}");
    }
    let by = &told["notification_context"]["triggered_by"];
    assert_eq!(by, &json!({"source": "api", "id": tenant.key}));
    // What was refused happened to nobody.
    let refused =
        tenant.upload(b"no picture".to_vec()).public_id("bad").parameter("notification_url", &url).send().await;
    assert_eq!(refused.status, 400);
    tenant.upload(pictures::small_jpeg(2)).public_id("last").parameter("notification_url", &url).send().await.ok();
    let all = receiver.wait_for("/hook?who=me", 2).await;
    assert_eq!(all[1].json()["public_id"], "last");
    assert_eq!(all.len(), 2);
    eventually("the jobs are done", LIMIT, async || {
        let jobs = tenant.get("jobs").await.ok();
        (jobs["jobs"] == json!([])).then_some(())
    })
    .await;
}

async fn what_a_receiver_does_not_take_is_told_again(tenant: Tenant) {
    let receiver = Receiver::start().await;
    receiver.answer("/hook", &[500, 404, 302]);
    trigger(&tenant, &receiver.url("/hook"), "upload").await;
    tenant.upload(pictures::small_jpeg(1)).public_id("cat").send().await.ok();
    let received = receiver.wait_for("/hook", 4).await;
    for attempt in &received {
        verify(&tenant, attempt);
        assert_eq!(attempt.header("webhook-id"), received[0].header("webhook-id"));
        assert_eq!(attempt.body, received[0].body);
    }
    let log = delivered(&tenant).await;
    assert_eq!((&log["attempts"], &log["last_status"]), (&json!(4), &json!(200)));
    assert_eq!(log["payload"]["public_id"], "cat");
}

/// The newest notification of the log, once it was delivered.
async fn delivered(tenant: &Tenant) -> Value {
    eventually("a notification that was delivered", LIMIT, async || {
        let log = tenant.notifications("deliveries?max_results=1").await;
        let newest = log["notifications"][0].clone();
        (newest["state"] == "delivered").then_some(newest)
    })
    .await
}

async fn a_receiver_that_is_gone_is_not_asked_again(tenant: Tenant) {
    let receiver = Receiver::start().await;
    receiver.answer("/gone", &[410]);
    let upload = tenant.upload(pictures::small_jpeg(1)).public_id("cat");
    upload.parameter("notification_url", &receiver.url("/gone")).send().await.ok();
    let given_up = eventually("it is given up", LIMIT, async || {
        let log = tenant.notifications("deliveries?state=given_up").await;
        log["notifications"].get(0).cloned()
    })
    .await;
    assert_eq!((&given_up["attempts"], &given_up["last_status"]), (&json!(1), &json!(410)));
    assert_eq!(receiver.received("/gone").len(), 1);
    assert_eq!(tenant.get("jobs").await.ok()["jobs"], json!([]));
}

async fn triggers_are_told_of_their_types(tenant: Tenant) {
    let receiver = Receiver::start().await;
    trigger(&tenant, &receiver.url("/all"), "all").await;
    trigger(&tenant, &receiver.url("/all"), "delete").await;
    trigger(&tenant, &receiver.url("/tags"), "resource_tags_changed").await;
    let cat = pictures::small_jpeg(1);
    let stored = tenant.upload(cat).public_id("cat").parameter("asset_folder", "a").send().await.ok();
    let one = [("public_ids", "cat")];
    let call = async |action: &str, parameters: &[(&str, &str)]| {
        let mut call = tenant.signed(action);
        for (name, value) in parameters {
            call = call.parameter(name, value);
        }
        call.send().await.ok()
    };
    call("image/tags", &[("command", "add"), ("tag", "red,blue"), one[0]]).await;
    call("image/tags", &[("command", "remove"), ("tag", "red"), one[0]]).await;
    // Nothing changes, so nothing is told.
    call("image/tags", &[("command", "remove"), ("tag", "red"), one[0]]).await;
    call("image/context", &[("command", "add"), ("context", "alt=A|caption=C"), one[0]]).await;
    call("image/context", &[("command", "add"), ("context", "alt=B"), one[0]]).await;
    let moved = json!({"asset_folder": "b", "display_name": "Tom"});
    tenant.send(Method::POST, "resources/image/upload/cat", moved).await.ok();
    tenant.send(Method::POST, "resources/image/upload/cat", json!({"moderation_status": "approved"})).await.ok();
    call("image/rename", &[("from_public_id", "cat"), ("to_public_id", "tom")]).await;
    tenant.send(Method::POST, "folders/x/y", json!({})).await.ok();
    tenant.send(Method::PUT, "folders/x", json!({"to_folder": "z"})).await.ok();
    tenant.admin(Method::DELETE, "folders/z").await.ok();
    tenant.destroy("tom").await.ok();

    let told = receiver.wait_for("/all", 13).await;
    for received in &told {
        verify(&tenant, received);
    }
    let told: Vec<Value> = told.iter().map(Received::json).collect();
    let of = |event: &str| -> Vec<&Value> { told.iter().filter(|one| one["notification_type"] == event).collect() };
    let tags = of("resource_tags_changed");
    assert_eq!(tags.len(), 2);
    assert!(tags.iter().any(|one| one["resources"]["cat"]["added"] == json!(["blue", "red"])), "{tags:?}");
    assert!(tags.iter().any(|one| one["resources"]["cat"]["removed"] == json!(["red"])), "{tags:?}");
    let context = of("resource_context_changed");
    let added = json!([{"name": "alt", "value": "A"}, {"name": "caption", "value": "C"}]);
    assert!(context.iter().any(|one| one["resources"]["cat"]["added"] == added), "{context:?}");
    let updated = json!([{"name": "alt", "previous_value": "A", "new_value": "B"}]);
    assert!(context.iter().any(|one| one["resources"]["cat"]["updated"] == updated), "{context:?}");
    assert_eq!(of("moderation")[0]["moderation_status"], "approved");
    let name = &of("resource_display_name_changed")[0]["resources"]["cat"];
    assert_eq!((&name["previous_display_name"], &name["new_display_name"]), (&json!("cat"), &json!("Tom")));
    let moved = &of("move")[0]["resources"]["cat"];
    assert_eq!((&moved["from_asset_folder"], &moved["to_asset_folder"]), (&json!("a"), &json!("b")));
    let renamed = of("rename")[0];
    assert_eq!((&renamed["from_public_id"], &renamed["to_public_id"]), (&json!("cat"), &json!("tom")));
    assert_eq!(renamed["asset_id"], stored["asset_id"]);
    assert_eq!(of("create_folder")[0]["folder_path"], "x/y");
    let folder = of("move_or_rename_asset_folder")[0];
    assert_eq!((&folder["from_path"], &folder["to_path"]), (&json!("x"), &json!("z")));
    assert_eq!(of("delete_folder")[0]["folder_name"], "z");
    let gone = of("delete");
    assert_eq!(gone.len(), 1, "one address is told once, whichever of its triggers fits");
    assert_eq!(gone[0]["resources"][0]["public_id"], "tom");
    assert_eq!(told.len(), 13);
    assert_eq!(receiver.wait_for("/tags", 2).await.len(), 2);
}

async fn a_call_is_told_where_it_says(tenant: Tenant) {
    let receiver = Receiver::start().await;
    trigger(&tenant, &receiver.url("/trigger"), "all").await;
    let preset = json!({"name": "p", "unsigned": true, "notification_url": receiver.url("/preset")});
    tenant.send(Method::POST, "upload_presets", preset).await.ok();
    let url = receiver.url("/call");
    let picture = || pictures::small_jpeg(1);
    tenant.upload(picture()).public_id("a").parameter("notification_url", &url).send().await.ok();
    tenant.upload(picture()).public_id("b").unsigned("p").send().await.ok();
    tenant.upload(picture()).public_id("c").parameter("return_delete_token", "1").send().await.ok();
    let signed = tenant.signed("image/destroy").parameter("public_id", "a").parameter("notification_url", &url);
    signed.send().await.ok();
    assert_eq!(receiver.wait_for("/call", 2).await[1].json()["notification_type"], "delete");
    let preset = receiver.wait_for("/preset", 1).await.remove(0).json();
    assert_eq!(preset["notification_context"]["triggered_by"], json!({"source": "preset", "id": "p"}));
    assert_eq!(preset["public_id"], "b");
    assert_eq!(receiver.wait_for("/trigger", 1).await.remove(0).json()["public_id"], "c");
    assert_eq!(receiver.received("/trigger").len(), 1);
}

async fn triggers_are_made_changed_and_taken_away(tenant: Tenant) {
    let made = trigger(&tenant, "https://a.test/hook", "upload").await;
    assert_eq!((&made["uri_type"], &made["event_type"]), (&json!("webhook"), &json!("upload")));
    let id = made["id"].as_str().expect("an id").to_owned();
    let polled = trigger(&tenant, "poll://orders", "all").await;
    assert_eq!(polled["uri_type"], "poll");
    let again = tenant.send(Method::POST, "triggers", json!({"uri": "https://a.test/hook", "event_type": "upload"}));
    assert_eq!(again.await.status, 409);
    let list = tenant.get("triggers?event_type=upload").await.ok();
    assert_eq!((&list["total"], &list["triggers"][0]), (&json!(1), &made));
    let path = format!("triggers/{id}");
    tenant.send(Method::PUT, &path, json!({"new_uri": "https://b.test/hook"})).await.ok();
    assert_eq!(tenant.get("triggers").await.ok()["triggers"][0]["uri"], "https://b.test/hook");
    let tested = tenant.send(Method::POST, &format!("{path}/test"), json!({"sample_data": {"a": 1}})).await.ok();
    assert_eq!(tested, json!({"trigger_id": id, "filter_present": false, "filter_result": true}));
    assert_eq!(tenant.admin(Method::DELETE, &path).await.ok(), json!({"message": "deleted"}));
    assert_eq!(tenant.admin(Method::DELETE, &path).await.status, 404);
    for (body, part) in [
        (json!({"event_type": "upload"}), "uri"),
        (json!({"uri": "https://a.test"}), "event_type"),
        (json!({"uri": "https://a.test", "event_type": "uplod"}), "uplod"),
        (json!({"uri": "ftp://a.test", "event_type": "upload"}), "ftp://a.test"),
        (json!({"uri": "poll://*", "event_type": "upload"}), "poll://*"),
        (json!({"uri": "https://a.test", "event_type": "explode"}), "explode"),
        (json!({"uri": "https://a.test/one\nhttps://a.test/two", "event_type": "upload"}), "an http or https address"),
        (json!({"uri": "https://a.test", "event_type": "upload", "uri_type": "poll"}), "uri_type"),
        (json!({"uri": "https://a.test", "event_type": "upload", "uri_type": "flow"}), "flow"),
    ] {
        let refused = tenant.send(Method::POST, "triggers", body).await;
        assert_eq!(refused.status, 400);
        assert!(refused.message().contains(part), "{part}: {}", refused.message());
    }
    for n in 0..30 {
        trigger(&tenant, &format!("https://a.test/{n}"), "eager").await;
    }
    let beyond =
        tenant.send(Method::POST, "triggers", json!({"uri": "https://a.test/30", "event_type": "eager"})).await;
    assert!(beyond.status == 400 && beyond.message().contains("30"), "{}", beyond.message());
}

async fn notifications_wait_in_channels(tenant: Tenant) {
    trigger(&tenant, "poll://orders", "upload").await;
    let picture = || pictures::small_jpeg(1);
    // Who asks before it happens is answered when it does.
    let asked = tenant.notifications("messages?channel=orders&wait_seconds=20");
    let happens = async { tenant.upload(picture()).public_id("a").send().await.ok() };
    let (first, _) = tokio::join!(asked, happens);
    let message = &first["messages"][0];
    let bytes = URL_SAFE_NO_PAD.decode(message["signed_payload"].as_str().expect("a text")).expect("base64");
    let text = String::from_utf8(bytes).expect("text");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), message["payload"]);
    assert_eq!(message["payload"]["public_id"], "a");
    let timestamp = message["timestamp"].as_i64().expect("seconds");
    let secret = Secret::new(tenant.secret.clone());
    assert_eq!(message["signature"], sign_notification(&text, timestamp, &secret, Algorithm::Sha1));
    let none = tenant.notifications("messages?channel=orders&wait_seconds=0").await;
    assert_eq!(none, json!({}), "what was handed out is not handed out again at once");

    // What is not acknowledged comes back, under another receipt.
    tenant.upload(picture()).public_id("b").send().await.ok();
    let brief = tenant.notifications("messages?channel=orders&wait_seconds=5&visibility_timeout=1").await;
    assert_eq!(brief["messages"][0]["payload"]["public_id"], "b");
    let back = tenant.notifications("messages?channel=orders&wait_seconds=10").await;
    assert_eq!(back["messages"][0]["payload"]["public_id"], "b");
    let receipts: Vec<&Value> =
        [message, &brief["messages"][0], &back["messages"][0]].map(|one| &one["receipt_handle"]).to_vec();
    let body = json!({"receipt_handles": receipts});
    let path = format!("/v2/notifications/{}/messages/ack", tenant.cloud);
    let answer = tenant.send_to(Method::POST, &path, body).await.ok();
    let statuses: Vec<&Value> =
        answer["results"].as_array().expect("a list").iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, ["acked", "not_found", "acked"]);

    let batch = tenant.upload(picture()).public_id("c").parameter("notification_url", "poll://*");
    batch.parameter("batch_id", "b7").send().await.ok();
    let other = tenant.notifications("messages?batch_id=b8&wait_seconds=0").await;
    assert_eq!(other, json!({}));
    let mine = tenant.notifications("messages?batch_id=b7&wait_seconds=0").await;
    assert_eq!((&mine["messages"][0]["batch_id"], mine["messages"].as_array().map(Vec::len)), (&json!("b7"), Some(1)));
    for (query, part) in [
        ("messages", "exactly one"),
        ("messages?channel=a&batch_id=b", "exactly one"),
        ("messages?channel=*", "batch_id"),
        ("messages?channel=a%20b", "channel"),
        ("messages?channel=a&wait_seconds=61", "wait_seconds"),
        ("messages?channel=a&max_messages=0", "max_messages"),
        ("messages?channel=a&visibility_timeout=601", "visibility_timeout"),
    ] {
        let path = format!("/v2/notifications/{}/{query}", tenant.cloud);
        let refused = tenant.send_to(Method::GET, &path, Value::Null).await;
        assert!(refused.status == 400 && refused.message().contains(part), "{query}: {}", refused.text());
    }
}

async fn a_notification_is_sent_once_more(tenant: Tenant) {
    let receiver = Receiver::start().await;
    let upload = tenant.upload(pictures::small_jpeg(1)).public_id("cat");
    upload.parameter("notification_url", &receiver.url("/hook")).send().await.ok();
    let sent = delivered(&tenant).await;
    let id = sent["id"].as_str().expect("an id").to_owned();
    let path = format!("/v2/notifications/{}/deliveries/{id}/replay", tenant.cloud);
    tenant.send_to(Method::POST, &path, json!({})).await.ok();
    let received = receiver.wait_for("/hook", 2).await;
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    assert_eq!(received[0].body, received[1].body);
    delivered(&tenant).await;
    let unknown = format!("/v2/notifications/{}/deliveries/{}/replay", tenant.cloud, "0".repeat(32));
    assert_eq!(tenant.send_to(Method::POST, &unknown, json!({})).await.status, 404);
}

async fn wishes_that_cannot_be_are_named(tenant: Tenant) {
    let upload = |name: &'static str, value: &'static str| {
        tenant.upload(pictures::small_jpeg(1)).public_id("cat").parameter(name, value).send()
    };
    for (name, value, part) in [
        ("notification_url", "file:///etc/passwd", "notification_url"),
        ("notification_url", "nothing", "notification_url"),
        ("notification_url", "poll://*", "batch_id"),
        ("notification_url", "poll://a/b", "poll://a/b"),
        ("batch_id", "a b", "batch_id"),
    ] {
        let refused = upload(name, value).await;
        assert!(refused.status == 400 && refused.message().contains(part), "{name}={value}: {}", refused.text());
    }
    assert_eq!(tenant.get("resources/image/upload/cat").await.status, 404, "nothing is stored");
    // An address that is not public is nobody's, and is not told apart from one that does not answer; it is tried and not reached.
    upload("notification_url", "http://169.254.169.254/latest").await.ok();
    let failed = eventually("an attempt", LIMIT, async || {
        let log = tenant.notifications("deliveries?state=waiting").await;
        let newest = log["notifications"][0].clone();
        newest["last_error"].as_str().map(str::to_owned)
    })
    .await;
    assert!(failed.contains("no public address"), "{failed}");
}

#[tokio::test]
async fn what_was_promised_is_told_after_the_process_was_killed() {
    let receiver = Receiver::start().await;
    let mut server = Dev::start_with(&[], &SETTINGS).await;
    let tenant = server.tenant();
    receiver.answer("/hook", &[503; 1000]);
    let upload = tenant.upload(pictures::small_jpeg(1)).public_id("cat");
    upload.parameter("notification_url", &receiver.url("/hook")).send().await.ok();
    receiver.wait_for("/hook", 1).await;
    server.process().kill();
    receiver.heal("/hook");
    let so_far = receiver.received("/hook").len();
    server.restart().await;
    let received = receiver.wait_for("/hook", so_far + 1).await;
    assert_eq!(received.last().expect("one more").json()["public_id"], "cat");
    delivered(&server.tenant()).await;
}
