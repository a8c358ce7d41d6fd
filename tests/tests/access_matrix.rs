//! Who may call what: the committed table is what the routes say, and nobody else gets in.

use std::fmt::Write;

use plane_kit::{
    http::{access::Access, routes::RouteInfo},
    operations::Operation,
};
use reqwest::Method;
use safelight_tests::{
    harness::{
        client::{Account, Answer, Tenant},
        pictures,
        server::Dev,
    },
    workspace,
};
use serde_json::json;

/// All operations of both planes, except the answers that only say "not built".
fn operations() -> Vec<(&'static str, RouteInfo)> {
    let (control, data) = (control_plane::ControlPlane::routes(), data_plane::routes());
    let control = control.infos().cloned().map(|info| ("control-plane", info)).collect::<Vec<_>>();
    let data = data.infos().cloned().map(|info| ("data-plane", info));
    control.into_iter().chain(data).filter(|(_, info)| info.operation_id != "not_built").collect()
}

#[test]
fn the_committed_matrix_is_what_the_routes_say() {
    let mut rows = Vec::new();
    let mut reasons = Vec::new();
    for (plane, info) in operations() {
        let access = match info.access {
            Access::Permission(name) => format!("permission {name}"),
            Access::Public { reason, why } => {
                reasons.push(format!("#   {reason}: {why}"));
                format!("public {reason}")
            }
        };
        rows.push(format!("{plane} | {} | {} {} | {access}", info.operation_id, info.methods.join(","), info.path));
    }
    rows.sort_unstable();
    reasons.sort_unstable();
    reasons.dedup();
    let mut text =
        String::from("# Access matrix: plane | operation | method and path | what is asked of the caller.\n");
    let _ = writeln!(text, "# Open to everybody, and why:\n{}\n\n{}", reasons.join("\n"), rows.join("\n"));
    workspace::assert_committed("openapi/access-matrix.txt", &text);
}

/// A caller that must not get in.
struct Attacker {
    name: &'static str,
    credentials: Option<(String, String)>,
    /// The plane on which these credentials are good, if there is one.
    at_home: Option<&'static str>,
}

impl Attacker {
    fn new(name: &'static str, key: &str, secret: &str) -> Self {
        Self { name, credentials: Some((key.to_owned(), secret.to_owned())), at_home: None }
    }

    /// Whether an operation has to refuse it. What is between the planes takes a region's token and nothing else.
    fn is_stranger_to(&self, plane: &str, info: &RouteInfo) -> bool {
        self.at_home != Some(plane) || info.path.starts_with("/internal/")
    }
}

