//! What is made of the values of each interval, as they come.

use std::ops::Range;

use super::super::elements::{Na, number};
use super::super::plan::{Input, Source};
use super::{Aggregate, Block};
use crate::values::Values;

/// What is known of each bucket so far.
pub(super) struct Kept {
    aggregate: Aggregate,
    n: Vec<u32>,
    /// Sums, or the numbers by which a value was chosen.
    numbers: Vec<f64>,
    /// The values chosen.
    chosen: Values,
}

impl Kept {
    /// Nothing is known of as many buckets as `absent` has elements.
    pub(super) fn new(aggregate: Aggregate, absent: Values) -> Self {
        let n = absent.len();
        Self {
            aggregate,
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
                crate::with_pair!(&mut self.chosen, values, (to, from) => to[bucket].clone_from(&from[element]));
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
                crate::with_pair!(&mut self.chosen, values, (to, from) => to[bucket].clone_from(&from[cell]));
            }
        }
    }

    /// The input that has what was made of the buckets.
    pub(super) fn finish(self, input: &Input) -> Input {
        let Self {
            aggregate,
            n,
            numbers,
            chosen,
        } = self;
        let (known, na) = match aggregate {
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
