//! The workspace seen from outside: its folders, and its crates as cargo describes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the workspace").to_owned()
}

/// The folder of the build that the running test belongs to, as in `target/debug`.
pub fn target_profile_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let folder = program.parent().expect("a program stands in a folder");
    let is_inner = folder.ends_with("deps") || folder.ends_with("examples");
    if is_inner { folder.parent().expect("`deps` stands in a profile's folder").to_owned() } else { folder.to_owned() }
}

/// A committed text of the workspace, or nothing if it is not there.
pub fn committed(path: &str) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

/// Compares a committed text with what the program says now. With `SAFELIGHT_REFRESH=1` it is written instead.
pub fn assert_committed(path: &str, current: &str) {
    if std::env::var("SAFELIGHT_REFRESH").is_ok_and(|value| value == "1") {
        let file = root().join(path);
        std::fs::create_dir_all(file.parent().expect("a file stands in a folder")).expect("the folder can be made");
        std::fs::write(&file, current).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return;
    }
    let committed = committed(path).unwrap_or_default();
    if committed == current {
        return;
    }
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (committed.lines().collect(), current.lines().collect());
    let gone: Vec<String> = old.difference(&new).map(|line| format!("- {line}")).collect();
    let come: Vec<String> = new.difference(&old).map(|line| format!("+ {line}")).collect();
    panic!(
        "{path} is not what the program says; look at the difference, then refresh it with SAFELIGHT_REFRESH=1\n{}\n{}",
        gone.join("\n"),
        come.join("\n")
    );
}

/// What `cargo metadata` tells, as far as it is needed here.
#[derive(Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

/// A package.
#[derive(Deserialize)]
pub struct Package {
    id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SPDX expression of its licence.
    pub license: Option<String>,
    /// Its declared dependencies, of every kind.
    pub dependencies: Vec<Dependency>,
    /// Its manifest.
    pub manifest_path: PathBuf,
}

/// A declared dependency.
#[derive(Deserialize)]
pub struct Dependency {
    /// The name of the package depended on.
    pub name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// Asks cargo about the workspace, for Linux, where it is shipped.
pub fn metadata() -> Metadata {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata answers in its own format")
}

impl Metadata {
    /// The packages of the workspace.
    pub fn members(&self) -> Vec<&Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id)).collect()
    }

    /// Every package that is linked into one of ours or runs while one of ours is built. What only tests use is left out.
    pub fn linked(&self) -> Vec<&Package> {
        let nodes: BTreeMap<&str, &Node> = self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let mut reached = BTreeSet::new();
        let mut ahead: Vec<&str> = self.workspace_members.iter().map(String::as_str).collect();
        while let Some(id) = ahead.pop() {
            if !reached.insert(id) {
                continue;
            }
            let edges = nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
            let linked = edges.iter().filter(|edge| {
                edge.dep_kinds.iter().any(|kind| kind.kind.as_deref().is_none_or(|kind| kind == "build"))
            });
            ahead.extend(linked.map(|edge| edge.pkg.as_str()));
        }
        self.packages.iter().filter(|package| reached.contains(package.id.as_str())).collect()
    }
}
