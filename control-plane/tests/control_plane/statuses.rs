//! Every status that the vendor declares for an operation: the case that drives it here, or why nothing can.
//!
//! `tests/vectors/provisioning-declared.txt` has what is declared, `tests/vectors/provisioning-statuses.txt` has a line for each of
//! it. A case is the request of the same operation and name below; a few are made of the operation's valid request:
//! `no_credentials`, `wrong_secret`, `lacks_role`, `unknown_id` and `too_many_calls`.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use control_plane::{AccountCredentials, ControlPlane, RatesConfig};
use serde_json::{Value, json};

use crate::{
    description::Description,
    harness::{Answer, Body, Stage, basic, on_sqlite},
};

const DECLARED: &str = include_str!("../../../tests/vectors/provisioning-declared.txt");
const TABLE: &str = include_str!("../../../tests/vectors/provisioning-statuses.txt");
/// An id of nothing.
const NOWHERE: &str = "00000000000000000000000000000000";
const VIEW_REPORTS: &str = "cld::policy::global::reports::usage::view";
const VIEWER: &str = "cld::role::folder::viewer";
const STATEMENT: &str = r#"permit(principal == Cloudinary::APIKey::"1", action, resource is Cloudinary::Folder);"#;
const OTHER_STATEMENT: &str =
    r#"permit(principal == Cloudinary::APIKey::"2", action, resource is Cloudinary::Folder);"#;
/// Nobody may do anything.
const SHUT: &str = "forbid(principal, action, resource);";

/// What the vendor declares of an operation.
struct Declared {
    id: &'static str,
    method: Method,
    /// The path with its parameters in braces.
    path: &'static str,
    statuses: Vec<u16>,
}

/// A line of the table.
struct Line {
    operation: &'static str,
    status: u16,
    /// The cases that drive the status; none when nothing can.
    cases: Vec<&'static str>,
}

/// The request of a case. A word in braces stands for one of the names of a [`Set`].
struct Request {
    operation: &'static str,
    case: &'static str,
    /// Names that mean something else in this case, as in `role_id=held`.
    sets: &'static str,
    query: &'static str,
    /// The body; null for none.
    body: Value,
}

/// An account with one thing of every kind, and what they are called.
struct Set {
    account: AccountCredentials,
    names: BTreeMap<&'static str, String>,
}

/// Where the cases are tried.
struct Bench {
    stage: Stage,
    /// A node that slows nobody.
    usual: ControlPlane,
    /// A node that slows everybody at once.
    slow: ControlPlane,
    /// What the refusals and the readers are tried on.
    shared: Set,
    /// An account whose only key has a role that gives nothing.
    lacking: AccountCredentials,
    /// Sets that were made.
    sets: usize,
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn declared() -> Vec<Declared> {
    let parse = |line: &'static str| {
        let words: Vec<&str> = line.split(' ').collect();
        let statuses = words[3..].iter().map(|word| word.parse().unwrap()).collect();
        Declared { id: words[0], method: words[1].parse().unwrap(), path: words[2], statuses }
    };
    lines(DECLARED).map(parse).collect()
}

fn table(complaints: &mut Vec<String>) -> Vec<Line> {
    let mut parsed = Vec::new();
    for line in lines(TABLE) {
        let parts: Vec<&str> = line.splitn(3, " | ").collect();
        let [operation, status, how] = parts[..] else {
            complaints.push(format!("`{line}` has not three parts"));
            continue;
        };
        let cases = match (how.strip_prefix("case "), how.strip_prefix("never: ")) {
            (Some(names), _) => names.split(", ").collect(),
            (None, Some(reason)) if reason.ends_with('.') => Vec::new(),
            _ => {
                complaints.push(format!("`{line}` names neither cases nor a reason in a sentence"));
                continue;
            }
        };
        parsed.push(Line { operation, status: status.parse().unwrap(), cases });
    }
    parsed
}

