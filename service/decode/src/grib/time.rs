//! When a field was made and what it is valid for, in milliseconds since 1970.

use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};

/// A unit of forecast times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds(i64),
    Months(u32),
}

impl Unit {
    /// Code table 4 of edition 1.
    pub(super) fn of_grib1(code: u8) -> Option<Self> {
        match code {
            13 => Some(Self::Seconds(15 * 60)),
            14 => Some(Self::Seconds(30 * 60)),
            254 => Some(Self::Seconds(1)),
            code => Self::common(code),
        }
    }

    /// Code table 4.4 of edition 2.
    pub(super) fn of_grib2(code: u8) -> Option<Self> {
        match code {
            13 => Some(Self::Seconds(1)),
            code => Self::common(code),
        }
    }

    fn common(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Seconds(60),
            1 => Self::Seconds(3600),
            2 => Self::Seconds(86_400),
            3 => Self::Months(1),
            4 => Self::Months(12),
            5 => Self::Months(120),
            6 => Self::Months(360),
            7 => Self::Months(1200),
            10 => Self::Seconds(3 * 3600),
            11 => Self::Seconds(6 * 3600),
            12 => Self::Seconds(12 * 3600),
            _ => return None,
        })
    }

    /// So many units after `instant`.
    pub(super) fn after(self, instant: i64, n: i64) -> Option<i64> {
        let instant = DateTime::from_timestamp_millis(instant)?;
        let later = match self {
            Self::Seconds(seconds) => {
                let delta = TimeDelta::try_seconds(n.checked_mul(seconds)?)?;
                instant.checked_add_signed(delta)?
            }
            Self::Months(months) => {
                let n_months = u32::try_from(n.unsigned_abs()).ok()?.checked_mul(months)?;
                let months = Months::new(n_months);
                if n < 0 {
                    instant.checked_sub_months(months)?
                } else {
                    instant.checked_add_months(months)?
                }
            }
        };
        Some(later.timestamp_millis())
    }
}

/// The instant in seven bytes: year in two, month, day, hour, minute, second.
pub(super) fn instant(bytes: &[u8]) -> Option<i64> {
    let [high, low, rest @ ..] = bytes.get(..7)? else {
        return None;
    };
    let [month, day, hour, minute, second] = *rest.first_chunk::<5>()?;
    date(
        i32::from(u16::from_be_bytes([*high, *low])),
        [month, day, hour, minute, second],
    )
}

/// The instant of a date and a time of day.
pub(super) fn date(year: i32, [month, day, hour, minute, second]: [u8; 5]) -> Option<i64> {
    let date = NaiveDate::from_ymd_opt(year, month.into(), day.into())?;
    let time = date.and_hms_opt(hour.into(), minute.into(), second.into())?;
    let instant: DateTime<Utc> = time.and_utc();
    Some(instant.timestamp_millis())
}

/// A period between two instants, as it is written in names: `6h`, `15min`.
pub(super) fn period(begin: i64, end: i64) -> String {
    let seconds = (end - begin) / 1000;
    match seconds {
        n if n % 3600 == 0 => format!("{}h", n / 3600),
        n if n % 60 == 0 => format!("{}min", n / 60),
        n => format!("{n}s"),
    }
}
