//! A chunk in memory: as little as it takes.

use std::sync::Arc;

use zarr_fuse_arrays::{array::ArraySpec, values::Values, with_pair};
use zarr_fuse_schemas::to_usize;

use crate::merge::region;

/// Chunks in which fewer cells than one in so many have a value are kept as a list of these.
const SPARSE: usize = 32;

/// A decoded chunk.
#[derive(Debug)]
pub enum Chunk {
    /// All elements, in C order.
    Dense(Arc<Values>),
    /// Few elements that differ from the fill value.
    Sparse {
        /// Where they are in C order; ascending.
        cells: Vec<u32>,
        /// What they are.
        values: Values,
    },
}

impl Chunk {
    /// Keeps of `values`, all elements of a chunk of an array, what has to be kept.
    pub(crate) fn new(values: Arc<Values>, spec: &ArraySpec) -> Self {
        let fill = Values::filled(spec.data_type, spec.na.as_ref(), 1);
        match differing(&values, &fill, values.len() / SPARSE) {
            Some(cells) => Self::Sparse {
                values: values.take(cells.iter().map(|&cell| cell as usize)),
                cells,
            },
            None => Self::Dense(values),
        }
    }

    /// Approximate size in memory.
    pub(crate) fn n_bytes(&self) -> usize {
        match self {
            Self::Dense(values) => values.n_bytes(),
            Self::Sparse { cells, values } => {
                size_of_val(cells.as_slice()) + values.n_bytes() + size_of::<Self>()
            }
        }
    }

    /// The stored element of a cell and the values among which it is; `None`: it has the fill value.
    pub(crate) fn element(&self, cell: usize) -> Option<(&Values, usize)> {
        match self {
            Self::Dense(values) => Some((values, cell)),
            Self::Sparse { cells, values } => {
                let cell = u32::try_from(cell).ok()?;
                Some((values, cells.binary_search(&cell).ok()?))
            }
        }
    }

    /// Cells that may have a value, ascending, each with its place in [`Self::values`].
    pub fn cells(&self) -> Box<dyn Iterator<Item = (usize, usize)> + Send + '_> {
        match self {
            Self::Dense(values) => Box::new((0..values.len()).map(|cell| (cell, cell))),
            Self::Sparse { cells, .. } => {
                let cells = cells.iter().map(|&cell| cell as usize);
                Box::new(cells.enumerate().map(|(place, cell)| (cell, place)))
            }
        }
    }

    /// The elements that are kept.
    pub fn values(&self) -> &Values {
        match self {
            Self::Dense(values) => values,
            Self::Sparse { values, .. } => values,
        }
    }

    /// Copies elements to `out`, which holds fill values; `maps` has the (to, from) pairs of each dimension.
    pub(crate) fn copy(
        &self,
        out: &mut Values,
        out_shape: &[usize],
        spec: &ArraySpec,
        maps: &[&[(usize, usize)]],
    ) {
        let shape: Vec<usize> = spec.chunk_shape.iter().map(|&n| to_usize(n)).collect();
        let (cells, values) = match self {
            Self::Dense(values) => return region::copy(out, out_shape, values, &shape, maps),
            Self::Sparse { cells, values } => (cells, values),
        };
        let Some(targets) = targets(maps, &shape) else {
            let mut all = Values::filled(spec.data_type, spec.na.as_ref(), shape.iter().product());
            with_pair!(&mut all, values, (all, values) => for (&cell, value) in cells.iter().zip(values) {
                all[cell as usize].clone_from(value);
            });
            return region::copy(out, out_shape, &all, &shape, maps);
        };
        let strides = region::strides(out_shape);
        let target = |cell: u32| {
            let mut rest = cell as usize;
            let mut to = 0;
            for ((n, targets), stride) in shape.iter().zip(&targets).zip(&strides).rev() {
                to += targets[rest % n]? * stride;
                rest /= n;
            }
            Some(to)
        };
        with_pair!(out, values, (out, values) => for (&cell, value) in cells.iter().zip(values) {
            if let Some(to) = target(cell) {
                out[to].clone_from(value);
            }
        });
    }
}

/// Per dimension and position in the chunk, where its elements go; `None` if one goes to two places.
fn targets(maps: &[&[(usize, usize)]], shape: &[usize]) -> Option<Vec<Vec<Option<usize>>>> {
    let along = |(map, n): (&&[(usize, usize)], &usize)| {
        let mut targets = vec![None; *n];
        for &(to, from) in *map {
            if targets[from].replace(to).is_some() {
                return None;
            }
        }
        Some(targets)
    };
    maps.iter().zip(shape).map(along).collect()
}

/// The places of at most `max` elements that differ from the only one of `fill`; `None` if there are more.
fn differing(values: &Values, fill: &Values, max: usize) -> Option<Vec<u32>> {
    match (values, fill) {
        (Values::Float32(v), Values::Float32(fill)) if fill[0].is_nan() => {
            places(v, |x| !x.is_nan(), max)
        }
        (Values::Float64(v), Values::Float64(fill)) if fill[0].is_nan() => {
            places(v, |x| !x.is_nan(), max)
        }
        (Values::Complex64(_) | Values::Complex128(_), _) => {
            let all: Vec<usize> = (0..values.len()).collect();
            places(&all, |&i| !values.same(i, fill, 0), max)
        }
        _ => with_pair!(values, fill, (v, fill) => places(v, |x| *x != fill[0], max)),
    }
}

fn places<T>(values: &[T], differs: impl Fn(&T) -> bool, max: usize) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for (place, value) in values.iter().enumerate() {
        if differs(value) {
            if found.len() == max {
                return None;
            }
            found.push(u32::try_from(place).ok()?);
        }
    }
    Some(found)
}
