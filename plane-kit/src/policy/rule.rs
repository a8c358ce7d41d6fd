//! Rules of access keys, as people write them.
//!
//! ```text
//! rule   = [ "allow" | "deny" ] what [ "in" folder ]
//! what   = "*" | METHOD "*" | METHOD path | "*" path | "@" group [ ":" act ]
//! path   = /pieces, in which `:name` is any parameter and a last `*` whatever follows
//! group  = a feature of the table of operations, or "all"
//! act    = "read" | "write" | "destroy"
//! ```
//!
//! A rule that covers no operation is refused when it is set, so that nobody relies on a slip of the pen.

use std::fmt;

use super::line::{ALL_FEATURES, ANY, Effect, PolicyLine, covers};
use crate::{
    nearest::nearest,
    operations::{Act, FolderOf, Operation, Plane, operations, pieces},
};

/// Methods that operations have.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"];
/// How many rules a key may have.
pub const MOST_RULES: usize = 100;
/// How long a rule may be, in bytes.
pub const LONGEST_RULE: usize = 512;

/// A rule of an access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    effect: Effect,
    action: String,
    object: String,
    folder: Option<String>,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Nothing stands there.
    #[error("a rule is empty")]
    Empty,
    /// It is longer than anything that could be meant.
    #[error("a rule is longer than {LONGEST_RULE} bytes")]
    TooLong,
    /// There are more rules than a key may have.
    #[error("{0} rules; a key may have {MOST_RULES}")]
    TooMany(usize),
    /// It has another shape.
    #[error("`{0}` is no rule; write METHOD /path, @group or @group:act, with `deny` in front or `in FOLDER` behind")]
    Malformed(String),
    /// No operation is called by this method.
    #[error("`{rule}`: unknown method {method}{}", hint(nearest))]
    UnknownMethod {
        /// The rule.
        rule: String,
        /// The method.
        method: String,
        /// A method that may have been meant.
        nearest: Option<String>,
    },
    /// No operation has this path.
    #[error("`{rule}`: no operation has the path {path}{}", hint(nearest))]
    UnknownPath {
        /// The rule.
        rule: String,
        /// The path.
        path: String,
        /// What may have been meant, with its method.
        nearest: Option<String>,
    },
    /// There is no such group.
    #[error("`{rule}`: there is no group @{group}{}", hint(nearest))]
    UnknownGroup {
        /// The rule.
        rule: String,
        /// The group.
        group: String,
        /// A group that may have been meant.
        nearest: Option<String>,
    },
    /// There is no such kind of act.
    #[error("`{rule}`: unknown act {act}; read, write or destroy")]
    UnknownAct {
        /// The rule.
        rule: String,
        /// What stands behind the colon.
        act: String,
    },
    /// The group has no operation of this kind.
    #[error("`{0}` covers no operation")]
    CoversNothing(String),
    /// No operation that the rule covers has a folder.
    #[error("`{0}`: nothing that it covers has a folder, so it would never hold")]
    WithoutFolder(String),
    /// The folder cannot be one.
    #[error("`{rule}`: {folder} is no folder; write its path, as in clients/acme")]
    MalformedFolder {
        /// The rule.
        rule: String,
        /// The folder.
        folder: String,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl Rule {
    /// Reads a rule about operations of data planes.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        if text.len() > LONGEST_RULE {
            return Err(RuleError::TooLong);
        }
        let rule = text.trim();
        let (what, folder) = match rule.split_once(" in ") {
            Some((what, folder)) => (what, Some(read_folder(rule, folder)?)),
            None => (rule, None),
        };
        let mut words = what.split_whitespace().peekable();
        let effect = match words.peek().copied() {
            None => return Err(RuleError::Empty),
            Some(word) if word.eq_ignore_ascii_case("deny") => Effect::Deny,
            Some(word) if word.eq_ignore_ascii_case("allow") => Effect::Allow,
            Some(_) => Effect::Allow,
        };
        if words.peek().is_some_and(|word| word.eq_ignore_ascii_case("deny") || word.eq_ignore_ascii_case("allow")) {
            words.next();
        }
        let (action, object) = match (words.next(), words.next(), words.next()) {
            (Some(ANY), None, None) => (ANY.to_owned(), ANY.to_owned()),
            (Some(group), None, None) if group.starts_with('@') => read_group(rule, group)?,
            (Some(method), Some(path), None) => (read_method(rule, method)?, read_path(rule, path)?),
            _ => return Err(RuleError::Malformed(rule.to_owned())),
        };
        let read = Self { effect, action, object, folder };
        read.check(rule)?;
        Ok(read)
    }

    /// Whether it forbids.
    pub fn forbids(&self) -> bool {
        self.effect == Effect::Deny
    }

    /// The operations of data planes that it covers.
    pub fn operations(&self) -> impl Iterator<Item = &'static Operation> {
        operations().of(Plane::Data).filter(|operation| covers(operation, &self.action, &self.object))
    }

    /// The line of policy for a subject.
    pub fn line(&self, subject: &str) -> PolicyLine {
        let mut line = PolicyLine::new(subject, &self.action, &self.object, self.effect);
        if let Some(folder) = &self.folder {
            line.folder = format!("/{folder}");
        }
        line
    }

    fn check(&self, rule: &str) -> Result<(), RuleError> {
        if self.operations().next().is_none() {
            return Err(self.covers_nothing(rule));
        }
        let has_folder = || self.operations().any(|operation| operation.folder != FolderOf::Nothing);
        if self.folder.is_some() && !has_folder() {
            return Err(RuleError::WithoutFolder(rule.to_owned()));
        }
        Ok(())
    }

    fn covers_nothing(&self, rule: &str) -> RuleError {
        if !self.object.starts_with('/') {
            return RuleError::CoversNothing(rule.to_owned());
        }
        let wanted = if self.action == ANY { self.object.clone() } else { format!("{} {}", self.action, self.object) };
        let known: Vec<String> = operations()
            .of(Plane::Data)
            .flat_map(|operation| &operation.spellings)
            .map(|spelling| match self.action.as_str() {
                ANY => spelling.path.to_owned(),
                _ => format!("{} {}", spelling.method, spelling.path),
            })
            .collect();
        // A value where the operation has a parameter is the commonest slip, so what this would be as a request comes first.
        let meant = METHODS
            .into_iter()
            .filter(|method| self.action == ANY || self.action == *method)
            .find_map(|method| operations().resolve(Plane::Data, method, &self.object))
            .map(|operation| format!("{} {}", operation.method(), operation.path()));
        let nearest = meant.or_else(|| nearest(&wanted, known.iter().map(String::as_str)).map(str::to_owned));
        RuleError::UnknownPath { rule: rule.to_owned(), path: wanted, nearest }
    }
}

