//! The service is killed at random instants while clients upload; what it acknowledged must all be there, once.
//!
//! `just campaign` runs 30 kills, CI 5. `ZF_KILLS` and `ZF_SEED` choose another campaign.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::Connection;

use crate::workspace::Workspace;

const N_CLIENTS: usize = 8;
/// Seconds since 1970 at which the series begin.
const EPOCH: u64 = 1_700_000_000;

const SCHEMA: &str = "
ATTRS: {STORE_URL: campaign.zarr}
readings:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 256}
    station: {type: str, sorted: false, chunk_size: 4}
  VARS:
    value: {coords: [date_time, station]}
    newest: {coords: station, type: int64}
";

const CONFIG: &str = "
server: {listen: '127.0.0.1:0'}
datasets: {campaign: {schema: campaign.yaml}}
";

/// What one client has been told.
#[derive(Default)]
struct Acknowledged {
    /// Idempotency key → (sequence number, id, body).
    receipts: BTreeMap<String, (u64, String, String)>,
    n_replayed: usize,
}

/// What all clients share.
struct Shared {
    n_sent: AtomicUsize,
    stop: watch::Receiver<bool>,
    address: watch::Receiver<Option<SocketAddr>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_of_kills_loses_nothing_and_doubles_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let n_kills = number("ZF_KILLS").unwrap_or(5);
    let seed = number("ZF_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{n_kills} kills, ZF_SEED={seed}");
    let mut chance = Chance(seed);
    let workspace = Workspace::new();
    workspace.write("campaign.yaml", SCHEMA);
    workspace.write("zarr-fuse.yaml", CONFIG);

    let (stop, stopped) = watch::channel(false);
    let (at, address) = watch::channel(None);
    let shared = Arc::new(Shared {
        n_sent: AtomicUsize::new(0),
        stop: stopped,
        address,
    });
    let clients: Vec<_> = (0..N_CLIENTS)
        .map(|client| tokio::spawn(upload(client, Arc::clone(&shared))))
        .collect();

    let args = ["serve", "--config", "zarr-fuse.yaml"];
    for _ in 0..n_kills {
        let mut service = Service::spawn(workspace.path(), args).unwrap();
        at.send_replace(Some(service.address()));
        if chance.below(5) > 0 {
            service.ready().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(chance.below(1500))).await;
        service.kill().unwrap();
        at.send_replace(None);
    }
    let mut service = Service::spawn(workspace.path(), args).unwrap();
    at.send_replace(Some(service.address()));
    service.ready().await.unwrap();
    stop.send_replace(true);
    let mut acknowledged = Acknowledged::default();
    for client in clients {
        let of_client = client.await.unwrap();
        acknowledged.receipts.extend(of_client.receipts);
        acknowledged.n_replayed += of_client.n_replayed;
    }
    let last = "date_time,station,value,newest\n1600000000,last,1,1\n";
    let (seq, id) = contribute(service.address(), "last", last, "?wait=merged")
        .await
        .unwrap()
        .0;
    acknowledged
        .receipts
        .insert("last".to_owned(), (seq, id, last.to_owned()));
    let log = service.log();
    let (status, _) = service.terminate().await.unwrap();
    assert!(status.success(), "{log}");

    let (missing, doubled) = compare_journal(&workspace, &acknowledged);
    let equal = arrays_equal(&workspace, &acknowledged);
    let verified = workspace.zf("verify campaign.yaml");
    let (sent, n) = (
        shared.n_sent.load(Ordering::Relaxed),
        acknowledged.receipts.len(),
    );
    println!(
        "kills  requests  acknowledged  of them on a retry  lost  doubled  arrays equal  verified"
    );
    println!(
        "{n_kills:>5}  {sent:>8}  {n:>12}  {:>18}  {:>4}  {:>7}  {:>12}  {:>8}",
        acknowledged.n_replayed,
        missing.len(),
        doubled.len(),
        if equal.is_ok() { "yes" } else { "no" },
        if verified.code == Some(0) {
            "yes"
        } else {
            "no"
        },
    );
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "acknowledged, but not in the journal"
    );
    assert_eq!(
        doubled,
        Vec::<String>::new(),
        "more than once in the journal, or never sent"
    );
    assert!(equal.is_ok(), "{}", equal.unwrap_err());
    assert_eq!(
        verified.code,
        Some(0),
        "{}{}",
        verified.stdout,
        verified.stderr
    );
    assert!(n as u64 > n_kills, "hardly anything was uploaded");
}

