//! Columns of Arrow batches, copied into columns of a table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{self, DecimalType};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, RecordBatch};
use arrow_schema::{DataType, Schema, TimeUnit as ArrowUnit};
use arrow_select::take::take;
use polars::prelude::{
    BooleanChunked, ChunkedArray, Column, DataFrame, DataType as Kept, IntoColumn, IntoSeries,
    NewChunkedArray, PlSmallStr, PolarsNumericType, Series, StringChunkedBuilder, TimeUnit,
    TimeZone,
};

use super::super::budget::{Budget, cell_bytes, text_bytes};
use super::super::format_error::FormatError;
use super::super::{DecodeError, NodeColumns};

/// Columns that grow batch by batch.
#[derive(Debug)]
pub(crate) struct Columns<'b> {
    format: &'static str,
    series: Vec<Series>,
    /// Which fields of the schema they are, of how many.
    fields: Vec<usize>,
    n_fields: usize,
    n_rows: usize,
    /// Rows whose cells were taken from the budget.
    n_expected: usize,
    budget: &'b Budget<'b>,
}

impl<'b> Columns<'b> {
    /// Empty columns for the fields of `schema`. Those of types that a table does not have, and those of a name that several
    /// have, are left out.
    ///
    /// # Errors
    /// Too many fields, or one that is wanted and would be left out.
    pub(crate) fn new(
        format: &'static str,
        schema: &Schema,
        wanted: Option<&NodeColumns>,
        budget: &'b Budget<'b>,
    ) -> Result<Self, DecodeError> {
        let fields = schema.fields();
        budget.check_columns(fields.len())?;
        let mut places: HashMap<&str, Vec<usize>> = HashMap::with_capacity(fields.len());
        for (idx, field) in fields.iter().enumerate() {
            places.entry(field.name()).or_default().push(idx);
        }
        let mut columns: Vec<Series> = Vec::with_capacity(fields.len());
        let mut taken = Vec::with_capacity(fields.len());
        for (idx, field) in fields.iter().enumerate() {
            let name = field.name();
            let is_wanted = wanted.is_some_and(|wanted| wanted.has(name));
            if let [first, second, ..] = places[name.as_str()][..] {
                if is_wanted {
                    return Err(DecodeError::DuplicateColumn {
                        column: name.clone(),
                        first: first + 1,
                        second: second + 1,
                    });
                }
                continue;
            }
            match kept_type(field.data_type()) {
                Some(kept) => {
                    columns.push(Series::new_empty(PlSmallStr::from_str(name), &kept));
                    taken.push(idx);
                }
                None if is_wanted => {
                    return Err(FormatError::NotTaken {
                        format,
                        place: format!("column `{name}`"),
                        found: format!("holds {}", described(field.data_type())),
                        remedy: "write it as columns of numbers, text or times, or read the variable from another column"
                            .to_owned(),
                    }
                    .into());
                }
                None => {}
            }
        }
        Ok(Self {
            format,
            series: columns,
            fields: taken,
            n_fields: fields.len(),
            n_rows: 0,
            n_expected: 0,
            budget,
        })
    }

    /// Asks for the cells of `n_rows` rows in all, before they come.
    ///
    /// # Errors
    /// [`DecodeError`] beyond a bound.
    pub(crate) fn expect(&mut self, n_rows: usize) -> Result<(), DecodeError> {
        // Rows without columns are rows, too.
        self.budget.check_shape(n_rows, self.series.len().max(1))?;
        let n_more = n_rows.saturating_sub(self.n_expected);
        let cells = self.series.iter().map(|column| cell_bytes(column.dtype()));
        self.budget.take_each(n_more, cells.sum())?;
        self.n_expected = self.n_expected.max(n_rows);
        Ok(())
    }

    /// How many fields there are, those that are left out included.
    pub(crate) fn width(&self) -> usize {
        self.n_fields
    }

    /// Which fields of the schema are taken.
    pub(crate) fn fields(&self) -> &[usize] {
        &self.fields
    }

