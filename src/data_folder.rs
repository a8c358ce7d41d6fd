//! The data folder of a node: marked as ours, used by one process at a time.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The file that says that the folder is ours. A folder without it is never emptied.
const MARKER: &str = ".safelight-data";

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// Another process has it.
    #[error("the data folder {0} is used by another process")]
    InUse(PathBuf),
    /// It is not ours to empty.
    #[error("{0} is not emptied: it is not a data folder of Safelight (it has no {MARKER})")]
    NotOurs(PathBuf),
    /// The file system said no.
    #[error("the data folder {path} cannot be used")]
    Io {
        /// The folder.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

/// A locked data folder. The lock ends with the process.
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be, marks it and locks it. With `reset` everything in it is removed first.
    pub fn open(path: &Path, reset: bool) -> Result<Self, DataFolderError> {
        let failed = |source| DataFolderError::Io { path: path.to_owned(), source };
        let marker = path.join(MARKER);
        let is_used = path.is_dir() && fs::read_dir(path).map_err(failed)?.next().is_some();
        if reset && is_used && !marker.is_file() {
            return Err(DataFolderError::NotOurs(path.to_owned()));
        }
        fs::create_dir_all(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let lock = File::options().create(true).truncate(false).write(true).open(&marker).map_err(failed)?;
        if let Err(error) = lock.try_lock() {
            return Err(match error {
                fs::TryLockError::WouldBlock => DataFolderError::InUse(path),
                fs::TryLockError::Error(source) => DataFolderError::Io { path, source },
            });
        }
        if reset {
            empty(&path).map_err(failed)?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// The folder, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file within, as a database URL.
    pub fn sqlite(&self, name: &str) -> String {
        format!("sqlite://{}", self.path.join(name).display())
    }
}

/// Removes everything but the marker, which is the lock.
fn empty(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == MARKER {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    // The mode above is for a new file only.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}
