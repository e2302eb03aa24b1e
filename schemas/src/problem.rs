//! What is wrong with a file, where, and what to write instead.

use std::fmt;

/// One problem of a schema or configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// File as the user named it.
    pub file: String,
    /// 1-based; 0 when the problem has no place.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// Path in the tree, dotted: `bukov.VARS.rock_temp.source_unit`.
    pub path: String,
    /// What is wrong and what to write instead; lowercase, no full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: ", self.file)?,
            line => write!(f, "{}:{line}:{}: ", self.file, self.column)?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Every problem of a file; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SchemaError {
    /// In file order.
    pub problems: Vec<Problem>,
}
