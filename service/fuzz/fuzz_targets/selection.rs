//! Any query parameters give an answer or an error, in every format, and an answer's cursor is taken back.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zarr_fuse_fuzz::selection::run(bytes));
