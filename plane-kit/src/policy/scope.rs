//! Where a principal may do something: everywhere, nowhere, or in some folders and not in others.
//!
//! A decision about a folder depends only on which of the folders that the lines name lie above it. So the answers at those folders,
//! and one for outside all of them, are the whole answer.

use std::fmt;

/// A folder that lines name, and whether the principal may act in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Branch {
    folder: String,
    permitted: bool,
}

/// Where an operation is permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    outside: bool,
    /// Sorted, so that a folder stands before those below it; only where the answer changes.
    branches: Vec<Branch>,
}

/// A part of the tree in which one answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region<'a> {
    /// The folder at its top; none is the whole tree.
    pub folder: Option<&'a str>,
    /// The folders below it in which the answer is another one.
    pub without: Vec<&'a str>,
}

/// The part in words.
impl fmt::Display for Region<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder.unwrap_or("all folders"))?;
        match self.without.as_slice() {
            [] => Ok(()),
            without => write!(f, " but {}", without.join(", ")),
        }
    }
}

impl Scope {
    /// Everywhere.
    pub fn everywhere() -> Self {
        Self { outside: true, branches: Vec::new() }
    }

    /// Nowhere.
    pub fn nowhere() -> Self {
        Self { outside: false, branches: Vec::new() }
    }

    /// From the answer outside all named folders, and the answers at those folders.
    pub fn new(outside: bool, named: impl IntoIterator<Item = (String, bool)>) -> Self {
        let mut named: Vec<_> = named.into_iter().map(|(folder, permitted)| Branch { folder, permitted }).collect();
        named.sort_by(|a, b| a.folder.cmp(&b.folder));
        named.dedup_by(|a, b| a.folder == b.folder);
        let mut scope = Self { outside, branches: Vec::with_capacity(named.len()) };
        // Shorter folders first, so that what a folder lies in is there already.
        named.sort_by_key(|branch| branch.folder.len());
        for branch in named {
            if scope.permits(&branch.folder) != branch.permitted {
                scope.branches.push(branch);
            }
        }
        scope.branches.sort_by(|a, b| a.folder.cmp(&b.folder));
        scope
    }

    /// Whether it is permitted in a folder. The root is the empty text.
    pub fn permits(&self, folder: &str) -> bool {
        let above = self.branches.iter().filter(|branch| lies_in(folder, &branch.folder));
        above.max_by_key(|branch| branch.folder.len()).map_or(self.outside, |branch| branch.permitted)
    }

    /// Whether it is permitted in every folder.
    pub fn is_everywhere(&self) -> bool {
        self.outside && self.branches.is_empty()
    }

    /// Whether it is permitted in no folder at all.
    pub fn is_nowhere(&self) -> bool {
        !self.outside && self.branches.is_empty()
    }

    /// A folder at or below another in which it is not permitted, if there is one.
    pub fn forbidden_within<'a>(&'a self, folder: &'a str) -> Option<&'a str> {
        if !self.permits(folder) {
            return Some(folder);
        }
        let below = self.branches.iter().find(|branch| !branch.permitted && lies_in(&branch.folder, folder));
        below.map(|branch| branch.folder.as_str())
    }

    /// Whether there is a folder below another in which it is permitted.
    pub fn leads_from(&self, folder: &str) -> bool {
        self.branches.iter().any(|branch| branch.permitted && lies_in(&branch.folder, folder))
    }

    /// A folder in which it is not permitted, if there is one.
    pub fn a_forbidden_folder(&self) -> Option<&str> {
        let denied = self.branches.iter().find(|branch| !branch.permitted).map(|branch| branch.folder.as_str());
        if self.outside { denied } else { Some("") }
    }

    /// The parts of the tree in which it is permitted. They do not overlap.
    pub fn permitted(&self) -> Vec<Region<'_>> {
        let top = self.outside.then_some(None);
        let below = self.branches.iter().filter(|branch| branch.permitted).map(|branch| Some(branch.folder.as_str()));
        top.into_iter().chain(below).map(|folder| Region { folder, without: self.exceptions(folder) }).collect()
    }

    /// The folders nearest below `folder` in which it is not permitted.
    fn exceptions(&self, folder: Option<&str>) -> Vec<&str> {
        let below = |branch: &&Branch| {
            !branch.permitted && folder.is_none_or(|top| branch.folder != top && lies_in(&branch.folder, top))
        };
        self.branches.iter().filter(below).map(|branch| branch.folder.as_str()).collect()
    }
}

/// Whether a folder is another or lies below it.
fn lies_in(folder: &str, other: &str) -> bool {
    folder.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_folder_is_looked_through() {
        let named = [("a", true), ("a/b", false), ("c/d", true)];
        let scope = Scope::new(false, named.map(|(folder, permitted)| (folder.to_owned(), permitted)));
        for (folder, forbidden, leads) in [
            ("a", Some("a/b"), true),
            ("a/b", Some("a/b"), false),
            ("a/c", None, false),
            ("c", Some("c"), true),
            ("c/d", None, true),
            ("c/d/e", None, false),
            ("x", Some("x"), false),
        ] {
            assert_eq!((scope.forbidden_within(folder), scope.leads_from(folder)), (forbidden, leads), "{folder}");
        }
    }

    #[test]
    fn the_deepest_folder_that_is_named_decides() {
        let named = [("a", true), ("a/b", false), ("a/b/c", true), ("d", false)];
        let scope = Scope::new(false, named.map(|(folder, permitted)| (folder.to_owned(), permitted)));
        for (folder, expected) in [
            ("", false),
            ("a", true),
            ("a/x", true),
            ("ab", false),
            ("a/b", false),
            ("a/b/x", false),
            ("a/b/c", true),
            ("a/b/c/d", true),
            ("d", false),
        ] {
            assert_eq!(scope.permits(folder), expected, "{folder}");
        }
        let regions = scope.permitted();
        assert_eq!(
            regions,
            [Region { folder: Some("a"), without: vec!["a/b"] }, Region { folder: Some("a/b/c"), without: Vec::new() },]
        );
    }

    #[test]
    fn answers_that_change_nothing_are_left_out() {
        let scope = Scope::new(true, [("a".to_owned(), true)]);
        assert!(scope.is_everywhere());
        assert!(Scope::new(false, [("a".to_owned(), false)]).is_nowhere());
        let all_but = Scope::new(true, [("a".to_owned(), false)]);
        assert!(!all_but.is_everywhere() && !all_but.is_nowhere());
        assert_eq!(all_but.permitted(), [Region { folder: None, without: vec!["a"] }]);
    }
}
