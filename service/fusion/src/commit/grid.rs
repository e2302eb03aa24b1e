//! The cells that an array of a contribution writes, chunk by chunk: boxes of both, never single rows.

use std::collections::BTreeMap;

use zarr_fuse_arrays::{array::ArraySpec, values::Values};
use zarr_fuse_schemas::{MergeRule, Scalar, to_usize};

use super::wins;
use crate::merge::region::{product, strides};
use crate::merge::{NOWHERE, PlacedBatch};
use crate::normalize::{BatchVariable, GridPlaces, NO_VALUE};

/// A cell along one dimension: what it adds to the place in the chunk, and to the place in the array that came.
type Step = (usize, usize);

/// Where the cells of one array go.
#[derive(Debug)]
pub(super) struct GridCells {
    /// Place of the variable in the batch.
    pub(super) variable: usize,
    /// Per dimension, chunk → cells, in the order in which they came.
    dims: Vec<BTreeMap<u64, Vec<Step>>>,
}

impl GridCells {
    /// Those of a variable whose array has `steps` values to step over per place along each of its coordinates.
    pub(super) fn new(
        placed: &PlacedBatch,
        spec: &ArraySpec,
        variable: usize,
        steps: &[usize],
    ) -> Self {
        let chunk_shape: Vec<usize> = spec.chunk_shape.iter().map(|&n| to_usize(n)).collect();
        let cell_strides = strides(&chunk_shape);
        let dims = spec.dims.iter().enumerate().map(|(place, &d)| {
            let coordinates = &placed.batch.coordinates;
            let coordinate = coordinates
                .iter()
                .position(|coordinate| coordinate.coordinate_idx == d)
                .expect("normalize has checked that an array comes with its coordinates");
            let (index, positions) = (
                &coordinates[coordinate].index,
                &placed.positions[coordinate],
            );
            let mut chunks: BTreeMap<u64, Vec<Step>> = BTreeMap::new();
            for (i, &value) in index.iter().enumerate() {
                if value == NO_VALUE || positions[value as usize] == NOWHERE {
                    continue;
                }
                let position = positions[value as usize];
                let chunk_len = spec.chunk_shape[place];
                let cell = to_usize(position % chunk_len) * cell_strides[place];
                let cells = chunks.entry(position / chunk_len).or_default();
                cells.push((cell, i * steps[place]));
            }
            chunks
        });
        Self {
            variable,
            dims: dims.collect(),
        }
    }

    /// Grid positions of the chunks that are written.
    pub(super) fn chunks(&self) -> Vec<Vec<u64>> {
        let lists: Vec<Vec<u64>> = self
            .dims
            .iter()
            .map(|chunks| chunks.keys().copied().collect())
            .collect();
        product(&lists)
    }

    /// Writes the cells of `chunk`. Gives what a `reject` variable did not take: place in the array, the value as text.
    pub(super) fn apply(
        &self,
        variable: &BatchVariable,
        chunk: &[u64],
        values: &mut Values,
        na: Option<&Scalar>,
    ) -> Vec<(usize, String)> {
        let rule = variable.merge;
        let steps: Vec<&[Step]> = self
            .dims
            .iter()
            .zip(chunk)
            .filter_map(|(chunks, at)| Some(chunks.get(at)?.as_slice()))
            .collect();
        let valid = variable
            .grid
            .as_ref()
            .and_then(|GridPlaces { valid, .. }| valid.as_deref());
        if rule == MergeRule::Last {
            zarr_fuse_arrays::with_pair!(values, &variable.values, (to, from) => copy(to, from, valid, &steps, (0, 0)));
            return Vec::new();
        }
        let mut refused = Vec::new();
        visit(&steps, (0, 0), &mut |cell, place| {
            if valid.is_some_and(|valid| !valid[place]) {
                return;
            }
            let old_is_na = values.is_na(cell, na);
            match wins(rule, (values, cell), (&variable.values, place), old_is_na) {
                Some(true) => {
                    zarr_fuse_arrays::with_pair!(&mut *values, &variable.values, (to, from) => to[cell].clone_from(&from[place]));
                }
                Some(false) => {}
                None => refused.push((place, variable.values.display(place))),
            }
        });
        refused
    }
}

/// Calls `work` with the places of every cell, in the order of the array.
fn visit(steps: &[&[Step]], (cell, place): Step, work: &mut impl FnMut(usize, usize)) {
    let Some((first, rest)) = steps.split_first() else {
        work(cell, place);
        return;
    };
    for (a, b) in *first {
        visit(rest, (cell + a, place + b), work);
    }
}

/// Copies the valid values; runs that lie together in both at once.
fn copy<T: Clone>(
    to: &mut [T],
    from: &[T],
    valid: Option<&[bool]>,
    steps: &[&[Step]],
    (cell, place): Step,
) {
    match steps {
        [] => {
            if valid.is_none_or(|valid| valid[place]) {
                to[cell].clone_from(&from[place]);
            }
        }
        [last] if is_run(last) => {
            let (cell, place, n) = (cell + last[0].0, place + last[0].1, last.len());
            let (to, from) = (&mut to[cell..cell + n], &from[place..place + n]);
            let Some(valid) = valid else {
                to.clone_from_slice(from);
                return;
            };
            for ((to, from), valid) in to.iter_mut().zip(from).zip(&valid[place..place + n]) {
                if *valid {
                    to.clone_from(from);
                }
            }
        }
        [first, rest @ ..] => {
            for (a, b) in *first {
                copy(to, from, valid, rest, (cell + a, place + b));
            }
        }
    }
}

fn is_run(steps: &[Step]) -> bool {
    let follows = |pair: &[Step]| pair[1].0 == pair[0].0 + 1 && pair[1].1 == pair[0].1 + 1;
    !steps.is_empty() && steps.windows(2).all(follows)
}
