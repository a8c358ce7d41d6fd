//! The answer to a browser's form that was sent into a frame (`callback`): it is sent on to a page that reads the result from its
//! address. Scripts that sent the form themselves get the result as it is.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ContentType, LOCATION},
};
use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value},
};
use serde_json::{Value, json};
use url::Url;

/// The longest address of a callback, in characters.
const LONGEST: usize = 2000;

/// Reads `callback`.
pub fn read(params: &Params) -> Result<Option<Url>, ApiError> {
    let Some(text) = params.text("callback")?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && text.len() <= LONGEST);
    url.map(Some).ok_or_else(|| invalid_value("callback", &json!(text)))
}

/// Whether a script sent the request and reads its answer.
pub(super) fn is_by_script(request: &HttpRequest) -> bool {
    let by = request.headers().get("x-requested-with").and_then(|value| value.to_str().ok());
    by.is_some_and(|by| by.eq_ignore_ascii_case("XMLHttpRequest"))
}

/// Sends the browser on, with what is plain in the result as parameters.
pub(super) fn to(mut callback: Url, result: &Value) -> HttpResponse {
    {
        let mut pairs = callback.query_pairs_mut();
        for (name, value) in result.as_object().into_iter().flatten() {
            match value {
                Value::Array(items) => {
                    for item in items.iter().filter_map(plain) {
                        pairs.append_pair(&format!("{name}[]"), &item);
                    }
                }
                value => {
                    if let Some(text) = plain(value) {
                        pairs.append_pair(name, &text);
                    }
                }
            }
        }
    }
    let shown = callback.as_str().replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    HttpResponse::Found()
        .insert_header((LOCATION, callback.as_str()))
        .insert_header(ContentType::html())
        .body(format!("<html><body>You are being <a href=\"{shown}\">redirected</a>.</body></html>"))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_true) => Some(is_true.to_string()),
        _ => None,
    }
}
