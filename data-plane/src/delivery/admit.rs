//! Whether a delivery may take place: one total function of the URL and the tenant, before anything is looked up.

use chrono::{DateTime, Utc};
use plane_kit::{
    error::{ApiError, ErrorCode},
    ids::{AssetId, EnvironmentId},
    policy::Scope,
    seam::snapshot::KeySnapshot,
    secret::Secret,
    signature::verify_delivery,
};

use super::url::ResolvedUrl;
use crate::{
    access::expired,
    assets::{
        ActsFor,
        record::{AssetName, DeliveryType},
    },
    tenants::Tenant,
};

/// A delivery that may take place.
pub struct AdmittedDelivery<'a> {
    url: &'a ResolvedUrl,
    environment: EnvironmentId,
    /// The one asset that it was decided about, where it was one.
    only: Option<AssetId>,
}

/// What is known of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    Absent,
    Valid,
    Wrong,
}

/// The truth table. A wrong signature is refused even where none is needed; who needs one learns nothing else without it.
fn is_admitted(
    is_active: bool,
    delivery_type: DeliveryType,
    is_restricted: bool,
    is_original: bool,
    signature: Signature,
) -> bool {
    match (is_active, signature) {
        (false, _) | (_, Signature::Wrong) => false,
        (true, Signature::Valid) => true,
        (true, Signature::Absent) => match delivery_type {
            _ if is_restricted => false,
            DeliveryType::Upload | DeliveryType::Fetch => true,
            DeliveryType::Private => !is_original,
            DeliveryType::Authenticated => false,
        },
    }
}

/// The refusal of a signature that is right, of a key that may not sign.
fn withheld(key: &KeySnapshot) -> ApiError {
    let text =
        format!("api_key {} does not sign delivery URLs; a key with rules needs sign_delivery for that", key.api_key);
    ApiError::unauthorized(text)
}

impl<'a> AdmittedDelivery<'a> {
    /// Decides, by the keys that are accepted now.
    pub fn admit(url: &'a ResolvedUrl, tenant: &Tenant, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let is_signed_by =
            |secret: &Secret, signature: &str| verify_delivery(&url.spelling, &url.source, secret, signature);
        let signature = match &url.signature {
            None => Signature::Absent,
            Some(signature) => {
                let is_valid = tenant.delivery_secrets(now).any(|secret| is_signed_by(secret, signature));
                if is_valid { Signature::Valid } else { Signature::Wrong }
            }
        };
        // Without a transformation it is the original, whatever the extension: another format of it shows all there is to see.
        let is_original = url.transformation.is_delivery_only();
        let kind = url.delivery_type;
        let is_restricted = tenant.snapshot.settings.restricted_types.iter().any(|name| name == kind.name());
        if is_admitted(tenant.is_active(), kind, is_restricted, is_original, signature) {
            return Ok(Self { url, environment: tenant.id(), only: None });
        }
        if !tenant.is_active() {
            let text = format!("cloud_name {} is disabled", tenant.snapshot.cloud_name);
            return Err(ApiError::new(ErrorCode::Disabled, text));
        }
        Err(match &url.signature {
            // Whose signature would hold is told why it does not; to everybody else the key is not there.
            Some(signature) => {
                let signed = |(_, secrets): &(&KeySnapshot, &[Secret])| {
                    secrets.iter().any(|secret| is_signed_by(secret, signature))
                };
                let has_expired = tenant.expired_delivery_keys(now).find(signed).map(|(key, _)| expired(key));
                let is_withheld = || tenant.withheld_delivery_keys(now).find(signed).map(|(key, _)| withheld(key));
                has_expired.or_else(is_withheld).unwrap_or_else(|| {
                    ApiError::new(ErrorCode::InvalidSignature, format!("Invalid signature {signature}"))
                })
            }
            None if is_restricted => ApiError::unauthorized(format!(
                "Images of type {} are restricted in this account",
                url.delivery_type.name()
            )),
            None => ApiError::unauthorized(format!(
                "A signature is required for delivery type {}",
                url.delivery_type.name()
            )),
        })
    }

    /// The delivery of an asset that a signed call asks for, which was decided about where its key was asked.
    pub(crate) fn by_signed_call(url: &'a ResolvedUrl, tenant: &Tenant, asset: AssetId) -> Self {
        Self { url, environment: tenant.id(), only: Some(asset) }
    }

    /// Whether an asset that was found is what was decided about.
    pub fn is_of(&self, asset: AssetId) -> bool {
        self.only.is_none_or(|only| only == asset)
    }

    /// The URL.
    pub fn url(&self) -> &'a ResolvedUrl {
        self.url
    }

    /// The names that the URL can mean.
    pub fn names(&self) -> impl Iterator<Item = AssetName> + use<> {
        self.url.candidates().into_iter().map(|(name, _)| name).collect::<Vec<_>>().into_iter()
    }

    /// Whether the answer may be kept by caches that many share.
    pub fn is_public(&self) -> bool {
        matches!(self.url.delivery_type, DeliveryType::Upload | DeliveryType::Fetch)
    }
}

impl ActsFor for AdmittedDelivery<'_> {
    fn environment(&self) -> EnvironmentId {
        self.environment
    }

    // Delivery is decided by type and signature; folders bound keys, and no key delivers.
    fn scope(&self) -> Scope {
        Scope::everywhere()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truth_table() {
        use DeliveryType::{Authenticated, Fetch, Private, Upload};
        use Signature::{Absent, Valid, Wrong};
        let cases = [
            // active, type, original, signature → admitted
            (true, Upload, true, Absent, true),
            (true, Upload, false, Absent, true),
            (true, Upload, true, Valid, true),
            (true, Upload, true, Wrong, false),
            (true, Fetch, true, Absent, true),
            (true, Fetch, false, Absent, true),
            (true, Fetch, true, Wrong, false),
            (false, Fetch, true, Absent, false),
            (true, Private, true, Absent, false),
            (true, Private, false, Absent, true),
            (true, Private, true, Valid, true),
            (true, Private, false, Wrong, false),
            (true, Authenticated, true, Absent, false),
            (true, Authenticated, false, Absent, false),
            (true, Authenticated, true, Valid, true),
            (true, Authenticated, false, Valid, true),
            (true, Authenticated, false, Wrong, false),
            (false, Upload, true, Absent, false),
            (false, Upload, true, Valid, false),
            (false, Authenticated, true, Valid, false),
        ];
        for (is_active, delivery_type, is_original, signature, expected) in cases {
            assert_eq!(
                is_admitted(is_active, delivery_type, false, is_original, signature),
                expected,
                "{is_active} {delivery_type:?} {is_original} {signature:?}"
            );
            // A restricted type needs a signature where it needed none, and nothing else about it changes.
            assert_eq!(
                is_admitted(is_active, delivery_type, true, is_original, signature),
                expected && signature == Valid,
                "restricted {is_active} {delivery_type:?} {is_original} {signature:?}"
            );
        }
    }
}
