//! A column of a table to stored values.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use rayon::prelude::*;
use zarr_fuse_arrays::values::Values;
use zarr_fuse_decode::OnBadCell;
use zarr_fuse_journal::outcome::{Problems, RowProblem};
use zarr_fuse_schemas::{
    DataType, Measure, Scalar, Variable, row_problem::cut, rules::Rules, time::Tick,
    unit::Conversion,
};

use super::distinct::{Encoder, row_number};
use super::element::Element;
use super::fault::Fault;
use super::folds::Folds;
use super::labels::Labels;
use super::numbers::{Exactness, Numbers};
use super::source::{Cell, Source};
use super::time::{Moment, TimeError, TimeReader};
use super::{Admission, Terms};

/// Rows that one thread takes at a time.
const PART: usize = 1 << 15;

/// What is to be read of the table.
#[derive(Debug)]
pub(super) struct Target<'s> {
    /// Where it goes; its column is already in `source`.
    pub(super) variable: &'s Variable,
    /// The coordinate whose values depend on it: every row needs a value.
    pub(super) coordinate: Option<&'s str>,
    /// From what the file says it delivers; `None`: as the schema says.
    pub(super) conversion: Option<Conversion>,
    /// The cells.
    pub(super) source: Source,
    /// How they are taken.
    pub(super) terms: Terms,
    /// Which of two instants the times of rows mean that may mean both, if their order says so.
    pub(super) folds: Option<Folds>,
}

impl Target<'_> {
    /// Whether a cell is a coordinate value that the bounds hold for.
    pub(super) fn is_bounded(&self) -> bool {
        self.coordinate.is_some() && self.terms.admission == Admission::New
    }

    /// How numbers are converted from their unit.
    fn exactness(&self) -> Exactness {
        match (self.terms.rules, self.coordinate) {
            (Rules::First, _) => Exactness::First,
            (Rules::Second, None) => Exactness::Value,
            (Rules::Second, Some(_)) => Exactness::Coordinate,
        }
    }

    /// Ticks that a time may have: those that 64-bit nanoseconds hold, unless the schema says which ones.
    fn window(&self, tick: Tick) -> Option<RangeInclusive<i64>> {
        let is_free = !self.is_bounded() || self.variable.interval.is_some();
        let last = i64::MAX / tick.nanoseconds();
        (!is_free).then_some(-last..=last)
    }
}

/// A column in stored form, one element per row of the table.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) elements: Elements,
    pub(super) marks: Marks,
}

/// Elements as they are, or as numbers of distinct ones (coordinates and strings).
#[derive(Debug)]
pub(super) enum Elements {
    Plain(Values),
    Encoded { distinct: Values, index: Vec<u32> },
}

/// What is wrong with a column.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Rows with a value; `None`: all of them.
    pub(super) valid: Option<Vec<bool>>,
    /// Rows that cannot take part, ascending.
    pub(super) rejected: Vec<u32>,
    /// Rows whose cell cannot be read or would be stored with a loss, ascending.
    pub(super) bad: Vec<u32>,
    /// In row order.
    pub(super) problems: Problems,
    /// Whether any is due to the bounds on coordinate values.
    pub(super) limited: bool,
}

