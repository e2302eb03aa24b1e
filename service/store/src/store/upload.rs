//! Writes large objects part by part, so that only a few parts are in memory.

use std::io;
use std::path::Path as FilePath;

use bytes::{Bytes, BytesMut};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use object_store::{MultipartUpload, PutMultipartOptions};
use tokio::io::AsyncReadExt as _;

use super::{RequestKind, Store, StoreError};

/// Size of a part; S3 wants 5 MiB or more, of all but the last.
const PART_BYTES: usize = 8 << 20;
/// Parts under way at once.
const CONCURRENT_PARTS: usize = 3;
/// Bytes read from a file at once.
const READ_BYTES: usize = 1 << 20;

impl Store {
    /// Writes what a file holds, replacing any object; at most four parts of 8 MiB of it are in memory.
    ///
    /// # Errors
    /// [`StoreError::File`] if the file cannot be read, else [`StoreError::Failed`]; nothing has changed then.
    pub async fn put_file(&self, key: &str, file: &FilePath) -> Result<(), StoreError> {
        let unreadable = |source| StoreError::File {
            file: file.to_owned(),
            source,
        };
        let open = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let bytes = futures::stream::try_unfold(open, async |mut open| {
            let mut bytes = BytesMut::with_capacity(READ_BYTES);
            let n = open.read_buf(&mut bytes).await?;
            Ok((n > 0).then(|| (bytes.freeze(), open)))
        });
        let bytes = bytes.map(|read| read.map_err(unreadable));
        self.put_parts(key, Box::pin(bytes)).await.map(|_tag| ())
    }

    /// Writes what a stream gives, replacing any object; at most four parts of 8 MiB of it are in memory.
    ///
    /// # Errors
    /// [`StoreError::Failed`], also if the stream fails; nothing has changed then.
    pub async fn put_stream(
        &self,
        key: &str,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<(), StoreError> {
        self.put_stream_tagged(key, bytes).await.map(|_tag| ())
    }

    /// As [`Self::put_stream`]; gives the store's tag of the new content.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub async fn put_stream_tagged(
        &self,
        key: &str,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<Option<String>, StoreError> {
        let bytes = bytes.map(|read| {
            read.map_err(|error| self.failed("write", key, crate::error::Failure::file(&error)))
        });
        self.put_parts(key, Box::pin(bytes)).await
    }

    async fn put_parts(
        &self,
        key: &str,
        bytes: impl Stream<Item = Result<Bytes, StoreError>> + Unpin,
    ) -> Result<Option<String>, StoreError> {
        let location = self.writable(key)?;
        let mut parts = Parts {
            bytes,
            rest: BytesMut::new(),
        };
        let first = parts.next().await?.unwrap_or_default();
        let Some(second) = parts.next().await? else {
            return self.put_tagged(key, first).await;
        };
        self.in_place().await?;
        self.counts.add(RequestKind::Put, 1);
        let begun = self
            .objects
            .put_multipart_opts(&location, PutMultipartOptions::default());
        let begun = self.within(0, begun).await;
        let mut upload = begun.map_err(|source| self.failed("write", key, source))?;
        match self
            .upload(key, [first, second], &mut parts, upload.as_mut())
            .await
        {
            Ok(tag) => {
                self.in_place().await?;
                Ok(tag)
            }
            Err(error) => {
                // Parts that stay behind cost room, but nobody sees them.
                let _left_behind = self.within(0, upload.abort()).await;
                Err(error)
            }
        }
    }

    async fn upload(
        &self,
        key: &str,
        first: [Bytes; 2],
        parts: &mut Parts<impl Stream<Item = Result<Bytes, StoreError>> + Unpin>,
        upload: &mut dyn MultipartUpload,
    ) -> Result<Option<String>, StoreError> {
        let fail = |source| self.failed("write", key, source);
        let mut under_way = FuturesUnordered::new();
        let mut ready = first.into_iter();
        loop {
            let part = match ready.next() {
                Some(part) => Some(part),
                None => parts.next().await?,
            };
            let Some(part) = part else { break };
            self.counts.add(RequestKind::Put, 1);
            // Parts share the line.
            let n_bytes = (part.len() * CONCURRENT_PARTS) as u64;
            under_way.push(self.within(n_bytes, upload.put_part(part.into())));
            if under_way.len() == CONCURRENT_PARTS {
                under_way.next().await.transpose().map_err(fail)?;
            }
        }
        while let Some(done) = under_way.next().await {
            done.map_err(fail)?;
        }
        drop(under_way);
        self.counts.add(RequestKind::Put, 1);
        let done = self.within(0, upload.complete()).await.map_err(fail)?;
        Ok(done.e_tag)
    }
}

/// A stream cut into parts of one size, the last one smaller.
struct Parts<S> {
    bytes: S,
    rest: BytesMut,
}

impl<S: Stream<Item = Result<Bytes, StoreError>> + Unpin> Parts<S> {
    /// The next part; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        while self.rest.len() < PART_BYTES {
            let Some(more) = self.bytes.next().await.transpose()? else {
                break;
            };
            self.rest.extend_from_slice(&more);
        }
        let n = self.rest.len().min(PART_BYTES);
        Ok((n > 0).then(|| self.rest.split_to(n).freeze()))
    }
}
