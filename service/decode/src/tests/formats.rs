//! Files that other tools wrote, compared with what those tools read from them.
//!
//! `tests/python/make_formats.py` writes both.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use polars::prelude::{AnyValue, DataFrame, TimeUnit};
use serde_json::{Map, Value, json};

use super::super::{Content, DecodeError, Decoded, content_of_file, decode, decode_arrays};
use super::{decoding, show, variables};

fn path_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/formats")
        .join(name)
}

/// The bytes of a fixture.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path_of(name)).unwrap()
}

/// The table of `bytes`, delivered as a file called `name` would be.
pub(crate) fn table_of(
    name: &str,
    bytes: &[u8],
    configuration: Value,
) -> Result<DataFrame, DecodeError> {
    let decoder = decoding(configuration).prepare(Path::new(".")).unwrap();
    let content = content_of_file(Path::new(name));
    decode(bytes, &content, &decoder, &variables(json!({}))).map(|table| table.frame)
}

/// Decodes a fixture and compares it with the reading of the tool that wrote it.
pub(crate) fn check(name: &str, configuration: Value) {
    let n_columns = check_within(name, configuration, 0.0);
    let expected = String::from_utf8(fixture(&format!("{name}.expected.json"))).unwrap();
    let expected: Map<String, Value> = serde_json::from_str(&expected).unwrap();
    assert_eq!(n_columns, expected.len(), "{name}");
}

/// The same for the columns that the tool gives, numbers within a tolerance. Gives the number of columns there are.
fn check_within(name: &str, configuration: Value, tolerance: f64) -> usize {
    let frame = table_of(name, &fixture(name), configuration).unwrap();
    let expected = String::from_utf8(fixture(&format!("{name}.expected.json"))).unwrap();
    let expected: Map<String, Value> = serde_json::from_str(&expected).unwrap();
    let found = columns_of(&frame);
    for (column, cells) in &expected {
        let found = found.get(column).and_then(Value::as_array);
        let found = found.unwrap_or_else(|| panic!("{name}: there is no `{column}`"));
        let cells = cells.as_array().unwrap();
        let same = |(found, cell): (&Value, &Value)| match (found.as_f64(), cell.as_f64()) {
            (Some(found_number), Some(number)) if !found.is_u64() || !cell.is_u64() => {
                (found_number - number).abs() <= tolerance
            }
            _ => found == cell,
        };
        let all_same = found.len() == cells.len() && found.iter().zip(cells).all(same);
        assert!(
            all_same,
            "{name}: `{column}` is {found:?} instead of {cells:?}"
        );
    }
    found.len()
}

/// Why `bytes`, delivered as a file called `name` would be, cannot be decoded.
pub(crate) fn check_refused(name: &str, bytes: &[u8], configuration: Value, expected: &str) {
    let refused = table_of(name, bytes, configuration).unwrap_err();
    assert_eq!(refused.to_string(), expected, "{name}");
}

/// Whatever is done to the bytes of a fixture, there is a table or an error. `ZF_DAMAGE_CASES` asks for more cases.
pub(crate) fn check_damage(name: &str, configuration: Value) {
    let whole = fixture(name);
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut configuration = configuration;
    configuration["limits"] = json!({"max_decompressed_bytes": 1 << 22, "max_cells": 1 << 20});
    let cases = std::env::var("ZF_DAMAGE_CASES").ok();
    for _ in 0..cases.map_or(200, |cases| cases.parse().unwrap()) {
        let mut bytes = whole.clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = 0xff,
                2 => bytes[at] = u8::try_from(random(256)).unwrap(),
                _ => {
                    let end = (at + 8).min(bytes.len());
                    bytes[at..end].fill(0x7f);
                }
            }
        }
        _ = table_of(name, &bytes, configuration.clone());
    }
}

fn columns_of(frame: &DataFrame) -> Map<String, Value> {
    let cells = |column: &polars::prelude::Column| {
        let cell = |row| json_of(&column.get(row).unwrap());
        Value::Array((0..column.len()).map(cell).collect())
    };
    let columns = frame.columns().iter();
    columns
        .map(|column| (column.name().to_string(), cells(column)))
        .collect()
}

