//! Notices that the configuration, a schema, an extraction program or a lookup table was edited, and reads and checks what is
//! there now: a file that is not right changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use xxhash_rust::xxh64::xxh64;
use zarr_fuse_schemas::{SchemaError, check_edit, row_problem::whole};
use zarr_fuse_store::blocking;

use crate::app::{App, AppError, Plan};
use crate::config::Config;
use crate::stamp::Stamp;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);
/// An editor may still be writing: what is read must be what is there so much later.
const SETTLED: Duration = Duration::from_millis(200);
/// A file that was written so recently may be written again without a sign of it: its content is looked at.
const RECENT: Duration = Duration::from_secs(5);
/// How much the times of files may lag behind the clock.
const TICK: Duration = Duration::from_millis(20);

/// Follows the files of a configuration. What is seen is remembered before it is read, so that no later edit is missed.
#[derive(Debug)]
pub(crate) struct Edits {
    hangup: Option<Signal>,
    seen: BTreeMap<PathBuf, Look>,
}

/// What is known of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Look {
    /// `None`: it is not there.
    stamp: Option<Stamp>,
    /// Of its content, if it was written recently when it was looked at.
    digest: Option<u64>,
    /// It may have been edited since it was read.
    is_unsure: bool,
}

/// Why an edit does not take effect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    /// A file is not right, or asks for other stored values or shapes.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// What is configured cannot be used.
    #[error("{}", whole(.0).reason)]
    App(#[from] AppError),
    /// What is only read at the start was changed.
    #[error(
        "`server.listen` is now `{new}`; it is read at the start only, so restart the service for it"
    )]
    Listen {
        /// The new address.
        new: String,
    },
}

impl Edits {
    /// Follows the files of `config`, from what they were when it was read.
    pub(crate) fn of(config: &Config) -> Self {
        let read_at = config.read_at.and_then(|at| at.checked_sub(TICK));
        let seen = files(config).into_iter().map(|file| {
            let mut look = Look::at(&file, None);
            let modified = look.stamp.and_then(|stamp| stamp.modified());
            look.is_unsure = modified
                .zip(read_at)
                .is_some_and(|(modified, read_at)| modified >= read_at);
            (file, look)
        });
        Self {
            seen: seen.collect(),
            hangup: signal(SignalKind::hangup()).ok(),
        }
    }

    /// Waits until files were edited, or a SIGHUP comes.
    pub(crate) async fn next(&mut self) {
        loop {
            let hung_up = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = hung_up => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let mut now = look_again(self.seen.clone()).await;
            if is_same(&self.seen, &now) {
                continue;
            }
            loop {
                tokio::time::sleep(SETTLED).await;
                let later = look_again(now.clone()).await;
                if is_same(&now, &later) {
                    return;
                }
                now = later;
            }
        }
    }

    /// What the files say now in place of `config`, if it can take effect in `app`.
    ///
    /// # Errors
    /// [`ReloadError`] says what is wrong.
    pub(crate) async fn read(
        &mut self,
        config: &Config,
        app: &Arc<App>,
    ) -> Result<(Config, Vec<Arc<Plan>>), ReloadError> {
        self.seen = look_again(std::mem::take(&mut self.seen)).await;
        let (file, listen) = (config.file.clone(), config.server.listen.clone());
        let (app, mut seen) = (Arc::clone(app), self.seen.clone());
        let (read, seen) = blocking(move || {
            let read = (|| {
                let new = Config::load(&file, &std::env::vars().collect())?;
                let files = files(&new);
                // Those that are no longer named are not followed any more.
                seen.retain(|file, _| files.contains(file));
                for file in files {
                    let look = seen.entry(file.clone());
                    look.or_insert_with(|| Look::at(&file, None));
                }
                if new.server.listen != listen {
                    let new = new.server.listen.to_string();
                    return Err(ReloadError::Listen { new });
                }
                let plans = Plan::all(&new)?;
                check(&plans, &app)?;
                Ok((new, plans))
            })();
            (read, seen)
        })
        .await;
        self.seen = seen;
        read
    }
}

/// Refuses schemas that ask for other stored values or shapes than the datasets that are open have.
fn check(plans: &[Arc<Plan>], app: &App) -> Result<(), SchemaError> {
    for plan in plans {
        let Some(open) = app.dataset(&plan.name) else {
            continue;
        };
        if open.store.url() != plan.store.url {
            continue;
        }
        let problems = check_edit(&open.schema, &plan.schema);
        if !problems.is_empty() {
            return Err(SchemaError { problems });
        }
    }
    Ok(())
}

/// Every file that the configuration consists of.
fn files(config: &Config) -> Vec<PathBuf> {
    let schemas = config.datasets.by_name.values();
    let schemas = schemas.map(|dataset| dataset.schema.clone());
    let decoding = config.endpoints.values();
    let decoding = decoding.flat_map(|endpoint| endpoint.decode.files());
    let decoding = decoding.map(|file| config.folder().join(file));
    let mut files = vec![config.file.clone()];
    let tables = config.collectors.values().flat_map(|c| &c.iterate);
    let tables = tables.filter_map(|step| step.dataframe_path.as_deref());
    let tables = tables.map(|file| config.folder().join(file));
    files.extend(schemas.chain(decoding).chain(tables));
    files
}

impl Look {
    fn at(file: &Path, before: Option<&Self>) -> Self {
        let stamp = Stamp::of(file);
        let modified = stamp.and_then(|stamp| stamp.modified());
        let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        // A time in the future tells nothing.
        let is_recent = stamp.is_some() && age.is_none_or(|age| age < RECENT);
        let digest = if is_recent {
            std::fs::read(file).ok().map(|bytes| xxh64(&bytes, 0))
        } else {
            before
                .filter(|before| before.stamp == stamp)
                .and_then(|before| before.digest)
        };
        Self {
            stamp,
            digest,
            is_unsure: false,
        }
    }

    fn is_same(&self, now: &Self) -> bool {
        let has_same_content = match (self.digest, now.digest) {
            (Some(before), Some(now)) => before == now,
            _ => true,
        };
        !self.is_unsure && self.stamp == now.stamp && has_same_content
    }
}

fn is_same(before: &BTreeMap<PathBuf, Look>, now: &BTreeMap<PathBuf, Look>) -> bool {
    before.len() == now.len()
        && before
            .iter()
            .zip(now)
            .all(|((_, before), (_, now))| before.is_same(now))
}

async fn look_again(before: BTreeMap<PathBuf, Look>) -> BTreeMap<PathBuf, Look> {
    blocking(move || {
        let looked = before.into_iter().map(|(file, before)| {
            let look = Look::at(&file, Some(&before));
            (file, look)
        });
        looked.collect()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_of_the_same_length_in_the_same_moment_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schema.yaml");
        std::fs::write(&file, "a: 1").unwrap();
        let before = Look::at(&file, None);
        let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
        std::fs::write(&file, "a: 2").unwrap();
        let opened = std::fs::File::options().write(true).open(&file).unwrap();
        opened.set_modified(modified).unwrap();
        let now = Look::at(&file, Some(&before));
        assert_eq!(before.stamp, now.stamp);
        assert!(!before.is_same(&now));
        assert!(now.is_same(&Look::at(&file, Some(&now))));
    }

    #[test]
    fn a_file_that_comes_and_goes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schema.yaml");
        let missing = Look::at(&file, None);
        std::fs::write(&file, "a: 1").unwrap();
        let there = Look::at(&file, Some(&missing));
        assert!(!missing.is_same(&there));
        std::fs::remove_file(&file).unwrap();
        assert!(!there.is_same(&Look::at(&file, Some(&there))));
    }
}
