//! The rows of a damaged CSV file: each is looked at before it is taken, and what is wrong with one costs that row.

use polars::prelude::{DataFrame, IntoColumn, PlSmallStr, StringChunkedBuilder};

use super::super::budget::{Budget, TEXT_CELL_BYTES, text_bytes};
use super::super::{DecodeError, Lines, Lost, Table};
use super::body::explain_cut;
use super::cells::{After, CutError, Cutter, line_of, next_line};
use super::{Dialect, Head};

/// What is wrong with a row.
enum Damage {
    Cut(CutError),
    /// It has so many cells.
    Length(usize),
    /// Bytes that a loss of power leaves.
    Nul,
}

/// A row that can be taken.
struct Sound {
    n_cells: usize,
    next: usize,
}

/// Reads the rows below `head` one after the other; after a damaged one, reading goes on at the next line.
///
/// # Errors
/// If there is no sound row, what is wrong with the first one; a bound.
pub(super) fn read_rows(
    text: &str,
    head: &Head<'_>,
    dialect: &Dialect,
    budget: &Budget<'_>,
) -> Result<Table, DecodeError> {
    let Head { names, cutter, at } = head;
    budget.check_columns(names.len())?;
    let new = |name: &String| StringChunkedBuilder::new(PlSmallStr::from_str(name), 0);
    let mut columns: Vec<_> = names.iter().map(new).collect();
    let mut lost = Lost::default();
    let mut lines = Lines::default();
    let mut first = None;
    let (mut n_rows, mut n_short, mut n_written) = (0, 0_u64, 0);
    let mut counted = Count {
        text,
        at: 0,
        line: 1 + dialect.n_lines_before,
    };
    let mut at = cutter.skip_void(text, *at);
    while at < text.len() {
        match look_at(text, at, names.len(), cutter, dialect.fills_short_rows) {
            Ok(Sound { n_cells, next }) => {
                lines.note(n_rows, counted.of(at) as u64);
                n_rows += 1;
                n_written += n_cells;
                n_short += u64::from(n_cells < names.len());
                budget.check_filled(n_rows, names.len(), n_written)?;
                let n_bytes = append(text, at, &mut columns, cutter)?;
                budget.take(names.len() * TEXT_CELL_BYTES + n_bytes)?;
                at = next;
            }
            Err(damage) => {
                if first.is_none() {
                    first = Some((at, n_rows));
                }
                let line = |at| counted.of(at);
                lost.push(|| {
                    let shown = text[at..next_line(text, at)].trim_end().replace('\0', "␀");
                    (shown, reason(&damage, at, names.len(), line))
                });
                at = next_line(text, at);
            }
        }
        at = cutter.skip_void(text, at);
    }
    if let (0, Some((at, _))) = (n_rows, first) {
        return Err(refusal(text, at, names.len(), cutter, dialect));
    }
    if n_short > 0 && dialect.fills_by_default {
        lost.warnings.push(format!(
            "{n_short} rows have fewer cells than there are columns, which have no value there; set `csv.short_rows: fill` \
             if that is meant, else `reject`"
        ));
    }
    let columns = columns
        .into_iter()
        .map(|column| column.finish().into_column());
    Ok(Table {
        lost,
        lines: Some(lines),
        ..DataFrame::new(n_rows, columns.collect())?.into()
    })
}

/// Whether the row at `at` can be taken.
fn look_at(
    text: &str,
    at: usize,
    n_columns: usize,
    cutter: &Cutter<'_>,
    fills: bool,
) -> Result<Sound, Damage> {
    let mut n_cells = 0;
    let mut has_surplus = false;
    let mut next = at;
    loop {
        let cell = cutter.cell(text, next).map_err(Damage::Cut)?;
        n_cells += 1;
        has_surplus |= cell.value.is_some() && n_cells > n_columns;
        next = cell.next;
        if cell.after == After::Row {
            break;
        }
    }
    let row = &text.as_bytes()[at..next];
    if memchr::memchr(0, row).is_some() {
        return Err(Damage::Nul);
    }
    // A file that ends within a line was cut off there.
    let is_cut_off = next == text.len() && !text.ends_with(['\n', '\r']);
    let is_short = n_cells < n_columns && (!fills || is_cut_off);
    if is_short || has_surplus {
        return Err(Damage::Length(n_cells));
    }
    Ok(Sound {
        n_cells: n_cells.min(n_columns),
        next,
    })
}

/// Appends the cells of a row that was looked at; gives the bytes of their texts.
fn append(
    text: &str,
    mut at: usize,
    columns: &mut [StringChunkedBuilder],
    cutter: &Cutter<'_>,
) -> Result<usize, DecodeError> {
    let mut n_bytes = 0;
    let mut ended = false;
    for column in columns {
        if ended {
            column.append_null();
            continue;
        }
        let cell = cutter
            .cell(text, at)
            .map_err(|error| explain_cut(text, error))?;
        n_bytes += cell.value.as_deref().map_or(0, text_bytes);
        column.append_option(cell.value.as_deref());
        at = cell.next;
        ended = cell.after == After::Row;
    }
    Ok(n_bytes)
}

fn reason(
    damage: &Damage,
    row_at: usize,
    n_columns: usize,
    mut line: impl FnMut(usize) -> usize,
) -> String {
    match damage {
        Damage::Cut(CutError::OpenQuote(_)) => format!(
            "line {} opens a quote that is never closed; the line is left out",
            line(row_at)
        ),
        Damage::Cut(CutError::TextAfterQuote(_)) => format!(
            "line {} has text after a closing quote; the line is left out",
            line(row_at)
        ),
        Damage::Length(n) => format!(
            "line {} has {n} cells, but there are {n_columns} columns; the row is left out",
            line(row_at)
        ),
        Damage::Nul => format!(
            "line {} holds NUL bytes, as after a loss of power; the line is left out",
            line(row_at)
        ),
    }
}

/// Why not even one row can be taken: what is wrong with the first.
fn refusal(
    text: &str,
    at: usize,
    expected: usize,
    cutter: &Cutter<'_>,
    dialect: &Dialect,
) -> DecodeError {
    let line = line_of(text, at) + dialect.n_lines_before;
    match look_at(text, at, expected, cutter, dialect.fills_short_rows) {
        Err(Damage::Cut(error)) => explain_cut(text, error),
        Err(Damage::Length(found)) => DecodeError::CellCount {
            row: 1,
            line,
            found,
            expected,
            delimiter: char::from(cutter.delimiter).escape_default().to_string(),
        },
        Err(Damage::Nul) | Ok(_) => DecodeError::NulBytes { line },
    }
}

/// Counts lines forward.
struct Count<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl Count<'_> {
    /// The line of the byte at `at`, which is not before the last one asked for.
    fn of(&mut self, at: usize) -> usize {
        let between = &self.text.as_bytes()[self.at..at];
        self.line += memchr::memchr_iter(b'\n', between).count();
        self.at = at;
        self.line
    }
}
