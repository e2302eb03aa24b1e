//! Spreadsheets to a table: one sheet, with a row of names and perhaps one of units.
//!
//! What counts is what the spreadsheet shows: results of formulas as they were saved, dates as times of a clock whose zone
//! the schema knows, the value of merged cells in each of them. Empty rows are passed over.

mod cells;
mod ods;
mod table;
mod xlsx;

use polars::prelude::DataFrame;

use super::budget::Budget;
use super::container::Archive;
use super::format_error::FormatError;
use super::{DecodeError, DecodeSetupError, HeaderRows, Sheet, SheetOptions};

/// Refuses options that count from 0.
///
/// # Errors
/// The first of them, with its key.
pub(super) fn check(options: &SheetOptions) -> Result<(), DecodeSetupError> {
    let position = match options.sheet {
        Some(Sheet::Position(position)) => Some(position),
        Some(Sheet::Named(_)) | None => None,
    };
    let header = options.header_row.as_ref().map(HeaderRows::rows);
    if header.is_some_and(|rows| rows.is_empty() || !rows.is_sorted_by(|a, b| a < b)) {
        return Err(DecodeSetupError::Invalid {
            key: "sheet.header_row".to_owned(),
            reason: "rows of names are listed from top to bottom; write as in `[1, 3]`".to_owned(),
        });
    }
    let first_header = header.and_then(|rows| rows.first().copied());
    for (key, number) in [
        ("sheet.sheet", position),
        ("sheet.header_row", first_header),
        ("sheet.units_row", options.units_row),
        ("sheet.first_row", options.first_row),
    ] {
        if number == Some(0) {
            return Err(DecodeSetupError::Invalid {
                key: key.to_owned(),
                reason: "sheets and rows are counted from 1; write 1 or more".to_owned(),
            });
        }
    }
    Ok(())
}

/// What the reader of XLSX may keep for an element beside its text.
const ELEMENT_BYTES: usize = 48;

pub(super) const XLSX: &str = xlsx::FORMAT;

/// Reads a sheet of an Excel workbook.
///
/// # Errors
/// Damaged workbooks; a sheet, header or row that is not there; cells beyond the bounds.
pub(super) fn read_xlsx(
    body: &[u8],
    options: &SheetOptions,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    let max_bytes = budget.limits().max_decompressed_bytes;
    // The reader keeps what is not cells: styles, relations and, above all, texts that cells share.
    let is_kept = |name: &str| !name.starts_with("xl/worksheets/");
    let n_elements = Archive::open(body)?.check_size(max_bytes, is_kept)?;
    let n_bytes = n_elements.saturating_mul(ELEMENT_BYTES);
    budget.take(n_bytes)?;
    let cells = xlsx::read(body, options, budget)?;
    budget.give_back(n_bytes);
    table::assemble(xlsx::FORMAT, cells, options)
}

/// Reads a sheet of an ODS workbook.
///
/// # Errors
/// As [`read_xlsx`].
pub(super) fn read_ods(
    body: &[u8],
    options: &SheetOptions,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    let max_bytes = budget.limits().max_decompressed_bytes;
    let content = Archive::open(body)?.read("content.xml", max_bytes)?;
    let content =
        std::str::from_utf8(&content).map_err(|error| FormatError::damaged(ods::FORMAT, error))?;
    let cells = ods::read(content, options, budget)?;
    table::assemble(ods::FORMAT, cells, options)
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
