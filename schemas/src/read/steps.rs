//! `step_limits`: which new values a coordinate takes, converted to its stored unit.

use super::Reader;
use super::fields::{Field, Fields};
use crate::model::{Measure, StepLimits, Variable};
use crate::time::Tick;
use crate::unit::{Conversion, Unit, UnitError};
use crate::yaml::{Number, Value, Yaml};

/// Keys of the old style `merge: {…}`.
const MERGE_KEYS: &[&str] = &["step_limits", "sorted", "allow_inserts"];
/// The month of numpy.
const MONTH: &str = "M";
const SPELLINGS: &str = "`any_new`, `no_new`, a step, or `[shortest, longest, unit]`";

/// Lengths of steps as written.
struct Steps<'a> {
    min: f64,
    max: f64,
    unit: Option<&'a str>,
}

/// Reads `step_limits`, or `merge: {step_limits: …}` in the old style.
pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &Fields,
    variable: &Variable,
    sorted: bool,
    composed: bool,
) -> StepLimits {
    let mut field = fields.get_raw("step_limits");
    if let Some(merge) = fields
        .get("merge")
        .filter(|field| matches!(field.yaml.value, Value::Map(_)))
    {
        merge.mapping(reader, MERGE_KEYS, "a mapping");
        let inner = merge.yaml.get("step_limits");
        field = field.or(inner.map(|entry| Field {
            yaml: &entry.value,
            path: format!("{}.step_limits", merge.path),
        }));
    }
    let Some(field) = field else {
        return StepLimits::AnyNew;
    };
    let steps = match limits(reader, &field) {
        Ok(steps) => steps,
        Err(limits) => return limits,
    };
    let is_code = matches!(variable.measure, Measure::Discrete { .. } | Measure::Truth);
    let numeric = variable.data_type.is_numeric() && !is_code;
    if composed || !numeric || !sorted {
        let reason = match () {
            () if composed => "tuples have no steps".to_owned(),
            () if !numeric => format!("{} values have no steps", variable.data_type),
            () => "steps need a sorted coordinate: write `sorted: true`".to_owned(),
        };
        field.problem(
            reader,
            format!("{reason}; without steps, write `any_new` or `no_new`"),
        );
        return StepLimits::AnyNew;
    }
    let Some(factor) = factor(reader, &field, &steps, variable) else {
        return StepLimits::AnyNew;
    };
    let (mut min, mut max) = (steps.min * factor, steps.max * factor);
    let whole = matches!(variable.measure, Measure::Time { .. })
        || variable.data_type.integer_bounds().is_some();
    if whole && steps.unit == Some(MONTH) {
        (min, max) = (min.floor(), max.ceil());
    }
    if whole && max.floor() < min.ceil().max(1.0) {
        let stored = match &variable.measure {
            Measure::Time { unit, .. } => {
                format!("ticks of `{}`: choose a finer `tick`", unit.tick.symbol())
            }
            _ => "whole numbers: write `type: float`".to_owned(),
        };
        field.problem(
            reader,
            format!("no step within these limits is possible in {stored}, or other limits"),
        );
        return StepLimits::AnyNew;
    }
    StepLimits::Within { min, max }
}

