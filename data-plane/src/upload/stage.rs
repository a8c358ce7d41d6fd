//! Staging: the bytes of an upload in a scratch file without a name, hashed and measured while they arrive.

use std::{
    fs::File,
    io::{self, Cursor, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use futures::FutureExt;
use image::ImageReader;
use md5::{Digest, Md5};
use plane_kit::error::ApiError;
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use tokio::task::JoinHandle;

/// How many first bytes are kept to tell what a file is.
const HEAD: usize = 64 * 1024;
/// Once so many bytes have arrived that no digest was taken of, a thread takes it beside.
const HASHED_AT_ONCE: u64 = 512 * 1024;
/// Once so many bytes have arrived that are not on the disk, a thread brings them there beside.
const SETTLED_AT_ONCE: u64 = 1024 * 1024;
/// How much is read at a time for that.
const BUFFER: usize = 128 * 1024;

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
pub struct Scratch {
    folder: PathBuf,
    /// Whether a file is brought to the disk while it arrives, because it becomes an object as it is.
    settles: bool,
}

impl Scratch {
    /// Makes the folder.
    pub fn open(path: &Path) -> Result<Self, StagingError> {
        std::fs::create_dir_all(path)?;
        Ok(Self { folder: path.to_owned(), settles: false })
    }

    /// The same, where its files become objects as they are.
    pub fn settling(self, settles: bool) -> Self {
        Self { settles, ..self }
    }

    /// Begins a file.
    pub fn begin(&self) -> Result<Staging, StagingError> {
        let (file, settles) = (self.nameless()?, self.settles);
        Ok(Staging { file, bytes: 0, head: Vec::new(), hashed: 0, hashing: None, settles, settled: 0, settling: None })
    }

    /// A file without a name, which an object store on the same file system can give one.
    fn nameless(&self) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::open(&self.folder, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => Ok(file.into()),
            // Some file systems have no such files; there it has a name for a moment.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => tempfile::tempfile_in(&self.folder),
            Err(error) => Err(error.into()),
        }
    }
}

/// A file that is arriving. Threads take its digest and bring it to the disk meanwhile: each is asked for as much as there is and then let
/// go, so that none ever waits for a client.
pub struct Staging {
    file: File,
    bytes: u64,
    head: Vec<u8>,
    /// How much of it a digest is, or is being, taken of.
    hashed: u64,
    hashing: Option<Hashing>,
    settles: bool,
    /// How much of it is on the disk, or on its way there.
    settled: u64,
    settling: Option<Settling>,
}

type Hashing = JoinHandle<io::Result<Progress>>;
type Settling = JoinHandle<io::Result<()>>;

/// How far a digest is.
#[derive(Default)]
struct Progress {
    md5: Md5,
    position: u64,
}

impl Progress {
    /// Goes on to `end`.
    fn reach(mut self, file: &File, end: u64) -> io::Result<Self> {
        let mut buffer = vec![0; BUFFER];
        while self.position < end {
            let length = usize::try_from(end - self.position).unwrap_or(usize::MAX).min(buffer.len());
            file.read_exact_at(&mut buffer[..length], self.position)?;
            self.md5.update(&buffer[..length]);
            self.position += length as u64;
        }
        Ok(self)
    }

    fn digest(self) -> String {
        hex::encode(self.md5.finalize())
    }
}

fn hash(progress: Progress, file: File, end: u64) -> Hashing {
    tokio::task::spawn_blocking(move || progress.reach(&file, end))
}

fn settle(file: File) -> Settling {
    tokio::task::spawn_blocking(move || file.sync_data())
}

impl Staging {
    /// Takes the next bytes in. The page cache takes them; nothing here waits for a disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StagingError> {
        self.file.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        let missing = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        if self.bytes - self.hashed >= HASHED_AT_ONCE {
            self.hash_beside()?;
        }
        if self.settles && self.bytes - self.settled >= SETTLED_AT_ONCE {
            self.settle_beside()?;
        }
        Ok(())
    }

    /// What is under way is not waited for; the next thread takes more.
    fn hash_beside(&mut self) -> io::Result<()> {
        let progress = match self.hashing.take() {
            None => Progress::default(),
            Some(mut hashing) => match (&mut hashing).now_or_never() {
                Some(progress) => progress.map_err(io::Error::other)??,
                None => {
                    self.hashing = Some(hashing);
                    return Ok(());
                }
            },
        };
        self.hashing = Some(hash(progress, self.file.try_clone()?, self.bytes));
        self.hashed = self.bytes;
        Ok(())
    }

    fn settle_beside(&mut self) -> io::Result<()> {
        if let Some(mut settling) = self.settling.take() {
            match (&mut settling).now_or_never() {
                Some(settled) => settled.map_err(io::Error::other)??,
                None => {
                    self.settling = Some(settling);
                    return Ok(());
                }
            }
        }
        self.settling = Some(settle(self.file.try_clone()?));
        self.settled = self.bytes;
        Ok(())
    }

    /// Leaves it to others to bring the file to the disk.
    pub fn settle_late(&mut self) {
        self.settles = false;
    }

    /// How many bytes there are so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the file. What is still missing of its digest and on the disk goes on beside, while others look into the file.
    pub fn finish(mut self) -> Result<Staged, StagingError> {
        self.file.seek(SeekFrom::Start(0))?;
        let digest = match self.hashing {
            Some(hashing) => {
                let (file, end) = (self.file.try_clone()?, self.bytes);
                FileDigest::UnderWay(tokio::spawn(async move {
                    let progress = hashing.await.map_err(io::Error::other)??;
                    hash(progress, file, end).await.map_err(io::Error::other)?
                }))
            }
            None => FileDigest::Known(Progress::default().reach(&self.file, self.bytes)?.digest()),
        };
        let settling = match self.settling {
            Some(settling) => {
                let file = self.file.try_clone()?;
                Some(tokio::spawn(async move {
                    settling.await.map_err(io::Error::other)??;
                    settle(file).await.map_err(io::Error::other)?
                }))
            }
            None => None,
        };
        Ok(Staged { file: self.file, bytes: self.bytes, digest, settling, head: self.head })
    }
}

