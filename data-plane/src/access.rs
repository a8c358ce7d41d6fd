//! The door of the Admin API: an access key of the environment, then casbin.
//!
//! The Upload API carries its credentials in the form and Delivery decides by itself; their doors stand with them.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{AUTHORIZATION, HeaderMap},
    web,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Origin, Outcome},
    error::{ApiError, ErrorCode},
    http::{
        access::{Gate, Permission},
        routes::operation_of,
    },
    ids::EnvironmentId,
    operations::{FolderOf, Operation, operations},
    policy::{Explanation, Place, Scope, key_subject},
    seam::snapshot::KeySnapshot,
};

use crate::{
    DataPlane,
    assets::ActsFor,
    notifications::notice::{Notice, Wishes},
    permitted::Permitted,
    tenants::Tenant,
};

/// A key that may carry out an operation, and where it may. The call is counted once, when its authority goes: what was decided may
/// depend on the folder, which is learned on the way.
pub(crate) struct Authority {
    tenant: Arc<Tenant>,
    api_key: String,
    operation: &'static Operation,
    scope: Arc<Scope>,
    plane: DataPlane,
    asked_at: DateTime<Utc>,
    folder: OnceLock<String>,
    is_refused: AtomicBool,
    /// Whether the call is counted under another operation.
    is_passed_on: AtomicBool,
}

impl Drop for Authority {
    fn drop(&mut self) {
        if self.is_passed_on.load(Ordering::Relaxed) {
            return;
        }
        let outcome = if self.is_refused.load(Ordering::Relaxed) { Outcome::Refused } else { Outcome::Permitted };
        let folder = self.folder.get().map(String::as_str);
        self.plane.calls.note(self.tenant.id(), &self.api_key, self.operation, folder, outcome, self.asked_at);
    }
}

impl Authority {
    /// Asks the policy. A key that may do this nowhere is refused here; of one that may do it somewhere, the stores take care.
    pub(crate) async fn of(
        plane: &DataPlane,
        tenant: Arc<Tenant>,
        api_key: &str,
        operation: &'static Operation,
    ) -> Result<Self, ApiError> {
        let subject = key_subject(api_key);
        let principal = tenant.principal(&subject);
        let scope = if operation.folder == FolderOf::Nothing {
            match plane.policies.permits(&principal, operation, Place::None).await {
                Ok(true) => Ok(Arc::new(Scope::everywhere())),
                Ok(false) => Ok(Arc::new(Scope::nowhere())),
                Err(error) => Err(error),
            }
        } else {
            plane.policies.scope(&principal, operation).await
        };
        // A question that cannot be decided is a refusal.
        let scope = scope.map_err(|error| ApiError::internal(&error))?;
        let authority = Self {
            api_key: api_key.to_owned(),
            operation,
            scope,
            tenant: Arc::clone(&tenant),
            plane: DataPlane::clone(plane),
            asked_at: plane.clock.now(),
            folder: OnceLock::new(),
            is_refused: AtomicBool::new(false),
            is_passed_on: AtomicBool::new(false),
        };
        if authority.scope.is_nowhere() {
            let place = if operation.folder == FolderOf::Nothing { Place::None } else { Place::In("") };
            return Err(authority.refusal(place));
        }
        Ok(authority)
    }

    /// The same caller for another operation, which its call turned out to be. It is counted as that one.
    pub(crate) async fn instead(self, plane: &DataPlane, operation: &'static Operation) -> Result<Self, ApiError> {
        self.is_passed_on.store(true, Ordering::Relaxed);
        Self::of(plane, Arc::clone(&self.tenant), &self.api_key, operation).await
    }

    /// The same of a call that was counted when it came.
    pub(crate) fn counted_before(self) -> Self {
        self.is_passed_on.store(true, Ordering::Relaxed);
        self
    }

    /// The tenant.
    pub(crate) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The public half of the key.
    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Where the key may do it.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Says which folder the call is about; the first word stays.
    pub(crate) fn note_folder(&self, folder: &str) {
        let _ = self.folder.set(folder.to_owned());
    }

    /// The refusal at a place, with the line that decided. The call is counted as refused.
    pub(crate) fn refusal(&self, place: Place<'_>) -> ApiError {
        self.is_refused.store(true, Ordering::Relaxed);
        let subject = key_subject(&self.api_key);
        Explanation::of(&self.tenant.principal(&subject), self.operation, place).refusal()
    }

