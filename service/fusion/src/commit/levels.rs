//! Writes the cells of coarser levels that a commit changes or completes, from what it has just written.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use zarr_fuse_arrays::{array::ArraySpec, values::Values};
use zarr_fuse_schemas::to_usize;
use zarr_fuse_store::keys;

use super::{CONCURRENT_CHUNKS, CommitError, Job, blocking};
use crate::node::{Layout, Staged};
use crate::pyramid::{Box3, Cells, Part};

/// Ranges along the coordinate of the pyramid, in order and apart from each other.
type Ranges = Vec<Range<u64>>;

/// Writes the coordinates of the levels that have cells: along the pyramid, where cells have become complete or have moved,
/// the others where they grew, in a level with its first cells all of them.
///
/// # Errors
/// [`CommitError`].
pub(super) async fn write_coordinates(job: &Job<'_>) -> Result<Vec<String>, CommitError> {
    let mut written = Vec::new();
    let (layout, before) = (Layout::of(job.state), Layout::of(job.before));
    for level in &job.node.levels {
        if !job.node.has_cells(level, &layout) {
            break;
        }
        let is_new = !job.node.has_cells(level, &before);
        for (d, coordinate) in job.update.coordinates.iter().enumerate() {
            let grew = coordinate.old_len != coordinate.index.len();
            let first = match &coordinate.shift {
                _ if is_new => 0,
                Some(shift) => shift.first,
                None => coordinate.old_len,
            };
            let (array, values) = (level.arrays.start + d, coordinate.index.values());
            if job.node.along() != Some(d) {
                if is_new || grew {
                    written.extend(job.values_from(array, first, (values.as_ref(), 1)).await?);
                }
                continue;
            }
            let n_cells = coordinate.index.len() / level.n_positions;
            let first = first / level.n_positions;
            if first < n_cells {
                let starts = (values.as_ref(), level.n_positions);
                written.extend(job.values_from(array, first, starts).await?);
            }
        }
    }
    Ok(written)
}

/// Writes the levels of a variable over the chunks that were `touched`, of which those in `written` have new values.
///
/// # Errors
/// [`CommitError`].
pub(super) async fn write(
    job: &Job<'_>,
    variable_idx: usize,
    touched: &BTreeSet<Vec<u64>>,
    written: &[String],
) -> Result<Vec<String>, CommitError> {
    let array = job.node.schema.coordinates.len() + variable_idx;
    let spec = &job.node.arrays[array];
    let along = job.node.along().expect("a node with levels has a pyramid");
    let place = spec.dims.iter().position(|&d| d == along);
    let place = place.expect("variables with levels lie on the coordinate");
    let mut changed = by_others(touched, place, spec.chunk_shape[place]);
    let mut staged: HashSet<String> = written.iter().cloned().collect();
    let mut all = Vec::new();
    let coordinate = &job.update.coordinates[along];
    let mut finer = 1;
    for level in 0..job.node.levels.len() {
        let n_positions = job.node.levels[level].n_positions;
        let factor = n_positions / finer;
        let n_cells = coordinate.index.len() / n_positions;
        for ranges in changed.values_mut() {
            *ranges = coarser(ranges, factor, n_cells);
        }
        let completed = coordinate.old_len / n_positions..n_cells;
        if !completed.is_empty() {
            for others in job.other_chunks(array, place).await? {
                add(changed.entry(others).or_default(), completed.clone());
            }
        }
        changed.retain(|_, ranges| !ranges.is_empty());
        if changed.is_empty() {
            break;
        }
        let step = Step {
            job,
            variable_idx,
            level,
            place,
            factor: to_usize(factor),
            finer: to_usize(finer),
            n_cells,
        };
        let found = step.write(&changed, &staged).await?;
        staged.extend(found.iter().cloned());
        all.extend(found);
        finer = n_positions;
    }
    Ok(all)
}

/// Ranges of positions that chunks cover, by where the chunks lie along the other dimensions.
fn by_others(
    chunks: &BTreeSet<Vec<u64>>,
    place: usize,
    chunk_len: u64,
) -> BTreeMap<Vec<u64>, Ranges> {
    let mut ranges: BTreeMap<Vec<u64>, Ranges> = BTreeMap::new();
    for chunk in chunks {
        let mut others = chunk.clone();
        let at = others.remove(place);
        add(
            ranges.entry(others).or_default(),
            at * chunk_len..(at + 1) * chunk_len,
        );
    }
    ranges
}

