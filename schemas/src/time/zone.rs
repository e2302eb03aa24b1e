//! Names of time zones.

use chrono_tz::Tz;

use super::Zone;
use crate::near;

/// Abbreviations with one meaning, in minutes east of UTC. Those with several (`CST`, `IST`, `BST`) are left out.
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("UT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("CET", 60),
    ("MEZ", 60),
    ("CEST", 120),
    ("MESZ", 120),
    ("SEČ", 60),
    ("SELČ", 120),
    ("EET", 120),
    ("EEST", 180),
    ("SAST", 120),
    ("MSK", 180),
    ("JST", 540),
    ("KST", 540),
    ("AWST", 480),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("EST", -300),
    ("EDT", -240),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
];

impl Zone {
    /// Reads a fixed abbreviation (`CET` is always +01:00), `±HH:MM` or an IANA name.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Some((_, minutes)) = ABBREVIATIONS.iter().find(|(known, _)| *known == name) {
            return Some(Self::Fixed(minutes * 60));
        }
        if let Some(seconds) = offset(name) {
            return Some(Self::Fixed(seconds));
        }
        name.parse::<Tz>().ok().map(Self::Named)
    }

    /// `; did you mean …?` for an unknown name.
    pub(crate) fn suggestion(name: &str) -> String {
        let city = |zone: &Tz| {
            zone.name()
                .rsplit('/')
                .next()
                .is_some_and(|city| city.eq_ignore_ascii_case(name))
        };
        let same_city = chrono_tz::TZ_VARIANTS
            .iter()
            .find(|zone| city(zone))
            .map(|zone| zone.name());
        let near = || near::nearest(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        same_city
            .or_else(near)
            .map_or_else(String::new, |zone| format!("; did you mean `{zone}`?"))
    }
}

/// Seconds east of UTC of `+01:00`, `-0530`, `+2`, optionally after `UTC`.
fn offset(name: &str) -> Option<i32> {
    let name = name
        .strip_prefix("UTC")
        .or_else(|| name.strip_prefix("GMT"))
        .unwrap_or(name);
    let (sign, digits) = match name.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => match name.strip_prefix('−') {
            Some(digits) => (-1, digits),
            None => return None,
        },
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let part = |text: &str, max: i32| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|value: &i32| plain && *value <= max)
    };
    Some(sign * (part(hours, 14)? * 3600 + part(minutes, 59)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_abbreviations_offsets_and_names() {
        assert_eq!(Zone::parse("CET"), Some(Zone::Fixed(3600)));
        assert_eq!(Zone::parse("UTC"), Some(Zone::Fixed(0)));
        assert_eq!(Zone::parse("+05:30"), Some(Zone::Fixed(19_800)));
        assert_eq!(Zone::parse("-0330"), Some(Zone::Fixed(-12_600)));
        assert_eq!(Zone::parse("UTC+2"), Some(Zone::Fixed(7200)));
        assert_eq!(Zone::parse("EST"), Some(Zone::Fixed(-18_000)));
        assert_eq!(
            Zone::parse("Europe/Prague"),
            Some(Zone::Named(Tz::Europe__Prague))
        );
        for unknown in [
            "",
            "+",
            "+25:00",
            "+1:75",
            "CST",
            "Europe",
            "Europe/Pragu",
            "+é",
            "é",
        ] {
            assert_eq!(Zone::parse(unknown), None, "{unknown}");
        }
        assert_eq!(
            Zone::suggestion("Europe/Pragu"),
            "; did you mean `Europe/Prague`?"
        );
        assert_eq!(
            Zone::suggestion("prague"),
            "; did you mean `Europe/Prague`?"
        );
    }
}
