//! Rules: what becomes of a field when others have some value. They are kept for user interfaces, which carry them out; what a value may
//! be under a payload is worked out here. Pure.

use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value, missing},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    entry::{Entry, EntryState, check_id, check_text},
    field::Field,
};

/// How deep conditions may lie in each other, and how many may lie in one.
const DEEPEST: usize = 10;
const MOST: usize = 100;

/// When a rule is met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Condition {
    /// All of these.
    And {
        /// Which.
        and: Vec<Condition>,
    },
    /// One of these.
    Or {
        /// Which.
        or: Vec<Condition>,
    },
    /// A field has this value.
    Equals {
        /// Which field.
        metadata_field_id: String,
        /// Which value.
        equals: Value,
    },
    /// A field has all of these values.
    Includes {
        /// Which field.
        metadata_field_id: String,
        /// Which values.
        includes: Vec<Value>,
    },
    /// A field has some value, or none.
    Populated {
        /// Which field.
        metadata_field_id: String,
        /// Which of the two.
        populated: bool,
    },
}

impl Condition {
    fn read(value: &Value) -> Result<Self, ApiError> {
        let read: Self = serde_json::from_value(value.clone()).map_err(|_| invalid_value("condition", value))?;
        read.check(1)?;
        Ok(read)
    }

    fn check(&self, depth: usize) -> Result<(), ApiError> {
        match self {
            Self::And { and: all } | Self::Or { or: all } => {
                if depth >= DEEPEST || all.is_empty() || all.len() > MOST {
                    let text = format!(
                        "Invalid value for parameter condition: and, or take 1 to {MOST}, at most {DEEPEST} deep"
                    );
                    return Err(ApiError::invalid(text));
                }
                all.iter().try_for_each(|condition| condition.check(depth + 1))
            }
            _ => Ok(()),
        }
    }

    /// The fields that it asks about.
    fn fields(&self) -> Vec<&str> {
        match self {
            Self::And { and: all } | Self::Or { or: all } => all.iter().flat_map(Self::fields).collect(),
            Self::Equals { metadata_field_id: id, .. }
            | Self::Includes { metadata_field_id: id, .. }
            | Self::Populated { metadata_field_id: id, .. } => vec![id],
        }
    }

    /// Whether values meet it.
    pub fn is_met(&self, values: &Map<String, Value>) -> bool {
        let has = |id: &str, wanted: &Value| match values.get(id) {
            Some(Value::Array(values)) => values.contains(wanted),
            Some(value) => value == wanted,
            None => false,
        };
        match self {
            Self::And { and } => and.iter().all(|condition| condition.is_met(values)),
            Self::Or { or } => or.iter().any(|condition| condition.is_met(values)),
            Self::Equals { metadata_field_id: id, equals } => match equals {
                Value::Array(_) => values.get(id) == Some(equals),
                equals => has(id, equals),
            },
            Self::Includes { metadata_field_id: id, includes } => includes.iter().all(|wanted| has(id, wanted)),
            Self::Populated { metadata_field_id: id, populated } => {
                let is_populated = values.get(id).is_some_and(|value| match value {
                    Value::Null => false,
                    Value::String(text) => !text.is_empty(),
                    Value::Array(values) => !values.is_empty(),
                    _ => true,
                });
                is_populated == *populated
            }
        }
    }
}

/// Which values of a list may be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Activation {
    /// All.
    All(All),
    /// These.
    Some(Activated),
}

/// The word for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum All {
    /// All.
    All,
}

/// Some values of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activated {
    /// Which.
    pub external_ids: Option<Vec<String>>,
    /// Whether they stand beside those of other rules.
    #[serde(default)]
    pub mode: ActivationMode,
}

/// How the values of a rule stand to those of the rules before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationMode {
    /// Beside them.
    #[default]
    Append,
    /// In their place.
    Override,
}

/// How a value is given to a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Which value.
    pub value: Value,
    /// `default`, `override` or `append`.
    #[serde(default)]
    pub mode: ApplicationMode,
}

/// How a value stands to one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationMode {
    /// Only where there is none.
    #[default]
    Default,
    /// In its place.
    Override,
    /// Beside it.
    Append,
}

