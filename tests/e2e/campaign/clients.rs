//! Clients that upload one contribution after the other, and try each again until it is acknowledged.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zarr_fuse_harness::chance::Chance;
use zarr_fuse_harness::wire::{Answer, Connection};

/// Seconds since 1970 at which the series begin.
const EPOCH: u64 = 1_700_000_000;
/// Longest time a client waits for an answer before it tries again.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is uploaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) n_clients: usize,
    /// Of 20 contributions, how many have a row before all others.
    pub(super) late_of_20: u64,
    /// Further rows of each contribution.
    pub(super) n_rows: u64,
    /// Pause between two contributions of a client.
    pub(super) pause: Duration,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            n_clients: 8,
            late_of_20: 1,
            n_rows: 0,
            // In a long campaign so little that folds keep up although they are killed again and again.
            pause: Duration::from_millis(if super::is_long() { 25 } else { 0 }),
        }
    }
}

/// An acknowledged contribution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Receipt {
    pub(super) seq: u64,
    pub(super) id: String,
    pub(super) body: String,
}

/// What clients have been told.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// By idempotency key.
    pub(super) receipts: BTreeMap<String, Receipt>,
    /// Requests sent.
    pub(super) n_sent: usize,
    /// Refusals by status.
    pub(super) refusals: BTreeMap<u16, usize>,
}

/// Clients at work.
pub(super) struct Clients {
    shared: Arc<Shared>,
    at: watch::Sender<Option<SocketAddr>>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<BTreeMap<String, Receipt>>>,
}

struct Shared {
    load: Load,
    n_sent: AtomicUsize,
    n_acknowledged: AtomicUsize,
    refusals: Mutex<BTreeMap<u16, usize>>,
    last_refusal: Mutex<String>,
    stop: watch::Receiver<bool>,
    address: watch::Receiver<Option<SocketAddr>>,
}

impl Clients {
    /// Starts clients, which wait for an address.
    pub(super) fn start(load: Load) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (at, address) = watch::channel(None);
        let shared = Arc::new(Shared {
            load,
            n_sent: AtomicUsize::new(0),
            n_acknowledged: AtomicUsize::new(0),
            refusals: Mutex::default(),
            last_refusal: Mutex::default(),
            stop: stopped,
            address,
        });
        let tasks = (0..load.n_clients)
            .map(|client| tokio::spawn(upload(client as u64, Arc::clone(&shared))))
            .collect();
        Self {
            shared,
            at,
            stop,
            tasks,
        }
    }

    /// From now on they send there; `None`: nowhere.
    pub(super) fn send_to(&self, address: Option<SocketAddr>) {
        self.at.send_replace(address);
    }

    /// How many contributions are acknowledged so far.
    pub(super) fn n_acknowledged(&self) -> usize {
        self.shared.n_acknowledged.load(Ordering::Relaxed)
    }

    /// Refusals so far with this status.
    pub(super) fn n_refused(&self, status: u16) -> usize {
        let refusals = self.shared.refusals.lock().unwrap();
        refusals.get(&status).copied().unwrap_or(0)
    }

    /// The text of the last refusal.
    pub(super) fn last_refusal(&self) -> String {
        self.shared.last_refusal.lock().unwrap().clone()
    }

    /// Waits until `n` more are acknowledged.
    pub(super) async fn more(&self, n: usize) {
        let wanted = self.n_acknowledged() + n;
        let enough = async {
            while self.n_acknowledged() < wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(2), enough).await;
        in_time.unwrap_or_else(|_| panic!("nothing is taken: {}", self.last_refusal()));
    }

    /// Waits until contributions are refused with this status, `n` more of them.
    pub(super) async fn refused(&self, status: u16, n: usize) {
        let wanted = self.n_refused(status) + n;
        let enough = async {
            while self.n_refused(status) < wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_mins(2), enough).await;
        in_time.unwrap_or_else(|_| {
            panic!("nothing is refused with {status}: {}", self.last_refusal())
        });
    }

    /// Lets them finish what they are at, and adds a last contribution, which must be merged.
    pub(super) async fn finish(self, address: SocketAddr) -> Acknowledged {
        self.at.send_replace(Some(address));
        self.stop.send_replace(true);
        let mut acknowledged = Acknowledged::default();
        for task in self.tasks {
            acknowledged.receipts.extend(task.await.unwrap());
        }
        let body = "date_time,station,value,newest\n1600000000,last,1,1\n".to_owned();
        let receipt = contribute_last(address, body).await;
        acknowledged.receipts.insert("last".to_owned(), receipt);
        acknowledged.n_sent = self.shared.n_sent.load(Ordering::Relaxed);
        acknowledged.refusals = self.shared.refusals.lock().unwrap().clone();
        acknowledged
    }
}

