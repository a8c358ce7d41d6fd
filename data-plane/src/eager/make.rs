//! Making what is wanted ahead.

use std::{fs::File, sync::Arc};

use plane_kit::{error::ApiError, ids::VersionId};
use transform::{hints::ClientHints, source::SourceMeta};

use super::ask::not_a_picture;
use crate::{
    Plane,
    assets::{
        AssetStore,
        early::{Ahead, Early, Outcome},
        made::NewRendition,
        record::AssetRecord,
        said::Said,
    },
    delivery::{
        Failure,
        make::{Occasion, OnBehalfOf, ahead},
        measure::FileOf,
        prepare::{FRAMES, Prepared, Wish, of_version},
    },
    render::SourceFile,
    tenants::Tenant,
    transformations::{spelling::Spelling, stored::StoredTransformation},
    upload::stage::Staged,
};

/// A version of a picture, which may have its name or be about to get it.
pub struct Target<'a> {
    version: VersionId,
    epoch: u64,
    source: &'a SourceMeta,
    said: Said,
    bytes: u64,
    file: FileOf<'a>,
}

impl<'a> Target<'a> {
    /// A version that has no row yet.
    pub(crate) fn staged(version: VersionId, source: &'a SourceMeta, said: Said, staged: &'a Staged) -> Self {
        Self { version, epoch: 0, source, said, bytes: staged.bytes, file: FileOf::Staged(staged.file()) }
    }

    /// The current version of an asset.
    pub fn of(asset: &'a AssetRecord) -> Result<Self, ApiError> {
        let version = &asset.version;
        let not_a_picture = || not_a_picture("eager", asset.name.resource_type);
        let source = version.source.as_ref().ok_or_else(not_a_picture)?;
        let (said, bytes, file) = (asset.into(), version.bytes, FileOf::Stored(asset));
        Ok(Self { version: version.id, epoch: version.epoch, source, said, bytes, file })
    }

    async fn plan(
        &self,
        plane: &Plane,
        tenant: &Tenant,
        item: &StoredTransformation,
    ) -> Result<(Spelling, Prepared), ApiError> {
        let spelling = item.spelling(self.source.format.name());
        let transformation = item.transformation.clone();
        let expanded = plane.definitions.expand(&plane.database, tenant.id(), transformation).await?;
        let wish = Wish {
            tenant,
            default_quality: tenant.default_quality(),
            transformation: &expanded,
            spelling: &spelling,
            version: self.version,
            epoch: self.epoch,
            source: self.source,
            said: &self.said,
            frames: FRAMES,
            file: self.file,
        };
        let prepared = of_version(plane, &wish, &ClientHints::default()).await?;
        Ok((spelling, prepared))
    }

    /// Refuses items that cannot be planned, and says of the others that they are made later.
    pub async fn put_off(
        &self,
        plane: &Plane,
        tenant: &Tenant,
        items: &[StoredTransformation],
        batch: &str,
    ) -> Result<Vec<Early>, ApiError> {
        let mut promised = Vec::new();
        for item in items {
            let (spelling, _) = self.plan(plane, tenant, item).await?;
            promised.push(Early { spelling, outcome: Outcome::Processing(batch.to_owned()) });
        }
        Ok(promised)
    }

    /// The stored bytes are what is wanted.
    fn as_it_is(&self) -> Outcome {
        let SourceMeta { width, height, format, .. } = self.source;
        Outcome::Made { width: *width, height: *height, bytes: self.bytes, format: format.name().to_owned() }
    }

    /// Makes all items from the staged file, or fails.
    pub(crate) async fn make(
        &self,
        plane: &Plane,
        tenant: &Tenant,
        file: &File,
        items: &[StoredTransformation],
        occasion: Occasion,
    ) -> Result<Ahead, ApiError> {
        let mut planned = Vec::new();
        for item in items {
            planned.push(self.plan(plane, tenant, item).await?);
        }
        let mut made = Ahead::default();
        for (spelling, prepared) in planned {
            let outcome = match prepared {
                Prepared::Original => self.as_it_is(),
                Prepared::Derived(derived) => {
                    // Two spellings may mean one rendition.
                    let known = made.renditions.iter().position(|(new, _)| new.key == derived.key_text);
                    let at = match known {
                        Some(at) => at,
                        None => {
                            let file = SourceFile::from_file(file).map_err(|error| ApiError::internal(&error))?;
                            let new = ahead(plane, tenant.id(), self.version, &derived, file, occasion).await;
                            made.renditions.push((new.map_err(Failure::into_error)?, Vec::new()));
                            made.renditions.len() - 1
                        }
                    };
                    let (new, spellings) = &mut made.renditions[at];
                    spellings.push(spelling.clone());
                    of_new(new)
                }
            };
            made.early.push(Early { spelling, outcome });
        }
        Ok(made)
    }
}

/// Makes an item of an asset that is there, unless it was made before.
pub(crate) async fn make(
    plane: &Arc<Plane>,
    tenant: &Tenant,
    asset: &Arc<AssetRecord>,
    item: &StoredTransformation,
    occasion: Occasion,
) -> Result<Early, Failure> {
    let target = Target::of(asset)?;
    let (spelling, prepared) = target.plan(plane, tenant, item).await?;
    let outcome = match prepared {
        Prepared::Original => target.as_it_is(),
        Prepared::Derived(derived) => {
            plane.renditions.obtain(plane, tenant, asset, &derived, occasion).await?;
            let assets = AssetStore::of(&OnBehalfOf(tenant.id()), &plane.database, &plane.settings.region.name);
            let row = match assets.rendition(&derived.key_text).await.map_err(ApiError::from)? {
                Some(row) => row,
                // What its spelling asked for was something else for a while: the picture is in memory, and its row is gone.
                None => {
                    plane.renditions.forget(&derived).await;
                    plane.renditions.obtain(plane, tenant, asset, &derived, occasion).await?;
                    let made = assets.rendition(&derived.key_text).await.map_err(ApiError::from)?;
                    made.ok_or(Failure::Replaced)?
                }
            };
            // In the same breath as it is answered, whatever was noted before or is being noted now.
            let now = plane.clock.now();
            let noted = assets.note_spelling(&derived.key_text, &asset.version, &spelling, now).await;
            noted.map_err(ApiError::from)?;
            Outcome::Made {
                width: u32::try_from(row.width).unwrap_or(0),
                height: u32::try_from(row.height).unwrap_or(0),
                bytes: u64::try_from(row.bytes).unwrap_or(0),
                format: row.format,
            }
        }
    };
    Ok(Early { spelling, outcome })
}

fn of_new(new: &NewRendition) -> Outcome {
    Outcome::Made { width: new.width, height: new.height, bytes: new.bytes, format: new.format.to_owned() }
}
