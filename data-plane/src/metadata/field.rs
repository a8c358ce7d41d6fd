//! A field: what it is called, what its values are, and how it is shown. Pure.

use std::collections::BTreeSet;

use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    entry::{Entry, EntryState, check_id, check_text, shown_entries},
    kind::FieldType,
    validation::{Validation, date},
};

/// How many values a list may have.
const MOST_ENTRIES: usize = 3000;
/// The longest text of a value, in characters.
const LONGEST_TEXT: usize = 10_000;

/// How a field is shown. All is about user interfaces and none about calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Restrictions {
    /// Shown and not changed.
    #[serde(default)]
    pub readonly_ui: bool,
    /// Not shown.
    #[serde(default)]
    pub hidden_ui: bool,
    /// Not searched.
    #[serde(default)]
    pub excluded_from_search: bool,
}

/// What a value turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// A value of the field, in the form in which it is kept.
    Value(Value),
    /// None: what an asset has goes.
    Nothing,
    /// Values that the field's list does not have and may take up; those that it has stand as they are.
    Unknown(Vec<String>),
}

/// A field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// What assets call it.
    pub external_id: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// What people call it.
    pub label: String,
    /// Whether every asset has a value of it.
    pub mandatory: bool,
    /// What a new asset has that says nothing of it.
    pub default_value: Option<Value>,
    /// What its values are held to.
    pub validation: Option<Validation>,
    /// How it is shown.
    pub restrictions: Restrictions,
    /// Whether user interfaces show it disabled.
    pub default_disabled: bool,
    /// Whether an asset may bring a new value into the list.
    pub allow_dynamic_list_values: bool,
    /// Whether the list is kept in the order of its values.
    pub alphabetically_sorted: bool,
    /// The list, of a field that has one.
    pub entries: Vec<Entry>,
}

