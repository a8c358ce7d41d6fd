//! What variables are called.

use std::fmt;

/// A letter followed by letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariableName(String);

impl VariableName {
    /// Reads a name without its dollar sign.
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_name.then(|| Self(text.to_owned()))
    }

    /// How much of a text that stands behind a dollar sign belongs to the name.
    pub(super) fn length_in(text: &str) -> usize {
        text.bytes().take_while(u8::is_ascii_alphanumeric).count()
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
