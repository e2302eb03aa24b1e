//! Bounds on what a query may take.

use super::room::Room;

/// How much one query may take.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Most cells, of all variables together, that are read and formatted at once.
    pub max_block_cells: u64,
    /// Largest `limit`: most rows of one page.
    pub max_page_rows: u64,
    /// Most columns of a wide answer.
    pub max_columns: u64,
    /// Most values that `resample` makes, and that `max_points` and `latest` keep.
    pub max_buckets: u64,
    /// Room in memory, which all questions share.
    pub room: Room,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_block_cells: 1 << 20,
            max_page_rows: 100_000,
            max_columns: 10_000,
            max_buckets: 5_000_000,
            room: Room::default(),
        }
    }
}
