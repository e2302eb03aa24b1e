//! Probes a store: what works, what that means, and what to set. The service does the essential part at its start and
//! refuses a store on which it could lose data; `zf doctor` does all of it.
//!
//! Probe objects lie under `staging/probe/` and are removed again, old ones of a probe that was killed as well.

use std::fmt;
use std::path::Path;

use bytes::Bytes;
use futures::future::join_all;
use uuid::Uuid;

use super::{FailureKind, S3Access, Store, StoreError, keys};

mod thorough;
mod trailer;

/// Racing creators at the start of the service; `zf doctor` takes more.
const FEW_CREATORS: usize = 4;
/// Objects of a probe that are older belong to one that was killed.
const LEFT_BEHIND_SECONDS: i64 = 3600;

/// What one check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Works,
    /// It does not, or not well, and nothing depends on it.
    Note,
    /// The service cannot work with it, or would lose data.
    Unsafe,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Check {
    /// What was tried.
    pub name: &'static str,
    /// Whether it is good.
    pub verdict: Verdict,
    /// What happened.
    pub found: String,
    /// What that means, and what to set.
    pub meaning: String,
}

/// What a probe found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The store.
    pub url: String,
    /// In the order in which it was tried.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether acknowledged data stays.
    pub fn is_safe(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.verdict != Verdict::Unsafe)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Check) -> &str| {
            let widths = self.checks.iter().map(|check| text(check).chars().count());
            widths.max().unwrap_or(0)
        };
        let (names, found) = (width(|check| check.name), width(|check| &check.found));
        for (i, check) in self.checks.iter().enumerate() {
            let mark = match check.verdict {
                Verdict::Works => "works ",
                Verdict::Note => "note  ",
                Verdict::Unsafe => "UNSAFE",
            };
            let line = format!(
                "{mark}  {:names$}  {:found$}  {}",
                check.name, check.found, check.meaning
            );
            write!(f, "{}{}", if i > 0 { "\n" } else { "" }, line.trim_end())?;
        }
        Ok(())
    }
}

/// Tries what the service cannot do without, with few requests: objects are created once, read and listed at once, copied
/// and deleted.
///
/// # Errors
/// [`StoreError`] if the store cannot be reached or written at all.
pub async fn essential(store: &Store) -> Result<Report, StoreError> {
    let mut probe = Probe::begin(store).await?;
    let tried = async {
        probe.creates(FEW_CREATORS, 1).await?;
        probe.reads(1).await?;
        probe.listing().await?;
        probe.copies().await
    };
    let tried = tried.await;
    probe.end(tried).await
}

/// Tries everything, for `zf doctor`.
///
/// # Errors
/// [`StoreError`] if the store cannot be opened, reached or written at all.
pub async fn thorough(url: &str, base: &Path, access: &S3Access) -> Result<Report, StoreError> {
    let store = Store::open(url, base, access)?;
    let mut probe = Probe::begin(&store).await?;
    let tried = thorough::all(&mut probe, access).await;
    probe.end(tried).await
}

/// A probe under way.
struct Probe<'a> {
    store: &'a Store,
    folder: String,
    checks: Vec<Check>,
}

impl<'a> Probe<'a> {
    /// Removes what an earlier probe left behind, and writes a first object.
    async fn begin(store: &'a Store) -> Result<Self, StoreError> {
        let folder = keys::join(keys::PROBES, &Uuid::now_v7().to_string());
        let probe = Self {
            store,
            folder,
            checks: Vec::new(),
        };
        let now = chrono::Utc::now();
        let old = store.list_objects(keys::PROBES, None).await?;
        let old = old.into_iter().filter(|object| {
            now.signed_duration_since(object.modified).num_seconds() > LEFT_BEHIND_SECONDS
        });
        let old: Vec<String> = old.map(|object| object.key).collect();
        if !old.is_empty() {
            store.delete_many(old).await?;
        }
        store.put(&probe.key("first"), text("first")).await?;
        Ok(probe)
    }

    /// Removes the objects of this probe, whatever happened.
    async fn end(mut self, tried: Result<(), StoreError>) -> Result<Report, StoreError> {
        let deleted = self.deletes().await;
        if let Some(folder) = self.store.folder() {
            // Only empty folders are removed.
            let inner = folder.join(&self.folder);
            for folder in inner.join("list").ancestors().take(4) {
                let _not_empty = std::fs::remove_dir(folder);
            }
        }
        tried?;
        deleted?;
        Ok(Report {
            url: self.store.url().to_owned(),
            checks: self.checks,
        })
    }

    fn key(&self, name: &str) -> String {
        keys::join(&self.folder, name)
    }

    fn note(
        &mut self,
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        meaning: &str,
    ) {
        self.checks.push(Check {
            name,
            verdict,
            found: found.into(),
            meaning: meaning.to_owned(),
        });
    }

    fn good(&mut self, name: &'static str, found: impl Into<String>) {
        self.note(name, Verdict::Works, found, "");
    }

