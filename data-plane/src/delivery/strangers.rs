//! What strangers may have of an asset that was found: restricted formats need a signature, and under strict transformations they get what
//! is allowed, or was made before.

use std::sync::{Arc, atomic::Ordering};

use plane_kit::error::ApiError;

use super::{
    admit::AdmittedDelivery,
    locate::LocatedAsset,
    prepare::{Derived, Prepared, spelling_of},
    respond::{KeptFor, download_name},
};
use crate::{
    Plane,
    assets::{AssetStore, record::ResourceType},
    tenants::Tenant,
    transformations::{recorded::Recorded, spelling::Spelling},
};

/// Whether there is anything that strangers may not have. Who has a signature is none.
pub(crate) fn are_bound(tenant: &Tenant, admitted: &AdmittedDelivery<'_>) -> bool {
    let settings = &tenant.snapshot.settings;
    let is_open = settings.restricted_types.is_empty() && settings.strict_transformations.is_empty();
    !is_open && !admitted.is_signed()
}

/// Refuses to look at pixels for a stranger who may not have what comes of it.
pub(crate) async fn may_measure(
    plane: &Plane,
    tenant: &Tenant,
    admitted: &AdmittedDelivery<'_>,
    asset: &LocatedAsset,
) -> Result<(), ApiError> {
    let settings = &tenant.snapshot.settings;
    let kind = asset.record.name.resource_type.name();
    let is_strict = settings.strict_transformations.iter().any(|strict| strict == kind);
    if !admitted.url().transformation.may_measure()
        || !is_strict
        || admitted.is_signed()
        || admitted.comes_from(&settings.strict_referral_domains)
    {
        return Ok(());
    }
    let spelling = spelling_of(admitted, asset);
    let recorded = Recorded::of(&spelling, asset.record.version.format.as_str()).map(|recorded| recorded.key());
    // Who may say how wide his window is could have pixels looked at for any number of them.
    let spelled = (!admitted.url().transformation.follows_the_screen()).then_some((&spelling, None));
    if is_listed(plane, tenant, admitted, asset, recorded.as_deref(), spelled).await? {
        return Ok(());
    }
    Err(not_allowed(recorded.as_deref()))
}

/// Refuses what strangers may not have.
pub(crate) async fn check(
    plane: &Plane,
    tenant: &Tenant,
    admitted: &AdmittedDelivery<'_>,
    asset: &LocatedAsset,
    prepared: &Prepared,
) -> Result<KeptFor, ApiError> {
    let settings = &tenant.snapshot.settings;
    if !are_bound(tenant, admitted) {
        return Ok(KeptFor::EVERYBODY);
    }
    if let Some(format) = restricted_format(&settings.restricted_types, admitted, asset, prepared) {
        let text = format!("Files of format {format} are restricted in this account - deny or ACL failure");
        return Err(ApiError::unauthorized(text));
    }
    let kind = asset.record.name.resource_type.name();
    let derived = match prepared {
        Prepared::Derived(derived) if settings.strict_transformations.iter().any(|strict| strict == kind) => derived,
        _ => return Ok(KeptFor::EVERYBODY),
    };
    if is_allowed(plane, tenant, admitted, asset, derived).await? {
        return Ok(KeptFor::EVERYBODY);
    }
    if admitted.comes_from(&settings.strict_referral_domains) {
        return Ok(KeptFor::ASKER);
    }
    Err(not_allowed(derived.recorded.as_deref()))
}

fn not_allowed(recorded: Option<&str>) -> ApiError {
    let asked = recorded.unwrap_or_default();
    ApiError::unauthorized(format!(
        "Transformation {asked} is not allowed, as transformations of this account are strict"
    ))
}

/// The restricted format that would be handed over, by what the file is and by what it would be called.
fn restricted_format<'a>(
    restricted: &'a [String],
    admitted: &AdmittedDelivery<'_>,
    asset: &LocatedAsset,
    prepared: &Prepared,
) -> Option<&'a str> {
    let extension_of = |name: &str| {
        // What a file system takes off at the end of a name hides nothing.
        let name = name.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
        name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase())
    };
    let format = match prepared {
        Prepared::Derived(derived) => derived.plan.encode.format.name(),
        Prepared::Original => asset.record.version.format.as_str(),
    };
    let is_raw = asset.record.name.resource_type == ResourceType::Raw;
    let named = extension_of(&asset.record.name.public_id).filter(|_| is_raw);
    let saved = download_name(admitted, asset, format).as_deref().and_then(extension_of);
    // What a call wants it called counts, too, whatever is put behind that.
    let wanted = admitted.url().transformation.attachment().and_then(|attachment| attachment.name.as_deref());
    let called = [Some(format.to_ascii_lowercase()), named, saved, wanted.and_then(extension_of)];
    restricted.iter().map(String::as_str).find(|format| called.iter().flatten().any(|name| name == format))
}

/// Whether it is on the list of what is allowed, or was made already.
async fn is_allowed(
    plane: &Plane,
    tenant: &Tenant,
    admitted: &AdmittedDelivery<'_>,
    asset: &LocatedAsset,
    derived: &Arc<Derived>,
) -> Result<bool, ApiError> {
    if derived.noted.load(Ordering::Relaxed) {
        return Ok(true);
    }
    // Who may say how wide his window is could have any number of them made.
    let key = (derived.vary.width || derived.vary.dpr).then_some(derived.key_text.as_str());
    is_listed(plane, tenant, admitted, asset, derived.recorded.as_deref(), Some((&derived.spelling, key))).await
}

/// Whether it is on the list under its name, or was made already under a spelling, and under this key where one is said.
async fn is_listed(
    plane: &Plane,
    tenant: &Tenant,
    admitted: &AdmittedDelivery<'_>,
    asset: &LocatedAsset,
    recorded: Option<&str>,
    spelled: Option<(&Spelling, Option<&str>)>,
) -> Result<bool, ApiError> {
    if let Some(recorded) = recorded
        && plane.allowed.is_allowed(&plane.database, tenant.id(), recorded).await?
    {
        return Ok(true);
    }
    let Some((spelling, key)) = spelled else { return Ok(false) };
    let assets = AssetStore::of(admitted, &plane.database, &plane.settings.region.name);
    Ok(assets.is_spelled(asset.record.version.id, spelling, key).await?)
}
