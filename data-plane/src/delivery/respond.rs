//! The answer of delivery, the only responder on its routes. It spends the usage ticket with the bytes that it hands over.

use std::{
    fmt,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder,
    body::{BodySize, BoxBody, MessageBody},
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, stream::BoxStream};
use plane_kit::error::{ApiError, ErrorCode};
use transform::{grammar::Attachment, hints::Vary, source::Format};

use super::{
    Failure,
    admit::AdmittedDelivery,
    locate::LocatedAsset,
    make::Made,
    prepare::Derived,
    range::{Asked, asked},
};
use crate::{
    Plane,
    assets::record::ResourceType,
    media::content_type,
    metering::ticket::UsageTicket,
    storage::{ObjectKey, StorageError},
};

/// How much is handed to the transport at a time.
const CHUNK: usize = 256 * 1024;
/// What keeps scripts in a delivered document from doing anything.
const DOCUMENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// What every answer with a body, or in place of one, says.
const ALWAYS: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "Content-Length,ETag,Server-Timing,Vary,X-Content-Type-Options,X-Cld-Error,X-Request-Id",
    ),
    (HeaderName::from_static("timing-allow-origin"), "*"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::ACCEPT_RANGES, "bytes"),
];

/// The request headers that decide how much is answered.
#[derive(Debug, Clone)]
pub struct Conditions {
    if_none_match: Option<String>,
    if_modified_since: Option<DateTime<Utc>>,
    range: Option<String>,
    if_range: Option<String>,
    is_head: bool,
}

impl Conditions {
    /// Reads them.
    pub fn read(request: &HttpRequest) -> Self {
        let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        Self {
            if_none_match: header(header::IF_NONE_MATCH).map(str::to_owned),
            if_modified_since: header(header::IF_MODIFIED_SINCE)
                .and_then(|text| DateTime::parse_from_rfc2822(text).ok())
                .map(|time| time.with_timezone(&Utc)),
            range: header(header::RANGE).map(str::to_owned),
            if_range: header(header::IF_RANGE).map(str::to_owned),
            is_head: request.method() == Method::HEAD,
        }
    }

    /// Whether what the client has is current. Entity tags are compared weakly.
    fn is_current(&self, etag: &str, changed_at: Option<DateTime<Utc>>) -> bool {
        match (&self.if_none_match, self.if_modified_since, changed_at) {
            (Some(tags), ..) => tags.split(',').any(|tag| {
                let tag = tag.trim();
                tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == etag
            }),
            (None, Some(since), Some(changed_at)) => changed_at.timestamp() <= since.timestamp(),
            _ => false,
        }
    }

    fn asked(&self, length: u64, etag: &str) -> Asked {
        let is_same = self.if_range.as_deref().is_none_or(|tag| tag.trim_matches('"') == etag);
        if is_same { asked(self.range.as_deref(), length) } else { Asked::Whole }
    }
}

/// Whom an answer may be kept for, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeptFor {
    is_shared: bool,
    /// At most so many seconds.
    seconds: Option<u64>,
}

impl KeptFor {
    /// Whoever asks the same, for as long as it would be kept anyway.
    pub const EVERYBODY: Self = Self { is_shared: true, seconds: None };
    /// Only who asked: it depended on the page that he came from.
    pub const ASKER: Self = Self { is_shared: false, seconds: None };

    /// Only who asked, and at most so many seconds.
    pub fn asker(seconds: u64) -> Self {
        Self { is_shared: false, seconds: Some(seconds) }
    }

    /// What both allow.
    pub fn and(self, other: Self) -> Self {
        let seconds = self.seconds.into_iter().chain(other.seconds).min();
        Self { is_shared: self.is_shared && other.is_shared, seconds }
    }
}

/// What `Cache-Control` says.
struct Keeping {
    is_shared: bool,
    seconds: u64,
    is_immutable: bool,
}

