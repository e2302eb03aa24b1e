//! Text to numbers, truth values and complex numbers.

use super::fault::Fault;
use super::numbers::exactly_whole;

/// Reads a float; `None` for text without anything and for NaN.
#[inline]
pub(super) fn read_float(text: &str) -> Result<Option<f64>, Fault> {
    match fast_float2::parse::<f64, _>(text) {
        Ok(number) if number.is_finite() => Ok(Some(number)),
        _ => read_rare_float(text.trim()),
    }
}

#[cold]
fn read_rare_float(text: &str) -> Result<Option<f64>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    match fast_float2::parse::<f64, _>(text) {
        Ok(number) if number.is_nan() => Ok(None),
        // Digits that mean infinity are too many; `inf` is a value.
        Ok(number) if number.is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit()) => {
            Err(Fault::Overflow)
        }
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Fault::NotANumber),
    }
}

/// Reads a whole number; `5.0` and `5e3` are whole too.
pub(super) fn read_whole(text: &str) -> Result<Option<i128>, Fault> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Some(number.into()));
    }
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    if let Ok(number) = whole.parse::<i128>() {
        return Ok(Some(number));
    }
    match read_rare_float(text)? {
        Some(number) => exactly_whole(number),
        None => Ok(None),
    }
}

/// Reads a truth value; `None` for text without anything.
pub(super) fn read_bool(text: &str) -> Result<Option<bool>, Fault> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("1") || is("yes") {
        Ok(Some(true))
    } else if is("false") || is("0") || is("no") {
        Ok(Some(false))
    } else if text.is_empty() || is("nan") {
        Ok(None)
    } else {
        match read_rare_float(text) {
            Ok(Some(number)) if number.to_bits() == 1.0_f64.to_bits() => Ok(Some(true)),
            Ok(Some(0.0)) => Ok(Some(false)),
            _ => Err(Fault::NotABool),
        }
    }
}

/// Reads `1+2j`, `(1-2i)`, `2j`, `1`, or the JSON `[1, 2]`.
pub(super) fn read_complex(text: &str) -> Result<Option<[f64; 2]>, Fault> {
    let text = text.trim();
    if text.starts_with('[') {
        let parts: [Option<f64>; 2] =
            serde_json::from_str(text).map_err(|_unreadable| Fault::NotANumber)?;
        return Ok(parts[0].zip(parts[1]).map(|(re, im)| [re, im]));
    }
    let text = text
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(text);
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let Some(digits) = compact.strip_suffix(['j', 'i', 'J', 'I']) else {
        return Ok(read_float(&compact)?.map(|re| [re, 0.0]));
    };
    let bytes = digits.as_bytes();
    let is_sign =
        |at: &usize| matches!(bytes[*at], b'+' | b'-') && !matches!(bytes[at - 1], b'e' | b'E');
    let split = (1..bytes.len()).rev().find(is_sign).unwrap_or(0);
    let (re, im) = digits.split_at(split);
    let re = if re.is_empty() {
        Some(0.0)
    } else {
        read_float(re)?
    };
    let im = match im {
        "" | "+" => Some(1.0),
        "-" => Some(-1.0),
        im => read_float(im)?,
    };
    Ok(re.zip(im).map(|(re, im)| [re, im]))
}
