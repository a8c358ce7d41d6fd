//! The door of the Admin API: an access key of the environment, then casbin.
//!
//! The Upload API carries its credentials in the form and Delivery decides by itself; their doors stand with them.

use std::{future::Future, pin::Pin, sync::Arc};

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{AUTHORIZATION, HeaderMap},
    web,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::access::{Gate, Permission},
};

use crate::{DataPlane, tenants::Tenant};

/// What an admitted caller of the Admin API may work with. Stores are made from it.
pub struct TenantGrant {
    tenant: Arc<Tenant>,
}

impl TenantGrant {
    /// The tenant.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

/// The gate itself.
pub struct TenantGate;

impl Gate for TenantGate {
    type Grant = TenantGrant;

    fn admit(
        request: HttpRequest,
        permission: &'static str,
    ) -> Pin<Box<dyn Future<Output = Result<TenantGrant, ApiError>>>> {
        Box::pin(admit(request, permission))
    }
}

async fn admit(request: HttpRequest, permission: &'static str) -> Result<TenantGrant, ApiError> {
    let plane = request.app_data::<web::Data<DataPlane>>().cloned();
    let Some(plane) = plane else {
        return Err(ApiError::new(ErrorCode::Forbidden, "Not permitted")
            .with_operator_text("a route of the data plane is served without its data"));
    };
    let cloud_name = request.match_info().get("cloud_name").unwrap_or_default().to_owned();
    let (api_key, secret) = basic_credentials(request.headers())?;
    let invalid = || ApiError::unauthorized("Invalid credentials");
    let tenant = plane.tenants.find_or_ask(&cloud_name).await.ok_or_else(invalid)?;
    let tenant = plane.tenants.with_key(tenant, &api_key).await;
    authenticate(&tenant, &api_key, &secret)?;
    let template = request.match_pattern().unwrap_or_default();
    permit(&plane, &tenant, &api_key, request.method().as_str(), &template, permission)?;
    let figures = plane.admin_rate.take(&tenant, plane.clock.now())?;
    request.extensions_mut().insert(figures);
    Ok(TenantGrant { tenant })
}

/// Checks a key and its secret, and that both the key and the environment are in use.
fn authenticate(tenant: &Tenant, api_key: &str, secret: &str) -> Result<(), ApiError> {
    match tenant.key(api_key) {
        Some((key, known)) if known.matches(secret) => usable(tenant, key.enabled, api_key),
        _ => Err(ApiError::unauthorized("Invalid credentials")),
    }
}

/// Refuses a disabled key and an environment that is switched off. Called only after the caller proved that the key is his.
pub(crate) fn usable(tenant: &Tenant, key_enabled: bool, api_key: &str) -> Result<(), ApiError> {
    if !tenant.is_active() {
        let text = format!("cloud_name {} is disabled", tenant.snapshot.cloud_name);
        return Err(ApiError::new(ErrorCode::Disabled, text));
    }
    if !key_enabled {
        return Err(ApiError::new(ErrorCode::Disabled, format!("api_key {api_key} is disabled")));
    }
    Ok(())
}

/// Asks the tenant's policy. The object is the route's template behind the cloud name, so that equal questions are equal texts.
pub(crate) fn permit(
    plane: &DataPlane,
    tenant: &Tenant,
    api_key: &str,
    method: &str,
    template: &str,
    permission: &'static str,
) -> Result<(), ApiError> {
    let object = template.strip_prefix("/v1_1/{cloud_name}").unwrap_or(template);
    let subject = format!("key:{api_key}");
    if tenant.policies().permits(&plane.decisions, &subject, method, object) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::Forbidden, format!("This API key has no permission for this call ({permission})"))
        .with_operator_text(format!("{subject} {method} {object}")))
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
    Ping = "service:ping",
    /// To read the usage of the environment.
    ReadUsage = "usage:read",
    /// To list and read assets.
    ReadAssets = "assets:read",
    /// To read the settings of the environment.
    ReadSettings = "settings:read",
}
