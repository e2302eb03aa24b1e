//! The cells of a sheet that hold something.

use std::collections::BTreeMap;

use super::super::{DecodeError, Limits};

/// What a cell shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Number(f64),
    Bool(bool),
    /// Milliseconds since 1970 on the clock of the sheet.
    Time(i64),
}

/// A rectangle of merged cells, ends included, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merged {
    pub(super) rows: [u32; 2],
    pub(super) columns: [u32; 2],
}

/// Cells by row and column, counted from 0.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) rows: BTreeMap<u32, Vec<(u32, Cell)>>,
    pub(super) merged: Vec<Merged>,
    n_cells: usize,
    n_text_bytes: usize,
    max_cells: usize,
    max_text_bytes: usize,
}

impl Cells {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            rows: BTreeMap::new(),
            merged: Vec::new(),
            n_cells: 0,
            n_text_bytes: 0,
            max_cells: limits.max_cells,
            max_text_bytes: limits.max_decompressed_bytes,
        }
    }

    /// Adds a cell; those of a row come in the order of columns.
    pub(super) fn push(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), DecodeError> {
        self.n_cells += 1;
        if self.n_cells > self.max_cells {
            return Err(DecodeError::TooManyCells {
                max: self.max_cells,
            });
        }
        if let Cell::Text(text) = &cell {
            self.n_text_bytes += text.len();
            if self.n_text_bytes > self.max_text_bytes {
                return Err(DecodeError::TooLargeDecompressed {
                    max_bytes: self.max_text_bytes,
                });
            }
        }
        self.rows.entry(row).or_default().push((column, cell));
        Ok(())
    }

    /// The cell at a place; merged cells all show the first one.
    pub(super) fn get(&self, row: u32, column: u32) -> Option<&Cell> {
        let row = self.rows.get(&row)?;
        // Readers of damaged sheets may see a column twice or out of order; the first one counts.
        row.iter()
            .find(|(at, _)| *at == column)
            .map(|(_, cell)| cell)
    }
}

impl Cell {
    /// As text, the way people write it.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Time(ticks) => chrono::DateTime::from_timestamp_millis(*ticks).map_or_else(
                || ticks.to_string(),
                |time| time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
            ),
        }
    }
}
