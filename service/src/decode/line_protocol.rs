//! The line protocol of InfluxDB to a table: one row per line.
//!
//! `weather,station=B1 temperature=21.5,count=3i 1719820800000000000` gives the columns `measurement`, the tags, the
//! fields and `time`, which is in UTC. Lines need not have the same tags and fields: what a line lacks is null.

mod cells;
mod line;

use polars::prelude::DataFrame;
use serde_json::{Map, Value};

use super::budget::Budget;
use super::format_error::FormatError;
use super::{DecodeError, LineProtocolOptions, Precision};
use cells::{Columns, Kind};
use line::Lines;

const FORMAT: &str = "line protocol";

/// Reads lines; blank ones and those that begin with `#` are passed over.
///
/// # Errors
/// The first line that breaks the rules, with its number.
pub(super) fn read(
    text: &str,
    options: &LineProtocolOptions,
    variables: &Map<String, Value>,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    let precision = match options.precision {
        Some(precision) => precision,
        None => precision_of(variables)?,
    };
    let mut columns = Columns::new(precision, options, budget);
    let mut lines = Lines::new(text);
    while let Some(measurement) = lines.next_point()? {
        let line = lines.line();
        columns.begin(measurement);
        while let Some((name, value)) = lines.next_tag()? {
            columns.set(Kind::Tag, name, value, line)?;
        }
        while let Some((name, value)) = lines.next_field()? {
            columns.set(Kind::Field, name, value, line)?;
        }
        columns.end(lines.timestamp()?, line)?;
    }
    columns.finish()
}

/// The precision that the request names, as InfluxDB's own interface spells it; nanoseconds if it names none.
fn precision_of(variables: &Map<String, Value>) -> Result<Precision, DecodeError> {
    let Some(named) = variables.get("precision") else {
        return Ok(Precision::Ns);
    };
    Ok(match named.as_str() {
        Some("ns" | "n" | "nanosecond") => Precision::Ns,
        Some("us" | "u" | "microsecond") => Precision::Us,
        Some("ms" | "millisecond") => Precision::Ms,
        Some("s" | "second") => Precision::S,
        _ => {
            return Err(FormatError::NotTaken {
                format: FORMAT,
                place: "the variable `precision`".to_owned(),
                found: format!("is {named}"),
                remedy: "write `ns`, `us`, `ms` or `s`".to_owned(),
            }
            .into());
        }
    })
}
