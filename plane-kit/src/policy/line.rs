//! A line of policy, and what it covers.
//!
//! A line is one rule as people write it: `deny DELETE *`, `GET /streaming_profiles`, `@upload:write in clients/acme`. It speaks of
//! operations: it covers one if it covers any of its spellings.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::operations::{Act, Operation, Spelling, pieces};

/// What stands in a line for "any".
pub(super) const ANY: &str = "*";
/// The group of all operations.
pub(super) const ALL_FEATURES: &str = "all";

/// Whether a line permits or forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Permits.
    Allow,
    /// Forbids; wins over every permission.
    Deny,
}

impl Effect {
    /// The name in rules and in casbin's lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// One line of policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PolicyLine {
    /// A principal, a role, or the rules of a principal.
    pub subject: String,
    /// An HTTP method, a kind of act, or `*`.
    pub action: String,
    /// A path as in `/resources/:resource_type` or `/resources/*`, a group as in `@transformations`, or `*`.
    pub object: String,
    /// A folder with a slash in front, under which the line holds; `*` wherever it be.
    #[serde(default = "anywhere")]
    pub folder: String,
    /// Permit or forbid.
    pub effect: Effect,
}

fn anywhere() -> String {
    ANY.to_owned()
}

impl PolicyLine {
    /// A line without a folder.
    pub fn new(subject: &str, action: &str, object: &str, effect: Effect) -> Self {
        let [subject, action, object] = [subject, action, object].map(str::to_owned);
        Self { subject, action, object, folder: anywhere(), effect }
    }

    /// The folder under which the line holds, without the slash in front; none if it holds anywhere.
    pub fn condition(&self) -> Option<&str> {
        self.folder.strip_prefix('/')
    }

    /// Whether the line speaks of an operation, wherever it takes place.
    pub fn covers(&self, operation: &Operation) -> bool {
        covers(operation, &self.action, &self.object)
    }

    /// Whether the line holds at a place, which is a folder with a slash in front, or nothing for what has no folder.
    pub fn holds_at(&self, place: &str) -> bool {
        is_within(place, &self.folder)
    }
}

/// The line as a rule is written.
impl fmt::Display for PolicyLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.effect == Effect::Deny {
            f.write_str("deny ")?;
        }
        match (self.action.as_str(), self.object.as_str()) {
            (ANY, ANY) => f.write_str(ANY)?,
            (ANY, group) if group.starts_with('@') => f.write_str(group)?,
            (action, group) if group.starts_with('@') => write!(f, "{group}:{action}")?,
            (action, path) => write!(f, "{action} {path}")?,
        }
        match self.condition() {
            Some(folder) => write!(f, " in {folder}"),
            None => Ok(()),
        }
    }
}

/// Whether an action and an object of a line cover an operation.
pub(super) fn covers(operation: &Operation, action: &str, object: &str) -> bool {
    let fits = |spelling: &Spelling| action == ANY || action == spelling.method;
    if let Some(group) = object.strip_prefix('@') {
        let is_of_group = group == ALL_FEATURES || group == operation.feature;
        return is_of_group
            && match Act::named(action) {
                Some(act) => act == operation.act,
                None => operation.spellings.iter().any(fits),
            };
    }
    operation.spellings.iter().any(|spelling| fits(spelling) && (object == ANY || is_under(spelling.path, object)))
}

/// Whether a spelled path is what a pattern means: the same pieces, with any names for parameters; a `*` at the end takes the rest.
fn is_under(path: &str, pattern: &str) -> bool {
    let mut given = pieces(path);
    for wanted in pieces(pattern) {
        let Some(piece) = given.next() else {
            return false;
        };
        match wanted {
            ANY => return true,
            parameter if parameter.starts_with(':') => {
                if !piece.starts_with(':') {
                    return false;
                }
            }
            literal if literal == piece => {}
            _ => return false,
        }
    }
    given.next().is_none()
}

/// Whether a place lies in a folder of a line. A place is written with a slash in front; what has no folder is written as nothing, and
/// no condition fits it.
pub(super) fn is_within(place: &str, folder: &str) -> bool {
    if folder == ANY {
        return true;
    }
    match place.strip_prefix(folder) {
        Some("") => !folder.is_empty(),
        Some(rest) => rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::operations;

    #[test]
    fn a_line_covers_an_operation_under_all_its_spellings() {
        let table = operations();
        for (action, object, id, expected) in [
            ("*", "*", "destroy", true),
            ("DELETE", "*", "destroy", false),
            ("DELETE", "*", "delete_folder", true),
            ("PUT", "/transformations", "update_transformation", true),
            ("PUT", "/transformations/:name", "update_transformation", true),
            ("POST", "/transformations/:name", "update_transformation", false),
            ("*", "/resources/*", "list_resources", true),
            ("*", "/resources/*", "list_resource_types", false),
            ("GET", "/resources/:anything", "list_resources", true),
            ("GET", "/resources/:anything", "list_resources_by_asset_folder", false),
            ("GET", "/resources/image", "list_resources", false),
            ("*", "@transformations", "read_transformation", true),
            ("read", "@transformations", "create_transformation", false),
            ("write", "@all", "create_transformation", true),
            ("read", "@all", "search_resources", true),
            ("POST", "@upload", "upload", true),
        ] {
            let operation = table.find(id).unwrap();
            assert_eq!(covers(operation, action, object), expected, "{action} {object} {id}");
        }
    }

    #[test]
    fn a_folder_holds_what_lies_in_it_and_nothing_beside() {
        for (place, folder, expected) in [
            ("", "*", true),
            ("", "/a", false),
            ("/", "/a", false),
            ("/a", "/a", true),
            ("/a/b", "/a", true),
            ("/ab", "/a", false),
            ("/A", "/a", false),
            ("/a", "/a/b", false),
        ] {
            assert_eq!(is_within(place, folder), expected, "{place} in {folder}");
        }
    }
}
