//! Points in time as a schema writes them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};

use super::{TimeUnit, Zone};

impl TimeUnit {
    /// Nanoseconds since 1970-01-01 UTC of an ISO 8601 time; without an offset it is local to the zone.
    pub(crate) fn nanoseconds_of(&self, text: &str) -> Option<i128> {
        let text = text.trim();
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(nanoseconds(time.naive_utc()));
        }
        let formats = [
            "%Y-%m-%dT%H:%M:%S%.f",
            "%Y-%m-%d %H:%M:%S%.f",
            "%Y-%m-%dT%H:%M",
            "%Y-%m-%d %H:%M",
        ];
        let with_time = formats
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let local = with_time.or_else(|| {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            day.and_hms_opt(0, 0, 0)
        })?;
        let utc = match self.zone {
            Zone::Fixed(seconds) => {
                local.checked_sub_signed(TimeDelta::seconds(i64::from(seconds)))?
            }
            Zone::Named(zone) => zone.from_local_datetime(&local).earliest()?.naive_utc(),
        };
        Some(nanoseconds(utc))
    }
}

fn nanoseconds(time: NaiveDateTime) -> i128 {
    let time = time.and_utc();
    i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::super::Tick;
    use super::*;

    #[test]
    fn instants_are_local_unless_they_have_an_offset() {
        let mut unit = TimeUnit::utc(Tick::Second);
        let seconds =
            |unit: &TimeUnit, text: &str| unit.nanoseconds_of(text).map(|ns| ns / 1_000_000_000);
        assert_eq!(seconds(&unit, "1970-01-02"), Some(86_400));
        assert_eq!(
            seconds(&unit, "1970-01-01T01:00+01:00"),
            None,
            "seconds are part of RFC 3339"
        );
        assert_eq!(seconds(&unit, "1970-01-01T01:00:00+01:00"), Some(0));
        unit.zone = Zone::Fixed(3600);
        assert_eq!(seconds(&unit, "1970-01-01 01:30"), Some(1800));
        assert_eq!(seconds(&unit, "soon"), None);
    }
}
