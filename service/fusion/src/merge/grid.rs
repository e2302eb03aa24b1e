//! `step_limits`: which values a contribution adds to a regular coordinate, and its variables interpolated onto them.

use std::collections::BTreeMap;

use zarr_fuse_arrays::{circular, values::Values};
use zarr_fuse_journal::outcome::RowProblem;
use zarr_fuse_schemas::Node;

use super::Growing;
use super::coordinate::{Key, key};
use crate::normalize::{Batch, BatchCoordinate, BatchVariable};

/// Shortest and longest step, in stored units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub min: f64,
    pub max: f64,
}

/// The batch with coordinate `place` on the grid: existing values that it spans, and those by which it extends the range.
///
/// Floats are interpolated linearly between the two neighbouring rows of the same series, everything else and single
/// rows take the nearest. Nothing is interpolated across a step wider than the limit or beside a missing value.
///
/// # Errors
/// The problem of a batch that would have more rows than a contribution may.
pub(super) fn regrid(
    node: &Node,
    batch: Batch,
    place: usize,
    limits: Limits,
    growing: &Growing<'_>,
) -> Result<Batch, RowProblem> {
    let coordinate = &batch.coordinates[place];
    let delivered = ascending(&coordinate.values);
    if delivered.is_empty() {
        return Ok(batch);
    }
    let ends = [delivered[0], delivered[delivered.len() - 1]].map(|i| key(&coordinate.values, i));
    let existing = growing.around(&ends[0], &ends[1]);
    let (targets, spanned) = targets(&existing, &coordinate.values, &delivered, limits);
    let mut out = Rows::new(&batch, place, targets);
    for variable in &batch.variables {
        let dims = dims_of(node, &batch, variable.variable_idx);
        if dims.contains(&place) {
            out.interpolate(&batch, variable, &dims, limits, &spanned);
            if out.n_rows() > MAX_ROWS {
                return Err(too_many_rows(node, coordinate));
            }
        } else {
            out.copy(&batch, variable);
        }
    }
    Ok(out.finish(batch))
}

/// Most rows that a contribution may have on a grid, of all its variables.
const MAX_ROWS: usize = 1 << 27;

fn too_many_rows(node: &Node, coordinate: &BatchCoordinate) -> RowProblem {
    let name = &node.coordinates[coordinate.coordinate_idx].variable.name;
    RowProblem {
        reason: format!(
            "its rows make more than {MAX_ROWS} values on the grid of `{name}`: split it"
        ),
        ..RowProblem::default()
    }
}

/// Places of the values of a coordinate in ascending order.
fn ascending(values: &Values) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_cached_key(|&i| key(values, i));
    order
}

/// What a contribution would make of a regular coordinate.
#[derive(Debug, Default)]
pub(super) struct Far {
    /// Delivered values that lie too far from the others, by their place.
    pub outliers: BTreeMap<usize, Outlier>,
    /// How many values the others add, those that fill gaps included.
    pub n_added: u64,
}

/// A delivered value too far from the others.
#[derive(Debug)]
pub(super) struct Outlier {
    /// How many values would lead to it.
    pub n: u64,
    /// The single value from which.
    pub neighbour: Values,
}

/// Looks how the delivered values continue what is there: those after a gap of more than `max_filled` steps do not. Where
/// nothing is there yet, the values that most rows have are what others continue.
pub(super) fn far(
    batch: &Batch,
    place: usize,
    limits: Limits,
    growing: &Growing<'_>,
    max_filled: u64,
) -> Far {
    let delivered = &batch.coordinates[place].values;
    let order = ascending(delivered);
    let mut far = Far::default();
    let (Some(&lowest), Some(&highest)) = (order.first(), order.last()) else {
        return far;
    };
    let single = |i: usize| delivered.take(std::iter::once(i));
    let ends = growing.ends_around(&key(delivered, lowest), &key(delivered, highest));
    let (first, last) = ends.unwrap_or_else(|| {
        let seed = most_rows(batch, place, &order, limits, max_filled);
        (single(seed), single(seed))
    });
    let (low, high) = (key(&first, 0), key(&last, 0));
    let above = order.iter().copied();
    let above = above.filter(|&i| key(delivered, i) > high);
    let below = order.iter().rev().copied();
    let below = below.filter(|&i| key(delivered, i) < low);
    far.walk(last, above, delivered, limits, max_filled);
    far.walk(first, below, delivered, limits, max_filled);
    far
}

