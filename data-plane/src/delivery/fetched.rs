//! Fetched assets: the public id is the address of a remote file, and what is delivered is our copy of it.
//!
//! The first who asks has it fetched, once for all who ask meanwhile. Later the copy is delivered at once, and when it has been
//! kept for long enough the remote server is asked, beside the delivery, whether the file has changed. A file that is gone twice in a
//! row is given up; a server that does not answer is asked again later.

use std::{future::Future, sync::Arc, time::Duration};

use actix_web::HttpRequest;
use chrono::TimeDelta;
use plane_kit::{
    audit::Origin,
    error::{ApiError, ErrorCode},
    http::edge::RequestId,
    ids::{EnvironmentId, VersionId},
};
use reqwest::{
    StatusCode,
    header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
};
use serde_json::Map;

use super::{
    admit::{AdmittedDelivery, Viewer},
    locate::LocatedAsset,
    make::OnBehalfOf,
    url::{ADDRESS_LIMIT, DeliveryUrl},
};
use crate::{
    Plane,
    assets::{
        AssetStore,
        access_control::AccessChange,
        analyses::Questions,
        commit::{DestroyOutcome, Ends, RemoteSource},
        coordinates::Coordinates,
        early::Ahead,
        record::{AssetName, AssetRecord, DeliveryType, ResourceType},
    },
    outbound::{Asker, OutboundError, Purpose, Reached, is_looping},
    permitted::{Permitted, Told},
    tenants::Tenant,
    upload::{
        keep::{self, Kept, Wanted},
        remote::{self, NotStaged},
        stage::Staged,
    },
};

/// Who stores what is fetched, as the audit log names him: whoever had it delivered.
pub(super) const ACTOR: &str = "delivery";
/// How long it is remembered that a file could not be fetched.
const FAILURES_KEPT: Duration = Duration::from_secs(10);
/// How many of these are remembered.
const FAILURES: u64 = 10_000;
/// How many versions are remembered as asked for.
const CHECKS: u64 = 50_000;
/// How long this node waits before it looks again whether a copy is due, at most.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
/// How often in a row a remote file may be gone before its copy is given up.
const TIMES_MISSING: i32 = 2;

pub(super) type Key = (EnvironmentId, String);

/// Why a file could not be fetched, as every asker is told it.
#[derive(Debug, Clone)]
struct Refusal {
    code: ErrorCode,
    message: String,
    detail: Option<String>,
}

impl Refusal {
    fn of(error: &ApiError) -> Self {
        let detail = error.operator_text().map(str::to_owned);
        Self { code: error.code(), message: error.message().to_owned(), detail }
    }

    fn is_lasting(&self) -> bool {
        self.code != ErrorCode::Busy && !self.code.status().is_server_error()
    }
}

impl From<&Refusal> for ApiError {
    fn from(refusal: &Refusal) -> Self {
        let error = Self::new(refusal.code, refusal.message.clone());
        let error = if refusal.is_lasting() { error } else { error.with_retry_after(1) };
        match &refusal.detail {
            Some(detail) => error.with_operator_text(detail.clone()),
            None => error,
        }
    }
}

/// Fetches under way, and what was learned a moment ago.
pub struct Fetches {
    under_way: moka::future::Cache<Key, ()>,
    failures: moka::sync::Cache<Key, Refusal>,
    checked: moka::sync::Cache<VersionId, ()>,
    keep: TimeDelta,
}

impl Fetches {
    /// Copies are delivered for `keep_seconds` before their servers are asked again.
    pub fn new(keep_seconds: u32) -> Self {
        let interval = CHECK_INTERVAL.min(Duration::from_secs(keep_seconds.into()));
        Self {
            under_way: moka::future::Cache::new(CHECKS),
            failures: moka::sync::Cache::builder().max_capacity(FAILURES).time_to_live(FAILURES_KEPT).build(),
            checked: moka::sync::Cache::builder().max_capacity(CHECKS).time_to_live(interval).build(),
            keep: TimeDelta::seconds(keep_seconds.into()),
        }
    }
}

impl Fetches {
    /// Has something fetched, once for all who ask meanwhile, in a task of its own: a caller who leaves takes nobody else's file with
    /// him. A refusal is remembered for a moment.
    pub(super) async fn once(
        plane: &Arc<Plane>,
        key: Key,
        work: impl Future<Output = Result<(), ApiError>> + Send + 'static,
    ) -> Result<(), ApiError> {
        if let Some(refusal) = plane.fetches.failures.get(&key) {
            return Err(ApiError::from(&refusal));
        }
        let plane = Arc::clone(plane);
        let task = tokio::spawn(async move {
            let work = async { work.await.map_err(|error| Refusal::of(&error)) };
            let outcome = plane.fetches.under_way.try_get_with(key.clone(), work).await;
            plane.fetches.under_way.invalidate(&key).await;
            // Remembered here, whether or not anybody still waits.
            if let Err(refusal) = &outcome
                && refusal.is_lasting()
            {
                plane.fetches.failures.insert(key, Refusal::clone(refusal));
            }
            outcome
        });
        match task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => Err(ApiError::from(refusal.as_ref())),
            Err(error) => Err(ApiError::internal(&error)),
        }
    }
}

