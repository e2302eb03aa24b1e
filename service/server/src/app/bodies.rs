//! Room for the bodies of requests: some in memory, more in temporary files, and not more than that.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zarr_fuse_journal::{Spooling, spool_folder};

use crate::config::LimitsConfig;

/// What the semaphores count in.
const UNIT_BYTES: u64 = 1024;

/// See the module.
#[derive(Debug)]
pub struct Bodies {
    memory: Arc<Semaphore>,
    files: Arc<Semaphore>,
    max_file_bytes: u64,
    folder: PathBuf,
}

impl Bodies {
    /// Room as `limits` allow.
    ///
    /// # Errors
    /// The folder in which no temporary file can be made, and why.
    pub fn new(limits: &LimitsConfig) -> Result<Self, (PathBuf, io::Error)> {
        let semaphore = |n_bytes: u64| {
            let n_units = (n_bytes / UNIT_BYTES).min(u64::from(u32::MAX));
            Arc::new(Semaphore::new(zarr_fuse_schemas::to_usize(n_units)))
        };
        Ok(Self {
            memory: semaphore(limits.max_body_memory_bytes),
            files: semaphore(limits.max_spool_bytes),
            max_file_bytes: limits.max_spool_bytes,
            folder: spool_folder(limits.spool_folder.as_deref())?,
        })
    }

    /// Whether both limits give the same room.
    pub(super) fn is_same(one: &LimitsConfig, other: &LimitsConfig) -> bool {
        let room = |limits: &LimitsConfig| {
            let folder = limits.spool_folder.clone();
            (limits.max_body_memory_bytes, limits.max_spool_bytes, folder)
        };
        room(one) == room(other)
    }

    /// Room in memory for `n_bytes`, if there is.
    pub fn memory(&self, n_bytes: usize) -> Option<OwnedSemaphorePermit> {
        room(&self.memory, n_bytes)
    }

    /// Room in temporary files for `n_bytes`, if there is.
    pub fn files(&self, n_bytes: usize) -> Option<OwnedSemaphorePermit> {
        room(&self.files, n_bytes)
    }

    /// Most bytes in temporary files at once.
    pub fn max_file_bytes(&self) -> u64 {
        self.max_file_bytes
    }

    /// Bytes in temporary files now.
    pub fn n_file_bytes(&self) -> u64 {
        let free = self.files.available_permits() as u64 * UNIT_BYTES;
        self.max_file_bytes.saturating_sub(free)
    }

    /// A new temporary file.
    ///
    /// # Errors
    /// If there can be none.
    pub fn spool(&self) -> io::Result<Spooling> {
        Spooling::begin(&self.folder)
    }

    /// Where temporary files are made.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn room(of: &Arc<Semaphore>, n_bytes: usize) -> Option<OwnedSemaphorePermit> {
    let n_units = u32::try_from((n_bytes as u64).div_ceil(UNIT_BYTES)).ok()?;
    Arc::clone(of).try_acquire_many_owned(n_units).ok()
}
