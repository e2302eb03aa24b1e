//! Times of queries: ISO 8601 to spans of ticks, ticks to ISO 8601.

use chrono::{
    DateTime, Duration, MappedLocalTime, Months, NaiveDate, NaiveDateTime, Offset, TimeZone,
};
use zarr_fuse_schemas::time::{Tick, Zone};

/// A written time stands for everything of its precision: `2024-05` for the month, `12:30` for the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrittenTime {
    /// First tick.
    pub(super) first: i128,
    /// Last tick; before `first` if no tick falls into it.
    pub(super) last: i128,
    /// The instant at which it begins, in nanoseconds since 1970.
    pub(super) begin: i128,
    /// A time of day is given, so that it names a moment rather than a period.
    pub(super) is_moment: bool,
    /// Seconds are given: as the end of a range it is that very moment, not the second or tenth that begins there.
    pub(super) is_exact: bool,
}

impl WrittenTime {
    fn instant(nanoseconds: i128, tick: Tick) -> Self {
        let tick = i128::from(tick.nanoseconds());
        Self {
            first: -(-nanoseconds).div_euclid(tick),
            last: nanoseconds.div_euclid(tick),
            begin: nanoseconds,
            is_moment: true,
            is_exact: true,
        }
    }

    /// Last tick of a range that ends here.
    pub(super) fn end(&self, tick: Tick) -> i128 {
        if self.is_exact {
            self.begin.div_euclid(tick.nanoseconds().into())
        } else {
            self.last
        }
    }
}

/// Reads `2024`, `2024-05`, `2024-05-01`, `2024-05-01T12`, `…:30`, `…:15`, `….123`, with `Z` or an offset or neither.
///
/// A whole number of at least nine digits counts since 1970: seconds, and with twelve, fifteen, eighteen digits or more
/// milli-, micro- and nanoseconds. `now`, `now-6h` and the like are relative to the clock of the service.
///
/// Local times without an offset are in `zone`; one that exists twice stands for both instants, one that does not exist for
/// the instant it would have been before the clock was changed.
///
/// # Errors
/// What is expected, if it is none of these.
pub(super) fn parse_time(text: &str, tick: Tick, zone: Zone) -> Result<WrittenTime, String> {
    let expected = || {
        format!(
            "`{text}` is not a time; write it as `2024-05-01T12:30:00Z`, or shorter: `2024-05-01`, `2024-05`, `2024`; or `now-6h`"
        )
    };
    if let Some(instant) = since_1970(text).or_else(|| relative(text)) {
        return Ok(WrittenTime::instant(instant, tick));
    }
    let (from, to, is_moment, offset) = read_local(text).ok_or_else(expected)?;
    let instant = |local: NaiveDateTime, latest: bool| match offset {
        Some(seconds) => nanoseconds(local) - i128::from(seconds) * 1_000_000_000,
        None => to_utc(local, zone, latest),
    };
    let tick = i128::from(tick.nanoseconds());
    let begin = instant(from, false);
    let first = -(-begin).div_euclid(tick);
    let last = (instant(to, true) - 1).div_euclid(tick);
    Ok(WrittenTime {
        first,
        last,
        begin,
        is_moment,
        is_exact: to - from <= Duration::seconds(1),
    })
}

/// Nanoseconds of a number that counts since 1970.
fn since_1970(text: &str) -> Option<i128> {
    let n_digits = text.strip_prefix('-').unwrap_or(text).len();
    let per_unit = match n_digits {
        9..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        18..=20 => 1,
        _ => return None,
    };
    let is_digits = text.bytes().skip(1).all(|byte| byte.is_ascii_digit());
    let number: i128 = text.parse().ok().filter(|_| is_digits)?;
    Some(number * per_unit)
}

/// Nanoseconds of `now`, `now-6h`, `now+1d`. A blank is a plus sign that a URL lost.
fn relative(text: &str) -> Option<i128> {
    let rest = text.strip_prefix("now")?;
    let now = chrono::Utc::now();
    let now =
        i128::from(now.timestamp()) * 1_000_000_000 + i128::from(now.timestamp_subsec_nanos());
    let mut rest = rest.chars();
    match (rest.next(), rest.as_str()) {
        (None, _) => Some(now),
        (Some('-'), time) => Some(now - length(time)?),
        (Some('+' | ' '), time) => Some(now + length(time)?),
        _ => None,
    }
}

