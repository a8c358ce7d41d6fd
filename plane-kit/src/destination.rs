//! Where notifications go.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{error::ApiError, http::params::invalid_value};

/// The longest address that notifications are sent to, in bytes: no index holds much more.
const LONGEST_ADDRESS: usize = 1024;
/// The longest name of a channel, and the longest batch id.
const LONGEST_CHANNEL: usize = 255;
/// The channel of what is asked for by its batch.
pub const ANONYMOUS: &str = "*";

/// Where a notification goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Destination {
    /// To an address, by HTTP.
    Webhook(String),
    /// Into a channel, until somebody asks for it; `*` is asked for by batch.
    Poll(String),
}

impl Destination {
    /// Reads an address of the wire.
    pub fn parse(parameter: &str, text: &str) -> Result<Self, ApiError> {
        let refused =
            |why: &str| Err(ApiError::invalid(format!("Invalid value {text} for parameter {parameter}: {why}")));
        if let Some(channel) = text.strip_prefix("poll://") {
            return match channel == ANONYMOUS || is_channel(channel) {
                true => Ok(Self::Poll(channel.to_owned())),
                false => refused("a channel is 1 to 255 letters, digits, `.`, `_`, `-` or `:`, or `*`"),
            };
        }
        if text.len() > LONGEST_ADDRESS {
            return Err(ApiError::invalid(format!(
                "Invalid value for parameter {parameter}: longer than {LONGEST_ADDRESS} bytes"
            )));
        }
        match Url::parse(text) {
            // What the parser would take out of the middle, as line ends, is no part of an address.
            Ok(url)
                if matches!(url.scheme(), "http" | "https")
                    && url.host_str().is_some()
                    && !text.chars().any(char::is_control) =>
            {
                Ok(Self::Webhook(text.to_owned()))
            }
            _ => refused("an http or https address, or poll:// and a channel"),
        }
    }

    /// Reads an address that stands for itself, and not for the batch of a call.
    pub fn parse_standing(parameter: &str, text: &str) -> Result<Self, ApiError> {
        match Self::parse(parameter, text)? {
            Self::Poll(channel) if channel == ANONYMOUS => Err(ApiError::invalid(format!(
                "Invalid value {text} for parameter {parameter}: without a call there is no batch to ask by; name a channel"
            ))),
            destination => Ok(destination),
        }
    }

    /// The address as it was given.
    pub fn uri(&self) -> String {
        match self {
            Self::Webhook(url) => url.clone(),
            Self::Poll(channel) => format!("poll://{channel}"),
        }
    }
}

/// An address as others may see it.
pub fn without_credentials(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(mut url) if url.password().is_some() || !url.username().is_empty() => {
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.to_string()
        }
        _ => uri.to_owned(),
    }
}

/// Whether a text can be the name of a channel, or a batch id.
fn is_channel(text: &str) -> bool {
    let is_fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':');
    !text.is_empty() && text.len() <= LONGEST_CHANNEL && text.bytes().all(is_fit)
}

/// Reads the id of a batch.
pub fn check_batch(parameter: &str, text: &str) -> Result<(), ApiError> {
    if is_channel(text) { Ok(()) } else { Err(invalid_value(parameter, &Value::String(text.into()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_addresses_or_channels() {
        for (text, expected) in [
            ("https://a.test/hook?x=1", Some(Destination::Webhook("https://a.test/hook?x=1".into()))),
            ("http://user:word@a.test:8080/", Some(Destination::Webhook("http://user:word@a.test:8080/".into()))),
            ("poll://orders", Some(Destination::Poll("orders".into()))),
            ("poll://*", Some(Destination::Poll("*".into()))),
            ("poll://", None),
            ("poll://a/b", None),
            ("poll://a*", None),
            ("ftp://a.test", None),
            ("a.test/hook", None),
            ("", None),
        ] {
            assert_eq!(Destination::parse("notification_url", text).ok(), expected, "{text}");
        }
        let long = format!("https://a.test/{}", "x".repeat(LONGEST_ADDRESS));
        assert!(Destination::parse("notification_url", &long).unwrap_err().message().contains("notification_url"));
    }
}
