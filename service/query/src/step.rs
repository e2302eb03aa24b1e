//! Steps of a calendar, such as `10min`, `1h`, `1d` or `1month`.

use std::ops::Range;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, NaiveDateTime, Timelike as _};
use zarr_fuse_schemas::{Zone, time::Tick};

use super::time::{local_offset, offset};

/// How long a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// So many milliseconds, no whole seconds, counted from 1970. Of ticks that are no finer, each is one.
    Milliseconds(u32),
    /// So many seconds, counted from midnight where they divide a day, else from 1970.
    Seconds(u32),
    /// So many days of the calendar, counted from 1970.
    Days(u32),
    /// So many weeks, which begin on Monday.
    Weeks(u32),
    /// So many months, counted from January.
    Months(u32),
}

/// Where a bucket begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// The instant at which it begins, in ticks of [`label_tick`].
    pub(super) start: i64,
    /// The first tick after it.
    pub(super) end: i64,
}

/// The tick in which beginnings are exact: those of a day elsewhere are no whole days here.
pub(super) fn label_tick(tick: Tick) -> Tick {
    if i128::from(tick.nanoseconds()) > SECOND {
        Tick::Second
    } else {
        tick
    }
}

const DAY: i64 = 86_400;
const SECOND: i128 = 1_000_000_000;

impl Step {
    /// Reads `10min`, `1h`, `7d`, `2w`, `1month`, `1y`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let expected = || {
            "write a number and a unit: `500ms`, `30s`, `10min`, `1h`, `1d`, `1w`, `1month` or `1y`"
                .to_owned()
        };
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let count: u32 = if count.is_empty() {
            1
        } else {
            count.parse().map_err(|_not_a_number| expected())?
        };
        let times = |n: u32| {
            count
                .checked_mul(n)
                .filter(|n| (1..=1_000_000_000).contains(n))
                .ok_or_else(expected)
        };
        Ok(match unit {
            "ms" if !count.is_multiple_of(1000) => Self::Milliseconds(times(1)?),
            "ms" => Self::Seconds(times(1)? / 1000),
            "s" => Self::Seconds(times(1)?),
            "m" | "min" => Self::Seconds(times(60)?),
            "h" => Self::Seconds(times(3600)?),
            "d" | "D" => Self::Days(times(1)?),
            "w" | "W" => Self::Weeks(times(1)?),
            "mo" | "month" | "months" | "MS" => Self::Months(times(1)?),
            "y" | "year" | "years" | "YS" => Self::Months(times(12)?),
            _ => return Err(expected()),
        })
    }

    /// The bucket of an instant.
    pub(super) fn bucket(self, ticks: i64, tick: Tick, zone: Zone) -> Bucket {
        let per_tick = i128::from(tick.nanoseconds());
        let nanoseconds = i128::from(ticks) * per_tick;
        let seconds = i64::try_from(nanoseconds.div_euclid(SECOND)).unwrap_or(i64::MAX);
        if let Self::Milliseconds(step) = self {
            return milliseconds_bucket(ticks, i64::from(step), tick);
        }
        let found = match self {
            Self::Seconds(step) => Some(seconds_bucket(seconds, i64::from(step), zone)),
            _ => self.calendar_bucket(seconds, zone),
        };
        let clip =
            |wide: i128| i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX });
        let per_label = i128::from(label_tick(tick).nanoseconds());
        match found {
            Some(range) => Bucket {
                start: clip(i128::from(range.start) * SECOND / per_label),
                // The first tick that is not before the next bucket.
                end: clip(-(-i128::from(range.end) * SECOND).div_euclid(per_tick)),
            },
            // Beyond every calendar.
            None => Bucket {
                start: clip(nanoseconds / per_label),
                end: ticks.saturating_add(1),
            },
        }
    }

    fn calendar_bucket(self, seconds: i64, zone: Zone) -> Option<Range<i64>> {
        let local = local(seconds, zone)?.date();
        let (start, end) = match self {
            Self::Days(n) => days(local, i64::from(n), 0)?,
            // 1970-01-05 was a Monday.
            Self::Weeks(n) => days(local, 7 * i64::from(n), 4)?,
            Self::Months(n) => {
                let month = i64::from(local.year()) * 12 + i64::from(local.month0());
                let first = month.div_euclid(i64::from(n)) * i64::from(n);
                let year = i32::try_from(first.div_euclid(12)).ok()?;
                let month = u32::try_from(first.rem_euclid(12)).ok()? + 1;
                let start = NaiveDate::from_ymd_opt(year, month, 1)?;
                (start, start.checked_add_months(Months::new(n))?)
            }
            Self::Seconds(_) | Self::Milliseconds(_) => return None,
        };
        Some(instant(start.and_hms_opt(0, 0, 0)?, zone)..instant(end.and_hms_opt(0, 0, 0)?, zone))
    }
}