/// Fills the parameters of a path with what belongs to the victim.
fn aimed(path: &str, victim: &Tenant, account: &str, asset: &str) -> String {
    let mut filled = path.to_owned();
    for (parameter, value) in [
        ("{cloud_name}", victim.cloud.as_str()),
        ("{account_id}", account),
        ("{resource_type}", "image"),
        ("{delivery_type}", "upload"),
        ("{public_id}", asset),
        ("{api_key}", &victim.key),
    ] {
        filled = filled.replace(parameter, value);
    }
    let segments = filled.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn nobody_gets_in_who_may_not() {
    let server = Dev::start().await;
    let (victim, ready) = (server.tenant(), &server.ready);
    let account =
        Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
    victim.upload(pictures::small_jpeg(1)).public_id("victim").send().await.ok();
    let other = account.create_environment("attacker").await;
    let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
    let own = environments["sub_accounts"].as_array().expect("a list").iter();
    let own = own.clone().find(|item| item["cloud_name"] == json!(victim.cloud)).expect("the first environment");
    let keys = format!("sub_accounts/{}/access_keys", own["id"].as_str().expect("an id"));
    let disabled = account.call(Method::POST, &keys, Some(json!({"name": "disabled", "enabled": false}))).await.ok();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let deleted = account.call(Method::POST, &keys, Some(json!({"name": "deleted"}))).await.ok();
    account.call(Method::DELETE, &format!("{keys}?name=deleted"), None).await.ok();

    let foreign = &other["api_access_keys"][0];
    let attackers = [
        Attacker { name: "nobody", credentials: None, at_home: None },
        Attacker::new("the right key with a wrong secret", &victim.key, "wrong"),
        Attacker::new("an unknown key", "999999999999999", &victim.secret),
        Attacker::new("another tenant's key", &text(&foreign["key"]), &text(&foreign["secret"])),
        Attacker::new("a disabled key", &text(&disabled["api_key"]), &text(&disabled["api_secret"])),
        Attacker::new("a deleted key", &text(&deleted["api_key"]), &text(&deleted["api_secret"])),
        Attacker { at_home: Some("data-plane"), ..Attacker::new("an environment's key", &victim.key, &victim.secret) },
        Attacker {
            at_home: Some("control-plane"),
            ..Attacker::new("a provisioning key", &ready.provisioning_api_key, &ready.provisioning_api_secret)
        },
    ];

    let before = victim.settled_usage().await;
    let environments_before = account.call(Method::GET, "sub_accounts", None).await.ok();
    let keys_before = account.call(Method::GET, &keys, None).await.ok();
    let mut got_in = Vec::new();
    let mut attacks = 0;
    for (plane, info) in operations() {
        if !matches!(info.access, Access::Permission(_)) {
            continue;
        }
        for attacker in attackers.iter().filter(|attacker| attacker.is_stranger_to(plane, &info)) {
            for method in &info.methods {
                let path = aimed(&info.path, &victim, &ready.account_id, "victim");
                let method: Method = method.parse().expect("a method");
                let mut request = victim.http().request(method.clone(), format!("{}{path}", ready.api_url));
                if let Some((key, secret)) = &attacker.credentials {
                    request = request.basic_auth(key, Some(secret));
                }
                if method != Method::GET {
                    request = request.json(&json!({}));
                }
                let answer = Answer::to(request).await.expect("the server answers");
                attacks += 1;
                if ![401, 403, 404].contains(&answer.status) {
                    got_in.push(format!("{method} {path} by {}: {} {}", attacker.name, answer.status, answer.text()));
                }
            }
        }
    }
    assert!(attacks > 50, "only {attacks} attacks were tried");
    assert!(got_in.is_empty(), "not refused:\n{}", got_in.join("\n"));

    assert_eq!(server.metric("safelight_undecided_responses_total", &[]).await, 0.0);
    assert_eq!(server.metric("safelight_unspent_tickets_total", &[]).await, 0.0);
    assert_eq!(account.call(Method::GET, "sub_accounts", None).await.ok(), environments_before);
    assert_eq!(account.call(Method::GET, &keys, None).await.ok(), keys_before);
    let listing = victim.get("resources/image").await.ok();
    assert_eq!(listing["resources"].as_array().map(Vec::len), Some(1), "{listing}");
    assert_eq!(victim.settled_usage().await.counts(), before.counts());
}

/// The calls of a guarded operation of the data plane.
fn guarded_calls(victim: &Tenant) -> Vec<(&'static Operation, Method, String)> {
    let data = data_plane::routes();
    let guarded = data.infos().filter(|info| matches!(info.access, Access::Permission(_)));
    let calls = guarded.flat_map(|info| {
        let operation = info.operation.expect("a guarded route has a row");
        info.methods.iter().map(move |method| (operation, method.parse().expect("a method"), info.path.clone()))
    });
    calls.map(|(operation, method, path)| (operation, method, aimed(&path, victim, "", "victim"))).collect()
}

#[tokio::test]
async fn a_key_that_lacks_one_operation_lacks_it_and_nothing_else() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let (victim, ready) = (server.tenant(), &server.ready);
    let account =
        Account::new(&ready.api_url, &ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
    victim.upload(pictures::small_jpeg(1)).public_id("victim").send().await.ok();
    let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
    let keys = format!("sub_accounts/{}/access_keys", environments["sub_accounts"][0]["id"].as_str().expect("an id"));
    let made = account.call(Method::POST, &keys, Some(json!({"name": "lacking"}))).await.ok();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    let permissions = format!("{keys}/{}/permissions", text("api_key"));
    let key = victim.with_key(&text("api_key"), &text("api_secret"));
    let calls = guarded_calls(&victim);
    let mut lacking: Vec<&'static Operation> = calls.iter().map(|(operation, ..)| *operation).collect();
    lacking.dedup_by_key(|operation| operation.id);
    assert!(lacking.len() >= 7);
    let mut complaints = Vec::new();
    for lack in lacking {
        let rules = json!({"rules": ["*", format!("deny {} {}", lack.method(), lack.path())]});
        account.call(Method::PUT, &permissions, Some(rules)).await.ok();
        for (operation, method, path) in &calls {
            let request = key.http().request(method.clone(), format!("{}{path}", ready.api_url));
            let answer = Answer::to(request.basic_auth(&key.key, Some(&key.secret))).await.expect("an answer");
            let refused = answer.status == 403;
            if refused != (operation.id == lack.id) {
                complaints.push(format!("without {}: {method} {path} {}", lack.id, answer.status));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