/// The requests by operation and case.
fn requests() -> Vec<Request> {
    let request = |operation, case, sets, query, body| Request { operation, case, sets, query, body };
    let plain = |operation| plain_as(operation, "valid");
    let asks = |operation, case, query| request(operation, case, "", query, Value::Null);
    let sends = |operation, case, body| request(operation, case, "", "", body);
    let at = |operation, case, sets| request(operation, case, sets, "", Value::Null);
    let policy = |statement: &str| json!({"policy_statement": statement, "scope_type": "account", "name": "Another", "enabled": true});
    let of_key = |operation: &str, role: &str| json!({"operation": operation, "principal": {"type": "apiKey", "id": "{key}"}, "roles": [{"id": role}]});
    vec![
        plain("getProductEnvironments"),
        asks("getProductEnvironments", "bad_value", "enabled=perhaps"),
        sends("createProductEnvironment", "valid", json!({"name": "Shop", "custom_attributes": {"cost": 1}})),
        sends("createProductEnvironment", "no_name", json!({"cloud_name": "shop"})),
        sends("createProductEnvironment", "name_taken", json!({"name": "Shop", "cloud_name": "{cloud_name}"})),
        plain("getProductEnvironment"),
        sends("updateProductEnvironment", "valid", json!({"name": "Renamed"})),
        sends("updateProductEnvironment", "bad_value", json!({"enabled": "perhaps"})),
        sends("updateProductEnvironment", "name_taken", json!({"cloud_name": "{other_cloud_name}"})),
        plain("deleteProductEnvironment"),
        plain("getAccessKeys"),
        sends("generateAccessKey", "valid", json!({"name": "Third"})),
        sends("generateAccessKey", "bad_value", json!({"enabled": "perhaps"})),
        sends("generateAccessKey", "name_taken", json!({"name": "Second"})),
        asks("deleteAccessKeyByName", "valid", "name=Second"),
        plain_as("deleteAccessKeyByName", "no_name"),
        asks("deleteAccessKeyByName", "unknown_name", "name=Nobody"),
        request("deleteAccessKeyByName", "last_key", "sub_account_id={other_environment}", "name=Root", Value::Null),
        sends("updateAccessKey", "valid", json!({"name": "Renamed", "dedicated_for": "webhooks"})),
        sends("updateAccessKey", "bad_value", json!({"dedicated_for": "moon"})),
        sends("updateAccessKey", "name_taken", json!({"name": "Root"})),
        request(
            "updateAccessKey",
            "last_key",
            "sub_account_id={other_environment},key={other_key}",
            "",
            json!({"enabled": false}),
        ),
        plain("deleteAccessKey"),
        at("deleteAccessKey", "last_key", "sub_account_id={other_environment},key={other_key}"),
        plain("getUsers"),
        asks("getUsers", "unknown_environment", "sub_account_id=00000000000000000000000000000000"),
        sends("createUser", "valid", json!({"name": "Cher", "email": "cher@example.com", "role": "reports"})),
        sends("createUser", "no_name", json!({"email": "cher@example.com"})),
        sends("createUser", "email_taken", json!({"name": "Cher", "email": "{email}"})),
        sends(
            "createUser",
            "unknown_environment",
            json!({"name": "Cher", "email": "cher@example.com", "sub_account_ids": [NOWHERE]}),
        ),
        plain("getUser"),
        sends("updateUser", "valid", json!({"name": "Renamed"})),
        sends("updateUser", "bad_value", json!({"role": "owner"})),
        sends("updateUser", "email_taken", json!({"email": "{other_email}"})),
        request("updateUser", "last_master", "user_id={other_user}", "", json!({"role": "reports"})),
        plain("deleteUser"),
        at("deleteUser", "last_master", "user_id={other_user}"),
        plain("getGroupsForUser"),
        plain("getSubAccountsForUser"),
        plain("getUserGroups"),
        asks("getUserGroups", "extended", "extended_details=true"),
        sends("createUserGroup", "valid", json!({"name": "Readers"})),
        sends("createUserGroup", "no_name", json!({})),
        sends("createUserGroup", "name_taken", json!({"name": "Writers"})),
        plain("getUserGroup"),
        asks("getUserGroup", "extended", "extended_details=true"),
        sends("updateUserGroup", "valid", json!({"name": "Renamed", "extended_details": true})),
        sends("updateUserGroup", "bad_value", json!({"extended_details": "perhaps"})),
        sends("updateUserGroup", "name_taken", json!({"name": "Writers"})),
        plain("deleteUserGroup"),
        plain("getUsersInUserGroup"),
        at("addUserToUserGroup", "valid", "user_id={other_user}"),
        plain_as("addUserToUserGroup", "already_there"),
        plain("removeUserFromUserGroup"),
        at("removeUserFromUserGroup", "not_in_it", "user_id={other_user}"),
        asks("getBillingUsage", "valid", "include_prodenv_breakdown=true"),
        asks("getBillingUsage", "bad_value", "year=moon"),
        plain("getSystemRolesAndPoliciesCatalog"),
        sends("validateCedarPolicy", "valid", json!({"policy": STATEMENT})),
        sends("validateCedarPolicy", "complaints", json!({"policy": "permit(principal"})),
        sends("validateCedarPolicy", "no_policy", json!({})),
        plain("getCedarSchema"),
        plain("getSystemPolicies"),
        plain("getCustomPolicies"),
        sends("createCustomPolicy", "valid", policy(OTHER_STATEMENT)),
        sends("createCustomPolicy", "bad_statement", policy("permit(principal")),
        sends("createCustomPolicy", "last_administrator", policy(SHUT)),
        plain("getCustomPolicy"),
        sends("updateCustomPolicy", "valid", policy(OTHER_STATEMENT)),
        sends("updateCustomPolicy", "bad_statement", policy("permit(principal")),
        sends("updateCustomPolicy", "unchanged", policy(STATEMENT)),
        sends("updateCustomPolicy", "last_administrator", policy(SHUT)),
        plain("deleteCustomPolicy"),
        plain("getEffectivePolicies"),
        asks("getEffectivePolicies", "one_principal", "principal_type=user&principal_id={user_id}"),
        asks("getEffectivePolicies", "bad_value", "scope_type=moon"),
        asks("getEffectivePolicies", "unknown_principal", "principal_type=apiKey&principal_id=1"),
        asks("getRoles", "valid", "permission_type=global"),
        asks("getRoles", "of_content", "permission_type=content"),
        sends(
            "createRole",
            "valid",
            json!({
                "id": "fresh", "permission_type": "global", "scope_type": "prodenv", "name": "Fresh",
                "description": "Why", "system_policy_ids": [VIEW_REPORTS],
            }),
        ),
        sends("createRole", "no_name", json!({"permission_type": "global", "scope_type": "prodenv"})),
        sends(
            "createRole",
            "id_taken",
            json!({"id": "readers", "permission_type": "global", "scope_type": "prodenv", "name": "Fresh"}),
        ),
        plain("getRole"),
        at("getRole", "of_system", "role_id=cld::role::folder::viewer"),
        sends("updateRole", "valid", json!({"name": "Renamed"})),
        sends("updateRole", "no_name", json!({})),
        sends("updateRole", "name_taken", json!({"name": "Held"})),
        request("updateRole", "of_system", "role_id=cld::role::folder::viewer", "", json!({"name": "Renamed"})),
        plain("deleteRole"),
        request("deleteRole", "forced", "role_id=held", "force=true", Value::Null),
        at("deleteRole", "held", "role_id=held"),
        at("deleteRole", "of_system", "role_id=cld::role::folder::viewer"),
        asks("getPrincipalRoles", "valid", "principal_type=apiKey&principal_id={key}&permission_type=content"),
        asks("getPrincipalRoles", "no_permission_type", "principal_type=apiKey&principal_id={key}"),
        asks("getPrincipalRoles", "unknown_principal", "principal_type=apiKey&principal_id=1&permission_type=global"),
        sends("updatePrincipalRoles", "valid", of_key("add", "readers")),
        sends("updatePrincipalRoles", "bad_value", of_key("subtract", "readers")),
        sends("updatePrincipalRoles", "unknown_role", of_key("add", "nobody")),
        sends(
            "updatePrincipalRoles",
            "last_administrator",
            json!({
                "operation": "remove", "principal": {"type": "provisioningKey", "id": "{provisioning_key}"},
                "roles": [{"id": "cld::role::account::master_admin"}],
            }),
        ),
        asks("inspect", "valid", "scope_type=account"),
        asks("inspect", "in_an_environment", "scope_type=prodenv&scope_id={sub_account_id}"),
        plain_as("inspect", "no_scope_type"),
        asks("inspect", "unknown_environment", "scope_type=prodenv&scope_id=00000000000000000000000000000000"),
        sends(
            "inspectMultiple",
            "valid",
            json!({
                "scope_type": "prodenv", "scope_id": "{sub_account_id}",
                "principals": [{"type": "apiKey", "id": "{key}"}, {"type": "user", "id": "{user_id}"}],
            }),
        ),
        sends("inspectMultiple", "no_principals", json!({"scope_type": "account"})),
        sends(
            "inspectMultiple",
            "unknown_principal",
            json!({"scope_type": "account", "principals": [{"type": "apiKey", "id": "1"}]}),
        ),
        request("getRolePrincipals", "valid", "role_id=held", "verbose=true", Value::Null),
        at("getRolePrincipals", "brief", "role_id=held"),
        sends(
            "updateRolePrincipals",
            "valid",
            json!({"operation": "add", "principals": [{"principal_type": "apiKey", "principal_id": "{key}"}]}),
        ),
        sends(
            "updateRolePrincipals",
            "bad_value",
            json!({"operation": "subtract", "principals": [{"principal_type": "apiKey", "principal_id": "{key}"}]}),
        ),
        sends(
            "updateRolePrincipals",
            "unknown_principal",
            json!({"operation": "add", "principals": [{"principal_type": "apiKey", "principal_id": "1"}]}),
        ),
        request(
            "updateRolePrincipals",
            "last_administrator",
            "role_id=cld::role::account::master_admin",
            "",
            json!({
                "operation": "remove",
                "principals": [{"principal_type": "provisioningKey", "principal_id": "{provisioning_key}"}],
            }),
        ),
    ]
}

