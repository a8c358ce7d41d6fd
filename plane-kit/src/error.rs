//! The one error of the edge: a code from the table, a text for the caller, a text for the operator.
//!
//! Layers below have enums of their own and convert at the handler. The middleware [`crate::http::edge`] logs; nobody else does.

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $name:literal),* $(,)?) => {
        /// Every error that an API of Safelight answers with. The names are part of the contract and committed in `openapi/error-codes.txt`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                let code = match self { $(Self::$variant => $status,)* };
                StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
}

error_codes! {
    /// A parameter or a body is malformed or out of range.
    InvalidRequest = 400 "invalid_request",
    /// Known on the wire, not built here yet; the text names it.
    NotBuilt = 400 "not_built",
    /// The uploaded file cannot be accepted (empty, damaged, no image, too large).
    InvalidFile = 400 "invalid_file",
    /// The signed timestamp is too old or in the future.
    StaleRequest = 400 "stale_request",
    /// The transformation of a delivery URL cannot be carried out.
    InvalidTransformation = 400 "invalid_transformation",
    /// No credentials, or credentials that do not hold.
    Unauthorized = 401 "unauthorized",
    /// A signature does not match.
    InvalidSignature = 401 "invalid_signature",
    /// The product environment or its account is switched off.
    Disabled = 401 "disabled",
    /// Known caller, no permission.
    Forbidden = 403 "forbidden",
    /// Not there, or not the caller's.
    NotFound = 404 "not_found",
    /// The path exists, the method does not.
    MethodNotAllowed = 405 "method_not_allowed",
    /// A name is taken.
    Conflict = 409 "conflict",
    /// The requested range lies outside the body.
    RangeNotSatisfiable = 416 "range_not_satisfiable",
    /// The hourly quota of the Admin API is used up (the vendor's historic status).
    QuotaExceeded = 420 "quota_exceeded",
    /// Too many requests at once; try again.
    Busy = 429 "busy",
    /// Our fault. The caller learns nothing but the request id.
    Internal = 500 "internal",
    /// Draining, or something we depend on is away.
    Unavailable = 503 "unavailable",
}

/// An error on its way to the caller.
#[derive(Debug)]
pub struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    operator: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    face: Face,
    details: Option<Box<Details>>,
    /// What a person sees in the place of no body.
    page: Option<Box<str>>,
}

/// What only the envelope of the permissions has room for.
#[derive(Debug)]
struct Details {
    code: Option<&'static str>,
    details: Value,
}

/// How an error is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    /// The vendor's JSON envelope.
    Envelope,
    /// The header `X-Cld-Error` and no body, as delivery does.
    Header,
    /// The same, for an error that caches may keep.
    LastingHeader,
}

/// The header in which delivery says what is wrong.
pub const X_CLD_ERROR: HeaderName = HeaderName::from_static("x-cld-error");

