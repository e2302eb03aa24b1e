//! Arrow IPC, as a stream or a file, to a table or to arrays.

mod arrays;
mod columns;
mod frames;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::Schema;
use indexmap::IndexMap;

use super::budget::Budget;
use super::format_error::FormatError;
use super::{DecodeError, Decoded, Lost, NodeColumns, Table};
pub(super) use columns::Columns;

pub(super) const FORMAT: &str = "Arrow IPC";

/// Reads a stream, or a file, which is a stream between two magic words.
///
/// Columns keep their types. Times with a zone are in UTC; those without are of the clock that the schema names.
///
/// # Errors
/// Damaged messages; wanted columns that are lists, structures or bytes; batches beyond the bounds, before they are read.
pub(super) fn read(
    body: &[u8],
    wanted: Option<&NodeColumns>,
    budget: &Budget<'_>,
) -> Result<Decoded, DecodeError> {
    let stream = frames::stream_of(body)?;
    let mut decoder = StreamDecoder::new();
    let mut columns: Option<Columns<'_>> = None;
    let (mut grids, mut file_units) = (None, IndexMap::new());
    let mut promises = frames::Promises::new(budget.limits());
    let damaged = |error| FormatError::damaged(FORMAT, error);
    for frame in frames::split(stream) {
        let frame = frame?;
        promises.admit(&frame, columns.as_ref().map_or(0, Columns::width))?;
        // The decoder cuts its own copy, so that columns are aligned.
        let mut buffer = Buffer::from(frame.bytes());
        while !buffer.is_empty() {
            let batch: Option<RecordBatch> = decoder.decode(&mut buffer).map_err(damaged)?;
            let schema = decoder.schema();
            if schema.as_ref().is_some_and(|schema| arrays::are_in(schema)) {
                match batch {
                    Some(_) if grids.is_some() => {
                        return Err(FormatError::damaged(FORMAT, "arrays come in one batch").into());
                    }
                    Some(batch) => grids = Some(arrays::of(&batch, budget)?),
                    None => {}
                }
                continue;
            }
            if let (None, Some(schema)) = (&columns, schema) {
                columns = Some(Columns::new(FORMAT, &schema, wanted, budget)?);
                file_units = units(&schema);
            }
            if let (Some(columns), Some(batch)) = (&mut columns, batch) {
                columns.append(&batch)?;
            }
        }
    }
    decoder.finish().map_err(damaged)?;
    if let Some(grids) = grids {
        return Ok(Decoded::Grids(grids));
    }
    let frame = match columns {
        Some(columns) => columns.finish(),
        None => Columns::new(FORMAT, &Schema::empty(), None, budget)?.finish(),
    };
    Ok(Decoded::Table(Table {
        frame: frame?,
        units: file_units,
        lost: Lost::default(),
        lines: None,
    }))
}

/// What the metadata of fields says that their numbers count: the key `units`, or `unit`.
pub(super) fn units(schema: &Schema) -> IndexMap<String, String> {
    let unit = |field: &std::sync::Arc<arrow_schema::Field>| {
        let metadata = field.metadata();
        let unit = metadata.get("units").or_else(|| metadata.get("unit"))?;
        Some((field.name().clone(), unit.clone()))
    };
    schema.fields().iter().filter_map(unit).collect()
}
