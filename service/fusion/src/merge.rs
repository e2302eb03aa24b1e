//! Where batches go among the coordinates that are there.
//!
//! A plain function: nothing is read from or written to the store. See `design` section "merge" of `ARCHITECTURE.md`.

use std::collections::HashMap;
use std::sync::Arc;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_journal::outcome::{Problems, RowProblem};
use zarr_fuse_schemas::{Node, StepLimits, to_usize};

use crate::normalize::{Admission, Batch, BatchCoordinate, NO_VALUE, Normalized};

mod bounds;
pub mod coordinate;
mod grid;
pub mod region;

use coordinate::key;
pub use coordinate::{CoordinateIndex, Key};

/// A contribution on its way into the arrays, with what is known of its rows so far.
#[derive(Debug)]
pub struct Incoming {
    /// Its sequence number.
    pub seq: u64,
    /// What normalize gave.
    pub normalized: Normalized,
    /// Whether the bounds on what it may add hold.
    pub admission: Admission,
}

/// What to add to a node and where.
#[derive(Debug)]
pub struct Update {
    /// One per coordinate of the node.
    pub coordinates: Vec<CoordinateUpdate>,
    /// What is written, oldest first.
    pub batches: Vec<PlacedBatch>,
    /// What became of each contribution, oldest first.
    pub judged: Vec<Judged>,
}

/// A coordinate after the update.
#[derive(Debug)]
pub struct CoordinateUpdate {
    /// Its values.
    pub index: CoordinateIndex,
    /// Values before.
    pub old_len: u64,
    /// From here on, values lie elsewhere than before; `None` if new ones only follow the old.
    pub shift: Option<Shift>,
}

impl CoordinateUpdate {
    /// Where the value now at `position` was before; `None` if nowhere.
    pub fn source(&self, position: u64) -> Option<u64> {
        match &self.shift {
            Some(shift) if position >= shift.first => shift
                .from
                .get(to_usize(position - shift.first))
                .copied()
                .flatten(),
            _ => (position < self.old_len).then_some(position),
        }
    }
}

/// How a sorted coordinate's values moved when late ones were inserted.
#[derive(Debug)]
pub struct Shift {
    /// First position whose value is not the one that was there.
    pub first: u64,
    /// For each position from `first` on, where its value was before; `None` if it is new.
    pub from: Vec<Option<u64>>,
}

/// A batch whose coordinate values have positions.
#[derive(Debug)]
pub struct PlacedBatch {
    /// Its contribution.
    pub seq: u64,
    /// The rows.
    pub batch: Batch,
    /// Per coordinate of the batch, where each of its values lies.
    pub positions: Vec<Vec<u64>>,
    /// Row of the table (0-based) behind each row of the batch, for messages; `None`: the same.
    pub table_rows: Option<Vec<u32>>,
}

/// What merging says of one contribution.
#[derive(Debug)]
pub struct Judged {
    /// Its sequence number.
    pub seq: u64,
    /// Rows of its table.
    pub n_rows_read: u64,
    /// Rows that do not take part.
    pub n_rows_rejected: u64,
    /// Coordinate values that it was the first to bring.
    pub n_coordinates_added: u64,
    /// Why.
    pub problems: Problems,
    /// Whether anything was kept out by the bounds on what may be added to coordinates.
    pub limited: bool,
    /// What was taken and may not be what is meant.
    pub warnings: Vec<String>,
}

impl Judged {
    /// Keeps the whole contribution out.
    fn reject(&mut self, problem: RowProblem) {
        self.n_rows_rejected = self.n_rows_read;
        self.problems.push(|| problem);
    }
}

/// Values of a composed coordinate's components, by position: what a hash stands for.
pub trait Components {
    /// The stored components of `coordinate` at `position`, in composed order; `None` if they are not known.
    fn at(&self, coordinate: &str, position: u64) -> Option<Vec<Key>>;
}

