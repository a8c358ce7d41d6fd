//! Who may make an Upload API call: whoever signed its fields with the secret of an enabled key, or names an unsigned preset.

use std::sync::Arc;

use actix_web::{HttpRequest, http::header::AUTHORIZATION};
use chrono::{DateTime, Utc};
use plane_kit::{
    audit::Origin,
    error::{ApiError, ErrorCode},
    http::{edge::RequestId, params::Params},
    ids::EnvironmentId,
    operations::Operation,
    policy::{Place, Scope, key_subject},
    signature::{Algorithm, Escaping, string_to_sign, verify_request},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    chunks::{Chunk, begun::begun},
    context::read_context,
    form::{EarlyCheck, Standing},
};
use crate::{
    DataPlane,
    access::{Authority, failed, named_operation, usable},
    assets::ActsFor,
    metadata::values::read_pairs,
    notifications::notice::{Notice, Wishes},
    permitted::{Permitted, Told},
    presets::{self, Preset},
    tenants::Tenant,
};

/// How far a client's clock may be ahead, in seconds.
const CLOCK_LEAD: i64 = 3600;
/// Operations whose callers may leave `notification_url` and `batch_id` out of what they sign, as the official Python client does.
const NOTIFIED_UNSIGNED: [&str; 3] = ["update_tags", "update_context", "update_metadata"];
/// What an upload without a signature may say for itself.
const UNSIGNED_PARAMETERS: [&str; 20] = [
    "upload_preset",
    "public_id",
    "folder",
    "asset_folder",
    "tags",
    "context",
    "metadata",
    "face_coordinates",
    "custom_coordinates",
    "regions",
    "source",
    "callback",
    "filename_override",
    "display_name",
    "file",
    "timestamp",
    "resource_type",
    "type",
    "api_key",
    "cloud_name",
];

/// Who makes the call.
enum Caller {
    /// The holder of an access key, as far as its rules reach.
    Key(Authority),
    /// Anybody, within an unsigned preset.
    Preset(Arc<Tenant>),
}

/// A call that is carried out later, as its job keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Suspended {
    /// The access key; without one, whoever may use the preset.
    api_key: Option<String>,
    actor: String,
    address: String,
    request: Uuid,
    params: Map<String, Value>,
    given_id: Option<String>,
}

impl Suspended {
    /// The request.
    pub fn request(&self) -> RequestId {
        RequestId(self.request)
    }

    /// Who made it.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// How it is told. What was read when the call was taken can be read again.
    pub fn wishes(&self) -> Wishes {
        Wishes::read(&Params::from(self.params.clone())).unwrap_or_default()
    }
}

/// An Upload API call that may be made. The fields are merged with the preset.
pub struct AuthorizedUpload {
    caller: Caller,
    params: Params,
    request: RequestId,
    origin: Origin,
    /// The public id that the call itself gave.
    given_id: Option<String>,
    plane: DataPlane,
    /// How the call is told.
    wishes: Wishes,
}

impl AuthorizedUpload {
    /// The call, to be carried out later.
    pub fn suspend(&self) -> Suspended {
        let mut params: Map<String, Value> = self.params.clone().into();
        for name in ["file", "signature", "timestamp", "api_key", "async"] {
            params.remove(name);
        }
        Suspended {
            api_key: self.access_key().map(str::to_owned),
            actor: self.origin.actor.to_string(),
            address: self.origin.address.clone(),
            request: self.request.0,
            params,
            given_id: self.given_id.clone(),
        }
    }

    /// Goes on with a call. What its key may do is asked again; that it was called stands written already. `batch` is what it was
    /// answered.
    pub async fn resume(
        plane: &DataPlane,
        tenant: Arc<Tenant>,
        operation: &'static Operation,
        suspended: Suspended,
        batch: String,
    ) -> Result<Self, ApiError> {
        let Suspended { api_key, actor, address, request, params, given_id } = suspended;
        let params = Params::from(params);
        let caller = match api_key {
            Some(api_key) => {
                let (key, _) =
                    tenant.key(&api_key).ok_or_else(|| ApiError::unauthorized(format!("Unknown API key {api_key}")))?;
                usable(&tenant, Some(key), plane.clock.now())?;
                let authority = Authority::of(plane, Arc::clone(&tenant), &api_key, operation).await;
                Caller::Key(authority.map_err(as_unauthorized)?.counted_before())
            }
            None => {
                usable(&tenant, None, plane.clock.now())?;
                unsigned_preset(plane, &tenant, &params).await?;
                Caller::Preset(tenant)
            }
        };
        let request = RequestId(request);
        let origin = Origin { actor: actor.into(), address, request: request.to_string() };
        let wishes = Wishes { batch: Some(batch), ..Wishes::read(&params)? };
        Ok(Self { caller, params, request, origin, given_id, plane: DataPlane::clone(plane), wishes })
    }