    /// Expects batches of the fields that are taken, and of no others.
    pub(crate) fn of_taken_fields(mut self) -> Self {
        self.n_fields = self.fields.len();
        self.fields = (0..self.n_fields).collect();
        self
    }

    /// Adds the rows of a batch of the same schema.
    pub(crate) fn append(&mut self, batch: &RecordBatch) -> Result<(), DecodeError> {
        if batch.num_columns() != self.n_fields {
            let reason = "a batch has another number of columns than the schema";
            return Err(FormatError::damaged(self.format, reason).into());
        }
        self.n_rows += batch.num_rows();
        self.expect(self.n_rows)?;
        let first_row = self.n_rows - batch.num_rows();
        for (column, field) in self.series.iter_mut().zip(&self.fields) {
            let array = batch.column(*field);
            let name = column.name().clone();
            let series = series_of(&name, array, self.budget).map_err(|fault| match fault {
                Fault::Bound(error) => error,
                Fault::Type => {
                    FormatError::damaged(self.format, format!("column `{name}` changes its type"))
                        .into()
                }
                Fault::Time { row } => FormatError::NotTaken {
                    format: self.format,
                    place: format!("column `{name}`, row {}", first_row + row + 1),
                    found: "holds a time too far from 1970".to_owned(),
                    remedy: "correct it".to_owned(),
                }
                .into(),
                Fault::Damaged(error) => {
                    FormatError::damaged(self.format, format!("column `{name}`: {error}")).into()
                }
            })?;
            column.append_owned(series)?;
        }
        Ok(())
    }

    /// The table.
    pub(crate) fn finish(self) -> Result<DataFrame, DecodeError> {
        let columns: Vec<Column> = self
            .series
            .into_iter()
            .map(IntoColumn::into_column)
            .collect();
        let height = if columns.is_empty() { 0 } else { self.n_rows };
        Ok(DataFrame::new(height, columns)?)
    }
}

/// Why an array cannot become a series.
enum Fault {
    Bound(DecodeError),
    /// Another type than the schema says.
    Type,
    /// A time that does not fit into milliseconds.
    Time {
        row: usize,
    },
    Damaged(arrow_schema::ArrowError),
}

/// The type that cells keep in the table; `None`: it has none for them.
fn kept_type(found: &DataType) -> Option<Kept> {
    Some(match found {
        DataType::Null => Kept::Null,
        DataType::Boolean => Kept::Boolean,
        DataType::Int8 => Kept::Int8,
        DataType::Int16 => Kept::Int16,
        DataType::Int32 => Kept::Int32,
        DataType::Int64 => Kept::Int64,
        DataType::UInt8 => Kept::UInt8,
        DataType::UInt16 => Kept::UInt16,
        DataType::UInt32 => Kept::UInt32,
        DataType::UInt64 => Kept::UInt64,
        DataType::Float16 | DataType::Float32 => Kept::Float32,
        DataType::Float64 => Kept::Float64,
        // Decimals are exact as text.
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Kept::String,
        DataType::Date32 => Kept::Date,
        DataType::Date64 => Kept::Datetime(TimeUnit::Milliseconds, None),
        DataType::Timestamp(unit, zone) => {
            Kept::Datetime(time_unit(*unit), zone.as_ref().map(|_| TimeZone::UTC))
        }
        DataType::Dictionary(_, values) => match values.as_ref() {
            DataType::Dictionary(..) => return None,
            values => return kept_type(values),
        },
        _ => return None,
    })
}

fn time_unit(unit: ArrowUnit) -> TimeUnit {
    match unit {
        ArrowUnit::Second | ArrowUnit::Millisecond => TimeUnit::Milliseconds,
        ArrowUnit::Microsecond => TimeUnit::Microseconds,
        ArrowUnit::Nanosecond => TimeUnit::Nanoseconds,
    }
}

