#![crate_type = "lib"]

use safelight_tests::proof::{
    actix_web::HttpRequest,
    plane_kit::{
        self,
        http::{
            access::{Public, Reason},
            routes::Routes,
        },
    },
    utoipa,
};

pub struct Pulse;

impl Reason for Pulse {
    const NAME: &'static str = "pulse";
    const WHY: &'static str = "An example.";
}

#[utoipa::path(get, path = "/pulse", responses((status = 200, description = "Alive")))]
async fn pulse(_: Public<Pulse>) -> &'static str {
    "alive"
}

/// The kind of argument that the twin has in the witness' place.
pub type Request = HttpRequest;

pub fn routes() -> Routes {
    let mut routes = Routes::new();
    plane_kit::routes!(routes; pulse);
    routes
}
