//! Users over HTTP.

use std::time::Duration;

use actix_web::http::Method;
use control_plane::AccountCredentials;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, Stage},
    on_both_databases,
};

on_both_databases!(
    a_user_lives_and_dies,
    lists_are_filtered,
    lists_are_paged_and_sorted,
    every_form_of_list_and_boolean_is_read,
    product_environments_are_given_and_taken,
    mistakes_are_named,
    the_last_master_admin_stays,
    one_address_is_one_person_in_many_accounts,
    another_account_s_users_are_not_there,
);

/// The members of a user that never signed in.
const MEMBERS: [&str; 21] = [
    "id",
    "name",
    "first_name",
    "last_name",
    "email",
    "role",
    "pending",
    "enabled",
    "status",
    "created_at",
    "updated_at",
    "all_sub_accounts",
    "sub_account_ids",
    "groups",
    "providers",
    "email_preferences",
    "account_id",
    "two_factor",
    "root",
    "group_count",
    "sub_account_count",
];

fn names(body: &Value) -> Vec<&str> {
    body["users"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect()
}

/// Makes a user and answers its id. Time moves by a second, so that one made later sorts behind.
async fn user(stage: &Stage, body: Value) -> String {
    stage.clock.advance(Duration::from_secs(1));
    let made = stage.call(Method::POST, "/users", Body::Json(body)).await.ok();
    made["id"].as_str().unwrap().to_owned()
}

/// Lets a user sign in behind the back of the control plane; `at` as the program writes times.
async fn sign_in(stage: &Stage, name: &str, at: &str) {
    let change = format!("UPDATE {{}}memberships SET pending = false, last_login = '{at}' WHERE name = '{name}'");
    stage.execute(&change).await;
}

async fn a_user_lives_and_dies(stage: Stage) {
    let environment = stage.environment("demo").await;
    let body = json!({"name": "John van Doe", "email": "John.Doe@Example.com", "role": "billing", "enabled": null});
    let made = stage.call(Method::POST, "/users", Body::Json(body)).await.ok();
    assert_eq!(Answer::members(&made), MEMBERS);
    let path = format!("/users/{}", made["id"].as_str().unwrap());
    for (member, expected) in [
        ("first_name", json!("John")),
        ("last_name", json!("van Doe")),
        ("email", json!("John.Doe@Example.com")),
        ("role", json!("billing")),
        ("pending", json!(true)),
        ("enabled", json!(true)),
        ("status", json!("pending")),
        ("created_at", json!("2026-11-23T12:00:00Z")),
        ("all_sub_accounts", json!(true)),
        ("sub_account_ids", json!([])),
        ("groups", json!([])),
        ("account_id", json!(stage.account.account.id.to_string())),
        ("root", json!(true)),
        ("group_count", json!(0)),
        ("sub_account_count", json!(1)),
    ] {
        assert_eq!(made[member], expected, "{member}");
    }
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), made);

    stage.clock.advance(Duration::from_secs(60));
    let second = json!({"name": "Cher", "email": "cher@example.com"});
    let second = stage.call(Method::POST, "/users", Body::Json(second)).await.ok();
    assert_eq!((&second["first_name"], &second["last_name"]), (&json!("Cher"), &json!("")));
    assert_eq!((&second["role"], &second["root"]), (&json!("media_library_user"), &json!(false)));

    sign_in(&stage, "John van Doe", "2026-11-23T12:00:30+00:00").await;
    let signed_in = stage.call(Method::GET, &path, Body::None).await.ok();
    assert_eq!((&signed_in["status"], &signed_in["pending"]), (&json!("active"), &json!(false)));
    assert_eq!(signed_in["last_login"], "2026-11-23T12:00:30Z");
    let changes = json!({"name": "Johnny", "role": "reports", "enabled": "false", "email": "JOHN.DOE@example.com"});
    let changed = stage.call(Method::PUT, &path, Body::Json(changes)).await.ok();
    assert_eq!((&changed["name"], &changed["role"]), (&json!("Johnny"), &json!("reports")));
    assert_eq!((&changed["enabled"], &changed["email"]), (&json!(false), &json!("JOHN.DOE@example.com")));
    assert_eq!(changed["pending"], false, "another spelling is no other person");
    assert_eq!(changed["updated_at"], "2026-11-23T12:01:00Z");
    let moved = stage.call(Method::PUT, &path, Body::Form("email=new%40example.com")).await.ok();
    assert_eq!((&moved["email"], &moved["pending"]), (&json!("new@example.com"), &json!(true)));
    assert!(moved.get("last_login").is_none(), "another person has not signed in yet");
    assert_eq!(moved["id"], made["id"]);
    let taken = json!({"email": "CHER@example.com"});
    stage.call(Method::PUT, &path, Body::Json(taken)).await.refused(409, "User with email CHER@example.com already");
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), moved);

    let listed = stage.call(Method::GET, &format!("{path}/sub_accounts"), Body::None).await.ok();
    let brief = json!({"id": environment, "name": "demo", "cloud_name": "demo", "enabled": true});
    assert_eq!(listed, json!({"sub_accounts": [brief]}));
    assert_eq!(stage.call(Method::GET, &format!("{path}/groups"), Body::None).await.ok(), json!({"groups": []}));

    assert_eq!(stage.call(Method::DELETE, &path, Body::Json(json!({}))).await.ok(), json!({"message": "ok"}));
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::GET, format!("{path}/groups")),
        (Method::GET, format!("{path}/sub_accounts")),
    ] {
        stage.call(method, &path, Body::None).await.refused(404, "Cannot find user with id");
    }
    // The address is free again, and the oldest of those who are left is the root user.
    user(&stage, json!({"name": "Next", "email": "new@example.com"})).await;
    let listed = stage.call(Method::GET, "/users?sort_order=asc", Body::None).await.ok();
    assert_eq!(names(&listed), ["Cher", "Next"]);
    assert_eq!(listed["users"][0]["root"], true);
}

