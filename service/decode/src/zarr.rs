//! A Zarr store in a zip archive, version 2 or 3, to arrays.

mod chunks;

use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value;
use zarr_fuse_schemas::rules::Rules;
use zarrs::array::{Array, ArrayBytes};
use zarrs::metadata::ArrayMetadata;
use zarrs::storage::store::MemoryStore;
use zarrs::storage::{
    ListableStorageTraits, ReadableStorageTraits, StoreKey, StorePrefix, WritableStorageTraits,
};

use super::budget::Budget;
use super::cf::{self, Attribute, Attributes, Described, Raw};
use super::container::Archive;
use super::format_error::FormatError;
use super::{Asked, DecodeError, Grids};
use chunks::Stored;

pub(super) const FORMAT: &str = "Zarr";
/// A text while it is read: the text's own place, its allocation, and its cell.
const TEXT_BYTES: usize = 56;
/// By so much more than its elements a chunk may become while it is read.
const SLACK_BYTES: u64 = 1 << 20;

/// Reads the arrays of a group. The store may lie in a folder of the archive.
///
/// # Errors
/// Damaged stores; a group, variable or type that is not taken; arrays and chunks beyond the bounds, before they are read.
pub(super) fn read(
    body: &[u8],
    asked: Asked<'_>,
    budget: &Budget<'_>,
) -> Result<Grids, DecodeError> {
    let options = asked.options;
    let max_bytes = budget.limits().max_decompressed_bytes;
    let mut archive = Archive::open(body)?;
    let names = archive.names();
    let root = root_of(&names);
    let path = options.group.as_deref().unwrap_or("").trim_matches('/');
    let group = match path {
        "" => root.to_owned(),
        path => format!("{root}{path}/"),
    };
    let store = Arc::new(MemoryStore::new());
    let mut n_left = max_bytes;
    for name in names.iter().filter(|name| name.starts_with(&group)) {
        let bytes = archive.read(name, n_left).map_err(|error| match error {
            DecodeError::TooLargeDecompressed { .. } => {
                DecodeError::TooLargeDecompressed { max_bytes }
            }
            error => error,
        })?;
        n_left -= bytes.len();
        let key = StoreKey::new(&name[group.len()..]).map_err(damaged)?;
        let bytes = if name.ends_with(".zarray") {
            with_text_fill(bytes)
        } else {
            bytes
        };
        store.set(&key, bytes.into()).map_err(damaged)?;
    }
    let mut arrays = Vec::new();
    for name in names.iter().filter_map(|name| name.strip_prefix(&group)) {
        let array = name
            .strip_suffix("/zarr.json")
            .or_else(|| name.strip_suffix("/.zarray"));
        let Some(array) = array.filter(|array| !array.contains('/')) else {
            continue;
        };
        match Array::open(Arc::clone(&store), &format!("/{array}")) {
            Ok(opened) => arrays.push((described(array, &opened, asked.rules), opened)),
            // A group within the group.
            Err(_) if is_group(&store, array) => {}
            // What is not chosen need not be read.
            Err(_) if options.variables.is_some() => {}
            Err(error) => {
                return Err(FormatError::NotTaken {
                    format: FORMAT,
                    place: format!("array `{array}`"),
                    found: format!("cannot be opened ({error})"),
                    remedy: "name the arrays to take in `grid.variables`".to_owned(),
                }
                .into());
            }
        }
    }
    if arrays.is_empty() {
        return Err(FormatError::NotTaken {
            format: FORMAT,
            place: format!("group `/{path}`"),
            found: "holds no arrays".to_owned(),
            remedy: "send a store with arrays, or name their group in `grid.group`".to_owned(),
        }
        .into());
    }
    let all: Vec<Described> = arrays.iter().map(|(array, _)| array.clone()).collect();
    let mut n_left = max_bytes as u64;
    cf::assemble(FORMAT, &all, asked, budget, |array| {
        let (_, opened) = arrays
            .iter()
            .find(|(other, _)| other.name == array.name)
            .expect("the description was made of it");
        let first = vec![0; opened.dimensionality()];
        let chunk = opened.chunk_shape(&first).map_err(damaged)?;
        let chunk: Vec<u64> = chunk.iter().map(|length| length.get()).collect();
        let n_bytes = n_elements(opened.shape())
            .max(n_elements(&chunk))
            .saturating_mul(array.cell_bytes as u64);
        n_left = n_left
            .checked_sub(n_bytes)
            .ok_or_else(|| FormatError::TooLarge {
                format: FORMAT,
                place: format!("array `{}`", array.name),
                found: n_bytes,
                max: max_bytes,
            })?;
        check_chunks(&store, &array.name, opened, &chunk, budget)?;
        elements(&array.name, opened)
    })
}

fn n_elements(shape: &[u64]) -> u64 {
    shape.iter().copied().fold(1, u64::saturating_mul)
}

