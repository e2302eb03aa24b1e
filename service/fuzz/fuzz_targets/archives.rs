//! Any bytes, decompressed and unpacked, give a table or an error, and never more bytes than the bound.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zarr_fuse_fuzz::archives::run(bytes));