    /// The refusal about something that is not within reach. The call is counted as refused.
    pub(crate) fn beyond_reach(&self) -> ApiError {
        self.is_refused.store(true, Ordering::Relaxed);
        Explanation::beyond_reach(self.operation)
    }

    /// What is answered when there is no such thing within reach. Whoever may not look everywhere reads the same refusal whether the
    /// thing is elsewhere or nowhere. `folder` is known where the name of a thing says in which folder it is; where it is not, no line
    /// is named, because none was asked about this thing, and its folder might be one that the key may not know of.
    pub(crate) fn not_within_reach(&self, folder: Option<&str>, not_found: ApiError) -> ApiError {
        if let Some(folder) = folder {
            self.note_folder(folder);
        }
        match (folder, self.scope.a_forbidden_folder()) {
            (_, None) => not_found,
            (Some(folder), _) if self.scope.permits(folder) => not_found,
            (Some(folder), _) => self.refusal(Place::In(folder)),
            (None, Some(_)) => self.beyond_reach(),
        }
    }
}

/// What an admitted caller of the Admin API may work with. Stores are made from it.
pub struct TenantGrant(Authority);

impl TenantGrant {
    /// The tenant.
    pub fn tenant(&self) -> &Arc<Tenant> {
        self.0.tenant()
    }

    /// What the caller's key may do, and where.
    pub(crate) fn authority(&self) -> &Authority {
        &self.0
    }

    /// The right to change things, as far as the stores find them within reach.
    pub(crate) fn permit_within_reach<T>(&self, thing: T, request: &HttpRequest) -> Permitted<T> {
        self.permit_and_tell(thing, Wishes::default(), request)
    }

    /// The same, for a call that says how it is told.
    pub(crate) fn permit_and_tell<T>(&self, thing: T, wishes: Wishes, request: &HttpRequest) -> Permitted<T> {
        let told = Notice::new(&self.0.plane, self.tenant(), Some(self.0.api_key()), wishes).told();
        Permitted::by_decision(thing, Origin::of(key_subject(self.0.api_key()), request), told)
    }

    /// The right to put something into a folder.
    pub(crate) fn permit<T>(&self, thing: T, folder: &str, request: &HttpRequest) -> Result<Permitted<T>, ApiError> {
        self.0.note_folder(folder);
        if self.0.scope().permits(folder) {
            return Ok(self.permit_within_reach(thing, request));
        }
        Err(self.0.refusal(Place::In(folder)))
    }

    /// Refuses a call that comes to another operation, too, unless that is permitted in a folder and everywhere below it.
    pub(crate) async fn check_also(&self, plane: &DataPlane, operation: &str, folder: &str) -> Result<(), ApiError> {
        let Some(operation) = operations().find(operation) else {
            return Err(ApiError::new(ErrorCode::Forbidden, "Not permitted"));
        };
        let subject = key_subject(self.0.api_key());
        let principal = self.tenant().principal(&subject);
        let scope = plane.policies.scope(&principal, operation).await.map_err(|error| ApiError::internal(&error))?;
        match scope.forbidden_within(folder) {
            None => Ok(()),
            Some(forbidden) => Err(Explanation::of(&principal, operation, Place::In(forbidden)).refusal()),
        }
    }

    /// Where the caller's key may do something else, for what an answer says beside what was asked.
    pub(crate) async fn reach_of(&self, plane: &DataPlane, operation: &'static str) -> Result<Reach, ApiError> {
        let scope = match operations().find(operation) {
            None => Arc::new(Scope::nowhere()),
            Some(operation) => {
                let subject = key_subject(self.0.api_key());
                let principal = self.tenant().principal(&subject);
                plane.policies.scope(&principal, operation).await.map_err(|error| ApiError::internal(&error))?
            }
        };
        Ok(Reach { environment: self.tenant().id(), scope })
    }

    /// The grant of another operation, which the call turned out to be.
    pub(crate) async fn instead(self, plane: &DataPlane, operation: &'static str) -> Result<Self, ApiError> {
        let operation = operations().find(operation).ok_or_else(|| {
            ApiError::new(ErrorCode::Forbidden, "Not permitted")
                .with_operator_text(format!("{operation} stands in no row of the table of operations"))
        })?;
        Ok(Self(self.0.instead(plane, operation).await?))
    }
}

