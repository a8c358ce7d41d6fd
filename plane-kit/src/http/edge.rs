//! The outermost layer of every request: request id, encoded slashes, CORS, the second net under access decisions, metrics,
//! and the one place that logs an error.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use uuid::Uuid;

use super::{access::Decision, path, rate::RateFigures};
use crate::{
    error::{ApiError, ErrorCode},
    telemetry::metrics::Metrics,
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request, 32 hexadecimal digits; answered as `X-Request-Id` and kept with what the request did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

impl RequestId {
    /// The id of a request that came through [`edge`]; a fresh one otherwise.
    pub fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().copied().unwrap_or_else(|| Self(Uuid::new_v4()))
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

/// The middleware itself, for `actix_web::middleware::from_fn`.
pub async fn edge<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let started = Instant::now();
    let id = RequestId(Uuid::new_v4());
    let decision = Decision::default();
    {
        let mut extensions = request.extensions_mut();
        extensions.insert(id);
        extensions.insert(decision.clone());
    }
    path::decode_slashes(&mut request);
    let is_api = path::is_api(request.path());

    let mut response = if request.method() == Method::OPTIONS {
        request.into_response(preflight()).map_into_right_body()
    } else {
        let metrics = request.app_data::<web::Data<Arc<Metrics>>>().cloned();
        let response = next.call(request).await?;
        if let Some(metrics) = metrics {
            // Outside the APIs there is one operation for each reason, and no need to ask the router again.
            let pattern = if is_api { response.request().match_pattern() } else { None };
            let operation = pattern.as_deref().or(decision.by());
            metrics.record_request(operation, response.status().as_u16(), started.elapsed());
        }
        if decision.by().is_some() { response.map_into_left_body() } else { undecided(response, id) }
    };

    log_outcome(&response, &decision, id, started);
    response = in_its_envelope(response, id);
    let figures = response.request().extensions().get::<RateFigures>().copied();
    let headers = response.headers_mut();
    if let Some(figures) = figures {
        figures.write_to(headers);
    }
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        headers.insert(X_REQUEST_ID, value);
    }
    if is_api {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(
                "X-Request-Id,X-Safelight-Refusal,X-Total-Count,X-FeatureRateLimit-Limit,X-FeatureRateLimit-Remaining,X-FeatureRateLimit-Reset",
            ),
        );
    }
    Ok(response)
}

/// The answer to a CORS preflight; nothing here depends on the path.
fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, DELETE, OPTIONS"))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-MD5, Content-Type, Content-Range, Range, If-None-Match, X-Requested-With, X-Unique-Upload-Id, \
             X-Upload-Part-Number, X-Upload-Total-Parts",
        ))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

/// The second net: an answer that no witness decided about is not given. The only such answers that may occur are the router's
/// own "no such route" and "not by this method", which are turned into the vendor's envelope.
fn undecided<B>(response: ServiceResponse<B>, id: RequestId) -> ServiceResponse<EitherBody<B>> {
    let (request, inner) = response.into_parts();
    let error = match inner.status() {
        StatusCode::NOT_FOUND => ApiError::not_found(format!("No such resource: {}", request.path())),
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = inner.headers().get(header::ALLOW).cloned();
            let allowed = allowed.unwrap_or_else(|| HeaderValue::from_static(""));
            let listed = allowed.to_str().unwrap_or_default();
            let text = format!("{} is not allowed here; allowed: {listed}", request.method());
            ApiError::new(ErrorCode::MethodNotAllowed, text).with_header(header::ALLOW, allowed)
        }
        StatusCode::BAD_REQUEST => ApiError::invalid("Malformed request"),
        status => ApiError::new(ErrorCode::Forbidden, "Not permitted")
            .with_operator_text(format!("an answer with status {status} carried no access decision")),
    };
    if let Some(metrics) = request.app_data::<web::Data<Arc<Metrics>>>()
        && error.code() == ErrorCode::Forbidden
    {
        metrics.undecided_responses.inc();
    }
    let response = if path::is_of_permissions(request.path()) {
        error.permissions_response(&id.to_string())
    } else {
        error.error_response()
    };
    ServiceResponse::new(request, response).map_into_right_body()
}

/// Gives an error of the permissions the envelope of the vendor's second version, whoever refused.
fn in_its_envelope<B>(response: ServiceResponse<EitherBody<B>>, id: RequestId) -> ServiceResponse<EitherBody<B>> {
    if !path::is_of_permissions(response.request().path()) {
        return response;
    }
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let Some(answer) = error.map(|error| error.permissions_response(&id.to_string())) else {
        return response;
    };
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, answer).map_into_right_body()
}

fn log_outcome<B>(response: &ServiceResponse<B>, decision: &Decision, id: RequestId, started: Instant) {
    let status = response.status();
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    if !status.is_server_error() && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let pattern = response.request().match_pattern();
    let operation = pattern.as_deref().or(decision.by()).unwrap_or_default();
    let duration_ms = started.elapsed().as_millis();
    match error {
        Some(error) if status.is_server_error() => tracing::error!(
            request_id = %id,
            operation,
            status = status.as_u16(),
            code = error.code().name(),
            duration_ms,
            detail = error.operator_text().unwrap_or_default(),
            "{error}"
        ),
        Some(error) => tracing::debug!(
            request_id = %id,
            operation,
            status = status.as_u16(),
            code = error.code().name(),
            duration_ms,
            detail = error.operator_text().unwrap_or_default(),
            "refused"
        ),
        None => tracing::debug!(request_id = %id, operation, status = status.as_u16(), duration_ms, "answered"),
    }
}
