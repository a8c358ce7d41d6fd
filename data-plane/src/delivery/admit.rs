//! Whether a delivery may take place: one total function of the URL and the tenant, before anything is looked up.

use actix_web::{HttpRequest, http::header::REFERER};
use chrono::{DateTime, Utc};
use plane_kit::{
    domains::covers,
    error::{ApiError, ErrorCode},
    ids::{AssetId, EnvironmentId},
    policy::Scope,
    seam::snapshot::KeySnapshot,
    secret::Secret,
    signature::verify_delivery,
};

use super::url::{DeliveryUrl, ResolvedUrl, refused};
use crate::{
    Plane,
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
    is_signed: bool,
    viewer: Viewer<'a>,
    /// Whether the page that it is asked for from decided, too.
    depends_on_page: bool,
}

/// Who would have it, as far as that decides.
#[derive(Debug, Clone, Copy)]
pub enum Viewer<'a> {
    /// This server itself.
    Inside,
    /// Somebody from outside, and the host of the page that asks, where one is named.
    Outside(Option<&'a str>),
}

impl<'a> Viewer<'a> {
    /// Whoever sent a request.
    pub fn of(request: &'a HttpRequest) -> Self {
        let referrer = request.headers().get(REFERER).and_then(|value| value.to_str().ok());
        let host = referrer.and_then(|page| {
            let rest = page.split_once("://")?.1;
            let host = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
            // An address of version 6 stands in brackets, and its colons are its own.
            let end = host.rfind(']').map_or(0, |end| end + 1);
            let port = host[end..].find(':').map_or(host.len(), |port| end + port);
            Some(&host[..port]).filter(|host| !host.is_empty())
        });
        Self::Outside(host)
    }

