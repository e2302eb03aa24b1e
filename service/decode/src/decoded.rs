//! What a contribution is after decoding.

use polars::prelude::Column;

use super::{Grids, Table};

/// What a contribution is.
#[derive(Debug, Clone)]
pub enum Decoded {
    /// Rows.
    Table(Table),
    /// Arrays with their coordinates.
    Grids(Grids),
}

impl Decoded {
    /// Bytes that its cells take in memory, text included. Cheap: no cell is looked at.
    pub fn n_bytes(&self) -> usize {
        match self {
            Self::Table(table) => table.frame.estimated_size(),
            Self::Grids(grids) => {
                let columns = grids.columns();
                columns
                    .map(|column| column.as_materialized_series().estimated_size())
                    .sum()
            }
        }
    }

    /// Cells, with a value or without.
    pub fn n_cells(&self) -> usize {
        match self {
            Self::Table(table) => table.frame.height().saturating_mul(table.frame.width()),
            Self::Grids(grids) => grids.columns().map(Column::len).sum(),
        }
    }
}
