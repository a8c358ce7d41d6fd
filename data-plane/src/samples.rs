//! Samples that the program brings itself. They are stored like uploads, of origin `internal`: storage is counted, the work is not.

use bytes::Bytes;
use md5::{Digest, Md5};
use plane_kit::{
    audit::Origin,
    error::ApiError,
    ids::{EnvironmentId, VersionId},
    policy::Scope,
};

use crate::{
    Plane,
    assets::{
        ActsFor, AssetStore,
        access_control::AccessChange,
        analyses::Questions,
        commit::{Ends, NewVersion},
        coordinates::Coordinates,
        early::Ahead,
        record::AssetName,
    },
    permitted::{Permitted, Told},
    render::{RenderError, SourceFile},
    storage::ObjectKey,
};

/// The program itself, on behalf of an environment that it has just made.
struct Program(EnvironmentId);

impl ActsFor for Program {
    fn environment(&self) -> EnvironmentId {
        self.0
    }

    fn scope(&self) -> Scope {
        Scope::everywhere()
    }
}

/// Which of these names no picture has yet.
pub async fn missing<'n>(
    plane: &Plane,
    environment: EnvironmentId,
    names: &[&'n str],
) -> Result<Vec<&'n str>, ApiError> {
    let assets = AssetStore::of(&Program(environment), &plane.database, &plane.settings.region.name);
    let mut missing = Vec::new();
    for name in names {
        if assets.find(&AssetName::image(*name)).await?.is_none() {
            missing.push(*name);
        }
    }
    Ok(missing)
}

/// Stores a picture under a name, unless there is one already.
pub async fn ensure(plane: &Plane, environment: EnvironmentId, public_id: &str, bytes: Bytes) -> Result<(), ApiError> {
    let assets = AssetStore::of(&Program(environment), &plane.database, &plane.settings.region.name);
    let name = AssetName::image(public_id);
    if assets.find(&name).await?.is_some() {
        return Ok(());
    }
    let file = SourceFile::from_bytes(&bytes).map_err(|error| ApiError::internal(&error))?;
    let probed = plane.render.probe(environment.0.as_u128().into(), file).await;
    let source = probed.map_err(|error: RenderError| ApiError::internal(&error))?;
    let now = plane.clock.now();
    let id = VersionId::generate(now);
    let object = ObjectKey::original(environment, id);
    plane.storage.write(&object, bytes.clone(), source.format.content_type()).await?;
    let new = NewVersion {
        id,
        display_name: public_id.rsplit('/').next().unwrap_or(public_id).to_owned(),
        asset_folder: String::new(),
        original_filename: public_id.rsplit('/').next().unwrap_or(public_id).to_owned(),
        tags: vec!["sample".into()],
        context: serde_json::Map::new(),
        metadata: serde_json::Map::new(),
        coordinates: Coordinates::default(),
        access: AccessChange::default(),
        backup: None,
        keeps_folder: false,
        keeps_display_name: false,
        is_moderated: false,
        format: source.format.name().into(),
        bytes: bytes.len() as u64,
        md5: hex::encode(Md5::digest(&bytes)),
        source: Some(source),
        media: None,
        origin: "internal",
        access_key: None,
        request: String::new(),
        overwrite: false,
        remote: None,
        replaces: None,
        ends: Ends::default(),
        ahead: Ahead::default(),
        analysis: None,
        questions: Questions::default(),
    };
    assets.commit_upload(Permitted::by_decision(name, Origin::PROGRAM, Told::NOBODY), new, now).await?;
    Ok(())
}
