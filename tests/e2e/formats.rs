//! Files that other tools wrote go in, and xarray reads from the store what those tools read from the files.

use zarr_fuse_harness::{binary, checkout, python};

use crate::workspace::Workspace;

const SCHEMA: &str = r#"
ATTRS: {STORE_URL: store.zarr}
slab:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 2}
    depth: {type: int64, chunk_size: 3}
    station: {type: "str[16]", sorted: false, chunk_size: 1}
  VARS:
    temp: {coords: [time, depth, station], unit: degC, type: float32}
    flux: {coords: [time, depth]}
    count: {coords: station, type: int64}
levels:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 1}
    isobaricInhPa: {unit: hPa, chunk_size: 1}
    latitude: {unit: degrees_north, chunk_size: 2}
    longitude: {unit: degrees_east, chunk_size: 3}
  VARS:
    TMP: {coords: [time, isobaricInhPa, latitude, longitude], unit: K, type: float32}
logger:
  COORDS:
    time: {unit: {tick: s, tz: UTC}}
    borehole: {type: "str[8]"}
  VARS:
    temp: {coords: [time, borehole], unit: degC}
table:
  COORDS:
    time: {unit: {tick: s, tz: UTC}}
  VARS:
    temp: {coords: time, unit: degC}
    station: {coords: time, type: "str[8]"}
"#;

const CONFIG: &str = "
datasets: {formats: {schema: formats.yaml}}
endpoints:
  sheets: {node: formats/logger, decode: {sheet: {sheet: Data, header_row: 3, units_row: 4}}}
";

/// Ingests a fixture into a node and compares the node with the reading of the tool that wrote it.
#[test]
fn what_other_tools_wrote_is_read_back_as_they_read_it() {
    let workspace = Workspace::new();
    workspace.write("formats.yaml", SCHEMA);
    workspace.write("zarr-fuse.yaml", CONFIG);
    let fixtures = checkout().join("service/decode/tests/fixtures/formats");
    for (node, file, options) in [
        ("slab", "slab.nc", ""),
        ("slab", "slab3.zarr.zip", ""),
        ("slab", "slab3.nc", ""),
        ("levels", "levels.grib2", ""),
        ("table", "pandas.parquet", ""),
        (
            "logger",
            "logger.xlsx",
            " --config zarr-fuse.yaml --endpoint sheets",
        ),
    ] {
        workspace.copy(&fixtures.join(file));
        let run = workspace.zf(&format!("ingest formats.yaml {node} {file}{options}"));
        let merged = run.stdout.starts_with(&format!("{file}: merged, "));
        assert!(merged, "{file}: {}{}", run.stdout, run.stderr);
        let expected = fixtures.join(format!("{file}.expected.json"));
        let expected = expected.to_str().unwrap();
        let args = ["store.zarr", node, expected];
        let run = python::script("check_formats.py", workspace.path(), args).unwrap();
        assert_eq!(run.code, Some(0), "{file}: {}{}", run.stdout, run.stderr);
    }
}

/// Runs a script that makes random inputs; `ZF_FILES` says how many of them, `ZF_SEED` which.
fn compare(script: &str, other: Option<&str>, n_files: &str) {
    let workspace = Workspace::new();
    let n_files = std::env::var("ZF_FILES").unwrap_or_else(|_| n_files.to_owned());
    let seed = std::env::var("ZF_SEED").unwrap_or_else(|_| "1".to_owned());
    let zf = binary::zf().unwrap().to_str().unwrap();
    let args = [zf]
        .into_iter()
        .chain(other)
        .chain(["made", &seed, &n_files]);
    let run = python::script(script, workspace.path(), args).unwrap();
    print!("{}", run.stdout);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn random_netcdf_files_and_zarr_stores_are_read_as_xarray_reads_them() {
    compare("random_files.py", None, "12");
}

#[test]
fn random_points_are_read_as_influxdb_reads_them() {
    compare("random_points.py", Some("influxd"), "10");
}
