//! What one contribution may add to a node: a wrong clock or a mistaken column must not fill its arrays.

use std::collections::HashSet;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_journal::outcome::RowProblem;
use zarr_fuse_schemas::{Coordinate, Measure, Node};

use super::coordinate::key;
use super::{Batch, BatchCoordinate, Growing, Judged, grid, table_row};
use crate::normalize::format_ticks;

/// Most chunks that one contribution may write, of all variables.
const MAX_CHUNKS: u64 = 1 << 18;
/// Values that a message names.
const MAX_NAMED: usize = 3;

/// Why a batch brings more than one contribution may, if it does.
pub(super) fn exceeded(node: &Node, batch: &Batch, growing: &[Growing<'_>]) -> Option<RowProblem> {
    let of = |brought: &&BatchCoordinate| {
        let schema = &node.coordinates[brought.coordinate_idx];
        too_many_new(schema, &brought.values, &growing[brought.coordinate_idx])
    };
    let too_many = batch.coordinates.iter().find_map(|brought| of(&brought));
    too_many.or_else(|| too_many_chunks(node, batch, growing))
}

/// The problem of a contribution that brings too many new values of a coordinate.
fn too_many_new(schema: &Coordinate, values: &Values, growing: &Growing<'_>) -> Option<RowProblem> {
    let max = schema.max_new();
    if values.len() as u64 <= max {
        return None;
    }
    let is_new = |i: &usize| !growing.knows(&key(values, *i));
    let n = (0..values.len()).filter(is_new).count() as u64;
    if n <= max {
        return None;
    }
    let new = (0..values.len()).filter(is_new).take(MAX_NAMED);
    let named: Vec<String> = new
        .map(|i| {
            format!(
                "`{}`",
                zarr_fuse_schemas::row_problem::cut(&shown(values, i, schema))
            )
        })
        .collect();
    let name = &schema.variable.name;
    let column = &schema.variable.column;
    Some(RowProblem {
        column: Some(column.clone()),
        reason: format!(
            "{n} new values of the coordinate `{name}`, such as {}; one contribution may add {max}: if `{column}` is the right column and they are meant, write `max_new: {n}` for `{name}` in the schema, else send it with the right column",
            named.join(", ")
        ),
        ..RowProblem::default()
    })
}

/// The problem of a contribution whose cells lie in too many chunks.
fn too_many_chunks(node: &Node, batch: &Batch, growing: &[Growing<'_>]) -> Option<RowProblem> {
    let n_values = |variable: &crate::normalize::BatchVariable| variable.values.len() as u64;
    let all = batch.variables.iter().map(n_values);
    if all.fold(0, u64::saturating_add) <= MAX_CHUNKS {
        return None;
    }
    let along: Vec<u64> = batch
        .coordinates
        .iter()
        .map(|brought| {
            let schema = &node.coordinates[brought.coordinate_idx];
            n_chunks(schema, &brought.values, &growing[brought.coordinate_idx])
        })
        .collect();
    let of_variable = |variable: &crate::normalize::BatchVariable| {
        let schema = &node.variables[variable.variable_idx];
        let on = |brought: &BatchCoordinate| {
            let idx = brought.coordinate_idx;
            let name = node.coordinates.get_index(idx).map(|(name, _)| name);
            name.is_some_and(|name| schema.coords.contains(name))
        };
        let chunks = batch.coordinates.iter().zip(&along);
        let within = chunks
            .filter(|(brought, _)| on(brought))
            .fold(1, |n: u64, (_, chunks)| n.saturating_mul(*chunks));
        within.min(n_values(variable))
    };
    let n = batch
        .variables
        .iter()
        .map(of_variable)
        .fold(0, u64::saturating_add);
    (n > MAX_CHUNKS).then(|| RowProblem {
        reason: format!(
            "its cells lie in up to {n} chunks, and one contribution may write {MAX_CHUNKS}: split it, or, if such data is usual, give the coordinates of `{}` a larger `chunk_size`",
            node.path
        ),
        ..RowProblem::default()
    })
}

/// Chunks along a coordinate that values may lie in.
fn n_chunks(schema: &Coordinate, values: &Values, growing: &Growing<'_>) -> u64 {
    let mut known = HashSet::new();
    let mut n_new = 0_u64;
    for i in 0..values.len() {
        match growing.find(&key(values, i)) {
            Some(slot) => {
                known.insert(slot / schema.chunk_size);
            }
            None => n_new += 1,
        }
    }
    // New values may lie anywhere among the others of a sorted coordinate; those that follow lie together.
    known.len() as u64 + n_new.div_ceil(schema.chunk_size) + u64::from(n_new > 0)
}

/// Rejects rows whose value would make a regular coordinate longer than one row may, each with the reason.
///
/// # Errors
/// The problem of a contribution that makes it too long by all of its rows.
pub(super) fn without_outliers(
    node: &Node,
    (batch, table_rows): (Batch, Option<Vec<u32>>),
    place: usize,
    limits: grid::Limits,
    growing: &Growing<'_>,
    judge: &mut Judged,
) -> Result<(Batch, Option<Vec<u32>>), RowProblem> {
    let coordinate = &batch.coordinates[place];
    let schema = &node.coordinates[coordinate.coordinate_idx];
    let found = grid::far(&batch, place, limits, growing, schema.max_filled());
    let name = &schema.variable.name;
    if found.n_added > schema.max_new() {
        let n = found.n_added;
        return Err(RowProblem {
            column: Some(schema.variable.column.clone()),
            reason: format!(
                "its rows make the grid of `{name}` {n} values longer, and one contribution may add {}: split it, or write `max_new: {n}` for `{name}` in the schema if that is meant",
                schema.max_new()
            ),
            ..RowProblem::default()
        });
    }
    if found.outliers.is_empty() {
        return Ok((batch, table_rows));
    }
    judge.limited = true;
    let mut keep = vec![true; batch.n_rows];
    for (row, value) in coordinate.index.iter().enumerate() {
        let Some(outlier) = found.outliers.get(&(*value as usize)) else {
            continue;
        };
        let n = outlier.n;
        keep[row] = false;
        judge.n_rows_rejected += 1;
        judge.problems.push(|| RowProblem {
            line: None,
            row: Some(table_row(table_rows.as_deref(), row)),
            column: Some(schema.variable.column.clone()),
            value: Some(shown(&coordinate.values, *value as usize, schema)),
            reason: format!(
                "{n} values would fill the gap between it and {}, and {} may: is the clock right? If it is meant, write `max_new: {n}` for `{name}` in the schema and retry the contribution",
                shown(&outlier.neighbour, 0, schema),
                schema.max_filled()
            ),
        });
    }
    let (batch, table_rows) = super::kept_rows(batch, table_rows.as_deref(), &keep);
    Ok((batch, Some(table_rows)))
}

/// A coordinate value as people write it.
fn shown(values: &Values, i: usize, schema: &Coordinate) -> String {
    match (&schema.variable.measure, values) {
        (Measure::Time { unit, .. }, Values::Int64(ticks)) => format_ticks(ticks[i], unit),
        _ => values.display(i),
    }
}
