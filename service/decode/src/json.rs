//! JSON and NDJSON to a table.
//!
//! Nothing is built in between: cells are slices of the text until a column is complete and its type known.

mod columns;
mod document;
#[cfg(test)]
mod tests;

use polars::prelude::DataFrame;
use zarr_fuse_schemas::rules::Rules;

use super::budget::Budget;
use super::{DecodeError, Lost};
use columns::Columns;
pub(super) use document::{MAX_DEPTH, check_depth, not_json};

/// Reads one JSON document: an array of records, an object of columns (arrays of one length), or a single record.
///
/// Numbers keep their exactness: a column of integers is `Int64` or `UInt64`; integers mixed with fractions are
/// `Float64`; integers that fit neither are text. Booleans are `Boolean`. Everything else is text: strings as they are,
/// nested values as their JSON. `null` and absent keys are null.
///
/// # Errors
/// Text that is not JSON, with line and column; documents of another form; two values of one name in a record.
pub(super) fn read(
    text: &str,
    rules: Rules,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    check_depth(text, 1)?;
    let mut columns = Columns::new(rules, budget);
    document::read_document(text, &mut columns)?;
    columns.finish()
}

/// Reads one record per line; blank lines are passed over. Lines that are no records are left out and told; by the first rules,
/// everything is refused then.
///
/// # Errors
/// The first line that is not a record, with its number, if no other is one; a bound.
pub(super) fn read_lines(
    text: &str,
    rules: Rules,
    budget: &Budget<'_>,
) -> Result<(DataFrame, Lost), DecodeError> {
    let before = budget.taken();
    let first = match read_records(text, rules, budget) {
        Ok(frame) => return Ok((frame, Lost::default())),
        Err(error) if rules == Rules::First || !error.is_of_a_line() => return Err(error),
        Err(error) => error,
    };
    budget.give_back(budget.taken() - before);
    let mut columns = Columns::new(rules, budget);
    let mut lost = Lost::default();
    for (idx, line) in text.lines().enumerate().filter(|(_, line)| !is_blank(line)) {
        // Each is read by itself first, so that nothing of a damaged one stays.
        match read_alone(line, idx + 1, rules, budget) {
            Ok(()) => document::read_line(line, idx + 1, &mut columns)?,
            Err(error) if error.is_of_a_line() => {
                lost.push(|| (line.to_owned(), format!("{error}; the line is left out")));
            }
            Err(error) => return Err(error),
        }
    }
    let frame = columns.finish()?;
    if frame.height() == 0 {
        return Err(first);
    }
    Ok((frame, lost))
}

fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// Reads one record per line, all of which must be sound.
pub(super) fn read_records(
    text: &str,
    rules: Rules,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    let mut columns = Columns::new(rules, budget);
    for (idx, line) in text.lines().enumerate().filter(|(_, line)| !is_blank(line)) {
        check_depth(line, idx + 1)?;
        document::read_line(line, idx + 1, &mut columns)?;
    }
    columns.finish()
}

fn read_alone(
    line: &str,
    number: usize,
    rules: Rules,
    budget: &Budget<'_>,
) -> Result<(), DecodeError> {
    check_depth(line, number)?;
    let limits = budget.limits();
    let own = Budget::new(limits);
    document::read_line(line, number, &mut Columns::new(rules, &own))
}
