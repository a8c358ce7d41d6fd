//! Values of fields: what a call says, held to the fields that there are, and what becomes of an asset's metadata. Pure.

use std::collections::HashMap;

use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value},
};
use serde_json::{Map, Value};

use super::{
    field::{Field, Taken, texts_of},
    kind::FieldType,
};
use crate::upload::context::read_named_pairs;

/// Reads a parameter of values: an object, JSON text of one, or `id=value` pairs joined by `|`.
pub fn read_pairs(params: &Params, name: &str) -> Result<Map<String, Value>, ApiError> {
    let wrong = |value: &Value| invalid_value(name, value);
    match params.get(name) {
        Some(value @ Value::String(text)) if text.trim_start().starts_with('{') => {
            serde_json::from_str(text).map_err(|_| wrong(value))
        }
        Some(Value::String(text)) if text.is_empty() => Ok(Map::new()),
        _ => read_named_pairs(params, name),
    }
}

/// The external ids that values have which fields took up, by field and value.
#[derive(Debug, Default)]
pub struct Added(pub HashMap<(String, String), String>);

impl Added {
    fn id(&self, field: &str, value: &str) -> String {
        // Where nothing was taken up, the value itself stands for what would be.
        self.0.get(&(field.to_owned(), value.to_owned())).cloned().unwrap_or_else(|| value.to_owned())
    }
}

/// What a call says of metadata, held to the fields.
#[derive(Debug)]
pub struct Said {
    values: Vec<(Field, Value, Taken)>,
    /// Values that fields take up, by field.
    pub additions: Vec<(String, Vec<String>)>,
}

impl Said {
    /// Holds what is said to the fields that there are.
    pub fn read(fields: &[Field], said: Map<String, Value>) -> Result<Self, ApiError> {
        let unknown: Vec<&String> =
            said.keys().filter(|id| !fields.iter().any(|field| field.external_id == **id)).collect();
        if !unknown.is_empty() {
            let unknown = serde_json::to_string(&unknown).unwrap_or_default();
            return Err(ApiError::invalid(format!("The following metadata fields do not exist: {unknown}")));
        }
        let (mut values, mut additions) = (Vec::new(), Vec::new());
        for (id, value) in said {
            let Some(field) = fields.iter().find(|field| field.external_id == id) else { continue };
            let taken = field.take(&value).map_err(|expected| {
                let shown: String = value.to_string().chars().take(100).collect();
                ApiError::invalid(format!("Invalid value {shown} for metadata field {id}: expected {expected}"))
            })?;
            if let Taken::Unknown(missing) = &taken {
                additions.push((id, missing.clone()));
            }
            values.push((field.clone(), value, taken));
        }
        Ok(Self { values, additions })
    }

