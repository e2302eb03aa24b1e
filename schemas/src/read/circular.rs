//! `circular`: directions, whose mean is not that of their numbers.

use super::fields::Fields;
use super::{Defaults, Reader};
use crate::model::{Measure, Variable};
use crate::unit::{Conversion, Unit};
use crate::yaml::Number;

const DEGREES: f64 = 360.0;

/// The length of a full turn of `variable`, if it is a direction: because it says so, or by its name in the CF conventions.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields, variable: &Variable) -> Option<f64> {
    let is_number = variable.data_type.is_numeric()
        && matches!(variable.measure, Measure::Plain | Measure::Physical { .. });
    let Some(field) = fields.get("circular") else {
        // Schemas knew no directions then.
        let is_direction = is_number && is_named_direction(variable);
        return turn(variable).filter(|_| is_direction && reader.defaults == Defaults::Today);
    };
    if variable.coords.iter().eq([&variable.name]) {
        field.problem(
            reader,
            "`circular` is for variables: a coordinate is never averaged",
        );
        return None;
    }
    let asked = match field.yaml.number() {
        Some(number) => Some(Number::as_f64(number)),
        None if !field.boolean(reader)? => return None,
        None => None,
    };
    if !is_number {
        let message = format!("{} values are no directions", variable.type_name());
        field.problem(reader, message);
        return None;
    }
    match asked {
        Some(length) if length > 0.0 && length.is_finite() => Some(length),
        Some(_) => {
            field.expected(
                reader,
                "`true`, `false`, or the length of a full turn in the stored unit",
            );
            None
        }
        None => {
            let found = turn(variable);
            if found.is_none() {
                field.problem(
                    reader,
                    "its `unit` is no angle: write how long a full turn is, such as `circular: 24` for hours of the day",
                );
            }
            found
        }
    }
}

/// Whether its standard name, or else its own, is one that the CF conventions have for directions.
fn is_named_direction(variable: &Variable) -> bool {
    let name = variable
        .attrs
        .get("standard_name")
        .and_then(|name| name.as_str())
        .unwrap_or(&variable.name);
    let words: Vec<&str> = name.split('_').collect();
    let has = |pair: [&str; 2]| words.windows(2).any(|words| words == pair);
    has(["from", "direction"])
        || has(["to", "direction"])
        || has(["azimuth", "angle"])
        || name.starts_with("direction_of_")
        || matches!(
            name,
            "wind_direction" | "platform_course" | "platform_orientation"
        )
}

/// A full turn in the unit stored; numbers without a unit are degrees, as the conventions have it.
fn turn(variable: &Variable) -> Option<f64> {
    let unit = match &variable.measure {
        Measure::Plain => return Some(DEGREES),
        Measure::Physical { unit, .. } if unit.written.trim().is_empty() => return Some(DEGREES),
        Measure::Physical { unit, .. } => unit,
        _ => return None,
    };
    let degree = Unit::parse("deg").ok()?;
    let conversion = Conversion::between(&degree, unit).ok()?;
    // What is a plain number for units may be a share or a count.
    let is_angle = ["deg", "rad", "grad", "gon", "turn", "arc"]
        .iter()
        .any(|angle| unit.written.to_lowercase().contains(angle));
    (is_angle && conversion.offset == 0.0).then_some(DEGREES * conversion.factor)
}
