//! Arrays to a batch: the same conversions as for columns, but cells keep their places on the grid and never become rows.

use zarr_fuse_arrays::values::Values;
use zarr_fuse_decode::{Grid, Grids};
use zarr_fuse_journal::outcome::Problems;
use zarr_fuse_schemas::{Node, StepLimits, Variable, rules::Rules};

use super::columns::target_of;
use super::error::NormalizeError;
use super::read::{Elements, read_column};
use super::{
    Admission, Batch, BatchCoordinate, BatchVariable, GridPlaces, Normalized, Terms,
    all_or_nothing, unmatched,
};

/// Positions of a grid whose coordinate value cannot be used.
pub(crate) const NO_VALUE: u32 = u32::MAX;

/// Whether a node takes arrays as they are. Otherwise they become rows first.
pub fn takes_grids(node: &Node) -> bool {
    node.coordinates.values().all(|coordinate| {
        let is_free = !matches!(coordinate.step_limits, StepLimits::Within { .. });
        is_free && coordinate.composed.is_empty()
    })
}

/// Puts arrays into the terms of `node`, which [`takes_grids`].
///
/// Cells whose coordinate value is missing or unreadable are rejected. Cells without a valid value are left out.
///
/// # Errors
/// [`NormalizeError`] when the arrays as a whole do not fit the node.
pub fn normalize_grids(grids: &Grids, node: &Node) -> Result<Normalized, NormalizeError> {
    normalize_grids_as(grids, node, Admission::New)
}

