//! What a rendition is identified by, and what is counted once.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::plan::Plan;

/// The identity of a rendition: one plan carried out by one engine on one version of an asset. Every spelling that gives the
/// same picture has the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenditionKey([u8; 32]);

impl RenditionKey {
    /// Makes the key. `version_id` is the version's UUID; `engine_revision` changes whenever the same plan would give other
    /// bytes.
    pub fn new(plan: &Plan, version_id: &[u8; 16], engine_revision: &str) -> Self {
        let mut hash = Sha256::new_with_prefix(b"rendition\0");
        // The fields before the last one have a fixed length or end in a byte that JSON does not contain.
        hash.update(version_id);
        hash.update(canonical_text(plan));
        hash.update(b"\0");
        hash.update(engine_revision);
        Self(hash.finalize().into())
    }

    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The entity tag of an encode of this rendition, without quotes: 32 lower-case hexadecimal digits. `generation` counts
    /// the encodes that replaced each other under one key.
    pub fn etag(&self, generation: u32) -> String {
        let mut hash = Sha256::new_with_prefix(b"etag\0");
        hash.update(self.0);
        hash.update(generation.to_be_bytes());
        hex::encode(&hash.finalize()[..16])
    }
}

/// 64 lower-case hexadecimal digits.
impl fmt::Display for RenditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What is counted once, as a UUID of version 8: a plan on a version in an epoch. The engine's revision is left out, so that
/// renditions made anew by an upgrade are not counted again.
pub fn count_key(version_id: &[u8; 16], plan: &Plan, epoch: u64) -> [u8; 16] {
    let mut hash = Sha256::new_with_prefix(b"count\0");
    hash.update(version_id);
    hash.update(epoch.to_be_bytes());
    hash.update(canonical_text(plan));
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize()[..16]);
    key[6] = (key[6] & 0x0f) | 0x80;
    key[8] = (key[8] & 0x3f) | 0x80;
    key
}

/// The canonical text of a plan: its JSON, whose fields stand in the order of the types.
pub fn canonical_text(plan: &Plan) -> String {
    serde_json::to_string(plan).expect("a plan holds only numbers, names and lists, all of which have a JSON form")
}
