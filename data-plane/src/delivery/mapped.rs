//! Assets of a mapped folder: what is asked for and not there is fetched from where the mapping says, and is an asset like any other
//! from then on.

use std::sync::Arc;

use actix_web::HttpRequest;
use plane_kit::{
    audit::Origin,
    error::{ApiError, ErrorCode},
    http::edge::RequestId,
    ids::VersionId,
};
use reqwest::header::HeaderMap;
use serde_json::Map;

use super::{
    admit::AdmittedDelivery,
    fetched::{ACTOR, Fetches, Got, Work, not_had},
    locate::LocatedAsset,
};
use crate::{
    Plane,
    assets::{
        access_control::AccessChange, analyses::Questions, commit::Ends, coordinates::Coordinates, early::Ahead,
        record::AssetName,
    },
    outbound::{Purpose, is_looping},
    permitted::{Permitted, Told},
    tenants::Tenant,
    upload::{
        keep::{self, Kept, Wanted},
        parameters::check_public_id,
    },
};

/// The asset of a delivery that found none, if a mapping says where to fetch it; else what was to be answered.
pub(crate) async fn locate(
    request: &HttpRequest,
    plane: &Arc<Plane>,
    tenant: &Arc<Tenant>,
    admitted: &AdmittedDelivery<'_>,
    not_found: ApiError,
) -> Result<LocatedAsset, ApiError> {
    let url = admitted.url();
    let address = plane.mappings.address(&plane.database, tenant.id(), &url.decoded).await;
    let Some(address) = address.map_err(|error| ApiError::internal(error.as_ref()))? else {
        return Err(not_found);
    };
    let Some(name) = admitted.names().next() else {
        return Err(not_found);
    };
    // A name that no upload could give is not made by asking for it either.
    if is_looping(request.headers()) || check_public_id("public_id", &name.public_id).is_err() {
        return Err(not_found);
    }
    // What is fetched under one name and by one address is one thing; the same name by another mapping is another.
    let key = (tenant.id(), format!("{}/{} {address}", name.resource_type.name(), name.public_id));
    let work = {
        let (plane, tenant) = (Arc::clone(plane), Arc::clone(tenant));
        let (origin, request) = (Origin::of(ACTOR, request), RequestId::of(request));
        async move {
            let work = Work { plane: &plane, tenant: &tenant, origin, request, purpose: Purpose::Fetch };
            fetch(&work, name, &address).await
        }
    };
    Fetches::once(plane, key, work).await?;
    plane.located.locate(plane, admitted).await
}

async fn fetch(work: &Work<'_>, name: AssetName, address: &str) -> Result<(), ApiError> {
    if work.assets().find(&name).await?.is_some() {
        work.plane.located.forget(work.tenant.id(), &name);
        return Ok(());
    }
    // Whoever asks learns why there is nothing, and not from where it would have come.
    let public_id = name.public_id.clone();
    let staged = match work.get(address, HeaderMap::new()).await {
        Ok(Got::File(staged, _)) => staged,
        Ok(Got::Unchanged) => return Err(ApiError::not_found(format!("Resource not found - {public_id}"))),
        Err(error) => return Err(not_had(&public_id, error)),
    };
    let file = address.rsplit('/').next().unwrap_or_default();
    let extension = file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let seen = keep::look_into(work.plane, work.tenant, &staged, name.resource_type, extension.as_deref()).await;
    let seen = seen.map_err(|error| match error.code() {
        ErrorCode::InvalidFile => {
            ApiError::not_found(format!("Resource not found - {public_id} - {}", error.message()))
        }
        _ => error,
    })?;
    let (folder, base) = public_id.rsplit_once('/').unwrap_or(("", &public_id));
    let wanted = Wanted {
        id: VersionId::generate(work.plane.clock.now()),
        display_name: base.to_owned(),
        asset_folder: folder.to_owned(),
        original_filename: base.to_owned(),
        tags: Vec::new(),
        context: Map::new(),
        metadata: Map::new(),
        coordinates: Coordinates::default(),
        access: AccessChange::default(),
        backup: None,
        keeps_folder: false,
        keeps_display_name: false,
        is_moderated: false,
        origin: "upload_mapping",
        access_key: None,
        request: work.request,
        overwrite: false,
        remote: None,
        replaces: None,
        ends: Ends::default(),
        ahead: Ahead::default(),
        analysis: None,
        questions: Questions::default(),
    };
    let permitted = Permitted::by_decision(name.clone(), work.origin.clone(), Told::NOBODY);
    match keep::keep(work.plane, &work.assets(), permitted, staged, seen, wanted).await? {
        Kept::Stored(_) | Kept::Existing(_) => {
            work.plane.located.forget(work.tenant.id(), &name);
            Ok(())
        }
        Kept::OutOfScope | Kept::Ended => Err(ApiError::not_found(format!("Resource not found - {public_id}"))),
    }
}
