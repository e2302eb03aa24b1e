//! Any text is a time or an error, in any unit; and what is a time is read again from how it is printed.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| zarr_fuse_fuzz::time::run(bytes));
