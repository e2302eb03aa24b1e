//! Typed vectors of stored elements, and single ones.

use std::sync::Arc;

use zarr_fuse_schemas::DataType;

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

    /// Number of elements.
    pub fn len(&self) -> usize {
        with_values!(self, v => v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
