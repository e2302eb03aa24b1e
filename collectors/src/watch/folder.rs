//! A folder on this machine.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Found, Place};

/// See the module.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    async fn found(&self) -> io::Result<Vec<Found>> {
        let mut entries = tokio::fs::read_dir(&self.0).await?;
        let mut found = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            // Of the entry itself: what a link leads to is not ours to move.
            let Ok(metadata) = entry.metadata().await else {
                continue;
            };
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if metadata.is_file() {
                let modified = metadata.modified()?;
                found.push(Found {
                    name,
                    n_bytes: metadata.len(),
                    version: format!("{modified:?}"),
                });
            }
        }
        Ok(found)
    }

    async fn move_away(&self, name: &str, to: &str, verdict: &str) -> io::Result<()> {
        let folder = self.0.join(to);
        tokio::fs::create_dir_all(&folder).await?;
        let target = free(&folder, name).await?;
        let outcome = target.with_file_name(format!("{}.outcome.json", file_name(&target)));
        let unfinished = outcome.with_extension("json.part");
        tokio::fs::write(&unfinished, verdict).await?;
        tokio::fs::rename(&unfinished, &outcome).await?;
        tokio::fs::rename(self.0.join(name), &target).await
    }
}

/// A path in `folder` that is not taken: `a.csv`, `a.2.csv`, `a.3.csv`, …
async fn free(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let (stem, ending) = name
        .split_once('.')
        .map_or((name, String::new()), |(stem, ending)| {
            (stem, format!(".{ending}"))
        });
    let mut target = folder.join(name);
    let mut n = 1;
    while tokio::fs::try_exists(&target).await? {
        n += 1;
        target = folder.join(format!("{stem}.{n}{ending}"));
    }
    Ok(target)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[async_trait]
impl Place for Folder {
    async fn list(&self) -> Result<Vec<Found>, String> {
        let found = self.found().await;
        found.map_err(|error| {
            format!(
                "the folder `{}` cannot be looked at: {error}",
                self.0.display()
            )
        })
    }

    async fn read(&self, name: &str) -> Result<Option<Bytes>, String> {
        match tokio::fs::read(self.0.join(name)).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn put_away(&self, name: &str, is_good: bool, verdict: &str) -> Result<(), String> {
        let to = if is_good { "done" } else { "failed" };
        let moved = self.move_away(name, to, verdict).await;
        moved.map_err(|error| format!("it cannot be moved to `{to}/`: {error}"))
    }
}
