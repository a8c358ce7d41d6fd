//! Uploads: whole, or a chunk of one.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::access::Public,
};
use serde::Serialize;
use serde_json::json;
use url::Url;
use utoipa::ToSchema;

use super::{
    CredentialsInBody,
    ahead::of_existing,
    authorize::{AuthorizedUpload, SignatureCheck, authorize},
    calls::{tenant_of, with_named_key},
    chunks::{Chunk, assembly, begun::begun},
    delete_token,
    form::{self, UploadFile, UploadForm},
    later::{self, PendingResult},
    parameters::{FileFacts, ResolvedUpload, resolve, resource_type},
    redirect,
    store::{Stored, store},
};
use crate::{
    DataPlane,
    access::named_operation,
    analyses::find,
    assets::{AssetStore, analyses::Questions, commit::Ends, record::ResourceType},
    views::UploadResult,
};

/// The form of an upload, for the description. Further parameters of the vendor's wire are accepted or refused by name.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; the form is read as a stream")]
pub struct UploadRequest {
    /// The file, a `data:` URI, or the http address of a remote file.
    #[schema(value_type = String, format = Binary)]
    file: String,
    /// Access key of a signed upload.
    #[schema(example = "123456789012345")]
    api_key: Option<String>,
    /// Unix seconds, at most an hour old.
    timestamp: Option<i64>,
    /// Digest over all other fields but the file, sorted.
    signature: Option<String>,
    /// Preset; an unsigned one replaces key and signature.
    upload_preset: Option<String>,
    /// Name of the asset; made up when absent.
    #[schema(example = "cats/tom")]
    public_id: Option<String>,
    /// Whether an asset of this name is replaced.
    overwrite: Option<bool>,
    /// Tags, joined by commas.
    tags: Option<String>,
    /// `key=value` pairs, joined by `|`.
    context: Option<String>,
    /// Folder that the asset is shown in.
    asset_folder: Option<String>,
    /// `upload`, `private` or `authenticated`.
    r#type: Option<String>,
    /// Transformations that are made with it, joined by `|`; each may end in a slash and a format.
    #[schema(example = "c_fill,h_300,w_400|w_200/png")]
    eager: Option<String>,
    /// Whether they are made after the answer.
    eager_async: Option<bool>,
    /// Who is told when they are made; as absent, whoever is told of the call.
    eager_notification_url: Option<String>,
    /// What is made of the file before it is stored.
    #[schema(example = "c_limit,w_2000")]
    transformation: Option<String>,
    /// The format that a picture is stored in.
    #[schema(example = "jpg")]
    format: Option<String>,
    /// Whether the call is answered before it is carried out; then a notification tells how it went.
    r#async: Option<bool>,
    /// Who is told, in the place of the triggers.
    notification_url: Option<String>,
    /// Where the browser is sent on to with the result; a script that sends the form with `X-Requested-With: XMLHttpRequest` gets it as
    /// it is.
    callback: Option<String>,
    /// Names the call in notifications; an upload that is carried out later has one in any case.
    batch_id: Option<String>,
    /// Name shown to people; as absent, an asset that is replaced keeps its own.
    display_name: Option<String>,
    /// Values of metadata fields: `id=value` pairs joined by `|`, or a JSON object.
    #[schema(example = "colour=red")]
    metadata: Option<String>,
    /// `manual`: people are to look at it. Until somebody rejects it, it is delivered.
    moderation: Option<String>,
    /// Rectangles of faces, as `x,y,w,h` joined by `|`.
    face_coordinates: Option<String>,
    /// Rectangles that a crop is to keep.
    custom_coordinates: Option<String>,
    /// Whether the colours are told.
    colors: Option<bool>,
    /// Whether a hash of the looks is told.
    phash: Option<bool>,
    /// Whether EXIF is told.
    exif: Option<bool>,
    /// Whether everything is told that the file says of itself.
    image_metadata: Option<bool>,
    /// The same; of sound and moving pictures their streams.
    media_metadata: Option<bool>,
    /// Who may have it delivered: a JSON list of rules, `token` or `anonymous` with `start` and `end`; as before when absent.
    access_control: Option<String>,
    /// `public` or `authenticated`; as before when absent.
    access_mode: Option<String>,
    /// Whether its versions are to be kept.
    backup: Option<bool>,
}

