//! Objects as files of this machine: what is written has to outlive a power cut before it is answered. Other stores see to that
//! themselves.

use std::{
    collections::HashSet,
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::SystemTime,
};

use rustix::{
    fs::{AtFlags, CWD, linkat},
    io::Errno,
};

/// The folder of the objects.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    /// Folders below it that are known to be on the disk themselves.
    settled: Mutex<HashSet<PathBuf>>,
    /// Whether files are staged on another file system, where none can be adopted from.
    is_elsewhere: AtomicBool,
}

impl Disk {
    /// The objects below a folder.
    pub fn new(root: PathBuf) -> Self {
        Self { root, settled: Mutex::default(), is_elsewhere: AtomicBool::new(false) }
    }

    /// Gives a file that has no name the name of an object, once its bytes are on the disk. Answers with the file where that cannot be, as
    /// between two file systems: then its bytes have to be copied.
    pub fn adopt(&self, file: File, path: &str) -> io::Result<Option<File>> {
        if self.is_elsewhere.load(Relaxed) {
            return Ok(Some(file));
        }
        let target = self.root.join(path);
        // It is as old as its name: who looks for objects without rows passes over young ones.
        file.set_modified(SystemTime::now())?;
        file.sync_all()?;
        let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
        let link = || linkat(CWD, &nameless, CWD, &target, AtFlags::SYMLINK_FOLLOW);
        let linked = match link() {
            // The first object of an environment makes its folder.
            Err(Errno::NOENT) => {
                std::fs::create_dir_all(target.parent().unwrap_or(&self.root))?;
                link()
            }
            linked => linked,
        };
        match linked {
            Ok(()) => self.settle_way(&target).map(|()| None),
            Err(Errno::XDEV) => {
                self.is_elsewhere.store(true, Relaxed);
                Ok(Some(file))
            }
            Err(Errno::NOENT | Errno::PERM | Errno::OPNOTSUPP) => Ok(Some(file)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens an object for reading; nothing where there is none.
    pub fn open(&self, path: &str) -> io::Result<Option<File>> {
        match File::open(self.root.join(path)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until a file, its entry and the way to it are on the disk.
    pub fn settle(&self, path: &str) -> io::Result<()> {
        let file = self.root.join(path);
        File::open(&file)?.sync_all()?;
        self.settle_way(&file)
    }

    fn settle_way(&self, file: &Path) -> io::Result<()> {
        let mut new = Vec::new();
        let mut folder = file.parent();
        while let Some(path) = folder.filter(|path| path.starts_with(&self.root)) {
            // The folder of the file has a new entry each time; one above it only when the one below is new itself.
            File::open(path)?.sync_all()?;
            if self.settled.lock().unwrap_or_else(PoisonError::into_inner).contains(path) {
                break;
            }
            new.push(path.to_owned());
            folder = path.parent();
        }
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::fs::{Mode, OFlags};

    use super::*;

    #[test]
    fn the_way_to_a_file_is_settled_once_and_its_folder_each_time() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path().to_owned());
        std::fs::create_dir_all(root.path().join("o/e")).unwrap();
        for name in ["o/e/1", "o/e/2"] {
            std::fs::write(root.path().join(name), b"bytes").unwrap();
            disk.settle(name).unwrap();
        }
        let settled = disk.settled.lock().unwrap();
        assert_eq!(settled.len(), 3, "the root, o and o/e: {settled:?}");
        assert!(disk.settle("o/e/3").is_err(), "there is no such file");
    }

    #[test]
    fn a_file_without_a_name_becomes_the_object_and_others_are_given_back() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::new(root.path().join("objects"));
        let flags = OFlags::TMPFILE | OFlags::RDWR;
        let nameless: File = rustix::fs::open(root.path(), flags, Mode::from_raw_mode(0o644)).unwrap().into();
        (&nameless).write_all(b"bytes").unwrap();
        assert!(disk.adopt(nameless, "o/e/1").unwrap().is_none());
        assert_eq!(std::fs::read(root.path().join("objects/o/e/1")).unwrap(), b"bytes");
        // What lost its name has none to be given.
        let unlinked = root.path().join("x");
        let file = File::create_new(&unlinked).unwrap();
        std::fs::remove_file(&unlinked).unwrap();
        assert!(disk.adopt(file, "o/e/2").unwrap().is_some());
        assert!(!root.path().join("objects/o/e/2").exists());
        let file: File = rustix::fs::open(root.path(), flags, Mode::from_raw_mode(0o644)).unwrap().into();
        assert!(disk.adopt(file, "o/e/1").is_err(), "an object is never written twice");
    }
}
