//! Objects that are put under a prefix of a store.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use zarr_fuse_collectors::scheduled::SetupError;
use zarr_fuse_collectors::watch::{Found, Place};
use zarr_fuse_schemas::StoreSettings;

use crate::config::Config;
use crate::store::{S3Access, Store, StoreError};

/// See the module.
#[derive(Debug)]
pub(super) struct Objects(Store);

impl Objects {
    /// What lies under `path`, with the S3 settings of the configuration.
    pub(super) fn open(config: &Config, path: &str) -> Result<Self, SetupError> {
        let environment = std::env::vars().collect();
        let settings = StoreSettings::default();
        let access = S3Access::new(&environment, &config.store, config.folder(), &settings);
        let store = Store::open(path, config.folder(), &access);
        let store = store.map_err(|error| SetupError::Place {
            path: path.to_owned(),
            reason: crate::fold::whole(&error).reason,
        })?;
        Ok(Self(store))
    }

    /// A key in `to` that is not taken.
    async fn free(&self, to: &str, name: &str) -> Result<String, StoreError> {
        let mut key = format!("{to}/{name}");
        let mut n = 1;
        while self.0.head(&key).await?.is_some() {
            n += 1;
            key = format!("{to}/{n}-{name}");
        }
        Ok(key)
    }

    async fn move_away(&self, name: &str, to: &str, verdict: &str) -> Result<(), StoreError> {
        let key = self.free(to, name).await?;
        let outcome = format!("{key}.outcome.json");
        self.0.put(&outcome, verdict.as_bytes().to_vec()).await?;
        self.0.copy(name, &key).await?;
        self.0.delete(name).await
    }
}

/// In one line.
fn reason(error: &StoreError) -> String {
    crate::fold::whole(error).reason
}

#[async_trait]
impl Place for Objects {
    async fn list(&self) -> Result<Vec<Found>, String> {
        let keys = self
            .0
            .list_objects("", None)
            .await
            .map_err(|error| reason(&error))?;
        let is_waiting = |name: &str| {
            let is_of = |folder: &str| Path::new(name).starts_with(folder);
            !is_of("done") && !is_of("failed")
        };
        let found = keys.into_iter().filter(|object| is_waiting(&object.key));
        let found = found.map(|object| Found {
            name: object.key,
            n_bytes: object.n_bytes,
            version: String::new(),
        });
        Ok(found.collect())
    }

    async fn read(&self, name: &str) -> Result<Option<Bytes>, String> {
        self.0.get(name).await.map_err(|error| reason(&error))
    }

    async fn put_away(&self, name: &str, is_good: bool, verdict: &str) -> Result<(), String> {
        let to = if is_good { "done" } else { "failed" };
        let moved = self.move_away(name, to, verdict).await;
        moved.map_err(|error| format!("it cannot be moved to `{to}/`: {}", reason(&error)))
    }
}
