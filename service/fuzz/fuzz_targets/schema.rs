//! Any text, read as a schema, gives a schema or problems that have a place in the text.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zarr_fuse_fuzz::schema::run(bytes));
