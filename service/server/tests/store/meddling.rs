//! A store in which something happens right before certain reads.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use zarr_fuse_store::Store;

/// See the module.
pub(crate) struct Meddling {
    inner: Arc<dyn ObjectStore>,
    n_reads: AtomicUsize,
    before: usize,
    every: usize,
    events: Mutex<VecDeque<BoxFuture<'static, ()>>>,
    /// One event after the other, though reads go on.
    turn: tokio::sync::Mutex<()>,
}

impl Meddling {
    /// Lets the first event happen before read number `before`, counted from 0, the others after `every` further reads.
    pub(crate) fn new(
        inner: Arc<dyn ObjectStore>,
        before: usize,
        every: usize,
        events: impl IntoIterator<Item = BoxFuture<'static, ()>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            n_reads: AtomicUsize::new(0),
            before,
            every,
            events: Mutex::new(events.into_iter().collect()),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// A store over it.
    pub(crate) fn store(self: &Arc<Self>, url: &str) -> Store {
        let objects: Arc<Self> = Arc::clone(self);
        Store::new(objects, url)
    }

    /// Whether all of it has happened.
    pub(crate) fn has_happened(&self) -> bool {
        self.events.lock().is_empty()
    }
}

impl fmt::Debug for Meddling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meddling")
    }
}

impl fmt::Display for Meddling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meddling")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Meddling {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
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
        let n = self.n_reads.fetch_add(1, Ordering::SeqCst);
        if n >= self.before && (n - self.before).is_multiple_of(self.every) {
            let _alone = self.turn.lock().await;
            let event = self.events.lock().pop_front();
            if let Some(event) = event {
                event.await;
            }
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
