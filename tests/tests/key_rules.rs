//! What rules of access keys come to: as a table over every operation, and on the wire over every spelling.

use std::{collections::BTreeSet, fmt::Write, time::Instant};

use chrono::DateTime;
use plane_kit::{
    http::routes::RouteInfo,
    ids::uuid_at,
    operations::{FolderOf, Operation, Plane, operations},
    policy::{
        Effect, Explanation, Place, Policies, PolicyBook, PolicyLine, Principal, RoleLink, key_subject, rule::KeyRules,
        rules_subject, template::TEMPLATES,
    },
    signature::{Algorithm, sign_delivery},
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
use serde_json::{Value, json};

/// Set to 1, every rule set is tried on the wire, not only some.
const ALL_SETS: &str = "SAFELIGHT_ALL_RULE_SETS";
const KEY: &str = "1";

/// The rule sets of the vectors, by name.
fn rule_sets() -> Vec<(String, Vec<String>)> {
    let text = workspace::committed("tests/vectors/key-rules.txt").expect("the rule sets are there");
    let mut sets: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => sets.push((name.to_owned(), Vec::new())),
            None => sets.last_mut().expect("a rule stands under a name").1.push(line.to_owned()),
        }
    }
    sets
}

/// The policy of an environment whose only key has these rules.
fn book(rules: &[String]) -> PolicyBook {
    let rules = KeyRules::parse(rules.iter().map(String::as_str)).expect("the vectors are rules");
    let subject = key_subject(KEY);
    let mut lines = vec![PolicyLine::new("role:all", "*", "*", Effect::Allow)];
    lines.extend(rules.lines(&rules_subject(&subject)));
    PolicyBook::new(&lines, &[RoleLink { member: subject, role: "role:all".to_owned() }])
}

/// Where an operation is permitted, in words; nothing if nowhere.
async fn reach(policies: &Policies, principal: &Principal<'_>, operation: &Operation) -> Option<String> {
    if operation.folder == FolderOf::Nothing {
        let permitted = policies.permits(principal, operation, Place::None).await.expect("a decision");
        let explained = Explanation::of(principal, operation, Place::None);
        assert_eq!(explained.permitted(), permitted, "{}", operation.id);
        return permitted.then(|| operation.id.to_owned());
    }
    let scope = policies.scope(principal, operation).await.expect("a decision");
    assert_eq!(*scope, Explanation::scope(principal, operation), "{}", operation.id);
    if scope.is_everywhere() {
        return Some(operation.id.to_owned());
    }
    let regions: Vec<String> = scope
        .permitted()
        .iter()
        .map(|region| {
            let without: String = region.without.iter().map(|folder| format!(" less {folder}")).collect();
            format!("{}{without}", region.folder.unwrap_or("/"))
        })
        .collect();
    (!regions.is_empty()).then(|| format!("{} in {}", operation.id, regions.join(" and ")))
}

#[tokio::test]
async fn rule_sets_come_to_the_committed_matrix() {
    let mut text = String::from(
        "# What each rule set of key-rules.txt permits, over every operation of data planes. `all` are all of them.\n",
    );
    let policies = Policies::default();
    let all = operations().of(Plane::Data).count();
    for (version, (name, rules)) in (1..).zip(rule_sets()) {
        let (book, subject) = (book(&rules), key_subject(KEY));
        let principal = Principal { owner: uuid_at(DateTime::UNIX_EPOCH), version, subject: &subject, book: &book };
        let mut permitted = Vec::new();
        for operation in operations().of(Plane::Data) {
            permitted.extend(reach(&policies, &principal, operation).await);
        }
        let plain = permitted.iter().filter(|line| !line.contains(" in ")).count();
        let list = if plain == all { "all".to_owned() } else { permitted.join("\n") };
        let _ = writeln!(text, "\n[{name}] {} of {all}\n{list}", permitted.len());
    }
    workspace::assert_committed("tests/vectors/key-rules-matrix.txt", &text);
}

#[test]
fn the_vectors_hold_every_template() {
    let sets = rule_sets();
    assert!(sets.len() >= 30 + TEMPLATES.len());
    for template in &TEMPLATES {
        let (_, rules) = sets.iter().find(|(name, _)| name == template.name).expect("a set of the template's name");
        assert_eq!(rules, template.rules);
    }
}

/// An environment with a second key, whose permissions the test sets.
struct Bound {
    account: Account,
    path: String,
    /// The free key.
    free: Tenant,
    /// The key that is bound.
    bound: Tenant,
}