/// The rule as it is written, in its shortest form.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line("").fmt(f)
    }
}

fn read_method(rule: &str, word: &str) -> Result<String, RuleError> {
    let method = word.to_ascii_uppercase();
    if method == ANY || METHODS.contains(&method.as_str()) {
        return Ok(method);
    }
    let nearest = nearest(&method, METHODS).map(str::to_owned);
    Err(RuleError::UnknownMethod { rule: rule.to_owned(), method: word.to_owned(), nearest })
}

fn read_path(rule: &str, path: &str) -> Result<String, RuleError> {
    if path == ANY || path == "/*" {
        return Ok(ANY.to_owned());
    }
    let mut rest = pieces(path).rev();
    rest.next();
    let has_inner_star = rest.any(|piece| piece == ANY);
    if !path.starts_with('/') || has_inner_star || path.contains("//") {
        return Err(RuleError::Malformed(rule.to_owned()));
    }
    // `{name}` is how descriptions write what rules write as `:name`.
    let piece = |piece: &str| match piece.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => format!("/:{name}"),
        None => format!("/{piece}"),
    };
    Ok(pieces(path.trim_end_matches('/')).map(piece).collect())
}

fn read_group(rule: &str, word: &str) -> Result<(String, String), RuleError> {
    let name = word.trim_start_matches('@');
    let (group, act) = match name.split_once(':') {
        Some((group, act)) => (group, Some(act)),
        None => (name, None),
    };
    let features = operations().features(Plane::Data);
    if group != ALL_FEATURES && !features.contains(&group) {
        let nearest = nearest(group, features).map(|name| format!("@{name}"));
        return Err(RuleError::UnknownGroup { rule: rule.to_owned(), group: group.to_owned(), nearest });
    }
    let action = match act {
        None => ANY,
        Some(act) => match Act::named(act) {
            Some(act) => act.name(),
            None => return Err(RuleError::UnknownAct { rule: rule.to_owned(), act: act.to_owned() }),
        },
    };
    Ok((action.to_owned(), format!("@{group}")))
}

fn read_folder(rule: &str, text: &str) -> Result<String, RuleError> {
    let folder = text.trim().trim_matches('/');
    let is_plain = !folder.is_empty()
        && folder.split('/').all(|piece| !piece.is_empty() && piece != "." && piece != "..")
        && !folder.chars().any(|c| c.is_control() || c == '*');
    if is_plain {
        return Ok(folder.to_owned());
    }
    Err(RuleError::MalformedFolder { rule: rule.to_owned(), folder: text.trim().to_owned() })
}

