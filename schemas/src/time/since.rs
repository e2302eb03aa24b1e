//! What numbers that are times are counted from.

use super::{Tick, TimeUnit};

/// An instant from which numbers are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Seconds from 1970-01-01 00:00, on the clock that counts.
    pub seconds: i64,
    /// Whether the clock shows UTC, whatever the zone; else it is the local clock.
    pub is_utc: bool,
}

const DAY: i64 = 86_400;

/// Instants that have a name: days of Excel (Windows) and of its old Macintosh workbooks, `datenum` of MATLAB, seconds of
/// `LabVIEW`, Julian and modified Julian dates.
const NAMED: [(&str, Since); 7] = [
    ("unix", utc(0)),
    ("excel", local(-25_569 * DAY)),
    ("excel-1904", local(-24_107 * DAY)),
    ("labview", utc(-24_107 * DAY)),
    ("matlab", local(-719_529 * DAY)),
    ("julian", utc(-2_440_588 * DAY + DAY / 2)),
    ("mjd", utc(-40_587 * DAY)),
];

const fn utc(seconds: i64) -> Since {
    Since {
        seconds,
        is_utc: true,
    }
}

const fn local(seconds: i64) -> Since {
    Since {
        seconds,
        is_utc: false,
    }
}

impl Since {
    /// Reads an ISO 8601 date or date-time, of the local clock unless it ends in `Z` or an offset; or a name.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((_, named)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Some(*named);
        }
        let unit = TimeUnit::utc(Tick::Second);
        let seconds = |text: &str| {
            let seconds = unit.nanoseconds_of(text)?.div_euclid(1_000_000_000);
            i64::try_from(seconds).ok()
        };
        if let Some(clock) = text.strip_suffix('Z') {
            return seconds(clock).map(utc);
        }
        let has_offset = chrono::DateTime::parse_from_rfc3339(text).is_ok();
        seconds(text).map(if has_offset { utc } else { local })
    }

    /// The names, for messages.
    pub(crate) fn names() -> Vec<&'static str> {
        NAMED.iter().map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_dates_of_the_local_clock_or_of_utc_or_have_a_name() {
        let days = |text: &str| Since::parse(text).map(|since| since.seconds / DAY);
        assert_eq!(days("1899-12-30"), days("excel"));
        assert_eq!(days("1904-01-01"), days("excel-1904"));
        assert_eq!(Since::parse("1904-01-01T00:00Z"), Since::parse("labview"));
        assert_eq!(Since::parse("1858-11-17T00:00:00Z"), Since::parse("mjd"));
        assert_eq!(
            Since::parse("2000-01-01T01:00:00+01:00"),
            Some(utc(10_957 * DAY))
        );
        assert_eq!(
            Since::parse("2000-01-01 12:00").map(|it| it.is_utc),
            Some(false)
        );
        assert_eq!(Since::parse("Excel 97"), None);
    }
}
