//! Why a decision was taken: the line that decided, and what would have allowed it.

use std::collections::BTreeSet;

use super::{Effect, Place, PolicyLine, Principal, Scope, line::ANY};
use crate::{
    error::{ApiError, ErrorCode},
    operations::{FolderOf, Operation},
};
use actix_web::http::header::{HeaderName, HeaderValue};

/// The header in which a refusal names operation, permission and what decided.
const REFUSAL: HeaderName = HeaderName::from_static("x-safelight-refusal");

/// What a decision rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// A line of a role permits, and the principal has no rules.
    Role(PolicyLine),
    /// A line of a role forbids.
    RoleForbids(PolicyLine),
    /// No role of the principal permits it.
    NoRole,
    /// Roles of the principal permit it, but elsewhere; the folders.
    RolesElsewhere(Vec<String>),
    /// A rule of the principal allows.
    Rule(PolicyLine),
    /// A rule of the principal denies.
    RuleDenies(PolicyLine),
    /// The principal has rules, and none of them allows it.
    NoRule,
    /// Rules of the principal allow it, but elsewhere; the folders.
    Elsewhere(Vec<String>),
}

/// A decision with its ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The operation.
    pub operation: &'static str,
    /// The permission that it needs.
    pub permission: String,
    /// What the decision rests on.
    pub ground: Ground,
    method: &'static str,
    path: &'static str,
    folder: Option<String>,
}

impl Explanation {
    /// Explains what a principal may or may not do.
    pub fn of(principal: &Principal<'_>, operation: &Operation, place: Place<'_>) -> Self {
        let folder = match place {
            Place::In(folder) if operation.folder != FolderOf::Nothing => Some(folder.trim_matches('/').to_owned()),
            _ => None,
        };
        Self {
            operation: operation.id,
            permission: operation.permission(),
            ground: ground(principal, operation, &place.text()),
            method: operation.method(),
            path: operation.path(),
            folder,
        }
    }

    /// Where a principal may carry out an operation, as explained.
    pub fn scope(principal: &Principal<'_>, operation: &Operation) -> Scope {
        let permits = |folder: &str| Self::of(principal, operation, Place::In(folder)).permitted();
        let named: BTreeSet<&str> = principal.book.named_folders(principal.subject).collect();
        Scope::new(permits(""), named.into_iter().map(|folder| (folder.to_owned(), permits(folder))))
    }

    /// Whether it is permitted.
    pub fn permitted(&self) -> bool {
        matches!(self.ground, Ground::Role(_) | Ground::Rule(_))
    }

    /// The line that decided, if it was one.
    pub fn line(&self) -> Option<&PolicyLine> {
        match &self.ground {
            Ground::Role(line) | Ground::RoleForbids(line) | Ground::Rule(line) | Ground::RuleDenies(line) => {
                Some(line)
            }
            Ground::NoRole | Ground::RolesElsewhere(_) | Ground::NoRule | Ground::Elsewhere(_) => None,
        }
    }

    /// The ground in a sentence.
    pub fn reason(&self) -> String {
        match &self.ground {
            Ground::Role(line) => format!("{} permits it by `{line}`", line.subject),
            Ground::RoleForbids(line) => format!("{} forbids it by `{line}`", line.subject),
            Ground::NoRole => "no role permits it".to_owned(),
            Ground::RolesElsewhere(folders) => format!("its roles permit it only in {}", folders.join(", ")),
            Ground::Rule(line) if line.action == ANY && line.object == ANY => {
                "no rule denies it, and all else is allowed".to_owned()
            }
            Ground::Rule(line) => format!("the rule `{line}` allows it"),
            Ground::RuleDenies(line) => format!("the rule `{line}` denies it"),
            Ground::NoRule => {
                "none of its rules allows it, and what roles and policies permit does not widen rules".to_owned()
            }
            Ground::Elsewhere(folders) => format!("its rules allow it only in {}", folders.join(", ")),
        }
    }

