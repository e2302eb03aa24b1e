//! `hours since 1970-01-01 00:00`: numbers that are times.

use polars::prelude::{
    Column, Int64Chunked, IntoColumn, NewChunkedArray, PlSmallStr, TimeUnit, TimeZone,
};
use zarr_fuse_schemas::rules::Rules;

use super::super::DecodeError;
use super::super::format_error::FormatError;
use super::calendar::{Calendar, TooFar};
use super::values::{Fill, Packing, Raw, doubles};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Units of the form `<tick> since <instant>`.
#[derive(Debug)]
pub(super) struct Since {
    /// What the column counts.
    unit: TimeUnit,
    /// Column ticks in one tick.
    factor: i64,
    /// Column ticks from 1970 to the instant, in days of the calendar.
    start: i64,
    calendar: Calendar,
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
        let mut words = units.split_whitespace();
        let (Some(tick), Some(since)) = (words.next(), words.next()) else {
            return Ok(None);
        };
        if !since.eq_ignore_ascii_case("since") {
            return Ok(None);
        }
        let instant: Vec<&str> = words.collect();
        let instant = instant.join(" ");
        let not_taken = |found: String, remedy: &str| FormatError::NotTaken {
            format,
            place: format!("variable `{name}`"),
            found,
            remedy: remedy.to_owned(),
        };
        let micros = 1_000_000;
        let (unit, factor) = match tick.to_ascii_lowercase().as_str() {
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
                    format!("counts `{units}`, whose ticks are not all of one length or not known"),
                    "count days, hours, minutes, seconds or parts of them, or leave the variable out by `grid.variables`",
                ));
            }
        };
        let name = calendar.unwrap_or("standard").to_ascii_lowercase();
        let calendar = Calendar::named(&name).ok_or_else(|| {
            not_taken(
                format!("counts `{units}` in the calendar `{name}`"),
                "write times of a calendar of the CF conventions: `standard`, `proleptic_gregorian`, `julian`, `noleap`, \
                 `all_leap` or `360_day`",
            )
        })?;
        let micros = micros_of(&instant, calendar).ok_or_else(|| {
            not_taken(
                format!("counts since `{instant}`"),
                "write the instant as in `hours since 1970-01-01 00:00:00`",
            )
        })?;
        let start = match unit {
            TimeUnit::Nanoseconds => micros.checked_mul(1000),
            _ => Some(micros),
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
            calendar,
            format,
        }))
    }

    /// Column ticks since 1970, from column ticks since the instant.
    fn since_1970(&self, ticks: i64) -> Result<Option<i64>, TooFar> {
        let ticks = ticks.checked_add(self.start).ok_or(TooFar)?;
        let per_day = match self.unit {
            TimeUnit::Nanoseconds => 1000 * MICROS_PER_DAY,
            _ => MICROS_PER_DAY,
        };
        let (day, rest) = (ticks.div_euclid(per_day), ticks.rem_euclid(per_day));
        let Some(day) = self.calendar.to_real(day)? else {
            return Ok(None);
        };
        let ticks = day
            .checked_mul(per_day)
            .and_then(|ticks| ticks.checked_add(rest));
        ticks.map(Some).ok_or(TooFar)
    }

    /// A whole number of ticks as a time. The smallest number is how xarray writes that there is none.
    fn of_whole(&self, ticks: i64) -> Result<Option<i64>, TooFar> {
        if ticks == i64::MIN {
            return Ok(None);
        }
        let ticks = ticks.checked_mul(self.factor).ok_or(TooFar)?;
        self.since_1970(ticks)
    }

    /// The same of a number that may have a fraction.
    fn of_fraction(&self, ticks: f64, rules: Rules) -> Result<Option<i64>, TooFar> {
        #[expect(clippy::cast_precision_loss, reason = "factors are exact")]
        let factor = self.factor as f64;
        let scaled = (ticks * factor).round();
        // Beyond this, floats do not know single ticks of a century.
        if scaled.is_nan() || scaled.abs() > 9e18 {
            return Err(TooFar);
        }
        #[expect(clippy::cast_possible_truncation, reason = "just checked")]
        let mut scaled = scaled as i64;
        // How far the next float is: days since the year 1 know ten microseconds, which no clock has meant.
        let next = ticks.abs().next_up() - ticks.abs();
        let coarse = match self.unit {
            TimeUnit::Nanoseconds => 1_000_000,
            _ => 1_000,
        };
        if rules == Rules::Second && next * factor > 0.5 {
            scaled = scaled.saturating_add(coarse / 2).div_euclid(coarse) * coarse;
        }
        self.since_1970(scaled)
    }

    /// The numbers as times.
    pub(super) fn column(
        &self,
        name: PlSmallStr,
        raw: &Raw,
        fill: &Fill,
        packing: Option<Packing>,
        rules: Rules,
    ) -> Result<Column, DecodeError> {
        let beyond = |position: usize| FormatError::NotTaken {
            format: self.format,
            place: format!("variable `{name}`, element {}", position + 1),
            found: "holds a time too far from 1970".to_owned(),
            remedy: "correct it, or mark it with `_FillValue`".to_owned(),
        };
        let mut ticks: Vec<Option<i64>> = Vec::new();
        if let (Raw::Ints(values), None) = (raw, packing) {
            for (position, value) in values.iter().enumerate() {
                let time = fill.int(*value).map(|value| self.of_whole(value));
                ticks.push(
                    time.transpose()
                        .map_err(|TooFar| beyond(position))?
                        .flatten(),
                );
            }
        } else {
            let packing = packing.unwrap_or_default();
            for (position, value) in doubles(raw, fill).enumerate() {
                let time = value.map(|value| self.of_fraction(packing.undo(value), rules));
                ticks.push(
                    time.transpose()
                        .map_err(|TooFar| beyond(position))?
                        .flatten(),
                );
            }
        }
        let ticks = Int64Chunked::from_iter_options(name, ticks.into_iter());
        Ok(ticks
            .into_datetime(self.unit, Some(TimeZone::UTC))
            .into_column())
    }
}

