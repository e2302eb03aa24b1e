//! Any bytes, decompressed and unpacked, give a table or an error, and never more bytes than the bound.

use std::path::Path;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use zarr_fuse_decode::{Content, Decoder, Decoding, Format, Limits, decode};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    content_encoding: Option<u8>,
    body: &'a [u8],
}

static DECODER: LazyLock<Decoder> = LazyLock::new(|| {
    let limits = Limits {
        max_decompressed_bytes: 1 << 16,
        ..Limits::default()
    };
    let decoding = Decoding {
        format: Some(Format::Ndjson),
        member: Some(".*json".to_owned()),
        limits,
        ..Decoding::default()
    };
    decoding.prepare(Path::new(".")).expect("nothing is read")
});

/// One input of the fuzzer.
pub fn run(bytes: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let encodings = ["bzip2", "gzip", "zstd", "bzip2, gzip"];
    let encoding = |n: u8| encodings[usize::from(n) % encodings.len()].to_owned();
    let content = Content {
        content_type: "application/zip".to_owned(),
        content_encoding: input.content_encoding.map(encoding),
    };
    _ = decode(input.body, &content, &DECODER, &serde_json::Map::new());
}
