//! `grid.name`, `rename` and `set` for arrays, which need no rows for them.

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
        units: grids
            .units
            .into_iter()
            .map(|(name, unit)| (new(name), unit))
            .collect(),
        variables: variables.collect(),
        coordinates: coordinates
            .map(|(name, values)| (new(name), values))
            .collect(),
    })
}

/// The arrays with the only one of them called `name`. Those of latitudes and longitudes do not count.
///
/// # Errors
/// If there are several, or none.
pub(super) fn name_only(grids: Grids, name: &str) -> Result<Grids, DecodeError> {
    let is_position = |name: &String| matches!(name.as_str(), "latitude" | "longitude");
    let candidates: Vec<&String> = grids.variables.keys().filter(|n| !is_position(n)).collect();
    match candidates.as_slice() {
        [only] if *only == name => Ok(grids),
        [only] => {
            let names = [((*only).clone(), name.to_owned())];
            rename(grids, &names)
        }
        _ => {
            let present: Vec<String> = candidates.into_iter().cloned().collect();
            Err(DecodeError::NotOneVariable {
                name: name.to_owned(),
                present,
            })
        }
    }
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
            grids.units.shift_remove(column.name().as_str());
            grids.coordinates.insert(column.name().to_string(), column);
        }
    }
    Ok(Some(grids))
}
