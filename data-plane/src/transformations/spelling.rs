//! How an address asks for something.

/// How a rendition was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spelling {
    /// The transformation as it stood in the URL.
    pub transformation: String,
    /// The extension as it stood in the URL, or nothing.
    pub extension: String,
}
