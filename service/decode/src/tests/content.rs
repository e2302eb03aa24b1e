//! Content types, compression and file names.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::super::{Content, DecodeError, Decoding, content_of_file, decode};
use super::{refusal, run, show};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn decoded(
    payload: &[u8],
    content_encoding: Option<&str>,
    max_bytes: usize,
) -> Result<String, DecodeError> {
    let mut decoding = Decoding::default();
    decoding.limits.max_decompressed_bytes = max_bytes;
    let decoder = decoding.prepare(Path::new(".")).unwrap();
    let content = Content {
        content_type: "text/csv".to_owned(),
        content_encoding: content_encoding.map(str::to_owned),
    };
    Ok(show(
        &decode(payload, &content, &decoder, &serde_json::Map::new())?.frame,
    ))
}

fn decoded_as(content_type: &str, body: &[u8], max_bytes: usize) -> Result<String, DecodeError> {
    let limits = json!({"limits": {"max_decompressed_bytes": max_bytes}});
    run(limits, content_type, body)
}

const CSV: &[u8] = b"a,b\n1,2\n";
const SHOWN: &str = "a:str | b:str\n\"1\" | \"2\"";

#[test]
fn gzip_and_zstd_are_undone_by_header_or_by_first_bytes() {
    let zstd = zstd::encode_all(CSV, 3).unwrap();
    for encoding in [Some("gzip"), Some("x-gzip"), Some("GZIP"), None] {
        assert_eq!(decoded(&gzip(CSV), encoding, 1000).unwrap(), SHOWN);
    }
    for encoding in [Some("zstd"), None] {
        assert_eq!(decoded(&zstd, encoding, 1000).unwrap(), SHOWN);
    }
    assert_eq!(
        decoded(&gzip(&zstd), Some("zstd, gzip"), 1000).unwrap(),
        SHOWN
    );
    assert_eq!(decoded(CSV, Some("identity"), 1000).unwrap(), SHOWN);
}

#[test]
fn several_gzip_members_are_read_as_one() {
    let members = [gzip(b"a,b\n"), gzip(b"1,"), gzip(b"2\n")].concat();
    assert_eq!(decoded(&members, Some("gzip"), 1000).unwrap(), SHOWN);
}

#[test]
fn zeros_after_gzip_are_padding_and_anything_else_is_named() {
    for n_zeros in [1, 512, 70_000] {
        let padded = [gzip(b"a,b\n"), gzip(b"1,2\n"), vec![0; n_zeros]].concat();
        assert_eq!(decoded(&padded, Some("gzip"), 1000).unwrap(), SHOWN);
    }
    for after in [b"GARBAGE".as_slice(), b"\0\0\0GARBAGE"] {
        let refused = decoded(&[&gzip(CSV), after].concat(), Some("gzip"), 1000).unwrap_err();
        let n_bytes = after.len();
        assert_eq!(
            refused.to_string(),
            format!(
                "{n_bytes} bytes after the end of the gzip body are not gzip; send the compressed file alone"
            )
        );
    }
}

#[test]
fn more_gzip_members_than_anybody_writes_are_refused() {
    let refused = decoded(&gzip(b"").repeat(100_001), Some("gzip"), 1000).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the gzip body has more than 100000 members; compress it again in one piece"
    );
}

#[test]
fn text_that_grows_when_its_encoding_is_undone_is_bounded() {
    let body = [b"a\n".as_slice(), &[0xe1; 500]].concat();
    let of = |max_bytes| decoded_as("text/csv; charset=windows-1250", &body, max_bytes);
    assert!(of(1002).is_ok());
    assert_eq!(
        of(1001).unwrap_err().to_string(),
        "the body is larger than 1001 bytes when decompressed; send it in parts or raise `limits.max_decompressed_bytes`"
    );
}