/// The asset that a delivery of this kind means, fetched if it is not there yet.
pub(crate) async fn locate(
    request: &HttpRequest,
    plane: &Arc<Plane>,
    tenant: &Arc<Tenant>,
    admitted: &AdmittedDelivery<'_>,
) -> Result<LocatedAsset, ApiError> {
    if let Some(path) = plane.outbound.own_path(&admitted.url().decoded) {
        return own(plane, tenant, &path).await;
    }
    let origin = || (Origin::of(ACTOR, request), RequestId::of(request));
    match plane.located.locate(plane, admitted).await {
        Ok(asset) => {
            look_after(plane, tenant, &asset.record, origin);
            return Ok(asset);
        }
        Err(error) if error.code() == ErrorCode::NotFound => {}
        Err(error) => return Err(error),
    }
    if is_looping(request.headers()) {
        return Err(ApiError::invalid("The address of the remote file leads to another server that fetches it for us"));
    }
    let key = (tenant.id(), admitted.url().decoded.clone());
    let work = {
        let (plane, tenant, names) = (Arc::clone(plane), Arc::clone(tenant), admitted.names().collect::<Vec<_>>());
        let (origin, request) = origin();
        async move {
            for name in names {
                let purpose = Purpose::Fetch;
                let work = Work { plane: &plane, tenant: &tenant, origin: origin.clone(), request, purpose };
                work.first(name).await?;
            }
            Ok(())
        }
    };
    Fetches::once(plane, key, work).await?;
    plane.located.locate(plane, admitted).await
}

/// Refuses the name of a fetched asset that no delivery could mean.
pub(crate) fn check_address(name: &AssetName) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid(format!("Invalid value for parameter public_id: {why}")));
    let address = &name.public_id;
    if name.resource_type != ResourceType::Image {
        return Err(ApiError::not_built(format!("Fetching of resource type {}", name.resource_type.name())));
    }
    if !address.starts_with("http://") && !address.starts_with("https://") {
        return refuse("what is fetched has the address of a remote file for its name");
    }
    if address.len() > ADDRESS_LIMIT || address.chars().any(char::is_control) {
        return refuse("the address is too long, or holds a control character");
    }
    Ok(())
}

/// Fetches a file that somebody with a key names, or asks its server whether it has changed.
pub(crate) async fn refresh(
    plane: &Arc<Plane>,
    tenant: &Arc<Tenant>,
    name: AssetName,
    origin: Origin,
    request: RequestId,
) -> Result<(), ApiError> {
    if plane.outbound.own_path(&name.public_id).is_some() {
        return Err(ApiError::invalid(
            "Invalid value for parameter public_id: an address of this server is not copied",
        ));
    }
    let work = Work { plane, tenant, origin, request, purpose: Purpose::Upload };
    let assets = work.assets();
    match assets.find(&name).await? {
        None => work.first(name).await,
        Some(record) => work.again(&record, true).await,
    }
}

/// An address of our own delivery means the asset that it names: nothing is copied, so nothing has to follow it. Only what anybody
/// may have of the same tenant is meant.
async fn own(plane: &Arc<Plane>, tenant: &Tenant, path: &str) -> Result<LocatedAsset, ApiError> {
    let path = path.split('?').next().unwrap_or_default();
    let not_had = |why: &str| ApiError::not_found(format!("Resource not found - {path} - {why}"));
    let url = DeliveryUrl::parse(path)?;
    if url.cloud_name != tenant.snapshot.cloud_name {
        return Err(not_had("it belongs to another product environment"));
    }
    if url.delivery_type != DeliveryType::Upload || url.resource_type != ResourceType::Image {
        return Err(not_had("only images of delivery type upload are fetched from here"));
    }
    if !url.transformation.is_delivery_only() {
        return Err(not_had("an address of this server is fetched without a transformation of its own"));
    }
    let url = url.resolve(plane, tenant, false).await?;
    let admitted = AdmittedDelivery::admit(&url, tenant, Viewer::Inside, plane.clock.now())?;
    plane.located.locate(plane, &admitted).await
}

