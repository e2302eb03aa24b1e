//! TOA5, the tables of Campbell Scientific loggers: CSV under four header lines.
//!
//! Line 1 names the station and the program, line 2 the columns, line 3 their units, line 4 how they were processed
//! (`Smp`, `Avg`, …). What follows is CSV with quoted timestamps; a value that could not be measured is `"NAN"`.

use std::borrow::Cow;

use polars::prelude::DataFrame;
use zarr_fuse_schemas::rules::Rules;

use super::budget::Budget;
use super::config::{CsvOptions, Toa5Options, Units};
use super::csv::{self, Dialect};
use super::format_error::FormatError;
use super::{DecodeError, DecodeSetupError, Header, Lost, Table, detect, text};
use encoding_rs::Encoding;

const FORMAT: &str = "TOA5";
/// Most headers in one file.
const MAX_TABLES: usize = 10_000;

/// [`Toa5Options`] made ready.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// Of the rows below the header.
    dialect: Dialect,
    /// Of the header lines, one at a time.
    header: Dialect,
    units: Units,
}

impl Reader {
    /// `encoding` is that of CSV.
    pub(super) fn of(
        options: &Toa5Options,
        encoding: Option<&str>,
        rules: Rules,
    ) -> Result<Self, DecodeSetupError> {
        let csv = CsvOptions {
            delimiter: Some(",".to_owned()),
            header: Header::Line(2),
            skip_after_header: 2,
            null_values: options.null_values.clone(),
            encoding: encoding.map(str::to_owned),
            ..CsvOptions::default()
        };
        let header = CsvOptions {
            delimiter: Some(",".to_owned()),
            header: Header::Present(false),
            ..CsvOptions::default()
        };
        Ok(Self {
            dialect: Dialect::of(&csv, "toa5", rules)?,
            header: Dialect::of(&header, "toa5", rules)?,
            units: options.units,
        })
    }

    /// Reads a table; columns are text. The header may come again, as after a start of the logger: if it names other columns,
    /// what is below it is left out and told.
    pub(super) fn read(
        &self,
        body: &[u8],
        charset: Option<&'static Encoding>,
        budget: &Budget<'_>,
    ) -> Result<Table, DecodeError> {
        let max_bytes = budget.limits().max_decompressed_bytes;
        let text = text::text_of(body, self.dialect.encoding().or(charset), max_bytes)?;
        let starts = starts(&text);
        if starts.len() < 2 || self.dialect.rules() == Rules::First {
            return self.read_one(body, &self.dialect, charset, budget);
        }
        if starts.len() > MAX_TABLES {
            return Err(FormatError::Line {
                format: FORMAT,
                line: 1,
                reason: format!("holds more than {MAX_TABLES} tables"),
                remedy: "send it in parts",
            }
            .into());
        }
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let mut whole: Option<Table> = None;
        for (start, end) in starts.iter().copied().zip(ends) {
            let n_lines = memchr::memchr_iter(b'\n', &text.as_bytes()[..start]).count();
            let dialect = self.dialect.after_lines(n_lines);
            let part = &text.as_bytes()[start..end];
            let read = self.read_one(part, &dialect, Some(encoding_rs::UTF_8), budget);
            let Some(Table {
                frame, lost, lines, ..
            }) = &mut whole
            else {
                whole = Some(read?);
                continue;
            };
            let line = n_lines + 1;
            let left_out = |lost: &mut Lost, n_rows: usize, reason: String| {
                let n_more = (n_rows as u64).saturating_sub(1);
                lost.push(|| {
                    (
                        text[start..end]
                            .lines()
                            .next()
                            .unwrap_or_default()
                            .to_owned(),
                        reason,
                    )
                });
                lost.n_rows += n_more;
            };
            match read {
                Ok(more) if more.frame.get_column_names() == frame.get_column_names() => {
                    let n_rows = frame.height();
                    *lines = lines
                        .take()
                        .zip(more.lines)
                        .map(|(lines, more)| lines.then(n_rows, more));
                    frame.vstack_mut_owned(more.frame)?;
                    lost.n_rows += more.lost.n_rows;
                    lost.problems.extend(more.lost.problems);
                }
                Ok(more) => {
                    let n_rows = more.frame.height();
                    let reason = format!(
                        "line {line} begins another table, with other columns; its {n_rows} rows are left out: send it as a file of its own"
                    );
                    left_out(lost, n_rows, reason);
                }
                Err(error) => left_out(
                    lost,
                    0,
                    format!(
                        "line {line} begins a table that cannot be read, and is left out: {error}"
                    ),
                ),
            }
        }
        let mut whole = whole.unwrap_or_else(|| DataFrame::empty().into());
        whole.frame.rechunk_mut();
        Ok(whole)
    }

    /// Reads a table with one header.
    fn read_one(
        &self,
        body: &[u8],
        dialect: &Dialect,
        charset: Option<&'static Encoding>,
        budget: &Budget<'_>,
    ) -> Result<Table, DecodeError> {
        if !detect::is_toa5(body) {
            return Err(FormatError::Line {
                format: FORMAT,
                line: 1,
                reason: "does not begin with \"TOA5\"".to_owned(),
                remedy: "send the file as the logger software writes it, with its four header lines",
            }
            .into());
        }
        let mut table = csv::read_tolerant(body, dialect, None, charset, budget)?;
        if self.units == Units::Suffix {
            let max_bytes = budget.limits().max_decompressed_bytes;
            let body = text::text_of(body, dialect.encoding().or(charset), max_bytes)?;
            let line = body.lines().filter(|line| !line.trim().is_empty()).nth(2);
            let units = csv::read(
                line.unwrap_or_default().as_bytes(),
                &self.header,
                None,
                None,
                budget,
            )?;
            let unit = |idx: usize| -> Option<String> {
                let cell = units.columns().get(idx)?.str().ok()?.get(0)?;
                (!cell.is_empty()).then(|| cell.to_owned())
            };
            let names: Vec<_> = table
                .frame
                .get_column_names()
                .into_iter()
                .enumerate()
                .map(|(idx, name)| with_unit(name, unit(idx).as_deref()).into_owned())
                .collect();
            table.frame.set_column_names(&names)?;
        }
        Ok(table)
    }
}

/// Where lines begin that begin a table.
fn starts(text: &str) -> Vec<usize> {
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
    let is_start = |at: &usize| detect::is_toa5(&text.as_bytes()[*at..]);
    [0].into_iter().chain(lines.filter(is_start)).collect()
}

/// The name of a column with its unit.
pub(super) fn with_unit<'n>(name: &'n str, unit: Option<&str>) -> Cow<'n, str> {
    match unit.map(str::trim).filter(|unit| !unit.is_empty()) {
        Some(unit) => Cow::Owned(format!("{name} [{unit}]")),
        None => Cow::Borrowed(name),
    }
}