/// Places `incoming`, oldest first, among `coordinates` of `node`.
///
/// Coordinate values are the union of what is there and what comes; sorted ones ascend, others keep the order of first
/// appearance. Contributions that `step_limits`, the bounds on what one may add or a hash collision keep out are judged, not
/// placed.
pub fn merge(
    node: &Node,
    coordinates: &[CoordinateIndex],
    components: &impl Components,
    incoming: Vec<Incoming>,
) -> Update {
    let mut growing: Vec<Growing<'_>> = coordinates.iter().map(Growing::new).collect();
    let mut tuples = Tuples::default();
    let mut placed = Vec::with_capacity(incoming.len());
    let mut judged = Vec::with_capacity(incoming.len());
    for Incoming {
        seq,
        normalized,
        admission,
    } in incoming
    {
        let Normalized {
            batch,
            n_rows_read,
            n_rows_rejected,
            problems,
            table_rows,
            limited,
            warnings,
        } = normalized;
        let mut judge = Judged {
            seq,
            n_rows_read,
            n_rows_rejected,
            n_coordinates_added: 0,
            problems,
            limited,
            warnings,
        };
        if let Some(collision) = tuples.collision(node, coordinates, components, &batch) {
            judge.reject(collision);
            judged.push(judge);
            continue;
        }
        let is_bounded = admission == Admission::New;
        if batch.is_of_grids() {
            if is_bounded && let Some(problem) = bounds::exceeded(node, &batch, &growing) {
                judge.limited = true;
                judge.reject(problem);
                judged.push(judge);
                continue;
            }
            let slots = place_grid(node, &batch, &mut growing, &mut judge);
            placed.push((seq, batch, slots, table_rows));
            judged.push(judge);
            continue;
        }
        let stepped = on_steps(node, (batch, table_rows), &growing, is_bounded, &mut judge);
        let stepped = stepped.and_then(|(batch, table_rows)| {
            let exceeded = is_bounded.then(|| bounds::exceeded(node, &batch, &growing));
            exceeded.flatten().map_or(Ok((batch, table_rows)), Err)
        });
        let (batch, table_rows) = match stepped {
            Ok(stepped) => stepped,
            Err(problem) => {
                judge.limited |= is_bounded;
                judge.reject(problem);
                judged.push(judge);
                continue;
            }
        };
        if judge.n_rows_read > 0 && judge.n_rows_read == judge.n_rows_rejected {
            judged.push(judge);
            continue;
        }
        let slots: Vec<Vec<u64>> = batch
            .coordinates
            .iter()
            .map(|coordinate| {
                growing[coordinate.coordinate_idx].place(&coordinate.values, &mut judge)
            })
            .collect();
        placed.push((seq, batch, slots, table_rows));
        judged.push(judge);
    }
    let (coordinates, finals): (Vec<_>, Vec<_>) = growing.into_iter().map(Growing::finish).unzip();
    let batches = placed
        .into_iter()
        .map(|(seq, batch, slots, table_rows)| {
            let positions = batch
                .coordinates
                .iter()
                .zip(slots)
                .map(|(coordinate, slots)| finals[coordinate.coordinate_idx].positions(slots))
                .collect();
            PlacedBatch {
                seq,
                batch,
                positions,
                table_rows,
            }
        })
        .collect();
    Update {
        coordinates,
        batches,
        judged,
    }
}

