//! Files without names that travel to render workers: what a worker reads, and what it writes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    sync::Arc,
};

use bytes::Bytes;
use memmap2::MmapOptions;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, memfd_create};

/// After these nobody can change a memory file, whoever holds it.
const SEALED: SealFlags = SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK).union(SealFlags::SEAL);

/// How many bytes tell what a file is.
pub(super) const HEAD_BYTES: usize = 4096;

fn memory_file(name: &str) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?))
}

/// Encoded bytes that a worker can read. Clones share one file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    file: Arc<OwnedFd>,
    length: u64,
}

impl SourceFile {
    /// Copies bytes into a sealed memory file.
    ///
    /// # Errors
    /// When the kernel has no memory or no descriptor to give.
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        Self::from_chunks([bytes])
    }

    /// Copies chunks, one after another, into a sealed memory file.
    ///
    /// # Errors
    /// When the kernel has no memory or no descriptor to give.
    pub fn from_chunks(chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> io::Result<Self> {
        let mut file = memory_file("safelight-source")?;
        let mut length = 0;
        for chunk in chunks {
            file.write_all(chunk.as_ref())?;
            length += chunk.as_ref().len() as u64;
        }
        fcntl_add_seals(&file, SEALED)?;
        Ok(Self { file: Arc::new(file.into()), length })
    }

    /// Shares a plain file, such as a staged upload, for reading only. Nobody may write to it from now on, and nobody else can
    /// if it has no name.
    ///
    /// # Errors
    /// When it is not a plain file or cannot be opened anew.
    pub fn from_file(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a source must be a plain file"));
        }
        // Opened anew, so that a worker gets a descriptor which cannot write, whatever ours can.
        let read_only = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_CLOEXEC)
            .open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        Ok(Self { file: Arc::new(read_only.into()), length: metadata.len() })
    }

    /// Takes a plain file that was opened for reading only and that nobody writes to, such as an object of the store.
    ///
    /// # Errors
    /// When it is not a plain file.
    pub fn from_object(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a source must be a plain file"));
        }
        Ok(Self { file: Arc::new(file.into()), length: metadata.len() })
    }

    /// The first bytes; answers how many they are.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn head(&self, buffer: &mut [u8; HEAD_BYTES]) -> io::Result<usize> {
        Ok(rustix::io::pread(&self.file, buffer.as_mut_slice(), 0)?)
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A memory file for a worker to write.
#[derive(Debug)]
pub(super) struct ResultFile(File);

impl ResultFile {
    pub fn new() -> io::Result<Self> {
        memory_file("safelight-result").map(Self)
    }

    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Takes the contents over without copying. The length is the file's own, not what the worker says, and the seals make sure
    /// that the worker cannot change what is about to be cached and sent.
    ///
    /// # Errors
    /// When the worker still has the file mapped for writing, or wrote nothing.
    pub fn seal(self) -> io::Result<Bytes> {
        fcntl_add_seals(&self.0, SEALED)?;
        let length = usize::try_from(fstat(&self.0)?.st_size).map_err(io::Error::other)?;
        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the result is empty"));
        }
        // SAFETY: the file is sealed against writing, growing and shrinking, so the mapping is of bytes that cannot change. It
        // is private because kernels before 6.7 refuse a shared mapping of a sealed file that was opened for writing.
        let mapping = unsafe { MmapOptions::new().len(length).map_copy_read_only(&self.0)? };
        Ok(Bytes::from_owner(mapping))
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::fs::FileExt};

    use super::*;

    #[test]
    fn sources_cannot_be_changed() {
        let source = SourceFile::from_chunks(["ab".as_bytes(), b"cd"]).unwrap();
        assert_eq!((source.len(), source.is_empty()), (4, false));
        let file = File::from(source.descriptor().try_clone_to_owned().unwrap());
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(1).is_err());
    }

    #[test]
    fn staged_files_are_shared_for_reading() {
        let mut staged = tempfile::tempfile().unwrap();
        staged.write_all(b"picture").unwrap();
        let source = SourceFile::from_file(&staged).unwrap();
        let mut file = File::from(source.descriptor().try_clone_to_owned().unwrap());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), source.len()), ("picture", 7));
        assert!(file.write_at(b"x", 0).is_err());
    }

    #[test]
    fn results_are_what_was_written_and_stay_so() {
        let result = ResultFile::new().unwrap();
        let worker = File::from(result.descriptor().try_clone_to_owned().unwrap());
        worker.write_all_at(b"rendition", 0).unwrap();
        let bytes = result.seal().unwrap();
        assert!(worker.write_at(b"x", 0).is_err());
        assert_eq!(bytes, "rendition");
        assert!(ResultFile::new().unwrap().seal().is_err());
    }
}
