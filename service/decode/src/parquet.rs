//! Parquet to a table.

mod pages;

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::arrow::{self, Columns};
use super::budget::Budget;
use super::format_error::FormatError;
use super::{DecodeError, Lost, NodeColumns, Table};

pub(super) const FORMAT: &str = "Parquet";
/// Rows read at a time.
const BATCH_ROWS: usize = 1 << 16;

/// Reads a file.
///
/// Columns keep their types. Times that are instants are in UTC; others are of the clock that the schema names.
///
/// # Errors
/// Damaged files; wanted columns that are lists, structures or bytes; row groups and pages beyond the bounds, before they are read.
pub(super) fn read(
    body: &[u8],
    wanted: Option<&NodeColumns>,
    budget: &Budget<'_>,
) -> Result<Table, DecodeError> {
    let damaged = |error| FormatError::damaged(FORMAT, error);
    pages::check_nesting(body)?;
    let body = Bytes::copy_from_slice(body);
    let metadata = ArrowReaderMetadata::load(&body, ArrowReaderOptions::new()).map_err(damaged)?;
    let n_rows = usize::try_from(metadata.metadata().file_metadata().num_rows())
        .map_err(|_negative| FormatError::damaged(FORMAT, "a negative number of rows"))?;
    let mut columns = Columns::new(FORMAT, metadata.schema(), wanted, budget)?;
    let units = arrow::units(metadata.schema());
    columns.expect(n_rows)?;
    pages::check(&body, metadata.metadata(), budget.limits())?;
    let options = ArrowReaderOptions::new().with_schema(views(metadata.schema()));
    let metadata =
        ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).map_err(damaged)?;
    let roots = columns.fields().iter().copied();
    let taken = ProjectionMask::roots(metadata.parquet_schema(), roots);
    let mut columns = columns.of_taken_fields();
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(body, metadata)
        .with_projection(taken)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(damaged)?;
    for batch in reader {
        let batch = batch.map_err(|error| FormatError::damaged(FORMAT, error))?;
        columns.append(&batch)?;
    }
    Ok(Table {
        frame: columns.finish()?,
        units,
        lost: Lost::default(),
        lines: None,
    })
}

/// The same schema with text as views: values of dictionaries are then not repeated before they are counted.
fn views(schema: &Schema) -> Arc<Schema> {
    let is_text = |found: &DataType| matches!(found, DataType::Utf8 | DataType::LargeUtf8);
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, values) if is_text(values) => viewed(field),
        found if is_text(found) => viewed(field),
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn viewed(field: &Arc<Field>) -> Arc<Field> {
    Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
}
