//! Groups of users over HTTP.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, Stage},
    on_both_databases,
};

on_both_databases!(
    a_group_lives_and_dies,
    users_come_and_go,
    details_are_shown_when_asked_for,
    mistakes_are_named,
    another_account_s_groups_are_not_there,
);

/// Makes a group and answers its path.
async fn group(stage: &Stage, name: &str) -> String {
    stage.clock.advance(Duration::from_secs(1));
    let made = stage.call(Method::POST, "/user_groups", Body::Json(json!({"name": name}))).await.ok();
    format!("/user_groups/{}", made["id"].as_str().unwrap())
}

/// Makes a user and answers its id.
async fn user(stage: &Stage, name: &str) -> String {
    stage.clock.advance(Duration::from_secs(1));
    let body = json!({"name": name, "email": format!("{name}@example.com")});
    let made = stage.call(Method::POST, "/users", Body::Json(body)).await.ok();
    made["id"].as_str().unwrap().to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

async fn a_group_lives_and_dies(stage: Stage) {
    let made = stage.call(Method::POST, "/user_groups", Body::Json(json!({"name": "Designers"}))).await.ok();
    assert_eq!(Answer::members(&made), ["id", "name"]);
    let path = format!("/user_groups/{}", made["id"].as_str().unwrap());
    assert_eq!(stage.call(Method::GET, &path, Body::None).await.ok(), made);
    let taken = Body::Json(json!({"name": "Designers"}));
    stage.call(Method::POST, "/user_groups", taken).await.refused(409, "User group with name Designers already exists");
    let artists = group(&stage, "artists").await;
    let renamed = stage.call(Method::PUT, &path, Body::Form("name=Writers")).await.ok();
    assert_eq!((&renamed["id"], &renamed["name"]), (&made["id"], &json!("Writers")));
    assert_eq!(stage.call(Method::PUT, &path, Body::Json(json!({"name": null}))).await.ok(), renamed);
    let taken = Body::Json(json!({"name": "Writers"}));
    stage.call(Method::PUT, &artists, taken).await.refused(409, "Writers already exists");
    let listed = stage.call(Method::GET, "/user_groups", Body::None).await.ok();
    assert_eq!(Answer::members(&listed), ["user_groups"]);
    assert_eq!(names(&listed["user_groups"]), ["artists", "Writers"]);

    let member = user(&stage, "ada").await;
    stage.call(Method::POST, &format!("{path}/users/{member}"), Body::None).await.ok();
    let deleted = stage.call(Method::DELETE, &path, Body::Json(json!({}))).await.ok();
    assert_eq!(deleted, json!({"ok": true, "message": "ok"}));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        stage
            .call(method, &path, Body::Json(json!({"name": "x"})))
            .await
            .refused(404, "Cannot find user group with id");
    }
    let left = stage.call(Method::GET, &format!("/users/{member}"), Body::None).await.ok();
    assert_eq!((&left["groups"], &left["group_count"]), (&json!([]), &json!(0)));
}

async fn users_come_and_go(stage: Stage) {
    let path = group(&stage, "Designers").await;
    let (bob, ada) = (user(&stage, "bob").await, user(&stage, "ada").await);
    let brief = |id: &str, name: &str| json!({"id": id, "name": name, "email": format!("{name}@example.com")});
    let added = stage.call(Method::POST, &format!("{path}/users/{bob}"), Body::Json(json!({}))).await.ok();
    assert_eq!(Answer::members(&added), ["id", "name", "email", "users"]);
    assert_eq!((&added["id"], &added["users"]), (&json!(bob), &json!([brief(&bob, "bob")])));
    stage.clock.advance(Duration::from_secs(1));
    let added = stage.call(Method::POST, &format!("{path}/users/{ada}"), Body::None).await.ok();
    assert_eq!((&added["name"], names(&added["users"])), (&json!("ada"), vec!["bob", "ada"]));
    let again = stage.call(Method::POST, &format!("{path}/users/{ada}"), Body::None).await;
    again.refused(409, &format!("User {ada} already exists in user group"));
    let listed = stage.call(Method::GET, &format!("{path}/users"), Body::None).await.ok();
    assert_eq!(listed, json!({"users": [brief(&bob, "bob"), brief(&ada, "ada")]}));

    // The groups of a user, by either of the two paths that clients use, and as part of the user.
    group(&stage, "Empty").await;
    let artists = group(&stage, "artists").await;
    stage.call(Method::POST, &format!("{artists}/users/{ada}"), Body::None).await.ok();
    let groups = stage.call(Method::GET, &format!("/users/{ada}/groups"), Body::None).await.ok();
    assert_eq!(names(&groups["groups"]), ["artists", "Designers"]);
    assert_eq!(Answer::members(&groups["groups"][0]), ["id", "name"]);
    assert_eq!(stage.call(Method::GET, &format!("/user_groups/{ada}"), Body::None).await.ok(), groups);
    let seen = stage.call(Method::GET, &format!("/users/{ada}"), Body::None).await.ok();
    assert_eq!((&seen["groups"], &seen["group_count"]), (&groups["groups"], &json!(2)));

    let left = stage.call(Method::DELETE, &format!("{path}/users/{bob}"), Body::None).await.ok();
    assert_eq!(left, json!({"users": [brief(&ada, "ada")]}));
    let gone = stage.call(Method::DELETE, &format!("{path}/users/{bob}"), Body::None).await;
    gone.refused(404, &format!("Cannot find user {bob} in user group"));
    // A user that is deleted is in no group any more.
    stage.call(Method::DELETE, &format!("/users/{ada}"), Body::None).await.ok();
    assert_eq!(stage.call(Method::GET, &format!("{path}/users"), Body::None).await.ok(), json!({"users": []}));
}

