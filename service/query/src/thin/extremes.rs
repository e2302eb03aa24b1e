//! The least and the greatest value of every bucket of positions.

use std::cmp::Ordering::{Greater, Less};
use std::ops::Range;

use zarr_fuse_arrays::{values::Values, with_pair, with_values};
use zarr_fuse_fusion::node::LevelView;

use super::super::elements::Na;
use super::super::elements::at;
use super::super::error::QueryError;
use super::super::picked::Picked;
use super::super::pieces::pieces;
use super::series::{Box, Kept, LevelBox, Series};

/// No value was found.
const NOWHERE: u64 = u64::MAX;

/// The smallest length `j` times a power of `factor`, `j` being less, for which no more than `max_points / 2` buckets touch
/// `range`.
pub(super) fn bucket_length(range: &Range<u64>, max_points: u64, factor: u64) -> u64 {
    let fits = |length: u64| {
        let n_buckets = range.end.div_ceil(length) - range.start / length;
        n_buckets.saturating_mul(2) <= max_points.max(2)
    };
    let mut power = 1_u64;
    loop {
        let lengths = (1..factor).map(|j| power.saturating_mul(j));
        if let Some(length) = lengths.into_iter().find(|&length| fits(length)) {
            return length;
        }
        power = power.saturating_mul(factor);
    }
}

/// Reads the selected positions in order and keeps the extremes of each bucket of `length`.
///
/// What consists of whole cells of a coarser level is read from there.
pub(super) async fn read(series: &Series<'_>, length: u64) -> Result<Kept, QueryError> {
    let Picked::Range(range) = series.picked else {
        return Ok(series.nothing());
    };
    let levels = series.levels();
    let levels = &levels[..levels.partition_point(|level| level.n_positions <= length)];
    let mut kept = series.nothing();
    for others in series.boxes() {
        read_box(series, range, length, levels, &others, &mut kept).await?;
    }
    Ok(kept)
}

