//! The cells that an update writes into one variable, by chunk.

use std::collections::HashMap;
use std::ops::Range;

use zarr_fuse_schemas::{MergeRule, Scalar};

use super::grid::GridCells;
use super::wins;
use crate::array::{ArraySpec, to_usize};
use crate::merge::region::strides;
use crate::merge::{PlacedBatch, Update};
use crate::values::Values;

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
        rule: MergeRule,
        na: Option<&Scalar>,
    ) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for (place, range) in self.by_chunk.get(chunk).into_iter().flatten() {
            let batch = match &self.batches[*place] {
                Some(Found::Rows(batch)) => batch,
                Some(Found::Grid(grid)) => {
                    let variable = &update.batches[*place].batch.variables[grid.variable];
                    let refused = grid.apply(variable, chunk, values, rule, na);
                    let refused = refused.into_iter();
                    conflicts.extend(refused.map(|(row, value)| (*place, row, value)));
                    continue;
                }
                None => continue,
            };
            let variable = &update.batches[*place].batch.variables[batch.variable];
            let cells = &batch.cells[range.clone()];
            if rule == MergeRule::Last {
                crate::with_pair!(&mut *values, &variable.values, (to, from) => for &(cell, value) in cells {
                    to[cell as usize].clone_from(&from[value as usize]);
                });
                continue;
            }
            for &(cell, value) in cells {
                let (cell, value) = (cell as usize, value as usize);
                let old_is_na = values.is_na(cell, na);
                match wins(rule, (values, cell), (&variable.values, value), old_is_na) {
                    Some(true) => {
                        crate::with_pair!(&mut *values, &variable.values, (to, from) => to[cell].clone_from(&from[value]));
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

/// The dimensions of a variable, and how many chunks they may touch together.
fn dimensions(placed: &PlacedBatch, spec: &ArraySpec) -> (Vec<Dimension>, usize) {
    let chunk_shape: Vec<usize> = spec.chunk_shape.iter().map(|&n| to_usize(n)).collect();
    let cell_strides = strides(&chunk_shape);
    // Per dimension and distinct coordinate value: which chunk (numbered within the batch) and which cell in it.
    let mut dims = Vec::with_capacity(spec.dims.len());
    let mut n_slots = 1;
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
        n_slots *= distinct.len().max(1);
        dims.push(Dimension {
            coordinate,
            lookup,
            chunks: distinct,
        });
    }
    (dims, n_slots)
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
    let (dims, n_slots) = dimensions(placed, spec);
    let place_of = |i: usize| {
        let row = variable.rows.as_ref().map_or(i, |rows| rows[i] as usize);
        let mut slot = 0;
        let mut cell = 0;
        for dim in &dims {
            let (chunk, offset) = dim.lookup[batch.coordinates[dim.coordinate].index[row] as usize];
            slot = slot * dim.chunks.len() + chunk;
            cell += offset;
        }
        (
            slot,
            u32::try_from(cell).expect("the schema bounds chunks to 2^32 elements"),
        )
    };
    let value = |i: usize| u32::try_from(i).expect("a batch has fewer than 2^32 rows");
    let chunk_of = |mut slot: usize| {
        let mut chunk = vec![0; dims.len()];
        for (place, dim) in dims.iter().enumerate().rev() {
            chunk[place] = dim.chunks[slot % dim.chunks.len()];
            slot /= dim.chunks.len();
        }
        chunk
    };
    if n_slots == 1 {
        let cells: Vec<(u32, u32)> = (0..n).map(|i| (place_of(i).1, value(i))).collect();
        let chunks = if n == 0 {
            Vec::new()
        } else {
            vec![(chunk_of(0), 0..n)]
        };
        return (cells, chunks);
    }
    if n_slots <= 4 * n + 1024 {
        // Counting sort.
        let mut ends = vec![0; n_slots + 1];
        for i in 0..n {
            ends[place_of(i).0 + 1] += 1;
        }
        for slot in 0..n_slots {
            ends[slot + 1] += ends[slot];
        }
        let begins = ends.clone();
        let mut cells = vec![(0, 0); n];
        for i in 0..n {
            let (slot, cell) = place_of(i);
            cells[ends[slot]] = (cell, value(i));
            ends[slot] += 1;
        }
        let used = (0..n_slots).filter(|&slot| begins[slot] < ends[slot]);
        let chunks = used
            .map(|slot| (chunk_of(slot), begins[slot]..ends[slot]))
            .collect();
        return (cells, chunks);
    }
    let mut sorted: Vec<(usize, u32, u32)> = (0..n)
        .map(|i| (place_of(i).0, place_of(i).1, value(i)))
        .collect();
    sorted.sort_by_key(|(slot, _, value)| (*slot, *value));
    let mut chunks: Vec<(Vec<u64>, Range<usize>)> = Vec::new();
    let mut begin = 0;
    for run in sorted.chunk_by(|a, b| a.0 == b.0) {
        chunks.push((chunk_of(run[0].0), begin..begin + run.len()));
        begin += run.len();
    }
    (
        sorted
            .into_iter()
            .map(|(_, cell, value)| (cell, value))
            .collect(),
        chunks,
    )
}
