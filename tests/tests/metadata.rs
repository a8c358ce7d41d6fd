//! Structured metadata: fields, their lists and rules, and the values that assets have of them.

use std::time::Duration;

use reqwest::Method;
use safelight_tests::{
    harness::{
        client::{Answer, Tenant},
        eventually, pictures,
        receiver::Receiver,
    },
    on_both_databases,
};
use serde_json::{Value, json};

/// How long something that nobody waits for may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Settings under which a receiver on this machine is reached.
const SETTINGS: [(&str, &str); 2] =
    [("SAFELIGHT_OUTBOUND__ALLOWED_NETWORKS", "127.0.0.0/8"), ("SAFELIGHT_OUTBOUND__PORTS", "")];

on_both_databases!(
    with &SETTINGS;
    fields_live_and_their_ids_stay_taken,
    lists_are_kept_searched_and_restored,
    assets_have_values_that_their_fields_permit,
    values_change_one_by_one_and_are_told_of,
    a_list_may_grow_by_what_assets_bring,
    a_field_that_goes_takes_its_values_along,
    presets_and_unsigned_callers_add_up,
    rules_are_kept_and_narrow_lists,
    what_makes_no_sense_is_named,
);

async fn send(tenant: &Tenant, method: Method, path: &str, body: Value) -> Value {
    tenant.send(method, path, body).await.ok()
}

async fn make(tenant: &Tenant, field: Value) -> Value {
    send(tenant, Method::POST, "metadata_fields", field).await
}

fn colours() -> Value {
    json!({"values": [{"external_id": "r", "value": "Red"}, {"external_id": "b", "value": "blue"}]})
}

fn ids(values: &Value, list: &str) -> Vec<String> {
    let all = values[list].as_array().unwrap_or_else(|| panic!("{list}: {values}")).iter();
    all.map(|one| one["external_id"].as_str().expect("an id").to_owned()).collect()
}

async fn detail(tenant: &Tenant, public_id: &str) -> Value {
    tenant.get(&format!("resources/image/upload/{public_id}")).await.ok()
}

async fn fields_live_and_their_ids_stay_taken(tenant: Tenant) {
    let made = make(&tenant, json!({"type": "string", "label": "Title", "external_id": "title"})).await;
    assert_eq!(
        made,
        json!({
            "type": "string", "external_id": "title", "label": "Title", "mandatory": false, "default_value": null,
            "validation": null, "default_disabled": false,
            "restrictions": {"readonly_ui": false, "hidden_ui": false, "excluded_from_search": false},
        })
    );
    assert_eq!(tenant.get("metadata_fields/title").await.ok(), made);
    let made_up = make(&tenant, json!({"type": "date", "label": "A day"})).await;
    let made_up = made_up["external_id"].as_str().expect("an id").to_owned();
    let number =
        json!({"type": "integer", "label": "Number", "external_id": "number", "mandatory": true, "default_value": 5});
    make(&tenant, number).await;
    assert_eq!(ids(&tenant.get("metadata_fields").await.ok(), "metadata_fields"), ["title", &made_up, "number"]);
    let some = tenant.get("metadata_fields?external_ids[]=number&external_ids[]=none").await.ok();
    assert_eq!(ids(&some, "metadata_fields"), ["number"]);
    let by_label = send(&tenant, Method::PUT, "metadata_fields/order", json!({"order_by": "label"})).await;
    assert_eq!(ids(&by_label, "metadata_fields"), [&made_up, "number", "title"]);
    let down = json!({"order_by": "created_at", "direction": "desc"});
    let down = send(&tenant, Method::PUT, "metadata_fields/order", down).await;
    assert_eq!(ids(&down, "metadata_fields"), ["number", &made_up, "title"]);
    let moved = send(&tenant, Method::PUT, "metadata_fields/title/reorder", json!({"position": 0})).await;
    assert_eq!(ids(&moved, "metadata_fields"), ["title", "number", &made_up]);
    assert_eq!(tenant.get("metadata_fields").await.ok(), moved);

    let changed =
        json!({"label": "Headline", "validation": {"type": "strlen", "max": 20}, "restrictions": {"hidden_ui": true}});
    let changed = send(&tenant, Method::PUT, "metadata_fields/title", changed).await;
    assert_eq!((&changed["label"], &changed["restrictions"]["hidden_ui"]), (&json!("Headline"), &json!(true)));
    assert_eq!(changed["validation"], json!({"type": "strlen", "max": 20}));
    let emptied = json!({"validation": null, "default_value": null});
    let emptied = send(&tenant, Method::PUT, "metadata_fields/title", emptied).await;
    assert_eq!((&emptied["validation"], &emptied["label"]), (&Value::Null, &json!("Headline")));
    assert_eq!(tenant.admin(Method::DELETE, "metadata_fields/title").await.ok(), json!({"message": "ok"}));
    assert_eq!(tenant.get("metadata_fields/title").await.status, 404);
    let again = tenant
        .send(Method::POST, "metadata_fields", json!({"type": "string", "label": "T", "external_id": "title"}))
        .await;
    assert_eq!((again.status, again.message().as_str()), (400, "external id title already exists"));
}

