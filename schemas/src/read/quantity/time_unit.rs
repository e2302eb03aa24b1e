//! Date-time units: `{tick, tz, dayfirst, yearfirst, format, since, fold}`.

use super::super::Reader;
use super::super::fields::Field;
use crate::near::listed;
use crate::time::{Fold, Since, Tick, TimeFormat, TimeUnit, Zone};
use crate::yaml::{Value, shorten};

/// Keys of a date-time unit.
pub(crate) const TIME_KEYS: &[&str] = &[
    "tick",
    "tz",
    "dayfirst",
    "yearfirst",
    "format",
    "since",
    "fold",
];

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
    unit.has_order |= dayfirst.is_some() || yearfirst.is_some();
    if let Some(field) = field.get("format") {
        unit.formats = formats(reader, &field)?;
    }
    if let Some(field) = field.get("since") {
        let text = field.text(reader, "an instant such as `1899-12-30`")?;
        unit.since = since(reader, &field, text, default);
    }
    if let Some(field) = field.get("fold") {
        match field.yaml.text() {
            Some("earlier") => unit.fold = Some(Fold::Earlier),
            Some("later") => unit.fold = Some(Fold::Later),
            Some("infer") => unit.fold = Some(Fold::Infer),
            _ => field.expected(reader, "`earlier`, `later` or `infer`"),
        }
    }
    Some(unit)
}

/// Reads the CF spelling `days since 1899-12-30` of a `source_unit`.
pub(super) fn counted(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    tick: &str,
    instant: &str,
    default: Option<&TimeUnit>,
) -> Option<TimeUnit> {
    let tick = tick.trim();
    let is_called = |known: &Tick| {
        let name = known.cf_name();
        tick == known.symbol() || tick == name || Some(tick) == name.strip_suffix('s')
    };
    let Some(found) = Tick::ALL.into_iter().find(is_called) else {
        field.problem(reader, Tick::remedy(tick));
        return None;
    };
    let since = since(reader, field, instant, default)?;
    Some(TimeUnit {
        tick: found,
        since: Some(since),
        ..default.cloned().unwrap_or_else(|| TimeUnit::utc(found))
    })
}

/// An instant that numbers are counted from.
fn since(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    text: &str,
    default: Option<&TimeUnit>,
) -> Option<Since> {
    let since = Since::parse(text);
    if since.is_none() {
        let message = format!(
            "`{}` is no instant: write ISO 8601 such as `1899-12-30` (local) or `1904-01-01T00:00:00Z`, or one of {}",
            shorten(text),
            listed(&Since::names())
        );
        field.problem(reader, message);
    } else if default.is_none() {
        let message = "times are stored since 1970-01-01: write `unit: {tick: s}`, and `since` in `source_unit`";
        field.problem(reader, message);
    }
    since
}

/// One format, or a list of them.
fn formats(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<Vec<TimeFormat>> {
    const EXAMPLE: &str = "a format such as `%d.%m.%Y %H:%M`";
    let texts: Vec<&str> = match &field.yaml.value {
        Value::List(formats) => formats.iter().filter_map(|format| format.text()).collect(),
        _ => vec![field.text(reader, EXAMPLE)?],
    };
    let n = match &field.yaml.value {
        Value::List(formats) => formats.len(),
        _ => 1,
    };
    if texts.len() < n || n == 0 {
        field.expected(
            reader,
            "a format such as `%d.%m.%Y %H:%M`, or a list of them",
        );
        return None;
    }
    let mut formats = Vec::with_capacity(n);
    for text in texts {
        if text.eq_ignore_ascii_case("iso8601") {
            formats.push(TimeFormat::Iso8601);
            continue;
        }
        let is_unknown = chrono::format::StrftimeItems::new(text)
            .any(|item| item == chrono::format::Item::Error);
        if is_unknown || !text.contains('%') {
            let message = format!(
                "`{}` is not a strftime format such as `%d.%m.%Y %H:%M`, nor `iso8601`",
                shorten(text)
            );
            field.problem(reader, message);
        }
        formats.push(TimeFormat::Strftime(text.to_owned()));
    }
    Some(formats)
}
