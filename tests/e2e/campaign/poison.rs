//! Hostile contributions of every format among good ones: the service stays up within a bound on memory, also when it is
//! killed and started again, merges every good one, and the other dataset does not notice.

mod bodies;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use zarr_fuse_harness::chance::Chance;
use zarr_fuse_harness::run;
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::{Answer, Connection};

use self::bodies::Hostile;
use super::table::Row;
use super::{faults, is_long, seed};
use crate::workspace::Workspace;

/// The most that the service may have in memory at once, and that it may map.
const MAX_RESIDENT_BYTES: u64 = 1500 << 20;
const MAX_MAPPED_BYTES: u64 = 8 << 30;
/// Longest time in which a good contribution to the other dataset is merged.
const MAX_WAIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 10 });
const PATIENCE: Duration = Duration::from_mins(3);

const POISONED: &str = "ATTRS: {STORE_URL: poisoned.zarr}
readings:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 256}
    station: {type: str, sorted: false, chunk_size: 4}
  VARS:
    value: {coords: [time, station]}
grid:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 1024, step_limits: [10, 10, min]}
  VARS:
    value: {coords: time}
diagonal:
  COORDS:
    i: {type: int64, chunk_size: 1}
    j: {type: int64, chunk_size: 1}
    k: {type: int64, chunk_size: 1}
    l: {type: int64, chunk_size: 1}
    m: {type: int64, chunk_size: 1}
    n: {type: int64, chunk_size: 1}
    o: {type: int64, chunk_size: 1}
    p: {type: int64, chunk_size: 1}
  VARS:
    value: {coords: [i, j, k, l, m, n, o, p]}
";
const OTHER: &str = "ATTRS: {STORE_URL: other.zarr}
readings:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 256}
    station: {type: str, sorted: false, chunk_size: 4}
  VARS:
    value: {coords: [time, station]}
";
const CONFIG: &str = "server: {listen: '127.0.0.1:0'}
datasets: [poisoned.yaml, other.yaml]
limits: {wait: 30s}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_contributions_end_nothing_and_keep_nobody_waiting() {
    let mut chance = seed("poison");
    let workspace = Workspace::new();
    workspace.write("poisoned.yaml", POISONED);
    workspace.write("other.yaml", OTHER);
    workspace.write("zarr-fuse.yaml", CONFIG);
    let hostile = bodies::all(is_long());
    let n_rounds = faults(hostile.len(), 300);
    let mut campaign = Campaign {
        service: Some(start(&workspace).await),
        workspace,
        n_sent: 0,
        n_good: 0,
        n_kills: 0,
        peak: 0,
        longest: Duration::ZERO,
        answers: BTreeMap::new(),
    };
    for round in 0..n_rounds {
        let at = if round < hostile.len() {
            round
        } else {
            usize::try_from(chance.below(hostile.len() as u64)).unwrap()
        };
        campaign.round(&hostile[at], &mut chance).await;
    }
    campaign.finish(n_rounds).await;
}

async fn start(workspace: &Workspace) -> Service {
    let args = ["serve", "--config", "zarr-fuse.yaml"];
    let mut service = Service::spawn_in(workspace.path(), args, &[]).unwrap();
    service.limit_memory(MAX_MAPPED_BYTES).unwrap();
    service.ready().await.unwrap();
    service
}

struct Campaign {
    workspace: Workspace,
    service: Option<Service>,
    n_sent: usize,
    n_good: usize,
    n_kills: usize,
    peak: u64,
    longest: Duration,
    /// How often each answer was given to hostile ones.
    answers: BTreeMap<u16, usize>,
}

impl Campaign {
    /// A good contribution, a hostile one, and one to the other dataset, which is merged soon; perhaps a `kill -9` between.
    async fn round(&mut self, hostile: &Hostile, chance: &mut Chance) {
        self.contribute("poisoned", false).await;
        if chance.below(2) == 0 {
            self.attack(hostile, "?dry_run=true").await;
        }
        self.attack(hostile, "").await;
        // At once, or when it is being merged.
        if chance.below(4) == 0 {
            tokio::time::sleep(Duration::from_millis(chance.below(800))).await;
            self.restart().await;
        }
        let begin = Instant::now();
        self.contribute("other", true).await;
        let took = begin.elapsed();
        assert!(
            took < MAX_WAIT,
            "after `{}` the other dataset waited {took:?}",
            hostile.name
        );
        self.longest = self.longest.max(took);
        let service = self.service.as_mut().unwrap();
        let ended = service.ended().unwrap();
        assert!(
            ended.is_none(),
            "`{}` ended the service: {}",
            hostile.name,
            service.log()
        );
        self.look(hostile.name);
    }

    /// Notes how much memory it takes.
    fn look(&mut self, after: &str) {
        let peak = self.service.as_ref().unwrap().peak_memory_bytes().unwrap();
        // Bodies of the long form are as large as a single contribution may be.
        let most = if is_long() { 2 } else { 1 } * MAX_RESIDENT_BYTES;
        assert!(peak < most, "after `{after}` {peak} bytes were resident");
        self.peak = self.peak.max(peak);
    }