impl fmt::Display for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = if self.is_shared { "public" } else { "private" };
        let immutable = if self.is_immutable { ", immutable" } else { "" };
        write!(f, "{scope}, no-transform, max-age={}{immutable}", self.seconds)
    }
}

/// An answer under construction: its head is known, its body perhaps not yet.
pub struct Answer {
    head: Head,
    conditions: Conditions,
    body: Option<Body>,
    status: StatusCode,
}

struct Head {
    etag: String,
    content_type: HeaderValue,
    keeping: Keeping,
    vary: Vary,
    changed_at: Option<DateTime<Utc>>,
    attachment: Option<String>,
    is_document: bool,
    content_range: Option<String>,
}

enum Body {
    Nothing,
    /// A length and no bytes, for HEAD.
    Length(u64),
    Bytes(Bytes),
    Stream(u64, BoxStream<'static, Result<Bytes, StorageError>>),
}

impl Answer {
    /// The head of a stored original.
    pub fn original(
        plane: &Plane,
        admitted: &AdmittedDelivery<'_>,
        asset: &LocatedAsset,
        conditions: &Conditions,
    ) -> Self {
        let version = &asset.record.version;
        let content_type = match (asset.record.name.resource_type, Format::from_name(&version.format)) {
            (ResourceType::Image, Some(format)) => format.content_type(),
            (ResourceType::Video, _) => content_type(&version.format),
            _ => mime_guess::from_path(&asset.record.name.public_id).first_raw().unwrap_or("application/octet-stream"),
        };
        let head = Head {
            etag: version.md5.clone(),
            content_type: HeaderValue::from_static(content_type),
            keeping: keeping(plane, admitted, Vary::default()),
            vary: Vary::default(),
            changed_at: Some(version.uploaded_at),
            attachment: attachment(admitted, asset, &version.format),
            is_document: is_document(content_type),
            content_range: None,
        };
        Self::begin(head, conditions)
    }

    /// The head of a rendition, which is known before the rendition is.
    pub fn derived(
        plane: &Plane,
        admitted: &AdmittedDelivery<'_>,
        asset: &LocatedAsset,
        derived: &Derived,
        conditions: &Conditions,
    ) -> Self {
        let format = derived.plan.encode.format;
        let head = Head {
            etag: derived.etag.clone(),
            content_type: HeaderValue::from_static(format.content_type()),
            keeping: keeping(plane, admitted, derived.vary),
            vary: derived.vary,
            changed_at: None,
            attachment: attachment(admitted, asset, format.name()),
            is_document: is_document(format.content_type()),
            content_range: None,
        };
        let answer = Self::begin(head, conditions);
        if answer.is_complete() {
            plane.metrics.deliveries.with_label_values(&["not_modified"]).inc();
        }
        answer
    }

    fn begin(head: Head, conditions: &Conditions) -> Self {
        let is_current = conditions.is_current(&head.etag, head.changed_at);
        let (status, body) = match is_current {
            true => (StatusCode::NOT_MODIFIED, Some(Body::Nothing)),
            false => (StatusCode::OK, None),
        };
        Self { head, conditions: conditions.clone(), body, status }
    }

    /// The same, for whomever it may be kept for.
    pub(crate) fn kept_for(mut self, kept_for: KeptFor) -> Self {
        let keeping = &mut self.head.keeping;
        keeping.is_shared &= kept_for.is_shared;
        if let Some(seconds) = kept_for.seconds {
            keeping.seconds = keeping.seconds.min(seconds);
            keeping.is_immutable = false;
        }
        self
    }

    /// Whether there is nothing left to look up.
    pub fn is_complete(&self) -> bool {
        self.body.is_some()
    }

    /// Adds the bytes of a rendition, or the part of them that was asked for.
    pub fn with_made(mut self, made: &Made) -> Self {
        let length = made.bytes.len() as u64;
        self.head.changed_at = Some(made.made_at);
        self.body = Some(match self.part(length) {
            None => Body::Nothing,
            Some(part) if self.conditions.is_head => Body::Length(part.end - part.start),
            Some(part) => Body::Bytes(made.bytes.slice(part.start as usize..part.end as usize)),
        });
        self
    }

