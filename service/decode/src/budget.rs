//! What one contribution may become while it is decoded, asked before anything is allocated or expanded.
//!
//! What a body takes in memory has little to do with its length: cells that repeat, keys that most records lack, and headers
//! that promise. Every reader asks the same value, whose bounds have names in the configuration.

use std::sync::atomic::{AtomicUsize, Ordering};

use polars::prelude::DataType;

use super::{DecodeError, Limits};

/// A cell of text in a column: where its text lies, or the text itself if it is short.
pub(super) const TEXT_CELL_BYTES: usize = 16;
/// Longest text that lies in the cell.
const SHORT_TEXT_BYTES: usize = 12;

/// What is left of the bounds of one contribution; readers on several threads share it.
#[derive(Debug)]
pub(super) struct Budget<'l> {
    limits: &'l Limits,
    n_bytes: AtomicUsize,
}

impl<'l> Budget<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            n_bytes: AtomicUsize::new(0),
        }
    }

    pub(super) fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// Takes bytes of memory, or refuses.
    pub(super) fn take(&self, n_bytes: usize) -> Result<(), DecodeError> {
        let before = self.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        let found = before.saturating_add(n_bytes);
        if found > self.limits.max_decoded_bytes {
            // What was refused is not taken, also when adding has wrapped around.
            self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
            return Err(DecodeError::TooLargeDecoded {
                found,
                max: self.limits.max_decoded_bytes,
            });
        }
        Ok(())
    }

    /// Takes memory for so many values of a size.
    pub(super) fn take_each(&self, n: usize, n_bytes: usize) -> Result<(), DecodeError> {
        self.take(n.saturating_mul(n_bytes))
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&self, n_bytes: usize) {
        self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
    }

    /// Bytes taken so far.
    pub(super) fn taken(&self) -> usize {
        self.n_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that can still be taken.
    pub(super) fn left(&self) -> usize {
        self.limits.max_decoded_bytes.saturating_sub(self.taken())
    }

    /// Refuses more columns than the bound.
    pub(super) fn check_columns(&self, n_columns: usize) -> Result<(), DecodeError> {
        let max = self.limits.max_columns;
        if n_columns > max {
            return Err(DecodeError::TooManyColumns { max });
        }
        Ok(())
    }

    /// Refuses a table of more rows or cells than the bounds.
    pub(super) fn check_shape(&self, n_rows: usize, n_columns: usize) -> Result<(), DecodeError> {
        if n_rows > self.limits.max_rows {
            return Err(DecodeError::TooManyRows {
                max: self.limits.max_rows,
            });
        }
        self.check_cells(n_rows.saturating_mul(n_columns))
    }

    /// Refuses more cells than the bound.
    pub(super) fn check_cells(&self, n_cells: usize) -> Result<(), DecodeError> {
        let max = self.limits.max_cells;
        if n_cells > max {
            return Err(DecodeError::TooManyCells { max });
        }
        Ok(())
    }

    /// As [`Self::check_shape`], for a table of which only `n_written` cells stand in the body.
    pub(super) fn check_filled(
        &self,
        n_rows: usize,
        n_columns: usize,
        n_written: usize,
    ) -> Result<(), DecodeError> {
        self.check_shape(n_rows, n_columns)?;
        let found = (n_rows * n_columns).saturating_sub(n_written);
        if found > self.limits.max_filled_cells {
            return Err(DecodeError::TooManyFilledCells {
                found,
                max: self.limits.max_filled_cells,
            });
        }
        Ok(())
    }
}

/// Bytes beside the cell that a text takes in its column.
pub(super) fn text_bytes(text: &str) -> usize {
    if text.len() > SHORT_TEXT_BYTES {
        text.len()
    } else {
        0
    }
}

/// Bytes of a cell of a type, without its text.
pub(super) fn cell_bytes(dtype: &DataType) -> usize {
    match dtype {
        DataType::Null => 0,
        DataType::Boolean | DataType::Int8 | DataType::UInt8 => 1,
        DataType::Int16 | DataType::UInt16 => 2,
        DataType::Int32 | DataType::UInt32 | DataType::Float32 | DataType::Date => 4,
        DataType::String => TEXT_CELL_BYTES,
        _ => 8,
    }
}
