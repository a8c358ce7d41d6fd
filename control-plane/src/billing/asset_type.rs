//! Which kind of asset a fact speaks of, for the breakdown of a bill.

use serde_json::Value;

/// The kinds that bills tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AssetType {
    /// Pictures, and everything of which the facts say nothing else.
    Image,
    /// Video and audio.
    Video,
    /// Files that are only stored and delivered.
    Raw,
}

impl AssetType {
    /// All kinds.
    pub(crate) const ALL: [Self; 3] = [Self::Image, Self::Video, Self::Raw];

    /// The name in facts and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Raw => "raw",
        }
    }

    /// Reads a stored name; an unknown one counts as an image.
    pub(crate) fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Image)
    }

    /// The kind that a record's facts name under `resource_type`. Sums over windows carry no facts and count as images.
    pub(crate) fn of(facts: &Value) -> Self {
        facts.get("resource_type").and_then(Value::as_str).map_or(Self::Image, Self::from_name)
    }
}
