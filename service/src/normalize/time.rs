//! Times: text, ticks and native date-times to UTC ticks, and ticks to ISO 8601.

mod civil;
mod format;
mod text;
mod ticks;
mod zone;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use chrono::format::Item;
use zarr_fuse_schemas::time::{Tick, TimeUnit, Zone};

pub(crate) use civil::Moment;
use text::{LastDate, Written};
use zone::LocalZone;

/// Why a text or a number is no time of the dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// No known layout.
    #[error(
        "not a time; write ISO 8601 such as `2024-03-31T02:30:00Z`, or give the `format` in `source_unit`"
    )]
    Unreadable,
    /// A layout that is understood, but a date that the calendar does not have.
    #[error("there is no such date in the calendar")]
    NoSuchDate,
    /// A month over 12 where the month should be.
    #[error("there is no month {0}; if the day comes first, set `dayfirst: true` in `source_unit`")]
    MonthFirst(u32),
    /// Hours over 23, minutes or seconds over 59.
    #[error("there is no such time of day")]
    NoSuchHour,
    /// Eight digits.
    #[error(
        "may be a date or a number; set `format` in `source_unit`: '%Y%m%d' for dates, '%s' for seconds since 1970"
    )]
    DateOrNumber,
    /// Left out when the clocks go forward.
    #[error("this local time does not exist in {}: the clocks skip it; deliver UTC or an offset", zone_name(*.0))]
    Never(Zone),
    /// Repeated when the clocks go back.
    #[error(
        "this local time exists twice in {}: the clocks go back; set `fold: earlier` or `fold: later` in `source_unit`, \
         or deliver an offset",
        zone_name(*.0)
    )]
    Twice(Zone),
    /// Infinite, or not a number of ticks that 64 bits can count.
    #[error("beyond the times that can be stored")]
    TooFar,
    /// Readable, but the stored tick is too short for it.
    #[error("beyond what 64-bit {} since 1970 can count; use a longer `tick`", .0.cf_name())]
    Overflow(Tick),
}

/// Reads one time, as a cell of a column or the end of a selection would be read.
///
/// The result counts ticks of `stored` since 1970-01-01 UTC. What is finer than a tick is truncated toward minus infinity.
///
/// # Errors
/// [`TimeError`] says what is wrong; empty text and `NaT` are [`TimeError::Unreadable`].
pub fn parse_time(text: &str, unit: &TimeUnit, stored: Tick) -> Result<i64, TimeError> {
    TimeReader::new(unit, stored)
        .text(text)?
        .ok_or(TimeError::Unreadable)
}

/// Writes ticks since 1970-01-01 UTC as ISO 8601 in the zone of `unit`, with as many decimals as its tick has.
///
/// UTC is written `Z`, other zones as an offset. Whole days in UTC are written as a date alone.
pub fn format_ticks(ticks: i64, unit: &TimeUnit) -> String {
    let length = unit.tick.nanoseconds();
    let in_utc = unit.zone == Zone::Fixed(0) || unit.zone == Zone::Named(chrono_tz::UTC);
    let total = i128::from(ticks) * i128::from(length);
    let Some(moment) = Moment::from_nanoseconds(total) else {
        return format!("{ticks} {}", unit.tick.cf_name());
    };
    let offset = if in_utc {
        0
    } else {
        zone::offset_at(unit.zone, moment.seconds)
    };
    let local = moment.seconds.saturating_add(offset.into());
    let (year, month, day) = civil::civil_from_days(local.div_euclid(civil::DAY));
    let second = local.rem_euclid(civil::DAY);

    let mut out = String::with_capacity(35);
    // Writing to a string cannot fail.
    let _ = if (0..=9999).contains(&year) {
        write!(out, "{year:04}-{month:02}-{day:02}")
    } else {
        write!(out, "{year:+05}-{month:02}-{day:02}")
    };
    if unit.tick == Tick::Day && in_utc {
        return out;
    }
    let _ = write!(
        out,
        "T{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    let nanos = moment.nanos;
    let _ = match unit.tick {
        Tick::Millisecond => write!(out, ".{:03}", nanos / 1_000_000),
        Tick::Microsecond => write!(out, ".{:06}", nanos / 1000),
        Tick::Nanosecond => write!(out, ".{nanos:09}"),
        _ => Ok(()),
    };
    if in_utc {
        out.push('Z');
    } else {
        out.push_str(&offset_name(offset));
    }
    out
}

/// Reads the times of one column.
pub(super) struct TimeReader<'u> {
    source: &'u TimeUnit,
    stored: Tick,
    zone: LocalZone,
    format: Vec<Item<'u>>,
    last_date: LastDate,
}

