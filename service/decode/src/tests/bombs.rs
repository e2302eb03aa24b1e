//! Small bodies that expand: refused before they take time or memory, with the bound that they pass.

use serde_json::{Value, json};

use super::super::DecodeError;
use super::formats::{check_refused, fixture, table_of};
use super::hostile::archive;
use super::show;

/// The refusal of a table with this many cells that nobody wrote.
fn filled(found: usize) -> String {
    format!(
        "the table has {found} cells that the body does not write out, more than 10000000: keys that most records lack, or \
         cells that are repeated or merged; send records with the same keys together, or raise `limits.max_filled_cells`"
    )
}

fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    (0..n).map(|n| line(n) + "\n").collect()
}

#[test]
fn records_of_which_each_has_a_key_of_its_own() {
    let records = lines(10_000, |n| format!(r#"{{"k{n}": 1}}"#));
    check_refused(
        "a.ndjson",
        records.as_bytes(),
        json!({}),
        &filled(10_001_406),
    );
    let array = format!("[{}]", records.trim_end().replace('\n', ","));
    check_refused("a.json", array.as_bytes(), json!({}), &filled(10_001_406));
    // What is not too large is taken, whatever its form.
    let few = lines(100, |n| format!(r#"{{"k{n}": 1}}"#));
    let frame = table_of("a.ndjson", few.as_bytes(), json!({})).unwrap();
    assert_eq!((frame.height(), frame.width()), (100, 100));
}

#[test]
fn points_of_which_each_has_a_field_of_its_own() {
    let points = lines(9990, |n| format!("m f{n}=1 1"));
    check_refused("a.lp", points.as_bytes(), json!({}), &filled(10_001_406));
    let few = lines(100, |n| format!("m f{n}=1 1"));
    let frame = table_of("a.lp", few.as_bytes(), json!({})).unwrap();
    assert_eq!((frame.height(), frame.width()), (100, 102));
}

#[test]
fn a_document_of_more_entries_than_columns_is_refused_while_it_is_read() {
    let entries: Vec<String> = (0..10_001).map(|n| format!(r#""k{n}": [1]"#)).collect();
    let document = format!("{{{}}}", entries.join(","));
    check_refused(
        "a.json",
        document.as_bytes(),
        json!({}),
        "there are more than 10000 columns; check the delimiter, or raise `limits.max_columns`",
    );
}

/// The refusal of a body that takes too much memory.
fn is_too_large(refused: &DecodeError, max_bytes: usize) {
    assert!(
        matches!(refused, DecodeError::TooLargeDecoded { max, found } if *max == max_bytes && *found > max_bytes),
        "{refused}"
    );
    let remedy = format!(
        "but at most {max_bytes} are allowed; send it in parts or raise `limits.max_decoded_bytes`"
    );
    assert!(refused.to_string().ends_with(&remedy), "{refused}");
}

#[test]
fn every_format_asks_for_the_memory_of_its_cells() {
    let rows = "1,2,3\n".repeat(1000);
    let numbers = format!("[{}]", vec!["1"; 3000].join(","));
    let bodies: [(&str, Vec<u8>); 8] = [
        ("a.csv", format!("a,b,c\n{rows}").into_bytes()),
        ("a.json", format!(r#"{{"a": {numbers}}}"#).into_bytes()),
        (
            "a.ndjson",
            lines(1000, |_| r#"{"a": 1, "b": 2, "c": 3}"#.into()).into_bytes(),
        ),
        (
            "a.lp",
            lines(500, |n| format!("m a=1,b=2 {n}")).into_bytes(),
        ),
        ("types.plain.parquet", fixture("types.plain.parquet")),
        ("types.zstd.arrow", fixture("types.zstd.arrow")),
        ("levels.grib2", fixture("levels.grib2")),
        ("slab3.nc", fixture("slab3.nc")),
    ];
    for (name, body) in bodies {
        assert!(table_of(name, &body, json!({})).is_ok(), "{name}");
        let max_bytes = if body.len() > 2000 && name.starts_with('a') {
            20_000
        } else {
            100
        };
        let limits = json!({"limits": {"max_decoded_bytes": max_bytes}});
        is_too_large(&table_of(name, &body, limits).unwrap_err(), max_bytes);
    }
}

#[test]
fn rows_without_columns_are_rows() {
    let empty = lines(1001, |_| "{}".into());
    let limits = json!({"limits": {"max_rows": 1000}});
    check_refused(
        "a.ndjson",
        empty.as_bytes(),
        limits,
        "the table has more than 1000 rows; send it in parts or raise `limits.max_rows`",
    );
}

#[test]
fn ten_thousand_columns_and_a_million_blank_lines_are_a_table_of_no_rows() {
    let head: Vec<String> = (0..10_000).map(|n| format!("c{n}")).collect();
    let body = head.join(",") + &"\n".repeat(1_000_000);
    let frame = table_of("a.csv", body.as_bytes(), json!({})).unwrap();
    assert_eq!((frame.height(), frame.width()), (0, 10_000));
}

/// An ODS workbook of these rows.
fn ods(rows: &str) -> Vec<u8> {
    let content = format!(
        r#"<office:document-content><table:table table:name="A">{rows}</table:table></office:document-content>"#
    );
    archive(&[("content.xml", content)])
}

#[test]
fn cells_that_are_said_to_repeat() {
    let number = r#"<table:table-cell office:value-type="float" office:value="1" table:number-columns-repeated="10000"/>"#;
    let rows =
        format!(r#"<table:table-row table:number-rows-repeated="9999">{number}</table:table-row>"#);
    let bytes = ods(&rows);
    assert!(bytes.len() < 1000);
    check_refused("a.ods", &bytes, json!({}), &filled(99_989_999));
}

#[test]
fn merged_cells_that_overlap_take_no_more_time_than_cells() {
    let row = r#"<table:table-row><table:table-cell office:value-type="string" table:number-columns-spanned="900"
        table:number-rows-spanned="900"><text:p>a</text:p></table:table-cell></table:table-row>"#;
    check_refused(
        "a.ods",
        &ods(&row.repeat(20_000)),
        json!({}),
        &filled(10_530_000),
    );
    let sheet = {
        let rows = lines(2000, |n| {
            format!(r#"<row r="{0}"><c r="A{0}"><v>1</v></c></row>"#, n + 1)
        });
        let regions = r#"<mergeCell ref="A1:ALL2000"/>"#.repeat(200_000);
        format!(
            r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData><mergeCells>{regions}</mergeCells></worksheet>"#
        )
    };
    check_refused(
        "a.xlsx",
        &xlsx(&sheet, None),
        json!({}),
        &filled(12_000_000),
    );
}

/// An Excel workbook of one sheet, and texts that its cells share.
fn xlsx(sheet: &str, shared: Option<&str>) -> Vec<u8> {
    let types = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relations = |more: &str| {
        format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{more}</Relationships>"#
        )
    };
    let relation = |id: &str, kind: &str, target: &str| {
        format!(r#"<Relationship Id="{id}" Type="{office}/{kind}" Target="{target}"/>"#)
    };
    let root = relations(&relation("r1", "officeDocument", "xl/workbook.xml"));
    let inner = relation("rId1", "worksheet", "worksheets/sheet1.xml")
        + &relation("rId2", "sharedStrings", "sharedStrings.xml");
    let inner = relations(&inner);
    let workbook = format!(
        r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{office}"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#
    );
    let mut members = vec![
        ("[Content_Types].xml", types),
        ("_rels/.rels", &root),
        ("xl/workbook.xml", &workbook),
        ("xl/_rels/workbook.xml.rels", &inner),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    members.extend(shared.map(|shared| ("xl/sharedStrings.xml", shared)));
    archive(&members)
}

#[test]
fn texts_that_no_cell_of_a_sheet_shows() {
    let sheet = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row></sheetData></worksheet>"#;
    let texts = |n: usize| {
        let texts = "<si><t/></si>".repeat(n);
        format!(
            r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{texts}</sst>"#
        )
    };
    let limits = json!({"limits": {"max_decoded_bytes": 10_000_000}});
    assert!(table_of("a.xlsx", &xlsx(sheet, Some(&texts(10_000))), limits.clone()).is_ok());
    let refused = table_of("a.xlsx", &xlsx(sheet, Some(&texts(200_000))), limits);
    is_too_large(&refused.unwrap_err(), 10_000_000);
}

#[test]
fn a_program_gets_no_document_that_takes_too_much_as_values() {
    let document = format!("[{}0]", "0,".repeat(100_000));
    let decode = |max_bytes: usize| {
        let configuration = json!({
            "extract": {"program": "{n: length}"}, "limits": {"max_decoded_bytes": max_bytes},
        });
        table_of("a.json", document.as_bytes(), configuration)
    };
    assert_eq!(show(&decode(10_000_000).unwrap()), "n:i64\n100001");
    is_too_large(&decode(3_000_000).unwrap_err(), 3_000_000);
}

/// A Zarr store of one array of `n` elements in one chunk, stored as `chunk`.
fn zarr(n: u64, data_type: &str, fill: &Value, codecs: &Value, chunk: Option<&[u8]>) -> Vec<u8> {
    let metadata = json!({
        "zarr_format": 3, "node_type": "array", "shape": [n], "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [n]}},
        "chunk_key_encoding": {"name": "default"}, "fill_value": fill, "codecs": codecs, "dimension_names": ["x"],
    })
    .to_string();
    let root = br#"{"zarr_format": 3, "node_type": "group"}"#.as_slice();
    let mut members = vec![("zarr.json", root), ("a/zarr.json", metadata.as_bytes())];
    members.extend(chunk.map(|chunk| ("a/c/0", chunk)));
    archive(&members)
}

fn plain_with(codec: &Value) -> Value {
    json!([{"name": "bytes", "configuration": {"endian": "little"}}, codec])
}

#[test]
fn a_chunk_of_zarr_that_claims_to_become_an_exbibyte() {
    let zstd =
        plain_with(&json!({"name": "zstd", "configuration": {"level": 1, "checksum": false}}));
    let read = |chunk: &[u8]| {
        table_of(
            "a.zarr.zip",
            &zarr(10, "float64", &json!(0.0), &zstd, Some(chunk)),
            json!({}),
        )
    };
    let honest = zstd::bulk::compress(&[0; 80], 1).unwrap();
    assert_eq!(read(&honest).unwrap().height(), 10);
    let streamed = zstd::encode_all([0; 80].as_slice(), 1).unwrap();
    assert_eq!(read(&streamed).unwrap().height(), 10);
    // A frame whose header promises 2^60 bytes, and one of no promise and of blocks without bytes.
    let mut claim = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    claim.extend((1_u64 << 60).to_le_bytes());
    claim.extend([1, 0, 0]);
    let mut blocks = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88];
    blocks.extend([0, 0, 0].repeat(1_000_000));
    blocks.extend([1, 0, 0]);
    for (chunk, found) in [(claim, 1_u64 << 60), (blocks, 1_000_001 << 17)] {
        assert_eq!(
            read(&chunk).unwrap_err().to_string(),
            format!(
                "the Zarr body is damaged: a chunk becomes {found} bytes, and its shape and type make 1048896 at most; \
                 send it again as the writing program made it"
            )
        );
    }
}

#[test]
fn a_chunk_of_zarr_that_becomes_more_than_its_elements() {
    let gzip = plain_with(&json!({"name": "gzip", "configuration": {"level": 1}}));
    let compressed = |n: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &vec![0; n]).unwrap();
        encoder.finish().unwrap()
    };
    let read = |chunk: &[u8]| {
        table_of(
            "a.zarr.zip",
            &zarr(10, "float64", &json!(0.0), &gzip, Some(chunk)),
            json!({}),
        )
    };
    assert_eq!(read(&compressed(80)).unwrap().height(), 10);
    let refused = read(&compressed(50 << 20)).unwrap_err().to_string();
    assert!(
        refused.starts_with("the body is larger than 1048896 bytes"),
        "{refused}"
    );
}

#[test]
fn text_of_zarr_that_was_never_written_repeats_its_fill_value() {
    let text = json!([{"name": "vlen-utf8"}]);
    let store = |fill: String| zarr(1_000_000, "string", &json!(fill), &text, None);
    let limits = json!({"limits": {"max_decompressed_bytes": 100_000_000}});
    assert_eq!(
        table_of("a.zarr.zip", &store("-".into()), limits.clone())
            .unwrap()
            .height(),
        1_000_000
    );
    let refused = table_of("a.zarr.zip", &store("-".repeat(1000)), limits)
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("Zarr: array `a` takes 1056000000 bytes in memory"),
        "{refused}"
    );
}

#[test]
fn a_schema_of_parquet_nested_without_end() {
    check_refused(
        "a.parquet",
        &nested_parquet(200_000),
        json!({}),
        "the Parquet body is damaged: its columns are nested more than 64 deep; send it again as the writing program made it",
    );
    // Up to there the file is what it should be.
    assert!(table_of("a.parquet", &nested_parquet(3), json!({})).is_ok());
}

/// A file without rows, whose only column lies in so many groups: its footer in Thrift's compact protocol.
fn nested_parquet(depth: u32) -> Vec<u8> {
    let (root, group, leaf) = (
        [0x48, 1, b'r', 0x15, 2, 0],
        [0x35, 0, 0x18, 1, b'g', 0x15, 2, 0],
        [0x15, 2, 0x25, 0, 0x18, 1, b'v', 0],
    );
    let mut footer = vec![0x15, 2, 0x19, 0xfc];
    let mut n_elements = depth + 2;
    while n_elements > 0x7f {
        footer.push(u8::try_from(n_elements & 0x7f).unwrap() | 0x80);
        n_elements >>= 7;
    }
    footer.push(u8::try_from(n_elements).unwrap());
    footer.extend(root);
    footer.extend(group.repeat(depth as usize));
    footer.extend(leaf);
    footer.extend([0x16, 0, 0x19, 0x0c, 0]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1".as_slice(), &footer, &length, b"PAR1"].concat()
}