impl Bound {
    async fn new(server: &Dev) -> Self {
        let ready = &server.ready;
        let (id, key, secret) = (&ready.account_id, &ready.provisioning_api_key, &ready.provisioning_api_secret);
        let account = Account::new(&ready.api_url, id, key, secret);
        let environments = account.call(Method::GET, "sub_accounts", None).await.ok();
        let environment = environments["sub_accounts"][0]["id"].as_str().expect("an id").to_owned();
        let keys = format!("sub_accounts/{environment}/access_keys");
        let made = account.call(Method::POST, &keys, Some(json!({"name": "bound"}))).await.ok();
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        let free = server.tenant();
        let bound = free.with_key(&text("api_key"), &text("api_secret"));
        Self { account, path: format!("{keys}/{}", text("api_key")), free, bound }
    }

    async fn permit(&self, permissions: Value) {
        self.account.call(Method::PUT, &format!("{}/permissions", self.path), Some(permissions)).await.ok();
    }

    async fn rules(&self, rules: &[&str]) {
        self.permit(json!({"rules": rules})).await;
    }
}

/// Every way to call what is built, with its operation.
async fn call(tenant: &Tenant, operation: &str, spelling: usize) -> Option<Answer> {
    let today = chrono::Utc::now().date_naive();
    let get = match operation {
        "ping" => vec!["ping".to_owned()],
        "usage" => vec!["usage".to_owned(), format!("usage/{today}"), format!("usage%2F{today}")],
        "config" => vec!["config".to_owned()],
        "list_resource_types" => vec!["resources".to_owned()],
        "list_resources" => vec!["resources/image".to_owned(), "resources%2Fimage".to_owned()],
        "list_resources_of_type" => vec!["resources/image/upload".to_owned(), "resources%2Fimage%2Fupload".to_owned()],
        "read_resource" => vec!["resources/image/upload/a%2Fb".to_owned(), "resources/image/upload/a/b".to_owned()],
        "list_resources_by_tag" => vec!["resources/image/tags/x".to_owned(), "resources%2Fimage%2Ftags%2Fx".to_owned()],
        "list_resources_by_context" => vec!["resources/image/context?key=x".to_owned()],
        "list_resources_by_moderation" => vec!["resources/image/moderations/manual/pending".to_owned()],
        "list_resources_by_asset_folder" => vec!["resources/by_asset_folder?asset_folder=x".to_owned()],
        "list_resources_by_asset_ids" => vec!["resources/by_asset_ids?asset_ids[]=x".to_owned()],
        "list_root_folders" => vec!["folders".to_owned()],
        "read_folder" => vec!["folders/x%2Fy".to_owned(), "folders%2Fx".to_owned()],
        "list_upload_mappings" => vec!["upload_mappings".to_owned(), "upload_mappings?folder=x".to_owned()],
        "list_streaming_profiles" => vec!["streaming_profiles".to_owned()],
        "read_streaming_profile" => vec!["streaming_profiles/x".to_owned(), "streaming_profiles%2Fx".to_owned()],
        "explain_url" => vec!["explain?url=/demo/image/upload/w_1/x.jpg".to_owned()],
        "list_transformations" => vec!["transformations".to_owned(), "transformations?named=true".to_owned()],
        "read_transformation" => vec!["transformations/w_1%2Fw_2".to_owned(), "transformations/x".to_owned()],
        "list_upload_presets" => vec!["upload_presets".to_owned()],
        "read_upload_preset" => vec!["upload_presets/x".to_owned(), "upload_presets%2Fx".to_owned()],
        "list_tags" => vec!["tags/image".to_owned(), "tags%2Fimage".to_owned()],
        "list_triggers" => vec!["triggers".to_owned()],
        "list_jobs" => vec!["jobs".to_owned()],
        "list_metadata_fields" => vec!["metadata_fields".to_owned()],
        "read_metadata_field" => vec!["metadata_fields/x".to_owned(), "metadata_fields%2Fx".to_owned()],
        "list_metadata_rules" => vec!["metadata_rules".to_owned()],
        _ => Vec::new(),
    };
    if let Some(path) = get.get(spelling) {
        return Some(tenant.get(path).await);
    }
    let nobody = "0".repeat(32);
    let of_module = match operation {
        "list_notifications" => Some((Method::GET, "messages?channel=x&wait_seconds=0".to_owned(), Value::Null)),
        "list_deliveries" => Some((Method::GET, "deliveries".to_owned(), Value::Null)),
        "acknowledge_notifications" => {
            Some((Method::POST, "messages/ack".to_owned(), json!({"receipt_handles": [nobody]})))
        }
        "replay_notification" => Some((Method::POST, format!("deliveries/{nobody}/replay"), Value::Null)),
        _ => None,
    };
    if let Some((method, path, body)) = of_module.filter(|_| spelling == 0) {
        return Some(tenant.send_to(method, &format!("/v2/notifications/{}/{path}", tenant.cloud), body).await);
    }
    if operation == "download" {
        let (path, name) = match spelling {
            0 => ("image/download", ("public_id", "a/b")),
            1 => ("asset/download", ("asset_id", nobody.as_str())),
            _ => return None,
        };
        return Some(tenant.signed(path).parameter(name.0, name.1).get().await);
    }
    let named = json!({"public_id": "a/b", "resource_type": "image", "kind": "upload"});
    let sent = match operation {
        "read_resource" => vec![(Method::POST, "resources/get_resource", named)].into_iter().nth(spelling - get.len()),
        "update_resource" => vec![
            (Method::POST, "resources/image/upload/a%2Fb", json!({})),
            (Method::PUT, "resources/00000000000000000000000000000000", json!({})),
            (Method::POST, "resources/update", named),
        ]
        .into_iter()
        .nth(spelling),
        "delete_resources" => vec![
            (Method::DELETE, "resources%2Fimage%2Fupload", json!({"public_ids": ["a/b"]})),
            (Method::DELETE, "resources", json!({"asset_ids": ["x"]})),
        ]
        .into_iter()
        .nth(spelling),
        "publish_resources" => {
            vec![(Method::POST, "resources/image/publish_resources", json!({"public_ids": ["a/b"]}))]
                .into_iter()
                .nth(spelling)
        }
        "update_access_mode" => {
            let body = json!({"public_ids": ["a/b"], "access_mode": "public"});
            vec![(Method::POST, "resources/image/upload/update_access_mode", body)].into_iter().nth(spelling)
        }
        "delete_resources_by_tag" => {
            vec![(Method::DELETE, "resources/image/tags/x", json!({}))].into_iter().nth(spelling)
        }
        "read_folder" => {
            let bodies = [("folders/by_path", json!({"path": "x"})), ("folders/by_id", json!({"id": "x"}))];
            bodies.map(|(path, body)| (Method::PUT, path, body)).into_iter().nth(spelling - get.len())
        }
        "list_descendant_folders" => {
            vec![(Method::PUT, "folders/descendants", json!({"id": "x"}))].into_iter().nth(spelling)
        }
        "create_folder" => vec![(Method::POST, "folders/a%2Fb", json!({}))].into_iter().nth(spelling),
        "update_folder" => vec![(Method::PUT, "folders/x", json!({"to_folder": "y"}))].into_iter().nth(spelling),
        "delete_folder" => vec![(Method::DELETE, "folders/x", json!({}))].into_iter().nth(spelling),
        "relate_assets" => vec![
            (Method::POST, "resources/related_assets/image/upload/a%2Fb", json!({})),
            (Method::POST, "resources/related_assets/00000000000000000000000000000000", json!({})),
        ]
        .into_iter()
        .nth(spelling),
        "unrelate_assets" => vec![
            (Method::DELETE, "resources/related_assets/image/upload/a%2Fb", json!({})),
            (Method::DELETE, "resources/related_assets/00000000000000000000000000000000", json!({})),
        ]
        .into_iter()
        .nth(spelling),
        "create_metadata_field" => vec![(Method::POST, "metadata_fields", json!({}))].into_iter().nth(spelling),
        "update_metadata_field" => vec![(Method::PUT, "metadata_fields/x", json!({}))].into_iter().nth(spelling),
        "delete_metadata_field" => vec![(Method::DELETE, "metadata_fields/x", json!({}))].into_iter().nth(spelling),
        "reorder_metadata_field" => {
            vec![(Method::PUT, "metadata_fields/x/reorder", json!({}))].into_iter().nth(spelling)
        }
        "reorder_metadata_fields" => vec![(Method::PUT, "metadata_fields/order", json!({}))].into_iter().nth(spelling),
        "search_datasources" => {
            vec![(Method::POST, "metadata_fields/datasource/search", json!({}))].into_iter().nth(spelling)
        }
        "search_datasource" => {
            vec![(Method::POST, "metadata_fields/x/datasource/search", json!({}))].into_iter().nth(spelling)
        }
        "update_datasource" => vec![(Method::PUT, "metadata_fields/x/datasource", json!({}))].into_iter().nth(spelling),
        "delete_datasource_entries" => {
            vec![(Method::DELETE, "metadata_fields/x/datasource", json!({}))].into_iter().nth(spelling)
        }
        "order_datasource" => [Method::POST, Method::PUT]
            .map(|method| (method, "metadata_fields/x/datasource/order", json!({})))
            .into_iter()
            .nth(spelling),
        "restore_datasource_entries" => {
            vec![(Method::POST, "metadata_fields/x/datasource_restore", json!({}))].into_iter().nth(spelling)
        }
        "create_metadata_rule" => vec![(Method::POST, "metadata_rules", json!({}))].into_iter().nth(spelling),
        "update_metadata_rule" => vec![(Method::PUT, "metadata_rules/x", json!({}))].into_iter().nth(spelling),
        "delete_metadata_rule" => vec![(Method::DELETE, "metadata_rules/x", json!({}))].into_iter().nth(spelling),
        "create_trigger" => vec![(Method::POST, "triggers", json!({}))].into_iter().nth(spelling),
        "update_trigger" => vec![(Method::PUT, "triggers/x", json!({}))].into_iter().nth(spelling),
        "delete_trigger" => vec![(Method::DELETE, "triggers/x", json!({}))].into_iter().nth(spelling),
        "test_trigger" => vec![(Method::POST, "triggers/x/test", json!({}))].into_iter().nth(spelling),
        "create_upload_mapping" => vec![(Method::POST, "upload_mappings", json!({}))].into_iter().nth(spelling),
        "update_upload_mapping" => vec![(Method::PUT, "upload_mappings", json!({}))].into_iter().nth(spelling),
        "replace_upload_mappings" => {
            vec![(Method::PUT, "upload_mappings/replace", json!({}))].into_iter().nth(spelling)
        }
        "delete_upload_mapping" => vec![(Method::DELETE, "upload_mappings", json!({}))].into_iter().nth(spelling),
        "create_streaming_profile" => vec![(Method::POST, "streaming_profiles", json!({}))].into_iter().nth(spelling),
        "update_streaming_profile" => vec![(Method::PUT, "streaming_profiles/x", json!({}))].into_iter().nth(spelling),
        "delete_streaming_profile" => {
            vec![(Method::DELETE, "streaming_profiles/x", json!({}))].into_iter().nth(spelling)
        }
        "create_transformation" => vec![
            (Method::POST, "transformations/x", json!({})),
            (Method::POST, "transformations", json!({"name": "x"})),
        ]
        .into_iter()
        .nth(spelling),
        "update_transformation" => vec![
            (Method::PUT, "transformations/x", json!({})),
            (Method::PUT, "transformations", json!({"transformation": "x"})),
        ]
        .into_iter()
        .nth(spelling),
        "delete_transformation" => vec![
            (Method::DELETE, "transformations/x", json!({})),
            (Method::DELETE, "transformations?transformation=x", json!({})),
        ]
        .into_iter()
        .nth(spelling),
        "create_upload_preset" => {
            vec![(Method::POST, "upload_presets", json!({"name": "a/b"}))].into_iter().nth(spelling)
        }
        "update_upload_preset" => vec![(Method::PUT, "upload_presets/x", json!({}))].into_iter().nth(spelling),
        "delete_upload_preset" => vec![(Method::DELETE, "upload_presets/x", json!({}))].into_iter().nth(spelling),
        "delete_derived_resources" => {
            vec![(Method::DELETE, "derived_resources", json!({"derived_resource_ids": ["x"]}))]
                .into_iter()
                .nth(spelling)
        }
        _ => None,
    };
    if let Some((method, path, body)) = sent {
        let request = tenant.http().request(method, tenant.api_url(path)).basic_auth(&tenant.key, Some(&tenant.secret));
        return Some(Answer::to(request.json(&body)).await.expect("the server answers"));
    }
    let commands: &[(&str, &[(&str, &str)])] = match operation {
        "rename" => &[("image/rename", &[("from_public_id", "a/b"), ("to_public_id", "a/c")])],
        "update_tags" => &[("image/tags", &[("public_ids", "a/b"), ("command", "add"), ("tag", "x")])],
        "explicit" => &[("image/explicit", &[("public_id", "a/b")])],
        "delete_by_token" => &[("delete_by_token", &[("token", "x")])],
        "update_context" => &[("image/context", &[("public_ids", "a/b"), ("command", "remove_all")])],
        "update_metadata" => &[("image/metadata", &[("public_ids", "a/b"), ("metadata", "x=1")])],
        _ => &[],
    };
    if let Some((action, parameters)) = commands.get(spelling) {
        let call = parameters.iter().fold(tenant.signed(action), |call, (name, value)| call.parameter(name, value));
        return Some(call.send().await);
    }
    if operation == "upload" && spelling == 4 {
        let fields = tenant.signed("image/upload").public_id("a/b").fields();
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let put = tenant.http().put(format!("{}?{query}", tenant.api_url("image/upload")));
        return Some(Answer::to(put.body(pictures::small_jpeg(3))).await.expect("the server answers"));
    }
    let post = match operation {
        "upload" => ["image/upload", "auto/upload", "upload", "image/upload_chunked"].get(spelling),
        "destroy" => ["image/destroy", "asset/destroy"].get(spelling),
        _ => None,
    };
    let action = *post?;
    let picture = if operation == "upload" { Some(pictures::small_jpeg(3)) } else { None };
    let call = match picture {
        Some(picture) => tenant.upload(picture).action(action),
        None => tenant.signed(action),
    };
    Some(call.public_id("a/b").send().await)
}

