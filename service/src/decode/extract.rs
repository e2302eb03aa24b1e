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

use super::{DecodeError, Format, Limits, json};
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

/// The table of the records that `program` gives for `text`, a JSON document or one document per line.
pub(super) fn extract(
    text: &str,
    format: Format,
    program: &Program,
    variables: &Map<String, Value>,
    limits: &Limits,
) -> Result<DataFrame, DecodeError> {
    let documents: Vec<(usize, &str)> = match format {
        Format::Json => vec![(1, text)],
        Format::Ndjson => {
            let lines = text.lines().enumerate().map(|(idx, line)| (idx + 1, line));
            lines
                .filter(|(_, line)| !line.trim_ascii().is_empty())
                .collect()
        }
        _ => return Err(DecodeError::ProgramNeedsJson { format }),
    };
    for (line, document) in &documents {
        json::check_depth(document, *line)?;
        // jaq also takes comments, NaN and byte strings: what is not JSON is found here, with line and column.
        serde_json::from_str::<serde::de::IgnoredAny>(document)
            .map_err(|error| json::not_json(&error, *line))?;
    }
    let records = program.run(&documents, format == Format::Ndjson, variables, limits)?;
    json::read_lines(&records, limits)
}
