//! Cells of an OpenDocument workbook: its `content.xml`, read in one pass.

use chrono::{NaiveDate, NaiveDateTime};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::super::format_error::FormatError;
use super::super::{DecodeError, Limits, SheetOptions};
use super::cells::{Cell, Cells, Merged};
use super::{is_meant, no_sheet};

pub(super) const FORMAT: &str = "ODS";

/// The cells of the sheet that is meant.
pub(super) fn read(
    content: &str,
    options: &SheetOptions,
    limits: &Limits,
) -> Result<Cells, DecodeError> {
    let mut xml = Reader::from_str(content);
    let mut names = Vec::new();
    loop {
        match xml.read_event().map_err(damaged)? {
            Event::Start(start) if start.name().as_ref() == "table:table" => {
                let name = attribute(&start, "table:name")?.unwrap_or_default();
                if is_meant(options, &name, names.len()) {
                    let mut sheet = Sheet {
                        cells: Cells::new(limits),
                        row: 0,
                        max_cells: limits.max_cells,
                    };
                    sheet.read(&mut xml)?;
                    return Ok(sheet.cells);
                }
                names.push(name);
            }
            Event::Eof => return Err(no_sheet(FORMAT, options, &names).into()),
            _ => {}
        }
    }
}

struct Sheet {
    cells: Cells,
    row: u32,
    max_cells: usize,
}

impl Sheet {
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
            if let Some(cell) = shown(&start, text)? {
                found.push((column, n, cell));
            }
            column = column.saturating_add(n);
        }
        let n_found = found
            .iter()
            .fold(0_u64, |sum, (_, n, _)| sum + u64::from(*n));
        if n_found.saturating_mul(u64::from(n_rows)) > self.max_cells as u64 {
            return Err(DecodeError::TooManyCells {
                max: self.max_cells,
            });
        }
        if !found.is_empty() {
            for row in self.row..self.row.saturating_add(n_rows) {
                for (first, n, cell) in &found {
                    for column in *first..first.saturating_add(*n) {
                        self.cells.push(row, column, cell.clone())?;
                    }
                }
            }
        }
        self.row = self.row.saturating_add(n_rows);
        Ok(())
    }

    fn note_merged(&mut self, start: &BytesStart<'_>, column: u32) -> Result<(), DecodeError> {
        let n_rows = repeated(start, "table:number-rows-spanned")?;
        let n_columns = repeated(start, "table:number-columns-spanned")?;
        if n_rows > 1 || n_columns > 1 {
            self.cells.merged.push(Merged {
                rows: [self.row, self.row.saturating_add(n_rows.saturating_sub(1))],
                columns: [column, column.saturating_add(n_columns.saturating_sub(1))],
            });
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
fn shown(start: &BytesStart<'_>, text: String) -> Result<Option<Cell>, DecodeError> {
    let value = |name| attribute(start, name);
    let kind = value("office:value-type")?;
    let cell = match kind.as_deref() {
        Some("float" | "percentage" | "currency") => value("office:value")?
            .and_then(|value| value.parse().ok())
            .map(Cell::Number),
        Some("boolean") => value("office:boolean-value")?.map(|value| Cell::Bool(value == "true")),
        Some("date") => value("office:date-value")?
            .map(|value| ticks(&value).map_or(Cell::Text(value), Cell::Time)),
        Some("time") => value("office:time-value")?.map(Cell::Text),
        Some(_) => None,
        None => return Ok(None),
    };
    let text = || {
        let text = text.trim();
        (!text.is_empty() && text != "#N/A").then(|| Cell::Text(text.to_owned()))
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
