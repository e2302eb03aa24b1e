//! Cells of a level, made of values or of the cells of a finer level.

use std::borrow::Cow;

use zarr_fuse_arrays::{circular::Vectors, values::Values};
use zarr_fuse_schemas::{DataType, Scalar};

use super::Part;

/// A box of elements in C order: how many before, along and after the coordinate of the pyramid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Box3 {
    /// Product of the lengths of the dimensions before.
    pub before: usize,
    /// Length along the coordinate.
    pub along: usize,
    /// Product of the lengths of the dimensions after.
    pub after: usize,
}

impl Box3 {
    /// How many elements.
    pub(crate) fn len(self) -> usize {
        self.before * self.along * self.after
    }

    /// Calls `work` for each cell of `factor` elements along the coordinate, with the place of the cell, that of its first
    /// element, and the distance to the next.
    fn each_cell(self, factor: usize, mut work: impl FnMut(usize, usize, usize)) {
        let n_cells = self.along / factor;
        for before in 0..self.before {
            for cell in 0..n_cells {
                for after in 0..self.after {
                    let to = (before * n_cells + cell) * self.after + after;
                    let from = (before * self.along + cell * factor) * self.after + after;
                    work(to, from, self.after);
                }
            }
        }
    }
}

/// What cells of a box tell, in C order. Without a value, the count is 0 and the rest means nothing.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    pub(crate) count: Vec<u32>,
    pub(crate) min: Values,
    pub(crate) min_at: Vec<u32>,
    pub(crate) max: Values,
    pub(crate) max_at: Vec<u32>,
    pub(crate) mean: Vec<f64>,
    /// Of directions only.
    pub(crate) mean_length: Vec<f64>,
}

impl Cells {
    /// `n` cells without values, of a variable of this type.
    pub(crate) fn empty(data_type: DataType, na: Option<&Scalar>, n: usize) -> Self {
        let absent = Values::filled(data_type, na, n);
        Self {
            count: vec![0; n],
            min: absent.clone(),
            min_at: vec![0; n],
            max: absent,
            max_at: vec![0; n],
            mean: vec![f64::NAN; n],
            mean_length: vec![f64::NAN; n],
        }
    }

    /// Cells of `factor` values each, directions if there is a `turn`; `values` fills `shape`, a multiple of it along the
    /// coordinate.
    pub(crate) fn of_values(
        data_type: DataType,
        values: &Values,
        (na, turn): (Option<&Scalar>, Option<f64>),
        shape: Box3,
        factor: usize,
    ) -> Self {
        let mut cells = Self::empty(data_type, na, shape.len() / factor);
        shape.each_cell(factor, |to, from, step| {
            let mut sum = Sum::of(turn);
            for i in 0..factor {
                let element = from + i * step;
                if values.is_na(element, na) {
                    continue;
                }
                cells.take((to, i), (values, element), (values, element));
                cells.count[to] += 1;
                sum.add(number(values, element), 1.0, 1);
            }
            cells.set_mean(to, sum);
        });
        cells
    }

    /// Cells of `factor` finer ones each, which stand for `n_positions` positions.
    pub(crate) fn of_cells(
        data_type: DataType,
        finer: &Self,
        (na, turn): (Option<&Scalar>, Option<f64>),
        shape: Box3,
        (factor, n_positions): (usize, usize),
    ) -> Self {
        let mut cells = Self::empty(data_type, na, shape.len() / factor);
        shape.each_cell(factor, |to, from, step| {
            let mut sum = Sum::of(turn);
            for i in 0..factor {
                let element = from + i * step;
                let n = finer.count[element];
                if n == 0 {
                    continue;
                }
                let begin = i * n_positions;
                let (min_at, max_at) = (
                    finer.min_at[element] as usize,
                    finer.max_at[element] as usize,
                );
                cells.take_min(to, begin + min_at, &finer.min, element);
                cells.take_max(to, begin + max_at, &finer.max, element);
                cells.count[to] += n;
                sum.add(finer.mean[element], finer.mean_length[element], n);
            }
            cells.set_mean(to, sum);
        });
        cells
    }

