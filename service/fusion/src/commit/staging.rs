//! Changes that cannot be repeated in place: all new objects are staged, a record lists what is to be done with them, and
//! then it is done, as often as it takes.
//!
//! Each try stages into a folder of its own, which its record names. So no try can write over what another one has
//! recorded, and a record never lists objects that its own try has not made.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zarr_fuse_store::{FailureKind, Store, StoreError, hexadecimal, keys};

use super::{CommitError, Recovered};

/// Objects copied or deleted at once.
const CONCURRENT_OBJECTS: usize = 8;

/// Marks a folder of new arrays that are in place.
const REPLACED: &str = "replaced";

/// Says that arrays may be half changed, until all are written again.
const HALF_DONE: &str = "staging/half-done";

/// Folder of new arrays that are being written.
pub(crate) const REBUILD: &str = "staging/rebuild";

/// Name of a record.
const RECORD: &str = "commit.json";

/// Folders that somebody in this process stages in or copies from; nobody else touches them.
static UNDER_WAY: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What is to be done with staged objects.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Folder of the staged objects. In records of former programs it may be missing: the one of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// Objects to be moved to their places, in this order; the last one publishes.
    pub(super) moves: Vec<String>,
    /// Objects that are no longer part of the arrays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) removes: Vec<String>,
}

/// Folder of the record of the change up to `folded_seq`, and of those that are tried.
fn folder(folded_seq: u64) -> String {
    keys::join(keys::STAGING, &format!("{folded_seq:020}"))
}

fn record_key(folded_seq: u64) -> String {
    keys::join(&folder(folded_seq), RECORD)
}

/// What a folder of new arrays of the node at `path` begins with, before what tells it from others of the same node.
pub(crate) fn rebuild_prefix(path: &str) -> String {
    let hash = Sha256::digest(path);
    format!("{REBUILD}/{}-", hexadecimal(&hash[..8]))
}

/// A folder that is this holder's own within the process.
#[derive(Debug)]
pub(super) struct Claim {
    name: String,
}

impl Claim {
    /// `None`: somebody else has it.
    fn of(store: &Store, folder: &str) -> Option<Self> {
        let name = claimed(store, folder);
        let is_new = UNDER_WAY.lock().insert(name.clone());
        is_new.then_some(Self { name })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        UNDER_WAY.lock().remove(&self.name);
    }
}

fn claimed(store: &Store, folder: &str) -> String {
    format!("{} {folder}", store.url())
}

fn is_under_way(store: &Store, folder: &str) -> bool {
    UNDER_WAY.lock().contains(&claimed(store, folder))
}

/// Where one try stages its objects.
#[derive(Debug)]
pub struct Stage {
    folded_seq: u64,
    folder: String,
    claim: Claim,
}

impl Stage {
    /// A new folder for a change up to `folded_seq`.
    ///
    /// # Errors
    /// As [`Self::in_folder`], though nobody else has a folder of this name.
    pub(super) fn new(store: &Store, folded_seq: u64) -> Result<Self, CommitError> {
        let folder = keys::join(&folder(folded_seq), &Uuid::now_v7().simple().to_string());
        Self::in_folder(store, folded_seq, folder)
    }

    /// A folder of new arrays, which a former try may have begun.
    ///
    /// # Errors
    /// [`CommitError::UnderWay`] if somebody else in this process writes there.
    pub(crate) fn in_folder(
        store: &Store,
        folded_seq: u64,
        folder: String,
    ) -> Result<Self, CommitError> {
        match Claim::of(store, &folder) {
            Some(claim) => Ok(Self {
                folded_seq,
                folder,
                claim,
            }),
            None => Err(CommitError::UnderWay { key: folder }),
        }
    }

    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// Makes the record: from now on the change will be completed, whatever happens.
    ///
    /// # Errors
    /// [`CommitError::Store`]; also when another try made a record. Whether this one is there is then for recovery to say.
    pub(super) async fn record(
        self,
        store: &Store,
        moves: Vec<String>,
        removes: Vec<String>,
    ) -> Result<Recorded, CommitError> {
        let record = Record {
            from: Some(self.folder.clone()),
            moves,
            removes,
        };
        let key = record_key(self.folded_seq);
        let bytes = Bytes::from(serde_json::to_vec(&record).expect("lists of strings"));
        match store.create(&key, bytes.clone()).await {
            Ok(()) => {}
            // An earlier request took effect, and its answer was lost.
            Err(StoreError::Exists { key })
                if store.get(&key).await?.is_some_and(|found| found == bytes) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Recorded {
            key,
            from: self.folder,
            record,
            _claim: self.claim,
        })
    }
}

