//! What a column of a table is.

use std::collections::HashSet;

use crate::printed;
use polars::prelude::{Column, DataFrame, DataType};

use super::times::{self, Written};

/// As many rows are looked at.
const MAX_ROWS: usize = 20_000;
/// As many cells of all columns: of wide tables fewer rows.
const MAX_CELLS: usize = 2_000_000;
/// Of however wide a table.
const MIN_ROWS: usize = 20;
/// Cells that a question shows.
const N_SHOWN: usize = 3;
/// Longest text of a cell that is shown.
const MAX_SHOWN_CHARS: usize = 100;

/// A column as it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its name in the file.
    pub(super) column: String,
    pub(super) kind: Kind,
    /// The cells that have a value, as text; those without are empty.
    pub(super) cells: Vec<Option<String>>,
    pub(super) n_distinct: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Text or numbers that are times.
    Times(Written),
    /// Times of a format that has them.
    NativeTimes,
    Number {
        is_whole: bool,
    },
    Truth,
    Text,
    /// Neither numbers nor text that could be kept.
    Other(String),
    Empty,
}

impl Found {
    /// The columns of a table.
    pub(super) fn all(frame: &DataFrame) -> Vec<Self> {
        let of_each = MAX_CELLS / frame.width().max(1);
        let n = frame.height().min(of_each.clamp(MIN_ROWS, MAX_ROWS));
        frame
            .columns()
            .iter()
            .map(|column| Self::of(column, n))
            .collect()
    }

    /// A column by its first `n` cells.
    fn of(column: &Column, n: usize) -> Self {
        let cells: Vec<Option<String>> = (0..n)
            .map(|i| {
                let cell = column.get(i).ok()?;
                let text = printed(&cell)?;
                (!text.trim().is_empty()).then(|| text.trim().to_owned())
            })
            .collect();
        let filled: Vec<&str> = cells.iter().flatten().map(String::as_str).collect();
        let n_distinct = filled.iter().collect::<HashSet<_>>().len();
        let name = column.name().to_string();
        let kind = match column.dtype() {
            _ if filled.is_empty() => Kind::Empty,
            DataType::Boolean => Kind::Truth,
            DataType::Datetime(..) | DataType::Date => Kind::NativeTimes,
            DataType::String => of_texts(&name, &filled),
            dtype if dtype.is_primitive_numeric() => {
                of_numbers(&name, &filled).unwrap_or(Kind::Number {
                    is_whole: dtype.is_integer(),
                })
            }
            dtype => Kind::Other(dtype.to_string()),
        };
        Self {
            column: name,
            kind,
            cells,
            n_distinct,
        }
    }

    /// The first different cells, to be shown.
    pub(super) fn first_cells(&self) -> Vec<String> {
        let mut cells: Vec<String> = Vec::new();
        for cell in self.cells.iter().flatten() {
            if !cells.contains(cell) {
                cells.push(cell.clone());
            }
            if cells.len() == N_SHOWN {
                break;
            }
        }
        let shortened = |cell: String| cell.chars().take(MAX_SHOWN_CHARS).collect();
        cells.into_iter().map(shortened).collect()
    }

    /// Whether every row has a value.
    pub(super) fn is_full(&self) -> bool {
        self.cells.iter().all(Option::is_some)
    }

    /// Texts that stand for no value among numbers.
    pub(super) fn words(&self) -> Vec<String> {
        let is_numbers = matches!(self.kind, Kind::Number { .. });
        let filled = self.cells.iter().flatten().filter(|_| is_numbers);
        let words = filled.filter(|cell| number(cell).is_none());
        words.map(|word| word.trim().to_owned()).collect()
    }

    /// Whether it has days without times of day.
    pub(super) fn is_date(&self) -> bool {
        match &self.kind {
            Kind::Times(Written::Format(format)) => !format.contains(['H', 'I']),
            Kind::Times(Written::Ambiguous(readings)) => readings
                .iter()
                .all(|(_, format)| !format.contains(['H', 'I'])),
            Kind::Times(Written::Iso { .. }) => {
                self.cells.iter().flatten().all(|cell| cell.len() == 10)
            }
            _ => false,
        }
    }

    /// Whether it has times of day without days.
    pub(super) fn is_clock(&self) -> bool {
        let is_clock = |cell: &String| {
            ["%H:%M", "%H:%M:%S%.f", "%I:%M %p", "%I:%M:%S %p"]
                .into_iter()
                .any(|format| chrono::NaiveTime::parse_from_str(cell, format).is_ok())
        };
        self.kind == Kind::Text && self.cells.iter().flatten().all(is_clock)
    }

    pub(super) fn is_time(&self) -> bool {
        matches!(self.kind, Kind::Times(_) | Kind::NativeTimes)
    }
}

fn of_texts(name: &str, filled: &[&str]) -> Kind {
    if let Some(written) = times::written(name, filled) {
        return Kind::Times(written);
    }
    // Some cells say in a word or two that there is no value.
    let n_numbers = filled.iter().filter(|text| number(text).is_some()).count();
    let words = filled.iter().filter(|text| number(text).is_none());
    let words: HashSet<_> = words.collect();
    let are_short = words.iter().all(|word| word.chars().count() <= 8);
    if n_numbers * 2 >= filled.len() && words.len() <= 3 && are_short {
        let numbers: Vec<&str> = filled
            .iter()
            .filter(|text| number(text).is_some())
            .copied()
            .collect();
        let is_whole = numbers.iter().all(|text| !text.contains(['.', 'e', 'E']));
        return of_numbers(name, &numbers).unwrap_or(Kind::Number { is_whole });
    }
    let is_truth = |text: &&str| ["true", "false"].contains(&text.to_lowercase().as_str());
    if filled.iter().all(is_truth) {
        Kind::Truth
    } else {
        Kind::Text
    }
}

/// Numbers that are times, by their name and size.
fn of_numbers(name: &str, filled: &[&str]) -> Option<Kind> {
    let numbers = filled.iter().filter_map(|text| number(text));
    times::is_named(name)
        .then(|| times::since_1970(numbers))
        .flatten()
        .map(Kind::Times)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}