    /// Adds the bytes of the original, as a stream.
    pub(crate) async fn with_original(mut self, plane: &Plane, asset: &LocatedAsset) -> Result<Self, Failure> {
        if self.is_complete() {
            plane.metrics.deliveries.with_label_values(&["not_modified"]).inc();
            return Ok(self);
        }
        let version = &asset.record.version;
        self.body = Some(match self.part(version.bytes) {
            None => Body::Nothing,
            Some(part) if self.conditions.is_head => Body::Length(part.end - part.start),
            Some(part) => {
                let object = ObjectKey::original(asset.record.environment, version.id);
                let length = part.end - part.start;
                match plane.storage.stream(&object, part).await {
                    Ok(stream) => Body::Stream(length, Box::pin(stream)),
                    Err(StorageError::Missing(_)) => return Err(Failure::Replaced),
                    Err(error) => return Err(ApiError::from(error).into()),
                }
            }
        });
        plane.metrics.deliveries.with_label_values(&["original"]).inc();
        Ok(self)
    }

    /// Settles status and range for a body of `length` bytes; nothing when the range lies outside.
    fn part(&mut self, length: u64) -> Option<Range<u64>> {
        match self.conditions.asked(length, &self.head.etag) {
            Asked::Whole => Some(0..length),
            Asked::Part(range) => {
                self.status = StatusCode::PARTIAL_CONTENT;
                self.head.content_range = Some(format!("bytes {}-{}/{length}", range.start, range.end - 1));
                Some(range)
            }
            Asked::Outside => {
                self.status = ErrorCode::RangeNotSatisfiable.status();
                self.head.content_range = Some(format!("bytes */{length}"));
                None
            }
        }
    }

    /// The finished answer. From here on the ticket is the answer's to spend.
    pub fn deliver(self, ticket: UsageTicket) -> Delivered {
        Delivered { answer: self, ticket }
    }
}

/// What delivery answers with.
pub struct Delivered {
    answer: Answer,
    ticket: UsageTicket,
}

impl Responder for Delivered {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let Answer { head, body, status, .. } = self.answer;
        let mut response = HttpResponse::build(status);
        head.write_to(&mut response, status);
        match body.unwrap_or(Body::Nothing) {
            Body::Nothing => {
                if status == ErrorCode::RangeNotSatisfiable.status() {
                    self.ticket.tear_up();
                } else {
                    self.ticket.spend(0);
                }
                response.finish()
            }
            Body::Length(length) => {
                self.ticket.spend(0);
                response.body(LengthOnly(length))
            }
            Body::Bytes(bytes) => {
                let length = bytes.len() as u64;
                response.body(Metered { source: Source::Bytes(bytes), length, sent: 0, ticket: Some(self.ticket) })
            }
            Body::Stream(length, stream) => {
                response.body(Metered { source: Source::Stream(stream), length, sent: 0, ticket: Some(self.ticket) })
            }
        }
    }
}

impl Head {
    fn write_to(self, response: &mut HttpResponseBuilder, status: StatusCode) {
        response
            .insert_header((header::ETAG, format!("\"{}\"", self.etag)))
            .insert_header((header::CACHE_CONTROL, self.keeping.to_string()));
        for (name, value) in ALWAYS {
            response.insert_header((name, HeaderValue::from_static(value)));
        }
        if !self.vary.is_empty() {
            response.insert_header((header::VARY, self.vary.headers().join(", ")));
        }
        if let Some(changed_at) = self.changed_at {
            let time = std::time::SystemTime::from(changed_at);
            response.insert_header((header::LAST_MODIFIED, header::HttpDate::from(time)));
        }
        if status == StatusCode::NOT_MODIFIED {
            return;
        }
        response.insert_header((header::CONTENT_TYPE, self.content_type));
        if let Some(range) = self.content_range {
            response.insert_header((header::CONTENT_RANGE, range));
        }
        if let Some(attachment) = self.attachment {
            response.insert_header((header::CONTENT_DISPOSITION, attachment));
        }
        if self.is_document {
            response.insert_header((header::CONTENT_SECURITY_POLICY, DOCUMENT_POLICY));
        }
    }
}

