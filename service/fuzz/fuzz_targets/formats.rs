//! Any bytes, read as any format, give a table or an error.

#![no_main]

libfuzzer_sys::fuzz_target!(
    // libFuzzer's hook ends the process before `decode` can catch what readers of others do.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| zarr_fuse_fuzz::formats::run(bytes)
);