async fn lists_are_kept_searched_and_restored(tenant: Tenant) {
    make(&tenant, json!({"type": "enum", "label": "Colour", "external_id": "colour", "datasource": colours()})).await;
    make(&tenant, json!({"type": "set", "label": "Sizes", "external_id": "sizes", "datasource": {"values": [{"external_id": "s", "value": "small red"}]}})).await;
    let list = "metadata_fields/colour/datasource";
    let values = json!({"values": [{"external_id": "g", "value": "Green"}, {"external_id": "b", "value": "Blue"}, {"value": "Ochre"}]});
    let values = send(&tenant, Method::PUT, list, values).await;
    let made_up = values["values"][3]["external_id"].as_str().expect("an id").to_owned();
    assert_eq!(ids(&values, "values"), ["r", "b", "g", &made_up]);
    assert_eq!(values["values"][1], json!({"external_id": "b", "value": "Blue", "position": 1, "state": "active"}));
    let ordered = send(&tenant, Method::POST, &format!("{list}/order"), json!({"order_by": "value"})).await;
    assert_eq!(ids(&ordered, "values"), ["b", "g", &made_up, "r"]);
    let down =
        send(&tenant, Method::PUT, &format!("{list}/order"), json!({"order_by": "value", "direction": "desc"})).await;
    assert_eq!(ids(&down, "values"), ["r", &made_up, "g", "b"]);
    let left = send(&tenant, Method::DELETE, list, json!({"external_ids": ["g", "b"]})).await;
    assert_eq!(ids(&left, "values"), ["r", &made_up]);
    assert_eq!(ids(&tenant.get("metadata_fields/colour").await.ok()["datasource"], "values").len(), 2);
    let restored =
        send(&tenant, Method::POST, "metadata_fields/colour/datasource_restore", json!({"external_ids": ["b"]})).await;
    assert_eq!(ids(&restored, "values"), ["r", &made_up, "b"]);

    let found = send(&tenant, Method::POST, "metadata_fields/datasource/search", json!({"term": "RED"})).await;
    assert_eq!(
        found,
        json!([
            {"field_id": "colour", "id": "r", "value": "Red"},
            {"field_id": "sizes", "id": "s", "value": "small red"},
        ])
    );
    let search = format!("{list}/search?term=bl");
    assert_eq!(ids(&send(&tenant, Method::POST, &search, json!({})).await, "values"), ["b"]);
    let exact = json!({"term": "bl", "exact_match": true});
    assert_eq!(
        ids(&send(&tenant, Method::POST, &format!("{list}/search"), exact).await, "values"),
        Vec::<String>::new()
    );
}

