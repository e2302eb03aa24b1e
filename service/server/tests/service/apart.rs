//! Datasets are opened, fail, recover and are opened again one by one, and the others serve on.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zarr_fuse_server::{ServeError, config::Config, serve};

/// What takes longer does not come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A service of what lies in a folder.
struct Site {
    folder: TempDir,
    address: SocketAddr,
    client: Client,
    stop: CancellationToken,
    running: Option<JoinHandle<Result<(), ServeError>>>,
}

fn schema(store: &str) -> String {
    format!(
        "ATTRS: {{STORE_URL: '{store}'}}\nn:\n  COORDS:\n    t: {{type: int64, chunk_size: 1024}}\n  VARS:\n    v: {{coords: t, type: float64}}\n"
    )
}

impl Site {
    /// A folder with a schema for each name, whose store lies beside it.
    fn new(names: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
            address: free.local_addr().unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
            stop: CancellationToken::new(),
            running: None,
        };
        for name in names {
            site.write(&format!("{name}.yaml"), &schema(&format!("{name}.zarr")));
        }
        site.configure(&lines(names));
        site
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// As editors do: the file is there whole, or as it was.
    fn write(&self, name: &str, text: &str) {
        let draft = self.path("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.path(name)).unwrap();
    }

    fn configure(&self, datasets: &str) {
        let text = format!(
            "server: {{listen: '{}'}}\ndatasets:\n{datasets}",
            self.address
        );
        self.write("zarr-fuse.yaml", &text);
    }

    fn start(&mut self) {
        let file = self.path("zarr-fuse.yaml");
        let config = Config::load(&file, &std::env::vars().collect()).unwrap();
        self.running = Some(tokio::spawn(serve(config, self.stop.clone())));
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn ask(&self, path: &str) -> Option<Response> {
        self.client.get(self.url(path)).send().await.ok()
    }

    async fn status(&self, path: &str) -> u16 {
        let answer = self.ask(path).await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    async fn text(&self, path: &str) -> String {
        self.ask(path).await.unwrap().text().await.unwrap()
    }

    /// Contributes one value.
    async fn contribute(&self, name: &str, t: i64) -> u16 {
        let url = self.url(&format!("/api/v1/ingest/{name}/n?wait=merged"));
        let csv = format!("t,v\n{t},{t}\n");
        let post = self.client.post(url).header("content-type", "text/csv");
        let answer = post.body(csv).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    /// Waits until a dataset answers so.
    async fn until(&self, name: &str, status: u16) {
        let begin = Instant::now();
        let path = format!("/api/v1/datasets/{name}");
        while self.status(&path).await != status {
            assert!(
                begin.elapsed() < PATIENCE,
                "`{name}` does not answer {status}"
            );
            assert!(!self.running.as_ref().unwrap().is_finished(), "it ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn end(mut self) {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap().unwrap();
    }
}

fn lines(names: &[&str]) -> String {
    let lines: Vec<_> = names.iter().map(|n| format!("  {n}: {n}.yaml\n")).collect();
    lines.concat()
}

/// Contributes to a dataset again and again, and asks for it; everything must be answered well, until it is told to stop.
fn disturbed_by_nothing(site: &Site, name: &str) -> impl AsyncFnOnce() -> i64 + use<> {
    let (client, is_over) = (site.client.clone(), Arc::new(AtomicBool::new(false)));
    let (ingest, query) = (
        site.url(&format!("/api/v1/ingest/{name}/n")),
        site.url(&format!("/api/v1/query/{name}/n?limit=1")),
    );
    let over = Arc::clone(&is_over);
    let busy = tokio::spawn(async move {
        let mut n = 0;
        while !over.load(Ordering::Relaxed) {
            let post = client.post(&ingest).header("content-type", "text/csv");
            let sent = post.body(format!("t,v\n{n},1\n")).send().await.unwrap();
            let status = sent.status();
            assert!(
                status.is_success(),
                "{status}: {}",
                sent.text().await.unwrap()
            );
            let asked = client.get(&query).send().await.unwrap();
            assert_eq!(asked.status(), 200);
            n += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        n
    });
    async move || {
        is_over.store(true, Ordering::Relaxed);
        busy.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_whose_store_cannot_be_opened_fails_alone_and_comes_back() {
    let mut site = Site::new(&["a", "b"]);
    // No folder can be made where a file is.
    std::fs::write(site.path("b.zarr"), "in the way").unwrap();
    site.start();
    site.until("a", 200).await;
    site.until("b", 503).await;
    assert_eq!(site.contribute("a", 1).await, 200);
    let refused = site.ask("/api/v1/query/b/n").await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    let text = refused.text().await.unwrap();
    assert!(
        text.contains("not-open") && text.contains("b.zarr"),
        "{text}"
    );
    assert_eq!(site.contribute("b", 1).await, 503);
    assert_eq!(site.status("/api/v1/datasets/c").await, 404);
    let list: Json = serde_json::from_str(&site.text("/api/v1/datasets").await).unwrap();
    assert!(list["datasets"][0].get("not_open").is_none(), "{list}");
    assert_eq!(
        list["datasets"][1]["not_open"]["has_failed"], true,
        "{list}"
    );
    let ready = site.ask("/health/ready").await.unwrap();
    assert_eq!(ready.status(), 503);
    let ready = ready.text().await.unwrap();
    assert!(
        ready.contains("b.zarr") && !ready.contains("a.zarr"),
        "{ready}"
    );
    let metrics = site.text("/metrics").await;
    assert!(
        metrics.contains("zarr_fuse_dataset_open{dataset=\"b\"} 0"),
        "{metrics}"
    );

    let undisturbed = disturbed_by_nothing(&site, "a");
    std::fs::remove_file(site.path("b.zarr")).unwrap();
    site.until("b", 200).await;
    assert_eq!(site.contribute("b", 1).await, 200);
    assert!(undisturbed().await > 0);
    assert!(
        site.text("/metrics")
            .await
            .contains("zarr_fuse_dataset_open{dataset=\"b\"} 1")
    );
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_stops_its_own_dataset_only() {
    let mut site = Site::new(&["a", "b"]);
    site.start();
    site.until("b", 200).await;
    assert_eq!(site.contribute("b", 1).await, 200);
    let folder = std::mem::replace(&mut site.folder, tempfile::tempdir().unwrap());
    let segment = folder.path().join("b.zarr/journal/segments");
    let segment = std::fs::read_dir(segment)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    site.end().await;
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let mut site = Site::new(&[]);
    site.folder = folder;
    site.configure("  a: a.yaml\n  b: b.yaml\n");
    site.start();
    site.until("a", 200).await;
    site.until("b", 503).await;
    assert_eq!(site.contribute("a", 1).await, 200);
    let text = site.text("/api/v1/datasets/b").await;
    assert!(text.contains("zf journal check"), "{text}");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_leaves_alone_what_it_does_not_change() {
    let mut site = Site::new(&["a"]);
    site.start();
    site.until("a", 200).await;
    let undisturbed = disturbed_by_nothing(&site, "a");

    // A dataset whose store is away.
    site.write("b.yaml", &schema("/proc/nowhere/b.zarr"));
    site.configure("  a: a.yaml\n  b: b.yaml\n");
    site.until("b", 503).await;
    // Files that are not right change nothing.
    site.write("zarr-fuse.yaml", "datasets: [");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(site.status("/api/v1/datasets/b").await, 503);
    site.configure("  a: a.yaml\n  b: missing.yaml\n");
    tokio::time::sleep(Duration::from_secs(3)).await;
    // It is taken back.
    site.configure("  a: a.yaml\n");
    site.until("b", 404).await;
    // It comes with another store, and one more at the same time.
    site.write("b.yaml", &schema("b.zarr"));
    site.write("c.yaml", &schema("c.zarr"));
    site.configure("  a: a.yaml\n  b: b.yaml\n  c: c.yaml\n");
    site.until("b", 200).await;
    site.until("c", 200).await;
    assert_eq!(site.contribute("b", 1).await, 200);
    // The same files under another name.
    site.configure("  a: a.yaml\n  d: b.yaml\n");
    site.until("d", 200).await;
    site.until("b", 404).await;
    assert!(undisturbed().await > 100);
    assert_eq!(site.contribute("d", 2).await, 200);
    assert_eq!(
        site.text("/api/v1/query/d/n?format=csv").await,
        "t,v\n1,1.0\n2,2.0\n"
    );
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_schema_takes_effect_while_contributions_come() {
    let mut site = Site::new(&["a", "b"]);
    site.start();
    site.until("a", 200).await;
    let undisturbed = disturbed_by_nothing(&site, "b");
    let is_over = Arc::new(AtomicBool::new(false));
    let (over, client) = (Arc::clone(&is_over), site.client.clone());
    let url = site.url("/api/v1/ingest/a/n?wait=merged");
    let writing = tokio::spawn(async move {
        let mut t = 0_i64;
        let mut longest = Duration::ZERO;
        while !over.load(Ordering::Relaxed) {
            let begin = Instant::now();
            // Told to come back, it does.
            loop {
                let post = client.post(&url).header("content-type", "text/csv");
                let sent = post
                    .body(format!("t,v,w\n{t},{t},{t}\n"))
                    .send()
                    .await
                    .unwrap();
                match sent.status().as_u16() {
                    200 => break,
                    503 => assert!(sent.headers().contains_key("retry-after")),
                    other => panic!("{other}: {}", sent.text().await.unwrap()),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            longest = longest.max(begin.elapsed());
            t += 1;
        }
        (t, longest)
    });
    let more = format!("{}    w: {{coords: t, type: float64}}\n", schema("a.zarr"));
    site.write("a.yaml", &more);
    let begin = Instant::now();
    while !site
        .text("/api/v1/query/a/n?latest=1&format=csv")
        .await
        .starts_with("t,v,w\n")
    {
        assert!(begin.elapsed() < PATIENCE, "the edit does not take effect");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let (n, longest) = writing.await.unwrap();
    assert!(longest < Duration::from_secs(10), "{longest:?}");
    undisturbed().await;
    let csv = site.text("/api/v1/query/a/n?format=csv&limit=100000").await;
    assert_eq!(
        i64::try_from(csv.lines().count()).unwrap(),
        n + 1,
        "nothing is lost"
    );
    // An edit that asks for other stored values changes nothing.
    site.write("a.yaml", &more.replace("float64", "float32"));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(site.contribute("a", n).await, 200);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_delays_no_edit_and_edits_in_quick_succession_all_count() {
    let mut site = Site::new(&["a", "b", "c"]);
    site.configure("  a: a.yaml\n");
    site.start();
    site.until("a", 200).await;
    let rows: Vec<_> = (0..400_000).map(|t| format!("{t},{t}.5\n")).collect();
    let rows = rows.concat();
    let url = site.url("/api/v1/ingest/a/n?wait=merged");
    let post = site.client.post(url).header("content-type", "text/csv");
    let sent = post.body(format!("t,v\n{rows}")).send().await.unwrap();
    assert!(sent.status().is_success());
    let mut slow = tokio::net::TcpStream::connect(site.address).await.unwrap();
    let question =
        "GET /api/v1/query/a/n?format=csv HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    slow.write_all(question.as_bytes()).await.unwrap();
    let mut answer = vec![0; 100_000];
    slow.read_exact(&mut answer).await.unwrap();

    let begin = Instant::now();
    site.configure("  a: a.yaml\n  b: b.yaml\n");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    site.configure("  a: a.yaml\n  b: b.yaml\n  c: c.yaml\n");
    // Another server is begun, since paths are added: the former one finishes what it has.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let text = format!(
        "server: {{listen: '{}'}}\ndatasets:\n  a: a.yaml\n  b: b.yaml\n  c: c.yaml\nendpoints:\n  logger: {{dataset: a, node: n, path: /api/v1/logger}}\n",
        site.address
    );
    site.write("zarr-fuse.yaml", &text);
    site.until("c", 200).await;
    site.until("b", 200).await;
    let logger = site.url("/api/v1/logger");
    while site.client.get(&logger).send().await.unwrap().status() != 405 {
        assert!(begin.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    // The schema of what is read slowly is edited, too.
    site.write(
        "a.yaml",
        &format!("{}    w: {{coords: t, type: float64}}\n", schema("a.zarr")),
    );
    while !site
        .text("/api/v1/query/a/n?latest=1&format=csv")
        .await
        .starts_with("t,v,w\n")
    {
        assert!(begin.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    slow.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("399999,399999.5"), "the answer is cut");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_wrong_ends_the_start() {
    let mut site = Site::new(&["a"]);
    site.write("a.yaml", "n: {COORDS: {t: {type: nonsense}}}");
    let file = site.path("zarr-fuse.yaml");
    let config = Config::load(&file, &std::env::vars().collect()).unwrap();
    let ended = serve(config, site.stop.clone()).await;
    assert!(matches!(ended, Err(ServeError::App(_))), "{ended:?}");
    site.write("a.yaml", &schema("a.zarr"));
    site.start();
    site.until("a", 200).await;
    assert!(Path::new(&site.path("a.zarr")).exists());
    site.end().await;
}
