//! What a principal may do, decided by casbin.
//!
//! One formula: some role permits, and none forbids; and the principal has no rules of its own, or some rule allows and none denies.
//! The lines of a tenant or an account stand in a [`PolicyBook`], found by their subject. For a decision only those that can concern
//! the principal go into an enforcer, never those of all: casbin's cost grows with every line that is loaded. Enforcers are
//! immutable; a change makes a new version, and decisions are remembered per version.

mod explain;
mod line;
pub mod rule;
mod scope;
pub mod template;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi, function_map::OperatorFunction, rhai::Dynamic};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use explain::{Explanation, Ground};
pub use line::{Effect, PolicyLine};
pub use scope::{Region, Scope};

use crate::operations::{Operation, operations};

/// Cheap comparisons stand first, because the matcher runs for every line.
const MODEL: &str = r#"
[request_definition]
r = sub, act, obj, place

[policy_definition]
p = sub, act, obj, folder, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = within(r.place, p.folder) && covers(r.act, r.obj, p.act, p.obj) && g(r.sub, p.sub)
"#;

/// How many principals' enforcers are kept ready, over all tenants of a process.
const REMEMBERED_ENFORCERS: u64 = 1_000;
/// How many decisions are remembered, over all tenants of a process.
const REMEMBERED_DECISIONS: u64 = 100_000;
/// How many scopes are remembered, over all tenants of a process.
const REMEMBERED_SCOPES: u64 = 50_000;
/// Stands before the name of a principal in the lines that are its own rules.
const RULES_OF: &str = "rules:";

/// A principal that has a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLink {
    /// The principal.
    pub member: String,
    /// The role.
    pub role: String,
}

/// The lines could not be loaded, or a question not be decided.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the policy cannot be decided: {0}")]
pub struct PolicyError(String);

impl From<casbin::Error> for PolicyError {
    fn from(error: casbin::Error) -> Self {
        Self(error.to_string())
    }
}

/// The subject of an access key.
pub fn key_subject(api_key: &str) -> String {
    format!("key:{api_key}")
}

/// The subject of a provisioning key.
pub fn provisioning_subject(api_key: &str) -> String {
    format!("provisioning_key:{api_key}")
}

/// The subject under which the rules of a principal stand.
pub fn rules_subject(subject: &str) -> String {
    format!("{RULES_OF}{subject}")
}

/// The lines of one tenant or account, found by their subject.
#[derive(Debug, Clone, Default)]
pub struct PolicyBook {
    lines: HashMap<String, Vec<PolicyLine>>,
    roles: HashMap<String, Vec<String>>,
}

impl PolicyBook {
    /// Puts lines and links where they are found.
    pub fn new(lines: &[PolicyLine], links: &[RoleLink]) -> Self {
        let mut book = Self::default();
        for line in lines {
            book.lines.entry(line.subject.clone()).or_default().push(line.clone());
        }
        for link in links {
            book.roles.entry(link.member.clone()).or_default().push(link.role.clone());
        }
        book
    }

    /// The lines of exactly this subject.
    fn of(&self, subject: &str) -> &[PolicyLine] {
        self.lines.get(subject).map_or(&[], Vec::as_slice)
    }

    /// The roles of a principal.
    fn roles_of(&self, subject: &str) -> &[String] {
        self.roles.get(subject).map_or(&[], Vec::as_slice)
    }

    /// The lines by which roles speak of a principal, its own among them.
    fn role_lines(&self, subject: &str) -> impl Iterator<Item = &PolicyLine> {
        let of_roles = self.roles_of(subject).iter().flat_map(|role| self.of(role));
        self.of(subject).iter().chain(of_roles)
    }

    /// The rules that a principal has itself.
    fn rule_lines(&self, subject: &str) -> &[PolicyLine] {
        self.of(&rules_subject(subject))
    }

    /// The folders that lines about a principal name, without the slash in front.
    pub fn named_folders(&self, subject: &str) -> impl Iterator<Item = &str> {
        self.role_lines(subject).chain(self.rule_lines(subject)).filter_map(PolicyLine::condition)
    }
}

/// Where something takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place<'a> {
    /// It has no folder.
    None,
    /// In a folder; the root is the empty text.
    In(&'a str),
}

impl Place<'_> {
    /// The place as lines compare it.
    fn text(self) -> String {
        match self {
            Self::None => String::new(),
            Self::In(folder) => format!("/{}", folder.trim_matches('/')),
        }
    }
}

/// Who asks: a principal of a tenant or an account, at a version of its policy.
#[derive(Clone, Copy)]
pub struct Principal<'a> {
    /// The environment or the account.
    pub owner: Uuid,
    /// The version of its policy.
    pub version: i64,
    /// The principal, as in `key:814814814814814`.
    pub subject: &'a str,
    /// The lines of the owner.
    pub book: &'a PolicyBook,
}

impl<'a> Principal<'a> {
    /// A principal to be explained. What is remembered goes by owner and version, so nothing is decided for this one.
    pub fn unversioned(subject: &'a str, book: &'a PolicyBook) -> Self {
        Self { owner: Uuid::nil(), version: 0, subject, book }
    }
}