/// Where a caller's key may do something.
pub(crate) struct Reach {
    environment: EnvironmentId,
    scope: Arc<Scope>,
}

impl ActsFor for Reach {
    fn environment(&self) -> EnvironmentId {
        self.environment
    }

    fn scope(&self) -> Scope {
        Scope::clone(&self.scope)
    }
}

/// The gate itself.
pub struct TenantGate;

impl Gate for TenantGate {
    type Grant = TenantGrant;

    fn admit(request: HttpRequest, _: &'static str) -> Pin<Box<dyn Future<Output = Result<TenantGrant, ApiError>>>> {
        Box::pin(admit(request))
    }
}

async fn admit(request: HttpRequest) -> Result<TenantGrant, ApiError> {
    let plane = request.app_data::<web::Data<DataPlane>>().cloned();
    let Some(plane) = plane else {
        return Err(ApiError::new(ErrorCode::Forbidden, "Not permitted")
            .with_operator_text("a route of the data plane is served without its data"));
    };
    let cloud_name = request.match_info().get("cloud_name").unwrap_or_default().to_owned();
    let known = known_caller(&plane, &cloud_name, request.headers()).await;
    let (tenant, api_key) = known.map_err(|refusal| failed(&plane, &request, refusal))?;
    let (limit, now) = (tenant.most_admin_calls(), plane.clock.now());
    let figures = plane.admin_quota.take(&plane.database, tenant.id(), limit, now).await?;
    request.extensions_mut().insert(figures);
    let authority = Authority::of(&plane, tenant, &api_key, named_operation(&request)?).await?;
    Ok(TenantGrant(authority))
}

/// The tenant and the key of a caller whose credentials hold.
async fn known_caller(
    plane: &DataPlane,
    cloud_name: &str,
    headers: &HeaderMap,
) -> Result<(Arc<Tenant>, String), ApiError> {
    let (api_key, secret) = basic_credentials(headers)?;
    let invalid = || ApiError::unauthorized("Invalid credentials");
    let tenant = plane.tenants.find_or_ask(cloud_name).await.ok_or_else(invalid)?;
    let tenant = plane.tenants.with_key(tenant, &api_key).await;
    authenticate(&tenant, &api_key, &secret, plane.clock.now())?;
    Ok((tenant, api_key))
}

/// What a caller is answered whose credentials do not hold: the refusal, until too many came from the address.
pub(crate) fn failed(plane: &DataPlane, request: &HttpRequest, refusal: ApiError) -> ApiError {
    plane.failed_attempts.answer(request.peer_addr().map(|peer| peer.ip()), refusal)
}

/// The operation of a request. A route without a row in the table is refused; a test keeps it from landing.
pub(crate) fn named_operation(request: &HttpRequest) -> Result<&'static Operation, ApiError> {
    operation_of(request).ok_or_else(|| {
        ApiError::new(ErrorCode::Forbidden, "Not permitted")
            .with_operator_text("the route stands in no row of the table of operations")
    })
}

/// Checks a key and its secret, and that both the key and the environment are in use.
fn authenticate(tenant: &Tenant, api_key: &str, secret: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
    let invalid = || ApiError::unauthorized("Invalid credentials");
    let (key, secrets) = tenant.key(api_key).ok_or_else(invalid)?;
    // All secrets are compared, so that the time does not tell which one it was.
    let matches = secrets.iter().fold(false, |matches, known| matches | known.matches(secret));
    if matches { usable(tenant, Some(key), now) } else { Err(invalid()) }
}

/// Refuses an environment that is switched off, and a key that is disabled or has expired. Called with a key only after the caller
/// proved that it is his: strangers read the same of such a key as of one that is not there.
pub(crate) fn usable(tenant: &Tenant, key: Option<&KeySnapshot>, now: DateTime<Utc>) -> Result<(), ApiError> {
    if !tenant.is_active() {
        let text = format!("cloud_name {} is disabled", tenant.snapshot.cloud_name);
        return Err(ApiError::new(ErrorCode::Disabled, text));
    }
    match key {
        Some(key) if !key.enabled => {
            Err(ApiError::new(ErrorCode::Disabled, format!("api_key {} is disabled", key.api_key)))
        }
        Some(key) if key.has_expired(now) => Err(expired(key)),
        _ => Ok(()),
    }
}

