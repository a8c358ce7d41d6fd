//! The whole of what a data plane knows of one product environment.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{AccountId, EnvironmentId},
    policy::{PolicyLine, RoleLink},
    secret::Secret,
    settings::{EnvironmentSettings, FolderMode},
};

/// Whether an environment may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In use.
    Active,
    /// Switched off: nothing is delivered, nothing accepted.
    Disabled,
    /// Gone. The snapshot is a tombstone.
    Deleted,
}

/// Limits of an environment, which its own settings can only narrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Largest upload in bytes.
    pub upload_bytes: u64,
    /// Largest image in pixels, all frames together.
    pub image_pixels: u64,
    /// Admin API calls an hour; 0 is no limit.
    pub admin_calls_per_hour: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { upload_bytes: 100_000_000, image_pixels: 100_000_000, admin_calls_per_hour: 0 }
    }
}

/// An access key of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySnapshot {
    /// The public half.
    pub api_key: String,
    /// The secret half, sealed under the region's key.
    pub sealed_secret: String,
    /// A disabled key is refused everywhere.
    pub enabled: bool,
    /// Whether the key's secret validates delivery signatures.
    pub signs_delivery: bool,
    /// The second secret of a rotation that is under way, sealed under the region's key. It is worth as much as the present one.
    #[serde(default)]
    pub next_sealed_secret: Option<String>,
    /// From this moment on the key is refused everywhere; never when absent.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether notifications are signed with it before all other keys.
    #[serde(default)]
    pub signs_notifications: bool,
}

impl KeySnapshot {
    /// Whether the key has expired at a moment.
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Whether the key is accepted at a moment.
    pub fn is_usable(&self, now: DateTime<Utc>) -> bool {
        self.enabled && !self.has_expired(now)
    }
}

/// The whole of what a data plane knows of one product environment. Applied only when its version is higher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSnapshot {
    /// The environment.
    pub environment: EnvironmentId,
    /// The account that pays.
    pub account: AccountId,
    /// The name in URLs, lower case.
    pub cloud_name: String,
    /// Grows with every change.
    pub version: i64,
    /// Whether it may be used.
    pub standing: Standing,
    /// Limits.
    pub limits: Limits,
    /// Folder mode.
    pub folder_mode: FolderMode,
    /// What its administrators have set.
    #[serde(default)]
    pub settings: EnvironmentSettings,
    /// Host names that mean this environment without its cloud name in the path.
    pub hosts: Vec<String>,
    /// Access keys, oldest first.
    pub keys: Vec<KeySnapshot>,
    /// Effective policy lines.
    pub policies: Vec<PolicyLine>,
    /// Role links.
    pub roles: Vec<RoleLink>,
    /// When the environment was made.
    pub created_at: DateTime<Utc>,
}

/// A snapshot under the control plane's signature. The text is kept as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedSnapshot {
    /// Place in the region's sequence.
    pub seq: i64,
    /// JSON text of a [`TenantSnapshot`].
    pub payload: String,
    /// Ed25519 signature over region, sequence number and payload, in base64.
    pub signature: String,
}

/// A snapshot cannot be trusted or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not signed by the pinned key.
    #[error("the snapshot is not signed by the control plane that this region trusts")]
    Untrusted,
    /// Signed, but not readable by this version of the program.
    #[error("the snapshot cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl SignedSnapshot {
    /// Reads the snapshot if the pinned key signed it for this region.
    pub fn open(&self, region: &str, trusted: &TrustedKey) -> Result<TenantSnapshot, SnapshotError> {
        let bytes = STANDARD.decode(&self.signature).map_err(|_| SnapshotError::Untrusted)?;
        let signature = Signature::from_slice(&bytes).map_err(|_| SnapshotError::Untrusted)?;
        let message = message(region, self.seq, &self.payload);
        trusted.0.verify(message.as_bytes(), &signature).map_err(|_| SnapshotError::Untrusted)?;
        Ok(serde_json::from_str(&self.payload)?)
    }
}

fn message(region: &str, seq: i64, payload: &str) -> String {
    format!("safelight-snapshot\n{region}\n{seq}\n{payload}")
}

