//! The cells that an update writes into one variable, by chunk.

use std::collections::HashMap;
use std::ops::Range;

use zarr_fuse_arrays::{array::ArraySpec, values::Values};
use zarr_fuse_schemas::{MergeRule, Scalar, to_usize};

use super::grid::GridCells;
use super::wins;
use crate::merge::region::strides;
use crate::merge::{PlacedBatch, Update};

/// A value that was refused: place of the batch in the update, row of the batch, the value as text.
pub(super) type Conflict = (usize, usize, String);

/// Which cells of which chunks each batch writes, in row order.
#[derive(Debug)]
pub(super) struct Cells {
    by_chunk: HashMap<Vec<u64>, Vec<(usize, Range<usize>)>>,
    batches: Vec<Option<Found>>,
}

/// The cells of one batch.
#[derive(Debug)]
enum Found {
    Rows(BatchCells),
    Grid(GridCells),
}

/// The cells of one batch, grouped by chunk, rows in order within each.
#[derive(Debug)]
struct BatchCells {
    variable: usize,
    /// (offset in the chunk, index of the value)
    cells: Vec<(u32, u32)>,
}

impl Cells {
    pub(super) fn new(update: &Update, spec: &ArraySpec, variable_idx: usize) -> Self {
        let mut by_chunk: HashMap<Vec<u64>, Vec<(usize, Range<usize>)>> = HashMap::new();
        let mut batches = Vec::with_capacity(update.batches.len());
        for (place, placed) in update.batches.iter().enumerate() {
            let variable = placed
                .batch
                .variables
                .iter()
                .position(|variable| variable.variable_idx == variable_idx);
            batches.push(variable.map(|variable| {
                if let Some(grid) = &placed.batch.variables[variable].grid {
                    let cells = GridCells::new(placed, spec, variable, &grid.strides);
                    for chunk in cells.chunks() {
                        by_chunk.entry(chunk).or_default().push((place, 0..0));
                    }
                    return Found::Grid(cells);
                }
                let (cells, chunks) = group(placed, spec, variable);
                for (chunk, range) in chunks {
                    by_chunk.entry(chunk).or_default().push((place, range));
                }
                Found::Rows(BatchCells { variable, cells })
            }));
        }
        Self { by_chunk, batches }
    }

    /// Grid positions of the chunks that are written.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &Vec<u64>> {
        self.by_chunk.keys()
    }

    /// Whether any cell of the chunk is written.
    pub(super) fn touches(&self, chunk: &[u64]) -> bool {
        self.by_chunk.contains_key(chunk)
    }

    /// Writes the cells of `chunk`, batch by batch in order. Gives what a `reject` variable did not take.
    pub(super) fn apply(
        &self,
        update: &Update,
        chunk: &[u64],
        values: &mut Values,
        na: Option<&Scalar>,
    ) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for (place, range) in self.by_chunk.get(chunk).into_iter().flatten() {
            let batch = match &self.batches[*place] {
                Some(Found::Rows(batch)) => batch,
                Some(Found::Grid(grid)) => {
                    let variable = &update.batches[*place].batch.variables[grid.variable];
                    let refused = grid.apply(variable, chunk, values, na);
                    let refused = refused.into_iter();
                    conflicts.extend(refused.map(|(row, value)| (*place, row, value)));
                    continue;
                }
                None => continue,
            };
            let variable = &update.batches[*place].batch.variables[batch.variable];
            let cells = &batch.cells[range.clone()];
            let rule = variable.merge;
            if rule == MergeRule::Last {
                zarr_fuse_arrays::with_pair!(&mut *values, &variable.values, (to, from) => for &(cell, value) in cells {
                    to[cell as usize].clone_from(&from[value as usize]);
                });
                continue;
            }
            for &(cell, value) in cells {
                let (cell, value) = (cell as usize, value as usize);
                let old_is_na = values.is_na(cell, na);
                match wins(rule, (values, cell), (&variable.values, value), old_is_na) {
                    Some(true) => {
                        zarr_fuse_arrays::with_pair!(&mut *values, &variable.values, (to, from) => to[cell].clone_from(&from[value]));
                    }
                    Some(false) => {}
                    None => {
                        let row = variable
                            .rows
                            .as_ref()
                            .map_or(value, |rows| rows[value] as usize);
                        conflicts.push((*place, row, variable.values.display(value)));
                    }
                }
            }
        }
        conflicts
    }
}

/// One dimension of a variable in a batch.
struct Dimension {
    /// Place of its coordinate in the batch.
    coordinate: usize,
    /// Per coordinate value: number of its chunk among `chunks`, and offset of its cell in the chunk.
    lookup: Vec<(usize, usize)>,
    /// Grid positions of the chunks touched, ascending.
    chunks: Vec<u64>,
}

