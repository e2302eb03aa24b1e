//! Table to batch: schema names, types and units; times in UTC; one row per cell.

use crate::outcome::Problems;
use crate::values::Values;

/// The rows of one contribution that take part, in schema terms.
///
/// Only [`normalize`] makes one. Coordinates are dictionary-encoded: distinct values, and per row an index into them.
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) n_rows: usize,
    pub(crate) coordinates: Vec<BatchCoordinate>,
    pub(crate) variables: Vec<BatchVariable>,
}

/// One coordinate that a contribution brings.
#[derive(Debug, Clone)]
pub struct BatchCoordinate {
    /// Position among the node's coordinates.
    pub(crate) coordinate_idx: usize,
    /// Distinct values in order of first appearance; for composed coordinates the hashes.
    pub(crate) values: Values,
    /// Per row taking part, which of `values`.
    pub(crate) index: Vec<u32>,
}

/// The valid values that a contribution brings for one variable, at most one per cell (the variable's `merge` rule applied).
#[derive(Debug, Clone)]
pub struct BatchVariable {
    /// Position among the node's variables.
    pub(crate) variable_idx: usize,
    /// Rows (of the batch) that bring them, ascending; `None`: every row, in order.
    pub(crate) rows: Option<Vec<u32>>,
    /// One value per row in `rows`; never NA.
    pub(crate) values: Values,
}

/// What [`normalize`] gives.
#[derive(Debug, Clone)]
pub struct Normalized {
    /// What takes part.
    pub batch: Batch,
    /// Rows of the table.
    pub n_rows_read: u64,
    /// Rows that do not take part.
    pub n_rows_rejected: u64,
    /// Why rows or single values were rejected, and conflicts.
    pub problems: Problems,
    /// Row of the table (0-based) behind each row of the batch; `None`: the same.
    pub table_rows: Option<Vec<u32>>,
}
