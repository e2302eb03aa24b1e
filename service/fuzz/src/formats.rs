//! Any bytes, read as any format, give a table or an error.
//!
//! Readers of others may panic at damaged bytes, which `decode` takes for damage; what must not happen is that memory or
//! time runs out, or that a panic gets out.

use std::path::Path;
use std::sync::LazyLock;

use zarr_fuse_decode::{
    Content, Decoded, Decoder, Decoding, Format, Limits, decode, decode_arrays,
};

/// In the order of the first byte of the input.
const FORMATS: [Format; 10] = [
    Format::Parquet,
    Format::Arrow,
    Format::Xlsx,
    Format::Ods,
    Format::Toa5,
    Format::LineProtocol,
    Format::Netcdf,
    Format::Zarr,
    Format::Grib,
    Format::Form,
];

/// One for each format; the last goes by the first bytes, archives included.
static DECODERS: LazyLock<Vec<Decoder>> = LazyLock::new(|| {
    let formats = FORMATS.into_iter().map(Some).chain([None]);
    let decoder = |format| {
        let limits = Limits {
            max_decompressed_bytes: 1 << 22,
            max_cells: 1 << 20,
            ..Limits::default()
        };
        let decoding = Decoding {
            format,
            member: format.is_none().then(|| ".*".to_owned()),
            limits,
            ..Decoding::default()
        };
        decoding.prepare(Path::new(".")).expect("nothing is read")
    };
    formats.map(decoder).collect()
});

/// One input of the fuzzer.
pub fn run(input: &[u8]) {
    let [format, body @ ..] = input else { return };
    let decoder = &DECODERS[usize::from(*format) % DECODERS.len()];
    let content = Content {
        content_type: "application/octet-stream".to_owned(),
        content_encoding: None,
    };
    let variables = serde_json::Map::new();
    if let Ok(Decoded::Grids(grids)) = decode_arrays(body, &content, decoder, &variables) {
        for grid in grids.variables.values() {
            assert_eq!(grids.n_cells(&grid.dims), Some(grid.values.len()));
        }
    }
    if let Ok(table) = decode(body, &content, decoder, &variables) {
        let frame = table.frame();
        let height = frame.height();
        assert!(frame.columns().iter().all(|column| column.len() == height));
    }
}