/// Nanoseconds of a length of time such as `90s`, `10min`, `6h`, `2d`.
pub(super) fn length(text: &str) -> Option<i128> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let per_unit: i64 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" | "D" => 86_400_000_000_000,
        "w" | "W" => 604_800_000_000_000,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u32>() {
        return Some(i128::from(whole) * i128::from(per_unit));
    }
    let number: f64 = number.parse().ok().filter(|n: &f64| *n < 1e9)?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a fraction of a unit, checked to be small"
    )]
    let nanoseconds = (number * per_unit as f64).round() as i128;
    Some(nanoseconds)
}

/// Start and end (exclusive) in local time, whether a time of day is given, and the offset in seconds.
fn read_local(text: &str) -> Option<(NaiveDateTime, NaiveDateTime, bool, Option<i32>)> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-').map(|part| (part.len(), digits(part)));
    let (4, Some(year)) = parts.next()? else {
        return None;
    };
    let year = i32::try_from(year).ok()?;
    let (month, day) = (parts.next(), parts.next());
    let two = |part: Option<(usize, Option<u32>)>| match part {
        None => Some(None),
        Some((2, Some(value))) => Some(Some(value)),
        Some(_) => None,
    };
    let (month, day) = (two(month)?, two(day)?);
    let start = NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1))?;
    let Some(time) = time else {
        let end = match (month, day) {
            (None, _) => start.checked_add_months(Months::new(12))?,
            (_, None) => start.checked_add_months(Months::new(1))?,
            _ => start.succ_opt()?,
        };
        return Some((
            start.and_hms_opt(0, 0, 0)?,
            end.and_hms_opt(0, 0, 0)?,
            false,
            None,
        ));
    };
    day?;
    let (time, offset) = split_offset(time)?;
    let (start_of_day, precision) = read_time_of_day(time)?;
    let from = start
        .and_hms_opt(0, 0, 0)?
        .checked_add_signed(start_of_day)?;
    Some((from, from.checked_add_signed(precision)?, true, offset))
}

/// `12`, `12:30`, `12:30:15`, `12:30:15.5`: since midnight, and how long it lasts.
fn read_time_of_day(text: &str) -> Option<(Duration, Duration)> {
    let (clock, fraction) = text
        .split_once(['.', ','])
        .map_or((text, None), |(clock, rest)| (clock, Some(rest)));
    let parts = clock
        .split(':')
        .map(|part| if part.len() == 2 { digits(part) } else { None })
        .collect::<Option<Vec<_>>>()?;
    let (hour, minute, second) = (
        *parts.first()?,
        parts.get(1).copied(),
        parts.get(2).copied(),
    );
    if hour > 23 || minute > Some(59) || second > Some(59) || parts.len() > 3 {
        return None;
    }
    let since = Duration::seconds(i64::from(
        hour * 3600 + minute.unwrap_or(0) * 60 + second.unwrap_or(0),
    ));
    let Some(fraction) = fraction else {
        let precision = [3600, 60, 1][parts.len() - 1];
        return Some((since, Duration::seconds(precision)));
    };
    let n_digits = u32::try_from(fraction.len())
        .ok()
        .filter(|n| (1..=9).contains(n) && parts.len() == 3)?;
    let unit = 10_i64.pow(9 - n_digits);
    let nanoseconds = i64::from(digits(fraction)?) * unit;
    Some((
        since + Duration::nanoseconds(nanoseconds),
        Duration::nanoseconds(unit),
    ))
}

/// Cuts `Z`, `+02:00`, `+0200`, `+02` off the end. A blank is a plus sign that a URL lost.
fn split_offset(time: &str) -> Option<(&str, Option<i32>)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, Some(0)));
    }
    let Some(at) = time.find(['+', '-', ' ', '−']) else {
        return Some((time, None));
    };
    let sign = if time[at..].starts_with(['-', '−']) {
        -1
    } else {
        1
    };
    let rest: String = time[at..].chars().skip(1).filter(|&c| c != ':').collect();
    let (hours, minutes) = match rest.len() {
        2 => (digits(&rest)?, 0),
        4 => (digits(rest.get(..2)?)?, digits(rest.get(2..)?)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some((
        &time[..at],
        Some(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?),
    ))
}

fn digits(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        None
    } else {
        text.parse().ok()
    }
}

