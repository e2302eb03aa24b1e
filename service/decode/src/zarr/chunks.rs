//! Stored chunks, looked at before they are read: the reader makes of them whatever their compression promises.

use serde_json::Value;

use super::super::DecodeError;
use super::super::compression;
use super::super::format_error::FormatError;
use super::FORMAT;

/// Codecs that make bytes of arrays; before them there is no compression.
const TO_BYTES: [&str; 6] = [
    "bytes",
    "endian",
    "vlen-utf8",
    "vlen-bytes",
    "vlen-array",
    "packbits",
];
const SHARDING: &str = "sharding_indexed";
/// Largest block of zstd.
const ZSTD_BLOCK_BYTES: u64 = 128 << 10;
/// A frame of zstd, and frames that are passed over, whose last four bits may be anything.
const ZSTD_FRAME: u32 = 0xfd2f_b528;
const ZSTD_SKIPPED: u32 = 0x184d_2a50;
/// Length of the header of Blosc.
const BLOSC_HEAD_BYTES: usize = 16;

/// How chunks of an array are stored.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    codecs: Vec<Value>,
}

impl Stored {
    /// Out of the metadata of an array, of version 2 or 3.
    pub(super) fn of(metadata: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut codecs = list(&metadata["codecs"]);
        if metadata["zarr_format"] == 2 {
            codecs = list(&metadata["filters"]);
            codecs.push(metadata["compressor"].clone());
        }
        codecs.retain(|codec| !codec.is_null());
        Self { codecs }
    }

    /// Refuses a stored chunk that may become more than `max_bytes`; gives a bound on what it becomes. `n_inner` is how many
    /// chunks there are in a shard.
    pub(super) fn check(
        &self,
        stored: &[u8],
        n_inner: u64,
        max_bytes: usize,
    ) -> Result<usize, DecodeError> {
        check_chain(&self.codecs, stored, n_inner, max_bytes)
    }

    /// The shape of the chunks in a shard.
    pub(super) fn inner_shape(&self) -> Option<Vec<u64>> {
        let sharding = self.codecs.iter().find(|codec| name(codec) == SHARDING)?;
        let shape = sharding["configuration"]["chunk_shape"].as_array()?;
        shape.iter().map(Value::as_u64).collect()
    }
}

/// The name of a codec; in version 2, its id.
fn name(codec: &Value) -> &str {
    let named = codec.as_str().or_else(|| codec["name"].as_str());
    named.or_else(|| codec["id"].as_str()).unwrap_or_default()
}

fn check_chain(
    codecs: &[Value],
    stored: &[u8],
    n_inner: u64,
    max_bytes: usize,
) -> Result<usize, DecodeError> {
    let mut bytes = std::borrow::Cow::Borrowed(stored);
    for (idx, codec) in codecs.iter().enumerate().rev() {
        let is_last = codecs[..idx]
            .iter()
            .all(|codec| !is_compression(name(codec)));
        match name(codec) {
            "crc32c" => {
                let n_bytes = bytes.len().saturating_sub(4);
                bytes = bytes[..n_bytes].to_vec().into();
            }
            "gzip" => {
                bytes = compression::decompress(&bytes, Some("gzip"), max_bytes)?
                    .into_owned()
                    .into();
            }
            compression @ ("zstd" | "blosc") => {
                let bound = match compression {
                    "zstd" => zstd_bound(&bytes).ok_or_else(|| damaged("zstd"))?,
                    _ => blosc_bound(&bytes).ok_or_else(|| damaged("Blosc"))?,
                };
                if bound > max_bytes as u64 {
                    return Err(too_large(bound, max_bytes));
                }
                if is_last && !codecs[..idx].iter().any(|codec| name(codec) == SHARDING) {
                    return Ok(usize::try_from(bound).unwrap_or(usize::MAX));
                }
                if compression == "blosc" {
                    return Err(not_taken("compressed twice"));
                }
                bytes = compression::decompress(&bytes, Some("zstd"), max_bytes)?
                    .into_owned()
                    .into();
            }
            SHARDING => return check_shard(codec, &bytes, n_inner, max_bytes),
            // What is before has nothing to do with compression.
            other if TO_BYTES.contains(&other) => break,
            _ if is_last => {}
            other => {
                let found = format!("stored with the codec `{other}` after a compression");
                return Err(not_taken(&found));
            }
        }
    }
    if bytes.len() > max_bytes {
        return Err(too_large(bytes.len() as u64, max_bytes));
    }
    Ok(bytes.len())
}

fn is_compression(name: &str) -> bool {
    matches!(name, "gzip" | "zstd" | "blosc" | SHARDING)
}

