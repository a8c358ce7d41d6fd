//! What the vendor's wire has and this server has not built yet, answered by name.
//!
//! A gap list is committed text, one `METHOD /path` a line; it is the same text that the routes are made from, so a gap that is
//! filled has to be taken off the list, and an operation on neither side is a plain 404.

use actix_web::{HttpRequest, http::Method};

use super::{
    access::{Public, Reason},
    routes::Routes,
};
use crate::error::ApiError;

/// An operation that is not built has nothing to protect.
pub struct NotBuilt;

impl Reason for NotBuilt {
    const NAME: &'static str = "not_built";
    const WHY: &'static str = "The answer is only that the operation is not built yet.";
}

/// The `METHOD /path` lines of a gap list, without comments and blank lines.
pub fn lines(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim().split_once(' '))
}

/// Routes that answer every operation of the list with a 400 that names it.
pub fn routes(list: &'static str) -> Routes {
    routes_of(lines(list))
}

/// Routes of some lines of a list, for planes whose other patterns would swallow them.
pub fn routes_of(lines: impl IntoIterator<Item = (&'static str, &'static str)>) -> Routes {
    let mut routes = Routes::new();
    for (method, path) in lines {
        if let Ok(method) = Method::from_bytes(method.as_bytes()) {
            routes.add_spelling("not_built", method, path, not_built);
        }
    }
    routes
}

async fn not_built(_: Public<NotBuilt>, request: HttpRequest) -> Result<String, ApiError> {
    let path = request.match_pattern().unwrap_or_else(|| request.path().to_owned()).replace(":.+}", "}");
    Err(ApiError::not_built(format!("{} {path}", request.method())))
}