    async fn restart(&mut self) {
        self.look("what came before");
        self.service.take().unwrap().kill().unwrap();
        self.service = Some(start(&self.workspace).await);
        self.n_kills += 1;
    }

    async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        self.n_sent += 1;
        let address = self.service.as_ref().unwrap().address();
        let send = async {
            let mut connection = Connection::open(address).await.ok()?;
            connection.post(path, headers, body).await.ok()
        };
        tokio::time::timeout(PATIENCE, send)
            .await
            .unwrap_or_else(|_| panic!("{path} is not answered"))
    }

    /// Sends a good contribution until it is acknowledged; `and_wait`: until it is merged.
    async fn contribute(&mut self, dataset: &str, and_wait: bool) {
        let n = self.n_good;
        self.n_good += 1;
        let body = format!(
            "time,station,value\n{},station-{},{n}\n",
            1_700_000_000 + n,
            n % 7
        );
        let key = format!("good-{n}");
        let query = if and_wait { "?wait=merged" } else { "" };
        let path = format!("/api/v1/ingest/{dataset}/readings{query}");
        let headers = [
            ("content-type", "text/csv"),
            ("idempotency-key", key.as_str()),
        ];
        let begin = Instant::now();
        loop {
            let said = match self.post(&path, &headers, body.as_bytes()).await {
                Some(answer) if answer.status == 200 || (answer.status == 202 && !and_wait) => {
                    let receipt: Value = serde_json::from_slice(&answer.body).unwrap();
                    if !and_wait || receipt["status"] == "merged" {
                        return;
                    }
                    answer.text()
                }
                Some(answer) => answer.text(),
                None => "no answer".to_owned(),
            };
            assert!(
                begin.elapsed() < PATIENCE,
                "a good contribution to `{dataset}` is not taken: {said}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a hostile one, which is taken, or refused with an answer that says why.
    async fn attack(&mut self, hostile: &Hostile, query: &str) {
        let path = format!("/api/v1/ingest/poisoned/{}{query}", hostile.node);
        let mut headers = vec![("content-type", hostile.content_type)];
        headers.extend(
            hostile
                .encoding
                .map(|encoding| ("content-encoding", encoding)),
        );
        let Some(answer) = self.post(&path, &headers, &hostile.body).await else {
            let service = self.service.as_mut().unwrap();
            panic!("`{}` is not answered: {}", hostile.name, service.log());
        };
        let is_told = matches!(answer.status, 200 | 202 | 400..=429 | 503);
        assert!(
            is_told,
            "`{}`: {} {}",
            hostile.name,
            answer.status,
            answer.text()
        );
        *self.answers.entry(answer.status).or_default() += 1;
    }

    /// Every good one is merged, nothing waits, and the arrays are what the journal says.
    async fn finish(mut self, n_rounds: usize) {
        self.contribute("poisoned", true).await;
        self.restart().await;
        self.contribute("poisoned", true).await;
        self.look("all");
        let folder = self.workspace.path();
        let mut n_merged = 0;
        for dataset in ["poisoned", "other"] {
            let args = format!("log {dataset}.yaml --config zarr-fuse.yaml --json --limit 1000000");
            let log = run::zf_in(folder, args.split(' '), &[])
                .unwrap()
                .ok()
                .unwrap();
            for line in log.lines() {
                let entry: Value = serde_json::from_str(line).unwrap();
                let key = entry["contribution"]["idempotency_key"]
                    .as_str()
                    .unwrap_or_default();
                if key.starts_with("good-") {
                    assert_eq!(entry["status"], "merged", "{line}");
                    n_merged += 1;
                }
            }
        }
        let (status, log) = self.service.take().unwrap().terminate().await.unwrap();
        assert!(status.success(), "{log}");
        let verified = ["poisoned", "other"].map(|dataset| {
            let args = format!("verify {dataset}.yaml --config zarr-fuse.yaml");
            let verified = run::zf_in(folder, args.split(' '), &[]).unwrap();
            assert_eq!(
                verified.code,
                Some(0),
                "{}{}",
                verified.stdout,
                verified.stderr
            );
        });
        println!(
            "poison: {n_rounds} hostile contributions and their dry runs, answered {:?}; {} times killed; at most {} MiB resident; \
             good ones merged within {:?}",
            self.answers,
            self.n_kills,
            self.peak >> 20,
            self.longest
        );
        Row {
            campaign: "hostile contributions of every format, kill -9 between",
            n_faults: n_rounds + self.n_kills,
            n_sent: self.n_sent,
            n_acknowledged: self.n_good,
            n_lost: self.n_good - n_merged.min(self.n_good),
            n_doubled: n_merged.saturating_sub(self.n_good),
            equal: n_merged == self.n_good,
            verified: verified.len() == 2,
        }
        .record();
        assert_eq!(n_merged, self.n_good);
    }
}