/// The request of a case that sends nothing but its path.
fn plain_as(operation: &'static str, case: &'static str) -> Request {
    Request { operation, case, sets: "", query: "", body: Value::Null }
}

fn filled(text: &str, names: &BTreeMap<&'static str, String>) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn credentials(account: &AccountCredentials) -> String {
    basic(&format!("{}:{}", account.api_key, account.api_secret.expose()))
}

/// Sends as an account and answers the body of what has to succeed.
async fn made(stage: &Stage, account: &AccountCredentials, method: Method, path: &str, body: Value) -> Value {
    let path = path.replace("{account_id}", &account.account.id.to_string());
    let body = if body.is_null() { Body::None } else { Body::Json(body) };
    let answer = stage.send(method, &path, &[("authorization", credentials(account))], body).await;
    assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.text);
    answer.body
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// An account in which nothing has been done yet. `number` tells its things from those of the others.
async fn set(stage: &Stage, number: usize) -> Set {
    let account = stage.plane.create_account("Acme", "Unlimited").await.unwrap();
    let first = "/v1_1/provisioning/accounts/{account_id}";
    let second = "/v2/accounts/{account_id}/permissions";
    let post = |path: String, body: Value| {
        let account = &account;
        async move { made(stage, account, Method::POST, &path, body).await }
    };
    let (cloud, other_cloud) = (format!("cloud{number}"), format!("other{number}"));
    let (email, other_email) = (format!("ada{number}@example.com"), format!("bob{number}@example.com"));
    let environment = post(format!("{first}/sub_accounts"), json!({"name": "Demo", "cloud_name": cloud})).await;
    let other = post(format!("{first}/sub_accounts"), json!({"name": "Other", "cloud_name": other_cloud})).await;
    let keys = format!("{first}/sub_accounts/{}/access_keys", text(&environment["id"]));
    let key = post(keys, json!({"name": "Second"})).await;
    let user = json!({"name": "Ada L", "email": email, "role": "reports", "sub_account_ids": [environment["id"]]});
    let user = post(format!("{first}/users"), user).await;
    let other_user = json!({"name": "Bob", "email": other_email, "role": "master_admin"});
    let other_user = post(format!("{first}/users"), other_user).await;
    let group = post(format!("{first}/user_groups"), json!({"name": "Designers"})).await;
    post(format!("{first}/user_groups"), json!({"name": "Writers"})).await;
    let members = format!("{first}/user_groups/{}/users", text(&group["id"]));
    post(format!("{members}/{}", text(&user["id"])), Value::Null).await;
    let policy = json!({"policy_statement": STATEMENT, "scope_type": "account", "name": "One", "description": "Why"});
    let policy = post(format!("{second}/policies/custom"), policy).await;
    for (id, name) in [("readers", "Readers"), ("held", "Held")] {
        let role = json!({
            "id": id, "permission_type": "global", "scope_type": "prodenv", "name": name,
            "system_policy_ids": [VIEW_REPORTS],
        });
        post(format!("{second}/roles"), role).await;
    }
    let roles = json!([{"id": "held"}, {"id": VIEWER, "policy_parameters": {"folder_id": "clients/acme"}}]);
    let principal = json!({"type": "apiKey", "id": key["api_key"]});
    let given = json!({"operation": "add", "principal": principal, "roles": roles});
    made(stage, &account, Method::PUT, &format!("{second}/principal_roles"), given).await;
    let names = BTreeMap::from([
        ("account_id", account.account.id.to_string()),
        ("provisioning_key", account.api_key.clone()),
        ("sub_account_id", text(&environment["id"])),
        ("cloud_name", cloud),
        ("other_environment", text(&other["id"])),
        ("other_cloud_name", other_cloud),
        ("key", text(&key["api_key"])),
        ("other_key", text(&other["api_access_keys"][0]["key"])),
        ("user_id", text(&user["id"])),
        ("email", email),
        ("other_user", text(&other_user["id"])),
        ("other_email", other_email),
        ("group_id", text(&group["id"])),
        ("policy_id", text(&policy["data"]["id"])),
        ("role_id", "readers".to_owned()),
    ]);
    Set { account, names }
}

