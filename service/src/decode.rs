//! Bytes to a table.

use polars::prelude::DataFrame;

/// A contribution as a table: the source's own column names, cells as delivered.
///
/// Text formats give `String` columns (null = no value); typed formats give their own types.
/// Row `i` of the frame is row `i + 1` in problems.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) frame: DataFrame,
}