async fn lists_are_filtered(stage: Stage) {
    let environment = stage.environment("demo").await;
    let elsewhere = stage.environment("elsewhere").await;
    let everywhere = user(&stage, json!({"name": "Ada", "email": "ada@example.com"})).await;
    let given = json!({"name": "adam_%", "email": "adam@example.com", "sub_account_ids": [environment]});
    let restricted = user(&stage, given).await;
    user(&stage, json!({"name": "Zoë", "email": "zoe@example.com", "sub_account_ids": [elsewhere]})).await;
    sign_in(&stage, "Ada", "2026-11-23T12:00:00+00:00").await;
    let ids = format!("{everywhere},{restricted},{}", "0".repeat(32));
    let cases: Vec<(String, &[&str])> = vec![
        (String::new(), &["Ada", "adam_%", "Zoë"]),
        (format!("ids={ids}"), &["Ada", "adam_%"]),
        (format!("ids={ids}&pending=true"), &["adam_%"]),
        (format!("ids={restricted}&pending=false"), &[]),
        (format!("ids={restricted}&status=active"), &[]),
        (format!("ids={restricted}"), &["adam_%"]),
        ("ids=nobody".into(), &[]),
        ("emails=ADA@example.com&emails=zoe@example.com&emails=no".into(), &["Ada", "Zoë"]),
        ("prefix=ADA".into(), &["Ada", "adam_%"]),
        ("prefix=adam_%25".into(), &["adam_%"]),
        ("prefix=%25".into(), &[]),
        ("prefix=zo%C3%8B".into(), &["Zoë"]),
        ("prefix=a%07".into(), &[]),
        ("pending=1".into(), &["adam_%", "Zoë"]),
        ("status=pending&pending=true".into(), &["adam_%", "Zoë"]),
        ("status=active".into(), &["Ada"]),
        (format!("sub_account_id={environment}"), &["Ada", "adam_%"]),
        (format!("sub_account_id={environment}&pending=true"), &["adam_%"]),
        ("last_login=true".into(), &["Ada"]),
        ("last_login=false".into(), &["adam_%", "Zoë"]),
        ("last_login=true&from=2026-11-23&to=2026-11-23".into(), &["Ada"]),
        ("last_login=true&from=2026-11-24&to=2026-11-24".into(), &[]),
        ("last_login=false&from=2026-11-24&to=2026-11-24".into(), &["Ada", "adam_%", "Zoë"]),
        ("from=2026-11-23&union_type=include".into(), &["Ada"]),
        ("to=2026-11-22".into(), &[]),
        ("to=2026-11-22&union_type=exclude".into(), &["Ada", "adam_%", "Zoë"]),
        ("last_login=true&union_type=exclude".into(), &["adam_%", "Zoë"]),
        ("from=2026-11-23%2012:00:00.000000&to=2026-11-23%2012:00:00.000000".into(), &["Ada"]),
        ("from=2026-11-23%2012:00:00.000001".into(), &[]),
        ("to=2026-11-23T11:59:59Z".into(), &[]),
    ];
    for (query, expected) in cases {
        let listed = stage.call(Method::GET, &format!("/users?sort_order=asc&{query}"), Body::None).await.ok();
        assert_eq!(Answer::members(&listed), ["users"]);
        assert_eq!(names(&listed), expected, "{query}");
    }
    let unknown = stage.call(Method::GET, "/users?pending=true&sub_account_id=nowhere", Body::None).await;
    assert_eq!(unknown.body, json!({"error": {"message": "Cannot find sub account with id nowhere"}}));
    unknown.refused(404, "nowhere");
    for (query, status, text) in [
        (format!("ids={}", vec!["x"; 101].join(",")), 400, "parameter ids: at most 100"),
        (format!("emails={}", vec!["x"; 101].join(",")), 400, "parameter emails: at most 100"),
        (format!("sub_account_id={}", "0".repeat(32)), 404, "Cannot find sub account with id 000"),
        ("pending=perhaps".into(), 400, "parameter pending"),
        ("status=asleep".into(), 400, "Invalid value asleep for parameter status"),
        ("status=active&pending=true".into(), 400, "parameter status"),
        ("last_login=never".into(), 400, "parameter last_login"),
        ("from=yesterday".into(), 400, "Invalid value yesterday for parameter from"),
        ("to=2026-02-30".into(), 400, "parameter to"),
        ("union_type=both".into(), 400, "Invalid value both for parameter union_type"),
        ("activity=x".into(), 400, "activity"),
        ("prefix=%00".into(), 400, "parameter prefix"),
    ] {
        stage.call(Method::GET, &format!("/users?{query}"), Body::None).await.refused(status, text);
    }
}

