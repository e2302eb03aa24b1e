//! The line protocol of InfluxDB to a table: one row per line.
//!
//! `weather,station=B1 temperature=21.5,count=3i 1719820800000000000` gives the columns `measurement`, the tags, the
//! fields and `time`, which is in UTC. Lines need not have the same tags and fields: what a line lacks is null.

mod cells;
mod line;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use polars::prelude::DataFrame;
use serde_json::{Map, Value};
use zarr_fuse_schemas::rules::Rules;

use super::budget::Budget;
use super::format_error::FormatError;
use super::{DecodeError, LineProtocolOptions, Lost, Precision};
use cells::{Columns, Kind};
use line::{Lines, Pair};

const FORMAT: &str = "line protocol";

/// Reads lines; blank ones and those that begin with `#` are passed over. A line that breaks the rules costs its point, and is
/// told; by the first rules, everything.
///
/// # Errors
/// The first line, with its number, if no other keeps to the rules; a bound.
pub(super) fn read(
    text: &str,
    options: &LineProtocolOptions,
    variables: &Map<String, Value>,
    rules: Rules,
    budget: &Budget<'_>,
) -> Result<(DataFrame, Lost), DecodeError> {
    let precision = match options.precision {
        Some(precision) => precision,
        None => precision_of(variables)?,
    };
    let mut columns = Columns::new(precision, options, rules, budget);
    let mut lines = Lines::new(text);
    let mut lost = Lost::default();
    let mut first = None;
    let mut pairs = Vec::new();
    loop {
        let begin = lines.begin();
        let point = match lines.next_point() {
            Ok(None) => break,
            Ok(Some(measurement)) => read_point(&mut lines, measurement, &mut pairs),
            Err(error) => Err(error.into()),
        };
        let added = match point {
            Ok(point) if options.takes(&point.measurement) => columns.add(point, &mut pairs),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        match added {
            Ok(()) => {}
            Err(error) if rules == Rules::First || !error.is_of_a_line() => return Err(error),
            Err(error) => {
                let line = lines.skip_line_at(&begin);
                lost.push(|| (line.to_owned(), format!("{error}; the point is left out")));
                first.get_or_insert(error);
            }
        }
    }
    match first {
        Some(first) if columns.is_empty() => Err(first),
        _ => Ok((columns.finish()?, lost)),
    }
}

/// A point without its tags and fields, which are kept beside it.
struct Point<'t> {
    measurement: Cow<'t, str>,
    timestamp: Option<i64>,
    line: usize,
}

/// Reads the rest of a point; its tags and fields are put into `pairs`.
fn read_point<'t>(
    lines: &mut Lines<'t>,
    measurement: Cow<'t, str>,
    pairs: &mut Vec<(Kind, Pair<'t>)>,
) -> Result<Point<'t>, DecodeError> {
    pairs.clear();
    let line = lines.line();
    while let Some(pair) = lines.next_tag()? {
        pairs.push((Kind::Tag, pair));
    }
    while let Some(pair) = lines.next_field()? {
        pairs.push((Kind::Field, pair));
    }
    let timestamp = lines.timestamp()?;
    Ok(Point {
        measurement,
        timestamp,
        line,
    })
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
