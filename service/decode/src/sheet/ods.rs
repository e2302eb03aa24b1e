//! Cells of an ODS workbook: its `content.xml`, read in one pass.

use chrono::{NaiveDate, NaiveDateTime};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::super::budget::Budget;
use super::super::format_error::FormatError;
use super::super::{DecodeError, SheetOptions};
use super::cells::{Cell, Cells, Merged};
use super::{is_meant, no_sheet};

pub(super) const FORMAT: &str = "ODS";

/// The cells of the sheet that is meant.
pub(super) fn read<'b>(
    content: &str,
    options: &SheetOptions,
    budget: &'b Budget<'b>,
) -> Result<Cells<'b>, DecodeError> {
    let mut xml = Reader::from_str(content);
    let mut names = Vec::new();
    loop {
        match xml.read_event().map_err(damaged)? {
            Event::Start(start) if start.name().as_ref() == "table:table" => {
                let name = attribute(&start, "table:name")?.unwrap_or_default();
                if is_meant(options, &name, names.len()) {
                    let mut sheet = Sheet {
                        cells: Cells::new(budget),
                        row: 0,
                    };
                    sheet.read(&mut xml)?;
                    return Ok(sheet.cells);
                }
                budget.take(size_of::<String>() + name.len())?;
                names.push(name);
            }
            Event::Eof => return Err(no_sheet(FORMAT, options, &names).into()),
            _ => {}
        }
    }
}

struct Sheet<'b> {
    cells: Cells<'b>,
    row: u32,
}

impl Sheet<'_> {
    /// Reads the rows up to the end of the table.
    fn read(&mut self, xml: &mut Reader<&[u8]>) -> Result<(), DecodeError> {
        loop {
            match xml.read_event().map_err(damaged)? {
                Event::Start(start) if start.name().as_ref() == "table:table-row" => {
                    let n = repeated(&start, "table:number-rows-repeated")?;
                    self.read_row(xml, n)?;
                }
                Event::Empty(start) if start.name().as_ref() == "table:table-row" => {
                    let n = repeated(&start, "table:number-rows-repeated")?;
                    self.row = self.row.saturating_add(n);
                }
                Event::End(end) if end.name().as_ref() == "table:table" => return Ok(()),
                Event::Eof => {
                    return Err(FormatError::damaged(FORMAT, "a table without an end").into());
                }
                _ => {}
            }
        }
    }

    /// Reads a row that stands for `n_rows` of them.
    fn read_row(&mut self, xml: &mut Reader<&[u8]>, n_rows: u32) -> Result<(), DecodeError> {
        let mut found: Vec<(u32, u32, Cell)> = Vec::new();
        let mut column = 0_u32;
        loop {
            let (start, is_empty) = match xml.read_event().map_err(damaged)? {
                Event::Start(start) if is_cell(&start) => (start, false),
                Event::Empty(start) if is_cell(&start) => (start, true),
                Event::End(end) if end.name().as_ref() == "table:table-row" => break,
                Event::Eof => {
                    return Err(FormatError::damaged(FORMAT, "a row without an end").into());
                }
                _ => continue,
            };
            let n = repeated(&start, "table:number-columns-repeated")?;
            let text = if is_empty {
                String::new()
            } else {
                paragraphs(xml, start.name().as_ref())?
            };
            self.note_merged(&start, column)?;
            if let Some(cell) = shown(&start, &text)? {
                self.cells.budget.take(size_of::<(u32, u32, Cell)>())?;
                found.push((column, n, cell));
            }
            column = column.saturating_add(n);
        }
        let n_written = found.len();
        let mut is_written = true;
        let n_cells = found.iter().map(|(_, n, _)| *n as usize);
        let n_cells = n_cells.fold(0, usize::saturating_add);
        self.cells
            .check(n_cells.saturating_mul(n_rows as usize), n_written)?;
        // Rows without cells are not even counted.
        let n_rows_with_cells = if found.is_empty() { 0 } else { n_rows };
        for row in self.row..self.row.saturating_add(n_rows_with_cells) {
            for (first, n, cell) in &found {
                for column in *first..first.saturating_add(*n) {
                    if is_written && column == *first {
                        self.cells.push(row, column, cell.clone())?;
                    } else {
                        self.cells.repeat(row, column, cell.clone())?;
                    }
                }
            }
            is_written = false;
        }
        self.cells
            .budget
            .give_back(n_written * size_of::<(u32, u32, Cell)>());
        self.row = self.row.saturating_add(n_rows);
        Ok(())
    }

    fn note_merged(&mut self, start: &BytesStart<'_>, column: u32) -> Result<(), DecodeError> {
        let n_rows = repeated(start, "table:number-rows-spanned")?;
        let n_columns = repeated(start, "table:number-columns-spanned")?;
        if n_rows > 1 || n_columns > 1 {
            self.cells.merge(Merged {
                rows: [self.row, self.row.saturating_add(n_rows.saturating_sub(1))],
                columns: [column, column.saturating_add(n_columns.saturating_sub(1))],
            })?;
        }
        Ok(())
    }
}

