//! Who a call of the Upload API is from, before its own parameters are looked at.

use std::sync::Arc;

use actix_web::HttpRequest;
use plane_kit::{error::ApiError, http::params::Params};

use super::authorize::{AuthorizedUpload, authorize};
use crate::{DataPlane, access::failed, tenants::Tenant};

/// A signed call that brings no file.
pub(super) async fn call_without_file(
    request: &HttpRequest,
    params: Params,
    plane: &DataPlane,
) -> Result<AuthorizedUpload, ApiError> {
    let tenant = tenant_of(request, plane).await?;
    let tenant = with_named_key(plane, tenant, &params).await?;
    if params.get("signature").is_none() {
        return Err(ApiError::unauthorized("Must supply api_key, timestamp and signature"));
    }
    authorize(plane, request, tenant, params, None).await
}

/// The tenant that the path names.
pub(super) async fn tenant_of(request: &HttpRequest, plane: &DataPlane) -> Result<Arc<Tenant>, ApiError> {
    let cloud_name = request.match_info().get("cloud_name").unwrap_or_default();
    plane
        .tenants
        .find_or_ask(cloud_name)
        .await
        .ok_or_else(|| failed(plane, request, ApiError::unauthorized(format!("Unknown cloud_name {cloud_name}"))))
}

/// The tenant with the key that the form names, which may have been made a moment ago.
pub(super) async fn with_named_key(
    plane: &DataPlane,
    tenant: Arc<Tenant>,
    params: &Params,
) -> Result<Arc<Tenant>, ApiError> {
    match params.text("api_key")? {
        Some(key) => Ok(plane.tenants.with_key(tenant, &key).await),
        None => Ok(tenant),
    }
}
