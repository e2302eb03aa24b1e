//! Examples, and laws held against chrono.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use proptest::prelude::*;
use zarr_fuse_schemas::{
    rules::Rules,
    time::{Fold, Since, Tick, TimeFormat, TimeUnit, Zone},
};

use super::{TimeError, TimeReader, format_ticks, parse_time};

const PRAGUE: Zone = Zone::Named(Tz::Europe__Prague);
const UTC: Zone = Zone::Fixed(0);

fn unit(tick: Tick, zone: Zone) -> TimeUnit {
    TimeUnit {
        zone,
        yearfirst: false,
        ..TimeUnit::utc(tick)
    }
}

fn with_format(format: &str) -> TimeUnit {
    TimeUnit {
        formats: vec![TimeFormat::Strftime(format.to_owned())],
        ..unit(Tick::Second, UTC)
    }
}

/// Reads `text` with seconds stored, and shows the result in UTC.
#[track_caller]
fn check(text: &str, unit: &TimeUnit, expect: &str) {
    let seconds = parse_time(text, unit, Tick::Second);
    let shown = seconds.map(|seconds| format_ticks(seconds, &self::unit(Tick::Second, UTC)));
    assert_eq!(
        shown.unwrap_or_else(|error| error.to_string()),
        expect,
        "{text}"
    );
}

#[test]
fn iso_8601_is_read_in_all_its_layouts() {
    let utc = unit(Tick::Second, UTC);
    for (text, expect) in [
        ("2024-03-31T02:30:15", "2024-03-31T02:30:15Z"),
        ("2024-03-31 02:30:15", "2024-03-31T02:30:15Z"),
        (" 2024-03-31  02:30:15 ", "2024-03-31T02:30:15Z"),
        ("2024-03-31T02:30:15Z", "2024-03-31T02:30:15Z"),
        ("2024-03-31t02:30:15z", "2024-03-31T02:30:15Z"),
        ("2024-03-31 02:30:15 UTC", "2024-03-31T02:30:15Z"),
        ("2024-03-31T02:30", "2024-03-31T02:30:00Z"),
        ("2024-03-31T02", "2024-03-31T02:00:00Z"),
        ("2024-03-31", "2024-03-31T00:00:00Z"),
        ("2024-03", "2024-03-01T00:00:00Z"),
        ("2024-03-31T24:00", "2024-04-01T00:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2024-03-31T02:30:15+02:00", "2024-03-31T00:30:15Z"),
        ("2024-03-31T02:30:15-0130", "2024-03-31T04:00:15Z"),
        ("2024-03-31T02:30:15 +02", "2024-03-31T00:30:15Z"),
        ("20240331T023015Z", "2024-03-31T02:30:15Z"),
        ("20240331T0230", "2024-03-31T02:30:00Z"),
        ("2024-02-29", "2024-02-29T00:00:00Z"),
        ("0000-01-01", "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59", "9999-12-31T23:59:59Z"),
    ] {
        check(text, &utc, expect);
    }
}

#[test]
fn fractions_are_read_to_the_nanosecond_and_truncated_to_the_tick() {
    let utc = unit(Tick::Second, UTC);
    let at = |text: &str, stored| parse_time(text, &utc, stored);
    assert_eq!(
        at("1970-01-01T00:00:01.5", Tick::Nanosecond),
        Ok(1_500_000_000)
    );
    assert_eq!(
        at("1970-01-01T00:00:01,123456789987", Tick::Nanosecond),
        Ok(1_123_456_789)
    );
    assert_eq!(at("1970-01-01T00:00:01.999", Tick::Second), Ok(1));
    assert_eq!(at("1969-12-31T23:59:59.5", Tick::Second), Ok(-1));
    assert_eq!(at("1969-12-31T23:59:59.9995", Tick::Millisecond), Ok(-1));
    assert_eq!(at("1969-12-31T23:00", Tick::Day), Ok(-1));
    assert_eq!(at("2024-01-01T23:59", Tick::Hour), Ok(473_375));
}

