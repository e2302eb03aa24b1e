//! Where a dataset is copied to.

use std::collections::{BTreeMap, HashSet};

use futures::TryStreamExt as _;
use object_store::GetResult;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zarr_fuse_store::{Object, Store, StoreError, keys, sha256};

use super::CopyError;
use super::manifest::{Copied, Manifest};
use super::source::Source;
use crate::node::json_bytes;

/// Larger objects are streamed.
const STREAMED_BYTES: u64 = 8 << 20;
/// Large objects under way at once; each takes up to four parts of 8 MiB.
const CONCURRENT_LARGE: usize = 2;

/// See the module.
pub(super) struct Destination<'a> {
    pub(super) store: &'a Store,
    manifest: Mutex<Manifest>,
    unpublished: HashSet<String>,
    large: tokio::sync::Semaphore,
}

/// Of which dataset this is a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// Where it was copied from.
    url: String,
    /// SHA-256 of its first segment, which no two datasets share; absent as long as its journal is empty.
    first_segment: Option<String>,
    /// Only the arrays of some nodes.
    plain: bool,
}

impl Origin {
    fn key() -> String {
        keys::join(keys::COPIED, "origin.json")
    }

    fn is_of(&self, other: &Self) -> bool {
        self.plain == other.plain
            && match (&self.first_segment, &other.first_segment) {
                (Some(a), Some(b)) => a == b,
                _ => self.url == other.url,
            }
    }
}

impl<'a> Destination<'a> {
    /// Looks at what is there: nothing, or an earlier copy of the same dataset.
    pub(super) async fn open(
        store: &'a Store,
        source: &Source<'_>,
        segments: &[Object],
        plain: bool,
    ) -> Result<Self, CopyError> {
        let occupied = |what| CopyError::Occupied {
            url: store.url().to_owned(),
            what,
        };
        let first = match segments.first() {
            Some(first) => source.0.get(&first.key).await?,
            None => None,
        };
        let origin = Origin {
            url: source.0.url().to_owned(),
            first_segment: first.as_deref().map(sha256),
            plain,
        };
        let there = store.list_objects(keys::SEGMENTS, None).await?;
        let known = store.get(&Origin::key()).await?;
        let known: Option<Origin> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(segment) = there.first() {
            if plain {
                return Err(occupied("a dataset with a journal"));
            }
            // Of a copy that broke off, any segments may be there; that it was begun is noted before them.
            let is_begun = known.as_ref().is_some_and(|known| {
                known.is_of(&origin) && known.first_segment == origin.first_segment
            });
            let is_first = segments.first().is_some_and(|of| of.key == segment.key);
            if (is_first || !is_begun) && store.get(&segment.key).await? != first {
                return Err(occupied("another dataset"));
            }
            let sizes: BTreeMap<&str, u64> = segments
                .iter()
                .map(|segment| (segment.key.as_str(), segment.n_bytes))
                .collect();
            let is_ours =
                |segment: &Object| sizes.get(segment.key.as_str()) == Some(&segment.n_bytes);
            if !there.iter().all(is_ours) {
                return Err(occupied("a copy of this dataset that was written since"));
            }
        } else if !known.as_ref().is_some_and(|known| known.is_of(&origin))
            && !store.is_empty().await?
        {
            return Err(occupied("other objects"));
        }
        if known.as_ref() != Some(&origin) {
            let json = serde_json::to_vec(&origin).expect("texts and a bool");
            store.put(&Origin::key(), json).await?;
        }
        Ok(Self {
            store,
            manifest: Mutex::new(Manifest::load(store).await?),
            unpublished: HashSet::new(),
            large: tokio::sync::Semaphore::new(CONCURRENT_LARGE),
        })
    }

    /// What lies under a folder, by key.
    pub(super) async fn list(&self, folder: &str) -> Result<BTreeMap<String, Object>, StoreError> {
        let objects = self.store.list_objects(folder, None).await?;
        let objects = objects.into_iter();
        Ok(objects.map(|object| (object.key.clone(), object)).collect())
    }

    /// Whether `there` has the bytes that `object` has now.
    pub(super) fn has(&self, object: &Object, there: Option<&Object>) -> bool {
        let Some(there) = there else { return false };
        let same_md5 = object.e_tag.as_deref().is_some_and(is_md5)
            && object.e_tag == there.e_tag
            && object.n_bytes == there.n_bytes;
        same_md5 || self.manifest.lock().has(object, there)
    }

    /// Before chunks of a node change: without its group it is no node, whatever happens.
    pub(super) async fn unpublish(&mut self, node: &str) -> Result<(), StoreError> {
        if self.unpublished.insert(node.to_owned()) {
            let keys = [keys::metadata(""), keys::metadata(node)];
            self.store.delete_many(keys).await?;
        }
        Ok(())
    }

    /// Writes an object as it is read from the source; gives its size.
    pub(super) async fn write(&self, key: &str, found: GetResult) -> Result<u64, StoreError> {
        let (n_bytes, from) = (found.meta.size, found.meta.e_tag.clone());
        let to = if n_bytes > STREAMED_BYTES {
            let _turn = self.large.acquire().await;
            let bytes = found.into_stream().map_err(std::io::Error::other);
            self.store.put_stream_tagged(key, bytes).await?
        } else {
            let bytes = found.bytes().await;
            let bytes = bytes.map_err(|source| self.store.failed("copy", key, source))?;
            self.store.put_tagged(key, bytes).await?
        };
        let copied = Copied { from, to, n_bytes };
        let piece = {
            let mut manifest = self.manifest.lock();
            manifest.add(key, copied);
            manifest.piece(false)
        };
        if let Some((key, piece)) = piece {
            self.store.put(&key, piece).await?;
        }
        Ok(n_bytes)
    }

    /// Writes a metadata object unless it is there.
    pub(super) async fn publish(&self, key: &str, json: &Json) -> Result<(), CopyError> {
        let bytes = json_bytes(json);
        if self
            .store
            .get(key)
            .await?
            .is_none_or(|there| there != bytes)
        {
            self.store.put(key, bytes).await?;
        }
        Ok(())
    }

    /// Notes what was copied, for the next try; in one piece if everything was.
    pub(super) async fn finish(&self, is_whole: bool) -> Result<(), CopyError> {
        if !is_whole {
            let piece = self.manifest.lock().piece(true);
            if let Some((key, piece)) = piece {
                self.store.put(&key, piece).await?;
            }
            return Ok(());
        }
        let ((key, whole), replaced) = self.manifest.lock().whole();
        self.store.put(&key, whole).await?;
        Ok(self.store.delete_many(replaced).await?)
    }
}

/// Whether a tag is that of S3 for an object written at once: the MD5 of its bytes.
fn is_md5(tag: &str) -> bool {
    let tag = tag.trim_matches('"');
    tag.len() == 32 && tag.bytes().all(|b| b.is_ascii_hexdigit())
}