impl Far {
    fn walk(
        &mut self,
        mut from: Values,
        values: impl Iterator<Item = usize>,
        delivered: &Values,
        limits: Limits,
        max_filled: u64,
    ) {
        for i in values {
            let gap = difference(delivered, i, &from, 0);
            let n = limits.steps(gap);
            if n > max_filled {
                let neighbour = from.clone();
                self.outliers.insert(i, Outlier { n, neighbour });
                continue;
            }
            self.n_added = self.n_added.saturating_add(n);
            if n > 0 {
                limits.advance(&mut from, gap, delivered, i);
            }
        }
    }
}

/// The first of those values, with no gap of more than `max_filled` steps between them, that most rows have.
fn most_rows(
    batch: &Batch,
    place: usize,
    order: &[usize],
    limits: Limits,
    max_filled: u64,
) -> usize {
    let coordinate = &batch.coordinates[place];
    let mut n_rows = vec![0_usize; coordinate.values.len()];
    for value in &coordinate.index {
        n_rows[*value as usize] += 1;
    }
    let is_together = |a: &usize, b: &usize| {
        let gap = difference(&coordinate.values, *b, &coordinate.values, *a);
        limits.steps(gap) <= max_filled
    };
    let runs = order.chunk_by(is_together);
    let most = runs.max_by_key(|run| run.iter().map(|&i| n_rows[i]).sum::<usize>());
    most.and_then(<[usize]>::first).copied().unwrap_or(order[0])
}

impl Limits {
    fn is_fixed(self) -> bool {
        (self.max - self.min).abs() <= self.tolerance()
    }

    fn tolerance(self) -> f64 {
        self.min * 1e-9
    }

    /// How many values a delivered one adds that lies `gap` beyond the last; 0: it is dropped.
    fn steps(self, gap: f64) -> u64 {
        let gap = gap.abs();
        if gap < self.min - self.tolerance() {
            0
        } else if self.is_fixed() {
            // Whole steps only.
            whole((gap / self.min + 1e-9).floor())
        } else if gap > self.max {
            whole((gap / self.max).ceil())
        } else {
            1
        }
    }

    /// Goes on to where the steps to delivered value `i`, which lies `gap` beyond, end.
    fn advance(self, from: &mut Values, gap: f64, delivered: &Values, i: usize) {
        if self.is_fixed() {
            add(from, count(self.steps(gap)) * self.min.copysign(gap));
        } else {
            *from = delivered.take(std::iter::once(i));
        }
    }
}

/// Places (in the batch) of the coordinates a variable lies on.
fn dims_of(node: &Node, batch: &Batch, variable_idx: usize) -> Vec<usize> {
    let names = &node.variables[variable_idx].coords;
    let place = |name: &String| {
        let coordinate_idx = node.coordinates.get_index_of(name);
        batch
            .coordinates
            .iter()
            .position(|c| Some(c.coordinate_idx) == coordinate_idx)
    };
    names.iter().filter_map(place).collect()
}

