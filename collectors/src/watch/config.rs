//! What can be configured of watches, and what is wrong with it.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use zarr_fuse_schemas::quantity::{DurationText, SizeText, bytes, duration};

use super::pattern::Pattern;
use crate::config::{At, Fault, Faults};

/// A folder into which files are dropped. A file is contributed when its size and time of change have stayed the same for
/// `settle`, in the order in which they were written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder, relative to the folder of the configuration. It must exist.
    pub path: PathBuf,
    /// Which files: `*` for any characters of one part, `?` for one, `**/` for any folders, `{name}` for what becomes the
    /// variable `name`. Hidden and temporary names are passed over. Default `*`: those in the folder itself.
    #[serde(default = "every_name")]
    pub pattern: String,
    /// What becomes of a file that was taken: `move` to `done`, `keep` where it is, or `delete`. Files of which nothing could
    /// be taken are moved to `failed`, or kept with `keep`. Default `move`.
    #[serde(default)]
    pub after: After,
    /// Folder of files that were taken, with their outcomes, relative to `path`. Default `done`.
    #[serde(default = "done")]
    pub done: PathBuf,
    /// Folder of files of which nothing could be taken, with their outcomes, relative to `path`. Default `failed`.
    #[serde(default = "failed")]
    pub failed: PathBuf,
    /// How often it is looked for files. Default `2s`.
    #[serde(default = "folder_interval", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub interval: Duration,
    /// How long a file must not have changed. Default `5s`.
    #[serde(default = "settle", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub settle: Duration,
    /// Larger files are not contributed. Default `256MiB`.
    #[serde(default = "max_bytes", deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_bytes: u64,
    /// Further variables.
    #[serde(default)]
    pub set: IndexMap<String, String>,
    /// Most files looked at; further ones wait. Default 100000.
    #[serde(default = "max_listed")]
    #[schemars(range(min = 1))]
    pub max_listed: usize,
}

/// A store in which objects appear. Objects stay as they are; which ones are done is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectsConfig {
    /// Folder or URL: `s3://bucket/prefix`, `file://…`. Access to S3 is that of the section `store`.
    pub url: String,
    /// Which objects, as for `folder`. Default `**/*`: all.
    #[serde(default = "every_object")]
    pub pattern: String,
    /// What becomes of an object that was taken: `keep` or `delete`. Default `keep`.
    #[serde(default = "keep")]
    pub after: After,
    /// How often it is looked for objects. Default `30s`.
    #[serde(default = "objects_interval", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub interval: Duration,
    /// How long an object must not have changed. Default `0s`, since objects appear whole.
    #[serde(default, deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub settle: Duration,
    /// Larger objects are not contributed. Default `256MiB`.
    #[serde(default = "max_bytes", deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_bytes: u64,
    /// Further variables.
    #[serde(default)]
    pub set: IndexMap<String, String>,
    /// Most objects under the prefix that are looked at; if there are more, nothing is done. Default 100000.
    #[serde(default = "max_listed")]
    #[schemars(range(min = 1))]
    pub max_listed: usize,
}

/// What becomes of something that was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// It is moved away.
    #[default]
    Move,
    /// It stays; that it is done is remembered.
    Keep,
    /// It is deleted.
    Delete,
}

fn every_name() -> String {
    "*".to_owned()
}

fn every_object() -> String {
    "**/*".to_owned()
}

fn done() -> PathBuf {
    PathBuf::from("done")
}

fn failed() -> PathBuf {
    PathBuf::from("failed")
}

fn keep() -> After {
    After::Keep
}

fn folder_interval() -> Duration {
    Duration::from_secs(2)
}

fn settle() -> Duration {
    Duration::from_secs(5)
}

fn objects_interval() -> Duration {
    Duration::from_secs(30)
}

fn max_bytes() -> u64 {
    256 << 20
}

fn max_listed() -> usize {
    100_000
}

impl FolderConfig {
    /// What is wrong with it; `key` is the key it stands at.
    ///
    /// # Errors
    /// Everything at once, with its place.
    pub fn check(&self, key: &'static str) -> Result<(), Vec<Fault>> {
        let mut faults = common(&self.pattern, self.interval, self.max_listed);
        if self.done == self.failed {
            faults.add(
                &[At::Key("failed")],
                "`done` and `failed` must be two folders",
            );
        }
        for (key, folder) in [("done", &self.done), ("failed", &self.failed)] {
            if folder.as_os_str().is_empty() || folder.as_os_str() == "." {
                faults.add(
                    &[At::Key(key)],
                    "this is the folder that is watched: name another one",
                );
            }
        }
        below(key, faults)
    }
}

impl ObjectsConfig {
    /// What is wrong with it; `key` is the key it stands at.
    ///
    /// # Errors
    /// Everything at once, with its place.
    pub fn check(&self, key: &'static str) -> Result<(), Vec<Fault>> {
        let mut faults = common(&self.pattern, self.interval, self.max_listed);
        if self.after == After::Move {
            faults.add(
                &[At::Key("after")],
                "objects are not moved: write `keep` or `delete`",
            );
        }
        below(key, faults)
    }
}

/// The faults as they stand below a key.
fn below(key: &'static str, faults: Faults) -> Result<(), Vec<Fault>> {
    let mut faults = faults.0;
    for fault in &mut faults {
        fault.path.insert(0, At::Key(key));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn common(pattern: &str, interval: Duration, max_listed: usize) -> Faults {
    let mut faults = Faults::default();
    faults.keep(&[At::Key("pattern")], Pattern::parse(pattern));
    if interval.is_zero() {
        faults.add(
            &[At::Key("interval")],
            "it would look all the time: give at least `1s`",
        );
    }
    if max_listed == 0 {
        faults.add(
            &[At::Key("max_listed")],
            "nothing would be looked at: give at least 1",
        );
    }
    faults
}
