//! Any bytes, read as CSV in any dialect, give a table or an error.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zarr_fuse_fuzz::csv::run(bytes));
