//! Which rows of a contribution fall into the same cell.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::distinct::row_number;

/// Cells of the rows over some coordinates, as numbers below `n`, of which some may be unused.
#[derive(Debug)]
pub(super) struct Cells {
    /// Per row.
    pub(super) ids: Vec<u32>,
    pub(super) n: usize,
}

impl Cells {
    /// Numbers the cells; each coordinate is its index per row and the number of its distinct values.
    ///
    /// Uses memory for at most about eight numbers per row.
    pub(super) fn number(coordinates: &[(&[u32], usize)], n_rows: usize) -> Self {
        let most = n_rows.saturating_mul(8).max(64);
        let mut cells = Self {
            ids: Vec::new(),
            n: 1,
        };
        for (index, n_values) in coordinates {
            if cells.ids.is_empty() {
                cells = Self {
                    ids: index.to_vec(),
                    n: (*n_values).max(1),
                };
                continue;
            }
            match cells
                .n
                .checked_mul(*n_values)
                .filter(|product| *product <= most && u32::try_from(*product).is_ok())
            {
                Some(product) => {
                    let n_values = row_number(*n_values);
                    cells
                        .ids
                        .iter_mut()
                        .zip(*index)
                        .for_each(|(id, value)| *id = *id * n_values + value);
                    cells.n = product;
                }
                None => cells.pair_up(index),
            }
        }
        if cells.ids.is_empty() {
            cells.ids = vec![0; n_rows];
        }
        cells
    }

    /// The cells, if any has more than one row.
    pub(super) fn repeated(coordinates: &[(&[u32], usize)], n_rows: usize) -> Option<Self> {
        // A coordinate that never repeats tells the rows apart already.
        if coordinates.iter().any(|(_, n_values)| *n_values == n_rows) {
            return None;
        }
        let cells = Self::number(coordinates, n_rows);
        let mut seen = vec![false; cells.n];
        let repeats = cells
            .ids
            .iter()
            .any(|id| std::mem::replace(&mut seen[*id as usize], true));
        repeats.then_some(cells)
    }

    /// Adds a coordinate and numbers the pairs that occur, when a table of all pairs would be too large.
    fn pair_up(&mut self, index: &[u32]) {
        let mut numbers: HashMap<u64, u32, RandomState> = HashMap::default();
        for (id, value) in self.ids.iter_mut().zip(index) {
            let pair = (u64::from(*id) << 32) | u64::from(*value);
            let new = row_number(numbers.len());
            *id = *numbers.entry(pair).or_insert(new);
        }
        self.n = numbers.len();
    }
}
