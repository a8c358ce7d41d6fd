//! Collecting the chunks of an upload, and making the asset of them.
//!
//! A chunk is an object of the store and a row, so any node may take any of them, and a node that is restarted goes on. With the last
//! one the file is put together in a scratch file and goes the way of every upload; the transaction that names the asset also says
//! that the upload is done, so a last chunk that is sent once more is answered with the asset that there is.

use std::os::unix::fs::FileExt;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::params::Params,
    ids::{EnvironmentId, uuid_at},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict, Query},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Admitted, Chunk, Held, admit, is_complete, settled_total};
use crate::{
    Plane,
    assets::ActsFor,
    storage::{ObjectKey, StorageError},
    tables::{chunked_uploads, jobs, upload_chunks},
    upload::{
        authorize::AuthorizedUpload,
        stage::{Staged, StagingError},
    },
};

/// How many uploads in chunks somebody may have open.
const MOST_OPEN: u64 = 100;

/// An upload of which some chunks are there.
#[derive(Debug, Clone)]
pub struct Collected {
    /// Its row.
    pub id: Uuid,
    /// The public id that the asset will have.
    pub public_id: String,
    /// How many bytes are there.
    pub bytes: u64,
    /// What the upload led to, once it has.
    pub version: Option<Uuid>,
    /// Whether everything is there.
    pub is_complete: bool,
    chunks: Vec<upload_chunks::Model>,
}

/// The digest of a chunk, in hexadecimal digits, by which the same bytes are known when they come again.
async fn sha256_of(file: std::fs::File, bytes: u64) -> Result<String, StagingError> {
    let digest = tokio::task::spawn_blocking(move || {
        let (mut digest, mut buffer, mut position) = (Sha256::new(), vec![0; 256 * 1024], 0);
        while position < bytes {
            let length = usize::try_from(bytes - position).unwrap_or(usize::MAX).min(buffer.len());
            file.read_exact_at(&mut buffer[..length], position)?;
            digest.update(&buffer[..length]);
            position += length as u64;
        }
        Ok(hex::encode(digest.finalize()))
    });
    digest.await.map_err(std::io::Error::other).and_then(|digest| digest).map_err(StagingError::from)
}

/// Takes a chunk. `public_id` is what the asset will be called, unless another chunk was faster.
pub async fn collect(
    plane: &Plane,
    upload: &AuthorizedUpload,
    chunk: &Chunk,
    staged: Staged,
    public_id: &str,
) -> Result<Collected, ApiError> {
    let now = plane.clock.now();
    let environment = upload.environment();
    let mut staged = staged;
    let bytes = staged.bytes;
    let sha256 = sha256_of(staged.file().try_clone().map_err(StagingError::from)?, bytes).await?;
    let new = Held { position: chunk.position(), bytes, sha256 };
    let id = uuid_at(now);
    let object = ObjectKey::chunk(environment, id);
    plane.storage.write_file(&object, staged.settled().await?, "application/octet-stream").await?;
    match put(plane, upload, chunk, &new, id, public_id, now).await {
        Ok((collected, Admitted::New)) => Ok(collected),
        Ok((collected, Admitted::Known)) => {
            plane.remove_objects(vec![object]);
            Ok(collected)
        }
        Err(error) => {
            // Where the database did not answer, the row may be there all the same; then the sweeper knows better.
            if error.code().status().is_client_error() {
                plane.remove_objects(vec![object]);
            }
            Err(error)
        }
    }
}

/// A digest of everything that a call says beside its name and its credentials. All chunks of an upload say the same: what was signed
/// for one is not put together with what was signed for another.
pub fn said(params: &Params) -> String {
    let mut texts = params.signed_texts();
    for name in ["timestamp", "signature", "api_key", "public_id"] {
        texts.remove(name);
    }
    let mut digest = Sha256::new();
    for (name, text) in texts {
        for part in [name, text] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
    }
    hex::encode(digest.finalize())
}

