//! What a variable and a coordinate have in common: type, unit, NA, range, column, attributes.

use serde_json::{Map, Value as Json};

use super::fields::{Field, Fields};
use super::{Defaults, Reader, circular, quantity, range, under};
use crate::model::{Codec, DataType, Measure, MergeRule, NaOrigin, Scalar, Variable};
use crate::near;
use crate::yaml::{Number, Value, entries_to_json, shorten};

/// Attributes that follow from other keys.
const DERIVED_ATTRS: &[(&str, &str)] = &[
    ("units", "write `unit`"),
    ("calendar", "it follows from the date-time unit"),
    ("_FillValue", "write `na_value`"),
    ("missing_value", "write `na_value`"),
    ("flag_values", "write `range: {discrete: …}`"),
    ("flag_meanings", "write `range: {discrete: …}`"),
    (
        "scale_factor",
        "values are stored as they are; write `unit` and `source_unit`",
    ),
    (
        "add_offset",
        "values are stored as they are; write `unit` and `source_unit`",
    ),
];

/// Reads the keys that variables and coordinates share.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields, coords: Vec<String>) -> Variable {
    let labels = range::labels(reader, fields);
    let (data_type, measure) = quantity::read(reader, fields, labels);
    let is_coordinate = coords.iter().eq([&fields.name]);
    let (data_type, measure) = match data_type {
        // Every position of a coordinate has a value; of variables there are cells that nothing has come for.
        DataType::Bool if !is_coordinate => (DataType::Int8, Measure::Truth),
        _ => (data_type, measure),
    };
    let (na, na_origin) = na(reader, fields, data_type, &measure);
    if na_origin == NaOrigin::Default && !is_coordinate {
        warn_of_default(reader, fields, data_type, na.as_ref());
    }
    let interval = range::interval(reader, fields, data_type, &measure);
    let column = fields
        .get("df_col")
        .and_then(|field| field.text(reader, "the name of a column"));
    let description = fields
        .get("description")
        .and_then(|field| field.text(reader, "a text"));
    let mut variable = Variable {
        name: fields.name.clone(),
        coords,
        data_type,
        na,
        na_origin,
        interval,
        merge: merge(reader, fields, data_type, &measure),
        turn: None,
        codec: codec(reader, fields),
        measure,
        column: column.unwrap_or(&fields.name).to_owned(),
        description: description.map(str::to_owned),
        attrs: attrs(reader, fields),
    };
    variable.turn = circular::read(reader, fields, &variable);
    variable
}

/// What stands for NA if the schema says nothing.
pub(super) fn default_na(data_type: DataType) -> Option<Scalar> {
    if data_type.is_float() {
        return Some(Scalar::Float(f64::NAN));
    }
    if data_type.is_complex() {
        return Some(Scalar::Complex(f64::NAN, f64::NAN));
    }
    match data_type.integer_bounds()? {
        (0, max) => u64::try_from(max).ok().map(Scalar::UInt),
        (min, _) => i64::try_from(min).ok().map(Scalar::Int),
    }
}

/// What stood for NA before, if the schema said nothing.
fn former_default(data_type: DataType) -> Option<Scalar> {
    match default_na(data_type) {
        Some(Scalar::Int(_)) => Some(Scalar::Int(-1)),
        other => other,
    }
}

/// Eight bits are so few that values meet whatever stands for none.
fn warn_of_default(
    reader: &mut Reader<'_>,
    fields: &Fields,
    data_type: DataType,
    na: Option<&Scalar>,
) {
    let (na, wider) = match (data_type, na) {
        (DataType::Int8, Some(Scalar::Int(na))) => (na.to_string(), "int16"),
        (DataType::UInt8, Some(Scalar::UInt(na))) => (na.to_string(), "uint16"),
        _ => return,
    };
    let message = format!(
        "{na} stands for no value of `{data_type}`, so that a delivered {na} cannot be stored and is reported: \
         write a `na_value` that is never delivered, or `type: {wider}`"
    );
    reader.warn(fields.at, &fields.path, message);
}