/// A change whose record is made.
#[derive(Debug)]
pub(super) struct Recorded {
    key: String,
    from: String,
    record: Record,
    _claim: Claim,
}

impl Recorded {
    /// The record that is `bytes` of the object `key`.
    fn read(store: &Store, key: String, bytes: &[u8]) -> Result<Self, CommitError> {
        let record: Record = match serde_json::from_slice(bytes) {
            Ok(record) => record,
            Err(source) => return Err(CommitError::Record { key, source }),
        };
        let own = || {
            key.trim_end_matches(RECORD)
                .trim_end_matches('/')
                .to_owned()
        };
        let from = record.from.clone().unwrap_or_else(own);
        match Claim::of(store, &from) {
            Some(claim) => Ok(Self {
                key,
                from,
                record,
                _claim: claim,
            }),
            None => Err(CommitError::UnderWay { key }),
        }
    }

    /// Whether it puts new arrays in place of old ones. Their folder would mean something to a rebuild.
    fn is_replacement(&self) -> bool {
        self.from.starts_with(REBUILD)
    }

    /// Does what the record says. Can be repeated: staged objects stay until [`Self::discard`].
    ///
    /// # Errors
    /// [`CommitError::Lost`] if a staged object is gone, else [`CommitError::Store`].
    pub(super) async fn apply(&self, store: &Store) -> Result<(), CommitError> {
        let lost = |error: StoreError| match error.failure() {
            Some(FailureKind::Missing) => CommitError::Lost {
                key: self.key.clone(),
                source: error,
            },
            _ => error.into(),
        };
        let from = &self.from;
        let (publishing, moves) = match self.record.moves.split_last() {
            Some((group, moves)) => (Some(group), moves),
            None => (None, &[][..]),
        };
        futures::stream::iter(moves)
            .map(Ok::<_, StoreError>)
            .try_for_each_concurrent(CONCURRENT_OBJECTS, |key| async move {
                store.copy(&keys::join(from, key), key).await
            })
            .await
            .map_err(lost)?;
        delete_all(store, self.record.removes.clone()).await?;
        if let Some(key) = publishing {
            store
                .copy(&keys::join(from, key), key)
                .await
                .map_err(lost)?;
        }
        Ok(())
    }

    /// Removes the record, and what was staged: without the record it means nothing. A folder of new arrays, which would mean
    /// something to a rebuild, is marked as done before.
    ///
    /// # Errors
    /// [`CommitError::Store`].
    pub(super) async fn discard(&self, store: &Store) -> Result<(), CommitError> {
        let from = &self.from;
        if self.is_replacement() {
            let mark = keys::join(from, REPLACED);
            store.put(&mark, Bytes::new()).await?;
            store.delete(&self.key).await?;
            return discard_replaced(store, from).await;
        }
        store.delete(&self.key).await?;
        delete_all(store, store.list(from, None).await?).await
    }
}

/// Removes a folder whose arrays are in place, the mark last.
async fn discard_replaced(store: &Store, from: &str) -> Result<(), CommitError> {
    let mark = keys::join(from, REPLACED);
    let mut rest = store.list(from, None).await?;
    rest.retain(|key| *key != mark);
    delete_all(store, rest).await?;
    Ok(store.delete(&mark).await?)
}

/// Deletes objects; those that are not there are fine.
pub(crate) async fn delete_all(store: &Store, keys: Vec<String>) -> Result<(), CommitError> {
    futures::stream::iter(keys)
        .map(Ok::<_, StoreError>)
        .try_for_each_concurrent(
            CONCURRENT_OBJECTS,
            |key| async move { store.delete(&key).await },
        )
        .await?;
    Ok(())
}

/// Whose leftovers are meant.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    /// Everybody's.
    All,
    /// Those of the node at this path, whose sequence numbers `ours` knows.
    Node {
        path: &'a str,
        ours: &'a (dyn Fn(u64) -> bool + Sync),
    },
}

impl Whose<'_> {
    fn has(&self, seq: u64) -> bool {
        match self {
            Self::All => true,
            Self::Node { ours, .. } => ours(seq),
        }
    }

    fn has_rebuild(&self, folder: &str) -> bool {
        match self {
            Self::All => true,
            Self::Node { path, .. } => folder.starts_with(&rebuild_prefix(path)),
        }
    }
}

/// What interrupted changes have left.
#[derive(Debug)]
pub(super) struct LeftOver<'a> {
    store: &'a Store,
    recorded: Vec<Recorded>,
    /// Objects that no record names.
    abandoned: Vec<String>,
    /// Folders of new arrays that are in place.
    replaced: Vec<String>,
}

