//! Parameters of an API call, whatever form they came in.
//!
//! The official clients send queries, urlencoded bodies, JSON bodies and multipart bodies, write lists in five ways and booleans
//! in three. All of that ends here: a handler asks for a name and a shape and gets a value or an error that names the parameter.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_LENGTH, CONTENT_TYPE},
    web::BytesMut,
};
use futures::StreamExt;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Bodies of API calls other than uploads may be this long.
const BODY_LIMIT: usize = 1024 * 1024;

/// Named values. Values are JSON: text from queries and forms, anything from JSON bodies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(Map<String, Value>, BTreeSet<String>);

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `a=1&b[]=2`. Lists may be written `name[]=`, `name[0]=` or as a repeated name.
    pub fn from_urlencoded(text: &str) -> Self {
        let mut params = Self::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            params.append(&name, value.into_owned());
        }
        params
    }

    /// Reads a JSON object; null members are absent.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ApiError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::new());
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(members)) => {
                let (nulls, members): (Map<_, _>, Map<_, _>) =
                    members.into_iter().partition(|(_, value)| value.is_null());
                Ok(Self(members, nulls.into_iter().map(|(name, _)| name).collect()))
            }
            Ok(_) => Err(ApiError::invalid("The JSON body must be an object")),
            Err(error) => Err(ApiError::invalid(format!("Malformed JSON body: {error}"))),
        }
    }

    /// Adds a text value as a form does: a repeated or bracketed name makes a list.
    pub fn append(&mut self, name: &str, value: String) {
        let (bare, is_list) = match name.split_once('[') {
            Some((bare, rest)) if is_list_suffix(rest) => (bare, true),
            _ => (name, false),
        };
        match self.0.get_mut(bare) {
            Some(Value::Array(items)) => items.push(Value::String(value)),
            Some(present) => {
                let first = present.take();
                *present = Value::Array(vec![first, Value::String(value)]);
            }
            None if is_list => {
                self.0.insert(bare.to_owned(), Value::Array(vec![Value::String(value)]));
            }
            None => {
                self.0.insert(bare.to_owned(), Value::String(value));
            }
        }
    }

    /// Sets a value, replacing what was there.
    pub fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// Whether a value is said to be none: by an empty text, or by a null, which everywhere else is as good as absent.
    pub fn is_emptied(&self, name: &str) -> bool {
        self.1.contains(name) || self.0.get(name).is_some_and(|value| value.as_str() == Some(""))
    }

    /// Takes a value away.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Takes over all values of `other` that are not present here.
    pub fn fill_from(&mut self, other: Self) {
        for (name, value) in other.0 {
            self.0.entry(name).or_insert(value);
        }
    }

    /// The raw value of a parameter that is present and not empty text.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| value.as_str() != Some(""))
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A text. Numbers and booleans are taken by their text; lists and objects are refused, so are texts with a zero byte, which
    /// no database keeps.
    pub fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => Err(zero_byte(name)),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(other) => Err(invalid_value(name, other)),
        }
    }

    /// A text that must be there.
    pub fn required_text(&self, name: &str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// A boolean: `1`, `0`, `true`, `false`, as text or as JSON.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(value) => match value.to_string().trim_matches('"').to_ascii_lowercase().as_str() {
                "1" | "true" => Ok(Some(true)),
                "0" | "false" => Ok(Some(false)),
                _ => Err(invalid_value(name, value)),
            },
        }
    }

    /// A whole number, as text or as JSON.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                number.as_i64().map(Some).ok_or_else(|| invalid_value(name, &Value::Number(number.clone())))
            }
            Some(Value::String(text)) => match text.trim().parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(invalid_value(name, &Value::String(text.clone()))),
            },
            Some(other) => Err(invalid_value(name, other)),
        }
    }

    /// A whole number within a range, or the default.
    pub fn integer_in(&self, name: &str, range: std::ops::RangeInclusive<i64>, default: i64) -> Result<i64, ApiError> {
        let number = self.integer(name)?.unwrap_or(default);
        if range.contains(&number) {
            return Ok(number);
        }
        let text =
            format!("Invalid value {number} for parameter {name}: between {} and {}", range.start(), range.end());
        Err(ApiError::invalid(text))
    }

    /// A list of texts: a JSON array, a repeated name, or one text joined by commas. Absent is `None`.
    pub fn list(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.contains('\0') => Err(zero_byte(name)),
            Some(Value::String(text)) => Ok(Some(split_commas(text))),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) if text.contains('\0') => Err(zero_byte(name)),
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    other => Err(invalid_value(name, other)),
                })
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(invalid_value(name, other)),
        }
    }

    /// A list whose texts may hold commas: a JSON array, a repeated name, or one text, which may itself be a JSON array.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let items = match value {
            Value::Array(items) => items.clone(),
            Value::String(text) if text.trim_start().starts_with('[') => match serde_json::from_str(text) {
                Ok(Value::Array(items)) => items,
                _ => return Err(invalid_value(name, value)),
            },
            single => vec![single.clone()],
        };
        let texts = items.iter().map(|item| match item {
            Value::String(text) if text.contains('\0') => Err(zero_byte(name)),
            Value::String(text) => Ok(text.clone()),
            other => Err(invalid_value(name, other)),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// An object: JSON, or text that holds a JSON object.
    pub fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members.clone())),
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(Value::Object(members)) => Ok(Some(members)),
                _ => Err(invalid_value(name, &Value::String(text.clone()))),
            },
            Some(other) => Err(invalid_value(name, other)),
        }
    }

    /// Every value as the text that a request signature covers: lists joined by commas, JSON values by their JSON text.
    pub fn signed_texts(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(name, value)| (name.clone(), signed_text(value, &str::to_owned))).collect()
    }

    /// The same as clients write it that escape the commas within lists; nothing where that is no other text.
    pub fn signed_texts_with_commas(&self) -> Option<BTreeMap<String, String>> {
        let escaped = |text: &str| text.replace(',', "\\,");
        let texts = self.0.iter().map(|(name, value)| match value {
            Value::Array(_) => (name.clone(), signed_text(value, &escaped)),
            value => (name.clone(), signed_text(value, &str::to_owned)),
        });
        // With a backslash in it, one text would stand for two lists.
        let has_backslash = self.0.values().any(|value| value.is_array() && value.to_string().contains("\\\\"));
        Some(texts.collect()).filter(|texts| !has_backslash && *texts != self.signed_texts())
    }
}

