//! What a principal may do, decided by casbin.
//!
//! A [`PolicySet`] holds the few lines of one tenant or account, never those of all: casbin's cost grows with every line that
//! is loaded. It is immutable; a change makes a new set under a new version, and decisions are remembered per version.

use std::sync::Arc;

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use serde::{Deserialize, Serialize};

/// Cheap comparisons stand first, because the matcher runs for every line.
const MODEL: &str = r#"
[request_definition]
r = sub, act, obj

[policy_definition]
p = sub, act, obj, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = (p.act == "*" || r.act == p.act) && (p.obj == "*" || keyMatch2(r.obj, p.obj)) && g(r.sub, p.sub)
"#;

/// How many decisions are remembered, over all tenants of a process.
const REMEMBERED_DECISIONS: u64 = 100_000;

/// Whether a line permits or forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Permits.
    Allow,
    /// Forbids; wins over every permission.
    Deny,
}

/// One line of policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyLine {
    /// A principal or a role.
    pub subject: String,
    /// An HTTP method, or `*`.
    pub action: String,
    /// A route template behind the cloud name as in `/resources/:rt`, or `*`.
    pub object: String,
    /// Permit or forbid.
    pub effect: Effect,
}

/// A principal that has a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLink {
    /// The principal.
    pub member: String,
    /// The role.
    pub role: String,
}

/// The lines could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("the policy cannot be loaded")]
pub struct PolicyError(#[from] casbin::Error);

/// The effective policy of one tenant at one version.
#[derive(Clone)]
pub struct PolicySet {
    version: (uuid::Uuid, i64),
    enforcer: Arc<Enforcer>,
}

impl PolicySet {
    /// Loads the lines of `owner` (an environment or an account) at `version`.
    pub async fn load(
        owner: uuid::Uuid,
        version: i64,
        lines: &[PolicyLine],
        links: &[RoleLink],
    ) -> Result<Self, PolicyError> {
        let model = DefaultModel::from_str(MODEL).await?;
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
        let rows = lines.iter().map(|line| {
            let effect = match line.effect {
                Effect::Allow => "allow",
                Effect::Deny => "deny",
            };
            vec![line.subject.clone(), line.action.clone(), line.object.clone(), effect.to_owned()]
        });
        enforcer.add_policies(rows.collect()).await?;
        let links = links.iter().map(|link| vec![link.member.clone(), link.role.clone()]);
        enforcer.add_grouping_policies(links.collect()).await?;
        Ok(Self { version: (owner, version), enforcer: Arc::new(enforcer) })
    }

    /// Whether `subject` may do `action` on `object`. An error while deciding is a refusal.
    pub fn permits(&self, decisions: &Decisions, subject: &str, action: &str, object: &str) -> bool {
        let key = (self.version, format!("{subject} {action} {object}"));
        decisions.0.get_with(key, || match self.enforcer.enforce((subject, action, object)) {
            Ok(permitted) => permitted,
            Err(error) => {
                tracing::error!(%error, subject, action, object, "a policy could not be decided; refused");
                false
            }
        })
    }
}

/// Decisions already taken, by version of the policy.
#[derive(Clone)]
pub struct Decisions(moka::sync::Cache<((uuid::Uuid, i64), String), bool>);

impl Default for Decisions {
    fn default() -> Self {
        Self(moka::sync::Cache::new(REMEMBERED_DECISIONS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(subject: &str, action: &str, object: &str, effect: Effect) -> PolicyLine {
        PolicyLine { subject: subject.into(), action: action.into(), object: object.into(), effect }
    }

    #[tokio::test]
    async fn deny_wins_and_silence_refuses() {
        let lines = [
            line("role:all", "*", "*", Effect::Allow),
            line("key:1", "DELETE", "*", Effect::Deny),
            line("key:2", "GET", "/resources/:rt", Effect::Allow),
        ];
        let links = [RoleLink { member: "key:1".into(), role: "role:all".into() }];
        let set = PolicySet::load(uuid::Uuid::nil(), 1, &lines, &links).await.unwrap();
        let decisions = Decisions::default();
        let cases = [
            ("key:1", "GET", "/resources/:rt", true),
            ("key:1", "DELETE", "/resources/:rt", false),
            ("key:2", "GET", "/resources/:rt", true),
            ("key:2", "GET", "/resources/image", true),
            ("key:2", "POST", "/resources/:rt", false),
            ("key:2", "GET", "/usage", false),
            ("key:3", "GET", "/usage", false),
        ];
        for (subject, action, object, expected) in cases {
            assert_eq!(set.permits(&decisions, subject, action, object), expected, "{subject} {action} {object}");
        }
    }

    #[tokio::test]
    async fn a_new_version_is_not_answered_from_old_decisions() {
        let decisions = Decisions::default();
        let open = [line("key:1", "*", "*", Effect::Allow)];
        let set = PolicySet::load(uuid::Uuid::nil(), 1, &open, &[]).await.unwrap();
        assert!(set.permits(&decisions, "key:1", "GET", "/usage"));
        let set = PolicySet::load(uuid::Uuid::nil(), 2, &[], &[]).await.unwrap();
        assert!(!set.permits(&decisions, "key:1", "GET", "/usage"));
    }
}
