//! A client of one product environment, and of an account, that can also be wrong on purpose.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use plane_kit::{
    secret::Secret,
    signature::{self, Algorithm, Escaping},
};
use reqwest::{Client, Method, RequestBuilder, multipart};
use serde_json::Value;

use super::eventually;

/// How long the ledger may lag behind.
const USAGE_LIMIT: Duration = Duration::from_secs(30);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Sends a request and reads the answer.
    pub async fn to(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.into() })
    }

    /// A header, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; fails the test if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The text of a refusal: the error envelope's message, or the delivery header.
    pub fn message(&self) -> String {
        let envelope: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        match envelope["error"]["message"].as_str() {
            Some(message) => message.to_owned(),
            None => self.header("x-cld-error").to_owned(),
        }
    }

    /// The JSON of a success; fails the test with the answer otherwise.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The bytes of a delivered body; fails the test with the answer otherwise.
    pub fn delivered(self) -> Vec<u8> {
        assert_eq!(self.status, 200, "{} {}", self.message(), self.text());
        self.body
    }
}

/// A client of one product environment.
#[derive(Clone)]
pub struct Tenant {
    http: Client,
    api: String,
    delivery: String,
    /// The cloud name.
    pub cloud: String,
    /// The access key.
    pub key: String,
    /// Its secret.
    pub secret: String,
}

impl Tenant {
    /// `api` is the address without a path, `delivery` the one with the cloud name.
    pub fn new(api: &str, delivery: &str, cloud: &str, key: &str, secret: &str) -> Self {
        Self {
            http: http(),
            api: api.trim_end_matches('/').to_owned(),
            delivery: delivery.trim_end_matches('/').to_owned(),
            cloud: cloud.to_owned(),
            key: key.to_owned(),
            secret: secret.to_owned(),
        }
    }

    /// The same client with another key.
    pub fn with_key(&self, key: &str, secret: &str) -> Self {
        Self { key: key.to_owned(), secret: secret.to_owned(), ..self.clone() }
    }

    /// The HTTP client, for requests that this type has no word for.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// The address of an API operation of this environment.
    pub fn api_url(&self, path: &str) -> String {
        format!("{}/v1_1/{}/{path}", self.api, self.cloud)
    }

    /// The address of a delivery: everything behind the cloud name.
    pub fn delivery_url(&self, path: &str) -> String {
        format!("{}/{path}", self.delivery)
    }

    /// Calls the Admin API.
    pub async fn admin(&self, method: Method, path: &str) -> Answer {
        let request = self.http.request(method, self.api_url(path)).basic_auth(&self.key, Some(&self.secret));
        Answer::to(request).await.expect("the server answers")
    }

    /// Calls the Admin API with a JSON body.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.http.request(method, self.api_url(path)).basic_auth(&self.key, Some(&self.secret));
        Answer::to(request.json(&body)).await.expect("the server answers")
    }

    /// Calls an address of the API host that is not of the Admin API's first version, with a JSON body or none.
    pub async fn send_to(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.api));
        let request = request.basic_auth(&self.key, Some(&self.secret));
        let request = if body.is_null() { request } else { request.json(&body) };
        Answer::to(request).await.expect("the server answers")
    }

    /// Reads notifications: those that wait, or the log of those that are sent.
    pub async fn notifications(&self, path: &str) -> Value {
        let path = format!("/v2/notifications/{}/{path}", self.cloud);
        self.send_to(Method::GET, &path, Value::Null).await.ok()
    }

    /// Reads from the Admin API.
    pub async fn get(&self, path: &str) -> Answer {
        self.admin(Method::GET, path).await
    }

    /// Fetches a delivery.
    pub async fn fetch(&self, path: &str) -> Answer {
        self.fetch_with(path, &[]).await
    }

    /// Fetches a delivery with request headers.
    pub async fn fetch_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.http.get(self.delivery_url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::to(request).await.expect("the server answers")
    }

    /// Begins an upload of these bytes as an image.
    pub fn upload(&self, bytes: impl Into<Vec<u8>>) -> Upload<'_> {
        Upload {
            tenant: self,
            action: "image/upload".into(),
            file: Some(bytes.into()),
            file_name: "picture.jpg".into(),
            parameters: BTreeMap::new(),
            credentials: Credentials::Signature,
            headers: Vec::new(),
        }
    }

    /// Begins a signed call of the Upload API without a file, as `image/destroy`.
    pub fn signed(&self, action: &str) -> Upload<'_> {
        Upload { action: action.into(), file: None, ..self.upload(Vec::new()) }
    }

    /// Removes an image.
    pub async fn destroy(&self, public_id: &str) -> Answer {
        self.signed("image/destroy").parameter("public_id", public_id).send().await
    }

    /// Usage of which everything up to now is counted.
    pub async fn settled_usage(&self) -> Usage {
        let now = Utc::now();
        eventually("usage that is complete", USAGE_LIMIT, async || {
            let answer = self.get("usage").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let usage = Usage::read(&answer.json());
            (usage.complete_until > now).then_some(usage)
        })
        .await
    }
}

