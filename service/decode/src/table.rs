//! What decoding gives of rows: the table, what of the body is not in it, and where its rows stand.

use super::DecodeError;
use indexmap::IndexMap;
use polars::prelude::DataFrame;
use zarr_fuse_schemas::row_problem::{Problems, RowProblem, cut};

/// A contribution as a table: the source's own column names, cells as delivered.
///
/// Text formats give `String` columns (null = no value); typed formats give their own types.
/// Row `i` of the frame is row `i + 1` in problems.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its columns.
    pub frame: DataFrame,
    /// What the file says that the numbers of columns count, by column, as it writes it.
    pub units: IndexMap<String, String>,
    /// What of the body is not among the rows.
    pub lost: Lost,
    /// Where rows stand in the body, if that is text and known.
    pub lines: Option<Lines>,
}

/// On which line of a text rows begin.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// Rows with their lines, ascending; those between follow line by line.
    breaks: Vec<(usize, u64)>,
}

impl Lines {
    /// Notes the line of the next row.
    pub(crate) fn note(&mut self, row: usize, line: u64) {
        if self.of(row) != Some(line) {
            self.breaks.push((row, line));
        }
    }

    /// These, and those of a table that is put below, from `row` on.
    pub(crate) fn then(mut self, row: usize, below: Self) -> Self {
        let below = below.breaks.into_iter();
        self.breaks
            .extend(below.map(|(first, line)| (row + first, line)));
        self
    }

    /// The line of a row, counted from 0.
    pub fn of(&self, row: usize) -> Option<u64> {
        let after = self.breaks.partition_point(|(first, _)| *first <= row);
        let (first, line) = self.breaks.get(after.checked_sub(1)?)?;
        Some(line + (row - first) as u64)
    }
}

/// What of a body is left out because it is damaged, and what is to be said of the rest.
#[derive(Debug, Clone, Default)]
pub struct Lost {
    /// Rows, points or records.
    pub n_rows: u64,
    /// Which, and why.
    pub problems: Problems,
    /// What was taken and may be wrong.
    pub warnings: Vec<String>,
}

impl Lost {
    /// Counts a row; `make` says where it was, how it began, and what is wrong with it.
    pub(crate) fn push(&mut self, make: impl FnOnce() -> (String, String)) {
        self.n_rows += 1;
        self.problems.push(|| {
            let (value, reason) = make();
            RowProblem {
                value: Some(cut(&value)),
                reason,
                ..RowProblem::default()
            }
        });
    }
}

impl From<DataFrame> for Table {
    /// Of a file that says nothing about units.
    fn from(frame: DataFrame) -> Self {
        Self {
            frame,
            units: IndexMap::new(),
            lost: Lost::default(),
            lines: None,
        }
    }
}

impl Table {
    /// Its columns.
    pub fn frame(&self) -> &DataFrame {
        &self.frame
    }
}

/// Fails with [`DecodeError::MissingColumn`] unless `frame` has all columns that `step` names.
pub(crate) fn columns_present<'n>(
    frame: &DataFrame,
    step: &'static str,
    mut names: impl Iterator<Item = &'n String>,
) -> Result<(), DecodeError> {
    match names.find(|name| frame.column(name).is_err()) {
        None => Ok(()),
        Some(name) => {
            let present = frame
                .get_column_names()
                .iter()
                .map(ToString::to_string)
                .collect();
            Err(DecodeError::MissingColumn {
                step,
                column: name.clone(),
                present,
            })
        }
    }
}
