//! Columns that stand for values of one coordinate, turned into rows.

use std::collections::HashSet;

use indexmap::IndexMap;
use polars::prelude::{
    Column, DataFrame, DataType, IdxCa, IdxSize, IntoColumn, NamedFrom, PlSmallStr, Series,
    StringChunked,
};
use regex::Regex;

use super::super::budget::{Budget, TEXT_CELL_BYTES};
use super::super::{Columns, DecodeError, DecodeSetupError, Unpivot, print, table};

/// An [`Unpivot`], its patterns compiled.
#[derive(Debug, Clone)]
pub(crate) struct PreparedUnpivot {
    keep: Option<Vec<String>>,
    columns: Choice,
    name: String,
    value: String,
    name_pattern: Option<Regex>,
    name_map: IndexMap<String, String>,
}

#[derive(Debug, Clone)]
enum Choice {
    Named(Vec<String>),
    Matching(Regex),
}

impl PreparedUnpivot {
    /// Whether a column that is there before and after is the same one.
    pub(crate) fn keeps(&self, column: &str) -> bool {
        column != self.name && column != self.value
    }

    /// Checks `unpivot`.
    pub(crate) fn of(unpivot: &Unpivot) -> Result<Self, DecodeSetupError> {
        let invalid = |key: &str, reason: String| DecodeSetupError::Invalid {
            key: format!("unpivot.{key}"),
            reason,
        };
        let whole = |key: &str, pattern: &str| {
            // The pattern alone first, so that `a)(b` is not made valid by what is put around it.
            Regex::new(pattern)
                .and_then(|_| Regex::new(&format!("^(?:{pattern})$")))
                .map_err(|error| {
                    let text = error.to_string();
                    let reason = text
                        .lines()
                        .last()
                        .unwrap_or_default()
                        .trim_start_matches("error: ");
                    invalid(
                        key,
                        format!("`{pattern}` is not a regular expression: {reason}"),
                    )
                })
        };
        for (key, name) in [("name", &unpivot.name), ("value", &unpivot.value)] {
            if name.is_empty() {
                return Err(invalid(
                    key,
                    "is missing; write the name of the new column".to_owned(),
                ));
            }
        }
        if unpivot.name == unpivot.value {
            return Err(invalid(
                "value",
                "is the same column as `name`; write another".to_owned(),
            ));
        }
        let name_pattern = unpivot
            .name_pattern
            .as_ref()
            .map(|pattern| whole("name_pattern", pattern))
            .transpose()?;
        if name_pattern
            .as_ref()
            .is_some_and(|pattern| pattern.captures_len() != 2)
        {
            let reason =
                "needs one capture group, as in `([0-9.]+)m`; write `(?:…)` for other groups"
                    .to_owned();
            return Err(invalid("name_pattern", reason));
        }
        let columns = match (&unpivot.columns, &name_pattern) {
            (Some(Columns::Named(names)), _) => Choice::Named(names.clone()),
            (Some(Columns::Matching(pattern)), _) => Choice::Matching(whole("columns", pattern)?),
            (None, Some(pattern)) => Choice::Matching(pattern.clone()),
            (None, None) => {
                let reason =
                    "is missing; list the columns to turn into rows, or write a regular expression"
                        .to_owned();
                return Err(invalid("columns", reason));
            }
        };
        Ok(Self {
            keep: unpivot.keep.clone(),
            columns,
            name: unpivot.name.clone(),
            value: unpivot.value.clone(),
            name_pattern,
            name_map: unpivot.name_map.clone(),
        })
    }

    /// What stands in the new column for `column`.
    fn label(&self, column: &str) -> Result<String, DecodeError> {
        let captured = match &self.name_pattern {
            None => column,
            Some(pattern) => pattern
                .captures(column)
                .and_then(|captures| captures.get(1))
                .ok_or_else(|| DecodeError::UnpivotName {
                    column: column.to_owned(),
                })?
                .as_str(),
        };
        Ok(self
            .name_map
            .get(captured)
            .map_or(captured, String::as_str)
            .to_owned())
    }
}