/// Forgets the row of the asset that an address of our own names.
pub(crate) fn forget_own(plane: &Plane, tenant: &Tenant, admitted: &AdmittedDelivery<'_>) {
    if admitted.url().delivery_type != DeliveryType::Fetch {
        return;
    }
    let path = plane.outbound.own_path(&admitted.url().decoded);
    let inner = path.and_then(|path| DeliveryUrl::parse(path.split('?').next().unwrap_or_default()).ok());
    if let Some(inner) = inner {
        plane.located.forget_all_of(tenant.id(), inner.candidates().into_iter().map(|(name, _)| name));
    }
}

/// Asks the remote server of a copy that has been kept for long enough. Nobody waits for it.
fn look_after(
    plane: &Arc<Plane>,
    tenant: &Arc<Tenant>,
    record: &Arc<AssetRecord>,
    origin: impl FnOnce() -> (Origin, RequestId),
) {
    let version = record.version.id;
    let is_young = plane.clock.now() - record.version.uploaded_at < plane.fetches.keep;
    if is_young || plane.fetches.checked.contains_key(&version) {
        return;
    }
    plane.fetches.checked.insert(version, ());
    let (plane, tenant, record) = (Arc::clone(plane), Arc::clone(tenant), Arc::clone(record));
    let (origin, request) = origin();
    tokio::spawn(async move {
        let work = Work { plane: &plane, tenant: &tenant, origin, request, purpose: Purpose::Fetch };
        if let Err(error) = work.again(&record, false).await {
            let error = error.operator_text().unwrap_or(error.message()).to_owned();
            tracing::info!(error, "the copy of a fetched file is kept; it will be looked after later");
        }
    });
}

/// A conversation with one remote server.
pub(super) struct Work<'a> {
    pub(super) plane: &'a Arc<Plane>,
    pub(super) tenant: &'a Tenant,
    pub(super) origin: Origin,
    pub(super) request: RequestId,
    pub(super) purpose: Purpose,
}

/// What a remote server had.
pub(super) enum Got {
    File(Staged, RemoteSource),
    Unchanged,
}

