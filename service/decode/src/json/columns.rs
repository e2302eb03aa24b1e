//! Records gathered into columns, and columns given their types.

use std::borrow::Cow;

use indexmap::IndexMap;
use polars::prelude::{
    Column, DataFrame, IntoColumn, NamedFrom, PlSmallStr, Series, StringChunkedBuilder,
};
use zarr_fuse_schemas::rules::Rules;

use super::super::DecodeError;
use super::super::budget::{Budget, text_bytes};

/// Bytes of a cell while records arrive.
const CELL_BYTES: usize = size_of::<&str>();
/// Cells between two looks at the budget.
const CELLS_PER_LOOK: usize = 4096;

/// Columns while records arrive: every cell a slice of the JSON text, empty where there is none.
pub(super) struct Columns<'t, 'b> {
    cells: IndexMap<Cow<'t, str>, Vec<&'t str>>,
    n_rows: usize,
    /// Cells that stand in the text.
    n_written: usize,
    /// Cells that are not yet taken from the budget.
    n_unasked: usize,
    rules: Rules,
    budget: &'b Budget<'b>,
}

impl<'t, 'b> Columns<'t, 'b> {
    pub(super) fn new(rules: Rules, budget: &'b Budget<'b>) -> Self {
        Self {
            cells: IndexMap::new(),
            n_rows: 0,
            n_written: 0,
            n_unasked: 0,
            rules,
            budget,
        }
    }

    /// Sets a cell of the row that is being read; `hint` is where the column probably is.
    pub(super) fn set(
        &mut self,
        hint: usize,
        name: Cow<'t, str>,
        cell: &'t str,
    ) -> Result<(), DecodeError> {
        let known = match self.cells.get_index(hint) {
            Some((column, _)) if *column == name => Some(hint),
            _ => self.cells.get_index_of(&name),
        };
        let idx = if let Some(idx) = known {
            idx
        } else {
            let n_columns = self.cells.len() + 1;
            self.budget.check_columns(n_columns)?;
            // Before the rows that do not have it take memory.
            self.budget
                .check_filled(self.n_rows, n_columns, self.n_written)?;
            self.cells.insert_full(name, Vec::new()).0
        };
        let n_cells = self.cells[idx].len();
        if n_cells > self.n_rows && self.rules != Rules::First {
            return Err(DecodeError::DuplicateKey {
                record: self.n_rows + 1,
                key: self
                    .cells
                    .get_index(idx)
                    .map(|(name, _)| name.to_string())
                    .unwrap_or_default(),
            });
        }
        let n_lacking = self.n_rows.saturating_sub(n_cells);
        self.n_unasked += n_lacking;
        self.ask(1)?;
        let cells = &mut self.cells[idx];
        // The rows before that did not have the column; or the same key before in this row, which the last one replaces.
        cells.resize(self.n_rows, "");
        cells.push(cell);
        Ok(())
    }

    /// Counts cells that stand in the text.
    pub(super) fn ask(&mut self, n_cells: usize) -> Result<(), DecodeError> {
        self.n_written += n_cells;
        self.n_unasked += n_cells;
        if self.n_unasked < CELLS_PER_LOOK {
            return Ok(());
        }
        let n_unasked = std::mem::take(&mut self.n_unasked);
        self.budget.take_each(n_unasked, CELL_BYTES)
    }

    /// Refuses so many columns.
    pub(super) fn check_width(&self, n_columns: usize) -> Result<(), DecodeError> {
        self.budget.check_columns(n_columns)
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) -> Result<(), DecodeError> {
        self.n_rows += 1;
        self.budget
            .check_filled(self.n_rows, self.cells.len(), self.n_written)
    }

    /// Adds a whole column, whose cells were asked for.
    pub(super) fn add(
        &mut self,
        name: Cow<'t, str>,
        cells: Vec<&'t str>,
    ) -> Result<(), DecodeError> {
        if let Some((first, expected)) = self
            .cells
            .first()
            .map(|(first, cells)| (first, cells.len()))
            && expected != cells.len()
        {
            return Err(DecodeError::ColumnLengths {
                column: name.into_owned(),
                found: cells.len(),
                first: first.to_string(),
                expected,
            });
        }
        self.budget.check_columns(self.cells.len() + 1)?;
        self.n_rows = cells.len();
        self.cells.insert(name, cells);
        self.budget.check_shape(self.n_rows, self.cells.len())
    }

