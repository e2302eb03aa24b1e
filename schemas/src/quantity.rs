//! Durations and sizes as people write them in configurations: `30s`, `8MiB`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};

const DURATIONS: [(&str, f64); 5] = [
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
];
const SIZES: [(&str, f64); 8] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
];

/// Reads `500ms`, `30s`, `5m`, `12h`, `7d`; for `deserialize_with`.
///
/// # Errors
/// What to write instead.
pub fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = from.deserialize_any(Written)?;
    parse_duration(&text).map_err(D::Error::custom)
}

/// The same, or null.
///
/// # Errors
/// What to write instead.
pub fn optional_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = from.deserialize_any(Written)?;
    if text.is_empty() {
        Ok(None)
    } else {
        parse_duration(&text).map(Some).map_err(D::Error::custom)
    }
}

/// Reads bytes: a whole number, or `64KiB`, `8MiB`, `2GiB`; for `deserialize_with`.
///
/// # Errors
/// What to write instead.
pub fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = from.deserialize_any(Written)?;
    parse_bytes(&text).map_err(D::Error::custom)
}

/// The same, or null.
///
/// # Errors
/// What to write instead.
pub fn optional_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = from.deserialize_any(Written)?;
    if text.is_empty() {
        Ok(None)
    } else {
        parse_bytes(&text).map(Some).map_err(D::Error::custom)
    }
}

/// Reads `500ms`, `30s`, `5m`, `12h`, `7d`.
///
/// # Errors
/// What to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let seconds = parse(text, &DURATIONS).ok_or_else(|| {
        format!("`{text}` is not a duration; write `500ms`, `30s`, `5m`, `12h` or `7d`")
    })?;
    Duration::try_from_secs_f64(seconds).map_err(|_overflow| format!("`{text}` is too long"))
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    if let Ok(bytes) = text.parse() {
        return Ok(bytes);
    }
    let bytes = parse(text, &SIZES).filter(|&bytes| bytes < 9e18);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "neither negative nor too large"
    )]
    bytes
        .map(|bytes| bytes.round() as u64)
        .ok_or_else(|| format!("`{text}` is not a size; write bytes, or `64KiB`, `8MiB`, `2GiB`"))
}

/// A number that is not negative, and its unit.
fn parse(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = (text[..at].parse::<f64>().ok()?, text[at..].trim());
    units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, factor)| number * factor)
}

/// Takes a text or a number as its text; null is empty.
struct Written;

impl Visitor<'_> for Written {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number and a unit")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok(String::new())
    }
}

/// The JSON Schema of durations.
#[derive(Debug)]
pub struct DurationText;

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number and `ms`, `s`, `m`, `h` or `d`.",
            "type": "string",
            "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d)|.*\$\{.*)$",
        })
    }
}

/// The JSON Schema of sizes.
#[derive(Debug)]
pub struct SizeText;

impl JsonSchema for SizeText {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes, or a number and `KiB`, `MiB`, `GiB`, `TiB`, `kB`, `MB`, `GB`.",
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": r"^([0-9]+(\.[0-9]+)?(B|[KMGT]iB|kB|MB|GB)|.*\$\{.*)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5h"), Ok(Duration::from_mins(90)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_hours(7 * 24)));
        for text in ["30", "", "s", "-1s", "1w", "1.2.3s", "1e300d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_unless_they_have_a_unit() {
        assert_eq!(parse_bytes("17"), Ok(17));
        assert_eq!(parse_bytes("8MiB"), Ok(8 << 20));
        assert_eq!(parse_bytes("1.5 kB"), Ok(1500));
        for text in ["8M", "-1", "MiB", "1.5", "99999999999GiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