/// Upload a file
///
/// Takes an image, video, audio or a raw file, signed with an access key's secret or under an unsigned preset. `auto` as resource type decides
/// by the bytes. With `async` the answer is `{"status": "pending", "resource_type", "type", "public_id", "batch_id"}`.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/{resource_type}/upload",
    tag = "Upload",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("resource_type" = String, Path, description = "`image`, `video`, which is for audio too, `raw` or `auto`", example = "image"),
    ),
    request_body(content = UploadRequest, content_type = "multipart/form-data", description = "The form"),
    responses(
        (status = 200, description = "The stored asset", body = UploadResult),
        (status = 401, description = "Wrong signature, or unknown or disabled key", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn upload(
    _: Public<CredentialsInBody>,
    request: HttpRequest,
    payload: web::Payload,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let asked = request.match_info().get("resource_type").unwrap_or("auto").to_owned();
    let outcome = take_upload(&request, payload, &plane, &asked).await;
    plane.metrics.uploads.with_label_values(&[if outcome.is_ok() { "stored" } else { "refused" }]).inc();
    let (taken, callback) = outcome?;
    match callback.filter(|_| !redirect::is_by_script(&request)) {
        Some(callback) => Ok(redirect::to(callback, &json!(taken))),
        None => Ok(HttpResponse::Ok().json(taken)),
    }
}

/// What an upload is answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Taken {
    /// The asset.
    Asset(Box<UploadResult>),
    /// A chunk of one, and others are missing.
    Chunk(ChunkResult),
    /// It is carried out later.
    Pending(PendingResult),
}

async fn take_upload(
    request: &HttpRequest,
    payload: web::Payload,
    plane: &DataPlane,
    asked: &str,
) -> Result<(Taken, Option<Url>), ApiError> {
    let chunk = Chunk::of(request.headers())?;
    let tenant = tenant_of(request, plane).await?;
    let check = SignatureCheck { plane, tenant: &tenant, operation: named_operation(request)?, chunk: chunk.as_ref() };
    let UploadForm { params, mut file } = form::read(request, payload, plane, &tenant, &check).await?;
    let tenant = with_named_key(plane, tenant, &params).await?;
    let upload = authorize(plane, request, tenant, params, chunk.as_ref()).await?;
    if let Some(file) = &mut file {
        file.place = None;
    }
    let callback = redirect::read(upload.params())?;
    let is_later = upload.params().boolean("async")? == Some(true);
    if is_later
        && chunk.is_none()
        && let Some(address) = UploadForm::address(file.as_ref(), upload.params())
    {
        let pending = later::accept(request, plane, &upload, asked, Err(address)).await?;
        return Ok((Taken::Pending(pending), callback));
    }
    if let Some(chunk) = chunk.as_ref().filter(|chunk| chunk.is_behind()) {
        if file.as_ref().is_some_and(|file| file.staged.bytes > 0) {
            return Err(ApiError::invalid("Invalid Content-Range: it names no byte, and the file has some"));
        }
        let filename = file.and_then(|file| file.filename);
        return Ok((Box::pin(take_end(request, plane, &upload, asked, chunk, filename)).await?, callback));
    }
    let file = UploadForm::take_file(file, upload.params(), plane, upload.tenant(), upload.request(), asked).await?;
    let file = file.ok_or_else(|| plane_kit::http::params::missing("file"))?;
    if file.staged.bytes == 0 {
        return Err(ApiError::new(ErrorCode::InvalidFile, "Empty file"));
    }
    let taken = match chunk {
        Some(chunk) => Box::pin(take_chunk(request, plane, &upload, asked, &chunk, file)).await?,
        None if is_later => Taken::Pending(later::accept(request, plane, &upload, asked, Ok(file)).await?),
        None => {
            let resource_type = resource_type(asked, &file.staged.head)?;
            let facts = FileFacts { resource_type, filename: file.filename.as_deref(), settled_id: None };
            let resolved = resolve(&upload, facts)?;
            let kept = store(plane, &upload, resolved, file.staged, Ends::default()).await?;
            let stored = kept.ok_or_else(|| ApiError::new(ErrorCode::Internal, "General Error"))?;
            Taken::Asset(Box::new(shown(plane, &upload, &stored).await?))
        }
    };
    Ok((taken, callback))
}

/// The answer to an upload.
async fn shown(plane: &DataPlane, upload: &AuthorizedUpload, stored: &Stored) -> Result<UploadResult, ApiError> {
    let Stored { asset, is_existing, early } = stored;
    // Who has no key is told of what was there before, and gets no address that would open it.
    let links = match *is_existing && !upload.is_signed() {
        true => plane.links.for_strangers(),
        false => plane.links.clone(),
    };
    let result = UploadResult::new(&links, upload.tenant(), asset, upload.access_key());
    let mut result = result.with_early(&links, upload.tenant(), asset, early);
    result.existing = is_existing.then_some(true);
    let assets = AssetStore::of(upload, &plane.database, &plane.settings.region.name);
    let wanted = Questions::read(upload.params())?;
    result.analysis = find::shown_after(plane, upload.tenant(), &assets, asset, wanted).await;
    // Nobody takes away by a token what was there before he came.
    if !is_existing && upload.params().boolean("return_delete_token")? == Some(true) {
        result.delete_token = delete_token::issue(upload.tenant(), asset.version.id, plane.clock.now());
    }
    Ok(result)
}

/// Takes a chunk; with the last one, the asset is made.
async fn take_chunk(
    request: &HttpRequest,
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    asked: &str,
    chunk: &Chunk,
    file: UploadFile,
) -> Result<Taken, ApiError> {
    let UploadFile { staged, filename, .. } = file;
    chunk.check_length(staged.bytes, upload.tenant().most_bytes())?;
    let begun = begun(plane, upload.tenant().id(), upload.subject(), chunk).await?;
    let settled = begun.as_ref().map(|begun| begun.public_id.as_str());
    // What the file is shows in its first bytes; until they are there, a name is made up as for a picture.
    let kind = match asked {
        "auto" if !chunk.is_first() => ResourceType::Image,
        asked => resource_type(asked, &staged.head)?,
    };
    let facts = |resource_type, settled_id| FileFacts { resource_type, filename: filename.as_deref(), settled_id };
    // The name is that of the first call, and so is everything else that was said.
    let resolved = resolve(upload, facts(kind, settled))?;
    upload.permit((), &resolved.asset_folder)?;
    let collected = assembly::collect(plane, upload, chunk, staged, &resolved.name.public_id).await?;
    if !collected.is_complete {
        return Ok(Taken::Chunk(ChunkResult {
            done: false,
            bytes: collected.bytes,
            kind: resolved.name.delivery_type.name(),
            resource_type: asked.to_owned(),
            public_id: collected.public_id,
        }));
    }
    let environment = upload.tenant().id();
    if let Some(version) = collected.version {
        return ended(plane, upload, &resolved, version).await;
    }
    if upload.params().boolean("async")? == Some(true) {
        let pending = later::accept_chunks(request, plane, upload, asked, kind, &collected, filename).await?;
        return Ok(Taken::Pending(pending));
    }
    // A small request makes a large file here; so many are made at once and no more.
    let busy =
        |_| ApiError::new(ErrorCode::Busy, "Too many uploads are being put together; try again").with_retry_after(1);
    let _room = plane.assemblies.try_acquire().map_err(busy)?;
    let whole = assembly::assemble(plane, environment, &collected).await?;
    let made = async {
        let kind = resource_type(asked, &whole.head)?;
        let resolved = resolve(upload, facts(kind, Some(&collected.public_id)))?;
        store(plane, upload, resolved, whole, Ends { chunks: Some(collected.id), job: None }).await
    };
    let kept = match made.await {
        Err(error) if error.code().status().is_client_error() && error.code() != ErrorCode::Busy => {
            // No further chunk could make this file a good one, and another call would be another upload.
            assembly::abandon(plane, collected.id).await?;
            return Err(error);
        }
        kept => kept?,
    };
    let Some(stored) = kept else {
        let version = assembly::outcome(plane, collected.id).await?;
        let gone = || ApiError::invalid("This upload was given up; begin it anew");
        return ended(plane, upload, &resolved, version.ok_or_else(gone)?).await;
    };
    plane.remove_objects(assembly::objects(environment, &collected));
    let mut result = shown(plane, upload, &stored).await?;
    result.done = Some(true);
    Ok(Taken::Asset(Box::new(result)))
}

/// Takes what comes behind the last chunk, with nothing in it: it is answered as that one was.
async fn take_end(
    request: &HttpRequest,
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    asked: &str,
    chunk: &Chunk,
    filename: Option<String>,
) -> Result<Taken, ApiError> {
    let missing =
        || ApiError::invalid("Invalid Content-Range: it names no byte, and chunks of this upload are missing");
    let begun = begun(plane, upload.tenant().id(), upload.subject(), chunk).await?.ok_or_else(missing)?;
    let is_same = begun.said == assembly::said(upload.params());
    let total = begun.total.and_then(|total| u64::try_from(total).ok());
    if !is_same || total.is_some_and(|total| chunk.total() != Some(total)) {
        return Err(ApiError::invalid("Invalid chunk: what it says is not what the upload's other chunks say"));
    }
    let kind = if asked == "auto" { ResourceType::Image } else { resource_type(asked, &[])? };
    let facts =
        FileFacts { resource_type: kind, filename: filename.as_deref(), settled_id: Some(begun.public_id.as_str()) };
    let resolved = resolve(upload, facts)?;
    upload.permit((), &resolved.asset_folder)?;
    if let Some(version) = begun.version {
        return ended(plane, upload, &resolved, version).await;
    }
    let collected = assembly::find_collected(plane, upload.tenant().id(), begun.id).await?;
    let collected = collected.filter(|collected| Some(collected.bytes) == chunk.total()).ok_or_else(missing)?;
    match upload.params().boolean("async")? {
        Some(true) => {
            later::accept_chunks(request, plane, upload, asked, kind, &collected, filename).await.map(Taken::Pending)
        }
        _ => Err(missing()),
    }
}

/// The answer to a last chunk that was sent once more.
async fn ended(
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    resolved: &ResolvedUpload,
    version: uuid::Uuid,
) -> Result<Taken, ApiError> {
    let assets = AssetStore::of(upload, &plane.database, &plane.settings.region.name);
    let asset = assets.find_by_version(version).await?;
    let replaced = || ApiError::invalid("This upload has ended, and its asset was replaced or taken away since");
    let asset = asset.ok_or_else(replaced)?;
    // What is made later was ordered by the first call and is told once.
    let early = match resolved.eager.as_ref().filter(|eager| !eager.is_async) {
        Some(eager) => Box::pin(of_existing(plane, upload, eager, &asset, false)).await?.0,
        None => Vec::new(),
    };
    // It may be one that was there before and was kept.
    let links = if upload.is_signed() { plane.links.clone() } else { plane.links.for_strangers() };
    let result = UploadResult::new(&links, upload.tenant(), &asset, upload.access_key());
    let mut result = result.with_early(&links, upload.tenant(), &asset, &early);
    result.done = Some(true);
    Ok(Taken::Asset(Box::new(result)))
}

/// The answer to a chunk when others are missing.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChunkResult {
    /// Always false.
    pub done: bool,
    /// How many bytes of the file are there.
    pub bytes: u64,
    /// The delivery type that the asset will have.
    #[schema(example = "upload")]
    pub kind: &'static str,
    /// The kind that was asked for.
    #[schema(example = "raw")]
    pub resource_type: String,
    /// The public id that the asset will have.
    #[schema(example = "cats/tom")]
    pub public_id: String,
}
