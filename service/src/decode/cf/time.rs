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
    /// Column ticks from 1970 to the instant, or from the year 0 of a calendar without leap days.
    start: i64,
    has_leap_days: bool,
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
        let has_leap_days = !matches!(calendar.as_str(), "noleap" | "365_day");
        // Before 1582 the standard calendar is another one.
        let is_old = calendar != "proleptic_gregorian" && instant.timestamp() < -12_219_292_800;
        if has_leap_days && (!is_real || is_old) {
            return Err(not_taken(
                format!("counts `{units}` in the calendar `{calendar}`"),
                "write times of the standard calendar or the one without leap days, counted from an instant after 1582",
            ));
        }
        let instant = if has_leap_days {
            Some(instant)
        } else {
            no_leap::as_if_real(instant)
        };
        let start = instant.and_then(|instant| match unit {
            TimeUnit::Nanoseconds => instant.timestamp_nanos_opt(),
            _ => Some(instant.timestamp_micros()),
        });
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
            has_leap_days,
            format,
        }))
    }

    /// Column ticks since 1970, from column ticks since the instant.
    fn since_1970(&self, ticks: i64) -> Option<i64> {
        let ticks = ticks.checked_add(self.start)?;
        if self.has_leap_days {
            return Some(ticks);
        }
        no_leap::to_real(
            ticks,
            if self.unit == TimeUnit::Nanoseconds {
                1000
            } else {
                1
            },
        )
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
                            .and_then(|ticks| self.since_1970(ticks))
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
                        Some(self.since_1970(scaled).ok_or_else(|| beyond(position))?)
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

/// The calendar in which every year has 365 days: dates keep their names, and 29 February is none of them.
mod no_leap {
    use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc};

    const MICROS_PER_DAY: i64 = 86_400_000_000;

    /// An instant as many days after 1970 as years of 365 days make; `None` for 29 February.
    pub(super) fn as_if_real(instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let date = instant.date_naive();
        let leap_day = NaiveDate::from_ymd_opt(date.year(), 2, 29);
        if leap_day == Some(date) {
            return None;
        }
        let after = leap_day.is_some_and(|leap_day| date > leap_day);
        let days =
            (i64::from(date.year()) - 1970) * 365 + i64::from(date.ordinal0()) - i64::from(after);
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
        let day = epoch.checked_add_signed(TimeDelta::days(days))?;
        Some(day.and_time(instant.time()).and_utc())
    }

    /// Ticks since 1970 in real days, from those in years of 365 days; so many ticks make a microsecond.
    pub(super) fn to_real(ticks: i64, per_micro: i64) -> Option<i64> {
        let per_day = MICROS_PER_DAY * per_micro;
        let (days, rest) = (ticks.div_euclid(per_day), ticks.rem_euclid(per_day));
        let year = i32::try_from(1970 + days.div_euclid(365)).ok()?;
        let ordinal0 = u32::try_from(days.rem_euclid(365)).ok()?;
        let first = NaiveDate::from_ymd_opt(year, 1, 1)?;
        // From 1 March on, the day after the one that is left out.
        let skipped = u32::from(first.leap_year() && ordinal0 >= 59);
        let date = first.with_ordinal0(ordinal0 + skipped)?;
        let real = (date - NaiveDate::from_ymd_opt(1970, 1, 1)?).num_days();
        real.checked_mul(per_day)?.checked_add(rest)
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