#[tokio::test]
async fn rules_hold_on_the_wire_under_every_spelling() {
    let server = Dev::start().await;
    let bound = Bound::new(&server).await;
    let policies = Policies::default();
    let every = if std::env::var(ALL_SETS).is_ok_and(|value| value == "1") { 1 } else { 6 };
    let mut complaints = Vec::new();
    let mut calls = 0;
    let mut called = BTreeSet::new();
    for (version, (name, rules)) in (1..).zip(rule_sets()).step_by(every) {
        bound.rules(&rules.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let (book, subject) = (book(&rules), key_subject(KEY));
        let principal = Principal { owner: uuid_at(DateTime::UNIX_EPOCH), version, subject: &subject, book: &book };
        for operation in operations().of(Plane::Data) {
            let place = if operation.folder == FolderOf::Nothing { Place::None } else { Place::In("") };
            let everywhere =
                operation.folder != FolderOf::Nothing && Explanation::scope(&principal, operation).is_everywhere();
            let somewhere = !Explanation::scope(&principal, operation).is_nowhere();
            let in_root = policies.permits(&principal, operation, place).await.expect("a decision");
            for spelling in 0.. {
                // The asset of the calls is not there, or was put into the root by an upload of this loop.
                let _ = bound.free.destroy("a/b").await;
                let Some(answer) = call(&bound.bound, operation.id, spelling).await else { break };
                calls += 1;
                called.insert(operation.id);
                let expected = match operation.folder {
                    // A token is its own credential, and no key is asked.
                    _ if operation.id == "delete_by_token" => true,
                    FolderOf::Nothing => in_root,
                    // A call about many things does what it may and passes over the rest.
                    FolderOf::List | FolderOf::Bulk => somewhere,
                    FolderOf::Folder => {
                        let scope = Explanation::scope(&principal, operation);
                        let all_of = |folder| scope.forbidden_within(folder).is_none();
                        let looks_into = |folder: &str| scope.permits(folder) || scope.leads_from(folder);
                        match (operation.id, spelling) {
                            ("read_folder", 0) => looks_into("x/y"),
                            ("read_folder", 1 | 2) => looks_into("x"),
                            ("create_folder", _) => scope.permits("a/b"),
                            ("update_folder", _) => all_of("x") && all_of("y"),
                            ("delete_folder", _) => all_of("x"),
                            // An id says nothing of where the folder is.
                            _ => everywhere,
                        }
                    }
                    _ if operation.id == "upload" => in_root,
                    _ => everywhere,
                };
                let refused = answer.text().contains("no permission for this call");
                let in_body = [
                    "upload",
                    "explicit",
                    "destroy",
                    "rename",
                    "update_tags",
                    "update_context",
                    "update_metadata",
                    "download",
                ];
                let status = if in_body.contains(&operation.id) { 401 } else { 403 };
                if refused == expected || (refused && answer.status != status) {
                    complaints.push(format!(
                        "[{name}] {} spelling {spelling}: {} {}",
                        operation.id,
                        answer.status,
                        answer.text()
                    ));
                }
                if refused {
                    let named = format!("operation={}; permission={}", operation.id, operation.permission());
                    assert!(answer.header("x-safelight-refusal").starts_with(&named), "{}", operation.id);
                }
            }
        }
    }
    assert!(calls > 50, "only {calls} calls were made");
    let routes = data_plane::routes();
    let is_built = |info: &&RouteInfo| info.operation_id != "not_built";
    let built: BTreeSet<&str> = routes.infos().filter(is_built).filter_map(|info| Some(info.operation?.id)).collect();
    assert_eq!(called, built, "call the operations that were built, under all their spellings");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn a_call_about_many_passes_over_what_is_elsewhere() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let bound = Bound::new(&server).await;
    let (free, key) = (&bound.free, &bound.bound);
    for (id, folder) in [("ours", "clients/acme"), ("theirs", "clients/other"), ("deeper", "clients/acme/summer")] {
        let upload = free.upload(pictures::small_jpeg(1)).public_id(id).parameter("asset_folder", folder);
        upload.parameter("tags", "old").send().await.ok();
    }
    bound.rules(&["@assets in clients/acme", "@tags in clients/acme"]).await;
    let mut form = reqwest::multipart::Form::new();
    let call = key.signed("image/tags").parameter("command", "add").parameter("tag", "new");
    for (name, value) in call.parameter("public_ids", "theirs,ours,nowhere").fields() {
        form = match name.as_str() {
            "public_ids" => ["theirs", "ours", "nowhere"].iter().fold(form, |form, id| form.text("public_ids[]", *id)),
            _ => form.text(name, value),
        };
    }
    let answer = Answer::to(key.http().post(key.api_url("image/tags")).multipart(form)).await.expect("an answer").ok();
    // Elsewhere and nowhere are named alike.
    assert_eq!(answer, json!({"public_ids": ["ours"], "skipped": ["theirs", "nowhere"]}));
    let tags = async |id: &str| free.get(&format!("resources/image/upload/{id}")).await.ok()["tags"].clone();
    assert_eq!((tags("ours").await, tags("theirs").await), (json!(["new", "old"]), json!(["old"])));
    let exclusive = key.signed("image/tags").parameter("command", "set_exclusive").parameter("tag", "old");
    exclusive.parameter("public_ids", "ours").send().await.ok();
    assert_eq!((tags("theirs").await, tags("deeper").await), (json!(["old"]), Value::Null), "taken only where it may");

    let move_out = json!({"asset_folder": "clients/other"});
    let request = key.http().post(key.api_url("resources/image/upload/ours"));
    let moved = Answer::to(request.basic_auth(&key.key, Some(&key.secret)).json(&move_out)).await.expect("an answer");
    refusal(&moved, 403);
    let renamed = key.signed("image/rename").parameter("from_public_id", "ours").parameter("to_public_id", "theirs");
    refusal(&renamed.parameter("overwrite", "1").send().await, 401);
    let renamed = key.signed("image/rename").parameter("from_public_id", "ours").parameter("to_public_id", "theirs");
    refusal(&renamed.send().await, 401);

    let deleted = key.admin(Method::DELETE, "resources/image/upload?public_ids[]=theirs&public_ids[]=ours").await.ok();
    assert_eq!(deleted["deleted"], json!({"ours": "deleted", "theirs": "not_found"}));
    let deleted = key.admin(Method::DELETE, "resources/image/upload?all=true").await.ok();
    assert_eq!(deleted["deleted"], json!({"deeper": "deleted"}));
    free.get("resources/image/upload/theirs").await.ok();
}

/// One transformation is read at its own path, or by a parameter of the listing; either way it is reading it. What was made by it is shown
/// as far as its assets are.
#[tokio::test]
async fn a_transformation_is_read_under_either_path() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let bound = Bound::new(&server).await;
    let (free, key) = (&bound.free, &bound.bound);
    for (id, folder) in [("ours", "acme"), ("theirs", "other")] {
        free.upload(pictures::small_jpeg(1)).public_id(id).parameter("asset_folder", folder).send().await.ok();
        free.fetch(&format!("image/upload/w_10/{id}.jpg")).await.delivered();
    }
    let paths = ["transformations/w_10", "transformations?transformation=w_10"];
    let shown = async |key: &Tenant, path: &str| {
        let detail = key.get(path).await.ok();
        let all = detail["derived"].as_array().expect("a list").iter();
        let mut all: Vec<String> = all.map(|one| one["public_id"].as_str().expect("an id").to_owned()).collect();
        all.sort();
        all
    };
    for path in paths {
        bound.rules(&["deny GET /transformations/:transformation"]).await;
        refusal(&key.get(path).await, 403);
        key.get("transformations").await.ok();
        bound.rules(&["GET /transformations", "GET /transformations/:transformation"]).await;
        assert_eq!(shown(key, path).await, [] as [&str; 0], "{path}");
        bound.rules(&["@transformations", "@assets in acme"]).await;
        assert_eq!(shown(key, path).await, ["ours"], "{path}");
        assert_eq!(shown(free, path).await, ["ours", "theirs"], "{path}");
    }
}

