//! Secrets at rest and in transit: AES-256-GCM under a named key.
//!
//! A sealed text is `KEY_ID.BASE64URL(nonce ‖ ciphertext)`. The key's id is also authenticated, so a blob cannot be relabelled;
//! keeping the id beside the blob is what makes changing the key possible without guessing: a [`SealingRing`] opens under whichever of
//! its keys the blob names.

use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore;
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// Why a sealed text could not be opened or a key not be read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key material is no 32 bytes of base64 or hexadecimal text.
    #[error("a sealing key must be 32 bytes, written in hexadecimal or base64")]
    InvalidKey,
    /// The blob names another key.
    #[error("sealed under key {found}, but the key at hand is {expected}")]
    OtherKey {
        /// The key named by the blob.
        found: String,
        /// The key that was tried.
        expected: String,
    },
    /// The blob names a key that is not in the ring.
    #[error("sealed under key {found}, which is not among the keys at hand ({held})")]
    MissingKey {
        /// The key named by the blob.
        found: String,
        /// The keys of the ring, joined by commas.
        held: String,
    },
    /// The blob is damaged or was made with other key material.
    #[error("the sealed text is damaged")]
    Damaged,
}

/// A key that seals and opens secrets.
#[derive(Clone)]
pub struct SealingKey {
    id: String,
    cipher: Aes256Gcm,
    material: [u8; 32],
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

impl SealingKey {
    /// Makes a fresh random key.
    pub fn generate() -> Self {
        let mut material = [0_u8; 32];
        rand::rng().fill_bytes(&mut material);
        Self::from_bytes(material)
    }

    /// Reads a key from 64 hexadecimal digits or from base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let text = text.trim();
        let bytes = hex::decode(text)
            .ok()
            .or_else(|| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=').replace('+', "-").replace('/', "_")).ok())
            .ok_or(SealError::InvalidKey)?;
        let material: [u8; 32] = bytes.try_into().map_err(|_| SealError::InvalidKey)?;
        Ok(Self::from_bytes(material))
    }

    fn from_bytes(material: [u8; 32]) -> Self {
        // The id is a digest of the key, so two different keys never carry the same name.
        let id = hex::encode(&Sha256::digest(material)[..4]);
        Self { id, cipher: Aes256Gcm::new(&Key::<Aes256Gcm>::from(material)), material }
    }

    /// The key in hexadecimal, to be written to a key file.
    pub fn export(&self) -> Secret {
        Secret::new(hex::encode(self.material))
    }

    /// The public name of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a secret.
    pub fn seal(&self, secret: &Secret) -> String {
        let mut nonce = [0_u8; 12];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload { msg: secret.expose().as_bytes(), aad: self.id.as_bytes() };
        // AES-GCM refuses only texts beyond 64 GiB.
        let ciphertext = self.cipher.encrypt(&Nonce::from(nonce), payload).unwrap_or_default();
        let blob = [nonce.as_slice(), &ciphertext].concat();
        format!("{}.{}", self.id, URL_SAFE_NO_PAD.encode(blob))
    }

    /// Opens what [`seal`](Self::seal) made.
    pub fn open(&self, sealed: &str) -> Result<Secret, SealError> {
        let (id, blob) = sealed.split_once('.').ok_or(SealError::Damaged)?;
        if id != self.id {
            return Err(SealError::OtherKey { found: id.to_owned(), expected: self.id.clone() });
        }
        let blob = URL_SAFE_NO_PAD.decode(blob).map_err(|_| SealError::Damaged)?;
        let (nonce, ciphertext) = blob.split_at_checked(12).ok_or(SealError::Damaged)?;
        let nonce: [u8; 12] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        let payload = Payload { msg: ciphertext, aad: self.id.as_bytes() };
        let text = self.cipher.decrypt(&Nonce::from(nonce), payload).map_err(|_| SealError::Damaged)?;
        String::from_utf8(text).map(Secret::new).map_err(|_| SealError::Damaged)
    }
}

/// The key that seals now, with further keys that stored texts may still be, or already be, sealed under.
#[derive(Debug, Clone)]
pub struct SealingRing {
    present: SealingKey,
    earlier: Vec<SealingKey>,
}

impl SealingRing {
    /// A ring. Keys that stand in it twice are kept once.
    pub fn new(present: SealingKey, earlier: impl IntoIterator<Item = SealingKey>) -> Self {
        let mut ring = Self { present, earlier: Vec::new() };
        for key in earlier {
            if ring.key(key.id()).is_none() {
                ring.earlier.push(key);
            }
        }
        ring
    }

    /// The key that seals.
    pub fn present(&self) -> &SealingKey {
        &self.present
    }

    /// The keys that only open.
    pub fn earlier(&self) -> &[SealingKey] {
        &self.earlier
    }

    /// Seals a secret under the present key.
    pub fn seal(&self, secret: &Secret) -> String {
        self.present.seal(secret)
    }

    /// Opens what any key of the ring has sealed.
    pub fn open(&self, sealed: &str) -> Result<Secret, SealError> {
        let (id, _) = sealed.split_once('.').ok_or(SealError::Damaged)?;
        let key = self.key(id).ok_or_else(|| {
            let held: Vec<&str> = std::iter::once(&self.present).chain(&self.earlier).map(SealingKey::id).collect();
            SealError::MissingKey { found: id.to_owned(), held: held.join(", ") }
        })?;
        key.open(sealed)
    }

    fn key(&self, id: &str) -> Option<&SealingKey> {
        std::iter::once(&self.present).chain(&self.earlier).find(|key| key.id() == id)
    }
}

impl From<SealingKey> for SealingRing {
    fn from(present: SealingKey) -> Self {
        Self::new(present, [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_seals_under_its_present_key_and_opens_under_each() {
        let (old, new, stranger) = (SealingKey::generate(), SealingKey::generate(), SealingKey::generate());
        let ring = SealingRing::new(new.clone(), [old.clone(), new.clone(), old.clone()]);
        assert_eq!(ring.earlier().iter().map(SealingKey::id).collect::<Vec<_>>(), [old.id()]);
        assert_eq!(ring.open(&old.seal(&Secret::new("abcd"))).unwrap().expose(), "abcd");
        let sealed = ring.seal(&Secret::new("efgh"));
        assert_eq!(new.open(&sealed).unwrap().expose(), "efgh");
        let error = ring.open(&stranger.seal(&Secret::new("x"))).unwrap_err().to_string();
        for id in [stranger.id(), new.id(), old.id()] {
            assert!(error.contains(id), "{error}");
        }
        assert!(matches!(ring.open("no dot"), Err(SealError::Damaged)));
    }

    #[test]
    fn only_the_same_key_opens_and_every_bit_counts() {
        let key = SealingKey::generate();
        let sealed = key.seal(&Secret::new("abcd"));
        assert!(!sealed.contains("abcd"));
        assert_eq!(key.open(&sealed).unwrap().expose(), "abcd");
        assert!(matches!(SealingKey::generate().open(&sealed), Err(SealError::OtherKey { .. })));
        let mut damaged = sealed.clone();
        let last = damaged.pop().unwrap();
        damaged.push(if last == 'A' { 'Q' } else { 'A' });
        assert!(matches!(key.open(&damaged), Err(SealError::Damaged)));
    }

    #[test]
    fn a_key_reads_back_from_its_export() {
        let key = SealingKey::generate();
        let again = SealingKey::parse(key.export().expose()).unwrap();
        assert_eq!(again.id(), key.id());
        assert!(SealingKey::parse("too short").is_err());
    }
}
