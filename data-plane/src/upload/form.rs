//! Reading the form of an Upload API call as a stream.
//!
//! Most official clients send the file last, so the signature is checked before its first byte is staged. What a client sends whose
//! credentials come behind the file goes to staging that is bounded more tightly, and is checked before anything looks at the file.

use std::{
    net::IpAddr,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{
    HttpRequest,
    http::{
        Method,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    web,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::StreamExt;
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{edge::RequestId, params::Params},
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    remote,
    stage::{Staged, Staging, StagingError},
    trust::TrustedFile,
};
use crate::{DataPlane, tenants::Tenant};

/// Fields other than the file may be this long together.
const FIELDS_LIMIT: usize = 1024 * 1024;
/// What each field costs beside its text, so that empty ones are not free.
const FIELD_COST: usize = 64;
/// How much of a multipart body may come without a part or a piece of one ending.
const UNFRAMED_LIMIT: usize = 4 * 1024 * 1024;
/// How much of a part shows whether it begins as an address or a data URI.
const LONGEST_SCHEME: usize = 16;
/// How much of a refused body is read and thrown away, so that the client gets to read the answer.
const DRAIN_LIMIT: usize = 256 * 1024 * 1024;

/// The fields of a call, and its file.
pub struct UploadForm {
    /// All fields but the file.
    pub params: Params,
    /// The file, if one came.
    pub file: Option<UploadFile>,
}

/// A file of a form.
pub struct UploadFile {
    /// The bytes.
    pub staged: Staged,
    /// The name that the client gave.
    pub filename: Option<String>,
    /// The place that it has among the large files whose credentials come behind them.
    pub place: Option<TrustedFile>,
}

/// What the fields before a file prove of the caller's right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// He has it.
    Authorized,
    /// Nothing; what would prove it may come behind the file.
    Unknown,
    /// He does not have it, whatever comes.
    Refused,
}

/// What is checked as soon as the fields before the file are known.
pub trait EarlyCheck {
    /// What these fields prove of the caller's right.
    #[expect(async_fn_in_trait, reason = "used within one thread of this crate, where nobody asks whether it is Send")]
    async fn standing(&self, params: &Params) -> Standing;
}

/// Reads a whole form. `check` decides how much of a file is staged on trust.
pub async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    plane: &DataPlane,
    tenant: &Tenant,
    check: &impl EarlyCheck,
) -> Result<UploadForm, ApiError> {
    let content_type =
        request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let body = pump(payload);
    let is_multipart = content_type.starts_with("multipart/");
    let mut form = if request.method() == Method::PUT {
        bare_file(request, body, plane, tenant, check).await?
    } else if is_multipart {
        let boundary = multer::parse_boundary(&content_type)
            .map_err(|_| ApiError::invalid("Malformed multipart body: the Content-Type names no boundary"))?;
        let address = request.peer_addr().map(|peer| peer.ip());
        let mut reader = Reader { plane, tenant, check, address, params: Params::new(), fields: 0, file: None };
        reader.multipart(body, boundary).await?;
        UploadForm { params: reader.params, file: reader.file }
    } else {
        // Nothing of such a body is known before all of it is, so it is bounded like a file without credentials.
        let limit = text_limit(tenant, plane, Standing::Unknown) + FIELDS_LIMIT;
        let bytes = collect(body, limit, tenant).await?;
        let is_form = content_type.is_empty() || content_type.starts_with("application/x-www-form-urlencoded");
        let params = if content_type.starts_with("application/json") {
            Params::from_json(&bytes)?
        } else if !is_form && !bytes.is_empty() {
            return Err(ApiError::invalid(format!("Unsupported Content-Type {content_type}; use multipart/form-data")));
        } else {
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| ApiError::invalid("The body is neither multipart/form-data nor a form nor JSON"))?;
            Params::from_urlencoded(text)
        };
        UploadForm { params, file: None }
    };
    form.params.fill_from(Params::from_urlencoded(request.query_string()));
    Ok(form)
}

impl UploadForm {
    /// The address of a remote file that stands in the place of the file.
    pub fn address(file: Option<&UploadFile>, params: &Params) -> Option<String> {
        let text = params.get("file").filter(|_| file.is_none())?.as_str()?;
        let (scheme, _) = text.split_once("://")?;
        let is_http = ["http", "https"].iter().any(|http| scheme.eq_ignore_ascii_case(http));
        (is_http && url::Url::parse(text).is_ok()).then(|| text.to_owned())
    }

