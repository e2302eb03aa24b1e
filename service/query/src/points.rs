//! Some cells of a variable: what is left of it when only few of its values are asked for.

use std::ops::Range;
use std::sync::Arc;

use zarr_fuse_arrays::values::Values;

use super::elements::ABSENT;
use super::elements::at;

/// Cells of a variable that have a value in the answer, in row order.
#[derive(Debug)]
pub(super) struct Points {
    /// Where each cell lies among all cells of the variable, counted with its axes in the order of the rows; ascending.
    ranks: Vec<u64>,
    values: Values,
}

impl Points {
    /// Puts cells in row order.
    pub(super) fn new(ranks: &[u64], values: &Values) -> Self {
        let mut order: Vec<usize> = (0..ranks.len()).collect();
        order.sort_unstable_by_key(|&i| ranks[i]);
        Self {
            ranks: order.iter().map(|&i| ranks[i]).collect(),
            values: values.take(order.into_iter()),
        }
    }

    /// The ranks from `first` on, ascending.
    pub(super) fn ranks_from(&self, first: u64) -> &[u64] {
        &self.ranks[self.ranks.partition_point(|&rank| rank < first)..]
    }

    /// The values at these ranks, and for each of them the place of its value or [`ABSENT`].
    pub(super) fn at_ranks(&self, ranks: &[u64]) -> (Values, Arc<[u32]>) {
        let mut next = 0_u32;
        let mut found = Vec::new();
        let mut place = |rank| {
            let Ok(place) = self.ranks.binary_search(rank) else {
                return ABSENT;
            };
            found.push(place);
            next += 1;
            next - 1
        };
        let places = ranks.iter().map(&mut place).collect();
        (self.values.take(found.into_iter()), places)
    }

    /// The cells in a box of rows: their values, and for each cell of the box (in the order of the variable's dimensions)
    /// the place of its value or [`ABSENT`].
    ///
    /// `axes`, `ranges` and `lengths` are those of the variable's dimensions.
    pub(super) fn in_box(
        &self,
        axes: &[usize],
        ranges: &[Range<u64>],
        lengths: &[u64],
    ) -> (Values, Arc<[u32]>) {
        let mut in_row_order: Vec<usize> = (0..axes.len()).collect();
        in_row_order.sort_unstable_by_key(|&dimension| axes[dimension]);
        let rank = |of: &dyn Fn(&Range<u64>) -> u64| {
            in_row_order.iter().fold(0, |rank, &dimension| {
                rank * lengths[dimension] + of(&ranges[dimension])
            })
        };
        let n_in = |range: &Range<u64>| range.end - range.start;
        let n_cells: u64 = ranges.iter().map(n_in).product();
        let mut places = vec![ABSENT; at(n_cells)];
        if n_cells == 0 {
            return (self.values.empty_like(), places.into());
        }
        let (first, last) = (rank(&|range| range.start), rank(&|range| range.end - 1));
        let from = self.ranks.partition_point(|&rank| rank < first);
        let to = self.ranks.partition_point(|&rank| rank <= last);
        let strides = strides(&ranges.iter().map(n_in).collect::<Vec<_>>());
        for (place, &rank) in (0_u32..).zip(&self.ranks[from..to]) {
            let mut rest = rank;
            let mut cell = 0;
            let mut is_inside = true;
            for &dimension in in_row_order.iter().rev() {
                let position = rest % lengths[dimension];
                rest /= lengths[dimension];
                is_inside &= ranges[dimension].contains(&position);
                let along = position.saturating_sub(ranges[dimension].start);
                cell += along * strides[dimension];
            }
            if is_inside {
                places[at(cell)] = place;
            }
        }
        (self.values.take(from..to), places.into())
    }
}

/// How far apart neighbours along each dimension of a C-ordered box are.
pub(super) fn strides(lengths: &[u64]) -> Vec<u64> {
    let mut strides = vec![1; lengths.len()];
    for dimension in (1..lengths.len()).rev() {
        strides[dimension - 1] = strides[dimension] * lengths[dimension];
    }
    strides
}
