//! Whether an answer is what the exported description says of it.

use std::collections::BTreeMap;

use actix_web::http::Method;
use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value, json};

use crate::harness::Answer;

/// The description that is committed. Another test keeps it from falling behind the code.
const EXPORTED: &str = include_str!("../../../openapi/control-plane.json");

/// An exported description.
pub struct Description(Value);

impl Description {
    /// The control plane's own.
    pub fn exported() -> Self {
        Self(serde_json::from_str(EXPORTED).unwrap())
    }

    /// What is wrong with an answer of the operation at a path with its parameters in braces; nothing when it fits.
    pub fn complaints(&self, method: &Method, path: &str, answer: &Answer) -> Vec<String> {
        let operation = &self.0["paths"][path][method.as_str().to_ascii_lowercase()];
        if operation.is_null() {
            return vec![format!("{method} {path} is not described")];
        }
        let response = &operation["responses"][answer.status.as_str()];
        if response.is_null() {
            return vec![format!("status {} is not described", answer.status.as_u16())];
        }
        let Some(content) = response.get("content") else {
            let is_empty = answer.text.is_empty();
            return if is_empty {
                Vec::new()
            } else {
                vec![format!("no body is described, but it is {}", answer.text)]
            };
        };
        let kind = answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let Some(described) = content.get(kind) else {
            return vec![format!("content type `{kind}` is not described")];
        };
        let mut found = Vec::new();
        self.check(&described["schema"], &answer.body, "body", &mut found);
        found
    }

    /// The schema itself, wherever it is written.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        while let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            schema = &self.0["components"]["schemas"][name];
            assert!(!schema.is_null(), "{reference} leads nowhere");
        }
        schema
    }

    /// A schema of several parts as one of an object.
    fn merged(&self, parts: &[Value]) -> Value {
        let (mut members, mut required) = (Map::new(), Vec::new());
        for part in parts {
            let part = self.resolved(part);
            let whole = part["allOf"].as_array().map(|inner| self.merged(inner));
            let part = whole.as_ref().unwrap_or(part);
            members.extend(part["properties"].as_object().cloned().unwrap_or_default());
            required.extend(part["required"].as_array().cloned().unwrap_or_default());
        }
        json!({"type": "object", "properties": members, "required": required})
    }

    /// Adds what is wrong with a value; `at` is where it stands.
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let schema = self.resolved(schema);
        if let Some(parts) = schema["allOf"].as_array() {
            return self.check(&self.merged(parts), value, at, found);
        }
        // What this checker does not read must not pass unseen.
        for unread in ["oneOf", "anyOf", "not", "pattern"] {
            if schema.get(unread).is_some() {
                found.push(format!("{at} is described by {unread}, which is not checked"));
            }
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one.as_str()],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|kind| is_of(value, kind)) {
            found.push(format!("{at} is {value} and no {}", types.join(" or ")));
            return;
        }
        if let Some(values) = schema["enum"].as_array()
            && !values.contains(value)
        {
            found.push(format!("{at} is {value} and none of {values:?}"));
        }
        if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64())
            && number < least
        {
            found.push(format!("{at} is {number}, below {least}"));
        }
        if let (Some(format), false) = (schema["format"].as_str(), value.is_null())
            && !has_format(value, format)
        {
            found.push(format!("{at} is {value} and no {format}"));
        }
        if let (Some(items), Some(array)) = (schema.get("items"), value.as_array()) {
            for (index, item) in array.iter().enumerate() {
                self.check(items, item, &format!("{at}[{index}]"), found);
            }
        }
        if let Some(object) = value.as_object() {
            self.check_members(schema, object, at, found);
        }
    }

    /// The same for the members of an object. An object of which no members are described may have any.
    fn check_members(&self, schema: &Value, object: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                found.push(format!("{at}.{name} is missing"));
            }
        }
        let described: BTreeMap<&str, &Value> =
            schema["properties"].as_object().into_iter().flatten().map(|(name, one)| (name.as_str(), one)).collect();
        let others = schema.get("additionalProperties");
        for (name, value) in object {
            let at = format!("{at}.{name}");
            match (described.get(name.as_str()), others) {
                (Some(schema), _) => self.check(schema, value, &at, found),
                (None, Some(schema)) if schema.is_object() => self.check(schema, value, &at, found),
                (None, None) if described.is_empty() => {}
                (None, Some(Value::Bool(true))) => {}
                (None, _) => found.push(format!("{at} is not described")),
            }
        }
    }
}

/// Whether a value is of a type.
fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// Whether a value has a format; one that is not known here has none.
fn has_format(value: &Value, format: &str) -> bool {
    let text = value.as_str().unwrap_or_default();
    match format {
        "date-time" => DateTime::parse_from_rfc3339(text).is_ok(),
        "date" => NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
        "password" => value.is_string(),
        "int32" | "int64" => value.is_i64() || value.is_u64(),
        "float" | "double" => value.is_number(),
        _ => false,
    }
}

#[test]
fn what_is_not_described_is_seen() {
    let description = Description(json!({
        "paths": {},
        "components": {"schemas": {
            "One": {"type": "object", "required": ["a"], "properties": {
                "a": {"type": "integer", "format": "int64", "minimum": 0},
                "at": {"type": ["string", "null"], "format": "date-time"},
                "word": {"type": "string", "enum": ["x", "y"]},
                "texts": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": {"type": "object"},
            }},
            "Two": {"allOf": [{"$ref": "#/components/schemas/One"}, {
                "type": "object", "required": ["b"], "properties": {"b": {"type": "array", "items": {"type": "boolean"}}},
            }]},
        }},
    }));
    let cases: [(&str, Value, &[&str]); 11] = [
        ("One", json!({"a": 1, "at": null, "word": "x", "texts": {"n": ""}, "free": {"any": 1}}), &[]),
        ("One", json!({"a": 1, "at": "2026-11-23T12:00:00Z"}), &[]),
        ("One", json!([]), &["body is [] and no object"]),
        ("One", json!({}), &["body.a is missing"]),
        ("One", json!({"a": 1.5}), &["body.a is 1.5 and no integer"]),
        ("One", json!({"a": -1}), &["body.a is -1, below 0"]),
        ("One", json!({"a": 1, "at": "noon"}), &["body.at is \"noon\" and no date-time"]),
        ("One", json!({"a": 1, "word": "z"}), &["body.word is \"z\" and none of [String(\"x\"), String(\"y\")]"]),
        (
            "One",
            json!({"a": 1, "texts": {"n": 1}, "c": 1}),
            &["body.c is not described", "body.texts.n is 1 and no string"],
        ),
        ("Two", json!({"a": 1, "b": [true]}), &[]),
        ("Two", json!({"a": 1, "b": [1], "c": 1}), &["body.b[0] is 1 and no boolean", "body.c is not described"]),
    ];
    for (name, value, expected) in cases {
        let mut found = Vec::new();
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        description.check(&schema, &value, "body", &mut found);
        found.sort_unstable();
        assert_eq!(found, expected, "{value}");
    }
}
