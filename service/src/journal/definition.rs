//! What contributions mean: the schema and the way of decoding under which they came, kept beside the journal.
//!
//! A definition is an object of its own, named by its content and written once before the first frame that names it. Large
//! tables and lists of labels are objects beside it, so that an edit does not repeat them.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use moka::sync::Cache;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zarr_fuse_schemas::{Defaults, Schema};

use super::{Journal, JournalError, hexadecimal, sha256};
use crate::decode::{Decoder, Decoding, Recipe};
use crate::rules::Rules;
use crate::store::{Store, StoreError, keys};

/// The newest form that this program writes and reads. It also says by which [`Rules`] contributions are read, and what a schema
/// leaves open.
const VERSION: u32 = 2;
/// Files up to this size lie in the definition itself.
const INLINE_BYTES: usize = 4 << 10;
/// Longest definition, and longest file beside it, after decompression.
const MAX_BYTES: usize = 256 << 20;
/// Bytes of definitions that are kept ready to decode with.
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

/// The object of a definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    /// Without secrets.
    schema: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    schema_files: BTreeMap<String, Kept>,
    decode: Decoding,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    files: BTreeMap<String, Kept>,
}

impl Text {
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
enum Kept {
    /// Its text.
    Text(String),
    /// Its hash, by which it lies beside.
    Sha256(String),
}

/// Everything that decides what the bytes of a contribution mean.
#[derive(Debug, Clone)]
pub struct Definition {
    id: DefinitionId,
    json: Bytes,
    /// Files beside it, by their hash.
    beside: Vec<(String, Bytes)>,
    ready: OnceLock<Arc<Ready>>,
}

impl Definition {
    /// That of contributions under `schema` which are decoded by `recipe`.
    pub fn new(schema: &Schema, recipe: &Recipe) -> Self {
        let mut beside = Vec::new();
        let mut keep = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) if text.len() <= INLINE_BYTES => Kept::Text(text.to_owned()),
            _ => {
                let hash = sha256(bytes);
                beside.push((hash.clone(), Bytes::copy_from_slice(bytes)));
                Kept::Sha256(hash)
            }
        };
        let schema_files = schema.files.iter();
        let schema_files = schema_files.map(|(name, text)| (name.clone(), keep(text.as_bytes())));
        let schema_files = schema_files.collect();
        let files = recipe.files.iter();
        let files = files.map(|(name, bytes)| (name.clone(), keep(bytes)));
        let text = Text {
            version: VERSION,
            schema: schema.public_text(),
            schema_files,
            decode: recipe.decoding.clone(),
            files: files.collect(),
        };
        let json = serde_json::to_vec(&text).expect("it has only string keys");
        Self {
            id: DefinitionId(Sha256::digest(&json).into()),
            json: json.into(),
            beside,
            ready: OnceLock::new(),
        }
    }

    /// Its name.
    pub fn id(&self) -> DefinitionId {
        self.id
    }

    /// Ready to decode with. What is kept is read again, so that whoever does so later reads the same.
    pub(crate) fn ready(&self) -> &Arc<Ready> {
        let ready = || {
            Arc::new(Ready::of(&self.json, |hash| {
                let mut beside = self.beside.iter();
                let found = beside.find(|(other, _)| other == hash);
                found.map(|(_, bytes)| bytes.clone())
            }))
        };
        self.ready.get_or_init(ready)
    }
}

/// A definition ready to decode with, or why this program cannot.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) understood: Result<Understood, String>,
    n_bytes: usize,
}

/// A schema, and how contributions under it are decoded.
#[derive(Debug)]
pub(crate) struct Understood {
    pub(crate) schema: Schema,
    pub(crate) decoder: Decoder,
}

impl Ready {
    fn of(json: &[u8], beside: impl Fn(&str) -> Option<Bytes>) -> Self {
        let mut n_bytes = json.len();
        let understood = understand(json, |hash| {
            let found = beside(hash);
            n_bytes += found.as_ref().map_or(0, Bytes::len);
            found
        });
        Self {
            understood,
            n_bytes,
        }
    }
}