async fn details_are_shown_when_asked_for(stage: Stage) {
    let whole = ["id", "name", "users", "created_at", "updated_at"];
    let body = Body::Json(json!({"name": "Designers", "extended_details": "true"}));
    let made = stage.call(Method::POST, "/user_groups", body).await.ok();
    assert_eq!(Answer::members(&made), whole);
    assert_eq!((&made["users"], &made["created_at"]), (&json!([]), &json!("2026-11-23T12:00:00Z")));
    let path = format!("/user_groups/{}", made["id"].as_str().unwrap());
    let ada = user(&stage, "ada").await;
    stage.call(Method::POST, &format!("{path}/users/{ada}"), Body::None).await.ok();
    let cases: [(&str, &[&str]); 4] = [
        ("", &["id", "name"]),
        ("?extended_details=false", &["id", "name"]),
        ("?extended_details=true", &whole),
        ("?extended_details=1", &whole),
    ];
    for (query, expected) in cases {
        let one = stage.call(Method::GET, &format!("{path}{query}"), Body::None).await.ok();
        assert_eq!(Answer::members(&one), expected, "{query}");
        let listed = stage.call(Method::GET, &format!("/user_groups{query}"), Body::None).await.ok();
        assert_eq!(listed, json!({"user_groups": [one]}), "{query}");
    }
    let renamed = stage.call(Method::PUT, &path, Body::Form("name=Writers&extended_details=1")).await.ok();
    assert_eq!(names(&renamed["users"]), ["ada"]);
    assert_eq!(renamed["updated_at"], "2026-11-23T12:00:01Z");
}

async fn mistakes_are_named(stage: Stage) {
    let path = group(&stage, "Designers").await;
    let ada = user(&stage, "ada").await;
    let nobody = "0".repeat(32);
    let long = "n".repeat(256);
    let cases: Vec<(Method, String, Value, u16, &str)> = vec![
        (Method::POST, "/user_groups".into(), json!({}), 400, "Missing required parameter - name"),
        (Method::POST, "/user_groups".into(), json!({"name": ["a"]}), 400, "parameter name"),
        (Method::POST, "/user_groups".into(), json!({"name": long}), 400, "parameter name"),
        (Method::POST, "/user_groups".into(), json!({"name": "\0"}), 400, "parameter name"),
        (Method::POST, "/user_groups".into(), json!({"name": "x", "extended_details": "so"}), 400, "extended_details"),
        (Method::GET, "/user_groups?extended_details=so".into(), json!({}), 400, "extended_details"),
        (Method::GET, "/user_groups/no-id".into(), json!({}), 404, "Cannot find user group with id no-id"),
        (Method::GET, format!("/user_groups/{nobody}/users"), json!({}), 404, "Cannot find user group with id 000"),
        (Method::PUT, path.clone(), json!({"name": "\u{7}"}), 400, "parameter name"),
        (Method::POST, format!("{path}/users/{nobody}"), json!({}), 404, "Cannot find user with id 000"),
        (Method::POST, format!("{path}/users/no-id"), json!({}), 404, "Cannot find user with id no-id"),
        (Method::POST, format!("/user_groups/{nobody}/users/{ada}"), json!({}), 404, "Cannot find user group"),
        (Method::DELETE, format!("{path}/users/{nobody}"), json!({}), 404, "Cannot find user with id 000"),
        (Method::DELETE, format!("{path}/users/{ada}"), json!({}), 404, "in user group"),
    ];
    for (method, path, body, status, text) in cases {
        stage.call(method, &path, Body::Json(body)).await.refused(status, text);
    }
    let listed = stage.call(Method::GET, "/user_groups?extended_details=true", Body::None).await.ok();
    assert_eq!((names(&listed["user_groups"]), &listed["user_groups"][0]["users"]), (vec!["Designers"], &json!([])));
}

async fn another_account_s_groups_are_not_there(stage: Stage) {
    let path = group(&stage, "Designers").await;
    let ada = user(&stage, "ada").await;
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let id = path.rsplit('/').next().unwrap();
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::GET, format!("{path}/users")),
        (Method::POST, format!("{path}/users/{ada}")),
        (Method::DELETE, format!("{path}/users/{ada}")),
    ] {
        let answer = stage.call_as(&other, method, &path, Body::Json(json!({"name": "x"}))).await;
        answer.refused(404, &format!("Cannot find user group with id {id}"));
    }
    let asked = format!("/user_groups/{ada}");
    stage.call_as(&other, Method::GET, &asked, Body::None).await.refused(404, "Cannot find user group");
    assert_eq!(stage.call_as(&other, Method::GET, "/user_groups", Body::None).await.ok(), json!({"user_groups": []}));
    // Names are unique within an account only, and a group takes users of its own account only.
    let theirs =
        stage.call_as(&other, Method::POST, "/user_groups", Body::Json(json!({"name": "Designers"}))).await.ok();
    let crossed = format!("/user_groups/{}/users/{ada}", theirs["id"].as_str().unwrap());
    stage.call_as(&other, Method::POST, &crossed, Body::None).await.refused(404, "Cannot find user with id");
    stage.call(Method::GET, &path, Body::None).await.ok();
}
