//! Arrow IPC, as a stream or a file, to a table.

mod columns;
mod frames;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::Schema;
use arrow::ipc::reader::StreamDecoder;
use polars::prelude::DataFrame;

use super::format_error::FormatError;
use super::{DecodeError, Limits};
pub(super) use columns::Columns;

const FORMAT: &str = "Arrow IPC";

/// Reads a stream, or a file, which is a stream between two magic words.
///
/// Columns keep their types. Times with a zone are in UTC; those without are of the clock that the schema names.
///
/// # Errors
/// Damaged messages; columns that are lists, structures or bytes; batches beyond the bounds, before they are read.
pub(super) fn read(body: &[u8], limits: &Limits) -> Result<DataFrame, DecodeError> {
    let stream = frames::stream_of(body)?;
    let mut decoder = StreamDecoder::new();
    let mut columns: Option<Columns> = None;
    let mut budget = frames::Budget::new(limits);
    let damaged = |error| FormatError::damaged(FORMAT, error);
    for frame in frames::split(stream) {
        let frame = frame?;
        budget.admit(&frame, columns.as_ref().map_or(0, Columns::width))?;
        // The decoder cuts its own copy, so that columns are aligned.
        let mut buffer = Buffer::from(frame.bytes());
        while !buffer.is_empty() {
            let batch: Option<RecordBatch> = decoder.decode(&mut buffer).map_err(damaged)?;
            if let (None, Some(schema)) = (&columns, decoder.schema()) {
                columns = Some(Columns::new(FORMAT, &schema, limits)?);
            }
            if let (Some(columns), Some(batch)) = (&mut columns, batch) {
                columns.append(&batch)?;
            }
        }
    }
    decoder.finish().map_err(damaged)?;
    match columns {
        Some(columns) => columns.finish(),
        None => Columns::new(FORMAT, &Schema::empty(), limits)?.finish(),
    }
}
