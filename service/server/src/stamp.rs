//! Whether a file has changed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

/// What changes when a file is replaced or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    n_bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// That of a file; `None` if it is not there.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            n_bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }

    /// When it was written, if the file system tells.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }
}
