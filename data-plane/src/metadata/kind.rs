//! What the values of a field are. Pure.

use serde::{Deserialize, Serialize};

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// One of a list.
    Enum,
    /// Some of a list.
    Set,
}

impl FieldType {
    /// All.
    pub const ALL: [Self; 5] = [Self::String, Self::Integer, Self::Date, Self::Enum, Self::Set];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Date => "date",
            Self::Enum => "enum",
            Self::Set => "set",
        }
    }

    /// Whether the values come from a list.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Enum | Self::Set)
    }
}