    /// One of their arrays.
    pub(crate) fn values(&self, part: Part) -> Cow<'_, Values> {
        match part {
            Part::Count => Cow::Owned(Values::UInt32(self.count.clone())),
            Part::Min => Cow::Borrowed(&self.min),
            Part::MinAt => Cow::Owned(Values::UInt32(self.min_at.clone())),
            Part::Max => Cow::Borrowed(&self.max),
            Part::MaxAt => Cow::Owned(Values::UInt32(self.max_at.clone())),
            Part::Mean => Cow::Owned(Values::Float64(self.mean.clone())),
            Part::MeanLength => Cow::Owned(Values::Float64(self.mean_length.clone())),
        }
    }

    /// Replaces one of their arrays by what was read of it.
    pub(crate) fn set(&mut self, part: Part, values: Values) {
        match (part, values) {
            (Part::Count, Values::UInt32(v)) => self.count = v,
            (Part::MinAt, Values::UInt32(v)) => self.min_at = v,
            (Part::MaxAt, Values::UInt32(v)) => self.max_at = v,
            (Part::Mean, Values::Float64(v)) => self.mean = v,
            (Part::MeanLength, Values::Float64(v)) => self.mean_length = v,
            (Part::Min, v) => self.min = v,
            (Part::Max, v) => self.max = v,
            _ => unreachable!("arrays of levels have the types of their parts"),
        }
    }

    fn set_mean(&mut self, to: usize, sum: Sum) {
        let n = self.count[to];
        if n > 0 {
            (self.mean[to], self.mean_length[to]) = sum.mean(n);
        }
    }

    fn take(&mut self, (to, at): (usize, usize), min: (&Values, usize), max: (&Values, usize)) {
        self.take_min(to, at, min.0, min.1);
        self.take_max(to, at, max.0, max.1);
    }

    fn take_min(&mut self, to: usize, at: usize, values: &Values, i: usize) {
        if self.count[to] == 0 || is_less((values, i), (&self.min, to)) {
            copy(&mut self.min, to, values, i);
            self.min_at[to] = position(at);
        }
    }

    fn take_max(&mut self, to: usize, at: usize, values: &Values, i: usize) {
        if self.count[to] == 0 || is_less((&self.max, to), (values, i)) {
            copy(&mut self.max, to, values, i);
            self.max_at[to] = position(at);
        }
    }
}

/// What means are made of.
#[derive(Clone, Copy)]
enum Sum {
    Numbers(f64),
    Directions(Vectors, f64),
}

impl Sum {
    fn of(turn: Option<f64>) -> Self {
        turn.map_or(Self::Numbers(0.0), |turn| {
            Self::Directions(Vectors::default(), turn)
        })
    }

    /// Adds `n` values with this mean; of directions, `length` is that of their mean vector.
    fn add(&mut self, mean: f64, length: f64, n: u32) {
        let n = f64::from(n);
        match self {
            Self::Numbers(sum) => *sum += mean * n,
            Self::Directions(vectors, turn) => vectors.add(mean, *turn, length, n),
        }
    }

    fn mean(self, n: u32) -> (f64, f64) {
        let n = f64::from(n);
        match self {
            Self::Numbers(sum) => (sum / n, f64::NAN),
            Self::Directions(vectors, turn) => vectors.mean(turn, n),
        }
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("cells stand for at most 2^24 positions")
}

fn copy(to: &mut Values, at: usize, from: &Values, i: usize) {
    zarr_fuse_arrays::with_pair!(to, from, (to, from) => to[at].clone_from(&from[i]));
}

/// Whether a number is smaller than another of the same type.
fn is_less((a, i): (&Values, usize), (b, j): (&Values, usize)) -> bool {
    match (a, b) {
        (Values::Float32(a), Values::Float32(b)) => a[i] < b[j],
        (Values::Float64(a), Values::Float64(b)) => a[i] < b[j],
        (Values::Int8(a), Values::Int8(b)) => a[i] < b[j],
        (Values::Int16(a), Values::Int16(b)) => a[i] < b[j],
        (Values::Int32(a), Values::Int32(b)) => a[i] < b[j],
        (Values::Int64(a), Values::Int64(b)) => a[i] < b[j],
        (Values::UInt8(a), Values::UInt8(b)) => a[i] < b[j],
        (Values::UInt16(a), Values::UInt16(b)) => a[i] < b[j],
        (Values::UInt32(a), Values::UInt32(b)) => a[i] < b[j],
        (Values::UInt64(a), Values::UInt64(b)) => a[i] < b[j],
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "means are floats")]
fn number(values: &Values, i: usize) -> f64 {
    match values {
        Values::Float32(v) => f64::from(v[i]),
        Values::Float64(v) => v[i],
        Values::Int8(v) => f64::from(v[i]),
        Values::Int16(v) => f64::from(v[i]),
        Values::Int32(v) => f64::from(v[i]),
        Values::Int64(v) => v[i] as f64,
        Values::UInt8(v) => f64::from(v[i]),
        Values::UInt16(v) => f64::from(v[i]),
        Values::UInt32(v) => f64::from(v[i]),
        Values::UInt64(v) => v[i] as f64,
        _ => f64::NAN,
    }
}
