//! Table to batch: schema names, types and units; times in UTC; one row per cell.
//!
//! Arrays become batches, too, without becoming rows ([`normalize_grids`]).
//! The only place that converts units and times of what comes in. A plain function: it reads nothing, knows no clock and
//! keeps nothing. What is wrong with single rows and values is data, listed in [`Normalized::problems`].

mod batch;
mod cells;
mod columns;
mod composed;
mod distinct;
mod element;
mod error;
mod fault;
mod folds;
mod grids;
mod labels;
mod numbers;
mod parse;
mod pick;
mod read;
mod source;
pub mod time;
mod units;
mod unmatched;

#[cfg(test)]
mod tests;

use rayon::prelude::*;
use zarr_fuse_arrays::values::Values;
use zarr_fuse_decode::{Decoder, OnBadCell, Table};
use zarr_fuse_journal::outcome::{Problems, RowProblem};
use zarr_fuse_schemas::{MergeRule, Node, StepLimits, rules::Rules};

use batch::{Picking, batch_coordinate};
use columns::Plan;
pub use composed::{ComponentValue, hash_tuple};
use distinct::row_number;
pub use error::NormalizeError;
pub(crate) use grids::NO_VALUE;
pub use grids::{normalize_grids, normalize_grids_as, takes_grids};
use read::{Column, Marks, Target, read_column};
pub use time::{TimeError, format_ticks, parse_time};
pub use zarr_fuse_journal::outcome::Admission;

/// How a contribution is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Whether the bounds on what it may add hold.
    pub admission: Admission,
    /// The rules of its time.
    pub rules: Rules,
    /// What a cell costs that cannot be read.
    pub on_bad_cell: OnBadCell,
}

impl From<Admission> for Terms {
    /// By the rules of today.
    fn from(admission: Admission) -> Self {
        Self {
            admission,
            rules: Rules::default(),
            on_bad_cell: OnBadCell::Value,
        }
    }
}

impl Terms {
    /// Of a contribution that comes through `decoder`.
    pub(crate) fn of(decoder: &Decoder, admission: Admission) -> Self {
        Self {
            admission,
            rules: decoder.rules(),
            on_bad_cell: decoder.on_bad_cell(),
        }
    }
}

/// The rows of one contribution that take part, in schema terms.
///
/// Only [`normalize`] makes one. Coordinates are dictionary-encoded: distinct values, and per row an index into them.
#[derive(Debug, Clone, Default)]
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
    /// Which new values the contribution may add.
    pub(crate) step_limits: StepLimits,
    /// Distinct values in order of first appearance; for composed coordinates the hashes.
    pub(crate) values: Values,
    /// Per row taking part, which of `values`. Of arrays: per place along the coordinate, `NO_VALUE` where it is not used.
    pub(crate) index: Vec<u32>,
}

/// The valid values that a contribution brings for one variable, at most one per cell (the variable's `merge` rule applied).
#[derive(Debug, Clone)]
pub struct BatchVariable {
    /// Position among the node's variables.
    pub(crate) variable_idx: usize,
    /// Which value of a cell wins when one of these comes.
    pub(crate) merge: MergeRule,
    /// Of a direction, the length of a full turn.
    pub(crate) turn: Option<f64>,
    /// Rows (of the batch) that bring them, ascending; `None`: every row, in order.
    pub(crate) rows: Option<Vec<u32>>,
    /// One value per row in `rows`, never NA; of an array all its cells, flat.
    pub(crate) values: Values,
    /// Where the values of an array lie; `None`: they are of rows.
    pub(crate) grid: Option<GridPlaces>,
}

/// Where the values of an array lie.
#[derive(Debug, Clone)]
pub(crate) struct GridPlaces {
    /// Values to step over per place along each coordinate of the variable, in its order.
    pub(crate) strides: Vec<usize>,
    /// Which values are valid; `None`: all.
    pub(crate) valid: Option<Vec<bool>>,
}

impl Batch {
    /// Whether it is of arrays, whose cells are no rows.
    pub(crate) fn is_of_grids(&self) -> bool {
        self.variables
            .iter()
            .any(|variable| variable.grid.is_some())
    }

