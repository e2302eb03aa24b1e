//! `unit`, `source_unit` and `type`: what the numbers mean.

mod time_unit;
mod type_key;

use std::sync::Arc;

use super::Reader;
use super::fields::{Field, Fields};
use crate::model::{DataType, Measure};
use crate::time::{Tick, TimeUnit, Zone};
use crate::unit::{Conversion, Unit};
use crate::yaml::Value;
use type_key::TypeKey;

pub(crate) use time_unit::TIME_KEYS;
pub(crate) use type_key::TYPE_NAMES;

/// What `unit` or `source_unit` says.
enum UnitKey {
    /// `unit: bool`, the old style of `type: bool`.
    Type(DataType),
    Physical(Unit),
    Time(TimeUnit),
}

/// Type and meaning of the elements; `labels` are those of a discrete range.
pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &Fields,
    labels: Option<Arc<[String]>>,
) -> (DataType, Measure) {
    let type_field = fields.get("type").or_else(|| fields.get("dtype"));
    let type_key = type_field
        .as_ref()
        .and_then(|field| type_key::read(reader, field));
    let unit_field = fields.get("unit");
    let unit = unit_field
        .as_ref()
        .and_then(|field| read_unit(reader, field, None));
    let source = SourceUnit {
        field: fields.get("source_unit"),
    };
    if let Some(labels) = labels {
        return discrete(reader, labels, unit, unit_field.as_ref(), &source);
    }
    let (unit, type_key) = match (unit, type_key) {
        (Some(UnitKey::Type(data_type)), key) => {
            (None, Some(key.unwrap_or(TypeKey::Elements(data_type))))
        }
        (None, Some(TypeKey::Time(Some(tick)))) => {
            (Some(UnitKey::Time(TimeUnit::utc(tick))), type_key)
        }
        other => other,
    };
    match (unit, type_key) {
        (Some(UnitKey::Time(unit)), key) => {
            let source_unit = source.time(reader, &unit);
            match (key, &type_field) {
                (Some(TypeKey::Time(Some(tick))), Some(field)) if tick != unit.tick => {
                    let message = format!(
                        "the tick of the type differs from `{}` of the unit",
                        unit.tick.symbol()
                    );
                    field.problem(reader, message);
                }
                (Some(TypeKey::Elements(data_type)), Some(field))
                    if data_type != DataType::Int64 =>
                {
                    let message =
                        format!("`{data_type}` has no effect: times are stored as int64 ticks");
                    field.warn(reader, message);
                }
                _ => {}
            }
            (DataType::Int64, Measure::Time { unit, source_unit })
        }
        (unit, Some(TypeKey::Time(_))) => {
            if let Some(field) = &type_field {
                let remedy = match unit {
                    None => "name its tick, such as `datetime64[s]`, or write `unit: {tick: s}`",
                    Some(_) => "a physical unit does not go with it: write `unit: {tick: s}`",
                };
                field.problem(reader, format!("a time needs a tick: {remedy}"));
            }
            (DataType::Int64, Measure::Plain)
        }
        (Some(UnitKey::Physical(unit)), key) => {
            let data_type = elements(key);
            if data_type.is_numeric() || data_type.is_complex() {
                return (data_type, source.physical(reader, unit));
            }
            if let Some(field) = unit_field.filter(|_| !unit.written.trim().is_empty()) {
                field.problem(
                    reader,
                    format!("`{data_type}` has no unit: remove `unit` or write another type"),
                );
            }
            source.none(reader, "");
            (data_type, Measure::Plain)
        }
        (_, key) => {
            source.none(reader, ": write `unit`, to which it is converted");
            (elements(key), Measure::Plain)
        }
    }
}

fn elements(key: Option<TypeKey>) -> DataType {
    match key {
        Some(TypeKey::Elements(data_type)) => data_type,
        _ => DataType::Float64,
    }
}

