//! CSV to a table of text: every cell as delivered, `null` where there is no value.
//!
//! Cells are typed later, by `normalize`, so that a value that cannot be read is reported with its row, column and
//! reason. The text is cut here rather than by polars' reader, which fills short rows with nulls and does not say where
//! a long one is.

mod body;
mod cells;
mod damage;
mod dialect;
mod points;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;

use encoding_rs::Encoding;
use polars::prelude::DataFrame;
use zarr_fuse_schemas::rules::Rules;

use super::budget::Budget;
use super::{DecodeError, Lines, Table, text};
use cells::{After, Cutter, line_of, next_line};
pub(super) use dialect::Dialect;

/// Reads CSV that must be sound.
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
    let text = text_of(body, dialect, charset, budget)?;
    let n_parts = body::n_parts(text.len());
    read_text(&text, dialect, delimiter, budget, n_parts)
}

/// Reads CSV of which damaged rows are left out, and tells them.
///
/// # Errors
/// As [`read`] for the header, or if every row is damaged; by the first rules, for the first row.
pub(super) fn read_tolerant(
    body: &[u8],
    dialect: &Dialect,
    delimiter: Option<u8>,
    charset: Option<&'static Encoding>,
    budget: &Budget<'_>,
) -> Result<Table, DecodeError> {
    let text = text_of(body, dialect, charset, budget)?;
    let n_parts = body::n_parts(text.len());
    if dialect.rules == Rules::First {
        return Ok(read_text(&text, dialect, delimiter, budget, n_parts)?.into());
    }
    let Some(head) = head(&text, dialect, delimiter, budget)? else {
        return Ok(DataFrame::empty().into());
    };
    let mut table = read_rows(&text, &head, dialect, n_parts, budget)?;
    if dialect.decimal_comma && dialect.thousands.is_none() {
        let rows = &text[head.at.min(text.len())..];
        table
            .lost
            .warnings
            .extend(points::warning(rows, head.cutter.delimiter));
    }
    Ok(table)
}

/// Reads the rows below `head`: all at once, and if one is damaged, one after the other.
fn read_rows(
    text: &str,
    head: &Head<'_>,
    dialect: &Dialect,
    n_parts: usize,
    budget: &Budget<'_>,
) -> Result<Table, DecodeError> {
    let before = budget.taken();
    if memchr::memchr(0, text.as_bytes()).is_none() {
        let Head { names, cutter, at } = head;
        match body::read_rows(text, *at, names, cutter, n_parts, budget) {
            Ok(frame) => {
                return Ok(Table {
                    lines: one_by_one(text, *at, frame.height(), dialect),
                    ..frame.into()
                });
            }
            Err(error) if !error.is_of_a_row() => return Err(error),
            Err(_) => budget.give_back(budget.taken() - before),
        }
    }
    damage::read_rows(text, head, dialect, budget)
}

/// Where rows stand if each line from `at` on is one.
fn one_by_one(text: &str, at: usize, n_rows: usize, dialect: &Dialect) -> Option<Lines> {
    let bytes = text.as_bytes();
    let n_breaks = memchr::memchr_iter(b'\n', &bytes[at..]).count();
    let n_lines = n_breaks + usize::from(!text.ends_with('\n'));
    let mut lines = Lines::default();
    lines.note(0, (line_of(text, at) + dialect.n_lines_before) as u64);
    (n_lines == n_rows).then_some(lines)
}

fn text_of<'b>(
    body: &'b [u8],
    dialect: &Dialect,
    charset: Option<&'static Encoding>,
    budget: &Budget<'_>,
) -> Result<Cow<'b, str>, DecodeError> {
    let max_bytes = budget.limits().max_decompressed_bytes;
    let text = text::text_of(body, dialect.encoding.or(charset), max_bytes)?;
    // The line breaks of old Macintoshes.
    if memchr::memchr(b'\n', text.as_bytes()).is_none()
        && memchr::memchr(b'\r', text.as_bytes()).is_some()
    {
        return Ok(text.replace('\r', "\n").into());
    }
    Ok(text)
}

/// What stands before the rows, and where they begin.
struct Head<'d> {
    names: Vec<String>,
    cutter: Cutter<'d>,
    at: usize,
}

fn read_text(
    text: &str,
    dialect: &Dialect,
    delimiter: Option<u8>,
    budget: &Budget<'_>,
    n_parts: usize,
) -> Result<DataFrame, DecodeError> {
    match head(text, dialect, delimiter, budget)? {
        None => Ok(DataFrame::empty()),
        Some(Head { names, cutter, at }) => {
            body::read_rows(text, at, &names, &cutter, n_parts, budget)
        }
    }
}

/// Reads what stands before the rows; `None` if there is nothing at all.
fn head<'d>(
    text: &str,
    dialect: &'d Dialect,
    delimiter: Option<u8>,
    budget: &Budget<'_>,
) -> Result<Option<Head<'d>>, DecodeError> {
    let start = (0..dialect.skip_lines).fold(0, |at, _| next_line(text, at));
    let mut cutter = Cutter::new(dialect, b',');
    let mut at = cutter.skip_void(text, start);
    if at == text.len() && dialect.header_line.is_none_or(|line| line == 1) {
        return Ok(None);
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
            let mut parts = vec![first];
            for has_part in dialect.header_parts.iter().skip(1) {
                let (row, after) = first_row(text, cutter.skip_void(text, at), &cutter, budget)?;
                at = after;
                if *has_part {
                    parts.push(row);
                }
            }
            let names = header_names(parts);
            match dialect.rules {
                Rules::First => names,
                Rules::Second => told_apart(&names),
            }
        }
    };
    for _ in 0..dialect.skip_after_header {
        at = next_line(text, cutter.skip_void(text, at));
    }
    no_duplicates(&names)?;
    Ok(Some(Head { names, cutter, at }))
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
        thousands: None,
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

/// Names of a header, made of its lines; a column without one is called by its position. Of several lines, a name in one
/// before the last counts for the columns after it that have none, as spreadsheets merge them.
fn header_names(mut parts: Vec<Vec<Option<String>>>) -> Vec<String> {
    let width = parts.last().map_or(0, Vec::len);
    let has_text = |cell: &Option<String>| cell.as_ref().is_some_and(|name| !name.is_empty());
    let n_before = parts.len() - 1;
    for part in &mut parts[..n_before] {
        part.resize(width, None);
        for at in 1..width {
            if !has_text(&part[at]) {
                let named = part[at - 1].clone();
                part[at] = named;
            }
        }
    }
    let name = |idx: usize| {
        let words = parts.iter().filter_map(|part| part.get(idx)?.clone());
        let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            numbered(idx + 1)
        } else {
            words.join(" ")
        }
    };
    (0..width).map(name).collect()
}

/// Names of which several columns have one, each with its position: what nobody asks for does no harm, and whoever asks for one
/// of them is told.
fn told_apart(names: &[String]) -> Vec<String> {
    let mut n_of: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for name in names {
        *n_of.entry(name).or_default() += 1;
    }
    let told = |(idx, name): (usize, &String)| {
        if n_of[name.as_str()] > 1 {
            format!("{name} (column {})", idx + 1)
        } else {
            name.clone()
        }
    };
    names.iter().enumerate().map(told).collect()
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
