//! What is made of the values of each interval, as they come.

use std::ops::Range;

use zarr_fuse_arrays::{circular::Vectors, values::Values};

use super::super::elements::{Na, number};
use super::super::plan::{Input, Source};
use super::{Aggregate, Block};

/// What is known of each bucket so far.
pub(super) struct Kept {
    aggregate: Aggregate,
    /// Of directions, the length of a full turn and the sums of their vectors.
    directions: Option<(f64, Vec<Vectors>)>,
    n: Vec<u32>,
    /// Sums, or the numbers by which a value was chosen.
    numbers: Vec<f64>,
    /// The values chosen.
    chosen: Values,
}

impl Kept {
    /// Nothing is known of as many buckets as `absent` has elements; the values are directions if there is a `turn`.
    pub(super) fn new((aggregate, turn): (Aggregate, Option<f64>), absent: Values) -> Self {
        let n = absent.len();
        let turn = turn.filter(|_| aggregate == Aggregate::Mean);
        Self {
            aggregate,
            directions: turn.map(|turn| (turn, vec![Vectors::default(); n])),
            n: vec![0; n],
            numbers: vec![0.0; n],
            chosen: absent,
        }
    }

    /// Adds elements of a block to the buckets from `to` on.
    pub(super) fn take_of(&mut self, block: &Block, na: Na, from: Range<usize>, to: usize) {
        match block {
            Block::Values(values) => self.take(values, na, from, to),
            Block::Cells(values, counts) => self.take_cells(values, counts, from, to),
            Block::Directions(values, counts, lengths) => {
                self.take_directions((values, lengths), counts, from, to);
            }
        }
    }

    /// Adds elements to the buckets from `to` on.
    fn take(&mut self, values: &Values, na: Na, from: Range<usize>, to: usize) {
        for (bucket, element) in (to..).zip(from) {
            if !na.keeps_row(values, element) {
                continue;
            }
            let is_first = self.n[bucket] == 0;
            self.n[bucket] = self.n[bucket].saturating_add(1);
            let x = number(values, element).unwrap_or(f64::NAN);
            if let Some((turn, sums)) = &mut self.directions {
                sums[bucket].add(x, *turn, 1.0, 1.0);
                continue;
            }
            let wins = match self.aggregate {
                Aggregate::Count => continue,
                Aggregate::Mean | Aggregate::Sum => {
                    self.numbers[bucket] += x;
                    continue;
                }
                Aggregate::First => is_first,
                Aggregate::Last => true,
                Aggregate::Min => is_first || x < self.numbers[bucket],
                Aggregate::Max => is_first || x > self.numbers[bucket],
            };
            if wins {
                self.numbers[bucket] = x;
                zarr_fuse_arrays::with_pair!(&mut self.chosen, values, (to, from) => to[bucket].clone_from(&from[element]));
            }
        }
    }

    /// Adds means of directions, with the lengths of their vectors, to the buckets from `to` on.
    fn take_directions(
        &mut self,
        (means, lengths): (&Values, &Values),
        counts: &[u32],
        from: Range<usize>,
        to: usize,
    ) {
        let Some((turn, sums)) = &mut self.directions else {
            return;
        };
        for (bucket, cell) in (to..).zip(from) {
            let of = |values| number(values, cell).unwrap_or(f64::NAN);
            if counts[cell] > 0 {
                self.n[bucket] = self.n[bucket].saturating_add(counts[cell]);
                sums[bucket].add(of(means), *turn, of(lengths), f64::from(counts[cell]));
            }
        }
    }

    /// Adds cells of a coarser level to the buckets from `to` on.
    fn take_cells(&mut self, values: &Values, counts: &[u32], from: Range<usize>, to: usize) {
        for (bucket, cell) in (to..).zip(from) {
            if counts[cell] == 0 {
                continue;
            }
            let is_first = self.n[bucket] == 0;
            self.n[bucket] = self.n[bucket].saturating_add(counts[cell]);
            let x = number(values, cell).unwrap_or(f64::NAN);
            let wins = match self.aggregate {
                Aggregate::Mean | Aggregate::Sum => {
                    self.numbers[bucket] += x * f64::from(counts[cell]);
                    false
                }
                Aggregate::Min => is_first || x < self.numbers[bucket],
                Aggregate::Max => is_first || x > self.numbers[bucket],
                Aggregate::Count | Aggregate::First | Aggregate::Last => false,
            };
            if wins {
                self.numbers[bucket] = x;
                zarr_fuse_arrays::with_pair!(&mut self.chosen, values, (to, from) => to[bucket].clone_from(&from[cell]));
            }
        }
    }

    /// The input that has what was made of the buckets.
    pub(super) fn finish(self, input: &Input) -> Input {
        let Self {
            aggregate,
            directions,
            n,
            numbers,
            chosen,
        } = self;
        let (known, na) = match aggregate {
            _ if directions.is_some() => {
                let (turn, sums) = directions.unwrap_or_default();
                let of = |(sum, n): (Vectors, &u32)| match n {
                    0 => f64::NAN,
                    n => sum.mean(turn, f64::from(*n)).0,
                };
                let values = sums.into_iter().zip(&n).map(of);
                (Values::Float64(values.collect()), Na::Float(f64::NAN))
            }
            Aggregate::Count => (
                Values::Int64(n.iter().map(|n| i64::from(*n)).collect()),
                Na::Int(0),
            ),
            Aggregate::Mean | Aggregate::Sum => {
                let of = |(sum, n): (f64, &u32)| match (aggregate, n) {
                    (_, 0) => f64::NAN,
                    (Aggregate::Mean, n) => sum / f64::from(*n),
                    _ => sum,
                };
                let values = numbers.into_iter().zip(&n).map(of);
                (Values::Float64(values.collect()), Na::Float(f64::NAN))
            }
            _ => (chosen, input.na),
        };
        Input {
            source: Source::Known(known),
            na,
            conversion: None,
            ..input.clone()
        }
    }
}