    /// Only who signs brings new values into lists: what is in one is there for all.
    pub fn refuse_growth_by_anybody(&self, is_signed: bool) -> Result<(), ApiError> {
        match self.additions.first() {
            Some((id, values)) if !is_signed => {
                let value = values.first().map_or("", String::as_str);
                let text =
                    format!("Invalid value {value} for metadata field {id}: an unsigned upload brings no new values");
                Err(ApiError::invalid(text))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to leave an asset without a value of a field that every asset has one of.
    pub fn refuse_to_clear_mandatory(&self, fields: &[Field]) -> Result<(), ApiError> {
        let cleared = self.values.iter().filter(|(_, _, taken)| *taken == Taken::Nothing).map(|(field, ..)| field);
        let mut missing = cleared
            .filter(|field| fields.iter().any(|known| known.mandatory && known.external_id == field.external_id));
        match missing.next() {
            Some(field) => {
                let text = format!("Invalid value for metadata field {}: it is mandatory", field.external_id);
                Err(ApiError::invalid(text))
            }
            None => Ok(()),
        }
    }

    fn settled(&self, added: &Added) -> (Map<String, Value>, Vec<String>) {
        let (mut set, mut clear) = (Map::new(), Vec::new());
        for (field, said, taken) in &self.values {
            let id = field.external_id.clone();
            match taken {
                Taken::Value(value) => drop(set.insert(id, value.clone())),
                Taken::Nothing => clear.push(id),
                Taken::Unknown(_) => {
                    let own = |text: &String| field.find(text).unwrap_or_else(|| added.id(&id, text));
                    let mut ids: Vec<String> = texts_of(said).unwrap_or_default().iter().map(own).collect();
                    let mut seen = Vec::new();
                    ids.retain(|id| {
                        !seen.contains(id) && {
                            seen.push(id.clone());
                            true
                        }
                    });
                    let value = match field.kind {
                        FieldType::Set => ids.into(),
                        _ => ids.into_iter().next().into(),
                    };
                    set.insert(id, value);
                }
            }
        }
        (set, clear)
    }

    /// The metadata of a new asset.
    pub fn of_new(&self, fields: &[Field], added: &Added) -> Result<Map<String, Value>, ApiError> {
        let (mut values, _) = self.settled(added);
        for field in fields {
            if values.contains_key(&field.external_id) {
                continue;
            }
            match &field.default_value {
                Some(value) => drop(values.insert(field.external_id.clone(), value.clone())),
                None if field.mandatory => {
                    return Err(ApiError::invalid(format!("Missing required metadata field - {}", field.external_id)));
                }
                None => {}
            }
        }
        Ok(values)
    }

    /// What becomes of the metadata of an asset that is there. With fields, what they do not permit any more goes.
    pub fn change(self, added: &Added, valid: Option<Vec<Field>>) -> MetadataChange {
        let (set, clear) = self.settled(added);
        MetadataChange { set, clear, valid }
    }
}

/// What becomes of an asset's metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataChange {
    set: Map<String, Value>,
    clear: Vec<String>,
    valid: Option<Vec<Field>>,
}

impl MetadataChange {
    /// Takes one field's value away.
    pub fn without(id: &str) -> Self {
        Self { set: Map::new(), clear: vec![id.to_owned()], valid: None }
    }

    /// The metadata afterwards.
    pub fn applied_to(&self, metadata: &Map<String, Value>) -> Map<String, Value> {
        let mut metadata = metadata.clone();
        if let Some(fields) = &self.valid {
            metadata.retain(|id, value| {
                let field = fields.iter().find(|field| field.external_id == *id);
                field.is_some_and(|field| matches!(field.take(value), Ok(Taken::Value(_))))
            });
        }
        metadata.extend(self.set.clone());
        metadata.retain(|id, _| !self.clear.contains(id));
        metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(body: Value) -> Field {
        Field::read(&Params::from_json(body.to_string().as_bytes()).unwrap(), || "made_up".into()).unwrap()
    }

    fn fields() -> Vec<Field> {
        let list = json!({"values": [{"external_id": "r", "value": "red"}, {"external_id": "b", "value": "blue"}, {"external_id": "x", "value": "old", "state": "inactive"}]});
        vec![
            field(json!({"type": "string", "label": "Title", "external_id": "title"})),
            field(
                json!({"type": "integer", "label": "Age", "external_id": "age", "validation": {"type": "less_than", "value": 100}}),
            ),
            field(json!({"type": "date", "label": "Day", "external_id": "day", "default_value": "2026-01-01"})),
            field(json!({"type": "enum", "label": "Colour", "external_id": "colour", "datasource": list})),
            field(
                json!({"type": "set", "label": "Colours", "external_id": "colours", "datasource": list, "allow_dynamic_list_values": true}),
            ),
        ]
    }

    fn said(text: Value) -> Result<Said, ApiError> {
        let params = Params::from_json(json!({"metadata": text}).to_string().as_bytes()).unwrap();
        Said::read(&fields(), read_pairs(&params, "metadata")?)
    }

    #[test]
    fn values_are_read_from_every_form() {
        let expected = json!({"title": "a|b=c", "age": 7, "day": "2026-11-27", "colour": "r", "colours": ["r", "b"]});
        for text in [
            json!({"title": "a|b=c", "age": 7, "day": "2026-11-27", "colour": "r", "colours": ["r", "b", "r"]}),
            json!(r#"title=a\|b\=c|age=7|day=2026-11-27|colour=r|colours=["r","b"]"#),
            json!(r#"{"title": "a|b=c", "age": "7", "day": "2026-11-27", "colour": "r", "colours": ["red", "b"]}"#),
        ] {
            let values = said(text.clone()).unwrap().of_new(&fields(), &Added::default()).unwrap();
            assert_eq!(Value::Object(values), expected, "{text}");
        }
    }

    #[test]
    fn what_no_field_permits_is_named() {
        for (text, part) in [
            (json!({"titel": "x", "agee": 1}), r#"do not exist: ["titel","agee"]"#),
            (json!({"age": "seven"}), "age"),
            (json!({"age": 7.5}), "age"),
            (json!({"age": 100}), "validation"),
            (json!({"day": "27.11.2026"}), "YYYY-MM-DD"),
            (json!({"day": "2026-02-30"}), "day"),
            (json!({"colour": "green"}), "colour"),
            (json!({"colour": "x"}), "colour"),
            (json!({"colour": "red"}), "colour"),
            (json!({"title": ["x"]}), "title"),
            (json!("title"), "metadata"),
            (json!("{broken"), "metadata"),
        ] {
            let error = said(text.clone()).map(drop).unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn changes_set_clear_and_drop_what_is_not_permitted_any_more() {
        let old = json!({"title": "x", "age": 200, "gone": 1, "colour": "b"});
        let old = old.as_object().unwrap();
        let change = said(json!({"title": "", "colour": "r"})).unwrap().change(&Added::default(), None);
        assert_eq!(Value::Object(change.applied_to(old)), json!({"age": 200, "gone": 1, "colour": "r"}));
        let change = said(json!({"colour": "r"})).unwrap().change(&Added::default(), Some(fields()));
        assert_eq!(Value::Object(change.applied_to(old)), json!({"title": "x", "colour": "r"}));
    }

    #[test]
    fn a_list_that_may_grow_names_what_it_takes_up() {
        let said = said(json!({"colours": ["r", "green", "blue"]})).unwrap();
        assert_eq!(said.additions, [("colours".to_owned(), vec!["green".to_owned()])]);
        let added = Added([(("colours".to_owned(), "green".to_owned()), "g1".to_owned())].into());
        assert_eq!(said.of_new(&fields(), &added).unwrap()["colours"], json!(["r", "g1", "b"]));
    }

    #[test]
    fn mandatory_fields_want_a_value() {
        let fields = vec![field(json!({"type": "string", "label": "T", "external_id": "t", "mandatory": true}))];
        let read = |text: Value| Said::read(&fields, text.as_object().unwrap().clone()).unwrap();
        let missing = read(json!({})).of_new(&fields, &Added::default()).unwrap_err();
        assert_eq!(missing.message(), "Missing required metadata field - t");
        assert!(read(json!({"t": ""})).refuse_to_clear_mandatory(&fields).is_err());
        assert!(read(json!({"t": "x"})).refuse_to_clear_mandatory(&fields).is_ok());
    }
}
