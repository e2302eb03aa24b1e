//! Bodies that ended services, or tried to.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use zarr_fuse_harness::chance::Chance;

/// A body, and where it is sent.
pub(super) struct Hostile {
    pub(super) name: &'static str,
    pub(super) node: &'static str,
    pub(super) content_type: &'static str,
    pub(super) encoding: Option<&'static str>,
    pub(super) body: Vec<u8>,
}

const CSV: &str = "text/csv";
const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const ZARR: &str = "application/vnd.zarr+zip";
const PARQUET: &str = "application/vnd.apache.parquet";
const POINTS: &str = "text/x-line-protocol";

/// All of them; the long form has larger ones.
pub(super) fn all(is_long: bool) -> Vec<Hostile> {
    let mut all = files();
    all.extend(rows(is_long));
    all.extend(noise());
    all
}

fn to(
    node: &'static str,
    name: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
) -> Hostile {
    Hostile {
        name,
        node,
        content_type,
        encoding: None,
        body,
    }
}

/// Few bytes that say that there is a lot.
fn files() -> Vec<Hostile> {
    let json = "application/json";
    let grib = [b"GRIB\0\0\0\x02".as_slice(), &(1_u64 << 40).to_be_bytes()].concat();
    let here = |name, content_type, body| to("readings", name, content_type, body);
    vec![
        here("ODS cells that repeat", ODS, repeated_cells()),
        here("ODS merged cells that overlap", ODS, merged_cells()),
        here("JSON with a key for each record", json, keys(10_000)),
        here("points with a field for each", POINTS, fields(9990)),
        here("a chunk that claims an exbibyte", ZARR, claiming_chunk()),
        here(
            "Parquet nested without end",
            PARQUET,
            nested_parquet(200_000),
        ),
        here("JSON nested without end", json, vec![b'['; 100_000]),
        here("GRIB that claims a tebibyte", "application/x-grib", grib),
    ]
}

/// Rows that mean more than they are, and compressed ones.
fn rows(is_long: bool) -> Vec<Hostile> {
    let n = |short: usize, long: usize| if is_long { long } else { short };
    let csv = |node, name, body: &str| to(node, name, CSV, body.as_bytes().to_vec());
    let gzipped = |name, body: Vec<u8>| Hostile {
        encoding: Some("gzip"),
        ..to("readings", name, CSV, gzip(&body))
    };
    let blank = vec![b'\n'; n(5, 90) * 1_000_000];
    let equal = "2025-01-01T00:00:00Z,A,1\n".repeat(n(200_000, 20_000_000));
    let empty = (",".repeat(9999) + "\n").repeat(n(300, 9900));
    vec![
        csv("grid", "a clock that lost its time", &clock("1970-01-01")),
        csv("grid", "the last year there is", &clock("9999-12-31")),
        csv(
            "grid",
            "a year before there were clocks",
            &clock("0001-01-01"),
        ),
        csv("diagonal", "a diagonal of chunks", &diagonal(n(256, 1000))),
        csv(
            "readings",
            "nanoseconds for seconds",
            "time,station,value\n1735689600000000000,A,1\n",
        ),
        csv(
            "readings",
            "stations by mistake",
            &stations(n(300, 200_000)),
        ),
        gzipped("blank lines", [header(10_000), blank].concat()),
        gzipped(
            "rows that are all the same",
            ("time,station,value\n".to_owned() + &equal).into_bytes(),
        ),
        gzipped(
            "cells without values",
            [header(10_000), empty.into_bytes()].concat(),
        ),
    ]
}

/// Random bytes, as every format.
fn noise() -> Vec<Hostile> {
    let mut chance = Chance(1);
    let types = [
        CSV,
        ODS,
        XLSX,
        ZARR,
        PARQUET,
        POINTS,
        "application/json",
        "application/x-ndjson",
        "application/x-netcdf",
        "application/vnd.apache.arrow.stream",
        "application/x-grib",
        "text/x-toa5",
        "application/octet-stream",
    ];
    let mut noise = |content_type| {
        let bytes = (0..5000).map(|_| u8::try_from(chance.below(256)).unwrap());
        to("readings", "noise", content_type, bytes.collect())
    };
    types.map(&mut noise).into()
}

