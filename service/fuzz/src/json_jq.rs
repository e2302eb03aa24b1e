//! Any bytes, read as JSON or through a shipped program, give a table or an error; any program compiles or is refused.

use std::path::Path;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use serde_json::{Map, Value};
use zarr_fuse_decode::{Content, Decoder, Decoding, Extract, Limits, decode};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    lines: bool,
    decoder: u8,
    program: &'a str,
    variable: Option<(&'a str, &'a str)>,
    body: &'a [u8],
}

/// Without a program, and with each that ships.
static DECODERS: LazyLock<Vec<Decoder>> = LazyLock::new(|| {
    let builtin = |name: &str| Some(Extract::Builtin(name.to_owned()));
    let extracts = [
        None,
        builtin("yrno-locationforecast"),
        builtin("borehole-records"),
        builtin("sensor-series"),
        builtin("things-stack-uplink"),
        builtin("chirpstack-uplink"),
        builtin("sensorthings-create-observations"),
    ];
    let limits = Limits {
        max_program_steps: 100_000,
        max_cells: 1 << 20,
        ..Limits::default()
    };
    let decoder = |extract| {
        let decoding = Decoding {
            extract,
            limits: limits.clone(),
            ..Decoding::default()
        };
        decoding
            .prepare(Path::new("."))
            .expect("shipped programs compile")
    };
    extracts.into_iter().map(decoder).collect()
});

/// One input of the fuzzer.
pub fn run(bytes: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    // Compiling reads the standard definitions of jq, which takes longer than all the rest.
    if !input.program.is_empty() {
        let program = Decoding {
            extract: Some(Extract::Program(input.program.to_owned())),
            ..Decoding::default()
        };
        let _ = program.prepare(Path::new("."));
    }

    let content_type = if input.lines {
        "application/x-ndjson"
    } else {
        "application/json"
    };
    let content = Content {
        content_type: content_type.to_owned(),
        content_encoding: None,
    };
    let variables: Map<String, Value> = input
        .variable
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    let decoder = &DECODERS[usize::from(input.decoder) % DECODERS.len()];
    if let Ok(table) = decode(input.body, &content, decoder, &variables) {
        let frame = table.frame();
        assert!(
            frame
                .columns()
                .iter()
                .all(|column| column.len() == frame.height())
        );
    }
}
