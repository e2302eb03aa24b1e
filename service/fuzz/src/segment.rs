//! Any bytes, read as a journal segment, give the contributions that were written or an error.
//!
//! Few random bytes have right checksums, so that the same bytes are tried with their checksums put right, too.

use bytes::Bytes;
use zarr_fuse_journal::segment::{decode, encode};

/// Bytes before the first frame.
const HEAD: usize = 36;

fn check(bytes: Vec<u8>) {
    if let Ok(segment) = decode(&Bytes::from(bytes)) {
        let written = encode(segment.first_seq, segment.writer, &segment.frames);
        assert_eq!(decode(&written.into()), Ok(segment));
    }
}

/// `bytes` with the checksums, the count and the end that their frames ask for.
fn put_right(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (mut offset, mut n_frames) = (HEAD, 0_u32);
    loop {
        let length = u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?) as usize;
        if length == 0 {
            break;
        }
        let crc = crc32c::crc32c(bytes.get(offset + 8..offset + 8 + length)?);
        bytes[offset + 4..offset + 8].copy_from_slice(&crc.to_le_bytes());
        offset += 8 + length;
        n_frames += 1;
    }
    let crc = crc32c::crc32c(&bytes[..offset]);
    bytes.truncate(offset + 4);
    bytes.extend_from_slice(&n_frames.to_le_bytes());
    bytes.extend_from_slice(&crc.to_le_bytes());
    Some(bytes)
}

/// One input of the fuzzer.
pub fn run(bytes: &[u8]) {
    check(bytes.to_vec());
    if let Some(bytes) = put_right(bytes.to_vec()) {
        check(bytes);
    }
}