/// The same for the series in a box.
async fn read_box(
    series: &Series<'_>,
    range: &Range<u64>,
    length: u64,
    levels: &[LevelView],
    others: &[Vec<u64>],
    kept: &mut Kept,
) -> Result<(), QueryError> {
    let mut bucket = Bucket::new(series, others);
    for piece in pieces(range.clone(), levels) {
        let step = piece.level.map_or(1, |level| levels[level].n_positions);
        // A cell of a level is read as five numbers.
        let rows_at_once = series.rows_at_once(others) / if step > 1 { 5 } else { 1 };
        let mut begin = piece.positions.start;
        while begin < piece.positions.end {
            let rows = rows_at_once.max(1).saturating_mul(step);
            let chunk = series.chunk_size.saturating_mul(step);
            let end = block_end(begin, piece.positions.end, rows, chunk);
            let block = if let Some(level) = piece.level {
                let cells = begin / step..end / step;
                Block::Cells(series.read_level(level, cells, others).await?)
            } else {
                let rows = begin - range.start..end - range.start;
                if series.is_absent(rows.clone(), others) {
                    Block::Nothing
                } else {
                    Block::Values(series.read(rows, others).await?)
                }
            };
            let mut from = begin;
            while from < end {
                let bucket_end = (from / length + 1).saturating_mul(length);
                let to = end.min(bucket_end);
                match &block {
                    Block::Values(block) => bucket.take(block, begin, from..to),
                    Block::Cells(block) => bucket.take_cells(block, begin, from..to, step),
                    Block::Nothing => {}
                }
                if to == bucket_end || to == range.end {
                    bucket.close(kept);
                }
                from = to;
            }
            begin = end;
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

enum Block {
    Values(Box),
    Cells(LevelBox),
    /// It is known that there is no chunk.
    Nothing,
}

/// Where a block ends that begins at `begin`: at a chunk boundary if there is one.
fn block_end(begin: u64, end: u64, n: u64, chunk_size: u64) -> u64 {
    let to = end.min(begin.saturating_add(n));
    let boundary = to / chunk_size * chunk_size;
    if to < end && boundary > begin {
        boundary
    } else {
        to
    }
}

/// The extremes of one bucket so far.
struct Bucket {
    na: Na,
    /// The numbers of the series.
    numbers: Vec<u64>,
    has_any: bool,
    /// The least value of every series, then the greatest of every series.
    extremes: Values,
    /// Where they are.
    found_at: Vec<u64>,
}

impl Bucket {
    fn new(series: &Series<'_>, others: &[Vec<u64>]) -> Self {
        let numbers = series.numbers(others);
        let n = numbers.len();
        let mut extremes = series.nothing().values;
        with_values!(&mut extremes, v => fill(v, 2 * n));
        Self {
            na: series.stored_na(),
            numbers,
            has_any: false,
            extremes,
            found_at: vec![NOWHERE; 2 * n],
        }
    }

    /// Adds the positions `rows` of a block that begins at `begin`.
    fn take(&mut self, block: &Box, begin: u64, rows: Range<u64>) {
        self.has_any = true;
        let (na, values, found_at) = (self.na, &block.values, &mut self.found_at);
        let n = found_at.len() / 2;
        with_pair!(&mut self.extremes, values, (extremes, v) => {
            for row in rows {
                let along = at(row - begin) * block.stride;
                for (series, (_, first)) in block.cells.iter().enumerate() {
                    let (least, greatest, element) = (series, n + series, first + along);
                    if na.is_na(values, element) {
                        continue;
                    }
                    let is_first = found_at[least] == NOWHERE;
                    if is_first || v[element].partial_cmp(&extremes[least]) == Some(Less) {
                        extremes[least].clone_from(&v[element]);
                        found_at[least] = row;
                    }
                    if is_first || v[element].partial_cmp(&extremes[greatest]) == Some(Greater) {
                        extremes[greatest].clone_from(&v[element]);
                        found_at[greatest] = row;
                    }
                }
            }
        });
    }

    /// Adds cells of a level that stand for the positions `rows`, of a block that begins at `begin`.
    fn take_cells(&mut self, block: &LevelBox, begin: u64, rows: Range<u64>, step: u64) {
        self.has_any = true;
        let found_at = &mut self.found_at;
        let n = found_at.len() / 2;
        let cells =
            (rows.start / step..rows.end / step).map(|cell| (cell - begin / step, cell * step));
        for (row, first_position) in cells {
            let along = at(row) * block.stride;
            for (series, (_, first)) in block.cells.iter().enumerate() {
                let (least, greatest, element) = (series, n + series, first + along);
                if block.count[element] == 0 {
                    continue;
                }
                let is_first = found_at[least] == NOWHERE;
                with_pair!(&mut self.extremes, &block.min, (extremes, v) => {
                    if is_first || v[element].partial_cmp(&extremes[least]) == Some(Less) {
                        extremes[least].clone_from(&v[element]);
                        found_at[least] = first_position + u64::from(block.min_at[element]);
                    }
                });
                with_pair!(&mut self.extremes, &block.max, (extremes, v) => {
                    if is_first || v[element].partial_cmp(&extremes[greatest]) == Some(Greater) {
                        extremes[greatest].clone_from(&v[element]);
                        found_at[greatest] = first_position + u64::from(block.max_at[element]);
                    }
                });
            }
        }
    }

    /// Keeps what was found, and begins the next bucket.
    fn close(&mut self, kept: &mut Kept) {
        if !self.has_any {
            return;
        }
        let n = self.numbers.len();
        for (series, &number) in self.numbers.iter().enumerate() {
            let (least, greatest) = (self.found_at[series], self.found_at[n + series]);
            if least == NOWHERE {
                continue;
            }
            kept.push(number, least, &self.extremes, series);
            if greatest != least {
                kept.push(number, greatest, &self.extremes, n + series);
            }
        }
        self.found_at.fill(NOWHERE);
        self.has_any = false;
    }
}

/// Makes room for `n` elements.
fn fill<T: Clone + Default>(values: &mut Vec<T>, n: usize) {
    values.resize(n, T::default());
}
