//! Cells of an Excel workbook.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};

use super::super::budget::Budget;
use super::super::format_error::FormatError;
use super::super::{DecodeError, SheetOptions};
use super::cells::{Cell, Cells, Merged};
use super::{is_meant, no_sheet};

pub(super) const FORMAT: &str = "XLSX";

/// Days between the epoch of spreadsheets and 1970.
const DAYS_TO_1970: f64 = 25_569.0;
/// Days between the two epochs of Excel.
const DAYS_1900_TO_1904: f64 = 1462.0;
const MS_PER_DAY: f64 = 86_400_000.0;
/// Times beyond the year 9999 are none.
const MAX_DAYS: f64 = 2_958_466.0;

/// The cells of the sheet that is meant.
pub(super) fn read<'b>(
    body: &[u8],
    options: &SheetOptions,
    budget: &'b Budget<'b>,
) -> Result<Cells<'b>, DecodeError> {
    let damaged = |error| FormatError::damaged(FORMAT, error);
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(body)).map_err(damaged)?;
    let names = workbook.sheet_names();
    let mut sheets = names.iter().enumerate();
    let name = sheets
        .find(|(idx, name)| is_meant(options, name, *idx))
        .map(|(_, name)| name.clone())
        .ok_or_else(|| no_sheet(FORMAT, options, &names))?;
    let is_1904 = workbook.has_1904_epoch();
    let mut cells = Cells::new(budget);
    for region in workbook.merge_cells_by_sheet_name(&name).map_err(damaged)? {
        cells.merge(Merged {
            rows: [region.start.0, region.end.0],
            columns: [region.start.1, region.end.1],
        })?;
    }
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(damaged)?;
    while let Some(cell) = reader.next_cell().map_err(damaged)? {
        let (row, column) = cell.get_position();
        if let Some(cell) = shown(cell.get_value(), is_1904) {
            cells.push(row, column, cell)?;
        }
    }
    Ok(cells)
}

/// What a cell shows; `None` for nothing, which `#N/A` is, too.
fn shown(value: &DataRef<'_>, is_1904: bool) -> Option<Cell> {
    Some(match value {
        DataRef::Empty => return None,
        DataRef::Error(error) => {
            let text = error.to_string();
            if text == "#N/A" {
                return None;
            }
            Cell::Text(text.into())
        }
        DataRef::Int(number) => {
            #[expect(clippy::cast_precision_loss, reason = "spreadsheets know floats only")]
            let number = *number as f64;
            Cell::Number(number)
        }
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::String(text) => return text_cell(text),
        DataRef::SharedString(text) => return text_cell(text),
        DataRef::Bool(value) => Cell::Bool(*value),
        DataRef::DateTime(time) => time_cell(time, is_1904),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(text.as_str().into()),
    })
}

fn text_cell(text: &str) -> Option<Cell> {
    let text = text.trim();
    (!text.is_empty()).then(|| Cell::Text(text.into()))
}

/// A date as a time; a duration as the days that its cell holds.
fn time_cell(time: &ExcelDateTime, is_1904: bool) -> Cell {
    let days = time.as_f64();
    if !time.is_datetime() || !(0.0..MAX_DAYS).contains(&days) {
        return Cell::Number(days);
    }
    let since_1900 = if is_1904 {
        days + DAYS_1900_TO_1904
    } else if days < 60.0 {
        // Excel believes in 29 February 1900, its day 60.
        days + 1.0
    } else {
        days
    };
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let ticks = ((since_1900 - DAYS_TO_1970) * MS_PER_DAY).round() as i64;
    Cell::Time(ticks)
}
