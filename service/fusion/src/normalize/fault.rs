//! Why a cell was not taken.

use zarr_fuse_schemas::{
    Measure, Scalar, Variable,
    time::{Tick, TimeUnit},
};

use super::labels::nearest_label;
use super::read::Target;
use super::source::Cell;
use super::time::{TimeError, format_ticks, readings};

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
    /// A value that is stored as no value is.
    StandsForNone,
    /// A coordinate value beyond the times that readers can take, as stored ticks.
    FarTime(i64),
    /// A coordinate value that is no finite number.
    Infinite,
}

impl Fault {
    /// Whether the cell cannot be read, or would be stored with a loss; else its value is not wanted.
    pub(super) fn is_bad_cell(self) -> bool {
        !matches!(
            self,
            Self::Outside(_) | Self::UnknownLabel | Self::StandsForNone
        )
    }

    /// Whether it is due to the bounds on what may be added to coordinates.
    pub(super) fn is_bound(self) -> bool {
        matches!(self, Self::FarTime(_) | Self::Infinite)
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
            Self::Time(error @ (TimeError::TooFar | TimeError::Overflow(_))) => {
                format!("{error}{}", finer_tick(cell, target))
            }
            Self::Time(TimeError::WhichOrder | TimeError::DateOrNumber) => {
                question(self, cell, target)
            }
            Self::Time(TimeError::NotInFormat) => not_in_format(target),
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
            Self::StandsForNone => stands_for_none(variable),
            Self::FarTime(ticks) => far_time(ticks, cell, target),
            Self::Infinite => format!(
                "infinite; the coordinate `{}` takes finite numbers",
                target.coordinate.unwrap_or(name)
            ),
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

fn stands_for_none(variable: &Variable) -> String {
    let name = &variable.name;
    let na = match &variable.na {
        Some(Scalar::Int(na)) => na.to_string(),
        Some(Scalar::UInt(na)) => na.to_string(),
        Some(Scalar::Float(na)) => na.to_string(),
        _ => "it".to_owned(),
    };
    format!(
        "cannot be stored: in the array of `{name}`, {na} stands for no value; write a `na_value` that is never delivered, or a wider `type`, and write the array again with `zf rebuild`"
    )
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

/// What a time may mean, and what to set for each meaning.
fn question(fault: Fault, cell: Option<Cell<'_>>, target: &Target<'_>) -> String {
    let Measure::Time { source_unit, .. } = &target.variable.measure else {
        return String::new();
    };
    let text = cell.map(Cell::print).unwrap_or_default();
    let readings = readings(&text, source_unit);
    let readings = readings.iter();
    let shown: Vec<String> = readings
        .map(|(option, time)| format!("{time} with `{option}`"))
        .collect();
    let name = &target.variable.name;
    let what = match (fault, shown.len()) {
        (_, 0) => return TimeError::NoSuchDate.to_string(),
        (_, 1) => "does not say in which order day, month and year come".to_owned(),
        (Fault::Time(TimeError::DateOrNumber), _) => "may be a date or a number".to_owned(),
        _ => "may be read in several ways".to_owned(),
    };
    format!(
        "{what}: {}; write in the `source_unit` of `{name}` which one is meant",
        shown.join(", ")
    )
}

fn not_in_format(target: &Target<'_>) -> String {
    let Measure::Time { source_unit, .. } = &target.variable.measure else {
        return String::new();
    };
    let formats = source_unit.formats.iter();
    let formats: Vec<String> = formats
        .map(|format| format!("`{}`", format.written()))
        .collect();
    format!(
        "is not written as {}, the `format` in the `source_unit` of `{}`; correct it, or list there all formats that occur",
        formats.join(" or "),
        target.variable.name
    )
}

/// Says what a time is that hardly is meant, and what it may be.
fn far_time(ticks: i64, cell: Option<Cell<'_>>, target: &Target<'_>) -> String {
    let variable = target.variable;
    let written = match &variable.measure {
        Measure::Time { unit, .. } => format_ticks(ticks, unit),
        _ => ticks.to_string(),
    };
    format!(
        "is {written}, beyond 1677-09-21 to 2262-04-11, where times of the coordinate `{}` lie unless its `range` says otherwise{}",
        target.coordinate.unwrap_or(&variable.name),
        finer_tick(cell, target)
    )
}

/// What a number of ticks that is too large would be in a finer tick, if that is a time that instruments show.
fn finer_tick(cell: Option<Cell<'_>>, target: &Target<'_>) -> String {
    let Measure::Time { source_unit, .. } = &target.variable.measure else {
        return String::new();
    };
    let delivered = match cell {
        Some(Cell::Int(n)) => Some(n),
        Some(Cell::UInt(n)) => i64::try_from(n).ok(),
        Some(Cell::Text(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let Some(n) = delivered else {
        return String::new();
    };
    let is_plausible = |tick: &Tick| {
        let seconds = i128::from(n) * i128::from(tick.nanoseconds()) / 1_000_000_000;
        tick.nanoseconds() < source_unit.tick.nanoseconds() && PLAUSIBLE.contains(&seconds)
    };
    let mut ticks = [Tick::Millisecond, Tick::Microsecond, Tick::Nanosecond].into_iter();
    let Some(tick) = ticks.find(is_plausible) else {
        return String::new();
    };
    let unit = TimeUnit {
        tick,
        ..source_unit.clone()
    };
    format!(
        "; as {} it is {}: if they are meant, write `source_unit: {{tick: {}}}`",
        tick.cf_name(),
        format_ticks(n, &unit),
        tick.symbol()
    )
}

/// Seconds since 1970 that clocks of instruments show: 1980 to 2100.
const PLAUSIBLE: std::ops::Range<i128> = 315_532_800..4_102_444_800;

/// A number to seven digits, without the noise of conversions.
fn brief(number: f64) -> f64 {
    format!("{number:.6e}").parse().unwrap_or(number)
}
