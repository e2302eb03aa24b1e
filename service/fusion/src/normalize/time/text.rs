//! Times as text: ISO 8601, and day, month and year in the order that the schema says.

use super::TimeError;
use super::civil::{DAY, Moment, days_from_civil, is_date};

/// What a text shows: in its own offset if it names one, else in the zone of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// As if the place were in UTC.
    pub(super) moment: Moment,
    /// Seconds east of UTC.
    pub(super) offset: Option<i32>,
}

/// The last ISO date read; consecutive times mostly share it.
#[derive(Debug, Default)]
pub(super) struct LastDate {
    text: [u8; 10],
    days: i64,
}

/// Reads ISO 8601: a date, then `T` or a space and a time, then `Z` or an offset; all but the date may be missing.
///
/// `None` when the text has another layout.
pub(super) fn read_iso(text: &[u8], last: &mut LastDate) -> Option<Result<Shown, TimeError>> {
    if let Some((date, rest)) = text.split_first_chunk::<10>()
        && date[4] == b'-'
        && date[7] == b'-'
    {
        let days = if *date == last.text {
            last.days
        } else {
            let (year, month, day) = (
                four_digits(&date[..4])?,
                two_digits(&date[5..7])?,
                two_digits(&date[8..])?,
            );
            if !is_date(year.into(), month, day) {
                return Some(Err(TimeError::NoSuchDate));
            }
            let days = days_from_civil(year.into(), month, day);
            *last = LastDate { text: *date, days };
            days
        };
        return read_rest(days, rest);
    }
    if text.len() == 7 && text[4] == b'-' {
        return Some(date_of(four_digits(&text[..4])?, two_digits(&text[5..])?, 1).map(midnight));
    }
    if text.len() > 9 && matches!(text[8], b'T' | b't') {
        let date = date_of(
            four_digits(&text[..4])?,
            two_digits(&text[4..6])?,
            two_digits(&text[6..8])?,
        );
        return match date {
            Ok(days) => read_rest(days, &text[8..]),
            Err(error) => Some(Err(error)),
        };
    }
    None
}

/// Reads `1/2/2024 7:05 PM` and the like: the separators `/`, `.` or `-`, the order as the schema says.
///
/// A year of four digits is recognised wherever it stands; one of two digits lies between 1969 and 2068.
pub(super) fn read_numeric(
    text: &str,
    dayfirst: bool,
    yearfirst: bool,
) -> Option<Result<Shown, TimeError>> {
    let bytes = text.as_bytes();
    let (first, bytes) = leading_number(bytes)?;
    let separator = *bytes
        .first()
        .filter(|byte| matches!(byte, b'/' | b'.' | b'-'))?;
    let (second, bytes) = leading_number(bytes[1..].trim_ascii_start())?;
    let bytes = bytes.strip_prefix(&[separator])?;
    let (third, rest) = leading_number(bytes.trim_ascii_start())?;

    let year_leads = first.1 == 4 || (third.1 != 4 && yearfirst);
    let (year, month, day) = if year_leads {
        (first, second, third)
    } else if dayfirst {
        (third, second, first)
    } else {
        (third, first, second)
    };
    let year = match year {
        (year, 4) => year,
        (year, 2) if year < 69 => 2000 + year,
        (year, 2) => 1900 + year,
        _ => return None,
    };
    if month.1 > 2 || day.1 > 2 {
        return None;
    }
    if !year_leads && !dayfirst && month.0 > 12 && day.0 <= 12 {
        return Some(Err(TimeError::MonthFirst(month.0)));
    }
    match date_of(year, month.0, day.0) {
        Ok(days) => read_rest(days, rest),
        Err(error) => Some(Err(error)),
    }
}

/// Whether a date in digits begins with a year of four digits, after which only month and day can come.
pub(super) fn begins_with_year(text: &str) -> bool {
    matches!(leading_number(text.as_bytes()), Some(((_, 4), _)))
}

/// Whether a text is a time of day alone.
pub(super) fn is_time_of_day(text: &str) -> bool {
    let has_colon = text.bytes().take(3).any(|byte| byte == b':');
    has_colon
        && matches!(read_clock(text.as_bytes()), Some((_, rest))
            if !matches!(read_offset(rest.trim_ascii_start()), ReadOffset::Unreadable))
}

/// What follows a date: nothing, an offset, or a time with or without one.
fn read_rest(days: i64, rest: &[u8]) -> Option<Result<Shown, TimeError>> {
    let Some((&separator, rest)) = rest.split_first() else {
        return Some(Ok(midnight(days)));
    };
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let rest = rest.trim_ascii_start();
    if rest.is_empty() {
        return Some(Ok(midnight(days)));
    }
    let (clock, rest) = read_clock(rest)?;
    let offset = match read_offset(rest.trim_ascii_start()) {
        ReadOffset::None => None,
        ReadOffset::East(seconds) => Some(seconds),
        ReadOffset::Unreadable => return None,
    };
    let Some((seconds, nanos)) = clock else {
        return Some(Err(TimeError::NoSuchHour));
    };
    Some(Ok(Shown {
        moment: Moment {
            seconds: days * DAY + seconds,
            nanos,
        },
        offset,
    }))
}

