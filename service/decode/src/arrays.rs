//! `grid.name`, `rename` and `set` for arrays, which need no rows for them.

use polars::prelude::{Column, DataFrame, DataType, PlSmallStr};
use serde_json::{Map, Value};

use super::budget::Budget;
use super::reshape::{self, SetValue};
use super::{DecodeError, Decoded, Grids, NodeColumns};

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

/// The arrays with the only one of them called `name`. Those of latitudes, longitudes and reference times do not count.
///
/// # Errors
/// If there are several, or none.
pub(super) fn name_only(grids: Grids, name: &str) -> Result<Grids, DecodeError> {
    let is_position =
        |name: &String| matches!(name.as_str(), "latitude" | "longitude" | "reference_time");
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

/// The arrays along the coordinates that a node has. One that lies along a dimension of another name, as the times of
/// observations do, is the coordinate of that dimension; of several along one dimension there are rows.
///
/// # Errors
/// Rows beyond the bounds.
pub(super) fn along(
    mut grids: Grids,
    wanted: &NodeColumns,
    budget: &Budget<'_>,
) -> Result<Decoded, DecodeError> {
    let mut found: Vec<(&String, String)> = Vec::new();
    for name in &wanted.coordinates {
        let array = grids.variables.get(name);
        let dims = array.filter(|_| !grids.coordinates.contains_key(name));
        match dims.map(|array| array.dims.as_slice()) {
            Some([dim]) => found.push((name, dim.clone())),
            Some([]) => {
                if let Some(array) = grids.variables.shift_remove(name) {
                    grids.coordinates.insert(name.clone(), array.values);
                }
            }
            _ => {}
        }
    }
    let is_plain = found.iter().enumerate().all(|(idx, (_, dim))| {
        !wanted.coordinates.contains(dim) && found[..idx].iter().all(|(_, other)| other != dim)
    });
    if is_plain {
        for (name, dim) in found {
            rename_dim(&mut grids, &dim, name);
        }
        return Ok(Decoded::Grids(grids));
    }
    let is_wanted =
        |name: &String| wanted.variables.contains(name) || wanted.coordinates.contains(name);
    grids.variables.retain(|name, _| is_wanted(name));
    let used = |dim: &String| {
        grids
            .variables
            .values()
            .any(|array| array.dims.contains(dim))
    };
    let kept: Vec<String> = grids
        .coordinates
        .iter()
        .filter(|(name, values)| used(name) || is_wanted(name) && values.len() == 1)
        .map(|(name, _)| name.clone())
        .collect();
    grids.coordinates.retain(|name, _| kept.contains(name));
    Ok(Decoded::Table(grids.to_rows(budget)?))
}

/// Makes the array `name` the coordinate of the dimension `dim`, which takes its name.
fn rename_dim(grids: &mut Grids, dim: &str, name: &str) {
    let Some(array) = grids.variables.shift_remove(name) else {
        return;
    };
    let coordinates = std::mem::take(&mut grids.coordinates).into_iter();
    let place = |(old, values)| {
        if old == dim {
            (name.to_owned(), array.values.clone())
        } else {
            (old, values)
        }
    };
    grids.coordinates = coordinates.map(place).collect();
    for array in grids.variables.values_mut() {
        for old in array.dims.iter_mut().filter(|old| *old == dim) {
            name.clone_into(old);
        }
    }
}
