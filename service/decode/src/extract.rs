//! Extraction programs: jq turns any JSON document into records.
//!
//! A program sees its input and `$vars`, nothing else: no files, environment, clock or modules. What it may use is
//! bounded, see [`budget`]; the bound on steps does not depend on the machine, so the same contribution always has the
//! same outcome.

mod budget;
mod program;
#[cfg(test)]
mod tests;
mod value;

use polars::prelude::DataFrame;
use serde_json::{Map, Value};
use zarr_fuse_schemas::rules::Rules;

use super::budget::Budget;
use super::{DecodeError, Format, json};
pub(super) use program::Program;

/// Programs that ship with the service, by name.
pub(super) const BUILTIN: [(&str, &str); 6] = [
    (
        "yrno-locationforecast",
        include_str!("programs/yrno-locationforecast.jq"),
    ),
    (
        "borehole-records",
        include_str!("programs/borehole-records.jq"),
    ),
    ("sensor-series", include_str!("programs/sensor-series.jq")),
    (
        "things-stack-uplink",
        include_str!("programs/things-stack-uplink.jq"),
    ),
    (
        "chirpstack-uplink",
        include_str!("programs/chirpstack-uplink.jq"),
    ),
    (
        "sensorthings-create-observations",
        include_str!("programs/sensorthings-create-observations.jq"),
    ),
];

/// Bytes that a document takes as values of jaq beside its text: for an array or object, an entry of an object, any other
/// value. Measured, and rounded up.
const NESTED_BYTES: usize = 96;
const ENTRY_BYTES: usize = 96;
const VALUE_BYTES: usize = 32;

/// The table of the records that `program` gives for `text`, a JSON document or one document per line.
pub(super) fn extract(
    text: &str,
    format: Format,
    program: &Program,
    variables: &Map<String, Value>,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    if !matches!(format, Format::Json | Format::Ndjson) {
        return Err(DecodeError::ProgramNeedsJson { format });
    }
    let by_line = format == Format::Ndjson;
    for (line, document) in documents(text, by_line) {
        let structure = json::check_depth(document, line)?;
        // jaq also takes comments, NaN and byte strings: what is not JSON is found here, with line and column.
        serde_json::from_str::<serde::de::IgnoredAny>(document)
            .map_err(|error| json::not_json(&error, line))?;
        // One document after the other is made of values, so that each may take what there is.
        let n_bytes = structure.nested * NESTED_BYTES
            + structure.entries * ENTRY_BYTES
            + structure.further * VALUE_BYTES
            + document.len();
        budget.take(n_bytes)?;
        budget.give_back(n_bytes);
    }
    let records = program.run(
        &documents(text, by_line),
        by_line,
        variables,
        budget.limits(),
    )?;
    json::read_records(&records, Rules::First, budget)
}

/// Line and text of each document.
fn documents(text: &str, by_line: bool) -> impl Iterator<Item = (usize, &str)> + Clone + Sync {
    let whole = (!by_line).then_some((1, text));
    let lines = text.lines().enumerate().map(|(idx, line)| (idx + 1, line));
    let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
    whole.into_iter().chain(lines.filter(move |_| by_line))
}