/// Whether a browser would run what stands in it, drawings included.
fn is_document(content_type: &str) -> bool {
    content_type.contains("html") || content_type.contains("xml")
}

/// How long the answer may be kept, and by whom.
fn keeping(plane: &Plane, admitted: &AdmittedDelivery<'_>, vary: Vary) -> Keeping {
    if !admitted.is_public() {
        return Keeping { is_shared: false, seconds: 0, is_immutable: false };
    }
    let seconds = u64::from(plane.settings.delivery.max_age_days) * 86_400;
    let url = admitted.url();
    // `v1` is what clients write when they know no version; it names whatever is current.
    // What a name stands for, and what is said of the asset, may change while the address stays.
    let is_fixed = !url.transformation.had_names() && !url.transformation.needs_facts();
    let is_immutable =
        is_fixed && (url.version.is_some_and(|version| version > 1) || url.transformation.immutable_cache());
    Keeping { is_shared: vary.is_empty(), seconds, is_immutable }
}

/// What the file of a download is called.
pub(super) fn download_name(admitted: &AdmittedDelivery<'_>, asset: &LocatedAsset, format: &str) -> Option<String> {
    let Attachment { name } = admitted.url().transformation.attachment()?;
    let record = &asset.record;
    let last = record.name.public_id.rsplit('/').next().unwrap_or_default();
    let base = match name {
        Some(name) => name.as_str(),
        None if record.original_filename.is_empty() => last,
        None => record.original_filename.as_str(),
    };
    let has_extension = format.is_empty() || base.ends_with(&format!(".{format}"));
    Some(if has_extension { base.to_owned() } else { format!("{base}.{format}") })
}

/// `Content-Disposition` of a download.
fn attachment(admitted: &AdmittedDelivery<'_>, asset: &LocatedAsset, format: &str) -> Option<String> {
    let file = download_name(admitted, asset, format)?;
    let plain: String =
        file.chars().map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ' { c } else { '_' }).collect();
    if plain == file {
        return Some(format!("attachment; filename=\"{plain}\""));
    }
    let encoded = percent_encoding::utf8_percent_encode(&file, percent_encoding::NON_ALPHANUMERIC);
    Some(format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"))
}

/// A body that says how long it would be.
struct LengthOnly(u64);

impl MessageBody for LengthOnly {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

enum Source {
    Bytes(Bytes),
    Stream(BoxStream<'static, Result<Bytes, StorageError>>),
}

/// A body that counts what it hands over. The ticket is spent before the last bytes are given, so that whoever has read the whole
/// body finds it counted; a body that is dropped before its end spends what was handed over until then.
struct Metered {
    source: Source,
    length: u64,
    sent: u64,
    ticket: Option<UsageTicket>,
}

impl Metered {
    fn hand_over(&mut self, bytes: &Bytes) {
        self.sent += bytes.len() as u64;
        if self.sent >= self.length
            && let Some(ticket) = self.ticket.take()
        {
            ticket.spend(self.sent);
        }
    }
}

impl MessageBody for Metered {
    type Error = StorageError;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.length)
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StorageError>>> {
        let this = self.get_mut();
        let next = match &mut this.source {
            Source::Bytes(rest) if rest.is_empty() => None,
            Source::Bytes(rest) => Some(Ok(rest.split_to(rest.len().min(CHUNK)))),
            Source::Stream(stream) => std::task::ready!(Pin::new(stream).poll_next(cx)),
        };
        if let Some(Ok(bytes)) = &next {
            let bytes = bytes.clone();
            this.hand_over(&bytes);
        }
        Poll::Ready(next)
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.spend(self.sent);
        }
    }
}
