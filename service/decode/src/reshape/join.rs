//! Columns made of others: a date and a time of day, a year and the day in it.

use std::borrow::Cow;

use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn, PlSmallStr, StringChunked, StringChunkedBuilder,
};

use super::super::budget::{Budget, TEXT_CELL_BYTES, text_bytes};
use super::super::{DecodeError, DecodeSetupError, print, table};

/// Widest number.
const MAX_WIDTH: usize = 32;

/// A column and what it is made of.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    column: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    /// The cell of a column; a whole number with zeros in front, if it is that wide.
    Cell {
        column: String,
        width: Option<usize>,
    },
}

impl Join {
    /// Reads the text configured for `column`.
    pub(crate) fn of(column: &str, template: &str) -> Result<Self, DecodeSetupError> {
        let parts = parts(template).map_err(|reason| DecodeSetupError::Invalid {
            key: format!("join.{column}"),
            reason,
        })?;
        Ok(Self {
            column: column.to_owned(),
            parts,
        })
    }

    /// The column that is made.
    pub(crate) fn column(&self) -> &str {
        &self.column
    }

    fn sources(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Cell { column, .. } => Some(column),
        })
    }
}

/// Cuts `{Date} {Hour:04}` into its parts.
fn parts(template: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let (brace, after) = rest[at..].split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            plain.push_str(brace);
            rest = after;
            continue;
        }
        let cell = (brace == "{").then(|| after.split_once('}')).flatten();
        let Some((cell, after)) = cell else {
            return Err(
                "holds a brace that begins no `{column}`; write `{{` for a brace".to_owned(),
            );
        };
        // Names may hold colons: only digits behind the last one are a width.
        let (column, width) = match cell.rsplit_once(':') {
            Some((column, digits)) if digits.parse::<usize>().is_ok() => {
                (column, digits.parse::<usize>().ok())
            }
            _ => (cell, None),
        };
        if column.is_empty() {
            return Err("`{}` names no column; write `{column}`".to_owned());
        }
        if width.is_some_and(|width| width == 0 || width > MAX_WIDTH) {
            return Err(format!(
                "a number is 1 to {MAX_WIDTH} digits wide; write `{{{column}:04}}`"
            ));
        }
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Cell {
            column: column.to_owned(),
            width,
        });
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    if !parts.iter().any(|part| matches!(part, Part::Cell { .. })) {
        return Err("names no column; write `{column}`, or use `set` for a constant".to_owned());
    }
    Ok(parts)
}

/// `frame` with the columns of `joins` added or replaced.
pub(crate) fn join(
    mut frame: DataFrame,
    joins: &[Join],
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    if joins.is_empty() || frame.width() == 0 {
        return Ok(frame);
    }
    budget.check_columns(frame.width() + joins.len())?;
    let mut made = Vec::with_capacity(joins.len());
    for join in joins {
        table::columns_present(&frame, "join", join.sources())?;
        made.push(made_of(&frame, join, budget)?);
    }
    for column in made {
        frame.with_column(column)?;
    }
    Ok(frame)
}

fn made_of(frame: &DataFrame, join: &Join, budget: &Budget<'_>) -> Result<Column, DecodeError> {
    let n_rows = frame.height();
    budget.take_each(n_rows, TEXT_CELL_BYTES)?;
    let mut cells: Vec<Option<StringChunked>> = Vec::with_capacity(join.parts.len());
    for part in &join.parts {
        cells.push(match part {
            Part::Text(_) => None,
            Part::Cell { column, .. } => Some(texts(frame.column(column)?)?),
        });
    }
    let mut builder = StringChunkedBuilder::new(PlSmallStr::from_str(&join.column), n_rows);
    let mut text = String::new();
    for row in 0..n_rows {
        text.clear();
        let mut has_all = true;
        for (part, cells) in join.parts.iter().zip(&cells) {
            match (part, cells) {
                (Part::Text(part), _) => text.push_str(part),
                (Part::Cell { column, width }, Some(cells)) => match cells.get(row) {
                    None => has_all = false,
                    Some(cell) => {
                        let cell = cell.trim();
                        let shown = match width {
                            None => Cow::Borrowed(cell),
                            Some(width) => {
                                padded(cell, *width).ok_or_else(|| DecodeError::NotWhole {
                                    row: row + 1,
                                    column: column.clone(),
                                    value: cell.chars().take(100).collect(),
                                    joined: join.column.clone(),
                                })?
                            }
                        };
                        text.push_str(&shown);
                    }
                },
                (Part::Cell { .. }, None) => has_all = false,
            }
        }
        if has_all {
            budget.take(text_bytes(&text))?;
            builder.append_value(&text);
        } else {
            builder.append_null();
        }
    }
    Ok(builder.finish().into_column())
}

/// A whole number, also written as `5.0`, with zeros in front.
fn padded(cell: &str, width: usize) -> Option<Cow<'_, str>> {
    let whole = match cell.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
        _ => cell,
    };
    let is_digits = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| Cow::Owned(format!("{whole:0>width$}")))
}

/// Cells as text; of days whose time is midnight, the date alone.
fn texts(column: &Column) -> Result<StringChunked, DecodeError> {
    if !matches!(column.dtype(), DataType::Datetime(..)) {
        return Ok(print::cast(column, &DataType::String)?.str()?.clone());
    }
    let printed = print::cast(column, &DataType::String)?;
    let all = printed.str()?;
    let is_day = |text: &str| {
        text.len() > 10
            && text[10..]
                .bytes()
                .all(|byte| matches!(byte, b'T' | b' ' | b'0' | b':' | b'.'))
    };
    let days = all.iter().flatten().all(is_day);
    if !days {
        return Ok(all.clone());
    }
    let dates = all.iter().map(|text| text.map(|text| &text[..10]));
    Ok(dates.collect::<StringChunked>())
}