/// The rules of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRules(Vec<Rule>);

impl KeyRules {
    /// Reads rules; the first that is none is named.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, RuleError> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut count = 0;
        for text in texts {
            count += 1;
            let rule = Rule::parse(text)?;
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        if count > MOST_RULES { Err(RuleError::TooMany(count)) } else { Ok(Self(rules)) }
    }

    /// The rules of a key that may do nothing.
    pub fn nothing() -> Self {
        let deny = Rule { effect: Effect::Deny, action: ANY.to_owned(), object: ANY.to_owned(), folder: None };
        Self(vec![deny])
    }

    /// Whether there are none, so that the key may do everything that its role may.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }

    /// The rules as they are written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(Rule::to_string).collect()
    }

    /// Whether all of them forbid, so that everything else is allowed.
    pub fn only_forbid(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(Rule::forbids)
    }

    /// The lines of policy for a subject.
    pub fn lines(&self, subject: &str) -> Vec<PolicyLine> {
        let everything_else = self.only_forbid().then(|| PolicyLine::new(subject, ANY, ANY, Effect::Allow));
        self.0.iter().map(|rule| rule.line(subject)).chain(everything_else).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_in_every_spelling_and_printed_in_one() {
        for (text, printed) in [
            ("GET /streaming_profiles", "GET /streaming_profiles"),
            ("  allow   get  /streaming_profiles ", "GET /streaming_profiles"),
            ("POST /transformations/:name", "POST /transformations/:name"),
            ("POST /transformations/{name}", "POST /transformations/:name"),
            ("* /resources/*", "* /resources/*"),
            ("deny DELETE *", "deny DELETE *"),
            ("DENY DELETE /*", "deny DELETE *"),
            ("*", "*"),
            ("deny *", "deny *"),
            ("@upload_presets", "@upload_presets"),
            ("deny @all:destroy", "deny @all:destroy"),
            ("POST /:resource_type/upload in clients/acme", "POST /:resource_type/upload in clients/acme"),
            ("@upload:write in /clients/acme inc/", "@upload:write in clients/acme inc"),
        ] {
            let rule = Rule::parse(text).unwrap();
            assert_eq!(rule.to_string(), printed);
            assert_eq!(Rule::parse(printed).unwrap(), rule, "{printed} reads back");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_what_may_have_been_meant() {
        for (text, expected) in [
            ("", "a rule is empty"),
            ("deny", "is no rule"),
            ("GET", "is no rule"),
            ("GET /usage now", "is no rule"),
            ("GET usage", "is no rule"),
            ("GET /resources/*/upload", "is no rule"),
            ("GETT /usage", "unknown method GETT; did you mean `GET`?"),
            ("GET /usages", "did you mean `GET /usage`?"),
            ("GET /resources/image", "did you mean `GET /resources/:resource_type`?"),
            ("POST /image/upload", "did you mean `POST /:resource_type/upload`?"),
            ("PATCH /usage", "did you mean `GET /usage`?"),
            ("@upload_preset", "there is no group @upload_preset; did you mean `@upload_presets`?"),
            ("@all:delete", "unknown act delete; read, write or destroy"),
            ("@usage:write", "covers no operation"),
            ("GET /usage in a", "nothing that it covers has a folder"),
            ("@upload in ..", ".. is no folder"),
            ("@upload in /", "/ is no folder"),
            ("GET /sub_accounts", "no operation has the path"),
        ] {
            let error = Rule::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "`{text}`: {error}");
        }
        assert_eq!(Rule::parse(&"x".repeat(LONGEST_RULE + 1)), Err(RuleError::TooLong));
        let many = vec!["deny DELETE *"; MOST_RULES + 1];
        assert_eq!(KeyRules::parse(many), Err(RuleError::TooMany(MOST_RULES + 1)));
    }

    #[test]
    fn rules_that_only_forbid_leave_the_rest() {
        let rules = KeyRules::parse(["deny DELETE *", "deny delete /*"]).unwrap();
        assert_eq!(rules.texts(), ["deny DELETE *"]);
        let lines: Vec<String> = rules.lines("k").iter().map(PolicyLine::to_string).collect();
        assert_eq!(lines, ["deny DELETE *", "*"]);
        assert!(!KeyRules::parse(["deny DELETE *", "@usage"]).unwrap().only_forbid());
        assert!(KeyRules::default().lines("k").is_empty());
    }
}
