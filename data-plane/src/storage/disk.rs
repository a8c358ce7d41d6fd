//! Objects as files of this machine: what is written has to outlive a power cut before it is answered. Other stores see to that
//! themselves.

use std::{
    collections::HashSet,
    fs::File,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// The folder of the objects.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    /// Folders below it that are known to be on the disk themselves.
    settled: Mutex<HashSet<PathBuf>>,
}

impl Disk {
    /// The objects below a folder.
    pub fn new(root: PathBuf) -> Self {
        Self { root, settled: Mutex::default() }
    }

    /// Waits until a file, its entry and the way to it are on the disk.
    pub fn settle(&self, path: &str) -> std::io::Result<()> {
        let file = self.root.join(path);
        File::open(&file)?.sync_all()?;
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
}
