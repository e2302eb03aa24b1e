//! Spreadsheets to a table: one sheet, with a row of names and perhaps one of units.
//!
//! What counts is what the spreadsheet shows: results of formulas as they were saved, dates as times of a clock whose zone
//! the schema knows, the value of merged cells in each of them. Empty rows are passed over.

mod cells;
mod ods;
mod table;
mod xlsx;

use polars::prelude::DataFrame;

use super::container::Archive;
use super::format_error::FormatError;
use super::{DecodeError, Limits, Sheet, SheetOptions};

/// Reads a sheet of an Excel workbook.
///
/// # Errors
/// Damaged workbooks; a sheet, header or row that is not there; cells beyond the bounds.
pub(super) fn read_xlsx(
    body: &[u8],
    options: &SheetOptions,
    limits: &Limits,
) -> Result<DataFrame, DecodeError> {
    Archive::open(body)?.check_size(limits.max_decompressed_bytes)?;
    let cells = xlsx::read(body, options, limits)?;
    table::assemble(xlsx::FORMAT, cells, options, limits)
}

/// Reads a sheet of an OpenDocument workbook.
///
/// # Errors
/// As [`read_xlsx`].
pub(super) fn read_ods(
    body: &[u8],
    options: &SheetOptions,
    limits: &Limits,
) -> Result<DataFrame, DecodeError> {
    let content = Archive::open(body)?.read("content.xml", limits.max_decompressed_bytes)?;
    let content =
        std::str::from_utf8(&content).map_err(|error| FormatError::damaged(ods::FORMAT, error))?;
    let cells = ods::read(content, options, limits)?;
    table::assemble(ods::FORMAT, cells, options, limits)
}

/// Whether the sheet `name`, the `idx`-th, is the one that is meant.
fn is_meant(options: &SheetOptions, name: &str, idx: usize) -> bool {
    match &options.sheet {
        None => idx == 0,
        Some(Sheet::Position(position)) => *position as usize == idx + 1,
        Some(Sheet::Named(meant)) => meant == name,
    }
}

/// There is no such sheet.
fn no_sheet(format: &'static str, options: &SheetOptions, names: &[String]) -> FormatError {
    let place = match &options.sheet {
        None => "the first sheet".to_owned(),
        Some(Sheet::Position(position)) => format!("sheet {position}"),
        Some(Sheet::Named(name)) => format!("sheet `{name}`"),
    };
    FormatError::NotTaken {
        format,
        place,
        found: "does not exist".to_owned(),
        remedy: format!(
            "there are {}; correct `sheet.sheet`",
            super::error::list(names).replace("no columns", "no sheets")
        ),
    }
}
