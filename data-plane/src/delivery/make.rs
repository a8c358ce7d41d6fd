//! Renditions: from memory, from the derived store, or made. One make per key, however many ask.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use plane_kit::{
    error::{ApiError, chain},
    http::edge::RequestId,
    ids::{EnvironmentId, VersionId},
    policy::Scope,
};
use transform::{key::RenditionKey, source::Format};

use super::{
    Failure,
    originals::{FAILURES_KEPT, MakeError, original},
    prepare::Derived,
};
use crate::{
    Plane,
    assets::{ActsFor, AssetStore, made::NewRendition, record::AssetRecord},
    render::SourceFile,
    storage::{ObjectKey, StorageError},
    tenants::Tenant,
};

/// How many refusals are remembered.
const FAILURES: u64 = 10_000;

/// A rendition in memory.
#[derive(Debug)]
pub struct Made {
    /// The encoded picture.
    pub bytes: Bytes,
    /// Its format.
    pub format: Format,
    /// When it was made.
    pub made_at: DateTime<Utc>,
}

/// Why a rendition is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion {
    /// For the ledger: `url`, `eager` or `explicit`.
    reason: &'static str,
    /// The request that wants it.
    request: RequestId,
}

impl Occasion {
    /// Somebody asks for it by its address.
    pub(crate) fn delivery(request: RequestId) -> Self {
        Self { reason: "url", request }
    }

    /// An upload or its job wants it ahead.
    pub(crate) fn eager(request: RequestId) -> Self {
        Self { reason: "eager", request }
    }

    /// A call of explicit or its job wants it ahead.
    pub(crate) fn explicit(request: RequestId) -> Self {
        Self { reason: "explicit", request }
    }

    /// Counts where a delivered rendition came from.
    fn note(&self, plane: &Plane, from: &str) {
        if self.reason == "url" {
            plane.metrics.deliveries.with_label_values(&[from]).inc();
        }
    }
}

/// Renditions in memory, and makes under way.
pub struct Renditions {
    /// By rendition and epoch: what was dropped is not delivered from memory, on whichever node.
    memory: moka::future::Cache<(RenditionKey, u64), Arc<Made>>,
    failures: moka::sync::Cache<RenditionKey, MakeError>,
}

/// The right to what a tenant has, handed on to a task that outlives the request.
#[derive(Clone, Copy)]
pub(crate) struct OnBehalfOf(pub(crate) EnvironmentId);

impl ActsFor for OnBehalfOf {
    fn environment(&self) -> EnvironmentId {
        self.0
    }

    fn scope(&self) -> Scope {
        Scope::everywhere()
    }
}

impl Renditions {
    /// Keeps up to `bytes` of renditions in memory.
    pub fn new(bytes: u64) -> Self {
        let weigh =
            |_: &(RenditionKey, u64), made: &Arc<Made>| u32::try_from(made.bytes.len() + 256).unwrap_or(u32::MAX);
        Self {
            memory: moka::future::Cache::builder().max_capacity(bytes).weigher(weigh).build(),
            failures: moka::sync::Cache::builder().max_capacity(FAILURES).time_to_live(FAILURES_KEPT).build(),
        }
    }

    /// Forgets a rendition whose row is gone.
    pub(crate) async fn forget(&self, derived: &Derived) {
        self.memory.invalidate(&(derived.key, derived.epoch)).await;
    }

    /// The rendition, wherever it is.
    pub(crate) async fn obtain(
        &self,
        plane: &Arc<Plane>,
        tenant: &Tenant,
        record: &Arc<AssetRecord>,
        derived: &Arc<Derived>,
        occasion: Occasion,
    ) -> Result<Arc<Made>, Failure> {
        if let Some(made) = self.memory.get(&(derived.key, derived.epoch)).await {
            note_spelling(plane, tenant, record, derived);
            occasion.note(plane, "memory");
            return Ok(made);
        }
        if let Some(error) = self.failures.get(&derived.key) {
            return Err(Failure::from(&error));
        }
        // The whole of it is a task of its own: a caller who leaves takes nobody else's picture with him.
        let task = {
            let (plane, record, derived) = (Arc::clone(plane), Arc::clone(record), Arc::clone(derived));
            let on_behalf_of = OnBehalfOf(tenant.id());
            tokio::spawn(async move {
                let work = Work { plane: &plane, tenant: on_behalf_of, record: &record, derived: &derived, occasion };
                plane.renditions.memory.try_get_with((derived.key, derived.epoch), work.load_or_make()).await
            })
        };
        match task.await {
            Ok(Ok(made)) => {
                note_spelling(plane, tenant, record, derived);
                Ok(made)
            }
            Ok(Err(error)) => {
                if matches!(*error, MakeError::Refused(_)) {
                    self.failures.insert(derived.key, MakeError::clone(&error));
                }
                Err(Failure::from(error.as_ref()))
            }
            Err(error) => Err(Failure::Refused(ApiError::internal(&error))),
        }
    }
}

