//! Opens S3, a local folder or memory as one kind of object store, and names the objects in it.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    GetOptions, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

#[cfg(test)]
pub(crate) mod failing;
/// Object keys of the journal and of staged writes.
pub mod keys;

/// A dataset's objects: arrays, journal and staged writes under one prefix.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    url: Arc<str>,
    folder: Option<PathBuf>,
    read_only: bool,
}

/// Who writes a store, as far as one can know.
#[derive(Debug)]
pub enum Writer {
    /// This process; the file holds the lock.
    This(std::fs::File),
    /// Another process on this machine.
    Another,
    /// Not a local store: the journal's sequence numbers will tell.
    Unknown,
}

/// Access to S3; secrets stay out of `Debug`.
#[derive(Clone, Default)]
pub struct S3Access {
    /// `S3_ENDPOINT_URL`, e.g. `https://s3.cl4.du.cesnet.cz`; `None`: AWS.
    pub endpoint: Option<String>,
    /// `ZF_S3_ACCESS_KEY`; else the usual AWS variables.
    pub access_key: Option<String>,
    /// `ZF_S3_SECRET_KEY`.
    pub secret_key: Option<String>,
    /// Region, `us-east-1` when nothing is said.
    pub region: Option<String>,
}

impl std::fmt::Debug for S3Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Access")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Why a store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is of no known kind.
    #[error(
        "cannot open the store `{url}`: {reason}; give a folder, `file://…`, `s3://bucket/prefix` or `memory://`"
    )]
    Address {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder cannot be made.
    #[error("cannot create the folder `{}` of the store", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The store refused or failed.
    #[error("the store `{url}` failed to {action} `{key}`")]
    Failed {
        /// The store.
        url: Arc<str>,
        /// `read`, `write`, `list`, …
        action: &'static str,
        /// The object.
        key: String,
        /// Cause.
        source: Box<object_store::Error>,
    },
    /// Only opened for reading.
    #[error("`{key}` is not written: the store was opened for reading only")]
    ReadOnly {
        /// The object.
        key: String,
    },
    /// An object exists already; the create did nothing.
    #[error("`{key}` exists already")]
    Exists {
        /// The object.
        key: String,
    },
}

impl Store {
    /// Opens the store at `url`; relative folders are relative to `base`.
    ///
    /// # Errors
    /// [`StoreError::Address`] if the address is of no known kind, [`StoreError::Folder`] if a folder cannot be made.
    pub fn open(url: &str, base: &FilePath, access: &S3Access) -> Result<Self, StoreError> {
        let address = |reason: String| StoreError::Address {
            url: url.to_owned(),
            reason,
        };
        if url.starts_with("memory:") {
            return Ok(Self::new(Arc::new(InMemory::new()), url));
        }
        if let Some(rest) = url.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if bucket.is_empty() {
                return Err(address("the bucket is missing".to_owned()));
            }
            let mut builder = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_conditional_put(S3ConditionalPut::ETagMatch)
                .with_region(
                    access
                        .region
                        .clone()
                        .unwrap_or_else(|| "us-east-1".to_owned()),
                );
            if let Some(endpoint) = &access.endpoint {
                builder = builder
                    .with_endpoint(endpoint)
                    .with_allow_http(endpoint.starts_with("http://"))
                    .with_virtual_hosted_style_request(false);
            }
            if let Some(key) = &access.access_key {
                builder = builder.with_access_key_id(key);
            }
            if let Some(key) = &access.secret_key {
                builder = builder.with_secret_access_key(key);
            }
            let s3 = builder
                .build()
                .map_err(|error| address(error.to_string()))?;
            let prefix = Path::parse(prefix).map_err(|error| address(error.to_string()))?;
            return Ok(Self::new(Arc::new(PrefixStore::new(s3, prefix)), url));
        }
        let folder = match url.strip_prefix("file://") {
            Some(path) => PathBuf::from(path),
            None if url.contains("://") => return Err(address("its scheme is unknown".to_owned())),
            None => PathBuf::from(url),
        };
        if folder.as_os_str().is_empty() {
            return Err(address("it is empty".to_owned()));
        }
        let folder = base.join(folder);
        std::fs::create_dir_all(&folder).map_err(|source| StoreError::Folder {
            folder: folder.clone(),
            source,
        })?;
        let local = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| address(error.to_string()))?
            .with_fsync(true);
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
        }
    }

    /// Whether it refuses to be written.
    pub fn is_read_only(&self) -> bool {
        self.read_only
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
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("writer.lock"));
        let file = file.map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Writer::This(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(Writer::Another),
            Err(std::fs::TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    fn writable(&self, key: &str) -> Result<Path, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly {
                key: key.to_owned(),
            });
        }
        Ok(path(key))
    }

    /// The address as given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder, if it is a local one.
    pub fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }

    /// The object store itself, for ranges and listing.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// The bytes of an object, `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let fail = |source| self.failed("read", key, source);
        match self.objects.get(&path(key)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(fail),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(fail(source)),
        }
    }

    /// An object as `options` ask for it, `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Failed`], also for a range outside the object.
    pub async fn get_opts(
        &self,
        key: &str,
        options: GetOptions,
    ) -> Result<Option<GetResult>, StoreError> {
        match self.objects.get_opts(&path(key), options).await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.failed("read", key, source)),
        }
    }

    /// Writes an object, replacing any.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn put(&self, key: &str, bytes: impl Into<PutPayload>) -> Result<(), StoreError> {
        self.objects
            .put(&self.writable(key)?, bytes.into())
            .await
            .map_err(|source| self.failed("write", key, source))?;
        Ok(())
    }

    /// Writes an object that must not exist yet.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it does (perhaps by an earlier try whose answer was lost), else [`StoreError::Failed`].
    pub async fn create(&self, key: &str, bytes: impl Into<PutPayload>) -> Result<(), StoreError> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        match self
            .objects
            .put_opts(&self.writable(key)?, bytes.into(), options)
            .await
        {
            Ok(_) => Ok(()),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Err(StoreError::Exists {
                key: key.to_owned(),
            }),
            Err(source) => Err(self.failed("create", key, source)),
        }
    }

    /// Copies an object within the store, replacing any.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.objects
            .copy(&path(from), &self.writable(to)?)
            .await
            .map_err(|source| self.failed("copy", from, source))
    }

    /// Deletes an object; one that is not there is fine.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.objects.delete(&self.writable(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.failed("delete", key, source)),
        }
    }

    /// Keys under `prefix` that sort after `after`, ascending.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StoreError> {
        use futures::TryStreamExt as _;
        let folder = path(prefix);
        let found = match after {
            Some(after) => self.objects.list_with_offset(Some(&folder), &path(after)),
            None => self.objects.list(Some(&folder)),
        };
        let mut keys: Vec<String> = found
            .map_ok(|object| object.location.to_string())
            .try_collect()
            .await
            .map_err(|source| self.failed("list", prefix, source))?;
        keys.sort_unstable();
        Ok(keys)
    }

    pub(crate) fn failed(
        &self,
        action: &'static str,
        key: &str,
        source: object_store::Error,
    ) -> StoreError {
        StoreError::Failed {
            url: Arc::clone(&self.url),
            action,
            key: key.to_owned(),
            source: Box::new(source),
        }
    }
}

/// An object key; schema and journal make only valid ones.
fn path(key: &str) -> Path {
    Path::parse(key).unwrap_or_else(|_| Path::from(key))
}
