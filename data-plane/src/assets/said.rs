//! What is said of an asset, as transformations ask for it. Pure.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use transform::facts::{Facts, Rectangle};

use super::{coordinates::Coordinates, record::AssetRecord};

/// What is said of an asset, or will be once its upload is through.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Said {
    tags: Vec<String>,
    context: Map<String, Value>,
    metadata: Map<String, Value>,
    #[serde(skip)]
    faces: Vec<Rectangle>,
    #[serde(skip)]
    custom: Vec<Rectangle>,
    coordinates: Coordinates,
}

impl Said {
    /// What an upload says.
    pub fn of(tags: &[String], context: &Map<String, Value>, coordinates: &Coordinates) -> Self {
        Self { tags: tags.to_vec(), context: context.clone(), ..Self::default() }.marked(coordinates)
    }

    /// The same with the values of metadata fields.
    pub fn with_metadata(self, metadata: &Map<String, Value>) -> Self {
        Self { metadata: metadata.clone(), ..self }
    }

    fn marked(self, coordinates: &Coordinates) -> Self {
        let read = |rectangles: &[[u32; 4]]| {
            let rectangle = |[x, y, width, height]: [u32; 4]| Rectangle { x, y, width, height };
            rectangles.iter().copied().map(rectangle).collect()
        };
        let (faces, custom) = (read(&coordinates.faces), read(&coordinates.custom));
        Self { faces, custom, coordinates: coordinates.clone(), ..self }
    }

    /// What tells it from everything else that may be said.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(serde_json::to_vec(self).unwrap_or_default()).into()
    }

    /// As transformations take it.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            tags: &self.tags,
            context: Some(&self.context),
            metadata: Some(&self.metadata),
            faces: &self.faces,
            custom: &self.custom,
            measured: &[],
        }
    }
}

impl From<&AssetRecord> for Said {
    fn from(asset: &AssetRecord) -> Self {
        Self::of(&asset.tags, &asset.context, &asset.coordinates).with_metadata(&asset.metadata)
    }
}