/// Labels are stored as codes, the smallest type that holds them all and 0 for NA.
fn discrete(
    reader: &mut Reader<'_>,
    labels: Arc<[String]>,
    unit: Option<UnitKey>,
    unit_field: Option<&Field<'_>>,
    source: &SourceUnit<'_>,
) -> (DataType, Measure) {
    let meaningful = match unit {
        Some(UnitKey::Physical(unit)) => !unit.written.trim().is_empty(),
        Some(UnitKey::Time(_)) => true,
        Some(UnitKey::Type(_)) | None => false,
    };
    if let Some(field) = unit_field.filter(|_| meaningful) {
        field.problem(
            reader,
            "labels of a discrete range have no unit: remove `unit`",
        );
    }
    source.none(reader, ": labels of a discrete range have no unit");
    let data_type = match labels.len() {
        0..=0xFF => DataType::UInt8,
        0x100..=0xFFFF => DataType::UInt16,
        _ => DataType::UInt32,
    };
    (data_type, Measure::Discrete { labels })
}

/// The key `source_unit`, read when the unit is known.
struct SourceUnit<'a> {
    field: Option<Field<'a>>,
}

impl SourceUnit<'_> {
    fn none(&self, reader: &mut Reader<'_>, remedy: &str) {
        if let Some(field) = &self.field
            && let Some(UnitKey::Physical(_) | UnitKey::Time(_)) = read_unit(reader, field, None)
            && field.yaml.text() != Some("")
        {
            field.problem(reader, format!("there is no unit to convert to{remedy}"));
        }
    }

    fn time(&self, reader: &mut Reader<'_>, unit: &TimeUnit) -> TimeUnit {
        let Some(field) = &self.field else {
            return unit.clone();
        };
        match read_unit(reader, field, Some(unit)) {
            Some(UnitKey::Time(source)) => return source,
            Some(_) => {
                field.problem(
                    reader,
                    "a time comes as a time: write a date-time unit such as `{tick: s, tz: UTC}`",
                );
            }
            None => {}
        }
        unit.clone()
    }

    fn physical(&self, reader: &mut Reader<'_>, unit: Unit) -> Measure {
        let mut source_unit = unit.clone();
        let mut conversion = Conversion::IDENTITY;
        if let Some(field) = &self.field {
            match read_unit(reader, field, None) {
                Some(UnitKey::Physical(source)) => match Conversion::between(&source, &unit) {
                    Ok(found) => (source_unit, conversion) = (source, found),
                    Err(error) => field.problem(reader, error.to_string()),
                },
                Some(_) => {
                    field.problem(reader, format!("cannot be converted to `{}`", unit.written));
                }
                None => {}
            }
        }
        Measure::Physical {
            unit,
            source_unit,
            has_source_unit: self.field.is_some(),
            conversion,
        }
    }
}

/// Reads a unit; a date-time unit takes what it lacks from `default`.
fn read_unit(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    default: Option<&TimeUnit>,
) -> Option<UnitKey> {
    let text = match &field.yaml.value {
        Value::Map(_) => return time_unit::read(reader, field, default).map(UnitKey::Time),
        Value::List(_) => {
            field.expected(
                reader,
                "a unit such as `m/s`, or a date-time unit such as `{tick: s, tz: UTC}`,",
            );
            return None;
        }
        Value::Scalar { text, .. } => text.trim(),
    };
    match text {
        "bool" | "boolean" => return Some(UnitKey::Type(DataType::Bool)),
        "int" => return Some(UnitKey::Type(DataType::Int64)),
        "str" => return Some(UnitKey::Type(DataType::String)),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix("TimeStamp") {
        field.warn(
            reader,
            "old style: write a date-time unit such as `{tick: s, tz: UTC}`",
        );
        let zone = rest.trim_matches(['[', ']']);
        let zone = if zone.is_empty() {
            Some(Zone::Fixed(0))
        } else {
            Zone::parse(zone)
        };
        if zone.is_none() {
            field.problem(reader, "unknown time zone: write `{tick: s, tz: …}`");
        }
        let unit = TimeUnit::utc(Tick::Second);
        return Some(UnitKey::Time(TimeUnit {
            zone: zone.unwrap_or(unit.zone),
            ..unit
        }));
    }
    if let Some((tick, instant)) = text.split_once(" since ") {
        return time_unit::counted(reader, field, tick, instant, default).map(UnitKey::Time);
    }
    match Unit::parse(text) {
        Ok(unit) => {
            if let Some(warning) = unit.warning() {
                field.warn(reader, warning);
            }
            Some(UnitKey::Physical(unit))
        }
        Err(error) => {
            field.problem(reader, error.to_string());
            None
        }
    }
}