impl Bench {
    async fn open(mut stage: Stage) -> Self {
        let off = RatesConfig {
            calls_per_second: 0,
            key_creations_per_second: 0,
            failed_attempts_per_second: 0,
            ..RatesConfig::default()
        };
        let slow = RatesConfig { calls_per_second: 1, calls_burst: 1, ..off.clone() };
        let usual = stage.node_with(stage.key.clone(), |config| config.rates = off).await.unwrap();
        let slow = stage.node_with(stage.key.clone(), |config| config.rates = slow).await.unwrap();
        stage.plane = usual.clone();
        let lacking = stage.plane.create_account("Lacking", "Unlimited").await.unwrap();
        let statement =
            format!("UPDATE {{}}provisioning_keys SET role = 'onlooker' WHERE api_key = '{}'", lacking.api_key);
        stage.execute(&statement).await;
        stage.execute("UPDATE {}accounts SET version = version + 1 WHERE name = 'Lacking'").await;
        let shared = set(&stage, 0).await;
        Self { stage, usual, slow, shared, lacking, sets: 1 }
    }

    /// What a case is answered, or why there is no such case.
    async fn answer(&mut self, operation: &Declared, case: &str, status: u16) -> Result<Answer, String> {
        let requests = requests();
        let find = |case: &str| requests.iter().find(|one| one.operation == operation.id && one.case == case);
        let of_valid = ["no_credentials", "wrong_secret", "lacks_role", "unknown_id", "too_many_calls"];
        let is_of_valid = of_valid.contains(&case);
        let request = find(if is_of_valid { "valid" } else { case }).ok_or("there is no such case")?;

        // What changes something is tried on an account of its own.
        let fresh = if status < 300 && operation.method != Method::GET {
            self.sets += 1;
            Some(set(&self.stage, self.sets).await)
        } else {
            None
        };
        let on = fresh.as_ref().unwrap_or(&self.shared);
        let mut names = on.names.clone();
        for (name, value) in request.sets.split(',').filter_map(|pair| pair.split_once('=')) {
            let value = filled(value, &on.names);
            *names.get_mut(name).ok_or_else(|| format!("{name} is no name"))? = value;
        }
        let mut authorization = Some(credentials(&on.account));
        match case {
            "no_credentials" => authorization = None,
            "wrong_secret" => authorization = Some(basic(&format!("{}:wrong", on.account.api_key))),
            "lacks_role" => {
                names.insert("account_id", self.lacking.account.id.to_string());
                authorization = Some(credentials(&self.lacking));
            }
            "unknown_id" => {
                let last = operation.path.rsplit('{').next().and_then(|rest| rest.split('}').next());
                let last = last.filter(|name| *name != "account_id").ok_or("the path names nothing in the account")?;
                *names.get_mut(last).ok_or_else(|| format!("{last} is no name"))? = NOWHERE.to_owned();
            }
            _ => {}
        }
        let mut path = filled(operation.path, &names);
        if !request.query.is_empty() {
            path = format!("{path}?{}", filled(request.query, &names));
        }
        let body = filled(&request.body.to_string(), &names);
        let body = if request.body.is_null() { Body::None } else { Body::Json(serde_json::from_str(&body).unwrap()) };
        let headers: Vec<_> = authorization.into_iter().map(|value| ("authorization", value)).collect();
        if case != "too_many_calls" {
            return Ok(self.stage.send(operation.method.clone(), &path, &headers, body).await);
        }

        // Things that are nowhere, so that the calls before the last one change nothing.
        for (name, value) in &on.names {
            if *name != "account_id" {
                path = path.replace(value.as_str(), NOWHERE);
            }
        }
        self.stage.plane = self.slow.clone();
        let mut answer = None;
        for _ in 0..100 {
            let given = self.stage.send(operation.method.clone(), &path, &headers, Body::None).await;
            let is_slowed = given.status == 429;
            answer = Some(given);
            if is_slowed {
                break;
            }
        }
        self.stage.plane = self.usual.clone();
        answer.ok_or_else(|| "nothing was called".to_owned())
    }
}

