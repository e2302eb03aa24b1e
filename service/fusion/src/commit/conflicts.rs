//! What `merge: reject` variables do not take.

use std::sync::Arc;

use zarr_fuse_journal::outcome::RowProblem;
use zarr_fuse_schemas::MergeRule;
use zarr_fuse_store::blocking;

use super::cells::{Cells, Conflict};
use super::{CommitError, Node};
use crate::merge::{Update, table_row};

/// Chunks of one variable that are looked at.
const MAX_CHUNKS: usize = 1024;

/// The problems of refused values of a variable, each with the sequence number of its contribution.
pub(super) fn told(
    node: &Node,
    update: &Update,
    variable_idx: usize,
    refused: impl Iterator<Item = Conflict>,
) -> Vec<(u64, RowProblem)> {
    let variable = &node.schema.variables[variable_idx];
    let problem = |(place, row, value): Conflict| {
        let batch = &update.batches[place];
        let problem = RowProblem {
            line: None,
            row: Some(table_row(batch.table_rows.as_deref(), row)),
            column: Some(variable.column.clone()),
            value: Some(value),
            reason: format!(
                "`{}` has another value in this cell and takes only the first (merge: reject)",
                variable.name
            ),
        };
        (batch.seq, problem)
    };
    refused.map(problem).collect()
}

/// What an update would have refused of the node as it is now, in the first chunks of each variable; nothing is written.
///
/// # Errors
/// [`CommitError`] if chunks cannot be read.
pub async fn conflicts(
    node: &Node,
    update: &Arc<Update>,
) -> Result<Vec<(u64, RowProblem)>, CommitError> {
    let _in_place = node.layout.read().await;
    let state = node.state();
    let mut problems = Vec::new();
    for (variable_idx, variable) in node.schema.variables.values().enumerate() {
        if variable.merge != MergeRule::Reject {
            continue;
        }
        let array = node.schema.coordinates.len() + variable_idx;
        let spec = Arc::clone(&node.arrays[array]);
        let (of, coded) = (Arc::clone(update), Arc::clone(&spec));
        let cells = Arc::new(blocking(move || Cells::new(&of, &coded, variable_idx)).await);
        let mut chunks: Vec<Vec<u64>> = cells.chunks().cloned().collect();
        chunks.sort_unstable();
        for chunk in chunks.into_iter().take(MAX_CHUNKS) {
            let dims = spec.dims.iter().zip(&chunk).zip(&spec.chunk_shape);
            let from: Vec<Vec<Option<u64>>> = dims
                .map(|((&d, &at), &chunk_len)| {
                    let coordinate = &update.coordinates[d];
                    let positions = at * chunk_len..(at + 1) * chunk_len;
                    positions
                        .map(|position| coordinate.source(position))
                        .collect()
                })
                .collect();
            let (mut values, _) = node.gather(array, &from, state.epoch, None).await?;
            let (of, cells, coded) = (Arc::clone(update), Arc::clone(&cells), Arc::clone(&spec));
            let refused =
                blocking(move || cells.apply(&of, &chunk, &mut values, coded.na.as_ref()));
            problems.extend(told(node, update, variable_idx, refused.await.into_iter()));
        }
    }
    problems.sort_by_key(|(seq, problem)| (*seq, problem.row));
    Ok(problems)
}
