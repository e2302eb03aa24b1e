//! Records gathered into columns, and columns given their types.

use std::borrow::Cow;

use indexmap::IndexMap;
use polars::prelude::{
    Column, DataFrame, IntoColumn, NamedFrom, PlSmallStr, Series, StringChunkedBuilder,
};

use super::super::{DecodeError, Limits};

/// Columns while records arrive: every cell a slice of the JSON text, empty where there is none.
pub(super) struct Columns<'t> {
    cells: IndexMap<Cow<'t, str>, Vec<&'t str>>,
    n_rows: usize,
    max_width: usize,
    max_cells: usize,
}

impl<'t> Columns<'t> {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            cells: IndexMap::new(),
            n_rows: 0,
            max_width: limits.max_columns,
            max_cells: limits.max_cells,
        }
    }

    /// Sets a cell of the row that is being read; `hint` is where the column probably is.
    pub(super) fn set(
        &mut self,
        hint: usize,
        name: Cow<'t, str>,
        cell: &'t str,
    ) -> Result<(), DecodeError> {
        let idx = match self.cells.get_index(hint) {
            Some((column, _)) if *column == name => hint,
            _ => match self.cells.get_index_of(&name) {
                Some(idx) => idx,
                None if self.cells.len() == self.max_width => {
                    return Err(DecodeError::TooManyColumns {
                        max: self.max_width,
                    });
                }
                None => self.cells.insert_full(name, Vec::new()).0,
            },
        };
        let cells = &mut self.cells[idx];
        // The rows before that did not have the column; or the same key before in this row, which the last one replaces.
        cells.resize(self.n_rows, "");
        cells.push(cell);
        Ok(())
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) -> Result<(), DecodeError> {
        self.n_rows += 1;
        self.check_size()
    }

    /// Adds a whole column.
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
        if self.cells.len() == self.max_width {
            return Err(DecodeError::TooManyColumns {
                max: self.max_width,
            });
        }
        self.n_rows = cells.len();
        self.cells.insert(name, cells);
        self.check_size()
    }

    fn check_size(&self) -> Result<(), DecodeError> {
        if self.n_rows.saturating_mul(self.cells.len()) > self.max_cells {
            return Err(DecodeError::TooManyCells {
                max: self.max_cells,
            });
        }
        Ok(())
    }

    /// The table.
    pub(super) fn finish(self) -> Result<DataFrame, DecodeError> {
        let n_rows = self.n_rows;
        let typed = self.cells.into_iter().map(|(name, mut cells)| {
            cells.resize(n_rows, "");
            typed(&name, &cells)
        });
        let columns: Vec<_> = typed.collect();
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
