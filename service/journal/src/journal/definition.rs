//! What says what contributions mean, kept beside the journal, which does not read it.
//!
//! A definition is an object of its own, named by its content and written once before the first frame that names it. Large
//! tables and lists of labels are objects beside it, so that an edit does not repeat them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use moka::sync::Cache;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zarr_fuse_store::{Store, StoreError, hexadecimal, keys, sha256};

use super::{Journal, JournalError};

/// Files up to this size lie in the definition itself.
const INLINE_BYTES: usize = 4 << 10;
/// Longest definition, and longest file beside it, after decompression.
const MAX_BYTES: usize = 256 << 20;
/// Bytes of definitions that are kept in memory.
const CACHE_BYTES: u64 = 64 << 20;

/// Names a definition: the SHA-256 of its text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DefinitionId([u8; 32]);

impl fmt::Display for DefinitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

impl fmt::Debug for DefinitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DefinitionId({self})")
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a definition is named by 64 hexadecimal digits")]
pub struct NotAnId;

impl FromStr for DefinitionId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let mut bytes = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NotAnId);
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(NotAnId),
        };
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0])? << 4 | value(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for DefinitionId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DefinitionId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The files that a definition names; what else is in it, whoever made it knows.
#[derive(Debug, Deserialize)]
struct Named {
    #[serde(default)]
    schema_files: BTreeMap<String, Kept>,
    #[serde(default)]
    files: BTreeMap<String, Kept>,
}

impl Named {
    /// Hashes of the files beside it.
    fn beside(self) -> Vec<String> {
        let files = self
            .schema_files
            .into_values()
            .chain(self.files.into_values());
        let hashes = files.filter_map(|kept| match kept {
            Kept::Text(_) => None,
            Kept::Sha256(hash) => Some(hash),
        });
        hashes.collect()
    }
}

/// A file that a schema or a way of decoding names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kept {
    /// Its text.
    Text(String),
    /// Its hash, by which it lies beside.
    Sha256(String),
}

impl Kept {
    /// A file of these bytes: a short text lies in the definition, anything else is put into `beside`, by its hash.
    pub fn new(bytes: &[u8], beside: &mut Vec<(String, Bytes)>) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) if text.len() <= INLINE_BYTES => Self::Text(text.to_owned()),
            _ => {
                let hash = sha256(bytes);
                beside.push((hash.clone(), Bytes::copy_from_slice(bytes)));
                Self::Sha256(hash)
            }
        }
    }
}

/// Everything that decides what the bytes of a contribution mean, as it is kept.
#[derive(Debug, Clone)]
pub struct Definition {
    id: DefinitionId,
    json: Bytes,
    /// Files beside it, by their hash.
    beside: Vec<(String, Bytes)>,
}

impl Definition {
    /// That of this text, with the files beside it by their hash.
    pub fn new(json: Vec<u8>, beside: Vec<(String, Bytes)>) -> Self {
        Self {
            id: DefinitionId(Sha256::digest(&json).into()),
            json: json.into(),
            beside,
        }
    }

    /// Its name.
    pub fn id(&self) -> DefinitionId {
        self.id
    }

    /// Its text.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The file beside it that has this hash.
    pub fn beside(&self, hash: &str) -> Option<&Bytes> {
        let mut beside = self.beside.iter();
        let found = beside.find(|(other, _)| other == hash);
        found.map(|(_, bytes)| bytes)
    }

    /// Of its text and the files beside it.
    pub fn n_bytes(&self) -> usize {
        let beside = self.beside.iter().map(|(_, bytes)| bytes.len());
        self.json.len() + beside.sum::<usize>()
    }
}

/// The definitions of a journal.
#[derive(Debug)]
pub(super) struct Definitions {
    /// Those known to be kept.
    kept: Mutex<HashSet<DefinitionId>>,
    read: Cache<DefinitionId, Arc<Definition>>,
}

