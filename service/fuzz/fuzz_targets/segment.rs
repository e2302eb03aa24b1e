//! Any bytes, read as a journal segment, give the contributions that were written or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zarr_fuse_service::journal::segment::{decode, encode};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(segment) = decode(&bytes::Bytes::copy_from_slice(bytes)) {
        let written = encode(segment.first_seq, segment.writer, &segment.frames);
        assert_eq!(decode(&written.into()), Ok(segment));
    }
});