/// Values of the grid that the contribution may write, ascending, and how many of the first ones existed.
fn targets(
    existing: &Values,
    delivered: &Values,
    order: &[usize],
    limits: Limits,
) -> (Values, Span) {
    let mut below = Vec::new();
    let mut above = Vec::new();
    let n = existing.len();
    let (first, last) = if n == 0 {
        (None, None)
    } else {
        (Some(key(existing, 0)), Some(key(existing, n - 1)))
    };
    for &i in order {
        let value = key(delivered, i);
        if first.as_ref().is_some_and(|first| value < *first) {
            below.push(i);
        } else if last.as_ref().is_none_or(|last| value > *last) {
            above.push(i);
        }
    }
    let mut grid = existing.empty_like();
    let mut low = existing.empty_like();
    if n > 0 {
        let mut from = existing.take(std::iter::once(0));
        for &i in below.iter().rev() {
            extend(&mut low, &mut from, delivered, i, limits);
        }
    }
    for i in (0..low.len()).rev() {
        grid.push_from(&low, i);
    }
    let n_below = grid.len();
    grid.extend_from(existing);
    let mut above = above.into_iter();
    let mut from = if n > 0 {
        existing.take(std::iter::once(n - 1))
    } else {
        let seed = above
            .next()
            .expect("without existing values every delivered one is above");
        grid.push_from(delivered, seed);
        delivered.take(std::iter::once(seed))
    };
    for i in above {
        extend(&mut grid, &mut from, delivered, i, limits);
    }
    (
        grid,
        Span {
            existing: n_below..n_below + n,
        },
    )
}

/// Which of the targets existed before.
#[derive(Debug, Clone)]
struct Span {
    existing: std::ops::Range<usize>,
}

/// Goes from the last value kept to delivered value `i`: drops it, adds it, or fills the gap in equal steps.
fn extend(grid: &mut Values, from: &mut Values, delivered: &Values, i: usize, limits: Limits) {
    let gap = difference(delivered, i, from, 0);
    let n_steps = limits.steps(gap);
    let mut step = |offset: f64| {
        let mut next = from.clone();
        add(&mut next, offset);
        grid.extend_from(&next);
    };
    if limits.is_fixed() {
        for k in 1..=n_steps {
            step(count(k) * limits.min.copysign(gap));
        }
    } else if n_steps > 0 {
        for k in 1..n_steps {
            step(gap * count(k) / count(n_steps));
        }
        grid.push_from(delivered, i);
    }
    if n_steps > 0 {
        limits.advance(from, gap, delivered, i);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a non-negative whole number of steps; more than 64 bits count are too many"
)]
fn whole(n: f64) -> u64 {
    n as u64
}

#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

/// `a[i] - b[j]`, exact for integers.
fn difference(a: &Values, i: usize, b: &Values, j: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53 ticks")]
    match (integer(a, i), integer(b, j)) {
        (Some(x), Some(y)) => (x - y) as f64,
        _ => number(a, i) - number(b, j),
    }
}

fn integer(values: &Values, i: usize) -> Option<i128> {
    Some(match values {
        Values::Int8(v) => v[i].into(),
        Values::Int16(v) => v[i].into(),
        Values::Int32(v) => v[i].into(),
        Values::Int64(v) => v[i].into(),
        Values::UInt8(v) => v[i].into(),
        Values::UInt16(v) => v[i].into(),
        Values::UInt32(v) => v[i].into(),
        Values::UInt64(v) => v[i].into(),
        _ => return None,
    })
}

fn number(values: &Values, i: usize) -> f64 {
    match values {
        Values::Float32(v) => v[i].into(),
        Values::Float64(v) => v[i],
        _ => f64::NAN,
    }
}

/// Adds `offset` to the single value, rounded for integers.
#[expect(
    clippy::cast_possible_truncation,
    reason = "offsets stay within the delivered range"
)]
fn add(value: &mut Values, offset: f64) {
    match value {
        Values::Int8(v) => v[0] = v[0].saturating_add(offset.round() as i8),
        Values::Int16(v) => v[0] = v[0].saturating_add(offset.round() as i16),
        Values::Int32(v) => v[0] = v[0].saturating_add(offset.round() as i32),
        Values::Int64(v) => v[0] = v[0].saturating_add(offset.round() as i64),
        Values::UInt8(v) => v[0] = v[0].saturating_add_signed(offset.round() as i8),
        Values::UInt16(v) => v[0] = v[0].saturating_add_signed(offset.round() as i16),
        Values::UInt32(v) => v[0] = v[0].saturating_add_signed(offset.round() as i32),
        Values::UInt64(v) => v[0] = v[0].saturating_add_signed(offset.round() as i64),
        Values::Float32(v) => v[0] += offset as f32,
        Values::Float64(v) => v[0] += offset,
        Values::Bool(_) | Values::Complex64(_) | Values::Complex128(_) | Values::Str(_) => {}
    }
}

