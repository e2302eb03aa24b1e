//! `range`: accepted intervals and labels.

mod labels;

use std::sync::Arc;

use super::fields::{Field, Fields};
use super::{Reader, under};
use crate::model::{DataType, Interval, Measure};
use crate::time::TimeUnit;
use crate::unit::{Conversion, Unit, UnitError};
use crate::yaml::{Value, Yaml};

/// Keys of `range`.
pub(crate) const RANGE_KEYS: &[&str] = &["interval", "discrete"];

/// The value of `range.<key>`, or of `<key>` beside `range` in the old style.
fn part<'a>(fields: &'a Fields, key: &str) -> Option<Field<'a>> {
    fields
        .get("range")
        .and_then(|range| range.get(key))
        .or_else(|| fields.get(key))
}

/// The labels of a discrete range.
pub(super) fn labels(reader: &mut Reader<'_>, fields: &Fields) -> Option<Arc<[String]>> {
    if let Some(range) = fields.get("range") {
        let what = "a mapping such as `{interval: [0, 100]}` or `{discrete: [a, b]}`";
        range.mapping(reader, RANGE_KEYS, what);
        if range.get("interval").is_some() && range.get("discrete").is_some() {
            range.problem(
                reader,
                "`interval` and `discrete` exclude each other: remove one",
            );
        }
    }
    let field = part(fields, "discrete")?;
    let column = fields.get("df_col").and_then(|column| column.yaml.text());
    let columns = [column.unwrap_or(&fields.name), &fields.name];
    labels::read(reader, &field, &columns).map(Arc::from)
}

/// The accepted interval in the stored unit.
pub(super) fn interval(
    reader: &mut Reader<'_>,
    fields: &Fields,
    data_type: DataType,
    measure: &Measure,
) -> Option<Interval> {
    let field = part(fields, "interval")?;
    if let Measure::Discrete { .. } = measure {
        return None;
    }
    let is_truth = matches!(measure, Measure::Truth);
    if !data_type.is_numeric() || is_truth {
        let data_type = if is_truth { DataType::Bool } else { data_type };
        field.problem(
            reader,
            format!("{data_type} values have no interval: remove it or write a numeric type"),
        );
        return None;
    }
    let items = match &field.yaml.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(field.yaml),
    };
    let (low, high, unit) = match items {
        [] => return None,
        [point] => (point, point, None),
        [low, high] => (low, high, None),
        [low, high, unit] => (low, high, Some(unit)),
        _ => {
            field.problem(reader, "an interval is `[min, max]` or `[min, max, unit]`");
            return None;
        }
    };
    let conversion = conversion(reader, &field, unit, measure)?;
    let mut end = |yaml: &Yaml, open: f64| {
        if yaml.is_none() {
            return Some(open);
        }
        let value = match measure {
            Measure::Time { unit, .. } => instant(yaml, unit),
            _ => yaml
                .number()
                .map(|number| conversion.apply(number.as_f64())),
        };
        if value.is_none_or(f64::is_nan) {
            let what = match measure {
                Measure::Time { .. } => {
                    "a time such as `2024-01-31T12:00`, a number of ticks or null"
                }
                _ => "a number or null",
            };
            let message = format!("{what} is expected, not {}", yaml.describe());
            reader.problem(yaml.at, &field.path, message);
            return None;
        }
        value
    };
    let (min, max) = (end(low, f64::NEG_INFINITY), end(high, f64::INFINITY));
    let (min, max) = (min?, max?);
    if min > max {
        field.problem(reader, "the lower end exceeds the upper one: swap them");
        return None;
    }
    Some(Interval { min, max })
}

/// From the unit of the interval to the stored unit.
fn conversion(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    unit: Option<&Yaml>,
    measure: &Measure,
) -> Option<Conversion> {
    let Some((unit, written)) = unit
        .filter(|unit| !unit.is_none())
        .and_then(|unit| Some((unit, unit.text()?)))
    else {
        return Some(Conversion::IDENTITY);
    };
    let found = match measure {
        Measure::Physical { unit, .. } => {
            Unit::parse(written).and_then(|written| Conversion::between(&written, unit))
        }
        _ if written.trim().is_empty() => Ok(Conversion::IDENTITY),
        _ => Err(UnitError::Syntax {
            written: written.to_owned(),
            reason: "the variable has no physical unit, so its interval has none".to_owned(),
        }),
    };
    found
        .map_err(|error| reader.problem(unit.at, &under(&field.path, "2"), error.to_string()))
        .ok()
}

/// A point in time as stored ticks.
#[expect(
    clippy::cast_precision_loss,
    reason = "ends of intervals need no more than 53 bits"
)]
fn instant(yaml: &Yaml, unit: &TimeUnit) -> Option<f64> {
    if let Some(ticks) = yaml.number() {
        return Some(ticks.as_f64());
    }
    let nanoseconds = unit.nanoseconds_of(yaml.text()?)?;
    Some((nanoseconds / i128::from(unit.tick.nanoseconds())) as f64)
}
