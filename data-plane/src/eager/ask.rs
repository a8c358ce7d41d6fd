//! What is asked for ahead: transformations in a row, each with the format that it is wanted in. Pure.

use plane_kit::{
    destination::Destination,
    error::{ApiError, ErrorCode},
    http::params::{Params, invalid_value},
};
use serde_json::Value;

use crate::{assets::record::ResourceType, transformations::stored::StoredTransformation};

/// How many transformations a call may want ahead.
const MOST: usize = 100;

/// Reads transformations joined by `|`, or a list of them. Nothing where nothing is said.
pub fn read_items(params: &Params) -> Result<Vec<StoredTransformation>, ApiError> {
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
    texts.iter().map(|text| StoredTransformation::parse("eager", text)).collect()
}

/// What is asked for ahead of something that has no pixels.
pub fn not_a_picture(parameter: &str, kind: ResourceType) -> ApiError {
    match kind {
        ResourceType::Video => ApiError::not_built("Transformations of video and audio"),
        _ => ApiError::new(
            ErrorCode::InvalidTransformation,
            format!("Invalid value for parameter {parameter}: a raw file has no transformations"),
        ),
    }
}

/// What a call wants ahead.
#[derive(Debug, Clone, PartialEq)]
pub struct Eager {
    /// The transformations, at least one.
    pub items: Vec<StoredTransformation>,
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
    fn there_may_not_be_too_many() {
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
                    eager.items.iter().map(StoredTransformation::print).collect::<Vec<_>>(),
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