impl Work<'_> {
    pub(super) fn assets(&self) -> AssetStore<'_> {
        AssetStore::of(&OnBehalfOf(self.tenant.id()), &self.plane.database, &self.plane.settings.region.name)
    }

    /// Fetches a file that is not there yet.
    async fn first(&self, name: AssetName) -> Result<(), ApiError> {
        // Another node, or a task that ended a moment ago, may have been here.
        if self.assets().find(&name).await?.is_some() {
            self.plane.located.forget(self.tenant.id(), &name);
            return Ok(());
        }
        let got = self.get(&name.public_id, HeaderMap::new()).await;
        match got.map_err(|error| not_had(&name.public_id, error))? {
            Got::File(staged, remote) => self.keep(name, staged, remote, None).await,
            // Nothing was asked on a condition.
            Got::Unchanged => Err(not_had(&name.public_id, OutboundError::Status(StatusCode::NOT_MODIFIED).into())),
        }
    }

    /// Looks whether a file has changed, if that is due or asked for.
    async fn again(&self, record: &AssetRecord, is_asked_for: bool) -> Result<(), ApiError> {
        let assets = self.assets();
        let Some(source) = assets.fetched_source(record.id).await? else {
            return Ok(());
        };
        let now = self.plane.clock.now();
        // Whoever takes the check looks; a source that fails is looked at again when the copy is due again.
        let is_due = is_asked_for || now - source.checked_at >= self.plane.fetches.keep;
        if !is_due || !assets.take_check(record.id, source.checked_at, now).await? {
            return Ok(());
        }
        let mut conditions = HeaderMap::new();
        let mut ask = |name: HeaderName, value: &Option<String>| {
            if let Some(value) = value.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
                conditions.insert(name, value);
            }
        };
        ask(IF_NONE_MATCH, &source.etag);
        ask(IF_MODIFIED_SINCE, &source.last_modified);
        match self.get(&record.name.public_id, conditions).await {
            Ok(Got::Unchanged) => assets.note_there(record.id).await?,
            Ok(Got::File(mut staged, remote)) => match staged.md5().await? == record.version.md5 {
                // A server without conditional requests sends what we have.
                true => assets.note_there(record.id).await?,
                false => self.keep(record.name.clone(), staged, remote, Some(record.version.id)).await?,
            },
            Err(NotHad::Remote(OutboundError::Status(StatusCode::NOT_FOUND | StatusCode::GONE))) => {
                if assets.note_missing(record.id).await? >= TIMES_MISSING {
                    self.give_up(record).await?;
                }
            }
            Err(error) => return Err(not_had(&record.name.public_id, error)),
        }
        Ok(())
    }

    pub(super) async fn get(&self, url: &str, conditions: HeaderMap) -> Result<Got, NotHad> {
        let limit = self.tenant.most_bytes();
        let domains = &self.tenant.snapshot.settings.allowed_fetch_domains;
        let asker = Asker { environment: self.tenant.id(), purpose: self.purpose, domains };
        match self.plane.outbound.get(url, asker, conditions).await? {
            Reached::Inside(..) => Err(NotHad::LeadsHere),
            Reached::Remote(remote) if remote.status() == StatusCode::NOT_MODIFIED => Ok(Got::Unchanged),
            Reached::Remote(mut remote) => {
                let header = |name| remote.header(name).map(str::to_owned);
                let source = RemoteSource { etag: header(ETAG), last_modified: header(LAST_MODIFIED) };
                Ok(Got::File(remote::stage(self.plane, &mut remote, limit).await?, source))
            }
        }
    }

    async fn keep(
        &self,
        name: AssetName,
        staged: Staged,
        remote: RemoteSource,
        replaces: Option<VersionId>,
    ) -> Result<(), ApiError> {
        if staged.bytes == 0 {
            return Err(ApiError::new(ErrorCode::InvalidFile, format!("Empty file - {}", name.public_id)));
        }
        let seen = keep::look_into(self.plane, self.tenant, &staged, name.resource_type, None).await?;
        let filename = remote::filename(&name.public_id).unwrap_or_default();
        let base = filename.rsplit_once('.').map_or(filename.as_str(), |(base, _)| base).to_owned();
        let wanted = Wanted {
            id: VersionId::generate(self.plane.clock.now()),
            display_name: base.clone(),
            asset_folder: String::new(),
            original_filename: base,
            tags: Vec::new(),
            context: Map::new(),
            metadata: Map::new(),
            coordinates: Coordinates::default(),
            access: AccessChange::default(),
            backup: None,
            keeps_folder: false,
            keeps_display_name: false,
            is_moderated: false,
            origin: "fetch",
            access_key: None,
            request: self.request,
            overwrite: replaces.is_some(),
            remote: Some(remote),
            replaces,
            ends: Ends::default(),
            ahead: Ahead::default(),
            analysis: None,
            questions: Questions::default(),
        };
        let permitted = Permitted::by_decision(name, self.origin.clone(), Told::NOBODY);
        match keep::keep(self.plane, &self.assets(), permitted, staged, seen, wanted).await? {
            Kept::Stored(_) => Ok(()),
            Kept::Existing(asset) => {
                self.plane.located.forget(self.tenant.id(), &asset.name);
                Ok(())
            }
            Kept::OutOfScope | Kept::Ended => {
                Err(ApiError::not_found(format!("Resource not found - {}", self.request)))
            }
        }
    }

    async fn give_up(&self, record: &AssetRecord) -> Result<(), ApiError> {
        let permitted = Permitted::by_decision(record.name.clone(), self.origin.clone(), Told::NOBODY);
        let now = self.plane.clock.now();
        // Fetched anew meanwhile, it is another version.
        if let DestroyOutcome::Gone(orphans) = self.assets().destroy(permitted, Some(record.version.id), now).await? {
            self.plane.shipper.wake();
            self.plane.located.forget(self.tenant.id(), &record.name);
            self.plane.remove_objects(orphans);
        }
        Ok(())
    }
}

/// Why there was no file.
pub(super) enum NotHad {
    Remote(OutboundError),
    LeadsHere,
    Ours(ApiError),
}

impl From<OutboundError> for NotHad {
    fn from(error: OutboundError) -> Self {
        Self::Remote(error)
    }
}

impl From<NotStaged> for NotHad {
    fn from(error: NotStaged) -> Self {
        match error {
            NotStaged::Remote(error) => Self::Remote(error),
            NotStaged::Ours(error) => Self::Ours(error),
        }
    }
}

/// What a delivery is told. A file that is not to be had is not there, and the reason stands behind its name.
pub(super) fn not_had(url: &str, error: NotHad) -> ApiError {
    let not_found = |why: &str| ApiError::not_found(format!("Resource not found - {url} - {why}"));
    match error {
        NotHad::Remote(OutboundError::Busy) => OutboundError::Busy.about(url),
        NotHad::Remote(error) => {
            let text = not_found(&error.to_string());
            match error {
                OutboundError::Broken(detail) => text.with_operator_text(detail),
                _ => text,
            }
        }
        NotHad::LeadsHere => not_found("it redirects to this server"),
        NotHad::Ours(error) => error,
    }
}