async fn put(
    plane: &Plane,
    upload: &AuthorizedUpload,
    chunk: &Chunk,
    new: &Held,
    id: Uuid,
    public_id: &str,
    now: DateTime<Utc>,
) -> Result<(Collected, Admitted), ApiError> {
    use chunked_uploads::Column;
    let by_part = matches!(chunk.place, super::Place::Part { .. });
    let given_id = upload.given_public_id().map(str::to_owned);
    let transaction = plane.database.begin().await?;
    let new_id = uuid_at(now);
    let row = chunked_uploads::ActiveModel {
        id: Set(new_id),
        environment_id: Set(upload.environment().0),
        subject: Set(upload.subject().to_owned()),
        client_id: Set(chunk.client_id.clone()),
        public_id: Set(public_id.to_owned()),
        said_id: Set(given_id.clone()),
        said: Set(said(upload.params())),
        by_part: Set(by_part),
        total: Set(None),
        version_id: Set(None),
        touched_at: Set(now),
    };
    // Written or there: either way the row is this transaction's until it ends.
    let key = [Column::EnvironmentId, Column::Subject, Column::ClientId];
    let row = chunked_uploads::Entity::insert(row)
        .on_conflict(OnConflict::columns(key).update_column(Column::ClientId).to_owned())
        .exec_with_returning(&transaction)
        .await?;
    if row.id == new_id {
        let open = chunked_uploads::Entity::find()
            .filter(Column::EnvironmentId.eq(upload.environment().0))
            .filter(Column::Subject.eq(upload.subject()))
            .filter(Column::VersionId.is_null());
        if open.count(&transaction).await? > MOST_OPEN {
            let text = format!("More than {MOST_OPEN} uploads in chunks are open; finish some of them first");
            return Err(ApiError::new(ErrorCode::Busy, text).with_retry_after(60));
        }
    }
    let is_same_id = given_id == row.said_id || given_id.as_ref() == Some(&row.public_id);
    if !is_same_id || row.said != said(upload.params()) {
        return Err(ApiError::invalid(
            "Invalid chunk: the parameters are not those of the upload's other chunks; another upload needs another X-Unique-Upload-Id",
        ));
    }
    if row.by_part != by_part {
        return Err(ApiError::invalid("Invalid chunk: an upload is sent by ranges or by part numbers, not by both"));
    }
    let rows = upload_chunks::Entity::find()
        .filter(upload_chunks::Column::UploadId.eq(row.id))
        .order_by_asc(upload_chunks::Column::Position)
        .all(&transaction)
        .await?;
    let held: Vec<Held> = rows.iter().map(Held::from).collect();
    let known = row.total.map(|total| u64::try_from(total).unwrap_or(0));
    let total = settled_total(known, chunk.total())?;
    let admitted = admit(&held, chunk, new, total)?;
    let mut chunks = rows;
    if admitted == Admitted::New {
        let model = upload_chunks::Model {
            id,
            upload_id: row.id,
            position: signed(new.position),
            bytes: signed(new.bytes),
            sha256: new.sha256.clone(),
        };
        let active = upload_chunks::ActiveModel::from(model.clone());
        upload_chunks::Entity::insert(active).exec_without_returning(&transaction).await?;
        chunks.push(model);
        chunks.sort_by_key(|chunk| chunk.position);
    }
    // What is there already keeps nothing alive.
    if total != known || admitted == Admitted::New {
        chunked_uploads::Entity::update_many()
            .col_expr(Column::Total, Expr::value(total.map(signed)))
            .col_expr(Column::TouchedAt, Expr::value(now))
            .filter(Column::Id.eq(row.id))
            .exec(&transaction)
            .await?;
    }
    transaction.commit().await?;
    let held: Vec<Held> = chunks.iter().map(Held::from).collect();
    let bytes = held.iter().map(|held| held.bytes).sum();
    let limit = upload.tenant().most_bytes();
    if bytes > limit {
        abandon(plane, row.id).await?;
        let text = format!("File size too large. Got at least {bytes}. Maximum is {limit}.");
        return Err(ApiError::new(ErrorCode::InvalidFile, text));
    }
    let collected = Collected {
        id: row.id,
        public_id: row.public_id,
        bytes,
        version: row.version_id,
        is_complete: is_complete(&held, by_part, total),
        chunks,
    };
    Ok((collected, admitted))
}