impl Field {
    /// A new field of what a body says.
    pub fn read(params: &Params, made_up: impl Fn() -> String) -> Result<Self, ApiError> {
        let name = params.required_text("type")?;
        let kind = FieldType::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| invalid_value("type", &name.as_str().into()))?;
        let external_id = match params.text("external_id")?.filter(|id| !id.is_empty()) {
            Some(id) => {
                check_id("external_id", &id)?;
                id
            }
            None => made_up(),
        };
        let mut field = Self {
            external_id,
            kind,
            label: params.required_text("label")?,
            mandatory: false,
            default_value: None,
            validation: None,
            restrictions: Restrictions::default(),
            default_disabled: false,
            allow_dynamic_list_values: false,
            alphabetically_sorted: false,
            entries: Vec::new(),
        };
        if kind.is_list() && params.get("datasource").is_none_or(Value::is_null) && !dynamic(params)? {
            return Err(ApiError::invalid(format!(
                "Missing required parameter - datasource, for a field of type {name}"
            )));
        }
        field.change(params, made_up)?;
        Ok(field)
    }

    /// Changes what a body names.
    pub fn change(&mut self, params: &Params, made_up: impl Fn() -> String) -> Result<(), ApiError> {
        for (name, own) in [("type", self.kind.name()), ("external_id", self.external_id.as_str())] {
            if params.text(name)?.is_some_and(|said| !said.is_empty() && said != own) {
                return Err(ApiError::invalid(format!(
                    "Invalid value for parameter {name}: it stays what it is, {own}"
                )));
            }
        }
        if let Some(label) = params.text("label")? {
            self.label = label;
        }
        check_text("label", &self.label)?;
        for (name, place) in [
            ("mandatory", &mut self.mandatory),
            ("default_disabled", &mut self.default_disabled),
            ("allow_dynamic_list_values", &mut self.allow_dynamic_list_values),
            ("alphabetically_sorted", &mut self.alphabetically_sorted),
        ] {
            if let Some(said) = params.boolean(name)? {
                *place = said;
            }
        }
        if let Some(said) = params.object("restrictions")? {
            self.restrictions = serde_json::from_value(Value::Object(said))
                .map_err(|error| ApiError::invalid(format!("Invalid value for parameter restrictions: {error}")))?;
        }
        match params.get("datasource") {
            None | Some(Value::Null) => {}
            Some(Value::Object(said)) if self.kind.is_list() => {
                let values = said.get("values").ok_or_else(|| invalid_value("datasource", &json!(said)))?;
                self.put_entries(values, made_up)?;
            }
            Some(other) => return Err(invalid_value("datasource", other)),
        }
        match params.get("validation") {
            None if params.is_emptied("validation") => self.validation = None,
            None => {}
            Some(said) => {
                let read = Validation::read(said, self.kind);
                let why = |why| ApiError::invalid(format!("Invalid value for parameter validation: {why}"));
                self.validation = Some(read.map_err(why)?);
            }
        }
        match params.get("default_value") {
            None if params.is_emptied("default_value") => self.default_value = None,
            None => {}
            Some(said) => self.default_value = Some(said.clone()),
        }
        self.sort();
        // What was a default may be none any more under what else was said.
        let Some(said) = self.default_value.clone() else {
            return Ok(());
        };
        match self.take(&said) {
            Ok(Taken::Value(value)) => self.default_value = Some(value),
            Ok(Taken::Nothing) => self.default_value = None,
            Ok(Taken::Unknown(_)) | Err(_) => return Err(ApiError::invalid("default_value is invalid")),
        }
        Ok(())
    }

    /// Adds values to the list, or changes those of an external id that is there.
    pub fn put_entries(&mut self, values: &Value, made_up: impl Fn() -> String) -> Result<(), ApiError> {
        let wrong = |value: &Value| invalid_value("values", value);
        let values = values.as_array().ok_or_else(|| wrong(values))?;
        let mut seen = BTreeSet::new();
        for said in values {
            let members = said.as_object().ok_or_else(|| wrong(said))?;
            let text = |name: &str| match members.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(_) => Err(wrong(said)),
            };
            let state = match text("state")?.as_deref() {
                None => None,
                Some("active") => Some(EntryState::Active),
                Some("inactive") => Some(EntryState::Inactive),
                Some(_) => return Err(wrong(said)),
            };
            let position = match members.get("position") {
                None | Some(Value::Null) => None,
                Some(position) => Some(position.as_u64().ok_or_else(|| wrong(said))?),
            };
            let (id, value) = (text("external_id")?, text("value")?);
            if let Some(id) = id.as_ref().filter(|id| !seen.insert((*id).clone())) {
                return Err(ApiError::invalid(format!(
                    "Invalid value for parameter values: external_id {id} stands there twice"
                )));
            }
            if let Some(value) = &value {
                check_text("values", value)?;
            }
            let known = id.as_ref().and_then(|id| self.entries.iter().position(|entry| entry.external_id == *id));
            let at = match known {
                Some(at) => at,
                None => {
                    let external_id = id.unwrap_or_else(&made_up);
                    check_id("values", &external_id)?;
                    let value = value.clone().ok_or_else(|| ApiError::invalid("Missing required parameter - value"))?;
                    self.entries.push(Entry { external_id, value, state: EntryState::Active, is_deleted: false });
                    self.entries.len() - 1
                }
            };
            let entry = &mut self.entries[at];
            // Said once more it is there again.
            entry.is_deleted = false;
            entry.value = value.unwrap_or_else(|| entry.value.clone());
            entry.state = state.unwrap_or(entry.state);
            if let Some(position) = position {
                let entry = self.entries.remove(at);
                let place = usize::try_from(position).unwrap_or(usize::MAX).min(self.entries.len());
                self.entries.insert(place, entry);
            }
        }
        if self.entries.len() > MOST_ENTRIES {
            // What was taken out gives way.
            self.entries.retain(|entry| !entry.is_deleted);
        }
        if self.entries.len() > MOST_ENTRIES {
            return Err(ApiError::invalid(format!("Invalid value for parameter values: at most {MOST_ENTRIES}")));
        }
        self.sort();
        Ok(())
    }

    /// Takes values out of the list, or puts them back.
    pub fn mark_entries(&mut self, ids: &[String], is_deleted: bool) -> Result<(), ApiError> {
        let is_default = |value: &Value| match value {
            Value::Array(values) => values.iter().any(|value| ids.iter().any(|id| value == id)),
            value => ids.iter().any(|id| value == id),
        };
        if is_deleted && self.default_value.as_ref().is_some_and(is_default) {
            return Err(ApiError::invalid("The default_value of the field is among them; change it first"));
        }
        for id in ids {
            let entry = self.entries.iter_mut().find(|entry| entry.external_id == *id);
            entry.ok_or_else(|| ApiError::invalid(format!("The list has no value of external_id {id}")))?.is_deleted =
                is_deleted;
        }
        Ok(())
    }

    /// Puts the list into the order of its values.
    pub fn order_entries(&mut self, descending: bool) {
        self.entries.sort_by_cached_key(|entry| (entry.value.to_lowercase(), entry.external_id.clone()));
        if descending {
            self.entries.reverse();
        }
    }

    fn sort(&mut self) {
        if self.alphabetically_sorted {
            self.order_entries(false);
        }
    }

    /// The values of the list that are in it.
    pub fn listed(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.is_deleted)
    }

    /// Holds a value to the field. The error says what is wrong with it.
    pub fn take(&self, said: &Value) -> Result<Taken, String> {
        let is_nothing = match said {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            _ => false,
        };
        if is_nothing {
            return Ok(Taken::Nothing);
        }
        let value = match self.kind {
            FieldType::String => match said {
                Value::String(text) if text.chars().count() <= LONGEST_TEXT && !text.contains('\0') => said.clone(),
                Value::Number(number) => Value::String(number.to_string()),
                _ => return Err("a text".into()),
            },
            FieldType::Integer => {
                let number = said.as_i64().or_else(|| said.as_str().and_then(|text| text.trim().parse().ok()));
                Value::from(number.ok_or("a whole number")?)
            }
            FieldType::Date => match said.as_str().and_then(date) {
                Some(_) => said.clone(),
                None => return Err("a day, YYYY-MM-DD".into()),
            },
            FieldType::Enum => {
                let id = text_of(said).ok_or("an external_id of the field's list")?;
                match self.find(&id) {
                    Some(known) => Value::String(known),
                    None => return self.unknown(vec![id]),
                }
            }
            FieldType::Set => {
                let ids = texts_of(said).ok_or("external_ids of the field's list")?;
                let mut known = Vec::new();
                let mut missing = Vec::new();
                for id in ids {
                    match self.find(&id) {
                        Some(id) if !known.contains(&id) => known.push(id),
                        Some(_) => {}
                        None => missing.push(id),
                    }
                }
                if !missing.is_empty() {
                    return self.unknown(missing);
                }
                if known.is_empty() {
                    return Ok(Taken::Nothing);
                }
                known.into()
            }
        };
        match &self.validation {
            Some(validation) if !validation.holds(&value) => Err("a value that its validation permits".into()),
            _ => Ok(Taken::Value(value)),
        }
    }

    /// The external id of a value that may be chosen; where the list may grow, what people read is as good.
    pub fn find(&self, said: &str) -> Option<String> {
        let by_id = self.entries.iter().find(|entry| entry.external_id == said);
        let by_value = || self.entries.iter().find(|entry| self.allow_dynamic_list_values && entry.value == said);
        by_id.or_else(by_value).filter(|entry| entry.is_open()).map(|entry| entry.external_id.clone())
    }

    fn unknown(&self, missing: Vec<String>) -> Result<Taken, String> {
        let is_fit = |value: &String| check_text("metadata", value).is_ok();
        match self.allow_dynamic_list_values && missing.iter().all(is_fit) {
            true => Ok(Taken::Unknown(missing)),
            false => Err("an external_id of the field's list".into()),
        }
    }

    /// The field as the wire shows it.
    pub fn shown(&self) -> Value {
        let mut shown = Map::new();
        shown.insert("type".into(), self.kind.name().into());
        shown.insert("external_id".into(), self.external_id.as_str().into());
        shown.insert("label".into(), self.label.as_str().into());
        shown.insert("mandatory".into(), self.mandatory.into());
        shown.insert("default_value".into(), json!(self.default_value));
        shown.insert("validation".into(), json!(self.validation));
        shown.insert("restrictions".into(), json!(self.restrictions));
        shown.insert("default_disabled".into(), self.default_disabled.into());
        if self.kind.is_list() {
            shown.insert("datasource".into(), shown_entries(self.listed()));
            shown.insert("allow_dynamic_list_values".into(), self.allow_dynamic_list_values.into());
            shown.insert("alphabetically_sorted".into(), self.alphabetically_sorted.into());
        }
        Value::Object(shown)
    }
}

