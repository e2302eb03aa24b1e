//! Times in a strftime format of the schema's own.

use chrono::format::{Item, Numeric, Parsed, StrftimeItems, parse, parse_and_remainder};

use super::civil::{DAY, Moment};
use super::text::Shown;

/// Splits a format into its items, once per column.
pub(super) fn items(format: &str) -> Vec<Item<'_>> {
    StrftimeItems::new(format).collect()
}

/// Reads `text`; the end of a day may be written as 24 hours, and the halves of a day as `a` and `p`.
pub(super) fn read_with_midnight(text: &str, items: &[Item<'_>]) -> Option<Shown> {
    read(text, items)
        .or_else(|| read_24_hours(text, items))
        .or_else(|| {
            let is_short = text.ends_with(['a', 'A', 'p', 'P']);
            is_short.then(|| read(&format!("{text}m"), items)).flatten()
        })
}

/// Reads a midnight that is written as the end of a day.
fn read_24_hours(text: &str, items: &[Item<'_>]) -> Option<Shown> {
    let is_hour = |item: &Item<'_>| matches!(item, Item::Numeric(Numeric::Hour, _));
    let hour = items.iter().position(is_hour)?;
    let rest = parse_and_remainder(&mut Parsed::new(), text, items[..hour].iter()).ok()?;
    let after = rest.trim_start().strip_prefix("24")?;
    let before = &text[..text.len() - after.len() - 2];
    let midnight = read(&format!("{before}00{after}"), items)?;
    let is_midnight = midnight.moment.seconds.rem_euclid(DAY) == 0 && midnight.moment.nanos == 0;
    is_midnight.then_some(Shown {
        moment: Moment {
            seconds: midnight.moment.seconds + DAY,
            ..midnight.moment
        },
        ..midnight
    })
}

/// Reads `text`; what a format leaves out is its smallest value: the first day, midnight.
pub(super) fn read(text: &str, items: &[Item<'_>]) -> Option<Shown> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, items.iter()).ok()?;
    if let Some(seconds) = parsed.timestamp() {
        let nanos = parsed
            .nanosecond()
            .filter(|nanos| *nanos < 1_000_000_000)
            .unwrap_or(0);
        return Some(Shown {
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
    Some(Shown {
        moment,
        offset: parsed.offset(),
    })
}
