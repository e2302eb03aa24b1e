//! The rows of a CSV file, read on all cores.

use polars::prelude::{
    Column, DataFrame, IntoColumn, PlSmallStr, StringChunked, StringChunkedBuilder,
};
use rayon::prelude::*;

use super::super::DecodeError;
use super::super::budget::{Budget, TEXT_CELL_BYTES, text_bytes};
use super::cells::{After, Cell, CutError, Cutter, line_of, next_line};

/// Text below this many bytes is read on the calling thread.
const MIN_PART_BYTES: usize = 1 << 20;

/// Rows between two looks at the budget, and bytes of text.
const ROWS_PER_LOOK: usize = 256;
const BYTES_PER_LOOK: usize = 1 << 20;

/// Why a part of the rows cannot be read, with offsets in the text.
#[derive(Debug)]
enum RowError {
    Cut(CutError),
    CellCount { at: usize, row: usize, found: usize },
    Bound(DecodeError),
}

/// Reads the rows of `text` from `start` as columns named `names`.
///
/// Large bodies are cut into parts at line breaks that seem to lie outside quotes and read in parallel. The guess is
/// verified: a part that ends outside quotes proves that the next one begins there. If any part fails, the rows are read
/// in one go, which finds the error, or shows that the guess was wrong. Memory is asked for as rows come.
pub(super) fn read_rows(
    text: &str,
    start: usize,
    names: &[String],
    cutter: &Cutter<'_>,
    n_parts: usize,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    budget.check_columns(names.len())?;
    let before = budget.taken();
    let parts = parts(text, start, cutter, n_parts);
    let in_parallel = || -> Option<Vec<_>> {
        parts
            .par_iter()
            .map(|part| read_part(text, part.clone(), names, cutter, budget).ok())
            .collect()
    };
    let read = if let Some(read) = (parts.len() > 1).then(in_parallel).flatten() {
        read
    } else {
        budget.give_back(budget.taken() - before);
        let all = start..text.len();
        let read = read_part(text, all, names, cutter, budget);
        vec![read.map_err(|error| explain(text, error, names.len(), cutter.delimiter))?]
    };
    let n_rows = read.iter().map(|(n_rows, _)| n_rows).sum();
    budget.check_shape(n_rows, names.len())?;
    let mut columns: Vec<StringChunked> = Vec::new();
    for (_, part) in read {
        if columns.is_empty() {
            columns = part;
        } else {
            for (column, more) in columns.iter_mut().zip(part) {
                column.append_owned(more)?;
            }
        }
    }
    let columns: Vec<Column> = columns.into_iter().map(IntoColumn::into_column).collect();
    Ok(DataFrame::new(n_rows, columns)?)
}

/// How many parts a body of `n_bytes` is cut into.
pub(super) fn n_parts(n_bytes: usize) -> usize {
    (n_bytes / MIN_PART_BYTES).clamp(1, rayon::current_num_threads())
}

/// Consecutive ranges of `text` that begin at lines, outside quotes as far as counting quotes can tell.
fn parts(
    text: &str,
    start: usize,
    cutter: &Cutter<'_>,
    n_parts: usize,
) -> Vec<std::ops::Range<usize>> {
    let step = (text.len() - start).div_ceil(n_parts.max(1)).max(1);
    let mut bounds = vec![start];
    let mut counted_to = start;
    let mut quoted = false;
    for n in 1..n_parts {
        let from = start + n * step;
        if from <= counted_to || from >= text.len() {
            continue;
        }
        let mut at = next_line(text, from);
        if let Some(quote) = cutter.quote {
            let n_quotes = memchr::memchr_iter(quote, &text.as_bytes()[counted_to..at]).count();
            quoted ^= n_quotes % 2 == 1;
            // Inside quotes: go on to the next line outside.
            while quoted && at < text.len() {
                let next = next_line(text, at);
                quoted ^= memchr::memchr_iter(quote, &text.as_bytes()[at..next]).count() % 2 == 1;
                at = next;
            }
        }
        counted_to = at;
        if at < text.len() {
            bounds.push(at);
        }
    }
    let ends = bounds.iter().skip(1).copied().chain([text.len()]);
    bounds
        .iter()
        .zip(ends)
        .map(|(&from, to)| from..to)
        .collect()
}