#[tokio::test]
async fn a_key_of_one_folder_finds_its_way_to_it() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let bound = Bound::new(&server).await;
    let (free, key) = (&bound.free, &bound.bound);
    for path in ["clients/acme/old", "clients/acme/secret/deep", "clients/other", "else"] {
        free.send(Method::POST, &format!("folders/{path}"), json!({})).await.ok();
    }
    bound.rules(&["@folders in clients/acme", "deny @folders in clients/acme/secret"]).await;
    let names = async |path: &str| {
        let page = key.get(path).await.ok();
        let names = page["folders"].as_array().expect("a list").iter().map(|folder| folder["name"].clone());
        assert_eq!(page["total_count"], names.len(), "what is not shown is not counted");
        Value::Array(names.collect())
    };
    assert_eq!(names("folders").await, json!(["clients"]));
    assert_eq!(names("folders/clients").await, json!(["acme"]));
    assert_eq!(names("folders/clients/acme").await, json!(["old"]));
    let elsewhere = refusal(&key.get("folders/clients/other").await, 403);
    assert_eq!(refusal(&key.get("folders/clients/nowhere").await, 403), elsewhere, "elsewhere reads like nowhere");
    refusal(&key.get("folders/clients/acme/secret").await, 403);

    key.send(Method::POST, "folders/clients/acme/new", json!({})).await.ok();
    refusal(&key.send(Method::POST, "folders/clients/new", json!({})).await, 403);
    key.send(Method::PUT, "folders/clients/acme/old", json!({"to_folder": "clients/acme/older"})).await.ok();
    refusal(&key.send(Method::PUT, "folders/clients/acme/older", json!({"to_folder": "clients/other/x"})).await, 403);
    refusal(&key.send(Method::PUT, "folders/clients/other", json!({"to_folder": "clients/acme/x"})).await, 403);
    // What holds something that it may not touch, it may not take away.
    refusal(&key.admin(Method::DELETE, "folders/clients/acme").await, 403);
    refusal(&key.admin(Method::DELETE, "folders/clients").await, 403);
    // With a folder go its assets, and who may not take those away does not do it this way.
    let upload = free.upload(pictures::small_jpeg(1)).public_id("kept").parameter("asset_folder", "clients/acme/full");
    upload.send().await.ok();
    let (text, _) = refusal(&key.admin(Method::DELETE, "folders/clients/acme/full").await, 403);
    assert!(text.contains("(delete_resources)"), "{text}");
    free.get("resources/image/upload/kept").await.ok();
    let deleted = key.admin(Method::DELETE, "folders/clients/acme/older").await.ok();
    assert_eq!(deleted["deleted"], json!(["clients/acme/older"]));
    free.get("folders/clients/acme/secret/deep").await.ok();
}