impl From<Map<String, Value>> for Params {
    fn from(members: Map<String, Value>) -> Self {
        Self(members, BTreeSet::new())
    }
}

impl From<Params> for Map<String, Value> {
    fn from(params: Params) -> Self {
        params.0
    }
}

fn signed_text(value: &Value, item: &dyn Fn(&str) -> String) -> String {
    match value {
        Value::String(text) => item(text),
        Value::Array(items) => items.iter().map(|one| signed_text(one, item)).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Whether what follows a `[` marks a list: `]` or digits and `]`.
fn is_list_suffix(rest: &str) -> bool {
    rest.strip_suffix(']').is_some_and(|index| index.bytes().all(|b| b.is_ascii_digit()))
}

/// The items between commas; one that is escaped belongs to its item.
fn split_commas(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, items.last_mut()) {
            ('\\', Some(item)) if rest.peek() == Some(&',') => item.extend(rest.next()),
            (',', _) => items.push(String::new()),
            (other, Some(item)) => item.push(other),
            (_, None) => {}
        }
    }
    items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The 400 for a value of the wrong type or range.
pub fn invalid_value(name: &str, value: &Value) -> ApiError {
    let mut text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.len() > 100 {
        text = text.chars().take(100).chain(['…']).collect();
    }
    ApiError::invalid(format!("Invalid value {text} for parameter {name}"))
}

fn zero_byte(name: &str) -> ApiError {
    ApiError::invalid(format!("Invalid value for parameter {name}: it holds a zero byte"))
}

/// The 400 for a parameter that has to be there.
pub fn missing(name: &str) -> ApiError {
    ApiError::invalid(format!("Missing required parameter - {name}"))
}

impl FromRequest for Params {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move { Ok(read(&request, payload).await?) })
    }
}

