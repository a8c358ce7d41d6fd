//! What is committed about the wire is what the program does: API descriptions, error codes, metric names, gap lists.

use std::{collections::BTreeMap, fmt::Write};

use plane_kit::{
    error::ErrorCode,
    http::{gaps, routes::RouteInfo},
    telemetry::metrics::Metrics,
};
use safelight_tests::workspace;

#[test]
fn the_committed_descriptions_are_what_the_handlers_say() {
    for (name, document) in sdk_gen::documents() {
        let text = sdk_gen::committed_form(&document).expect("a description is JSON");
        workspace::assert_committed(&format!("openapi/{name}.json"), &text);
    }
}

#[test]
fn the_committed_table_of_transformations_is_that_of_the_program() {
    let coverage = transform::coverage::coverage();
    let json = serde_json::to_string_pretty(&coverage).expect("the table is JSON") + "\n";
    workspace::assert_committed("openapi/transformations.json", &json);
    workspace::assert_committed("openapi/transformations.md", &transform::coverage::page(&coverage));
}

#[test]
fn every_operation_is_described_completely() {
    for (name, document) in sdk_gen::documents() {
        let document = serde_json::to_value(document).expect("a description is JSON");
        assert_eq!(sdk_gen::incomplete(&document), Vec::<String>::new(), "in {name}");
    }
}

#[test]
fn operation_ids_are_unique() {
    let mut seen = BTreeMap::new();
    for (name, document) in sdk_gen::documents() {
        let document = serde_json::to_value(document).expect("a description is JSON");
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Some(id) = operation["operationId"].as_str() else { continue };
                let place = format!("{name}: {method} {path}");
                if let Some(other) = seen.insert(id.to_owned(), place.clone()) {
                    panic!("`{id}` is both {other} and {place}");
                }
            }
        }
    }
}

#[test]
fn the_committed_error_codes_are_those_of_the_program() {
    let mut text = String::from("# Error codes of the APIs: name, HTTP status. Names and statuses never change.\n");
    for code in ErrorCode::ALL {
        let _ = writeln!(text, "{} {}", code.name(), code.status().as_u16());
    }
    workspace::assert_committed("openapi/error-codes.txt", &text);
}

#[test]
fn the_committed_metric_names_are_those_of_the_program() {
    let metrics = Metrics::new().expect("the metrics can be declared");
    // A metric with labels is exposed once it has a value.
    metrics.record_request(None, 200, std::time::Duration::from_millis(1));
    metrics.deliveries.with_label_values(&["memory"]).inc();
    metrics.makes_ended.with_label_values(&["stored"]).inc();
    metrics.uploads.with_label_values(&["stored"]).inc();
    metrics.jobs_waiting.with_label_values(&["send"]).set(1);
    metrics.jobs_late_seconds.with_label_values(&["send"]).set(1);
    metrics.jobs_ended.with_label_values(&["notification", "done"]).inc();
    let exposed = metrics.expose().expect("the metrics can be exposed");
    let mut names: Vec<String> = exposed
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter(|line| !line.contains("process_"))
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    for name in &names {
        let (name, kind) = name.split_once(' ').expect("a name and a kind");
        assert!(name.starts_with("safelight_"), "{name}");
        assert!(kind != "counter" || name.ends_with("_total"), "{name} is a counter and does not say so");
    }
    let text = format!("# Metrics of both planes: name, kind.\n{}\n", names.join("\n"));
    workspace::assert_committed("openapi/metrics.txt", &text);
}

/// A path with the names of its parameters taken out, so that two spellings of one template are equal.
fn template(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[test]
fn gap_lists_only_shrink_and_name_nothing_that_is_built() {
    let folder = workspace::root().join("openapi/gaps");
    let mut lists: BTreeMap<String, &'static str> = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).expect("the gap lists are readable").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "ceilings.txt" {
            lists.insert(name, std::fs::read_to_string(entry.path()).expect("a gap list is readable").leak());
        }
    }
    assert!(!lists.is_empty(), "there are gap lists");

    let mut built: Vec<(String, String)> = Vec::new();
    let (control, data) = (control_plane::ControlPlane::routes(), data_plane::routes());
    let is_built = |info: &&RouteInfo| info.operation_id != "not_built";
    for info in control.infos().chain(data.infos()).filter(is_built) {
        built.extend(info.methods.iter().map(|method| (method.clone(), template(&info.path))));
    }
    let ceilings = workspace::committed("openapi/gaps/ceilings.txt").unwrap_or_default();
    for (name, list) in lists {
        for (method, path) in gaps::lines(list) {
            let line = (method.to_owned(), template(path));
            assert!(!built.contains(&line), "{name}: `{method} {path}` is built; take it off the list");
        }
        let length = gaps::lines(list).count();
        let ceiling = ceilings.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse::<usize>().ok());
        // Equal and not only below: a list that has shrunk lowers its ceiling in the same change, so it cannot grow back.
        assert_eq!(Some(length), ceiling, "openapi/gaps/ceilings.txt must say `{name} {length}`; it may only go down");
    }
}

#[test]
fn each_gap_has_one_of_four_reasons() {
    let list = workspace::committed("openapi/parity-gaps.txt").unwrap_or_default();
    let mut named = BTreeMap::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let (reason, gap) = line.split_once(' ').unwrap_or_else(|| panic!("a reason and a gap: {line}"));
        assert!(["model", "service", "video", "later"].contains(&reason), "{line}");
        assert_eq!(named.insert(gap.trim().to_owned(), reason), None, "{line} stands there twice");
    }
    let operations = gaps::lines(data_plane::GAPS).map(|(method, path)| format!("{method} {path}"));
    let parameters = data_plane::upload::parameters::NOT_BUILT.iter().map(|name| format!("upload parameter {name}"));
    let gaps: Vec<String> = operations.chain(parameters).collect();
    let without: Vec<&String> = gaps.iter().filter(|gap| !named.contains_key(*gap)).collect();
    let built: Vec<&String> = named.keys().filter(|gap| !gaps.contains(gap)).collect();
    assert!(without.is_empty() && built.is_empty(), "without a reason: {without:?}; no gaps any more: {built:?}");
}