async fn assets_have_values_that_their_fields_permit(tenant: Tenant) {
    make(&tenant, json!({"type": "string", "label": "Title", "external_id": "title"})).await;
    let below = json!({"type": "less_than", "value": 100});
    make(&tenant, json!({"type": "integer", "label": "Age", "external_id": "age", "validation": below})).await;
    make(&tenant, json!({"type": "date", "label": "Day", "external_id": "day", "default_value": "2026-01-01"})).await;
    make(&tenant, json!({"type": "set", "label": "Colours", "external_id": "colours", "datasource": colours()})).await;
    let upload = tenant.upload(pictures::small_jpeg(1)).public_id("cat");
    let stored = upload.parameter("metadata", r#"title=a\|b\=c|age=7|colours=["r","b"]"#).send().await.ok();
    let expected = json!({"title": "a|b=c", "age": 7, "colours": ["r", "b"], "day": "2026-01-01"});
    assert_eq!(stored["metadata"], expected);
    assert_eq!(detail(&tenant, "cat").await["metadata"], expected);
    let listed = tenant.get("resources/image?metadata=true").await.ok();
    assert_eq!(listed["resources"][0]["metadata"], expected);
    assert_eq!(tenant.get("resources/image").await.ok()["resources"][0]["metadata"], Value::Null);
    // Replaced, it says what the new call says.
    let replaced =
        tenant.upload(pictures::small_jpeg(2)).public_id("cat").parameter("metadata", "age=8").send().await.ok();
    assert_eq!(replaced["metadata"], json!({"age": 8, "day": "2026-01-01"}));
    for (metadata, part) in [
        ("titel=x", r#"The following metadata fields do not exist: ["titel"]"#),
        ("age=seven", "age"),
        ("age=100", "validation"),
        ("day=27.11.2026", "YYYY-MM-DD"),
        (r#"colours=["r","green"]"#, "colours"),
        ("title", "metadata"),
    ] {
        for later in ["0", "1"] {
            let upload = tenant.upload(pictures::small_jpeg(1)).public_id("refused").parameter("async", later);
            let refused = upload.parameter("metadata", metadata).send().await;
            assert!(refused.status == 400 && refused.message().contains(part), "{metadata}: {}", refused.text());
        }
    }
    assert_eq!(tenant.get("resources/image/upload/refused").await.status, 404);
    let owners =
        json!({"type": "set", "label": "Owner", "external_id": "owner", "mandatory": true, "datasource": colours()});
    make(&tenant, owners).await;
    let refused = tenant.upload(pictures::small_jpeg(1)).parameter("metadata", "owner=[]").send().await;
    assert!(refused.status == 400 && refused.message().contains("owner"), "{}", refused.text());
    let refused = tenant.upload(pictures::small_jpeg(1)).send().await;
    assert_eq!((refused.status, refused.message().as_str()), (400, "Missing required metadata field - owner"));
}

async fn values_change_one_by_one_and_are_told_of(tenant: Tenant) {
    let receiver = Receiver::start().await;
    for id in ["a", "b", "c"] {
        make(&tenant, json!({"type": "string", "label": id, "external_id": id})).await;
    }
    for name in ["x", "y"] {
        tenant.upload(pictures::small_jpeg(1)).public_id(name).parameter("metadata", "a=1|b=2").send().await.ok();
    }
    let command = |metadata: &str, more: &[(&str, &str)]| {
        let call = tenant.signed("image/metadata").parameter("metadata", metadata);
        more.iter().fold(call, |call, (name, value)| call.parameter(name, value))
    };
    let url = receiver.url("/told");
    let touched = command("a=3|b=", &[("public_ids", "x"), ("notification_url", &url)]).send().await;
    assert_eq!(touched.ok()["public_ids"], json!(["x"]));
    command("a=3|b=", &[("public_ids", "y")]).send().await.ok();
    assert_eq!(command("a=3", &[("public_ids", "none")]).send().await.ok()["public_ids"], json!([]));
    assert_eq!(detail(&tenant, "y").await["metadata"], json!({"a": "3"}));
    let told = receiver.wait_for("/told", 1).await.remove(0).json();
    assert_eq!(told["notification_type"], "resource_metadata_changed");
    let changed = &told["resources"]["x"];
    assert_eq!(changed["updated"], json!([{"name": "a", "previous_value": "1", "new_value": "3"}]));
    assert_eq!(changed["removed"], json!([{"name": "b", "value": "2"}]));
    let explicit = tenant.signed("image/explicit").public_id("x").parameter("type", "upload");
    let changed = explicit.parameter("metadata", r#"{"c": "4"}"#).send().await.ok();
    assert_eq!(changed["metadata"], json!({"a": "3", "c": "4"}));
    let updated =
        send(&tenant, Method::POST, "resources/image/upload/x", json!({"metadata": {"a": null, "b": "5"}})).await;
    assert_eq!(updated["metadata"], json!({"c": "4", "b": "5"}));
    // What the field does not permit any more stays until it is asked to go.
    let short = json!({"validation": {"type": "strlen", "min": 2}});
    send(&tenant, Method::PUT, "metadata_fields/c", short).await;
    command("b=6", &[("public_ids", "x")]).send().await.ok();
    assert_eq!(detail(&tenant, "x").await["metadata"], json!({"c": "4", "b": "6"}));
    command("b=6", &[("public_ids", "x"), ("clear_invalid", "true")]).send().await.ok();
    assert_eq!(detail(&tenant, "x").await["metadata"], json!({"b": "6"}));
    let renamed = tenant.signed("image/rename").parameter("from_public_id", "x").parameter("to_public_id", "z");
    assert_eq!(renamed.send().await.ok()["metadata"], json!({"b": "6"}));
    let missing: Answer = tenant.signed("image/metadata").parameter("public_ids", "y").send().await;
    assert!(missing.status == 400 && missing.message().contains("metadata"), "{}", missing.text());
}

async fn a_list_may_grow_by_what_assets_bring(tenant: Tenant) {
    let field = json!({
        "type": "set", "label": "Places", "external_id": "places", "allow_dynamic_list_values": true,
        "datasource": {"values": [{"external_id": "k", "value": "Kiel"}]},
    });
    make(&tenant, field).await;
    let upload = |name: &'static str| {
        tenant.upload(pictures::small_jpeg(1)).public_id(name).parameter("metadata", r#"places=["Kiel","Lund"]"#)
    };
    let (one, two) = tokio::join!(upload("a").send(), upload("b").send());
    let (one, two) = (one.ok(), two.ok());
    assert_eq!(one["metadata"], two["metadata"], "a value that two bring is one");
    send(&tenant, Method::POST, "upload_presets", json!({"name": "open", "unsigned": true})).await;
    let anybody = tenant.upload(pictures::small_jpeg(1)).unsigned("open").parameter("metadata", r#"places=["Oslo"]"#);
    let refused = anybody.send().await;
    assert!(refused.status == 400 && refused.message().contains("Oslo"), "{}", refused.text());
    let out = json!({"values": [{"external_id": "o", "value": "Old", "state": "inactive"}]});
    send(&tenant, Method::PUT, "metadata_fields/places/datasource", out).await;
    let chosen = tenant.upload(pictures::small_jpeg(1)).parameter("metadata", r#"places=["o"]"#).send().await;
    assert!(chosen.status == 400 && chosen.message().contains("not to be chosen"), "{}", chosen.text());
    // As the Python client writes it: JSON with escapes, joined without escaping them.
    let upload =
        tenant.upload(pictures::small_jpeg(1)).public_id("c").parameter("metadata", r#"places=["Kiel","Malm\u00f6"]"#);
    upload.send().await.ok();
    let list = tenant.get("metadata_fields/places").await.ok()["datasource"]["values"].clone();
    assert_eq!((list[2]["value"].clone(), list[3]["value"].clone()), (json!("Old"), json!("Malmö")));
    assert_eq!(
        (list[0]["value"].clone(), list[1]["value"].clone(), list[4].clone()),
        (json!("Kiel"), json!("Lund"), Value::Null)
    );
    assert_eq!(one["metadata"]["places"], json!(["k", list[1]["external_id"]]));
}

async fn a_field_that_goes_takes_its_values_along(tenant: Tenant) {
    for id in ["a_1", "a%1"] {
        make(&tenant, json!({"type": "string", "label": id, "external_id": id})).await;
    }
    for number in 0..3 {
        let upload = tenant.upload(pictures::small_jpeg(1)).public_id(&format!("x{number}"));
        upload.parameter("metadata", r#"{"a_1": "1", "a%1": "2"}"#).send().await.ok();
    }
    tenant.admin(Method::DELETE, "metadata_fields/a_1").await.ok();
    eventually("the values are gone", LIMIT, async || {
        (tenant.get("jobs").await.ok()["jobs"] == json!([])).then_some(())
    })
    .await;
    for number in 0..3 {
        assert_eq!(detail(&tenant, &format!("x{number}")).await["metadata"], json!({"a%1": "2"}));
    }
}

async fn presets_and_unsigned_callers_add_up(tenant: Tenant) {
    for id in ["a", "b"] {
        make(&tenant, json!({"type": "string", "label": id, "external_id": id})).await;
    }
    let preset = json!({"name": "open", "unsigned": true, "metadata": "a=preset"});
    send(&tenant, Method::POST, "upload_presets", preset).await;
    assert_eq!(tenant.get("upload_presets/open").await.ok()["settings"]["metadata"], json!({"a": "preset"}));
    let broken = json!({"name": "broken", "metadata": {"nothing": "x"}});
    let refused = tenant.send(Method::POST, "upload_presets", broken).await;
    assert!(refused.status == 400 && refused.message().contains("nothing"), "{}", refused.text());
    let upload = tenant.upload(pictures::small_jpeg(1)).unsigned("open").parameter("metadata", "a=mine|b=mine");
    assert_eq!(upload.send().await.ok()["metadata"], json!({"a": "preset", "b": "mine"}));
}

async fn rules_are_kept_and_narrow_lists(tenant: Tenant) {
    for id in ["country", "city"] {
        make(&tenant, json!({"type": "enum", "label": id, "external_id": id, "datasource": colours()})).await;
    }
    let rule = |name: &str, country: &str, city: &str| {
        json!({
            "metadata_field_id": "city", "name": name, "external_id": name,
            "condition": {"metadata_field_id": "country", "equals": country},
            "result": {"activate_values": {"external_ids": [city], "mode": "override"}},
        })
    };
    let made = send(&tenant, Method::POST, "metadata_rules", rule("one", "r", "b")).await;
    assert_eq!((&made["external_id"], &made["state"], &made["position"]), (&json!("one"), &json!("active"), &json!(0)));
    assert_eq!(made["condition_signature"].as_str().map(str::len), Some(64));
    let mut second = rule("two", "b", "r");
    second["position"] = json!(0);
    send(&tenant, Method::POST, "metadata_rules", second).await;
    assert_eq!(ids(&tenant.get("metadata_rules").await.ok(), "metadata_rules"), ["two", "one"]);
    let open = async |country: &str| {
        let body = json!({"payload": {"country": country}});
        ids(&send(&tenant, Method::POST, "metadata_fields/city/datasource/search", body).await, "values")
    };
    assert_eq!((open("r").await, open("b").await, open("x").await.len()), (vec!["b".into()], vec!["r".into()], 2));
    let off = send(&tenant, Method::PUT, "metadata_rules/one", json!({"state": "inactive", "name": "off"})).await;
    assert_eq!((&off["state"], &off["name"], &off["position"]), (&json!("inactive"), &json!("off"), &json!(1)));
    assert_eq!(open("r").await.len(), 2);
    let named = tenant.admin(Method::DELETE, "metadata_fields/country").await;
    assert!(named.status == 409 && named.message().contains("two"), "{}", named.text());
    for id in ["one", "two"] {
        assert_eq!(tenant.admin(Method::DELETE, &format!("metadata_rules/{id}")).await.ok(), json!({"success": true}));
    }
    assert_eq!(tenant.admin(Method::DELETE, "metadata_rules/one").await.status, 404);
    tenant.admin(Method::DELETE, "metadata_fields/country").await.ok();
}

async fn what_makes_no_sense_is_named(tenant: Tenant) {
    make(&tenant, json!({"type": "string", "label": "t", "external_id": "t"})).await;
    let cases = [
        (Method::POST, "metadata_fields", json!({"type": "float", "label": "x"}), 400, "float"),
        (Method::POST, "metadata_fields", json!({"type": "string"}), 400, "label"),
        (Method::POST, "metadata_fields", json!({"type": "enum", "label": "x"}), 400, "datasource"),
        (
            Method::POST,
            "metadata_fields",
            json!({"type": "integer", "label": "x", "default_value": "y"}),
            400,
            "default_value is invalid",
        ),
        (
            Method::POST,
            "metadata_fields",
            json!({"type": "enum", "label": "x", "datasource": {"values": [{"external_id": "a", "value": "A"}, {"external_id": "a", "value": "B"}]}}),
            400,
            "external_id a stands there twice",
        ),
        (Method::PUT, "metadata_fields/t", json!({"type": "integer"}), 400, "type"),
        (Method::PUT, "metadata_fields/none", json!({"label": "x"}), 404, "none"),
        (Method::PUT, "metadata_fields/order", json!({"order_by": "size"}), 400, "size"),
        (Method::PUT, "metadata_fields/t/reorder", json!({"position": -1}), 400, "position"),
        (Method::PUT, "metadata_fields/t/datasource", json!({"values": []}), 400, "has no datasource"),
        (Method::POST, "metadata_fields/none/datasource/search", json!({}), 404, "none"),
        (Method::POST, "metadata_rules", json!({"name": "x"}), 400, "metadata_field_id"),
        (
            Method::POST,
            "metadata_rules",
            json!({"metadata_field_id": "t", "name": "x", "condition": {"metadata_field_id": "u", "populated": true}, "result": {"hide": true}}),
            400,
            r#"["u"]"#,
        ),
        (Method::PUT, "metadata_rules/none", json!({"name": "x"}), 404, "none"),
    ];
    for (method, path, body, status, part) in cases {
        let refused = tenant.send(method, path, body.clone()).await;
        assert!(refused.status == status && refused.message().contains(part), "{path} {body}: {}", refused.text());
    }
    assert_eq!(ids(&tenant.get("metadata_fields").await.ok(), "metadata_fields"), ["t"]);
    assert_eq!(tenant.get("metadata_rules").await.ok()["metadata_rules"], json!([]));
}