impl ApiError {
    /// An error with a text for the caller: a plain sentence that names what is wrong.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            operator: None,
            headers: Vec::new(),
            face: Face::Envelope,
            details: None,
            page: None,
        }
    }

    /// A 400 for input that is malformed or out of range.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// A 400 for something that is known on the wire and not built yet. `what` is named in the text.
    pub fn not_built(what: impl fmt::Display) -> Self {
        Self::new(ErrorCode::NotBuilt, format!("{what} is not built yet on this server"))
    }

    /// A 404.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// A 401.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unauthorized, message)
    }

    /// A 500. The caller reads a general text; the whole chain of `source` goes to the log.
    pub fn internal(source: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(ErrorCode::Internal, "General Error").with_operator_text(chain(source))
    }

    /// A 503 that asks the caller to come back after `seconds`.
    pub fn unavailable(message: impl Into<Cow<'static, str>>, seconds: u32) -> Self {
        Self::new(ErrorCode::Unavailable, message).with_retry_after(seconds)
    }

    /// Adds what only the operator reads, in the log.
    pub fn with_operator_text(mut self, text: impl Into<String>) -> Self {
        self.operator = Some(text.into());
        self
    }

    /// Adds a `Retry-After` header.
    pub fn with_retry_after(self, seconds: u32) -> Self {
        self.with_header(actix_web::http::header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same error under another code.
    pub fn with_code(mut self, code: ErrorCode) -> Self {
        self.code = code;
        self
    }

    /// Adds a response header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds what the envelope of the permissions says beside the text: `details`, an object, and a code of the vendor's in the place of
    /// the one that follows from the status.
    pub fn with_details(mut self, code: Option<&'static str>, details: Value) -> Self {
        self.details = Some(Box::new(Details { code, details }));
        self
    }

    /// The answer in the envelope of the permissions, the vendor's second version. The edge gives it to their paths, so that
    /// refusals of the gate wear it too.
    pub fn permissions_response(&self, request_id: &str) -> HttpResponse {
        let (category, code) = category_and_code(self.status_code());
        let details = self.details.as_deref();
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        response.json(PermissionsErrorEnvelope {
            error: PermissionsErrorMessage {
                category,
                code: details.and_then(|details| details.code).unwrap_or(code),
                message: self.message.to_string(),
                details: details.map(|details| details.details.clone()),
            },
            request_id: request_id.to_owned(),
        })
    }

    /// Shows the error as delivery does: in the header `X-Cld-Error`, without a body and not to be kept.
    pub fn for_delivery(mut self) -> Self {
        self.face = if self.face == Face::LastingHeader { Face::LastingHeader } else { Face::Header };
        self
    }

    /// The same with a page for a person who has opened the address.
    pub fn with_page(mut self, page: String) -> Self {
        self.page = Some(page.into());
        self
    }

    /// Shows the error as delivery does, and says that it lies in the URL itself: no upload and no setting can change it, so it may
    /// be kept for five minutes.
    pub fn of_the_url(mut self) -> Self {
        self.face = Face::LastingHeader;
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text for the operator, if there is more to say than the caller may read.
    pub fn operator_text(&self) -> Option<&str> {
        self.operator.as_deref()
    }

    /// The response headers that belong to this error.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        match self.face {
            Face::Envelope => {
                response.json(ErrorEnvelope { error: ErrorMessage { message: self.message.to_string() } })
            }
            Face::Header | Face::LastingHeader => {
                let caching = if self.face == Face::LastingHeader { "public, max-age=300" } else { "no-store" };
                response
                    .insert_header((X_CLD_ERROR, header_text(&self.message)))
                    .insert_header(("cache-control", caching))
                    .append_header(("vary", "Accept"))
                    .insert_header(("access-control-allow-origin", "*"))
                    .insert_header(("access-control-expose-headers", "X-Cld-Error,X-Request-Id"));
                match &self.page {
                    None => response.finish(),
                    Some(page) => response
                        .insert_header(("content-type", "text/html; charset=utf-8"))
                        .insert_header(("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"))
                        .body(page.to_string()),
                }
            }
        }
    }
}

/// Printable ASCII of at most 512 bytes; everything else is escaped.
fn header_text(message: &str) -> HeaderValue {
    let mut text = String::new();
    for c in message.chars() {
        match c {
            ' '..='~' => text.push(c),
            other => text.extend(other.escape_unicode()),
        }
        if text.len() > 500 {
            break;
        }
    }
    text.truncate(512);
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("General Error"))
}

impl From<sea_orm::DbErr> for ApiError {
    fn from(error: sea_orm::DbErr) -> Self {
        use sea_orm::DbErr;
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => {
                Self::unavailable("The database is not available", 1).with_operator_text(chain(&error))
            }
            _ => Self::internal(&error),
        }
    }
}

/// The vendor's error envelope.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorEnvelope {
    /// What went wrong.
    pub error: ErrorMessage,
}

/// The inside of the vendor's error envelope.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorMessage {
    /// A sentence that names the offending part.
    #[schema(example = "Missing required parameter - public_id")]
    pub message: String,
}

/// The error envelope of the permissions, the vendor's second version.
#[derive(Debug, Serialize, ToSchema)]
pub struct PermissionsErrorEnvelope {
    /// What went wrong.
    pub error: PermissionsErrorMessage,
    /// The id of the request, as in the header `X-Request-Id`.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    pub request_id: String,
}

/// The inside of the error envelope of the permissions.
#[derive(Debug, Serialize, ToSchema)]
pub struct PermissionsErrorMessage {
    /// `user_error` or `server_error`.
    #[schema(example = "user_error")]
    pub category: &'static str,
    /// The vendor's code.
    #[schema(example = "ACCOUNTS_00005")]
    pub code: &'static str,
    /// A sentence that names the offending part.
    #[schema(example = "Missing required parameter - name")]
    pub message: String,
    /// More about it; absent when there is no more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

/// Category and code as the vendor's examples pair them with statuses: what is not found is a `server_error` there.
fn category_and_code(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::CONFLICT => ("user_error", "ACCOUNTS_00006"),
        StatusCode::NOT_FOUND => ("server_error", "ACCOUNTS_00003"),
        status if status.is_server_error() => ("server_error", "ACCOUNTS_00001"),
        _ => ("user_error", "ACCOUNTS_00005"),
    }
}

/// The texts of an error and all its sources, outermost first.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}
