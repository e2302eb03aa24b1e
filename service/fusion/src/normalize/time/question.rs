//! What a time may mean that is not described, for those who are asked.

use zarr_fuse_schemas::time::{Since, Tick, TimeFormat, TimeUnit};

use super::{format_ticks, parse_time};

/// Formats of dates that are digits alone.
const DIGITS: [&str; 6] = [
    "%Y",
    "%Y%m",
    "%Y%m%d",
    "%Y%m%d%H",
    "%Y%m%d%H%M",
    "%Y%m%d%H%M%S",
];

/// What `text` would be, each with the option of `source_unit` that says so.
pub(in crate::normalize) fn readings(text: &str, source: &TimeUnit) -> Vec<(String, String)> {
    let text = text.trim();
    let order = |dayfirst, yearfirst| TimeUnit {
        dayfirst,
        yearfirst,
        has_order: true,
        ..source.clone()
    };
    let mut asked: Vec<(String, TimeUnit)> = Vec::new();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let formats = DIGITS.iter().filter(|format| {
            let n_digits = format.replace("%Y", "YYYY").replace('%', "m").len();
            n_digits == text.len()
        });
        asked.extend(formats.map(|format| {
            let unit = TimeUnit {
                formats: vec![TimeFormat::Strftime((*format).to_owned())],
                ..source.clone()
            };
            (format!("format: '{format}'"), unit)
        }));
        let unit = TimeUnit {
            since: Some(Since {
                seconds: 0,
                is_utc: false,
            }),
            ..source.clone()
        };
        asked.push(("since: 1970-01-01".to_owned(), unit));
    } else {
        asked.push(("dayfirst: true".to_owned(), order(true, false)));
        asked.push(("dayfirst: false".to_owned(), order(false, false)));
        asked.push(("yearfirst: true".to_owned(), order(false, true)));
    }
    let mut readings: Vec<(String, String)> = Vec::new();
    for (option, unit) in asked {
        if let Ok(ticks) = parse_time(text, &unit, Tick::Second) {
            let shown = TimeUnit {
                tick: Tick::Second,
                ..source.clone()
            };
            let reading = format_ticks(ticks, &shown);
            if readings.iter().all(|(_, known)| *known != reading) {
                readings.push((option, reading));
            }
        }
    }
    readings
}
