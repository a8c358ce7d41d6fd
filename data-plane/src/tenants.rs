//! The tenants that this region serves, by its last good snapshots.
//!
//! Snapshots come down the seam, are checked against the pinned key, kept in the regional database and swapped in memory. What is
//! served is always the last good state, through restarts and while the control plane is away; who is unknown is refused.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use plane_kit::{
    database::Database,
    error::chain,
    http::rate::Throttle,
    ids::EnvironmentId,
    policy::{PolicyBook, Principal},
    seal::SealingKey,
    seam::{
        ControlLink, SeamError,
        snapshot::{KeySnapshot, SignedSnapshot, Standing, TenantSnapshot, TrustedKey},
    },
    secret::Secret,
    settings::FolderMode,
    signature::Algorithm,
    telemetry::metrics::Metrics,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, sea_query::OnConflict};
use tokio::{sync::Mutex, task::JoinHandle};
use transform::grammar::Quality;

use crate::tables::tenant_snapshots;

/// How long a poll waits for news.
const POLL_WAIT: Duration = Duration::from_secs(25);
/// How long to wait after a failed poll.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Questions about unknown names that strangers can cause: one each 100 ms, 20 at once.
const ASK_PERIOD: Duration = Duration::from_millis(100);
const ASK_BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// A product environment as this region knows it.
pub struct Tenant {
    /// The snapshot it was made from.
    pub snapshot: TenantSnapshot,
    /// The secrets of each key, the present one first; the second one is of a rotation that is under way.
    secrets: HashMap<String, Vec<Secret>>,
    /// Where each key stands in the snapshot.
    places: HashMap<String, usize>,
    book: PolicyBook,
}

impl Tenant {
    fn open(snapshot: TenantSnapshot, region_key: &SealingKey) -> Result<Self, TenantError> {
        let (mut secrets, mut places) = (HashMap::new(), HashMap::new());
        for (place, key) in snapshot.keys.iter().enumerate() {
            let sealed = std::iter::once(&key.sealed_secret).chain(&key.next_sealed_secret);
            let opened = sealed.map(|sealed| region_key.open(sealed)).collect::<Result<Vec<_>, _>>()?;
            secrets.insert(key.api_key.clone(), opened);
            places.insert(key.api_key.clone(), place);
        }
        let book = PolicyBook::new(&snapshot.policies, &snapshot.roles);
        Ok(Self { snapshot, secrets, places, book })
    }

    /// The environment's id.
    pub fn id(&self) -> EnvironmentId {
        self.snapshot.environment
    }

    /// A key of the environment with its secrets, the present one first. Either is worth as much as the other.
    pub fn key(&self, api_key: &str) -> Option<(&KeySnapshot, &[Secret])> {
        let key = self.snapshot.keys.get(*self.places.get(api_key)?)?;
        Some((key, self.secrets.get(api_key)?.as_slice()))
    }

