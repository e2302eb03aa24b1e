//! A store that fails at its n-th write and at some operations of any kind after it: all of them, as a process that dies there
//! would leave it, or a few, as an outage does.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;

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
    fail_at: usize,
    effect: Effect,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    n_writes: usize,
    has_failed: bool,
    /// Operations that are still to fail after the first; `None`: all.
    n_left: Option<usize>,
}

impl FailingStore {
    /// Works `fail_at` times, then never again.
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, fail_at: usize, effect: Effect) -> Self {
        Self::with(inner, fail_at, effect, None)
    }

    /// Fails at write `fail_at` and at the next `n_more` operations of any kind, and then works again.
    pub(crate) fn for_a_while(
        inner: Arc<dyn ObjectStore>,
        fail_at: usize,
        effect: Effect,
        n_more: usize,
    ) -> Self {
        Self::with(inner, fail_at, effect, Some(n_more))
    }

    fn with(
        inner: Arc<dyn ObjectStore>,
        fail_at: usize,
        effect: Effect,
        n_left: Option<usize>,
    ) -> Self {
        let progress = Progress {
            n_writes: 0,
            has_failed: false,
            n_left,
        };
        Self {
            inner,
            fail_at,
            effect,
            progress: Mutex::new(progress),
        }
    }

    /// Whether the failure has come.
    pub(crate) fn failed(&self) -> bool {
        self.progress.lock().has_failed
    }

    /// What happens to a write. `None`: it works. `Some(true)`: it takes effect, then fails.
    fn verdict(&self) -> Option<bool> {
        let mut progress = self.progress.lock();
        progress.n_writes += 1;
        if !progress.has_failed && progress.n_writes > self.fail_at {
            progress.has_failed = true;
            return Some(self.effect == Effect::Done);
        }
        progress.is_down().then_some(false)
    }

    /// What happens to a read.
    fn read(&self) -> Result<()> {
        if self.progress.lock().is_down() {
            Err(down())
        } else {
            Ok(())
        }
    }
}

impl Progress {
    /// Whether one more operation fails.
    fn is_down(&mut self) -> bool {
        if !self.has_failed {
            return false;
        }
        match &mut self.n_left {
            None => true,
            Some(0) => false,
            Some(n_left) => {
                *n_left -= 1;
                true
            }
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
        self.read()?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.read()?;
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
        match self.read() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.read()?;
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
