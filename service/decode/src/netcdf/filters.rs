//! Compressions of NetCDF-4 that HDF5 does not have itself: zstd, bzip2 and Blosc, as netCDF-C registers them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hdf5_reader::FilterRegistry;
use hdf5_reader::error::Error;
use zarrs::array::codec::api::{BytesRepresentation, BytesToBytesCodecTraits as _, CodecOptions};
use zarrs::array::codec::{BloscCodec, BloscCodecConfiguration};

use super::super::compression;

/// Numbers under which they are registered.
const BZIP2: u16 = 307;
const BLOSC: u16 = 32001;
const ZSTD: u16 = 32015;

/// Bytes of the header of a Blosc buffer, which says at its fifth byte what comes out.
const BLOSC_HEAD_BYTES: usize = 16;

/// The filters of a file whose chunks all together become no more than `max_bytes`.
pub(super) fn registry(max_bytes: usize) -> FilterRegistry {
    let mut filters = FilterRegistry::new();
    // Chunks at the edge are whole, so that they make more than the variables have.
    let left = Arc::new(AtomicUsize::new(max_bytes.saturating_mul(2)));
    for (id, encoding) in [(BZIP2, "bzip2"), (ZSTD, "zstd")] {
        let left = Arc::clone(&left);
        let undo = move |bytes: &[u8]| {
            let n_left = left.load(Ordering::Relaxed);
            let body = compression::decompress(bytes, Some(encoding), n_left).map_err(failed)?;
            taken(&left, body.len())?;
            Ok(body.into_owned())
        };
        filters.register(id, Box::new(move |_, bytes, _| undo(bytes)));
    }
    filters.register(BLOSC, Box::new(move |_, bytes, _| unblosc(bytes, &left)));
    filters
}

fn unblosc(bytes: &[u8], left: &AtomicUsize) -> Result<Vec<u8>, Error> {
    let promised = bytes.get(4..).and_then(|rest| rest.first_chunk::<4>());
    let promised = promised.filter(|_| bytes.len() >= BLOSC_HEAD_BYTES);
    let promised = promised.ok_or_else(|| failed("a chunk is shorter than its header"))?;
    let n_bytes = u32::from_le_bytes(*promised);
    taken(left, usize::try_from(n_bytes).unwrap_or(usize::MAX))?;
    let options: BloscCodecConfiguration = serde_json::from_str(
        r#"{"cname": "zstd", "clevel": 1, "shuffle": "noshuffle", "blocksize": 0}"#,
    )
    .expect("it is one");
    // How it was written stands in the header; reading needs no option.
    let codec = BloscCodec::new_with_configuration(&options).map_err(failed)?;
    let representation = BytesRepresentation::FixedSize(n_bytes.into());
    let body = codec
        .decode(bytes.into(), &representation, &CodecOptions::default())
        .map_err(failed)?;
    Ok(body.into_owned())
}

fn taken(left: &AtomicUsize, n_bytes: usize) -> Result<(), Error> {
    let take = |n_left: usize| n_left.checked_sub(n_bytes);
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
    taken
        .map(drop)
        .map_err(|_n_left| failed("its chunks become more than there is room for"))
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::DecompressionError(error.to_string())
}
