//! Under what a transformation is recorded. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use transform::source::Format;

use super::{spelling::Spelling, stored::StoredTransformation};

/// What stands before a name.
const MARK: &str = "t_";
/// What official clients leave as it is in an address.
const ADDRESS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'!').remove(b':').remove(b'\'');

/// Under what a transformation is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Recorded {
    /// Under its name, without the `t_` before it.
    Named(String),
    /// As it was written, with the format behind it that it asks for beside its chain.
    Written(String),
}

impl Recorded {
    /// What an address of an asset of this format asks for. Nothing where it asks for the asset as it is.
    pub fn of(spelling: &Spelling, own_format: &str) -> Option<Self> {
        let chain = spelling.transformation.as_str();
        match other_format(&spelling.extension, own_format) {
            Some(format) => Some(Self::Written(format!("{chain}/{format}"))),
            None if chain.is_empty() => None,
            None => Some(sole_name(chain).map_or_else(|| Self::Written(chain.to_owned()), Self::Named)),
        }
    }

    /// The key of its row, and its name on the wire.
    pub fn key(&self) -> String {
        match self {
            Self::Named(name) => format!("{MARK}{name}"),
            Self::Written(text) => text.clone(),
        }
    }
}

/// What somebody who says this may mean, the likelier first: a name with or without its `t_`, or a transformation as it is written. What
/// reads like a transformation and has no `t_` is one, although it may be a name as well.
pub fn meant(text: &str) -> [String; 2] {
    let named = format!("{MARK}{}", name_of(text));
    match StoredTransformation::parse("transformation", text) {
        Ok(_) if !text.starts_with(MARK) => [written(text), named],
        _ => [named, written(text)],
    }
}

/// Whether a text is a name with its `t_`, and nothing else.
pub fn is_name(text: &str) -> bool {
    sole_name(text).is_some()
}

/// A name without its `t_`.
pub fn name_of(text: &str) -> &str {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// How the chain of a row stands in addresses, in all its spellings, and the extension that it asks for beside the chain.
pub fn asked_as(key: &str, is_named: bool) -> (Vec<String>, Option<String>) {
    if is_named {
        let name = name_of(key);
        let mut spellings = vec![key.to_owned()];
        for set in [NON_ALPHANUMERIC, ADDRESS] {
            spellings.push(format!("{MARK}{}", utf8_percent_encode(name, set)));
        }
        spellings.dedup();
        return (spellings, None);
    }
    match key.rsplit_once('/') {
        Some((chain, format)) if !format.contains('_') => (vec![chain.to_owned()], Some(format.to_owned())),
        _ => (vec![key.to_owned()], None),
    }
}

/// The extensions that ask for the same format as this one.
pub fn same_format(extension: &str) -> Vec<&str> {
    match extension {
        "jpg" | "jpeg" | "jpe" => vec!["jpg", "jpeg", "jpe"],
        "tiff" | "tif" => vec!["tiff", "tif"],
        "heic" | "heif" => vec!["heic", "heif"],
        other => vec![other],
    }
}

/// A transformation as it is recorded when it is written like this.
pub fn written(text: &str) -> String {
    match text.rsplit_once('/') {
        Some((chain, "")) => chain.to_owned(),
        Some((chain, format)) if !format.contains('_') => match Format::from_name(format) {
            Some(format) => format!("{chain}/{}", format.name()),
            None => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// The format that an extension asks for, unless it is the asset's own.
fn other_format(extension: &str, own: &str) -> Option<String> {
    let name = |text: &str| Format::from_name(text).map_or(text.to_owned(), |format| format.name().to_owned());
    (!extension.is_empty() && name(extension) != name(own)).then(|| name(extension))
}

/// The name that a chain is, if it is nothing but one.
fn sole_name(chain: &str) -> Option<String> {
    let name = chain.strip_prefix(MARK).filter(|name| !name.contains(['/', ',', '.']))?;
    Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transformation_is_recorded_as_it_is_asked_for() {
        for (chain, extension, own, expected) in [
            ("w_10", "jpg", "jpg", Some("w_10")),
            ("w_10", "", "jpg", Some("w_10")),
            ("w_10", "jpeg", "jpg", Some("w_10")),
            ("w_10", "jpe", "png", Some("w_10/jpg")),
            ("w_10/e_sepia", "png", "jpg", Some("w_10/e_sepia/png")),
            ("", "png", "jpg", Some("/png")),
            ("", "jpg", "jpg", None),
            ("t_my%20name", "jpg", "jpg", Some("t_my name")),
            ("t_my%20name", "png", "jpg", Some("t_my%20name/png")),
            ("t_a.b", "jpg", "jpg", Some("t_a.b")),
            ("t_a,w_1", "jpg", "jpg", Some("t_a,w_1")),
        ] {
            let spelling = Spelling { transformation: chain.into(), extension: extension.into() };
            let key = Recorded::of(&spelling, own).map(|recorded| recorded.key());
            assert_eq!(key.as_deref(), expected, "{chain} {extension} {own}");
            // Whoever says it by its key means it, and it is found in addresses.
            let Some(key) = key else { continue };
            assert!(meant(&key).contains(&key), "{key}");
            let is_named = matches!(Recorded::of(&spelling, own), Some(Recorded::Named(_)));
            let (chains, format) = asked_as(&key, is_named);
            assert!(chains.contains(&spelling.transformation), "{key}: {chains:?}");
            assert!(format.is_none_or(|format| Format::from_name(&format) == Format::from_name(extension)), "{key}");
        }
    }
}
