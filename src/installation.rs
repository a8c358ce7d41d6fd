//! The installation that a command works on: the one that is configured, or else that of the `safelight dev` whose data folder it is.

use std::{io, path::Path};

use crate::{
    commands::{Failure, Outcome},
    data_folder::write_private,
    keys,
    settings::{self, Given, Says, Settings},
};

/// The control database of `safelight dev`, in its data folder.
pub const CONTROL_DATABASE: &str = "control.db";
/// The regional database of `safelight dev`, in its data folder.
pub const REGIONAL_DATABASE: &str = "region-local.db";
/// The one region of `safelight dev`.
pub const REGION: &str = "local";
/// The file that says where `safelight dev` listened last.
const ADDRESS: &str = "api-url";

/// The settings of a command that needs an installation.
pub fn load(given: Given) -> Outcome<Settings> {
    let mut settings = settings::load(given, Says::default())?;
    complete(&mut settings)?;
    if settings.control.database_url.is_empty() {
        return Err(Failure::new(format!(
            "no control database is configured (control.database_url, SAFELIGHT_CONTROL__DATABASE_URL), and there is no \
             installation of `safelight dev` in {}; name its data folder by --data",
            settings.data_folder().display()
        )));
    }
    Ok(settings)
}

/// Takes what is not configured from the data folder, if a `safelight dev` has left an installation there.
pub fn complete(settings: &mut Settings) -> Outcome {
    let folder = settings.data_folder();
    if !settings.control.database_url.is_empty() || !folder.join(CONTROL_DATABASE).is_file() {
        return Ok(());
    }
    let folder = folder.canonicalize()?;
    settings.control.database_url = format!("sqlite://{}", folder.join(CONTROL_DATABASE).display());
    let key = folder.join(keys::LOCAL_KEY);
    if settings.control.key_encryption_key.is_empty() && key.is_file() {
        settings.control.key_encryption_key = std::fs::read_to_string(key)?.trim().to_owned();
    }
    if settings.region.database_url.is_empty() && folder.join(REGIONAL_DATABASE).is_file() {
        settings.region.database_url = format!("sqlite://{}", folder.join(REGIONAL_DATABASE).display());
        settings.region.name = REGION.to_owned();
    }
    let address = folder.join(ADDRESS);
    if settings.control.public_url.is_empty() && address.is_file() {
        settings.control.public_url = std::fs::read_to_string(address)?.trim().to_owned();
    }
    Ok(())
}

/// Leaves the address where a `safelight dev` listens for the commands that print links.
pub fn leave_address(folder: &Path, url: &str) -> io::Result<()> {
    write_private(&folder.join(ADDRESS), url)
}