/// Finds what interrupted changes have left in `store`, but for those that are under way in this process.
///
/// # Errors
/// [`CommitError::HalfDone`] if arrays wait to be written again, [`CommitError::UnderWay`] if a record is being carried out,
/// [`CommitError::Record`] if one is not readable, else [`CommitError::Store`].
pub(super) async fn left_over<'a>(
    store: &'a Store,
    whose: Whose<'_>,
) -> Result<LeftOver<'a>, CommitError> {
    if let Some(key) = store.get(HALF_DONE).await? {
        let key = String::from_utf8_lossy(&key).into_owned();
        return Err(CommitError::HalfDone { key });
    }
    found(store, whose).await
}

async fn found<'a>(store: &'a Store, whose: Whose<'_>) -> Result<LeftOver<'a>, CommitError> {
    let mut left = LeftOver {
        store,
        recorded: Vec::new(),
        abandoned: Vec::new(),
        replaced: Vec::new(),
    };
    let mut by_seq: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for key in store.list(keys::STAGING, None).await? {
        let mut parts = key.split('/').skip(1);
        if let Some(seq) = parts.next().and_then(|seq| seq.parse().ok()) {
            by_seq.entry(seq).or_default().push(key);
        } else if let Some(folder) = key.strip_suffix(REPLACED)
            && key.starts_with(REBUILD)
            && whose.has_rebuild(folder)
        {
            left.replaced.push(folder.trim_end_matches('/').to_owned());
        }
    }
    by_seq.retain(|seq, _| whose.has(*seq));
    for (seq, mut keys) in by_seq {
        let key = record_key(seq);
        let mut from = None;
        if let Some(bytes) = store.get(&key).await? {
            let recorded = Recorded::read(store, key.clone(), &bytes)?;
            left.replaced.retain(|folder| *folder != recorded.from);
            from = Some(format!("{}/", recorded.from));
            left.recorded.push(recorded);
        }
        keys.retain(|other| {
            let is_recorded = from.as_ref().is_some_and(|from| other.starts_with(from));
            let of_try = other.split('/').take(3).collect::<Vec<_>>().join("/");
            *other != key && !is_recorded && !is_under_way(store, &of_try)
        });
        left.abandoned.extend(keys);
    }
    Ok(left)
}

impl LeftOver<'_> {
    /// Whether any change was recorded.
    pub(super) fn is_recorded(&self) -> bool {
        !self.recorded.is_empty()
    }

    /// Does what the records say, oldest first.
    ///
    /// # Errors
    /// [`CommitError`].
    pub(super) async fn complete(&self) -> Result<(), CommitError> {
        for recorded in &self.recorded {
            recorded.apply(self.store).await?;
        }
        Ok(())
    }

    /// Removes everything, once what was recorded is complete.
    ///
    /// # Errors
    /// [`CommitError::Store`].
    pub(super) async fn discard(&self) -> Result<(), CommitError> {
        for recorded in &self.recorded {
            recorded.discard(self.store).await?;
        }
        delete_all(self.store, self.abandoned.clone()).await?;
        for folder in &self.replaced {
            discard_replaced(self.store, folder).await?;
        }
        Ok(())
    }
}

/// Completes the changes in `store` that were interrupted after their record was made, and removes the others.
///
/// # Errors
/// [`CommitError`].
pub async fn recover(store: &Store) -> Result<Recovered, CommitError> {
    let left = left_over(store, Whose::All).await?;
    left.complete().await?;
    left.discard().await?;
    Ok(Recovered::new(store))
}

/// As [`recover`], before all arrays are written again: records that are not readable, or whose objects are gone, give way,
/// and from now on the store is refused until [`rebuilt`].
///
/// # Errors
/// [`CommitError`].
pub async fn recover_for_rebuild(store: &Store) -> Result<Recovered, CommitError> {
    loop {
        let key = match found(store, Whose::All).await {
            Err(CommitError::Record { key, .. }) => key,
            Err(error) => return Err(error),
            Ok(left) => match left.complete().await {
                Err(CommitError::Lost { key, .. }) => key,
                Err(error) => return Err(error),
                Ok(()) => {
                    left.discard().await?;
                    return Ok(Recovered::new(store));
                }
            },
        };
        store.put(HALF_DONE, key.clone().into_bytes()).await?;
        store.delete(&key).await?;
    }
}

/// All arrays are written again.
///
/// # Errors
/// [`CommitError`].
pub async fn rebuilt(store: &Store) -> Result<(), CommitError> {
    Ok(store.delete(HALF_DONE).await?)
}
