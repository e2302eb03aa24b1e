//! A folder as a shelf: files are read when they have stopped changing, and moved to `done/` or `failed/` with the outcome
//! beside them.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::config::{After, FolderConfig};
use super::pattern::{OUTCOME, is_passed_over};
use super::{Fate, Item, Shelf};

/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 16;

/// See the module.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    done: PathBuf,
    failed: PathBuf,
    after: After,
    is_deep: bool,
    max_listed: usize,
}

impl Folder {
    /// The folder of a configuration that lies in `base`; `is_deep`: whether folders in it are looked into.
    pub fn new(config: &FolderConfig, base: &Path, is_deep: bool) -> Self {
        let path = base.join(&config.path);
        Self {
            done: path.join(&config.done),
            failed: path.join(&config.failed),
            path,
            after: config.after,
            is_deep,
            max_listed: config.max_listed,
        }
    }

    /// Lists a folder; `name` is its path in the place, with a `/` at the end.
    fn list_in(
        &self,
        folder: &Path,
        name: &str,
        depth: usize,
        found: &mut Vec<Item>,
    ) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            // Links could lead anywhere: neither they nor what they point to are looked at.
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let file_name = entry.file_name();
            let Some(part) = file_name.to_str() else {
                continue;
            };
            let path = entry.path();
            let name = format!("{name}{part}");
            if is_passed_over(&name) || path == self.done || path == self.failed {
                continue;
            }
            if kind.is_dir() && self.is_deep && depth < MAX_DEPTH {
                self.list_in(&path, &format!("{name}/"), depth + 1, found)?;
            } else if kind.is_file() && found.len() < self.max_listed {
                match entry.metadata() {
                    Ok(metadata) => found.push(item(name, &metadata)),
                    // Somebody took it away meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn read_now(&self, item: &Item) -> io::Result<Option<Bytes>> {
        let path = self.path.join(&item.name);
        let is_same = |metadata: &Metadata| version(metadata) == item.version;
        let file = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && is_same(&metadata) => File::open(&path)?,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::with_capacity(usize::try_from(item.n_bytes).unwrap_or_default());
        (&file).take(item.n_bytes + 1).read_to_end(&mut bytes)?;
        // What was written while it was read is not what was listed.
        let is_whole = bytes.len() as u64 == item.n_bytes && is_same(&file.metadata()?);
        Ok(is_whole.then(|| Bytes::from(bytes)))
    }

    fn put_away_now(&self, item: &Item, fate: &Fate) -> io::Result<()> {
        let path = self.path.join(&item.name);
        let target = match (self.after, fate.is_failed) {
            (After::Keep, _) => return Ok(()),
            (After::Delete, false) => return gone(remove_same(&path, item)),
            (_, true) => &self.failed,
            (After::Move, false) => &self.done,
        };
        match fs::symlink_metadata(&path) {
            // It was written again since: that is another file, to be contributed in its turn.
            Ok(metadata) if version(&metadata) != item.version => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata.map(|_| ())?,
        }
        let wanted = target.join(&item.name);
        if let Some(folder) = wanted.parent() {
            fs::create_dir_all(folder)?;
        }
        let to = free_name(&wanted, fate)?;
        match fs::rename(&path, &to) {
            // Another file system: copied, then removed.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                fs::copy(&path, &to)?;
                File::open(&to)?.sync_all()?;
                gone(remove_same(&path, item))
            }
            renamed => renamed,
        }
    }
}

#[async_trait]
impl Shelf for Folder {
    fn kind(&self) -> &'static str {
        "folder"
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    async fn list(&self) -> Result<Vec<Item>, String> {
        let folder = self.clone();
        let listed = blocking(move || {
            let mut found = Vec::new();
            folder.list_in(&folder.path, "", 0, &mut found)?;
            Ok(found)
        });
        let place = self.place();
        listed
            .await
            .map_err(|error| format!("the folder `{place}` cannot be listed: {error}"))
    }

    async fn read(&self, item: &Item) -> Result<Option<Bytes>, String> {
        let (folder, item) = (self.clone(), item.clone());
        let read = blocking(move || folder.read_now(&item));
        read.await.map_err(|error| error.to_string())
    }

    async fn put_away(&self, item: &Item, fate: &Fate) -> Result<(), String> {
        let (folder, item, fate) = (self.clone(), item.clone(), fate.clone());
        let put = blocking(move || folder.put_away_now(&item, &fate));
        put.await.map_err(|error| error.to_string())
    }

    fn keeps(&self, _: &Fate) -> bool {
        self.after == After::Keep
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

fn item(name: String, metadata: &Metadata) -> Item {
    Item {
        name,
        n_bytes: metadata.len(),
        modified: metadata
            .modified()
            .map_or_else(|_unknown| Utc::now(), DateTime::from),
        version: version(metadata),
    }
}

/// Size and time of change.
fn version(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok();
    let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    format!(
        "{}@{}",
        metadata.len(),
        since.unwrap_or_default().as_nanos()
    )
}

/// Removes a file unless it was written again.
fn remove_same(path: &Path, item: &Item) -> io::Result<()> {
    if version(&fs::symlink_metadata(path)?) == item.version {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// That a file is gone already is as good as removing it.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Finds a name that no file has, near `wanted`, and keeps the fate beside it; whoever did so before a crash finds the same.
fn free_name(wanted: &Path, fate: &Fate) -> io::Result<PathBuf> {
    for n in 1..=10_000 {
        let path = numbered(wanted, n);
        let mut beside = path.clone().into_os_string();
        beside.push(OUTCOME);
        let beside = PathBuf::from(beside);
        match File::create_new(&beside) {
            Ok(mut file) => {
                file.write_all(fate.text.as_bytes())?;
                file.write_all(b"\n")?;
                file.sync_all()?;
                // A file that somebody else put there is not overwritten.
                if fs::symlink_metadata(&path).is_err() {
                    return Ok(path);
                }
                fs::remove_file(&beside)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::symlink_metadata(&path).is_ok() {
                    continue;
                }
                // Kept before a crash, whole or not; the file itself was not moved any more.
                fs::write(&beside, format!("{}\n", fate.text))?;
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("there are too many files like `{}`", wanted.display()),
    ))
}

/// `a.csv`, `a-2.csv`, `a-3.csv`, …
fn numbered(path: &Path, n: u32) -> PathBuf {
    if n == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map_or_else(String::new, |ending| {
        format!(".{}", ending.to_string_lossy())
    });
    path.with_file_name(format!("{stem}-{n}{ending}"))
}
