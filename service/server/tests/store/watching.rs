//! Objects that appear in a real bucket, or in a folder that is a store, become contributions.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zarr_fuse_harness::ceph::Ceph;
use zarr_fuse_journal::outcome::Status;
use zarr_fuse_server::{ServeError, app::App, config::Config, run};
use zarr_fuse_store::{S3Access, Store};

use crate::place::access;

const SCHEMA: &str = "
readings:
  COORDS:
    time: {unit: {tick: s}, chunk_size: 64}
    station: {type: str, sorted: false}
  VARS:
    air: {coords: [time, station], unit: degC}
";

/// A service that watches a store.
struct Watching {
    app: Arc<App>,
    stop: CancellationToken,
    running: JoinHandle<Result<(), ServeError>>,
}

impl Watching {
    async fn start(config: &Config) -> Self {
        let stop = CancellationToken::new();
        let app = App::build(config.clone(), stop.clone()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let running = tokio::spawn(run(Arc::clone(&app), listener, config.server.clone()));
        Self { app, stop, running }
    }

    /// How many contributions there are, once so many have an outcome.
    async fn settled(&self, n: u64) -> HashMap<Status, u64> {
        let dataset = self.app.dataset("site").unwrap();
        let journal = &dataset.journal;
        let counts = async {
            loop {
                let counts: HashMap<Status, u64> = journal.counts("readings").into_iter().collect();
                let waiting = counts.get(&Status::Journaled).copied().unwrap_or(0);
                if counts.values().sum::<u64>() - waiting >= n {
                    return counts;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let counts = tokio::time::timeout(Duration::from_mins(1), counts).await;
        counts.expect("objects are contributed")
    }

    /// Asks for a look and waits until it is over.
    async fn look(&self) {
        let collector = &self.app.collectors["incoming"].collector;
        for _ in 0..2 {
            let before = collector.status().next_run;
            assert!(collector.ask());
            let looked = async {
                while collector.status().next_run == before {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            let looked = tokio::time::timeout(Duration::from_mins(1), looked).await;
            looked.expect("it looks");
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

/// A dataset in `folder` that watches `url`.
fn config(folder: &Path, url: &str, s3: &str, after: &str) -> Config {
    std::fs::write(folder.join("site.yaml"), SCHEMA).unwrap();
    let text = format!(
        "server: {{listen: '127.0.0.1:0'}}\n\
         datasets: {{site: {{schema: site.yaml, store: site.zarr}}}}\n\
         store: {s3}\n\
         collectors:\n  incoming:\n    target_node: readings\n    decode: {{set: {{station: '${{station}}'}}}}\n    \
         objects: {{url: '{url}', pattern: '{{station}}/*.csv', interval: 200ms, after: {after}}}\n"
    );
    let file = folder.join("zarr-fuse.yaml");
    Config::parse(&text, &file, &HashMap::new()).unwrap()
}

async fn put(store: &Store, key: &str, hour: u32) {
    let csv = format!("time,air\n2026-03-01T{hour:02}:00:00Z,{hour}\n");
    store.put(key, csv.into_bytes()).await.unwrap();
}

/// Objects that appear, are replaced, stay across a restart, are bad or not meant.
async fn objects_become_contributions_once(url: &str, access: &S3Access, s3: &str) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let store = Store::open(url, folder.path(), access).unwrap();
    for hour in 0..20 {
        put(&store, &format!("A/{hour}.csv"), hour).await;
    }
    put(&store, "notes.txt", 1).await;
    put(&store, "B/.hidden.csv", 1).await;
    let config = config(folder.path(), url, s3, "keep");
    let watching = Watching::start(&config).await;
    let merged = HashMap::from([(Status::Merged, 20)]);
    assert_eq!(watching.settled(20).await, merged);
    store
        .put("B/bad.csv", b"time,air\nnever,1\n".to_vec())
        .await
        .unwrap();
    watching.settled(21).await;
    watching.look().await;
    watching.end().await;
    // What is done is remembered.
    let watching = Watching::start(&config).await;
    watching.look().await;
    let status = watching.app.collectors["incoming"].collector.status();
    assert_eq!(status.totals.counts.planned, 21, "nothing was read again");
    put(&store, "A/0.csv", 21).await;
    let counts = watching.settled(22).await;
    let expect = HashMap::from([(Status::Merged, 21), (Status::Rejected, 1)]);
    assert_eq!(counts, expect);
    let kept = store.list("", None).await.unwrap();
    assert_eq!(kept.len(), 23, "objects stay");
    watching.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_real_bucket_become_contributions_once() {
    let Some(ceph) = Ceph::start().unwrap() else {
        return;
    };
    let environment = ceph.environment();
    let value = |name: &str| {
        environment
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap()
            .1
    };
    let s3 = format!(
        "{{endpoint_url: '{}', access_key: '{}', secret_key: '{}'}}",
        ceph.endpoint(),
        value("ZF_S3_ACCESS_KEY"),
        value("ZF_S3_SECRET_KEY")
    );
    let url = format!("{}/incoming", ceph.bucket().unwrap());
    objects_become_contributions_once(&url, &access(&environment), &s3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_folder_become_contributions_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("incoming").display().to_string();
    objects_become_contributions_once(&url, &S3Access::default(), "{}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_were_taken_are_deleted_if_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("incoming").display().to_string();
    let store = Store::open(&url, folder.path(), &S3Access::default()).unwrap();
    put(&store, "A/1.csv", 1).await;
    store
        .put("A/bad.csv", b"time,air\nnever,1\n".to_vec())
        .await
        .unwrap();
    let watching = Watching::start(&config(folder.path(), &url, "{}", "delete")).await;
    watching.settled(2).await;
    watching.look().await;
    assert_eq!(store.list("", None).await.unwrap(), ["A/bad.csv"]);
    watching.end().await;
}
