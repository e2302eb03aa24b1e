//! Date-time units: `{tick, tz, dayfirst, yearfirst, format, fold}`.

use super::super::Reader;
use super::super::fields::Field;
use crate::time::{Fold, Tick, TimeUnit, Zone};
use crate::yaml::shorten;

/// Keys of a date-time unit.
pub(crate) const TIME_KEYS: &[&str] = &["tick", "tz", "dayfirst", "yearfirst", "format", "fold"];

/// Reads a date-time unit; what it lacks comes from `default`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    default: Option<&TimeUnit>,
) -> Option<TimeUnit> {
    field.mapping(reader, TIME_KEYS, "a date-time unit")?;
    let mut unit = default
        .cloned()
        .unwrap_or_else(|| TimeUnit::utc(Tick::Microsecond));
    if let Some(field) = field.get("tick") {
        let word = field.text(reader, "one of `D`, `h`, `m`, `s`, `ms`, `us`, `ns`")?;
        match Tick::parse(word) {
            Some(tick) => unit.tick = tick,
            None => field.problem(reader, Tick::remedy(word)),
        }
    }
    if let Some(field) = field.get("tz") {
        let word = field.text(reader, "a time zone")?;
        if let Some(zone) = Zone::parse(word) {
            unit.zone = zone;
        } else {
            let message = format!(
                "unknown time zone `{}`{}; write `UTC`, `+01:00`, `CET` or a name such as `Europe/Prague`",
                shorten(word),
                Zone::suggestion(word)
            );
            field.problem(reader, message);
        }
    }
    let mut flag = |name: &str| field.get(name).and_then(|field| field.boolean(reader));
    let (dayfirst, yearfirst) = (flag("dayfirst"), flag("yearfirst"));
    unit.dayfirst = dayfirst.unwrap_or(unit.dayfirst);
    unit.yearfirst = yearfirst.unwrap_or(if dayfirst.is_some() {
        !unit.dayfirst
    } else {
        unit.yearfirst
    });
    if let Some(field) = field.get("format") {
        let format = field.text(reader, "a format such as `%d.%m.%Y %H:%M`")?;
        let unknown = chrono::format::StrftimeItems::new(format)
            .any(|item| item == chrono::format::Item::Error);
        if unknown || !format.contains('%') {
            field.problem(
                reader,
                format!(
                    "`{}` is not a strftime format such as `%d.%m.%Y %H:%M`",
                    shorten(format)
                ),
            );
        }
        unit.format = Some(format.to_owned());
    }
    if let Some(field) = field.get("fold") {
        match field.yaml.text() {
            Some("earlier") => unit.fold = Some(Fold::Earlier),
            Some("later") => unit.fold = Some(Fold::Later),
            _ => field.expected(reader, "`earlier` or `later`"),
        }
    }
    Some(unit)
}
