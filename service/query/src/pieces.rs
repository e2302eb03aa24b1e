//! Which positions are read from coarser levels.

use std::ops::Range;

use zarr_fuse_fusion::node::LevelView;

/// Consecutive positions that are read from one level, or from the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its number.
    pub(super) level: Option<usize>,
    /// Along the axis.
    pub(super) positions: Range<u64>,
}

/// Cuts `range` so that as much as possible comes from the coarsest of `levels`, which are finest first.
pub(super) fn pieces(range: Range<u64>, levels: &[LevelView]) -> Vec<Piece> {
    if range.is_empty() {
        return Vec::new();
    }
    let Some((coarsest, finer)) = levels.split_last() else {
        let level = None;
        return vec![Piece {
            level,
            positions: range,
        }];
    };
    let n = coarsest.n_positions;
    let start = range.start.next_multiple_of(n);
    let end = (range.end / n).min(coarsest.n_cells) * n;
    if start >= end {
        return pieces(range, finer);
    }
    let mut found = pieces(range.start..start, finer);
    found.push(Piece {
        level: Some(finer.len()),
        positions: start..end,
    });
    found.extend(pieces(end..range.end, finer));
    found
}
