//! Cells of a sheet to columns with names and types.

use std::collections::HashMap;
use std::sync::Arc;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, Float64Chunked, Int64Chunked, IntoColumn, NewChunkedArray,
    PlSmallStr, StringChunkedBuilder, TimeUnit,
};

use super::super::budget::TEXT_CELL_BYTES;
use super::super::format_error::FormatError;
use super::super::toa5::with_unit;
use super::super::{DecodeError, HeaderRows, SheetOptions, Units};
use super::cells::{Cell, Cells};

/// Integers that floats hold exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The table below the header.
pub(super) fn assemble(
    format: &'static str,
    mut cells: Cells<'_>,
    options: &SheetOptions,
) -> Result<DataFrame, DecodeError> {
    cells.fill_merged()?;
    let budget = cells.budget;
    let Some(first_row) = cells.rows.keys().next().copied() else {
        return Ok(DataFrame::empty());
    };
    // Rows are counted from 1 in the configuration, as in the spreadsheet.
    let header = options.header_row.as_ref().map(HeaderRows::rows);
    let header: Vec<u32> = match header {
        Some(rows) => rows.iter().map(|row| row.saturating_sub(1)).collect(),
        None => vec![first_row],
    };
    let header_row = header.last().copied().unwrap_or(first_row);
    let units_row = options.units_row.map(|row| row.saturating_sub(1));
    let data_row = options.first_row.map_or_else(
        || header_row.max(units_row.unwrap_or(0)).saturating_add(1),
        |row| row.saturating_sub(1),
    );
    if let Some(row) = header.iter().find(|row| !cells.rows.contains_key(row)) {
        return Err(FormatError::NotTaken {
            format,
            place: format!("row {}", u64::from(*row) + 1),
            found: "is empty, but `sheet.header_row` expects the names of the columns there".into(),
            remedy: "correct `sheet.header_row`".into(),
        }
        .into());
    }
    let mut columns: Vec<(u32, Sparse)> = Vec::new();
    let mut places: HashMap<u32, usize> = HashMap::new();
    let add = |columns: &mut Vec<(u32, Sparse)>, column: u32| {
        columns.push((column, Sparse::new()));
        columns.len() - 1
    };
    let heads = header.iter().flat_map(|row| &cells.rows[row]);
    for (column, _) in heads {
        places
            .entry(*column)
            .or_insert_with(|| add(&mut columns, *column));
    }
    budget.check_columns(columns.len())?;
    let (mut n_rows, mut n_written) = (0, 0);
    // Rows are taken out one by one, so that no cell is there twice; the names are still to be read.
    for (row, own) in cells.rows.split_off(&data_row) {
        if header.contains(&row) || Some(row) == units_row {
            cells.rows.insert(row, own);
            continue;
        }
        for (column, cell) in own {
            if matches!(&cell, Cell::Text(text) if options.null_values.iter().any(|null| **null == **text))
            {
                continue;
            }
            let cell = match cell {
                Cell::Text(text) if options.decimal_comma => Cell::Text(with_point(text)),
                cell => cell,
            };
            let idx = *places
                .entry(column)
                .or_insert_with(|| add(&mut columns, column));
            columns[idx].1.push((n_rows, cell));
            n_written += 1;
        }
        n_rows += 1;
        budget.check_columns(columns.len())?;
        budget.check_filled(n_rows, columns.len(), n_written)?;
    }
    columns.sort_by_key(|(column, _)| *column);
    let mut names = Names::new(&cells, &header);
    let mut typed = Vec::with_capacity(columns.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (position, (column, values)) in columns.into_iter().enumerate() {
        let given = options.columns.as_ref();
        let given = given.and_then(|names| names.get(usize::try_from(column).ok()?).cloned());
        let name = given.or_else(|| names.of(column));
        let name = name.unwrap_or_else(|| format!("column_{}", u64::from(column) + 1));
        let unit = units_row
            .filter(|_| options.units == Units::Suffix)
            .and_then(|row| cells.get(row, column))
            .map(Cell::print);
        let name = with_unit(&name, unit.as_deref()).into_owned();
        if let Some(first) = seen.insert(name.clone(), position) {
            return Err(DecodeError::DuplicateColumn {
                column: name,
                first: first + 1,
                second: position + 1,
            });
        }
        budget.take_each(n_rows, TEXT_CELL_BYTES)?;
        budget.give_back(values.len() * size_of::<(u32, Cell)>());
        typed.push(typed_column(PlSmallStr::from_str(&name), &values, n_rows));
    }
    Ok(DataFrame::new(n_rows, typed)?)
}

/// Names of columns out of the rows of a header, for one column after the other.
struct Names<'a> {
    cells: &'a Cells<'a>,
    rows: &'a [u32],
    /// The last name in the first of several rows.
    group: Option<String>,
}

