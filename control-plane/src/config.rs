//! Settings of the control plane.

use plane_kit::{
    config::ConfigError,
    seal::{SealingKey, SealingRing},
    seam::snapshot::Limits,
};
use serde::{Deserialize, Serialize};

use crate::{names, rates::RatesConfig};

/// An operator's token may not be shorter, in characters.
const SHORTEST_TOKEN: usize = 16;

/// Settings of the control plane. Every key has a default; `database_url` and `key_encryption_key` are empty there and are set
/// by whoever starts the plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ControlConfig {
    /// Where the control database is: `sqlite:///path/to/control.db` or `postgres://…`.
    pub database_url: String,
    /// The key that seals every secret at rest: 32 bytes in hexadecimal or base64.
    pub key_encryption_key: String,
    /// Further keys that stored secrets may be sealed under: the next one while a change is prepared, and the former ones until
    /// `safelight kek rotate` has sealed everything anew.
    pub earlier_key_encryption_keys: Vec<String>,
    /// The bearer token of the operator's HTTP API, at least 16 characters; empty switches that API off.
    pub operator_token: String,
    /// The region of a new product environment that names none.
    pub default_region: String,
    /// How many snapshots a region gets at once.
    pub snapshot_page_size: u64,
    /// The longest that a region's question for snapshots is kept waiting, in milliseconds.
    pub poll_limit_ms: u64,
    /// The longest that a change waits for the connected region to have applied it, in milliseconds; 0 answers at once.
    pub acknowledge_limit_ms: u64,
    /// Rate classes.
    pub rates: RatesConfig,
    /// How long call records are kept, in days.
    pub call_records_days: u32,
    /// Where people reach the control plane, as in `https://media.example.com`: what the links of invitations begin with. Empty: the
    /// address at which the call that made a link has reached it.
    pub public_url: String,
    /// Whether strangers may make accounts for themselves, of the plan Free.
    pub anonymous_signup: bool,
    /// Limits that new product environments get; `safelight environment limits` changes those of one that is there.
    pub limits: Limits,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            database_url: String::new(),
            key_encryption_key: String::new(),
            earlier_key_encryption_keys: Vec::new(),
            operator_token: String::new(),
            default_region: "default".to_owned(),
            snapshot_page_size: 200,
            poll_limit_ms: 30_000,
            acknowledge_limit_ms: 1_000,
            rates: RatesConfig::default(),
            call_records_days: 30,
            public_url: String::new(),
            anonymous_signup: false,
            limits: Limits::default(),
        }
    }
}

impl ControlConfig {
    /// Checks every setting by itself. The texts name the key as it is written in a file.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |text: String| Err(ConfigError::Invalid(text));
        let is_known_scheme =
            ["sqlite://", "postgres://", "postgresql://"].iter().any(|scheme| self.database_url.starts_with(scheme));
        if !self.database_url.is_empty() && !is_known_scheme {
            return invalid("control.database_url must begin with sqlite:// or postgres://".to_owned());
        }
        if !self.key_encryption_key.is_empty() {
            self.sealing_key()?;
        }
        self.earlier_keys()?;
        if !self.operator_token.is_empty() && self.operator_token.chars().count() < SHORTEST_TOKEN {
            return invalid(format!("control.operator_token must be at least {SHORTEST_TOKEN} characters, or empty"));
        }
        if !names::is_region_name(&self.default_region) {
            return invalid("control.default_region must be a-z, 0-9, _ and -, beginning with a letter".to_owned());
        }
        if !(1..=1_000).contains(&self.snapshot_page_size) {
            return invalid("control.snapshot_page_size must be between 1 and 1000".to_owned());
        }
        if self.poll_limit_ms > 120_000 {
            return invalid("control.poll_limit_ms must be at most 120000".to_owned());
        }
        if self.acknowledge_limit_ms > 1_000 {
            return invalid("control.acknowledge_limit_ms must be at most 1000".to_owned());
        }
        if !(1..=3_650).contains(&self.call_records_days) {
            return invalid("control.call_records_days must be between 1 and 3650".to_owned());
        }
        if self.limits.upload_bytes == 0 || self.limits.image_pixels == 0 {
            return invalid(
                "control.limits.upload_bytes and control.limits.image_pixels must be at least 1".to_owned(),
            );
        }
        let is_web = ["http://", "https://"].iter().any(|scheme| self.public_url.starts_with(scheme));
        if !self.public_url.is_empty() && !is_web {
            return invalid("control.public_url must begin with http:// or https://, or be empty".to_owned());
        }
        Ok(())
    }

    /// Reads the key-encryption key.
    pub fn sealing_key(&self) -> Result<SealingKey, ConfigError> {
        SealingKey::parse(&self.key_encryption_key)
            .map_err(|error| ConfigError::Invalid(format!("control.key_encryption_key: {error}")))
    }

    /// Reads the further keys.
    pub fn earlier_keys(&self) -> Result<Vec<SealingKey>, ConfigError> {
        let read = |text: &String| {
            SealingKey::parse(text)
                .map_err(|error| ConfigError::Invalid(format!("control.earlier_key_encryption_keys: {error}")))
        };
        self.earlier_key_encryption_keys.iter().map(read).collect()
    }

    /// Reads the key-encryption key with the further ones.
    pub fn sealing_ring(&self) -> Result<SealingRing, ConfigError> {
        Ok(SealingRing::new(self.sealing_key()?, self.earlier_keys()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_each_mistake_is_named() {
        assert!(ControlConfig::default().validate().is_ok());
        type Spoil = fn(&mut ControlConfig);
        let cases: [(&str, Spoil); 10] = [
            ("control.database_url", |config| config.database_url = "mysql://x".into()),
            ("control.key_encryption_key", |config| config.key_encryption_key = "short".into()),
            ("control.earlier_key_encryption_keys", |config| {
                config.earlier_key_encryption_keys = vec!["00".repeat(32), "short".into()];
            }),
            ("control.operator_token", |config| config.operator_token = "short".into()),
            ("control.default_region", |config| config.default_region = "Über uns".into()),
            ("control.snapshot_page_size", |config| config.snapshot_page_size = 0),
            ("control.poll_limit_ms", |config| config.poll_limit_ms = 1_000_000),
            ("control.acknowledge_limit_ms", |config| config.acknowledge_limit_ms = 5_000),
            ("control.call_records_days", |config| config.call_records_days = 0),
            ("control.public_url", |config| config.public_url = "media.example.com".into()),
        ];
        for (key, spoil) in cases {
            let mut config = ControlConfig::default();
            spoil(&mut config);
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }
}
