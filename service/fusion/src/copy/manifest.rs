//! Which state of each object was copied: pieces under `staging/copied/`, written while the copy goes on.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use zarr_fuse_store::{Object, Store, StoreError, keys};

/// Objects that are copied again at most, if the copy is killed.
const PIECE: usize = 100;

/// What was copied of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copied {
    /// The source's tag.
    pub(super) from: Option<String>,
    /// The destination's tag.
    pub(super) to: Option<String>,
    /// Its size.
    pub(super) n_bytes: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    copied: HashMap<String, Copied>,
    fresh: HashMap<String, Copied>,
    pieces: Vec<String>,
    next: u64,
}

impl Manifest {
    /// What earlier tries copied. Pieces that are not readable are as if they were not there.
    pub(super) async fn load(store: &Store) -> Result<Self, StoreError> {
        let mut manifest = Self::default();
        for key in store.list(keys::COPIED, None).await? {
            let Some(number) = number(&key) else { continue };
            manifest.next = number + 1;
            let bytes = store.get(&key).await?.unwrap_or_default();
            let json = zstd::decode_all(bytes.as_ref()).unwrap_or_default();
            let piece: HashMap<String, Copied> = serde_json::from_slice(&json).unwrap_or_default();
            manifest.copied.extend(piece);
            manifest.pieces.push(key);
        }
        Ok(manifest)
    }

    /// Whether `there` is what was copied of the present state of `object`.
    pub(super) fn has(&self, object: &Object, there: &Object) -> bool {
        let copied = self
            .fresh
            .get(&object.key)
            .or_else(|| self.copied.get(&object.key));
        copied.is_some_and(|copied| {
            copied.from.is_some()
                && copied.to.is_some()
                && copied.from == object.e_tag
                && copied.to == there.e_tag
                && copied.n_bytes == object.n_bytes
                && copied.n_bytes == there.n_bytes
        })
    }

    pub(super) fn add(&mut self, key: &str, copied: Copied) {
        self.fresh.insert(key.to_owned(), copied);
    }

    /// The next piece to write, if there is enough for one, or anything at all and `anyway`.
    pub(super) fn piece(&mut self, anyway: bool) -> Option<(String, Vec<u8>)> {
        if self.fresh.is_empty() || (self.fresh.len() < PIECE && !anyway) {
            return None;
        }
        let bytes = encoded(&self.fresh);
        self.copied.extend(self.fresh.drain());
        Some((self.next_key(), bytes))
    }

    /// Everything as one piece, and the pieces that it replaces.
    pub(super) fn whole(&mut self) -> ((String, Vec<u8>), Vec<String>) {
        self.copied.extend(self.fresh.drain());
        let bytes = encoded(&self.copied);
        let replaced = std::mem::take(&mut self.pieces);
        ((self.next_key(), bytes), replaced)
    }

    fn next_key(&mut self) -> String {
        let key = format!("{}/{:010}.json.zst", keys::COPIED, self.next);
        self.next += 1;
        self.pieces.push(key.clone());
        key
    }
}

fn encoded(copied: &HashMap<String, Copied>) -> Vec<u8> {
    let json = serde_json::to_vec(copied).expect("keys are strings");
    zstd::bulk::compress(&json, 1).expect("memory suffices")
}

fn number(key: &str) -> Option<u64> {
    let name = key.strip_prefix(keys::COPIED)?.strip_prefix('/')?;
    name.strip_suffix(".json.zst")?.parse().ok()
}