/// The steps, or the limits that need none.
fn limits<'a>(reader: &mut Reader<'_>, field: &Field<'a>) -> Result<Steps<'a>, StepLimits> {
    let fail = |reader: &mut Reader<'_>| {
        field.expected(reader, SPELLINGS);
        Err(StepLimits::AnyNew)
    };
    if field.yaml.is_null() {
        return Err(StepLimits::NoNew);
    }
    let steps = match &field.yaml.value {
        Value::Scalar { text, .. } => match text.as_str() {
            "any_new" => return Err(StepLimits::AnyNew),
            "no_new" => return Err(StepLimits::NoNew),
            "None" => {
                let message = "the word `None` is read as `any_new`; write `any_new`, or `no_new` for no new values";
                field.warn(reader, message);
                return Err(StepLimits::AnyNew);
            }
            text => scalar(field.yaml, text),
        },
        Value::List(items) if items.is_empty() => return Err(StepLimits::AnyNew),
        Value::List(items) => list(items),
        Value::Map(_) => {
            let entries = field
                .mapping(reader, &["start", "end", "unit"], SPELLINGS)
                .unwrap_or_default();
            let value = |key: &str| {
                entries
                    .iter()
                    .find(|entry| entry.key == key)
                    .map(|entry| &entry.value)
            };
            let number = |key: &str| value(key)?.number();
            number("start")
                .zip(number("end"))
                .map(|(start, end)| Steps {
                    min: start.as_f64(),
                    max: end.as_f64(),
                    unit: value("unit")
                        .filter(|unit| !unit.is_none())
                        .and_then(Yaml::text),
                })
        }
    };
    match steps {
        None => fail(reader),
        Some(steps) if !(steps.min >= 0.0 && steps.max > 0.0 && steps.max.is_finite()) => {
            field.problem(
                reader,
                "steps are positive numbers; without limits write `any_new`",
            );
            Err(StepLimits::AnyNew)
        }
        Some(steps) if steps.min > steps.max => {
            let message = format!(
                "the shortest step {} exceeds the longest {}: swap them",
                steps.min, steps.max
            );
            field.problem(reader, message);
            Err(StepLimits::AnyNew)
        }
        Some(steps) => Ok(steps),
    }
}

/// `15` or `15 min`.
fn scalar<'a>(yaml: &Yaml, text: &'a str) -> Option<Steps<'a>> {
    let (number, unit) = if let Some(number) = yaml.number() {
        (number.as_f64(), None)
    } else {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        (text[..end].parse().ok()?, Some(text[end..].trim()))
    };
    Some(Steps {
        min: number,
        max: number,
        unit,
    })
}

/// `[a]`, `[a, b]` or `[a, b, unit]`.
fn list(items: &[Yaml]) -> Option<Steps<'_>> {
    let number = |index: usize| items.get(index)?.number().map(Number::as_f64);
    let unit = match items.get(2) {
        None => None,
        Some(unit) if unit.is_none() => None,
        Some(unit) => Some(unit.text()?),
    };
    (items.len() <= 3).then_some(())?;
    Some(Steps {
        min: number(0)?,
        max: if items.len() == 1 {
            number(0)?
        } else {
            number(1)?
        },
        unit,
    })
}

/// By what the steps are multiplied to be in the stored unit.
fn factor(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    steps: &Steps<'_>,
    variable: &Variable,
) -> Option<f64> {
    let Some(written) = steps.unit.map(str::trim).filter(|unit| !unit.is_empty()) else {
        return Some(1.0);
    };
    let result = match &variable.measure {
        Measure::Time { unit, .. } => {
            seconds(reader, field, written).map(|factor| factor / unit.tick.seconds())
        }
        Measure::Physical { unit, .. } => Unit::parse(written)
            .and_then(|step| Conversion::between(&step.delta(), &unit.delta()))
            .map(|conversion| conversion.factor),
        Measure::Plain | Measure::Discrete { .. } | Measure::Truth => {
            let message = format!(
                "`{}` has no unit, so its steps have none: remove `{written}`",
                variable.name
            );
            field.problem(reader, message);
            return None;
        }
    };
    match result {
        Ok(factor) => Some(factor),
        Err(error) => {
            field.problem(reader, error.to_string());
            None
        }
    }
}

/// Length of a unit of time in seconds, ticks first.
fn seconds(reader: &mut Reader<'_>, field: &Field<'_>, written: &str) -> Result<f64, UnitError> {
    if let Some(tick) = Tick::parse(written) {
        if tick == Tick::Minute {
            field.warn(
                reader,
                "`m` is read as minutes, for the coordinate is a time; write `min` to be clear",
            );
        }
        return Ok(tick.seconds());
    }
    let spelled = match written {
        MONTH => {
            field.warn(
                reader,
                "`M` is read as a month of 30.4375 days; months of the calendar differ in length",
            );
            "month"
        }
        other => other,
    };
    let unit = Unit::parse(spelled)?;
    Ok(Conversion::between(&unit, &Unit::parse("s")?)?.factor)
}
