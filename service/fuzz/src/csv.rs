//! Any bytes, read as CSV in any dialect, give a table or an error.

use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use zarr_fuse_decode::{Content, CsvOptions, Decoding, Header, Limits, ShortRows, decode};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    delimiter: Option<u8>,
    header: Option<u8>,
    skip_rows: u8,
    skip_after_header: u8,
    comment: Option<&'a str>,
    quote: Option<u8>,
    decimal_comma: bool,
    thousands: Option<u8>,
    is_filled: Option<bool>,
    encoding: Option<bool>,
    null_values: Vec<String>,
    trim: bool,
    content_encoding: Option<bool>,
    body: &'a [u8],
}

/// One input of the fuzzer.
pub fn run(bytes: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let csv = CsvOptions {
        delimiter: input.delimiter.map(|byte| char::from(byte).to_string()),
        header: input.header.map_or(Header::Present(false), |line| {
            Header::Line(usize::from(line))
        }),
        skip_rows: usize::from(input.skip_rows),
        skip_after_header: usize::from(input.skip_after_header),
        comment: input.comment.map(str::to_owned),
        quote: input
            .quote
            .map(|byte| char::from(byte).to_string())
            .unwrap_or_default(),
        decimal_comma: input.decimal_comma,
        thousands: input.thousands.map(char::from),
        short_rows: input.is_filled.map(|is_filled| {
            if is_filled {
                ShortRows::Fill
            } else {
                ShortRows::Reject
            }
        }),
        encoding: input
            .encoding
            .map(|east| if east { "windows-1250" } else { "utf-16" }.to_owned()),
        null_values: input.null_values,
        columns: None,
        trim: input.trim,
    };
    let limits = Limits {
        max_decompressed_bytes: 1 << 20,
        max_cells: 1 << 20,
        ..Limits::default()
    };
    let decoding = Decoding {
        csv,
        limits,
        ..Decoding::default()
    };
    let Ok(decoder) = decoding.prepare(Path::new(".")) else {
        return;
    };
    let content = Content {
        content_type: "text/csv".to_owned(),
        content_encoding: input
            .content_encoding
            .map(|gzip| if gzip { "gzip" } else { "zstd" }.to_owned()),
    };
    if let Ok(table) = decode(input.body, &content, &decoder, &serde_json::Map::new()) {
        let frame = table.frame();
        assert!(
            frame
                .columns()
                .iter()
                .all(|column| column.len() == frame.height())
        );
    }
}
