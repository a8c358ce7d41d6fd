//! The descriptions of both planes, made from the handlers, and what every operation in them has to have.

use std::{fmt::Write, path::Path};

use serde_json::Value;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi};

/// The HTTP methods that a path item may hold.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The descriptions by name: what the reference page shows and what is committed as `openapi/{name}.json`.
pub fn documents() -> Vec<(&'static str, OpenApi)> {
    let control = control_plane::ControlPlane::routes().openapi(info(
        "Safelight control plane",
        "Accounts, product environments, access keys and usage. Basic authentication with a provisioning key and its secret.",
    ));
    let data = data_plane::routes().openapi(info(
        "Safelight data plane",
        "Upload and administration of assets. Basic authentication with an access key and its secret; uploads carry a \
         signature in the form instead.",
    ));
    vec![("control-plane", control), ("data-plane", data)]
}

fn info(title: &str, description: &str) -> utoipa::openapi::Info {
    let licence = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    InfoBuilder::new()
        .title(title)
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(licence))
        .build()
}

/// A description as it is committed.
pub fn committed_form(document: &OpenApi) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}

/// Writes the descriptions into a folder.
pub fn export(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, document) in documents() {
        std::fs::write(folder.join(format!("{name}.json")), committed_form(&document)?)?;
    }
    Ok(())
}

/// What is wrong with the committed descriptions, a line each; empty when all is well.
pub fn check(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (name, document) in documents() {
        let current = committed_form(&document)?;
        let file = folder.join(format!("{name}.json"));
        if std::fs::read_to_string(&file).unwrap_or_default() != current {
            wrong.push(format!(
                "{} differs from the handlers; write it anew with: cargo run -p sdk-gen export",
                file.display()
            ));
        }
        wrong.extend(incomplete(&serde_json::from_str(&current)?).into_iter().map(|line| format!("{name}: {line}")));
    }
    Ok(wrong)
}

/// What the operations of a description lack, a line each.
pub fn incomplete(document: &Value) -> Vec<String> {
    let mut lacking = Vec::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, item) in paths {
        let operations = METHODS.iter().filter_map(|method| Some((method, item.get(method)?)));
        for (method, operation) in operations {
            let mut missing = Vec::new();
            let is_text = |name: &str| operation[name].as_str().is_some_and(|text| !text.trim().is_empty());
            missing.extend((!is_text("summary")).then_some("a summary"));
            missing.extend((!is_text("operationId")).then_some("an operation id"));
            missing.extend(operation["tags"].as_array().is_none_or(Vec::is_empty).then_some("a tag"));
            missing.extend((!has_example(document, operation, 0)).then_some("an example"));
            missing.extend((!describes_an_error(operation)).then_some("an error answer"));
            missing.extend((!describes_every_answer(operation)).then_some("a description of every answer"));
            missing.extend(operation["x-permission"].is_null().then_some("x-permission"));
            if !missing.is_empty() {
                let mut line = String::new();
                let _ = write!(line, "{} {path} lacks {}", method.to_uppercase(), missing.join(", "));
                lacking.push(line);
            }
        }
    }
    lacking
}

/// How deep references are followed; schemas may refer to themselves.
const DEEPEST_REFERENCE: usize = 6;

fn has_example(document: &Value, part: &Value, depth: usize) -> bool {
    match part {
        Value::Object(members) => members.iter().any(|(name, value)| match (name.as_str(), value) {
            ("example" | "examples", value) => !value.is_null(),
            ("$ref", Value::String(reference)) if depth < DEEPEST_REFERENCE => {
                let target = document.pointer(reference.trim_start_matches('#'));
                // What every operation shares says nothing about this one.
                !reference.ends_with("ErrorEnvelope")
                    && target.is_some_and(|target| has_example(document, target, depth + 1))
            }
            (_, value) => has_example(document, value, depth),
        }),
        Value::Array(items) => items.iter().any(|item| has_example(document, item, depth)),
        _ => false,
    }
}

fn describes_an_error(operation: &Value) -> bool {
    let answers = operation["responses"].as_object();
    answers.is_some_and(|answers| answers.keys().any(|status| status.starts_with('4')))
}

fn describes_every_answer(operation: &Value) -> bool {
    let mut answers = operation["responses"].as_object().into_iter().flatten();
    answers.all(|(_, answer)| answer["description"].as_str().is_some_and(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_operation_lacks_is_named() {
        let complete = json!({
            "summary": "Says that it is there.", "operationId": "ping", "tags": ["service"], "x-permission": "service:ping",
            "responses": {
                "200": {"description": "There", "content": {"application/json": {"example": {"status": "ok"}}}},
                "401": {"description": "Wrong credentials"},
            },
        });
        let document = |operation: Value| json!({"paths": {"/ping": {"get": operation}}});
        assert_eq!(incomplete(&document(complete.clone())), Vec::<String>::new());
        for (member, word) in [("summary", "summary"), ("tags", "tag"), ("x-permission", "x-permission")] {
            let mut operation = complete.clone();
            operation[member] = Value::Null;
            let lines = incomplete(&document(operation));
            assert!(lines.len() == 1 && lines[0].contains(word), "{lines:?}");
        }
    }

    #[test]
    fn an_example_behind_a_reference_counts_and_the_shared_error_does_not() {
        let document = json!({"components": {"schemas": {
            "Pong": {"properties": {"status": {"type": "string", "example": "ok"}}},
            "ErrorEnvelope": {"example": {"error": {"message": "no"}}},
        }}});
        assert!(has_example(&document, &json!({"$ref": "#/components/schemas/Pong"}), 0));
        assert!(!has_example(&document, &json!({"$ref": "#/components/schemas/ErrorEnvelope"}), 0));
    }
}