type EnforcerKey = (Uuid, i64, String);
type DecisionKey = (Uuid, i64, String, usize, String);
type ScopeKey = (Uuid, i64, String, usize);

/// Enforcers that are kept ready, and decisions already taken.
#[derive(Clone)]
pub struct Policies {
    enforcers: moka::future::Cache<EnforcerKey, Arc<Enforcer>>,
    decisions: moka::future::Cache<DecisionKey, bool>,
    scopes: moka::future::Cache<ScopeKey, Arc<Scope>>,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            enforcers: moka::future::Cache::new(REMEMBERED_ENFORCERS),
            decisions: moka::future::Cache::new(REMEMBERED_DECISIONS),
            scopes: moka::future::Cache::new(REMEMBERED_SCOPES),
        }
    }
}

impl Policies {
    /// Whether a principal may carry out an operation at a place.
    pub async fn permits(
        &self,
        principal: &Principal<'_>,
        operation: &Operation,
        place: Place<'_>,
    ) -> Result<bool, PolicyError> {
        let Principal { owner, version, subject, .. } = *principal;
        let key = (owner, version, subject.to_owned(), operation.number, place.text());
        if let Some(decision) = self.decisions.get(&key).await {
            return Ok(decision);
        }
        let decision = self.decide(principal, operation, &key.4).await?;
        self.decisions.insert(key, decision).await;
        Ok(decision)
    }

    /// Where a principal may carry out an operation that has a folder.
    pub async fn scope(&self, principal: &Principal<'_>, operation: &Operation) -> Result<Arc<Scope>, PolicyError> {
        let Principal { owner, version, subject, book } = *principal;
        let key = (owner, version, subject.to_owned(), operation.number);
        if let Some(scope) = self.scopes.get(&key).await {
            return Ok(scope);
        }
        let folders: BTreeSet<&str> = book.named_folders(subject).collect();
        let outside = self.decide(principal, operation, &Place::In("").text()).await?;
        let mut named = Vec::with_capacity(folders.len());
        for folder in folders {
            named.push((folder.to_owned(), self.decide(principal, operation, &Place::In(folder).text()).await?));
        }
        let scope = Arc::new(Scope::new(outside, named));
        self.scopes.insert(key, Arc::clone(&scope)).await;
        Ok(scope)
    }

    async fn decide(&self, principal: &Principal<'_>, operation: &Operation, place: &str) -> Result<bool, PolicyError> {
        let Principal { owner, version, subject, book } = *principal;
        let enforcer = self
            .enforcers
            .try_get_with((owner, version, subject.to_owned()), load(book, subject))
            .await
            .map_err(|error: Arc<PolicyError>| PolicyError::clone(&error))?;
        let ask = |subject: &str| enforcer.enforce((subject, operation.method(), operation.path(), place));
        if !ask(subject)? {
            return Ok(false);
        }
        Ok(book.rule_lines(subject).is_empty() || ask(&rules_subject(subject))?)
    }
}

/// An enforcer with the lines that can concern a principal.
async fn load(book: &PolicyBook, subject: &str) -> Result<Arc<Enforcer>, PolicyError> {
    let model = DefaultModel::from_str(MODEL).await?;
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
    enforcer.add_function("within", OperatorFunction::Arg2(within));
    enforcer.add_function("covers", OperatorFunction::Arg4(covers));
    let rows = book.role_lines(subject).chain(book.rule_lines(subject)).map(|line| {
        vec![
            line.subject.clone(),
            line.action.clone(),
            line.object.clone(),
            line.folder.clone(),
            line.effect.name().to_owned(),
        ]
    });
    // Equal lines are one line to casbin, and it refuses a batch that repeats one.
    let mut distinct: Vec<Vec<String>> = Vec::new();
    for row in rows {
        if !distinct.contains(&row) {
            distinct.push(row);
        }
    }
    enforcer.add_policies(distinct).await?;
    let links = book.roles_of(subject).iter().map(|role| vec![subject.to_owned(), role.clone()]);
    enforcer.add_grouping_policies(links.collect()).await?;
    Ok(Arc::new(enforcer))
}

fn text(value: &Dynamic) -> String {
    value.clone().into_string().unwrap_or_default()
}

/// The matcher's word for [`line::is_within`].
fn within(place: Dynamic, folder: Dynamic) -> Dynamic {
    line::is_within(&text(&place), &text(&folder)).into()
}

/// The matcher's word for [`line::covers`]. What is no operation is covered by nothing.
fn covers(method: Dynamic, path: Dynamic, action: Dynamic, object: Dynamic) -> Dynamic {
    let operation = operations().of_template(&text(&method), &text(&path));
    operation.is_some_and(|operation| line::covers(operation, &text(&action), &text(&object))).into()
}

#[cfg(test)]
mod tests {
    use super::{rule::KeyRules, *};
    use crate::operations::Plane;

