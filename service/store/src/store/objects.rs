//! Reading, writing, listing, copying and deleting objects; each request is bounded in time and counted.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetResult, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use super::{RequestKind, Store, StoreError};
use crate::error::Failure;

/// Time in which a store has to answer a request that carries little, tries again included.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bodies get this much time more.
const MIN_BYTES_PER_SECOND: u64 = 256 << 10;
/// Objects that one request lists or deletes.
const PAGE: usize = 1000;

/// An object as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its size.
    pub n_bytes: u64,
    /// The store's tag of its content, if it has one.
    pub e_tag: Option<String>,
    /// When it was written.
    pub modified: DateTime<Utc>,
}

impl From<ObjectMeta> for Object {
    fn from(meta: ObjectMeta) -> Self {
        Self {
            key: meta.location.into(),
            n_bytes: meta.size,
            e_tag: meta.e_tag,
            modified: meta.last_modified,
        }
    }
}

impl Store {
    /// The bytes of an object, `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.get_as(key, GetOptions::default()).await
    }

    /// The bytes of a part of an object, `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Failed`], also for a range outside the object.
    pub async fn get_part(
        &self,
        key: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Option<Bytes>, StoreError> {
        let options = GetOptions {
            range: Some(range.into()),
            ..GetOptions::default()
        };
        self.get_as(key, options).await
    }

    async fn get_as(&self, key: &str, options: GetOptions) -> Result<Option<Bytes>, StoreError> {
        let Some(found) = self.get_opts(key, options).await? else {
            return Ok(None);
        };
        let n_bytes = found.range.end - found.range.start;
        let bytes = self.within(n_bytes, found.bytes()).await;
        bytes
            .map(Some)
            .map_err(|source| self.failed("read", key, source))
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
        self.counts.add(RequestKind::Get, 1);
        match self
            .within(0, self.objects.get_opts(&path(key), options))
            .await
        {
            Ok(found) => Ok(Some(found)),
            Err(Trouble::Store(Error::NotFound { .. })) => {
                // In another folder everything is missing.
                self.in_place().await?;
                Ok(None)
            }
            Err(source) => Err(self.failed("read", key, source)),
        }
    }

    /// What a listing would tell of one object, `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn head(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let found = self.get_opts(key, options).await?;
        Ok(found.map(|found| found.meta.into()))
    }

    /// Writes an object, replacing any.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn put(&self, key: &str, bytes: impl Into<PutPayload>) -> Result<(), StoreError> {
        self.put_tagged(key, bytes).await.map(|_tag| ())
    }

    /// As [`Self::put`]; gives the store's tag of the new content.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn put_tagged(
        &self,
        key: &str,
        bytes: impl Into<PutPayload>,
    ) -> Result<Option<String>, StoreError> {
        let (location, bytes) = (self.writable(key)?, bytes.into());
        self.in_place().await?;
        self.counts.add(RequestKind::Put, 1);
        let n_bytes = bytes.content_length() as u64;
        let put = self
            .within(n_bytes, self.objects.put(&location, bytes))
            .await;
        self.in_place().await?;
        put.map(|put| put.e_tag)
            .map_err(|source| self.failed("write", key, source))
    }

    /// Writes an object that must not exist yet.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it does, perhaps by an earlier try whose answer was lost, made here or inside the S3
    /// client: who needs to know reads it back. Else [`StoreError::Failed`], after which it may exist, too.
    pub async fn create(&self, key: &str, bytes: impl Into<PutPayload>) -> Result<(), StoreError> {
        let (location, bytes) = (self.writable(key)?, bytes.into());
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        self.in_place().await?;
        self.counts.add(RequestKind::Create, 1);
        let n_bytes = bytes.content_length() as u64;
        let created = self
            .within(n_bytes, self.objects.put_opts(&location, bytes, options))
            .await;
        self.in_place().await?;
        match created {
            Ok(_) => Ok(()),
            Err(Trouble::Store(Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                Err(StoreError::Exists {
                    key: key.to_owned(),
                })
            }
            Err(source) => Err(self.failed("create", key, source)),
        }
    }

    /// Copies an object within the store, replacing any.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let location = self.writable(to)?;
        self.in_place().await?;
        self.counts.add(RequestKind::Copy, 1);
        self.within(0, self.objects.copy(&path(from), &location))
            .await
            .map_err(|source| self.failed("copy", from, source))
    }

    /// Deletes an object; one that is not there is fine.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.delete_many([key.to_owned()]).await
    }

    /// Deletes objects, many with one request; those that are not there are fine.
    ///
    /// # Errors
    /// [`StoreError::Failed`] names one that could not be deleted; the others may be deleted or not.
    pub async fn delete_many(
        &self,
        keys: impl IntoIterator<Item = String>,
    ) -> Result<(), StoreError> {
        let keys: Vec<String> = keys.into_iter().collect();
        self.in_place().await?;
        for page in keys.chunks(PAGE) {
            let locations: Result<VecDeque<Path>, _> =
                page.iter().map(|key| self.writable(key)).collect();
            let locations = futures::stream::iter(locations?.into_iter().map(Ok)).boxed();
            self.counts.add(RequestKind::Delete, 1);
            let mut deleted = self.objects.delete_stream(locations);
            let mut n_done = 0;
            while let Some(result) = self.next(&mut deleted).await.transpose() {
                match result {
                    Ok(_) | Err(Trouble::Store(Error::NotFound { .. })) => n_done += 1,
                    Err(source) => {
                        let key = page.get(n_done).map_or("", String::as_str);
                        return Err(self.failed("delete", key, source));
                    }
                }
            }
        }
        Ok(())
    }

    /// Keys under `prefix` that sort after `after`, ascending.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StoreError> {
        let found = self.list_objects(prefix, after).await?;
        Ok(found.into_iter().map(|object| object.key).collect())
    }

    /// Keys under `prefix` in no order that is told; `None` if there are more than `max`.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn list_up_to(
        &self,
        prefix: &str,
        max: usize,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let mut found = self.objects.list(Some(&path(prefix)));
        let mut keys = Vec::new();
        loop {
            let next = self.next(&mut found).await;
            match next.map_err(|source| self.failed("list", prefix, source))? {
                Some(meta) if keys.len() < max => keys.push(meta.location.into()),
                more => {
                    let n_pages = keys.len() / PAGE + 1;
                    self.counts.add(RequestKind::List, n_pages as u64);
                    return Ok(more.is_none().then_some(keys));
                }
            }
        }
    }

    /// Objects under `prefix` (`""`: all of them) whose keys sort after `after`, ascending.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn list_objects(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<Object>, StoreError> {
        let folder = path(prefix);
        let folder = (!prefix.is_empty()).then_some(&folder);
        let mut found = match after {
            Some(after) => self.objects.list_with_offset(folder, &path(after)),
            None => self.objects.list(folder),
        };
        let mut objects: Vec<Object> = Vec::new();
        let next = async |found: &mut _| {
            self.next(found)
                .await
                .map_err(|source| self.failed("list", prefix, source))
        };
        while let Some(meta) = next(&mut found).await? {
            objects.push(meta.into());
        }
        let n_pages = objects.len() / PAGE + 1;
        self.counts.add(RequestKind::List, n_pages as u64);
        objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// Whether there are no objects at all.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        self.counts.add(RequestKind::List, 1);
        let mut found = self.objects.list(None);
        match self.next(&mut found).await {
            Ok(first) => Ok(first.is_none()),
            Err(source) => Err(self.failed("list", "", source)),
        }
    }

    /// Names of the folders right below `prefix` (`""`: the root), ascending.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let folder = path(prefix);
        let folder = (!prefix.is_empty()).then_some(&folder);
        self.counts.add(RequestKind::List, 1);
        let found = self.within(0, self.objects.list_with_delimiter(folder));
        let found = found
            .await
            .map_err(|source| self.failed("list", prefix, source))?;
        let paths = found.common_prefixes.iter();
        let mut names: Vec<String> = paths
            .filter_map(|path| path.filename().map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn writable(&self, key: &str) -> Result<Path, StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly {
                key: key.to_owned(),
            });
        }
        Ok(path(key))
    }

    /// Waits for a request whose body has `n_bytes`, but only as long as it may take.
    pub(super) async fn within<T>(
        &self,
        n_bytes: u64,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Trouble> {
        if !self.is_remote {
            return Ok(request.await?);
        }
        let bound = ANSWER_TIMEOUT + Duration::from_secs(n_bytes / MIN_BYTES_PER_SECOND);
        match tokio::time::timeout(bound, request).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(Trouble::Late(bound)),
        }
    }

    async fn next<T>(
        &self,
        stream: &mut BoxStream<'_, Result<T, Error>>,
    ) -> Result<Option<T>, Trouble> {
        self.within(0, async { stream.next().await.transpose() })
            .await
    }

    /// The error of a request that failed; `action` says what was to be done with the object at `key`.
    pub fn failed(
        &self,
        action: &'static str,
        key: &str,
        trouble: impl Into<Failure>,
    ) -> StoreError {
        StoreError::Failed {
            url: std::sync::Arc::clone(&self.url),
            action,
            key: key.to_owned(),
            source: Box::new(trouble.into()),
        }
    }
}

/// Why there is no good answer.
#[derive(Debug)]
pub(super) enum Trouble {
    Store(Error),
    /// None came within this time.
    Late(Duration),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Store(error) => error.into(),
            Trouble::Late(bound) => Self::late(bound.as_secs()),
        }
    }
}

/// An object key; schema and journal make only valid ones.
pub(super) fn path(key: &str) -> Path {
    Path::parse(key).unwrap_or_else(|_| Path::from(key))
}
