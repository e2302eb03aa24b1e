//! Files for nodes whose coordinates they call otherwise, and what nobody asked for.

use polars::prelude::DataFrame;
use serde_json::json;

use super::super::{DecodeError, Decoded, Grids, content_of_file, decode_arrays};
use super::formats::{fixture, table_of};
use super::{decoder_for, refusal, run, show, variables};

fn decoded(name: &str, columns: &[&str], coordinates: &[&str]) -> Result<Decoded, DecodeError> {
    let decoder = decoder_for(columns, coordinates);
    let content = content_of_file(name.as_ref());
    decode_arrays(&fixture(name), &content, &decoder, &variables(json!({})))
}

fn grids(name: &str, columns: &[&str], coordinates: &[&str]) -> Grids {
    match decoded(name, columns, coordinates).unwrap() {
        Decoded::Grids(grids) => grids,
        Decoded::Table(table) => panic!("{name}: rows {}", table.frame),
    }
}

fn rows(name: &str, columns: &[&str], coordinates: &[&str]) -> DataFrame {
    match decoded(name, columns, coordinates).unwrap() {
        Decoded::Grids(_) => panic!("{name}: arrays"),
        Decoded::Table(table) => table.frame,
    }
}

#[test]
fn times_along_another_dimension_are_its_coordinate() {
    let found = grids("observations.nc", &["level", "calibrated"], &["time"]);
    assert_eq!(found.variables["level"].dims, ["time"]);
    assert_eq!(found.coordinates["time"].len(), 3);
    // What xarray writes for a time that is not known, and a variable that cannot be read and that nobody asked for.
    assert_eq!(found.variables["calibrated"].values.null_count(), 1);
    assert!(!found.variables.contains_key("nobody"));
}

#[test]
fn observations_of_several_stations_are_rows_with_what_is_known_of_their_station() {
    for name in ["contiguous.nc", "indexed.nc"] {
        let found = rows(name, &["level", "lat"], &["time", "station"]);
        let found = found.select(["time", "station", "lat", "level"]).unwrap();
        assert_eq!(
            show(&found),
            "time:datetime[μs, UTC] | station:str | lat:f64 | level:f64\n\
             2024-05-01T00:00:00Z | \"Kladno\" | 50.1 | 1.5\n\
             2024-05-01T01:00:00Z | \"Kladno\" | 50.1 | 1.75\n\
             2024-05-01T00:00:00Z | \"Zlin\" | 49.2 | 9.0",
            "{name}"
        );
    }
}

#[test]
fn times_may_be_packed_and_counted_in_any_calendar_of_the_conventions() {
    for (name, times) in [
        (
            "packed.nc",
            "2019-02-14T09:00:00Z 2019-02-14T09:00:02.500Z 2019-02-14T09:00:05Z",
        ),
        (
            "caesar.nc",
            "2020-09-19T03:00:00Z 2020-09-19T06:00:00Z 2020-09-19T09:00:00Z",
        ),
        // The last one is 30 February.
        ("days360.nc", "2000-01-01T00:00:00Z 2000-02-01T00:00:00Z -"),
    ] {
        let table = table_of(name, &fixture(name), json!({})).unwrap();
        let shown = show(&table.select(["time"]).unwrap());
        let shown: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(shown.join(" "), times, "{name}");
    }
}

#[test]
fn compressions_of_plugins_are_undone() {
    for name in ["zstd.nc", "bzip2.nc", "blosc_lz4.nc"] {
        let found = grids(name, &["level"], &["time"]);
        let level = &found.variables["level"].values;
        let sum: f64 = level.f64().unwrap().iter().flatten().sum();
        assert_eq!((level.len(), sum), (300, 300.0), "{name}");
    }
}

#[test]
fn fill_values_of_zarr_2_mean_no_value_in_stores_of_xarray_only() {
    let found = grids("zeros2.zarr.zip", &["n", "marked", "plain"], &[]);
    let shown = |name: &str| {
        let cells = found.variables[name].values.i64().unwrap().iter();
        cells.collect::<Vec<_>>()
    };
    assert_eq!(shown("n"), [Some(0), Some(-1), Some(5)]);
    assert_eq!(shown("marked"), [Some(0), None, Some(5)]);
    assert_eq!(shown("plain"), [Some(0), Some(-1), Some(5)]);
}

#[test]
fn a_column_that_tables_do_not_have_is_refused_only_if_it_is_read() {
    assert!(decoded("lists.parquet", &["other"], &[]).is_ok());
    assert_eq!(
        decoded("lists.parquet", &["n"], &[])
            .unwrap_err()
            .to_string(),
        "Parquet: column `n` holds lists; write it as columns of numbers, text or times, or read the variable from another column"
    );
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn the_fields_of_a_form_are_one_row() {
    assert_eq!(
        run(
            json!({}),
            FORM,
            b"dateutc=2024-05-01+12%3A00%3A00&tempf=68.4&wind="
        )
        .unwrap(),
        "dateutc:str | tempf:str | wind:str\n\"2024-05-01 12:00:00\" | \"68.4\" | -"
    );
    assert_eq!(
        refusal(json!({}), FORM, b"time,temp\n2024-05-01,1\n"),
        "form: the body is not made of fields as in `name=value&name=value`; say what it is in `Content-Type`, as in \
         `curl -H 'Content-Type: text/csv'`, or in `format` of the endpoint's `decode`"
    );
    assert_eq!(
        refusal(json!({}), FORM, b"a=1&a=2"),
        "column `a` occurs twice (columns 1 and 2); give every column a name of its own"
    );
}

fn multipart(parts: &[(&str, &str)]) -> Vec<u8> {
    let part = |(head, body): &(&str, &str)| {
        format!("--x1\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
    };
    let parts: String = parts.iter().map(part).collect();
    format!("{parts}--x1--\r\n").into_bytes()
}

const MULTIPART: &str = "multipart/form-data; boundary=x1";

#[test]
fn a_file_in_a_form_is_read_as_its_name_says_and_fields_beside_it_are_variables() {
    let body = multipart(&[
        ("name=\"site\"", "B"),
        ("name=\"where\"", "cellar"),
        (
            "name=\"file\"; filename=\"C:\\a.csv\"\r\nContent-Type: application/octet-stream",
            "v\n1\n",
        ),
    ]);
    // The request says `site`, too, which counts.
    let configuration = json!({"set": {"site": "${site}", "where": "${where}"}});
    assert_eq!(
        run(configuration, MULTIPART, &body).unwrap(),
        "v:str | site:str | where:str\n\"1\" | \"A\" | \"cellar\""
    );
}

#[test]
fn of_several_files_in_a_form_one_is_chosen() {
    let file = |name: &'static str| (name, "v\n1\n");
    let body = multipart(&[
        file("name=\"a\"; filename=\"a.csv\""),
        file("name=\"b\"; filename=\"b.csv\""),
    ]);
    assert!(run(json!({"member": "b.*"}), MULTIPART, &body).is_ok());
    assert_eq!(
        refusal(json!({}), MULTIPART, &body),
        "form: the form has the files `a.csv`, `b.csv`, of which several are meant; send one file at a time, or choose one by \
         `member` in the endpoint's `decode`"
    );
    let cut = &body[..body.len() - 12];
    assert!(refusal(json!({}), MULTIPART, cut).starts_with("the form body is damaged: "));
    assert_eq!(
        run(json!({}), MULTIPART, &multipart(&[("name=\"v\"", "1")])).unwrap(),
        "v:str\n\"1\""
    );
}