#[test]
fn text_that_is_no_time_says_why() {
    let utc = unit(Tick::Second, UTC);
    let unreadable = TimeError::Unreadable.to_string();
    for (text, expect) in [
        ("", unreadable.as_str()),
        ("soon", &unreadable),
        ("2024-03-31X02:30", &unreadable),
        ("2024-03-31T02:30:15+2", &unreadable),
        ("2024-03-31T02:3", &unreadable),
        ("2024-03-31T02:30:15.", &unreadable),
        ("2024-02-30", "there is no such date in the calendar"),
        ("2023-02-29T01:00", "there is no such date in the calendar"),
        ("2024-13-01", "there is no such date in the calendar"),
        ("2024-03-31T25:00", "there is no such time of day"),
        ("2024-03-31T24:01", "there is no such time of day"),
        ("2024-03-31T10:60", "there is no such time of day"),
        (
            "31/3/2024",
            "may be read in several ways; say in `source_unit` which one is meant",
        ),
        (
            "03.04.2021",
            "may be read in several ways; say in `source_unit` which one is meant",
        ),
        (
            "3/4/21 10:00",
            "may be read in several ways; say in `source_unit` which one is meant",
        ),
        (
            "10:30",
            "is a time of day without a date; put date and time into one column with `join` in the endpoint's `decode`",
        ),
        ("inf", "beyond the times that can be stored"),
        (
            "20240331",
            "may be a date or a number; set in `source_unit` a `format` for dates, or `since: 1970-01-01` for numbers",
        ),
    ] {
        check(text, &utc, expect);
    }
    assert_eq!(
        parse_time("2300-01-01", &utc, Tick::Nanosecond),
        Err(TimeError::Overflow(Tick::Nanosecond))
    );
    assert_eq!(
        TimeError::Overflow(Tick::Nanosecond).to_string(),
        "beyond what 64-bit nanoseconds since 1970 can count; use a longer `tick`"
    );
}

#[test]
fn clocks_that_change_in_prague_reject_what_they_cannot_show_once() {
    let prague = unit(Tick::Second, PRAGUE);
    for (text, expect) in [
        ("2024-01-15 12:00", "2024-01-15T11:00:00Z"),
        ("2024-07-15 12:00", "2024-07-15T10:00:00Z"),
        ("2024-03-31 01:59:59", "2024-03-31T00:59:59Z"),
        (
            "2024-03-31 02:30",
            "this local time does not exist in Europe/Prague: the clocks skip it; deliver UTC or an offset",
        ),
        ("2024-03-31 03:00", "2024-03-31T01:00:00Z"),
        ("2024-10-27 01:59:59", "2024-10-26T23:59:59Z"),
        (
            "2024-10-27 02:30",
            "this local time exists twice in Europe/Prague: the clocks go back; set `fold: earlier`, `fold: later` or `fold: infer` \
             in `source_unit`, or deliver an offset",
        ),
        ("2024-10-27 03:00", "2024-10-27T02:00:00Z"),
        ("2024-10-27 02:30+01:00", "2024-10-27T01:30:00Z"),
        ("2024-10-27T02:30Z", "2024-10-27T02:30:00Z"),
    ] {
        check(text, &prague, expect);
    }
    let earlier = TimeUnit {
        fold: Some(Fold::Earlier),
        ..prague.clone()
    };
    check("2024-10-27 02:30", &earlier, "2024-10-27T00:30:00Z");
    let later = TimeUnit {
        fold: Some(Fold::Later),
        ..prague
    };
    check("2024-10-27 02:30", &later, "2024-10-27T01:30:00Z");
    check(
        "2024-03-31 02:30",
        &later,
        &TimeError::Never(PRAGUE).to_string(),
    );
}

#[test]
fn a_fixed_zone_has_no_daylight_saving() {
    let cet = unit(Tick::Second, Zone::Fixed(3600));
    check("2024-07-15 12:00", &cet, "2024-07-15T11:00:00Z");
    check("2024-10-27 02:30", &cet, "2024-10-27T01:30:00Z");
    check("2024-03-31 02:30", &cet, "2024-03-31T01:30:00Z");
}