pub(super) fn json_of(cell: &AnyValue<'_>) -> Value {
    match cell {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(value) => json!(value),
        AnyValue::String(text) => json!(text),
        AnyValue::StringOwned(text) => json!(text.as_str()),
        AnyValue::Float32(number) => json!(f64::from(*number)),
        AnyValue::Float64(number) => json!(number),
        AnyValue::UInt64(number) => json!(number),
        AnyValue::Date(days) => {
            let time = chrono::DateTime::from_timestamp(i64::from(*days) * 86_400, 0).unwrap();
            json!(time.format("%Y-%m-%d").to_string())
        }
        AnyValue::DatetimeOwned(ticks, unit, zone) => {
            json_of(&AnyValue::Datetime(*ticks, *unit, zone.as_deref()))
        }
        AnyValue::Datetime(ticks, unit, zone) => {
            let nanos = match unit {
                TimeUnit::Nanoseconds => 1,
                TimeUnit::Microseconds => 1_000,
                TimeUnit::Milliseconds => 1_000_000,
            };
            let nanos = i128::from(*ticks) * nanos;
            let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap();
            let fraction = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap();
            let time = chrono::DateTime::from_timestamp(seconds, fraction).unwrap();
            let text = time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f").to_string();
            json!(if zone.is_some() { text + "Z" } else { text })
        }
        integer => json!(integer.extract::<i64>().unwrap()),
    }
}

#[test]
fn parquet_keeps_the_types_of_its_columns() {
    for name in [
        "types.snappy.parquet",
        "types.zstd.parquet",
        "types.plain.parquet",
        "pandas.parquet",
    ] {
        check(name, json!({}));
    }
}

#[test]
fn arrow_streams_and_files_keep_the_types_of_their_columns() {
    for name in ["types.arrows", "types.lz4.arrow", "types.zstd.arrow"] {
        check(name, json!({}));
    }
}

#[test]
fn a_sheet_is_read_with_its_dates_merged_cells_and_empty_rows() {
    let sheet = json!({"sheet": "Data", "header_row": 3, "units_row": 4});
    check("logger.xlsx", json!({"sheet": sheet}));
    check("logger1904.xlsx", json!({"sheet": sheet}));
    check("formulas.xlsx", json!({}));
    check("logger.ods", json!({"sheet": {"sheet": 2}}));
}

#[test]
fn a_sheet_or_row_that_is_not_there_is_named() {
    let bytes = fixture("logger.xlsx");
    let refused = |sheet: Value, expected: &str| {
        check_refused("logger.xlsx", &bytes, json!({"sheet": sheet}), expected);
    };
    refused(
        json!({"sheet": "data"}),
        "XLSX: sheet `data` does not exist; there are `Read me`, `Data`; correct `sheet.sheet`",
    );
    refused(
        json!({"sheet": 2, "header_row": 7}),
        "XLSX: row 7 is empty, but `sheet.header_row` expects the names of the columns there; correct `sheet.header_row`",
    );
    let zero = decoding(json!({"sheet": {"header_row": 0}})).prepare(Path::new("."));
    assert_eq!(
        zero.unwrap_err().to_string(),
        "`sheet.header_row`: sheets and rows are counted from 1; write 1 or more"
    );
}

#[test]
fn units_of_a_sheet_become_part_of_the_names_when_asked_for() {
    let sheet = json!({"sheet": "Data", "header_row": 3, "units_row": 4, "units": "suffix"});
    let bytes = fixture("logger.xlsx");
    let frame = table_of("logger.xlsx", &bytes, json!({"sheet": sheet})).unwrap();
    let names: Vec<_> = frame
        .get_column_names()
        .into_iter()
        .map(polars::prelude::PlSmallStr::as_str)
        .collect();
    assert_eq!(names, ["time [UTC]", "borehole", "temp [°C]", "ok", "note"]);
}

