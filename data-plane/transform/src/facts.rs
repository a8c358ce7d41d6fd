//! What people have said of an asset, as far as transformations can ask for it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::plan::Measure;

/// What is known of an asset beside its file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Its tags.
    pub tags: &'a [String],
    /// Its context.
    pub context: Option<&'a Map<String, Value>>,
    /// The values of its metadata fields.
    pub metadata: Option<&'a Map<String, Value>>,
    /// Rectangles of faces, in pixels of the original.
    pub faces: &'a [Rectangle],
    /// Rectangles that a crop is to keep, in pixels of the original.
    pub custom: &'a [Rectangle],
    /// What was found out of the pixels so far: what lies within the edges, or nothing where it is all edge.
    pub measured: &'a [(Measure, Option<Rectangle>)],
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rectangle {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least one.
    pub width: u32,
    /// Height, at least one.
    pub height: u32,
}

impl Rectangle {
    /// The smallest one that holds both.
    pub fn around(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = self.x.saturating_add(self.width).max(other.x.saturating_add(other.width));
        let bottom = self.y.saturating_add(self.height).max(other.y.saturating_add(other.height));
        Self { x, y, width: right - x, height: bottom - y }
    }
}

impl Facts<'_> {
    /// The value of a context key; nothing where there is none.
    pub fn context(&self, key: &str) -> String {
        text_of(self.context.and_then(|context| context.get(key)))
    }

    /// The value of a metadata field; nothing where there is none. Several values are joined by colons, as lists are written.
    pub fn metadata(&self, id: &str) -> String {
        text_of(self.metadata.and_then(|metadata| metadata.get(id)))
    }
}

fn text_of(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) => values.iter().map(|value| text_of(Some(value))).collect::<Vec<_>>().join(":"),
        Some(value) => value.to_string(),
    }
}