fn na(
    reader: &mut Reader<'_>,
    fields: &Fields,
    data_type: DataType,
    measure: &Measure,
) -> (Option<Scalar>, NaOrigin) {
    let field = fields.get("na_value");
    match measure {
        Measure::Discrete { .. } => {
            if let Some(field) = field {
                field.warn(reader, "it has no effect: code 0 of a discrete range is NA");
            }
            return (Some(Scalar::UInt(0)), NaOrigin::Said);
        }
        Measure::Time { .. } => {
            if let Some(field) = field.filter(|field| !is_word(field, &["nat", "nan"])) {
                field.problem(
                    reader,
                    "a time that is missing is NaT: remove `na_value` or write `NaT`",
                );
            }
            return (Some(Scalar::Int(i64::MIN)), NaOrigin::Said);
        }
        Measure::Truth => {
            if let Some(field) = field {
                let message = "a truth value that is missing is -1 in the array: remove `na_value`";
                field.problem(reader, message);
            }
            return (Some(Scalar::Int(-1)), NaOrigin::Said);
        }
        Measure::Plain | Measure::Physical { .. } => {}
    }
    let former = former_default(data_type);
    let Some(field) = field else {
        return match reader.defaults {
            Defaults::Former => (former, NaOrigin::FormerDefault),
            Defaults::Today => (default_na(data_type), NaOrigin::Default),
        };
    };
    let value = if let Some(bounds) = data_type.integer_bounds() {
        integer_na(&field, bounds)
    } else if data_type.is_float() || data_type.is_complex() {
        let real = if is_word(&field, &["nan"]) {
            Some(f64::NAN)
        } else {
            field.yaml.number().map(Number::as_f64)
        };
        real.map(|real| {
            if data_type.is_float() {
                Scalar::Float(real)
            } else {
                Scalar::Complex(real, if real.is_nan() { real } else { 0.0 })
            }
        })
    } else {
        let message = match data_type {
            DataType::Bool => "a coordinate has a value everywhere: remove `na_value`",
            _ => {
                "texts have no value for NA: remove `na_value`; null is NA, and cells never written are empty"
            }
        };
        field.problem(reader, message);
        return (None, NaOrigin::Said);
    };
    if value.is_none() {
        let expected = match data_type.integer_bounds() {
            Some((min, max)) => format!("`max_int`, `min_int` or a number from {min} to {max}"),
            None => "`nan` or a number".to_owned(),
        };
        field.expected(reader, &expected);
    }
    let value = value.or_else(|| default_na(data_type));
    let origin = match reader.defaults {
        // Then it was one and the same whether somebody wrote it or not.
        Defaults::Former if value == former => NaOrigin::FormerDefault,
        _ => NaOrigin::Said,
    };
    (value, origin)
}

