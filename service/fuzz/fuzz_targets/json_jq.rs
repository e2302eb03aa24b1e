//! Any bytes, read as JSON or through a shipped program, give a table or an error; any program compiles or is refused.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zarr_fuse_fuzz::json_jq::run(bytes));