/// Rows and columns of one part.
fn read_part(
    text: &str,
    part: std::ops::Range<usize>,
    names: &[String],
    cutter: &Cutter<'_>,
    budget: &Budget<'_>,
) -> Result<(usize, Vec<StringChunked>), RowError> {
    let text = &text[..part.end];
    let n_lines = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[part.start..]).count();
    let n_columns = names.len();
    // A cell takes a byte at least; what is blank takes no row, and what is beyond the budget will not come.
    let capacity = n_lines
        .min(part.len() / n_columns.max(1) + 1)
        .min(budget.left() / TEXT_CELL_BYTES / n_columns.max(1) + 1);
    let mut columns: Vec<_> = names
        .iter()
        .map(|name| StringChunkedBuilder::new(PlSmallStr::from_str(name), capacity))
        .collect();
    // Of rows and text that are not yet taken from the budget.
    let (mut n_rows_asked, mut n_text_bytes) = (0, 0);
    let mut at = cutter.skip_void(text, part.start);
    let mut n_rows = 0;
    while at < text.len() {
        let row_at = at;
        let mut n_cells = 0;
        let mut has_surplus = false;
        loop {
            let column = columns.get_mut(n_cells);
            n_cells += 1;
            let (has_value, after, next) = if let Some((value, after, next)) =
                cutter.simple_cell(text, at)
            {
                n_text_bytes += value.map_or(0, text_bytes);
                append(column, value);
                (value.is_some(), after, next)
            } else {
                let Cell { value, after, next } = cutter.cell(text, at).map_err(RowError::Cut)?;
                n_text_bytes += value.as_deref().map_or(0, text_bytes);
                append(column, value.as_deref());
                (value.is_some(), after, next)
            };
            // Delimiters at the end of a row without a value after them hold nothing to lose.
            has_surplus |= has_value && n_cells > names.len();
            at = next;
            if after == After::Row {
                break;
            }
        }
        n_rows += 1;
        if n_cells < names.len() || has_surplus {
            return Err(RowError::CellCount {
                at: row_at,
                row: n_rows,
                found: n_cells,
            });
        }
        if n_rows - n_rows_asked >= ROWS_PER_LOOK || n_text_bytes >= BYTES_PER_LOOK {
            let n_cells = (n_rows - n_rows_asked) * n_columns;
            ask(budget, n_rows, n_columns, n_cells, n_text_bytes)?;
            (n_rows_asked, n_text_bytes) = (n_rows, 0);
        }
        at = cutter.skip_void(text, at);
    }
    let n_cells = (n_rows - n_rows_asked) * n_columns;
    ask(budget, n_rows, n_columns, n_cells, n_text_bytes)?;
    Ok((
        n_rows,
        columns
            .into_iter()
            .map(StringChunkedBuilder::finish)
            .collect(),
    ))
}

/// Asks for `n_cells` more cells and their text, in a part that has `n_rows` by now.
fn ask(
    budget: &Budget<'_>,
    n_rows: usize,
    n_columns: usize,
    n_cells: usize,
    n_text_bytes: usize,
) -> Result<(), RowError> {
    let shape = budget.check_shape(n_rows, n_columns);
    let n_bytes = n_cells * TEXT_CELL_BYTES + n_text_bytes;
    shape
        .and_then(|()| budget.take(n_bytes))
        .map_err(RowError::Bound)
}

#[inline]
fn append(column: Option<&mut StringChunkedBuilder>, value: Option<&str>) {
    match (column, value) {
        (Some(column), Some(value)) => column.append_value(value),
        (Some(column), None) => column.append_null(),
        (None, _) => {}
    }
}

fn explain(text: &str, error: RowError, expected: usize, delimiter: u8) -> DecodeError {
    match error {
        RowError::Cut(error) => explain_cut(text, error),
        RowError::Bound(error) => error,
        RowError::CellCount { at, row, found } => DecodeError::CellCount {
            row,
            line: line_of(text, at),
            found,
            expected,
            delimiter: char::from(delimiter).escape_default().to_string(),
        },
    }
}

/// The error of a cell, with its line.
pub(super) fn explain_cut(text: &str, error: CutError) -> DecodeError {
    match error {
        CutError::OpenQuote(at) => DecodeError::OpenQuote {
            line: line_of(text, at),
        },
        CutError::TextAfterQuote(at) => DecodeError::TextAfterQuote {
            line: line_of(text, at),
        },
    }
}
