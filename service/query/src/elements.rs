//! Single elements of [`Values`]: gathering, absence, comparison with what a query asks for.

use std::cmp::Ordering;
use std::sync::Arc;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_schemas::{Conversion, DataType, Scalar, Variable};

/// A position or index as one of a slice in memory.
pub(super) use zarr_fuse_schemas::to_usize as at;

/// Stands for a cell that is empty although an element that means so may not exist.
pub(super) const ABSENT: u32 = u32::MAX;

/// What counts as "no value" of a variable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Na {
    /// Booleans: every element is a value.
    Never,
    /// Text: every element is a value, but the empty one does not keep a row in the answer.
    Text,
    /// NaN, and for floats and complex numbers with this real part.
    Float(f64),
    /// This number.
    Int(i128),
}

impl Na {
    /// As the schema says it.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an integer is a way to write the fill value of a float"
    )]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the array holds the fill value in its own precision"
    )]
    pub(super) fn of(variable: &Variable) -> Self {
        let float = match &variable.na {
            Some(Scalar::Float(na) | Scalar::Complex(na, _)) => *na,
            Some(Scalar::Int(na)) => *na as f64,
            Some(Scalar::UInt(na)) => *na as f64,
            _ => f64::NAN,
        };
        match variable.data_type {
            DataType::Bool => Self::Never,
            DataType::String | DataType::FixedString(_) => Self::Text,
            DataType::Float32 | DataType::Complex64 => Self::Float(f64::from(float as f32)),
            DataType::Float64 | DataType::Complex128 => Self::Float(float),
            _ => match &variable.na {
                Some(Scalar::Int(na)) => Self::Int(i128::from(*na)),
                Some(Scalar::UInt(na)) => Self::Int(i128::from(*na)),
                _ => Self::Never,
            },
        }
    }

    /// Whether element `i` is no value.
    #[expect(clippy::float_cmp, reason = "a fill value is stored exactly")]
    pub(super) fn is_na(self, values: &Values, i: usize) -> bool {
        match self {
            Self::Never | Self::Text => false,
            Self::Float(na) => match values {
                Values::Float32(v) => v[i].is_nan() || f64::from(v[i]) == na,
                Values::Float64(v) => v[i].is_nan() || v[i] == na,
                Values::Complex64(v) => {
                    v[i][0].is_nan() || v[i][1].is_nan() || f64::from(v[i][0]) == na
                }
                Values::Complex128(v) => v[i][0].is_nan() || v[i][1].is_nan() || v[i][0] == na,
                _ => false,
            },
            Self::Int(na) => int(values, i) == Some(na),
        }
    }

    /// Whether a cell of `variable` that was never written counts as a value.
    pub(super) fn keeps_unwritten(self, variable: &Variable) -> bool {
        let unwritten = Values::filled(variable.data_type, variable.na.as_ref(), 1);
        self.keeps_row(&unwritten, 0)
    }

    /// Whether element `i` keeps its row in a long answer.
    pub(super) fn keeps_row(self, values: &Values, i: usize) -> bool {
        match (self, values) {
            (Self::Text, Values::Str(v)) => !v[i].is_empty(),
            _ => !self.is_na(values, i),
        }
    }
}

/// A value that a query asks for, in stored terms.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    /// Of integers, booleans, ticks and codes.
    Int(i128),
    /// Of floats, rounded to the precision stored.
    Float(f64),
    /// Of text.
    Text(String),
}

impl Key {
    /// How element `i` compares to this; `None` if they cannot be compared (NaN).
    pub(super) fn compare(&self, values: &Values, i: usize) -> Option<Ordering> {
        match self {
            Self::Int(key) => int(values, i).map(|value| value.cmp(key)),
            Self::Float(key) => float(values, i).and_then(|value| value.partial_cmp(key)),
            Self::Text(key) => match values {
                Values::Str(v) => Some(v[i].as_ref().cmp(key.as_str())),
                _ => None,
            },
        }
    }

    /// As a number, to measure distances.
    #[expect(clippy::cast_precision_loss, reason = "distances need no more")]
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(key) => Some(*key as f64),
            Self::Float(key) => Some(*key),
            Self::Text(_) => None,
        }
    }
}

/// Element `i` of integers and booleans.
pub(super) fn int(values: &Values, i: usize) -> Option<i128> {
    Some(match values {
        Values::Bool(v) => i128::from(v[i]),
        Values::Int8(v) => i128::from(v[i]),
        Values::Int16(v) => i128::from(v[i]),
        Values::Int32(v) => i128::from(v[i]),
        Values::Int64(v) => i128::from(v[i]),
        Values::UInt8(v) => i128::from(v[i]),
        Values::UInt16(v) => i128::from(v[i]),
        Values::UInt32(v) => i128::from(v[i]),
        Values::UInt64(v) => i128::from(v[i]),
        _ => return None,
    })
}

/// Element `i` of floats.
pub(super) fn float(values: &Values, i: usize) -> Option<f64> {
    match values {
        Values::Float32(v) => Some(f64::from(v[i])),
        Values::Float64(v) => Some(v[i]),
        _ => None,
    }
}

/// Element `i` of any real numbers.
#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest float is what is asked for"
)]
pub(super) fn number(values: &Values, i: usize) -> Option<f64> {
    float(values, i).or_else(|| int(values, i).map(|value| value as f64))
}

/// The values in another unit, NaN where there is none; single precision stays single, all others become double.
pub(super) fn convert(values: &Values, na: Na, conversion: Conversion) -> Values {
    let one = |i| {
        if na.is_na(values, i) {
            f64::NAN
        } else {
            conversion.apply(number(values, i).unwrap_or(f64::NAN))
        }
    };
    match values {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the precision of the variable"
        )]
        Values::Float32(v) => Values::Float32((0..v.len()).map(|i| one(i) as f32).collect()),
        _ => Values::Float64((0..values.len()).map(one).collect()),
    }
}

/// Bytes that identify element `i` among values of its type.
pub(super) fn identity(values: &Values, i: usize) -> Vec<u8> {
    match values {
        Values::Str(v) => Arc::clone(&v[i]).as_bytes().to_vec(),
        Values::Float32(_) | Values::Float64(_) => float(values, i)
            .unwrap_or(f64::NAN)
            .to_bits()
            .to_le_bytes()
            .to_vec(),
        Values::Complex64(v) => v[i]
            .iter()
            .flat_map(|part| part.to_bits().to_le_bytes())
            .collect(),
        Values::Complex128(v) => v[i]
            .iter()
            .flat_map(|part| part.to_bits().to_le_bytes())
            .collect(),
        _ => int(values, i).unwrap_or(0).to_le_bytes().to_vec(),
    }
}
