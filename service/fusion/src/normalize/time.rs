//! Times: text, ticks and native date-times to UTC ticks, and ticks to ISO 8601.

mod civil;
mod first;
mod format;
mod question;
mod text;
mod ticks;
mod zone;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use chrono::format::Item;
use zarr_fuse_schemas::{
    rules::Rules,
    time::{Fold, Tick, TimeFormat, TimeUnit, Zone},
};

pub(crate) use civil::Moment;
pub(super) use question::readings;
use text::{LastDate, Shown};
use zone::LocalZone;

/// Why a text or a number is no time of the dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// No known layout.
    #[error(
        "not a time; write ISO 8601 such as `2024-03-31T02:30:00Z`, or give the `format` in `source_unit`"
    )]
    Unreadable,
    /// Not in any format of the schema.
    #[error(
        "is not written as the `format` in `source_unit` says; correct it, or list all formats that occur"
    )]
    NotInFormat,
    /// A time of day alone.
    #[error(
        "is a time of day without a date; put date and time into one column with `join` in the endpoint's `decode`"
    )]
    TimeOfDay,
    /// A date whose day, month and year may come in several orders.
    #[error("may be read in several ways; say in `source_unit` which one is meant")]
    WhichOrder,
    /// A layout that is understood, but a date that the calendar does not have.
    #[error("there is no such date in the calendar")]
    NoSuchDate,
    /// A month over 12 where the month should be.
    #[error("there is no month {0}; if the day comes first, set `dayfirst: true` in `source_unit`")]
    MonthFirst(u32),
    /// Hours over 23, minutes or seconds over 59.
    #[error("there is no such time of day")]
    NoSuchHour,
    /// Digits that may be those of a date.
    #[error(
        "may be a date or a number; set in `source_unit` a `format` for dates, or `since: 1970-01-01` for numbers"
    )]
    DateOrNumber,
    /// Left out when the clocks go forward.
    #[error("this local time does not exist in {}: the clocks skip it; deliver UTC or an offset", zone_name(*.0))]
    Never(Zone),
    /// Repeated when the clocks go back.
    #[error(
        "this local time exists twice in {}: the clocks go back; set `fold: earlier`, `fold: later` or `fold: infer` in `source_unit`, \
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
    TimeReader::new(unit, stored, Rules::default())
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
    rules: Rules,
    zone: LocalZone,
    formats: Vec<Written<'u>>,
    last_date: LastDate,
}

/// How a time is written, ready to read.
enum Written<'u> {
    Iso8601,
    Strftime(Vec<Item<'u>>),
}

impl<'u> TimeReader<'u> {
    pub(super) fn new(source: &'u TimeUnit, stored: Tick, rules: Rules) -> Self {
        let ready = |format: &'u TimeFormat| match format {
            TimeFormat::Iso8601 => Written::Iso8601,
            TimeFormat::Strftime(format) => Written::Strftime(format::items(format)),
        };
        Self {
            source,
            stored,
            rules,
            zone: LocalZone::new(source.zone, source.fold),
            formats: source.formats.iter().map(ready).collect(),
            last_date: LastDate::default(),
        }
    }

    /// Reads text: in the schema's formats if it has any; else ISO 8601, a number of ticks, or day, month and year in the
    /// order that the schema says.
    pub(super) fn text(&mut self, text: &str) -> Result<Option<i64>, TimeError> {
        if self.rules == Rules::First {
            return self.first_text(text);
        }
        if self.formats.is_empty()
            && let Some(Ok(time)) = text::read_iso(text.as_bytes(), &mut self.last_date)
        {
            return self.shown(time).map(Some);
        }
        self.other_text(text.trim())
    }

    /// What is not plain ISO 8601: rare, and none of it may slow the reading of ISO 8601.
    #[cold]
    fn other_text(&mut self, text: &str) -> Result<Option<i64>, TimeError> {
        if text.is_empty() || text.eq_ignore_ascii_case("nat") || text.eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        if !self.formats.is_empty() {
            let time = self.in_formats(text).ok_or(TimeError::NotInFormat)?;
            return self.shown(time).map(Some);
        }
        match text::read_iso(text.as_bytes(), &mut self.last_date) {
            Some(Ok(time)) => return self.shown(time).map(Some),
            Some(Err(error)) => return Err(error),
            None => {}
        }
        if let Some(moment) = ticks::read_text(text, self.source.tick) {
            return self.counted(text, moment?).map(Some);
        }
        let has_order = self.source.has_order || text::begins_with_year(text);
        let (dayfirst, yearfirst) = (self.source.dayfirst, self.source.yearfirst);
        match text::read_numeric(text, dayfirst, yearfirst) {
            Some(_) if !has_order => Err(TimeError::WhichOrder),
            Some(time) => self.shown(time?).map(Some),
            None if text::is_time_of_day(text) => Err(TimeError::TimeOfDay),
            None => Err(TimeError::Unreadable),
        }
    }

    fn in_formats(&mut self, text: &str) -> Option<Shown> {
        let last_date = &mut self.last_date;
        self.formats.iter().find_map(|format| match format {
            Written::Iso8601 => text::read_iso(text.as_bytes(), last_date)?.ok(),
            Written::Strftime(items) => format::read_with_midnight(text, items),
        })
    }

    /// A number of ticks, unless it may be a date.
    fn counted(&mut self, digits: &str, ticks: Moment) -> Result<i64, TimeError> {
        if self.source.since.is_none() && ticks::may_be_date(digits) {
            return Err(TimeError::DateOrNumber);
        }
        self.since(ticks)
    }

    /// So many ticks after the instant from which the source counts.
    fn since(&mut self, ticks: Moment) -> Result<i64, TimeError> {
        let Some(since) = self.source.since else {
            return self.local(ticks);
        };
        let seconds = ticks.seconds.checked_add(since.seconds);
        let seconds = seconds.ok_or(TimeError::TooFar)?;
        let moment = Moment { seconds, ..ticks };
        if since.is_utc {
            self.utc(moment)
        } else {
            self.local(moment)
        }
    }

    /// Which of two instants the next times mean that may mean both.
    pub(super) fn fold(&mut self, fold: Option<Fold>) {
        self.zone.hint = fold;
    }

    /// Takes a number of ticks of the source.
    pub(super) fn ticks(&mut self, ticks: i64) -> Result<Option<i64>, TimeError> {
        if ticks == i64::MIN {
            return Ok(None);
        }
        let is_asked = self.source.since.is_none() && ticks::may_be_date_number(ticks);
        if self.rules != Rules::First && (is_asked || !self.formats.is_empty()) {
            return self.other_text(&ticks.to_string());
        }
        let moment = Moment::from_ticks(ticks, self.source.tick).ok_or(TimeError::TooFar)?;
        self.since(moment).map(Some)
    }

    /// Takes a number of ticks of the source, perhaps with a fraction.
    pub(super) fn float(&mut self, ticks: f64) -> Result<Option<i64>, TimeError> {
        if ticks.is_nan() {
            return Ok(None);
        }
        if self.rules == Rules::First {
            let moment = ticks::read_float(ticks, self.source.tick)?;
            return self.local(moment).map(Some);
        }
        if !ticks.is_finite() || ticks.abs() > 1e19 {
            return Err(TimeError::TooFar);
        }
        self.other_text(&ticks.to_string())
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

    fn shown(&mut self, shown: Shown) -> Result<i64, TimeError> {
        match shown.offset {
            Some(offset) => {
                let seconds = shown.moment.seconds - i64::from(offset);
                self.utc(Moment {
                    seconds,
                    ..shown.moment
                })
            }
            None => self.local(shown.moment),
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