    fn secrets_of(&self, key: &KeySnapshot) -> &[Secret] {
        self.secrets.get(&key.api_key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Secrets that may sign delivery URLs at a moment. The first one signs those that are handed out.
    pub fn delivery_secrets(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Secret> {
        let keys = self.snapshot.keys.iter().filter(move |key| key.is_usable(now) && key.signs_delivery);
        keys.flat_map(move |key| self.secrets_of(key))
    }

    /// Keys that could sign delivery URLs if they had not expired before a moment, with their secrets.
    pub fn expired_delivery_keys(&self, now: DateTime<Utc>) -> impl Iterator<Item = (&KeySnapshot, &[Secret])> {
        let keys = self.snapshot.keys.iter();
        let expired = keys.filter(move |key| key.enabled && key.signs_delivery && key.has_expired(now));
        expired.map(move |key| (key, self.secrets_of(key)))
    }

    /// Keys that are accepted at a moment and may not sign delivery URLs, with their secrets.
    pub fn withheld_delivery_keys(&self, now: DateTime<Utc>) -> impl Iterator<Item = (&KeySnapshot, &[Secret])> {
        let keys = self.snapshot.keys.iter();
        keys.filter(move |key| key.is_usable(now) && !key.signs_delivery).map(move |key| (key, self.secrets_of(key)))
    }

    /// The secrets of all keys that are accepted at a moment.
    pub fn usable_secrets(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Secret> {
        let keys = self.snapshot.keys.iter().filter(move |key| key.is_usable(now));
        keys.flat_map(move |key| self.secrets_of(key))
    }

    /// The secret that signs results at a moment: the present one of the oldest key that is accepted.
    pub fn result_secret(&self, now: DateTime<Utc>) -> Option<&Secret> {
        self.snapshot.keys.iter().find(|key| key.is_usable(now)).and_then(|key| self.secrets_of(key).first())
    }

    /// The key that notifications are signed with, and its present secret: the one that is dedicated to that, or else the oldest that
    /// is accepted.
    pub fn notification_key(&self, now: DateTime<Utc>) -> Option<(&str, &Secret)> {
        let mut usable = self.snapshot.keys.iter().filter(|key| key.is_usable(now));
        let dedicated = usable.clone().find(|key| key.signs_notifications);
        let key = dedicated.or_else(|| usable.next())?;
        self.secrets_of(key).first().map(|secret| (key.api_key.as_str(), secret))
    }

    /// A principal of the environment, as in `key:814814814814814`.
    pub fn principal<'a>(&'a self, subject: &'a str) -> Principal<'a> {
        Principal { owner: self.id().0, version: self.snapshot.version, subject, book: &self.book }
    }

    /// The largest file that is taken, in bytes.
    pub fn most_bytes(&self) -> u64 {
        let plan = self.snapshot.limits.upload_bytes;
        self.snapshot.settings.max_upload_bytes.map_or(plan, |own| own.min(plan))
    }

    /// The largest picture that is taken, in pixels of all frames.
    pub fn most_pixels(&self) -> u64 {
        let plan = self.snapshot.limits.image_pixels;
        self.snapshot.settings.max_image_pixels.map_or(plan, |own| own.min(plan))
    }

    /// How many calls of the Admin API may be made in an hour; 0 is no limit.
    pub fn most_admin_calls(&self) -> u32 {
        let plan = self.snapshot.limits.admin_calls_per_hour;
        match self.snapshot.settings.max_admin_calls_per_hour {
            None => plan,
            Some(own) if plan == 0 => own,
            Some(own) => own.min(plan),
        }
    }

    /// The digest that signs results and notifications.
    pub fn signing_algorithm(&self) -> Algorithm {
        self.snapshot.settings.api_signature_algorithm.unwrap_or(Algorithm::Sha1)
    }

    /// The quality of images whose transformation says none. Nothing where it was never set.
    pub fn default_quality(&self) -> Option<Quality> {
        Quality::parse(self.snapshot.settings.default_image_quality.as_deref()?).ok()
    }

    /// Whether folders are independent of public ids.
    pub fn folders_are_free(&self) -> bool {
        self.snapshot.folder_mode == FolderMode::Dynamic
    }

    /// The folder that a public id says by itself, which it does in fixed mode only.
    pub fn folder_of<'n>(&self, public_id: &'n str) -> Option<&'n str> {
        match self.snapshot.folder_mode {
            FolderMode::Fixed => Some(public_id.rsplit_once('/').map_or("", |(folder, _)| folder)),
            FolderMode::Dynamic => None,
        }
    }

    /// Whether the environment is in use.
    pub fn is_active(&self) -> bool {
        self.snapshot.standing == Standing::Active
    }
}

/// Why a snapshot was not applied.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// Not signed by whom we trust, or unreadable.
    #[error("a snapshot was refused")]
    Snapshot(#[from] plane_kit::seam::snapshot::SnapshotError),
    /// A key's secret cannot be opened.
    #[error("a secret in a snapshot cannot be opened")]
    Seal(#[from] plane_kit::seal::SealError),
    /// The regional database failed.
    #[error("the regional database failed")]
    Database(#[from] DbErr),
    /// The control plane did not answer.
    #[error(transparent)]
    Seam(#[from] SeamError),
}

impl TenantError {
    /// Whether the fault lies in one snapshot and says nothing of the others.
    fn is_of_one_tenant(&self) -> bool {
        use plane_kit::seam::snapshot::SnapshotError;
        match self {
            Self::Snapshot(SnapshotError::Unreadable(_)) | Self::Seal(_) => true,
            Self::Snapshot(SnapshotError::Untrusted) | Self::Database(_) | Self::Seam(_) => false,
        }
    }
}

#[derive(Default, Clone)]
struct Directory {
    by_id: HashMap<EnvironmentId, Arc<Tenant>>,
    by_cloud: HashMap<String, Arc<Tenant>>,
    /// Highest version seen of each environment, tombstones included.
    versions: HashMap<EnvironmentId, i64>,
    seq: i64,
}

/// All tenants of the region.
pub struct Tenants {
    directory: ArcSwap<Directory>,
    database: Database,
    region: String,
    region_key: SealingKey,
    trusted: TrustedKey,
    link: Arc<dyn ControlLink>,
    metrics: Arc<Metrics>,
    applying: Mutex<()>,
    asking: Throttle,
}

impl Tenants {
    /// Loads the last good snapshots of the regional database.
    pub async fn load(
        database: Database,
        region: &str,
        region_key: SealingKey,
        trusted: TrustedKey,
        link: Arc<dyn ControlLink>,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, TenantError> {
        let tenants = Self {
            directory: ArcSwap::default(),
            database,
            region: region.to_owned(),
            region_key,
            trusted,
            link,
            metrics,
            applying: Mutex::new(()),
            asking: Throttle::new(ASK_PERIOD, ASK_BURST),
        };
        let rows = tenant_snapshots::Entity::find().all(tenants.database.reader()).await?;
        let signed = rows
            .into_iter()
            .map(|row| SignedSnapshot { seq: row.seq, payload: row.payload, signature: row.signature })
            .collect();
        tenants.apply(signed, false).await?;
        Ok(Arc::new(tenants))
    }

    /// The tenant of an id, if it is known.
    pub fn find_by_id(&self, id: EnvironmentId) -> Option<Arc<Tenant>> {
        self.directory.load().by_id.get(&id).cloned()
    }

    /// The tenant of a cloud name, if it is known.
    pub fn find(&self, cloud_name: &str) -> Option<Arc<Tenant>> {
        let directory = self.directory.load();
        match directory.by_cloud.get(cloud_name) {
            Some(tenant) => Some(Arc::clone(tenant)),
            None if cloud_name.bytes().any(|b| b.is_ascii_uppercase()) => {
                directory.by_cloud.get(&cloud_name.to_ascii_lowercase()).cloned()
            }
            None => None,
        }
    }

    /// The tenant of a cloud name; asks the control plane once before it says no.
    pub async fn find_or_ask(&self, cloud_name: &str) -> Option<Arc<Tenant>> {
        if let Some(tenant) = self.find(cloud_name) {
            return Some(tenant);
        }
        Box::pin(self.ask()).await;
        self.find(cloud_name)
    }

    /// The tenant with a key that may have been made a moment ago.
    pub async fn with_key(&self, tenant: Arc<Tenant>, api_key: &str) -> Arc<Tenant> {
        if tenant.key(api_key).is_some() {
            return tenant;
        }
        Box::pin(self.ask()).await;
        self.directory.load().by_id.get(&tenant.id()).cloned().unwrap_or(tenant)
    }

    /// All known environments.
    pub fn all(&self) -> Vec<Arc<Tenant>> {
        self.directory.load().by_id.values().cloned().collect()
    }

    /// The newest sequence number applied.
    pub fn seq(&self) -> i64 {
        self.directory.load().seq
    }

    /// One poll without waiting. Strangers cannot cause many: beyond the throttle the answer is what is known.
    async fn ask(&self) {
        if !self.asking.allows() {
            return;
        }
        if let Err(error) = self.poll(Duration::ZERO).await {
            tracing::debug!(error = chain(&error), "the control plane could not be asked about an unknown name");
        }
    }

    async fn poll(&self, wait: Duration) -> Result<(), TenantError> {
        let page = self.link.snapshots(self.seq(), wait).await?;
        if !page.items.is_empty() {
            self.apply(page.items, true).await?;
        }
        Ok(())
    }

    /// Applies snapshots in order. What was applied before an error is in force. One that cannot be trusted ends the page; one that
    /// is trusted and cannot be read by this version of the program leaves its tenant at its last good state, and the others
    /// are not held up by it.
    async fn apply(&self, items: Vec<SignedSnapshot>, store: bool) -> Result<(), TenantError> {
        let _one_at_a_time = self.applying.lock().await;
        let mut directory = Directory::clone(&self.directory.load());
        let mut outcome = Ok(());
        for signed in items {
            match self.apply_one(&mut directory, &signed, store).await {
                Ok(()) => {}
                Err(error) if error.is_of_one_tenant() => {
                    tracing::error!(error = chain(&error), seq = signed.seq, "a tenant stays at its last good state");
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
            directory.seq = directory.seq.max(signed.seq);
        }
        self.metrics.snapshot_sequence.set(directory.seq);
        self.directory.store(Arc::new(directory));
        outcome
    }

    async fn apply_one(
        &self,
        directory: &mut Directory,
        signed: &SignedSnapshot,
        store: bool,
    ) -> Result<(), TenantError> {
        let snapshot = signed.open(&self.region, &self.trusted)?;
        let known = directory.versions.get(&snapshot.environment).copied().unwrap_or(i64::MIN);
        if snapshot.version <= known {
            return Ok(());
        }
        let tenant = Tenant::open(snapshot, &self.region_key)?;
        if store {
            self.keep(signed, &tenant.snapshot).await?;
        }
        directory.put(tenant);
        Ok(())
    }

    async fn keep(&self, signed: &SignedSnapshot, snapshot: &TenantSnapshot) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        // Another node of the region may have kept a newer one already.
        let newer = tenant_snapshots::Entity::find_by_id(snapshot.environment.0)
            .filter(tenant_snapshots::Column::Version.gte(snapshot.version))
            .one(&transaction)
            .await?;
        if newer.is_none() {
            let row = tenant_snapshots::ActiveModel {
                environment_id: Set(snapshot.environment.0),
                seq: Set(signed.seq),
                version: Set(snapshot.version),
                payload: Set(signed.payload.clone()),
                signature: Set(signed.signature.clone()),
            };
            upsert(&transaction, row).await?;
        }
        transaction.commit().await
    }

    /// Follows the control plane until the process ends.
    pub fn follow(self: &Arc<Self>) -> JoinHandle<()> {
        let tenants = Arc::clone(self);
        tokio::spawn(async move {
            let mut was_away = false;
            loop {
                match tenants.poll(POLL_WAIT).await {
                    Ok(()) => {
                        if std::mem::take(&mut was_away) {
                            tracing::info!("the control plane is back");
                        }
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut was_away, true) {
                            tracing::warn!(error = chain(&error), "no news from the control plane; serving on");
                        }
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        })
    }
}

impl Directory {
    fn put(&mut self, tenant: Tenant) {
        let id = tenant.id();
        self.versions.insert(id, tenant.snapshot.version);
        if let Some(old) = self.by_id.remove(&id)
            && self.by_cloud.get(&old.snapshot.cloud_name).is_some_and(|named| named.id() == id)
        {
            self.by_cloud.remove(&old.snapshot.cloud_name);
        }
        if tenant.snapshot.standing != Standing::Deleted {
            let tenant = Arc::new(tenant);
            self.by_cloud.insert(tenant.snapshot.cloud_name.clone(), Arc::clone(&tenant));
            self.by_id.insert(id, tenant);
        }
    }
}

async fn upsert<C: ConnectionTrait>(connection: &C, row: tenant_snapshots::ActiveModel) -> Result<(), DbErr> {
    use tenant_snapshots::Column;
    let replace = OnConflict::column(Column::EnvironmentId)
        .update_columns([Column::Seq, Column::Version, Column::Payload, Column::Signature])
        .to_owned();
    tenant_snapshots::Entity::insert(row).on_conflict(replace).exec_without_returning(connection).await?;
    Ok(())
}
