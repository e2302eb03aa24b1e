//! What end-to-end tests and benchmarks share: the built `zf`, the running service, Python, and a light HTTP client.
//!
//! Nothing here knows the service's code: it is used as people use it, by its command line and over HTTP.

pub mod binary;
pub mod ceph;
pub mod chance;
pub mod console;
pub mod proxy;
pub mod python;
pub mod run;
pub mod service;
pub mod web;
pub mod wire;

use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn checkout() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness
        .ancestors()
        .nth(2)
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Where things are kept that outlive a checkout, such as the Python environment.
pub fn cache_folder() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home =
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    cache
        .filter(|path| path.is_absolute())
        .unwrap_or_else(home)
        .join("zarr-fuse")
}
