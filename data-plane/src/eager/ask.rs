//! What is asked for: transformations in a row, each with the format that it is wanted in. Pure.

use plane_kit::{
    error::{ApiError, ErrorCode},
    http::params::{Params, invalid_value},
};
use serde_json::Value;
use transform::{grammar::Transformation, source::Format};

use crate::{
    assets::made::Spelling,
    delivery::url::{SPELLING_LIMIT, refused},
    notifications::destination::Destination,
};

/// How many transformations a call may want ahead.
const MOST: usize = 100;

/// A transformation that is wanted ahead.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The transformation.
    pub transformation: Transformation,
    /// How it stands in the address that asks for the same.
    text: String,
    /// The extension of that address. Nothing said is the asset's own; an empty one is none.
    extension: Option<String>,
}

impl Item {
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

    /// How the address of an asset of this format asks for it.
    pub fn spelling(&self, own_format: &str) -> Spelling {
        let extension = self.extension.clone().unwrap_or_else(|| own_format.to_owned());
        Spelling { transformation: self.text.clone(), extension }
    }
}

/// Reads transformations joined by `|`, or a list of them. Nothing where nothing is said.
pub fn read_items(params: &Params) -> Result<Vec<Item>, ApiError> {
    let texts: Vec<String> = match params.get("eager") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) => text.split('|').map(str::to_owned).collect(),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(|| invalid_value("eager", &Value::Array(items.clone())))?
        }
        Some(other) => return Err(invalid_value("eager", other)),
    };
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    if texts.len() > MOST {
        let text = format!(
            "Invalid value for parameter eager: {} transformations, and at most {MOST} may be asked for",
            texts.len()
        );
        return Err(ApiError::invalid(text));
    }
    texts.iter().map(|text| Item::parse("eager", text)).collect()
}

/// What is asked for ahead of something that has no pixels.
pub fn not_a_picture() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidTransformation,
        "Invalid value for parameter eager: a raw file has no transformations",
    )
}

/// What a call wants ahead.
#[derive(Debug, Clone, PartialEq)]
pub struct Eager {
    /// The transformations, at least one.
    pub items: Vec<Item>,
    /// Whether the call is answered before they are made.
    pub is_async: bool,
    /// Who is told when they are made, in the place of whoever is told of the call.
    pub notify: Option<Destination>,
}

impl Eager {
    /// Reads `eager`, `eager_async` and `eager_notification_url`. Nothing where no transformation is asked for.
    pub fn read(params: &Params) -> Result<Option<Self>, ApiError> {
        let items = read_items(params)?;
        let is_async = params.boolean("eager_async")?.unwrap_or(false);
        let notify = params.text("eager_notification_url")?;
        let notify = notify.map(|text| Destination::parse("eager_notification_url", &text)).transpose()?;
        Ok((!items.is_empty()).then_some(Self { items, is_async, notify }))
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
            let item = Item::parse("eager", text).unwrap();
            let expected = Spelling { transformation: chain.into(), extension: extension.into() };
            assert_eq!((item.spelling("jpg"), item.print()), (expected, printed.to_owned()), "{text}");
            assert_eq!(Item::parse("eager", &item.print()).unwrap(), item, "{text}");
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
            let error = Item::parse("eager", text).unwrap_err();
            assert!(error.message().contains(part) && error.message().contains("eager"), "{text}: {error}");
        }
        let many = format!("eager={}", "w_10|".repeat(MOST + 1));
        assert!(read_items(&Params::from_urlencoded(&many)).unwrap_err().message().contains("101"));
        let long = format!("eager=w_10/{}", "e_grayscale/".repeat(200));
        assert!(read_items(&Params::from_urlencoded(&long)).unwrap_err().message().contains("longer"));
    }

    #[test]
    fn calls_say_it_as_text_or_as_a_list() {
        let wanted = |params: &Params| {
            Eager::read(params).unwrap().map(|eager| {
                (
                    eager.items.iter().map(Item::print).collect::<Vec<_>>(),
                    eager.is_async,
                    eager.notify.map(|to| to.uri()),
                )
            })
        };
        let form = Params::from_urlencoded("eager=w_10%2Fpng%7Cw_20&eager_async=1&eager_notification_url=poll://a");
        let expected = Some((vec!["w_10/png".into(), "w_20".into()], true, Some("poll://a".into())));
        assert_eq!(wanted(&form), expected);
        let json = Params::from_json(
            br#"{"eager":["w_10/png","w_20"],"eager_async":true,"eager_notification_url":"poll://a"}"#,
        );
        assert_eq!(wanted(&json.unwrap()), expected);
        assert_eq!(wanted(&Params::from_urlencoded("eager=&eager_async=1")), None);
    }
}
