//! Values that are the same for all requests of a run: times and constants.

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use serde_json::Value as Json;
use zarr_fuse_schemas::quantity::parse_duration;

use crate::config::{At, Faults, Render, RenderSource};

const DAY_SECONDS: i64 = 86_400;

/// A value made ready.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) name: String,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Constant(String),
    Time {
        format: String,
        local: bool,
        offset: TimeDelta,
        floor_seconds: Option<i64>,
    },
}

impl Rendered {
    /// Checks what the configuration says.
    pub(crate) fn prepare(render: &Render, path: &[At], faults: &mut Faults) -> Option<Self> {
        let name = render.name.clone();
        if render.source == RenderSource::Const {
            let for_times = [
                ("format", render.format.is_some()),
                ("offset", render.offset.is_some()),
                ("floor", render.floor.is_some()),
            ];
            for (key, _) in for_times.iter().filter(|(_, given)| *given) {
                let message = format!("`{key}` is for times; remove it, a `const` has a `value`");
                faults.add(path, message);
            }
            let missing = "the key `value` is missing: a `const` is that".to_owned();
            let value = faults.keep(path, render.value.clone().ok_or(missing))?;
            return Some(Self {
                name,
                value: Value::Constant(value),
            });
        }
        if render.value.is_some() {
            faults.add(
                path,
                "`value` is for `const`; remove it, a time has a `format`",
            );
        }
        let missing = "the key `format` is missing: say how the time is written, such as `%Y%m%d`";
        let format = render.format.clone().ok_or_else(|| missing.to_owned());
        let format = faults.keep(path, format)?;
        if StrftimeItems::new(&format).any(|item| item == Item::Error) {
            let message = format!("`{format}` is no format of times; write such as `%Y-%m-%dT%H`");
            faults.add(path, message);
            return None;
        }
        let offset = render
            .offset
            .as_deref()
            .map_or(Ok(TimeDelta::zero()), signed);
        let floor = render.floor.as_deref().map(floor).transpose();
        Some(Self {
            name,
            value: Value::Time {
                format,
                local: render.source == RenderSource::DatetimeLocal,
                offset: faults.keep(path, offset)?,
                floor_seconds: faults.keep(path, floor)?,
            },
        })
    }

    /// The value in a run that was due at `due`.
    pub(crate) fn at(&self, due: DateTime<Utc>, zone: Tz) -> Json {
        match &self.value {
            Value::Constant(value) => Json::String(value.clone()),
            Value::Time {
                format,
                local,
                offset,
                floor_seconds,
            } => {
                let zone = if *local { zone } else { Tz::UTC };
                let time = due.checked_add_signed(*offset).unwrap_or(due);
                let time = time.with_timezone(&zone);
                let time = floor_seconds.map_or(time, |seconds| floored(time, seconds));
                Json::String(time.format(format).to_string())
            }
        }
    }
}

/// The last multiple of `seconds` since midnight.
fn floored(time: DateTime<Tz>, seconds: i64) -> DateTime<Tz> {
    let of_day = i64::from(time.num_seconds_from_midnight());
    let wanted = u32::try_from(of_day - of_day % seconds).unwrap_or(0);
    let wanted = NaiveTime::from_num_seconds_from_midnight_opt(wanted, 0).unwrap_or(NaiveTime::MIN);
    let local = time.date_naive().and_time(wanted);
    // A time that does not exist is written as if it did not matter: what is asked for are names of files.
    let found = time.timezone().from_local_datetime(&local).earliest();
    found.unwrap_or(time)
}

fn signed(text: &str) -> Result<TimeDelta, String> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let duration = parse_duration(rest)
        .map_err(|_unreadable| format!("`{text}` is no offset; write `-6h` or `1d`"))?;
    let delta = TimeDelta::from_std(duration)
        .ok()
        .filter(|delta| delta.num_days() < 36_600)
        .ok_or_else(|| format!("`{text}` is too long"))?;
    Ok(if negative { -delta } else { delta })
}

fn floor(text: &str) -> Result<i64, String> {
    let seconds = parse_duration(text).map_or(0, |duration| duration.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(0);
    if seconds == 0 || DAY_SECONDS % seconds != 0 {
        return Err(format!(
            "a day is no multiple of `{text}`; write such as `10m`, `6h` or `1d`"
        ));
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: RenderSource, format: &str, offset: &str, floor: &str) -> Render {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Render {
            name: "t".to_owned(),
            source,
            format: given(format),
            value: None,
            offset: given(offset),
            floor: given(floor),
        }
    }

    #[track_caller]
    fn check(source: RenderSource, format: &str, offset: &str, floor: &str, expected: &str) {
        let mut faults = Faults::default();
        let config = render(source, format, offset, floor);
        let rendered = Rendered::prepare(&config, &[], &mut faults);
        let found = match rendered {
            Some(rendered) => {
                let due = "2026-03-29T02:40:00Z".parse().unwrap();
                rendered
                    .at(due, chrono_tz::Europe::Prague)
                    .as_str()
                    .unwrap()
                    .to_owned()
            }
            None => faults.0.remove(0).message,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn times_are_those_of_the_run() {
        use RenderSource::{DatetimeLocal, DatetimeUtc};
        check(DatetimeUtc, "%Y%m%dT%H%M", "", "", "20260329T0240");
        check(DatetimeLocal, "%Y%m%dT%H%M", "", "", "20260329T0440");
        check(DatetimeUtc, "%Y%m%d %H", "-6h", "6h", "20260328 18");
        check(DatetimeUtc, "%H:%M", "", "30m", "02:30");
        check(DatetimeUtc, "%Y-%m-%d", "-1d", "", "2026-03-28");
        check(DatetimeUtc, "%Y-%m-%d %H", "+1d", "1d", "2026-03-30 00");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        use RenderSource::DatetimeUtc;
        check(
            DatetimeUtc,
            "%Q",
            "",
            "",
            "`%Q` is no format of times; write such as `%Y-%m-%dT%H`",
        );
        check(
            DatetimeUtc,
            "%H",
            "six",
            "",
            "`six` is no offset; write `-6h` or `1d`",
        );
        check(
            DatetimeUtc,
            "%H",
            "",
            "7h",
            "a day is no multiple of `7h`; write such as `10m`, `6h` or `1d`",
        );
        check(
            DatetimeUtc,
            "",
            "",
            "",
            "the key `format` is missing: say how the time is written, such as `%Y%m%d`",
        );
    }
}
