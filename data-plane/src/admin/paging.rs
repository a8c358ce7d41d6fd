//! Cursors, as calls name them.

use plane_kit::{
    error::ApiError,
    http::params::{Params, invalid_value},
};
use serde_json::Value;

use crate::assets::list::Cursor;

/// A cursor of the wire. One of another listing is refused.
pub(super) fn cursor(params: &Params, name: &str, listing: [u8; 4]) -> Result<Option<Cursor>, ApiError> {
    let Some(text) = params.text(name)? else {
        return Ok(None);
    };
    Cursor::parse(&text, listing).map(Some).ok_or_else(|| invalid_value(name, &Value::String(text)))
}
