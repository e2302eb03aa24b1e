//! A folder that is watched, and a sink that takes what comes.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zarr_fuse_collectors::Clock;
use zarr_fuse_collectors::scheduled::Destination;
use zarr_fuse_collectors::sink::{Contribution, Sink, SinkError, Taken, Verdict};
use zarr_fuse_collectors::watch::config::FolderConfig;
use zarr_fuse_collectors::watch::folder::Folder;
use zarr_fuse_collectors::watch::pattern::Pattern;
use zarr_fuse_collectors::watch::{Settings, Watch};

/// What was contributed, in order. What begins with `bad` is rejected, with `refused` refused, with `later` never taken.
#[derive(Default)]
pub(crate) struct Taking {
    pub(crate) taken: Mutex<Vec<Contribution>>,
    ids: Mutex<HashMap<String, Uuid>>,
    rejected: Mutex<HashMap<Uuid, bool>>,
    pub(crate) kept: Mutex<BTreeMap<String, Vec<u8>>>,
    /// So often it is not ready.
    pub(crate) n_later: Mutex<u32>,
    /// Nothing is ever known of outcomes.
    pub(crate) never_tells: Mutex<bool>,
}

#[async_trait]
impl Sink for Taking {
    async fn contribute(&self, contribution: Contribution) -> Result<Taken, SinkError> {
        let mut n_later = self.n_later.lock().unwrap();
        if *n_later > 0 {
            *n_later -= 1;
            let reason = "the journal cannot be written".to_owned();
            return Err(SinkError::Later {
                reason,
                after: None,
            });
        }
        if contribution.payload.starts_with(b"later") {
            let reason = "it took too long".to_owned();
            return Err(SinkError::Later {
                reason,
                after: None,
            });
        }
        if contribution.payload.starts_with(b"refused") {
            return Err(SinkError::Refused("nothing reads this".to_owned()));
        }
        let mut ids = self.ids.lock().unwrap();
        if let Some(id) = ids.get(&contribution.idempotency_key) {
            return Ok(Taken {
                id: *id,
                replayed: true,
            });
        }
        let id = Uuid::now_v7();
        ids.insert(contribution.idempotency_key.clone(), id);
        let is_bad = contribution.payload.starts_with(b"bad");
        self.rejected.lock().unwrap().insert(id, is_bad);
        self.taken.lock().unwrap().push(contribution);
        Ok(Taken {
            id,
            replayed: false,
        })
    }

    async fn outcome(&self, id: Uuid) -> Result<Verdict, SinkError> {
        if *self.never_tells.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        let is_rejected = self.rejected.lock().unwrap()[&id];
        let status = if is_rejected { "rejected" } else { "merged" };
        let text = format!("{{\"status\": \"{status}\"}}");
        Ok(Verdict { is_rejected, text })
    }

    async fn remembered(&self, name: &str) -> Result<Option<Bytes>, SinkError> {
        let kept = self.kept.lock().unwrap();
        Ok(kept.get(name).cloned().map(Bytes::from))
    }

    async fn remember(&self, name: &str, bytes: Vec<u8>) -> Result<(), SinkError> {
        self.kept.lock().unwrap().insert(name.to_owned(), bytes);
        Ok(())
    }
}

pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) sink: Arc<Taking>,
    pub(crate) clock: Clock,
    config: FolderConfig,
    pub(crate) watch: Arc<Watch>,
    running: Option<JoinHandle<()>>,
}

impl World {
    /// A watch of an empty folder with these keys besides `path`.
    pub(crate) fn new(keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let drop = folder.path().join("drop");
        fs::create_dir(&drop).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(keys).unwrap();
        json["path"] = drop.to_str().unwrap().into();
        let config: FolderConfig = serde_json::from_value(json).unwrap();
        config.check("folder").unwrap();
        let clock = Clock::held("2026-03-01T12:00:00Z".parse().unwrap());
        let watch = watch(&config, &clock);
        let mut world = Self {
            folder,
            sink: Arc::default(),
            clock,
            config,
            watch,
            running: None,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        let (watch, sink) = (Arc::clone(&self.watch), Arc::clone(&self.sink));
        let stop = CancellationToken::new();
        self.running = Some(tokio::spawn(async move { watch.run(&*sink, &stop).await }));
    }

    /// As after the process has ended, however it did.
    pub(crate) async fn restart(&mut self) {
        let running = self.running.take().unwrap();
        running.abort();
        assert!(running.await.is_err());
        self.watch = watch(&self.config, &self.clock);
        self.start();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("drop").join(name)
    }

    /// Writes a file as if some time ago; `age` in seconds orders files.
    pub(crate) fn write(&self, name: &str, text: &str, age: u64) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let file = fs::File::options().append(true).open(&path).unwrap();
        let written = SystemTime::now() - Duration::from_secs(10_000 + age);
        file.set_modified(written).unwrap();
    }

    /// Lets it look once in every second.
    pub(crate) async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.look().await;
        }
    }

    /// Waits until it has looked once more at what is there now.
    pub(crate) async fn look(&self) {
        // The look that is under way may have begun before.
        self.end_of_look().await;
        self.end_of_look().await;
    }

    async fn end_of_look(&self) {
        self.clock.advance(Duration::from_millis(1));
        let begun = self.clock.now();
        // After each look it says when the next one is.
        let is_new = |at: DateTime<Utc>| at >= begun + self.config.interval;
        let looked = async {
            self.watch.ask();
            while !self.watch.status().next_run.is_some_and(is_new) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let looked = tokio::time::timeout(Duration::from_mins(1), looked).await;
        looked.expect("it looks");
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let so = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let so = tokio::time::timeout(Duration::from_mins(1), so).await;
        so.expect("it comes to be so");
    }

    /// The same, while a second passes with each look.
    pub(crate) async fn until_later(&self, is_so: impl Fn(&Self) -> bool) {
        self.until(|world| {
            world.clock.advance(Duration::from_secs(1));
            is_so(world)
        })
        .await;
    }

    /// Contents of what was contributed, in order.
    pub(crate) fn taken(&self) -> Vec<String> {
        let taken = self.sink.taken.lock().unwrap();
        let payloads = taken.iter().map(|taken| &taken.payload);
        payloads
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }

    /// Every file below the folder, by name.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.path(""), &self.path(""), &mut found);
        found.sort();
        found
    }
}

fn list(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

fn watch(config: &FolderConfig, clock: &Clock) -> Arc<Watch> {
    let pattern = Pattern::parse(&config.pattern).unwrap();
    let folder = Folder::new(config, Path::new("/"), pattern.is_deep());
    let settings = Settings {
        name: "drop".to_owned(),
        destination: Destination::default(),
        pattern,
        set: config.set.clone(),
        interval: config.interval,
        settle: config.settle,
        max_bytes: config.max_bytes,
        max_items: config.max_listed,
    };
    Watch::new(settings, Box::new(folder), clock.clone())
}
