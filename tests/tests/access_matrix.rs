//! Who may call what: the committed table is what the routes say, and nobody else gets in.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use chrono::{SecondsFormat, TimeDelta, Utc};
use plane_kit::{
    http::{access::Access, routes::RouteInfo},
    operations::Operation,
};
use reqwest::Method;
use safelight_tests::{
    harness::{
        client::{Account, Answer, Tenant},
        eventually, pictures,
        server::{self, Dev},
    },
    workspace,
};
use serde_json::{Value, json};

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

/// Somebody who calls everything, and what he calls it on.
struct Caller {
    /// Its name in the committed table.
    name: &'static str,
    credentials: Option<(String, String)>,
    /// The product environment that its calls name.
    tenant: Tenant,
    /// The account that its calls name.
    account: String,
}

impl Caller {
    /// Calls an operation with an empty body and says what came of it.
    async fn call(&self, api: &str, method: &str, template: &str) -> String {
        let path = aimed(template, &self.tenant, &self.account, "victim");
        let method: Method = method.parse().expect("a method");
        let mut request = self.tenant.http().request(method.clone(), format!("{api}{path}"));
        if let Some((key, secret)) = &self.credentials {
            request = request.basic_auth(key, Some(secret));
        }
        if method != Method::GET {
            request = request.json(&json!({}));
        }
        outcome(&Answer::to(request).await.expect("the server answers"))
    }

    /// The same for the Upload API, where the form carries the credentials.
    async fn call_with_form(&self, operation: &str, template: &str) -> String {
        let (key, secret) = self.credentials.clone().unwrap_or_default();
        let tenant = self.tenant.with_key(&key, &secret);
        let action = template.trim_start_matches("/v1_1/{cloud_name}/").replace("{resource_type}", "image");
        let call = match operation {
            "upload" => tenant.upload(pictures::small_jpeg(9)).action(&action).public_id("intruder"),
            "destroy" => tenant.signed(&action).parameter("public_id", "victim"),
            "rename" => {
                tenant.signed(&action).parameter("from_public_id", "victim").parameter("to_public_id", "stolen")
            }
            "update_tags" => {
                tenant.signed(&action).parameter("public_ids", "victim").parameter("command", "remove_all")
            }
            "update_context" => {
                tenant.signed(&action).parameter("public_ids", "victim").parameter("command", "remove_all")
            }
            "update_metadata" => {
                tenant.signed(&action).parameter("public_ids", "victim").parameter("metadata", "intruder=1")
            }
            "download" => tenant.signed(&action).parameter("public_id", "victim"),
            "explicit" => tenant.signed(&action).parameter("public_id", "victim").parameter("tags", "intruder"),
            "delete_by_token" => tenant.signed(&action).parameter("token", "1.2.3"),
            other => panic!("there is no call of {other} here yet"),
        };
        let call = if self.credentials.is_some() { call } else { call.anonymous() };
        let answer = if operation == "download" { call.get().await } else { call.send().await };
        // Nothing is wrong with this form, so a 400 is a refusal too: of whoever names neither a key nor a preset.
        if answer.status == 400 { "400".to_owned() } else { outcome(&answer) }
    }
}