impl<'u> TimeReader<'u> {
    pub(super) fn new(source: &'u TimeUnit, stored: Tick) -> Self {
        Self {
            source,
            stored,
            zone: LocalZone::new(source.zone, source.fold),
            format: source
                .format
                .as_deref()
                .map(format::items)
                .unwrap_or_default(),
            last_date: LastDate::default(),
        }
    }

    /// Reads text: ISO 8601, then the schema's format, then a number of ticks, then day, month and year.
    pub(super) fn text(&mut self, text: &str) -> Result<Option<i64>, TimeError> {
        match text::read_iso(text.as_bytes(), &mut self.last_date) {
            Some(Ok(written)) => self.written(written).map(Some),
            first => self.other_text(text.trim(), first),
        }
    }

    /// What is not plain ISO 8601: rare, and none of it may slow the reading of ISO 8601.
    #[cold]
    fn other_text(
        &mut self,
        text: &str,
        first: Option<Result<Written, TimeError>>,
    ) -> Result<Option<i64>, TimeError> {
        if text.is_empty() || text.eq_ignore_ascii_case("nat") || text.eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        let first = match first {
            None => text::read_iso(text.as_bytes(), &mut self.last_date),
            first => first,
        };
        if let Some(Ok(written)) = first {
            return self.written(written).map(Some);
        }
        if !self.format.is_empty()
            && let Some(written) = format::read(text, &self.format)
        {
            return self.written(written).map(Some);
        }
        if let Some(moment) = ticks::read_text(text, self.source.tick) {
            if self.format.is_empty()
                && self.source.tick.nanoseconds() <= civil::SECOND
                && ticks::may_be_date(text)
            {
                return Err(TimeError::DateOrNumber);
            }
            return self.local(moment?).map(Some);
        }
        match (
            first,
            text::read_numeric(text, self.source.dayfirst, self.source.yearfirst),
        ) {
            (_, Some(Ok(written))) => self.written(written).map(Some),
            (Some(Err(error)), _) | (_, Some(Err(error))) => Err(error),
            _ => Err(TimeError::Unreadable),
        }
    }

    /// Takes a number of ticks of the source.
    pub(super) fn ticks(&mut self, ticks: i64) -> Result<Option<i64>, TimeError> {
        if ticks == i64::MIN {
            return Ok(None);
        }
        let moment = Moment::from_ticks(ticks, self.source.tick).ok_or(TimeError::TooFar)?;
        self.local(moment).map(Some)
    }

    /// Takes a number of ticks of the source, perhaps with a fraction.
    pub(super) fn float(&mut self, ticks: f64) -> Result<Option<i64>, TimeError> {
        if ticks.is_nan() {
            return Ok(None);
        }
        self.local(ticks::read_float(ticks, self.source.tick)?)
            .map(Some)
    }

    /// Takes a date-time of the clock in the source's zone.
    pub(super) fn local(&mut self, moment: Moment) -> Result<i64, TimeError> {
        let seconds = self.zone.utc(moment.seconds)?;
        self.utc(Moment { seconds, ..moment })
    }

    /// Takes a date-time in UTC.
    pub(super) fn utc(&self, moment: Moment) -> Result<i64, TimeError> {
        moment
            .to_ticks(self.stored)
            .ok_or(TimeError::Overflow(self.stored))
    }

    fn written(&mut self, written: Written) -> Result<i64, TimeError> {
        match written.offset {
            Some(offset) => {
                let seconds = written.moment.seconds - i64::from(offset);
                self.utc(Moment {
                    seconds,
                    ..written.moment
                })
            }
            None => self.local(written.moment),
        }
    }
}

fn zone_name(zone: Zone) -> String {
    match zone {
        Zone::Fixed(0) => "UTC".to_owned(),
        Zone::Fixed(offset) => offset_name(offset),
        Zone::Named(tz) => tz.name().to_owned(),
    }
}

fn offset_name(offset: i32) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}
