//! `hours since 1970-01-01 00:00`: numbers that are times.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use polars::prelude::{
    Column, Int64Chunked, IntoColumn, NewChunkedArray, PlSmallStr, TimeUnit, TimeZone,
};

use super::super::DecodeError;
use super::super::format_error::FormatError;
use super::values::{Fill, Raw, doubles};

/// Units of the form `<tick> since <instant>`.
#[derive(Debug)]
pub(super) struct Since {
    /// What the column counts.
    unit: TimeUnit,
    /// Column ticks in one tick.
    factor: i64,
    /// Column ticks from 1970 to the instant.
    start: i64,
    format: &'static str,
}

impl Since {
    /// Reads units; `None` if they are of something else than time.
    pub(super) fn of(
        format: &'static str,
        name: &str,
        units: &str,
        calendar: Option<&str>,
    ) -> Result<Option<Self>, FormatError> {
        let Some((tick, instant)) = units.trim().split_once(" since ") else {
            return Ok(None);
        };
        let not_taken = |found: String, remedy: &str| FormatError::NotTaken {
            format,
            place: format!("variable `{name}`"),
            found,
            remedy: remedy.to_owned(),
        };
        let micros = 1_000_000;
        let (unit, factor) = match tick.trim().to_ascii_lowercase().as_str() {
            "days" | "day" | "d" => (TimeUnit::Microseconds, 86_400 * micros),
            "hours" | "hour" | "hrs" | "hr" | "h" => (TimeUnit::Microseconds, 3_600 * micros),
            "minutes" | "minute" | "mins" | "min" => (TimeUnit::Microseconds, 60 * micros),
            "seconds" | "second" | "secs" | "sec" | "s" => (TimeUnit::Microseconds, micros),
            "milliseconds" | "millisecond" | "msecs" | "msec" | "ms" => {
                (TimeUnit::Microseconds, 1_000)
            }
            "microseconds" | "microsecond" | "us" => (TimeUnit::Microseconds, 1),
            "nanoseconds" | "nanosecond" | "ns" => (TimeUnit::Nanoseconds, 1),
            _ => {
                return Err(not_taken(
                    format!("counts `{units}`"),
                    "count days, hours, minutes, seconds or parts of them",
                ));
            }
        };
        let instant = instant_of(instant).ok_or_else(|| {
            not_taken(
                format!("counts since `{instant}`"),
                "write the instant as in `hours since 1970-01-01 00:00:00`",
            )
        })?;
        let calendar = calendar.unwrap_or("standard").to_ascii_lowercase();
        let is_real = matches!(
            calendar.as_str(),
            "standard" | "gregorian" | "proleptic_gregorian" | ""
        );
        // Before 1582 the standard calendar is another one.
        let is_old = calendar != "proleptic_gregorian" && instant.timestamp() < -12_219_292_800;
        if !is_real || is_old {
            return Err(not_taken(
                format!("counts `{units}` in the calendar `{calendar}`"),
                "write times of the standard calendar, counted from an instant after 1582",
            ));
        }
        let start = match unit {
            TimeUnit::Nanoseconds => instant.timestamp_nanos_opt(),
            _ => Some(instant.timestamp_micros()),
        };
        let start = start.ok_or_else(|| {
            not_taken(
                format!("counts `{units}`"),
                "count nanoseconds since 1970-01-01",
            )
        })?;
        Ok(Some(Self {
            unit,
            factor,
            start,
            format,
        }))
    }

    /// The numbers as times.
    pub(super) fn column(
        &self,
        name: PlSmallStr,
        raw: &Raw,
        fill: &Fill,
    ) -> Result<Column, DecodeError> {
        let beyond = |position: usize| FormatError::NotTaken {
            format: self.format,
            place: format!("variable `{name}`, element {}", position + 1),
            found: "holds a time too far from 1970".to_owned(),
            remedy: "correct it, or mark it with `_FillValue`".to_owned(),
        };
        let mut ticks: Vec<Option<i64>> = Vec::new();
        if let Raw::Ints(values) = raw {
            for (position, value) in values.iter().enumerate() {
                ticks.push(match fill.int(*value) {
                    None => None,
                    Some(value) => Some(
                        value
                            .checked_mul(self.factor)
                            .and_then(|ticks| ticks.checked_add(self.start))
                            .ok_or_else(|| beyond(position))?,
                    ),
                });
            }
        } else {
            for (position, value) in doubles(raw, fill).enumerate() {
                ticks.push(match value {
                    None => None,
                    Some(value) => {
                        #[expect(clippy::cast_precision_loss, reason = "factors are exact")]
                        let scaled = (value * self.factor as f64).round();
                        // Beyond this, floats do not know single ticks of a century.
                        if scaled.abs() > 9e18 {
                            return Err(beyond(position).into());
                        }
                        #[expect(clippy::cast_possible_truncation, reason = "just checked")]
                        let scaled = scaled as i64;
                        Some(
                            scaled
                                .checked_add(self.start)
                                .ok_or_else(|| beyond(position))?,
                        )
                    }
                });
            }
        }
        let ticks = Int64Chunked::from_iter_options(name, ticks.into_iter());
        Ok(ticks
            .into_datetime(self.unit, Some(TimeZone::UTC))
            .into_column())
    }
}

/// A date with a time and an offset, all but the date optional: `1970-1-1 0:0:0.0 +01:00`, `1970-01-01T00:00Z`.
fn instant_of(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim().replace('T', " ");
    let mut parts = text.split_whitespace();
    let mut numbers = parts.next()?.splitn(3, '-');
    let date = NaiveDate::from_ymd_opt(
        numbers.next()?.parse().ok()?,
        numbers.next()?.parse().ok()?,
        numbers.next()?.parse().ok()?,
    )?;
    let (mut clock, mut zone) = match parts.next() {
        None => return Some(date.and_hms_opt(0, 0, 0)?.and_utc()),
        Some(part) => (part.to_owned(), parts.next().map(str::to_owned)),
    };
    if parts.next().is_some() {
        return None;
    }
    // The offset may follow without a blank.
    if zone.is_none()
        && let Some(at) = clock.find(['Z', 'z', '+', '-', 'U'])
    {
        zone = Some(clock.split_off(at));
    }
    let mut numbers = clock.splitn(3, ':');
    let hours: u32 = numbers.next()?.parse().ok()?;
    let minutes: u32 = numbers.next().unwrap_or("0").parse().ok()?;
    let seconds: f64 = numbers.next().unwrap_or("0").parse().ok()?;
    if !(0.0..60.0).contains(&seconds) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 60 seconds"
    )]
    let micros = (seconds * 1e6).round() as u32;
    let clock = date.and_hms_micro_opt(hours, minutes, micros / 1_000_000, micros % 1_000_000)?;
    let offset = match zone.as_deref() {
        None | Some("Z" | "z" | "UTC" | "UT" | "GMT") => FixedOffset::east_opt(0)?,
        Some(offset) => {
            let (sign, offset) = match offset.split_at_checked(1)? {
                ("+", offset) => (1, offset),
                ("-", offset) => (-1, offset),
                _ => return None,
            };
            let (hours, minutes) = match offset.split_once(':') {
                Some(parts) => parts,
                None if offset.len() == 4 => offset.split_at_checked(2)?,
                None => (offset, "0"),
            };
            let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
            FixedOffset::east_opt(sign * (hours.checked_mul(3600)? + minutes.checked_mul(60)?))?
        }
    };
    let local = clock.and_local_timezone(offset).single()?;
    Some(local.with_timezone(&Utc))
}
