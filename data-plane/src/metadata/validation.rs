//! What a field's values are held to. Pure.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kind::FieldType;

/// How deep validations may lie in each other, and how many may lie in one.
const DEEPEST: usize = 5;
const MOST: usize = 20;

/// A validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Validation {
    /// A text has this many characters.
    Strlen {
        /// At least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<u64>,
        /// At most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u64>,
    },
    /// A number or a date is greater than this, or later.
    GreaterThan {
        /// Than what.
        value: Value,
        /// Whether it may be that itself.
        #[serde(default)]
        equals: bool,
    },
    /// A number or a date is less than this, or earlier.
    LessThan {
        /// Than what.
        value: Value,
        /// Whether it may be that itself.
        #[serde(default)]
        equals: bool,
    },
    /// All of these hold.
    And {
        /// Which.
        rules: Vec<Validation>,
    },
}

impl Validation {
    /// Reads a validation for fields of a type, or says what is wrong with it.
    pub fn read(value: &Value, kind: FieldType) -> Result<Self, String> {
        let read: Self = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        read.check(kind, 1)?;
        Ok(read)
    }

    fn check(&self, kind: FieldType, depth: usize) -> Result<(), String> {
        match self {
            Self::Strlen { min, max } => {
                if kind != FieldType::String {
                    return Err(format!("strlen is for fields of type string, not {}", kind.name()));
                }
                if min.is_none() && max.is_none() {
                    return Err("strlen needs min or max".into());
                }
                match (min, max) {
                    (Some(min), Some(max)) if min > max => Err(format!("min {min} is more than max {max}")),
                    _ => Ok(()),
                }
            }
            Self::GreaterThan { value, .. } | Self::LessThan { value, .. } => match kind {
                FieldType::Integer if value.is_i64() => Ok(()),
                FieldType::Date if value.as_str().is_some_and(|text| date(text).is_some()) => Ok(()),
                FieldType::Integer | FieldType::Date => Err(format!("{value} is no {}", kind.name())),
                _ => Err(format!("a comparison is for fields of type integer or date, not {}", kind.name())),
            },
            Self::And { rules } => {
                if depth >= DEEPEST || rules.len() > MOST || rules.is_empty() {
                    return Err(format!("and takes 1 to {MOST} rules, at most {DEEPEST} deep"));
                }
                rules.iter().try_for_each(|rule| rule.check(kind, depth + 1))
            }
        }
    }

    /// Whether a value holds, which is one of the field's type.
    pub fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Strlen { min, max } => {
                let length = value.as_str().map_or(0, |text| text.chars().count() as u64);
                min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max)
            }
            Self::GreaterThan { value: bound, equals } => {
                order(value, bound).is_some_and(|order| order.is_gt() || *equals && order.is_eq())
            }
            Self::LessThan { value: bound, equals } => {
                order(value, bound).is_some_and(|order| order.is_lt() || *equals && order.is_eq())
            }
            Self::And { rules } => rules.iter().all(|rule| rule.holds(value)),
        }
    }
}

/// Reads `YYYY-MM-DD`, and nothing that only looks like it.
pub fn date(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

fn order(value: &Value, bound: &Value) -> Option<std::cmp::Ordering> {
    match (value, bound) {
        (Value::Number(value), Value::Number(bound)) => Some(value.as_i64()?.cmp(&bound.as_i64()?)),
        (Value::String(value), Value::String(bound)) => Some(date(value)?.cmp(&date(bound)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_held_to_lengths_and_bounds() {
        for (kind, validation, good, bad) in [
            (FieldType::String, json!({"type": "strlen", "min": 2, "max": 3}), json!("äö"), json!("a")),
            (FieldType::Integer, json!({"type": "greater_than", "value": 5}), json!(6), json!(5)),
            (FieldType::Integer, json!({"type": "less_than", "value": 5, "equals": true}), json!(5), json!(6)),
            (
                FieldType::Date,
                json!({"type": "greater_than", "value": "2026-02-28"}),
                json!("2026-03-01"),
                json!("2026-02-28"),
            ),
            (
                FieldType::Integer,
                json!({"type": "and", "rules": [{"type": "greater_than", "value": 1}, {"type": "less_than", "value": 9}]}),
                json!(5),
                json!(9),
            ),
        ] {
            let read = Validation::read(&validation, kind).unwrap();
            assert!(read.holds(&good) && !read.holds(&bad), "{validation}");
            let printed = serde_json::to_value(&read).unwrap();
            assert_eq!(Validation::read(&printed, kind), Ok(read), "{validation}");
        }
    }

    #[test]
    fn validations_that_could_never_hold_are_refused() {
        let deep =
            (0..5).fold(json!({"type": "greater_than", "value": 1}), |rule, _| json!({"type": "and", "rules": [rule]}));
        for (kind, validation) in [
            (FieldType::Integer, json!({"type": "strlen", "min": 2})),
            (FieldType::String, json!({"type": "strlen"})),
            (FieldType::String, json!({"type": "strlen", "min": 3, "max": 2})),
            (FieldType::String, json!({"type": "greater_than", "value": 2})),
            (FieldType::Integer, json!({"type": "greater_than", "value": "2"})),
            (FieldType::Date, json!({"type": "less_than", "value": "2026-02-30"})),
            (FieldType::Integer, json!({"type": "and", "rules": []})),
            (FieldType::Integer, json!({"type": "banana"})),
            (FieldType::Integer, deep),
        ] {
            assert!(Validation::read(&validation, kind).is_err(), "{validation}");
        }
    }
}
