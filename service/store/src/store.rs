//! Opens S3, a local folder or memory as one kind of object store, and names the objects in it.

use std::fmt;
use std::fs::File;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, OnceLock};

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;

mod counts;
mod leftovers;
mod objects;
mod place;
mod upload;

use crate::access::S3Access;
use crate::address::{bucket_and_prefix, local_folder, without_credentials};
use crate::error::StoreError;
pub use counts::{RequestCounts, RequestKind};
pub(crate) use objects::ANSWER_TIMEOUT;
pub use objects::Object;

/// A dataset's objects: arrays, journal and staged writes under one prefix.
#[derive(Clone)]
pub struct Store {
    pub(crate) objects: Arc<dyn ObjectStore>,
    url: Arc<str>,
    folder: Option<PathBuf>,
    read_only: bool,
    /// Whether requests go over a network and may stay unanswered.
    is_remote: bool,
    counts: RequestCounts,
    /// Which folder it is, once it is written.
    held: Arc<OnceLock<place::Held>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("url", &self.url)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

/// Who writes a store, as far as one can know.
#[derive(Debug)]
pub enum Writer {
    /// This process; the file holds the lock.
    This(File),
    /// Another process on this machine.
    Another,
    /// Not a local store: the journal's sequence numbers will tell.
    Unknown,
}

impl Store {
    /// Opens the store at `url`; relative folders are relative to `base`.
    ///
    /// # Errors
    /// [`StoreError::Address`] if the address is of no known kind, [`StoreError::Settings`] if those of S3 cannot be used,
    /// [`StoreError::Folder`] if a folder cannot be made.
    pub fn open(url: &str, base: &FilePath, access: &S3Access) -> Result<Self, StoreError> {
        let address = |reason: String| StoreError::Address {
            url: url.to_owned(),
            reason,
        };
        if let Some(hidden) = without_credentials(url) {
            return Err(StoreError::Address {
                url: hidden,
                reason: "a name or password in the address would be seen in logs, set `ZF_S3_ACCESS_KEY` and `ZF_S3_SECRET_KEY` instead".to_owned(),
            });
        }
        if url.starts_with("memory:") {
            return Ok(Self::new(Arc::new(InMemory::new()), url));
        }
        if let Some((bucket, prefix)) = bucket_and_prefix(url) {
            if bucket.is_empty() {
                return Err(address("the bucket is missing".to_owned()));
            }
            let prefix = Path::parse(prefix).map_err(|error| address(error.to_string()))?;
            let s3 = access.client(bucket);
            let s3 = s3.map_err(|reason| StoreError::Settings {
                url: url.to_owned(),
                reason,
            })?;
            let mut store = Self::new(Arc::new(PrefixStore::new(s3, prefix)), url);
            store.is_remote = true;
            return Ok(store);
        }
        let Some(folder) = local_folder(url, base) else {
            return Err(address("its scheme is unknown".to_owned()));
        };
        if url.trim_start_matches("file://").is_empty() {
            return Err(address("it is empty".to_owned()));
        }
        std::fs::create_dir_all(&folder).map_err(|source| StoreError::Folder {
            folder: folder.clone(),
            source,
        })?;
        let local = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| address(error.to_string()))?
            .with_fsync(true)
            // Readers take a folder without anything for a damaged array.
            .with_automatic_cleanup(true);
        let mut store = Self::new(Arc::new(local), url);
        store.folder = Some(folder);
        Ok(store)
    }

    /// A store over `objects`; `url` names it in messages.
    pub fn new(objects: Arc<dyn ObjectStore>, url: &str) -> Self {
        Self {
            objects,
            url: Arc::from(url),
            folder: None,
            read_only: false,
            is_remote: false,
            counts: RequestCounts::default(),
            held: Arc::default(),
        }
    }

    /// The same store, which refuses to be written.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// The part of the store below `folder`, as a store of its own.
    #[must_use]
    pub fn below(&self, folder: &str) -> Self {
        Self {
            objects: Arc::new(PrefixStore::new(Arc::clone(&self.objects), folder)),
            url: Arc::from(format!("{}/{folder}", self.url.trim_end_matches('/'))),
            folder: self.folder.as_ref().map(|path| path.join(folder)),
            read_only: self.read_only,
            is_remote: self.is_remote,
            counts: self.counts.clone(),
            held: Arc::clone(&self.held),
        }
    }

    /// Whether it is in the memory of this process, where nobody else comes.
    pub fn is_memory(&self) -> bool {
        self.folder.is_none() && !self.is_remote
    }

    /// Whether it refuses to be written.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Requests made by this store and its clones since it was opened.
    pub fn requests(&self) -> &RequestCounts {
        &self.counts
    }

    /// Marks a local store as written by this process, until the mark is dropped or the process ends, however it ends.
    ///
    /// # Errors
    /// [`StoreError::Folder`] if the mark cannot be made. `Ok(Writer::Another)` if another process has it.
    pub fn mark(&self) -> Result<Writer, StoreError> {
        let Some(folder) = &self.folder else {
            return Ok(Writer::Unknown);
        };
        let folder = folder.join("journal");
        let fail = |source| StoreError::Folder {
            folder: folder.clone(),
            source,
        };
        std::fs::create_dir_all(&folder).map_err(fail)?;
        let path = folder.join("writer.lock");
        let make = || {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
        };
        // Held open for reading only: a file system that is to become read-only must not have open files that are written.
        let file = File::open(&path).or_else(|_missing| make().and_then(|_| File::open(&path)));
        let file = file.map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Writer::This(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(Writer::Another),
            Err(std::fs::TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    /// The address as given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder, if it is a local one.
    pub fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }
}
