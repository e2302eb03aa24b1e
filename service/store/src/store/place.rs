//! The store that was opened is the store that is written: a folder that was renamed away, unmounted or replaced is noticed
//! before anything is acknowledged into another one.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Store, StoreError};
use crate::keys;

/// The folders of a local store as they were when it was opened for writing.
#[derive(Debug)]
pub(super) struct Held(Vec<(PathBuf, Identity)>);

/// What tells a folder from another one at the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(folder: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(folder)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

impl Held {
    /// Why the folders are not those that were held.
    fn fault(&self) -> Option<StoreError> {
        let fault = |(folder, held): &(PathBuf, Identity)| {
            let reason = match Identity::of(folder) {
                Ok(now) if now == *held => return None,
                Ok(_) => "another one is in its place; was it unmounted, renamed or replaced?",
                Err(_) => "it is gone; was it unmounted, renamed or removed?",
            };
            let folder = folder.clone();
            Some(StoreError::Elsewhere { folder, reason })
        };
        self.0.iter().find_map(fault)
    }
}

impl Store {
    /// Remembers which folder this is, for all clones of the store. From now on nothing is written into another one at the
    /// same path.
    ///
    /// # Errors
    /// [`StoreError::Folder`].
    pub fn hold(&self) -> Result<(), StoreError> {
        let Some(root) = &self.folder else {
            return Ok(());
        };
        let folders = [root.clone(), root.join(keys::JOURNAL)];
        let held = folders
            .into_iter()
            .filter(|folder| folder == root || folder.exists());
        let held: Result<Vec<_>, StoreError> = held
            .map(|folder| match Identity::of(&folder) {
                Ok(identity) => Ok((folder, identity)),
                Err(source) => Err(StoreError::Folder { folder, source }),
            })
            .collect();
        let _is_held_already = self.held.set(Held(held?));
        Ok(())
    }

    /// The store that is at the address now, whichever it is, for reading.
    #[must_use]
    pub fn unheld(&self) -> Self {
        let mut unheld = self.clone().read_only();
        unheld.held = std::sync::Arc::default();
        unheld
    }

    /// Makes sure that the folder is the one that was opened.
    ///
    /// # Errors
    /// [`StoreError::Elsewhere`].
    pub async fn in_place(&self) -> Result<(), StoreError> {
        if self.held.get().is_none() {
            return Ok(());
        }
        let held = std::sync::Arc::clone(&self.held);
        let fault = tokio::task::spawn_blocking(move || held.get().and_then(Held::fault)).await;
        match fault {
            Ok(None) => Ok(()),
            Ok(Some(fault)) => Err(fault),
            Err(error) => Err(StoreError::Folder {
                folder: self.folder.clone().unwrap_or_default(),
                source: std::io::Error::other(error),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::S3Access;

    fn store(folder: &Path) -> Store {
        let url = folder.display().to_string();
        Store::open(&url, Path::new(""), &S3Access::default()).unwrap()
    }

    #[tokio::test]
    async fn nothing_is_written_into_another_folder_at_the_same_path() {
        let above = tempfile::tempdir().unwrap();
        let (folder, away) = (above.path().join("a.zarr"), above.path().join("away"));
        let store = store(&folder);
        store.put("journal/x", "1").await.unwrap();
        store.hold().unwrap();
        let clone = store.clone();
        fs::rename(&folder, &away).unwrap();
        for _ in 0..2 {
            let elsewhere = |error| matches!(error, StoreError::Elsewhere { .. });
            assert!(elsewhere(clone.put("y", "2").await.unwrap_err()));
            assert!(elsewhere(clone.create("z", "2").await.unwrap_err()));
            assert!(elsewhere(clone.delete("journal/x").await.unwrap_err()));
            // What is missing may be elsewhere.
            assert!(elsewhere(clone.get("journal/x").await.unwrap_err()));
            assert!(!folder.join("y").exists());
            fs::create_dir_all(folder.join("journal")).unwrap();
        }
        fs::remove_dir_all(&folder).unwrap();
        fs::rename(&away, &folder).unwrap();
        clone.put("y", "2").await.unwrap();
        assert_eq!(clone.get("journal/x").await.unwrap().unwrap(), "1");
    }
}