    /// The file, wherever it came or is to be had. Called once the credentials hold.
    pub async fn take_file(
        file: Option<UploadFile>,
        params: &Params,
        plane: &DataPlane,
        tenant: &Tenant,
        request: RequestId,
        asked: &str,
    ) -> Result<Option<UploadFile>, ApiError> {
        let limit = text_limit(tenant, plane, Standing::Authorized);
        if let Some(source) = file.as_ref().map(|file| source_in(file, asked, limit)).transpose()?.flatten() {
            return from_text(&source, plane, tenant, request).await.map(Some);
        }
        match (file, params.get("file")) {
            (None, Some(serde_json::Value::String(source))) => {
                from_text(source, plane, tenant, request).await.map(Some)
            }
            (file, _) => Ok(file),
        }
    }
}

/// The body as a stream that may cross threads, which the payload itself may not. What nobody takes any more is drained.
fn pump(mut payload: web::Payload) -> mpsc::Receiver<Result<Bytes, String>> {
    let (sender, receiver) = mpsc::channel(4);
    actix_web::rt::spawn(async move {
        let mut drained = 0;
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| error.to_string());
            let is_broken = chunk.is_err();
            let length = chunk.as_ref().map_or(0, Bytes::len);
            if sender.send(chunk).await.is_err() {
                drained += length;
            }
            if is_broken || drained > DRAIN_LIMIT {
                return;
            }
        }
    });
    receiver
}

async fn collect(
    mut body: mpsc::Receiver<Result<Bytes, String>>,
    limit: usize,
    tenant: &Tenant,
) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.recv().await {
        bytes.extend_from_slice(&chunk.map_err(broken)?);
        if bytes.len() > limit {
            return Err(too_large(bytes.len() as u64, tenant));
        }
    }
    Ok(bytes)
}

struct Reader<'a, C: EarlyCheck> {
    plane: &'a DataPlane,
    tenant: &'a Tenant,
    check: &'a C,
    address: Option<IpAddr>,
    params: Params,
    fields: usize,
    file: Option<UploadFile>,
}

impl<C: EarlyCheck> Reader<'_, C> {
    async fn multipart(
        &mut self,
        body: mpsc::Receiver<Result<Bytes, String>>,
        boundary: String,
    ) -> Result<(), ApiError> {
        // The parser keeps what it cannot frame yet; a body that never frames anything must not be kept for ever.
        let unframed = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&unframed);
        let stream = futures::stream::unfold((body, taken), |(mut body, taken)| async move {
            let chunk = body.recv().await?.map_err(std::io::Error::other).and_then(|chunk| {
                let kept = taken.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
                if kept > UNFRAMED_LIMIT {
                    return Err(std::io::Error::other("too long without a part"));
                }
                Ok(chunk)
            });
            Some((chunk, (body, taken)))
        });
        let mut parts = multer::Multipart::new(stream, boundary);
        while let Some(part) = within(self.until(), parts.next_field()).await?.map_err(malformed)? {
            unframed.store(0, Ordering::Relaxed);
            let Some(name) = part.name().map(str::to_owned) else {
                return Err(ApiError::invalid("Malformed multipart body: a part has no name"));
            };
            if name == "file" && (self.file.is_some() || self.params.get("file").is_some()) {
                return Err(ApiError::invalid("Malformed multipart body: more than one file"));
            }
            if name == "file" && is_file(&part) {
                self.file = Some(self.stage(part, &unframed).await?);
            } else {
                let limit = if name == "file" {
                    text_limit(self.tenant, self.plane, self.check.standing(&self.params).await)
                } else {
                    FIELDS_LIMIT.saturating_sub(self.fields)
                };
                let value = self.text(&name, part, limit, &unframed).await?;
                self.fields += name.len() + FIELD_COST;
                if name != "file" {
                    self.fields += value.len();
                }
                if self.fields > FIELDS_LIMIT {
                    return Err(ApiError::invalid(format!(
                        "The fields are longer than {FIELDS_LIMIT} bytes at {name}"
                    )));
                }
                self.params.append(&name, value);
            }
        }
        Ok(())
    }

    async fn text(
        &self,
        name: &str,
        mut part: multer::Field<'_>,
        limit: usize,
        unframed: &AtomicUsize,
    ) -> Result<String, ApiError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = within(self.until(), part.chunk()).await?.map_err(malformed)? {
            unframed.store(0, Ordering::Relaxed);
            if bytes.len() + chunk.len() > limit {
                return Err(if name == "file" {
                    too_large((bytes.len() + chunk.len()) as u64, self.tenant)
                } else {
                    ApiError::invalid(format!("The fields are longer than {FIELDS_LIMIT} bytes at {name}"))
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| ApiError::invalid(format!("Parameter {name} is not UTF-8")))
    }

    async fn stage(&self, mut part: multer::Field<'_>, unframed: &AtomicUsize) -> Result<UploadFile, ApiError> {
        let filename = part.file_name().map(str::to_owned);
        let standing = self.check.standing(&self.params).await;
        let mut arriving = Arriving::begin(self.plane, self.tenant, standing, self.address)?;
        while let Some(chunk) = within(arriving.until(), part.chunk()).await?.map_err(malformed)? {
            unframed.store(0, Ordering::Relaxed);
            arriving.take(&chunk)?;
        }
        arriving.finish(filename)
    }

    /// When the call has to be whole.
    fn until(&self) -> Option<Instant> {
        self.file.as_ref().and_then(|file| file.place.as_ref()).map(|place| place.until)
    }
}

/// A file that is arriving, within the bounds of whoever sends it.
struct Arriving<'a> {
    plane: &'a DataPlane,
    tenant: &'a Tenant,
    standing: Standing,
    /// The place among the large files that are staged on trust, once it is one.
    place: Option<TrustedFile>,
    address: Option<IpAddr>,
    staging: Staging,
}