fn understand(
    json: &[u8],
    mut beside: impl FnMut(&str) -> Option<Bytes>,
) -> Result<Understood, String> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let head: Head = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if head.version > VERSION {
        let found = head.version;
        return Err(format!(
            "it has format version {found}, this program reads up to {VERSION}; use a newer zf"
        ));
    }
    let text: Text = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let mut file = |kept: &Kept| match kept {
        Kept::Text(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Kept::Sha256(hash) => beside(hash).ok_or_else(|| format!("its file {hash} is missing")),
    };
    let mut schema_files = BTreeMap::new();
    for (name, kept) in &text.schema_files {
        let text = String::from_utf8(file(kept)?.into());
        let text = text.map_err(|_error| format!("its file `{name}` is not UTF-8"))?;
        schema_files.insert(name.clone(), Arc::from(text));
    }
    let mut files = BTreeMap::new();
    for (name, kept) in &text.files {
        files.insert(name.clone(), file(kept)?);
    }
    let defaults = match head.version {
        ..2 => Defaults::Former,
        _ => Defaults::Today,
    };
    let schema = Schema::parse_kept(&text.schema, keys::SCHEMA, &schema_files, defaults)
        .map_err(|error| error.to_string())?;
    let recipe = Recipe {
        decoding: text.decode,
        files,
        rules: Rules::of_version(head.version),
    };
    let decoder = recipe.prepare().map_err(|error| error.to_string())?;
    Ok(Understood { schema, decoder })
}

/// The definitions of a journal.
#[derive(Debug)]
pub(super) struct Definitions {
    /// Those known to be kept.
    kept: Mutex<HashSet<DefinitionId>>,
    ready: Cache<DefinitionId, Arc<Ready>>,
}

impl Default for Definitions {
    fn default() -> Self {
        let weigh = |_: &DefinitionId, ready: &Arc<Ready>| {
            u32::try_from(ready.n_bytes + (16 << 10)).unwrap_or(u32::MAX)
        };
        Self {
            kept: Mutex::default(),
            ready: Cache::builder()
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

    /// Has a definition ready that need not be kept.
    pub(crate) fn have_ready(&self, definition: &Definition) {
        let ready = Arc::clone(definition.ready());
        self.definitions.ready.insert(definition.id, ready);
    }

    /// A definition that frames name.
    ///
    /// # Errors
    /// [`JournalError::Definition`] if it is missing or damaged, [`JournalError::Store`].
    pub(crate) async fn definition(&self, id: DefinitionId) -> Result<Arc<Ready>, JournalError> {
        if let Some(ready) = self.definitions.ready.get(&id) {
            return Ok(ready);
        }
        let ready = Arc::new(load(&self.store, id).await?);
        self.definitions.ready.insert(id, Arc::clone(&ready));
        Ok(ready)
    }
}

/// Reads a definition and the files beside it.
///
/// # Errors
/// As [`Journal::definition`].
async fn load(store: &Store, id: DefinitionId) -> Result<Ready, JournalError> {
    let json = read(
        store,
        &keys::definition(&id.to_string()),
        id,
        &id.to_string(),
    )
    .await?;
    // What cannot be understood names no files; why is said below.
    let text: Option<Text> = serde_json::from_slice(&json).ok();
    let mut beside = BTreeMap::new();
    for hash in text.map(Text::beside).unwrap_or_default() {
        let bytes = read(store, &keys::definition_file(&hash), id, &hash).await?;
        beside.insert(hash, bytes);
    }
    Ok(crate::node::blocking(move || Ready::of(&json, |hash| beside.get(hash).cloned())).await)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::decode::OnBadCell;

    #[test]
    fn a_definition_is_read_by_the_rules_of_its_version() {
        let text = "n: {COORDS: {t: {}}, VARS: {v: {coords: t}}}";
        let schema = Schema::parse(text, "a.yaml", Path::new(".")).expect("a schema");
        let decoder = Decoding::default().prepare(Path::new("."));
        let definition = Definition::new(&schema, decoder.expect("defaults").recipe());
        let today = String::from_utf8(definition.json.to_vec()).expect("JSON");
        let before = today.replacen("\"version\":2", "\"version\":1", 1);
        assert_ne!(today, before);
        for (json, rules, on_bad_cell) in [
            (today, Rules::Second, OnBadCell::Value),
            (before, Rules::First, OnBadCell::Row),
        ] {
            let read = understand(json.as_bytes(), |_| None).expect("it is understood");
            assert_eq!(read.decoder.rules(), rules);
            assert_eq!(read.decoder.on_bad_cell(), on_bad_cell);
        }
    }
}
