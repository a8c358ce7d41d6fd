//! Objects: the bytes that rows name.
//!
//! An object is written once, under a key made of the environment and the version (never of a name), and is never changed.
//! Retry, timeout, concurrency, tracing and metrics are layers of opendal, not code at the call sites.

mod disk;

use std::{fs::File, ops::Range, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use opendal::{
    Buffer, ErrorKind, Operator,
    layers::{ConcurrentLimitLayer, PrometheusLayer, RetryLayer, TimeoutLayer, TracingLayer},
    services::{Fs, Gcs, Memory, S3},
};
use plane_kit::{
    error::{ApiError, chain},
    ids::{EnvironmentId, VersionId},
    telemetry::metrics::Metrics,
};
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use self::disk::Disk;
use crate::config::StorageConfig;

/// How much of a staged file is handed to the object store at a time.
const CHUNK: usize = 1024 * 1024;

/// Where the `fs` backend writes an object before it gives it its name, so that nobody reads a part of one.
pub const INCOMING: &str = ".incoming/";

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The object is not there.
    #[error("the object {0} is not there")]
    Missing(String),
    /// The object store failed.
    #[error("the object store failed")]
    Store(#[from] opendal::Error),
    /// The disk failed after an object was written.
    #[error("the object cannot be settled on the disk")]
    Settle(#[source] std::io::Error),
    /// An object failed while it was read.
    #[error("the object cannot be read")]
    Read(#[source] std::io::Error),
    /// The staged file failed.
    #[error("the staged file cannot be read")]
    Staged(#[from] std::io::Error),
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self::unavailable("The object store is not available", 2).with_operator_text(chain(&error))
    }
}

/// Which row names an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBy {
    /// That of an uploaded version.
    Version(VersionId),
    /// That of a rendition, by its key in hexadecimal digits.
    Rendition(String),
    /// That of a chunk of an upload.
    Chunk(Uuid),
}

/// The name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// The bytes of an uploaded version.
    pub fn original(environment: EnvironmentId, version: VersionId) -> Self {
        Self(format!("o/{environment}/{version}"))
    }

    /// The bytes of a rendition. `key` is its rendition key in hexadecimal digits.
    pub fn rendition(environment: EnvironmentId, version: VersionId, key: &str) -> Self {
        Self(format!("d/{environment}/{version}/{key}"))
    }

    /// The bytes of a chunk of an upload that is not finished, or of the file of an upload that is carried out later.
    pub fn chunk(environment: EnvironmentId, chunk: Uuid) -> Self {
        Self(format!("c/{environment}/{}", chunk.as_simple()))
    }

    /// Reads back what a listing gives: the key, and what names it.
    pub fn parse(path: &str) -> Option<(Self, NamedBy)> {
        let mut pieces = path.split('/');
        let kind = pieces.next()?;
        pieces.next()?.parse::<EnvironmentId>().ok()?;
        let named = pieces.next()?;
        let rendition = pieces.next();
        let is_whole = pieces.next().is_none() && rendition.is_none_or(|key| !key.is_empty());
        let named_by = match (kind, rendition) {
            ("o", None) => NamedBy::Version(named.parse().ok()?),
            ("d", Some(key)) => {
                named.parse::<VersionId>().ok()?;
                NamedBy::Rendition(key.to_owned())
            }
            ("c", None) => NamedBy::Chunk(named.parse().ok()?),
            _ => return None,
        };
        is_whole.then(|| (Self(path.to_owned()), named_by))
    }

    /// Something below [`INCOMING`], which is complete or of use to nobody.
    pub fn incoming(path: &str) -> Option<Self> {
        path.starts_with(INCOMING).then(|| Self(path.to_owned()))
    }

    /// The path within the store.
    pub fn path(&self) -> &str {
        &self.0
    }
}

/// The object store of a region.
#[derive(Debug, Clone)]
pub struct Storage {
    operator: Operator,
    /// Where objects are files of this machine.
    disk: Option<Arc<Disk>>,
}

impl Storage {
    /// Opens the store. `data` is the data folder, where the `fs` backend lives when no root is set.
    pub fn open(config: &StorageConfig, data: &Path, metrics: &Metrics) -> Result<Self, StorageError> {
        let mut disk = None;
        let operator = match config.backend.as_str() {
            "memory" => Operator::new(Memory::default())?,
            "s3" => {
                let mut builder = S3::default().bucket(&config.bucket).region(&config.bucket_region);
                if !config.root.is_empty() {
                    builder = builder.root(&config.root);
                }
                if !config.endpoint.is_empty() {
                    builder = builder.endpoint(&config.endpoint);
                }
                if !config.access_key_id.is_empty() {
                    builder = builder
                        .access_key_id(&config.access_key_id)
                        .secret_access_key(&config.access_key_secret)
                        .disable_config_load()
                        .disable_ec2_metadata();
                }
                Operator::new(builder)?
            }
            "gcs" => {
                let mut builder = Gcs::default().bucket(&config.bucket);
                if !config.root.is_empty() {
                    builder = builder.root(&config.root);
                }
                if !config.endpoint.is_empty() {
                    builder = builder.endpoint(&config.endpoint);
                }
                Operator::new(builder)?
            }
            _ => {
                let root = if config.root.is_empty() { data.join("objects") } else { config.root.clone().into() };
                let scratch = root.join(INCOMING.trim_end_matches('/'));
                disk = Some(Arc::new(Disk::new(root.clone())));
                Operator::new(Fs::default().root(&root.to_string_lossy()).atomic_write_dir(&scratch.to_string_lossy()))?
            }
        };
        // Outermost is what is named last: a retry waits for a permit again and is measured as another attempt.
        let operator = operator
            .layer(TracingLayer::new())
            .layer(PrometheusLayer::builder().register(metrics.registry())?)
            .layer(ConcurrentLimitLayer::new(config.concurrency))
            .layer(TimeoutLayer::new().with_timeout(Duration::from_millis(config.timeout_ms)))
            .layer(RetryLayer::new().with_max_times(3).with_jitter());
        Ok(Self { operator, disk })
    }

    /// Writes an object from bytes in memory.
    pub async fn write(&self, key: &ObjectKey, bytes: Bytes, content_type: &str) -> Result<(), StorageError> {
        let write = self.operator.write_with(key.path(), Buffer::from(bytes));
        match self.operator.info().capability().write_with_content_type {
            true => write.content_type(content_type).await?,
            false => write.await?,
        };
        Ok(())
    }

    /// Whether objects are files of this machine, so that one that is there already may become an object as it is.
    pub fn takes_files(&self) -> bool {
        self.disk.is_some()
    }

    /// Writes an object from a file that nobody changes any more, from its beginning to its end. When this is answered, it outlives a power
    /// cut. Where objects are files of this machine, a file that has no name yet becomes the object as it is.
    pub async fn write_file(&self, key: &ObjectKey, file: File, content_type: &str) -> Result<(), StorageError> {
        let file = match self.disk.clone() {
            None => file,
            Some(disk) => {
                let path = key.path().to_owned();
                let adopted = tokio::task::spawn_blocking(move || disk.adopt(file, &path)).await;
                match adopted
                    .map_err(std::io::Error::other)
                    .and_then(|adopted| adopted)
                    .map_err(StorageError::Settle)?
                {
                    None => return Ok(()),
                    Some(file) => file,
                }
            }
        };
        let mut file = tokio::fs::File::from_std(file);
        let writer = self.operator.writer_with(key.path()).chunk(8 * CHUNK);
        let mut writer = match self.operator.info().capability().write_with_content_type {
            true => writer.content_type(content_type).await?,
            false => writer.await?,
        };
        match copy(&mut file, &mut writer).await {
            Ok(()) => {
                writer.close().await?;
                self.settle(key).await
            }
            Err(error) => {
                // What was written so far must not be left half done; the sweeper would find it, but not for an hour.
                writer.abort().await.ok();
                Err(error)
            }
        }
    }

    async fn settle(&self, key: &ObjectKey) -> Result<(), StorageError> {
        let Some(disk) = self.disk.clone() else {
            return Ok(());
        };
        let path = key.path().to_owned();
        let settled = tokio::task::spawn_blocking(move || disk.settle(&path)).await;
        settled.map_err(std::io::Error::other).and_then(|settled| settled).map_err(StorageError::Settle)
    }

    /// Reads a whole object.
    pub async fn read(&self, key: &ObjectKey) -> Result<Buffer, StorageError> {
        self.operator.read(key.path()).await.map_err(|error| missing(key, error))
    }

    /// An object as a file opened for reading, where objects are files of this machine; nothing where they are elsewhere. Nobody changes an
    /// object, so what is read of it stays true even when it is removed meanwhile.
    pub async fn open_file(&self, key: &ObjectKey) -> Result<Option<File>, StorageError> {
        let Some(disk) = self.disk.clone() else { return Ok(None) };
        let path = key.path().to_owned();
        let opened = tokio::task::spawn_blocking(move || disk.open(&path)).await;
        let file = opened.map_err(std::io::Error::other).and_then(|opened| opened).map_err(StorageError::Read)?;
        file.map(Some).ok_or_else(|| StorageError::Missing(key.path().to_owned()))
    }

    /// Reads a part of an object as a stream of pieces.
    pub async fn stream(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, StorageError>> + use<>, StorageError> {
        let reader = self.operator.reader_with(key.path()).chunk(CHUNK).await.map_err(|error| missing(key, error))?;
        let stream = reader.into_bytes_stream(range).await.map_err(|error| missing(key, error))?;
        let path = key.path().to_owned();
        let mut stream = stream.map_err(move |error| match error.kind() {
            std::io::ErrorKind::NotFound => StorageError::Missing(path.clone()),
            _ => StorageError::Read(error),
        });
        // The store is asked only now; an object that is not there must show before an answer has begun.
        let first = stream.try_next().await?;
        Ok(futures::stream::iter(first.map(Ok)).chain(stream).boxed())
    }

    /// Removes an object. One that is not there is no error.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        Ok(self.operator.delete(key.path()).await?)
    }

    /// All objects, in no order, with the time of their last change where the store tells it.
    pub async fn list(
        &self,
        prefix: &str,
    ) -> Result<impl Stream<Item = Result<String, StorageError>> + use<>, StorageError> {
        let lister = self.operator.lister_with(prefix).recursive(true).await?;
        Ok(lister
            .map_err(StorageError::Store)
            .try_filter_map(|entry| async move { Ok((!entry.path().ends_with('/')).then(|| entry.path().to_owned())) })
            .boxed())
    }

    /// When an object was last changed, if it is there and the store tells.
    pub async fn changed_at(&self, key: &ObjectKey) -> Result<Option<chrono::DateTime<chrono::Utc>>, StorageError> {
        match self.operator.stat(key.path()).await {
            Ok(metadata) => {
                let seconds = metadata.last_modified().map(|time| time.into_inner().as_second());
                Ok(seconds.and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the store answers.
    pub async fn check(&self) -> Result<(), StorageError> {
        match self.operator.stat("ready").await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

async fn copy(file: &mut tokio::fs::File, writer: &mut opendal::Writer) -> Result<(), StorageError> {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        if file.take(CHUNK as u64).read_to_end(&mut chunk).await? == 0 {
            return Ok(());
        }
        writer.write(chunk).await?;
    }
}

fn missing(key: &ObjectKey, error: opendal::Error) -> StorageError {
    match error.kind() {
        ErrorKind::NotFound => StorageError::Missing(key.path().to_owned()),
        _ => StorageError::Store(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_strangers_do_not() {
        let (environment, version) = (EnvironmentId(Uuid::nil()), VersionId(Uuid::max()));
        let original = ObjectKey::original(environment, version);
        assert_eq!(ObjectKey::parse(original.path()), Some((original.clone(), NamedBy::Version(version))));
        let rendition = ObjectKey::rendition(environment, version, "ab");
        assert_eq!(ObjectKey::parse(rendition.path()), Some((rendition.clone(), NamedBy::Rendition("ab".into()))));
        let chunk = ObjectKey::chunk(environment, Uuid::max());
        assert_eq!(ObjectKey::parse(chunk.path()), Some((chunk.clone(), NamedBy::Chunk(Uuid::max()))));
        for path in
            ["c/x/y", "o/x/y", "ready", "d/00000000000000000000000000000000/ffffffffffffffffffffffffffffffff/", ""]
        {
            assert_eq!(ObjectKey::parse(path), None, "{path}");
        }
    }
}