/// The same on other terms than those of a contribution that comes today for the first time.
///
/// # Errors
/// As [`normalize_grids`].
pub fn normalize_grids_as(
    grids: &Grids,
    node: &Node,
    terms: impl Into<Terms>,
) -> Result<Normalized, NormalizeError> {
    let terms = terms.into();
    let unit = |variable: &Variable| grids.units.get(&variable.column);
    let mut problems = Problems::default();
    let mut limited = false;
    let mut coordinates = Vec::new();
    for (coordinate_idx, coordinate) in node.coordinates.values().enumerate() {
        let variable = &coordinate.variable;
        let Some(values) = grids.coordinates.get(&variable.column) else {
            continue;
        };
        let n = cells(values.len())?;
        let name = Some(variable.name.as_str());
        let target = target_of(values, variable, name, unit(variable), terms)?;
        let read = read_column(&target, n);
        limited |= read.marks.limited;
        all_or_nothing(std::slice::from_ref(&read), terms)?;
        let Elements::Encoded {
            distinct,
            mut index,
        } = read.elements
        else {
            continue;
        };
        for rejected in &read.marks.rejected {
            index[*rejected as usize] = NO_VALUE;
        }
        problems.extend(read.marks.problems);
        coordinates.push(BatchCoordinate {
            coordinate_idx,
            step_limits: coordinate.step_limits,
            values: distinct,
            index,
        });
    }
    let mut variables = Vec::new();
    let (mut n_read, mut n_valid) = (0, 0);
    for (variable_idx, variable) in node.variables.values().enumerate() {
        let Some(grid) = grids.variables.get(&variable.column) else {
            continue;
        };
        let strides = strides(grids, grid, variable, node)?;
        let n = cells(grid.values.len())?;
        let target = target_of(&grid.values, variable, None, unit(variable), terms)?;
        let read = read_column(&target, n);
        all_or_nothing(std::slice::from_ref(&read), terms)?;
        let values = match read.elements {
            Elements::Plain(values) => values,
            Elements::Encoded { distinct, .. } if distinct.is_empty() => {
                Values::filled(variable.data_type, None, n)
            }
            Elements::Encoded { distinct, index } => {
                distinct.take(index.into_iter().map(|number| number as usize))
            }
        };
        let mut valid = read.marks.valid;
        for rejected in &read.marks.rejected {
            valid.get_or_insert_with(|| vec![true; n])[*rejected as usize] = false;
        }
        problems.extend(read.marks.problems);
        if n as u64 > n_read {
            n_read = n as u64;
            n_valid = valid_cells(variable, node, &coordinates);
        }
        variables.push(BatchVariable {
            variable_idx,
            merge: variable.merge,
            turn: variable.turn,
            rows: None,
            values,
            grid: Some(GridPlaces { strides, valid }),
        });
    }
    if variables.is_empty() && coordinates.is_empty() {
        return Err(nothing_known(grids, node));
    }
    let mut warnings = Vec::new();
    if terms.rules != Rules::First {
        let names = grids.coordinates.keys().chain(grids.variables.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        warnings = unmatched::look(node, &names, usize::MAX)?;
    }
    Ok(Normalized {
        batch: Batch {
            n_rows: 0,
            coordinates,
            variables,
        },
        n_rows_read: n_read,
        n_rows_rejected: n_read - n_valid.min(n_read),
        problems,
        table_rows: None,
        limited,
        warnings,
    })
}

fn cells(n: usize) -> Result<usize, NormalizeError> {
    let max_rows = u32::MAX as usize - 1;
    if n > max_rows {
        return Err(NormalizeError::TooManyRows {
            n_rows: n,
            max_rows,
        });
    }
    Ok(n)
}

/// Cells of a variable whose coordinate values can all be used.
fn valid_cells(variable: &Variable, node: &Node, coordinates: &[BatchCoordinate]) -> u64 {
    let lengths = variable.coords.iter().map(|name| {
        let idx = node.coordinates.get_index_of(name);
        let coordinate = coordinates
            .iter()
            .find(|coordinate| Some(coordinate.coordinate_idx) == idx);
        coordinate.map_or(0, |coordinate| {
            let used = coordinate.index.iter().filter(|place| **place != NO_VALUE);
            used.count() as u64
        })
    });
    lengths.product()
}

/// What a step along each coordinate of the variable, in its order, means in the flat array.
fn strides(
    grids: &Grids,
    grid: &Grid,
    variable: &Variable,
    node: &Node,
) -> Result<Vec<usize>, NormalizeError> {
    let wrong = |reason: String| NormalizeError::Shape {
        array: variable.column.clone(),
        reason,
    };
    let mut strides = vec![0; variable.coords.len()];
    let mut stride = 1_usize;
    for dim in grid.dims.iter().rev() {
        let length = grids.length(dim);
        let column = |name: &String| node.coordinates[name].variable.column == *dim;
        match variable.coords.iter().position(column) {
            Some(place) => strides[place] = stride,
            None if length == 1 => {}
            None => {
                return Err(wrong(format!(
                    "it lies along `{dim}`, which is no coordinate of `{}` in the schema",
                    variable.name
                )));
            }
        }
        stride = stride.saturating_mul(length);
    }
    for name in &variable.coords {
        let column = &node.coordinates[name].variable.column;
        let Some(values) = grids.coordinates.get(column) else {
            return Err(wrong(format!(
                "it comes without the coordinate `{column}`, along which `{}` lies in the schema",
                variable.name
            )));
        };
        if values.len() != 1 && !grid.dims.contains(column) {
            return Err(wrong(format!(
                "it does not lie along `{column}`, as `{}` does in the schema",
                variable.name
            )));
        }
    }
    if stride != grid.values.len() {
        return Err(wrong(format!(
            "it has {} values, and its dimensions make {stride}",
            grid.values.len()
        )));
    }
    Ok(strides)
}

fn nothing_known(grids: &Grids, node: &Node) -> NormalizeError {
    let list = |names: &mut dyn Iterator<Item = &String>| {
        let names: Vec<String> = names.take(20).map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let coordinates = node.coordinates.values().map(|c| &c.variable.column);
    let variables = node.variables.values().map(|v| &v.column);
    NormalizeError::NothingKnown {
        node: node.path.clone(),
        wanted: list(&mut coordinates.chain(variables)),
        found: list(&mut grids.coordinates.keys().chain(grids.variables.keys())),
    }
}
