//! Times as numbers: ticks since 1970, exact to the nanosecond.

use zarr_fuse_schemas::time::Tick;

use super::TimeError;
use super::civil::{Moment, is_date};

/// Reads a decimal number of ticks; `None` when the text is no number.
pub(super) fn read_text(text: &str, tick: Tick) -> Option<Result<Moment, TimeError>> {
    if let Some(moment) = read_decimal(text, tick) {
        return Some(moment);
    }
    // Exponents, infinities.
    let number: f64 = fast_float2::parse(text).ok()?;
    Some(read_float(number, tick))
}

/// Takes a number of ticks by its shortest decimal form, so that `1700000000.1` seconds end in 100 milliseconds.
pub(super) fn read_float(ticks: f64, tick: Tick) -> Result<Moment, TimeError> {
    if !ticks.is_finite() || ticks.abs() > 1e19 {
        return Err(TimeError::TooFar);
    }
    read_decimal(&ticks.to_string(), tick).unwrap_or(Err(TimeError::TooFar))
}

/// Whether eight digits name a day of the calendar between 1900 and 2100.
pub(super) fn may_be_date(text: &str) -> bool {
    match text.parse::<u32>() {
        Ok(number) if text.len() == 8 => {
            let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
            (1900..=2100).contains(&year) && is_date(year.into(), month, day)
        }
        _ => false,
    }
}

/// Reads `[+-]digits[.digits]`; fractions finer than a nanosecond are dropped.
fn read_decimal(text: &str, tick: Tick) -> Option<Result<Moment, TimeError>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (negative, digits) = (text.starts_with('-'), unsigned.as_bytes());
    let point = digits
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(digits.len());
    let (whole, fraction) = (
        &digits[..point],
        digits.get(point + 1..).unwrap_or_default(),
    );
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return None;
    }
    // More than 20 digits are beyond 64 bits; 18 decimals of a day are finer than a nanosecond.
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0_i128, |sum, byte| sum * 10 + i128::from(byte - b'0'))
    };
    let significant = whole
        .iter()
        .position(|byte| *byte != b'0')
        .map_or(&[][..], |start| &whole[start..]);
    if significant.len() > 20 {
        return Some(Err(TimeError::TooFar));
    }
    let fraction = &fraction[..fraction.len().min(18)];
    let length = i128::from(tick.nanoseconds());
    let scale = fraction.iter().fold(1_i128, |scale, _| scale * 10);
    let size = number(significant) * length + number(fraction) * length / scale;
    let total = if negative { -size } else { size };
    Some(Moment::from_nanoseconds(total).ok_or(TimeError::TooFar))
}
