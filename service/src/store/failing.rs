//! A store that fails from its n-th write on, as a process that dies there would leave it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Whether the failing write takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It does not.
    Lost,
    /// It does, and only the answer is lost.
    Done,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct FailingStore {
    inner: Arc<dyn ObjectStore>,
    n_writes: AtomicUsize,
    fail_at: usize,
    effect: Effect,
}

impl FailingStore {
    /// Works `fail_at` times, then never again.
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, fail_at: usize, effect: Effect) -> Self {
        Self {
            inner,
            n_writes: AtomicUsize::new(0),
            fail_at,
            effect,
        }
    }

    /// Whether the failure has come.
    pub(crate) fn failed(&self) -> bool {
        self.n_writes.load(Ordering::SeqCst) > self.fail_at
    }

    /// `None`: go on. `Some(true)`: take effect, then fail.
    fn verdict(&self) -> Option<bool> {
        match self.n_writes.fetch_add(1, Ordering::SeqCst) {
            n if n < self.fail_at => None,
            n => Some(n == self.fail_at && self.effect == Effect::Done),
        }
    }
}

fn down() -> Error {
    Error::Generic {
        store: "failing",
        source: "the store is down".into(),
    }
}

impl fmt::Display for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FailingStore({})", self.fail_at)
    }
}

#[async_trait::async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        match self.verdict() {
            None => self.inner.put_opts(location, payload, opts).await,
            Some(effect) => {
                if effect {
                    self.inner.put_opts(location, payload, opts).await?;
                }
                Err(down())
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(down())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.failed() {
            Err(down())
        } else {
            self.inner.get_opts(location, options).await
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.verdict() {
            None => self.inner.delete_stream(locations),
            Some(true) => self
                .inner
                .delete_stream(locations)
                .map(|_| Err(down()))
                .boxed(),
            Some(false) => locations.map(|_| Err(down())).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        match self.verdict() {
            None => self.inner.copy_opts(from, to, options).await,
            Some(effect) => {
                if effect {
                    self.inner.copy_opts(from, to, options).await?;
                }
                Err(down())
            }
        }
    }
}