#[test]
fn day_month_and_year_come_in_the_order_of_the_schema() {
    let month_first = TimeUnit {
        has_order: true,
        ..unit(Tick::Second, UTC)
    };
    check("1/2/2024", &month_first, "2024-01-02T00:00:00Z");
    check("1/2/2024 7:05", &month_first, "2024-01-02T07:05:00Z");
    check("1/2/2024 7:05:30 PM", &month_first, "2024-01-02T19:05:30Z");
    check("1/2/2024 12:05am", &month_first, "2024-01-02T00:05:00Z");
    check("1/2/2024 12:30a", &month_first, "2024-01-02T00:30:00Z");
    check("1/2/2024 12:30p", &month_first, "2024-01-02T12:30:00Z");
    check(
        "1/2/2024 12:30b",
        &month_first,
        &TimeError::Unreadable.to_string(),
    );
    check("1/2/24", &month_first, "2024-01-02T00:00:00Z");
    check("1/2/69", &month_first, "1969-01-02T00:00:00Z");
    check("2024/2/1", &month_first, "2024-02-01T00:00:00Z");
    check("2024-2-1 5:00", &month_first, "2024-02-01T05:00:00Z");
    let day_first = TimeUnit {
        dayfirst: true,
        has_order: true,
        ..unit(Tick::Second, PRAGUE)
    };
    check("1.2.2024", &day_first, "2024-01-31T23:00:00Z");
    check("1. 2. 2024 7:05", &day_first, "2024-02-01T06:05:00Z");
    check("31/3/2024 12:00", &day_first, "2024-03-31T10:00:00Z");
    check("2024-03-04", &day_first, "2024-03-03T23:00:00Z");
    let year_first = TimeUnit {
        yearfirst: true,
        has_order: true,
        ..unit(Tick::Second, UTC)
    };
    check("24/2/1", &year_first, "2024-02-01T00:00:00Z");
    check("1/2/2024", &year_first, "2024-01-02T00:00:00Z");
    check("1/2.2024", &month_first, &TimeError::Unreadable.to_string());
    check(
        "1/2/20245",
        &month_first,
        &TimeError::Unreadable.to_string(),
    );
}

#[test]
fn the_format_of_the_schema_is_held_to() {
    check(
        "31.03.2024 07h05",
        &with_format("%d.%m.%Y %Hh%M"),
        "2024-03-31T07:05:00Z",
    );
    check("20240331", &with_format("%Y%m%d"), "2024-03-31T00:00:00Z");
    check(
        "2024033107",
        &with_format("%Y%m%d%H"),
        "2024-03-31T07:00:00Z",
    );
    check("2024 91", &with_format("%Y %j"), "2024-03-31T00:00:00Z");
    check("Mar 2024", &with_format("%b %Y"), "2024-03-01T00:00:00Z");
    check(
        "31 Mar 2024 07:05 PM",
        &with_format("%d %b %Y %I:%M %p"),
        "2024-03-31T19:05:00Z",
    );
    check(
        "31/Mar/2024:07:05:00 +0200",
        &with_format("%d/%b/%Y:%H:%M:%S %z"),
        "2024-03-31T05:05:00Z",
    );
    check("1700000000", &with_format("%s"), "2023-11-14T22:13:20Z");
    check(
        "2024-03-04",
        &with_format("%Y-%d-%m"),
        "2024-04-03T00:00:00Z",
    );
    check(
        "2024-30-04",
        &with_format("%Y-%d-%m"),
        "2024-04-30T00:00:00Z",
    );
    check(
        "soon",
        &with_format("%Q"),
        &TimeError::NotInFormat.to_string(),
    );
    let days_first = with_format("%d/%m/%Y %H:%M");
    let refused = TimeError::NotInFormat.to_string();
    check("01/05/2024 10:30:30", &days_first, &refused);
    check("2024-05-01T10:30", &days_first, &refused);
    check("01/05/2024 24:00", &days_first, "2024-05-02T00:00:00Z");
    check("01/05/2024 24:01", &days_first, &refused);
    check("122 2400", &with_format("%j %H%M"), &refused);
    check(
        "2024 122 2400",
        &with_format("%Y %j %H%M"),
        "2024-05-02T00:00:00Z",
    );
    check(
        "5/1/2024 12:30a",
        &with_format("%m/%d/%Y %I:%M%p"),
        "2024-05-01T00:30:00Z",
    );
    let either = TimeUnit {
        formats: vec![
            TimeFormat::Iso8601,
            TimeFormat::Strftime("%d.%m.%Y".to_owned()),
        ],
        ..unit(Tick::Second, UTC)
    };
    check("2024-05-01T10:30", &either, "2024-05-01T10:30:00Z");
    check("1.5.2024", &either, "2024-05-01T00:00:00Z");
    check("1714559400", &either, &refused);
}

