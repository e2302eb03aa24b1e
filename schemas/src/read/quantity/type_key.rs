//! The key `type`.

use super::super::Reader;
use super::super::fields::Field;
use crate::model::DataType;
use crate::near;
use crate::time::Tick;
use crate::yaml::shorten;

pub(crate) const TYPE_NAMES: &[&str] = &[
    "bool",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float",
    "float32",
    "float64",
    "complex",
    "complex64",
    "complex128",
    "str",
    "str[n]",
    "datetime64[s]",
];
/// Longest fixed-length string, in characters.
const MAX_STRING_CHARS: u32 = 65_536;

/// What `type` says.
#[derive(Clone, Copy)]
pub(super) enum TypeKey {
    Elements(DataType),
    Time(Option<Tick>),
}

/// Reads the name of a type.
pub(super) fn read(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<TypeKey> {
    let word = field.text(reader, "the name of a type")?.trim();
    let data_type = match word {
        "bool" | "boolean" => DataType::Bool,
        "int" | "int64" => DataType::Int64,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "uint" | "uint64" => DataType::UInt64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "float" | "float64" => DataType::Float64,
        "float32" => DataType::Float32,
        "complex" | "complex128" => DataType::Complex128,
        "complex64" => DataType::Complex64,
        "str" => DataType::String,
        _ => return sized(reader, field, word),
    };
    Some(TypeKey::Elements(data_type))
}

fn sized(reader: &mut Reader<'_>, field: &Field<'_>, word: &str) -> Option<TypeKey> {
    let argument = |name: &str| {
        word.strip_prefix(name)?
            .strip_prefix('[')?
            .strip_suffix(']')
    };
    if let Some(length) = argument("str") {
        if let Ok(n_chars @ 1..=MAX_STRING_CHARS) = length.trim().parse() {
            return Some(TypeKey::Elements(DataType::FixedString(n_chars)));
        }
        let message = format!(
            "the length of `str[n]` is a number from 1 to {MAX_STRING_CHARS}; or write `str`"
        );
        field.problem(reader, message);
        return None;
    }
    if word == "datetime64" {
        return Some(TypeKey::Time(None));
    }
    if let Some(tick) = argument("datetime64") {
        match Tick::parse(tick) {
            Some(tick) => return Some(TypeKey::Time(Some(tick))),
            None => field.problem(reader, Tick::remedy(tick)),
        }
        return None;
    }
    let known = match word {
        "double" | "number" => "; did you mean `float64`?".to_owned(),
        "string" | "text" | "object" => "; did you mean `str`?".to_owned(),
        "date" | "time" | "datetime" | "timestamp" => {
            "; write `unit: {tick: s, tz: UTC}`".to_owned()
        }
        _ => near::did_you_mean(word, TYPE_NAMES),
    };
    field.problem(reader, format!("unknown type `{}`{known}", shorten(word)));
    None
}
