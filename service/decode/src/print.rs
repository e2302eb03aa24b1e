//! Cells as text: for previews, for the keys of lookups, and for columns of several types.
//!
//! Times are printed here and not by polars, which panics at times with a zone and at times beyond its calendar.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use polars::prelude::{AnyValue, Column, DataType, Series, StringChunked, TimeUnit};
use polars::prelude::{IntoSeries as _, NamedFrom as _, PolarsResult};

/// A cell as people write it, times in ISO 8601; `None` where there is no value.
pub fn printed<'c>(cell: &'c AnyValue<'_>) -> Option<Cow<'c, str>> {
    let text = match cell {
        AnyValue::Null => return None,
        AnyValue::String(text) => return Some(Cow::Borrowed(text)),
        AnyValue::StringOwned(text) => return Some(Cow::Borrowed(text.as_str())),
        AnyValue::Boolean(value) => value.to_string(),
        AnyValue::UInt8(value) => value.to_string(),
        AnyValue::UInt16(value) => value.to_string(),
        AnyValue::UInt32(value) => value.to_string(),
        AnyValue::UInt64(value) => value.to_string(),
        AnyValue::Int8(value) => value.to_string(),
        AnyValue::Int16(value) => value.to_string(),
        AnyValue::Int32(value) => value.to_string(),
        AnyValue::Int64(value) => value.to_string(),
        AnyValue::Float32(value) => format!("{value:?}"),
        AnyValue::Float64(value) => format!("{value:?}"),
        AnyValue::Date(days) => iso_date(*days),
        AnyValue::Datetime(ticks, unit, zone) => iso_time(*ticks, *unit, zone.is_some()),
        AnyValue::DatetimeOwned(ticks, unit, zone) => iso_time(*ticks, *unit, zone.is_some()),
        // Decoding gives none of the others; polars knows what they are called.
        other => format!("({})", other.dtype()),
    };
    Some(Cow::Owned(text))
}

/// A column as text, the form in which lookups compare and columns of several types are kept: floats as they are cast, times
/// as `2025-01-31 12:00:00.000000` by their clock in UTC.
pub(super) fn text_column(column: &Column) -> PolarsResult<StringChunked> {
    let series = column.as_materialized_series();
    let text = |print: &dyn Fn(i64) -> String| -> PolarsResult<StringChunked> {
        let ticks = series.to_physical_repr().cast(&DataType::Int64)?;
        let texts = ticks.i64()?.iter().map(|ticks| ticks.map(print));
        let texts: Vec<Option<String>> = texts.collect();
        Ok(StringChunked::new(series.name().clone(), texts))
    };
    match series.dtype() {
        DataType::String => Ok(series.str()?.clone()),
        DataType::Date => text(&|days| i32::try_from(days).map_or(days.to_string(), iso_date)),
        DataType::Datetime(unit, _) => text(&|ticks| clock(ticks, *unit)),
        _ => Ok(series.cast(&DataType::String)?.str()?.clone()),
    }
}

/// `column` with cells of this type.
pub(super) fn cast(column: &Column, to: &DataType) -> PolarsResult<Series> {
    let series = column.as_materialized_series();
    match to {
        // A cast to the same type would take the zone away from times.
        to if series.dtype() == to => Ok(series.clone()),
        DataType::String => Ok(text_column(column)?.into_series()),
        to => series.cast(to),
    }
}

fn iso_date(days: i32) -> String {
    let date = DateTime::UNIX_EPOCH.checked_add_signed(TimeDelta::days(days.into()));
    date.map_or_else(
        || format!("day {days}"),
        |date| date.format("%F").to_string(),
    )
}

fn iso_time(ticks: i64, unit: TimeUnit, is_utc: bool) -> String {
    let zone = if is_utc { "Z" } else { "" };
    match time(ticks, unit) {
        Some(time) => format!("{}{zone}", time.format("%FT%T%.f")),
        None => ticks.to_string(),
    }
}

/// A time with as many digits as its unit has.
fn clock(ticks: i64, unit: TimeUnit) -> String {
    let format = match unit {
        TimeUnit::Milliseconds => "%F %T%.3f",
        TimeUnit::Microseconds => "%F %T%.6f",
        TimeUnit::Nanoseconds => "%F %T%.9f",
    };
    time(ticks, unit).map_or_else(|| ticks.to_string(), |time| time.format(format).to_string())
}

/// `None` beyond the calendar.
fn time(ticks: i64, unit: TimeUnit) -> Option<NaiveDateTime> {
    let time: DateTime<Utc> = match unit {
        TimeUnit::Milliseconds => DateTime::from_timestamp_millis(ticks)?,
        TimeUnit::Microseconds => DateTime::from_timestamp_micros(ticks)?,
        TimeUnit::Nanoseconds => DateTime::from_timestamp_nanos(ticks),
    };
    Some(time.naive_utc())
}
