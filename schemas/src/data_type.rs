//! What is known about the types of stored elements.

use std::fmt;

use crate::model::{DataType, Measure, Variable};

impl DataType {
    /// Smallest and largest value of an integer type.
    pub fn integer_bounds(self) -> Option<(i128, i128)> {
        let bounds = match self {
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::UInt8 => (0, u8::MAX.into()),
            Self::UInt16 => (0, u16::MAX.into()),
            Self::UInt32 => (0, u32::MAX.into()),
            Self::UInt64 => (0, u64::MAX.into()),
            _ => return None,
        };
        Some(bounds)
    }

    /// Whether values are real numbers.
    pub fn is_numeric(self) -> bool {
        self.is_float() || self.integer_bounds().is_some()
    }

    /// Whether values are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    /// Whether values are complex numbers.
    pub fn is_complex(self) -> bool {
        matches!(self, Self::Complex64 | Self::Complex128)
    }

    /// Whether values are texts.
    pub fn is_string(self) -> bool {
        matches!(self, Self::String | Self::FixedString(_))
    }

    /// Bytes of one element; for variable-length strings a guess.
    pub fn size_bytes(self) -> u64 {
        match self {
            Self::Bool | Self::Int8 | Self::UInt8 => 1,
            Self::Int16 | Self::UInt16 => 2,
            Self::Int32 | Self::UInt32 | Self::Float32 => 4,
            Self::Int64 | Self::UInt64 | Self::Float64 | Self::Complex64 => 8,
            Self::Complex128 | Self::String => 16,
            Self::FixedString(n_chars) => 4 * u64::from(n_chars),
        }
    }
}

impl Variable {
    /// Whether it is true or false.
    pub fn is_truth(&self) -> bool {
        self.data_type == DataType::Bool || matches!(self.measure, Measure::Truth)
    }

    /// Its type as schemas write it.
    pub fn type_name(&self) -> String {
        if self.is_truth() {
            DataType::Bool.to_string()
        } else {
            self.data_type.to_string()
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Bool => "bool",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::UInt8 => "uint8",
            Self::UInt16 => "uint16",
            Self::UInt32 => "uint32",
            Self::UInt64 => "uint64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
            Self::String => "str",
            Self::FixedString(n_chars) => return write!(f, "str[{n_chars}]"),
        };
        f.write_str(name)
    }
}
