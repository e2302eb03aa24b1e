//! The cells of a column as they were delivered.

use std::borrow::Cow;
use std::ops::Range;

use polars::prelude::{
    BooleanChunked, Column, DataType as Delivered, Float64Chunked, Int64Chunked, IntoColumn,
    NewChunkedArray, StaticArray, StringChunked, TimeUnit as PolarsUnit, UInt64Chunked,
};
use zarr_fuse_schemas::time::{Tick, TimeUnit};

use super::time::format_ticks;

/// A column of a table in the few forms that conversions know.
#[derive(Debug)]
pub(super) enum Source {
    /// As in CSV.
    Text(StringChunked),
    /// Signed integers of any width.
    Int(Int64Chunked),
    /// Unsigned integers of 64 bits.
    UInt(UInt64Chunked),
    /// Floats of any width.
    Float(Float64Chunked),
    /// Truth values.
    Bool(BooleanChunked),
    /// Dates and date-times: ticks since 1970, in UTC or of a clock whose zone the schema knows.
    Time {
        /// The numbers.
        ticks: Int64Chunked,
        /// What they count.
        tick: Tick,
        /// Not of a local clock.
        is_utc: bool,
    },
    /// A column without a single value, which has no type.
    Empty,
}

/// One cell that holds something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Text(&'a str),
    Int(i64),
    UInt(u64),
    Float(f64),
    Bool(bool),
    Time {
        ticks: i64,
        tick: Tick,
        is_utc: bool,
    },
}

impl Source {
    /// Takes a column; `None` when cells of its type mean nothing here.
    pub(super) fn new(column: &Column) -> Option<Self> {
        let series = column.as_materialized_series();
        let cast = |target: &Delivered| series.cast(target).ok();
        let time = |tick, is_utc| {
            let ticks = series
                .to_physical_repr()
                .cast(&Delivered::Int64)
                .ok()?
                .i64()
                .ok()?
                .clone();
            Some(Self::Time {
                ticks,
                tick,
                is_utc,
            })
        };
        match series.dtype() {
            Delivered::String => Some(Self::Text(series.str().ok()?.clone())),
            Delivered::UInt64 => Some(Self::UInt(series.u64().ok()?.clone())),
            Delivered::Float64 => Some(Self::Float(series.f64().ok()?.clone())),
            Delivered::Boolean => Some(Self::Bool(series.bool().ok()?.clone())),
            Delivered::Float32 => Some(Self::Float(cast(&Delivered::Float64)?.f64().ok()?.clone())),
            integer if integer.is_integer() => {
                Some(Self::Int(cast(&Delivered::Int64)?.i64().ok()?.clone()))
            }
            Delivered::Date => time(Tick::Day, false),
            Delivered::Datetime(unit, zone) => time(tick_of(*unit), zone.is_some()),
            Delivered::Null => Some(Self::Empty),
            _ => None,
        }
    }

    /// The same column as text, for labels and strings.
    pub(super) fn into_text(self) -> Self {
        let text = match &self {
            Self::Text(_) | Self::Empty => return self,
            Self::Int(numbers) => numbers
                .iter()
                .map(|cell| cell.map(|number| number.to_string()))
                .collect(),
            Self::UInt(numbers) => numbers
                .iter()
                .map(|cell| cell.map(|number| number.to_string()))
                .collect(),
            Self::Float(numbers) => numbers
                .iter()
                .map(|cell| cell.map(|number| format!("{number:?}")))
                .collect(),
            Self::Bool(values) => values
                .iter()
                .map(|cell| cell.map(|value| value.to_string()))
                .collect(),
            Self::Time {
                ticks,
                tick,
                is_utc,
            } => {
                let print = |cell: Option<i64>| cell.map(|ticks| print_time(ticks, *tick, *is_utc));
                ticks.iter().map(print).collect()
            }
        };
        Self::Text(text)
    }

