//! What plans have to know of the pixels: found by a worker, and remembered.

use std::{fs::File, sync::Arc};

use moka::future::Cache;
use plane_kit::{
    error::{ApiError, chain},
    ids::{EnvironmentId, VersionId},
};
use sha2::{Digest, Sha256};
use transform::{facts::Rectangle, plan::Measure};

use super::{
    Failure,
    originals::{FAILURES_KEPT, MakeError, original},
};
use crate::{Plane, assets::record::AssetRecord, render::SourceFile};

/// How many answers are remembered.
const REMEMBERED: u64 = 50_000;

/// Where the bytes of a version are.
#[derive(Clone, Copy)]
pub(crate) enum FileOf<'a> {
    /// In the store, under its row.
    Stored(&'a AssetRecord),
    /// In a file, because it has no row yet.
    Staged(&'a File),
}

/// The version whose pixels are asked.
pub(crate) struct Asked<'a> {
    /// Whose it is.
    pub environment: EnvironmentId,
    /// Which one.
    pub version: VersionId,
    /// How many pixels a frame of it has.
    pub pixels: u64,
    /// Where its bytes are.
    pub file: FileOf<'a>,
}

/// What the pixels of versions have answered. A version never changes, so nothing here grows old.
pub struct Measures {
    found: Cache<Key, Option<Rectangle>>,
    refusals: moka::sync::Cache<Key, MakeError>,
}

/// A version, and the digest of what is asked of it.
type Key = (VersionId, [u8; 32]);

impl Default for Measures {
    fn default() -> Self {
        let refusals = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(FAILURES_KEPT).build();
        Self { found: Cache::new(REMEMBERED), refusals }
    }
}

impl Measures {
    /// What lies within the edges of what a version becomes; nothing where it is all edge.
    pub(crate) async fn of(
        &self,
        plane: &Plane,
        asked: &Asked<'_>,
        measure: &Measure,
    ) -> Result<Option<Rectangle>, ApiError> {
        let text = serde_json::to_vec(measure).map_err(|error| ApiError::internal(&error))?;
        let key = (asked.version, Sha256::digest(text).into());
        if let Some(error) = self.refusals.get(&key) {
            return Err(Failure::from(&error).into_error());
        }
        let found = self.found.try_get_with(key, look(plane, asked, measure)).await;
        found.map_err(|error: Arc<MakeError>| {
            if matches!(*error, MakeError::Refused(_)) {
                self.refusals.insert(key, MakeError::clone(&error));
            }
            Failure::from(error.as_ref()).into_error()
        })
    }
}

async fn look(plane: &Plane, asked: &Asked<'_>, measure: &Measure) -> Result<Option<Rectangle>, MakeError> {
    plane.metrics.measures_started.inc();
    let (source, _room) = match asked.file {
        FileOf::Stored(asset) => original(plane, asset).await?,
        FileOf::Staged(file) => {
            let source = SourceFile::from_file(file).map_err(|error| MakeError::Unavailable(chain(&error)))?;
            (source, None)
        }
    };
    let tag = asked.environment.0.as_u128().into();
    let cost = asked.pixels.saturating_mul(u64::from(measure.decode.page) + u64::from(measure.decode.pages));
    let (within, cpu) = plane.render.measure(tag, cost, measure.clone(), source).await?;
    plane.metrics.render_cpu_microseconds.inc_by(u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX));
    Ok(within)
}
