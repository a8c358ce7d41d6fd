//! The crates depend on each other as the architecture says, and on no other of ours; versions stand in one table.

use std::collections::BTreeSet;

use safelight_tests::workspace;

/// Who may depend on whom. `safelight` (the binary) and `safelight-tests` may depend on everything.
const DESIGN: &[(&str, &[&str])] = &[
    ("plane-kit", &[]),
    ("migrations", &[]),
    ("transform", &[]),
    ("control-plane", &["plane-kit", "migrations"]),
    ("data-plane", &["plane-kit", "migrations", "transform"]),
    ("sdk-gen", &["control-plane", "data-plane"]),
];

/// The crates that wire or test the others.
const UNRESTRICTED: [&str; 2] = ["safelight", "safelight-tests"];

/// The edges that the design does not know, as texts.
fn offending<'a>(edges: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut found = Vec::new();
    for (from, to) in edges {
        if UNRESTRICTED.contains(&from) {
            continue;
        }
        match DESIGN.iter().find(|(name, _)| *name == from) {
            Some((_, allowed)) if allowed.contains(&to) => {}
            Some((_, allowed)) => found.push(format!("{from} → {to}: {from} may depend on {allowed:?} only")),
            None => found.push(format!("{from} → {to}: the design knows no crate `{from}`")),
        }
    }
    found
}

#[test]
fn the_crates_depend_on_each_other_as_the_design_says() {
    let metadata = workspace::metadata();
    let members = metadata.members();
    let names: BTreeSet<&str> = members.iter().map(|package| package.name.as_str()).collect();
    let edges = members.iter().flat_map(|package| {
        let ours = package.dependencies.iter().filter(|dependency| names.contains(dependency.name.as_str()));
        ours.map(|dependency| (package.name.as_str(), dependency.name.as_str()))
    });
    let edges: Vec<(&str, &str)> = edges.collect();
    assert!(edges.contains(&("control-plane", "plane-kit")), "the walk found too little: {edges:?}");
    assert_eq!(offending(edges), Vec::<String>::new());
    let unknown: Vec<&&str> = names
        .iter()
        .filter(|name| !UNRESTRICTED.contains(name) && !DESIGN.iter().any(|(known, _)| known == *name))
        .collect();
    assert!(unknown.is_empty(), "crates without a place in the design: {unknown:?}");
}

#[test]
fn an_edge_outside_the_design_is_found() {
    assert_eq!(offending([("data-plane", "control-plane")]).len(), 1);
    assert_eq!(offending([("plane-kit", "migrations")]).len(), 1);
    assert_eq!(offending([("newcomer", "plane-kit")]).len(), 1);
    assert!(offending([("data-plane", "transform"), ("safelight", "control-plane")]).is_empty());
}

/// The dependencies of a manifest that say anything else than `workspace = true` about their version.
fn own_versions(manifest: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let Some(dependencies) = manifest.get(table).and_then(toml::Value::as_table) else { continue };
        for (name, value) in dependencies {
            let inherits = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            if !inherits {
                found.push(format!("{table}.{name}"));
            }
        }
    }
    found
}

#[test]
fn every_version_stands_in_the_one_table() {
    for package in workspace::metadata().members() {
        let text = std::fs::read_to_string(&package.manifest_path).expect("a member's manifest is readable");
        let manifest: toml::Table = text.parse().expect("a member's manifest is TOML");
        assert_eq!(own_versions(&manifest), Vec::<String>::new(), "in {}", package.name);
    }
    let invented: toml::Table = "[dependencies]\nserde = \"1\"\nurl.workspace = true\n".parse().expect("TOML");
    assert_eq!(own_versions(&invented), ["dependencies.serde"]);
}
