//! How fast files are decoded: `RAYON_NUM_THREADS=1 cargo run --release --example decode [--json] FILE…`.
//!
//! `tests/python/time_formats.py` (`just formats-bench`) makes files, runs this and times the reading of other tools.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use zarr_fuse_decode::{Decoded, Decoding, content_of_file, decode_arrays};

/// Times a file is decoded; the quickest counts.
const TIMES: usize = 3;

fn main() -> anyhow::Result<()> {
    let decoder = Decoding::default().prepare(Path::new("."))?;
    let mut out = std::io::stdout().lock();
    let mut files: Vec<String> = std::env::args().skip(1).collect();
    let as_json = files.first().is_some_and(|first| first == "--json");
    if as_json {
        files.remove(0);
    }
    for file in files {
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read `{file}`"))?;
        let content = content_of_file(Path::new(&file));
        let mut best = f64::INFINITY;
        let mut size = (0, "rows");
        for _ in 0..TIMES {
            let start = Instant::now();
            let result = decode_arrays(&bytes, &content, &decoder, &serde_json::Map::new())?;
            best = best.min(start.elapsed().as_secs_f64());
            size = match result {
                Decoded::Table(table) => (table.frame().height(), "rows"),
                Decoded::Grids(grids) => {
                    let values = grids.variables.values().map(|grid| grid.values.len());
                    (values.sum(), "values")
                }
            };
        }
        let (n, what) = size;
        if as_json {
            let found = serde_json::json!({"file": file, "n": n, "what": what, "bytes": bytes.len(), "seconds": best});
            writeln!(out, "{found}")?;
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let (per_second, mib) = (n as f64 / best, bytes.len() as f64 / f64::from(1 << 20));
        writeln!(
            out,
            "{file}: {n} {what} of {mib:.1} MiB in {best:.3} s: {per_second:.0} {what}/s, {:.0} MiB/s",
            mib / best
        )?;
    }
    Ok(())
}