/// Refuses stored chunks of an array that become more than there is room for.
fn check_chunks(
    store: &MemoryStore,
    name: &str,
    array: &Array<MemoryStore>,
    chunk: &[u64],
    budget: &Budget<'_>,
) -> Result<(), DecodeError> {
    let read = |key: &str| -> Result<Option<Value>, DecodeError> {
        let key = StoreKey::new(format!("{name}/{key}")).map_err(damaged)?;
        let bytes = store.get(&key).map_err(damaged)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    };
    let metadata = match read("zarr.json")? {
        Some(metadata) => metadata,
        None => read(".zarray")?.unwrap_or_default(),
    };
    let stored = Stored::of(&metadata);
    let per_inner = stored.inner_shape().map_or(1, |inner| n_elements(&inner));
    let n_inner = n_elements(chunk) / per_inner.max(1);
    // Of elements of one size, a chunk is as large as its shape says; text may be of any length.
    let element = array.data_type().fixed_size();
    let n_expected = element.map(|size| n_elements(chunk).saturating_mul(size as u64));
    let mut n_left = budget.left();
    let prefix = StorePrefix::new(format!("{name}/")).map_err(damaged)?;
    for key in store.list_prefix(&prefix).map_err(damaged)? {
        let file = key.as_str().rsplit('/').next().unwrap_or_default();
        if matches!(file, "zarr.json" | ".zarray" | ".zattrs") {
            continue;
        }
        let Some(bytes) = store.get(&key).map_err(damaged)? else {
            continue;
        };
        match n_expected {
            Some(n_expected) => {
                // Compressions reserve in blocks.
                let max_bytes = n_expected.saturating_mul(4).saturating_add(SLACK_BYTES);
                let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
                stored.check(&bytes, n_inner, max_bytes)?;
            }
            None => {
                n_left = n_left.saturating_sub(stored.check(&bytes, n_inner, n_left)?);
            }
        }
    }
    Ok(())
}

/// The folder of the archive in which the store lies: empty, or with its `/`.
fn root_of(names: &[String]) -> &str {
    let is_group = |name: &&String| {
        let last = name.rsplit('/').next().unwrap_or(name);
        matches!(last, "zarr.json" | ".zgroup" | ".zmetadata")
    };
    let folder = |name: &'_ String| name.rfind('/').map_or(0, |at| at + 1);
    let top = names
        .iter()
        .filter(is_group)
        .min_by_key(|name| folder(name));
    top.map_or("", |name| &name[..folder(name)])
}

/// Metadata of version 2 in which text that was never written is empty: zarr-python writes `null`, which is not taken.
fn with_text_fill(metadata: Vec<u8>) -> Vec<u8> {
    let Ok(mut parsed) = serde_json::from_slice::<Value>(&metadata) else {
        return metadata;
    };
    let is_text = parsed["dtype"]
        .as_str()
        .is_some_and(|dtype| dtype.contains('U'));
    if is_text && parsed["fill_value"].is_null() {
        parsed["fill_value"] = Value::from("");
        return parsed.to_string().into_bytes();
    }
    metadata
}

/// Whether the metadata of `name` is that of a group.
fn is_group(store: &MemoryStore, name: &str) -> bool {
    let metadata = StoreKey::new(format!("{name}/zarr.json"))
        .ok()
        .and_then(|key| store.get(&key).ok().flatten())
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    metadata.is_some_and(|metadata| metadata["node_type"] == "group")
}

fn described(name: &str, array: &Array<MemoryStore>, rules: Rules) -> Described {
    let attributes = array.attributes();
    let old_names = attributes
        .get("_ARRAY_DIMENSIONS")
        .and_then(Value::as_array);
    let dim = |idx: usize| -> String {
        let new = array
            .dimension_names()
            .as_ref()
            .and_then(|names| names.get(idx).cloned());
        let old = || Some(old_names?.get(idx)?.as_str()?.to_owned());
        new.flatten()
            .or_else(old)
            .unwrap_or_else(|| format!("{name}_dim_{idx}"))
    };
    let dims = array.shape().iter().enumerate();
    let mut taken: Attributes = attributes
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), attribute(key, value)?)))
        .collect();
    let is_fill_no_value = match (array.metadata(), rules) {
        (ArrayMetadata::V3(_), _) => false,
        (ArrayMetadata::V2(_), Rules::First) => true,
        // As xarray reads its own stores; for others it is what chunks hold that were never written.
        (ArrayMetadata::V2(metadata), Rules::Second) => {
            old_names.is_some() && !metadata.fill_value.is_null()
        }
    };
    if is_fill_no_value && !taken.contains_key("_FillValue") {
        let fill = fill(&data_type(array), array.fill_value().as_ne_bytes());
        taken.extend(fill.map(|fill| ("_FillValue".to_owned(), fill)));
    }
    Described {
        name: name.to_owned(),
        dims: dims.map(|(idx, length)| (dim(idx), *length)).collect(),
        attributes: taken,
        cell_bytes: cell_bytes(array),
    }
}

