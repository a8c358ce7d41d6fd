//! The API reference, served from the binary; the page asks no address outside it.

use std::sync::{Arc, OnceLock};

use actix_web::{
    HttpResponse,
    http::header::{self, ContentType},
    web::{self, Bytes},
};
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

/// Documents by their names.
pub type Documents = Vec<(&'static str, OpenApi)>;

/// The documents behind the reference page. They are written when somebody first asks: what they are made from takes many times their size.
pub struct Reference {
    names: Vec<&'static str>,
    make: fn() -> Documents,
    made: OnceLock<Vec<(&'static str, Bytes)>>,
    page: Arc<Config<'static>>,
}

impl Reference {
    /// A reference over the documents of these names, which `make` makes, perhaps among others.
    pub fn new(names: &[&'static str], make: fn() -> Documents) -> Self {
        let urls = names.iter().map(|name| Url::from(format!("{DOCS_PATH}{name}.json")));
        Self { names: names.to_vec(), make, made: OnceLock::new(), page: Arc::new(Config::new(urls)) }
    }

    fn document(&self, wanted: &str) -> Option<Bytes> {
        let name = self.names.iter().find(|name| **name == wanted)?;
        let made = self.made.get_or_init(|| {
            // A document that cannot be written would be a fault of this program that its tests find.
            let written = |document| serde_json::to_vec(&document).unwrap_or_default().into();
            (self.make)().into_iter().map(|(name, document)| (name, written(document))).collect()
        });
        made.iter().find(|(made, _)| made == name).map(|(_, document)| document.clone())
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
    if let Some(document) = file.strip_suffix(".json").and_then(|name| reference.document(name)) {
        return Ok(HttpResponse::Ok().content_type(ContentType::json()).body(document));
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
