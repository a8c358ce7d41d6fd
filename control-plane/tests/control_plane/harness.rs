//! A control plane on a database of its own, an account to work with, and calls over HTTP in process.

use std::{future::Future, net::SocketAddr, sync::Arc};

use actix_web::{
    App, HttpServer,
    http::{Method, StatusCode, header::HeaderMap},
    middleware::from_fn,
    test,
};
use control_plane::{AccountCredentials, ControlConfig, ControlError, ControlPlane, RegionCredentials};
use plane_kit::{
    clock::ManualClock,
    http::edge::edge,
    seal::{SealingKey, SealingRing},
    seam::{
        ControlLink,
        client::HttpLink,
        snapshot::{SignedSnapshot, TenantSnapshot, TrustedKey},
    },
    secret::Secret,
};
use sea_orm::{ConnectionTrait, Database};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

/// Where a PostgreSQL server for tests is named.
const POSTGRES_URL: &str = "SAFELIGHT_TEST_POSTGRES_URL";
/// The region of every stage.
pub const REGION: &str = "eu";
/// The operator's token of every stage.
pub const OPERATOR_TOKEN: &str = "a token of the operator";
/// The present time of every stage at its beginning: 23 November 2026, 12:00 UTC.
pub const START: i64 = 1_795_435_200;

/// Makes a test on each database of every case named.
#[macro_export]
macro_rules! on_both_databases {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(#[actix_web::test]
            async fn $case() {
                $crate::harness::on_sqlite(super::$case).await;
            })*
        }
        mod postgres {
            $(#[actix_web::test]
            async fn $case() {
                $crate::harness::on_postgres(super::$case).await;
            })*
        }
    };
}

/// Runs a case on a SQLite file of its own.
pub async fn on_sqlite<F: Future<Output = ()>>(case: impl FnOnce(Stage) -> F) {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/control.db", folder.path().display());
    case(Stage::open(&url).await).await;
}

/// Runs a case on a PostgreSQL database of its own, if there is a server for tests.
pub async fn on_postgres<F: Future<Output = ()>>(case: impl FnOnce(Stage) -> F) {
    let Ok(server) = std::env::var(POSTGRES_URL) else {
        eprintln!("NOT RUN on PostgreSQL: set {POSTGRES_URL} to the URL of a server on which databases may be made");
        return;
    };
    let name = format!("control_{}", Uuid::new_v4().as_simple());
    let admin = Database::connect(&server).await.unwrap();
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    let mut url = url::Url::parse(&server).unwrap();
    url.set_path(&name);
    case(Stage::open(url.as_str()).await).await;
    admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
}

/// What a call answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body as JSON; null when it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body of a 200.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Asserts a refusal in the vendor's envelope whose text contains `text`.
    #[track_caller]
    pub fn refused(&self, status: u16, text: &str) {
        let message = self.body["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(self.status, status, "{}", self.body);
        assert!(message.contains(text), "`{message}` does not contain `{text}`");
    }

    /// The members of the body, in their order.
    pub fn members(body: &Value) -> Vec<&str> {
        body.as_object().unwrap().keys().map(String::as_str).collect()
    }
}

/// The form of a body.
#[derive(Debug, Clone)]
pub enum Body {
    None,
    Json(Value),
    Form(&'static str),
}

/// A control plane with a region and an account.
pub struct Stage {
    pub url: String,
    pub plane: ControlPlane,
    pub clock: ManualClock,
    pub key: SealingKey,
    pub region: RegionCredentials,
    pub account: AccountCredentials,
    /// The address that calls come from; none, as long as it does not matter.
    pub peer: Option<SocketAddr>,
}

impl Stage {
    async fn open(url: &str) -> Self {
        let (clock, key) = (ManualClock::at(START), SealingKey::generate());
        let plane = open_plane(url, key.clone(), &clock, |_| {}).await.unwrap();
        let region = plane.add_region(REGION).await.unwrap();
        let account = plane.create_account("Acme", "free").await.unwrap();
        Self { url: url.to_owned(), plane, clock, key, region, account, peer: None }
    }

    /// A second node of the same control plane.
    pub async fn second_node(&self) -> ControlPlane {
        self.node_with(self.key.clone(), |_| {}).await.unwrap()
    }

    /// A node with other keys and settings.
    pub async fn node_with(
        &self,
        keys: impl Into<SealingRing>,
        change: impl FnOnce(&mut ControlConfig),
    ) -> Result<ControlPlane, ControlError> {
        open_plane(&self.url, keys, &self.clock, change).await
    }