    /// The table.
    pub(super) fn finish(self) -> Result<DataFrame, DecodeError> {
        let n_rows = self.n_rows;
        let budget = self.budget;
        budget.take_each(self.n_unasked, CELL_BYTES)?;
        let mut columns = Vec::with_capacity(self.cells.len());
        for (name, mut cells) in self.cells {
            budget.take_each(n_rows.saturating_sub(cells.len()), CELL_BYTES)?;
            cells.resize(n_rows, "");
            let long = |cell: &&str| text_bytes(cell);
            budget.take(cells.iter().map(long).sum())?;
            // The column takes the place of the slices, which are no larger than its cells.
            columns.push(typed(&name, &cells));
        }
        // Records without a single key are no rows.
        let height = if columns.is_empty() { 0 } else { n_rows };
        Ok(DataFrame::new(height, columns)?)
    }
}

/// What a cell is, by its JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Int,
    /// An integer beyond `i64`, within `u64`.
    UInt,
    Float,
    /// A string, a nested value, or a number that fits no type.
    Text,
}

fn kind(cell: &str) -> Kind {
    match cell.as_bytes().first() {
        None | Some(b'n') => Kind::Null,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'-' | b'0'..=b'9') => {
            if cell.contains(['.', 'e', 'E']) || cell == "-0" {
                if cell.parse::<f64>().is_ok_and(f64::is_finite) {
                    Kind::Float
                } else {
                    Kind::Text
                }
            } else if cell.parse::<i64>().is_ok() {
                Kind::Int
            } else if cell.parse::<u64>().is_ok() {
                Kind::UInt
            } else {
                Kind::Text
            }
        }
        Some(_) => Kind::Text,
    }
}

/// A column of the narrowest type that holds all cells exactly; integers beside fractions become floats.
fn typed(name: &str, cells: &[&str]) -> Column {
    let mut seen = [false; 6];
    let mut negative = false;
    for cell in cells {
        seen[kind(cell) as usize] = true;
        negative |= cell.starts_with('-');
    }
    let [_, bools, ints, uints, floats, text] = seen;
    let name = PlSmallStr::from_str(name);
    let integers = ints || uints;
    match (bools, integers, floats, text) {
        (true, false, false, false) => series(name, cells, |cell| Some(cell == "true")),
        (false, true, false, false) if !uints => {
            series(name, cells, |cell| cell.parse::<i64>().ok())
        }
        (false, true, false, false) if !negative => {
            series(name, cells, |cell| cell.parse::<u64>().ok())
        }
        (false, _, true, false) => series(name, cells, |cell| cell.parse::<f64>().ok()),
        _ => text_column(name, cells),
    }
}

fn series<T>(name: PlSmallStr, cells: &[&str], parse: impl Fn(&str) -> Option<T>) -> Column
where
    Series: NamedFrom<Vec<Option<T>>, [Option<T>]>,
{
    let values: Vec<Option<T>> = cells
        .iter()
        .map(|cell| {
            if kind(cell) == Kind::Null {
                None
            } else {
                parse(cell)
            }
        })
        .collect();
    Series::new(name, values).into_column()
}

/// A column of text: strings as they are, everything else as its JSON.
fn text_column(name: PlSmallStr, cells: &[&str]) -> Column {
    let mut builder = StringChunkedBuilder::new(name, cells.len());
    for cell in cells {
        match cell.as_bytes().first() {
            None | Some(b'n') => builder.append_null(),
            Some(b'"') if !cell.contains('\\') => builder.append_value(&cell[1..cell.len() - 1]),
            // Escapes that name no character, such as half a surrogate pair, stay as they are.
            Some(b'"') => {
                builder.append_value(
                    serde_json::from_str(cell)
                        .unwrap_or_else(|_| cell[1..cell.len() - 1].to_owned()),
                );
            }
            Some(_) => builder.append_value(cell),
        }
    }
    builder.finish().into_column()
}