fn is_cell(start: &BytesStart<'_>) -> bool {
    matches!(
        start.name().as_ref(),
        "table:table-cell" | "table:covered-table-cell"
    )
}

/// The text of a cell: its paragraphs as lines, without notes.
fn paragraphs(xml: &mut Reader<&[u8]>, cell: &str) -> Result<String, DecodeError> {
    let mut text = String::new();
    let mut in_note = 0_usize;
    let mut n_paragraphs = 0;
    loop {
        match xml.read_event().map_err(damaged)? {
            Event::Start(start) if start.name().as_ref() == "office:annotation" => in_note += 1,
            Event::End(end) if end.name().as_ref() == "office:annotation" => {
                in_note = in_note.saturating_sub(1);
            }
            Event::End(end) if end.name().as_ref() == cell => return Ok(text),
            Event::Eof => return Err(FormatError::damaged(FORMAT, "a cell without an end").into()),
            _ if in_note > 0 => {}
            Event::Start(start) if start.name().as_ref() == "text:p" => {
                if n_paragraphs > 0 {
                    text.push('\n');
                }
                n_paragraphs += 1;
            }
            // However many blanks there are, they mean one.
            Event::Empty(start) if matches!(start.name().as_ref(), "text:s" | "text:tab") => {
                text.push(' ');
            }
            Event::Empty(start) if start.name().as_ref() == "text:line-break" => text.push('\n'),
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(part) => match part.resolve_char_ref().map_err(damaged)? {
                Some(character) => text.push(character),
                None => text.push_str(
                    quick_xml::escape::resolve_xml_entity(part.as_ref()).unwrap_or_default(),
                ),
            },
            _ => {}
        }
    }
}

/// What a cell shows; `None` for nothing.
fn shown(start: &BytesStart<'_>, text: &str) -> Result<Option<Cell>, DecodeError> {
    let value = |name| attribute(start, name);
    let kind = value("office:value-type")?;
    let cell = match kind.as_deref() {
        Some("float" | "percentage" | "currency") => value("office:value")?
            .and_then(|value| value.parse().ok())
            .map(Cell::Number),
        Some("boolean") => value("office:boolean-value")?.map(|value| Cell::Bool(value == "true")),
        Some("date") => value("office:date-value")?
            .map(|value| ticks(&value).map_or_else(|| Cell::Text(value.into()), Cell::Time)),
        Some("time") => value("office:time-value")?.map(|value| Cell::Text(value.into())),
        Some(_) => None,
        None => return Ok(None),
    };
    let text = || {
        let text = text.trim();
        (!text.is_empty() && text != "#N/A").then(|| Cell::Text(text.into()))
    };
    Ok(cell.or_else(text))
}

/// A date or a date with a time as milliseconds since 1970.
fn ticks(text: &str) -> Option<i64> {
    let time = text
        .parse::<NaiveDateTime>()
        .ok()
        .or_else(|| text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0))?;
    Some(time.and_utc().timestamp_millis())
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, DecodeError> {
    match start.try_get_attribute(name).map_err(damaged)? {
        None => Ok(None),
        Some(attribute) => {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(damaged)?;
            Ok(Some(value.into_owned()))
        }
    }
}

/// How often something is repeated; once if nothing is said.
fn repeated(start: &BytesStart<'_>, name: &str) -> Result<u32, DecodeError> {
    match attribute(start, name)? {
        None => Ok(1),
        Some(n) => n
            .parse()
            .map_err(|_no_count| damaged(format!("`{name}` is `{n}`, not a count")).into()),
    }
}

fn damaged(error: impl std::fmt::Display) -> FormatError {
    FormatError::damaged(FORMAT, error)
}
