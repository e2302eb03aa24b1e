//! Small files that promise a lot: a clear error, at once and without the memory.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use arrow_array::{NullArray, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use serde_json::json;
use zip::write::SimpleFileOptions;

use super::formats::{check_refused, fixture, table_of};
use super::show;

const TOO_MANY_CELLS: &str =
    "the table has more than 100000000 cells; send it in parts or raise `limits.max_cells`";

pub(crate) fn archive<C: AsRef<[u8]>>(members: &[(&str, C)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_ref()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// `bytes` with `new` in the place of `old`, which occurs once.
fn patched(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = memchr::memmem::find(bytes, old).unwrap();
    assert_eq!(memchr::memmem::find_iter(bytes, old).count(), 1);
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}

#[test]
fn an_arrow_batch_of_a_billion_rows_without_bytes() {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Null, true)]));
    let batch = RecordBatch::try_new(
        Arc::clone(&schema),
        vec![Arc::new(NullArray::new(1_000_000_000))],
    );
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    writer.write(&batch.unwrap()).unwrap();
    let bytes = writer.into_inner().unwrap();
    check_refused("n.arrows", &bytes, json!({}), TOO_MANY_CELLS);
}

#[test]
fn an_arrow_buffer_that_claims_to_be_a_tebibyte_when_decompressed() {
    let mut bytes = fixture("types.zstd.arrow");
    let zstd = [0x28, 0xb5, 0x2f, 0xfd];
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, &zstd).collect();
    for at in places {
        bytes[at - 8..at].copy_from_slice(&(1_i64 << 40).to_le_bytes());
    }
    let refused = table_of("n.arrow", &bytes, json!({})).unwrap_err();
    let message = refused.to_string();
    assert!(
        message.starts_with("Arrow IPC: a batch takes ") && message.contains("more than 536870912"),
        "{message}"
    );
}

#[test]
fn parquet_pages_beyond_the_bound_are_not_decompressed() {
    check_refused(
        "zeros.parquet",
        &fixture("zeros.parquet"),
        json!({"limits": {"max_decompressed_bytes": 1_000_000}}),
        "Parquet: column `n` takes 1120056 bytes in memory, more than 1000000; send it in parts or raise `limits.max_decompressed_bytes`",
    );
    assert!(table_of("zeros.parquet", &fixture("zeros.parquet"), json!({})).is_ok());
}

#[test]
fn a_cell_in_the_last_corner_of_a_sheet_costs_nothing() {
    let frame = table_of("far.xlsx", &fixture("far.xlsx"), json!({})).unwrap();
    assert_eq!(show(&frame), "a:null | column_16384:i64\n- | 5");
}

#[test]
fn ods_rows_and_columns_repeated_without_end() {
    let content = r#"<office:document-content><table:table table:name="A">
        <table:table-row table:number-rows-repeated="1000000">
        <table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="4000000000"/>
        </table:table-row></table:table></office:document-content>"#;
    let bytes = archive(&[("content.xml", content)]);
    check_refused("a.ods", &bytes, json!({}), TOO_MANY_CELLS);
}

#[test]
fn netcdf_dimensions_of_two_billion() {
    let old = b"depth\0\0\0\0\0\0\x04";
    let new = b"depth\0\0\0\x7f\xff\xff\xff";
    let bytes = patched(&fixture("slab3.nc"), old, new);
    let refused = table_of("slab3.nc", &bytes, json!({})).unwrap_err();
    let message = refused.to_string();
    assert!(
        message == TOO_MANY_CELLS || message.starts_with("the NetCDF body is damaged: "),
        "{message}"
    );
}

#[test]
fn zarr_arrays_and_chunks_of_a_trillion() {
    let metadata = |shape: u64, chunk: u64| {
        json!({
            "zarr_format": 3, "node_type": "array", "shape": [shape], "data_type": "float64",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [chunk]}},
            "chunk_key_encoding": {"name": "default"}, "fill_value": 0.0,
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "dimension_names": ["x"],
        })
        .to_string()
    };
    let root = r#"{"zarr_format": 3, "node_type": "group"}"#;
    let store = |array: &str| archive(&[("zarr.json", root), ("a/zarr.json", array)]);
    let bytes = store(&metadata(1_000_000_000_000, 10));
    check_refused("a.zarr.zip", &bytes, json!({}), TOO_MANY_CELLS);
    let bytes = store(&metadata(10, 1_000_000_000_000));
    check_refused(
        "a.zarr.zip",
        &bytes,
        json!({}),
        "Zarr: array `a` takes 8000000000000 bytes in memory, more than 536870912; send it in parts or raise `limits.max_decompressed_bytes`",
    );
}

