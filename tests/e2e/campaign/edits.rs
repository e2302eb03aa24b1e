//! Files are edited at random, well and badly, while clients contribute, ask and correct.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::task::JoinHandle;
use zarr_fuse_harness::chance::Chance;
use zarr_fuse_harness::service::{Service, free_address};
use zarr_fuse_harness::wire::{Answer, Connection};

use super::table::Row;
use super::{faults, seed};
use crate::workspace::Workspace;

const CSV: [(&str, &str); 1] = [("content-type", "text/csv")];
/// What takes longer does not come.
const PATIENCE: Duration = Duration::from_mins(2);

fn schema(name: &str, store: &str, more: &str) -> String {
    format!(
        "ATTRS: {{STORE_URL: '{store}', title: '{name}'}}\nn:\n  COORDS:\n    t: {{type: int64, chunk_size: 64}}\n  VARS:\n    v: {{coords: t, type: float64}}\n{more}"
    )
}

/// What the files say.
struct Files {
    workspace: Workspace,
    address: SocketAddr,
    n_variables: u64,
    /// The dataset `c`: not there, with a store, or with one that cannot be had.
    third: Option<&'static str>,
    page_rows: u64,
    has_alias: bool,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            workspace: Workspace::new(),
            address: free_address().unwrap(),
            n_variables: 0,
            third: None,
            page_rows: 100_000,
            has_alias: false,
        };
        files.write("steady.yaml", &schema("steady", "steady.zarr", ""));
        files.write("units.csv", "code,unit\n1,a\n");
        files.write_all();
        files
    }

    /// As editors do: whole, or not at all.
    fn write(&self, name: &str, text: &str) {
        let draft = self.workspace.write("draft", text);
        std::fs::rename(draft, self.workspace.path().join(name)).unwrap();
    }

    fn edited(&self) -> String {
        let more: Vec<_> = (0..self.n_variables)
            .map(|n| format!("    w{n}: {{coords: t, type: float64}}\n"))
            .collect();
        let more = more.concat();
        schema("edited", "edited.zarr", &more)
    }

    fn config(&self) -> String {
        let third = self.third.map_or("", |_| "  third: third.yaml\n");
        let alias = if self.has_alias {
            ", path: /api/v1/logger"
        } else {
            ""
        };
        format!(
            "server: {{listen: '{}'}}\nlimits: {{max_query_page_rows: {}}}\ndatasets:\n  steady: steady.yaml\n  edited: edited.yaml\n{third}endpoints:\n  logger: {{dataset: edited, node: n{alias}, decode: {{lookup: [{{file: units.csv, on: {{code: code}}, take: [unit]}}]}}}}\n",
            self.address, self.page_rows
        )
    }

    fn write_all(&self) {
        if let Some(store) = self.third {
            self.write("third.yaml", &schema("third", store, ""));
        }
        self.write("edited.yaml", &self.edited());
        self.write("zarr-fuse.yaml", &self.config());
    }

    /// One edit.
    fn edit(&mut self, chance: &mut Chance) {
        match chance.below(10) {
            0 => {
                let text = self.config();
                let end = usize::try_from(chance.below(text.len() as u64)).unwrap();
                self.write("zarr-fuse.yaml", &format!("{}\n  - : [", &text[..end]));
            }
            1 => {
                let text = self.edited();
                let end = usize::try_from(chance.below(text.len() as u64)).unwrap();
                // Whatever this is, it is not another schema that is sound.
                self.write("edited.yaml", &format!("{}\n  - : [", &text[..end]));
            }
            2 => {
                let changed = self.edited().replace("float64", "float32");
                self.write("edited.yaml", &changed);
            }
            3 => std::fs::remove_file(self.workspace.path().join("edited.yaml")).unwrap_or(()),
            4 => {
                self.n_variables += 1;
                self.write_all();
            }
            5 => {
                self.third = Some("third.zarr");
                self.write_all();
            }
            6 => {
                self.third = Some("/proc/nowhere/third.zarr");
                self.write_all();
            }
            7 => {
                self.third = None;
                self.write_all();
            }
            8 => {
                self.page_rows = 1000 + chance.below(1000);
                self.has_alias = !self.has_alias;
                self.write_all();
            }
            _ => {
                self.write(
                    "units.csv",
                    &format!("code,unit\n{},a\n", chance.below(100)),
                );
                self.write_all();
            }
        }
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Option<Answer> {
    let mut connection = Connection::open(address).await.ok()?;
    match method {
        "GET" => connection.get(path).await.ok(),
        _ => connection.post(path, &CSV, body).await.ok(),
    }
}

/// Contributes to the dataset that nobody touches, and asks for it; everything must be answered well.
fn steady(address: SocketAddr, is_over: &Arc<AtomicBool>) -> JoinHandle<i64> {
    let is_over = Arc::clone(is_over);
    tokio::spawn(async move {
        let mut t = 0;
        while !is_over.load(Ordering::Relaxed) {
            let csv = format!("t,v\n{t},{t}\n");
            let path = "/api/v1/ingest/steady/n?wait=merged";
            let sent = ask(address, "POST", path, csv.as_bytes()).await;
            let sent = sent.expect("the service answers");
            assert!(
                matches!(sent.status, 200 | 202),
                "{}: {}",
                sent.status,
                sent.text()
            );
            let asked = ask(address, "GET", "/api/v1/query/steady/n?limit=5", b"").await;
            assert_eq!(asked.expect("the service answers").status, 200);
            t += 1;
        }
        t
    })
}

/// Contributes to the dataset whose files are edited, and takes back some; gives what must be there, and how many requests
/// were made.
fn troubled(address: SocketAddr, is_over: &Arc<AtomicBool>) -> JoinHandle<(BTreeSet<i64>, usize)> {
    let is_over = Arc::clone(is_over);
    tokio::spawn(async move {
        let (mut there, mut n) = (BTreeSet::new(), 0);
        let mut t = 0;
        while !is_over.load(Ordering::Relaxed) {
            t += 1;
            let csv = format!("t,v\n{t},{t}\n");
            // Told to come back, it does.
            let id = loop {
                n += 1;
                let key = format!("{t}");
                let mut connection = Connection::open(address).await.unwrap();
                let headers = [
                    ("content-type", "text/csv"),
                    ("idempotency-key", key.as_str()),
                ];
                let sent = connection.post("/api/v1/ingest/edited/n", &headers, csv.as_bytes());
                let sent = sent.await.expect("the service answers");
                match sent.status {
                    200 | 202 => {
                        let receipt: Json = serde_json::from_str(&sent.text()).unwrap();
                        break receipt["id"].as_str().unwrap().to_owned();
                    }
                    503 => assert!(sent.header("retry-after").is_some(), "{}", sent.text()),
                    other => panic!("{other}: {}", sent.text()),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            there.insert(t);
            if t % 20 == 0 {
                loop {
                    n += 1;
                    let request = format!(
                        "DELETE /api/v1/contributions/{id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
                    );
                    let mut connection = Connection::open(address).await.unwrap();
                    let taken_back = connection.send(request.as_bytes()).await.unwrap();
                    match taken_back.status {
                        // Or asked before, when the answer did not tell.
                        200 | 202 | 409 => break,
                        503 => {}
                        other => panic!("{other}: {}", taken_back.text()),
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                there.remove(&t);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (there, n)
    })
}

async fn values(address: SocketAddr, name: &str) -> Option<Vec<i64>> {
    let path = format!("/api/v1/query/{name}/n?var=v&format=csv");
    let answer = ask(address, "GET", &path, b"").await?;
    if answer.status != 200 {
        return None;
    }
    let text = answer.text();
    let rows = text.lines().skip(1);
    let values = rows.filter_map(|row| {
        let (t, v) = row.split_once(',')?;
        (!v.is_empty()).then(|| t.parse().unwrap())
    });
    Some(values.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_disturb_only_what_they_change_and_lose_nothing() {
    let name = "edits of files";
    let mut chance = seed(name);
    let mut files = Files::new();
    let service = Service::start(files.workspace.path(), ["serve"])
        .await
        .unwrap();
    let address = service.address();
    let is_over = Arc::new(AtomicBool::new(false));
    let (steady, troubled) = (steady(address, &is_over), troubled(address, &is_over));
    let n_edits = faults(12, 300);
    for _ in 0..n_edits {
        files.edit(&mut chance);
        tokio::time::sleep(Duration::from_millis(chance.below(4000))).await;
        assert!(!steady.is_finished(), "{}", service.log());
    }
    // In the end the files are right again, whatever they were.
    files.third = Some("third.zarr");
    files.n_variables += 1;
    files.write_all();
    let begin = Instant::now();
    let newest = format!("w{}", files.n_variables - 1);
    loop {
        let asked = ask(address, "GET", "/api/v1/datasets/edited", b"")
            .await
            .unwrap();
        let third = ask(address, "GET", "/api/v1/datasets/third", b"")
            .await
            .unwrap();
        if asked.status == 200 && asked.text().contains(&newest) && third.status == 200 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{}", service.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let n_steady = steady.await.unwrap();
    let (expected, n_sent) = troubled.await.unwrap();
    let expected: Vec<i64> = expected.into_iter().collect();
    let begin = Instant::now();
    let mut found = Vec::new();
    while begin.elapsed() < PATIENCE {
        found = values(address, "edited").await.unwrap_or_default();
        if found == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let equal = found == expected
        && values(address, "steady").await.unwrap() == (0..n_steady).collect::<Vec<_>>();
    let (status, log) = service.terminate().await.unwrap();
    assert!(status.success(), "{log}");
    let verified = ["steady.yaml", "edited.yaml"]
        .iter()
        .all(|schema| files.workspace.zf(&format!("verify {schema}")).code == Some(0));
    let n_lost = expected.iter().filter(|t| !found.contains(t)).count();
    Row {
        campaign: name,
        n_faults: n_edits,
        n_sent: n_sent + usize::try_from(n_steady).unwrap(),
        n_acknowledged: expected.len() + usize::try_from(n_steady).unwrap(),
        n_lost,
        n_doubled: found.len().saturating_sub(expected.len() - n_lost),
        equal,
        verified,
    }
    .record();
    assert!(equal && verified, "{n_lost} lost\n{log}");
}
