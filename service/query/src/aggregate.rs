//! What `agg=` asks for.

use zarr_fuse_schemas::{DataType, Measure, Variable};

/// What is made of the values of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Mean,
    Min,
    Max,
    Sum,
    Count,
    First,
    Last,
}

impl Aggregate {
    /// Reads `mean`, `min`, …
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "mean" => Self::Mean,
            "min" => Self::Min,
            "max" => Self::Max,
            "sum" => Self::Sum,
            "count" => Self::Count,
            "first" => Self::First,
            "last" => Self::Last,
            _ => {
                return Err(
                    "write `mean`, `min`, `max`, `sum`, `count`, `first` or `last`".to_owned(),
                );
            }
        })
    }

    /// Whether it means something for the values of a variable.
    pub(super) fn suits(self, variable: &Variable) -> bool {
        let is_number = matches!(
            variable.data_type,
            DataType::Int8
                | DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::UInt8
                | DataType::UInt16
                | DataType::UInt32
                | DataType::UInt64
                | DataType::Float32
                | DataType::Float64
        );
        let is_measure = matches!(variable.measure, Measure::Plain | Measure::Physical { .. });
        match self {
            Self::Count | Self::First | Self::Last => true,
            Self::Min | Self::Max => {
                is_number && !matches!(variable.measure, Measure::Discrete { .. } | Measure::Truth)
            }
            Self::Mean => is_number && is_measure,
            Self::Sum => is_number && is_measure && variable.turn.is_none(),
        }
    }
}