    /// Whether the page that asks is of one of these domains.
    fn is_of(self, domains: &[String]) -> bool {
        match self {
            Self::Outside(Some(host)) => covers(domains, &host.to_ascii_lowercase()),
            Self::Outside(None) | Self::Inside => false,
        }
    }
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

impl DeliveryUrl {
    /// Puts what is stored under the names of its transformation in their place. Nothing is looked up where the delivery may not take
    /// place whatever they stand for, unless `is_decided` says that somebody else has decided.
    pub async fn resolve(self, plane: &Plane, tenant: &Tenant, is_decided: bool) -> Result<ResolvedUrl, ApiError> {
        let has_names = self.transformation.names().next().is_some();
        if has_names && !is_decided {
            decide(&self, false, tenant, plane.clock.now())?;
        }
        let Self {
            cloud_name,
            resource_type,
            delivery_type,
            signature,
            transformation,
            spelling,
            version,
            source,
            decoded,
            exact,
        } = self;
        let transformation = match has_names {
            false => transformation.expand(&|_| None).map_err(refused)?,
            true => Box::pin(plane.definitions.expand(&plane.database, tenant.id(), transformation)).await?,
        };
        Ok(DeliveryUrl {
            cloud_name,
            resource_type,
            delivery_type,
            signature,
            transformation,
            spelling,
            version,
            source,
            decoded,
            exact,
        })
    }
}

/// Decides about standing, type and signature, and answers what is known of the signature.
fn decide<T>(
    url: &DeliveryUrl<T>,
    is_original: bool,
    tenant: &Tenant,
    now: DateTime<Utc>,
) -> Result<Signature, ApiError> {
    let only = tenant.snapshot.settings.url_signature_algorithm;
    let is_signed_by =
        |secret: &Secret, signature: &str| verify_delivery(&url.spelling, &url.source, secret, signature, only);
    let signature = match &url.signature {
        None => Signature::Absent,
        Some(signature) => {
            let is_valid = tenant.delivery_secrets(now).any(|secret| is_signed_by(secret, signature));
            if is_valid { Signature::Valid } else { Signature::Wrong }
        }
    };
    let kind = url.delivery_type;
    let is_restricted = tenant.snapshot.settings.restricted_types.iter().any(|name| name == kind.name());
    if is_admitted(tenant.is_active(), kind, is_restricted, is_original, signature) {
        return Ok(signature);
    }
    if !tenant.is_active() {
        let text = format!("cloud_name {} is disabled", tenant.snapshot.cloud_name);
        return Err(ApiError::new(ErrorCode::Disabled, text));
    }
    Err(match &url.signature {
        // Whose signature would hold is told why it does not; to everybody else the key is not there.
        Some(signature) => {
            let signed =
                |(_, secrets): &(&KeySnapshot, &[Secret])| secrets.iter().any(|secret| is_signed_by(secret, signature));
            let has_expired = tenant.expired_delivery_keys(now).find(signed).map(|(key, _)| expired(key));
            let is_withheld = || tenant.withheld_delivery_keys(now).find(signed).map(|(key, _)| withheld(key));
            has_expired
                .or_else(is_withheld)
                .unwrap_or_else(|| ApiError::new(ErrorCode::InvalidSignature, format!("Invalid signature {signature}")))
        }
        None if is_restricted => ApiError::unauthorized(format!(
            "Images of type {} are restricted in this account",
            url.delivery_type.name()
        )),
        None => {
            ApiError::unauthorized(format!("A signature is required for delivery type {}", url.delivery_type.name()))
        }
    })
}

/// Refuses what is asked for from a page that may not show it. Answers whether the page decided.
fn check_page(tenant: &Tenant, viewer: Viewer<'_>) -> Result<bool, ApiError> {
    let settings = &tenant.snapshot.settings;
    match viewer {
        _ if settings.referral_domains.is_empty() => Ok(false),
        Viewer::Inside => Ok(false),
        Viewer::Outside(None) if !settings.refuse_empty_referrer => Ok(true),
        _ if viewer.is_of(&settings.referral_domains) => Ok(true),
        Viewer::Outside(Some(page)) => {
            Err(ApiError::unauthorized(format!("Pages of {page} may not show what this account delivers")))
        }
        Viewer::Outside(None) => Err(ApiError::unauthorized("Only pages may show what this account delivers")),
    }
}

impl<'a> AdmittedDelivery<'a> {
    /// Decides, by the keys that are accepted now.
    pub fn admit(
        url: &'a ResolvedUrl,
        tenant: &Tenant,
        viewer: Viewer<'a>,
        now: DateTime<Utc>,
    ) -> Result<Self, ApiError> {
        // Without a transformation it is the original, whatever the extension: another format of it shows all there is to see.
        let is_original = url.transformation.is_delivery_only();
        let is_signed = decide(url, is_original, tenant, now)? == Signature::Valid;
        let depends_on_page = check_page(tenant, viewer)?;
        Ok(Self { url, environment: tenant.id(), only: None, is_signed, viewer, depends_on_page })
    }

    /// The delivery of an asset that a signed call asks for, which was decided about where its key was asked.
    pub(crate) fn by_signed_call(url: &'a ResolvedUrl, tenant: &Tenant, asset: AssetId) -> Self {
        let (environment, only) = (tenant.id(), Some(asset));
        Self { url, environment, only, is_signed: true, viewer: Viewer::Inside, depends_on_page: false }
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

    /// Whether the owner asks, by a signed call.
    pub fn is_by_signed_call(&self) -> bool {
        self.only.is_some()
    }

    /// Whether it carries a signature that holds.
    pub fn is_signed(&self) -> bool {
        self.is_signed
    }

    /// Whether the page that asks is of one of these domains.
    pub fn comes_from(&self, domains: &[String]) -> bool {
        self.viewer.is_of(domains)
    }

    /// Whether the answer may be kept by caches that many share.
    pub fn is_public(&self) -> bool {
        matches!(self.url.delivery_type, DeliveryType::Upload | DeliveryType::Fetch) && !self.depends_on_page
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