/// An HTTP client with connections of its own.
pub fn http() -> Client {
    // Refused when another test of this process was first, which is just as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder()
        .timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("an HTTP client can be made")
}

/// How an upload shows who sends it.
enum Credentials {
    Signature,
    Given { api_key: String, timestamp: String, signature: String },
    None,
}

/// A call of the Upload API under construction.
pub struct Upload<'a> {
    tenant: &'a Tenant,
    action: String,
    file: Option<Vec<u8>>,
    file_name: String,
    parameters: BTreeMap<String, String>,
    credentials: Credentials,
    headers: Vec<(String, String)>,
}

impl Upload<'_> {
    /// Another operation than `image/upload`.
    pub fn action(mut self, action: &str) -> Self {
        self.action = action.into();
        self
    }

    /// Sets a parameter.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Names the asset.
    pub fn public_id(self, public_id: &str) -> Self {
        self.parameter("public_id", public_id)
    }

    /// Names the file.
    pub fn file_name(mut self, name: &str) -> Self {
        self.file_name = name.to_owned();
        self
    }

    /// Adds a request header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends no credentials, only the name of a preset.
    pub fn unsigned(mut self, preset: &str) -> Self {
        self.credentials = Credentials::None;
        self.parameter("upload_preset", preset)
    }

    /// Sends no credentials at all.
    pub fn anonymous(mut self) -> Self {
        self.credentials = Credentials::None;
        self
    }

    /// Sends these credentials, right or wrong.
    pub fn credentials(mut self, api_key: &str, timestamp: &str, signature: &str) -> Self {
        let [api_key, timestamp, signature] = [api_key, timestamp, signature].map(str::to_owned);
        self.credentials = Credentials::Given { api_key, timestamp, signature };
        self
    }

    /// Signs as of another time.
    pub fn signed_at(mut self, timestamp: i64) -> Self {
        let signed = self.signed_parameters(&timestamp.to_string());
        let signature = signed["signature"].clone();
        self.credentials =
            Credentials::Given { api_key: self.tenant.key.clone(), timestamp: timestamp.to_string(), signature };
        self
    }

    fn signed_parameters(&self, timestamp: &str) -> BTreeMap<String, String> {
        let mut all = self.parameters.clone();
        all.insert("timestamp".into(), timestamp.to_owned());
        let secret = Secret::new(self.tenant.secret.clone());
        let signature = signature::sign_request(&all, &secret, Algorithm::Sha1, Escaping::Ampersand);
        all.insert("api_key".into(), self.tenant.key.clone());
        all.insert("signature".into(), signature);
        all
    }

    /// The form without the file.
    pub fn fields(&self) -> BTreeMap<String, String> {
        match &self.credentials {
            Credentials::None => self.parameters.clone(),
            Credentials::Signature => self.signed_parameters(&Utc::now().timestamp().to_string()),
            Credentials::Given { api_key, timestamp, signature } => {
                let mut all = self.parameters.clone();
                all.insert("api_key".into(), api_key.clone());
                all.insert("timestamp".into(), timestamp.clone());
                all.insert("signature".into(), signature.clone());
                all
            }
        }
    }

    /// The request.
    pub fn request(self) -> RequestBuilder {
        let mut form = multipart::Form::new();
        for (name, value) in self.fields() {
            form = form.text(name, value);
        }
        if let Some(file) = self.file {
            form = form.part("file", multipart::Part::bytes(file).file_name(self.file_name));
        }
        let mut request = self.tenant.http.post(self.tenant.api_url(&self.action)).multipart(form);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request
    }

    /// Sends it. `Err` if the connection broke.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        Answer::to(self.request()).await
    }

    /// Sends what is signed as the query of a GET.
    pub async fn get(self) -> Answer {
        let mut request = self.tenant.http.get(self.tenant.api_url(&self.action)).query(&self.fields());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Answer::to(request).await.expect("the server answers")
    }

    /// Sends it and reads the answer.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("the server answers")
    }
}