    /// The public id that the call itself gave, whatever a preset says.
    pub fn given_public_id(&self) -> Option<&str> {
        self.given_id.as_deref()
    }

    /// Refuses a public id of the call where the preset of an unsigned upload does not allow one. That which an earlier answer to a chunk
    /// of the same upload gave is none of the caller's.
    pub fn check_given_id(&self, settled: Option<&str>) -> Result<(), ApiError> {
        let is_disallowed = !self.is_signed() && self.params.boolean("disallow_public_id")? == Some(true);
        match &self.given_id {
            Some(given) if is_disallowed && settled != Some(given) => {
                let preset = self.params.text("upload_preset")?.unwrap_or_default();
                Err(ApiError::invalid(format!("public_id parameter is not allowed by upload preset {preset}")))
            }
            _ => Ok(()),
        }
    }

    /// The tenant.
    pub fn tenant(&self) -> &Arc<Tenant> {
        match &self.caller {
            Caller::Key(authority) => authority.tenant(),
            Caller::Preset(tenant) => tenant,
        }
    }

    /// The parameters of the call.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The access key that was used, if one was.
    pub fn access_key(&self) -> Option<&str> {
        match &self.caller {
            Caller::Key(authority) => Some(authority.api_key()),
            Caller::Preset(_) => None,
        }
    }

    /// Whether the call is signed.
    pub fn is_signed(&self) -> bool {
        matches!(self.caller, Caller::Key(_))
    }

    /// Who makes it, as in `key:814814814814814` or `preset:name`.
    pub fn subject(&self) -> &str {
        &self.origin.actor
    }

    /// Who makes it and from where, for the audit log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The request.
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// The right to store under a name what will lie in a folder. Whether what lies there already may be replaced, the store decides
    /// under its lock.
    pub fn permit<T>(&self, name: T, folder: &str) -> Result<Permitted<T>, ApiError> {
        if let Caller::Key(authority) = &self.caller {
            authority.note_folder(folder);
            if !authority.scope().permits(folder) {
                return Err(as_unauthorized(authority.refusal(Place::In(folder))));
            }
        }
        Ok(self.permit_within_reach(name))
    }

    /// The right to change things, as far as the store finds them within reach.
    pub fn permit_within_reach<T>(&self, thing: T) -> Permitted<T> {
        Permitted::by_decision(thing, self.origin.clone(), self.told())
    }

    /// Whoever is told of what the call changes.
    pub fn told(&self) -> Told {
        Notice::new(&self.plane, self.tenant(), self.access_key(), self.wishes.clone()).told()
    }

    /// How the call is told.
    pub fn wishes(&self) -> &Wishes {
        &self.wishes
    }

    /// What a call is answered whose name belongs to something that is not within reach.
    pub fn beyond_reach(&self) -> ApiError {
        match &self.caller {
            Caller::Key(authority) => as_unauthorized(authority.beyond_reach()),
            Caller::Preset(_) => ApiError::unauthorized("Not permitted"),
        }
    }

    /// What a call is answered that names nothing within reach.
    pub fn not_within_reach(&self, folder: Option<&str>, not_found: ApiError) -> ApiError {
        match &self.caller {
            Caller::Key(authority) => as_unauthorized(authority.not_within_reach(folder, not_found)),
            Caller::Preset(_) => not_found,
        }
    }
}

impl ActsFor for AuthorizedUpload {
    fn environment(&self) -> EnvironmentId {
        self.tenant().id()
    }

    fn scope(&self) -> Scope {
        match &self.caller {
            Caller::Key(authority) => authority.scope().clone(),
            Caller::Preset(_) => Scope::everywhere(),
        }
    }
}

/// The check of signature and permission, for before the file.
pub struct SignatureCheck<'a> {
    /// The plane.
    pub plane: &'a DataPlane,
    /// The tenant.
    pub tenant: &'a Tenant,
    /// The operation of the call.
    pub operation: &'static Operation,
    /// The chunk that it brings, if it brings one.
    pub chunk: Option<&'a Chunk>,
}

