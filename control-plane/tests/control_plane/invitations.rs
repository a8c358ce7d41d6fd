//! Invitations: the links, who follows them, and when they stop working.

use std::time::Duration;

use actix_web::http::Method;
use control_plane::{AccountCredentials, RatesConfig, StoreError};
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, Stage},
    on_both_databases,
};

on_both_databases!(
    a_link_is_read_and_accepted_once,
    a_link_stops_working,
    passwords_are_checked,
    a_person_who_has_a_password_proves_it,
    wrong_passwords_are_counted_by_address,
    of_two_at_once_one_wins,
    links_begin_where_the_control_plane_is_reached,
    the_operator_invites,
    another_account_s_users_are_not_invited,
    no_secret_is_kept_or_shown,
);

const PASSWORD: &str = "correct horse battery";
const NOT_FOUND: &str = "Cannot find the invitation: it was used or revoked, has expired, or never was one";
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Makes a user of an account and answers its path.
async fn user_of(stage: &Stage, account: &AccountCredentials, email: &str) -> String {
    let body = Body::Json(json!({"name": "Ada", "email": email}));
    let made = stage.call_as(account, Method::POST, "/users", body).await.ok();
    format!("/users/{}", made["id"].as_str().unwrap())
}

async fn user(stage: &Stage, email: &str) -> String {
    user_of(stage, &stage.account, email).await
}

/// The path of a link.
fn path_of(made: &Value) -> String {
    let url = made["invitation_url"].as_str().unwrap();
    url[url.find("/v1_1").unwrap()..].to_owned()
}

/// Invites a user of an account and answers the path of the link.
async fn invite_of(stage: &Stage, account: &AccountCredentials, user: &str) -> String {
    let made = stage.call_as(account, Method::POST, &format!("{user}/invitation"), Body::None).await.ok();
    path_of(&made)
}

async fn invite(stage: &Stage, user: &str) -> String {
    invite_of(stage, &stage.account, user).await
}

async fn accept(stage: &Stage, link: &str, password: &str) -> Answer {
    stage.send(Method::POST, link, &[], Body::Json(json!({"password": password}))).await
}

/// Asserts that nothing can be done with a link, and that nobody learns why.
async fn assert_dead(stage: &Stage, link: &str, why: &str) {
    let answers =
        [stage.send(Method::GET, link, &[], Body::None).await, accept(stage, link, "another good password").await];
    for answer in answers {
        assert_eq!(answer.status, 404, "{why}");
        assert_eq!(answer.body, json!({"error": {"message": NOT_FOUND}}), "{why}");
    }
}

async fn is_pending(stage: &Stage, user: &str) -> bool {
    stage.call(Method::GET, user, Body::None).await.ok()["pending"].as_bool().unwrap()
}

async fn a_link_is_read_and_accepted_once(stage: Stage) {
    let ada = user(&stage, "Ada@Example.com").await;
    let made = stage.call(Method::POST, &format!("{ada}/invitation"), Body::None).await.ok();
    assert_eq!(Answer::members(&made), ["user_id", "email", "invitation_url", "expires_at"]);
    assert_eq!((&made["email"], &made["expires_at"]), (&json!("Ada@Example.com"), &json!("2026-11-30T12:00:00Z")));
    let link = path_of(&made);
    assert_eq!(link.rsplit('/').next().unwrap().len(), 43, "32 bytes in base64url");

    for _ in 0..2 {
        assert_eq!(
            stage.send(Method::GET, &link, &[], Body::None).await.ok(),
            json!({
                "account_name": "Acme", "email": "Ada@Example.com", "name": "Ada", "expires_at": "2026-11-30T12:00:00Z",
            })
        );
    }
    assert!(is_pending(&stage, &ada).await, "reading accepts nothing");
    let accepted = accept(&stage, &link, PASSWORD).await.ok();
    assert_eq!(Answer::members(&accepted), ["account_id", "account_name", "user_id", "email"]);
    assert_eq!(format!("/users/{}", accepted["user_id"].as_str().unwrap()), ada);
    assert!(!is_pending(&stage, &ada).await);
    assert_dead(&stage, &link, "used").await;
    let again = stage.call(Method::POST, &format!("{ada}/invitation"), Body::None).await;
    again.refused(409, "has accepted already");

    let log = stage.call(Method::GET, "/audit_log?operation=accept_invitation", Body::None).await.ok();
    let record = &log["audit_log"][0];
    assert_eq!(record["actor"], json!(format!("user:{}", accepted["user_id"].as_str().unwrap())));
    assert_eq!((&record["before"]["pending"], &record["after"]["pending"]), (&json!(true), &json!(false)));
}

