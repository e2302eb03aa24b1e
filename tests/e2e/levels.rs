//! Coarser levels are ordinary groups that xarray opens, whatever arrived late, was corrected or taken back.

use std::fmt::Write as _;

use crate::workspace::Workspace;

const SCHEMA: &str = "\
ATTRS: {STORE_URL: store.zarr}
n:
  pyramid: {coord: time, factor: 4}
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 16}
    site: {type: str, sorted: false, chunk_size: 2}
  VARS:
    x: {coords: [time, site], type: float32, unit: degC}
";

/// Rows of two sites at some seconds; the second site misses every third.
fn rows(seconds: impl Iterator<Item = u32>, offset: u32) -> String {
    let mut csv = String::from("time,site,x\n");
    for s in seconds {
        let time = format!("2025-01-01T00:{:02}:{:02}Z", s / 60, s % 60);
        writeln!(csv, "{time},a,{}", (s * 7 + offset) % 31).unwrap();
        if s % 3 != 0 {
            writeln!(csv, "{time},b,{}", (s * 5 + offset) % 29).unwrap();
        }
    }
    csv
}

#[test]
fn levels_open_in_xarray_after_late_rows_corrections_and_retraction() {
    let workspace = Workspace::with(&[]);
    workspace.write("s.yaml", SCHEMA);
    let check = |n_levels: usize| {
        let found = workspace.python("check_levels.py", &["store.zarr", "n", "4"]);
        assert_eq!(found, Ok(format!("{n_levels} levels\n")));
        let verified = workspace.zf("verify s.yaml").ok().unwrap();
        assert!(verified.starts_with("n: "), "{verified}");
    };
    workspace.write("even.csv", &rows((0..140).step_by(2), 0));
    workspace.zf("ingest s.yaml n even.csv").ok().unwrap();
    check(3);
    workspace.write("late.csv", &rows((31..180).step_by(2), 3));
    workspace.zf("ingest s.yaml n late.csv").ok().unwrap();
    check(3);
    workspace.write("corrected.csv", &rows(60..90, 11));
    workspace.zf("ingest s.yaml n corrected.csv").ok().unwrap();
    check(3);
    workspace.zf("retract s.yaml 2").ok().unwrap();
    check(3);
    workspace.zf("cp store.zarr copy.zarr").ok().unwrap();
    let copied = workspace.python("check_levels.py", &["copy.zarr", "n", "4"]);
    assert_eq!(copied, Ok("3 levels\n".to_owned()));
}
