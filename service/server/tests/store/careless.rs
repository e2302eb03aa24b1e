//! Stores that break one promise each, as some S3 services do.

use std::fmt;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use zarr_fuse_store::Store;

/// The broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `If-None-Match` is ignored: the last creator wins, and all are told that they did.
    CreatesReplace,
    /// Creators are told that they lost, and their bytes are kept nevertheless.
    LosersAreKept,
    /// An object that exists is not replaced.
    ReadsAreStale,
    /// New objects are not listed.
    ListsAreStale,
    /// There is no copying.
    NoCopy,
    /// Nothing is ever deleted.
    NoDelete,
}

#[derive(Debug)]
struct Careless {
    inner: InMemory,
    fault: Fault,
}

/// A store in memory with a fault.
pub(crate) fn store(fault: Fault) -> Store {
    let inner = InMemory::new();
    Store::new(Arc::new(Careless { inner, fault }), "memory://careless")
}

impl fmt::Display for Careless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Careless({:?})", self.fault)
    }
}

#[async_trait::async_trait]
impl ObjectStore for Careless {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        match (self.fault, &opts.mode) {
            (Fault::CreatesReplace, PutMode::Create) => opts.mode = PutMode::Overwrite,
            (Fault::LosersAreKept, PutMode::Create) => {
                let answer = self.inner.put_opts(location, payload.clone(), opts).await;
                let late = self
                    .inner
                    .put_opts(location, payload, PutOptions::default());
                late.await?;
                return answer;
            }
            (Fault::ReadsAreStale, PutMode::Overwrite) => {
                opts.mode = PutMode::Create;
                return match self.inner.put_opts(location, payload, opts).await {
                    Err(Error::AlreadyExists { .. }) => Ok(PutResult {
                        e_tag: None,
                        version: None,
                        extensions: object_store::Extensions::default(),
                    }),
                    answer => answer,
                };
            }
            _ => {}
        }
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        if self.fault == Fault::NoDelete {
            return locations.boxed();
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.fault == Fault::ListsAreStale {
            return stream::empty().boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        if self.fault == Fault::NoCopy {
            return Err(Error::NotImplemented {
                operation: "copy".to_owned(),
                implementer: self.to_string(),
            });
        }
        self.inner.copy_opts(from, to, options).await
    }
}