/// What every reader of dates could make of a text, beside what is made of it here: the day if only one is possible, else a
/// question.
#[test]
fn dates_are_read_in_one_way_or_asked_for() {
    let silent = unit(Tick::Second, UTC);
    for year in ["2024", "24"] {
        for separator in ["/", ".", "-", ". "] {
            for (day, month) in [(3, 4), (13, 4), (31, 12), (1, 1), (12, 12)] {
                let text = format!("{day}{separator}{month}{separator}{year}");
                assert_eq!(
                    parse_time(&text, &silent, Tick::Second),
                    Err(TimeError::WhichOrder),
                    "{text}"
                );
                let asked = |dayfirst, yearfirst| TimeUnit {
                    dayfirst,
                    yearfirst,
                    has_order: true,
                    ..silent.clone()
                };
                check(
                    &text,
                    &asked(true, false),
                    &format!("2024-{month:02}-{day:02}T00:00:00Z"),
                );
                let us = if day > 12 {
                    TimeError::MonthFirst(day).to_string()
                } else {
                    format!("2024-{day:02}-{month:02}T00:00:00Z")
                };
                check(&text, &asked(false, false), &us);
            }
        }
    }
    for text in ["2024/5/1", "2024-5-1", "2024.05.01", "2024/05/01 00:00"] {
        check(text, &silent, "2024-05-01T00:00:00Z");
    }
    for (text, n_readings) in [
        ("2024", 2),
        ("202405", 2),
        ("20240501", 2),
        ("2024050112", 2),
        ("202405011230", 2),
        ("20240501123000", 2),
        ("3/4/2021", 2),
        ("31/3/2021", 1),
        ("3/4/21", 2),
        ("03/04/05", 3),
        ("1.1.2024", 1),
    ] {
        let asked = parse_time(text, &silent, Tick::Second);
        assert!(
            matches!(asked, Err(TimeError::WhichOrder | TimeError::DateOrNumber)),
            "{text}"
        );
        assert_eq!(
            super::readings(text, &silent).len(),
            n_readings,
            "{text}: {:?}",
            super::readings(text, &silent)
        );
        let mut reader = TimeReader::new(&silent, Tick::Second, Rules::Second);
        if let Ok(number) = text.parse() {
            assert_eq!(
                reader.ticks(number),
                Err(TimeError::DateOrNumber),
                "{text} as a number"
            );
        }
    }
    for text in [
        "1714557600",
        "1700000000.5",
        "1714557600000",
        "45413",
        "0",
        "-1",
        "99",
    ] {
        assert!(parse_time(text, &silent, Tick::Second).is_ok(), "{text}");
    }
}

#[test]
fn what_was_guessed_by_the_first_rules_stays_what_it_was() {
    let silent = unit(Tick::Second, UTC);
    let read = |text: &str, unit: &TimeUnit| {
        let ticks = TimeReader::new(unit, Tick::Second, Rules::First).text(text);
        ticks.map(|ticks| format_ticks(ticks.unwrap_or_default(), &silent))
    };
    assert_eq!(
        read("03.04.2021", &silent).as_deref(),
        Ok("2021-03-04T00:00:00Z")
    );
    assert_eq!(
        read("2024050112", &silent).as_deref(),
        Ok("2034-02-20T12:08:32Z")
    );
    let format = with_format("%d/%m/%Y %H:%M");
    assert_eq!(
        read("01/05/2024 10:30:30", &format).as_deref(),
        Ok("2024-01-05T10:30:30Z")
    );
    assert_eq!(read("1/2/2024 12:30a", &silent), Err(TimeError::Unreadable));
}

