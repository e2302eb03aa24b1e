//! Calendars of the CF conventions: days counted in them, and which real days they are.
//!
//! Dates of the calendars of models, whose years or months are all of one length, keep their names. The others count days
//! that have been.

use chrono::{Datelike as _, NaiveDate, TimeDelta};

/// A day too far from 1970.
#[derive(Debug)]
pub(super) struct TooFar;

/// A calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calendar {
    /// That of today, also before it was introduced.
    Proleptic,
    /// That of today, and before 15 October 1582 that of Caesar.
    Standard,
    /// That of Caesar.
    Julian,
    /// Years of 365 days.
    NoLeap,
    /// Years of 366 days.
    AllLeap,
    /// Months of 30 days.
    Days360,
}

/// Days before each month of a year of 365 days.
const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

impl Calendar {
    /// By its name in lower case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "standard" | "gregorian" | "" => Self::Standard,
            "proleptic_gregorian" => Self::Proleptic,
            "julian" => Self::Julian,
            "noleap" | "365_day" => Self::NoLeap,
            "all_leap" | "366_day" => Self::AllLeap,
            "360_day" => Self::Days360,
            _ => return None,
        })
    }

    /// The number of a date, counted from 1970-01-01 in days of the calendar; `None`: it has no such date.
    pub(super) fn day(self, year: i32, month: u32, day: u32) -> Option<i64> {
        let proleptic = || {
            let date = NaiveDate::from_ymd_opt(year, month, day)?;
            Some((date - NaiveDate::default()).num_days())
        };
        let years = i64::from(year) - 1970;
        let in_year = |has_leap_day: bool| -> Option<i64> {
            // 2000 and 2001 are years with and without a leap day.
            let sample = if has_leap_day { 2000 } else { 2001 };
            NaiveDate::from_ymd_opt(sample, month, day).map(|date| i64::from(date.ordinal0()))
        };
        match self {
            Self::Proleptic => proleptic(),
            Self::Standard if (year, month, day) >= (1582, 10, 15) => proleptic(),
            Self::Standard if (year, month, day) > (1582, 10, 4) => None,
            Self::Standard | Self::Julian => julian(year, month, day),
            Self::NoLeap => Some(years * 365 + in_year(false)?),
            Self::AllLeap => Some(years * 366 + in_year(true)?),
            Self::Days360 => {
                let is_date = (1..=12).contains(&month) && (1..=30).contains(&day);
                is_date.then(|| years * 360 + i64::from(month - 1) * 30 + i64::from(day - 1))
            }
        }
    }

    /// Days since 1970-01-01 of the real day that has the name of a day of this calendar, or is it; `None`: there is none.
    pub(super) fn to_real(self, day: i64) -> Result<Option<i64>, TooFar> {
        let named = |year: i64, month0: i64, day0: i64| -> Result<Option<i64>, TooFar> {
            let year = i32::try_from(year).map_err(|_far| TooFar)?;
            let first = NaiveDate::from_ymd_opt(year, 1, 1).ok_or(TooFar)?;
            let [month, day] = [month0 + 1, day0 + 1].map(|n| u32::try_from(n).unwrap_or(0));
            let date = NaiveDate::from_ymd_opt(first.year(), month, day);
            Ok(date.map(|date| (date - NaiveDate::default()).num_days()))
        };
        match self {
            Self::Proleptic | Self::Standard | Self::Julian => {
                let date = TimeDelta::try_days(day)
                    .and_then(|days| NaiveDate::default().checked_add_signed(days));
                date.map(|_| Some(day)).ok_or(TooFar)
            }
            Self::Days360 => {
                let (year, in_year) = (1970 + day.div_euclid(360), day.rem_euclid(360));
                named(year, in_year / 30, in_year % 30)
            }
            Self::NoLeap => {
                let (year, in_year) = (1970 + day.div_euclid(365), day.rem_euclid(365));
                let month = BEFORE_MONTH.partition_point(|before| *before <= in_year) - 1;
                named(
                    year,
                    month.try_into().unwrap_or(0),
                    in_year - BEFORE_MONTH[month],
                )
            }
            Self::AllLeap => {
                let (year, in_year) = (1970 + day.div_euclid(366), day.rem_euclid(366));
                let before = |month: usize| BEFORE_MONTH[month] + i64::from(month > 1);
                let month = (0..12)
                    .rev()
                    .find(|month| before(*month) <= in_year)
                    .unwrap_or(0);
                named(year, month.try_into().unwrap_or(0), in_year - before(month))
            }
        }
    }
}

/// Days since 1970-01-01, which is day 2440588 of astronomers, of a date in the calendar of Caesar.
///
/// The formula is that of Meeus, "Astronomical Algorithms", chapter 7.
fn julian(year: i32, month: u32, day: u32) -> Option<i64> {
    let has_leap_day = year.rem_euclid(4) == 0;
    NaiveDate::from_ymd_opt(if has_leap_day { 2000 } else { 2001 }, month, day)?;
    let (year, month) = (i64::from(year), i64::from(month));
    let late = (14 - month) / 12;
    let (years, months) = (year + 4800 - late, month + 12 * late - 3);
    let number =
        i64::from(day) + (153 * months + 2) / 5 + 365 * years + years.div_euclid(4) - 32_083;
    Some(number - 2_440_588)
}

#[cfg(test)]
mod tests {
    use super::{Calendar, julian};

    #[test]
    fn the_calendar_of_caesar_ends_the_day_before_that_of_today_begins() {
        let last = Calendar::Standard.day(1582, 10, 4).unwrap();
        assert_eq!(Calendar::Standard.day(1582, 10, 15), Some(last + 1));
        assert_eq!(Calendar::Standard.day(1582, 10, 10), None);
        // Two days apart in the year 1, as cftime has it.
        assert_eq!(julian(1, 1, 1), Some(-719_164));
        assert_eq!(Calendar::Proleptic.day(1, 1, 1), Some(-719_162));
    }

    #[test]
    fn dates_of_models_keep_their_names_and_those_that_are_none_have_no_day() {
        for calendar in [Calendar::NoLeap, Calendar::AllLeap, Calendar::Days360] {
            for (year, month, day) in [(1850, 1, 1), (1999, 2, 28), (2000, 3, 1), (2001, 12, 30)] {
                let number = calendar.day(year, month, day).unwrap();
                let real = Calendar::Proleptic.day(year, month, day);
                assert_eq!(
                    calendar.to_real(number).unwrap(),
                    real,
                    "{calendar:?} {year}-{month}"
                );
            }
        }
        let day = Calendar::Days360.day(2001, 2, 30).unwrap();
        assert_eq!(Calendar::Days360.to_real(day).unwrap(), None);
        let day = Calendar::AllLeap.day(2001, 2, 29).unwrap();
        assert_eq!(Calendar::AllLeap.to_real(day).unwrap(), None);
        assert_eq!(Calendar::NoLeap.day(2000, 2, 29), None);
    }
}
