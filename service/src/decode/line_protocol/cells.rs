//! Points gathered into columns.

use std::borrow::Cow;

use indexmap::IndexMap;
use polars::prelude::{
    BooleanChunked, Column, DataFrame, Float64Chunked, Int64Chunked, IntoColumn, NewChunkedArray,
    PlSmallStr, StringChunkedBuilder, TimeUnit, TimeZone, UInt64Chunked,
};

use super::super::format_error::FormatError;
use super::super::{DecodeError, Limits, LineProtocolOptions, Precision};
use super::FORMAT;
use super::line::Cell;

/// What a column holds; a tag and a field of one name cannot share a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tag,
    Field,
}

/// Columns while points arrive.
#[derive(Debug)]
pub(super) struct Columns<'t> {
    measurements: Vec<Cow<'t, str>>,
    cells: IndexMap<Cow<'t, str>, (Kind, Vec<Option<Cell<'t>>>)>,
    /// Ticks of `unit`.
    times: Vec<Option<i64>>,
    unit: TimeUnit,
    /// Ticks in one of the delivered precision.
    factor: i64,
    names: [String; 2],
    max_width: usize,
    max_cells: usize,
}

impl<'t> Columns<'t> {
    pub(super) fn new(
        precision: Precision,
        options: &LineProtocolOptions,
        limits: &Limits,
    ) -> Self {
        let (unit, factor) = match precision {
            Precision::Ns => (TimeUnit::Nanoseconds, 1),
            Precision::Us => (TimeUnit::Microseconds, 1),
            Precision::Ms => (TimeUnit::Milliseconds, 1),
            Precision::S => (TimeUnit::Milliseconds, 1000),
        };
        Self {
            measurements: Vec::new(),
            cells: IndexMap::new(),
            times: Vec::new(),
            unit,
            factor,
            names: [options.measurement.clone(), options.time.clone()],
            max_width: limits.max_columns,
            max_cells: limits.max_cells,
        }
    }

    /// Begins the row of a point.
    pub(super) fn begin(&mut self, measurement: Cow<'t, str>) -> Result<(), DecodeError> {
        self.measurements.push(measurement);
        let width = self.cells.len() + self.names.len();
        if self.measurements.len().saturating_mul(width) > self.max_cells {
            return Err(DecodeError::TooManyCells {
                max: self.max_cells,
            });
        }
        Ok(())
    }

    /// Sets a cell of the row; the last value of a name counts.
    pub(super) fn set(
        &mut self,
        kind: Kind,
        name: Cow<'t, str>,
        cell: Cell<'t>,
        line: usize,
    ) -> Result<(), DecodeError> {
        let taken = |reason: String, remedy| FormatError::Line {
            format: FORMAT,
            line,
            reason,
            remedy,
        };
        let idx = match self.cells.get_index_of(&name) {
            Some(idx) => idx,
            None if self.names.contains(&name.to_string()) => {
                let reason = format!("`{name}` is the column of measurements or times already");
                let remedy =
                    "set `line_protocol.measurement` or `line_protocol.time` to another name";
                return Err(taken(reason, remedy).into());
            }
            None if self.cells.len() == self.max_width => {
                return Err(DecodeError::TooManyColumns {
                    max: self.max_width,
                });
            }
            None => self.cells.insert_full(name, (kind, Vec::new())).0,
        };
        let row = self.measurements.len() - 1;
        let (name, (first, cells)) = self
            .cells
            .get_index_mut(idx)
            .expect("the index was just found");
        if *first != kind {
            let reason = format!("`{name}` is a tag and a field");
            return Err(taken(reason, "give one of them another name").into());
        }
        // The rows before that did not have it.
        cells.resize(row, None);
        cells.push(Some(cell));
        Ok(())
    }

    /// Ends the row.
    pub(super) fn end(&mut self, timestamp: Option<i64>, line: usize) -> Result<(), DecodeError> {
        let ticks = match timestamp {
            None => None,
            Some(timestamp) => {
                let beyond = || FormatError::Line {
                    format: FORMAT,
                    line,
                    reason: format!("`{timestamp}` is a time too far from 1970"),
                    remedy: "check `precision`",
                };
                Some(timestamp.checked_mul(self.factor).ok_or_else(beyond)?)
            }
        };
        self.times.push(ticks);
        Ok(())
    }

