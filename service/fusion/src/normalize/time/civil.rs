//! Dates of the proleptic Gregorian calendar as days since 1970-01-01, and moments in time.

use zarr_fuse_schemas::time::Tick;

/// Nanoseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
/// Seconds in a day.
pub(crate) const DAY: i64 = 86_400;

/// A point in time: whole seconds since 1970-01-01, in UTC or local, and nanoseconds that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// May be negative.
    pub(crate) seconds: i64,
    /// Always below one second, counted forward.
    pub(crate) nanos: u32,
}

impl Moment {
    /// From a number of ticks; `None` when its seconds do not fit 64 bits.
    pub(crate) fn from_ticks(ticks: i64, tick: Tick) -> Option<Self> {
        let length = tick.nanoseconds();
        if length >= SECOND {
            let seconds = ticks.checked_mul(length / SECOND)?;
            Some(Self { seconds, nanos: 0 })
        } else {
            let per_second = SECOND / length;
            let nanos = ticks.rem_euclid(per_second) * length;
            let nanos =
                u32::try_from(nanos).expect("a remainder of a second is below 2^32 nanoseconds");
            Some(Self {
                seconds: ticks.div_euclid(per_second),
                nanos,
            })
        }
    }

    /// From nanoseconds; `None` when its seconds do not fit 64 bits.
    pub(crate) fn from_nanoseconds(total: i128) -> Option<Self> {
        let second = i128::from(SECOND);
        let seconds = i64::try_from(total.div_euclid(second)).ok()?;
        let nanos = u32::try_from(total.rem_euclid(second))
            .expect("a remainder of a second is below 2^32 nanoseconds");
        Some(Self { seconds, nanos })
    }

    /// In ticks, what is finer than a tick truncated toward minus infinity; `None` when they do not fit 64 bits.
    ///
    /// `i64::MIN` stands for "not a time" in the arrays, so it does not count as fitting.
    pub(crate) fn to_ticks(self, tick: Tick) -> Option<i64> {
        let length = tick.nanoseconds();
        let ticks = if length >= SECOND {
            self.seconds.div_euclid(length / SECOND)
        } else {
            let whole = i128::from(self.seconds) * i128::from(SECOND / length);
            i64::try_from(whole + i128::from(i64::from(self.nanos) / length)).ok()?
        };
        (ticks != i64::MIN).then_some(ticks)
    }
}

/// Days from 1970-01-01 to a date that exists.
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of the date so many days after 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = i128::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let small = |value: i128| u32::try_from(value).expect("days and months are small");
    let day = small(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    let month = small(if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    });
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    (
        i64::try_from(year).expect("a year is shorter than 64 bits of days"),
        month,
        day,
    )
}

/// Whether the calendar has this date.
pub(crate) fn is_date(year: i64, month: u32, day: u32) -> bool {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=length).contains(&day)
}
