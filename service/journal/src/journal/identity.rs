//! Whether the journal is still the one that was opened: its identity is there, and so is its end.
//!
//! A bucket that was emptied, or replaced by an older copy, takes a next segment like the right one does. It is noticed
//! before that segment is acknowledged.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;
use zarr_fuse_store::{Store, StoreError, keys};

use super::{Journal, JournalError};

/// How long it is taken for granted that the identity is as it was.
const INTERVAL: Duration = Duration::from_secs(5);

/// Which journal a store holds; written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Made when the journal was first opened for writing.
    pub id: Uuid,
}

impl Identity {
    /// What `store` says it is; `None`: it was never opened for writing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        let bytes = store.get(keys::IDENTITY).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// What `store` says it is, from now on if it said nothing so far.
    async fn ensure(store: &Store) -> Result<Self, StoreError> {
        if let Some(known) = Self::read(store).await? {
            return Ok(known);
        }
        let new = Self { id: Uuid::now_v7() };
        let bytes = serde_json::to_vec(&new).expect("an id is text");
        match store.create(keys::IDENTITY, Bytes::from(bytes)).await {
            Ok(()) => Ok(new),
            // Another process was faster, or the answer to an earlier try was lost.
            Err(StoreError::Exists { .. }) => Ok(Self::read(store).await?.unwrap_or(new)),
            Err(error) => Err(error),
        }
    }
}

/// Where a journal was when it was last known, so that another one is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    identity: Identity,
    /// First sequence number of its last segment.
    last_segment: Option<u64>,
}

impl Known {
    /// Makes sure that `store` holds this journal, with everything that was in it.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if it does not.
    pub async fn check(&self, store: &Store) -> Result<(), StoreError> {
        let replaced = |key: String, reason| {
            Err(StoreError::Replaced {
                url: store.url().into(),
                key,
                reason,
            })
        };
        match Identity::read(store).await? {
            Some(found) if found == self.identity => {}
            Some(_) => return replaced(keys::IDENTITY.to_owned(), "is that of another one"),
            None => return replaced(keys::IDENTITY.to_owned(), "is missing"),
        }
        if let Some(seq) = self.last_segment {
            let key = keys::segment(seq);
            if store.head(&key).await?.is_none() {
                return replaced(key, "is missing");
            }
        }
        Ok(())
    }
}

impl Journal {
    /// Gives the journal an identity if it has none, and remembers it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn identify(&self) -> Result<(), StoreError> {
        if self.store.is_memory() || self.store.is_read_only() {
            return Ok(());
        }
        let identity = Identity::ensure(&self.store).await?;
        let _is_known_already = self.identity.set(identity);
        *self.verified.lock() = Some(Instant::now());
        Ok(())
    }

    /// Stands for the journal among all; 0 for one in memory.
    pub fn identity_hash(&self) -> u64 {
        self.identity.get().map_or(0, |identity| {
            xxhash_rust::xxh64::xxh64(identity.id.as_bytes(), 0)
        })
    }

    /// What the journal is and where it ends.
    pub fn known(&self) -> Option<Known> {
        let identity = self.identity.get()?.clone();
        let last = self.last_seq();
        let last_segment = self.catalog.read().get(last).map(|entry| entry.segment);
        Some(Known {
            identity,
            last_segment,
        })
    }

    /// Makes sure that the store holds this journal to its end; asked together with every append.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if it holds another one, or a former state of it.
    pub(super) async fn verify(&self) -> Result<(), StoreError> {
        let Some(known) = self.known() else {
            return Ok(());
        };
        let is_fresh = self
            .verified
            .lock()
            .is_some_and(|at| at.elapsed() < INTERVAL);
        if !is_fresh {
            known.check(&self.store).await?;
            *self.verified.lock() = Some(Instant::now());
            return Ok(());
        }
        let Some(seq) = known.last_segment else {
            return Ok(());
        };
        let key = keys::segment(seq);
        match self.store.head(&key).await? {
            Some(_) => Ok(()),
            None => Err(StoreError::Replaced {
                url: self.store.url().into(),
                key,
                reason: "is missing",
            }),
        }
    }

    /// As [`Self::verify`], every few seconds.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub(super) async fn verify_at_times(&self) -> Result<(), JournalError> {
        let is_due = |at: Instant| at.elapsed() >= INTERVAL;
        if self.verified.lock().is_some_and(is_due) {
            self.verify().await?;
        }
        Ok(())
    }
}