/// Keeps one more spelling of a rendition, once for each remembered plan. Nobody waits for it, and a delivery does not fail by it.
fn note_spelling(plane: &Arc<Plane>, tenant: &Tenant, record: &Arc<AssetRecord>, derived: &Arc<Derived>) {
    // Read before it is written: what every delivery writes to would go from core to core.
    if derived.noted.load(Ordering::Relaxed) || derived.noted.swap(true, Ordering::Relaxed) {
        return;
    }
    let (plane, record, derived) = (Arc::clone(plane), Arc::clone(record), Arc::clone(derived));
    let on_behalf_of = OnBehalfOf(tenant.id());
    tokio::spawn(async move {
        let assets = AssetStore::of(&on_behalf_of, &plane.database, &plane.settings.region.name);
        let now = plane.clock.now();
        if let Err(error) = assets.note_spelling(&derived.key_text, &record.version, &derived.spelling, now).await {
            tracing::warn!(error = chain(&error), "a spelling of a derived asset was not kept");
        }
    });
}

struct Work<'a> {
    plane: &'a Plane,
    tenant: OnBehalfOf,
    record: &'a AssetRecord,
    derived: &'a Derived,
    occasion: Occasion,
}

impl Work<'_> {
    async fn load_or_make(self) -> Result<Arc<Made>, MakeError> {
        let assets = AssetStore::of(&self.tenant, &self.plane.database, &self.plane.settings.region.name);
        let version = self.record.version.id;
        let object = ObjectKey::rendition(self.tenant.0, version, &self.derived.key_text);
        if let Some(row) = assets.rendition(&self.derived.key_text).await? {
            match self.plane.storage.read(&object).await {
                Ok(bytes) => {
                    self.occasion.note(self.plane, "store");
                    let format = self.derived.plan.encode.format;
                    return Ok(Arc::new(Made { bytes: bytes.to_bytes(), format, made_at: row.created_at }));
                }
                // The row is there and its bytes are not: they are made again under the same key.
                Err(StorageError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.make(&assets).await
    }

    async fn make(&self, assets: &AssetStore<'_>) -> Result<Arc<Made>, MakeError> {
        let (source, _room) = original(self.plane, self.record).await?;
        let version = self.record.version.id;
        let (new, bytes) = render(self.plane, self.tenant.0, version, self.derived, source, self.occasion).await?;
        let now = self.plane.clock.now();
        let is_same_for_all = self.derived.vary.is_empty();
        let kept = assets.commit_rendition(&new, &self.derived.spelling, is_same_for_all, now).await?;
        // Without a version its object stays for the sweeper: another node may have made the same one in time.
        self.plane.remove_objects(kept.ok_or(MakeError::Replaced)?);
        self.plane.shipper.wake();
        self.occasion.note(self.plane, "made");
        Ok(Arc::new(Made { bytes, format: self.derived.plan.encode.format, made_at: now }))
    }
}

/// Makes a rendition of a version that has no name yet, from its staged file, and stores it. No row says so until the version is
/// committed with it.
pub(crate) async fn ahead(
    plane: &Plane,
    environment: EnvironmentId,
    version: VersionId,
    derived: &Derived,
    source: SourceFile,
    occasion: Occasion,
) -> Result<NewRendition, Failure> {
    let made = render(plane, environment, version, derived, source, occasion).await;
    made.map(|(new, _)| new).map_err(|error| Failure::from(&error))
}

/// Renders and stores.
async fn render(
    plane: &Plane,
    environment: EnvironmentId,
    version: VersionId,
    derived: &Derived,
    source: SourceFile,
    occasion: Occasion,
) -> Result<(NewRendition, Bytes), MakeError> {
    plane.metrics.makes_started.inc();
    let outcome = async {
        let tag = environment.0.as_u128().into();
        let rendition = plane.render.render(tag, derived.cost, derived.plan.clone(), source).await?;
        plane.metrics.render_cpu_microseconds.inc_by(u64::try_from(rendition.cpu.as_micros()).unwrap_or(u64::MAX));
        // What is kept is kept in ordinary memory; the worker's memory file goes away.
        let bytes = Bytes::copy_from_slice(&rendition.bytes);
        let format = derived.plan.encode.format;
        let object = ObjectKey::rendition(environment, version, &derived.key_text);
        plane.storage.write(&object, bytes.clone(), format.content_type()).await?;
        let new = NewRendition {
            key: derived.key_text.clone(),
            version,
            count_key: derived.count_key,
            epoch: derived.epoch,
            format: format.name(),
            width: rendition.width,
            height: rendition.height,
            frames: rendition.frames,
            bytes: bytes.len() as u64,
            reason: occasion.reason,
            request: occasion.request.to_string(),
        };
        Ok((new, bytes))
    };
    let outcome = outcome.await;
    let label = match &outcome {
        Ok(_) => "stored",
        Err(MakeError::Refused(_)) => "refused",
        Err(_) => "failed",
    };
    plane.metrics.makes_ended.with_label_values(&[label]).inc();
    outcome
}