/// The MD5 of a file, which may still be worked on.
enum FileDigest {
    /// In hexadecimal digits.
    Known(String),
    /// A thread works on it.
    UnderWay(Hashing),
}

/// A file that has arrived whole.
pub struct Staged {
    file: File,
    /// Size.
    pub bytes: u64,
    digest: FileDigest,
    settling: Option<Settling>,
    /// The first bytes.
    pub head: Vec<u8>,
}

impl Staged {
    /// The file, to be read.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The file, to become an object. Whoever brings it to the disk from here on hears of what failed there before, which the kernel tells
    /// of once.
    pub async fn settled(&mut self) -> Result<File, StagingError> {
        if let Some(settling) = self.settling.take() {
            settling.await.map_err(io::Error::other)??;
        }
        Ok(self.file.try_clone()?)
    }

    /// Its MD5 in hexadecimal digits, when it is there.
    pub async fn md5(&mut self) -> Result<&str, StagingError> {
        if let FileDigest::UnderWay(digest) = &mut self.digest {
            let progress = digest.await.map_err(io::Error::other)??;
            self.digest = FileDigest::Known(progress.digest());
        }
        match &self.digest {
            FileDigest::Known(text) => Ok(text),
            FileDigest::UnderWay(_) => Err(io::Error::other("a digest was not taken").into()),
        }
    }

    /// Width and height as the header claims them, if the first bytes hold a header that can be read here. No pixel is decoded;
    /// what is kept of a picture comes from a worker.
    pub fn claimed_size(&self) -> Option<(u32, u32)> {
        ImageReader::new(Cursor::new(&self.head)).with_guessed_format().ok()?.into_dimensions().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn staging_measures_and_hashes_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path()).unwrap();
        let mut staging = scratch.begin().unwrap();
        staging.write(b"hello ").unwrap();
        staging.write(b"world").unwrap();
        let mut staged = staging.finish().unwrap();
        assert_eq!((staged.bytes, staged.head.as_slice()), (11, b"hello world".as_slice()));
        assert_eq!(staged.md5().await.unwrap(), "5eb63bbbe01eeed093cb22bb8f5acdc3");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a scratch file has no name");
    }

    #[tokio::test]
    async fn whatever_the_pieces_the_digest_is_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path()).unwrap().settling(true);
        let bytes: Vec<u8> = (0..3_000_017_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let expected = hex::encode(Md5::digest(&bytes));
        for length in [1000, 64 * 1024, 300_000, 3_000_017] {
            let mut staging = scratch.begin().unwrap();
            bytes.chunks(length).for_each(|piece| staging.write(piece).unwrap());
            let mut staged = staging.finish().unwrap();
            assert_eq!(staged.md5().await.unwrap(), expected, "in pieces of {length}");
            let file = staged.settled().await.unwrap();
            assert_eq!(file.metadata().unwrap().len(), bytes.len() as u64);
        }
    }

    #[tokio::test]
    async fn what_failed_on_the_way_to_the_disk_is_told_to_whoever_keeps_the_file() {
        let failed = tokio::spawn(async { Err(io::Error::other("the disk is full")) });
        let (file, digest) = (tempfile::tempfile().unwrap(), FileDigest::Known(String::new()));
        let mut staged = Staged { file, bytes: 0, digest, settling: Some(failed), head: Vec::new() };
        assert!(staged.settled().await.is_err());
    }
}