#[test]
fn numbers_are_counted_from_what_the_schema_says() {
    let since = |tick, text: &str| TimeUnit {
        since: Since::parse(text),
        ..unit(tick, PRAGUE)
    };
    let excel = since(Tick::Day, "1899-12-30");
    for (text, expect) in [
        ("45413", "2024-04-30T22:00:00Z"),
        ("45413.5", "2024-05-01T10:00:00Z"),
        // Half past twelve is 45413.5208333…: not a second earlier.
        ("45413.5208333", "2024-05-01T10:30:00Z"),
        ("45413.52083333333", "2024-05-01T10:30:00Z"),
        ("45413.520833333336", "2024-05-01T10:30:00Z"),
        ("2024-05-01", "2024-04-30T22:00:00Z"),
    ] {
        check(text, &excel, expect);
    }
    check(
        "739373.25",
        &since(Tick::Day, "matlab"),
        "2024-05-01T04:00:00Z",
    );
    check(
        "3797366400",
        &since(Tick::Second, "labview"),
        "2024-05-01T00:00:00Z",
    );
    check(
        "2460431.5",
        &since(Tick::Day, "julian"),
        "2024-05-01T00:00:00Z",
    );
    check("60431.25", &since(Tick::Day, "mjd"), "2024-05-01T06:00:00Z");
    check(
        "20240501",
        &since(Tick::Second, "unix"),
        "1970-08-23T06:21:41Z",
    );
}

#[test]
fn numbers_are_ticks_of_the_source() {
    check(
        "1700000000",
        &unit(Tick::Second, UTC),
        "2023-11-14T22:13:20Z",
    );
    check(
        "1700000000.9",
        &unit(Tick::Second, UTC),
        "2023-11-14T22:13:20Z",
    );
    check("1.7e9", &unit(Tick::Second, UTC), "2023-11-14T22:13:20Z");
    check("-1", &unit(Tick::Hour, UTC), "1969-12-31T23:00:00Z");
    check("-0.5", &unit(Tick::Day, UTC), "1969-12-31T12:00:00Z");
    check("28401231", &unit(Tick::Minute, UTC), "2024-01-01T01:51:00Z");
    check(
        "1721044800",
        &unit(Tick::Second, PRAGUE),
        "2024-07-15T10:00:00Z",
    );
    check(
        "99999999999999999999",
        &unit(Tick::Second, UTC),
        &TimeError::TooFar.to_string(),
    );
    let seconds = unit(Tick::Second, UTC);
    let mut reader = TimeReader::new(&seconds, Tick::Millisecond, Rules::Second);
    assert_eq!(reader.float(1_700_000_000.1), Ok(Some(1_700_000_000_100)));
    assert_eq!(reader.float(f64::NAN), Ok(None));
    assert_eq!(reader.float(f64::INFINITY), Err(TimeError::TooFar));
    assert_eq!(reader.ticks(i64::MIN), Ok(None));
    assert_eq!(
        reader.ticks(i64::MAX),
        Err(TimeError::Overflow(Tick::Millisecond))
    );
}

#[test]
fn ticks_are_written_as_iso_8601_in_their_zone() {
    assert_eq!(format_ticks(0, &unit(Tick::Day, UTC)), "1970-01-01");
    assert_eq!(
        format_ticks(0, &unit(Tick::Day, PRAGUE)),
        "1970-01-01T01:00:00+01:00"
    );
    assert_eq!(
        format_ticks(-1, &unit(Tick::Millisecond, UTC)),
        "1969-12-31T23:59:59.999Z"
    );
    assert_eq!(
        format_ticks(1_500, &unit(Tick::Microsecond, UTC)),
        "1970-01-01T00:00:00.001500Z"
    );
    assert_eq!(
        format_ticks(1, &unit(Tick::Nanosecond, UTC)),
        "1970-01-01T00:00:00.000000001Z"
    );
    assert_eq!(
        format_ticks(1_721_037_600, &unit(Tick::Second, PRAGUE)),
        "2024-07-15T12:00:00+02:00"
    );
    assert_eq!(
        format_ticks(0, &unit(Tick::Second, Zone::Fixed(-5400))),
        "1969-12-31T22:30:00-01:30"
    );
    assert_eq!(
        format_ticks(i64::MAX, &unit(Tick::Nanosecond, UTC)),
        "2262-04-11T23:47:16.854775807Z"
    );
    assert_eq!(
        format_ticks(i64::MIN, &unit(Tick::Second, UTC)),
        "-292277022657-01-27T08:29:52Z"
    );
    assert_eq!(
        format_ticks(i64::MAX, &unit(Tick::Day, UTC)),
        "9223372036854775807 days"
    );
}