/// The refusal of a key that has expired.
pub(crate) fn expired(key: &KeySnapshot) -> ApiError {
    ApiError::new(ErrorCode::Disabled, format!("api_key {} has expired", key.api_key))
}

/// Reads `Authorization: Basic`. A bearer token is refused as such; OAuth is not offered.
fn basic_credentials(headers: &HeaderMap) -> Result<(String, String), ApiError> {
    let missing = || ApiError::unauthorized("Must supply api_key and api_secret as HTTP Basic credentials");
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(missing)?;
    if header.to_ascii_lowercase().starts_with("bearer ") {
        return Err(ApiError::unauthorized("Invalid token"));
    }
    let encoded = header.strip_prefix("Basic ").or_else(|| header.strip_prefix("basic ")).ok_or_else(missing)?;
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(|| ApiError::unauthorized("Invalid credentials"))?;
    let (key, secret) = decoded.split_once(':').ok_or_else(|| ApiError::unauthorized("Invalid credentials"))?;
    Ok((key.to_owned(), secret.to_owned()))
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {$(
        $(#[$doc])*
        pub struct $name;

        impl Permission for $name {
            type Gate = TenantGate;
            const NAME: &'static str = $text;
        }
    )*};
}

permissions! {
    /// To ask whether the service is there.
    Ping = "service:read",
    /// To read the usage of the environment.
    ReadUsage = "usage:read",
    /// To list and read assets.
    ReadAssets = "assets:read",
    /// To change what is said of assets.
    WriteAssets = "assets:write",
    /// To take assets away.
    DestroyAssets = "assets:destroy",
    /// To read upload presets.
    ReadUploadPresets = "upload_presets:read",
    /// To make and change upload presets.
    WriteUploadPresets = "upload_presets:write",
    /// To take upload presets away.
    DestroyUploadPresets = "upload_presets:destroy",
    /// To list folders.
    ReadFolders = "folders:read",
    /// To make and move folders.
    WriteFolders = "folders:write",
    /// To take folders away.
    DestroyFolders = "folders:destroy",
    /// To list and read transformations.
    ReadTransformations = "transformations:read",
    /// To name, change and allow transformations.
    WriteTransformations = "transformations:write",
    /// To take transformations away.
    DestroyTransformations = "transformations:destroy",
    /// To read streaming profiles.
    ReadStreamingProfiles = "streaming_profiles:read",
    /// To make and change streaming profiles.
    WriteStreamingProfiles = "streaming_profiles:write",
    /// To take streaming profiles away.
    DestroyStreamingProfiles = "streaming_profiles:destroy",
    /// To read upload mappings.
    ReadUploadMappings = "upload_mappings:read",
    /// To make and change upload mappings.
    WriteUploadMappings = "upload_mappings:write",
    /// To take upload mappings away.
    DestroyUploadMappings = "upload_mappings:destroy",
    /// To read metadata fields and their lists.
    ReadMetadataFields = "metadata_fields:read",
    /// To make and change metadata fields and their lists.
    WriteMetadataFields = "metadata_fields:write",
    /// To take metadata fields, and values of their lists, away.
    DestroyMetadataFields = "metadata_fields:destroy",
    /// To read metadata rules.
    ReadMetadataRules = "metadata_rules:read",
    /// To make and change metadata rules.
    WriteMetadataRules = "metadata_rules:write",
    /// To take metadata rules away.
    DestroyMetadataRules = "metadata_rules:destroy",
    /// To read triggers.
    ReadTriggers = "triggers:read",
    /// To make and change triggers.
    WriteTriggers = "triggers:write",
    /// To take triggers away.
    DestroyTriggers = "triggers:destroy",
    /// To ask for notifications, and to read the log of those that were sent.
    ReadNotifications = "notifications:read",
    /// To acknowledge notifications, and to send them once more.
    WriteNotifications = "notifications:write",
    /// To list jobs that are not done.
    ReadJobs = "jobs:read",
    /// To list tags.
    ReadTags = "tags:read",
    /// To read the settings of the environment.
    ReadSettings = "settings:read",
}
