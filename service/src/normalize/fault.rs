//! Why a cell was not taken.

use zarr_fuse_schemas::{Measure, Variable};

use super::labels::nearest_label;
use super::read::Target;
use super::source::Cell;
use super::time::TimeError;

/// Why a cell was not taken; made often, written out at most a hundred times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// A coordinate without a value.
    Missing,
    /// Text that is no number.
    NotANumber,
    /// Neither true nor false.
    NotABool,
    /// A fraction where only whole numbers fit.
    Fraction,
    /// Beyond the smallest or largest number of the type.
    Overflow,
    /// Longer than a fixed string.
    TooLong,
    /// No time, or not one that exists or fits.
    Time(TimeError),
    /// Outside the range of the schema, with the value in the stored unit.
    Outside(f64),
    /// None of the labels.
    UnknownLabel,
}

impl Fault {
    /// Whether it takes the whole row; else only this value is left out.
    pub(super) fn rejects_row(self) -> bool {
        !matches!(self, Self::Outside(_) | Self::UnknownLabel)
    }

    /// In words, with what to do.
    pub(super) fn reason(self, cell: Option<Cell<'_>>, target: &Target<'_>) -> String {
        let variable = target.variable;
        let name = &variable.name;
        let takes = variable.data_type;
        match self {
            Self::Missing => missing(cell, target),
            Self::NotANumber => format!("not a number; `{name}` is {takes}"),
            Self::NotABool => {
                format!("neither true nor false; `{name}` is bool (true, false, 1, 0, yes, no)")
            }
            Self::Fraction => format!(
                "not a whole number; `{name}` is {takes}, use a float type to keep fractions"
            ),
            Self::Overflow => format!("too large or too small; `{name}` is {takes}"),
            Self::TooLong => {
                let n_characters = cell.map_or(0, |cell| cell.print().chars().count());
                format!(
                    "has {n_characters} characters; `{name}` is {takes} and strings are not cut"
                )
            }
            Self::Time(error) => error.to_string(),
            Self::Outside(stored) => outside(stored, variable),
            Self::UnknownLabel => {
                let nearest = match (&variable.measure, cell) {
                    (Measure::Discrete { labels }, Some(cell)) => {
                        nearest_label(&cell.print(), labels)
                    }
                    _ => None,
                };
                let hint = nearest
                    .map(|label| format!("; the nearest is `{label}`"))
                    .unwrap_or_default();
                format!("not among the labels of `{name}`{hint}")
            }
        }
    }
}

impl From<TimeError> for Fault {
    fn from(error: TimeError) -> Self {
        Self::Time(error)
    }
}

fn missing(cell: Option<Cell<'_>>, target: &Target<'_>) -> String {
    let delivered = cell
        .map(|cell| cell.print().trim().to_ascii_lowercase())
        .unwrap_or_default();
    let coordinate = target.coordinate.unwrap_or(&target.variable.name);
    if matches!(delivered.as_str(), "" | "nan" | "-nan" | "nat") {
        format!("no value; every row needs one for the coordinate `{coordinate}`")
    } else {
        let name = &target.variable.name;
        format!(
            "is the `na_value` of `{name}`, so the coordinate `{coordinate}` has no value; choose another `na_value`"
        )
    }
}

fn outside(stored: f64, variable: &Variable) -> String {
    let (unit, converted) = match &variable.measure {
        Measure::Physical {
            unit, conversion, ..
        } if !unit.written.is_empty() => (format!(" {}", unit.written), !conversion.is_identity()),
        _ => (String::new(), false),
    };
    let range = variable
        .interval
        .map(|range| format!("{} to {}", brief(range.min), brief(range.max)))
        .unwrap_or_default();
    let value = if converted {
        format!("is {}{unit}, ", brief(stored))
    } else {
        String::new()
    };
    format!(
        "{value}outside the range {range}{unit} of `{}`",
        variable.name
    )
}

/// A number to seven digits, without the noise of conversions.
fn brief(number: f64) -> f64 {
    format!("{number:.6e}").parse().unwrap_or(number)
}
