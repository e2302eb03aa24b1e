//! Units that a file gives, against those of the schema.

use zarr_fuse_schemas::{
    Measure, Variable,
    unit::{Conversion, Unit},
};

use super::error::NormalizeError;

/// What files write where there is no unit to tell.
const NO_UNIT: [&str; 6] = ["", "-", "none", "n/a", "unitless", "unknown"];

/// How delivered numbers become stored ones when the file says that they count `unit`; `None`: as the schema says.
///
/// A `source_unit` of the schema must be the same unit. It decides alone where the file's unit is not understood, or is
/// probably not what was meant, such as `C`.
///
/// # Errors
/// [`NormalizeError::Unit`].
pub(super) fn conversion(
    variable: &Variable,
    unit: Option<&String>,
) -> Result<Option<Conversion>, NormalizeError> {
    let (
        Some(written),
        Measure::Physical {
            unit: stored,
            source_unit,
            has_source_unit,
            ..
        },
    ) = (unit, &variable.measure)
    else {
        return Ok(None);
    };
    let written = written.trim();
    let is_same = written == source_unit.written || written == source_unit.cf;
    if is_same || NO_UNIT.contains(&written.to_ascii_lowercase().as_str()) {
        return Ok(None);
    }
    let refused = |reason: String| NormalizeError::Unit {
        column: variable.column.clone(),
        found: written.to_owned(),
        variable: variable.name.clone(),
        expected: source_unit.written.clone(),
        reason,
    };
    let understood = match Unit::parse(written) {
        Ok(unit) => match unit.warning() {
            None => Ok(unit),
            Some(warning) => Err(warning.to_owned()),
        },
        Err(error) => Err(error.to_string()),
    };
    let delivered = match understood {
        Ok(unit) => unit,
        Err(_) if *has_source_unit => return Ok(None),
        Err(reason) => return Err(refused(reason)),
    };
    let between =
        |to: &Unit| Conversion::between(&delivered, to).map_err(|error| refused(error.to_string()));
    if *has_source_unit {
        return if is_identity(between(source_unit)?) {
            Ok(None)
        } else {
            Err(refused("they are not the same".to_owned()))
        };
    }
    let conversion = between(stored)?;
    Ok((!is_identity(conversion)).then_some(conversion))
}

/// Checks the unit that a file gives for numbers that are times: a tick of the schema's own, or nothing.
///
/// # Errors
/// [`NormalizeError::TimeUnit`].
pub(super) fn of_time(variable: &Variable, unit: &str) -> Result<(), NormalizeError> {
    let Measure::Time { source_unit, .. } = &variable.measure else {
        return Ok(());
    };
    let written = unit.trim();
    let tick = source_unit.tick;
    let is_same = written == tick.symbol() || written == tick.cf_name();
    let is_same = is_same
        || Unit::parse(written).is_ok_and(|unit| {
            let second = Unit::parse("s");
            second.is_ok_and(|second| {
                Conversion::between(&unit, &second).is_ok_and(|scale| {
                    scale.offset == 0.0 && (scale.factor / tick.seconds() - 1.0).abs() < 1e-12
                })
            })
        });
    if is_same || NO_UNIT.contains(&written.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(NormalizeError::TimeUnit {
        column: variable.column.clone(),
        found: written.to_owned(),
        variable: variable.name.clone(),
    })
}

/// Whether nothing changes but the last digits of floats.
fn is_identity(conversion: Conversion) -> bool {
    (conversion.factor - 1.0).abs() < 1e-12 && conversion.offset.abs() < 1e-9
}