/// What becomes of the field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// It is shown enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable: Option<bool>,
    /// It is shown disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable: Option<bool>,
    /// It is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hide: Option<bool>,
    /// It wants a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_mandatory: Option<bool>,
    /// Which values of its list may be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activate_values: Option<Activation>,
    /// It gets a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_value: Option<Application>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub external_id: String,
    /// The field that it is about.
    pub metadata_field_id: String,
    /// What people call it.
    pub name: String,
    /// When it is met.
    pub condition: Condition,
    /// What becomes of the field then.
    pub result: Outcome,
    /// Whether it is looked at.
    #[serde(default)]
    pub state: EntryState,
}

impl Rule {
    /// A new rule of what a body says.
    pub fn read(params: &Params, fields: &[Field], made_up: impl Fn() -> String) -> Result<Self, ApiError> {
        let external_id = match params.text("external_id")?.filter(|id| !id.is_empty()) {
            Some(id) => {
                check_id("external_id", &id)?;
                id
            }
            None => made_up(),
        };
        let said = |name: &str| params.get(name).filter(|value| !value.is_null()).ok_or_else(|| missing(name));
        let mut rule = Self {
            external_id,
            metadata_field_id: params.required_text("metadata_field_id")?,
            name: params.required_text("name")?,
            condition: Condition::read(said("condition")?)?,
            result: read_outcome(said("result")?)?,
            state: EntryState::Active,
        };
        rule.change(params, fields)?;
        Ok(rule)
    }

    /// Changes what a body names.
    pub fn change(&mut self, params: &Params, fields: &[Field]) -> Result<(), ApiError> {
        if let Some(id) = params.text("metadata_field_id")? {
            self.metadata_field_id = id;
        }
        if let Some(name) = params.text("name")? {
            self.name = name;
        }
        check_text("name", &self.name)?;
        if let Some(condition) = params.get("condition") {
            self.condition = Condition::read(condition)?;
        }
        if let Some(result) = params.get("result") {
            self.result = read_outcome(result)?;
        }
        match params.text("state")?.as_deref() {
            None => {}
            Some("active") => self.state = EntryState::Active,
            Some("inactive") => self.state = EntryState::Inactive,
            Some(other) => return Err(invalid_value("state", &other.into())),
        }
        let named = self.condition.fields();
        let unknown: Vec<&str> = [self.metadata_field_id.as_str()]
            .into_iter()
            .chain(named)
            .filter(|id| !fields.iter().any(|field| field.external_id == *id))
            .collect();
        if !unknown.is_empty() {
            let unknown = serde_json::to_string(&unknown).unwrap_or_default();
            return Err(ApiError::invalid(format!("The following metadata fields do not exist: {unknown}")));
        }
        Ok(())
    }

    /// Whether it is about a field, or asks about it.
    pub fn names(&self, field: &str) -> bool {
        self.metadata_field_id == field || self.condition.fields().contains(&field)
    }

    /// The rule as the wire shows it, at its place among the others.
    pub fn shown(&self, position: usize) -> Value {
        let mut shown = json!(self);
        shown["position"] = position.into();
        shown["condition_signature"] = hex::encode(Sha256::digest(json!(self.condition).to_string())).into();
        shown
    }
}

fn read_outcome(value: &Value) -> Result<Outcome, ApiError> {
    let read: Outcome = serde_json::from_value(value.clone())
        .map_err(|error| ApiError::invalid(format!("Invalid value for parameter result: {error}")))?;
    if read == Outcome::default() {
        return Err(ApiError::invalid("Invalid value for parameter result: nothing becomes of the field"));
    }
    Ok(read)
}

