//! JSON and NDJSON to a table.
//!
//! Nothing is built in between: cells are slices of the text until a column is complete and its type known.

mod columns;
mod document;
#[cfg(test)]
mod tests;

use polars::prelude::DataFrame;

use super::DecodeError;
use super::budget::Budget;
use columns::Columns;
pub(super) use document::{MAX_DEPTH, check_depth, not_json};

/// Reads one JSON document: an array of records, an object of columns (arrays of one length), or a single record.
///
/// Numbers keep their exactness: a column of integers is `Int64` or `UInt64`; integers mixed with fractions are
/// `Float64`; integers that fit neither are text. Booleans are `Boolean`. Everything else is text: strings as they are,
/// nested values as their JSON. `null` and absent keys are null.
///
/// # Errors
/// Text that is not JSON, with line and column; documents of another form.
pub(super) fn read(text: &str, budget: &Budget<'_>) -> Result<DataFrame, DecodeError> {
    check_depth(text, 1)?;
    let mut columns = Columns::new(budget);
    document::read_document(text, &mut columns)?;
    columns.finish()
}

/// Reads one record per line; blank lines are passed over.
///
/// # Errors
/// The first line that is not a record, with its number.
pub(super) fn read_lines(text: &str, budget: &Budget<'_>) -> Result<DataFrame, DecodeError> {
    let mut columns = Columns::new(budget);
    for (idx, line) in text.lines().enumerate() {
        let is_blank = line.bytes().all(|byte| byte.is_ascii_whitespace());
        if !is_blank {
            check_depth(line, idx + 1)?;
            document::read_line(line, idx + 1, &mut columns)?;
        }
    }
    columns.finish()
}
