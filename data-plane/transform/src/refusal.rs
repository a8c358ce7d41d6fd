//! Why a transformation is not carried out.
//!
//! A refusal names the offending token, because its text is all that the author of a URL gets to see: it travels in a
//! response header. The text is therefore printable ASCII of bounded length, whatever was in the URL.

use std::fmt;

/// Longest text of a refusal in bytes, the bound of the header it travels in.
pub const MAX_MESSAGE_BYTES: usize = 512;

/// How much of a value is told, in characters.
const LONGEST_VALUE: usize = 120;

/// What kind of mistake or gap a refusal is about. Every kind is answered with status 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The token is not part of the language, or its value is malformed or out of range.
    Invalid,
    /// Each token is fine by itself, together they contradict each other.
    Conflict,
    /// The token belongs to the language, and this build does not carry it out yet.
    NotBuilt,
    /// The result, or a picture on the way to it, would exceed the output limits.
    TooLarge,
}

/// A transformation that is not carried out, with the text for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    kind: RefusalKind,
    message: String,
    place: Option<Place>,
}

/// Where something stands in a chain, all counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The component.
    pub component: usize,
    /// The item in it, as it is written.
    pub item: Option<usize>,
}

impl Refusal {
    /// A malformed or unknown value of a parameter: `Invalid <parameter> in transformation: <value>`.
    pub fn invalid(parameter: &str, value: impl fmt::Display) -> Self {
        let mut value = value.to_string();
        // What stands behind it is to be read, too.
        if let Some((end, _)) = value.char_indices().nth(LONGEST_VALUE) {
            value.truncate(end);
            value.push_str("...");
        }
        Self::new(RefusalKind::Invalid, format!("Invalid {parameter} in transformation: {value}"))
    }

    /// A path piece, or an item of one, that cannot be read at all: `Invalid transformation component - <piece>`.
    pub fn component(piece: &str) -> Self {
        Self::new(RefusalKind::Invalid, format!("Invalid transformation component - {piece}"))
    }

    /// A name under which nothing is stored: `Unknown transformation <name>`.
    pub fn unknown_name(name: &str) -> Self {
        Self::new(RefusalKind::Invalid, format!("Unknown transformation {name}"))
    }

    /// A name that cannot be resolved: `Invalid transformation <name>: it <why>`.
    pub fn name(name: &str, why: impl fmt::Display) -> Self {
        Self::new(RefusalKind::Invalid, format!("Invalid transformation {name}: it {why}"))
    }

    /// Something the language knows and this build does not carry out: `<token> is not built yet`.
    pub fn not_built(token: impl fmt::Display) -> Self {
        Self::new(RefusalKind::NotBuilt, format!("{token} is not built yet"))
    }

    /// Something that needs what is not there, as a trained model: `<token> is not available`.
    pub fn not_available(token: impl fmt::Display) -> Self {
        Self::new(RefusalKind::NotBuilt, format!("{token} is not available"))
    }

    /// Options that contradict each other; the sentence names them.
    pub fn conflict(sentence: &str) -> Self {
        Self::new(RefusalKind::Conflict, sentence.to_owned())
    }

    /// A result beyond the limits; the sentence names the size that was asked for.
    pub fn too_large(sentence: String) -> Self {
        Self::new(RefusalKind::TooLarge, sentence)
    }

    /// The same as a refusal of a parameter's value, if it is one of the arithmetic in it.
    pub fn of_value(self, parameter: &str, value: impl fmt::Display) -> Self {
        let is_arithmetic = self.kind == RefusalKind::Invalid && self.message.starts_with("Invalid expression");
        if is_arithmetic { Self::invalid(parameter, value) } else { self }
    }

    /// The same with the place where it stands: what comes first is the vendor's text, what comes behind it is ours.
    pub fn at(mut self, place: Place, advice: Option<&str>) -> Self {
        if self.place.is_some() {
            return self;
        }
        let Place { component, item } = place;
        self.place = Some(place);
        let item = item.map(|item| format!(", item {item}")).unwrap_or_default();
        let advice = advice.map(|advice| format!(". {advice}")).unwrap_or_default();
        self.message = printable(&format!("{} (component {component}{item}){advice}", self.message));
        self
    }

    /// Where it stands, if that is known.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// What kind of mistake or gap this is.
    pub fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// The text for the author of the URL: printable ASCII, at most [`MAX_MESSAGE_BYTES`] bytes.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn new(kind: RefusalKind, text: String) -> Self {
        Self { kind, message: printable(&text), place: None }
    }
}

/// Escapes what a header may not carry and cuts the text to its bound. The result is ASCII, so any cut is valid.
fn printable(text: &str) -> String {
    let mut message = String::with_capacity(text.len().min(MAX_MESSAGE_BYTES));
    for character in text.chars() {
        if character == ' ' || character.is_ascii_graphic() {
            message.push(character);
        } else {
            message.extend(character.escape_default());
        }
        if message.len() >= MAX_MESSAGE_BYTES {
            break;
        }
    }
    message.truncate(MAX_MESSAGE_BYTES);
    message
}