#[test]
fn the_precision_of_the_line_protocol_is_configured_or_asked_for() {
    let shown = |configuration: Value, vars: Value| {
        let decoder = decoding(configuration).prepare(Path::new(".")).unwrap();
        let content = content_of_file(Path::new("a.lp"));
        let table = decode(b"m f=1 1700000000", &content, &decoder, &variables(vars));
        table
            .map(|table| show(&table.frame))
            .map_err(|error| error.to_string())
    };
    let head = |unit: &str| {
        format!("measurement:str | f:f64 | time:datetime[{unit}, UTC]\n\"m\" | 1.0 | ")
    };
    assert_eq!(
        shown(
            json!({"line_protocol": {"precision": "s"}}),
            json!({"precision": "ns"})
        ),
        Ok(head("ms") + "2023-11-14T22:13:20Z")
    );
    assert_eq!(
        shown(json!({}), json!({"precision": "us"})),
        Ok(head("μs") + "1970-01-01T00:28:20Z")
    );
    assert_eq!(
        shown(json!({}), json!({"precision": "fortnight"})),
        Err("line protocol: the variable `precision` is \"fortnight\"; write `ns`, `us`, `ms` or `s`".to_owned())
    );
}

#[test]
fn tables_of_campbell_loggers_are_known_by_their_first_cell() {
    check("bukov.toa5", json!({}));
    let as_csv = decode(
        &fixture("bukov.toa5"),
        &Content {
            content_type: "text/csv".to_owned(),
            content_encoding: None,
        },
        &decoding(json!({"toa5": {"units": "suffix"}}))
            .prepare(Path::new("."))
            .unwrap(),
        &variables(json!({})),
    );
    let shown = show(as_csv.unwrap().frame());
    let head = "TIMESTAMP [TS]:str | RECORD [RN]:str | BattV_Min [Volts]:str | AirTC_Avg [Deg C]:str | T107_C(1) [Deg C]:str\n";
    assert!(shown.starts_with(head), "{shown}");
}

#[test]
fn the_line_protocol_gives_a_row_per_line() {
    let frame = table_of("lines.lp", &fixture("lines.lp"), json!({})).unwrap();
    assert_eq!(
        show(&frame),
        "measurement:str | tag1:str | tag2:str | fieldKey:str | location:str | temperature:f64 | humidity:i64 | ok:bool | n:u64 | tag Key:str | field Key:str | time:datetime[ns, UTC]\n\
         \"myMeasurement\" | \"value1\" | \"value2\" | \"fieldValue\" | - | - | - | - | - | - | - | 2019-05-02T16:12:41.098Z\n\
         \"weather\" | - | - | - | \"us-midwest\" | 82.0 | 71 | true | 18446744073709551615 | - | - | 2016-06-13T17:43:50.100400200Z\n\
         \"my Measure,ment\" | - | - | - | - | - | - | - | - | \"tag=Value,1\" | \"say \\\"hi\\\" \\\\ bye\\\\n\" | 2016-06-13T17:43:50.100400201Z\n\
         \"weather\" | - | - | - | \"us west\" | -150.0 | - | false | - | - | - | -"
    );
}

#[test]
fn bzip2_and_zip_are_undone() {
    let expected =
        "time:str | temp:str\n\"2024-01-01T00:00:00Z\" | \"1.5\"\n\"2024-01-02T00:00:00Z\" | -";
    for (name, configuration) in [
        ("table.csv.bz2", json!({})),
        ("table.csv.zip", json!({})),
        ("two.zip", json!({"member": r".*\.csv\.gz"})),
    ] {
        let frame = table_of(name, &fixture(name), configuration).unwrap();
        assert_eq!(show(&frame), expected, "{name}");
    }
}

