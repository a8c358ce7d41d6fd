//! Delivery to ourselves: an address of this installation, given as the source of an upload.
//!
//! It is never asked over the network. What it delivers to anybody it delivers here; nothing leaves, so no bandwidth is counted,
//! and what has to be made for it is counted like what is made for anybody. A remote address within it is not followed: only what
//! was fetched before is there, so no address can lead to itself.

use bytes::Bytes;
use futures::TryStreamExt;
use plane_kit::{
    domains::covers,
    error::{ApiError, ErrorCode},
    http::edge::RequestId,
};
use transform::hints::ClientHints;

use super::{
    Failure,
    admit::{AdmittedDelivery, Viewer},
    make::Occasion,
    openness,
    prepare::{Prepared, prepare},
    strangers,
    url::DeliveryUrl,
};
use crate::{
    DataPlane,
    storage::{ObjectKey, StorageError},
    tenants::Tenant,
    upload::stage::{Staged, Staging},
};

/// Stages what a path of our own delivery leads to, for a tenant. `limit` is in bytes. A tenant that says where files may come from
/// takes those of other tenants only if it names this installation.
pub async fn stage(
    plane: &DataPlane,
    asker: &Tenant,
    path: &str,
    limit: u64,
    request: RequestId,
) -> Result<Staged, ApiError> {
    let path = path.split('?').next().unwrap_or_default();
    let url = DeliveryUrl::parse(path)?;
    let domains = &asker.snapshot.settings.allowed_fetch_domains;
    let is_mine = url.cloud_name == asker.snapshot.cloud_name;
    if !is_mine && !domains.is_empty() && !plane.outbound.own_host().is_some_and(|host| covers(domains, &host)) {
        return Err(ApiError::invalid("this host is not among the allowed fetch domains"));
    }
    let tenant = plane.tenants.find_or_ask(&url.cloud_name).await;
    let tenant = tenant.ok_or_else(|| ApiError::not_found(format!("Unknown cloud_name {}", url.cloud_name)))?;
    // What is another's is asked for as anybody would.
    let viewer = if is_mine { Viewer::Inside } else { Viewer::Outside(None) };
    let url = url.resolve(plane, &tenant, false).await?;
    let admitted = AdmittedDelivery::admit(&url, &tenant, viewer, plane.clock.now())?;
    match attempt(plane, &tenant, &admitted, limit, request).await {
        Err(Failure::Replaced) => {
            plane.located.forget_all_of(tenant.id(), admitted.names());
            attempt(plane, &tenant, &admitted, limit, request).await.map_err(Failure::into_error)
        }
        outcome => outcome.map_err(Failure::into_error),
    }
}

async fn attempt(
    plane: &DataPlane,
    tenant: &Tenant,
    admitted: &AdmittedDelivery<'_>,
    limit: u64,
    request: RequestId,
) -> Result<Staged, Failure> {
    let asset = plane.located.locate(plane, admitted).await?;
    asset.refuse_rejected()?;
    openness::check(admitted, &asset, plane.clock.now())?;
    let mut staging = plane.scratch.begin().map_err(ApiError::from)?;
    strangers::may_measure(plane, tenant, admitted, &asset).await?;
    let prepared = prepare(plane, tenant, admitted, &asset, ClientHints::default).await?;
    strangers::check(plane, tenant, admitted, &asset, &prepared).await?;
    match prepared {
        Prepared::Original => {
            let version = &asset.record.version;
            check_size(version.bytes, limit)?;
            let object = ObjectKey::original(asset.record.environment, version.id);
            let mut stream = plane.storage.stream(&object, 0..version.bytes).await.map_err(lost)?;
            while let Some(chunk) = stream.try_next().await.map_err(lost)? {
                write(&mut staging, &chunk)?;
            }
        }
        Prepared::Derived(derived) => {
            let made =
                plane.renditions.obtain(plane, tenant, &asset.record, &derived, Occasion::delivery(request)).await?;
            check_size(made.bytes.len() as u64, limit)?;
            write(&mut staging, &made.bytes)?;
        }
    }
    Ok(staging.finish().map_err(ApiError::from)?)
}

fn write(staging: &mut Staging, bytes: &Bytes) -> Result<(), ApiError> {
    Ok(staging.write(bytes)?)
}

fn check_size(bytes: u64, limit: u64) -> Result<(), ApiError> {
    if bytes <= limit {
        return Ok(());
    }
    let text = format!("File size too large. Got {bytes}. Maximum is {limit}.");
    Err(ApiError::new(ErrorCode::InvalidFile, text))
}

fn lost(error: StorageError) -> Failure {
    match error {
        StorageError::Missing(_) => Failure::Replaced,
        error => ApiError::from(error).into(),
    }
}
