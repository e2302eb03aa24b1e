//! Date-time units: tick, zone, and how incoming times are read.

use std::fmt;

mod instant;
mod since;
mod zone;

pub use since::Since;

/// `{tick, tz, dayfirst, yearfirst, format, since, fold}` of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeUnit {
    /// Length of one stored or delivered tick.
    pub tick: Tick,
    /// Zone of incoming times without an offset.
    pub zone: Zone,
    /// `1/2/2024` is 1 February.
    pub dayfirst: bool,
    /// `24/2/1` is 1 February 2024.
    pub yearfirst: bool,
    /// Whether the schema says in which order day, month and year come.
    pub has_order: bool,
    /// What times are written as, one of these; empty: ISO 8601, or numbers.
    pub formats: Vec<TimeFormat>,
    /// What numbers are counted from, if the schema says so; else 1970.
    pub since: Option<Since>,
    /// What to take of a local time that exists twice; `None` rejects the row.
    pub fold: Option<Fold>,
}

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// ISO 8601.
    Iso8601,
    /// As strftime writes it with this format.
    Strftime(String),
}

impl TimeFormat {
    /// As a schema writes it.
    pub fn written(&self) -> &str {
        match self {
            Self::Iso8601 => "iso8601",
            Self::Strftime(format) => format,
        }
    }
}

/// Length of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Tick {
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
}

impl TimeUnit {
    /// Ticks of UTC, read as ISO 8601.
    pub const fn utc(tick: Tick) -> Self {
        Self {
            tick,
            zone: Zone::Fixed(0),
            dayfirst: false,
            yearfirst: true,
            has_order: false,
            formats: Vec::new(),
            since: None,
            fold: None,
        }
    }
}

impl Tick {
    /// All there are, finest first.
    pub const ALL: [Self; 7] = [
        Self::Nanosecond,
        Self::Microsecond,
        Self::Millisecond,
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
    ];

    /// Reads `D`, `h`, `m`, `s`, `ms`, `us` or `ns`.
    pub fn parse(symbol: &str) -> Option<Self> {
        let tick = match symbol {
            "ns" => Self::Nanosecond,
            "us" | "µs" => Self::Microsecond,
            "ms" => Self::Millisecond,
            "s" => Self::Second,
            "m" => Self::Minute,
            "h" => Self::Hour,
            "D" => Self::Day,
            _ => return None,
        };
        Some(tick)
    }

    /// How a schema writes it.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Nanosecond => "ns",
            Self::Microsecond => "us",
            Self::Millisecond => "ms",
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "D",
        }
    }

    /// Seconds in one tick.
    pub const fn seconds(self) -> f64 {
        match self {
            Self::Nanosecond => 1e-9,
            Self::Microsecond => 1e-6,
            Self::Millisecond => 1e-3,
            Self::Second => 1.0,
            Self::Minute => 60.0,
            Self::Hour => 3_600.0,
            Self::Day => 86_400.0,
        }
    }

    /// What to write instead of an unknown tick.
    pub(crate) fn remedy(word: &str) -> String {
        let lower = word.to_lowercase();
        let meant = match lower.trim_end_matches('s') {
            "d" | "day" => "`D`",
            "hour" | "hr" | "h" => "`h`",
            "minute" | "min" | "t" => "`m`",
            "second" | "sec" => "`s`",
            "milli" | "millisecond" => "`ms`",
            "micro" | "microsecond" => "`us`",
            "nano" | "nanosecond" => "`ns`",
            "m" | "month" | "y" | "year" | "w" | "week" => {
                return format!(
                    "`{}` is not a tick, having no fixed length: write `D`",
                    crate::yaml::shorten(word)
                );
            }
            _ => "one of `D`, `h`, `m`, `s`, `ms`, `us`, `ns`",
        };
        format!(
            "unknown tick `{}`: write {meant}",
            crate::yaml::shorten(word)
        )
    }

    /// Nanoseconds in one tick.
    pub const fn nanoseconds(self) -> i64 {
        match self {
            Self::Nanosecond => 1,
            Self::Microsecond => 1_000,
            Self::Millisecond => 1_000_000,
            Self::Second => 1_000_000_000,
            Self::Minute => 60 * 1_000_000_000,
            Self::Hour => 3_600 * 1_000_000_000,
            Self::Day => 86_400 * 1_000_000_000,
        }
    }

    /// The word in a CF `units` attribute: `seconds` in `seconds since 1970-01-01`.
    pub const fn cf_name(self) -> &'static str {
        match self {
            Self::Nanosecond => "nanoseconds",
            Self::Microsecond => "microseconds",
            Self::Millisecond => "milliseconds",
            Self::Second => "seconds",
            Self::Minute => "minutes",
            Self::Hour => "hours",
            Self::Day => "days",
        }
    }
}

/// Where local times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of UTC; `UTC`, `±HH:MM` and fixed abbreviations.
    Fixed(i32),
    /// An IANA zone with its daylight-saving rules.
    Named(chrono_tz::Tz),
}

impl fmt::Display for Zone {
    /// As schemas write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(0) => f.write_str("UTC"),
            Self::Fixed(seconds) => {
                let minutes = seconds.abs() / 60;
                let sign = if *seconds < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            Self::Named(zone) => f.write_str(zone.name()),
        }
    }
}

/// Which of two instants a repeated local time means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The first one.
    Earlier,
    /// The second one.
    Later,
    /// What the order of the rows says.
    Infer,
}