/// What an answer says of access: the status of a refusal, or `in`.
fn outcome(answer: &Answer) -> String {
    match answer.status {
        status @ (401 | 403) => status.to_string(),
        status @ (429 | 500..) => panic!("{status}: {}", answer.text()),
        _ => "in".to_owned(),
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

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The server with a victim.
struct Stage {
    server: Dev,
    account: Account,
    victim: Tenant,
    /// The path of the victim's keys.
    keys: String,
}

impl Stage {
    async fn new() -> Self {
        // The operator's API is on, so that whoever is refused there is refused for what he is.
        let server =
            Dev::start_with(&["--seed", "none"], &[("SAFELIGHT_CONTROL__OPERATOR_TOKEN", OPERATOR_TOKEN)]).await;
        let (victim, ready) = (server.tenant(), &server.ready);
        let (id, key, secret) = (&ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
        let account = Account::new(&ready.api_url, id, key, secret);
        victim.upload(pictures::small_jpeg(1)).public_id("victim").send().await.ok();
        let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
        let own = environments["sub_accounts"].as_array().expect("a list").iter();
        let own = own.clone().find(|item| item["cloud_name"] == json!(victim.cloud)).expect("the first environment");
        let keys = format!("sub_accounts/{}/access_keys", text(&own["id"]));
        Self { server, account, victim, keys }
    }

    /// A caller whose calls name what is the victim's.
    fn against(&self, name: &'static str, key: &str, secret: &str) -> Caller {
        let credentials = Some((key.to_owned(), secret.to_owned()));
        Caller { name, credentials, tenant: self.victim.clone(), account: self.server.ready.account_id.clone() }
    }

    async fn access_key(&self, name: &'static str, body: Value) -> Caller {
        let mut body = body;
        body["name"] = json!(name);
        let made = self.account.call(Method::POST, &self.keys, Some(body)).await.ok();
        self.against(name, &text(&made["api_key"]), &text(&made["api_secret"]))
    }

    async fn provisioning_key(&self, name: &'static str) -> Caller {
        let made = self.account.call(Method::POST, "provisioning_keys", Some(json!({"name": name}))).await.ok();
        self.against(name, &text(&made["api_key"]), &text(&made["api_secret"]))
    }

    /// Gives a principal one role in the place of the one that it has by default.
    async fn give_only(&self, kind: &str, caller: &Caller, role: &str, in_place_of: &str) {
        let (id, _) = caller.credentials.as_ref().expect("a key");
        for (operation, role) in [("add", role), ("remove", in_place_of)] {
            let ready = &self.server.ready;
            let url = format!("{}/v2/accounts/{}/permissions/principal_roles", ready.api_url, ready.account_id);
            let body = json!({"operation": operation, "principal": {"type": kind, "id": id}, "roles": [{"id": role}]});
            let request = self.victim.http().put(url).json(&body);
            let (key, secret) = (&ready.provisioning_api_key, &ready.provisioning_api_secret);
            let answer = Answer::to(request.basic_auth(key, Some(secret))).await.expect("the server answers");
            assert_eq!(answer.status, 200, "{operation} {role}: {}", answer.text());
        }
    }

    /// Runs a command on the data folder of the server.
    fn command(&self, arguments: &[&str]) -> String {
        let data = self.server.ready.data_dir.to_str().expect("a path in UTF-8");
        let done = server::run(&self.server.ready.data_dir, &[arguments, &["--data", data]].concat(), &[]);
        assert!(done.status.success(), "{arguments:?}: {}", done.stderr);
        done.stdout
    }

    /// The keys of another account: while it is active against the victim, once it is suspended against what is its own.
    async fn of_another_account(&self) -> [Caller; 4] {
        let made = self.command(&["account", "create", "--name", "Other", "--json"]);
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let id = text(&made["account_id"]);
        let (key, secret) = (text(&made["provisioning_api_key"]), text(&made["provisioning_api_secret"]));
        let ready = &self.server.ready;
        let other = Account::new(&ready.api_url, &id, &key, &secret);
        let environment = other.create_environment("other").await;
        let own = &environment["api_access_keys"][0];
        let (own_key, own_secret) = (text(&own["key"]), text(&own["secret"]));
        let delivery = ready.delivery_url.replace(&ready.cloud_name, "other");
        let tenant = Tenant::new(&ready.api_url, &delivery, "other", &own_key, &own_secret);
        eventually("the other environment", LIMIT, async || (tenant.get("ping").await.status == 200).then_some(()))
            .await;
        let suspended = |name, key: &str, secret: &str| Caller {
            name,
            credentials: Some((key.to_owned(), secret.to_owned())),
            tenant: tenant.clone(),
            account: id.clone(),
        };
        [
            self.against("key of another account", &own_key, &own_secret),
            self.against("provisioning key of another account", &key, &secret),
            suspended("key of a suspended account", &own_key, &own_secret),
            suspended("provisioning key of a suspended account", &key, &secret),
        ]
    }
}

/// Opens the operator's API, to nobody here.
const OPERATOR_TOKEN: &str = "an-operator-token-that-nobody-here-has";
/// How long a change by another process, or an expiry, may take to show.
const LIMIT: Duration = Duration::from_secs(20);

/// What came of calls: for each call, who met which outcome.
#[derive(Default)]
struct Outcomes(BTreeMap<String, BTreeMap<String, Vec<&'static str>>>);

impl Outcomes {
    /// Lets everybody call everything.
    async fn add(&mut self, api: &str, callers: &[Caller]) {
        for (plane, info) in operations() {
            let with_form = matches!(info.access, Access::Public { reason: "credentials_in_body", .. });
            if !with_form && !matches!(info.access, Access::Permission(_)) {
                continue;
            }
            for method in &info.methods {
                let call = format!("{plane} | {} | {method} {}", info.operation_id, info.path);
                let met = self.0.entry(call).or_default();
                for caller in callers {
                    let outcome = if with_form {
                        caller.call_with_form(&info.operation_id, &info.path).await
                    } else {
                        caller.call(api, method, &info.path).await
                    };
                    met.entry(outcome).or_default().push(caller.name);
                }
            }
        }
    }

    /// Everybody who got in somewhere.
    fn let_in(&self) -> Vec<String> {
        let met = self.0.iter().filter_map(|(call, met)| Some(format!("{call}: {}", met.get("in")?.join(", "))));
        met.collect()
    }

    fn write(&self, names: &[&str]) -> String {
        let mut text = String::from(
            "# What comes of each guarded call: who gets in, and who is refused with what; 401 meets all others.\n",
        );
        let _ = writeln!(text, "# Called by: {}.\n", names.join("; "));
        for (call, met) in &self.0 {
            let mut outcomes: Vec<_> = met.iter().filter(|(outcome, _)| *outcome != "401").collect();
            outcomes.sort_by_key(|(outcome, _)| *outcome != "in");
            let told: Vec<_> =
                outcomes.iter().map(|(outcome, names)| format!("{outcome}: {}", names.join(", "))).collect();
            let _ = writeln!(text, "{call} | {}", told.join(" | "));
        }
        text
    }
}

#[tokio::test]
async fn everybody_gets_in_where_he_may_and_nowhere_else() {
    let stage = Stage::new().await;
    let (victim, ready) = (&stage.victim, &stage.server.ready);
    let nobody = Caller { credentials: None, ..stage.against("nobody", "", "") };
    let wrong = stage.against("key with a wrong secret", &victim.key, "wrong");
    let unknown = stage.against("unknown key", "999999999999999", &victim.secret);
    let foreign = &stage.account.create_environment("attacker").await["api_access_keys"][0];
    let foreign = stage.against("key of another environment", &text(&foreign["key"]), &text(&foreign["secret"]));
    let disabled = stage.access_key("disabled key", json!({"enabled": false})).await;
    let deleted = stage.access_key("deleted key", json!({})).await;
    stage.account.call(Method::DELETE, &format!("{}?name=deleted%20key", stage.keys), None).await.ok();
    let expired = stage.access_key("expired key", json!({})).await;
    let (expired_key, expired_secret) = expired.credentials.clone().expect("a key");
    let moment = (Utc::now() + TimeDelta::seconds(4)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let details = format!("{}/{expired_key}/details", stage.keys);
    stage.account.call(Method::PUT, &details, Some(json!({"expires_at": moment}))).await.ok();
    let disabled_provisioner = stage.provisioning_key("disabled provisioning key").await;
    let path = format!("provisioning_keys/{}", disabled_provisioner.credentials.as_ref().expect("a key").0);
    stage.account.call(Method::PUT, &path, Some(json!({"enabled": false}))).await.ok();
    let deleted_provisioner = stage.provisioning_key("deleted provisioning key").await;
    let path = format!("provisioning_keys/{}", deleted_provisioner.credentials.as_ref().expect("a key").0);
    stage.account.call(Method::DELETE, &path, None).await.ok();
    let [other_key, other_provisioner, suspended_key, suspended_provisioner] = stage.of_another_account().await;
    let mut strangers = vec![nobody, wrong, unknown, foreign, other_key, other_provisioner];
    strangers.extend([disabled, deleted, expired, disabled_provisioner, deleted_provisioner]);
    let narrow = stage.access_key("key with the role reports", json!({})).await;
    stage.give_only("apiKey", &narrow, "cld::role::prodenv::reports", "cld::role::prodenv::master_admin").await;
    let biller = stage.provisioning_key("provisioning key with the role billing").await;
    let roles = ["cld::role::account::billing", "cld::role::account::master_admin"];
    stage.give_only("provisioningKey", &biller, roles[0], roles[1]).await;
    let own = stage.against("key", &victim.key, &victim.secret);
    let (key, secret) = (&ready.provisioning_api_key, &ready.provisioning_api_secret);
    let friends = [narrow, biller, own, stage.against("provisioning key", key, secret)];
    let dead = victim.with_key(&expired_key, &expired_secret);
    eventually("the expiry of a key", LIMIT, async || (dead.get("ping").await.status == 401).then_some(())).await;

    let before = victim.settled_usage().await;
    let environments_before = stage.account.call(Method::GET, "sub_accounts", None).await.ok();
    let keys_before = stage.account.call(Method::GET, &stage.keys, None).await.ok();
    let mut outcomes = Outcomes::default();
    outcomes.add(&ready.api_url, &strangers).await;
    stage.command(&["account", "suspend", &suspended_key.account]);
    let gone = &suspended_key.tenant;
    eventually("the suspension", LIMIT, async || (gone.get("ping").await.status == 401).then_some(())).await;
    let suspended = [suspended_key, suspended_provisioner];
    outcomes.add(&ready.api_url, &suspended).await;
    assert_eq!(outcomes.let_in(), Vec::<String>::new());
    assert_eq!(stage.server.metric("safelight_undecided_responses_total", &[]).await, 0.0);
    assert_eq!(stage.server.metric("safelight_unspent_tickets_total", &[]).await, 0.0);
    assert_eq!(stage.account.call(Method::GET, "sub_accounts", None).await.ok(), environments_before);
    assert_eq!(stage.account.call(Method::GET, &stage.keys, None).await.ok(), keys_before);
    let listing = victim.get("resources/image").await.ok();
    assert_eq!(listing["resources"].as_array().map(Vec::len), Some(1), "{listing}");
    assert_eq!(victim.settled_usage().await.counts(), before.counts());

    outcomes.add(&ready.api_url, &friends).await;
    let at_home = |call: &str, name: &str| {
        let plane = if name.starts_with("provisioning") { "control-plane" } else { "data-plane" };
        call.starts_with(plane) && !call.contains(" /internal/")
    };
    for (call, met) in &outcomes.0 {
        for name in met.get("in").into_iter().flatten() {
            assert!(at_home(call, name), "{name} gets in at {call}");
        }
    }
    let names: Vec<&str> = strangers.iter().chain(&suspended).chain(&friends).map(|caller| caller.name).collect();
    workspace::assert_committed("openapi/access-outcomes.txt", &outcomes.write(&names));
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