async fn a_link_stops_working(stage: Stage) {
    assert_dead(&stage, "/v1_1/provisioning/invitations/nothing", "unknown").await;
    assert_dead(&stage, "/v1_1/provisioning/invitations/%00", "a zero byte").await;

    let ada = user(&stage, "ada@example.com").await;
    let (first, second) = (invite(&stage, &ada).await, invite(&stage, &ada).await);
    assert_ne!(first, second);
    assert_dead(&stage, &first, "a later one was made").await;

    stage.call(Method::DELETE, &format!("{ada}/invitation"), Body::None).await.ok();
    assert_dead(&stage, &second, "revoked").await;
    let again = stage.call(Method::DELETE, &format!("{ada}/invitation"), Body::None).await;
    again.refused(404, "has no open invitation");

    let link = invite(&stage, &ada).await;
    stage.call(Method::PUT, &ada, Body::Json(json!({"name": "Ada L."}))).await.ok();
    stage.call(Method::PUT, &ada, Body::Json(json!({"email": "ada@example.com"}))).await.ok();
    stage.send(Method::GET, &link, &[], Body::None).await.ok();
    stage.call(Method::PUT, &ada, Body::Json(json!({"email": "countess@example.com"}))).await.ok();
    assert_dead(&stage, &link, "the address changed").await;

    let link = invite(&stage, &ada).await;
    stage.clock.advance(WEEK - Duration::from_micros(1));
    stage.send(Method::GET, &link, &[], Body::None).await.ok();
    stage.clock.advance(Duration::from_micros(1));
    assert_dead(&stage, &link, "expired").await;

    let link = invite(&stage, &ada).await;
    let account = stage.account.account.id;
    stage.plane.set_account_enabled(account, false).await.unwrap();
    assert_dead(&stage, &link, "the account is suspended").await;
    stage.plane.set_account_enabled(account, true).await.unwrap();
    stage.send(Method::GET, &link, &[], Body::None).await.ok();
    stage.call(Method::DELETE, &ada, Body::None).await.ok();
    assert_dead(&stage, &link, "the user was deleted").await;

    let bob = user(&stage, "bob@example.com").await;
    let link = invite(&stage, &bob).await;
    stage.plane.close_account(account).await.unwrap();
    assert_dead(&stage, &link, "the account is closed").await;
}

async fn passwords_are_checked(stage: Stage) {
    let ada = user(&stage, "Ada.Lovelace@Example.com").await;
    let link = invite(&stage, &ada).await;
    for (body, text) in [
        (json!({}), "Missing required parameter - password"),
        (json!({"password": ""}), "Missing required parameter - password"),
        (json!({"password": "12345678901"}), "use 12 to 1024 characters"),
        (json!({"password": "ab".repeat(513)}), "use 12 to 1024 characters"),
        (json!({"password": "ada.lovelace@EXAMPLE.com"}), "it is the email address"),
        (json!({"password": "zzzzzzzzzzzzz"}), "it is one character over and over"),
        (json!({"password": ["hush hush hush"]}), "it is a text"),
        (json!({"password": 123_456_789_012_345_u64}), "it is a text"),
    ] {
        let answer = stage.send(Method::POST, &link, &[], Body::Json(body.clone())).await;
        answer.refused(400, text);
        assert!(!answer.text.contains("hush") && !answer.text.contains("1234"), "{}", answer.text);
    }
    let in_query = format!("{link}?password=correct+horse+battery");
    stage.send(Method::POST, &in_query, &[], Body::None).await.refused(400, "never in the query");
    assert!(is_pending(&stage, &ada).await, "what is refused uses nothing up");
    let form = Body::Form("password=correct+horse+battery");
    stage.send(Method::POST, &link, &[], form).await.ok();
    assert!(!is_pending(&stage, &ada).await);
}

async fn a_person_who_has_a_password_proves_it(stage: Stage) {
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let ada = user(&stage, "ada@example.com").await;
    let hers = user_of(&stage, &other, "ADA@example.com").await;
    let (first, second) = (invite(&stage, &ada).await, invite_of(&stage, &other, &hers).await);
    accept(&stage, &first, PASSWORD).await.ok();
    // Whoever can invite an address must not be able to choose the password of its person.
    let refused = accept(&stage, &second, "a password of the other account").await;
    refused.refused(401, "has a password already, and this is not it");
    accept(&stage, &second, "short").await.refused(401, "this is not it");
    let accepted = accept(&stage, &second, PASSWORD).await.ok();
    assert_eq!(accepted["account_name"], "Other");
    assert_dead(&stage, &second, "used").await;
}

async fn wrong_passwords_are_counted_by_address(mut stage: Stage) {
    let rates = RatesConfig { failed_attempts_per_second: 1, failed_attempts_burst: 2, ..RatesConfig::default() };
    stage.plane = stage.node_with(stage.key.clone(), |config| config.rates = rates).await.unwrap();
    stage.peer = Some("192.0.2.1:1000".parse().unwrap());
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let ada = user(&stage, "ada@example.com").await;
    let hers = user_of(&stage, &other, "ada@example.com").await;
    let (first, second) = (invite(&stage, &ada).await, invite_of(&stage, &other, &hers).await);
    accept(&stage, &first, PASSWORD).await.ok();
    let mut failures = 0;
    let refused = loop {
        let answer = accept(&stage, &second, "a password of the other account").await;
        if answer.status == 429 {
            break answer;
        }
        answer.refused(401, "this is not it");
        failures += 1;
        assert!(failures < 100, "never refused");
    };
    assert!(failures >= 2, "{failures}");
    refused.refused(429, "Too many failed attempts from this address");
}