    /// The table.
    pub(super) fn finish(self) -> Result<DataFrame, DecodeError> {
        let n_rows = self.times.len();
        let [measurement, time] = self.names.map(|name| PlSmallStr::from_str(&name));
        if n_rows == 0 {
            return Ok(DataFrame::empty());
        }
        let width = self.cells.len() + 2;
        if n_rows.saturating_mul(width) > self.max_cells {
            return Err(DecodeError::TooManyCells {
                max: self.max_cells,
            });
        }
        let mut columns = Vec::with_capacity(width);
        let mut builder = StringChunkedBuilder::new(measurement, n_rows);
        self.measurements
            .iter()
            .for_each(|name| builder.append_value(name));
        columns.push(builder.finish().into_column());
        for (name, (_, mut cells)) in self.cells {
            cells.resize(n_rows, None);
            columns.push(typed(PlSmallStr::from_str(&name), cells));
        }
        let times = Int64Chunked::from_iter_options(time, self.times.into_iter());
        columns.push(
            times
                .into_datetime(self.unit, Some(TimeZone::UTC))
                .into_column(),
        );
        Ok(DataFrame::new(n_rows, columns)?)
    }
}

/// A column of the type of its cells; whole numbers beside others become floats, different kinds become text.
fn typed(name: PlSmallStr, cells: Vec<Option<Cell<'_>>>) -> Column {
    let has = |is: fn(&Cell<'_>) -> bool| cells.iter().flatten().any(is);
    let text = has(|cell| matches!(cell, Cell::Text(_)));
    let bools = has(|cell| matches!(cell, Cell::Bool(_)));
    let ints = has(|cell| matches!(cell, Cell::Int(_)));
    let uints = has(|cell| matches!(cell, Cell::UInt(_)));
    let floats = has(|cell| matches!(cell, Cell::Float(_)));
    let cells = cells.into_iter();
    match (text, bools, ints, uints, floats) {
        (false, true, false, false, false) => {
            let value = |cell: Option<Cell<'_>>| match cell? {
                Cell::Bool(value) => Some(value),
                _ => None,
            };
            BooleanChunked::from_iter_options(name, cells.map(value)).into_column()
        }
        (false, false, true, false, false) => {
            let value = |cell: Option<Cell<'_>>| match cell? {
                Cell::Int(value) => Some(value),
                _ => None,
            };
            Int64Chunked::from_iter_options(name, cells.map(value)).into_column()
        }
        (false, false, false, true, false) => {
            let value = |cell: Option<Cell<'_>>| match cell? {
                Cell::UInt(value) => Some(value),
                _ => None,
            };
            UInt64Chunked::from_iter_options(name, cells.map(value)).into_column()
        }
        (false, false, _, _, true) => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "as in JSON, floats beside integers decide"
            )]
            let value = |cell: Option<Cell<'_>>| match cell? {
                Cell::Float(value) => Some(value),
                Cell::Int(value) => Some(value as f64),
                Cell::UInt(value) => Some(value as f64),
                Cell::Text(_) | Cell::Bool(_) => None,
            };
            Float64Chunked::from_iter_options(name, cells.map(value)).into_column()
        }
        _ => {
            let mut builder = StringChunkedBuilder::new(name, cells.len());
            for cell in cells {
                match cell {
                    None => builder.append_null(),
                    Some(Cell::Text(value)) => builder.append_value(value),
                    Some(Cell::Int(value)) => builder.append_value(value.to_string()),
                    Some(Cell::UInt(value)) => builder.append_value(value.to_string()),
                    Some(Cell::Float(value)) => builder.append_value(value.to_string()),
                    Some(Cell::Bool(value)) => builder.append_value(value.to_string()),
                }
            }
            builder.finish().into_column()
        }
    }
}