/// Reads the query and a small body. What stands in the body wins over the query.
async fn read(request: &HttpRequest, payload: Payload) -> Result<Params, ApiError> {
    let query = Params::from_urlencoded(request.query_string());
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let declared: Option<usize> = header(CONTENT_LENGTH).and_then(|text| text.parse().ok());
    if declared.is_some_and(|length| length > BODY_LIMIT) {
        return Err(too_long());
    }
    let content_type = header(CONTENT_TYPE).unwrap_or_default().to_owned();
    let body = read_body(payload).await?;
    let mut params = if body.is_empty() {
        Params::new()
    } else if let Ok(boundary) = multer::parse_boundary(&content_type) {
        from_multipart(body, boundary).await?
    } else if content_type.starts_with("application/json") {
        Params::from_json(&body)?
    } else {
        match std::str::from_utf8(&body) {
            Ok(text) => Params::from_urlencoded(text),
            Err(_) => return Err(ApiError::invalid("The body is neither JSON nor a form")),
        }
    };
    params.fill_from(query);
    Ok(params)
}

async fn read_body(mut payload: Payload) -> Result<actix_web::web::Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| ApiError::invalid(format!("The body could not be read: {error}")))?;
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

async fn from_multipart(body: actix_web::web::Bytes, boundary: String) -> Result<Params, ApiError> {
    let malformed = |error: multer::Error| ApiError::invalid(format!("Malformed multipart body: {error}"));
    let stream = futures::stream::once(async move { Ok::<_, std::io::Error>(body) });
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut params = Params::new();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(ApiError::invalid("Malformed multipart body: a part has no name"));
        };
        params.append(&name, part.text().await.map_err(malformed)?);
    }
    Ok(params)
}

fn too_long() -> ApiError {
    ApiError::invalid(format!("The body is longer than {BODY_LIMIT} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_every_spelling() {
        for text in ["ids[]=a&ids[]=b", "ids=a&ids=b", "ids[0]=a&ids[1]=b", "ids=a,b", "ids=a%2C+b"] {
            let params = Params::from_urlencoded(text);
            assert_eq!(params.list("ids").unwrap().unwrap(), ["a", "b"], "{text}");
        }
        let json = Params::from_json(br#"{"ids":["a","b"]}"#).unwrap();
        assert_eq!(json.list("ids").unwrap().unwrap(), ["a", "b"]);
    }

    #[test]
    fn booleans_are_read_in_every_spelling() {
        for (body, expected) in [
            (r#"{"enabled":true}"#, Some(true)),
            (r#"{"enabled":"true"}"#, Some(true)),
            (r#"{"enabled":0}"#, Some(false)),
            (r#"{"enabled":"0"}"#, Some(false)),
            (r#"{"enabled":null}"#, None),
            (r#"{}"#, None),
        ] {
            let params = Params::from_json(body.as_bytes()).unwrap();
            assert_eq!(params.boolean("enabled").unwrap(), expected, "{body}");
        }
        let wrong = Params::from_json(br#"{"enabled":"perhaps"}"#).unwrap();
        assert_eq!(wrong.boolean("enabled").unwrap_err().message(), "Invalid value perhaps for parameter enabled");
    }

    #[test]
    fn wrong_types_are_refused_by_name() {
        let params = Params::from_json(br#"{"name":{"a":1},"page":"x","ids":[{}]}"#).unwrap();
        assert!(params.text("name").unwrap_err().message().ends_with("for parameter name"));
        assert!(params.integer("page").unwrap_err().message().ends_with("for parameter page"));
        assert!(params.list("ids").unwrap_err().message().ends_with("for parameter ids"));
        assert!(Params::from_json(b"[1]").is_err());
        assert!(Params::from_json(b"{").is_err());
    }

    #[test]
    fn signed_texts_join_lists() {
        let params = Params::from_urlencoded("tags[]=a&tags[]=b&x=1");
        assert_eq!(params.signed_texts()["tags"], "a,b");
    }
}