/// A refusal, by its text and header.
fn refusal(answer: &Answer, status: u16) -> (String, String) {
    assert_eq!(answer.status, status, "{}", answer.text());
    (answer.message().to_owned(), answer.header("x-safelight-refusal").to_owned())
}

#[tokio::test]
async fn a_key_of_one_folder_sees_and_changes_that_folder() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let bound = Bound::new(&server).await;
    let (free, key) = (&bound.free, &bound.bound);
    let put = async |tenant: &Tenant, id: &str, folder: &str| {
        tenant.upload(pictures::small_jpeg(1)).public_id(id).parameter("asset_folder", folder).send().await
    };
    put(free, "theirs", "clients/other").await.ok();
    put(free, "beside", "clients/acmeplus").await.ok();
    put(free, "root", "").await.ok();

    bound.rules(&["POST /:resource_type/upload in clients/acme"]).await;
    put(key, "ours", "clients/acme").await.ok();
    put(key, "deeper", "clients/acme/summer").await.ok();
    for (id, folder) in [("x", ""), ("x", "clients"), ("x", "clients/acmeplus"), ("x", "Clients/acme")] {
        let (text, header) = refusal(&put(key, id, folder).await, 401);
        assert!(text.ends_with("its rules allow it only in clients/acme"), "{text}");
        assert_eq!(header, "operation=upload; permission=upload:write");
    }
    // Nobody gets hold of an asset by storing another under its name.
    let taken = put(key, "theirs", "clients/acme").await;
    refusal(&taken, 401);
    assert_eq!(free.get("resources/image/upload/theirs").await.ok()["asset_folder"], "clients/other");
    refusal(&key.get("resources/image").await, 403);
    refusal(&key.destroy("ours").await, 401);

    bound.rules(&["@assets in clients/acme", "@upload in clients/acme"]).await;
    let listed = key.get("resources/image?direction=asc").await.ok();
    let ids: Vec<&str> = listed["resources"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|resource| resource["public_id"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids, ["ours", "deeper"]);
    assert_eq!(key.get("resources/image/upload/deeper").await.ok()["asset_folder"], "clients/acme/summer");
    let theirs = free.get("resources/image/upload/theirs").await.ok();
    let by_id = format!("resources/{}", theirs["asset_id"].as_str().expect("an id"));
    // Elsewhere and nowhere are answered alike.
    let nowhere = refusal(&key.get("resources/image/upload/nowhere").await, 403);
    assert_eq!(refusal(&key.get("resources/image/upload/theirs").await, 403), nowhere);
    let unknown = refusal(&key.get("resources/00000000000000000000000000000000").await, 403);
    assert_eq!(refusal(&key.get(&by_id).await, 403), unknown);
    let nowhere = refusal(&key.destroy("nowhere").await, 401);
    assert_eq!(refusal(&key.destroy("theirs").await, 401), nowhere);
    free.get("resources/image/upload/theirs").await.ok();
    assert_eq!(key.destroy("deeper").await.ok()["result"], "ok");

    // Reading by id is reading an asset, whatever its path looks like.
    bound.rules(&["deny GET /resources/:resource_type/:type/:public_id"]).await;
    let (text, header) = refusal(&key.get(&by_id).await, 403);
    assert!(text.contains("(read_resource)"), "{text}");
    assert!(header.starts_with("operation=read_resource"), "{header}");
    key.get("resources/image").await.ok();

    bound.rules(&["deny @assets in clients/other"]).await;
    let listed = key.get("resources/image").await.ok();
    assert_eq!(listed["resources"].as_array().map(Vec::len), Some(3), "{listed}");
    let (text, header) = refusal(&key.get("resources/image/upload/theirs").await, 403);
    // Neither the rule nor its folder is named: it was asked about no folder, and the key may not know of that one.
    assert!(text.ends_with("nothing of this name lies there"), "{text}");
    assert_eq!(header, "operation=read_resource; permission=assets:read");
    key.get("resources/image/upload/root").await.ok();
}