fn is_word(field: &Field<'_>, words: &[&str]) -> bool {
    let text = field
        .yaml
        .text()
        .unwrap_or_default()
        .trim_start_matches('.');
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn integer_na(field: &Field<'_>, (min, max): (i128, i128)) -> Option<Scalar> {
    let value = match (field.yaml.text(), field.yaml.number()) {
        (Some("max_int"), _) => max,
        (Some("min_int"), _) => min,
        (_, Some(Number::Int(value))) => value,
        _ => return None,
    };
    if !(min..=max).contains(&value) {
        return None;
    }
    if min == 0 {
        u64::try_from(value).ok().map(Scalar::UInt)
    } else {
        i64::try_from(value).ok().map(Scalar::Int)
    }
}

fn merge(
    reader: &mut Reader<'_>,
    fields: &Fields,
    data_type: DataType,
    measure: &Measure,
) -> MergeRule {
    // Coordinates read the old style `merge: {step_limits: …}` themselves.
    let Some(field) = fields
        .get("merge")
        .filter(|field| !matches!(field.yaml.value, Value::Map(_)))
    else {
        return MergeRule::default();
    };
    let Some(word) = field.text(reader, "`last`, `first`, `min`, `max` or `reject`") else {
        return MergeRule::default();
    };
    let rule = match word {
        "last" => MergeRule::Last,
        "first" => MergeRule::First,
        "min" => MergeRule::Min,
        "max" => MergeRule::Max,
        "reject" => MergeRule::Reject,
        _ => {
            let known = near::did_you_mean(word, &["last", "first", "min", "max", "reject"]);
            field.problem(
                reader,
                format!("`{}` is not a rule of merging{known}", shorten(word)),
            );
            return MergeRule::default();
        }
    };
    let ordered = !data_type.is_complex();
    match rule {
        MergeRule::Min | MergeRule::Max
            if !ordered && !matches!(measure, Measure::Discrete { .. }) =>
        {
            field.problem(
                reader,
                format!("{data_type} values have no order: write `last`, `first` or `reject`"),
            );
        }
        _ => {}
    }
    rule
}

fn codec(reader: &mut Reader<'_>, fields: &Fields) -> Codec {
    const CODECS: [&str; 4] = ["blosc", "zstd", "gzip", "none"];
    // Not `get`: the word `None` is a codec here.
    let Some(field) = fields
        .get_raw("codec")
        .filter(|field| !field.yaml.is_null())
    else {
        return Codec::default();
    };
    let (name, level) = match &field.yaml.value {
        Value::Map(entries) if entries.len() == 1 => {
            (entries[0].key.as_str(), Some(&entries[0].value))
        }
        Value::Scalar { text, .. } => (text.as_str(), None),
        _ => {
            field.expected(
                reader,
                "the name of a codec or one name with a level, such as `{zstd: 3}`,",
            );
            return Codec::default();
        }
    };
    let level = match level.map(|level| (level, level.number())) {
        None => None,
        Some((_, Some(Number::Int(level)))) if (-50..=50).contains(&level) => {
            i32::try_from(level).ok()
        }
        Some((level, _)) => {
            let message = format!("a level is a whole number, not {}", level.describe());
            reader.problem(level.at, &under(&field.path, &shorten(name)), message);
            return Codec::default();
        }
    };
    let problem = match (name, level) {
        ("blosc", None) => return Codec::Blosc,
        ("none" | "None", None) => return Codec::None,
        ("zstd", level) => match level.unwrap_or(3) {
            level @ -7..=22 => return Codec::Zstd(level),
            _ => "levels of zstd go from -7 to 22".to_owned(),
        },
        ("gzip", level) => match u32::try_from(level.unwrap_or(6)) {
            Ok(level @ 0..=9) => return Codec::Gzip(level),
            _ => "levels of gzip go from 0 to 9".to_owned(),
        },
        ("blosc" | "none", Some(_)) => format!("`{name}` has no level: write `codec: {name}`"),
        _ => format!(
            "unknown codec `{}`{}",
            shorten(name),
            near::did_you_mean(name, &CODECS)
        ),
    };
    field.problem(reader, problem);
    Codec::default()
}

fn attrs(reader: &mut Reader<'_>, fields: &Fields) -> Map<String, Json> {
    let Some(field) = fields.get("attrs") else {
        return Map::new();
    };
    let Value::Map(entries) = &field.yaml.value else {
        field.expected(reader, "a mapping of attributes");
        return Map::new();
    };
    for entry in entries {
        let derived = DERIVED_ATTRS.iter().find(|(name, _)| *name == entry.key);
        if let Some((name, remedy)) = derived {
            let message = format!("`{name}` cannot be given as an attribute: {remedy}");
            reader.problem(entry.at, &under(&field.path, name), message);
        }
    }
    entries_to_json(entries)
}