/// What a type without a place in tables is, for a message.
fn described(found: &DataType) -> &'static str {
    match found {
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => "lists",
        DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => "nested records",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "bytes",
        DataType::Time32(_) | DataType::Time64(_) => "times of day without a date",
        DataType::Duration(_) | DataType::Interval(_) => "durations",
        _ => "values of a type that tables do not have",
    }
}

/// A copy of `array`, whose text is taken from the budget: dictionaries and views repeat what is stored once.
fn series_of(name: &PlSmallStr, array: &ArrayRef, budget: &Budget<'_>) -> Result<Series, Fault> {
    macro_rules! numbers {
        ($arrow:ty, $polars:ty) => {
            numeric::<$arrow, $polars>(name, array)
        };
    }
    let series = match array.data_type() {
        DataType::Null => Series::full_null(name.clone(), array.len(), &Kept::Null),
        DataType::Boolean => booleans(name, array.as_boolean()),
        DataType::Int8 => numbers!(types::Int8Type, polars::prelude::Int8Type),
        DataType::Int16 => numbers!(types::Int16Type, polars::prelude::Int16Type),
        DataType::Int32 => numbers!(types::Int32Type, polars::prelude::Int32Type),
        DataType::Int64 => numbers!(types::Int64Type, polars::prelude::Int64Type),
        DataType::UInt8 => numbers!(types::UInt8Type, polars::prelude::UInt8Type),
        DataType::UInt16 => numbers!(types::UInt16Type, polars::prelude::UInt16Type),
        DataType::UInt32 => numbers!(types::UInt32Type, polars::prelude::UInt32Type),
        DataType::UInt64 => numbers!(types::UInt64Type, polars::prelude::UInt64Type),
        DataType::Float16 => {
            let half = array.as_primitive::<types::Float16Type>();
            let wide: ArrayRef = Arc::new(half.unary::<_, types::Float32Type>(f32::from));
            numeric::<types::Float32Type, polars::prelude::Float32Type>(name, &wide)
        }
        DataType::Float32 => numbers!(types::Float32Type, polars::prelude::Float32Type),
        DataType::Float64 => numbers!(types::Float64Type, polars::prelude::Float64Type),
        DataType::Utf8 => return text(name, array.as_string::<i32>().iter(), budget),
        DataType::LargeUtf8 => return text(name, array.as_string::<i64>().iter(), budget),
        DataType::Utf8View => return text(name, array.as_string_view().iter(), budget),
        DataType::Decimal32(..) => return decimals::<types::Decimal32Type>(name, array, budget),
        DataType::Decimal64(..) => return decimals::<types::Decimal64Type>(name, array, budget),
        DataType::Decimal128(..) => return decimals::<types::Decimal128Type>(name, array, budget),
        DataType::Decimal256(..) => return decimals::<types::Decimal256Type>(name, array, budget),
        DataType::Date32 => numeric::<types::Date32Type, polars::prelude::Int32Type>(name, array)
            .cast(&Kept::Date)
            .map_err(|_not_days| Fault::Type)?,
        DataType::Date64 => {
            let ticks = numeric::<types::Date64Type, polars::prelude::Int64Type>(name, array);
            times(&ticks, TimeUnit::Milliseconds, false)?
        }
        DataType::Timestamp(unit, zone) => timestamps(name, array, *unit, zone.is_some())?,
        DataType::Dictionary(_, values) => return dictionary(name, array, values, budget),
        _ => return Err(Fault::Type),
    };
    Ok(series)
}