impl<'a> Arriving<'a> {
    fn begin(
        plane: &'a DataPlane,
        tenant: &'a Tenant,
        standing: Standing,
        address: Option<IpAddr>,
    ) -> Result<Self, ApiError> {
        let mut staging = plane.scratch.begin()?;
        if standing != Standing::Authorized {
            // Nobody waits for the disk for a stranger's file.
            staging.settle_late();
        }
        Ok(Self { plane, tenant, standing, place: None, address, staging })
    }

    fn until(&self) -> Option<Instant> {
        self.place.as_ref().map(|place| place.until)
    }

    fn finish(self, filename: Option<String>) -> Result<UploadFile, ApiError> {
        Ok(UploadFile { staged: self.staging.finish()?, filename, place: self.place })
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        let total = self.staging.bytes() + bytes.len() as u64;
        if total > self.tenant.most_bytes() {
            return Err(too_large(total, self.tenant));
        }
        let trusted = self.plane.settings.uploads.unverified_bytes;
        if self.standing == Standing::Refused && total > trusted {
            return Err(ApiError::unauthorized(format!(
                "The credentials of a file of more than {trusted} bytes must be valid, and permit the call"
            )));
        }
        if self.standing == Standing::Unknown && total > trusted && self.place.is_none() {
            let busy = || {
                let text = format!(
                    "Too many files of more than {trusted} bytes wait for credentials that come behind them; put them before the file, or try again"
                );
                ApiError::new(ErrorCode::Busy, text).with_retry_after(5)
            };
            self.place = Some(self.plane.trusted_files.take(self.address).ok_or_else(busy)?);
        }
        Ok(self.staging.write(bytes)?)
    }
}

/// A file that is all of the body, with its parameters in the address.
async fn bare_file(
    request: &HttpRequest,
    mut body: mpsc::Receiver<Result<Bytes, String>>,
    plane: &DataPlane,
    tenant: &Tenant,
    check: &impl EarlyCheck,
) -> Result<UploadForm, ApiError> {
    let params = Params::from_urlencoded(request.query_string());
    // Nothing can come behind the file.
    let standing = match check.standing(&params).await {
        Standing::Unknown => Standing::Refused,
        standing => standing,
    };
    let mut arriving = Arriving::begin(plane, tenant, standing, None)?;
    while let Some(chunk) = body.recv().await {
        arriving.take(&chunk.map_err(broken)?)?;
    }
    let mut staged = arriving.staging.finish()?;
    if let Some(said) = request.headers().get("content-md5") {
        let said = STANDARD.decode(said.as_bytes()).map(hex::encode);
        if said.as_deref() != Ok(staged.md5().await?) {
            return Err(ApiError::new(ErrorCode::InvalidFile, "The file is not the one that Content-MD5 speaks of"));
        }
    }
    Ok(UploadForm { params, file: Some(UploadFile { staged, filename: None, place: None }) })
}

