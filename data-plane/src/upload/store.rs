//! From a resolved upload and its staged file to an asset.

use plane_kit::{error::ApiError, ids::VersionId};

use super::{
    ahead::{of_existing, wanted_ahead},
    authorize::AuthorizedUpload,
    keep::{self, Kept, Wanted},
    parameters::{ResolvedUpload, check_format},
    stage::Staged,
};
use crate::{
    DataPlane,
    analyses::find,
    assets::{
        AssetStore,
        commit::Ends,
        early::{Ahead, Early},
        record::AssetRecord,
        said::Said,
    },
    eager::make::Target,
    metadata,
};

/// What an upload led to.
pub struct Stored {
    /// The asset as it is now.
    pub asset: Box<AssetRecord>,
    /// Whether the asset was there before, and was to be kept.
    pub is_existing: bool,
    /// What was asked for ahead.
    pub early: Vec<Early>,
}

/// Looks into the file, stores its bytes, and only then gives them their name. Nothing when what it `ends` was ended by another.
pub async fn store(
    plane: &DataPlane,
    upload: &AuthorizedUpload,
    resolved: ResolvedUpload,
    staged: Staged,
    ends: Ends,
) -> Result<Option<Stored>, ApiError> {
    let tenant = upload.tenant();
    let permitted = upload.permit(resolved.name.clone(), &resolved.asset_folder)?;
    let extension = resolved.extension.as_deref();
    let kind = resolved.name.resource_type;
    let mut staged = staged;
    let mut seen = keep::look_into(plane, tenant, &staged, kind, extension).await?;
    let said = Said::of(&resolved.tags, &resolved.context, &resolved.coordinates);
    let incoming = resolved.incoming.as_ref();
    // Where it is said what format comes out, that one is asked about, and else both.
    if !incoming.is_some_and(|incoming| incoming.converts) {
        check_format(&resolved, &seen.format)?;
    }
    if let (Some(incoming), Some(source)) = (incoming, &seen.source)
        && let Some(made) = Box::pin(incoming.of(plane, tenant, &staged, source, &said)).await?
    {
        staged = made;
        seen = keep::look_into(plane, tenant, &staged, kind, extension).await?;
    }
    check_format(&resolved, &seen.format)?;
    let metadata = metadata::of_upload(plane, tenant.id(), upload.params(), upload.is_signed()).await?;
    let assets = AssetStore::of(upload, &plane.database, &plane.settings.region.name);
    let id = VersionId::generate(plane.clock.now());
    let mut ahead = Ahead::default();
    if let (Some(eager), Some(source)) = (&resolved.eager, &seen.source) {
        let existing = if resolved.overwrite { None } else { assets.find(&resolved.name).await? };
        ahead = match existing {
            // What is kept as it is gets no renditions of a file that it is not.
            Some(existing) => {
                let (early, later) = Box::pin(of_existing(plane, upload, eager, &existing, false)).await?;
                Ahead { renditions: Vec::new(), early, later }
            }
            None => {
                let public_id = &resolved.name.public_id;
                let said = said.with_metadata(&metadata);
                let target = Target::staged(id, source, said, &staged);
                Box::pin(wanted_ahead(plane, upload, eager, public_id, id, target, &staged)).await?
            }
        };
    }
    let early = ahead.early.clone();
    let questions = resolved.analyses;
    let analysis = match &seen.source {
        Some(picture) if questions.is_any() => Some(find::of_staged(plane, tenant, &staged, picture).await?),
        _ => None,
    };
    let wanted = Wanted {
        id,
        display_name: resolved.display_name,
        asset_folder: resolved.asset_folder,
        keeps_folder: resolved.keeps_folder,
        keeps_display_name: resolved.keeps_display_name,
        original_filename: resolved.original_filename,
        tags: resolved.tags,
        context: resolved.context,
        metadata,
        coordinates: resolved.coordinates,
        access: resolved.access,
        backup: resolved.backup,
        is_moderated: resolved.is_moderated,
        origin: "upload",
        access_key: upload.access_key().map(str::to_owned),
        request: upload.request(),
        overwrite: resolved.overwrite,
        remote: None,
        replaces: None,
        ends,
        ahead,
        analysis,
        questions,
    };
    match keep::keep(plane, &assets, permitted, staged, seen, wanted).await? {
        Kept::Stored(asset) => Ok(Some(Stored { asset, is_existing: false, early })),
        Kept::Existing(asset) => Ok(Some(Stored { asset, is_existing: true, early })),
        Kept::OutOfScope => Err(upload.beyond_reach()),
        Kept::Ended => Ok(None),
    }
}
