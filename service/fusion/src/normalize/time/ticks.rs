//! Times as numbers: ticks since 1970, exact to the nanosecond.

use zarr_fuse_schemas::time::Tick;

use super::TimeError;
use super::civil::{Moment, SECOND, is_date};

/// Reads a decimal number of ticks; `None` when the text is no number.
///
/// Fractions of days, hours and minutes mean the whole second that their digits cannot tell from them: 0.5208333 days are
/// half past twelve.
pub(super) fn read_text(text: &str, tick: Tick) -> Option<Result<Moment, TimeError>> {
    if let Some(total) = read_decimal(text, tick) {
        return Some(moment(total.map(|(total, doubt)| to_second(total, doubt))));
    }
    // Exponents, infinities.
    let number: f64 = fast_float2::parse(text).ok()?;
    Some(read_float(number, tick))
}

/// The same as it was read by the first rules, without whole seconds.
pub(super) fn first_read_text(text: &str, tick: Tick) -> Option<Result<Moment, TimeError>> {
    if let Some(total) = read_decimal(text, tick) {
        return Some(moment(total.map(|(total, _)| total)));
    }
    let number: f64 = fast_float2::parse(text).ok()?;
    Some(read_float(number, tick))
}

/// Takes a number of ticks by its shortest decimal form, so that `1700000000.1` seconds end in 100 milliseconds.
pub(super) fn read_float(ticks: f64, tick: Tick) -> Result<Moment, TimeError> {
    if !ticks.is_finite() || ticks.abs() > 1e19 {
        return Err(TimeError::TooFar);
    }
    let total = read_decimal(&ticks.to_string(), tick).unwrap_or(Err(TimeError::TooFar));
    moment(total.map(|(total, _)| total))
}

fn moment(total: Result<i128, TimeError>) -> Result<Moment, TimeError> {
    Moment::from_nanoseconds(total?).ok_or(TimeError::TooFar)
}

/// The whole second that is within `doubt` of `total` nanoseconds, if there is one.
fn to_second(total: i128, doubt: i128) -> i128 {
    let second = i128::from(SECOND);
    let nearest = (total + second / 2).div_euclid(second) * second;
    if (total - nearest).abs() <= doubt {
        nearest
    } else {
        total
    }
}

/// Whether digits name a year, a month, a day, an hour, a minute or a second between 1900 and 2100.
pub(super) fn may_be_date(text: &str) -> bool {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits || !matches!(text.len(), 4 | 6 | 8 | 10 | 12 | 14) {
        return false;
    }
    let part = |from: usize, default: u32| match text.get(from..from + 2) {
        Some(digits) => digits.parse().unwrap_or(default),
        None => default,
    };
    let year: u32 = text[..4].parse().unwrap_or(0);
    (1900..=2100).contains(&year)
        && is_date(year.into(), part(4, 1), part(6, 1))
        && part(8, 0) <= 24
        && part(10, 0) < 60
        && part(12, 0) <= 60
}

/// Whether a number lies where [`may_be_date`] may be true of its digits: cheap, and false for most times since 1970.
pub(super) fn may_be_date_number(number: i64) -> bool {
    matches!(
        number,
        1900..=2100
            | 190_001..=210_012
            | 19_000_101..=21_001_231
            | 1_900_010_100..=2_100_123_124
            | 190_001_010_000..=210_012_312_459
            | 19_000_101_000_000..=21_001_231_245_960
    )
}

/// Reads `[+-]digits[.digits]` as nanoseconds, and half of what the last digit counts; fractions finer than a nanosecond are
/// dropped.
fn read_decimal(text: &str, tick: Tick) -> Option<Result<(i128, i128), TimeError>> {
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
    let digit = length / scale;
    let is_exact = fraction.is_empty() || tick <= Tick::Second || digit > i128::from(SECOND);
    // The last of the digits that a 64-bit float has may be wrong, too.
    let doubt = if is_exact {
        0
    } else {
        digit / 2 + (size >> 52) + 1
    };
    Some(Ok((total, doubt)))
}