/// The points of one series along the coordinate: which delivered value, and which value of the variable, if any.
type Points = BTreeMap<Key, (usize, Option<usize>)>;

/// The rows of the batch on the grid, as they are made.
struct Rows {
    place: usize,
    targets: Values,
    keys: Vec<Key>,
    index: Vec<Vec<u32>>,
    variables: Vec<BatchVariable>,
}

impl Rows {
    fn n_rows(&self) -> usize {
        self.index.first().map_or(0, Vec::len)
    }

    fn new(batch: &Batch, place: usize, targets: Values) -> Self {
        let keys = (0..targets.len()).map(|i| key(&targets, i)).collect();
        Self {
            place,
            targets,
            keys,
            index: vec![Vec::new(); batch.coordinates.len()],
            variables: Vec::new(),
        }
    }

    /// A variable that does not lie on the gridded coordinate.
    fn copy(&mut self, batch: &Batch, variable: &BatchVariable) {
        let begin = self.index[0].len();
        for i in 0..variable.values.len() {
            let row = row_of(variable, i);
            for (index, coordinate) in self.index.iter_mut().zip(&batch.coordinates) {
                index.push(coordinate.index[row]);
            }
            *self.index[self.place].last_mut().expect("pushed") = 0;
        }
        self.push(begin, variable, variable.values.clone());
    }

    /// A variable that does: each series along the coordinate is interpolated onto the targets within it.
    fn interpolate(
        &mut self,
        batch: &Batch,
        variable: &BatchVariable,
        dims: &[usize],
        limits: Limits,
        span: &Span,
    ) {
        let place = self.place;
        let mut brought: Vec<Option<usize>> = vec![None; batch.n_rows];
        for i in 0..variable.values.len() {
            brought[row_of(variable, i)] = Some(i);
        }
        let mut series: BTreeMap<Vec<u32>, Points> = BTreeMap::new();
        let coordinate = &batch.coordinates[place];
        for (row, value) in brought.into_iter().enumerate() {
            let others = dims
                .iter()
                .filter(|d| **d != place)
                .map(|&d| batch.coordinates[d].index[row])
                .collect();
            let x = coordinate.index[row] as usize;
            let point = series
                .entry(others)
                .or_default()
                .entry(key(&coordinate.values, x))
                .or_insert((x, None));
            point.1 = value.or(point.1);
        }
        let begin = self.index[0].len();
        let mut values = variable.values.empty_like();
        for (others, points) in series {
            let points: Vec<(Key, usize, Option<usize>)> =
                points.into_iter().map(|(k, (x, v))| (k, x, v)).collect();
            for (target, value) in
                self.on_targets(&coordinate.values, &points, variable, limits, span)
            {
                values.extend_from(&value);
                let mut others = others.iter();
                for (d, index) in self.index.iter_mut().enumerate() {
                    let position = if d == place {
                        u32::try_from(target).expect("a grid has fewer values than rows fit")
                    } else if dims.contains(&d) {
                        *others.next().expect("one per dimension")
                    } else {
                        0
                    };
                    index.push(position);
                }
            }
        }
        self.push(begin, variable, values);
    }