fn ticks() -> impl Strategy<Value = Tick> {
    prop::sample::select(&Tick::ALL[..])
}

fn zones() -> impl Strategy<Value = Zone> {
    prop_oneof![
        prop::sample::select(&chrono_tz::TZ_VARIANTS[..]).prop_map(Zone::Named),
        (-1400_i32..1400).prop_map(|minutes| Zone::Fixed(minutes * 60)),
    ]
}

/// What chrono makes of a local time, in UTC seconds.
fn chrono_to_utc(local: NaiveDateTime, zone: Zone) -> Result<i64, TimeError> {
    let Zone::Named(tz) = zone else {
        unreachable!("asked for named zones only")
    };
    match tz.from_local_datetime(&local) {
        MappedLocalTime::Single(time) => Ok(time.timestamp()),
        MappedLocalTime::Ambiguous(..) => Err(TimeError::Twice(zone)),
        MappedLocalTime::None => Err(TimeError::Never(zone)),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(seconds in -60_000_000_000_i64..200_000_000_000, tick in ticks()) {
        let unit = unit(tick, UTC);
        let per_tick = tick.nanoseconds();
        let ticks = if per_tick >= 1_000_000_000 {
            seconds / (per_tick / 1_000_000_000)
        } else {
            (seconds % 9_000_000_000).saturating_mul(1_000_000_000 / per_tick).saturating_add(7)
        };
        prop_assert_eq!(parse_time(&format_ticks(ticks, &unit), &unit, tick), Ok(ticks));
    }

    #[test]
    fn what_is_written_in_a_zone_is_read_again(seconds in 0_i64..4_000_000_000, zone in zones()) {
        let unit = unit(Tick::Second, zone);
        let text = format_ticks(seconds, &unit);
        // Offsets of the time before zones had seconds; ISO 8601 shows minutes.
        prop_assume!(super::zone::offset_at(zone, seconds) % 60 == 0);
        prop_assert_eq!(parse_time(&text, &unit, Tick::Second), Ok(seconds), "{}", text);
    }

    #[test]
    fn iso_8601_is_read_as_chrono_reads_it(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0_u32..1_000_000_000) {
        let time = DateTime::from_timestamp(seconds, nanos).expect("within the years of chrono");
        let text = time.format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string();
        prop_assert_eq!(parse_time(&text, &unit(Tick::Second, PRAGUE), Tick::Second), Ok(seconds));
        let expect = time.timestamp_nanos_opt().ok_or(TimeError::Overflow(Tick::Nanosecond));
        prop_assert_eq!(parse_time(&text, &unit(Tick::Second, PRAGUE), Tick::Nanosecond), expect);
    }

    #[test]
    fn local_times_are_what_chrono_says(
        zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]).prop_map(Zone::Named),
        locals in prop::collection::vec(-4_000_000_000_i64..4_000_000_000, 1..40),
    ) {
        let unit = unit(Tick::Second, zone);
        let mut reader = TimeReader::new(&unit, Tick::Second, Rules::Second);
        for seconds in locals {
            let local = DateTime::from_timestamp(seconds, 0).expect("within the years of chrono").naive_utc();
            let text = local.format("%Y-%m-%d %H:%M:%S").to_string();
            prop_assert_eq!(reader.text(&text).map(|ticks| ticks.expect("not NaT")), chrono_to_utc(local, zone));
        }
    }

    #[test]
    fn any_text_gives_a_time_or_an_error(text in "\\PC*|[0-9TZ:+./ -]{0,30}", tick in ticks(), zone in zones()) {
        let unit = TimeUnit { dayfirst: true, has_order: true, formats: vec![TimeFormat::Strftime("%d.%m.%Y %H".to_owned())], ..unit(tick, zone) };
        let _ = parse_time(&text, &unit, Tick::Nanosecond);
        let _ = parse_time(&text, &self::unit(tick, zone), Tick::Second);
    }

    #[test]
    fn any_number_gives_a_time_or_an_error(ticks: i64, float: f64, source in ticks(), stored in ticks(), zone in zones()) {
        let unit = unit(source, zone);
        let mut reader = TimeReader::new(&unit, stored, Rules::Second);
        let _ = (reader.ticks(ticks), reader.float(float), format_ticks(ticks, &unit));
    }
}
