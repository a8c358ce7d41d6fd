//! Staging: the bytes of an upload in a scratch file without a name, hashed and measured while they arrive.

use std::{
    io::{Cursor, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use image::ImageReader;
use md5::Md5;
use plane_kit::error::ApiError;
use sha2::{Digest, Sha256};

/// How many first bytes are kept to tell what a file is.
const HEAD: usize = 64 * 1024;

/// Why staging failed on our side.
#[derive(Debug, thiserror::Error)]
#[error("the scratch folder failed")]
pub struct StagingError(#[from] std::io::Error);

impl From<StagingError> for ApiError {
    fn from(error: StagingError) -> Self {
        Self::unavailable("Uploads cannot be staged now", 5).with_operator_text(plane_kit::error::chain(&error))
    }
}

/// The folder of scratch files. They have no names, so the kernel removes them with the process.
#[derive(Debug, Clone)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes the folder.
    pub fn open(path: &Path) -> Result<Self, StagingError> {
        std::fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    /// Begins a file.
    pub fn begin(&self) -> Result<Staging, StagingError> {
        let file = tempfile::tempfile_in(&self.0)?;
        Ok(Staging { file, bytes: 0, md5: Md5::new(), sha256: Sha256::new(), head: Vec::new() })
    }
}

/// A file that is arriving.
pub struct Staging {
    file: std::fs::File,
    bytes: u64,
    md5: Md5,
    sha256: Sha256,
    head: Vec<u8>,
}

impl Staging {
    /// Takes the next bytes in. The page cache takes them; nothing here waits for a disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StagingError> {
        self.file.write_all(bytes)?;
        self.md5.update(bytes);
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
        let missing = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        Ok(())
    }

    /// How many bytes there are so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<Staged, StagingError> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(Staged {
            file: self.file,
            bytes: self.bytes,
            md5: hex::encode(self.md5.finalize()),
            sha256: hex::encode(self.sha256.finalize()),
            head: self.head,
        })
    }
}

/// A file that has arrived whole.
#[derive(Debug)]
pub struct Staged {
    /// The file, at its beginning.
    pub file: std::fs::File,
    /// Size.
    pub bytes: u64,
    /// MD5 in hexadecimal digits.
    pub md5: String,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// The first bytes.
    pub head: Vec<u8>,
}

impl Staged {
    /// Width and height as the header claims them, if the first bytes hold a header that can be read here. No pixel is decoded;
    /// what is kept of a picture comes from a worker.
    pub fn claimed_size(&self) -> Option<(u32, u32)> {
        ImageReader::new(Cursor::new(&self.head)).with_guessed_format().ok()?.into_dimensions().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staging_measures_and_hashes_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut staging = Scratch::open(folder.path()).unwrap().begin().unwrap();
        staging.write(b"hello ").unwrap();
        staging.write(b"world").unwrap();
        let staged = staging.finish().unwrap();
        assert_eq!((staged.bytes, staged.head.as_slice()), (11, b"hello world".as_slice()));
        assert_eq!(staged.md5, "5eb63bbbe01eeed093cb22bb8f5acdc3");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a scratch file has no name");
    }
}
