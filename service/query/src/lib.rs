//! Selection to values to CSV, JSON, Arrow, Parquet.
//!
//! [`Selection::parse`] reads the parameters of a query against the schema of a node; [`answer`] finds the indices that
//! they mean, reads the arrays block by block and writes rows in the format asked for. Memory is bounded: no more than
//! [`Bounds::max_block_cells`] cells are held at once, however large the answer is.
//!
//! # Rows
//! The row coordinates are those of the selected variables, in the order of the schema; rows come in coordinate order.
//! - `layout=long`: one row per tuple of row coordinates; a variable over some of them is repeated along the others. Rows
//!   in which every variable over all row coordinates has no value are left out, unless `na=keep` is given. (Text counts
//!   as a value unless empty; booleans know no absence, so they decide only when there is nothing else.)
//! - `layout=wide`: one row per value of the first row coordinate, and for each variable one column per tuple of its other
//!   coordinates, named `rock_temp[ZK1-S4,0.5]`.
//!
//! With `resample`, the rows along time are intervals of a calendar, labelled by their beginnings, and `agg` says what is
//! made of the values in each: `mean` (the default), `min`, `max`, `sum`, `count`, `first`, `last`.
//!
//! With `max_points=N`, every series keeps its extremes among at most `N` values, and with `latest=N` its newest `N` values;
//! `thin` says which. There is a row for every tuple of coordinates at which a series keeps a value, and nothing in the
//! cells of the others there.
//!
//! A composed coordinate appears as the columns of its components; the stored hash is left out.
//!
//! # Formats
//! - `csv`: a header line, `\n` line ends, RFC 4180 quotes. No value is an empty cell, the empty text is `""`.
//! - `json`: `{"rows": [{"date_time": …, "rock_temp": …}, …], "cursor": "…"}`; `cursor` is null when nothing follows.
//! - `ndjson`: one such record per line. No value and infinity, which JSON lacks, are null.
//! - `arrow`: an IPC stream; `parquet`: a file, one row group per block. Times are timestamps, units stand in the field's
//!   metadata under `units`, complex numbers are structs of `real` and `imag`.
//!
//! - `covjson`: coverages of `CoverageJSON`, of bounded size; `coverage` says which.
//!
//! Texts print floats in the fewest digits that read back exactly, complex numbers as `1.0+2.0j`, times as ISO 8601 with
//! as many fractional digits as the tick needs.
//!
//! # Pages
//! With `limit` an answer is one page, and [`Answer::cursor`] continues after it. The cursor holds the coordinates of the
//! last row, so appended data do not disturb it; if that row moved because something was inserted before it, the
//! cursor is refused.

mod aggregate;
mod bbox;
mod blocks;
mod bounds;
mod cell;
mod coverage;
mod cursor;
mod elements;
mod encode;
mod error;
mod format;
mod nearest;
mod picked;
mod pieces;
mod plan;
mod points;
mod resample;
mod resolve;
mod room;
mod rows;
mod selection;
mod selector;
mod sparse;
mod step;
mod stream;
#[cfg(test)]
mod tests;
mod thin;
mod time;

pub use bounds::Bounds;
pub use cell::Cell;
pub use error::QueryError;
pub use format::Format;
pub use room::{DEFAULT_ROOM, Room, Share};
pub use selection::{Layout, Selection};
pub use stream::{Answer, answer};
