//! The key-encryption key with the further ones: from the settings, or from a file in the data folder.

use std::path::Path;

use plane_kit::seal::{SealingKey, SealingRing};

use crate::{
    commands::{Failure, Outcome},
    data_folder::write_private,
    settings::Settings,
};

/// The file of the key in a data folder.
pub const LOCAL_KEY: &str = "key-encryption-key";

/// The keys of the settings. The one that seals must be there.
pub fn configured(settings: &Settings) -> Outcome<SealingRing> {
    if settings.control.key_encryption_key.is_empty() {
        return Err(Failure::new(
            "control.key_encryption_key must be set (SAFELIGHT_CONTROL__KEY_ENCRYPTION_KEY): 64 hexadecimal digits, as \
             `openssl rand -hex 32` prints them; keep it, without it no stored secret can be read",
        ));
    }
    Ok(settings.control.sealing_ring()?)
}

/// The key of the settings or else of the data folder, where it is made at the first start; further keys are those of the settings.
pub fn configured_or_local(settings: &Settings, data: &Path) -> Outcome<SealingRing> {
    if !settings.control.key_encryption_key.is_empty() {
        return configured(settings);
    }
    let path = data.join(LOCAL_KEY);
    if path.is_file() {
        let key = SealingKey::parse(&std::fs::read_to_string(&path)?)?;
        return Ok(SealingRing::new(key, settings.control.earlier_keys()?));
    }
    let key = SealingKey::generate();
    write_private(&path, key.export().expose())?;
    Ok(SealingRing::new(key, settings.control.earlier_keys()?))
}