/// Microseconds since 1970, in days of the calendar, of a date with a time and an offset, all but the date optional:
/// `1970-1-1 0:0:0.0 +01:00`, `1970-01-01T00:00Z`, `1950-01-01 00:00:00 UTC`.
fn micros_of(text: &str, calendar: Calendar) -> Option<i64> {
    let (date, rest) = match text.find(|c: char| c == 'T' || c == 't' || c.is_whitespace()) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    // A year before the first one begins with a minus.
    let (year, rest_of_date) = match date.strip_prefix('-') {
        Some(_) => return None,
        None => date.split_once('-')?,
    };
    let (month, day) = rest_of_date.split_once('-')?;
    let day = calendar.day(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    let mut parts = rest.split_whitespace();
    let (mut clock, mut zone) = (parts.next().unwrap_or("0"), parts.next());
    if parts.next().is_some() {
        return None;
    }
    // The offset may follow without a blank, or alone.
    if zone.is_none()
        && let Some(at) = clock.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
    {
        zone = Some(&clock[at..]);
        clock = if at == 0 { "0" } else { &clock[..at] };
    }
    let mut numbers = clock.splitn(3, ':');
    let hours: u32 = numbers.next()?.parse().ok()?;
    let minutes: u32 = numbers.next().unwrap_or("0").parse().ok()?;
    let seconds: f64 = numbers.next().unwrap_or("0").parse().ok()?;
    if hours > 24 || minutes > 59 || !(0.0..60.0).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 60 seconds")]
    let micros = (seconds * 1e6).round() as i64;
    let clock = i64::from(hours * 3600 + minutes * 60) * 1_000_000 + micros;
    let offset = i64::from(offset_of(zone)?) * 1_000_000;
    day.checked_mul(MICROS_PER_DAY)?.checked_add(clock - offset)
}

/// Seconds east of Greenwich.
fn offset_of(zone: Option<&str>) -> Option<i32> {
    let (sign, offset) = match zone {
        None | Some("Z" | "z" | "UTC" | "utc" | "UT" | "GMT") => return Some(0),
        Some(zone) => match zone.split_at_checked(1)? {
            ("+", offset) => (1, offset),
            ("-", offset) => (-1, offset),
            _ if zone.starts_with(|c: char| c.is_ascii_digit()) => (1, zone),
            _ => return None,
        },
    };
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None if offset.len() == 4 => offset.split_at_checked(2)?,
        None => (offset, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let is_one = (0..=18).contains(&hours) && (0..60).contains(&minutes);
    is_one.then_some(sign * (hours * 3600 + minutes * 60))
}
