//! Texts as they stand in a chain.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// What stays as it is in a printed value: what separates nothing in an address or in a chain.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b';')
    .remove(b'!')
    .remove(b'(')
    .remove(b')')
    .remove(b'$')
    .remove(b'*')
    .remove(b'+')
    .remove(b'=');

/// A text as it stands in a value.
pub(crate) fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, PLAIN)
}

/// A text as it stands between exclamation marks.
pub(crate) fn encoded_literal(text: &str) -> PercentEncode<'_> {
    encoded(text)
}

/// A text as it stands in a layer of text, where it is decoded twice.
pub(crate) fn encoded_twice(text: &str) -> String {
    let mut printed = String::new();
    for character in text.chars() {
        match character {
            // What separates, and what escapes, would be read too early.
            ',' => printed.push_str("%252C"),
            '/' => printed.push_str("%252F"),
            '%' => printed.push_str("%2525"),
            other => printed.extend(encoded(other.encode_utf8(&mut [0; 4]))),
        }
    }
    printed
}