/// Nanoseconds since 1970 of a time taken as UTC.
fn nanoseconds(time: NaiveDateTime) -> i128 {
    let time = time.and_utc();
    i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos())
}

fn to_utc(local: NaiveDateTime, zone: Zone, latest: bool) -> i128 {
    nanoseconds(local) - i128::from(local_offset(local, zone, latest)) * 1_000_000_000
}

/// Seconds east of UTC at a local time: of one that exists twice the first or, as the end of a time, the latest up to which
/// local times are before it; of one that is skipped those before.
pub(super) fn local_offset(local: NaiveDateTime, zone: Zone, latest: bool) -> i32 {
    let tz = match zone {
        Zone::Fixed(seconds) => return seconds,
        Zone::Named(tz) => tz,
    };
    let exists_twice = |local: &NaiveDateTime| {
        matches!(
            tz.offset_from_local_datetime(local),
            MappedLocalTime::Ambiguous(..)
        )
    };
    let offset = match tz.offset_from_local_datetime(&local) {
        // Where clocks are put back to just this time, whatever comes after the first of the two is not before it.
        MappedLocalTime::Ambiguous(_, late)
            if latest && exists_twice(&(local - Duration::nanoseconds(1))) =>
        {
            late
        }
        MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => offset,
        MappedLocalTime::None => tz.offset_from_utc_datetime(&(local - Duration::days(1))),
    };
    offset.fix().local_minus_utc()
}

/// Seconds east of UTC at an instant.
pub(super) fn offset(seconds: i64, zone: Zone) -> i32 {
    match zone {
        Zone::Fixed(offset) => offset,
        Zone::Named(tz) => DateTime::from_timestamp(seconds, 0).map_or(0, |utc| {
            tz.offset_from_utc_datetime(&utc.naive_utc())
                .fix()
                .local_minus_utc()
        }),
    }
}

/// How ticks of a variable are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeText {
    pub(super) tick: Tick,
    pub(super) zone: Zone,
}

impl TimeText {
    /// Appends `2024-05-01T00:00:00Z`, with 3, 6 or 9 fractional digits for ticks below a second, and the offset in the zone.
    ///
    /// Years beyond four digits get a sign; ticks beyond some billions of years are printed as the number they are.
    pub(super) fn write(self, out: &mut Vec<u8>, ticks: i64) {
        let per_tick = self.tick.nanoseconds();
        let (seconds, nanoseconds) = if per_tick < 1_000_000_000 {
            let per_second = 1_000_000_000 / per_tick;
            (
                ticks.div_euclid(per_second),
                ticks.rem_euclid(per_second) * per_tick,
            )
        } else {
            (ticks.saturating_mul(per_tick / 1_000_000_000), 0)
        };
        if seconds.unsigned_abs() > 100_000_000_000_000_000 {
            out.extend_from_slice(ticks.to_string().as_bytes());
            return;
        }
        let offset = offset(seconds, self.zone);
        let local = seconds + i64::from(offset);
        let (year, month, day) = date(local.div_euclid(86_400));
        let second_of_day = local.rem_euclid(86_400);
        if (0..=9999).contains(&year) {
            pad(out, year, 4);
        } else {
            out.push(if year < 0 { b'-' } else { b'+' });
            pad(out, year.abs(), 6);
        }
        for (mark, value) in [
            (b'-', month),
            (b'-', day),
            (b'T', second_of_day / 3600),
            (b':', second_of_day / 60 % 60),
            (b':', second_of_day % 60),
        ] {
            out.push(mark);
            pad(out, value, 2);
        }
        match self.tick {
            Tick::Millisecond => fraction(out, nanoseconds / 1_000_000, 3),
            Tick::Microsecond => fraction(out, nanoseconds / 1_000, 6),
            Tick::Nanosecond => fraction(out, nanoseconds, 9),
            _ => {}
        }
        if self.zone == Zone::Fixed(0) {
            out.push(b'Z');
            return;
        }
        out.push(if offset < 0 { b'-' } else { b'+' });
        let offset = i64::from(offset.abs());
        pad(out, offset / 3600, 2);
        out.push(b':');
        pad(out, offset / 60 % 60, 2);
        if offset % 60 != 0 {
            out.push(b':');
            pad(out, offset % 60, 2);
        }
    }

