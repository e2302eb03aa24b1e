//! What contributions mean: the schema and the way of decoding under which they came, as a definition that the journal keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use zarr_fuse_decode::{Decoder, Decoding, Recipe};
use zarr_fuse_journal::{Definition, DefinitionId, Kept};
use zarr_fuse_schemas::{Defaults, Schema, rules::Rules};
use zarr_fuse_store::keys;

/// The newest form that this program writes and reads. It also says by which [`Rules`] contributions are read, and what a schema
/// leaves open.
const VERSION: u32 = 2;
/// Bytes of definitions that are kept ready to decode with.
const CACHE_BYTES: u64 = 64 << 20;

/// Definitions ready to decode with. Their names say all that is in them, so that datasets share them.
static READY: LazyLock<Cache<DefinitionId, Arc<Ready>>> = LazyLock::new(|| {
    let weigh = |_: &DefinitionId, ready: &Arc<Ready>| {
        u32::try_from(ready.n_bytes + (16 << 10)).unwrap_or(u32::MAX)
    };
    let cache = Cache::builder().max_capacity(CACHE_BYTES).weigher(weigh);
    cache.build()
});

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

/// The definition of contributions under `schema` which are decoded by `recipe`.
pub(crate) fn define(schema: &Schema, recipe: &Recipe) -> Definition {
    let mut beside = Vec::new();
    let mut keep = |bytes: &[u8]| Kept::new(bytes, &mut beside);
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
    Definition::new(json, beside)
}

/// A definition ready to decode with. What is kept is read again, so that whoever does so later reads the same.
pub(crate) fn ready(definition: &Definition) -> Arc<Ready> {
    READY.get_with(definition.id(), || {
        Arc::new(Ready::of(definition.json(), |hash| {
            definition.beside(hash).cloned()
        }))
    })
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use zarr_fuse_decode::OnBadCell;

    use super::*;

    #[test]
    fn a_definition_is_read_by_the_rules_of_its_version() {
        let text = "n: {COORDS: {t: {}}, VARS: {v: {coords: t}}}";
        let schema = Schema::parse(text, "a.yaml", Path::new(".")).expect("a schema");
        let decoder = Decoding::default().prepare(Path::new("."));
        let definition = define(&schema, decoder.expect("defaults").recipe());
        let today = String::from_utf8(definition.json().to_vec()).expect("JSON");
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
