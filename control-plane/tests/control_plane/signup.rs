//! Accounts that strangers make for themselves.

use std::time::Duration;

use actix_web::http::Method;
use control_plane::{AccountStanding, AuditFilter};
use plane_kit::ids::AccountId;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, Body, Stage},
    on_both_databases,
};

on_both_databases!(
    it_is_off_until_it_is_switched_on,
    an_agent_s_account_waits_for_the_operator,
    a_cloud_works_until_it_expires,
    a_claimed_cloud_stays,
    mistakes_are_named,
    an_address_signs_up_a_few_times_only,
);

const ACCOUNTS: &str = "/v1_1/provisioning/agents/accounts";
const CLOUDS: &str = "/v1_1/provisioning/clouds";

async fn open_to_strangers(mut stage: Stage) -> Stage {
    stage.plane = stage.node_with(stage.key.clone(), |config| config.anonymous_signup = true).await.unwrap();
    stage
}

fn agent() -> Value {
    json!({
        "email": "ada@example.com", "agent_framework": "langchain", "agent_llm_model": "a model", "agent_goal": "a blog",
    })
}

async fn post(stage: &Stage, path: &str, body: Value) -> Answer {
    stage.send(Method::POST, path, &[], Body::Json(body)).await
}

async fn standing(stage: &Stage, made: &Value) -> AccountStanding {
    let id: AccountId = made["external_id"].as_str().unwrap().parse().unwrap();
    let accounts = stage.plane.accounts().await.unwrap();
    accounts.iter().find(|account| account.id == id).unwrap().standing()
}

async fn it_is_off_until_it_is_switched_on(stage: Stage) {
    for path in [ACCOUNTS, CLOUDS] {
        post(&stage, path, agent()).await.refused(403, "control.anonymous_signup");
    }
    assert_eq!(stage.plane.accounts().await.unwrap().len(), 1);
}

async fn an_agent_s_account_waits_for_the_operator(stage: Stage) {
    let stage = open_to_strangers(stage).await;
    let made = post(&stage, ACCOUNTS, agent()).await.ok();
    assert_eq!(Answer::members(&made), ["external_id", "email", "plan_name", "product_environments", "guidance"]);
    assert_eq!((&made["email"], &made["plan_name"]), (&json!("ada@example.com"), &json!("Free")));
    let environment = &made["product_environments"][0];
    assert_eq!(
        Answer::members(environment),
        ["external_id", "cloud_name", "api_key", "api_secret", "api_environment_variable"]
    );
    assert!(made["guidance"].as_str().unwrap().contains("safelight account resume"));
    assert_eq!(standing(&stage, &made).await, AccountStanding::Suspended);

    let account: AccountId = made["external_id"].as_str().unwrap().parse().unwrap();
    let (records, _) = stage.plane.audit_log(Some(account), &AuditFilter::default(), None, 50).await.unwrap();
    let records: Vec<Value> = records.iter().map(|record| json!(record)).collect();
    assert_eq!(records.len(), 4, "account, suspension, environment, user");
    assert!(records.iter().all(|record| record["actor"] == "anonymous"), "{records:?}");
    stage.plane.set_account_enabled(account, true).await.unwrap();
    assert_eq!(standing(&stage, &made).await, AccountStanding::Active);
}

async fn a_cloud_works_until_it_expires(mut stage: Stage) {
    stage = open_to_strangers(stage).await;
    stage.peer = Some("192.0.2.1:1000".parse().unwrap());
    let ips = json!({"delivery_ips": ["2001:db8::0001", "requester_ip"]});
    let made = post(&stage, CLOUDS, ips).await.ok();
    assert_eq!(made["delivery_ips"], json!(["2001:db8::1", "192.0.2.1"]));
    assert_eq!(made["expires_at"], "2026-11-24T12:00:00Z");
    assert_eq!(made["claim_url"], Value::Null, "nobody is there to claim it");
    assert_eq!(standing(&stage, &made).await, AccountStanding::Active);
    stage.clock.advance(Duration::from_secs(24 * 3600));
    stage.plane.close_unclaimed_clouds().await.unwrap();
    assert_eq!(standing(&stage, &made).await, AccountStanding::Active, "the last moment to claim it is not cut off");
    stage.clock.advance(Duration::from_secs(300));
    let later = post(&stage, CLOUDS, json!({})).await.ok();
    assert_eq!(standing(&stage, &made).await, AccountStanding::Closed, "the next call closes it");
    assert_eq!(standing(&stage, &later).await, AccountStanding::Active);
    stage.plane.close_unclaimed_clouds().await.unwrap();
}