/// Everything before is merged when this one is.
async fn contribute_last(address: SocketAddr, body: String) -> Receipt {
    let begin = std::time::Instant::now();
    loop {
        let mut said = String::new();
        if let Ok(mut connection) = Connection::open(address).await
            && let Ok(answer) = post(&mut connection, "last", &body, "?wait=merged").await
        {
            said = answer.text();
            let receipt: Value = serde_json::from_slice(&answer.body).unwrap();
            if answer.status == 200 && receipt["status"] == "merged" {
                return read(&receipt, body);
            }
            if answer.header("idempotency-replayed").is_some() && receipt["status"] == "merged" {
                return read(&receipt, body);
            }
        }
        assert!(
            begin.elapsed() < Duration::from_mins(3),
            "the last contribution is not merged: {said}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Uploads one contribution after the other until told to stop; each is tried again until it is acknowledged.
async fn upload(client: u64, shared: Arc<Shared>) -> BTreeMap<String, Receipt> {
    let mut receipts = BTreeMap::new();
    let mut address = shared.address.clone();
    let mut chance = Chance(client);
    let mut connection: Option<(SocketAddr, Connection)> = None;
    for k in 0_u64.. {
        if *shared.stop.borrow() {
            break;
        }
        let key = format!("client-{client}-{k}");
        let body = body(client, k, shared.load, &mut chance);
        loop {
            let Ok(Some(now)) = address.wait_for(Option::is_some).await.map(|at| *at) else {
                return receipts;
            };
            if connection.as_ref().is_none_or(|(at, _)| *at != now) {
                connection = Connection::open(now).await.ok().map(|open| (now, open));
            }
            if let Some((_, open)) = &mut connection {
                shared.n_sent.fetch_add(1, Ordering::Relaxed);
                match tokio::time::timeout(PATIENCE, post(open, &key, &body, "")).await {
                    Ok(Ok(answer)) if matches!(answer.status, 200 | 202) => {
                        let receipt: Value = serde_json::from_slice(&answer.body).unwrap();
                        receipts.insert(key, read(&receipt, body));
                        shared.n_acknowledged.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    Ok(Ok(answer)) => {
                        note_refusal(&shared, &answer);
                        if answer.header("connection") == Some("close") {
                            connection = None;
                        }
                    }
                    Ok(Err(_)) | Err(_) => connection = None,
                }
            }
            // Refused, or the connection broke: the next try is a retry with the same key.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(shared.load.pause).await;
    }
    receipts
}

fn note_refusal(shared: &Shared, answer: &Answer) {
    assert!(
        matches!(answer.status, 429 | 503 | 507),
        "{}: {}",
        answer.status,
        answer.text()
    );
    assert!(
        answer.header("retry-after").is_some(),
        "no Retry-After: {}",
        answer.text()
    );
    *shared
        .refusals
        .lock()
        .unwrap()
        .entry(answer.status)
        .or_default() += 1;
    *shared.last_refusal.lock().unwrap() = answer.text();
}

/// New rows at the end, late ones, and a cell that every contribution of all clients overwrites.
fn body(client: u64, k: u64, load: Load, chance: &mut Chance) -> String {
    use std::fmt::Write as _;
    let id = client * 1_000_000 + k;
    let mut text = "date_time,station,value,newest\n".to_owned();
    let time = EPOCH + k * 10 + client;
    writeln!(text, "{time},station-{client},{id},{id}").unwrap();
    for i in 0..load.n_rows {
        writeln!(text, "{},station-{},{id}.{i:03},", time + 10 * i, i % 4).unwrap();
    }
    if chance.below(20) < load.late_of_20 {
        let late = EPOCH - 1 - chance.below(50_000);
        writeln!(text, "{late},station-{client},{id}.5,").unwrap();
    }
    writeln!(text, "{EPOCH},shared,{id},{id}").unwrap();
    text
}

/// Contributes once.
pub(super) async fn post(
    connection: &mut Connection,
    key: &str,
    body: &str,
    query: &str,
) -> anyhow::Result<Answer> {
    let path = format!("/api/v1/ingest/campaign/readings{query}");
    let headers = [("content-type", "text/csv"), ("idempotency-key", key)];
    connection.post(&path, &headers, body.as_bytes()).await
}

fn read(receipt: &Value, body: String) -> Receipt {
    Receipt {
        seq: receipt["seq"].as_u64().unwrap(),
        id: receipt["id"].as_str().unwrap().to_owned(),
        body,
    }
}
