//! How long a start takes when much is in the journal, after a `kill -9` and without the checkpoints.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::{LocalSet, spawn_local};
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::{Connection, request};

use crate::figures::{figure, print};

const N_CONNECTIONS: u64 = 64;
/// Contributions, unless `ZF_CONTRIBUTIONS` says otherwise.
const N_CONTRIBUTIONS: u64 = 1_000_000;

const SCHEMA: &str = "
ATTRS: {STORE_URL: bench.zarr}
readings:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}}
  VARS:
    temperature: {coords: date_time, unit: degC}
";
const CONFIG: &str = "{server: {listen: '127.0.0.1:0'}, datasets: {bench: {schema: bench.yaml}}}\n";

/// Fills a journal, kills the service, and starts it again.
pub(crate) async fn measure() -> anyhow::Result<()> {
    let wanted = std::env::var("ZF_CONTRIBUTIONS").ok();
    let n = wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or(N_CONTRIBUTIONS);
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("bench.yaml"), SCHEMA)?;
    std::fs::write(folder.path().join("zarr-fuse.yaml"), CONFIG)?;
    print(&format!(
        "zf serve: a start after {n} contributions of one row"
    ))?;
    let service = Service::start(folder.path(), ["serve"]).await?;
    let begin = Instant::now();
    let address = service.address();
    LocalSet::new().run_until(fill(address, n)).await?;
    let rate = crate::figures::float(usize::try_from(n)?) / begin.elapsed().as_secs_f64();
    figure(
        "acknowledged per second meanwhile",
        &format!("{rate:.0}"),
        "",
    )?;
    service.kill()?;
    let journal = folder.path().join("bench.zarr/journal");
    let segments = std::fs::read_dir(journal.join("segments"))?.count();
    figure("segments", &segments.to_string(), "")?;
    figure(
        "ready after kill -9",
        &start(folder.path()).await?,
        "under 10 s",
    )?;
    figure("ready again", &start(folder.path()).await?, "under 10 s")?;
    std::fs::remove_dir_all(journal.join("checkpoints"))?;
    figure(
        "ready without checkpoints",
        &start(folder.path()).await?,
        "",
    )?;
    Ok(())
}

async fn fill(address: SocketAddr, n: u64) -> anyhow::Result<()> {
    let posting: Vec<_> = (0..N_CONNECTIONS)
        .map(|k| spawn_local(post(address, k, n / N_CONNECTIONS)))
        .collect();
    for posting in posting {
        posting.await??;
    }
    Ok(())
}

async fn post(address: SocketAddr, k: u64, n: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let headers = [("content-type", "text/csv")];
    for i in 0..n {
        let time = 1_700_000_000 + i * N_CONNECTIONS + k;
        let body = format!("date_time,temperature\n{time},{}\n", i % 40);
        let path = "/api/v1/ingest/bench";
        let request = request(address, "POST", path, &headers, body.as_bytes());
        loop {
            let answer = connection.send(&request).await?;
            if answer.status == 202 {
                break;
            }
            // More waits than may: the sender is to come back.
            ensure!(answer.status == 429, "{}: {}", answer.status, answer.text());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

/// Starts the service and ends it; gives the time until it was ready, and its memory then.
async fn start(folder: &Path) -> anyhow::Result<String> {
    let begin = Instant::now();
    let service = Service::start(folder, ["serve"]).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let memory = service.peak_memory_bytes()? >> 20;
    service.terminate().await?;
    Ok(format!("{seconds:.1} s, {memory} MiB"))
}
