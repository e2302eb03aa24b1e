//! Table to batch: schema names, types and units; times in UTC; one row per cell.
//!
//! The only place that converts units and times of what comes in. A plain function: it reads nothing, knows no clock and
//! keeps nothing. What is wrong with single rows and values is data, listed in [`Normalized::problems`].

mod cells;
mod columns;
mod composed;
mod distinct;
mod element;
mod error;
mod fault;
mod labels;
mod numbers;
mod pick;
mod read;
mod source;
mod time;

#[cfg(test)]
mod tests;

use rayon::prelude::*;
use zarr_fuse_schemas::{MergeRule, Node};

use crate::decode::Table;
use crate::outcome::{Problems, RowProblem};
use crate::values::Values;
use cells::Cells;
use columns::{Plan, PlannedCoordinate, PlannedVariable};
pub use composed::{ComponentValue, hash_tuple};
use distinct::{Encoder, row_number};
pub use error::NormalizeError;
use pick::{Difference, gather};
use read::{Column, Elements, Target, read_column};
pub use time::{TimeError, format_ticks, parse_time};

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

/// Cells that tables up to this size have are read by one thread: starting more would take longer.
const SMALL: usize = 1 << 14;

/// Puts a table into the terms of `node`.
///
/// A row takes part if every coordinate that the table brings has a valid value in it and none of its values was
/// unreadable or would be stored with a loss. Values outside the range of the schema and unknown labels are left out, the
/// row stays.
///
/// # Errors
/// [`NormalizeError`] when the table as a whole does not fit the node.
///
/// # Source
/// "What merging means" in `ARCHITECTURE.md`.
pub fn normalize(table: &Table, node: &Node) -> Result<Normalized, NormalizeError> {
    let n_rows = table.frame.height();
    let max_rows = u32::MAX as usize - 1;
    if n_rows > max_rows {
        return Err(NormalizeError::TooManyRows { n_rows, max_rows });
    }
    let Plan {
        targets,
        coordinates,
        variables,
    } = columns::plan(&table.frame, node)?;
    let is_small = n_rows.saturating_mul(targets.len()) <= SMALL;
    let read: Vec<Column> = if is_small {
        targets.iter().map(|target| read_column(target, n_rows)).collect()
    } else {
        targets.par_iter().map(|target| read_column(target, n_rows)).collect()
    };

    let table_rows = accepted_rows(&read, n_rows);
    let n_accepted = table_rows.as_ref().map_or(n_rows, Vec::len);
    let mut problems = in_row_order(&read);
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
    conflicts.into_iter().for_each(|conflicts| problems.extend(conflicts));

    Ok(Normalized {
        batch: Batch {
            n_rows: n_accepted,
            coordinates,
            variables,
        },
        n_rows_read: n_rows as u64,
        n_rows_rejected: (n_rows - n_accepted) as u64,
        problems,
        table_rows,
    })
}

/// Rows that no column rejects; `None`: all.
fn accepted_rows(columns: &[Column], n_rows: usize) -> Option<Vec<u32>> {
    if columns.iter().all(|column| column.marks.rejected.is_empty()) {
        return None;
    }
    let mut accepted = vec![true; n_rows];
    for row in columns.iter().flat_map(|column| &column.marks.rejected) {
        accepted[*row as usize] = false;
    }
    Some((0..row_number(n_rows)).filter(|row| accepted[*row as usize]).collect())
}

/// The problems of all columns, by row.
fn in_row_order(columns: &[Column]) -> Problems {
    let mut first: Vec<RowProblem> = columns
        .iter()
        .flat_map(|column| column.marks.problems.first.iter().cloned())
        .collect();
    first.sort_by_key(|problem| problem.row);
    first.truncate(crate::outcome::MAX_PROBLEMS);
    Problems {
        first,
        n: columns.iter().map(|column| column.marks.problems.n).sum(),
    }
}

/// The values of a coordinate in the accepted rows.
fn batch_coordinate(
    planned: &PlannedCoordinate,
    node: &Node,
    columns: &[Column],
    table_rows: Option<&[u32]>,
    n_rows: usize,
) -> Result<BatchCoordinate, NormalizeError> {
    let encoded: Vec<(Values, Vec<u32>)> = planned
        .targets
        .iter()
        .filter_map(|target| match &columns[*target].elements {
            Elements::Encoded { distinct, index } => Some(accepted_values(distinct, index, table_rows)),
            Elements::Plain(_) => None,
        })
        .collect();
    let (values, index) = if planned.is_composed {
        let components: Vec<(&Values, &[u32])> = encoded
            .iter()
            .map(|(values, index)| (values, index.as_slice()))
            .collect();
        let (hashes, index) = composed::compose(&components, n_rows, hash_tuple).map_err(|rows| {
            let table_row = |row: u32| u64::from(table_rows.map_or(row, |table_rows| table_rows[row as usize])) + 1;
            NormalizeError::Collision {
                coordinate: node.coordinates[planned.coordinate_idx].variable.name.clone(),
                first_row: table_row(rows.first_row),
                second_row: table_row(rows.second_row),
            }
        })?;
        (Values::Int64(hashes), index)
    } else {
        encoded
            .into_iter()
            .next()
            .expect("columns of coordinates are read encoded")
    };
    Ok(BatchCoordinate {
        coordinate_idx: planned.coordinate_idx,
        values,
        index,
    })
}