/// A good row of today's, and one of `day`, on a grid of ten minutes.
fn clock(day: &str) -> String {
    format!("time,value\n2026-11-27T10:00:00Z,1\n{day}T00:00:00Z,2\n")
}

/// Rows that have no coordinate value in common.
fn diagonal(n: usize) -> String {
    let mut rows = "i,j,k,l,m,n,o,p,value\n".to_owned();
    for at in 0..n {
        writeln!(rows, "{}1", format!("{at},").repeat(8)).unwrap();
    }
    rows
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn ods(rows: &str) -> Vec<u8> {
    let content = format!(
        r#"<office:document-content><table:table table:name="A">{rows}</table:table></office:document-content>"#
    );
    archive(&[("content.xml", content.as_bytes())])
}

fn repeated_cells() -> Vec<u8> {
    ods(
        r#"<table:table-row table:number-rows-repeated="9999"><table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="10000"/></table:table-row>"#,
    )
}

fn merged_cells() -> Vec<u8> {
    let row = r#"<table:table-row><table:table-cell office:value-type="string" table:number-columns-spanned="900" table:number-rows-spanned="900"><text:p>a</text:p></table:table-cell></table:table-row>"#;
    ods(&row.repeat(20_000))
}

fn keys(n: usize) -> Vec<u8> {
    let records: Vec<String> = (0..n).map(|n| format!(r#"{{"k{n}":1}}"#)).collect();
    format!("[{}]", records.join(",")).into_bytes()
}

fn fields(n: usize) -> Vec<u8> {
    let mut text = String::new();
    for n in 0..n {
        writeln!(text, "m f{n}=1 1").unwrap();
    }
    text.into_bytes()
}

fn header(n: usize) -> Vec<u8> {
    let mut text = "time,station,value".to_owned();
    for n in 3..n {
        write!(text, ",c{n}").unwrap();
    }
    text.push('\n');
    text.into_bytes()
}

fn stations(n: usize) -> String {
    let mut text = "time,station,value\n".to_owned();
    for n in 0..n {
        writeln!(text, "2025-01-01T00:00:00Z,row {n},{n}").unwrap();
    }
    text
}

/// A Zarr store with a chunk whose compression says that it becomes 2^60 bytes.
fn claiming_chunk() -> Vec<u8> {
    let array = r#"{"zarr_format": 3, "node_type": "array", "shape": [10], "data_type": "float64",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10]}}, "chunk_key_encoding": {"name": "default"},
        "fill_value": 0.0, "codecs": [{"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "zstd", "configuration": {"level": 1, "checksum": false}}], "dimension_names": ["time"]}"#;
    let mut chunk = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    chunk.extend((1_u64 << 60).to_le_bytes());
    chunk.extend([1, 0, 0]);
    archive(&[
        ("zarr.json", br#"{"zarr_format": 3, "node_type": "group"}"#),
        ("value/zarr.json", array.as_bytes()),
        ("value/c/0", &chunk),
    ])
}

/// A Parquet file without rows, whose only column lies in so many groups: its footer in Thrift's compact protocol.
fn nested_parquet(depth: u32) -> Vec<u8> {
    let mut footer = vec![0x15, 2, 0x19, 0xfc];
    let mut n_elements = depth + 2;
    while n_elements > 0x7f {
        footer.push(u8::try_from(n_elements & 0x7f).unwrap() | 0x80);
        n_elements >>= 7;
    }
    footer.push(u8::try_from(n_elements).unwrap());
    footer.extend([0x48, 1, b'r', 0x15, 2, 0]);
    footer.extend([0x35, 0, 0x18, 1, b'g', 0x15, 2, 0].repeat(depth as usize));
    footer.extend([0x15, 2, 0x25, 0, 0x18, 1, b'v', 0, 0x16, 0, 0x19, 0x0c, 0]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1".as_slice(), &footer, &length, b"PAR1"].concat()
}
