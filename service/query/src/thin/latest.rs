//! The newest values of every series, found from the end.

use super::super::elements::at;
use super::super::error::QueryError;
use super::series::{Kept, Series};

/// Reads the selected positions from the last one backwards until every series has `n` values, or none are left.
///
/// Blocks begin small and grow; series that have enough are not read again where that saves whole positions of another
/// coordinate.
pub(super) async fn read(series: &Series<'_>, n: u64) -> Result<Kept, QueryError> {
    let mut kept = series.nothing();
    let mut n_missing = vec![n; at(series.count)];
    for others in series.boxes() {
        read_box(series, n, others, &mut n_missing, &mut kept).await?;
    }
    Ok(kept)
}

/// The same for the series in a box. `n_missing` has all series.
async fn read_box(
    series: &Series<'_>,
    n: u64,
    mut others: Vec<Vec<u64>>,
    n_missing: &mut [u64],
    kept: &mut Kept,
) -> Result<(), QueryError> {
    let na = series.stored_na();
    let mut end = series.picked.len();
    let mut n_rows = n.max(series.chunk_size);
    let mut n_open = usize::MAX;
    while end > 0 && n_open > 0 {
        let begin = end.saturating_sub(n_rows.min(series.rows_at_once(&others)));
        n_rows = n_rows.saturating_mul(2);
        if series.is_absent(begin..end, &others) {
            end = begin;
            continue;
        }
        let block = series.read(begin..end, &others).await?;
        let mut has_finished = false;
        for row in (begin..end).rev() {
            let index = series.picked.get(row);
            for &(number, first) in &block.cells {
                let missing = &mut n_missing[at(number)];
                let element = first + at(row - begin) * block.stride;
                if *missing == 0 || !na.keeps_row(&block.values, element) {
                    continue;
                }
                kept.push(number, index, &block.values, element);
                *missing -= 1;
                has_finished |= *missing == 0;
            }
        }
        if has_finished {
            let numbers = block.cells.iter().map(|(number, _)| *number);
            let open: Vec<u64> = numbers
                .filter(|&number| n_missing[at(number)] > 0)
                .collect();
            n_open = open.len();
            others = series.positions_of(open.into_iter());
        }
        end = begin;
        tokio::task::yield_now().await;
    }
    Ok(())
}