/// The days of a bucket of `n` days, counted from `origin` days after 1970-01-01.
fn days(day: NaiveDate, n: i64, origin: i64) -> Option<(NaiveDate, NaiveDate)> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    let since = day.signed_duration_since(epoch).num_days() - origin;
    let back = u64::try_from(since.rem_euclid(n)).ok()?;
    let start = day.checked_sub_days(Days::new(back))?;
    Some((
        start,
        start.checked_add_days(Days::new(u64::try_from(n).ok()?))?,
    ))
}

fn milliseconds_bucket(ticks: i64, step: i64, tick: Tick) -> Bucket {
    let n_ticks = step.saturating_mul(1_000_000) / tick.nanoseconds();
    if n_ticks <= 1 || tick.nanoseconds() > 1_000_000 {
        return Bucket {
            start: i64::try_from(
                i128::from(ticks) * i128::from(tick.nanoseconds())
                    / i128::from(label_tick(tick).nanoseconds()),
            )
            .unwrap_or(ticks),
            end: ticks.saturating_add(1),
        };
    }
    let start = ticks.div_euclid(n_ticks) * n_ticks;
    Bucket {
        start,
        end: start.saturating_add(n_ticks),
    }
}

fn seconds_bucket(seconds: i64, step: i64, zone: Zone) -> Range<i64> {
    let offset = i64::from(offset(seconds, zone));
    // Up to an hour, and where midnight is no mark, every bucket is equally long, also when clocks change.
    if step <= 3600 || DAY % step != 0 {
        let start = (seconds + offset).div_euclid(step) * step - offset;
        return start..start + step;
    }
    let bounds = local(seconds, zone).and_then(|local| {
        let of_day = i64::from(local.time().num_seconds_from_midnight());
        let midnight = local.date().and_hms_opt(0, 0, 0)?;
        let first = of_day / step * step;
        let start = midnight.checked_add_signed(chrono::TimeDelta::seconds(first))?;
        let end = midnight.checked_add_signed(chrono::TimeDelta::seconds(first + step))?;
        Some(instant(start, zone)..instant(end, zone))
    });
    bounds.unwrap_or(seconds..seconds + 1)
}

fn local(seconds: i64, zone: Zone) -> Option<NaiveDateTime> {
    let local =
        DateTime::from_timestamp(seconds.checked_add(i64::from(offset(seconds, zone)))?, 0)?;
    Some(local.naive_utc())
}

