//! JSON values of jaq to JSON text, strictly.

use std::fmt::Write as _;

use jaq_json::{Num, Val};

use super::super::json::MAX_DEPTH;

/// Why a value is not JSON.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotJson {
    #[error("it holds a byte string; give text")]
    Bytes,
    #[error("it holds text that is not UTF-8; give UTF-8")]
    Utf8(#[from] std::str::Utf8Error),
    #[error("it holds an object with a key that is not text; write `(… | tostring)`")]
    Key,
    #[error("it is nested more than {MAX_DEPTH} deep; give flatter records")]
    Depth,
}

/// Appends `value` to `out` as JSON; numbers that JSON does not have (NaN, infinity) become null.
pub(super) fn write(value: &Val, out: &mut String) -> Result<(), NotJson> {
    write_at(value, 0, out)
}

fn write_at(value: &Val, depth: usize, out: &mut String) -> Result<(), NotJson> {
    // The reader of the records stands inside no document, so this much is what it takes.
    if depth >= MAX_DEPTH {
        return Err(NotJson::Depth);
    }
    match value {
        Val::Null => out.push_str("null"),
        Val::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Val::Num(Num::Float(value)) if !value.is_finite() => out.push_str("null"),
        // A number that the program did not calculate keeps the digits it came with, if they are JSON.
        Val::Num(Num::Dec(digits)) if !is_json_number(digits) => {
            write_at(&Val::from(as_float(digits)), depth, out)?;
        }
        Val::Num(value) => _ = write!(out, "{value}"),
        Val::TStr(bytes) => write_text(bytes, out)?,
        Val::BStr(_) => return Err(NotJson::Bytes),
        Val::Arr(values) => {
            out.push('[');
            for (idx, value) in values.iter().enumerate() {
                if idx > 0 {
                    out.push(',');
                }
                write_at(value, depth + 1, out)?;
            }
            out.push(']');
        }
        Val::Obj(entries) => {
            out.push('{');
            for (idx, (key, value)) in entries.iter().enumerate() {
                if idx > 0 {
                    out.push(',');
                }
                let Val::TStr(key) = key else {
                    return Err(NotJson::Key);
                };
                write_text(key, out)?;
                out.push(':');
                write_at(value, depth + 1, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn write_text(bytes: &[u8], out: &mut String) -> Result<(), NotJson> {
    let text = std::str::from_utf8(bytes)?;
    let is_plain = text
        .bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if is_plain {
        _ = write!(out, "\"{text}\"");
    } else {
        out.push_str(&serde_json::Value::from(text).to_string());
    }
    Ok(())
}

/// Whether `digits` is a number as JSON writes it; jq also reads `007`.
fn is_json_number(digits: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(digits).is_ok()
}

fn as_float(digits: &str) -> f64 {
    digits.parse().unwrap_or(f64::NAN)
}