#[test]
fn grib_grids_of_four_billion_points() {
    let mut bytes = fixture("levels.grib1");
    // Section 2 follows section 1, which begins at 8 with its length; at 6 it has the numbers of points.
    let grid = 8 + usize::from(bytes[9]) * 256 + usize::from(bytes[10]);
    bytes[grid + 6..grid + 10].copy_from_slice(&[0xff, 0xfe, 0xff, 0xfe]);
    let length = usize::from(bytes[5]) * 256 + usize::from(bytes[6]);
    check_refused("a.grib1", &bytes[..length], json!({}), TOO_MANY_CELLS);
}

#[test]
fn grib_2_grids_of_four_billion_columns_in_no_row() {
    for (name, template) in [
        ("levels.grib2", [0, 0]),
        ("rotated.grib2", [0, 1]),
        ("polar.grib2", [0, 20]),
    ] {
        for rows in [0_u32, 1, u32::MAX - 1] {
            let mut bytes = fixture(name);
            let length = u64::from_be_bytes(*bytes[8..].first_chunk().unwrap());
            bytes.truncate(usize::try_from(length).unwrap());
            let grid = (0..bytes.len())
                .find(|at| bytes[at + 4] == 3 && bytes[at + 12..at + 14] == template);
            let at = grid.unwrap();
            bytes[at + 30..at + 34].copy_from_slice(&(u32::MAX - 1).to_be_bytes());
            bytes[at + 34..at + 38].copy_from_slice(&rows.to_be_bytes());
            let refused = table_of(name, &bytes, json!({})).unwrap_err();
            let message = refused.to_string();
            let is_clear =
                message == TOO_MANY_CELLS || message.starts_with("the GRIB body is damaged: ");
            assert!(is_clear, "{name}, {rows} rows: {message}");
        }
    }
}

#[test]
fn grids_between_so_many_parallels_of_gauss_that_finding_them_would_take_minutes() {
    let mut bytes = fixture("gauss.grib1");
    let grid = 8 + usize::from(bytes[9]) * 256 + usize::from(bytes[10]);
    assert_eq!(bytes[grid + 25..grid + 27], [0, 36]);
    bytes[grid + 25..grid + 27].copy_from_slice(&[0xff, 0xfe]);
    check_refused(
        "gauss.grib1",
        &bytes,
        json!({}),
        "GRIB: message 1 lies on a grid that is not read (Gaussian, with parallels that do not fit or are too many, type 4); \
         send fields row by row on regular, rotated or Gaussian latitudes and longitudes, or in Lambert's conformal, polar \
         stereographic or Mercator's projection",
    );
}

#[test]
fn parquet_files_of_a_trillion_rows() {
    let mut bytes = fixture("types.plain.parquet");
    // The footer counts the rows in a thrift integer: three of them, 0x06, become the largest there is.
    let footer = bytes.len()
        - 8
        - usize::try_from(u32::from_le_bytes(
            *bytes[bytes.len() - 8..].first_chunk().unwrap(),
        ))
        .unwrap();
    let mut n_refused = 0;
    for at in footer..bytes.len() - 8 {
        if bytes[at] != 0x06 {
            continue;
        }
        let mut changed = bytes.clone();
        changed.splice(at..=at, [0xfe, 0xff, 0xff, 0xff, 0xff, 0x3f]);
        let length = u32::try_from(changed.len() - 8 - footer).unwrap();
        let end = changed.len() - 8;
        changed[end..end + 4].copy_from_slice(&length.to_le_bytes());
        // Some of them count something else, which does no harm.
        n_refused += usize::from(table_of("a.parquet", &changed, json!({})).is_err());
    }
    assert!(n_refused > 0);
    bytes.truncate(footer);
    assert!(table_of("a.parquet", &bytes, json!({})).is_err());
}

#[test]
fn quotes_and_backslashes_of_the_line_protocol_that_never_end() {
    check_refused(
        "a.lp",
        b"m f=\"never\nended",
        json!({}),
        "line protocol: line 1: the quotes of field `f` do not end; write `measurement,tag=value field=value timestamp`",
    );
    check_refused(
        "a.lp",
        b"m,a=1",
        json!({}),
        "line protocol: line 1: there are no fields after the measurement and its tags; write `measurement,tag=value field=value timestamp`",
    );
    check_refused(
        "a.lp",
        b"m f=1i5 1",
        json!({}),
        "line protocol: line 1: field `f` is `1i5`, which is no number, truth value or text in quotes; write `measurement,tag=value field=value timestamp`",
    );
}