/// Bytes of an element while it is read: as it is stored, and as what it becomes.
fn cell_bytes(array: &Array<MemoryStore>) -> usize {
    match array.data_type().fixed_size() {
        Some(size @ ..=8) => size.max(if data_type(array) == "float32" { 4 } else { 8 }),
        Some(size) => size.saturating_add(TEXT_BYTES),
        // An element that was never written is the fill value.
        None => array.fill_value().as_ne_bytes().len() + TEXT_BYTES,
    }
}

fn attribute(key: &str, value: &Value) -> Option<Attribute> {
    if let ("_FillValue" | "missing_value", Some(text)) = (key, value.as_str()) {
        // xarray writes the bytes of floats.
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()?;
        return match *bytes.as_slice() {
            [a, b, c, d] => Some(Attribute::Floats(vec![
                f32::from_le_bytes([a, b, c, d]).into(),
            ])),
            [a, b, c, d, e, f, g, h] => {
                let number = f64::from_le_bytes([a, b, c, d, e, f, g, h]);
                Some(Attribute::Floats(vec![number]))
            }
            _ => None,
        };
    }
    match value {
        Value::String(text) => Some(Attribute::Text(text.clone())),
        Value::Number(number) => match number.as_i64() {
            Some(int) => Some(Attribute::Ints(vec![int])),
            None => number.as_f64().map(|float| Attribute::Floats(vec![float])),
        },
        _ => None,
    }
}

/// The name of the type of an array's elements.
fn data_type(array: &Array<MemoryStore>) -> String {
    // In version 3, and after a slash in version 2.
    let names = array.data_type().to_string();
    names.split(" / ").next().unwrap_or(&names).to_owned()
}

/// A fill value out of its bytes.
fn fill(data_type: &str, bytes: &[u8]) -> Option<Attribute> {
    macro_rules! int {
        ($type:ty) => {
            Attribute::Ints(vec![i64::from(<$type>::from_ne_bytes(
                bytes.try_into().ok()?,
            ))])
        };
    }
    Some(match data_type {
        "int8" => int!(i8),
        "int16" => int!(i16),
        "int32" => int!(i32),
        "int64" => int!(i64),
        "uint8" => int!(u8),
        "uint16" => int!(u16),
        "uint32" => int!(u32),
        "float32" => Attribute::Floats(vec![f32::from_ne_bytes(bytes.try_into().ok()?).into()]),
        "float64" => Attribute::Floats(vec![f64::from_ne_bytes(bytes.try_into().ok()?)]),
        _ => return None,
    })
}

fn elements(name: &str, array: &Array<MemoryStore>) -> Result<Raw, DecodeError> {
    let all = array.subset_all();
    let failed = |error| FormatError::damaged(FORMAT, format!("array `{name}`: {error}"));
    macro_rules! vector {
        ($type:ty) => {
            array
                .retrieve_array_subset::<Vec<$type>>(&all)
                .map_err(failed)?
        };
    }
    macro_rules! ints {
        ($type:ty) => {
            Raw::Ints(vector!($type).into_iter().map(i64::from).collect())
        };
    }
    Ok(match data_type(array).as_str() {
        "bool" => Raw::Bool(vector!(bool)),
        "int8" => ints!(i8),
        "int16" => ints!(i16),
        "int32" => ints!(i32),
        "int64" => Raw::Ints(vector!(i64)),
        "uint8" => ints!(u8),
        "uint16" => ints!(u16),
        "uint32" => ints!(u32),
        "uint64" => Raw::UInts(vector!(u64)),
        "float32" => Raw::Singles(vector!(f32)),
        "float64" => Raw::Doubles(vector!(f64)),
        "string" => Raw::Text(vector!(String)),
        name if name.starts_with("fixed_length_utf32") => {
            let bytes: ArrayBytes<'_> = array.retrieve_array_subset(&all).map_err(failed)?;
            let bytes = bytes.into_fixed().map_err(|error| {
                FormatError::damaged(FORMAT, format!("array `{name}`: {error}"))
            })?;
            let n_cells = usize::try_from(all.num_elements()).unwrap_or(usize::MAX);
            let size = bytes.len() / n_cells.max(1);
            Raw::Text(bytes.chunks_exact(size.max(4)).map(utf32).collect())
        }
        other => {
            return Err(FormatError::NotTaken {
                format: FORMAT,
                place: format!("array `{name}`"),
                found: format!("is of type `{other}`"),
                remedy: "write it as numbers, truth values or strings, or name the arrays to take in `grid.variables`".to_owned(),
            }
            .into());
        }
    })
}

/// Text of a fixed number of characters of four bytes, filled up with zeros.
fn utf32(bytes: &[u8]) -> String {
    let codes = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|code| u32::from_ne_bytes(*code));
    let characters = codes.take_while(|code| *code != 0);
    characters
        .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn damaged(error: impl std::fmt::Display) -> DecodeError {
    FormatError::damaged(FORMAT, error).into()
}