#[tokio::test]
async fn a_change_of_rules_holds_when_it_is_answered() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let bound = Bound::new(&server).await;
    for _ in 0..10 {
        bound.rules(&[]).await;
        assert_eq!(bound.bound.get("usage").await.status, 200);
        let key = bound.bound.clone();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let asking = tokio::spawn(async move {
            let mut answers = Vec::new();
            while !*stopped.borrow() {
                let asked = Instant::now();
                answers.push((asked, key.get("ping").await.status));
            }
            answers
        });
        bound.rules(&["deny @service"]).await;
        let answered = Instant::now();
        assert_eq!(bound.bound.get("ping").await.status, 403);
        stop.send_replace(true);
        let answers = asking.await.expect("the asking ends");
        let late = answers.iter().filter(|(asked, status)| *asked > answered && *status != 403).count();
        assert_eq!(late, 0, "of {} answers", answers.len());
    }
}

#[tokio::test]
async fn a_bound_key_signs_deliveries_only_when_it_is_told_to() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let bound = Bound::new(&server).await;
    let upload = bound.free.upload(pictures::small_jpeg(1)).public_id("hidden").parameter("type", "authenticated");
    upload.send().await.ok();
    let signed = |tenant: &Tenant| {
        let secret = plane_kit::secret::Secret::new(tenant.secret.clone());
        let signature = sign_delivery("hidden.jpg", &secret, Algorithm::Sha1, 8);
        format!("image/authenticated/s--{signature}--/hidden.jpg")
    };
    let fetch = async |tenant: &Tenant| tenant.fetch(&signed(tenant)).await.status;
    assert_eq!(fetch(&bound.bound).await, 200);
    bound.rules(&["@all:read"]).await;
    let refused = bound.bound.fetch(&signed(&bound.bound)).await;
    assert_eq!(refused.status, 401);
    let reason = format!("api_key {} does not sign delivery URLs", bound.bound.key);
    assert!(refused.message().starts_with(&reason), "{}", refused.message());
    assert_eq!(fetch(&bound.free).await, 200);
    bound.permit(json!({"sign_delivery": true})).await;
    assert_eq!(fetch(&bound.bound).await, 200);
}

