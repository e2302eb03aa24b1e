//! Many small uploads at once: acknowledged after fsync, then merged.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::task::{LocalSet, spawn_local};
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::{Connection, request};

use crate::figures::{Chance, figure, float, ms, print, quantile};

const N_CONNECTIONS: usize = 16;
const N_ROWS: u64 = 100;
const DURATION: Duration = Duration::from_secs(20);
/// How often the folded state is looked at.
const POLL: Duration = Duration::from_millis(10);

const SCHEMA: &str = "
ATTRS: {STORE_URL: bench.zarr}
readings:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}}
    station: {type: str, sorted: false, chunk_size: 64}
  VARS:
    temperature: {coords: [date_time, station], unit: degC}
    humidity: {coords: [date_time, station], unit: '%'}
    pressure: {coords: [date_time, station], unit: hPa}
    wind_speed: {coords: [date_time, station], unit: m/s}
    radiation: {coords: [date_time, station], unit: W/m^2}
";
const CONFIG: &str = "{server: {listen: '127.0.0.1:0'}, datasets: {bench: {schema: bench.yaml}}}\n";

/// An acknowledged upload.
struct Upload {
    sent: Instant,
    acknowledged_after: Duration,
    seq: u64,
}

/// When a folded sequence number was first seen.
type Seen = Rc<RefCell<Vec<(Instant, u64)>>>;

/// Uploads per second, time to the acknowledgement, time until queries see the values.
pub(crate) async fn measure() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("bench.yaml"), SCHEMA)?;
    std::fs::write(folder.path().join("zarr-fuse.yaml"), CONFIG)?;
    print(&format!(
        "zf serve: {N_CONNECTIONS} connections post CSVs of {N_ROWS} rows × 5 variables for {} s, each its own station",
        DURATION.as_secs()
    ))?;
    let service = Service::start(folder.path(), ["serve", "--config", "zarr-fuse.yaml"]).await?;
    let (address, local) = (service.address(), LocalSet::new());
    let (uploads, seen) = local.run_until(load(address)).await?;
    let n = uploads.len();
    let mut acknowledged: Vec<Duration> = uploads
        .iter()
        .map(|upload| upload.acknowledged_after)
        .collect();
    let mut visible = Vec::with_capacity(n);
    for upload in &uploads {
        let place = seen.partition_point(|(_, folded)| *folded < upload.seq);
        let (at, _) = seen.get(place).context("an upload was never seen")?;
        visible.push(at.duration_since(upload.sent));
    }
    let rate = float(n) / DURATION.as_secs_f64();
    figure("acknowledged per second", &format!("{rate:.0}"), "2000")?;
    figure(
        "acknowledged after, p50",
        &ms(quantile(&mut acknowledged, 500)),
        "",
    )?;
    figure(
        "acknowledged after, p99",
        &ms(quantile(&mut acknowledged, 990)),
        "under 50 ms",
    )?;
    figure(
        "visible to queries after, p50",
        &ms(quantile(&mut visible, 500)),
        "",
    )?;
    figure(
        "visible to queries after, p99",
        &ms(quantile(&mut visible, 990)),
        "under 1.5 s",
    )?;
    let (status, log) = service.terminate().await?;
    ensure!(status.success(), "zf serve ended with {status}\n{log}");
    Ok(())
}

/// Runs the connections and the look at the folded state side by side.
async fn load(address: SocketAddr) -> anyhow::Result<(Vec<Upload>, Vec<(Instant, u64)>)> {
    let seen = Seen::default();
    let wanted = Rc::new(Cell::new(u64::MAX));
    let watching = spawn_local(watch(address, Rc::clone(&seen), Rc::clone(&wanted)));
    let end = Instant::now() + DURATION;
    let posting: Vec<_> = (0..N_CONNECTIONS)
        .map(|station| spawn_local(post(address, station, end)))
        .collect();
    let mut uploads = Vec::new();
    for posting in posting {
        uploads.extend(posting.await??);
    }
    wanted.set(uploads.iter().map(|upload| upload.seq).max().unwrap_or(0));
    watching.await??;
    Ok((uploads, seen.take()))
}

/// Posts one station's measurements, a hundred seconds of them at a time.
async fn post(address: SocketAddr, station: usize, end: Instant) -> anyhow::Result<Vec<Upload>> {
    let mut connection = Connection::open(address).await?;
    let mut chance = Chance(station as u64);
    let tails: Vec<String> = (0..N_ROWS)
        .map(|_| {
            let values: Vec<String> = (0..5).map(|_| chance.measurement()).collect();
            format!(",station-{station:02},{}\n", values.join(","))
        })
        .collect();
    let (mut uploads, mut time) = (Vec::new(), 1_700_000_000_u64);
    let mut body = String::new();
    while Instant::now() < end {
        body.clear();
        body.push_str("date_time,station,temperature,humidity,pressure,wind_speed,radiation\n");
        for tail in &tails {
            write!(body, "{time}{tail}")?;
            time += 1;
        }
        let headers = [("content-type", "text/csv")];
        let request = request(
            address,
            "POST",
            "/api/v1/ingest/bench/readings",
            &headers,
            body.as_bytes(),
        );
        let sent = Instant::now();
        let answer = connection.send(&request).await?;
        let acknowledged_after = sent.elapsed();
        ensure!(answer.status == 202, "{}: {}", answer.status, answer.text());
        let seq = number(&answer.text(), "\"seq\":").context("a receipt has a sequence number")?;
        uploads.push(Upload {
            sent,
            acknowledged_after,
            seq,
        });
    }
    Ok(uploads)
}

/// Notes when the state that queries read has which folded sequence number, until `wanted` is reached.
async fn watch(address: SocketAddr, seen: Seen, wanted: Rc<Cell<u64>>) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let mut folded = 0;
    while folded < wanted.get() {
        let answer = connection.get("/api/v1/datasets/bench").await?;
        let now = number(&answer.text(), "\"folded_seq\":")
            .context("a node has a folded sequence number")?;
        if now > folded {
            folded = now;
            seen.borrow_mut().push((Instant::now(), folded));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// The number after `key` in JSON text.
fn number(text: &str, key: &str) -> Option<u64> {
    let rest = text.split_once(key)?.1.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}