    const SUBJECT: &str = "key:1";

    fn book(rules: &[&str]) -> PolicyBook {
        let rules = KeyRules::parse(rules.iter().copied()).unwrap();
        let mut lines = vec![PolicyLine::new("role:all", "*", "*", Effect::Allow)];
        lines.extend(rules.lines(&rules_subject(SUBJECT)));
        PolicyBook::new(&lines, &[RoleLink { member: SUBJECT.into(), role: "role:all".into() }])
    }

    fn principal(book: &PolicyBook, version: i64) -> Principal<'_> {
        Principal { owner: Uuid::nil(), version, subject: SUBJECT, book }
    }

    /// Asks one rule set about operations, each with a folder or none.
    async fn ask(rules: &[&str], cases: &[(&str, Option<&str>, bool)]) {
        let (policies, book) = (Policies::default(), book(rules));
        for (id, folder, expected) in cases {
            let operation = operations().find(id).unwrap();
            let place = folder.map_or(Place::None, Place::In);
            let decision = policies.permits(&principal(&book, 1), operation, place).await.unwrap();
            assert_eq!(decision, *expected, "{rules:?}: {id} in {folder:?}");
            let explained = Explanation::of(&principal(&book, 1), operation, place);
            assert_eq!(explained.permitted(), *expected, "explained {rules:?}: {id} in {folder:?}");
        }
    }

    #[tokio::test]
    async fn a_key_without_rules_may_do_what_its_role_may() {
        ask(&[], &[("usage", None, true), ("destroy", Some("a"), true)]).await;
        let nobody = PolicyBook::default();
        let usage = operations().find("usage").unwrap();
        assert!(!Policies::default().permits(&principal(&nobody, 1), usage, Place::None).await.unwrap());
    }

    #[tokio::test]
    async fn rules_narrow_and_denying_wins() {
        ask(
            &["deny DELETE *"],
            &[("delete_folder", Some(""), false), ("destroy", Some(""), true), ("usage", None, true)],
        )
        .await;
        ask(
            &["@all:read", "deny GET /usage"],
            &[("ping", None, true), ("usage", None, false), ("upload", None, false)],
        )
        .await;
        ask(&["deny *"], &[("ping", None, false)]).await;
    }

    #[tokio::test]
    async fn folders_bound_what_has_one() {
        ask(
            &["@upload in clients/acme", "deny @upload in clients/acme/secret"],
            &[
                ("upload", Some("clients/acme"), true),
                ("upload", Some("clients/acme/summer"), true),
                ("upload", Some("clients/acme/secret/x"), false),
                ("upload", Some("clients/acmeplus"), false),
                ("upload", Some(""), false),
                ("upload", None, false),
                ("destroy", Some("clients/acme"), false),
            ],
        )
        .await;
    }

    #[tokio::test]
    async fn the_scope_says_where() {
        let policies = Policies::default();
        let book = book(&["@assets in a", "deny @assets in a/b", "@usage"]);
        let list = operations().find("list_resources").unwrap();
        let scope = policies.scope(&principal(&book, 1), list).await.unwrap();
        for (folder, expected) in [("", false), ("a", true), ("a/x", true), ("a/b", false), ("a/b/c", false)] {
            assert_eq!(scope.permits(folder), expected, "{folder}");
        }
        let folders = operations().find("list_root_folders").unwrap();
        assert!(policies.scope(&principal(&book, 1), folders).await.unwrap().is_nowhere());
    }

    #[tokio::test]
    async fn a_new_version_is_not_answered_from_old_decisions() {
        let policies = Policies::default();
        let usage = operations().find("usage").unwrap();
        let (open, closed) = (book(&[]), book(&["deny *"]));
        assert!(policies.permits(&principal(&open, 1), usage, Place::None).await.unwrap());
        assert!(policies.permits(&principal(&closed, 1), usage, Place::None).await.unwrap(), "remembered");
        assert!(!policies.permits(&principal(&closed, 2), usage, Place::None).await.unwrap());
    }

    #[tokio::test]
    async fn every_operation_is_explained_as_it_is_decided() {
        let policies = Policies::default();
        let sets: [&[&str]; 7] = [
            &[],
            &["@all:read"],
            &["deny DELETE *"],
            &["* /resources/*", "deny @assets:destroy in a"],
            &["@transformations", "@upload_presets:read", "deny GET /upload_presets/:name"],
            &["*", "deny @all:destroy"],
            &["POST /:resource_type/upload in a/b"],
        ];
        for (version, rules) in (1..).zip(sets) {
            let book = book(rules);
            for operation in operations().of(Plane::Data) {
                for place in [Place::None, Place::In(""), Place::In("a"), Place::In("a/b/c")] {
                    let asked = principal(&book, version);
                    let decided = policies.permits(&asked, operation, place).await.unwrap();
                    let explained = Explanation::of(&asked, operation, place);
                    assert_eq!(explained.permitted(), decided, "{rules:?} {} {place:?}", operation.id);
                }
            }
        }
    }
}
