//! The cells of a sheet that hold something.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::super::DecodeError;
use super::super::budget::Budget;

/// What a cell shows; cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Text(Arc<str>),
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

/// The cells of a row with their columns, which ascend once the row is complete.
pub(super) type Row = Vec<(u32, Cell)>;

/// What a row takes beside its cells, and for those that are still to come.
const ROW_BYTES: usize = 128;

/// Cells by row and column, counted from 0.
#[derive(Debug)]
pub(super) struct Cells<'b> {
    pub(super) rows: BTreeMap<u32, Row>,
    merged: Vec<Merged>,
    /// All of them.
    count: usize,
    /// Those that stand in the file themselves.
    n_written: usize,
    pub(super) budget: &'b Budget<'b>,
}

impl<'b> Cells<'b> {
    pub(super) fn new(budget: &'b Budget<'b>) -> Self {
        Self {
            rows: BTreeMap::new(),
            merged: Vec::new(),
            count: 0,
            n_written: 0,
            budget,
        }
    }

    /// Adds a cell that stands in the file.
    pub(super) fn push(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), DecodeError> {
        if let Cell::Text(text) = &cell {
            self.budget.take(text.len())?;
        }
        self.n_written += 1;
        self.repeat(row, column, cell)
    }

    /// Adds a cell that repeats another.
    pub(super) fn repeat(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), DecodeError> {
        self.count += 1;
        self.budget.take(size_of::<(u32, Cell)>())?;
        self.budget.check_filled(1, self.count, self.n_written)?;
        match self.rows.entry(row) {
            Entry::Occupied(mut cells) => cells.get_mut().push((column, cell)),
            Entry::Vacant(new) => {
                self.budget.take(ROW_BYTES)?;
                new.insert(vec![(column, cell)]);
            }
        }
        Ok(())
    }

    /// Puts the cells of every row in the order of columns. Readers of damaged sheets may see a column twice or out of order;
    /// the first one counts.
    pub(super) fn complete(&mut self) {
        for row in self.rows.values_mut() {
            if !row.is_sorted_by(|(one, _), (other, _)| one < other) {
                row.sort_by_key(|(column, _)| *column);
                row.dedup_by_key(|(column, _)| *column);
            }
        }
    }

    /// Refuses `n` more cells of which `n_written` stand in the file, before they are added.
    pub(super) fn check(&self, n: usize, n_written: usize) -> Result<(), DecodeError> {
        let count = self.count.saturating_add(n);
        self.budget
            .check_filled(1, count, self.n_written + n_written)
    }

    /// Adds a merged region.
    pub(super) fn merge(&mut self, merged: Merged) -> Result<(), DecodeError> {
        self.budget.take(size_of::<Merged>())?;
        self.merged.push(merged);
        Ok(())
    }

    /// The cell at a place, of complete rows.
    pub(super) fn get(&self, row: u32, column: u32) -> Option<&Cell> {
        cell_of(self.rows.get(&row)?, column)
    }

    /// Writes the value of merged cells into each of them that lies in a row with other cells. Of merged names of columns only
    /// the first column gets the name. Time and memory are those of the cells that are filled, also where regions overlap.
    pub(super) fn fill_merged(&mut self) -> Result<(), DecodeError> {
        self.complete();
        let merged = std::mem::take(&mut self.merged);
        let mut n_seen = 0_usize;
        let mut fills: Vec<(u32, u32, Cell)> = Vec::new();
        for Merged { rows, columns } in merged {
            let [first_row, last_row] = rows;
            let [first_column, last_column] = columns;
            let Some(value) = self.get(first_row, first_column) else {
                continue;
            };
            // A title over the whole width is no data.
            let is_title = first_row == last_row || last_column.saturating_sub(first_column) > 1000;
            let columns = if is_title {
                first_column..=first_column
            } else {
                first_column..=last_column
            };
            let rows = self.rows.range(first_row.min(last_row)..=last_row);
            // Also a place that is taken costs time.
            n_seen += rows.clone().count().saturating_mul(columns.clone().count());
            self.budget.check_filled(1, n_seen, 0)?;
            for (row, cells) in rows {
                for column in columns.clone() {
                    if cell_of(cells, column).is_none() {
                        self.budget.take(size_of::<(u32, u32, Cell)>())?;
                        fills.push((*row, column, value.clone()));
                    }
                }
            }
        }
        for (row, column, cell) in fills {
            self.budget.give_back(size_of::<(u32, u32, Cell)>());
            self.repeat(row, column, cell)?;
        }
        self.complete();
        Ok(())
    }
}

fn cell_of(row: &Row, column: u32) -> Option<&Cell> {
    let idx = row.binary_search_by_key(&column, |(column, _)| *column);
    idx.ok().map(|idx| &row[idx].1)
}

impl Cell {
    /// As text, the way people write it.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Time(ticks) => chrono::DateTime::from_timestamp_millis(*ticks).map_or_else(
                || ticks.to_string(),
                |time| time.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
            ),
        }
    }
}