/// The instant of a local time; of a repeated one the first, of one that is skipped the moment of the change.
fn instant(local: NaiveDateTime, zone: Zone) -> i64 {
    local.and_utc().timestamp() - i64::from(local_offset(local, zone, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bucket of an instant as local times.
    fn bucket(step: &str, instant: &str, zone: &str) -> String {
        let zone = Zone::parse(zone).unwrap();
        let ticks = DateTime::parse_from_rfc3339(instant).unwrap().timestamp();
        let bucket = Step::parse(step).unwrap().bucket(ticks, Tick::Second, zone);
        let shown = |seconds| {
            local(seconds, zone)
                .unwrap()
                .format("%m-%dT%H:%M")
                .to_string()
        };
        format!("{} {}", shown(bucket.start), shown(bucket.end))
    }

    #[test]
    fn buckets_follow_the_calendar_of_the_zone() {
        assert_eq!(
            bucket("10min", "2024-05-01T12:34:56Z", "UTC"),
            "05-01T12:30 05-01T12:40"
        );
        assert_eq!(
            bucket("1d", "2024-05-01T23:30:00Z", "Europe/Prague"),
            "05-02T00:00 05-03T00:00"
        );
        assert_eq!(
            bucket("1w", "2024-05-01T12:00:00Z", "UTC"),
            "04-29T00:00 05-06T00:00"
        );
        assert_eq!(
            bucket("1month", "2024-02-29T12:00:00Z", "UTC"),
            "02-01T00:00 03-01T00:00"
        );
        assert_eq!(
            bucket("3month", "2024-05-01T12:00:00Z", "UTC"),
            "04-01T00:00 07-01T00:00"
        );
        assert_eq!(
            bucket("1y", "2024-05-01T12:00:00Z", "UTC"),
            "01-01T00:00 01-01T00:00"
        );
        assert_eq!(
            bucket("1h", "2024-05-01T12:34:00Z", "+05:30"),
            "05-01T18:00 05-01T19:00"
        );
    }

    #[test]
    fn days_on_which_clocks_change_are_shorter_or_longer() {
        let zone = Zone::parse("Europe/Prague").unwrap();
        let hours = |instant: &str| {
            let ticks = DateTime::parse_from_rfc3339(instant).unwrap().timestamp();
            let bucket = Step::Days(1).bucket(ticks, Tick::Second, zone);
            (bucket.end - bucket.start) / 3600
        };
        assert_eq!(hours("2024-03-31T12:00:00Z"), 23);
        assert_eq!(hours("2024-10-27T12:00:00Z"), 25);
        // The hour that comes twice is two buckets.
        assert_eq!(
            bucket("1h", "2024-10-27T00:30:00Z", "Europe/Prague"),
            "10-27T02:00 10-27T02:00"
        );
        assert_eq!(
            bucket("6h", "2024-10-27T03:30:00Z", "Europe/Prague"),
            "10-27T00:00 10-27T06:00"
        );
    }

    #[test]
    fn days_counted_in_utc_fall_into_the_years_of_another_zone() {
        let zone = Zone::parse("America/New_York").unwrap();
        let of = |day: &str| {
            let instant = DateTime::parse_from_rfc3339(&format!("{day}T00:00:00Z")).unwrap();
            Step::Months(12).bucket(instant.timestamp() / DAY, Tick::Day, zone)
        };
        // The first of January begins in the old year there.
        assert_eq!(of("2025-01-01"), of("2024-06-01"));
        assert_ne!(of("2025-01-02"), of("2025-01-01"));
        assert_eq!(
            bucket("1y", "2024-06-01T00:00:00Z", "America/New_York"),
            "01-01T00:00 01-01T00:00"
        );
        assert_eq!(of("2024-06-01").start, 1_704_085_200);
    }

    #[test]
    fn steps_below_a_second_count_from_1970() {
        let step = Step::parse("500ms").unwrap();
        let bucket = step.bucket(1_750, Tick::Millisecond, Zone::Fixed(0));
        assert_eq!((bucket.start, bucket.end), (1_500, 2_000));
        let bucket = step.bucket(7, Tick::Second, Zone::Fixed(0));
        assert_eq!((bucket.start, bucket.end), (7, 8));
        assert_eq!(Step::parse("2000ms"), Ok(Step::Seconds(2)));
    }

    #[test]
    fn what_is_no_step_is_refused() {
        for text in [
            "",
            "h1",
            "0h",
            "1",
            "1 h",
            "-1h",
            "1fortnight",
            "99999999999s",
        ] {
            assert!(Step::parse(text).is_err(), "{text}");
        }
    }
}