#[test]
fn an_archive_of_several_members_needs_a_pattern() {
    let two = fixture("two.zip");
    check_refused(
        "two.zip",
        &two,
        json!({}),
        "zip: the archive has 2 members: `../readme.txt`, `../../table.csv.gz`; send one, or set `member` in the endpoint's `decode` to a pattern of its name",
    );
    check_refused(
        "two.zip",
        &two,
        json!({"member": "x"}),
        "zip: no member matches `member`; there are `../readme.txt`, `../../table.csv.gz`; correct the pattern in the endpoint's `decode`",
    );
    check_refused(
        "two.zip",
        &two,
        json!({"member": ".*"}),
        "zip: 2 members match `member`: `../readme.txt`, `../../table.csv.gz`; narrow the pattern so that it matches one",
    );
}

#[test]
fn a_member_larger_than_the_bound_is_refused() {
    check_refused(
        "zeros.zip",
        &fixture("zeros.zip"),
        json!({"limits": {"max_decompressed_bytes": 1_000_000}}),
        "the body is larger than 1000000 bytes when decompressed; send it in parts or raise `limits.max_decompressed_bytes`",
    );
}

#[test]
fn bytes_tell_what_they_are_when_the_content_type_does_not() {
    for name in [
        "types.snappy.parquet",
        "types.arrows",
        "types.lz4.arrow",
        "formulas.xlsx",
        "bukov.toa5",
        "table.csv.zip",
    ] {
        let named = table_of(name, &fixture(name), json!({})).unwrap();
        let unnamed = table_of("unknown.bin", &fixture(name), json!({})).unwrap();
        assert_eq!(show(&unnamed), show(&named), "{name}");
    }
    check_refused(
        "unknown.bin",
        b"a,b\n1,2\n",
        json!({}),
        "the content type does not say what the body is, and its first bytes are of no known format; \
         send a content type, or set `format` in the endpoint's `decode`",
    );
}

#[test]
fn columns_that_no_table_has_are_left_out() {
    let table = table_of("lists.parquet", &fixture("lists.parquet"), json!({})).unwrap();
    assert!(table.column("n").is_err());
}

#[test]
fn netcdf_gives_a_row_per_cell_with_times_units_and_packing_undone() {
    check("slab.nc", json!({}));
    check("slab3.nc", json!({}));
    check("unsigned.nc", json!({}));
    check_within("climate.nc", json!({}), 1e-9);
    check("group.nc", json!({"grid": {"group": "/forecast/first"}}));
    check_refused(
        "slab.nc",
        &fixture("slab.nc"),
        json!({"grid": {"variables": ["tmp"]}}),
        "NetCDF: variable `tmp` does not exist; there are `temp`, `flux`, `count`, `time_bnds`, `crs`, `time`, `station`, `height`; correct `grid.variables` or `grid.group`",
    );
}

#[test]
fn zarr_stores_in_an_archive_are_read_in_both_versions() {
    check("slab2.zarr.zip", json!({}));
    check("slab3.zarr.zip", json!({}));
}

/// The temperature of a file, whatever it lies on.
fn temperatures() -> Value {
    json!({"grid": {"variables": ["TMP"]}})
}

#[test]
fn grib_messages_become_arrays_over_times_levels_and_places() {
    for name in ["levels.grib2", "complex.grib2", "levels.grib1"] {
        assert_eq!(check_within(name, temperatures(), 1e-9), 6, "{name}");
    }
    let plain = table_of("levels.grib1", &fixture("levels.grib1"), temperatures()).unwrap();
    let bzip2 = table_of(
        "levels.grib1.bz2",
        &fixture("levels.grib1.bz2"),
        temperatures(),
    )
    .unwrap();
    assert_eq!(show(&plain), show(&bzip2));
}

#[test]
fn points_of_all_grids_lie_where_eccodes_puts_them() {
    for name in [
        "lambert.grib2",
        "ellipsoid.grib2",
        "lambert.grib1",
        "second-order.grib1",
        "polar.grib1",
        "polar.grib2",
        "polar-south.grib2",
        "rotated.grib1",
        "rotated.grib2",
        "mercator.grib1",
        "mercator.grib2",
        "gauss.grib1",
        "increments.grib1",
        "ieee.grib2",
        "ccsds.grib2",
        "jpeg.grib2",
    ] {
        check_within(name, temperatures(), 1e-5);
    }
}

