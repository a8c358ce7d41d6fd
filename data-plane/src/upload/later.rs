//! Uploads that are answered before they are carried out (`async`).
//!
//! What was sent is stored, and the job stands written, before the answer. The job's id names the stored file, so the sweeper knows
//! that it is wanted; the transaction that names the asset ends the job, so it comes to one version however often it was begun.

use std::sync::Arc;

use actix_web::HttpRequest;
use futures::TryStreamExt;
use plane_kit::{
    error::{ApiError, ErrorCode},
    operations::operations,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    authorize::{AuthorizedUpload, Suspended},
    chunks::assembly::{self, Collected},
    form::UploadFile,
    parameters::{FileFacts, resolve, resource_type},
    remote,
    stage::Staged,
    store::store,
};
use crate::{
    DataPlane,
    access::named_operation,
    assets::{commit::Ends, record::ResourceType},
    jobs::{
        self, Claim, Job, Lane, Order,
        patience::{SPENT, is_final, is_last, rest},
        runner::{Ended, JobError},
    },
    metadata,
    notifications::{
        event::Event,
        message::{Message, put},
        notice::{Wishes, addressees},
        payload,
    },
    storage::{ObjectKey, StorageError},
    tables::jobs as rows,
    tenants::Tenant,
};

/// How many uploads of one environment may wait, and from how many on nobody adds to them without a key.
const MOST_WAITING: u64 = 10_000;
const MOST_WAITING_UNSIGNED: u64 = 1000;

/// The answer to an upload that is carried out later.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingResult {
    /// Always `pending`.
    pub status: &'static str,
    /// The kind that was asked for, or that the file has.
    #[schema(example = "image")]
    pub resource_type: String,
    /// The delivery type that the asset will have.
    #[serde(rename = "type")]
    #[schema(example = "upload")]
    pub delivery_type: &'static str,
    /// The public id that the asset will have.
    #[schema(example = "cats/tom")]
    pub public_id: String,
    /// By which the notification of its end can be told.
    pub batch_id: String,
}

/// Where the bytes of an upload are that is carried out later.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Source {
    /// In the object that is named by the job.
    File { bytes: u64, filename: Option<String> },
    /// With a remote server.
    Address(String),
    /// In the chunks of an upload, all of which are there.
    Chunks { id: Uuid, filename: Option<String> },
}

impl Source {
    fn filename(&self) -> Option<String> {
        match self {
            Self::File { filename, .. } | Self::Chunks { filename, .. } => filename.clone(),
            Self::Address(url) => remote::filename(url),
        }
    }
}

/// The job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Upload {
    call: Suspended,
    /// The operation of the call.
    operation: String,
    /// The kind that the path asked for.
    asked: String,
    /// The public id that was answered.
    public_id: String,
    /// The batch that was answered.
    batch: String,
    source: Source,
}

impl Job for Upload {
    const KIND: &'static str = "upload";
    const LANE: Lane = Lane::Work;
}

/// Takes an upload whose file was sent, or whose address was.
pub(super) async fn accept(
    request: &HttpRequest,
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    asked: &str,
    file: Result<UploadFile, String>,
) -> Result<PendingResult, ApiError> {
    let kind = match (&file, asked) {
        // What the file is shows later; until then a name is made up as for a picture.
        (Err(_), "auto") => ResourceType::Image,
        (Err(_), asked) => resource_type(asked, &[])?,
        (Ok(file), asked) => resource_type(asked, &file.staged.head)?,
    };
    let (source, staged) = match file {
        Ok(UploadFile { staged, filename, .. }) => (Source::File { bytes: staged.bytes, filename }, Some(staged)),
        Err(address) => (Source::Address(address), None),
    };
    let (environment, now) = (upload.tenant().id(), plane.clock.now());
    metadata::check_upload(plane, environment, upload.params(), upload.is_signed()).await?;
    let waiting = rows::Entity::find()
        .filter(rows::Column::EnvironmentId.eq(environment.0))
        .filter(rows::Column::Kind.eq(Upload::KIND))
        .count(plane.database.reader());
    let most = if upload.is_signed() { MOST_WAITING } else { MOST_WAITING_UNSIGNED };
    if waiting.await? >= most {
        let text = format!("{most} uploads are waiting already; try again");
        return Err(ApiError::new(ErrorCode::Busy, text).with_retry_after(30));
    }
    let id = Uuid::new_v4();
    let object = ObjectKey::chunk(environment, id);
    let has_file = staged.is_some();
    let (order, pending) = order(request, upload, asked, kind, source, id, None)?;
    if let Some(mut staged) = staged {
        let file = staged.settled().await?;
        plane.storage.write_file(&object, file, "application/octet-stream").await?;
    }
    if let Err(error) = jobs::put_as(plane.database.writer(), id, environment, order, now).await {
        // If the row is there all the same, its job finds no file and says so.
        if has_file {
            plane.remove_objects(vec![object]);
        }
        return Err(error.into());
    }
    plane.jobs.wake();
    Ok(pending)
}