/// Puts the file together.
pub async fn assemble(plane: &Plane, environment: EnvironmentId, collected: &Collected) -> Result<Staged, ApiError> {
    let mut staging = plane.scratch.begin()?;
    for chunk in &collected.chunks {
        let object = ObjectKey::chunk(environment, chunk.id);
        let length = u64::try_from(chunk.bytes).unwrap_or(0);
        let mut stream = plane.storage.stream(&object, 0..length).await.map_err(lost)?;
        while let Some(piece) = stream.try_next().await.map_err(lost)? {
            staging.write(&piece)?;
        }
    }
    let staged = staging.finish()?;
    if staged.bytes == collected.bytes {
        return Ok(staged);
    }
    Err(ApiError::from(StagingError::from(std::io::Error::other("a chunk is shorter than its row says"))))
}

/// The objects of an upload, which are of no use once the asset is there.
pub fn objects(environment: EnvironmentId, collected: &Collected) -> Vec<ObjectKey> {
    collected.chunks.iter().map(|chunk| ObjectKey::chunk(environment, chunk.id)).collect()
}

/// An upload whose chunks are there.
pub async fn find_collected(plane: &Plane, environment: EnvironmentId, id: Uuid) -> Result<Option<Collected>, DbErr> {
    let reader = plane.database.reader();
    let upload = chunked_uploads::Entity::find_by_id(id)
        .filter(chunked_uploads::Column::EnvironmentId.eq(environment.0))
        .one(reader)
        .await?;
    let Some(row) = upload else {
        return Ok(None);
    };
    let chunks = upload_chunks::Entity::find()
        .filter(upload_chunks::Column::UploadId.eq(row.id))
        .order_by_asc(upload_chunks::Column::Position)
        .all(reader)
        .await?;
    let bytes = chunks.iter().map(|chunk| u64::try_from(chunk.bytes).unwrap_or(0)).sum();
    let chunks_of =
        Collected { id: row.id, public_id: row.public_id, bytes, version: row.version_id, is_complete: true, chunks };
    Ok(Some(chunks_of))
}

/// Takes away the chunks of an upload that has ended, and one that has not is given up.
pub async fn discard(plane: &Plane, environment: EnvironmentId, id: Uuid) -> Result<(), DbErr> {
    if let Some(collected) = find_collected(plane, environment, id).await? {
        plane.remove_objects(objects(environment, &collected));
    }
    abandon(plane, id).await
}

/// What an upload led to, if it has ended.
pub async fn outcome(plane: &Plane, id: Uuid) -> Result<Option<Uuid>, DbErr> {
    let row = chunked_uploads::Entity::find_by_id(id).one(plane.database.reader()).await?;
    Ok(row.and_then(|row| row.version_id))
}

/// Forgets an upload that has not ended; the sweeper takes its objects.
pub async fn abandon(plane: &Plane, id: Uuid) -> Result<(), DbErr> {
    let open = chunked_uploads::Entity::delete_by_id(id).filter(chunked_uploads::Column::VersionId.is_null());
    open.exec(plane.database.writer()).await.map(drop)
}

/// Forgets uploads that nobody has added to for `keep`. Answers how many there were.
pub async fn abandon_old(plane: &Plane, now: DateTime<Utc>, keep: TimeDelta) -> Result<u64, DbErr> {
    // One that a job is to put together has the job's id.
    let wanted = Query::select().column(jobs::Column::Id).from(jobs::Entity).to_owned();
    let old = chunked_uploads::Entity::delete_many()
        .filter(chunked_uploads::Column::TouchedAt.lt(now - keep))
        .filter(chunked_uploads::Column::Id.not_in_subquery(wanted));
    Ok(old.exec(plane.database.writer()).await?.rows_affected)
}

/// A chunk that is gone was collected as abandoned, or taken away by whoever finished the upload.
fn lost(error: StorageError) -> ApiError {
    match error {
        StorageError::Missing(_) => {
            ApiError::unavailable("The chunks of this upload are being put together; try again", 1)
        }
        error => error.into(),
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl From<&upload_chunks::Model> for Held {
    fn from(row: &upload_chunks::Model) -> Self {
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Self { position: number(row.position), bytes: number(row.bytes), sha256: row.sha256.clone() }
    }
}