fn dynamic(params: &Params) -> Result<bool, ApiError> {
    Ok(params.boolean("allow_dynamic_list_values")?.unwrap_or(false))
}

fn text_of(said: &Value) -> Option<String> {
    match said {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A list, or one as JSON text, or a single value.
pub fn texts_of(said: &Value) -> Option<Vec<String>> {
    match said {
        Value::Array(values) => values.iter().map(text_of).collect(),
        Value::String(text) if text.trim_start().starts_with('[') => {
            let values: Vec<Value> = serde_json::from_str(text).ok()?;
            values.iter().map(text_of).collect()
        }
        said => text_of(said).map(|text| vec![text]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<Field, ApiError> {
        Field::read(&Params::from_json(body.to_string().as_bytes()).unwrap(), || "made_up".into())
    }

    #[test]
    fn fields_are_read_and_shown_in_one_form() {
        let field = read(&json!({"type": "integer", "label": "Age", "default_value": "7", "validation": {"type": "less_than", "value": 9}})).unwrap();
        assert_eq!(
            field.shown(),
            json!({
                "type": "integer", "external_id": "made_up", "label": "Age", "mandatory": false, "default_value": 7,
                "validation": {"type": "less_than", "value": 9, "equals": false},
                "restrictions": {"readonly_ui": false, "hidden_ui": false, "excluded_from_search": false},
                "default_disabled": false,
            })
        );
        let body = json!({
            "type": "set", "label": "Colours", "external_id": "colours", "alphabetically_sorted": true,
            "datasource": {"values": [{"external_id": "r", "value": "red"}, {"external_id": "b", "value": "Blue"}]},
            "default_value": ["r"],
        });
        let mut field = read(&body).unwrap();
        assert_eq!(
            field.shown()["datasource"],
            json!({"values": [
                {"external_id": "b", "value": "Blue", "position": 0, "state": "active"},
                {"external_id": "r", "value": "red", "position": 1, "state": "active"},
            ]})
        );
        assert!(field.mark_entries(&["r".into()], true).is_err(), "it is the default");
        field.mark_entries(&["b".into()], true).unwrap();
        assert_eq!(field.listed().count(), 1);
        field.mark_entries(&["b".into()], false).unwrap();
        assert_eq!(field.listed().count(), 2);
        let kept: Field = serde_json::from_value(serde_json::to_value(&field).unwrap()).unwrap();
        assert_eq!(kept, field);
    }

    #[test]
    fn fields_that_make_no_sense_are_named() {
        for (body, part) in [
            (json!({"label": "x"}), "type"),
            (json!({"type": "float", "label": "x"}), "float"),
            (json!({"type": "string"}), "label"),
            (json!({"type": "string", "label": " "}), "label"),
            (json!({"type": "string", "label": "x", "external_id": "a/b"}), "external_id"),
            (json!({"type": "enum", "label": "x"}), "datasource"),
            (json!({"type": "string", "label": "x", "datasource": {"values": []}}), "datasource"),
            (json!({"type": "enum", "label": "x", "datasource": {"values": [{"external_id": "a"}]}}), "value"),
            (json!({"type": "integer", "label": "x", "default_value": "many"}), "default_value is invalid"),
            (
                json!({"type": "integer", "label": "x", "default_value": 3, "validation": {"type": "greater_than", "value": 5}}),
                "default_value is invalid",
            ),
            (json!({"type": "date", "label": "x", "validation": {"type": "strlen", "min": 1}}), "validation"),
        ] {
            let error = read(&body).unwrap_err();
            assert!(error.message().contains(part), "{body}: {error}");
        }
    }
}