/// Uploads one contribution after the other until told to stop; each is tried again until it is acknowledged.
async fn upload(client: usize, shared: Arc<Shared>) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    let mut address = shared.address.clone();
    let mut chance = Chance(client as u64);
    let mut connection = None;
    for k in 0_u64.. {
        if *shared.stop.borrow() {
            break;
        }
        let key = format!("client-{client}-{k}");
        let body = body(client as u64, k, &mut chance);
        loop {
            let Ok(Some(now)) = address.wait_for(Option::is_some).await.map(|at| *at) else {
                return acknowledged;
            };
            if connection.is_none() {
                connection = Connection::open(now).await.ok();
            }
            if let Some(open) = &mut connection {
                shared.n_sent.fetch_add(1, Ordering::Relaxed);
                match contribute_on(open, &key, &body, "").await {
                    Some(((seq, id), replayed)) => {
                        acknowledged.n_replayed += usize::from(replayed);
                        acknowledged.receipts.insert(key, (seq, id, body));
                        break;
                    }
                    None => connection = None,
                }
            }
            // Refused, or the connection broke: the next try is a retry with the same key.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    acknowledged
}

/// New rows at the end, sometimes late ones, and a cell that every contribution of all clients overwrites.
fn body(client: u64, k: u64, chance: &mut Chance) -> String {
    let id = client * 1_000_000 + k;
    let mut lines = vec!["date_time,station,value,newest".to_owned()];
    lines.push(format!(
        "{},station-{client},{id},{id}",
        EPOCH + k * 10 + client
    ));
    if chance.below(20) == 0 {
        let late = EPOCH - 1 - chance.below(5_000);
        lines.push(format!("{late},station-{client},{id}.5,"));
    }
    lines.push(format!("{EPOCH},shared,{id},{id}\n"));
    lines.join("\n")
}

async fn contribute(
    address: SocketAddr,
    key: &str,
    body: &str,
    query: &str,
) -> Option<((u64, String), bool)> {
    contribute_on(&mut Connection::open(address).await.ok()?, key, body, query).await
}

/// Contributes once. `None`: not acknowledged. Else sequence number, id, and whether it had been taken before.
async fn contribute_on(
    connection: &mut Connection,
    key: &str,
    body: &str,
    query: &str,
) -> Option<((u64, String), bool)> {
    let path = format!("/api/v1/ingest/campaign/readings{query}");
    let headers = [("content-type", "text/csv"), ("idempotency-key", key)];
    let answer = connection
        .post(&path, &headers, body.as_bytes())
        .await
        .ok()?;
    match answer.status {
        200 | 202 => {}
        503 | 429 => return None,
        status => panic!("{status}: {}", answer.text()),
    }
    let receipt: Value = serde_json::from_slice(&answer.body).unwrap();
    let id = receipt["id"].as_str().unwrap().to_owned();
    let replayed = answer.header("idempotency-replayed") == Some("true");
    Some(((receipt["seq"].as_u64().unwrap(), id), replayed))
}

/// Keys that were acknowledged but are not in the journal as they were, and keys that are there twice or unasked.
fn compare_journal(
    workspace: &Workspace,
    acknowledged: &Acknowledged,
) -> (Vec<String>, Vec<String>) {
    let log = workspace
        .zf("log campaign.yaml --json --limit 100000000")
        .ok()
        .unwrap();
    let mut found: HashMap<String, Vec<(u64, String)>> = HashMap::new();
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let header = &entry["contribution"];
        let text = |name: &str| header[name].as_str().unwrap().to_owned();
        assert_eq!(entry["status"], "merged", "{line}");
        found
            .entry(text("idempotency_key"))
            .or_default()
            .push((header["seq"].as_u64().unwrap(), text("id")));
    }
    let is_there = |(key, (seq, id, _)): &(&String, &(u64, String, String))| {
        found
            .get(*key)
            .is_some_and(|found| found.contains(&(*seq, id.clone())))
    };
    let lost = acknowledged
        .receipts
        .iter()
        .filter(|receipt| !is_there(receipt));
    let lost = lost.map(|(key, _)| key.clone()).collect();
    let once = |key: &String, n: usize| n == 1 && acknowledged.receipts.contains_key(key);
    let doubled = found.iter().filter(|(key, found)| !once(key, found.len()));
    let mut doubled: Vec<String> = doubled.map(|(key, _)| key.clone()).collect();
    doubled.sort();
    (lost, doubled)
}

/// Folds what was acknowledged, in order, with the naive map in Python, and compares the arrays.
fn arrays_equal(workspace: &Workspace, acknowledged: &Acknowledged) -> Result<(), String> {
    let mut in_order: Vec<&(u64, String, String)> = acknowledged.receipts.values().collect();
    in_order.sort();
    let lines = in_order
        .iter()
        .map(|(_, _, body)| json!({"kind": "csv", "body": body}).to_string());
    workspace.write("acknowledged.ndjson", &lines.collect::<Vec<_>>().join("\n"));
    let contributions = ["contributions=acknowledged.ndjson"];
    workspace.compare("campaign.yaml", "campaign.zarr", "readings", &contributions)
}

/// Repeatable random numbers (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % n
    }
}
