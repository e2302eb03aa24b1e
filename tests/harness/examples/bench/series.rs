//! Queries of one station's series among a thousand.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use zarr_fuse_harness::run;
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::Connection;

use crate::figures::{Chance, figure, ms, print, quantile};

const N_TIMES: usize = 10_000;
const N_STATIONS: usize = 1000;
const N_FILES: usize = 10;
/// Chunk length along the stations: queries of stations further apart share no chunk.
const CHUNK: usize = 64;
const N_WARM: usize = 200;
const N_STARTS: usize = 3;

const SCHEMA: &str = "
ATTRS: {STORE_URL: bench.zarr}
readings:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}}
    station: {type: str, sorted: false, chunk_size: 64}
  VARS:
    temperature: {coords: [date_time, station], unit: degC}
";
const CONFIG: &str = "{server: {listen: '127.0.0.1:0'}, datasets: {bench: {schema: bench.yaml}}}\n";

/// Median time of a query, with its chunks in the service's memory and without.
pub(crate) async fn measure() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("bench.yaml"), SCHEMA)?;
    std::fs::write(folder.path().join("zarr-fuse.yaml"), CONFIG)?;
    print(&format!(
        "query: one station's {N_TIMES} values out of {N_STATIONS} stations, over HTTP"
    ))?;
    fill(folder.path())?;
    for format in ["csv", "json", "arrow"] {
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for _ in 0..N_STARTS {
            let service =
                Service::start(folder.path(), ["serve", "--config", "zarr-fuse.yaml"]).await?;
            let mut connection = Connection::open(service.address()).await?;
            // The first query of the process pays for more than chunks.
            query(&mut connection, 0, format).await?;
            for station in (CHUNK..N_STATIONS).step_by(CHUNK) {
                cold.push(query(&mut connection, station, format).await?);
            }
            for i in 0..N_WARM {
                warm.push(query(&mut connection, N_STATIONS - 1 - i % 8, format).await?);
            }
            service.kill()?;
        }
        figure(
            &format!("{format}, p50"),
            &ms(quantile(&mut warm, 500)),
            "under 10 ms",
        )?;
        figure(
            &format!("{format}, p50, chunks not in memory"),
            &ms(quantile(&mut cold, 500)),
            "",
        )?;
    }
    Ok(())
}

async fn query(
    connection: &mut Connection,
    station: usize,
    format: &str,
) -> anyhow::Result<Duration> {
    let path = format!("/api/v1/query/bench/readings?sel.station=S{station:04}&format={format}");
    let begin = Instant::now();
    let answer = connection.get(&path).await?;
    let duration = begin.elapsed();
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
    ensure!(
        answer.body.len() > N_TIMES * 8,
        "only {} bytes came",
        answer.body.len()
    );
    if format == "csv" {
        let n_lines = answer.text().lines().count();
        ensure!(n_lines == N_TIMES + 1, "{n_lines} lines came");
    }
    Ok(duration)
}

/// Ingests the dataset, some times of all stations after the other.
fn fill(folder: &Path) -> anyhow::Result<()> {
    let mut chance = Chance(2);
    let mut names = vec![
        "ingest".to_owned(),
        "bench.yaml".to_owned(),
        "readings".to_owned(),
    ];
    for file in 0..N_FILES {
        let mut text = String::from("date_time,station,temperature\n");
        for time in file * N_TIMES / N_FILES..(file + 1) * N_TIMES / N_FILES {
            for station in 0..N_STATIONS {
                writeln!(
                    text,
                    "{},S{station:04},{}",
                    1_700_000_000 + time,
                    chance.measurement()
                )?;
            }
        }
        let name = format!("{file}.csv");
        std::fs::write(folder.join(&name), text)?;
        names.push(name);
    }
    run::zf(folder, names)?.ok()?;
    for file in 0..N_FILES {
        std::fs::remove_file(folder.join(format!("{file}.csv")))?;
    }
    Ok(())
}
