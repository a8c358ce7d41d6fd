//! The key-encryption key: from the settings, or from a file in the data folder.

use std::path::Path;

use plane_kit::seal::SealingKey;

use crate::{
    commands::{Failure, Outcome},
    data_folder::write_private,
    settings::Settings,
};

/// The key of the settings, which must be there.
pub fn configured(settings: &Settings) -> Outcome<SealingKey> {
    if settings.control.key_encryption_key.is_empty() {
        return Err(Failure::new(
            "control.key_encryption_key must be set (SAFELIGHT_CONTROL__KEY_ENCRYPTION_KEY): 64 hexadecimal digits, as \
             `openssl rand -hex 32` prints them; keep it, without it no stored secret can be read",
        ));
    }
    Ok(settings.control.sealing_key()?)
}

/// The key of the settings or else of the data folder, where it is made at the first start.
pub fn configured_or_local(settings: &Settings, data: &Path) -> Outcome<SealingKey> {
    if !settings.control.key_encryption_key.is_empty() {
        return configured(settings);
    }
    let path = data.join("key-encryption-key");
    if path.is_file() {
        return Ok(SealingKey::parse(&std::fs::read_to_string(&path)?)?);
    }
    let key = SealingKey::generate();
    write_private(&path, key.export().expose())?;
    Ok(key)
}