#[actix_web::test]
async fn every_declared_status_is_driven_or_cannot_be() {
    on_sqlite(drive).await;
}

async fn drive(stage: Stage) {
    let mut complaints = Vec::new();
    let (declared, table) = (declared(), table(&mut complaints));
    assert_eq!(declared.len(), 47);
    let mut expected = BTreeMap::new();
    for operation in &declared {
        expected.extend(operation.statuses.iter().map(|status| ((operation.id, *status), 0)));
    }
    for line in &table {
        match expected.get_mut(&(line.operation, line.status)) {
            Some(count) => *count += 1,
            None => complaints.push(format!("{} {} is not declared", line.operation, line.status)),
        }
    }
    for ((operation, status), count) in expected {
        if count != 1 {
            complaints.push(format!("{operation} {status} stands {count} times in the table"));
        }
    }
    let used: BTreeSet<_> =
        table.iter().flat_map(|line| line.cases.iter().map(move |case| (line.operation, *case))).collect();
    for request in requests() {
        if !used.contains(&(request.operation, request.case)) {
            complaints.push(format!("{} case {} stands nowhere in the table", request.operation, request.case));
        }
    }

    let description = Description::exported();
    let mut bench = Bench::open(stage).await;
    for line in &table {
        let Some(operation) = declared.iter().find(|one| one.id == line.operation) else {
            continue;
        };
        for case in &line.cases {
            let mut complain = |text: String| {
                complaints.push(format!("{} {} case {case}: {text}", line.operation, line.status));
            };
            match bench.answer(operation, case, line.status).await {
                Err(text) => complain(text),
                Ok(answer) if answer.status != line.status => {
                    complain(format!("answered {} {}", answer.status.as_u16(), answer.text));
                }
                Ok(answer) => {
                    description.complaints(&operation.method, operation.path, &answer).into_iter().for_each(complain);
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