/// The values of a field's list that may be chosen where the other fields have these values.
pub fn choices<'a>(field: &'a Field, rules: &[Rule], values: &Map<String, Value>) -> Vec<&'a Entry> {
    let mut open: Option<Vec<&str>> = None;
    let of_field = |rule: &&Rule| rule.metadata_field_id == field.external_id && rule.state == EntryState::Active;
    for rule in rules.iter().filter(of_field).filter(|rule| rule.condition.is_met(values)) {
        match &rule.result.activate_values {
            None => {}
            Some(Activation::All(All::All)) => open = None,
            Some(Activation::Some(Activated { external_ids, mode })) => {
                let ids = external_ids.iter().flatten().map(String::as_str);
                match (mode, &mut open) {
                    (ActivationMode::Append, Some(open)) => open.extend(ids),
                    (ActivationMode::Append | ActivationMode::Override, open) => *open = Some(ids.collect()),
                }
            }
        }
    }
    let is_open = |entry: &&Entry| open.as_ref().is_none_or(|open| open.contains(&entry.external_id.as_str()));
    field.listed().filter(|entry| entry.is_open()).filter(is_open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(body: Value) -> Params {
        Params::from_json(body.to_string().as_bytes()).unwrap()
    }

    fn fields() -> Vec<Field> {
        let list = json!({"values": [{"external_id": "a", "value": "A"}, {"external_id": "b", "value": "B"}, {"external_id": "c", "value": "C"}]});
        ["country", "city"]
            .into_iter()
            .map(|id| {
                let body = json!({"type": "enum", "label": id, "external_id": id, "datasource": list});
                Field::read(&params(body), String::new).unwrap()
            })
            .collect()
    }

    fn rule(condition: Value, result: Value) -> Result<Rule, ApiError> {
        let body = json!({"metadata_field_id": "city", "name": "r", "condition": condition, "result": result});
        Rule::read(&params(body), &fields(), || "made_up".into())
    }

    #[test]
    fn conditions_are_met_by_values() {
        let values = json!({"country": "a", "tags": ["x", "y"], "empty": ""});
        let values = values.as_object().unwrap();
        for (condition, is_met) in [
            (json!({"metadata_field_id": "country", "equals": "a"}), true),
            (json!({"metadata_field_id": "country", "equals": "b"}), false),
            (json!({"metadata_field_id": "tags", "includes": ["y"]}), true),
            (json!({"metadata_field_id": "tags", "includes": ["y", "z"]}), false),
            (json!({"metadata_field_id": "tags", "populated": true}), true),
            (json!({"metadata_field_id": "empty", "populated": false}), true),
            (
                json!({"and": [{"metadata_field_id": "country", "equals": "a"}, {"metadata_field_id": "none", "populated": true}]}),
                false,
            ),
            (
                json!({"or": [{"metadata_field_id": "country", "equals": "a"}, {"metadata_field_id": "none", "populated": true}]}),
                true,
            ),
        ] {
            assert_eq!(Condition::read(&condition).unwrap().is_met(values), is_met, "{condition}");
        }
    }

    #[test]
    fn rules_narrow_what_may_be_chosen() {
        let when = |country: &str| json!({"metadata_field_id": "country", "equals": country});
        let rules = [
            rule(when("a"), json!({"activate_values": {"external_ids": ["a"]}})).unwrap(),
            rule(when("a"), json!({"activate_values": {"external_ids": ["b"], "mode": "append"}})).unwrap(),
            rule(when("b"), json!({"activate_values": {"external_ids": ["c"], "mode": "override"}})).unwrap(),
            rule(when("c"), json!({"activate_values": "all"})).unwrap(),
        ];
        for (country, expected) in [("a", "ab"), ("b", "c"), ("c", "abc"), ("d", "abc")] {
            let values = Map::from_iter([("country".to_owned(), country.into())]);
            let city = &fields()[1];
            let open: String =
                choices(city, &rules, &values).into_iter().map(|entry| entry.external_id.as_str()).collect();
            assert_eq!(open, expected, "{country}");
        }
    }

    #[test]
    fn rules_that_say_nothing_are_named() {
        let good = json!({"metadata_field_id": "country", "equals": "a"});
        for (condition, result, part) in [
            (json!({"metadata_field_id": "planet", "equals": "a"}), json!({"hide": true}), "planet"),
            (json!({"metadata_field_id": "country"}), json!({"hide": true}), "condition"),
            (json!({"and": []}), json!({"hide": true}), "condition"),
            (good.clone(), json!({}), "result"),
            (good.clone(), json!({"paint": true}), "paint"),
            (good, json!({"activate_values": "some"}), "result"),
        ] {
            let error = rule(condition, result).unwrap_err();
            assert!(error.message().contains(part), "{part}: {error}");
        }
    }
}