/// The rows of a batch that `step_limits` and the bounds let in, on the grids of its coordinates.
///
/// # Errors
/// The problem that keeps the whole batch out.
fn on_steps(
    node: &Node,
    (mut batch, mut table_rows): (Batch, Option<Vec<u32>>),
    growing: &[Growing<'_>],
    is_bounded: bool,
    judge: &mut Judged,
) -> Result<(Batch, Option<Vec<u32>>), RowProblem> {
    for place in 0..batch.coordinates.len() {
        let coordinate_idx = batch.coordinates[place].coordinate_idx;
        let growing = &growing[coordinate_idx];
        match batch.coordinates[place].step_limits {
            StepLimits::AnyNew => {}
            StepLimits::NoNew => {
                let known = |key: &Key| growing.knows(key);
                if !growing.is_empty() {
                    (batch, table_rows) = without_new(node, batch, table_rows, place, known, judge);
                }
            }
            StepLimits::Within { min, max } => {
                let limits = grid::Limits { min, max };
                if is_bounded {
                    let rows = (batch, table_rows);
                    (batch, _) =
                        bounds::without_outliers(node, rows, place, limits, growing, judge)?;
                }
                batch = grid::regrid(node, batch, place, limits, growing)?;
                table_rows = None;
            }
        }
    }
    Ok((batch, table_rows))
}

/// Stands for the position of a coordinate value that is not taken.
pub(crate) const NOWHERE: u64 = u64::MAX;

/// Slots of the coordinate values of arrays; [`NOWHERE`] for those that `step_limits: no_new` keeps out.
fn place_grid(
    node: &Node,
    batch: &Batch,
    growing: &mut [Growing<'_>],
    judge: &mut Judged,
) -> Vec<Vec<u64>> {
    let mut n_kept = judge.n_rows_read - judge.n_rows_rejected;
    let slots = batch.coordinates.iter().map(|coordinate| {
        let growing = &mut growing[coordinate.coordinate_idx];
        let schema = &node.coordinates[coordinate.coordinate_idx];
        if !matches!(coordinate.step_limits, StepLimits::NoNew) || growing.is_empty() {
            return growing.place(&coordinate.values, judge);
        }
        let mut slots = Vec::with_capacity(coordinate.values.len());
        for i in 0..coordinate.values.len() {
            let wanted = key(&coordinate.values, i);
            let known = growing.find(&wanted);
            if known.is_none() {
                judge.problems.push(|| RowProblem {
                    line: None,
                    row: None,
                    column: Some(schema.variable.column.clone()),
                    value: Some(coordinate.values.display(i)),
                    reason: format!(
                        "`{}` takes no new values (step_limits: no_new)",
                        schema.variable.name
                    ),
                });
            }
            slots.push(known.unwrap_or(NOWHERE));
        }
        let is_used = |place: &&u32| **place != NO_VALUE;
        let n_before = coordinate.index.iter().filter(is_used).count() as u64;
        let is_kept = |place: &&u32| slots.get(**place as usize).is_some_and(|s| *s != NOWHERE);
        let n_after = coordinate.index.iter().filter(is_kept).count() as u64;
        n_kept = n_kept / n_before.max(1) * n_after;
        slots
    });
    let slots = slots.collect();
    judge.n_rows_rejected = judge.n_rows_read - n_kept;
    slots
}

/// Removes rows whose value of coordinate `place` is not `known`.
fn without_new(
    node: &Node,
    batch: Batch,
    table_rows: Option<Vec<u32>>,
    place: usize,
    known: impl Fn(&Key) -> bool,
    judge: &mut Judged,
) -> (Batch, Option<Vec<u32>>) {
    let coordinate = &batch.coordinates[place];
    let accepted: Vec<bool> = (0..coordinate.values.len())
        .map(|i| known(&key(&coordinate.values, i)))
        .collect();
    if accepted.iter().all(|accepted| *accepted) {
        return (batch, table_rows);
    }
    let name = &node.coordinates[coordinate.coordinate_idx].variable.name;
    let keep: Vec<bool> = coordinate
        .index
        .iter()
        .map(|&value| accepted[value as usize])
        .collect();
    for row in (0..keep.len()).filter(|&row| !keep[row]) {
        judge.n_rows_rejected += 1;
        judge.problems.push(|| RowProblem {
            line: None,
            row: Some(table_row(table_rows.as_deref(), row)),
            column: Some(
                node.coordinates[coordinate.coordinate_idx]
                    .variable
                    .column
                    .clone(),
            ),
            value: Some(coordinate.values.display(coordinate.index[row] as usize)),
            reason: format!("`{name}` takes no new values (step_limits: no_new)"),
        });
    }
    let (batch, table_rows) = kept_rows(batch, table_rows.as_deref(), &keep);
    (batch, Some(table_rows))
}

/// The rows that `keep` says, and the row of the table behind each.
fn kept_rows(batch: Batch, table_rows: Option<&[u32]>, keep: &[bool]) -> (Batch, Vec<u32>) {
    let rows = (0..).zip(keep).filter(|(_, keep)| **keep);
    let rows = rows.map(|(row, _): (u32, _)| match table_rows {
        Some(table_rows) => table_rows[row as usize],
        None => row,
    });
    let rows = rows.collect();
    (batch.with_rows(keep), rows)
}

/// 1-based row of the table behind row `row` of a batch.
pub(crate) fn table_row(table_rows: Option<&[u32]>, row: usize) -> u64 {
    table_rows.map_or(row as u64, |rows| u64::from(rows[row])) + 1
}

/// A coordinate that takes values; new ones get slots in order of appearance until the end is known.
struct Growing<'a> {
    stored: &'a CoordinateIndex,
    fresh: HashMap<Key, u64>,
    values: Values,
}

impl<'a> Growing<'a> {
    fn new(stored: &'a CoordinateIndex) -> Self {
        Self {
            stored,
            fresh: HashMap::new(),
            values: stored.values().empty_like(),
        }
    }

    fn is_empty(&self) -> bool {
        self.stored.is_empty() && self.fresh.is_empty()
    }

    fn knows(&self, key: &Key) -> bool {
        self.find(key).is_some()
    }

    /// The slot of a value that is there.
    fn find(&self, key: &Key) -> Option<u64> {
        let stored = self.stored.find(key).ok();
        stored.or_else(|| self.fresh.get(key).copied())
    }

    /// Where the stored values from `low` to `high` lie, with one neighbour on either side.
    fn range_around(&self, low: &Key, high: &Key) -> (usize, usize) {
        let begin = self.stored.find(low).unwrap_or_else(|next| next);
        let end = self.stored.find(high);
        let end = end.map_or_else(|next| next + 1, |found| found + 2);
        let end = end.min(self.stored.len());
        (to_usize(begin.saturating_sub(1)), to_usize(end))
    }

    /// Of a sorted coordinate, ascending: the stored values from `low` to `high`, one neighbour on either side, and all new ones.
    fn around(&self, low: &Key, high: &Key) -> Values {
        let (begin, end) = self.range_around(low, high);
        let mut all = self.stored.values().take(begin..end);
        all.extend_from(&self.values);
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_cached_key(|&i| key(&all, i));
        all.take(order.into_iter())
    }

    /// The first and the last of what [`Self::around`] gives.
    fn ends_around(&self, low: &Key, high: &Key) -> Option<(Values, Values)> {
        let (begin, end) = self.range_around(low, high);
        let stored = (begin < end).then(|| [begin, end - 1]);
        let stored = stored.into_iter().flatten();
        let stored = stored.map(|i| self.stored.values().take(std::iter::once(i)));
        let fresh = (0..self.values.len()).map(|i| self.values.take(std::iter::once(i)));
        let mut ends: Option<(Values, Values)> = None;
        for value in stored.chain(fresh) {
            ends = Some(match ends {
                None => (value.clone(), value),
                Some((first, last)) if key(&value, 0) < key(&first, 0) => (value, last),
                Some((first, last)) if key(&value, 0) > key(&last, 0) => (first, value),
                Some(ends) => ends,
            });
        }
        ends
    }

    /// Slots of `values`: positions of stored ones, for new ones the stored length and on.
    fn place(&mut self, values: &Values, judge: &mut Judged) -> Vec<u64> {
        (0..values.len())
            .map(|i| {
                let wanted = key(values, i);
                self.stored.find(&wanted).unwrap_or_else(|_| {
                    let next = self.stored.len() + self.fresh.len() as u64;
                    *self.fresh.entry(wanted).or_insert_with(|| {
                        self.values.push_from(values, i);
                        judge.n_coordinates_added += 1;
                        next
                    })
                })
            })
            .collect()
    }

    fn finish(self) -> (CoordinateUpdate, Finals) {
        let old_len = self.stored.len();
        if self.values.is_empty() {
            return (
                CoordinateUpdate {
                    index: self.stored.clone(),
                    old_len,
                    shift: None,
                },
                Finals::Same,
            );
        }
        let mut all = self.stored.values().as_ref().clone();
        all.extend_from(&self.values);
        if !self.stored.is_sorted() {
            let index = CoordinateIndex::new(all, false);
            return (
                CoordinateUpdate {
                    index,
                    old_len,
                    shift: None,
                },
                Finals::Same,
            );
        }
        let order = value_order(&all, to_usize(old_len));
        let sorted = all.take(order.iter().map(|&slot| to_usize(slot)));
        let first = (0..)
            .zip(&order)
            .find(|(position, slot)| position != *slot)
            .map(|(position, _)| position);
        let shift = first.filter(|first| *first < old_len).map(|first| Shift {
            first,
            from: order[to_usize(first)..]
                .iter()
                .map(|&slot| (slot < old_len).then_some(slot))
                .collect(),
        });
        let mut position_of = vec![0; order.len()];
        for (position, &slot) in (0..).zip(&order) {
            position_of[to_usize(slot)] = position;
        }
        let index = CoordinateIndex::new(sorted, true);
        (
            CoordinateUpdate {
                index,
                old_len,
                shift,
            },
            Finals::Moved(position_of),
        )
    }
}

/// Slots in value order, of which the first `n_stored` ascend already.
fn value_order(all: &Values, n_stored: usize) -> Vec<u64> {
    let mut fresh: Vec<(Key, u64)> = (n_stored..all.len())
        .map(|i| (key(all, i), i as u64))
        .collect();
    fresh.sort_unstable();
    let mut order = Vec::with_capacity(all.len());
    let mut fresh = fresh.into_iter().peekable();
    let before_fresh = fresh.peek().map_or(0, |(first, _)| {
        (0..n_stored)
            .rev()
            .take_while(|&i| key(all, i) > *first)
            .last()
            .unwrap_or(n_stored)
    });
    order.extend(0..before_fresh as u64);
    for i in before_fresh..n_stored {
        let stored = key(all, i);
        while let Some((_, slot)) = fresh.next_if(|(next, _)| *next < stored) {
            order.push(slot);
        }
        order.push(i as u64);
    }
    order.extend(fresh.map(|(_, slot)| slot));
    order
}

/// From slots to positions.
enum Finals {
    Same,
    Moved(Vec<u64>),
}

impl Finals {
    fn positions(&self, slots: Vec<u64>) -> Vec<u64> {
        match self {
            Self::Same => slots,
            Self::Moved(position_of) => slots
                .into_iter()
                .map(|slot| match slot {
                    NOWHERE => NOWHERE,
                    slot => position_of[to_usize(slot)],
                })
                .collect(),
        }
    }
}

/// The tuples behind the hashes of composed coordinates that this merge brings.
#[derive(Default)]
struct Tuples {
    fresh: HashMap<(usize, Key), Vec<Key>>,
}

impl Tuples {
    /// The problem of a batch that brings a tuple whose hash stands for another one; else remembers its tuples.
    fn collision(
        &mut self,
        node: &Node,
        coordinates: &[CoordinateIndex],
        components: &impl Components,
        batch: &Batch,
    ) -> Option<RowProblem> {
        let mut brought = Vec::new();
        for coordinate in &batch.coordinates {
            let schema = &node.coordinates[coordinate.coordinate_idx];
            if schema.composed.is_empty() {
                continue;
            }
            for (value, tuple) in tuples_of(node, batch, coordinate)? {
                let hash = key(&coordinate.values, value);
                let known = match coordinates[coordinate.coordinate_idx].find(&hash) {
                    Ok(position) => components.at(&schema.variable.name, position),
                    Err(_) => self
                        .fresh
                        .get(&(coordinate.coordinate_idx, hash.clone()))
                        .cloned(),
                };
                if known.is_some_and(|known| known != tuple) {
                    let name = &schema.variable.name;
                    let reason = format!(
                        "two different tuples of `{name}` have the same hash {}; leave one of them out",
                        coordinate.values.display(value)
                    );
                    return Some(RowProblem {
                        reason,
                        ..RowProblem::default()
                    });
                }
                brought.push(((coordinate.coordinate_idx, hash), tuple));
            }
        }
        self.fresh.extend(brought);
        None
    }
}

/// Per distinct value of a composed coordinate, its component keys; `None` if the batch does not bring the components.
fn tuples_of(
    node: &Node,
    batch: &Batch,
    coordinate: &BatchCoordinate,
) -> Option<Vec<(usize, Vec<Key>)>> {
    let names = &node.coordinates[coordinate.coordinate_idx].composed;
    let mut tuples: Vec<Vec<Key>> = vec![Vec::with_capacity(names.len()); coordinate.values.len()];
    for name in names {
        let variable_idx = node.variables.get_index_of(name)?;
        let variable = batch
            .variables
            .iter()
            .find(|variable| variable.variable_idx == variable_idx)?;
        let mut done = vec![false; coordinate.values.len()];
        for i in 0..variable.values.len() {
            let row = variable.rows.as_ref().map_or(i, |rows| rows[i] as usize);
            let value = coordinate.index[row] as usize;
            if !std::mem::replace(&mut done[value], true) {
                tuples[value].push(key(&variable.values, i));
            }
        }
    }
    Some(
        tuples
            .into_iter()
            .enumerate()
            .filter(|(_, tuple)| tuple.len() == names.len())
            .collect(),
    )
}

impl Batch {
    /// The batch without the rows that `keep` leaves out, and without coordinate values that only they had.
    fn with_rows(self, keep: &[bool]) -> Self {
        let mut new_row = vec![u32::MAX; keep.len()];
        let mut n_rows = 0;
        for row in (0..keep.len()).filter(|&row| keep[row]) {
            new_row[row] = n_rows;
            n_rows += 1;
        }
        let coordinates = self.coordinates.into_iter().map(|coordinate| {
            let mut new_value = vec![u32::MAX; coordinate.values.len()];
            let mut used = Vec::new();
            let index = (0..keep.len()).filter(|&row| keep[row]).map(|row| {
                let value = coordinate.index[row] as usize;
                if new_value[value] == u32::MAX {
                    new_value[value] =
                        u32::try_from(used.len()).expect("no more values than before");
                    used.push(value);
                }
                new_value[value]
            });
            let index = index.collect();
            BatchCoordinate {
                coordinate_idx: coordinate.coordinate_idx,
                step_limits: coordinate.step_limits,
                values: coordinate.values.take(used.into_iter()),
                index,
            }
        });
        let coordinates = coordinates.collect();
        let variables = self.variables.into_iter().map(|mut variable| {
            let rows = variable
                .rows
                .take()
                .unwrap_or_else(|| (0..u32::try_from(keep.len()).expect("u32 rows")).collect());
            let kept: Vec<usize> = (0..rows.len())
                .filter(|&i| keep[rows[i] as usize])
                .collect();
            variable.rows = Some(kept.iter().map(|&i| new_row[rows[i] as usize]).collect());
            variable.values = variable.values.take(kept.into_iter());
            variable
        });
        Self {
            n_rows: n_rows as usize,
            coordinates,
            variables: variables.collect(),
        }
    }
}

/// No composed coordinate, or none stored yet.
#[derive(Debug, Clone, Copy)]
pub struct NoComponents;

impl Components for NoComponents {
    fn at(&self, _coordinate: &str, _position: u64) -> Option<Vec<Key>> {
        None
    }
}

/// Components as read from the store, by coordinate name.
#[derive(Debug, Default, Clone)]
pub struct StoredComponents(pub HashMap<String, Vec<Arc<Values>>>);

impl Components for StoredComponents {
    fn at(&self, coordinate: &str, position: u64) -> Option<Vec<Key>> {
        let components = self.0.get(coordinate)?;
        let i = to_usize(position);
        components
            .iter()
            .map(|values| (i < values.len()).then(|| key(values, i)))
            .collect()
    }
}
