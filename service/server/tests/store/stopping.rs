//! A store that takes no more writes after some, as a process that was killed would leave it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use zarr_fuse_store::Store;

/// See the module.
#[derive(Debug)]
pub(crate) struct Stopping {
    inner: Arc<dyn ObjectStore>,
    n_left: AtomicUsize,
}

impl Stopping {
    /// Takes `n_writes`.
    pub(crate) fn after(n_writes: usize, inner: Arc<dyn ObjectStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            n_left: AtomicUsize::new(n_writes),
        })
    }

    /// A store over it.
    pub(crate) fn store(self: &Arc<Self>, url: &str) -> Store {
        let objects: Arc<Self> = Arc::clone(self);
        Store::new(objects, url)
    }

    /// Whether it has refused one.
    pub(crate) fn has_stopped(&self) -> bool {
        self.n_left.load(Ordering::SeqCst) == 0
    }

    fn write(&self) -> Result<()> {
        let less = |n: usize| n.checked_sub(1);
        match self
            .n_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        {
            Ok(n) if n > 1 => Ok(()),
            _ => Err(Error::Generic {
                store: "stopping",
                source: "it takes no more".into(),
            }),
        }
    }
}

impl fmt::Display for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stopping")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Stopping {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.write()?;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.write()?;
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.write() {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.write()?;
        self.inner.copy_opts(from, to, options).await
    }
}