#[tokio::test]
async fn rules_bind_keys_and_nothing_else() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let bound = Bound::new(&server).await;
    bound.rules(&["deny *"]).await;
    let preset = server.ready.upload_preset.clone();
    bound.bound.upload(pictures::small_jpeg(1)).unsigned(&preset).send().await.ok();
    bound.rules(&["*"]).await;
    bound.bound.get("ping").await.ok();
    bound.account.call(Method::PUT, &bound.path, Some(json!({"enabled": false}))).await.ok();
    let answer = bound.bound.get("ping").await;
    assert_eq!(answer.status, 401, "a disabled key is refused whatever its rules: {}", answer.text());
}

/// What variables and conditions would tell of an asset, an explanation tells only to whoever may read it.
#[tokio::test]
async fn an_explanation_tells_of_nothing_that_the_key_may_not_read() {
    let server = Dev::start_with(&["--seed", "none"], &[]).await;
    let bound = Bound::new(&server).await;
    let upload = bound.free.upload(pictures::small_jpeg(1)).public_id("priced").parameter("asset_folder", "secret");
    upload.parameter("context", "price=47").send().await.ok();
    let path = format!("explain?url=/{}/image/upload/$v_ctx:!price!/c_scale,w_$v/priced.jpg", bound.free.cloud);
    for (rules, told) in [
        (&["@transformations:read"][..], false),
        (&["@transformations:read", "@assets:read", "deny * in secret"], false),
        (&["@transformations:read", "@assets:read"], true),
    ] {
        bound.rules(rules).await;
        let answer = bound.bound.get(&path).await.ok();
        assert_eq!(answer["width"], if told { json!(47) } else { Value::Null }, "{rules:?}: {answer}");
        assert_eq!(answer["error"].is_null(), told, "{rules:?}: {answer}");
    }
}
