//! The newest values of every series, found from the end.

use super::super::error::QueryError;
use super::super::resolve::at;
use super::series::{Kept, Series};

/// Reads the selected positions from the last one backwards until every series has `n` values, or none are left.
///
/// Blocks begin small and grow; series that have enough are not read again where that saves whole positions of another
/// coordinate.
pub(super) async fn read(series: &Series<'_>, n: u64) -> Result<Kept, QueryError> {
    let na = series.stored_na();
    let mut kept = series.nothing();
    let mut n_missing = vec![n; at(series.count)];
    let mut others = series.all();
    let mut n_open = series.count;
    let mut end = series.picked.len();
    let mut n_rows = n.max(series.chunk_size);
    while end > 0 && n_open > 0 {
        let begin = end.saturating_sub(n_rows.min(series.rows_at_once(&others)));
        let block = series.read(begin..end, &others).await?;
        let mut n_finished = 0;
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
                n_finished += u64::from(*missing == 0);
            }
        }
        if n_finished > 0 {
            n_open -= n_finished;
            others = series.positions_of(&n_missing.iter().map(|&n| n > 0).collect::<Vec<_>>());
        }
        end = begin;
        n_rows = n_rows.saturating_mul(2);
        tokio::task::yield_now().await;
    }
    Ok(kept)
}