async fn lists_are_paged_and_sorted(stage: Stage) {
    for (name, role) in [("c", "reports"), ("A", "admin"), ("b", "billing")] {
        user(&stage, json!({"name": name, "email": format!("{name}@example.com"), "role": role})).await;
    }
    sign_in(&stage, "c", "2026-11-23T12:00:00+00:00").await;
    sign_in(&stage, "b", "2026-11-24T12:00:00.500+00:00").await;
    let cases: [(&str, &[&str]); 12] = [
        ("", &["b", "A", "c"]),
        ("?sort_order=asc", &["c", "A", "b"]),
        ("?sort_by=name&sort_order=asc", &["A", "b", "c"]),
        ("?sort_by=role", &["c", "b", "A"]),
        ("?sort_by=status", &["A", "b", "c"]),
        ("?sort_by=activity", &["b", "c", "A"]),
        ("?sort_by=activity&sort_order=asc", &["A", "c", "b"]),
        ("?sort_by=created_at&page_size=2", &["b", "A"]),
        ("?page_size=2&page=2", &["c"]),
        ("?page_size=2&page=3", &[]),
        ("?page=1", &["b", "A", "c"]),
        ("?page=100&page_size=500", &[]),
    ];
    for (query, expected) in cases {
        let listed = stage.call(Method::GET, &format!("/users{query}"), Body::None).await.ok();
        assert_eq!(names(&listed), expected, "{query}");
    }
    for (query, text) in [
        ("?page=101", "parameter page"),
        ("?page=0", "parameter page"),
        ("?page_size=501", "parameter page_size"),
        ("?sort_by=email", "Invalid value email for parameter sort_by"),
        ("?sort_order=up", "Invalid value up for parameter sort_order"),
    ] {
        stage.call(Method::GET, &format!("/users{query}"), Body::None).await.refused(400, text);
    }
}

