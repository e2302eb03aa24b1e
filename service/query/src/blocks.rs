//! Cutting the rows into boxes of bounded size, in row order.

use std::ops::Range;

use super::picked::Picked;
use super::plan::Axis;

/// The largest box of rows that begins at `start`, is contiguous in row order and has at most `max_rows` rows (but at least
/// one). Along its first axis of several it ends at a chunk boundary where that costs no more than half of it.
pub(super) fn block_at(axes: &[Axis], start: &[u64], max_rows: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = start
        .iter()
        .map(|&position| position..position + 1)
        .collect();
    let mut n_rows = 1_u64;
    for (axis_idx, axis) in axes.iter().enumerate().rev() {
        let from = start[axis_idx];
        let n = axis.picked.len();
        let fit = (max_rows / n_rows).max(1);
        let to = n.min(from.saturating_add(fit));
        ranges[axis_idx] = from..to;
        n_rows = n_rows.saturating_mul(to - from);
        if from > 0 || to < n {
            if to < n {
                ranges[axis_idx] = from..to_chunk_boundary(axis, from, to);
            }
            break;
        }
    }
    ranges
}

fn to_chunk_boundary(axis: &Axis, from: u64, to: u64) -> u64 {
    let Picked::Range(picked) = &axis.picked else {
        return to;
    };
    let boundary = (picked.start + to) / axis.chunk_size * axis.chunk_size;
    match boundary.checked_sub(picked.start) {
        Some(aligned) if aligned > from && aligned - from >= (to - from) / 2 => aligned,
        _ => to,
    }
}

/// The position of the row after the last one of a box; `None` at the end.
pub(super) fn after(axes: &[Axis], block: &[Range<u64>]) -> Option<Vec<u64>> {
    let last: Vec<u64> = block.iter().map(|range| range.end - 1).collect();
    next(axes, &last)
}

/// The position of the row after `position`; `None` at the end.
pub(super) fn next(axes: &[Axis], position: &[u64]) -> Option<Vec<u64>> {
    let mut position = position.to_vec();
    for (axis_idx, axis) in axes.iter().enumerate().rev() {
        position[axis_idx] += 1;
        if position[axis_idx] < axis.picked.len() {
            return Some(position);
        }
        position[axis_idx] = 0;
    }
    None
}

/// The position of the first row after the one at `indices`; `None` at the end.
pub(super) fn after_indices(axes: &[Axis], indices: &[u64]) -> Option<Vec<u64>> {
    let mut position = vec![0; axes.len()];
    for (axis_idx, axis) in axes.iter().enumerate() {
        let at = axis.picked.position_of(indices[axis_idx]);
        if at == axis.picked.len() {
            // Beyond the last one: carry to the axis before.
            return next(&axes[..axis_idx], &position[..axis_idx]).map(|mut next| {
                next.resize(axes.len(), 0);
                next
            });
        }
        position[axis_idx] = at;
        if axis.picked.get(at) != indices[axis_idx] {
            return Some(position);
        }
    }
    next(axes, &position)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn axis(picked: Picked, chunk_size: u64) -> Axis {
        Axis {
            name: "x".to_owned(),
            picked,
            chunk_size,
        }
    }

    fn rows_of(block: &[Range<u64>]) -> Vec<Vec<u64>> {
        block.iter().fold(vec![Vec::new()], |rows, range| {
            rows.iter()
                .flat_map(|row| range.clone().map(move |i| [row.as_slice(), &[i]].concat()))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn blocks_cover_every_row_once_and_in_order(
            lengths in prop::collection::vec(1_u64..7, 1..4), start in 0_u64..5, chunk_size in 1_u64..6, max_rows in 1_u64..40,
        ) {
            let axes: Vec<Axis> = lengths.iter().map(|n| axis(Picked::Range(start..start + n), chunk_size)).collect();
            let all: Vec<Range<u64>> = lengths.iter().map(|&n| 0..n).collect();
            let mut rows = Vec::new();
            let mut position = Some(vec![0; axes.len()]);
            while let Some(start) = position {
                let block = block_at(&axes, &start, max_rows);
                let more = rows_of(&block);
                prop_assert!(more.len() as u64 <= max_rows);
                rows.extend(more);
                position = after(&axes, &block);
            }
            prop_assert_eq!(rows, rows_of(&all));
        }

        #[test]
        fn a_cursor_continues_with_the_next_selected_row(
            lists in prop::collection::vec(prop::collection::btree_set(0_u64..8, 1..5), 1..4), seed: u64,
        ) {
            let axes: Vec<Axis> = lists.iter().map(|list| axis(Picked::from_list(list.iter().copied().collect()), 1)).collect();
            let last: Vec<u64> = (0..lists.len()).map(|i| (seed >> (8 * i)) % 9).collect();
            let all: Vec<Range<u64>> = lists.iter().map(|list| 0..list.len() as u64).collect();
            let index = |row: &Vec<u64>| row.iter().zip(&axes).map(|(&at, axis)| axis.picked.get(at)).collect::<Vec<_>>();
            let expected = rows_of(&all).into_iter().find(|row| index(row) > last);
            prop_assert_eq!(after_indices(&axes, &last), expected);
        }
    }
}
