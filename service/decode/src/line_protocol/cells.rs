//! Points gathered into columns.

use std::borrow::Cow;

use indexmap::IndexMap;
use polars::prelude::{
    BooleanChunked, Column, DataFrame, Float64Chunked, Int64Chunked, IntoColumn, NewChunkedArray,
    PlSmallStr, StringChunkedBuilder, TimeUnit, TimeZone, UInt64Chunked,
};
use zarr_fuse_schemas::rules::Rules;

use super::super::budget::{Budget, TEXT_CELL_BYTES, text_bytes};
use super::super::format_error::FormatError;
use super::super::{DecodeError, LineProtocolOptions, Precision};
use super::line::{Cell, Pair};
use super::{FORMAT, Point};

/// What a column holds; a tag and a field of one name cannot share a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tag,
    Field,
}

/// Bytes of a cell while points arrive, and of what a point takes beside its cells: measurement and time.
const CELL_BYTES: usize = size_of::<Option<Cell<'_>>>();
const POINT_BYTES: usize = size_of::<Cow<'_, str>>() + size_of::<Option<i64>>();
/// Cells between two looks at the budget.
const CELLS_PER_LOOK: usize = 4096;

/// Columns while points arrive.
#[derive(Debug)]
pub(super) struct Columns<'t, 'b> {
    measurements: Vec<Cow<'t, str>>,
    cells: IndexMap<Cow<'t, str>, (Kind, Vec<Option<Cell<'t>>>)>,
    /// Ticks of `unit`.
    times: Vec<Option<i64>>,
    unit: TimeUnit,
    /// Ticks in one of the delivered precision.
    factor: i64,
    names: [String; 2],
    rules: Rules,
    /// Cells of tags and fields that stand in the lines.
    n_written: usize,
    /// How many of them, and of points, are not yet taken from the budget.
    n_unasked: [usize; 2],
    budget: &'b Budget<'b>,
}

impl<'t, 'b> Columns<'t, 'b> {
    pub(super) fn new(
        precision: Precision,
        options: &LineProtocolOptions,
        rules: Rules,
        budget: &'b Budget<'b>,
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
            rules,
            n_written: 0,
            n_unasked: [0; 2],
            budget,
        }
    }

    /// Whether there is no point.
    pub(super) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Adds a point with its tags and fields, which are taken out of `pairs`; nothing of it if something is wrong.
    pub(super) fn add(
        &mut self,
        point: Point<'t>,
        pairs: &mut Vec<(Kind, Pair<'t>)>,
    ) -> Result<(), DecodeError> {
        let Point {
            measurement,
            timestamp,
            line,
        } = point;
        let ticks = self.ticks(timestamp, line)?;
        self.check(pairs, line)?;
        self.measurements.push(measurement);
        self.n_unasked[1] += 1;
        for (kind, (name, cell)) in pairs.drain(..) {
            self.set(kind, name, cell)?;
        }
        self.times.push(ticks);
        self.check_filled(self.times.len(), 0)
    }

    /// Refuses a point with names that cannot be columns.
    fn check(&self, pairs: &[(Kind, Pair<'t>)], line: usize) -> Result<(), FormatError> {
        let taken = |reason: String, remedy| FormatError::Line {
            format: FORMAT,
            line,
            reason,
            remedy,
        };
        for (idx, (kind, (name, _))) in pairs.iter().enumerate() {
            if self.names.iter().any(|own| own == name) {
                let reason = format!("`{name}` is the column of measurements or times already");
                let remedy =
                    "set `line_protocol.measurement` or `line_protocol.time` to another name";
                return Err(taken(reason, remedy));
            }
            let known = self.cells.get(name).map(|(known, _)| *known);
            let mut before = pairs[..idx].iter().filter(|(_, (other, _))| other == name);
            let before = before.next().map(|(known, _)| *known);
            if known.or(before).is_some_and(|known| known != *kind) {
                let reason = format!("`{name}` is a tag and a field");
                return Err(taken(reason, "give one of them another name"));
            }
            if before.is_some() && self.rules != Rules::First {
                let reason = format!("`{name}` stands there twice");
                return Err(taken(reason, "give each value a name of its own"));
            }
        }
        Ok(())
    }

    fn ticks(&self, timestamp: Option<i64>, line: usize) -> Result<Option<i64>, FormatError> {
        let Some(timestamp) = timestamp else {
            return Ok(None);
        };
        let ticks = timestamp.checked_mul(self.factor);
        let beyond = || FormatError::Line {
            format: FORMAT,
            line,
            reason: format!("`{timestamp}` is a time too far from 1970"),
            remedy: "check `precision`",
        };
        ticks.map(Some).ok_or_else(beyond)
    }

    /// Refuses so many rows with the columns there are and `n_more`.
    fn check_filled(&self, n_rows: usize, n_more: usize) -> Result<(), DecodeError> {
        let n_own = self.names.len();
        let n_columns = self.cells.len() + n_more + n_own;
        let n_written = self.n_written + n_rows * n_own;
        self.budget.check_filled(n_rows, n_columns, n_written)
    }

    /// Takes what has come from the budget.
    fn ask(&mut self) -> Result<(), DecodeError> {
        let [n_cells, n_points] = std::mem::take(&mut self.n_unasked);
        self.budget
            .take(n_cells * CELL_BYTES + n_points * POINT_BYTES)
    }

    /// Sets a cell of the row.
    fn set(&mut self, kind: Kind, name: Cow<'t, str>, cell: Cell<'t>) -> Result<(), DecodeError> {
        let row = self.measurements.len() - 1;
        let idx = if let Some(idx) = self.cells.get_index_of(&name) {
            idx
        } else {
            self.budget.check_columns(self.cells.len() + 1)?;
            // Before the rows that do not have it take memory.
            self.check_filled(row, 1)?;
            self.cells.insert_full(name, (kind, Vec::new())).0
        };
        let n_lacking = row.saturating_sub(self.cells[idx].1.len());
        self.n_written += 1;
        self.n_unasked[0] += 1 + n_lacking;
        if self.n_unasked[0] >= CELLS_PER_LOOK {
            self.ask()?;
        }
        let cells = &mut self.cells[idx].1;
        // The rows before that did not have it.
        cells.resize(row, None);
        cells.push(Some(cell));
        Ok(())
    }

    /// The table.
    pub(super) fn finish(mut self) -> Result<DataFrame, DecodeError> {
        self.ask()?;
        let budget = self.budget;
        let n_rows = self.times.len();
        let [measurement, time] = self.names.map(|name| PlSmallStr::from_str(&name));
        if n_rows == 0 {
            return Ok(DataFrame::empty());
        }
        let width = self.cells.len() + 2;
        budget.take_each(n_rows, TEXT_CELL_BYTES)?;
        let mut columns = Vec::with_capacity(width);
        let mut builder = StringChunkedBuilder::new(measurement, n_rows);
        self.measurements
            .iter()
            .for_each(|name| builder.append_value(name));
        columns.push(builder.finish().into_column());
        for (name, (_, mut cells)) in self.cells {
            // What has stood for the cells is given back when their column is made.
            let n_given_back = cells.len() * CELL_BYTES;
            budget.take_each(n_rows, TEXT_CELL_BYTES)?;
            let text = |cell: &Option<Cell<'_>>| match cell {
                Some(Cell::Text(text)) => text_bytes(text),
                _ => 0,
            };
            budget.take(cells.iter().map(text).sum())?;
            cells.resize(n_rows, None);
            columns.push(typed(PlSmallStr::from_str(&name), cells));
            budget.give_back(n_given_back.min(budget.taken()));
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
