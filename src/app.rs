//! The HTTP application that a process serves: the rooms of its planes behind one edge.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix_web::{HttpResponse, http::Method, web};
use control_plane::ControlPlane;
use data_plane::DataPlane;
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{
        access::{Public, Reason},
        docs::{self, Reference},
        routes::Routes,
    },
    telemetry::metrics::Metrics,
};

/// What one process serves.
#[derive(Clone)]
pub struct Planes {
    /// The control plane, if this process has one.
    pub control: Option<ControlPlane>,
    /// The data plane, if this process has one.
    pub data: Option<DataPlane>,
    /// The samples that the first page shows, with their delivery address; only in `dev`.
    pub showcase: Option<Showcase>,
    /// Metrics of the process.
    pub metrics: Arc<Metrics>,
    /// Set while the process drains.
    pub draining: Arc<AtomicBool>,
}

/// What the first page shows.
#[derive(Debug, Clone)]
pub struct Showcase {
    /// Delivery address with the cloud name.
    pub delivery_url: String,
    /// Name of the unsigned preset.
    pub upload_preset: String,
    /// Whether the samples are there.
    pub has_samples: bool,
}

/// Probes and metrics are for whoever runs the process; they say nothing of any tenant.
struct Operations;

impl Reason for Operations {
    const NAME: &'static str = "operations";
    const WHY: &'static str = "Probes and metrics say nothing of any tenant.";
}

/// The first page holds no secret.
struct FirstPage;

impl Reason for FirstPage {
    const NAME: &'static str = "first_page";
    const WHY: &'static str = "The first page holds no secret.";
}

impl Planes {
    /// The routes of this process, in the order in which they are tried.
    pub fn routes(&self) -> Routes {
        let mut routes = Routes::new();
        for (path, get) in [("/healthz", Probe::Alive), ("/readyz", Probe::Ready), ("/metrics", Probe::Metrics)] {
            match get {
                Probe::Alive => routes.add_spelling("healthz", Method::GET, path, healthz),
                Probe::Ready => routes.add_spelling("readyz", Method::GET, path, readyz),
                Probe::Metrics => routes.add_spelling("metrics", Method::GET, path, metrics),
            }
        }
        routes.add_spelling("first_page", Method::GET, "/", first_page);
        routes.merge(docs::routes());
        if self.control.is_some() {
            routes.merge(ControlPlane::routes());
        }
        if self.data.is_some() {
            routes.merge(data_plane::routes());
        }
        routes
    }

    /// The reference of what this process serves. What most readers come for stands first.
    pub fn reference(&self) -> Reference {
        let (data, control) = (self.data.is_some(), self.control.is_some());
        let names: Vec<&'static str> =
            [data.then_some("data-plane"), control.then_some("control-plane")].into_iter().flatten().collect();
        Reference::new(&names, sdk_gen::documents)
    }

    /// Sets an HTTP application up.
    pub fn configure(&self, routes: &Routes, reference: &web::Data<Reference>, config: &mut web::ServiceConfig) {
        config
            .app_data(reference.clone())
            .app_data(web::Data::new(Arc::clone(&self.metrics)))
            .app_data(web::Data::new(self.clone()));
        if let Some(control) = &self.control {
            control.configure(config);
        }
        if let Some(data) = &self.data {
            data.configure(config);
        }
        routes.configure(config);
    }

    /// Whether everything that this process serves can be served.
    async fn ready(&self) -> Result<(), ApiError> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(ApiError::unavailable("Draining", 5));
        }
        if let Some(control) = &self.control {
            control.ready().await.map_err(|error| {
                ApiError::unavailable("The control database does not answer", 5)
                    .with_operator_text(plane_kit::error::chain(&error))
            })?;
        }
        match &self.data {
            Some(data) => data.ready().await,
            None => Ok(()),
        }
    }
}

enum Probe {
    Alive,
    Ready,
    Metrics,
}

async fn healthz(_: Public<Operations>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

async fn readyz(_: Public<Operations>, planes: web::Data<Planes>) -> Result<HttpResponse, ApiError> {
    planes.ready().await?;
    Ok(HttpResponse::Ok().content_type("text/plain").body("ready\n"))
}

async fn metrics(_: Public<Operations>, planes: web::Data<Planes>) -> Result<HttpResponse, ApiError> {
    let text = planes
        .metrics
        .expose()
        .map_err(|error| ApiError::new(ErrorCode::Internal, "General Error").with_operator_text(error.to_string()))?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text))
}

async fn first_page(_: Public<FirstPage>, planes: web::Data<Planes>) -> HttpResponse {
    let body = match &planes.showcase {
        Some(showcase) => showcase.page(),
        None => PAGE.replace("{body}", "<p>This is a Safelight server. Its <a href=\"/docs/\">API reference</a>.</p>"),
    };
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(body)
}

const PAGE: &str = include_str!("first_page.html");

impl Showcase {
    fn page(&self) -> String {
        let url = &self.delivery_url;
        let pictures = [
            ("c_fill,g_auto,h_240,w_320", "samples/landscape.jpg", "Fill a box around the most interesting part"),
            ("c_limit,w_320/e_grayscale", "samples/landscape.jpg", "Limit the width, then grey"),
            ("c_thumb,h_240,w_240/r_max/f_png", "samples/landscape.jpg", "A round thumbnail with transparency"),
            ("b_rgb:182030,c_pad,h_240,w_320", "samples/logo.png", "Pad on a colour"),
            ("c_scale,w_320/e_blur:400", "samples/landscape.jpg", "Blur"),
            ("c_scale,w_160", "samples/pulse.gif", "An animation keeps its frames"),
        ];
        let figures: String = pictures
            .iter()
            .map(|(transformation, sample, what)| {
                format!(
                    "<figure><a href=\"{url}/image/upload/{transformation}/{sample}\"><img alt=\"{what}\" \
                     src=\"{url}/image/upload/{transformation}/{sample}\"></a><figcaption>{what}<br>\
                     <code>{transformation}</code></figcaption></figure>"
                )
            })
            .collect();
        let pictures =
            if self.has_samples { format!("<div class=\"pictures\">{figures}</div>") } else { String::new() };
        let body = format!(
            "<p>Running. The <a href=\"/docs/\">API reference</a> is served from here, so are \
             <a href=\"/metrics\">metrics</a>.</p>{pictures}<h2>What to paste</h2>\
             <p>In the folder where the server was started, the file <code>.env.safelight</code> holds the variables of the \
             official SDKs:</p><pre>set -a; . ./.env.safelight; set +a</pre>\
             <p>An upload without any secret, under the unsigned preset:</p>\
             <pre>curl -F upload_preset={} -F file=@photo.jpg {}</pre>",
            self.upload_preset,
            upload_address(url)
        );
        PAGE.replace("{body}", &body)
    }
}

/// `http://host/demo` → `http://host/v1_1/demo/image/upload`.
pub fn upload_address(delivery_url: &str) -> String {
    match delivery_url.rsplit_once('/') {
        Some((host, cloud_name)) => format!("{host}/v1_1/{cloud_name}/image/upload"),
        None => String::new(),
    }
}
