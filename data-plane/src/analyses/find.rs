//! What pictures show is found by a worker when somebody first wants to know, and kept with the version.

use plane_kit::error::ApiError;
use transform::{analysis::Analysis, source::SourceMeta};

use super::AnalysisView;
use crate::{
    Plane,
    assets::{AssetStore, analyses::Questions, record::AssetRecord},
    delivery::{Failure, originals::original_of},
    render::{RenderError, SourceFile},
    tenants::Tenant,
    upload::{keep::refused_file, stage::Staged},
};

/// Looks at a picture that has no name yet.
pub async fn of_staged(
    plane: &Plane,
    tenant: &Tenant,
    staged: &Staged,
    picture: &SourceMeta,
) -> Result<Analysis, ApiError> {
    let source = SourceFile::from_file(staged.file()).map_err(|error| ApiError::internal(&error))?;
    plane.render.describe(tenant.id().0.as_u128().into(), pixels(picture), source).await.map_err(refused_file)
}

fn pixels(picture: &SourceMeta) -> u64 {
    u64::from(picture.width) * u64::from(picture.height)
}

/// What is known of an asset's picture; it is looked at if nobody has yet. Nothing of what is no picture.
pub async fn of_asset(
    plane: &Plane,
    tenant: &Tenant,
    assets: &AssetStore<'_>,
    asset: &AssetRecord,
) -> Result<Option<Analysis>, ApiError> {
    let Some(picture) = &asset.version.source else { return Ok(None) };
    if let Some(known) = assets.analysis(asset.version.id).await? {
        return Ok(Some(known));
    }
    let (source, _room) = original_of(plane, asset).await.map_err(Failure::into_error)?;
    let seen = match plane.render.describe(tenant.id().0.as_u128().into(), pixels(picture), source).await {
        // What cannot be looked at shows nothing, and is not looked at again.
        Err(RenderError::Refused(_)) => Analysis::default(),
        seen => seen.map_err(refused_file)?,
    };
    assets.keep_analysis(asset.version.id, &seen).await?;
    Ok(Some(seen))
}

/// What a call that has changed an asset wants to know of it. What cannot be found out now is left out: the change was made.
pub async fn shown_after(
    plane: &Plane,
    tenant: &Tenant,
    assets: &AssetStore<'_>,
    asset: &AssetRecord,
    questions: Questions,
) -> Option<AnalysisView> {
    shown(plane, tenant, assets, asset, questions).await.ok().flatten()
}

/// What a call wants to know of an asset.
pub async fn shown(
    plane: &Plane,
    tenant: &Tenant,
    assets: &AssetStore<'_>,
    asset: &AssetRecord,
    wanted: Questions,
) -> Result<Option<AnalysisView>, ApiError> {
    if !wanted.is_any() {
        return Ok(None);
    }
    let analysis = of_asset(plane, tenant, assets, asset).await?;
    Ok(Some(AnalysisView::new(wanted, analysis.as_ref(), asset.version.media.as_ref())))
}