/// Reads a column of `n_rows` cells.
pub(super) fn read_column(target: &Target<'_>, n_rows: usize) -> Column {
    let variable = target.variable;
    let numbers = Numbers::new(
        variable,
        target.conversion,
        target.coordinate == Some(&variable.name),
        target.is_bounded(),
        target.exactness(),
    );
    let numbers = &numbers;

    /// Reads elements of one integer type with `$read`, which takes a cell.
    macro_rules! integers {
        ($read:ident) => {
            match variable.data_type {
                DataType::Int8 => read(target, n_rows, || |_, cell| $read!(i8, cell)),
                DataType::Int16 => read(target, n_rows, || |_, cell| $read!(i16, cell)),
                DataType::Int32 => read(target, n_rows, || |_, cell| $read!(i32, cell)),
                DataType::UInt8 => read(target, n_rows, || |_, cell| $read!(u8, cell)),
                DataType::UInt16 => read(target, n_rows, || |_, cell| $read!(u16, cell)),
                DataType::UInt32 => read(target, n_rows, || |_, cell| $read!(u32, cell)),
                DataType::UInt64 => read(target, n_rows, || |_, cell| $read!(u64, cell)),
                _ => read(target, n_rows, || |_, cell| $read!(i64, cell)),
            }
        };
    }
    macro_rules! whole {
        ($type:ty, $cell:ident) => {
            numbers.whole::<$type>($cell)
        };
    }

    match (&variable.measure, variable.data_type) {
        (Measure::Time { unit, source_unit }, _) => {
            let window = target.window(unit.tick);
            read(target, n_rows, || {
                let mut reader = TimeReader::new(source_unit, unit.tick, target.terms.rules);
                let window = window.clone();
                move |row, cell| {
                    if let Some(folds) = &target.folds {
                        reader.fold(folds.get(&row).copied());
                    }
                    let ticks = read_time(&mut reader, numbers, variable, cell)?;
                    match (ticks, &window) {
                        (Some(ticks), Some(window)) if !window.contains(&ticks) => {
                            Err(Fault::FarTime(ticks))
                        }
                        _ => Ok(ticks),
                    }
                }
            })
        }
        (Measure::Discrete { labels }, _) => {
            let labels = Labels::new(labels);
            macro_rules! code {
                ($type:ty, $cell:ident) => {{
                    let code = labels.code(&$cell.print()).ok_or(Fault::UnknownLabel)?;
                    let code = <$type>::try_from(code).map_err(|_beyond| Fault::Overflow)?;
                    Ok((code != 0).then_some(code))
                }};
            }
            integers!(code)
        }
        (Measure::Truth, DataType::Int8) => read(target, n_rows, || {
            |_, cell| Ok(numbers.truth(cell)?.map(i8::from))
        }),
        (_, DataType::String) => read_strings(target, n_rows, usize::MAX),
        (_, DataType::FixedString(length)) => read_strings(target, n_rows, length as usize),
        (_, DataType::Bool) => read(target, n_rows, || |_, cell| numbers.truth(cell)),
        (_, DataType::Float32) => read(target, n_rows, || {
            |_, cell| Ok(numbers.float(cell)?.map(single))
        }),
        (_, DataType::Float64) => read(target, n_rows, || |_, cell| numbers.float(cell)),
        (_, DataType::Complex64) => read(target, n_rows, || {
            |_, cell| Ok(numbers.complex(cell)?.map(|z| z.map(single)))
        }),
        (_, DataType::Complex128) => read(target, n_rows, || |_, cell| numbers.complex(cell)),
        _ => integers!(whole),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounded to 32 bits before")]
fn single(number: f64) -> f32 {
    number as f32
}

fn read_time(
    reader: &mut TimeReader<'_>,
    numbers: &Numbers,
    variable: &Variable,
    cell: Cell<'_>,
) -> Result<Option<i64>, Fault> {
    let ticks = match cell {
        Cell::Text(text) => reader.text(text)?,
        Cell::Int(ticks) => reader.ticks(ticks)?,
        Cell::UInt(ticks) => match i64::try_from(ticks) {
            Ok(ticks) => reader.ticks(ticks)?,
            Err(_) => return Err(TimeError::TooFar.into()),
        },
        Cell::Float(ticks) => reader.float(ticks)?,
        Cell::Bool(_) => return Err(TimeError::Unreadable.into()),
        Cell::Time { ticks, .. } if ticks == i64::MIN => None,
        Cell::Time {
            ticks,
            tick,
            is_utc,
        } => {
            let moment = Moment::from_ticks(ticks, tick).ok_or(TimeError::TooFar)?;
            Some(if is_utc {
                reader.utc(moment)?
            } else {
                reader.local(moment)?
            })
        }
    };
    let Some(ticks) = ticks else { return Ok(None) };
    if variable.na == Some(Scalar::Int(ticks)) {
        return Ok(None);
    }
    if variable.interval.is_some() {
        #[expect(
            clippy::cast_precision_loss,
            reason = "only compared with the ends of a range, which are floats"
        )]
        numbers.check(ticks as f64)?;
    }
    Ok(Some(ticks))
}