impl EarlyCheck for SignatureCheck<'_> {
    async fn standing(&self, params: &Params) -> Standing {
        let is_right = match signer(self.plane, self.tenant, params, self.operation, self.chunk).await {
            Ok((Some(key), _)) => {
                // A key that may do this nowhere is told so when its call is decided; its file is not waited for.
                let subject = key_subject(&key);
                let scope = self.plane.policies.scope(&self.tenant.principal(&subject), self.operation).await;
                scope.is_ok_and(|scope| !scope.is_nowhere())
            }
            Ok((None, _)) => match params.text("upload_preset") {
                // A signature that names a preset may come behind the file, but none that names what is not there.
                Ok(Some(name)) => match named_preset(self.plane, self.tenant, &name).await {
                    Ok(preset) if preset.unsigned => true,
                    Ok(_) => return Standing::Unknown,
                    Err(error) if !error.code().status().is_client_error() => return Standing::Unknown,
                    Err(_) => false,
                },
                Ok(None) => return Standing::Unknown,
                Err(_) => false,
            },
            // What is missing may come, and what the database cannot tell now is told when the call is decided.
            Err(refusal) if refusal.code() == ErrorCode::InvalidSignature => return Standing::Unknown,
            Err(refusal) if !refusal.code().status().is_client_error() => return Standing::Unknown,
            Err(_) if params.get("api_key").is_none() || params.get("timestamp").is_none() => return Standing::Unknown,
            Err(_) => false,
        };
        if is_right { Standing::Authorized } else { Standing::Refused }
    }
}

/// Decides about a call whose fields are all known.
pub async fn authorize(
    plane: &DataPlane,
    request: &HttpRequest,
    tenant: Arc<Tenant>,
    params: Params,
    chunk: Option<&Chunk>,
) -> Result<AuthorizedUpload, ApiError> {
    let id = RequestId::of(request);
    let now = plane.clock.now();
    let operation = named_operation(request)?;
    let signer = signer(plane, &tenant, &params, operation, chunk).await;
    let (signed_by, as_signed) = signer.map_err(|refusal| failed(plane, request, refusal))?;
    let params = as_signed.unwrap_or(params);
    let given_id = params.text("public_id")?;
    if let Some(key) = signed_by {
        let timestamp = params.integer("timestamp")?.unwrap_or(0);
        // A link that says itself when it ends is good until then.
        match params.integer("expires_at")?.filter(|_| operation.id == "download") {
            Some(ends) if ends <= now.timestamp() => {
                return Err(ApiError::new(ErrorCode::StaleRequest, "Stale request - the link has expired"));
            }
            Some(_) => fresh(timestamp, now.timestamp(), now.timestamp())?,
            None => fresh(timestamp, now.timestamp(), plane.settings.uploads.signature_age_seconds)?,
        }
        let origin = Origin::of(key_subject(&key), request);
        let authority = Authority::of(plane, tenant, &key, operation).await.map_err(as_unauthorized)?;
        let of = (operation.id == "upload").then(|| request.match_info().get("resource_type").unwrap_or("image"));
        let params = merge_signed(plane, authority.tenant(), of, params).await?;
        let (wishes, plane) = (Wishes::read(&params)?, DataPlane::clone(plane));
        let caller = Caller::Key(authority);
        return Ok(AuthorizedUpload { caller, params, request: id, origin, given_id, plane, wishes });
    }
    if params.get("upload_preset").is_none() && has_bearer(request) {
        return Err(failed(plane, request, ApiError::unauthorized("Invalid token")));
    }
    usable(&tenant, None, now)?;
    let preset = unsigned_preset(plane, &tenant, &params).await?;
    let origin = Origin::of(format!("preset:{}", preset.name), request);
    let params = merge_unsigned(params, preset)?;
    let (wishes, plane) = (Wishes::read(&params)?, DataPlane::clone(plane));
    Ok(AuthorizedUpload { caller: Caller::Preset(tenant), params, request: id, origin, given_id, plane, wishes })
}

