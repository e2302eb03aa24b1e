//! Typed vectors of stored elements, and single ones.

use std::sync::Arc;

use zarr_fuse_schemas::{DataType, Scalar};

/// Elements of one variable, all of one type, in C order when they fill a region.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Values {
    Bool(Vec<bool>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    UInt8(Vec<u8>),
    UInt16(Vec<u16>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    /// Real and imaginary part.
    Complex64(Vec<[f32; 2]>),
    /// Real and imaginary part.
    Complex128(Vec<[f64; 2]>),
    /// Of variable-length and of fixed-length strings.
    Str(Vec<Arc<str>>),
}

/// Runs `$body` with `$v` bound to the typed vector inside `$values`.
#[macro_export]
macro_rules! with_values {
    ($values:expr, $v:ident => $body:expr) => {
        match $values {
            $crate::values::Values::Bool($v) => $body,
            $crate::values::Values::Int8($v) => $body,
            $crate::values::Values::Int16($v) => $body,
            $crate::values::Values::Int32($v) => $body,
            $crate::values::Values::Int64($v) => $body,
            $crate::values::Values::UInt8($v) => $body,
            $crate::values::Values::UInt16($v) => $body,
            $crate::values::Values::UInt32($v) => $body,
            $crate::values::Values::UInt64($v) => $body,
            $crate::values::Values::Float32($v) => $body,
            $crate::values::Values::Float64($v) => $body,
            $crate::values::Values::Complex64($v) => $body,
            $crate::values::Values::Complex128($v) => $body,
            $crate::values::Values::Str($v) => $body,
        }
    };
}

/// Builds `Values` of the same type from `$body`, evaluated with `$v` bound to the typed vector.
#[macro_export]
macro_rules! map_values {
    ($values:expr, $v:ident => $body:expr) => {
        match $values {
            $crate::values::Values::Bool($v) => $crate::values::Values::Bool($body),
            $crate::values::Values::Int8($v) => $crate::values::Values::Int8($body),
            $crate::values::Values::Int16($v) => $crate::values::Values::Int16($body),
            $crate::values::Values::Int32($v) => $crate::values::Values::Int32($body),
            $crate::values::Values::Int64($v) => $crate::values::Values::Int64($body),
            $crate::values::Values::UInt8($v) => $crate::values::Values::UInt8($body),
            $crate::values::Values::UInt16($v) => $crate::values::Values::UInt16($body),
            $crate::values::Values::UInt32($v) => $crate::values::Values::UInt32($body),
            $crate::values::Values::UInt64($v) => $crate::values::Values::UInt64($body),
            $crate::values::Values::Float32($v) => $crate::values::Values::Float32($body),
            $crate::values::Values::Float64($v) => $crate::values::Values::Float64($body),
            $crate::values::Values::Complex64($v) => $crate::values::Values::Complex64($body),
            $crate::values::Values::Complex128($v) => $crate::values::Values::Complex128($body),
            $crate::values::Values::Str($v) => $crate::values::Values::Str($body),
        }
    };
}

/// Runs `$body` with the typed vectors of two `Values` of one type.
#[macro_export]
macro_rules! with_pair {
    ($left:expr, $right:expr, ($a:ident, $b:ident) => $body:expr) => {
        match ($left, $right) {
            ($crate::values::Values::Bool($a), $crate::values::Values::Bool($b)) => $body,
            ($crate::values::Values::Int8($a), $crate::values::Values::Int8($b)) => $body,
            ($crate::values::Values::Int16($a), $crate::values::Values::Int16($b)) => $body,
            ($crate::values::Values::Int32($a), $crate::values::Values::Int32($b)) => $body,
            ($crate::values::Values::Int64($a), $crate::values::Values::Int64($b)) => $body,
            ($crate::values::Values::UInt8($a), $crate::values::Values::UInt8($b)) => $body,
            ($crate::values::Values::UInt16($a), $crate::values::Values::UInt16($b)) => $body,
            ($crate::values::Values::UInt32($a), $crate::values::Values::UInt32($b)) => $body,
            ($crate::values::Values::UInt64($a), $crate::values::Values::UInt64($b)) => $body,
            ($crate::values::Values::Float32($a), $crate::values::Values::Float32($b)) => $body,
            ($crate::values::Values::Float64($a), $crate::values::Values::Float64($b)) => $body,
            ($crate::values::Values::Complex64($a), $crate::values::Values::Complex64($b)) => $body,
            ($crate::values::Values::Complex128($a), $crate::values::Values::Complex128($b)) => {
                $body
            }
            ($crate::values::Values::Str($a), $crate::values::Values::Str($b)) => $body,
            _ => unreachable!("both have the variable's data type"),
        }
    };
}

impl Values {
    /// An empty vector for elements of `data_type`.
    pub fn new(data_type: DataType) -> Self {
        Self::with_capacity(data_type, 0)
    }

    /// An empty vector with room for `n` elements.
    pub fn with_capacity(data_type: DataType, n: usize) -> Self {
        match data_type {
            DataType::Bool => Self::Bool(Vec::with_capacity(n)),
            DataType::Int8 => Self::Int8(Vec::with_capacity(n)),
            DataType::Int16 => Self::Int16(Vec::with_capacity(n)),
            DataType::Int32 => Self::Int32(Vec::with_capacity(n)),
            DataType::Int64 => Self::Int64(Vec::with_capacity(n)),
            DataType::UInt8 => Self::UInt8(Vec::with_capacity(n)),
            DataType::UInt16 => Self::UInt16(Vec::with_capacity(n)),
            DataType::UInt32 => Self::UInt32(Vec::with_capacity(n)),
            DataType::UInt64 => Self::UInt64(Vec::with_capacity(n)),
            DataType::Float32 => Self::Float32(Vec::with_capacity(n)),
            DataType::Float64 => Self::Float64(Vec::with_capacity(n)),
            DataType::Complex64 => Self::Complex64(Vec::with_capacity(n)),
            DataType::Complex128 => Self::Complex128(Vec::with_capacity(n)),
            DataType::String | DataType::FixedString(_) => Self::Str(Vec::with_capacity(n)),
        }
    }

    /// No elements, of the same type.
    #[must_use]
    pub fn empty_like(&self) -> Self {
        map_values!(self, _v => Vec::new())
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        with_values!(self, v => v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `n` times what stands for "no value" in an array of this type.
    pub fn filled(data_type: DataType, na: Option<&Scalar>, n: usize) -> Self {
        let mut values = Self::new(data_type);
        let fill = na.cloned().unwrap_or_else(|| neutral(data_type));
        match (&mut values, &fill) {
            (Self::Bool(v), Scalar::Bool(x)) => v.resize(n, *x),
            (Self::Complex64(v), Scalar::Complex(re, im)) => {
                v.resize(n, [narrow(*re), narrow(*im)]);
            }
            (Self::Complex128(v), Scalar::Complex(re, im)) => v.resize(n, [*re, *im]),
            (Self::Complex64(v), other) => v.resize(n, [narrow(as_f64(other)); 2]),
            (Self::Complex128(v), other) => v.resize(n, [as_f64(other); 2]),
            (Self::Str(v), Scalar::Str(x)) => v.resize(n, Arc::from(x.as_str())),
            (Self::Str(v), _) => v.resize(n, Arc::from("")),
            (Self::Bool(v), _) => v.resize(n, false),
            (Self::Float32(v), other) => v.resize(n, narrow(as_f64(other))),
            (Self::Float64(v), other) => v.resize(n, as_f64(other)),
            (Self::Int8(v), other) => v.resize(n, integer(other)),
            (Self::Int16(v), other) => v.resize(n, integer(other)),
            (Self::Int32(v), other) => v.resize(n, integer(other)),
            (Self::Int64(v), other) => v.resize(n, integer(other)),
            (Self::UInt8(v), other) => v.resize(n, integer(other)),
            (Self::UInt16(v), other) => v.resize(n, integer(other)),
            (Self::UInt32(v), other) => v.resize(n, integer(other)),
            (Self::UInt64(v), other) => v.resize(n, integer(other)),
        }
        values
    }

    /// The elements at `indices`, in that order.
    #[must_use]
    pub fn take(&self, indices: impl Iterator<Item = usize>) -> Self {
        map_values!(self, v => pick(v, indices))
    }

    /// Appends element `i` of `other`, which has the same type.
    pub fn push_from(&mut self, other: &Self, i: usize) {
        with_pair!(self, other, (a, b) => a.extend_from_slice(&b[i..=i]));
    }

    /// Appends the elements of `other`, which has the same type.
    pub fn extend_from(&mut self, other: &Self) {
        with_pair!(self, other, (a, b) => a.extend_from_slice(b));
    }

    /// Whether element `i` stands for "no value"; empty strings do where the array cannot tell them from unwritten cells.
    pub fn is_na(&self, i: usize, na: Option<&Scalar>) -> bool {
        match self {
            Self::Bool(_) => false,
            Self::Float32(v) => v[i].is_nan() || na.is_some_and(|na| narrow(as_f64(na)) == v[i]),
            Self::Float64(v) => {
                v[i].is_nan() || na.is_some_and(|na| as_f64(na).total_cmp(&v[i]).is_eq())
            }
            Self::Complex64(v) => v[i].iter().any(|x| x.is_nan()),
            Self::Complex128(v) => v[i].iter().any(|x| x.is_nan()),
            Self::Str(v) => v[i].is_empty(),
            Self::Int8(v) => na.is_some_and(|na| integer::<i8>(na) == v[i]),
            Self::Int16(v) => na.is_some_and(|na| integer::<i16>(na) == v[i]),
            Self::Int32(v) => na.is_some_and(|na| integer::<i32>(na) == v[i]),
            Self::Int64(v) => na.is_some_and(|na| integer::<i64>(na) == v[i]),
            Self::UInt8(v) => na.is_some_and(|na| integer::<u8>(na) == v[i]),
            Self::UInt16(v) => na.is_some_and(|na| integer::<u16>(na) == v[i]),
            Self::UInt32(v) => na.is_some_and(|na| integer::<u32>(na) == v[i]),
            Self::UInt64(v) => na.is_some_and(|na| integer::<u64>(na) == v[i]),
        }
    }

    /// Whether element `i` equals element `j` of `other`, NaN being equal to NaN.
    pub fn same(&self, i: usize, other: &Self, j: usize) -> bool {
        match (self, other) {
            (Self::Float32(a), Self::Float32(b)) => same_float(a[i].into(), b[j].into()),
            (Self::Float64(a), Self::Float64(b)) => same_float(a[i], b[j]),
            (Self::Complex64(a), Self::Complex64(b)) => {
                (0..2).all(|part| same_float(a[i][part].into(), b[j][part].into()))
            }
            (Self::Complex128(a), Self::Complex128(b)) => {
                (0..2).all(|part| same_float(a[i][part], b[j][part]))
            }
            _ => with_pair!(self, other, (a, b) => a[i] == b[j]),
        }
    }

    /// Element `i` as text: what a person reads in problems and keys.
    pub fn display(&self, i: usize) -> String {
        match self {
            Self::Complex64(v) => format!("{}{:+}i", v[i][0], v[i][1]),
            Self::Complex128(v) => format!("{}{:+}i", v[i][0], v[i][1]),
            Self::Bool(v) => v[i].to_string(),
            Self::Int8(v) => v[i].to_string(),
            Self::Int16(v) => v[i].to_string(),
            Self::Int32(v) => v[i].to_string(),
            Self::Int64(v) => v[i].to_string(),
            Self::UInt8(v) => v[i].to_string(),
            Self::UInt16(v) => v[i].to_string(),
            Self::UInt32(v) => v[i].to_string(),
            Self::UInt64(v) => v[i].to_string(),
            Self::Float32(v) => v[i].to_string(),
            Self::Float64(v) => v[i].to_string(),
            Self::Str(v) => v[i].to_string(),
        }
    }

    /// Approximate size in memory.
    pub fn n_bytes(&self) -> usize {
        match self {
            Self::Str(v) => v.iter().map(|s| s.len() + 32).sum(),
            other => with_values!(other, v => size_of_val(v.as_slice())),
        }
    }
}

fn pick<T: Clone>(values: &[T], indices: impl Iterator<Item = usize>) -> Vec<T> {
    indices.map(|i| values[i].clone()).collect()
}

/// Bytes that an element takes in memory; of text about as many as it takes when it is short.
pub fn n_bytes_of(data_type: DataType) -> u64 {
    match data_type {
        DataType::Bool | DataType::Int8 | DataType::UInt8 => 1,
        DataType::Int16 | DataType::UInt16 => 2,
        DataType::Int32 | DataType::UInt32 | DataType::Float32 => 4,
        DataType::Int64 | DataType::UInt64 | DataType::Float64 | DataType::Complex64 => 8,
        DataType::Complex128 => 16,
        DataType::String | DataType::FixedString(_) => 48,
    }
}

/// What an array without NA holds where nothing was written.
pub fn neutral(data_type: DataType) -> Scalar {
    match data_type {
        DataType::Bool => Scalar::Bool(false),
        DataType::String | DataType::FixedString(_) => Scalar::Str(String::new()),
        DataType::Complex64 | DataType::Complex128 => Scalar::Complex(f64::NAN, f64::NAN),
        DataType::Float32 | DataType::Float64 => Scalar::Float(f64::NAN),
        _ => Scalar::Int(0),
    }
}

/// The scalar as a float; NaN for what is no number.
pub fn as_f64(scalar: &Scalar) -> f64 {
    match scalar {
        #[expect(
            clippy::cast_precision_loss,
            reason = "an integer NA of a float variable is a small marker"
        )]
        Scalar::Int(x) => *x as f64,
        #[expect(
            clippy::cast_precision_loss,
            reason = "an integer NA of a float variable is a small marker"
        )]
        Scalar::UInt(x) => *x as f64,
        Scalar::Float(x) => *x,
        Scalar::Bool(_) | Scalar::Complex(..) | Scalar::Str(_) => f64::NAN,
    }
}

/// The scalar as an integer of the array's type; the schema has checked that it fits.
fn integer<T: TryFrom<i128> + Default>(scalar: &Scalar) -> T {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the schema has checked that it is integral"
    )]
    let wide = match scalar {
        Scalar::Int(x) => i128::from(*x),
        Scalar::UInt(x) => i128::from(*x),
        Scalar::Float(x) => *x as i128,
        Scalar::Bool(_) | Scalar::Complex(..) | Scalar::Str(_) => 0,
    };
    T::try_from(wide).unwrap_or_default()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the stored type is float32"
)]
fn narrow(x: f64) -> f32 {
    x as f32
}

fn same_float(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}
