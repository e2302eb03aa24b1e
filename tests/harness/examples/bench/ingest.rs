//! `zf ingest` of one large CSV file.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use zarr_fuse_harness::{binary, run};

use crate::figures::{Chance, figure, float, ms, print, quantile};

const N_TIMES: usize = 1000;
const N_STATIONS: usize = 1000;
const N_RUNS: usize = 3;

const PARSE: &str = "
import sys, time, polars
begin = time.perf_counter()
polars.read_csv(sys.argv[1])
print(time.perf_counter() - begin)
";

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

/// Rows per second, peak memory, and the time as a multiple of parsing alone.
pub(crate) fn measure() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("readings.csv");
    write_csv(&file)?;
    std::fs::write(folder.path().join("bench.yaml"), SCHEMA)?;
    let n_bytes = std::fs::metadata(&file)?.len();
    print(&format!(
        "zf ingest: a CSV of {} rows × 5 variables, {} times × {} stations, shuffled, {} MiB; median of {N_RUNS}",
        N_TIMES * N_STATIONS,
        N_TIMES,
        N_STATIONS,
        n_bytes >> 20
    ))?;
    let (mut parsing, mut ingesting) = (Vec::new(), Vec::new());
    let mut peak_kib = 0;
    for _ in 0..N_RUNS {
        parsing.push(parse(&file)?);
        let store = folder.path().join("bench.zarr");
        if store.exists() {
            std::fs::remove_dir_all(&store)?;
        }
        let (duration, peak) = ingest(folder.path())?;
        ingesting.push(duration);
        peak_kib = peak.max(peak_kib);
    }
    let (parsing, ingesting) = (quantile(&mut parsing, 500), quantile(&mut ingesting, 500));
    let rate = float(N_TIMES * N_STATIONS) / ingesting.as_secs_f64();
    let times = ingesting.as_secs_f64() / parsing.as_secs_f64();
    figure("ingested end to end", &ms(ingesting), "")?;
    figure("rows per second", &format!("{rate:.0}"), "800000")?;
    figure("parsed by polars alone", &ms(parsing), "")?;
    figure(
        "ingest as a multiple of parsing",
        &format!("{times:.1}"),
        "under 4",
    )?;
    figure(
        "peak memory",
        &format!("{} MiB", peak_kib >> 10),
        "under 700 MiB",
    )
}

/// How long polars needs to parse `file` with its defaults: that of the Python in `PYTHON`, which is the same code.
fn parse(file: &Path) -> anyhow::Result<Duration> {
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = run::command(Path::new(&python));
    let seconds = run::run(command.args(["-c", PARSE]).arg(file))?
        .ok()
        .context("`PYTHON` is a Python that has polars (`pip install polars`)")?;
    Ok(Duration::from_secs_f64(seconds.trim().parse()?))
}

/// Runs `zf ingest`: its duration and `VmHWM` in KiB.
fn ingest(folder: &Path) -> anyhow::Result<(Duration, u64)> {
    let begin = Instant::now();
    let mut command = run::command(binary::zf()?);
    command
        .args(["ingest", "bench.yaml", "readings", "readings.csv"])
        .current_dir(folder);
    let mut child = command
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start zf")?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    loop {
        // The kernel keeps the highest value; what is missed is what grows in the last milliseconds.
        let status = std::fs::read_to_string(&status_file).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "zf ingest ended with {status}");
            return Ok((begin.elapsed(), peak_kib));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn write_csv(file: &Path) -> anyhow::Result<()> {
    let mut chance = Chance(1);
    let mut places: Vec<u32> = (0..u32::try_from(N_TIMES * N_STATIONS)?).collect();
    for i in (1..places.len()).rev() {
        places.swap(i, usize::try_from(chance.below(i as u64 + 1))?);
    }
    let mut text =
        String::from("date_time,station,temperature,humidity,pressure,wind_speed,radiation\n");
    for place in places {
        let (time, station) = (place as usize / N_STATIONS, place as usize % N_STATIONS);
        let (day, minute) = (1 + time / 1440, time % 1440);
        write!(
            text,
            "2025-03-{day:02}T{:02}:{:02}:00Z,S{station:04}",
            minute / 60,
            minute % 60
        )?;
        for _ in 0..5 {
            write!(text, ",{}", chance.measurement())?;
        }
        text.push('\n');
    }
    Ok(std::fs::write(file, text)?)
}