/// Takes an upload whose chunks are all there. Asked for once more it is the same job.
pub(super) async fn accept_chunks(
    request: &HttpRequest,
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    asked: &str,
    kind: ResourceType,
    collected: &Collected,
    filename: Option<String>,
) -> Result<PendingResult, ApiError> {
    let source = Source::Chunks { id: collected.id, filename };
    let settled = Some(collected.public_id.as_str());
    let (order, pending) = order(request, upload, asked, kind, source, collected.id, settled)?;
    let now = plane.clock.now();
    jobs::put_as(plane.database.writer(), collected.id, upload.tenant().id(), order, now).await?;
    plane.jobs.wake();
    Ok(pending)
}

/// Refuses what could never be carried out; otherwise the job, and what is answered.
fn order(
    request: &HttpRequest,
    upload: &AuthorizedUpload,
    asked: &str,
    kind: ResourceType,
    source: Source,
    id: Uuid,
    settled_id: Option<&str>,
) -> Result<(Order, PendingResult), ApiError> {
    let filename = source.filename();
    let facts = FileFacts { resource_type: kind, filename: filename.as_deref(), settled_id };
    let resolved = resolve(upload, facts)?;
    upload.permit((), &resolved.asset_folder)?;
    let batch = upload.wishes().batch.clone().unwrap_or_else(|| id.as_simple().to_string());
    let is_open = asked == "auto" && matches!(source, Source::Address(_));
    let job = Upload {
        call: upload.suspend(),
        operation: named_operation(request)?.id.to_owned(),
        asked: asked.to_owned(),
        public_id: resolved.name.public_id.clone(),
        batch: batch.clone(),
        source,
    };
    let pending = PendingResult {
        status: "pending",
        resource_type: if is_open { asked } else { kind.name() }.to_owned(),
        delivery_type: resolved.name.delivery_type.name(),
        public_id: resolved.name.public_id,
        batch_id: batch,
    };
    Ok((Order::of(&job)?, pending))
}

/// Carries an upload out. That it is there is told by the notification of every upload; that it cannot be, by one of its own.
pub async fn carry(plane: &DataPlane, claim: &Claim) -> Result<Ended, JobError> {
    let job: Upload = claim.read()?;
    let (environment, now) = (claim.environment, plane.clock.now());
    let Some(tenant) = plane.tenants.find_by_id(environment).filter(|tenant| tenant.is_active()) else {
        return rest(plane, claim, now).await;
    };
    let error = match attempt(plane, claim, &tenant, &job).await {
        // What is another's by now still needs what was kept for it.
        Ok(Ended::Lost) => return Ok(Ended::Lost),
        Ok(ended) => {
            discard(plane, claim, &job).await?;
            return Ok(ended);
        }
        Err(error) if is_last(claim, now) || is_final(&error) || claim.is_spent => error,
        Err(error) => return Err(JobError::Refused(error)),
    };
    let transaction = plane.database.begin().await?;
    if !claim.finish(&transaction).await? {
        transaction.rollback().await?;
        return Ok(Ended::Lost);
    }
    let (message, wishes) = failure(&job, &error);
    let to = addressees(&transaction, &tenant, wishes.to.as_ref(), Event::Error).await?;
    put(&transaction, environment, &message, &to, now).await?;
    transaction.commit().await?;
    plane.jobs.wake();
    plane.poll_waits.wake(environment);
    discard(plane, claim, &job).await?;
    Ok(Ended::GivenUp)
}