fn timestamps(
    name: &PlSmallStr,
    array: &ArrayRef,
    unit: ArrowUnit,
    is_utc: bool,
) -> Result<Series, Fault> {
    macro_rules! ticks {
        ($arrow:ty) => {
            numeric::<$arrow, polars::prelude::Int64Type>(name, array)
        };
    }
    let ticks = match unit {
        ArrowUnit::Second => {
            let seconds = array.as_primitive::<types::TimestampSecondType>();
            let mut ticks = Vec::with_capacity(seconds.len());
            for (row, seconds) in seconds.iter().enumerate() {
                ticks.push(match seconds {
                    None => None,
                    Some(seconds) => Some(seconds.checked_mul(1000).ok_or(Fault::Time { row })?),
                });
            }
            polars::prelude::Int64Chunked::from_iter_options(name.clone(), ticks.into_iter())
                .into_series()
        }
        ArrowUnit::Millisecond => ticks!(types::TimestampMillisecondType),
        ArrowUnit::Microsecond => ticks!(types::TimestampMicrosecondType),
        ArrowUnit::Nanosecond => ticks!(types::TimestampNanosecondType),
    };
    times(&ticks, time_unit(unit), is_utc)
}

fn times(ticks: &Series, unit: TimeUnit, is_utc: bool) -> Result<Series, Fault> {
    let ticks = ticks.i64().map_err(|_not_ticks| Fault::Type)?.clone();
    Ok(ticks
        .into_datetime(unit, is_utc.then_some(TimeZone::UTC))
        .into_series())
}

/// Numbers of one type; without nulls they are copied at once.
fn numeric<A, P>(name: &PlSmallStr, array: &ArrayRef) -> Series
where
    A: ArrowPrimitiveType,
    P: PolarsNumericType<Native = A::Native>,
    ChunkedArray<P>: IntoSeries,
{
    let array: &PrimitiveArray<A> = array.as_primitive();
    if array.null_count() == 0 {
        return ChunkedArray::<P>::from_vec(name.clone(), array.values().to_vec()).into_series();
    }
    ChunkedArray::<P>::from_iter_options(name.clone(), array.iter()).into_series()
}

fn booleans(name: &PlSmallStr, array: &BooleanArray) -> Series {
    BooleanChunked::from_iter_options(name.clone(), array.iter()).into_series()
}

fn text(
    name: &PlSmallStr,
    cells: impl ExactSizeIterator<Item = Option<impl AsRef<str>>>,
    budget: &Budget<'_>,
) -> Result<Series, Fault> {
    let mut builder = StringChunkedBuilder::new(name.clone(), cells.len());
    for cell in cells {
        let n_bytes = cell.as_ref().map_or(0, |cell| text_bytes(cell.as_ref()));
        if n_bytes > 0 {
            budget.take(n_bytes).map_err(Fault::Bound)?;
        }
        builder.append_option(cell);
    }
    Ok(builder.finish().into_series())
}

/// Decimals as text, which is exact.
fn decimals<T: DecimalType>(
    name: &PlSmallStr,
    array: &ArrayRef,
    budget: &Budget<'_>,
) -> Result<Series, Fault> {
    let array = array.as_primitive::<T>();
    let cells = (0..array.len()).map(|row| array.is_valid(row).then(|| array.value_as_string(row)));
    text(name, cells, budget)
}

/// The values that the keys of a dictionary stand for.
fn dictionary(
    name: &PlSmallStr,
    array: &ArrayRef,
    values: &DataType,
    budget: &Budget<'_>,
) -> Result<Series, Fault> {
    let dictionary = array.as_any_dictionary();
    if !matches!(
        values,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    ) {
        // Values of a fixed size: as many bytes as the cells take anyway.
        let plain = take(dictionary.values(), dictionary.keys(), None).map_err(Fault::Damaged)?;
        return series_of(name, &plain, budget);
    }
    let stored = dictionary.values();
    let texts: Vec<Option<&str>> = match values {
        DataType::Utf8 => stored.as_string::<i32>().iter().collect(),
        DataType::LargeUtf8 => stored.as_string::<i64>().iter().collect(),
        _ => stored.as_string_view().iter().collect(),
    };
    if texts.is_empty() {
        return text(name, std::iter::repeat_n(None::<&str>, array.len()), budget);
    }
    let (places, keys) = (dictionary.normalized_keys(), dictionary.keys());
    let cells = places.into_iter().enumerate();
    let cells = cells.map(|(row, place)| keys.is_valid(row).then(|| texts[place]).flatten());
    text(name, cells, budget)
}