/// The key that signed the fields, and the fields as they were signed, where a client has added to them afterwards.
///
/// One official client signs once for all chunks of an upload, and sends from the second one on the public id that it was answered: in
/// the place of what was signed. It says nothing new, so the call is read as it was signed.
async fn signer(
    plane: &DataPlane,
    tenant: &Tenant,
    params: &Params,
    operation: &Operation,
    chunk: Option<&Chunk>,
) -> Result<(Option<String>, Option<Params>), ApiError> {
    let now = plane.clock.now();
    let refusal = match verify(tenant, params, operation, now) {
        Err(refusal) if refusal.code() == ErrorCode::InvalidSignature => refusal,
        verified => return Ok((verified?, None)),
    };
    let (Some(chunk), Some(key)) = (chunk.filter(|chunk| !chunk.is_first()), params.text("api_key")?) else {
        return Err(refusal);
    };
    let begun = begun(plane, tenant.id(), &key_subject(&key), chunk).await?;
    let Some(begun) =
        begun.filter(|begun| params.text("public_id").is_ok_and(|id| id.as_ref() == Some(&begun.public_id)))
    else {
        return Err(refusal);
    };
    let mut as_signed = params.clone();
    match begun.said_id {
        Some(said) => as_signed.set("public_id", said.into()),
        None => as_signed.remove("public_id"),
    }
    match verify(tenant, &as_signed, operation, now) {
        Ok(Some(key)) => Ok((Some(key), Some(as_signed))),
        _ => Err(refusal),
    }
}

/// Whether a call brings a token of OAuth, which is not taken.
fn has_bearer(request: &HttpRequest) -> bool {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.is_some_and(|value| value.to_ascii_lowercase().starts_with("bearer "))
}

/// The key that signed the fields. `None` when the call carries no signature at all.
fn verify(
    tenant: &Tenant,
    params: &Params,
    operation: &Operation,
    now: DateTime<Utc>,
) -> Result<Option<String>, ApiError> {
    let Some(signature) = params.text("signature")? else {
        return Ok(None);
    };
    let api_key = params.text("api_key")?.ok_or_else(|| ApiError::unauthorized("Must supply api_key"))?;
    let (key, secrets) =
        tenant.key(&api_key).ok_or_else(|| ApiError::unauthorized(format!("Unknown API key {api_key}")))?;
    if params.get("timestamp").is_none() {
        return Err(plane_kit::http::params::missing("timestamp"));
    }
    if let Some(only) = tenant.snapshot.settings.api_signature_algorithm
        && Algorithm::of_hex(&signature) != Some(only)
    {
        let text = format!("Invalid Signature {signature}. This account takes signatures by {} only", only.name());
        return Err(ApiError::new(ErrorCode::InvalidSignature, text));
    }
    let texts = params.signed_texts();
    let mut is_signed = secrets.iter().any(|secret| verify_request(&texts, secret, &signature));
    if !is_signed && let Some(texts) = params.signed_texts_with_commas() {
        is_signed = secrets.iter().any(|secret| verify_request(&texts, secret, &signature));
    }
    if !is_signed && NOTIFIED_UNSIGNED.contains(&operation.id) {
        let mut texts = texts.clone();
        texts.retain(|name, _| !matches!(name.as_str(), "notification_url" | "batch_id"));
        is_signed = secrets.iter().any(|secret| verify_request(&texts, secret, &signature));
    }
    if !is_signed {
        let text = string_to_sign(&texts, Escaping::Ampersand);
        return Err(ApiError::new(
            ErrorCode::InvalidSignature,
            format!("Invalid Signature {signature}. String to sign - '{text}'."),
        ));
    }
    usable(tenant, Some(key), now)?;
    Ok(Some(api_key))
}

fn fresh(timestamp: i64, now: i64, age: i64) -> Result<(), ApiError> {
    if timestamp < now - age {
        let time = chrono::DateTime::from_timestamp(timestamp, 0).unwrap_or_default();
        return Err(ApiError::new(
            ErrorCode::StaleRequest,
            format!(
                "Stale request - reported time is {} which is more than {} ago",
                time.format("%Y-%m-%d %H:%M:%S UTC"),
                if age == 3600 { "1 hour".to_owned() } else { format!("{age} seconds") }
            ),
        ));
    }
    if timestamp > now + CLOCK_LEAD {
        return Err(ApiError::new(
            ErrorCode::StaleRequest,
            "Invalid value for parameter timestamp: it is in the future",
        ));
    }
    Ok(())
}

/// A refusal of the Upload API is a 401: the Node client loses the text of a 403.
fn as_unauthorized(error: ApiError) -> ApiError {
    match error.code() {
        ErrorCode::Forbidden => error.with_code(ErrorCode::Unauthorized),
        _ => error,
    }
}