    /// Creators race for an object: exactly one may win, and the object must be its.
    async fn creates(&mut self, n_creators: usize, n_rounds: usize) -> Result<(), StoreError> {
        let name = "create only";
        for round in 0..n_rounds {
            let key = self.key(&format!("create-{round}"));
            let creators =
                (0..n_creators).map(|i| self.store.create(&key, text(&format!("creator {i}"))));
            let mut winners = Vec::new();
            for (i, result) in join_all(creators).await.into_iter().enumerate() {
                match result {
                    Ok(()) => winners.push(i),
                    Err(StoreError::Exists { .. }) => {}
                    Err(error) => {
                        let found = refused(error)?;
                        self.note(name, Verdict::Unsafe, found, NO_CREATE);
                        return Ok(());
                    }
                }
            }
            let kept = self.store.get(&key).await?;
            let is_kept =
                |winner: &usize| kept.as_ref() == Some(&text(&format!("creator {winner}")));
            if winners.len() != 1 || !winners.iter().all(is_kept) {
                let found = match winners.len() {
                    1 => "the object is not the winner's".to_owned(),
                    n => format!("{n} of {n_creators} creators of one object won"),
                };
                self.note(name, Verdict::Unsafe, found, NO_CREATE);
                return Ok(());
            }
        }
        self.good(name, format!("of {n_creators} racing creators one wins"));
        Ok(())
    }

    /// What was written is read at once, also after it was replaced.
    async fn reads(&mut self, n_rounds: usize) -> Result<(), StoreError> {
        let (name, key) = ("read after write", self.key("replaced"));
        for round in 0..=n_rounds {
            let new = text(&format!("round {round}"));
            self.store.put(&key, new.clone()).await?;
            if self.store.get(&key).await?.as_ref() != Some(&new) {
                let found = "an older state was read after a write";
                self.note(name, Verdict::Unsafe, found, STALE);
                return Ok(());
            }
        }
        self.good(name, "new bytes are read at once");
        Ok(())
    }

    /// What was written is listed at once, in order, and after a given key.
    async fn listing(&mut self) -> Result<(), StoreError> {
        let (name, folder) = ("list after write", self.key("list"));
        let keys: Vec<String> = (0..3)
            .map(|i| keys::join(&folder, &i.to_string()))
            .collect();
        let writes = keys.iter().map(|key| self.store.create(key, Bytes::new()));
        for written in join_all(writes).await {
            match written {
                Ok(()) | Err(StoreError::Exists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let all = self.store.list(&folder, None).await?;
        let after = self.store.list(&folder, Some(&keys[0])).await?;
        if all != keys || after != keys[1..] {
            let found = format!(
                "of 3 new objects {} are listed, {} after the first",
                all.len(),
                after.len()
            );
            self.note(name, Verdict::Unsafe, found, NOT_LISTED);
        } else {
            self.good(name, "new objects are listed at once");
        }
        Ok(())
    }

    /// Objects are copied inside the store.
    async fn copies(&mut self) -> Result<(), StoreError> {
        let (name, from, to) = ("copy", self.key("first"), self.key("copied"));
        match self.store.copy(&from, &to).await {
            Ok(()) if self.store.get(&to).await? == Some(text("first")) => {
                self.good(name, "objects are copied inside the store");
            }
            Ok(()) => self.note(name, Verdict::Unsafe, "the copy has other bytes", NO_COPY),
            Err(error) => {
                let found = refused(error)?;
                self.note(name, Verdict::Unsafe, found, NO_COPY);
            }
        }
        Ok(())
    }

    /// Removes every object of this probe.
    async fn deletes(&mut self) -> Result<(), StoreError> {
        let name = "delete";
        let keys = self.store.list(&self.folder, None).await?;
        match self.store.delete_many(keys).await {
            Ok(()) => {}
            Err(error) => {
                let found = refused(error)?;
                self.note(name, Verdict::Unsafe, found, NO_DELETE);
                return Ok(());
            }
        }
        let left = self.store.list(&self.folder, None).await?;
        if left.is_empty() {
            self.good(name, "deleted objects are gone at once");
        } else {
            let found = format!("{} objects are still listed", left.len());
            self.note(name, Verdict::Unsafe, found, NO_DELETE);
        }
        Ok(())
    }
}

const NO_CREATE: &str = "two services could both write one place of the journal, and what one acknowledged would be lost; use a store that honours `If-None-Match: *`";
const STALE: &str = "merging could start from old values and lose newer ones; use a store that reads what was written";
const NOT_LISTED: &str = "the end of the journal would not be found, and acknowledged data not be read; use a store that lists what was written";
const NO_COPY: &str = "late rows cannot be inserted; allow `CopyObject`";
const NO_DELETE: &str = "staged objects stay for ever and insertions are repeated; allow `DeleteObject` and `DeleteObjects`";

/// What the store said to a request that others may do without; an error if it cannot be reached at all.
fn refused(error: StoreError) -> Result<String, StoreError> {
    match error {
        StoreError::Failed { action, source, .. }
            if matches!(
                source.kind(),
                FailureKind::Denied | FailureKind::Condition | FailureKind::Other
            ) =>
        {
            Ok(format!("cannot {action}: {source}"))
        }
        error => Err(error),
    }
}

fn text(text: &str) -> Bytes {
    Bytes::from(text.to_owned())
}
