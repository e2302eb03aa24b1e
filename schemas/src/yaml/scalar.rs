//! What plain scalars mean: the YAML 1.2 core schema, and the words for truth of YAML 1.1.

use serde_json::{Number as JsonNumber, Value as Json};

/// A number as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Whole, within all integer types.
    Int(i128),
    /// With a fraction, an exponent, or not finite.
    Float(f64),
}

impl Number {
    /// The nearest float.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest float is what is asked for"
    )]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// Whether a plain scalar is null.
pub fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The truth value of a plain or quoted scalar.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// The number a plain scalar is.
pub fn number(text: &str) -> Option<Number> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(Number::Float(f64::from(sign) * f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if digits == text => return Some(Number::Float(f64::NAN)),
        _ => {}
    }
    let radix = |prefix: &str, radix: u32| {
        let digits = digits.strip_prefix(prefix)?;
        let unsigned = digits.starts_with(|c: char| c.is_digit(radix));
        let value = i128::from_str_radix(digits, radix)
            .ok()
            .filter(|_| unsigned)?;
        in_range(i128::from(sign) * value)
    };
    if let Some(value) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(Number::Int(value));
    }
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if !numeric {
        return None;
    }
    let whole = text
        .parse::<i128>()
        .ok()
        .and_then(in_range)
        .map(Number::Int);
    whole.or_else(|| text.parse::<f64>().ok().map(Number::Float))
}

/// A plain scalar as JSON.
pub(super) fn to_json(text: &str) -> Json {
    if is_null(text) {
        return Json::Null;
    }
    if let "true" | "True" | "TRUE" | "false" | "False" | "FALSE" = text {
        return Json::Bool(text.starts_with(['t', 'T']));
    }
    let number = number(text).and_then(|number| match number {
        Number::Int(value) => i64::try_from(value)
            .map(JsonNumber::from)
            .or_else(|_too_large| u64::try_from(value).map(JsonNumber::from))
            .ok(),
        Number::Float(value) => JsonNumber::from_f64(value),
    });
    number.map_or_else(|| Json::String(text.to_owned()), Json::Number)
}

fn in_range(value: i128) -> Option<i128> {
    (i128::from(i64::MIN)..=i128::from(u64::MAX))
        .contains(&value)
        .then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_core_schema() {
        assert_eq!(number("0x1F"), Some(Number::Int(31)));
        assert_eq!(number("-12"), Some(Number::Int(-12)));
        assert_eq!(number("1e-2"), Some(Number::Float(0.01)));
        assert_eq!(number(".5"), Some(Number::Float(0.5)));
        assert_eq!(number("-.inf"), Some(Number::Float(f64::NEG_INFINITY)));
        assert_eq!(
            number("18446744073709551615"),
            Some(Number::Int(i128::from(u64::MAX)))
        );
        for text in [
            "0.3.0",
            "1_000",
            "inf",
            "nan",
            "",
            ".",
            "-",
            "e5",
            "2024-01-01",
            "0x",
            "0x-1",
            "1:30",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
