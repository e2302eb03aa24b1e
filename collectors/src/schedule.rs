//! When runs are due: cron expressions in a time zone.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Due times of one kind of run.
///
/// Five fields (minute, hour, day, month, weekday; 0 and 7 are Sunday), six with seconds in front, or `@hourly` and the like.
/// When clocks go forward, a run at a fixed time that does not exist is due right after the gap; when they go back, it is due
/// once. Runs that repeat (`*/10`) keep their pace through both.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

impl Schedule {
    /// Reads a cron expression and a zone such as `Europe/Prague`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, String> {
        let zone = parse_zone(zone)?;
        let parser = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(cron).map_err(|error| {
            format!(
                "`{cron}` is no cron expression ({}); write minute, hour, day, month and weekday, such as `15 */6 * * *`",
                error.to_string().trim_end_matches('.').to_lowercase()
            )
        })?;
        Ok(Self { cron, zone })
    }

    /// The zone.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first due time after `at`; `None` if there is none.
    pub fn after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = at.with_timezone(&self.zone);
        let next = self.cron.find_next_occurrence(&local, false).ok()?;
        Some(next.with_timezone(&Utc))
    }

    /// The last due time that is not after `at`; `None` if there is none.
    pub fn last(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = at.with_timezone(&self.zone);
        let last = self.cron.find_previous_occurrence(&local, true).ok()?;
        Some(last.with_timezone(&Utc))
    }
}

/// Reads the name of a zone.
///
/// # Errors
/// What to write instead.
pub(crate) fn parse_zone(zone: &str) -> Result<Tz, String> {
    zone.parse().map_err(|_unknown| {
        format!("`{zone}` is no time zone; write `UTC` or a name such as `Europe/Prague`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cron: &str, zone: &str, after: &str, expected: &[&str]) {
        let schedule = Schedule::parse(cron, zone).unwrap();
        let mut at: DateTime<Utc> = after.parse().unwrap();
        for expected in expected {
            at = schedule.after(at).unwrap();
            assert_eq!(at.to_rfc3339(), format!("{expected}+00:00"), "{cron}");
        }
    }

    #[test]
    fn five_fields_and_six_are_understood() {
        check(
            "15 */6 * * *",
            "UTC",
            "2026-01-31T13:00:00Z",
            &["2026-01-31T18:15:00", "2026-02-01T00:15:00"],
        );
        check(
            "30 0 12 * * *",
            "UTC",
            "2026-01-01T00:00:00Z",
            &["2026-01-01T12:00:30", "2026-01-02T12:00:30"],
        );
        check(
            "0 8 * * MON",
            "UTC",
            "2026-01-01T00:00:00Z",
            &["2026-01-05T08:00:00"],
        );
        check(
            "0 8 * * 0",
            "UTC",
            "2026-01-01T00:00:00Z",
            &["2026-01-04T08:00:00"],
        );
    }

    #[test]
    fn a_time_that_does_not_exist_is_due_after_the_gap() {
        // Clocks go from 02:00 to 03:00 on 29 March 2026.
        check(
            "30 2 * * *",
            "Europe/Prague",
            "2026-03-28T02:00:00Z",
            &["2026-03-29T01:00:00", "2026-03-30T00:30:00"],
        );
        check(
            "*/30 * * * *",
            "Europe/Prague",
            "2026-03-29T00:00:00Z",
            &["2026-03-29T00:30:00", "2026-03-29T01:00:00"],
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_due_once() {
        // Clocks go from 03:00 back to 02:00 on 25 October 2026.
        check(
            "30 2 * * *",
            "Europe/Prague",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00", "2026-10-26T01:30:00"],
        );
        check(
            "*/30 * * * *",
            "Europe/Prague",
            "2026-10-25T00:00:00Z",
            &[
                "2026-10-25T00:30:00",
                "2026-10-25T01:00:00",
                "2026-10-25T01:30:00",
                "2026-10-25T02:00:00",
            ],
        );
    }

    #[test]
    fn the_last_due_time_may_be_now() {
        let schedule = Schedule::parse("0 6 * * *", "UTC").unwrap();
        let last = |at: &str| schedule.last(at.parse().unwrap()).unwrap().to_rfc3339();
        assert_eq!(last("2026-01-02T06:00:00Z"), "2026-01-02T06:00:00+00:00");
        assert_eq!(last("2026-01-02T05:59:59Z"), "2026-01-01T06:00:00+00:00");
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let refused = Schedule::parse("61 * * * *", "UTC").unwrap_err();
        assert!(
            refused.starts_with("`61 * * * *` is no cron expression (")
                && refused.ends_with("such as `15 */6 * * *`"),
            "{refused}"
        );
        assert_eq!(
            Schedule::parse("0 * * * *", "Prague").unwrap_err(),
            "`Prague` is no time zone; write `UTC` or a name such as `Europe/Prague`"
        );
        let never = Schedule::parse("0 0 31 2 *", "UTC").unwrap();
        assert_eq!(never.after("2026-01-01T00:00:00Z".parse().unwrap()), None);
    }
}