impl<'a> Names<'a> {
    fn new(cells: &'a Cells<'a>, rows: &'a [u32]) -> Self {
        Self {
            cells,
            rows,
            group: None,
        }
    }

    /// The name of the next column; `None`: it has none.
    fn of(&mut self, column: u32) -> Option<String> {
        let name = |row: &u32| self.cells.get(*row, column).map(Cell::print);
        let [first, rest @ ..] = self.rows else {
            return None;
        };
        let own = name(first);
        if rest.is_empty() {
            return own;
        }
        self.group = own.or_else(|| self.group.take());
        let parts = self
            .group
            .clone()
            .into_iter()
            .chain(rest.iter().filter_map(name));
        let parts: Vec<String> = parts.filter(|part| !part.trim().is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

/// A number with a decimal comma as one with a point; other text as it is.
fn with_point(text: Arc<str>) -> Arc<str> {
    let digits = text.trim().trim_start_matches(['+', '-']);
    let is_number = digits.split_once(',').is_some_and(|(whole, rest)| {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (fraction, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        is_digits(whole)
            && is_digits(fraction)
            && is_digits(exponent.trim_start_matches(['+', '-']))
    });
    if is_number {
        text.replace(',', ".").into()
    } else {
        text
    }
}

/// The cells of a column that hold something, with their rows, ascending.
type Sparse = Vec<(usize, Cell)>;

/// A column of the type that all its cells have, else of text.
fn typed_column(name: PlSmallStr, cells: &Sparse, n_rows: usize) -> Column {
    let all = |is: fn(&Cell) -> bool| cells.iter().all(|(_, cell)| is(cell));
    let is_whole = |cell: &Cell| matches!(cell, Cell::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT);
    if cells.is_empty() {
        return Column::full_null(name, n_rows, &polars::prelude::DataType::Null);
    }
    if all(|cell| matches!(cell, Cell::Number(_))) {
        let number = |cell: &Cell| match cell {
            Cell::Number(number) => Some(*number),
            _ => None,
        };
        let numbers = dense(cells, n_rows, number);
        if all(is_whole) {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "they are whole and not too large"
            )]
            let whole = numbers.map(|number| number.map(|number| number as i64));
            return Int64Chunked::from_iter_options(name, whole).into_column();
        }
        return Float64Chunked::from_iter_options(name, numbers).into_column();
    }
    if all(|cell| matches!(cell, Cell::Bool(_))) {
        let value = |cell: &Cell| match cell {
            Cell::Bool(value) => Some(*value),
            _ => None,
        };
        let values = dense(cells, n_rows, value);
        return BooleanChunked::from_iter_options(name, values).into_column();
    }
    if all(|cell| matches!(cell, Cell::Time(_))) {
        let ticks = |cell: &Cell| match cell {
            Cell::Time(ticks) => Some(*ticks),
            _ => None,
        };
        return Int64Chunked::from_iter_options(name, dense(cells, n_rows, ticks))
            .into_datetime(TimeUnit::Milliseconds, None)
            .into_column();
    }
    let mut builder = StringChunkedBuilder::new(name, n_rows);
    for text in dense(cells, n_rows, |cell| Some(cell.print())) {
        builder.append_option(text);
    }
    builder.finish().into_column()
}

/// A value for every row.
fn dense<T>(
    cells: &Sparse,
    n_rows: usize,
    value: impl Fn(&Cell) -> Option<T>,
) -> impl Iterator<Item = Option<T>> {
    let mut cells = cells.iter().peekable();
    (0..n_rows).map(move |row| {
        let (_, cell) = cells.next_if(|(at, _)| *at == row)?;
        value(cell)
    })
}