/// Seconds since midnight and nanoseconds; `Some(None)` when it looks like a time, but the clock does not show it.
type Clock = Option<(i64, u32)>;

/// Reads `H`, `HH:MM`, `HH:MM:SS`, `HH:MM:SS.f`, `HHMM`, `HHMMSS`, with `AM` or `PM`, or `a` or `p` alone at the end, behind if
/// need be.
fn read_clock(text: &[u8]) -> Option<(Clock, &[u8])> {
    let (hour, rest) = match leading_number(text)? {
        ((hour, 1 | 2), rest) => (hour, rest),
        _ => (two_digits(&text[..2])?, &text[2..]),
    };
    let mut parts = [hour, 0, 0];
    let mut rest = rest;
    let mut nanos = 0;
    let colons = rest.first() == Some(&b':');
    for part in &mut parts[1..] {
        let digits = match (rest.split_first(), colons) {
            (Some((b':', digits)), true) => digits,
            (Some((byte, _)), false) if byte.is_ascii_digit() => rest,
            _ => break,
        };
        *part = two_digits(digits.get(..2)?)?;
        rest = &digits[2..];
    }
    if let Some((b'.' | b',', fraction)) = rest.split_first() {
        (nanos, rest) = read_fraction(fraction)?;
    }
    let mut valid = parts[1] < 60 && parts[2] <= 60;
    let after = rest.trim_ascii_start();
    if let Some((is_afternoon, after)) = read_half(after) {
        valid &= (1..=12).contains(&parts[0]);
        parts[0] = parts[0] % 12 + if is_afternoon { 12 } else { 0 };
        rest = after;
    }
    // ISO 8601 lets a day end at 24:00, and a minute with a leap second at :60.
    valid &= parts[0] < 24 || (parts == [24, 0, 0] && nanos == 0);
    let seconds = i64::from(parts[0] * 3600 + parts[1] * 60 + parts[2]);
    Some((valid.then_some((seconds, nanos)), rest))
}

/// Reads `AM`, `PM`, or `a` or `p` at the end: whether it is the afternoon.
fn read_half(text: &[u8]) -> Option<(bool, &[u8])> {
    let (half, rest) = text.split_first()?;
    let is_afternoon = match half.to_ascii_lowercase() {
        b'a' => false,
        b'p' => true,
        _ => return None,
    };
    match rest {
        [] => Some((is_afternoon, rest)),
        [b'm' | b'M', rest @ ..] => Some((is_afternoon, rest)),
        _ => None,
    }
}

/// Nanoseconds of the digits behind a decimal point; further digits are dropped.
fn read_fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let n_digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if n_digits == 0 {
        return None;
    }
    let digits = text[..n_digits]
        .iter()
        .copied()
        .chain(std::iter::repeat(b'0'))
        .take(9);
    let nanos = digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some((nanos, &text[n_digits..]))
}

/// An offset, or none, as far as it is understood.
enum ReadOffset {
    None,
    East(i32),
    Unreadable,
}

/// Reads nothing, `Z`, `UTC`, `GMT`, `±HH`, `±HHMM` or `±HH:MM`; seconds east of UTC.
fn read_offset(text: &[u8]) -> ReadOffset {
    let (sign, digits) = match text {
        [] => return ReadOffset::None,
        [b'Z' | b'z'] | b"UTC" | b"GMT" => return ReadOffset::East(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return ReadOffset::Unreadable,
    };
    let parts = match digits {
        [hours @ .., b':', m, n] | [hours @ .., m, n] if hours.len() == 2 => {
            two_digits(hours).zip(two_digits(&[*m, *n]))
        }
        hours => two_digits(hours).map(|hours| (hours, 0)),
    };
    match parts {
        Some((hours @ 0..24, minutes @ 0..60)) => {
            let seconds = i32::try_from(hours * 3600 + minutes * 60)
                .expect("a day has fewer than 2^31 seconds");
            ReadOffset::East(sign * seconds)
        }
        _ => ReadOffset::Unreadable,
    }
}

fn midnight(days: i64) -> Shown {
    Shown {
        moment: Moment {
            seconds: days * DAY,
            nanos: 0,
        },
        offset: None,
    }
}

fn date_of(year: u32, month: u32, day: u32) -> Result<i64, TimeError> {
    if is_date(year.into(), month, day) {
        Ok(days_from_civil(year.into(), month, day))
    } else {
        Err(TimeError::NoSuchDate)
    }
}

/// A number of one to four digits, and how many digits it has.
fn leading_number(text: &[u8]) -> Option<((u32, usize), &[u8])> {
    let n_digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if n_digits == 0 {
        return None;
    }
    let number = text[..n_digits.min(9)]
        .iter()
        .fold(0, |number, byte| number * 10 + u32::from(byte - b'0'));
    Some(((number, n_digits), &text[n_digits..]))
}

fn two_digits(text: &[u8]) -> Option<u32> {
    let [a, b] = text else { return None };
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    (a < 10 && b < 10).then(|| u32::from(a) * 10 + u32::from(b))
}

fn four_digits(text: &[u8]) -> Option<u32> {
    Some(two_digits(&text[..2])? * 100 + two_digits(&text[2..])?)
}