/// Whether a part brings bytes. A text that stands in the place of a file has no name, no type but that of text and no length of its own;
/// what clients send that they read from a stream has at least a length.
fn is_file(part: &multer::Field<'_>) -> bool {
    let is_text = part.content_type().is_none_or(|kind| kind.type_() == "text");
    part.file_name().is_some() || part.headers().contains_key(CONTENT_LENGTH.as_str()) || !is_text
}

/// What lies behind a file that is none: the data URI or the address that a part holds whose client could not tell it from one. A raw
/// file that has a name may be a list of addresses, and is what it is. Called once the credentials hold.
fn source_in(file: &UploadFile, asked: &str, limit: usize) -> Result<Option<String>, ApiError> {
    let UploadFile { staged, filename, .. } = file;
    let head = String::from_utf8_lossy(&staged.head[..staged.head.len().min(LONGEST_SCHEME)]).to_ascii_lowercase();
    let is_source =
        ["data:", "http://", "https://", "ftp://", "s3://", "gs://"].iter().any(|scheme| head.starts_with(scheme));
    let may_be = filename.is_none() || matches!(asked, "image" | "video");
    if !is_source || !may_be || staged.bytes > limit as u64 {
        return Ok(None);
    }
    let mut bytes = vec![0; usize::try_from(staged.bytes).unwrap_or(usize::MAX)];
    staged.file().read_exact_at(&mut bytes, 0).map_err(StagingError::from)?;
    Ok(String::from_utf8(bytes).ok().map(|text| text.trim_end().to_owned()))
}

/// Waits for what comes, until the call has to be whole.
async fn within<T>(until: Option<Instant>, coming: impl Future<Output = T>) -> Result<T, ApiError> {
    let late = |_| ApiError::new(ErrorCode::Busy, "The credentials behind the file took too long").with_retry_after(5);
    match until {
        Some(until) => tokio::time::timeout_at(until, coming).await.map_err(late),
        None => Ok(coming.await),
    }
}

/// A file that came as text: a data URI, or the address of a remote file.
async fn from_text(
    source: &str,
    plane: &DataPlane,
    tenant: &Tenant,
    request: RequestId,
) -> Result<UploadFile, ApiError> {
    if let Some(data) = source.strip_prefix("data:") {
        let malformed = || ApiError::invalid("Invalid value for parameter file: malformed data URI");
        let (kind, data) = data.split_once(',').ok_or_else(malformed)?;
        let bytes = if kind.ends_with(";base64") {
            let compact: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            STANDARD.decode(compact).map_err(|_| malformed())?
        } else {
            percent_encoding::percent_decode_str(data).collect()
        };
        if bytes.len() as u64 > tenant.most_bytes() {
            return Err(too_large(bytes.len() as u64, tenant));
        }
        let mut staging: Staging = plane.scratch.begin()?;
        staging.write(&bytes)?;
        return Ok(UploadFile { staged: staging.finish()?, filename: None, place: None });
    }
    match source.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
        Some("http" | "https") => {
            let (staged, filename) = Box::pin(remote::take(source, plane, tenant, request)).await?;
            Ok(UploadFile { staged, filename, place: None })
        }
        Some(scheme @ ("ftp" | "s3" | "gs")) => {
            Err(ApiError::not_built(format!("Upload from {scheme}:// (parameter file)")))
        }
        _ => Err(ApiError::invalid("Invalid value for parameter file: neither a file, a data URI nor an http address")),
    }
}

/// How long a file may be as base64 text.
fn text_limit(tenant: &Tenant, plane: &DataPlane, standing: Standing) -> usize {
    let limit = tenant.most_bytes();
    let limit =
        if standing == Standing::Authorized { limit } else { limit.min(plane.settings.uploads.unverified_bytes) };
    usize::try_from(limit.saturating_mul(4) / 3 + 1024).unwrap_or(usize::MAX)
}

fn too_large(bytes: u64, tenant: &Tenant) -> ApiError {
    let limit = tenant.most_bytes();
    ApiError::new(ErrorCode::InvalidFile, format!("File size too large. Got at least {bytes}. Maximum is {limit}."))
}

fn malformed(error: multer::Error) -> ApiError {
    ApiError::invalid(format!("Malformed multipart body: {error}"))
}

fn broken(error: String) -> ApiError {
    ApiError::invalid(format!("The body could not be read: {error}"))
}
