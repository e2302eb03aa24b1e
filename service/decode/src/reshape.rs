//! `rename`, `set`, `join`, `rows`, `unpivot` and `pivot`: columns under other names, with constants, made of others, and turned
//! into rows or made of them.

mod join;
mod pivot;
mod rename;
mod rows;
mod set;
#[cfg(test)]
mod tests;
mod unpivot;

use std::collections::HashSet;

use polars::prelude::{DataFrame, PlSmallStr};

use super::{DecodeError, table};
pub(super) use join::{Join, join};
pub(super) use pivot::pivot;
pub(super) use rename::Renames;
pub(super) use rows::{WantedRows, choose_rows};
pub(super) use set::{SetValue, set};
pub(super) use unpivot::{PreparedUnpivot, unpivot};

/// `frame` with new column names; all are renamed at once, so two columns can change places.
pub(super) fn rename(
    mut frame: DataFrame,
    names: &[(String, String)],
) -> Result<DataFrame, DecodeError> {
    if names.is_empty() || frame.width() == 0 {
        return Ok(frame);
    }
    table::columns_present(&frame, "rename", names.iter().map(|(from, _)| from))?;
    let new_name = |old: &PlSmallStr| {
        let renamed = names.iter().find(|(from, _)| from.as_str() == old.as_str());
        renamed.map_or_else(|| old.clone(), |(_, to)| PlSmallStr::from_str(to))
    };
    let new_names: Vec<_> = frame.get_column_names().into_iter().map(new_name).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = new_names.iter().find(|name| !seen.insert(*name)) {
        return Err(DecodeError::ColumnExists {
            step: "rename",
            column: twice.to_string(),
        });
    }
    frame.set_column_names(&new_names)?;
    Ok(frame)
}