    /// The value that it has for one cell of a variable; `at` are the values of coordinates there, by their position among the
    /// node's.
    pub fn value_at(&self, variable_idx: usize, at: &[(usize, Values)]) -> Option<Values> {
        let variables = &self.variables;
        let brought = variables
            .iter()
            .find(|brought| brought.variable_idx == variable_idx)?;
        // Per coordinate of the variable, which entry of the batch's list each row or place has, and the one wanted.
        let mut wanted: Vec<(&[u32], u32)> = Vec::with_capacity(at.len());
        for (coordinate_idx, value) in at {
            let mut coordinates = self.coordinates.iter();
            let coordinate = coordinates.find(|of| of.coordinate_idx == *coordinate_idx)?;
            let entry =
                (0..coordinate.values.len()).find(|&i| coordinate.values.same(i, value, 0))?;
            wanted.push((&coordinate.index, u32::try_from(entry).ok()?));
        }
        let element = brought.element_of(self.n_rows, &wanted)?;
        Some(brought.values.take(std::iter::once(element)))
    }
}

impl BatchVariable {
    /// The element in the row, or at the place of an array, that has every wanted entry.
    fn element_of(&self, n_rows: usize, wanted: &[(&[u32], u32)]) -> Option<usize> {
        let Some(grid) = &self.grid else {
            let has_all = |row: usize| wanted.iter().all(|(index, entry)| index[row] == *entry);
            return match &self.rows {
                None => (0..n_rows).rfind(|&row| has_all(row)),
                Some(rows) => rows.iter().rposition(|&row| has_all(row as usize)),
            };
        };
        let mut element = 0;
        for ((index, entry), stride) in wanted.iter().zip(&grid.strides) {
            let is_wanted = |found: &u32| *found != NO_VALUE && found == entry;
            element += index.iter().rposition(is_wanted)? * stride;
        }
        let is_valid = grid.valid.as_ref().is_none_or(|valid| valid[element]);
        is_valid.then_some(element)
    }
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
    /// Whether rows were rejected by the bounds on what may be added to coordinates.
    pub limited: bool,
    /// What was taken and may not be what is meant.
    pub warnings: Vec<String>,
}

impl Normalized {
    /// Approximate size in memory.
    pub fn n_bytes(&self) -> usize {
        let numbers = |numbers: Option<&Vec<u32>>| numbers.map_or(0, |n| size_of_val(n.as_slice()));
        let coordinates = self.batch.coordinates.iter();
        let coordinates = coordinates.map(|of| of.values.n_bytes() + numbers(Some(&of.index)));
        let variables = self.batch.variables.iter();
        let variables = variables.map(|of| of.values.n_bytes() + numbers(of.rows.as_ref()));
        coordinates.chain(variables).sum::<usize>() + numbers(self.table_rows.as_ref())
    }
}

/// Cells that tables up to this size have are read by one thread: starting more would take longer.
const SMALL: usize = 1 << 14;

/// Puts a table into the terms of `node`.
///
/// A row takes part if every coordinate that the table brings has a valid value in it. Values outside the range of the schema
/// and unknown labels are left out; what those cost that are unreadable or would be stored with a loss, [`Terms`] say.
///
/// # Errors
/// [`NormalizeError`] when the table as a whole does not fit the node.
pub fn normalize(table: &Table, node: &Node) -> Result<Normalized, NormalizeError> {
    normalize_as(table, node, Admission::New)
}