/// Adds a range that begins at or after the last one, or joins it.
fn add(ranges: &mut Ranges, new: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if new.start <= last.end => {
            last.start = last.start.min(new.start);
            last.end = last.end.max(new.end);
        }
        _ => ranges.push(new),
    }
}

/// The cells over ranges, as far as they are complete.
fn coarser(ranges: &[Range<u64>], factor: u64, n_cells: u64) -> Ranges {
    let mut cells = Ranges::new();
    for range in ranges {
        let (start, end) = (
            range.start / factor,
            range.end.div_ceil(factor).min(n_cells),
        );
        if start < end {
            add(&mut cells, start..end);
        }
    }
    cells
}

/// One level of one variable under way.
struct Step<'a> {
    job: &'a Job<'a>,
    variable_idx: usize,
    level: usize,
    /// The coordinate's place among the dimensions.
    place: usize,
    /// Cells of the finer level, or values, that make one of this level.
    factor: usize,
    /// Positions that a cell of the finer level stands for.
    finer: usize,
    n_cells: u64,
}

impl Step<'_> {
    /// Writes the chunks in which cells change. Gives their keys.
    async fn write(
        &self,
        changed: &BTreeMap<Vec<u64>, Ranges>,
        staged: &HashSet<String>,
    ) -> Result<Vec<String>, CommitError> {
        let count = self
            .array(Part::Count)
            .expect("the count is kept in any case");
        let chunk_len = self.job.node.arrays[count].chunk_shape[self.place];
        let mut chunks = BTreeMap::new();
        for (others, ranges) in changed {
            for range in ranges {
                for chunk in range.start / chunk_len..range.end.div_ceil(chunk_len) {
                    let (begin, end) = (chunk * chunk_len, (chunk + 1) * chunk_len);
                    let within = range.start.max(begin)..range.end.min(end);
                    let mut at = others.clone();
                    at.insert(self.place, chunk);
                    chunks.entry(at).or_insert_with(Ranges::new).push(within);
                }
            }
        }
        let written = futures::stream::iter(chunks)
            .map(|(chunk, ranges)| self.chunk(chunk, ranges, staged))
            .buffer_unordered(CONCURRENT_CHUNKS);
        written.try_concat().await
    }

    fn array(&self, part: Part) -> Option<usize> {
        self.job
            .node
            .level_array(self.level, self.variable_idx, part)
    }

    /// Writes one chunk of all arrays: what was there, and the cells in `ranges` made again.
    async fn chunk(
        &self,
        chunk: Vec<u64>,
        ranges: Ranges,
        staged: &HashSet<String>,
    ) -> Result<Vec<String>, CommitError> {
        let made = self.made(&chunk, &ranges, staged).await?;
        let made = Arc::new(made);
        let mut written = Vec::new();
        for part in Part::ALL {
            let Some(array) = self.array(part) else {
                continue;
            };
            let from = self.kept(array, &chunk, &ranges);
            let before = self.job.before.epoch;
            let (values, found) = self.job.node.gather(array, &from, before, None).await?;
            if part == Part::Count && !found && is_empty(&made) {
                let key = keys::chunk(&self.job.node.arrays[array].path, &chunk);
                if self.job.node.store.get(&key).await?.is_none() {
                    return Ok(written);
                }
            }
            let spec = Arc::clone(&self.job.node.arrays[array]);
            let (made, place, at) = (Arc::clone(&made), self.place, chunk[self.place]);
            let (values, object) = blocking(move || {
                let mut values = values;
                for (range, cells) in made.iter() {
                    paste(&mut values, &spec, (place, at), range, part, cells);
                }
                let object = spec.encode(&values);
                (values, object)
            })
            .await;
            let put = self.job.put(array, chunk.clone(), Arc::new(values), object);
            written.push(put.await?);
        }
        Ok(written)
    }

    /// Positions of the cells of a chunk that stay as they are.
    fn kept(&self, array: usize, chunk: &[u64], made: &[Range<u64>]) -> Vec<Vec<Option<u64>>> {
        let spec = &self.job.node.arrays[array];
        let (shape, before) = (
            self.job.node.shape(array, &Layout::of(self.job.state)),
            self.job.node.shape(array, &Layout::of(self.job.before)),
        );
        let along = |place: usize| {
            let begin = chunk[place] * spec.chunk_shape[place];
            let cells = begin..begin + spec.chunk_shape[place];
            cells
                .map(|cell| {
                    let stays = if place == self.place {
                        !made.iter().any(|range| range.contains(&cell))
                    } else {
                        true
                    };
                    (stays && cell < shape[place] && cell < before[place]).then_some(cell)
                })
                .collect()
        };
        (0..spec.dims.len()).map(along).collect()
    }

    /// The cells in `ranges` of a chunk, over all of the chunk along the other dimensions.
    async fn made(
        &self,
        chunk: &[u64],
        ranges: &[Range<u64>],
        staged: &HashSet<String>,
    ) -> Result<Vec<(Range<u64>, Cells)>, CommitError> {
        let job = self.job;
        let own = job.node.schema.coordinates.len() + self.variable_idx;
        let spec = Arc::clone(&job.node.arrays[own]);
        let staged = job.staging.map(|folder| Staged {
            folder,
            keys: staged,
        });
        let epoch = job.state.epoch;
        let mut made = Vec::new();
        for range in ranges {
            debug_assert!(range.end <= self.n_cells, "only complete cells are made");
            let factor = self.factor as u64;
            let source = |place: usize| -> Vec<Option<u64>> {
                if place == self.place {
                    return (range.start * factor..range.end * factor)
                        .map(Some)
                        .collect();
                }
                let n = job.state.coordinates[spec.dims[place]].len();
                let begin = chunk[place] * spec.chunk_shape[place];
                let positions = begin..begin + spec.chunk_shape[place];
                positions.map(|at| (at < n).then_some(at)).collect()
            };
            let from: Vec<Vec<Option<u64>>> = (0..spec.dims.len()).map(source).collect();
            let lengths: Vec<usize> = from.iter().map(Vec::len).collect();
            let shape = Box3 {
                before: lengths[..self.place].iter().product(),
                along: lengths[self.place],
                after: lengths[self.place + 1..].iter().product(),
            };
            let read = |array: usize| {
                let (from, staged) = (&from, staged.as_ref());
                async move { Ok::<_, CommitError>(job.node.gather(array, from, epoch, staged).await?.0) }
            };
            let (factor, finer, spec) = (self.factor, self.finer, Arc::clone(&spec));
            let schema = &job.node.schema;
            let turn = schema.level_turn(&schema.variables[self.variable_idx]);
            let cells = if self.level == 0 {
                let values = read(own).await?;
                blocking(move || {
                    let of = (spec.na.as_ref(), turn);
                    Cells::of_values(spec.data_type, &values, of, shape, factor)
                })
                .await
            } else {
                let cells = self.read_cells(&spec, shape.len(), read).await?;
                blocking(move || {
                    let steps = (factor, finer);
                    let of = (spec.na.as_ref(), turn);
                    Cells::of_cells(spec.data_type, &cells, of, shape, steps)
                })
                .await
            };
            made.push((range.clone(), cells));
        }
        Ok(made)
    }

    /// Cells of the finer level.
    async fn read_cells<F: Future<Output = Result<Values, CommitError>>>(
        &self,
        spec: &ArraySpec,
        n: usize,
        read: impl Fn(usize) -> F,
    ) -> Result<Cells, CommitError> {
        let mut cells = Cells::empty(spec.data_type, spec.na.as_ref(), n);
        for part in Part::ALL {
            let node = self.job.node;
            if let Some(array) = node.level_array(self.level - 1, self.variable_idx, part) {
                cells.set(part, read(array).await?);
            }
        }
        Ok(cells)
    }
}

/// Whether none of the cells has a value.
fn is_empty(made: &[(Range<u64>, Cells)]) -> bool {
    let mut counts = made.iter().flat_map(|(_, cells)| &cells.count);
    counts.all(|count| *count == 0)
}

/// Puts made cells into the chunk that is number `at` along dimension `place`.
fn paste(
    values: &mut Values,
    spec: &ArraySpec,
    (place, at): (usize, u64),
    range: &Range<u64>,
    part: Part,
    cells: &Cells,
) {
    let lengths: Vec<usize> = spec.chunk_shape.iter().map(|&n| to_usize(n)).collect();
    let before: usize = lengths[..place].iter().product();
    let after: usize = lengths[place + 1..].iter().product();
    let n = to_usize(range.end - range.start);
    let first = to_usize(range.start - at * spec.chunk_shape[place]);
    let from = cells.values(part);
    for i in 0..before {
        let to = (i * lengths[place] + first) * after;
        let of = i * n * after;
        zarr_fuse_arrays::with_pair!(&mut *values, from.as_ref(), (to_values, from) => to_values[to..to + n * after].clone_from_slice(&from[of..of + n * after]));
    }
}