#[test]
fn grids_and_packings_that_are_not_read_are_named() {
    let remedy = "set `grid: {reduced: linear}` in the endpoint's `decode` (`nearest` for categories) to have rows filled up";
    for name in ["reduced.grib1", "reduced.grib2"] {
        let expected = format!(
            "GRIB: message 1 lies on a reduced grid, whose rows have different lengths; {remedy}"
        );
        check_refused(name, &fixture(name), json!({}), &expected);
    }
    let spectral = fixture("spectral.grib2");
    check_refused(
        "spectral.grib2",
        &spectral,
        json!({}),
        "GRIB: message 1 lies on a grid that is not read (spherical harmonics, template 50); send fields row by row on \
         regular, rotated or Gaussian latitudes and longitudes, or in Lambert's conformal, polar stereographic or \
         Mercator's projection",
    );
}

#[test]
fn arrays_are_renamed_and_get_coordinates_without_becoming_rows() {
    let configuration = json!({"rename": {"temp": "rock_temp", "station": "borehole"}, "set": {"site": "${site}"}, "grid": {"variables": ["temp"]}});
    let decoder = decoding(configuration).prepare(Path::new(".")).unwrap();
    let content = content_of_file(Path::new("slab.nc"));
    let result = decode_arrays(
        &fixture("slab.nc"),
        &content,
        &decoder,
        &variables(json!({"site": "A"})),
    );
    let Decoded::Grids(grids) = result.unwrap() else {
        panic!("a table")
    };
    let lengths: Vec<_> = grids
        .coordinates
        .iter()
        .map(|(name, values)| format!("{name}: {}", values.len()))
        .collect();
    assert_eq!(
        lengths.join(", "),
        "time: 3, depth: 4, borehole: 2, height: 1, site: 1"
    );
    let rock_temp = &grids.variables["rock_temp"];
    assert_eq!(rock_temp.dims, ["time", "depth", "borehole"]);
    assert_eq!(rock_temp.values.len(), 24);
}

#[test]
fn arrays_beyond_the_bounds_are_refused_before_they_are_read() {
    for name in [
        "slab.nc",
        "slab3.nc",
        "slab2.zarr.zip",
        "slab3.zarr.zip",
        "levels.grib2",
    ] {
        check_refused(
            name,
            &fixture(name),
            json!({"limits": {"max_cells": 20}}),
            "the table has more than 20 cells; send it in parts or raise `limits.max_cells`",
        );
    }
}

#[test]
fn damaged_files_give_an_error_or_a_table() {
    for name in [
        "types.snappy.parquet",
        "types.zstd.parquet",
        "types.arrows",
        "types.lz4.arrow",
        "types.zstd.arrow",
        "logger.xlsx",
        "logger.ods",
        "bukov.toa5",
        "lines.lp",
        "table.csv.bz2",
        "two.zip",
        "slab.nc",
        "slab3.nc",
        "slab2.zarr.zip",
        "slab3.zarr.zip",
        "levels.grib1",
        "levels.grib2",
        "complex.grib2",
        "lambert.grib1",
        "lambert.grib2",
    ] {
        check_damage(name, json!({"member": ".*gz"}));
    }
}

#[test]
fn reduced_grids_become_regular_along_their_rows_if_asked_to() {
    for name in ["reduced.grib1", "reduced.grib2"] {
        let grid = json!({"grid": {"reduced": "linear"}});
        let table = table_of(name, &fixture(name), grid).unwrap();
        // 64 parallels of Gauss, the longest of which have 128 points.
        assert_eq!(table.height(), 64 * 128, "{name}");
        let latitudes = table.column("latitude").unwrap().f64().unwrap();
        let distinct: HashSet<u64> = latitudes.iter().flatten().map(f64::to_bits).collect();
        assert_eq!(distinct.len(), 64, "{name}");
    }
}