async fn every_form_of_list_and_boolean_is_read(stage: Stage) {
    let (one, two) = (stage.environment("one").await, stage.environment("two").await);
    let lists = [
        Body::Json(json!({"sub_account_ids": [one, two]})),
        Body::Json(json!({"sub_account_ids": format!("{two},{one}")})),
        Body::Form(format!("sub_account_ids[]={one}&sub_account_ids[]={two}").leak()),
        Body::Form(format!("sub_account_ids={one}&sub_account_ids={two}&sub_account_ids={one}").leak()),
        Body::Form(format!("sub_account_ids[0]={two}&sub_account_ids[1]={one}").leak()),
        Body::Form(format!("sub_account_ids={one}%2C{two}").leak()),
    ];
    for body in lists {
        let shown = format!("{body:?}");
        let id = user(&stage, json!({"name": "x", "email": "x@example.com", "sub_account_ids": []})).await;
        let path = format!("/users/{id}");
        let changed = stage.call(Method::PUT, &path, body).await.ok();
        assert_eq!(changed["sub_account_ids"], json!([one, two]), "{shown}");
        assert_eq!(
            (&changed["all_sub_accounts"], &changed["sub_account_count"]),
            (&json!(false), &json!(2)),
            "{shown}"
        );
        stage.call(Method::DELETE, &path, Body::None).await.ok();
    }
    let (ada, bob) = (
        user(&stage, json!({"name": "Ada", "email": "ada@example.com"})).await,
        user(&stage, json!({"name": "Bob", "email": "bob@example.com"})).await,
    );
    for query in [
        format!("ids={ada},{bob}"),
        format!("ids={ada}&ids={bob}"),
        format!("ids[]={ada}&ids[]={bob}"),
        format!("ids%5B0%5D={ada}&ids%5B1%5D={bob}"),
    ] {
        let listed = stage.call(Method::GET, &format!("/users?sort_order=asc&{query}"), Body::None).await.ok();
        assert_eq!(names(&listed), ["Ada", "Bob"], "{query}");
    }
    let path = format!("/users/{ada}");
    let booleans = [
        (Body::Json(json!({"enabled": "false"})), false),
        (Body::Json(json!({"enabled": true})), true),
        (Body::Form("enabled=0"), false),
        (Body::Json(json!({"enabled": null, "name": null, "sub_account_ids": null})), false),
        (Body::Json(json!({"enabled": 1})), true),
        (Body::Form("enabled=false"), false),
        (Body::Form("enabled=&role=&email="), false),
    ];
    for (body, expected) in booleans {
        let shown = format!("{body:?}");
        let changed = stage.call(Method::PUT, &path, body).await.ok();
        assert_eq!(changed["enabled"], expected, "{shown}");
        assert_eq!((&changed["name"], &changed["all_sub_accounts"]), (&json!("Ada"), &json!(true)), "{shown}");
    }
}

