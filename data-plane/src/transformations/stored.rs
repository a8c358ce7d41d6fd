//! Transformations outside of addresses: a chain, and behind its last slash the format that an address has behind its dot. Pure.

use plane_kit::error::{ApiError, ErrorCode};
use transform::{
    grammar::{Component, FormatChoice, Transformation, writable_format},
    refusal::Refusal,
    source::Format,
};

use super::spelling::Spelling;
use crate::delivery::url::{SPELLING_LIMIT, refused};

/// A transformation as it is asked for ahead, or kept under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTransformation {
    /// The transformation.
    pub transformation: Transformation,
    /// How it stands in the address that asks for the same.
    text: String,
    /// The extension of that address. Nothing said is the asset's own; an empty one is none.
    extension: Option<String>,
}

impl StoredTransformation {
    /// Reads `c_fill,w_300/e_sepia/png`: a chain, and behind the last slash a format, nothing for none, or another component.
    pub fn parse(parameter: &str, text: &str) -> Result<Self, ApiError> {
        let naming = |error: ApiError| {
            let message = format!("Invalid value for parameter {parameter}: {}", error.message());
            ApiError::new(error.code(), message)
        };
        if text.len() > SPELLING_LIMIT {
            let text = format!("a transformation is longer than {SPELLING_LIMIT} characters");
            return Err(naming(ApiError::new(ErrorCode::InvalidTransformation, text)));
        }
        let (chain, extension) = match text.rsplit_once('/') {
            Some((chain, "")) => (chain, Some("")),
            Some((chain, last)) if !last.contains('_') => (chain, Some(last)),
            _ => (text, None),
        };
        if let Some(format) =
            extension.filter(|extension| !extension.is_empty() && Format::from_name(extension).is_none())
        {
            let text = format!("there is no image format {format}");
            return Err(naming(ApiError::new(ErrorCode::InvalidTransformation, text)));
        }
        // What an address cannot carry would be another spelling there.
        let chain = chain.trim_matches('/');
        if let Some(odd) =
            chain.chars().find(|c| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '"' | '<' | '>'))
        {
            let text = format!("{} has to be percent-encoded", odd.escape_default());
            return Err(naming(ApiError::new(ErrorCode::InvalidTransformation, text)));
        }
        let transformation = Transformation::parse(chain).map_err(refused).map_err(naming)?;
        // Nothing is kept that could not be made.
        if let Some(gap) = transformation.gap() {
            return Err(naming(refused(gap)));
        }
        if transformation.is_empty() && extension.is_none_or(str::is_empty) {
            return Err(naming(ApiError::new(ErrorCode::InvalidTransformation, "a transformation is empty")));
        }
        Ok(Self { transformation, text: chain.to_owned(), extension: extension.map(str::to_ascii_lowercase) })
    }

    /// The same in one form, to be kept.
    pub fn print(&self) -> String {
        match &self.extension {
            Some(extension) => format!("{}/{extension}", self.text),
            None => self.text.clone(),
        }
    }

    /// What a name stands for that this is stored under. The format behind it acts as at the end of an address: where the chain says none.
    pub fn definition(&self) -> Result<Transformation, Refusal> {
        let says_format = self.transformation.components().iter().any(|component| component.format.is_some());
        match self.extension.as_deref() {
            Some(extension) if !extension.is_empty() && !says_format => {
                let format = Some(FormatChoice::Fixed(writable_format(extension)?));
                Ok(self.transformation.clone().then(Component { format, ..Component::default() }))
            }
            _ => Ok(self.transformation.clone()),
        }
    }

    /// How the address of an asset of this format asks for it.
    pub fn spelling(&self, own_format: &str) -> Spelling {
        let extension = self.extension.clone().unwrap_or_else(|| own_format.to_owned());
        Spelling { transformation: self.text.clone(), extension }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_chains_with_a_format_behind_them() {
        for (text, chain, extension, printed) in [
            ("w_100", "w_100", "jpg", "w_100"),
            ("c_fill,h_20,w_10/e_grayscale", "c_fill,h_20,w_10/e_grayscale", "jpg", "c_fill,h_20,w_10/e_grayscale"),
            ("w_100/PNG", "w_100", "png", "w_100/png"),
            ("w_100/", "w_100", "", "w_100/"),
            ("a_10/f_auto,q_auto/webp", "a_10/f_auto,q_auto", "webp", "a_10/f_auto,q_auto/webp"),
            ("/png", "", "png", "/png"),
        ] {
            let item = StoredTransformation::parse("eager", text).unwrap();
            let expected = Spelling { transformation: chain.into(), extension: extension.into() };
            assert_eq!((item.spelling("jpg"), item.print()), (expected, printed.to_owned()), "{text}");
            assert_eq!(StoredTransformation::parse("eager", &item.print()).unwrap(), item, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_named() {
        for (text, part) in [
            ("", "empty"),
            ("/", "empty"),
            ("w_100/mp4", "mp4"),
            ("w_many", "width"),
            ("w_1 0", "percent-encoded"),
            ("hello", "hello"),
            ("l_cat", "l_cat"),
        ] {
            let error = StoredTransformation::parse("eager", text).unwrap_err();
            assert!(error.message().contains(part) && error.message().contains("eager"), "{text}: {error}");
        }
    }

    #[test]
    fn the_format_behind_a_chain_is_part_of_what_a_name_stands_for() {
        for (text, expected) in [
            ("w_10", Some("w_10")),
            ("w_10/png", Some("w_10/f_png")),
            ("w_10/", Some("w_10")),
            ("f_webp,w_10/png", Some("f_webp,w_10")),
            ("w_10/heic", None),
        ] {
            let definition = StoredTransformation::parse("transformation", text).unwrap().definition();
            assert_eq!(definition.ok().map(|definition| definition.canonical()).as_deref(), expected, "{text}");
        }
    }
}