async fn attempt(plane: &DataPlane, claim: &Claim, tenant: &Arc<Tenant>, job: &Upload) -> Result<Ended, ApiError> {
    if claim.is_spent {
        return Err(ApiError::unavailable(format!("The upload cannot be carried out: {SPENT}"), 60));
    }
    let operation = operations().find(&job.operation).ok_or_else(|| {
        ApiError::unavailable("The upload cannot be carried out now", 60)
            .with_operator_text(format!("this program knows no operation {}", job.operation))
    })?;
    let call =
        AuthorizedUpload::resume(plane, Arc::clone(tenant), operation, job.call.clone(), job.batch.clone()).await?;
    let environment = call.tenant().id();
    let mut ends = Ends { chunks: None, job: Some(claim.clone()) };
    let staged = match &job.source {
        Source::File { bytes, .. } => fetch(plane, &ObjectKey::chunk(environment, claim.id()), *bytes).await?,
        Source::Address(url) => Box::pin(remote::take(url, plane, call.tenant(), call.request())).await?.0,
        Source::Chunks { id, .. } => {
            let gone = || ApiError::invalid("The chunks of this upload are gone");
            let collected = assembly::find_collected(plane, environment, *id).await?.ok_or_else(gone)?;
            if collected.version.is_some() {
                // Another request has ended it with the asset that it was to become.
                let ended = claim.finish(plane.database.writer()).await?;
                return Ok(if ended { Ended::Done } else { Ended::Lost });
            }
            ends.chunks = Some(*id);
            assembly::assemble(plane, environment, &collected).await?
        }
    };
    if staged.bytes == 0 {
        return Err(ApiError::new(ErrorCode::InvalidFile, "Empty file"));
    }
    let filename = job.source.filename();
    let resource_type = resource_type(&job.asked, &staged.head)?;
    let facts = FileFacts { resource_type, filename: filename.as_deref(), settled_id: Some(&job.public_id) };
    let resolved = resolve(&call, facts)?;
    match store(plane, &call, resolved, staged, ends).await? {
        Some(_) => Ok(Ended::Done),
        None => Ok(Ended::Lost),
    }
}

/// Stages the stored file of a job.
async fn fetch(plane: &DataPlane, object: &ObjectKey, bytes: u64) -> Result<Staged, ApiError> {
    let lost = |error| match error {
        StorageError::Missing(_) => ApiError::new(ErrorCode::InvalidFile, "The file of this upload is gone"),
        error => ApiError::from(error),
    };
    let mut staging = plane.scratch.begin()?;
    let mut stream = plane.storage.stream(object, 0..bytes).await.map_err(lost)?;
    while let Some(piece) = stream.try_next().await.map_err(lost)? {
        staging.write(&piece)?;
    }
    Ok(staging.finish()?)
}

/// Takes away what the job kept, once it is ended. What a killed process leaves the sweeper collects.
async fn discard(plane: &DataPlane, claim: &Claim, job: &Upload) -> Result<(), JobError> {
    match &job.source {
        Source::File { .. } => plane.remove_objects(vec![ObjectKey::chunk(claim.environment, claim.id())]),
        Source::Address(_) => {}
        Source::Chunks { id, .. } => assembly::discard(plane, claim.environment, *id).await?,
    }
    Ok(())
}

/// An address without credentials and without what follows its path.
fn without_secrets(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut url) => {
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.set_query(None);
            url.set_fragment(None);
            url.to_string()
        }
        Err(_) => "the address".into(),
    }
}

/// What is told of an upload that failed.
fn failure(job: &Upload, error: &ApiError) -> (Message, Wishes) {
    // Whoever is told need not know the way to the source.
    let text = match &job.source {
        Source::Address(url) => error.message().replace(url.as_str(), &without_secrets(url)),
        _ => error.message().to_owned(),
    };
    let message = Message {
        event: Event::Error,
        body: payload::error(&text, &job.public_id, &job.asked),
        request: job.call.request().to_string(),
        batch: Some(job.batch.clone()),
        actor: job.call.actor().to_owned(),
    };
    (message, job.call.wishes())
}