#[test]
fn truncated_and_damaged_bodies_are_told_apart() {
    let rows = b"1,2\n".repeat(1000);
    for (encoding, whole) in [
        ("gzip", gzip(&rows)),
        ("zstd", zstd::encode_all(rows.as_slice(), 3).unwrap()),
    ] {
        for cut in [1, 3, 8] {
            let refused = decoded(&whole[..whole.len() - cut], Some(encoding), 10_000)
                .unwrap_err()
                .to_string();
            assert_eq!(
                refused,
                format!(
                    "the {encoding} body ends before its compressed data does; it was cut on the way: send it again"
                )
            );
        }
        let refused = decoded(&rows, Some(encoding), 10_000)
            .unwrap_err()
            .to_string();
        assert_eq!(
            refused,
            format!(
                "the body is not valid {encoding}; check the `Content-Encoding` header, or send it uncompressed"
            )
        );
    }
}

#[test]
fn a_body_larger_than_the_bound_is_refused_before_it_is_whole() {
    let bomb = gzip(&vec![b'1'; 100 << 20]);
    assert!(bomb.len() < 1 << 20);
    let refused = decoded(&bomb, Some("gzip"), 1000).unwrap_err();
    assert!(matches!(
        refused,
        DecodeError::TooLargeDecompressed { max_bytes: 1000 }
    ));
    assert_eq!(
        refused.to_string(),
        "the body is larger than 1000 bytes when decompressed; send it in parts or raise `limits.max_decompressed_bytes`"
    );
    assert!(decoded(&gzip(CSV), Some("gzip"), CSV.len()).is_ok());
    assert!(decoded(CSV, None, CSV.len() - 1).is_err());
}

#[test]
fn unknown_types_and_encodings_are_refused_with_those_that_are_known() {
    assert_eq!(
        refusal(json!({}), "application/pdf", b""),
        "content type `application/pdf` is not supported; send one of text/csv, text/tab-separated-values, \
         application/json, application/x-ndjson, application/vnd.apache.parquet, application/vnd.apache.arrow.stream, \
         application/vnd.apache.arrow.file, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, \
         application/vnd.oasis.opendocument.spreadsheet, text/x-toa5, text/x-line-protocol, application/x-netcdf, \
         application/x-grib, application/zip, application/x-www-form-urlencoded, multipart/form-data, or set `format` in the endpoint's `decode`"
    );
    assert_eq!(
        decoded(CSV, Some("br"), 1000).unwrap_err().to_string(),
        "content encoding `br` is not supported; send `gzip`, `zstd`, `bzip2` or no compression"
    );
}

#[test]
fn a_configured_format_decides_before_the_content_type() {
    assert_eq!(
        run(
            json!({"format": "ndjson"}),
            "application/octet-stream",
            b"{\"v\": 1}"
        )
        .unwrap(),
        "v:i64\n1"
    );
    assert_eq!(
        run(
            json!({}),
            "application/geo+json; charset=utf-8",
            b"{\"v\": 1}"
        )
        .unwrap(),
        "v:i64\n1"
    );
}

#[test]
fn a_files_name_says_what_it_holds() {
    let content = |name: &str| {
        let Content {
            content_type,
            content_encoding,
        } = content_of_file(Path::new(name));
        format!("{content_type} {}", content_encoding.unwrap_or_default())
    };
    assert_eq!(content("data/A.CSV"), "text/csv ");
    assert_eq!(content("a.b.csv.gz"), "text/csv gzip");
    assert_eq!(content("a.tsv.zst"), "text/tab-separated-values zstd");
    assert_eq!(content("a.geojson"), "application/json ");
    assert_eq!(content("a.jsonl.gz"), "application/x-ndjson gzip");
    assert_eq!(content("a.csv.bz2"), "text/csv bzip2");
    assert_eq!(content("aladin.grb.bz2"), "application/x-grib bzip2");
    assert_eq!(content("a.csv.zip"), "application/zip ");
    assert_eq!(content("a.feather"), "application/vnd.apache.arrow.file ");
    assert_eq!(content("csv"), "application/octet-stream ");
}