/// The counted usage of an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Weighted transformations.
    pub transformations: i64,
    /// Bytes delivered.
    pub bandwidth: i64,
    /// Bytes stored.
    pub storage: i64,
    /// Delivery requests.
    pub requests: i64,
    /// Assets.
    pub resources: i64,
    /// Derived assets.
    pub derived_resources: i64,
    /// Everything before this moment is counted. A region that has not reported yet has counted nothing.
    pub complete_until: DateTime<Utc>,
}

impl Usage {
    fn read(answer: &Value) -> Self {
        let number = |value: &Value, name: &str| {
            value.as_i64().unwrap_or_else(|| panic!("usage has no whole number `{name}`: {answer}"))
        };
        Self {
            transformations: number(&answer["transformations"]["usage"], "transformations.usage"),
            bandwidth: number(&answer["bandwidth"]["usage"], "bandwidth.usage"),
            storage: number(&answer["storage"]["usage"], "storage.usage"),
            requests: number(&answer["requests"], "requests"),
            resources: number(&answer["resources"], "resources"),
            derived_resources: number(&answer["derived_resources"], "derived_resources"),
            complete_until: answer["complete_until"].as_str().map_or(DateTime::<Utc>::MIN_UTC, |until| {
                until.parse().unwrap_or_else(|error| panic!("complete_until `{until}`: {error}"))
            }),
        }
    }

    /// The counts without the date, for comparisons.
    pub fn counts(&self) -> [(&'static str, i64); 6] {
        [
            ("transformations", self.transformations),
            ("bandwidth", self.bandwidth),
            ("storage", self.storage),
            ("requests", self.requests),
            ("resources", self.resources),
            ("derived_resources", self.derived_resources),
        ]
    }
}

/// A client of the Provisioning API.
#[derive(Clone)]
pub struct Account {
    http: Client,
    base: String,
    key: String,
    secret: String,
}

impl Account {
    /// `api` is the control plane's address without a path.
    pub fn new(api: &str, account_id: &str, key: &str, secret: &str) -> Self {
        Self {
            http: http(),
            base: format!("{}/v1_1/provisioning/accounts/{account_id}", api.trim_end_matches('/')),
            key: key.to_owned(),
            secret: secret.to_owned(),
        }
    }

    /// Calls the Provisioning API.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request =
            self.http.request(method, format!("{}/{path}", self.base)).basic_auth(&self.key, Some(&self.secret));
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::to(request).await.expect("the server answers")
    }

    /// Makes a product environment and returns its description.
    pub async fn create_environment(&self, name: &str) -> Value {
        let body = serde_json::json!({"name": name, "cloud_name": name});
        self.call(Method::POST, "sub_accounts", Some(body)).await.ok()
    }
}