    /// Values of one series at the targets.
    fn on_targets(
        &self,
        xs: &Values,
        points: &[(Key, usize, Option<usize>)],
        variable: &BatchVariable,
        limits: Limits,
        span: &Span,
    ) -> Vec<(usize, Values)> {
        let (values, turn) = (&variable.values, variable.turn);
        let single = |i: usize| values.take(std::iter::once(i));
        if let [(wanted, x, value)] = points {
            let nearest = match self.keys.binary_search(wanted) {
                Ok(target) => Some(target),
                Err(after) if span.existing.contains(&after) && after > span.existing.start => {
                    let (before, after) = (after - 1, after);
                    let to_before = difference(xs, *x, &self.targets, before);
                    let to_after = difference(&self.targets, after, xs, *x);
                    Some(if to_before <= to_after { before } else { after })
                }
                Err(_) => None,
            };
            return nearest
                .zip(*value)
                .map(|(target, value)| (target, single(value)))
                .into_iter()
                .collect();
        }
        let mut out = Vec::new();
        for (k, pair) in points.windows(2).enumerate() {
            let [(low, x0, v0), (high, x1, v1)] = pair else {
                continue;
            };
            let begin = self
                .keys
                .partition_point(|target| if k == 0 { target < low } else { target <= low });
            let end = self.keys.partition_point(|target| target <= high);
            let gap = difference(xs, *x1, xs, *x0);
            let is_wide = gap > limits.max * (1.0 + 1e-9);
            // Between rows that are too far apart, only the rows themselves count.
            let ends = [begin, end.saturating_sub(1)].into_iter();
            let ends = ends.take(if is_wide {
                end.saturating_sub(begin).min(2)
            } else {
                0
            });
            let all = if is_wide { 0..0 } else { begin..end };
            for target in ends.chain(all) {
                let value = if self.keys[target] == *low {
                    v0.map(single)
                } else if self.keys[target] == *high {
                    v1.map(single)
                } else if is_wide {
                    None
                } else {
                    let share = difference(&self.targets, target, xs, *x0) / gap;
                    v0.zip(*v1)
                        .map(|(v0, v1)| between(values, (v0, v1), share, turn))
                };
                out.extend(value.map(|value| (target, value)));
            }
        }
        out
    }

    fn push(&mut self, begin: usize, of: &BatchVariable, values: Values) {
        let begin = u32::try_from(begin).expect("u32 rows");
        let end = begin + u32::try_from(values.len()).expect("u32 rows");
        self.variables.push(BatchVariable {
            variable_idx: of.variable_idx,
            merge: of.merge,
            turn: of.turn,
            rows: Some((begin..end).collect()),
            values,
            grid: None,
        });
    }

    fn finish(self, batch: Batch) -> Batch {
        let n_rows = self.n_rows();
        let place = self.place;
        let targets = self.targets;
        let coordinates = batch
            .coordinates
            .into_iter()
            .zip(self.index)
            .enumerate()
            .map(|(d, (coordinate, index))| {
                let values = if d == place {
                    targets.clone()
                } else {
                    coordinate.values
                };
                BatchCoordinate {
                    coordinate_idx: coordinate.coordinate_idx,
                    step_limits: coordinate.step_limits,
                    values,
                    index,
                }
            });
        Batch {
            n_rows,
            coordinates: coordinates.collect(),
            variables: self.variables,
        }
    }
}

fn row_of(variable: &BatchVariable, i: usize) -> usize {
    variable.rows.as_ref().map_or(i, |rows| rows[i] as usize)
}

/// The value at `share` of the way from one to another: linear for floats, along the shorter arc for directions, else the
/// nearer one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the stored type is float32"
)]
fn between(values: &Values, (i, j): (usize, usize), share: f64, turn: Option<f64>) -> Values {
    let on_the_way = |a: f64, b: f64| match turn {
        Some(turn) => circular::between(a, b, share, turn),
        None => a + (b - a) * share,
    };
    match values {
        Values::Float64(v) => Values::Float64(vec![on_the_way(v[i], v[j])]),
        Values::Float32(v) => Values::Float32(vec![on_the_way(v[i].into(), v[j].into()) as f32]),
        other => other.take(std::iter::once(if share <= 0.5 { i } else { j })),
    }
}
