//! One value per cell: the merge rules within a contribution.

use std::cmp::Ordering;
use std::sync::Arc;

use zarr_fuse_arrays::{values::Values, with_values};
use zarr_fuse_schemas::MergeRule;

use super::cells::Cells;
use super::distinct::row_number;
use super::read::Elements;

/// Rows of a batch whose values differ within a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Difference {
    /// The row that brings another value.
    pub(super) row: u32,
    /// The row that held the cell so far.
    pub(super) earlier: u32,
}

/// Rows of the batch that hold a value, ascending; `None`: all of them.
pub(super) fn valid_rows(
    valid: Option<&[bool]>,
    table_rows: Option<&[u32]>,
    n_rows: usize,
) -> Option<Vec<u32>> {
    let valid = valid?;
    let is_valid = |row: u32| match table_rows {
        Some(table_rows) => valid[table_rows[row as usize] as usize],
        None => valid[row as usize],
    };
    let rows: Vec<u32> = (0..row_number(n_rows))
        .filter(|row| is_valid(*row))
        .collect();
    (rows.len() < n_rows).then_some(rows)
}

/// Of the rows that hold a value, the one that wins each cell, ascending.
///
/// `differ` is called for every row that brings another value than its cell has, if the values are to agree or the rule is
/// [`MergeRule::Reject`].
pub(super) fn pick(
    rows: Option<Vec<u32>>,
    cells: &Cells,
    elements: &Elements,
    table_rows: Option<&[u32]>,
    rule: MergeRule,
    must_agree: bool,
    differ: impl FnMut(Difference),
) -> Vec<u32> {
    let place = |row: u32| table_rows.map_or(row, |table_rows| table_rows[row as usize]) as usize;
    let looks = must_agree || matches!(rule, MergeRule::Min | MergeRule::Max | MergeRule::Reject);
    if !looks {
        return pick_by(rows, cells, rule, false, |_, _| Ordering::Equal, differ);
    }
    match elements {
        Elements::Encoded { distinct, index } => {
            let at = |row| index[place(row)] as usize;
            with_values!(distinct, v => {
                pick_by(rows, cells, rule, must_agree, |a, b| v[at(a)].order(&v[at(b)]), differ)
            })
        }
        Elements::Plain(values) => {
            with_values!(values, v => {
                pick_by(rows, cells, rule, must_agree, |a, b| v[place(a)].order(&v[place(b)]), differ)
            })
        }
    }
}

fn pick_by(
    rows: Option<Vec<u32>>,
    cells: &Cells,
    rule: MergeRule,
    must_agree: bool,
    compare: impl Fn(u32, u32) -> Ordering,
    mut differ: impl FnMut(Difference),
) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let rows = rows.unwrap_or_else(|| (0..row_number(cells.ids.len())).collect());
    let mut winners = vec![NONE; cells.n];
    let compares =
        must_agree || matches!(rule, MergeRule::Min | MergeRule::Max | MergeRule::Reject);
    for &row in &rows {
        let winner = &mut winners[cells.ids[row as usize] as usize];
        if *winner == NONE {
            *winner = row;
            continue;
        }
        let order = if compares {
            compare(row, *winner)
        } else {
            Ordering::Equal
        };
        if order != Ordering::Equal && (must_agree || rule == MergeRule::Reject) {
            differ(Difference {
                row,
                earlier: *winner,
            });
        }
        let wins = match rule {
            MergeRule::Last => true,
            MergeRule::First | MergeRule::Reject => false,
            MergeRule::Min => order == Ordering::Less,
            MergeRule::Max => order == Ordering::Greater,
        };
        if wins {
            *winner = row;
        }
    }
    let mut rows = rows;
    rows.retain(|row| winners[cells.ids[*row as usize] as usize] == *row);
    rows
}

/// The elements at `rows` of the batch (`None`: all, in order).
pub(super) fn take(elements: Elements, rows: Option<&[u32]>, table_rows: Option<&[u32]>) -> Values {
    let places: Option<Vec<u32>> = match (rows, table_rows) {
        (None, None) => None,
        (Some(rows), None) => Some(rows.to_vec()),
        (None, Some(table_rows)) => Some(table_rows.to_vec()),
        (Some(rows), Some(table_rows)) => {
            Some(rows.iter().map(|row| table_rows[*row as usize]).collect())
        }
    };
    match (elements, places) {
        (Elements::Plain(values), None) => values,
        (Elements::Plain(values), Some(places)) => gather(&values, &places),
        (Elements::Encoded { distinct, index }, None) => gather(&distinct, &index),
        (Elements::Encoded { distinct, index }, Some(places)) => {
            let places: Vec<u32> = places
                .into_iter()
                .map(|place| index[place as usize])
                .collect();
            gather(&distinct, &places)
        }
    }
}

fn gather(values: &Values, places: &[u32]) -> Values {
    values.take(places.iter().map(|place| *place as usize))
}

/// The order that `min` and `max` mean, and the equality that agreement means.
trait Comparable {
    fn order(&self, other: &Self) -> Ordering;
}

macro_rules! comparable {
    ($($type:ty),*) => {$(
        impl Comparable for $type {
            fn order(&self, other: &Self) -> Ordering {
                // NaN is never a value, so all values compare; 0.0 equals -0.0.
                self.partial_cmp(other).unwrap_or(Ordering::Equal)
            }
        }
    )*};
}

comparable!(
    bool,
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    f32,
    f64,
    [f32; 2],
    [f64; 2],
    Arc<str>
);
