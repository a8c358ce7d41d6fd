//! What an operator does at the command line: accounts from their making to their end, and another key-encryption key.

use safelight_tests::harness::{
    planes::{self, CreatedAccount},
    server::{self, Finished},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Two key-encryption keys, for tests only.
const OLD: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const NEW: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

/// A control database without a server.
struct Operator {
    folder: TempDir,
}

impl Operator {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Runs a command under these keys: the one that seals, and the further ones.
    fn run_with(&self, key: &str, earlier: &str, arguments: &[&str]) -> Finished {
        let database = format!("sqlite://{}", self.folder.path().join("control.db").display());
        let settings = [
            ("SAFELIGHT_CONTROL__DATABASE_URL", database.as_str()),
            ("SAFELIGHT_CONTROL__KEY_ENCRYPTION_KEY", key),
            ("SAFELIGHT_CONTROL__EARLIER_KEY_ENCRYPTION_KEYS", earlier),
        ];
        server::run(self.folder.path(), arguments, &settings)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with(OLD, "", arguments)
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        succeeded(self.run(arguments))
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], says: &str) {
        let done = self.run(arguments);
        assert!(!done.status.success(), "{arguments:?} succeeded: {}", done.stdout);
        assert!(done.stderr.contains(says), "{arguments:?}: `{}` does not contain `{says}`", done.stderr);
    }

    fn create(&self, name: &str) -> CreatedAccount {
        planes::read(&self.ok(&["account", "create", "--name", name, "--json"]))
    }

    fn statuses(&self) -> Vec<Value> {
        let listed: Value = planes::read(&self.ok(&["account", "list", "--json"]));
        let accounts = listed["accounts"].as_array().expect("a list").iter();
        accounts.map(|account| json!([account["name"], account["status"]])).collect()
    }
}

#[track_caller]
fn succeeded(done: Finished) -> String {
    assert!(done.status.success(), "{}", done.stderr);
    done.stdout
}

#[test]
fn an_account_is_made_suspended_resumed_and_closed() {
    let operator = Operator::new();
    let (first, second) = (operator.create("First"), operator.create("Second"));
    assert_eq!(operator.statuses(), [json!(["First", "active"]), json!(["Second", "active"])]);
    let id = second.account_id.as_str();
    operator.ok(&["account", "suspend", id]);
    assert_eq!(operator.statuses(), [json!(["First", "active"]), json!(["Second", "suspended"])]);
    operator.ok(&["account", "resume", id]);
    operator.refused(&["account", "close", id], "--yes");
    assert_eq!(operator.statuses(), [json!(["First", "active"]), json!(["Second", "active"])]);
    operator.ok(&["account", "close", id, "--yes"]);
    assert_eq!(operator.statuses(), [json!(["First", "active"]), json!(["Second", "closed"])]);
    operator.refused(&["account", "resume", id], "a closed account is not taken back");
    operator.refused(&["account", "close", id, "--yes"], "is closed");
    operator.refused(&["account", "suspend", "no-id"], "no-id");
    operator.refused(&["account", "suspend", &"0".repeat(32)], "Cannot find account");

    let table = operator.ok(&["account", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[0].contains(&first.account_id) && lines[0].contains("active"), "{table}");
    assert!(lines[1].contains(id) && lines[1].contains("closed"), "{table}");
    for account in [&first, &second] {
        assert!(!table.contains(&account.provisioning_api_secret), "a list shows a secret");
    }
}

#[test]
fn the_key_encryption_key_is_changed() {
    let operator = Operator::new();
    operator.create("First");
    succeeded(operator.run(&["region", "add", "eu"]));

    let stranger = operator.run_with(NEW, "", &["account", "list"]);
    assert!(!stranger.status.success() && stranger.stderr.contains("sealed under key"), "{}", stranger.stderr);

    let rotated: Value = planes::read(&succeeded(operator.run_with(NEW, OLD, &["kek", "rotate", "--json"])));
    let expected = json!({
        "access_keys.sealed_secret": 0,
        "access_keys.next_sealed_secret": 0,
        "provisioning_keys.sealed_secret": 1,
        "regions.sealed_region_key": 1,
        "installation.sealed_value": 1,
    });
    assert_eq!(rotated["sealed_anew"], expected);
    assert_eq!(rotated["earlier_keys"][0]["sealed"], 0);
    let again = succeeded(operator.run_with(NEW, OLD, &["kek", "rotate"]));
    assert!(again.contains("nothing is sealed under it any more"), "{again}");

    // The rotation that found nothing to do is no change. What is of no account is in the log of the installation.
    let logged = succeeded(operator.run_with(NEW, "", &["audit", "--json"]));
    let records: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<Value> = records.iter().map(|one| json!([one["operation"], one["actor"], one["after"]])).collect();
    let rotated = json!({"present_key": rotated["present_key"], "to_seal_anew": 3});
    let added = json!({"name": "eu"});
    let expected =
        [json!(["rotate_key_encryption_key", "operator", rotated]), json!(["add_region", "operator", added])];
    assert_eq!(told, expected);
    operator.refused(&["audit", "--operation", "bogus"], "bogus");
    operator.refused(&["audit", "--actor", "bogus"], "bogus");

    let listed = succeeded(operator.run_with(NEW, "", &["account", "list"]));
    assert!(listed.contains("First"), "{listed}");
    let shown = succeeded(operator.run_with(NEW, OLD, &["config", "show"]));
    assert!(!shown.contains(OLD) && !shown.contains(NEW), "{shown}");
    let damaged = operator.run_with(NEW, "short", &["config", "show"]);
    assert!(damaged.stderr.contains("control.earlier_key_encryption_keys"), "{}", damaged.stderr);
}
