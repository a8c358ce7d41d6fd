//! The API reference, served from the binary; the page asks no address outside it.

use std::sync::Arc;

use actix_web::{HttpResponse, http::header, web};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, Url};

use super::{
    access::{Public, Reason},
    routes::Routes,
};
use crate::error::ApiError;

/// Where the reference lives.
pub const DOCS_PATH: &str = "/docs/";

/// The description of an API holds nothing of a tenant.
pub struct ApiDescription;

impl Reason for ApiDescription {
    const NAME: &'static str = "api_description";
    const WHY: &'static str = "The description of the API holds nothing of any tenant.";
}

/// The documents behind the reference page.
pub struct Reference {
    documents: Vec<(&'static str, OpenApi)>,
    page: Arc<Config<'static>>,
}

impl Reference {
    /// A reference over the given documents (`name`, document).
    pub fn new(documents: Vec<(&'static str, OpenApi)>) -> Self {
        let urls = documents.iter().map(|(name, _)| Url::from(format!("{DOCS_PATH}{name}.json")));
        let page = Arc::new(Config::new(urls));
        Self { documents, page }
    }
}

/// The routes of the reference page. They need a [`Reference`] among the application's data.
pub fn routes() -> Routes {
    let mut routes = Routes::new();
    routes.add_spelling("docs", actix_web::http::Method::GET, "/docs", to_reference);
    routes.add_spelling("docs", actix_web::http::Method::GET, "/docs/{file:.*}", reference);
    routes
}

async fn to_reference(_: Public<ApiDescription>) -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, DOCS_PATH)).finish()
}

async fn reference(
    _: Public<ApiDescription>,
    file: web::Path<String>,
    reference: web::Data<Reference>,
) -> Result<HttpResponse, ApiError> {
    let document =
        file.strip_suffix(".json").and_then(|name| reference.documents.iter().find(|(known, _)| *known == name));
    if let Some((_, document)) = document {
        return Ok(HttpResponse::Ok().json(document));
    }
    match utoipa_swagger_ui::serve(&file, Arc::clone(&reference.page)) {
        Ok(Some(page)) => {
            let mut response = HttpResponse::Ok();
            response.content_type(page.content_type);
            if page.gzpipped {
                response.insert_header((header::CONTENT_ENCODING, "gzip"));
            }
            Ok(response.body(page.bytes.into_owned()))
        }
        Ok(None) => Err(ApiError::not_found(format!("No such page: {DOCS_PATH}{file}"))),
        Err(error) => Err(ApiError::internal(error.as_ref())),
    }
}