async fn of_two_at_once_one_wins(stage: Stage) {
    let ada = user(&stage, "ada@example.com").await;
    let link = invite(&stage, &ada).await;
    let (one, two) = futures::join!(
        accept(&stage, &link, "the first of two passwords"),
        accept(&stage, &link, "the second of two passwords"),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404], "who comes late finds the link used");
    let log = stage.call(Method::GET, "/audit_log?operation=accept_invitation", Body::None).await.ok();
    assert_eq!(log["audit_log"].as_array().unwrap().len(), 1);

    // Two accounts invite one person: the first link chooses the password, and the second one has to be that.
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let bob = user(&stage, "bob@example.com").await;
    let his = user_of(&stage, &other, "bob@example.com").await;
    let (first, second) = (invite(&stage, &bob).await, invite_of(&stage, &other, &his).await);
    let (one, two) = futures::join!(
        accept(&stage, &first, "the first of two passwords"),
        accept(&stage, &second, "the second of two passwords"),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

async fn links_begin_where_the_control_plane_is_reached(mut stage: Stage) {
    let ada = user(&stage, "ada@example.com").await;
    let path = format!("/v1_1/provisioning/accounts/{}{ada}/invitation", stage.account.account.id);
    let credentials = format!("{}:{}", stage.account.api_key, stage.account.api_secret.expose());
    let headers = [
        ("authorization", crate::harness::basic(&credentials)),
        ("host", "plane.example.com:7788".to_owned()),
        ("x-forwarded-proto", "https".to_owned()),
    ];
    for (public_url, expected) in [
        ("", "https://plane.example.com:7788/v1_1/provisioning/invitations/"),
        ("https://media.example.com", "https://media.example.com/v1_1/provisioning/invitations/"),
        ("https://media.example.com/", "https://media.example.com/v1_1/provisioning/invitations/"),
    ] {
        let set = public_url.to_owned();
        stage.plane = stage.node_with(stage.key.clone(), |config| config.public_url = set).await.unwrap();
        let made = stage.send(Method::POST, &path, &headers, Body::None).await.ok();
        let url = made["invitation_url"].as_str().unwrap();
        assert!(url.starts_with(expected), "{public_url}: {url}");
    }
}

async fn the_operator_invites(stage: Stage) {
    let account = stage.account.account.id;
    let invite = async |email: &str, role: &str| {
        stage.plane.invite_user(account, "Ada", email, role, "http://127.0.0.1:7788").await
    };
    let first = invite("ada@example.com", "admin").await.unwrap();
    let second = invite("ADA@example.com", "billing").await.unwrap();
    assert_eq!(first.user, second.user, "a user that is there is invited again");
    let found = stage.call(Method::GET, &format!("/users/{}", first.user), Body::None).await.ok();
    assert_eq!((&found["role"], &found["email"]), (&json!("admin"), &json!("ada@example.com")));
    let link = |url: &str| url.strip_prefix("http://127.0.0.1:7788").unwrap().to_owned();
    assert_dead(&stage, &link(first.url.expose()), "a later one was made").await;
    accept(&stage, &link(second.url.expose()), PASSWORD).await.ok();
    assert!(matches!(invite("ada@example.com", "admin").await, Err(StoreError::AlreadyAccepted(_))));
    assert!(matches!(invite("bob@example.com", "king").await, Err(StoreError::UnknownUserRole(_))));
    assert!(matches!(invite("nobody", "admin").await, Err(StoreError::InvalidEmail(_))));
    let log = stage.call(Method::GET, "/audit_log?operation=create_user_invitation", Body::None).await.ok();
    assert!(log["audit_log"].as_array().unwrap().iter().all(|record| record["actor"] == "operator"));
}

async fn another_account_s_users_are_not_invited(stage: Stage) {
    let other = stage.plane.create_account("Other", "Plus").await.unwrap();
    let ada = user(&stage, "ada@example.com").await;
    let link = invite(&stage, &ada).await;
    for method in [Method::POST, Method::DELETE] {
        let answer = stage.call_as(&other, method, &format!("{ada}/invitation"), Body::None).await;
        answer.refused(404, "Cannot find user");
    }
    stage.send(Method::GET, &link, &[], Body::None).await.ok();
    stage.call(Method::POST, "/users/x/invitation", Body::None).await.refused(404, "Cannot find user with id x");
}

async fn no_secret_is_kept_or_shown(stage: Stage) {
    let ada = user(&stage, "ada@example.com").await;
    let link = invite(&stage, &ada).await;
    accept(&stage, &link, PASSWORD).await.ok();
    let token = link.rsplit('/').next().unwrap();
    let log = stage.call(Method::GET, "/audit_log?format=jsonl", Body::None).await.text;
    let shown = stage.call(Method::GET, &ada, Body::None).await.text;
    for secret in [token, PASSWORD, "argon2", "digest", "hash"] {
        assert!(!log.contains(secret) && !shown.contains(secret), "{secret}");
    }
}
