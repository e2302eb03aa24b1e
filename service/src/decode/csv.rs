//! CSV to a table of text: every cell as delivered, `null` where there is no value.
//!
//! Cells are typed later, by `normalize`, so that a value that cannot be read is reported with its row, column and
//! reason. The text is cut here rather than by polars' reader, which fills short rows with nulls and does not say where
//! a long one is.

mod body;
mod cells;
mod dialect;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use encoding_rs::Encoding;
use polars::prelude::DataFrame;

use super::budget::Budget;
use super::{DecodeError, text};
use cells::{After, Cutter, next_line};
pub(super) use dialect::Dialect;

/// Reads CSV.
///
/// `delimiter` and `charset` are what the content type says; the configuration in `dialect` decides before them.
/// Blank lines are passed over. An empty body is an empty table; a header alone, a table of no rows.
///
/// # Errors
/// Rows of a wrong length, open quotes, columns of one name: each with the line and what to do.
pub(super) fn read(
    body: &[u8],
    dialect: &Dialect,
    delimiter: Option<u8>,
    charset: Option<&'static Encoding>,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    let max_bytes = budget.limits().max_decompressed_bytes;
    let mut text = text::text_of(body, dialect.encoding.or(charset), max_bytes)?;
    // The line breaks of old Macintoshes.
    if memchr::memchr(b'\n', text.as_bytes()).is_none()
        && memchr::memchr(b'\r', text.as_bytes()).is_some()
    {
        text = text.replace('\r', "\n").into();
    }
    let n_parts = body::n_parts(text.len());
    read_text(&text, dialect, delimiter, budget, n_parts)
}

fn read_text(
    text: &str,
    dialect: &Dialect,
    delimiter: Option<u8>,
    budget: &Budget<'_>,
    n_parts: usize,
) -> Result<DataFrame, DecodeError> {
    let start = (0..dialect.skip_lines).fold(0, |at, _| next_line(text, at));
    let mut cutter = Cutter::new(dialect, b',');
    let mut at = cutter.skip_void(text, start);
    if at == text.len() && dialect.header_line.is_none_or(|line| line == 1) {
        return Ok(DataFrame::empty());
    }
    if let Some(header_line) = dialect.header_line {
        for line in 1..header_line {
            at = cutter.skip_void(text, next_line(text, at));
            if at == text.len() {
                return Err(DecodeError::NoHeader {
                    found: line,
                    expected: header_line,
                });
            }
        }
    }
    cutter.delimiter = dialect
        .delimiter
        .or(delimiter)
        .unwrap_or_else(|| dialect.detect_delimiter(&text[at..next_line(text, at)]));
    let (first, after_first) = first_row(text, at, &cutter, budget)?;
    let names = match (&dialect.columns, dialect.header_line) {
        (Some(columns), _) => columns.clone(),
        (None, None) => (1..=first.len()).map(numbered).collect(),
        (None, Some(_)) => {
            at = after_first;
            header_names(first)
        }
    };
    for _ in 0..dialect.skip_after_header {
        at = next_line(text, cutter.skip_void(text, at));
    }
    no_duplicates(&names)?;
    body::read_rows(text, at, &names, &cutter, n_parts, budget)
}

/// The cells of the row at `at`, and where the next begins.
fn first_row(
    text: &str,
    mut at: usize,
    cutter: &Cutter<'_>,
    budget: &Budget<'_>,
) -> Result<(Vec<Option<String>>, usize), DecodeError> {
    // Null values are for data: a column may well be named `NA`.
    let cutter = Cutter {
        null_values: &[],
        decimal_comma: false,
        ..*cutter
    };
    let mut cells = Vec::new();
    loop {
        let cell = cutter
            .cell(text, at)
            .map_err(|error| body::explain_cut(text, error))?;
        cells.push(cell.value.map(|value| value.trim().to_owned()));
        at = cell.next;
        budget.check_columns(cells.len())?;
        if cell.after == After::Row {
            return Ok((cells, at));
        }
    }
}

/// Names of a header; a column without one is called by its position.
fn header_names(cells: Vec<Option<String>>) -> Vec<String> {
    let named = |(idx, cell): (usize, Option<String>)| match cell {
        Some(name) if !name.is_empty() => name,
        _ => numbered(idx + 1),
    };
    cells.into_iter().enumerate().map(named).collect()
}

fn numbered(position: usize) -> String {
    format!("column_{position}")
}

fn no_duplicates(names: &[String]) -> Result<(), DecodeError> {
    let mut seen = HashMap::with_capacity(names.len());
    for (idx, name) in names.iter().enumerate() {
        if let Some(first) = seen.insert(name, idx) {
            return Err(DecodeError::DuplicateColumn {
                column: name.clone(),
                first: first + 1,
                second: idx + 1,
            });
        }
    }
    Ok(())
}
