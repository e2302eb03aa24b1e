//! Arrays in Arrow IPC: one row, whose cells are lists, and the metadata of each field names its dimensions.
//!
//! A field whose metadata `dims` is `time,y,x` holds the values of an array in C order; one without, or whose only
//! dimension is its own name, holds the values of a coordinate.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use indexmap::IndexMap;

use super::super::budget::Budget;
use super::super::format_error::FormatError;
use super::super::{DecodeError, Grid, Grids, NodeColumns};
use super::{Columns, FORMAT, units};

/// Key of the metadata of a field.
const DIMS: &str = "dims";

/// Whether a schema is one of arrays.
pub(super) fn are_in(schema: &Schema) -> bool {
    let has_dims = |field: &Arc<Field>| field.metadata().contains_key(DIMS);
    schema.fields().iter().any(has_dims)
}

/// The arrays of a batch of one row.
///
/// # Errors
/// More rows than one, fields that are no lists or hold what a table does not have either, lengths that do not fit.
pub(super) fn of(batch: &RecordBatch, budget: &Budget<'_>) -> Result<Grids, DecodeError> {
    if batch.num_rows() != 1 {
        return Err(refuse(
            "the batch".to_owned(),
            format!("has {} rows", batch.num_rows()),
            "send arrays as one row whose cells are lists",
        ));
    }
    let schema = batch.schema();
    let mut grids = Grids {
        coordinates: IndexMap::new(),
        variables: IndexMap::new(),
        units: units(&schema),
    };
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let name = field.name();
        let dims: Vec<String> = match field.metadata().get(DIMS) {
            Some(dims) => dims.split(',').map(|dim| dim.trim().to_owned()).collect(),
            None => vec![name.clone()],
        };
        let values = column(name, &elements(name, array)?, budget)?;
        if dims == [name.as_str()] {
            grids.coordinates.insert(name.clone(), values);
        } else {
            let dims = dims.into_iter().filter(|dim| !dim.is_empty()).collect();
            grids.variables.insert(name.clone(), Grid { dims, values });
        }
    }
    check_lengths(&grids)?;
    Ok(grids)
}

/// The values in the only cell of a list column.
fn elements(name: &str, array: &ArrayRef) -> Result<ArrayRef, DecodeError> {
    let list = match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().value(0)),
        DataType::LargeList(_) => Some(array.as_list::<i64>().value(0)),
        DataType::FixedSizeList(..) => Some(array.as_fixed_size_list().value(0)),
        _ => None,
    };
    list.ok_or_else(|| {
        refuse(
            format!("the field `{name}`"),
            "is no list".to_owned(),
            "write the values of an array as one list, in C order",
        )
    })
}

fn column(
    name: &str,
    values: &ArrayRef,
    budget: &Budget<'_>,
) -> Result<polars::prelude::Column, DecodeError> {
    let field = Field::new(name, values.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let wanted = NodeColumns::variable(name);
    let mut columns = Columns::new(FORMAT, &schema, Some(&wanted), budget)?;
    let batch = RecordBatch::try_new(schema, vec![Arc::clone(values)]);
    columns.append(&batch.map_err(|error| FormatError::damaged(FORMAT, error))?)?;
    let frame = columns.finish()?;
    Ok(frame.columns()[0].clone())
}

/// Every dimension has a coordinate, and every array as many values as its dimensions make.
fn check_lengths(grids: &Grids) -> Result<(), DecodeError> {
    for (name, grid) in &grids.variables {
        let place = || format!("the array `{name}`");
        let unknown = |dim: &&String| !grids.coordinates.contains_key(*dim);
        if let Some(dim) = grid.dims.iter().find(unknown) {
            return Err(refuse(
                place(),
                format!("lies along `{dim}`, which does not come with it"),
                "add a field with the values of that coordinate",
            ));
        }
        if grids.n_cells(&grid.dims) != Some(grid.values.len()) {
            let lengths: Vec<String> = grid
                .dims
                .iter()
                .map(|dim| grids.length(dim).to_string())
                .collect();
            return Err(refuse(
                place(),
                format!(
                    "has {} values, and its dimensions are {}",
                    grid.values.len(),
                    lengths.join(" × ")
                ),
                "write all values, in C order",
            ));
        }
    }
    Ok(())
}

fn refuse(place: String, found: String, remedy: &str) -> DecodeError {
    FormatError::NotTaken {
        format: FORMAT,
        place,
        found,
        remedy: remedy.to_owned(),
    }
    .into()
}
