//! Any bytes, read as a journal segment, give the contributions that were written or an error.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zarr_fuse_fuzz::segment::run(bytes));