/// The chunks of a shard, each of which may become as much as its part of `max_bytes`.
fn check_shard(
    codec: &Value,
    shard: &[u8],
    n_inner: u64,
    max_bytes: usize,
) -> Result<usize, DecodeError> {
    let options = &codec["configuration"];
    let codecs = options["codecs"].as_array().cloned().unwrap_or_default();
    if codecs.iter().any(|codec| name(codec) == SHARDING) {
        return Err(not_taken("shards of shards"));
    }
    let index_codecs = options["index_codecs"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let is_plain = |codec: &Value| matches!(name(codec), "bytes" | "crc32c");
    if !index_codecs.iter().all(is_plain) {
        return Err(not_taken("shards whose index is compressed"));
    }
    let is_big = index_codecs
        .iter()
        .any(|codec| codec["configuration"]["endian"] == "big");
    let n_inner = usize::try_from(n_inner).unwrap_or(usize::MAX);
    let checksum = 4 * index_codecs
        .iter()
        .filter(|codec| name(codec) == "crc32c")
        .count();
    let cut = || damaged("shard");
    let n_index = n_inner
        .checked_mul(16)
        .and_then(|n| n.checked_add(checksum))
        .ok_or_else(cut)?;
    let index = if options["index_location"] == "start" {
        shard.get(..n_index)
    } else {
        shard
            .len()
            .checked_sub(n_index)
            .and_then(|at| shard.get(at..))
    };
    let index = index.ok_or_else(cut)?;
    let number = |bytes: &[u8; 8]| {
        if is_big {
            u64::from_be_bytes(*bytes)
        } else {
            u64::from_le_bytes(*bytes)
        }
    };
    let slack = usize::try_from(2 * ZSTD_BLOCK_BYTES).unwrap_or(usize::MAX);
    let max_inner_bytes = (max_bytes / n_inner.max(1)).saturating_add(slack);
    let mut sum = 0_usize;
    for place in index[..n_inner * 16].as_chunks::<16>().0 {
        let [offset, length] = [0, 8].map(|at| place[at..].first_chunk().map_or(u64::MAX, number));
        if offset == u64::MAX {
            continue;
        }
        let start = usize::try_from(offset).map_err(|_far| cut())?;
        let length = usize::try_from(length).map_err(|_long| cut())?;
        let end = start.checked_add(length).ok_or_else(cut)?;
        let stored = shard.get(start..end).ok_or_else(cut)?;
        sum = sum.saturating_add(check_chain(&codecs, stored, 1, max_inner_bytes)?);
    }
    Ok(sum)
}

/// What zstd reserves for frames, without reading them: what they promise, or as much as their blocks can hold.
fn zstd_bound(mut rest: &[u8]) -> Option<u64> {
    let mut bound = 0_u64;
    while !rest.is_empty() {
        let magic = u32::from_le_bytes(*rest.first_chunk()?);
        if magic & !0xf == ZSTD_SKIPPED {
            let length = u32::from_le_bytes(*rest.get(4..)?.first_chunk()?);
            rest = rest.get(8..)?.get(usize::try_from(length).ok()?..)?;
            continue;
        }
        if magic != ZSTD_FRAME {
            return None;
        }
        let descriptor = *rest.get(4)?;
        let is_single = descriptor & 0x20 != 0;
        let has_checksum = descriptor & 0x04 != 0;
        let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size_bytes = match descriptor >> 6 {
            0 => usize::from(is_single),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        let size_at = 5 + usize::from(!is_single) + dictionary_bytes;
        let mut size = [0; 8];
        size[..size_bytes].copy_from_slice(rest.get(size_at..)?.get(..size_bytes)?);
        let promised = u64::from_le_bytes(size) + if size_bytes == 2 { 256 } else { 0 };
        rest = rest.get(size_at + size_bytes..)?;
        let mut n_blocks = 0_u64;
        loop {
            let [a, b, c] = *rest.first_chunk()?;
            let head = u32::from_le_bytes([a, b, c, 0]);
            let length = if head >> 1 & 3 == 1 {
                1
            } else {
                usize::try_from(head >> 3).ok()?
            };
            rest = rest.get(3..)?.get(length..)?;
            n_blocks += 1;
            if head & 1 == 1 {
                break;
            }
        }
        if has_checksum {
            rest = rest.get(4..)?;
        }
        let of_blocks = n_blocks * ZSTD_BLOCK_BYTES;
        bound = bound.saturating_add(if size_bytes == 0 { of_blocks } else { promised });
    }
    Some(bound)
}

/// What the header of Blosc promises.
fn blosc_bound(bytes: &[u8]) -> Option<u64> {
    if bytes.len() < BLOSC_HEAD_BYTES {
        return None;
    }
    Some(u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?).into())
}

fn damaged(what: &str) -> DecodeError {
    FormatError::damaged(FORMAT, format!("a chunk is not valid {what}")).into()
}

fn too_large(found: u64, max: usize) -> DecodeError {
    FormatError::damaged(
        FORMAT,
        format!("a chunk becomes {found} bytes, and its shape and type make {max} at most"),
    )
    .into()
}

fn not_taken(found: &str) -> DecodeError {
    FormatError::NotTaken {
        format: FORMAT,
        place: "a chunk".to_owned(),
        found: format!("is {found}"),
        remedy: "write chunks with one compression: gzip, zstd or Blosc".to_owned(),
    }
    .into()
}
