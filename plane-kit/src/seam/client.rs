//! The HTTP carrier of the seam: a data plane's client of the control plane's `/internal` routes.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::{ControlLink, SeamError, SnapshotPage};
use crate::{
    audit::AuditBatch,
    ids::EnvironmentId,
    secret::Secret,
    usage::{UsageBatch, UsageSummary},
};

/// How long a call may take beyond the time it is asked to wait.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// A client of one control plane, on behalf of one region.
pub struct HttpLink {
    client: Client,
    base: String,
    region: String,
    token: Secret,
}

impl HttpLink {
    /// `base` is the control plane's address without a trailing slash; `token` is the region's.
    pub fn new(base: &str, region: &str, token: Secret) -> Result<Self, SeamError> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .build()
            .map_err(|error| SeamError::Refused(error.to_string()))?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned(), region: region.to_owned(), token })
    }

    fn request(&self, request: RequestBuilder, limit: Duration) -> RequestBuilder {
        request.bearer_auth(self.token.expose()).header("x-safelight-region", &self.region).timeout(limit)
    }
}

async fn answer(request: RequestBuilder) -> Result<Response, SeamError> {
    let response = request.send().await.map_err(|error| SeamError::Away(crate::error::chain(&error)))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = format!("{status}: {}", response.text().await.unwrap_or_default());
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Err(SeamError::Away(text))
    } else {
        Err(SeamError::Refused(text))
    }
}

async fn json<T: DeserializeOwned>(response: Response) -> Result<T, SeamError> {
    response.json().await.map_err(|error| SeamError::Away(crate::error::chain(&error)))
}

#[async_trait]
impl ControlLink for HttpLink {
    async fn snapshots(&self, after: i64, wait: Duration) -> Result<SnapshotPage, SeamError> {
        let url = format!("{}/internal/v1/regions/{}/snapshots", self.base, self.region);
        let query = [("after", after.to_string()), ("wait_ms", wait.as_millis().to_string())];
        let request = self.request(self.client.get(url).query(&query), wait + CALL_LIMIT);
        json(answer(request).await?).await
    }

    async fn ship(&self, batch: &UsageBatch) -> Result<(), SeamError> {
        let url = format!("{}/internal/v1/regions/{}/usage", self.base, self.region);
        answer(self.request(self.client.post(url).json(batch), CALL_LIMIT)).await.map(drop)
    }

    async fn ship_audit(&self, batch: &AuditBatch) -> Result<(), SeamError> {
        let url = format!("{}/internal/v1/regions/{}/audit", self.base, self.region);
        match answer(self.request(self.client.post(url).json(batch), CALL_LIMIT)).await {
            Ok(_) => Ok(()),
            // An older control plane has no such route; what it refuses for good it answers otherwise.
            Err(SeamError::Refused(text)) if text.starts_with("404") => Err(SeamError::Away(text)),
            Err(error) => Err(error),
        }
    }

    async fn usage(&self, environment: EnvironmentId) -> Result<UsageSummary, SeamError> {
        let url = format!("{}/internal/v1/usage/{environment}", self.base);
        json(answer(self.request(self.client.get(url), CALL_LIMIT)).await?).await
    }
}
