//! The whole of decoding, as an endpoint does it; and how the tests of the steps show a table.

mod arrays;
mod bombs;
mod content;
mod damage;
pub(super) mod formats;
mod grib;
mod grib_samples;
mod hostile;
mod observations;
mod pipeline;
mod programs;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{AnyValue, DataFrame};
use serde_json::{Map, Value, json};

use super::prepare::NodeColumns;
use super::{Content, DecodeError, Decoder, Decoding, Table, decode};

/// A table as text: names with types, then rows; `-` is null, text stands in quotes.
pub(super) fn show(frame: &DataFrame) -> String {
    let heads = frame
        .columns()
        .iter()
        .map(|column| format!("{}:{}", column.name(), column.dtype()));
    let mut text = heads.collect::<Vec<_>>().join(" | ");
    for row in 0..frame.height() {
        let cells = frame
            .columns()
            .iter()
            .map(|column| match column.get(row).unwrap() {
                AnyValue::Null => "-".to_owned(),
                AnyValue::String(value) => format!("{value:?}"),
                AnyValue::StringOwned(value) => format!("{:?}", value.as_str()),
                value @ (AnyValue::Datetime(..)
                | AnyValue::DatetimeOwned(..)
                | AnyValue::Date(_)) => formats::json_of(&value).as_str().unwrap().to_owned(),
                value => value.to_string(),
            });
        write!(text, "\n{}", cells.collect::<Vec<_>>().join(" | ")).unwrap();
    }
    text
}

/// A configuration written as JSON.
pub(super) fn decoding(configuration: Value) -> Decoding {
    serde_json::from_value(configuration).unwrap()
}

/// A decoder for a node with these variables and coordinates.
fn decoder_for(variables: &[&str], coordinates: &[&str]) -> Decoder {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut decoder = decoding(json!({})).prepare(Path::new(".")).unwrap();
    decoder.wanted = Some(Arc::new(NodeColumns {
        variables: owned(variables),
        coordinates: owned(coordinates),
    }));
    decoder
}

pub(super) fn variables(variables: Value) -> Map<String, Value> {
    serde_json::from_value(variables).unwrap()
}

/// Decodes `payload` of type `content_type` as `configuration` says, with variables `{"site": "A"}`.
pub(super) fn run(
    configuration: Value,
    content_type: &str,
    payload: &[u8],
) -> Result<String, DecodeError> {
    let decoder = decoding(configuration).prepare(Path::new(".")).unwrap();
    let content = Content {
        content_type: content_type.to_owned(),
        content_encoding: None,
    };
    let Table { frame, lost, .. } = decode(
        payload,
        &content,
        &decoder,
        &variables(json!({"site": "A", "n": 3})),
    )?;
    let mut text = show(&frame);
    for problem in &lost.problems.first {
        write!(text, "\nlost {problem}").unwrap();
    }
    for warning in &lost.warnings {
        write!(text, "\nwarning {warning}").unwrap();
    }
    Ok(text)
}

/// Why `payload` cannot be decoded.
pub(super) fn refusal(configuration: Value, content_type: &str, payload: &[u8]) -> String {
    run(configuration, content_type, payload)
        .unwrap_err()
        .to_string()
}