async fn a_claimed_cloud_stays(stage: Stage) {
    let stage = open_to_strangers(stage).await;
    let claimed = post(&stage, CLOUDS, json!({"email": "ada@example.com"})).await.ok();
    let left = post(&stage, CLOUDS, json!({"email": "bob@example.com"})).await.ok();
    let link = |made: &Value| {
        let url = made["claim_url"].as_str().unwrap();
        url[url.find("/v1_1").unwrap()..].to_owned()
    };
    let password = json!({"password": "correct horse battery"});
    post(&stage, &link(&claimed), password.clone()).await.ok();
    stage.clock.advance(Duration::from_secs(24 * 3600));
    post(&stage, &link(&left), password).await.refused(404, "Cannot find the invitation");
    stage.clock.advance(Duration::from_secs(300));
    stage.plane.close_unclaimed_clouds().await.unwrap();
    assert_eq!(standing(&stage, &claimed).await, AccountStanding::Active);
    assert_eq!(standing(&stage, &left).await, AccountStanding::Closed);
}

async fn mistakes_are_named(stage: Stage) {
    let stage = open_to_strangers(stage).await;
    for (path, member, value, text) in [
        (ACCOUNTS, "email", Value::Null, "Missing required parameter - email"),
        (ACCOUNTS, "email", json!("nobody"), "parameter email"),
        (ACCOUNTS, "agent_framework", Value::Null, "Missing required parameter - agent_framework"),
        (ACCOUNTS, "agent_llm_model", Value::Null, "Missing required parameter - agent_llm_model"),
        (ACCOUNTS, "agent_goal", Value::Null, "Missing required parameter - agent_goal"),
        (ACCOUNTS, "agent_goal", json!("x".repeat(301)), "parameter agent_goal: use 2 to 300 characters"),
        (ACCOUNTS, "agent_framework", json!("x"), "parameter agent_framework: use 2 to 100 characters"),
        (ACCOUNTS, "sdk_framework", json!("x".repeat(101)), "parameter sdk_framework: use 2 to 100 characters"),
        (CLOUDS, "agent_llm_model", json!("x"), "parameter agent_llm_model"),
        (CLOUDS, "email", json!("nobody"), "parameter email"),
        (CLOUDS, "delivery_ips", json!("192.0.2.1,192.0.2.2"), "a JSON array"),
        (CLOUDS, "delivery_ips", json!(["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"]), "at most 3 addresses"),
        (CLOUDS, "delivery_ips", json!(["192.0.2.256"]), "an IPv4 or IPv6 address"),
        (CLOUDS, "delivery_ips", json!([1]), "parameter delivery_ips"),
        // Without a connection there is no address of the caller.
        (CLOUDS, "delivery_ips", json!(["requester_ip"]), "parameter delivery_ips"),
    ] {
        let mut body = agent();
        body[member] = value;
        post(&stage, path, body).await.refused(400, text);
    }
    assert_eq!(stage.plane.accounts().await.unwrap().len(), 1, "what is refused makes nothing");
}

async fn an_address_signs_up_a_few_times_only(mut stage: Stage) {
    stage = open_to_strangers(stage).await;
    stage.peer = Some("192.0.2.1:1000".parse().unwrap());
    let mut made = 0;
    let refused = loop {
        // What is refused for another reason counts too.
        let answer = post(&stage, CLOUDS, json!({"delivery_ips": "x"})).await;
        if answer.status == 429 {
            break answer;
        }
        made += 1;
        assert!(made < 100, "never refused");
    };
    assert!(made >= 5, "{made}");
    refused.refused(429, "Too many new accounts from this address");
    stage.peer = Some("192.0.2.2:1000".parse().unwrap());
    post(&stage, CLOUDS, json!({})).await.ok();
}
