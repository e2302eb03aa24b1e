//! What is wrong with single rows and values that arrive, as decoding and normalizing find it and outcomes list it.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most problems an outcome lists; further ones are only counted.
pub const MAX_PROBLEMS: usize = 100;

/// Something a contribution brought that was not taken, or was taken with a remark.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowProblem {
    /// 1-based row of the decoded table; absent when it concerns the whole contribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// 1-based line of the body on which the row begins, if that is text and known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The incoming column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The value as delivered, cut to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Why, and what to do.
    pub reason: String,
}

impl fmt::Display for RowProblem {
    /// ``row 3: `temp`: not a number (`ERR`)``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row, self.line) {
            (Some(row), Some(line)) => write!(f, "row {row}, line {line}: ")?,
            (Some(row), None) => write!(f, "row {row}: ")?,
            (None, _) => {}
        }
        if let Some(column) = &self.column {
            write!(f, "`{column}`: ")?;
        }
        f.write_str(&self.reason)?;
        match &self.value {
            Some(value) => write!(f, " (`{value}`)"),
            None => Ok(()),
        }
    }
}

/// The problems of one contribution: the first ones in full, all of them counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problems {
    /// The first [`MAX_PROBLEMS`].
    pub first: Vec<RowProblem>,
    /// How many there are.
    pub n: u64,
}

impl Problems {
    /// Counts a problem and keeps it while there is room; `make` runs only if it is kept.
    pub fn push(&mut self, make: impl FnOnce() -> RowProblem) {
        if self.first.len() < MAX_PROBLEMS {
            self.first.push(make());
        }
        self.n += 1;
    }

    /// Adds those of a later step.
    pub fn extend(&mut self, later: Self) {
        let room = MAX_PROBLEMS - self.first.len();
        self.first.extend(later.first.into_iter().take(room));
        self.n += later.n;
    }
}

/// A problem that concerns the whole contribution, causes included.
pub fn whole(error: &dyn std::error::Error) -> RowProblem {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        source = cause.source();
    }
    RowProblem {
        reason,
        ..RowProblem::default()
    }
}

/// Text as delivered, cut to what an outcome shows.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}