/// The control plane's half of the signing key.
#[derive(Clone)]
pub struct SnapshotSigner(SigningKey);

/// The key text is no 32 bytes of hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("a signing key must be 64 hexadecimal digits")]
pub struct InvalidSigningKey;

impl SnapshotSigner {
    /// A fresh key.
    pub fn generate() -> Self {
        let mut seed = [0_u8; 32];
        rand::rng().fill_bytes(&mut seed);
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads a key from what [`export`](Self::export) wrote.
    pub fn parse(text: &str) -> Result<Self, InvalidSigningKey> {
        let bytes = hex::decode(text.trim()).map_err(|_| InvalidSigningKey)?;
        let seed: [u8; 32] = bytes.try_into().map_err(|_| InvalidSigningKey)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key in hexadecimal digits, to be written to a key file.
    pub fn export(&self) -> Secret {
        Secret::new(hex::encode(self.0.to_bytes()))
    }

    /// The half that regions pin.
    pub fn trusted(&self) -> TrustedKey {
        TrustedKey(self.0.verifying_key())
    }

    /// Signs a snapshot for a region.
    pub fn sign(&self, region: &str, seq: i64, snapshot: &TenantSnapshot) -> Result<SignedSnapshot, serde_json::Error> {
        let payload = serde_json::to_string(snapshot)?;
        let signature = self.0.sign(message(region, seq, &payload).as_bytes());
        Ok(SignedSnapshot { seq, payload, signature: STANDARD.encode(signature.to_bytes()) })
    }
}

/// The data plane's half: what it trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedKey(VerifyingKey);

impl TrustedKey {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidSigningKey> {
        let bytes = hex::decode(text.trim()).map_err(|_| InvalidSigningKey)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| InvalidSigningKey)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| InvalidSigningKey)
    }

    /// The key in hexadecimal digits.
    pub fn export(&self) -> String {
        hex::encode(self.0.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> TenantSnapshot {
        TenantSnapshot {
            environment: EnvironmentId(uuid::Uuid::nil()),
            account: AccountId(uuid::Uuid::nil()),
            cloud_name: "demo".into(),
            version: 1,
            standing: Standing::Active,
            limits: Limits::default(),
            folder_mode: FolderMode::Dynamic,
            settings: EnvironmentSettings::default(),
            hosts: Vec::new(),
            keys: Vec::new(),
            policies: Vec::new(),
            roles: Vec::new(),
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_key_expires_at_its_moment_and_an_older_text_of_it_never() {
        let text = r#"{"api_key":"1","sealed_secret":"x","enabled":true,"signs_delivery":true}"#;
        let lasting: KeySnapshot = serde_json::from_str(text).unwrap();
        assert_eq!((&lasting.next_sealed_secret, lasting.expires_at), (&None, None));
        let moment = DateTime::from_timestamp(1_000, 0).unwrap();
        let expiring = KeySnapshot { expires_at: Some(moment), ..lasting.clone() };
        let disabled = KeySnapshot { enabled: false, ..lasting.clone() };
        for (key, seconds, usable) in [
            (&lasting, i64::from(i32::MAX), true),
            (&expiring, 999, true),
            (&expiring, 1_000, false),
            (&disabled, 0, false),
        ] {
            assert_eq!(key.is_usable(DateTime::from_timestamp(seconds, 0).unwrap()), usable, "{key:?} at {seconds}");
        }
    }

    #[test]
    fn a_snapshot_opens_only_as_it_was_signed_and_where() {
        let signer = SnapshotSigner::generate();
        let signed = signer.sign("eu", 7, &snapshot()).unwrap();
        assert_eq!(signed.open("eu", &signer.trusted()).unwrap(), snapshot());
        assert!(signed.open("us", &signer.trusted()).is_err(), "another region's");
        assert!(signed.open("eu", &SnapshotSigner::generate().trusted()).is_err(), "another control plane's");
        let replayed = SignedSnapshot { seq: 8, ..signed.clone() };
        assert!(replayed.open("eu", &signer.trusted()).is_err(), "another place in the sequence");
        let altered = SignedSnapshot { payload: signed.payload.replace("demo", "devil"), ..signed };
        assert!(altered.open("eu", &signer.trusted()).is_err(), "another text");
    }
}