    /// What would change a refusal into a permission, as things to do.
    pub fn would_allow(&self) -> Vec<String> {
        let within = self.folder.as_ref().filter(|folder| !folder.is_empty());
        let within = within.map(|folder| format!(" in {folder}")).unwrap_or_default();
        match &self.ground {
            Ground::Role(_) | Ground::Rule(_) => Vec::new(),
            Ground::RoleForbids(line) => vec![format!("take `{line}` off {}", line.subject)],
            Ground::NoRole | Ground::RolesElsewhere(_) => {
                vec![format!("give the principal a role with {}{within}", self.permission)]
            }
            Ground::RuleDenies(line) => vec![format!("take the rule `{line}` away")],
            Ground::NoRule | Ground::Elsewhere(_) => vec![
                format!("add the rule `{} {}{within}`", self.method, self.path),
                format!("add the rule `@{}{within}`", self.permission),
            ],
        }
    }

    /// The refusal that the caller reads. It says nothing of what exists.
    pub fn refusal(&self) -> ApiError {
        let line = self.line().map(|line| format!("; line=\"{line}\"")).unwrap_or_default();
        let call = format!("{} {}", self.method, self.path);
        // Folders of its rules are what the key was made for; those of roles are the account's and not for it to read.
        let reason = match self.ground {
            Ground::RolesElsewhere(_) => "its roles permit it only in some folders".to_owned(),
            _ => self.reason(),
        };
        refusal(&call, self.operation, &self.permission, &reason, &line)
    }

    /// The refusal of a call about something that is not within reach, be it elsewhere or nowhere.
    pub fn beyond_reach(operation: &Operation) -> ApiError {
        let call = format!("{} {}", operation.method(), operation.path());
        let reason = "its rules bound where it may do this, and nothing of this name lies there";
        refusal(&call, operation.id, &operation.permission(), reason, "")
    }
}

fn refusal(call: &str, operation: &str, permission: &str, reason: &str, line: &str) -> ApiError {
    let text =
        format!("This API key has no permission for this call: {call} ({operation}) needs {permission}; {reason}");
    let error = ApiError::new(ErrorCode::Forbidden, text);
    // A folder's name may hold what no header can; then the line is left to the text.
    match HeaderValue::from_str(&format!("operation={operation}; permission={permission}{line}")) {
        Ok(value) => error.with_header(REFUSAL, value),
        Err(_) => error,
    }
}

fn ground(principal: &Principal<'_>, operation: &Operation, place: &str) -> Ground {
    let concerns = |line: &&PolicyLine| line.covers(operation) && line.holds_at(place);
    let forbids = |line: &&PolicyLine| line.effect == Effect::Deny;
    let (subject, book) = (principal.subject, principal.book);
    let of_roles: Vec<&PolicyLine> = book.role_lines(subject).filter(concerns).collect();
    if let Some(line) = of_roles.iter().copied().find(forbids) {
        return Ground::RoleForbids(line.clone());
    }
    let Some(role) = of_roles.first() else {
        return match folders_of(book.role_lines(subject), operation) {
            folders if folders.is_empty() => Ground::NoRole,
            folders => Ground::RolesElsewhere(folders),
        };
    };
    let rules = book.rule_lines(subject);
    if rules.is_empty() {
        return Ground::Role((*role).clone());
    }
    let fitting: Vec<&PolicyLine> = rules.iter().filter(concerns).collect();
    if let Some(line) = fitting.iter().copied().find(forbids) {
        return Ground::RuleDenies(line.clone());
    }
    if let Some(line) = fitting.first() {
        return Ground::Rule((*line).clone());
    }
    match folders_of(rules.iter(), operation) {
        folders if folders.is_empty() => Ground::NoRule,
        folders => Ground::Elsewhere(folders),
    }
}

/// The folders in which lines permit an operation, sorted; none for an operation that is about no folder.
fn folders_of<'a>(lines: impl Iterator<Item = &'a PolicyLine>, operation: &Operation) -> Vec<String> {
    if operation.folder == FolderOf::Nothing {
        return Vec::new();
    }
    let permitting = lines.filter(|line| line.covers(operation) && line.effect == Effect::Allow);
    let folders: BTreeSet<&str> = permitting.filter_map(PolicyLine::condition).collect();
    folders.into_iter().map(str::to_owned).collect()
}