/// Of distinct values, those that accepted rows have, in order of first appearance there.
fn accepted_values(distinct: &Values, index: &[u32], table_rows: Option<&[u32]>) -> (Values, Vec<u32>) {
    let Some(table_rows) = table_rows else {
        return (distinct.clone(), index.to_vec());
    };
    let mut encoder = Encoder::new();
    let index = table_rows
        .iter()
        .map(|row| encoder.number(index[*row as usize]))
        .collect();
    (gather(distinct, &encoder.into_keys()), index)
}

/// What choosing the values of a variable needs to know.
struct Picking<'p> {
    node: &'p Node,
    targets: &'p [Target<'p>],
    table_rows: Option<&'p [u32]>,
    coordinates: &'p [BatchCoordinate],
}

impl Picking<'_> {
    /// Chooses one value per cell for every variable; problems are the conflicts of each.
    fn batch_variables(
        &self,
        planned: Vec<PlannedVariable>,
        columns: Vec<Column>,
        n_rows: usize,
        is_small: bool,
    ) -> (Vec<BatchVariable>, Vec<Problems>) {
        let mut sets: Vec<(Vec<usize>, Option<Cells>)> = Vec::new();
        for variable in &planned {
            if !sets.iter().any(|(set, _)| *set == variable.coordinates) {
                let of = |idx: &usize| {
                    (
                        self.coordinates[*idx].index.as_slice(),
                        self.coordinates[*idx].values.len(),
                    )
                };
                let set: Vec<(&[u32], usize)> = variable.coordinates.iter().map(of).collect();
                sets.push((variable.coordinates.clone(), Cells::repeated(&set, n_rows)));
            }
        }
        let mut columns: Vec<Option<Column>> = columns.into_iter().map(Some).collect();
        let work = planned.into_iter().map(|variable| {
            let column = columns[variable.target]
                .take()
                .expect("every target belongs to one variable");
            let cells = sets
                .iter()
                .find(|(set, _)| *set == variable.coordinates)
                .and_then(|(_, cells)| cells.as_ref());
            (variable, column, cells)
        });
        if is_small {
            work.map(|(variable, column, cells)| self.batch_variable(&variable, column, cells, n_rows))
                .unzip()
        } else {
            let work: Vec<_> = work.collect();
            work.into_par_iter()
                .map(|(variable, column, cells)| self.batch_variable(&variable, column, cells, n_rows))
                .unzip()
        }
    }

    fn batch_variable(
        &self,
        planned: &PlannedVariable,
        column: Column,
        cells: Option<&Cells>,
        n_rows: usize,
    ) -> (BatchVariable, Problems) {
        let variable = &self.node.variables[planned.variable_idx];
        let target = &self.targets[planned.target];
        let mut conflicts = Problems::default();
        let mut rows = pick::valid_rows(column.marks.valid.as_deref(), self.table_rows, n_rows);
        if let Some(cells) = cells {
            let must_agree = variable.coords.len() < self.node.coordinates.len();
            let differ = |difference| conflicts.push(|| self.conflict(target, difference, must_agree));
            let chosen = pick::pick(
                rows,
                cells,
                &column.elements,
                self.table_rows,
                variable.merge,
                must_agree,
                differ,
            );
            rows = (chosen.len() < n_rows).then_some(chosen);
        }
        let values = pick::take(column.elements, rows.as_deref(), self.table_rows);
        (
            BatchVariable {
                variable_idx: planned.variable_idx,
                rows,
                values,
            },
            conflicts,
        )
    }

    fn conflict(&self, target: &Target<'_>, difference: Difference, must_agree: bool) -> RowProblem {
        let table_row = |row: u32| self.table_rows.map_or(row, |table_rows| table_rows[row as usize]);
        let (row, earlier) = (table_row(difference.row), table_row(difference.earlier));
        let print = |row: u32| target.source.print(row as usize).map(|text| source::cut(&text));
        let variable = target.variable;
        let cell = if variable.coords.is_empty() {
            format!("`{}`", variable.name)
        } else {
            format!("the same {}", variable.coords.join(", "))
        };
        let used = match variable.merge {
            MergeRule::Last => "the last one is used",
            MergeRule::First => "the first one is used",
            MergeRule::Min => "the smallest one is used",
            MergeRule::Max => "the largest one is used",
            MergeRule::Reject => "the first one stays",
        };
        let kind = if must_agree { "conflict" } else { "rejected" };
        RowProblem {
            row: Some(u64::from(row) + 1),
            column: Some(variable.column.clone()),
            value: print(row),
            reason: format!(
                "{kind}: row {} gives `{}` for {cell}; {used}",
                u64::from(earlier) + 1,
                print(earlier).unwrap_or_default(),
            ),
        }
    }
}