/// The dimensions of a variable in a batch.
fn dimensions(placed: &PlacedBatch, spec: &ArraySpec) -> Vec<Dimension> {
    let chunk_shape: Vec<usize> = spec.chunk_shape.iter().map(|&n| to_usize(n)).collect();
    let cell_strides = strides(&chunk_shape);
    // Per dimension and distinct coordinate value: which chunk (numbered within the batch) and which cell in it.
    let mut dims = Vec::with_capacity(spec.dims.len());
    for (place, &d) in spec.dims.iter().enumerate() {
        let coordinate = placed
            .batch
            .coordinates
            .iter()
            .position(|coordinate| coordinate.coordinate_idx == d)
            .expect("normalize has checked that a variable comes with its coordinates");
        let positions = &placed.positions[coordinate];
        let mut chunks: Vec<u64> = positions
            .iter()
            .map(|position| position / spec.chunk_shape[place])
            .collect();
        let mut distinct = chunks.clone();
        distinct.sort_unstable();
        distinct.dedup();
        for chunk in &mut chunks {
            *chunk = distinct.partition_point(|other| other < chunk) as u64;
        }
        let lookup: Vec<(usize, usize)> = positions
            .iter()
            .zip(&chunks)
            .map(|(position, &chunk)| {
                (
                    to_usize(chunk),
                    to_usize(position % spec.chunk_shape[place]) * cell_strides[place],
                )
            })
            .collect();
        dims.push(Dimension {
            coordinate,
            lookup,
            chunks: distinct,
        });
    }
    dims
}

/// Numbers for the chunks that values lie in: per value, and how many numbers there are, of which some may be unused.
///
/// `n_chunks` are those touched per dimension, `chunk` says in which of them along a dimension value `i` of `n` lies. The
/// chunks that a box of coordinate values spans are numbered as they lie while they are not many more than the values;
/// beyond, only those that occur are.
fn number_chunks(
    n_chunks: impl Iterator<Item = usize>,
    chunk: impl Fn(usize, usize) -> usize,
    n: usize,
) -> (Vec<usize>, usize) {
    let most = n.saturating_mul(4).saturating_add(1024);
    let mut numbers = vec![0; n];
    let mut n_numbers = 1_usize;
    for (dim, n_chunks) in n_chunks.enumerate() {
        let all = n_numbers.checked_mul(n_chunks).filter(|n| *n <= most);
        if let Some(all) = all {
            for (i, number) in numbers.iter_mut().enumerate() {
                *number = *number * n_chunks + chunk(dim, i);
            }
            n_numbers = all;
            continue;
        }
        let mut pairs: HashMap<(usize, usize), usize> = HashMap::new();
        for (i, number) in numbers.iter_mut().enumerate() {
            let next = pairs.len();
            *number = *pairs.entry((*number, chunk(dim, i))).or_insert(next);
        }
        n_numbers = pairs.len();
    }
    (numbers, n_numbers)
}

/// Sorts the cells of one variable of a batch into chunks, keeping row order within each.
#[expect(
    clippy::type_complexity,
    reason = "two lists that belong together, taken apart at once"
)]
fn group(
    placed: &PlacedBatch,
    spec: &ArraySpec,
    variable: usize,
) -> (Vec<(u32, u32)>, Vec<(Vec<u64>, Range<usize>)>) {
    let batch = &placed.batch;
    let variable = &batch.variables[variable];
    let n = variable.values.len();
    if n == 0 {
        return (Vec::new(), Vec::new());
    }
    let dims = dimensions(placed, spec);
    let found = |dim: &Dimension, i: usize| {
        let row = variable.rows.as_ref().map_or(i, |rows| rows[i] as usize);
        dim.lookup[batch.coordinates[dim.coordinate].index[row] as usize]
    };
    let cell = |i: usize| {
        let cell = dims.iter().map(|dim| found(dim, i).1).sum::<usize>();
        u32::try_from(cell).expect("the schema bounds chunks to 2^32 elements")
    };
    let value = |i: usize| u32::try_from(i).expect("a batch has fewer than 2^32 rows");
    let chunk_of = |i: usize| {
        let along = dims.iter().map(|dim| dim.chunks[found(dim, i).0]);
        along.collect::<Vec<u64>>()
    };
    if dims.iter().all(|dim| dim.chunks.len() <= 1) {
        let cells = (0..n).map(|i| (cell(i), value(i))).collect();
        return (cells, vec![(chunk_of(0), 0..n)]);
    }
    let n_chunks = dims.iter().map(|dim| dim.chunks.len().max(1));
    let (numbers, n_numbers) = number_chunks(n_chunks, |dim, i| found(&dims[dim], i).0, n);
    // Counting sort.
    let mut ends = vec![0; n_numbers + 1];
    for number in &numbers {
        ends[number + 1] += 1;
    }
    for number in 0..n_numbers {
        ends[number + 1] += ends[number];
    }
    let begins = ends.clone();
    let mut cells = vec![(0, 0); n];
    for (i, &number) in numbers.iter().enumerate() {
        cells[ends[number]] = (cell(i), value(i));
        ends[number] += 1;
    }
    let used = (0..n_numbers).filter(|&number| begins[number] < ends[number]);
    let chunks = used
        .map(|number| {
            let first = cells[begins[number]].1 as usize;
            (chunk_of(first), begins[number]..ends[number])
        })
        .collect();
    (cells, chunks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_have_one_number_exactly_if_they_lie_in_one_chunk(
            values in prop::collection::vec(prop::collection::vec(0..40_usize, 9), 1..60),
            n_dims in 0..10_usize,
        ) {
            let n_chunks = std::iter::repeat_n(40, n_dims);
            let (numbers, n) = number_chunks(n_chunks, |d, i| values[i][d], values.len());
            prop_assert!(n <= 4 * values.len() + 1024);
            for (i, a) in numbers.iter().enumerate() {
                prop_assert!(*a < n);
                for (j, b) in numbers.iter().enumerate() {
                    prop_assert_eq!(a == b, values[i][..n_dims] == values[j][..n_dims]);
                }
            }
        }
    }
}
