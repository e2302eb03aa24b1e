//! Cells of a sheet to columns with names and types.

use std::collections::HashMap;

use polars::prelude::{
    BooleanChunked, Column, DataFrame, Float64Chunked, Int64Chunked, IntoColumn, NewChunkedArray,
    PlSmallStr, StringChunkedBuilder, TimeUnit,
};

use super::super::format_error::FormatError;
use super::super::toa5::with_unit;
use super::super::{DecodeError, Limits, SheetOptions, Units};
use super::cells::{Cell, Cells};

/// Integers that floats hold exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The table below the header.
pub(super) fn assemble(
    format: &'static str,
    mut cells: Cells,
    options: &SheetOptions,
    limits: &Limits,
) -> Result<DataFrame, DecodeError> {
    fill_merged(&mut cells, limits.max_cells)?;
    let Some(first_row) = cells.rows.keys().next().copied() else {
        return Ok(DataFrame::empty());
    };
    // Rows are counted from 1 in the configuration, as in the spreadsheet.
    let header_row = options
        .header_row
        .map_or(first_row, |row| row.saturating_sub(1));
    let units_row = options.units_row.map(|row| row.saturating_sub(1));
    let data_row = options.first_row.map_or_else(
        || header_row.max(units_row.unwrap_or(0)).saturating_add(1),
        |row| row.saturating_sub(1),
    );
    if !cells.rows.contains_key(&header_row) {
        return Err(FormatError::NotTaken {
            format,
            place: format!("row {}", u64::from(header_row) + 1),
            found: "is empty, but `sheet.header_row` expects the names of the columns there".into(),
            remedy: "correct `sheet.header_row`".into(),
        }
        .into());
    }
    let mut columns: Vec<(u32, Vec<Option<Cell>>)> = Vec::new();
    let mut places: HashMap<u32, usize> = HashMap::new();
    let add = |columns: &mut Vec<(u32, Vec<Option<Cell>>)>, column: u32| {
        columns.push((column, Vec::new()));
        columns.len() - 1
    };
    for (column, _) in &cells.rows[&header_row] {
        places
            .entry(*column)
            .or_insert_with(|| add(&mut columns, *column));
    }
    let mut n_rows = 0;
    let data = cells.rows.range(data_row..);
    let data = data.filter(|(row, _)| **row != header_row && Some(**row) != units_row);
    for (_, row) in data {
        for (column, cell) in row {
            if matches!(cell, Cell::Text(text) if options.null_values.contains(text)) {
                continue;
            }
            let idx = *places
                .entry(*column)
                .or_insert_with(|| add(&mut columns, *column));
            let (_, cells) = &mut columns[idx];
            if cells.len() <= n_rows {
                cells.resize(n_rows, None);
                cells.push(Some(cell.clone()));
            }
        }
        n_rows += 1;
        check_size(columns.len(), n_rows, limits)?;
    }
    columns.sort_by_key(|(column, _)| *column);
    let mut typed = Vec::with_capacity(columns.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (position, (column, mut values)) in columns.into_iter().enumerate() {
        let name = cells.get(header_row, column).map(Cell::print);
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
        values.resize(n_rows, None);
        typed.push(typed_column(PlSmallStr::from_str(&name), values));
    }
    Ok(DataFrame::new(n_rows, typed)?)
}

fn check_size(width: usize, n_rows: usize, limits: &Limits) -> Result<(), DecodeError> {
    if width > limits.max_columns {
        return Err(DecodeError::TooManyColumns {
            max: limits.max_columns,
        });
    }
    if width.saturating_mul(n_rows) > limits.max_cells {
        return Err(DecodeError::TooManyCells {
            max: limits.max_cells,
        });
    }
    Ok(())
}

/// Writes the value of merged cells into each of them that lies in a row with other cells. Of merged names of columns only
/// the first column gets the name.
fn fill_merged(cells: &mut Cells, max_cells: usize) -> Result<(), DecodeError> {
    // Merged regions do not overlap, so that no more is looked at than there are cells.
    let mut n_left = max_cells;
    for merged in std::mem::take(&mut cells.merged) {
        let [first_row, last_row] = merged.rows;
        let [first_column, last_column] = merged.columns;
        let Some(value) = cells.get(first_row, first_column).cloned() else {
            continue;
        };
        let n_columns = u64::from(last_column.saturating_sub(first_column));
        // A title over the whole width is no data.
        let columns = if first_row == last_row || n_columns > 1000 {
            first_column..=first_column
        } else {
            first_column..=last_column
        };
        let rows: Vec<u32> = cells
            .rows
            .range(first_row.min(last_row)..=last_row)
            .map(|(row, _)| *row)
            .collect();
        for row in rows {
            n_left = n_left
                .checked_sub(columns.clone().count())
                .ok_or(DecodeError::TooManyCells { max: max_cells })?;
            for column in columns.clone() {
                if cells.get(row, column).is_none() {
                    cells.push(row, column, value.clone())?;
                }
            }
        }
    }
    Ok(())
}

/// A column of the type that all its cells have, else of text.
fn typed_column(name: PlSmallStr, cells: Vec<Option<Cell>>) -> Column {
    let all = |is: fn(&Cell) -> bool| cells.iter().flatten().all(is);
    let is_whole = |cell: &Cell| matches!(cell, Cell::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT);
    let is_empty = !cells.iter().any(Option::is_some);
    if is_empty {
        return Column::full_null(name, cells.len(), &polars::prelude::DataType::Null);
    }
    if all(|cell| matches!(cell, Cell::Number(_))) {
        let number = |cell: &Option<Cell>| match cell {
            Some(Cell::Number(number)) => Some(*number),
            _ => None,
        };
        let numbers = cells.iter().map(number);
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
        let value = |cell: &Option<Cell>| match cell {
            Some(Cell::Bool(value)) => Some(*value),
            _ => None,
        };
        return BooleanChunked::from_iter_options(name, cells.iter().map(value)).into_column();
    }
    if all(|cell| matches!(cell, Cell::Time(_))) {
        let ticks = |cell: &Option<Cell>| match cell {
            Some(Cell::Time(ticks)) => Some(*ticks),
            _ => None,
        };
        return Int64Chunked::from_iter_options(name, cells.iter().map(ticks))
            .into_datetime(TimeUnit::Milliseconds, None)
            .into_column();
    }
    let mut builder = StringChunkedBuilder::new(name, cells.len());
    for cell in cells {
        builder.append_option(cell.map(|cell| cell.print()));
    }
    builder.finish().into_column()
}
