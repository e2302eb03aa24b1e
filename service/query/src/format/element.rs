//! Single elements as text.

use zarr_fuse_arrays::values::Values;

use super::super::elements::int;
use super::{Field, Kind};

/// Appends element `i`, nothing for none.
pub(in super::super) fn write_csv(out: &mut Vec<u8>, field: &Field, values: &Values, i: usize) {
    if field.na.is_na(values, i) {
        return;
    }
    match text_of(&field.kind, values, i) {
        Some(text) => quote(out, text),
        None => write_plain(out, &field.kind, values, i),
    }
}

/// Appends element `i`, `null` for what JSON lacks.
pub(in super::super) fn write_json(out: &mut Vec<u8>, field: &Field, values: &Values, i: usize) {
    let is_infinite = match values {
        Values::Float32(v) => v[i].is_infinite(),
        Values::Float64(v) => v[i].is_infinite(),
        _ => false,
    };
    if is_infinite || field.na.is_na(values, i) {
        out.extend_from_slice(b"null");
        return;
    }
    if let Some(text) = text_of(&field.kind, values, i) {
        return json_text(out, text);
    }
    let is_text = matches!(field.kind, Kind::Time(_))
        || matches!(values, Values::Complex64(_) | Values::Complex128(_));
    if is_text {
        out.push(b'"');
    }
    write_plain(out, &field.kind, values, i);
    if is_text {
        out.push(b'"');
    }
}

/// The element if it is text that may need quotes.
fn text_of<'a>(kind: &'a Kind, values: &'a Values, i: usize) -> Option<&'a str> {
    match (kind, values) {
        (_, Values::Str(v)) => Some(&v[i]),
        (Kind::Labels(labels), _) => label(labels, values, i),
        _ => None,
    }
}

fn label<'a>(labels: &'a [String], values: &Values, i: usize) -> Option<&'a str> {
    let code = int(values, i)?;
    labels
        .get(usize::try_from(code - 1).ok()?)
        .map(String::as_str)
}

/// Appends element `i` without quotes.
pub(super) fn write_plain(out: &mut Vec<u8>, kind: &Kind, values: &Values, i: usize) {
    match (kind, values) {
        (Kind::Time(time), Values::Int64(v)) => return time.write(out, v[i]),
        (Kind::Truth, Values::Int8(v)) => {
            return out.extend_from_slice(if v[i] == 1 { b"true" } else { b"false" });
        }
        (Kind::Labels(labels), _) => {
            if let Some(label) = label(labels, values, i) {
                return out.extend_from_slice(label.as_bytes());
            }
        }
        _ => {}
    }
    match values {
        Values::Bool(v) => out.extend_from_slice(if v[i] { b"true" } else { b"false" }),
        Values::Int8(v) => number(out, v[i]),
        Values::Int16(v) => number(out, v[i]),
        Values::Int32(v) => number(out, v[i]),
        Values::Int64(v) => number(out, v[i]),
        Values::UInt8(v) => number(out, v[i]),
        Values::UInt16(v) => number(out, v[i]),
        Values::UInt32(v) => number(out, v[i]),
        Values::UInt64(v) => number(out, v[i]),
        Values::Float32(v) => single(out, v[i]),
        Values::Float64(v) => double(out, v[i]),
        Values::Complex64(v) => {
            single(out, v[i][0]);
            plus(out, v[i][1].is_sign_negative());
            single(out, v[i][1].abs());
            out.push(b'j');
        }
        Values::Complex128(v) => {
            double(out, v[i][0]);
            plus(out, v[i][1].is_sign_negative());
            double(out, v[i][1].abs());
            out.push(b'j');
        }
        Values::Str(v) => out.extend_from_slice(v[i].as_bytes()),
    }
}

fn plus(out: &mut Vec<u8>, is_negative: bool) {
    out.push(if is_negative { b'-' } else { b'+' });
}

fn single(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        number(out, value);
    } else {
        not_finite(out, f64::from(value));
    }
}

fn double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        number(out, value);
    } else {
        not_finite(out, value);
    }
}

fn not_finite(out: &mut Vec<u8>, value: f64) {
    let text = if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    };
    out.extend_from_slice(text.as_bytes());
}

/// The fewest digits that read back exactly; `serde_json` does that well.
fn number(out: &mut Vec<u8>, value: impl serde::Serialize) {
    serde_json::to_writer(out, &value)
        .expect("a finite number is JSON, and a vector takes every byte");
}

/// Appends a text as JSON.
pub(in super::super) fn json_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text is JSON, and a vector takes every byte");
}

/// RFC 4180; the empty text is quoted so that it differs from no value.
pub(in super::super) fn quote(out: &mut Vec<u8>, text: &str) {
    let needs_quotes = text.is_empty()
        || text
            .bytes()
            .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if !needs_quotes {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
