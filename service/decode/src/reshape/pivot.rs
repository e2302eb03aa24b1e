//! Quantities that one column names, each in a column of its own.

use std::collections::HashSet;

use indexmap::IndexMap;
use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, IdxCa, IdxSize, IntoColumn, NewChunkedArray,
    PlSmallStr,
};

use super::super::budget::{Budget, TEXT_CELL_BYTES};
use super::super::{DecodeError, Pivot, print, table};

/// `frame` with a column for every quantity instead of the two that name them and have their values. Rows stay: one has a value
/// in the column of its quantity alone.
pub(crate) fn pivot(
    mut frame: DataFrame,
    pivot: &Pivot,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    if frame.width() == 0 {
        return Ok(frame);
    }
    table::columns_present(&frame, "pivot", [&pivot.name, &pivot.value].into_iter())?;
    let names = |frame: &DataFrame| print::cast(frame.column(&pivot.name)?, &DataType::String);
    if let Some(only) = &pivot.only {
        let names = names(&frame)?;
        let wanted =
            |name: Option<&str>| name.is_some_and(|name| only.iter().any(|own| own == name));
        let mask = names.str()?.iter().map(|name| Some(wanted(name)));
        frame = frame.filter(&BooleanChunked::from_iter_options(PlSmallStr::EMPTY, mask))?;
    }
    let names = names(&frame)?;
    let values = frame.column(&pivot.value)?.clone();
    let n_rows = frame.height();
    let mut quantities: IndexMap<&str, Vec<(usize, IdxSize)>> = IndexMap::new();
    let names = names.str()?;
    for (row, name) in names.iter().enumerate() {
        let Some(name) = name else { continue };
        let idx = IdxSize::try_from(row).map_err(|_beyond| DecodeError::TooManyRows {
            max: budget.limits().max_rows,
        })?;
        if let Some(rows) = quantities.get_mut(name) {
            rows.push((row, idx));
            continue;
        }
        budget.check_columns(frame.width() + quantities.len())?;
        quantities.insert(name, vec![(row, idx)]);
    }
    let n_kept = frame.width() - 2;
    let n_columns = n_kept + quantities.len();
    budget.check_filled(n_rows, n_columns, n_rows * (n_kept + 1))?;
    budget.take_each(n_rows.saturating_mul(quantities.len()), TEXT_CELL_BYTES)?;
    let is_kept =
        |column: &&Column| *column.name() != *pivot.name && *column.name() != *pivot.value;
    let mut columns: Vec<Column> = frame.columns().iter().filter(is_kept).cloned().collect();
    let kept = columns.iter().map(|column| column.name().to_string());
    let kept: HashSet<String> = kept.collect();
    for (name, rows) in quantities {
        if kept.contains(name) {
            return Err(DecodeError::ColumnExists {
                step: "pivot",
                column: name.to_owned(),
            });
        }
        let mut places = vec![None; n_rows];
        for (row, idx) in rows {
            places[row] = Some(idx);
        }
        let places = IdxCa::from_iter_options(PlSmallStr::EMPTY, places.into_iter());
        let mut column = values.take(&places)?.into_column();
        column.rename(PlSmallStr::from_str(name));
        columns.push(column);
    }
    Ok(DataFrame::new(n_rows, columns)?)
}