/// The same on other terms than those of a contribution that comes today for the first time.
///
/// # Errors
/// As [`normalize`].
pub fn normalize_as(
    table: &Table,
    node: &Node,
    terms: impl Into<Terms>,
) -> Result<Normalized, NormalizeError> {
    let terms = terms.into();
    let n_rows = table.frame.height();
    let max_rows = u32::MAX as usize - 1;
    if n_rows > max_rows {
        return Err(NormalizeError::TooManyRows { n_rows, max_rows });
    }
    let Plan {
        mut targets,
        coordinates,
        variables,
        warnings,
    } = columns::plan(table, node, terms)?;
    folds::infer(&mut targets, n_rows);
    let is_small = n_rows.saturating_mul(targets.len()) <= SMALL;
    let read: Vec<Column> = if is_small {
        targets
            .iter()
            .map(|target| read_column(target, n_rows))
            .collect()
    } else {
        targets
            .par_iter()
            .map(|target| read_column(target, n_rows))
            .collect()
    };

    all_or_nothing(&read, terms)?;
    let limited = read.iter().any(|column| column.marks.limited);
    let table_rows = accepted_rows(&targets, &read, n_rows);
    let n_accepted = table_rows.as_ref().map_or(n_rows, Vec::len);
    let mut problems = in_row_order(&read);
    for problem in &mut problems.first {
        let row = problem.row.and_then(|row| usize::try_from(row - 1).ok());
        problem.line = row.and_then(|row| table.lines.as_ref()?.of(row));
    }
    let coordinates = coordinates
        .iter()
        .map(|planned| batch_coordinate(planned, node, &read, table_rows.as_deref(), n_accepted))
        .collect::<Result<Vec<_>, _>>()?;
    let picking = Picking {
        node,
        targets: &targets,
        table_rows: table_rows.as_deref(),
        coordinates: &coordinates,
    };
    let (variables, conflicts) = picking.batch_variables(variables, read, n_accepted, is_small);
    for conflicts in conflicts {
        problems.extend(conflicts);
    }

    Ok(Normalized {
        batch: Batch {
            n_rows: n_accepted,
            coordinates,
            variables,
        },
        n_rows_read: n_rows as u64 + table.lost.n_rows,
        n_rows_rejected: (n_rows - n_accepted) as u64 + table.lost.n_rows,
        problems: {
            let mut all = table.lost.problems.clone();
            all.extend(problems);
            all
        },
        table_rows,
        limited,
        warnings: table
            .lost
            .warnings
            .iter()
            .cloned()
            .chain(warnings)
            .collect(),
    })
}

/// Refuses a table with a bad cell, if that is asked for.
fn all_or_nothing(read: &[Column], terms: Terms) -> Result<(), NormalizeError> {
    let n: usize = read.iter().map(|column| column.marks.bad.len()).sum();
    if terms.on_bad_cell != OnBadCell::All || n == 0 {
        return Ok(());
    }
    let bad = read.iter().filter(|column| !column.marks.bad.is_empty());
    let problems = bad.flat_map(|column| &column.marks.problems.first);
    let first = problems.min_by_key(|problem| problem.row);
    Err(NormalizeError::BadCells {
        n,
        first: first.map(RowProblem::to_string).unwrap_or_default(),
    })
}

/// Rows that no column rejects, and that have anything but bad cells; `None`: all.
fn accepted_rows(targets: &[Target<'_>], columns: &[Column], n_rows: usize) -> Option<Vec<u32>> {
    let is_value = |target: &Target<'_>| target.coordinate.is_none();
    let values = targets.iter().zip(columns);
    let values = values.filter_map(|(target, column)| is_value(target).then_some(&column.marks));
    let values: Vec<&Marks> = values.collect();
    let has_value = |marks: &&Marks, row: u32| {
        let valid = marks.valid.as_ref();
        valid.is_none_or(|valid| valid[row as usize])
    };
    let bad = values.iter().flat_map(|marks| marks.bad.iter().copied());
    let empty = bad.filter(|row| !values.iter().any(|marks| has_value(marks, *row)));
    let rejected = columns
        .iter()
        .flat_map(|column| column.marks.rejected.iter().copied());
    let mut rejected = rejected.chain(empty).peekable();
    rejected.peek()?;
    let mut accepted = vec![true; n_rows];
    for row in rejected {
        accepted[row as usize] = false;
    }
    Some(
        (0..row_number(n_rows))
            .filter(|row| accepted[*row as usize])
            .collect(),
    )
}

/// The problems of all columns, by row.
fn in_row_order(columns: &[Column]) -> Problems {
    let mut first: Vec<RowProblem> = columns
        .iter()
        .flat_map(|column| column.marks.problems.first.iter().cloned())
        .collect();
    first.sort_by_key(|problem| problem.row);
    first.truncate(zarr_fuse_journal::outcome::MAX_PROBLEMS);
    Problems {
        first,
        n: columns.iter().map(|column| column.marks.problems.n).sum(),
    }
}