/// One row for every row of `frame` and every column taken: all columns of the first row, then of the second, …
pub(crate) fn unpivot(
    frame: DataFrame,
    unpivot: &PreparedUnpivot,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    if frame.width() == 0 {
        return Ok(frame);
    }
    let (kept, taken) = choose(&frame, unpivot)?;
    for name in [&unpivot.name, &unpivot.value] {
        if kept.iter().any(|column| column.name() == name.as_str()) {
            return Err(DecodeError::ColumnExists {
                step: "unpivot",
                column: name.clone(),
            });
        }
    }
    let n_rows = frame.height();
    let n_taken = taken.len();
    let n_cells = n_rows.saturating_mul(n_taken);
    let too_many = || DecodeError::TooManyRows {
        max: budget.limits().max_rows,
    };
    budget.check_shape(n_cells, kept.len() + 2)?;
    let (Ok(n_rows), Ok(n_taken)) = (IdxSize::try_from(n_rows), IdxSize::try_from(n_taken)) else {
        return Err(too_many());
    };
    let height = n_rows.checked_mul(n_taken).ok_or_else(too_many)?;
    // The new columns, the old ones below each other, and where each row comes from.
    let n_bytes = (kept.len() + 3) * TEXT_CELL_BYTES + 3 * size_of::<IdxSize>();
    budget.take_each(n_cells, n_bytes)?;

    let labels = taken
        .iter()
        .map(|column| unpivot.label(column.name()))
        .collect::<Result<Vec<_>, _>>()?;
    let row_of = IdxCa::new(
        PlSmallStr::EMPTY,
        (0..height).map(|idx| idx / n_taken).collect::<Vec<_>>(),
    );
    let column_of = IdxCa::new(
        PlSmallStr::EMPTY,
        (0..height).map(|idx| idx % n_taken).collect::<Vec<_>>(),
    );
    let value_of = (0..height)
        .map(|idx| (idx % n_taken) * n_rows + idx / n_taken)
        .collect::<Vec<_>>();
    let value_of = IdxCa::new(PlSmallStr::EMPTY, value_of);

    let mut columns: Vec<Column> = Vec::with_capacity(kept.len() + 2);
    for column in kept {
        columns.push(column.take(&row_of)?);
    }
    let labels = StringChunked::new(PlSmallStr::from_str(&unpivot.name), labels).into_column();
    columns.push(labels.take(&column_of)?);
    columns.push(
        stacked(&taken, &unpivot.value)?
            .take(&value_of)?
            .into_column(),
    );
    Ok(DataFrame::new(height as usize, columns)?)
}

/// The columns that stay and those that become rows.
fn choose<'f>(
    frame: &'f DataFrame,
    unpivot: &PreparedUnpivot,
) -> Result<(Vec<&'f Column>, Vec<&'f Column>), DecodeError> {
    if let Choice::Named(names) = &unpivot.columns {
        table::columns_present(frame, "unpivot.columns", names.iter())?;
    }
    if let Some(keep) = &unpivot.keep {
        table::columns_present(frame, "unpivot.keep", keep.iter())?;
    }
    let is_kept = |name: &str| {
        unpivot
            .keep
            .as_ref()
            .is_some_and(|keep| keep.iter().any(|kept| kept == name))
    };
    let taken: Vec<&Column> = match &unpivot.columns {
        Choice::Named(names) => names
            .iter()
            .filter_map(|name| frame.column(name).ok())
            .collect(),
        Choice::Matching(pattern) => {
            let is_taken =
                |column: &&Column| pattern.is_match(column.name()) && !is_kept(column.name());
            frame.columns().iter().filter(is_taken).collect()
        }
    };
    if taken.is_empty() {
        let present = frame
            .get_column_names()
            .iter()
            .map(ToString::to_string)
            .collect();
        return Err(DecodeError::NothingToUnpivot { present });
    }
    let taken_names: HashSet<&str> = taken.iter().map(|column| column.name().as_str()).collect();
    let stays = |column: &&Column| match &unpivot.keep {
        Some(_) => is_kept(column.name()),
        None => !taken_names.contains(column.name().as_str()),
    };
    Ok((frame.columns().iter().filter(stays).collect(), taken))
}

/// The columns one below the other, in a type that holds them all: their own, floats for numbers, else text.
fn stacked(columns: &[&Column], name: &str) -> Result<Series, DecodeError> {
    let first = columns
        .first()
        .map_or(&DataType::String, |column| column.dtype());
    let common = if columns.iter().all(|column| column.dtype() == first) {
        first.clone()
    } else if columns
        .iter()
        .all(|column| column.dtype().is_primitive_numeric())
    {
        DataType::Float64
    } else {
        DataType::String
    };
    let mut stacked = Series::new_empty(PlSmallStr::from_str(name), &common);
    for column in columns {
        stacked.append(&print::cast(column, &common)?)?;
    }
    Ok(stacked.rechunk())
}