impl Default for Definitions {
    fn default() -> Self {
        let weigh = |_: &DefinitionId, read: &Arc<Definition>| {
            u32::try_from(read.n_bytes() + 256).unwrap_or(u32::MAX)
        };
        Self {
            kept: Mutex::default(),
            read: Cache::builder()
                .max_capacity(CACHE_BYTES)
                .weigher(weigh)
                .build(),
        }
    }
}

impl Journal {
    /// Makes a definition durable, if it is not yet; whatever names it comes afterwards.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_definition(&self, definition: &Definition) -> Result<(), StoreError> {
        if self.definitions.kept.lock().contains(&definition.id) {
            return Ok(());
        }
        for (hash, bytes) in &definition.beside {
            create(&self.store, &keys::definition_file(hash), bytes).await?;
        }
        let key = keys::definition(&definition.id.to_string());
        create(&self.store, &key, &definition.json).await?;
        self.definitions.kept.lock().insert(definition.id);
        Ok(())
    }

    /// Knows a definition that need not be kept.
    pub fn know(&self, definition: &Arc<Definition>) {
        let known = Arc::clone(definition);
        self.definitions.read.insert(definition.id, known);
    }

    /// A definition that frames name.
    ///
    /// # Errors
    /// [`JournalError::Definition`] if it is missing or damaged, [`JournalError::Store`].
    pub async fn definition(&self, id: DefinitionId) -> Result<Arc<Definition>, JournalError> {
        if let Some(read) = self.definitions.read.get(&id) {
            return Ok(read);
        }
        let read = Arc::new(load(&self.store, id).await?);
        self.definitions.read.insert(id, Arc::clone(&read));
        Ok(read)
    }
}

/// Reads a definition and the files beside it.
///
/// # Errors
/// As [`Journal::definition`].
async fn load(store: &Store, id: DefinitionId) -> Result<Definition, JournalError> {
    let json = read(
        store,
        &keys::definition(&id.to_string()),
        id,
        &id.to_string(),
    )
    .await?;
    // What cannot be understood names no files; why is said when it is to be understood.
    let named: Option<Named> = serde_json::from_slice(&json).ok();
    let mut beside = Vec::new();
    for hash in named.map(Named::beside).unwrap_or_default() {
        let bytes = read(store, &keys::definition_file(&hash), id, &hash).await?;
        beside.push((hash, bytes));
    }
    Ok(Definition { id, json, beside })
}

/// Whether a definition and its files are in `store` as they were written.
///
/// # Errors
/// As [`Journal::definition`].
pub(super) async fn check(store: &Store, id: DefinitionId) -> Result<(), JournalError> {
    load(store, id).await.map(drop)
}

/// An object whose content has the SHA-256 `hash`, decompressed.
async fn read(
    store: &Store,
    key: &str,
    id: DefinitionId,
    hash: &str,
) -> Result<Bytes, JournalError> {
    let bad = |reason| JournalError::Definition {
        id,
        key: key.to_owned(),
        reason,
    };
    let bytes = store.get(key).await?.ok_or_else(|| bad("missing"))?;
    let bytes = decompress(&bytes).ok_or_else(|| bad("damaged"))?;
    if sha256(&bytes) != hash {
        return Err(bad("damaged"));
    }
    Ok(bytes)
}

fn decompress(bytes: &[u8]) -> Option<Bytes> {
    use std::io::Read as _;
    let mut out = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    let decoder = zstd::Decoder::new(bytes).ok()?;
    decoder.take(limit).read_to_end(&mut out).ok()?;
    (out.len() <= MAX_BYTES).then(|| out.into())
}

async fn create(store: &Store, key: &str, bytes: &Bytes) -> Result<(), StoreError> {
    let compressed = zstd::bulk::compress(bytes, 9).expect("memory suffices");
    match store.create(key, compressed).await {
        // Its name says what is in it.
        Ok(()) | Err(StoreError::Exists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
