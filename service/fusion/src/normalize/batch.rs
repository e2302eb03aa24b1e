//! Columns to a batch: coordinates of the rows that take part, one value per cell of each variable.

use rayon::prelude::*;
use zarr_fuse_arrays::values::Values;
use zarr_fuse_journal::outcome::{Problems, RowProblem};
use zarr_fuse_schemas::{MergeRule, Node, row_problem::cut};

use super::cells::Cells;
use super::columns::{PlannedCoordinate, PlannedVariable};
use super::composed::{compose, hash_tuple};
use super::distinct::Encoder;
use super::error::NormalizeError;
use super::pick::{self, Difference};
use super::read::{Column, Elements, Target};
use super::{BatchCoordinate, BatchVariable};

/// The values of a coordinate in the accepted rows.
pub(super) fn batch_coordinate(
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
            Elements::Encoded { distinct, index } => {
                Some(accepted_values(distinct, index, table_rows))
            }
            Elements::Plain(_) => None,
        })
        .collect();
    let (values, index) = if planned.is_composed {
        let components: Vec<(&Values, &[u32])> = encoded
            .iter()
            .map(|(values, index)| (values, index.as_slice()))
            .collect();
        let (hashes, index) = compose(&components, n_rows, hash_tuple).map_err(|rows| {
            let table_row = |row: u32| {
                u64::from(table_rows.map_or(row, |table_rows| table_rows[row as usize])) + 1
            };
            NormalizeError::Collision {
                coordinate: node.coordinates[planned.coordinate_idx]
                    .variable
                    .name
                    .clone(),
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
        step_limits: node.coordinates[planned.coordinate_idx].step_limits,
        values,
        index,
    })
}

/// Of distinct values, those that accepted rows have, in order of first appearance there.
fn accepted_values(
    distinct: &Values,
    index: &[u32],
    table_rows: Option<&[u32]>,
) -> (Values, Vec<u32>) {
    let Some(table_rows) = table_rows else {
        return (distinct.clone(), index.to_vec());
    };
    let mut encoder = Encoder::new();
    let index = table_rows
        .iter()
        .map(|row| encoder.number(index[*row as usize]))
        .collect();
    (
        distinct.take(
            encoder
                .into_keys()
                .into_iter()
                .map(|number| number as usize),
        ),
        index,
    )
}

/// What choosing the values of a variable needs to know.
pub(super) struct Picking<'p> {
    pub(super) node: &'p Node,
    pub(super) targets: &'p [Target<'p>],
    pub(super) table_rows: Option<&'p [u32]>,
    pub(super) coordinates: &'p [BatchCoordinate],
}

impl Picking<'_> {
    /// Chooses one value per cell for every variable; problems are the conflicts of each.
    pub(super) fn batch_variables(
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
            work.map(|(variable, column, cells)| {
                self.batch_variable(&variable, column, cells, n_rows)
            })
            .unzip()
        } else {
            let work: Vec<_> = work.collect();
            work.into_par_iter()
                .map(|(variable, column, cells)| {
                    self.batch_variable(&variable, column, cells, n_rows)
                })
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
            let differ =
                |difference| conflicts.push(|| self.conflict(target, difference, must_agree));
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
                merge: variable.merge,
                turn: variable.turn,
                rows,
                values,
                grid: None,
            },
            conflicts,
        )
    }

    fn conflict(
        &self,
        target: &Target<'_>,
        difference: Difference,
        must_agree: bool,
    ) -> RowProblem {
        let table_row = |row: u32| {
            self.table_rows
                .map_or(row, |table_rows| table_rows[row as usize])
        };
        let (row, earlier) = (table_row(difference.row), table_row(difference.earlier));
        let print = |row: u32| target.source.print(row as usize).map(|text| cut(&text));
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
            line: None,
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