    /// The zone as Arrow and Parquet name it.
    pub(super) fn zone_name(self) -> String {
        match self.zone {
            Zone::Fixed(0) => "UTC".to_owned(),
            Zone::Fixed(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                format!(
                    "{sign}{:02}:{:02}",
                    offset.abs() / 3600,
                    offset.abs() / 60 % 60
                )
            }
            Zone::Named(tz) => tz.name().to_owned(),
        }
    }
}

fn fraction(out: &mut Vec<u8>, value: i64, width: usize) {
    out.push(b'.');
    pad(out, value, width);
}

/// A number that is not negative, with leading zeros.
fn pad(out: &mut Vec<u8>, value: i64, width: usize) {
    let mut text = [b'0'; 20];
    let mut at = text.len();
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        at -= 1;
        text[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    out.extend_from_slice(&text[at.min(text.len() - width)..]);
}

/// Year, month and day of a day since 1970 in the proleptic Gregorian calendar.
///
/// # Source
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UTC: Zone = Zone::Fixed(0);
    const PRAGUE: Zone = Zone::Named(chrono_tz::Europe::Prague);

    fn seconds(text: &str, zone: Zone) -> (i128, i128) {
        let time = parse_time(text, Tick::Second, zone).expect(text);
        (time.first, time.last)
    }

    fn print(ticks: i64, tick: Tick, zone: Zone) -> String {
        let mut out = Vec::new();
        TimeText { tick, zone }.write(&mut out, ticks);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn a_time_stands_for_everything_of_its_precision() {
        let day = 86_400;
        assert_eq!(seconds("1970", UTC), (0, 365 * day - 1));
        assert_eq!(seconds("1970-02", UTC), (31 * day, 59 * day - 1));
        assert_eq!(seconds("1970-01-02", UTC), (day, 2 * day - 1));
        assert_eq!(seconds("1970-01-01T01", UTC), (3600, 7199));
        assert_eq!(seconds("1970-01-01 00:01", UTC), (60, 119));
        assert_eq!(seconds("1970-01-01T00:00:05Z", UTC), (5, 5));
        assert_eq!(seconds("1970-01-01T02:00:05+02:00", UTC), (5, 5));
        assert_eq!(seconds("1970-01-01T02:00:05 02:00", UTC), (5, 5));
        assert_eq!(seconds("1969-12-31T19:00:05-0500", UTC), (5, 5));
        let half = parse_time("1970-01-01T00:00:00.5", Tick::Millisecond, UTC).expect("reads");
        assert_eq!((half.first, half.last), (500, 599));
        let none = parse_time("1970-01-01T12:00", Tick::Day, UTC).expect("reads");
        assert!(none.last < none.first);
    }

    #[test]
    fn local_times_follow_daylight_saving() {
        let (first, last) = seconds("2024-03-31", PRAGUE);
        assert_eq!(last - first + 1, 23 * 3600);
        let (first, last) = seconds("2024-10-27", PRAGUE);
        assert_eq!(last - first + 1, 25 * 3600);
        let (first, last) = seconds("2024-10-27T02:30:00", PRAGUE);
        assert_eq!(last - first, 3600);
        assert_eq!(
            seconds("2024-03-31T02:30:00", PRAGUE),
            seconds("2024-03-31T01:30:00Z", PRAGUE)
        );
    }

    #[test]
    fn a_day_ends_where_clocks_are_put_back_to_midnight() {
        for (zone, day) in [
            ("Atlantic/Azores", "2024-10-26"),
            ("America/Havana", "2024-11-02"),
            ("America/Scoresbysund", "2022-10-29"),
        ] {
            let zone = Zone::parse(zone).expect(zone);
            let (first, last) = seconds(day, zone);
            assert_eq!(last - first + 1, 24 * 3600, "{day}");
        }
        let azores = Zone::parse("Atlantic/Azores").expect("known");
        let (first, last) = seconds("2024-10-27", azores);
        assert_eq!(last - first + 1, 25 * 3600);
    }

    #[test]
    fn numbers_count_since_1970_by_their_length() {
        for text in ["1714521600", "1714521600000", "1714521600000000000"] {
            assert_eq!(
                seconds(text, PRAGUE),
                (1_714_521_600, 1_714_521_600),
                "{text}"
            );
        }
    }

    #[test]
    fn now_is_a_time_and_so_is_what_was_some_time_before() {
        let (now, _) = seconds("now", UTC);
        let (before, _) = seconds("now-6h", UTC);
        assert!((now - before - 6 * 3600).abs() <= 1);
    }

    #[test]
    fn a_range_ends_at_the_second_that_is_written_and_after_the_minute() {
        let end = |text: &str| {
            let time = parse_time(text, Tick::Millisecond, UTC).expect(text);
            time.end(Tick::Millisecond)
        };
        assert_eq!(end("1970-01-01T00:00:01Z"), 1_000);
        assert_eq!(end("1970-01-01T00:00:01.5Z"), 1_500);
        assert_eq!(end("1970-01-01T00:01Z"), 119_999);
        assert_eq!(end("1970-01-01"), 86_399_999);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "24-05-01",
            "2024-13",
            "2024-05-32",
            "2024-5-1",
            "2024-05T12",
            "2024-05-01T25",
            "2024-05-01T12:30:15.",
            "2024-05-01T12.5",
            "17145216",
            "now-6",
            "nowhere",
            "2024-05-01T12:00:00+2",
            "2024-05-01T",
            "žluťoučký",
        ] {
            assert!(parse_time(text, Tick::Second, UTC).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_printed_in_their_zone_and_precision() {
        assert_eq!(print(0, Tick::Day, UTC), "1970-01-01T00:00:00Z");
        assert_eq!(
            print(1_714_521_600, Tick::Second, UTC),
            "2024-05-01T00:00:00Z"
        );
        assert_eq!(
            print(1_714_521_600, Tick::Second, PRAGUE),
            "2024-05-01T02:00:00+02:00"
        );
        assert_eq!(
            print(1_714_521_600, Tick::Second, Zone::Fixed(-9000)),
            "2024-04-30T21:30:00-02:30"
        );
        assert_eq!(
            print(-1, Tick::Millisecond, UTC),
            "1969-12-31T23:59:59.999Z"
        );
        assert_eq!(
            print(1, Tick::Nanosecond, UTC),
            "1970-01-01T00:00:00.000000001Z"
        );
        assert_eq!(
            print(i64::MIN + 1, Tick::Nanosecond, UTC),
            "1677-09-21T00:12:43.145224193Z"
        );
        assert_eq!(
            print(-62_200_000_000, Tick::Second, UTC),
            "-000002-12-17T14:13:20Z"
        );
        assert_eq!(print(i64::MAX, Tick::Day, UTC), i64::MAX.to_string());
    }

    proptest! {
        #[test]
        fn a_printed_time_reads_back(seconds in -62_000_000_000_i64..253_402_300_799, prague: bool) {
            let zone = if prague { PRAGUE } else { UTC };
            let text = print(seconds, Tick::Second, zone);
            prop_assume!(text.len() <= 25);
            let read = parse_time(&text, Tick::Second, zone).expect("reads");
            prop_assert_eq!((read.first, read.last), (i128::from(seconds), i128::from(seconds)));
            let chrono = DateTime::from_timestamp(seconds, 0).expect("in range").format("%Y-%m-%dT%H:%M:%SZ").to_string();
            prop_assert_eq!(print(seconds, Tick::Second, UTC), chrono);
        }

        #[test]
        fn any_text_is_a_time_or_an_error(text in ".{0,40}") {
            let _either = parse_time(&text, Tick::Second, PRAGUE);
        }
    }
}