async fn product_environments_are_given_and_taken(stage: Stage) {
    let (one, two) = (stage.environment("one").await, stage.environment("two").await);
    let id = user(&stage, json!({"name": "x", "email": "x@example.com", "sub_account_ids": [two, one]})).await;
    let path = format!("/users/{id}");
    let clouds = async || {
        let listed = stage.call(Method::GET, &format!("{path}/sub_accounts"), Body::None).await.ok();
        let listed = listed["sub_accounts"].as_array().unwrap().iter();
        listed.map(|one| one["cloud_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(clouds().await, ["one", "two"]);
    // What is refused leaves what was given.
    let unknown = json!({"sub_account_ids": [one, "0".repeat(32)]});
    let refused = stage.call(Method::PUT, &path, Body::Json(unknown)).await;
    refused.refused(404, &format!("Cannot find sub account with id {}", "0".repeat(32)));
    assert_eq!(clouds().await, ["one", "two"]);
    stage.call(Method::DELETE, &format!("/sub_accounts/{one}"), Body::None).await.ok();
    assert_eq!(clouds().await, ["two"]);
    let seen = stage.call(Method::GET, &path, Body::None).await.ok();
    assert_eq!((&seen["sub_account_ids"], &seen["sub_account_count"]), (&json!([two]), &json!(1)));
    // Clients send a list without entries where nothing was said.
    let same = stage.call(Method::PUT, &path, Body::Json(json!({"sub_account_ids": []}))).await.ok();
    assert_eq!((&same["all_sub_accounts"], &same["sub_account_count"]), (&json!(false), &json!(1)));
    let refused = stage.call(Method::PUT, &path, Body::Json(json!({"sub_account_ids": ","}))).await;
    assert_eq!(refused.status, 400);
    assert_eq!(clouds().await, ["two"]);
    // Restrictions do not concern a master_admin, not even unknown ones.
    let master = json!({"role": "master_admin", "sub_account_ids": ["nowhere"]});
    let master = stage.call(Method::PUT, &path, Body::Json(master)).await.ok();
    assert_eq!((&master["all_sub_accounts"], &master["sub_account_ids"]), (&json!(true), &json!([])));
    assert_eq!(clouds().await, ["two"]);
}

async fn mistakes_are_named(stage: Stage) {
    user(&stage, json!({"name": "taken", "email": "taken@example.com"})).await;
    let mine = format!("/users/{}", user(&stage, json!({"name": "mine", "email": "mine@example.com"})).await);
    let long = "n".repeat(256);
    let cases: Vec<(Method, &str, Value, u16, &str)> = vec![
        (Method::POST, "/users", json!({}), 400, "Missing required parameter - name"),
        (Method::POST, "/users", json!({"name": "x"}), 400, "Missing required parameter - email"),
        (Method::POST, "/users", json!({"name": {"a": 1}, "email": "x@y.org"}), 400, "for parameter name"),
        (Method::POST, "/users", json!({"name": long, "email": "x@y.org"}), 400, "parameter name"),
        (Method::POST, "/users", json!({"name": "x\u{7}", "email": "x@y.org"}), 400, "parameter name"),
        (
            Method::POST,
            "/users",
            json!({"name": "x", "email": "nobody"}),
            400,
            "Invalid value nobody for parameter email: ",
        ),
        (Method::POST, "/users", json!({"name": "x", "email": "a@b@c.org"}), 400, "parameter email"),
        (Method::POST, "/users", json!({"name": "x", "email": "a b@c.org"}), 400, "parameter email"),
        (Method::POST, "/users", json!({"name": "x", "email": "x\0@y.org"}), 400, "parameter email"),
        (
            Method::POST,
            "/users",
            json!({"name": "x", "email": format!("x@{}.org", "y".repeat(250))}),
            400,
            "parameter email",
        ),
        (
            Method::POST,
            "/users",
            json!({"name": "x", "email": "TAKEN@example.com"}),
            409,
            "TAKEN@example.com already exists",
        ),
        (
            Method::POST,
            "/users",
            json!({"name": "x", "email": "x@y.org", "role": "king"}),
            400,
            "Invalid value king for parameter role: one of master_admin, admin, billing",
        ),
        (Method::POST, "/users", json!({"name": "x", "email": "x@y.org", "role": ["admin"]}), 400, "parameter role"),
        (
            Method::POST,
            "/users",
            json!({"name": "x", "email": "x@y.org", "enabled": "perhaps"}),
            400,
            "parameter enabled",
        ),
        (
            Method::POST,
            "/users",
            json!({"name": "x", "email": "x@y.org", "sub_account_ids": ["no"]}),
            404,
            "Cannot find sub account with id no",
        ),
        (
            Method::POST,
            "/users",
            json!({"name": "x", "email": "x@y.org", "sub_account_ids": [{}]}),
            400,
            "sub_account_ids",
        ),
        (
            Method::POST,
            "/users",
            json!({"name": "x", "email": "x@y.org", "sub_account_ids": vec!["x"; 1001]}),
            400,
            "at most 1000",
        ),
        (Method::PUT, &mine, json!({"email": "nobody"}), 400, "parameter email"),
        (Method::PUT, &mine, json!({"email": "Taken@example.com"}), 409, "already exists"),
        (Method::PUT, &mine, json!({"role": "Admin"}), 400, "parameter role"),
        (Method::PUT, &mine, json!({"name": "zero\0byte"}), 400, "parameter name"),
        (Method::PUT, "/users/no-id", json!({"name": "x"}), 404, "Cannot find user with id no-id"),
        (Method::GET, "/users/%00", json!({}), 404, "Cannot find user"),
        (Method::DELETE, "/users/no-id", json!({}), 404, "Cannot find user with id no-id"),
    ];
    for (method, path, body, status, text) in cases {
        stage.call(method, path, Body::Json(body)).await.refused(status, text);
    }
    // What was refused has changed nothing.
    let listed = stage.call(Method::GET, "/users?sort_order=asc", Body::None).await.ok();
    assert_eq!(names(&listed), ["taken", "mine"]);
    assert_eq!(listed["users"][1]["email"], "mine@example.com");
}

async fn the_last_master_admin_stays(stage: Stage) {
    // An account without one has none to lose.
    let path = async |name: &str, role: &str| {
        let body = json!({"name": name, "email": format!("{name}@example.com"), "role": role});
        format!("/users/{}", user(&stage, body).await)
    };
    let admin = path("admin", "admin").await;
    stage.call(Method::PUT, &admin, Body::Json(json!({"enabled": false}))).await.ok();
    stage.call(Method::DELETE, &admin, Body::None).await.ok();

    let first = path("first", "master_admin").await;
    let losing = [
        (Method::PUT, json!({"enabled": false})),
        (Method::PUT, json!({"role": "admin"})),
        (Method::PUT, json!({"role": "admin", "enabled": true, "name": "x"})),
        (Method::DELETE, json!({})),
    ];
    for (method, body) in losing {
        let refused = stage.call(method, &first, Body::Json(body)).await;
        refused.refused(403, "is the last enabled master_admin of the account");
    }
    stage.call(Method::PUT, &first, Body::Json(json!({"name": "renamed", "role": "master_admin"}))).await.ok();
    let second = path("second", "master_admin").await;
    stage.call(Method::PUT, &second, Body::Json(json!({"enabled": false}))).await.ok();
    stage.call(Method::DELETE, &first, Body::None).await.refused(403, "last enabled master_admin");
    stage.call(Method::PUT, &second, Body::Json(json!({"enabled": true}))).await.ok();
    stage.call(Method::PUT, &first, Body::Json(json!({"role": "reports"}))).await.ok();
    stage.call(Method::PUT, &second, Body::Json(json!({"role": "reports"}))).await.refused(403, "last enabled");
    stage.call(Method::PUT, &first, Body::Json(json!({"role": "master_admin"}))).await.ok();

    // Two who each take one of two away at once do not leave the account without.
    let demoted = stage.call(Method::PUT, &first, Body::Json(json!({"role": "admin"})));
    let (one, two) = tokio::join!(demoted, stage.call(Method::DELETE, &second, Body::None));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
}

async fn one_address_is_one_person_in_many_accounts(stage: Stage) {
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let made = async |account: &AccountCredentials, name: &str, email: &str| {
        let body = Body::Json(json!({"name": name, "email": email}));
        let made = stage.call_as(account, Method::POST, "/users", body).await.ok();
        assert_eq!(made["email"], email, "what another account wrote is not shown");
        format!("/users/{}", made["id"].as_str().unwrap())
    };
    let mine = made(&stage.account, "Mine", "person@example.com").await;
    let theirs = made(&other, "Theirs", "Person@Example.com").await;
    assert_ne!(mine, theirs);
    // Neither sees or changes what the other says of the person.
    let changes = json!({"name": "Renamed", "role": "billing", "enabled": false});
    stage.call(Method::PUT, &mine, Body::Json(changes)).await.ok();
    let seen = stage.call_as(&other, Method::GET, &theirs, Body::None).await.ok();
    assert_eq!((&seen["name"], &seen["enabled"]), (&json!("Theirs"), &json!(true)));
    assert_eq!((&seen["role"], &seen["root"]), (&json!("media_library_user"), &json!(true)));
    // The person goes with its last membership, not before.
    stage.call(Method::PUT, &mine, Body::Json(json!({"email": "moved@example.com"}))).await.ok();
    stage.call_as(&other, Method::GET, &theirs, Body::None).await.ok();
    let again = made(&stage.account, "Again", "PERSON@example.com").await;
    stage.call_as(&other, Method::DELETE, &theirs, Body::None).await.ok();
    stage.call(Method::DELETE, &again, Body::None).await.ok();
    made(&stage.account, "Anew", "person@example.com").await;
    stage.call(Method::DELETE, &mine, Body::None).await.ok();

    // Two accounts that take up one person at once both have it.
    let body = || Body::Json(json!({"name": "both", "email": "both@example.com"}));
    let (one, two) =
        tokio::join!(stage.call(Method::POST, "/users", body()), stage.call_as(&other, Method::POST, "/users", body()));
    assert_ne!(one.ok()["id"], two.ok()["id"]);
}

async fn another_account_s_users_are_not_there(stage: Stage) {
    let id = user(&stage, json!({"name": "mine", "email": "mine@example.com"})).await;
    let environment = stage.environment("demo").await;
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    for (method, path) in [
        (Method::GET, format!("/users/{id}")),
        (Method::PUT, format!("/users/{id}")),
        (Method::DELETE, format!("/users/{id}")),
        (Method::GET, format!("/users/{id}/groups")),
        (Method::GET, format!("/users/{id}/sub_accounts")),
    ] {
        let answer = stage.call_as(&other, method, &path, Body::Json(json!({"name": "x"}))).await;
        answer.refused(404, &format!("Cannot find user with id {id}"));
    }
    for query in [format!("?ids={id}"), "?emails=mine@example.com".to_owned(), String::new()] {
        let listed = stage.call_as(&other, Method::GET, &format!("/users{query}"), Body::None).await.ok();
        assert!(names(&listed).is_empty(), "{query}");
    }
    // Nor can it give its users what is not its own.
    let given = json!({"name": "x", "email": "x@example.com", "sub_account_ids": [environment]});
    let refused = stage.call_as(&other, Method::POST, "/users", Body::Json(given)).await;
    refused.refused(404, &format!("Cannot find sub account with id {environment}"));
    let asked = format!("/users?sub_account_id={environment}");
    stage.call_as(&other, Method::GET, &asked, Body::None).await.refused(404, "Cannot find sub account");
    assert_eq!(names(&stage.call(Method::GET, "/users", Body::None).await.ok()), ["mine"]);
}
