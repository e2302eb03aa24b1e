//! Changes that cannot be repeated in place: all new objects are staged, a record lists what is to be done with them, and
//! then it is done, as often as it takes.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use super::CommitError;
use crate::store::{Store, StoreError, keys};

/// Objects copied or deleted at once.
const CONCURRENT_OBJECTS: usize = 8;

/// Marks a folder of new arrays that are in place.
const REPLACED: &str = "replaced";

/// Says that arrays may be half changed, until all are written again.
const REBUILD: &str = "staging/half-done";

/// What is to be done with staged objects.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Folder of the staged objects, unless it is the one of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// Objects to be moved to their places, in this order; the last one publishes.
    pub(super) moves: Vec<String>,
    /// Objects that are no longer part of the arrays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) removes: Vec<String>,
}

/// Where the commit of contributions up to `folded_seq` stages its objects.
pub(super) fn folder(folded_seq: u64) -> String {
    keys::join(keys::STAGING, &format!("{folded_seq:020}"))
}

fn record_key(folded_seq: u64) -> String {
    keys::join(&folder(folded_seq), "commit.json")
}

/// Makes the record: from now on the change will be completed, whatever happens.
///
/// # Errors
/// [`CommitError::Store`]; also when another process made a different record.
pub(super) async fn record(
    store: &Store,
    folded_seq: u64,
    record: &Record,
) -> Result<(), CommitError> {
    let bytes = Bytes::from(serde_json::to_vec(record).expect("lists of strings"));
    match store.create(&record_key(folded_seq), bytes.clone()).await {
        // An earlier try took effect, and its answer was lost.
        Err(StoreError::Exists { key })
            if store.get(&key).await?.is_some_and(|found| found == bytes) =>
        {
            Ok(())
        }
        done => Ok(done?),
    }
}

/// Does what the record says. Can be repeated: staged objects stay until [`discard`].
///
/// # Errors
/// [`CommitError`].
pub(super) async fn apply(store: &Store, folded_seq: u64) -> Result<(), CommitError> {
    let key = record_key(folded_seq);
    let bytes = store.get(&key).await?.unwrap_or_default();
    let Record {
        from,
        mut moves,
        removes,
    } = serde_json::from_slice(&bytes).map_err(|source| CommitError::Record { key, source })?;
    let from = from.unwrap_or_else(|| folder(folded_seq));
    let publishing = moves.pop();
    futures::stream::iter(moves)
        .map(Ok::<_, StoreError>)
        .try_for_each_concurrent(CONCURRENT_OBJECTS, |key| {
            let staged = keys::join(&from, &key);
            async move { store.copy(&staged, &key).await }
        })
        .await?;
    delete_all(store, removes).await?;
    if let Some(key) = publishing {
        store.copy(&keys::join(&from, &key), &key).await?;
    }
    Ok(())
}

/// Removes what was staged, the record first: without it the rest means nothing. A folder of its own, which would mean
/// something to a rebuild, is marked as done before.
///
/// # Errors
/// [`CommitError`].
pub(super) async fn discard(store: &Store, folded_seq: u64) -> Result<(), CommitError> {
    let key = record_key(folded_seq);
    let record = store.get(&key).await?;
    let record = record.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    let from = record.and_then(|record| record.from);
    if let Some(from) = &from {
        store.put(&keys::join(from, REPLACED), Bytes::new()).await?;
    }
    store.delete(&key).await?;
    delete_all(store, store.list(&folder(folded_seq), None).await?).await?;
    match from {
        Some(from) => discard_replaced(store, &from).await,
        None => Ok(()),
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

/// Completes changes that were interrupted after their record was made, and removes the others; only those whose
/// sequence number is `ours`.
///
/// # Errors
/// [`CommitError`].
pub async fn recover(store: &Store, ours: impl Fn(u64) -> bool) -> Result<(), CommitError> {
    if let Some(key) = store.get(REBUILD).await? {
        let key = String::from_utf8_lossy(&key).into_owned();
        return Err(CommitError::HalfDone { key });
    }
    recover_rest(store, ours).await
}

/// As [`recover`], before all arrays are written again: records that are not readable give way, and from now on the store is
/// refused until [`rebuilt`].
///
/// # Errors
/// [`CommitError`].
pub async fn recover_for_rebuild(store: &Store) -> Result<(), CommitError> {
    for key in store.list(keys::STAGING, None).await? {
        let Some(seq) = key.split('/').nth(1).and_then(|seq| seq.parse().ok()) else {
            continue;
        };
        if key != record_key(seq) {
            continue;
        }
        let bytes = store.get(&key).await?.unwrap_or_default();
        if serde_json::from_slice::<Record>(&bytes).is_err() {
            store.put(REBUILD, key.into_bytes()).await?;
            discard(store, seq).await?;
        }
    }
    recover_rest(store, |_| true).await
}

/// All arrays are written again.
///
/// # Errors
/// [`CommitError`].
pub async fn rebuilt(store: &Store) -> Result<(), CommitError> {
    Ok(store.delete(REBUILD).await?)
}

async fn recover_rest(store: &Store, ours: impl Fn(u64) -> bool) -> Result<(), CommitError> {
    let staged = store.list(keys::STAGING, None).await?;
    let seqs: BTreeSet<u64> = staged
        .iter()
        .filter_map(|key| key.split('/').nth(1)?.parse().ok())
        .collect();
    for seq in seqs.into_iter().filter(|seq| ours(*seq)) {
        if store.get(&record_key(seq)).await?.is_some() {
            apply(store, seq).await?;
        }
        discard(store, seq).await?;
    }
    let marks = staged.iter().filter_map(|key| key.strip_suffix(REPLACED));
    for from in marks {
        discard_replaced(store, from.trim_end_matches('/')).await?;
    }
    Ok(())
}
