//! Arrow IPC streams and Parquet files.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types;
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, PrimitiveArray, RecordBatch,
    RecordBatchOptions, StringArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{
    DataType as ArrowType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use zarr_fuse_arrays::values::Values;
use zarr_fuse_schemas::{DataType, time::Tick};

use super::super::elements::ABSENT;
use super::super::error::QueryError;
use super::super::format::{Field, Kind};
use super::super::rows::{Cells, Rows};

/// Writes an IPC stream, one record batch per block.
pub(in super::super) struct Ipc {
    fields: Vec<Arc<Field>>,
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl Ipc {
    pub(super) fn new(fields: Vec<Arc<Field>>) -> Result<Self, QueryError> {
        let schema = schema(&fields, TimeUnit::Second);
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(|e| failed("arrow", e))?;
        Ok(Self {
            fields,
            schema,
            writer,
        })
    }

    pub(super) fn rows(&mut self, rows: &Rows) -> Result<Vec<u8>, QueryError> {
        let batch = batch(&self.fields, &self.schema, rows).map_err(|e| failed("arrow", e))?;
        self.writer.write(&batch).map_err(|e| failed("arrow", e))?;
        Ok(std::mem::take(self.writer.get_mut()))
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, QueryError> {
        self.writer.finish().map_err(|e| failed("arrow", e))?;
        self.writer.into_inner().map_err(|e| failed("arrow", e))
    }
}

/// Writes a Parquet file, one row group per block.
pub(in super::super) struct Parquet {
    fields: Vec<Arc<Field>>,
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl Parquet {
    pub(super) fn new(fields: Vec<Arc<Field>>) -> Result<Self, QueryError> {
        // Parquet has no timestamps of whole seconds.
        let schema = schema(&fields, TimeUnit::Millisecond);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))
            .map_err(|e| failed("parquet", e))?;
        Ok(Self {
            fields,
            schema,
            writer,
        })
    }

    pub(super) fn rows(&mut self, rows: &Rows) -> Result<Vec<u8>, QueryError> {
        let batch = batch(&self.fields, &self.schema, rows).map_err(|e| failed("parquet", e))?;
        self.writer
            .write(&batch)
            .map_err(|e| failed("parquet", e))?;
        self.writer.flush().map_err(|e| failed("parquet", e))?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, QueryError> {
        self.writer.into_inner().map_err(|e| failed("parquet", e))
    }
}

fn failed(
    format: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> QueryError {
    QueryError::Write {
        format,
        source: Box::new(error),
    }
}

fn schema(fields: &[Arc<Field>], coarsest: TimeUnit) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        let mut metadata = HashMap::new();
        metadata.extend(field.units.clone().map(|units| ("units".to_owned(), units)));
        metadata.extend(
            field
                .description
                .clone()
                .map(|text| ("long_name".to_owned(), text)),
        );
        ArrowField::new(&field.name, arrow_type(field, coarsest), true).with_metadata(metadata)
    };
    Arc::new(Schema::new(fields.iter().map(field).collect::<Fields>()))
}

fn arrow_type(field: &Field, coarsest: TimeUnit) -> ArrowType {
    match &field.kind {
        Kind::Time(time) => {
            let unit = match time.tick {
                Tick::Nanosecond => TimeUnit::Nanosecond,
                Tick::Microsecond => TimeUnit::Microsecond,
                Tick::Millisecond => TimeUnit::Millisecond,
                Tick::Second | Tick::Minute | Tick::Hour | Tick::Day => coarsest,
            };
            return ArrowType::Timestamp(unit, Some(time.zone_name().into()));
        }
        Kind::Labels(_) => return ArrowType::Utf8,
        Kind::Truth => return ArrowType::Boolean,
        Kind::Plain => {}
    }
    let parts = |part: ArrowType| {
        ArrowType::Struct(Fields::from(vec![
            ArrowField::new("real", part.clone(), false),
            ArrowField::new("imag", part, false),
        ]))
    };
    match field.data_type {
        DataType::Bool => ArrowType::Boolean,
        DataType::Int8 => ArrowType::Int8,
        DataType::Int16 => ArrowType::Int16,
        DataType::Int32 => ArrowType::Int32,
        DataType::Int64 => ArrowType::Int64,
        DataType::UInt8 => ArrowType::UInt8,
        DataType::UInt16 => ArrowType::UInt16,
        DataType::UInt32 => ArrowType::UInt32,
        DataType::UInt64 => ArrowType::UInt64,
        DataType::Float32 => ArrowType::Float32,
        DataType::Float64 => ArrowType::Float64,
        DataType::Complex64 => parts(ArrowType::Float32),
        DataType::Complex128 => parts(ArrowType::Float64),
        DataType::String | DataType::FixedString(_) => ArrowType::Utf8,
    }
}

fn batch(
    fields: &[Arc<Field>],
    schema: &SchemaRef,
    rows: &Rows,
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let columns = fields.iter().zip(schema.fields()).zip(&rows.cells);
    let columns = columns
        .map(|((field, arrow), cells)| array(field, arrow.data_type(), cells))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.n));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

fn array(field: &Field, arrow_type: &ArrowType, cells: &Cells) -> ArrayRef {
    let (values, index) = (cells.values.as_ref(), &cells.index);
    let valid = |i: u32| i != ABSENT && !field.na.is_na(values, i as usize);
    if let (Kind::Time(time), Values::Int64(ticks)) = (&field.kind, values) {
        return timestamps(ticks, index, &valid, time.tick, arrow_type);
    }
    if let Kind::Labels(_) = &field.kind {
        let label = |&i: &u32| valid(i).then(|| field.kind.text(values, i as usize));
        return Arc::new(index.iter().map(label).collect::<StringArray>());
    }
    if let (Kind::Truth, Values::Int8(v)) = (&field.kind, values) {
        let truth = |&i: &u32| valid(i).then(|| v[i as usize] == 1);
        return Arc::new(index.iter().map(truth).collect::<BooleanArray>());
    }
    macro_rules! primitive {
        ($v:expr, $type:ty) => {
            Arc::new(
                index
                    .iter()
                    .map(|&i| valid(i).then(|| $v[i as usize]))
                    .collect::<PrimitiveArray<$type>>(),
            )
        };
    }
    match values {
        Values::Bool(v) => Arc::new(
            index
                .iter()
                .map(|&i| v.get(i as usize).copied())
                .collect::<BooleanArray>(),
        ),
        Values::Int8(v) => primitive!(v, types::Int8Type),
        Values::Int16(v) => primitive!(v, types::Int16Type),
        Values::Int32(v) => primitive!(v, types::Int32Type),
        Values::Int64(v) => primitive!(v, types::Int64Type),
        Values::UInt8(v) => primitive!(v, types::UInt8Type),
        Values::UInt16(v) => primitive!(v, types::UInt16Type),
        Values::UInt32(v) => primitive!(v, types::UInt32Type),
        Values::UInt64(v) => primitive!(v, types::UInt64Type),
        Values::Float32(v) => primitive!(v, types::Float32Type),
        Values::Float64(v) => primitive!(v, types::Float64Type),
        Values::Complex64(v) => {
            let part = |part: usize| {
                Float32Array::from_iter_values(
                    index
                        .iter()
                        .map(|&i| v.get(i as usize).map_or(0.0, |v| v[part])),
                )
            };
            complex(
                arrow_type,
                [Arc::new(part(0)), Arc::new(part(1))],
                index.iter().map(|&i| valid(i)),
            )
        }
        Values::Complex128(v) => {
            let part = |part: usize| {
                Float64Array::from_iter_values(
                    index
                        .iter()
                        .map(|&i| v.get(i as usize).map_or(0.0, |v| v[part])),
                )
            };
            complex(
                arrow_type,
                [Arc::new(part(0)), Arc::new(part(1))],
                index.iter().map(|&i| valid(i)),
            )
        }
        Values::Str(v) => {
            let text = |&i: &u32| v.get(i as usize);
            Arc::new(index.iter().map(text).collect::<StringArray>())
        }
    }
}

fn complex(
    arrow_type: &ArrowType,
    parts: [ArrayRef; 2],
    valid: impl Iterator<Item = bool>,
) -> ArrayRef {
    let ArrowType::Struct(fields) = arrow_type else {
        return Arc::clone(&parts[0]);
    };
    Arc::new(StructArray::new(
        fields.clone(),
        parts.into(),
        Some(valid.collect()),
    ))
}

/// Ticks coarser than the timestamp's unit are multiplied; times too far away for it become null.
fn timestamps(
    ticks: &[i64],
    index: &[u32],
    valid: &dyn Fn(u32) -> bool,
    tick: Tick,
    arrow_type: &ArrowType,
) -> ArrayRef {
    let ArrowType::Timestamp(unit, Some(zone)) = arrow_type else {
        return arrow_array::new_null_array(arrow_type, index.len());
    };
    let unit_ns = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    let factor = tick.nanoseconds() / unit_ns;
    let scaled = index.iter().map(|&i| {
        if valid(i) {
            ticks[i as usize].checked_mul(factor)
        } else {
            None
        }
    });
    let zone = Arc::clone(zone);
    match unit {
        TimeUnit::Second => Arc::new(scaled.collect::<TimestampSecondArray>().with_timezone(zone)),
        TimeUnit::Millisecond => Arc::new(
            scaled
                .collect::<TimestampMillisecondArray>()
                .with_timezone(zone),
        ),
        TimeUnit::Microsecond => Arc::new(
            scaled
                .collect::<TimestampMicrosecondArray>()
                .with_timezone(zone),
        ),
        TimeUnit::Nanosecond => Arc::new(
            scaled
                .collect::<TimestampNanosecondArray>()
                .with_timezone(zone),
        ),
    }
}
