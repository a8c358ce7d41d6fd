//! The table of operations is the routes: every route has its row, every row has its route, and both speak of one permission.

use std::collections::BTreeSet;

use plane_kit::{
    http::{access::Access, routes::RouteInfo},
    operations::{notation, operations},
};

fn routes() -> Vec<RouteInfo> {
    let (control, data) = (control_plane::ControlPlane::routes(), data_plane::routes());
    control.infos().chain(data.infos()).cloned().collect()
}

/// Deliveries are decided by their own truth table and bound by no key.
fn is_delivery(info: &RouteInfo) -> bool {
    matches!(info.access, Access::Public { reason: "delivery_decides", .. })
}

#[test]
fn every_route_has_a_row_of_its_name_and_permission() {
    let mut complaints = Vec::new();
    for info in routes().iter().filter(|info| !is_delivery(info)) {
        let call = format!("{} {}", info.methods.join(","), info.path);
        let Some(operation) = info.operation else {
            complaints.push(format!("{call}: no row in openapi/operations.txt"));
            continue;
        };
        if info.operation_id != "not_built" && info.operation_id != operation.id {
            complaints.push(format!("{call}: the handler is {}, the row {}", info.operation_id, operation.id));
        }
        if let Access::Permission(name) = info.access
            && name != operation.permission()
        {
            complaints.push(format!("{call}: the handler asks for {name}, the row for {}", operation.permission()));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_spelling_of_the_table_is_routed() {
    let routed: BTreeSet<String> = routes()
        .iter()
        .flat_map(|info| info.methods.iter().map(|method| template(method, &notation(&info.path))))
        .collect();
    let missing: Vec<String> = operations()
        .iter()
        .flat_map(|operation| &operation.spellings)
        .map(|spelling| template(spelling.method, spelling.path))
        .filter(|spelling| !routed.contains(spelling))
        .collect();
    assert!(missing.is_empty(), "rows that nothing answers:\n{}", missing.join("\n"));
}

/// A spelling without the names of its parameters.
fn template(method: &str, path: &str) -> String {
    let pieces = path.split('/').map(|piece| if piece.starts_with(':') { ":" } else { piece });
    format!("{method} {}", pieces.collect::<Vec<_>>().join("/"))
}
