//! The values of a field's list, and what they may be called. Pure.

use plane_kit::{error::ApiError, http::params::invalid_value};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest external id, label and value of a list, in characters.
const LONGEST: usize = 255;

/// Whether a value of a list may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// It may.
    #[default]
    Active,
    /// It may not; what has it keeps it.
    Inactive,
}

/// A value of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What assets say of it.
    pub external_id: String,
    /// What people read.
    pub value: String,
    /// Whether it may be chosen.
    #[serde(default)]
    pub state: EntryState,
    /// Whether it was taken out of the list, from where it can be put back.
    #[serde(default)]
    pub is_deleted: bool,
}

impl Entry {
    /// Whether it may be chosen.
    pub fn is_open(&self) -> bool {
        self.state == EntryState::Active && !self.is_deleted
    }
}

/// Values of a list as the wire shows them.
pub fn shown_entries<'a>(entries: impl Iterator<Item = &'a Entry>) -> Value {
    let entries = entries.enumerate().map(|(position, entry)| {
        json!({"external_id": entry.external_id, "value": entry.value, "position": position, "state": entry.state})
    });
    json!({"values": entries.collect::<Vec<_>>()})
}

/// Refuses an external id that a path or a `metadata` parameter could not carry.
pub fn check_id(parameter: &str, id: &str) -> Result<(), ApiError> {
    let is_fit = !id.trim().is_empty()
        && id.chars().count() <= LONGEST
        && !id.chars().any(|c| c.is_control() || matches!(c, '/' | '|' | '=' | '"'));
    if is_fit { Ok(()) } else { Err(invalid_value(parameter, &Value::String(id.escape_debug().to_string()))) }
}

/// Refuses a text that nobody could read.
pub fn check_text(parameter: &str, text: &str) -> Result<(), ApiError> {
    let is_fit = !text.trim().is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
    if is_fit { Ok(()) } else { Err(invalid_value(parameter, &Value::String(text.escape_debug().to_string()))) }
}