    /// Calls the operator's API; `path` begins behind `/internal/v1/operator`.
    pub async fn operate(&self, method: Method, path: &str, body: Body) -> Answer {
        let headers = [("authorization", format!("Bearer {OPERATOR_TOKEN}"))];
        self.send(method, &format!("/internal/v1/operator{path}"), &headers, body).await
    }

    /// Calls the Provisioning API as the account; `path` begins behind the account id.
    pub async fn call(&self, method: Method, path: &str, body: Body) -> Answer {
        self.call_as(&self.account, method, path, body).await
    }

    /// Calls the Provisioning API as some account.
    pub async fn call_as(&self, account: &AccountCredentials, method: Method, path: &str, body: Body) -> Answer {
        let path = format!("/v1_1/provisioning/accounts/{}{path}", account.account.id);
        let credentials = format!("{}:{}", account.api_key, account.api_secret.expose());
        self.send(method, &path, &[("authorization", basic(&credentials))], body).await
    }

    /// Calls `/internal` with the region's own credentials.
    pub async fn call_internal(&self, method: Method, path: &str, body: Body) -> Answer {
        let token = self.region.token.as_ref().unwrap().expose();
        let headers = [("authorization", format!("Bearer {token}")), ("x-safelight-region", self.region.name.clone())];
        self.send(method, path, &headers, body).await
    }

    /// Sends a request to the control plane in process.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&'static str, String)], body: Body) -> Answer {
        let plane = self.plane.clone();
        let app = App::new().wrap(from_fn(edge)).configure(|config| {
            plane.configure(config);
            ControlPlane::routes().configure(config);
        });
        let app = test::init_service(app).await;
        let mut request = test::TestRequest::with_uri(path).method(method);
        if let Some(peer) = self.peer {
            request = request.peer_addr(peer);
        }
        for (name, value) in headers {
            request = request.insert_header((*name, value.as_str()));
        }
        request = match body {
            Body::None => request,
            Body::Json(value) => request.set_json(value),
            Body::Form(text) => {
                request.insert_header(("content-type", "application/x-www-form-urlencoded")).set_payload(text)
            }
        };
        let response = test::call_service(&app, request.to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = String::from_utf8_lossy(&test::read_body(response).await).into_owned();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Makes a product environment and answers its id. Time moves by a microsecond, so that one made later sorts behind.
    pub async fn environment(&self, cloud_name: &str) -> String {
        self.clock.advance(std::time::Duration::from_micros(1));
        let body = serde_json::json!({"name": cloud_name, "cloud_name": cloud_name});
        let made = self.call(Method::POST, "/sub_accounts", Body::Json(body)).await.ok();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Runs a statement behind the back of the control plane; `{}` stands for the schema.
    pub async fn execute(&self, statement: &str) {
        let schema = if self.url.starts_with("sqlite") { "" } else { "control." };
        let connection = Database::connect(&self.url).await.unwrap();
        connection.execute_unprepared(&statement.replace("{}", schema)).await.unwrap();
        connection.close().await.unwrap();
    }

    /// The two carriers of the seam for the stage's region.
    pub async fn links(&self) -> [(&'static str, Arc<dyn ControlLink>); 2] {
        let plane = self.plane.clone();
        let server = HttpServer::new(move || {
            App::new().wrap(from_fn(edge)).configure(|config| {
                plane.configure(config);
                ControlPlane::routes().configure(config);
            })
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        let token: Secret = self.region.token.clone().unwrap();
        let http = HttpLink::new(&base, REGION, token).unwrap();
        [("in process", self.plane.link_for_region(REGION)), ("over HTTP", Arc::new(http))]
    }

    /// Reads a snapshot as the region would.
    pub fn read(&self, signed: &SignedSnapshot) -> TenantSnapshot {
        signed.open(REGION, &TrustedKey::parse(&self.region.trusted_key).unwrap()).unwrap()
    }
}

async fn open_plane(
    url: &str,
    keys: impl Into<SealingRing>,
    clock: &ManualClock,
    change: impl FnOnce(&mut ControlConfig),
) -> Result<ControlPlane, ControlError> {
    let mut config = ControlConfig {
        database_url: url.to_owned(),
        default_region: REGION.to_owned(),
        operator_token: OPERATOR_TOKEN.to_owned(),
        ..ControlConfig::default()
    };
    change(&mut config);
    ControlPlane::open(config, keys.into(), Arc::new(clock.clone())).await
}

/// The value of an `Authorization` header.
pub fn basic(credentials: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(credentials))
}
