//! `rename` and `set` for arrays, which need no rows for them.

use polars::prelude::{Column, DataFrame, DataType, PlSmallStr};
use serde_json::{Map, Value};

use super::reshape::{self, SetValue};
use super::{DecodeError, Grids};

/// The arrays under new names; all are renamed at once.
///
/// # Errors
/// As for columns.
pub(super) fn rename(grids: Grids, names: &[(String, String)]) -> Result<Grids, DecodeError> {
    if names.is_empty() {
        return Ok(grids);
    }
    // The rules are those of a table of these names.
    let all = grids.coordinates.keys().chain(grids.variables.keys());
    let columns = all.map(|name| Column::new_empty(PlSmallStr::from_str(name), &DataType::Null));
    reshape::rename(DataFrame::new(0, columns.collect())?, names)?;
    let new = |name: String| match names.iter().find(|(from, _)| *from == name) {
        Some((_, to)) => to.clone(),
        None => name,
    };
    let coordinates = grids.coordinates.into_iter();
    let variables = grids.variables.into_iter().map(|(name, mut grid)| {
        grid.dims = grid.dims.into_iter().map(new).collect();
        (new(name), grid)
    });
    Ok(Grids {
        variables: variables.collect(),
        coordinates: coordinates
            .map(|(name, values)| (new(name), values))
            .collect(),
    })
}

/// The arrays with coordinates of one value; `None` if one of them stands for an array with more.
pub(super) fn set(
    mut grids: Grids,
    set: &[(String, SetValue)],
    variables: &Map<String, Value>,
) -> Result<Option<Grids>, DecodeError> {
    let is_array = |(name, _): &(String, SetValue)| {
        grids.variables.contains_key(name) || grids.length(name) != 1
    };
    if set.iter().any(is_array) {
        return Ok(None);
    }
    let row = DataFrame::new(1, vec![Column::full_null("".into(), 1, &DataType::Null)])?;
    for column in reshape::set(row, set, variables)?.into_columns() {
        if !column.name().is_empty() {
            grids.coordinates.insert(column.name().to_string(), column);
        }
    }
    Ok(Some(grids))
}
