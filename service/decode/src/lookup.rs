//! Adds columns of a CSV file to the rows whose keys agree.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use polars::prelude::{
    Column, DataFrame, DataType, IdxCa, IdxSize, IntoColumn, NamedFrom, PlSmallStr, StringChunked,
    StringChunkedBuilder,
};
use zarr_fuse_schemas::rules::Rules;

use super::budget::{self, Budget};
use super::csv::{self, Dialect};
use super::error::list;
use super::prepare::Files;
use super::{DecodeError, DecodeSetupError, Limits, Lookup, Split, Take, print, table};

/// A lookup, read and checked.
#[derive(Debug, Clone)]
pub(super) struct PreparedLookup {
    /// Key columns of the contribution.
    on: Vec<String>,
    /// Row of `taken` by key.
    rows: Arc<HashMap<Key, IdxSize>>,
    taken: DataFrame,
}

impl PreparedLookup {
    /// Key columns of the contribution.
    pub(super) fn keys(&self) -> &[String] {
        &self.on
    }
}

/// The values of the key columns of one row; `None`: a value is missing, which agrees with nothing.
type Key = Box<[Box<str>]>;

/// Reads the file of `lookup` from `files`; `key` is where it stands in the configuration.
///
/// # Errors
/// A file that leaves the folder or is not a table, columns that are not there, two rows with one key.
pub(super) fn prepare(
    lookup: &Lookup,
    files: &Files<'_>,
    key: &str,
    limits: &Limits,
    rules: Rules,
) -> Result<PreparedLookup, DecodeSetupError> {
    let invalid = |name: &str, reason: String| DecodeSetupError::Invalid {
        key: format!("{key}.{name}"),
        reason,
    };
    let not_a_table = |source| DecodeSetupError::LookupTable {
        key: format!("{key}.file"),
        file: lookup.file.clone(),
        source: Box::new(source),
    };
    if lookup.on.is_empty() {
        return Err(invalid(
            "on",
            "names no column; write `on: {<column>: <column of the file>}`".to_owned(),
        ));
    }
    let dialect = Dialect::of(&lookup.csv, &format!("{key}.csv"), rules)?;
    let bytes = files.read(&lookup.file, &format!("{key}.file"))?;
    let mut frame =
        csv::read(&bytes, &dialect, None, None, &Budget::new(limits)).map_err(not_a_table)?;
    for (column, split) in &lookup.split {
        frame = split_column(frame, column, split)
            .map_err(|reason| invalid(&format!("split.{column}"), reason))?;
    }
    let present: Vec<_> = frame
        .get_column_names()
        .iter()
        .map(ToString::to_string)
        .collect();
    let is_missing = |name: &String| !present.contains(name);
    let missing = |name: &str| {
        format!(
            "`{name}` is not a column of `{}`; it has {}",
            lookup.file,
            list(&present)
        )
    };
    if let Some(name) = lookup.on.values().find(|name| is_missing(name)) {
        return Err(invalid("on", missing(name)));
    }
    let taken: Vec<_> = match &lookup.take {
        Take::Columns(names) => names.clone(),
        Take::All(_) => present
            .iter()
            .filter(|&name| !lookup.on.values().any(|key| key == name))
            .cloned()
            .collect(),
    };
    if let Some(name) = taken.iter().find(|name| is_missing(name)) {
        return Err(invalid("take", missing(name)));
    }
    let key_columns: Vec<_> = lookup.on.values().cloned().collect();
    let texts = texts(&frame, &key_columns).map_err(|source| not_a_table(source.into()))?;
    let mut rows = HashMap::with_capacity(frame.height());
    for (row, row_key) in (0..).zip(keys(&texts, frame.height())) {
        let Some(row_key) = row_key else { continue };
        match rows.entry(row_key) {
            Entry::Vacant(entry) => _ = entry.insert(row),
            Entry::Occupied(entry) => {
                return Err(DecodeSetupError::DuplicateKey {
                    key: key.to_owned(),
                    file: lookup.file.clone(),
                    first: *entry.get() as usize + 1,
                    second: row as usize + 1,
                    value: entry.key().join(", "),
                });
            }
        }
    }
    let taken = frame
        .select(&taken)
        .map_err(|source| not_a_table(source.into()))?;
    Ok(PreparedLookup {
        on: lookup.on.keys().cloned().collect(),
        rows: Arc::new(rows),
        taken,
    })
}

