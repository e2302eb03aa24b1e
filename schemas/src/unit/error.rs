//! Why a unit cannot be used.

use super::Dimension;

/// Why a unit is not understood or cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No unit of this name.
    #[error("unknown unit `{name}`{}{remedy}", if .name == .written { String::new() } else { format!(" in `{written}`") })]
    Unknown {
        /// The unknown name.
        name: String,
        /// The whole unit.
        written: String,
        /// What to write instead, beginning with a separator.
        remedy: String,
    },
    /// Not an expression of units.
    #[error("`{written}` is not a unit: {reason}")]
    Syntax {
        /// The whole unit.
        written: String,
        /// What is wrong.
        reason: String,
    },
    /// Two units measure different things.
    #[error("cannot convert `{from}` to `{to}`: {from_dimension} is not {to_dimension}")]
    Dimensions {
        /// Unit of the values given.
        from: String,
        /// Unit wanted.
        to: String,
        /// What `from` measures.
        from_dimension: Dimension,
        /// What `to` measures.
        to_dimension: Dimension,
    },
}