/// Reads elements of type `T` with the function that `make` makes for each part of the rows.
fn read<'a, T, F>(target: &'a Target<'_>, n_rows: usize, make: impl Fn() -> F + Sync) -> Column
where
    T: Element,
    F: FnMut(usize, Cell<'a>) -> Result<Option<T>, Fault>,
{
    if target.coordinate.is_none() {
        let mut elements = vec![T::default(); n_rows];
        let marks = in_parts(&mut elements, |rows, out| fill(target, rows, out, make()));
        return Column {
            elements: Elements::Plain(T::values(elements)),
            marks: Marks::join(marks, n_rows),
        };
    }
    let (index, keys, marks) = encode(target, n_rows, || {
        let mut convert = make();
        move |row, cell| Ok(convert(row, cell)?.map(Element::key))
    });
    let distinct = T::values(keys.into_iter().map(T::from_key).collect());
    Column {
        elements: Elements::Encoded { distinct, index },
        marks,
    }
}

fn read_strings(target: &Target<'_>, n_rows: usize, max_characters: usize) -> Column {
    let na = match &target.variable.na {
        Some(Scalar::Str(na)) => Some(na.as_str()),
        _ => None,
    };
    let (index, keys, marks) = encode(target, n_rows, || {
        |_, cell| match cell {
            Cell::Text(text) if Some(text) == na => Ok(None),
            // A character takes at least a byte.
            Cell::Text(text)
                if text.len() > max_characters && text.chars().count() > max_characters =>
            {
                Err(Fault::TooLong)
            }
            Cell::Text(text) => Ok(Some(text)),
            // Columns for strings are made text before.
            _ => Ok(None),
        }
    });
    let distinct = Values::Str(keys.into_iter().map(Arc::from).collect());
    Column {
        elements: Elements::Encoded { distinct, index },
        marks,
    }
}

/// Numbers the distinct keys that the function made by `make` reads.
fn encode<'a, K, F>(
    target: &'a Target<'_>,
    n_rows: usize,
    make: impl Fn() -> F + Sync,
) -> (Vec<u32>, Vec<K>, Marks)
where
    K: Copy + Ord + std::hash::Hash + Send + Sync,
    F: FnMut(usize, Cell<'a>) -> Result<Option<K>, Fault>,
{
    let mut index = vec![0; n_rows];
    let parts = in_parts(&mut index, |rows, out| {
        let mut encoder = Encoder::new();
        let mut convert = make();
        let marks = fill(target, rows, out, |row, cell| {
            Ok(convert(row, cell)?.map(|key| encoder.number(key)))
        });
        (encoder, marks)
    });
    let (encoders, marks): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let keys = Encoder::join(encoders, &mut index, PART).into_keys();
    (index, keys, Marks::join(marks, n_rows))
}

/// Calls `work` with parts of the rows, in parallel when there are many; results in row order.
fn in_parts<T: Send, R: Send>(
    out: &mut [T],
    work: impl Fn(Range<usize>, &mut [T]) -> R + Sync,
) -> Vec<R> {
    if out.len() <= PART {
        return vec![work(0..out.len(), out)];
    }
    let part =
        |(number, out): (usize, &mut [T])| work(number * PART..number * PART + out.len(), out);
    out.par_chunks_mut(PART).enumerate().map(part).collect()
}

/// Reads the cells of `rows` into `out`.
fn fill<'a, T>(
    target: &'a Target<'_>,
    rows: Range<usize>,
    out: &mut [T],
    mut convert: impl FnMut(usize, Cell<'a>) -> Result<Option<T>, Fault>,
) -> Marks {
    let mut marks = Marks::default();
    let (first, n_rows) = (rows.start, rows.len());
    target.source.visit(rows, |position, cell| {
        let fault = match cell.map(|cell| convert(first + position, cell)) {
            Some(Ok(Some(element))) => {
                out[position] = element;
                return;
            }
            Some(Ok(None)) | None => None,
            Some(Err(fault)) => Some(fault),
        };
        marks.note(target, cell, fault, (first, position, n_rows));
    });
    marks
}

impl Marks {
    /// Marks a row of a part without a value.
    fn note(
        &mut self,
        target: &Target<'_>,
        cell: Option<Cell<'_>>,
        fault: Option<Fault>,
        (first, position, n_rows): (usize, usize, usize),
    ) {
        self.valid.get_or_insert_with(|| vec![true; n_rows])[position] = false;
        let Some(fault) = fault.or(target.coordinate.map(|_| Fault::Missing)) else {
            return;
        };
        let is_bad = fault.is_bad_cell();
        if is_bad {
            self.bad.push(row_number(first + position));
        }
        let costs_row = is_bad && target.terms.on_bad_cell != OnBadCell::Value;
        if target.coordinate.is_some() || costs_row {
            self.rejected.push(row_number(first + position));
        }
        self.limited |= fault.is_bound();
        self.problems.push(|| RowProblem {
            row: Some((first + position) as u64 + 1),
            line: None,
            column: Some(target.variable.column.clone()),
            value: cell.map(|cell| cut(&cell.print())),
            reason: fault.reason(cell, target),
        });
    }

    /// Joins the marks of consecutive parts.
    fn join(parts: Vec<Self>, n_rows: usize) -> Self {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_default();
        for (part, start) in parts.zip((PART..).step_by(PART)) {
            let length = PART.min(n_rows - start);
            match (&mut whole.valid, part.valid) {
                (None, None) => {}
                (Some(valid), Some(part)) => valid.extend(part),
                (Some(valid), None) => valid.resize(start + length, true),
                (None, Some(part)) => {
                    let mut valid = Vec::with_capacity(n_rows);
                    valid.resize(start, true);
                    valid.extend(part);
                    whole.valid = Some(valid);
                }
            }
            whole.rejected.extend(part.rejected);
            whole.bad.extend(part.bad);
            whole.problems.extend(part.problems);
            whole.limited |= part.limited;
        }
        whole
    }
}