    /// Whether it brings dates or date-times.
    pub(super) fn is_time(&self) -> bool {
        matches!(self, Self::Time { .. })
    }

    /// Whether it brings truth values.
    pub(super) fn is_bool(&self) -> bool {
        matches!(self, Self::Bool(_))
    }

    /// Shows the cells of `rows` in order, with the position in `rows`.
    #[inline]
    pub(super) fn visit<'a>(
        &'a self,
        rows: Range<usize>,
        mut show: impl FnMut(usize, Option<Cell<'a>>),
    ) {
        /// Walks the chunks of one array type.
        macro_rules! walk {
            ($array:expr, $value:pat => $cell:expr) => {{
                let mut start = 0;
                for chunk in $array.downcast_iter() {
                    let end = start + chunk.len();
                    let (from, to) = (rows.start.max(start), rows.end.min(end));
                    for row in from..to {
                        show(row - rows.start, chunk.get(row - start).map(|$value| $cell));
                    }
                    start = end;
                    if start >= rows.end {
                        break;
                    }
                }
            }};
        }
        match self {
            Self::Text(array) => walk!(array, text => Cell::Text(text)),
            Self::Int(array) => walk!(array, number => Cell::Int(number)),
            Self::UInt(array) => walk!(array, number => Cell::UInt(number)),
            Self::Float(array) => walk!(array, number => Cell::Float(number)),
            Self::Bool(array) => walk!(array, value => Cell::Bool(value)),
            Self::Time {
                ticks: array,
                tick,
                is_utc,
            } => {
                let (tick, is_utc) = (*tick, *is_utc);
                walk!(array, ticks => Cell::Time { ticks, tick, is_utc });
            }
            Self::Empty => rows
                .enumerate()
                .for_each(|(position, _)| show(position, None)),
        }
    }

    /// The cell of a row as people would write it; `None` for an empty one.
    pub(super) fn print(&self, row: usize) -> Option<String> {
        let mut printed = None;
        self.visit(row..row + 1, |_, cell| {
            printed = cell.map(|cell| cell.print().into_owned());
        });
        printed
    }
}

impl<'a> Cell<'a> {
    /// As people would write it.
    pub(super) fn print(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::UInt(number) => Cow::Owned(number.to_string()),
            Self::Float(number) => Cow::Owned(number.to_string()),
            Self::Bool(value) => Cow::Owned(value.to_string()),
            Self::Time {
                ticks,
                tick,
                is_utc,
            } => Cow::Owned(print_time(ticks, tick, is_utc)),
        }
    }
}

/// A column of 32-bit floats as the 64-bit floats of their shortest decimals, which people wrote: 0.1 is 0.1, not
/// 0.10000000149011612. `None` for other types.
pub(super) fn shortest(column: &Column) -> Option<Column> {
    let series = column.as_materialized_series();
    let numbers = series.f32().ok()?;
    let numbers = numbers.iter().map(|number| number.map(shortest_decimal));
    Some(Float64Chunked::from_iter_options(series.name().clone(), numbers).into_column())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "compared with what it was made of"
)]
fn shortest_decimal(number: f32) -> f64 {
    let wide = f64::from(number);
    let mut scale = 1.0;
    for _ in 0..9 {
        let decimal = (wide * scale).round() / scale;
        if decimal as f32 == number {
            return decimal;
        }
        scale *= 10.0;
    }
    number.to_string().parse().unwrap_or(wide)
}

fn tick_of(unit: PolarsUnit) -> Tick {
    match unit {
        PolarsUnit::Nanoseconds => Tick::Nanosecond,
        PolarsUnit::Microseconds => Tick::Microsecond,
        PolarsUnit::Milliseconds => Tick::Millisecond,
    }
}

fn print_time(ticks: i64, tick: Tick, is_utc: bool) -> String {
    let unit = TimeUnit::utc(tick);
    let mut text = format_ticks(ticks, &unit);
    if !is_utc && text.ends_with('Z') {
        text.pop();
    }
    text
}