/// `frame` with the columns that `lookup` takes; null where no row of the file agrees.
///
/// Text agrees when it is equal; a number agrees with its shortest decimal form.
pub(super) fn join(
    frame: DataFrame,
    lookup: &PreparedLookup,
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    if frame.width() == 0 {
        return Ok(frame);
    }
    table::columns_present(&frame, "lookup.on", lookup.on.iter())?;
    for name in lookup.taken.get_column_names() {
        if frame.column(name).is_ok() {
            return Err(DecodeError::ColumnExists {
                step: "lookup.take",
                column: name.to_string(),
            });
        }
    }
    budget.check_columns(frame.width() + lookup.taken.width())?;
    budget.check_shape(frame.height(), frame.width() + lookup.taken.width())?;
    for column in lookup.taken.columns() {
        budget.take_each(frame.height(), budget::cell_bytes(column.dtype()))?;
    }
    let texts = texts(&frame, &lookup.on)?;
    let matches: Vec<Option<IdxSize>> = keys(&texts, frame.height())
        .map(|key| key.and_then(|key| lookup.rows.get(&key).copied()))
        .collect();
    let added = lookup.taken.take(&IdxCa::new(PlSmallStr::EMPTY, matches))?;
    Ok(frame.hstack(added.columns())?)
}

/// The key columns as text.
fn texts(
    frame: &DataFrame,
    columns: &[String],
) -> Result<Vec<StringChunked>, polars::error::PolarsError> {
    let text = |name: &String| as_text(frame.column(name)?);
    columns.iter().map(text).collect()
}

/// The key of every row, one after the other: together they would take more than the table.
fn keys(texts: &[StringChunked], n_rows: usize) -> impl Iterator<Item = Option<Key>> {
    let mut cells: Vec<_> = texts.iter().map(StringChunked::iter).collect();
    let key = move |_| {
        // Every column moves on, also after one without a value.
        let values: Vec<Option<&str>> = cells
            .iter_mut()
            .map(|cells| cells.next().flatten())
            .collect();
        values
            .into_iter()
            .map(|value| value.map(Box::from))
            .collect()
    };
    (0..n_rows).map(key)
}

/// A column as text; floats in their shortest form, so that 5.0 is `5`.
fn as_text(column: &Column) -> Result<StringChunked, polars::error::PolarsError> {
    let series = column.as_materialized_series();
    match series.dtype() {
        DataType::Float64 => {
            let texts: Vec<_> = series
                .f64()?
                .iter()
                .map(|value| value.map(|value| value.to_string()))
                .collect();
            Ok(StringChunked::new(series.name().clone(), texts))
        }
        _ => print::text_column(column),
    }
}

/// `frame` with `column` cut into several in its place.
fn split_column(frame: DataFrame, column: &str, split: &Split) -> Result<DataFrame, String> {
    if split.at.is_empty() || split.into.is_empty() {
        return Err("needs the text to cut at, and the names of the new columns".to_owned());
    }
    let idx = frame
        .get_column_index(column)
        .ok_or("is not a column of the file; check the name")?;
    let height = frame.height();
    let mut columns = frame.into_columns();
    let whole = columns.remove(idx);
    let cells = whole.str().map_err(|error| error.to_string())?;
    let mut parts: Vec<_> = split
        .into
        .iter()
        .map(|name| StringChunkedBuilder::new(PlSmallStr::from_str(name), height))
        .collect();
    for (row, cell) in cells.iter().enumerate() {
        let Some(cell) = cell else {
            parts.iter_mut().for_each(StringChunkedBuilder::append_null);
            continue;
        };
        let values: Vec<_> = cell.split(&split.at).map(str::trim).collect();
        if values.len() != parts.len() {
            return Err(format!(
                "row {} gives {} values, not {}; correct `{cell}`",
                row + 1,
                values.len(),
                parts.len()
            ));
        }
        for (part, value) in parts.iter_mut().zip(values) {
            part.append_option((!value.is_empty()).then_some(value));
        }
    }
    columns.splice(
        idx..idx,
        parts.into_iter().map(|part| part.finish().into_column()),
    );
    DataFrame::new(height, columns).map_err(|error| error.to_string())
}
