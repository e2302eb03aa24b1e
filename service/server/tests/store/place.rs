//! Stores to try.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use zarr_fuse_harness::ceph::Ceph;
use zarr_fuse_schemas::store::StoreSettings;
use zarr_fuse_server::config::StoreConfig;
use zarr_fuse_store::{S3Access, Store};

/// Each under a name of its own.
pub(crate) fn memory() -> Store {
    static N_STORES: AtomicU32 = AtomicU32::new(0);
    let url = format!("memory://{}", N_STORES.fetch_add(1, Ordering::Relaxed));
    Store::open(&url, Path::new("."), &S3Access::default()).unwrap()
}

pub(crate) fn folder() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open("store", folder.path(), &S3Access::default()).unwrap();
    (folder, store)
}

/// A new bucket; `None` if the tests are to do without Ceph.
pub(crate) fn ceph(prefix: &str) -> Option<(S3Access, Store)> {
    let ceph = Ceph::start().unwrap()?;
    let access = access(&ceph.environment());
    let url = format!("{}/{prefix}", ceph.bucket().unwrap());
    let store = Store::open(&url, Path::new("."), &access).unwrap();
    Some((access, store))
}

/// Access as these environment variables say.
pub(crate) fn access(environment: &[(&str, &str)]) -> S3Access {
    let environment: HashMap<String, String> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let (config, schema) = (StoreConfig::default(), StoreSettings::default());
    S3Access::new(&environment, &config, Path::new("."), &schema)
}