async fn named_preset(plane: &DataPlane, tenant: &Tenant, name: &str) -> Result<Preset, ApiError> {
    presets::find(&plane.database, tenant, name)
        .await?
        .ok_or_else(|| ApiError::invalid(format!("Upload preset not found: {name}")))
}

/// The preset of an unsigned call.
async fn unsigned_preset(plane: &DataPlane, tenant: &Tenant, params: &Params) -> Result<Preset, ApiError> {
    let Some(name) = params.text("upload_preset")? else {
        return Err(ApiError::invalid("Upload preset must be specified when using unsigned upload"));
    };
    let preset = named_preset(plane, tenant, &name).await?;
    if !preset.unsigned {
        return Err(ApiError::invalid(format!("Upload preset {name} must be whitelisted for unsigned uploads")));
    }
    Ok(preset)
}

/// A signed call's own parameters win over its preset. An upload that names none has the default of its kind.
async fn merge_signed(
    plane: &DataPlane,
    tenant: &Tenant,
    uploads: Option<&str>,
    mut params: Params,
) -> Result<Params, ApiError> {
    if let Some(name) = params.text("upload_preset")? {
        let preset = named_preset(plane, tenant, &name).await?;
        params.fill_from(Params::from(preset.settings));
        return Ok(params);
    }
    let settings = &tenant.snapshot.settings;
    let (setting, name) = match uploads {
        Some("raw") => ("default_raw_preset", &settings.default_raw_preset),
        Some("video") => ("default_video_preset", &settings.default_video_preset),
        Some(_) => ("default_image_preset", &settings.default_image_preset),
        None => return Ok(params),
    };
    if let Some(name) = name {
        // Passed over in silence, what it should fix would not be fixed, and an asset could lie open that should not.
        let preset = presets::find(&plane.database, tenant, name).await?.ok_or_else(|| {
            ApiError::invalid(format!("Upload preset not found: {name}, which the setting {setting} names"))
        })?;
        params.fill_from(Params::from(preset.settings));
    }
    Ok(params)
}

/// A preset wins over an unsigned call's parameters, and only a few of those are allowed at all.
fn merge_unsigned(params: Params, preset: Preset) -> Result<Params, ApiError> {
    if let Some(name) = params.names().find(|name| !UNSIGNED_PARAMETERS.contains(name)) {
        return Err(ApiError::invalid(format!(
            "{name} parameter is not allowed when using unsigned upload. Only {} are allowed",
            UNSIGNED_PARAMETERS[..14].join(", ")
        )));
    }
    let mut merged = Params::from(preset.settings);
    // Context and metadata are merged pair by pair; where both speak of one key the preset wins.
    let mut context = read_context(&params)?;
    context.extend(read_context(&merged)?);
    if !context.is_empty() {
        merged.set("context", context.into());
    }
    let mut metadata = read_pairs(&params, "metadata")?;
    metadata.extend(read_pairs(&merged, "metadata")?);
    if !metadata.is_empty() {
        merged.set("metadata", metadata.into());
    }
    for name in ["public_id", "filename_override"] {
        if let Some(value) = params.get(name) {
            merged.set(name, value.clone());
        }
    }
    merged.fill_from(params);
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_future_timestamps_are_stale() {
        for (timestamp, is_fresh) in [(10_000, true), (6_400, true), (6_399, false), (13_600, true), (13_601, false)] {
            assert_eq!(fresh(timestamp, 10_000, 3600).is_ok(), is_fresh, "{timestamp}");
        }
    }

    #[test]
    fn an_unsigned_call_may_not_say_everything_and_its_preset_wins() {
        let preset = Preset {
            name: "p".into(),
            unsigned: true,
            settings: Params::from_urlencoded("tags=a&public_id=fixed").into(),
        };
        let merged = merge_unsigned(Params::from_urlencoded("tags=b&public_id=mine"), preset.clone()).unwrap();
        assert_eq!(merged.text("tags").unwrap().as_deref(), Some("a"));
        assert_eq!(merged.text("public_id").unwrap().as_deref(), Some("mine"));
        let refused = merge_unsigned(Params::from_urlencoded("overwrite=1"), preset).unwrap_err();
        assert!(refused.message().starts_with("overwrite parameter is not allowed"), "{refused}");
    }
}
