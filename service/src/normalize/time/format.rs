//! Times in a strftime format of the schema's own.

use chrono::format::{Item, Parsed, StrftimeItems, parse};

use super::civil::Moment;
use super::text::Written;

/// Splits a format into its items, once per column.
pub(super) fn items(format: &str) -> Vec<Item<'_>> {
    StrftimeItems::new(format).collect()
}

/// Reads `text`; what a format leaves out is its smallest value: the first day, midnight.
pub(super) fn read(text: &str, items: &[Item<'_>]) -> Option<Written> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, items.iter()).ok()?;
    if let Some(seconds) = parsed.timestamp() {
        let nanos = parsed
            .nanosecond()
            .filter(|nanos| *nanos < 1_000_000_000)
            .unwrap_or(0);
        return Some(Written {
            moment: Moment { seconds, nanos },
            offset: Some(0),
        });
    }
    let has_date = parsed.to_naive_date().is_ok();
    if !has_date && parsed.day().is_none() && parsed.ordinal().is_none() {
        parsed.set_day(1).ok()?;
        if parsed.month().is_none() {
            parsed.set_month(1).ok()?;
        }
    }
    if parsed.hour_mod_12().is_none() {
        parsed.set_hour(0).ok()?;
    }
    if parsed.minute().is_none() {
        parsed.set_minute(0).ok()?;
    }
    let local = parsed
        .to_naive_date()
        .ok()?
        .and_time(parsed.to_naive_time().ok()?)
        .and_utc();
    let moment = Moment {
        seconds: local.timestamp(),
        // A leap second is shown as a billion nanoseconds more.
        nanos: local.timestamp_subsec_nanos() % 1_000_000_000,
    };
    Some(Written {
        moment,
        offset: parsed.offset(),
    })
}
