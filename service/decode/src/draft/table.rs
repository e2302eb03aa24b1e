//! A draft for rows.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::Decoding;
use polars::prelude::DataFrame;
use serde_json::{Map, Value as Json, json};

use super::column::{Found, Kind};
use super::name;
use super::times::{self, Question, Reading, Unzoned, Written};
use super::{Body, DraftError, Wishes, in_a_line};

/// Coordinates beside the time at most.
const MAX_OTHERS: usize = 3;
/// What columns are called that say where or by what something was measured.
const PLACES: [&str; 14] = [
    "station", "site", "sensor", "device", "logger", "id", "depth", "level", "well", "borehole",
    "location", "node", "channel", "number",
];

pub(super) fn draft(frame: &DataFrame, wishes: &Wishes) -> Result<Body, DraftError> {
    let columns: Vec<Found> = Found::all(frame);
    let time = columns
        .iter()
        .position(|found| found.is_time() && found.is_full())
        .or_else(|| columns.iter().position(Found::is_time));
    let Some(time) = time else {
        return Err(DraftError::Nothing(no_time(&columns)));
    };
    let others = others(&columns, time);
    let keys: Vec<usize> = std::iter::once(time)
        .chain(others.iter().copied())
        .collect();
    let mut drafting = Drafting {
        wishes,
        taken: Vec::new(),
        questions: Vec::new(),
        unzoned: Vec::new(),
    };
    let mut body = String::from("  COORDS:\n");
    let mut coords = Vec::new();
    for key in &keys {
        let (name, line) = drafting.coordinate(&columns[*key], *key == time);
        coords.push(name);
        body += &line;
    }
    let mut doubts = Vec::new();
    if !is_unique(&columns, &keys) {
        body += "    # ? several rows have the same coordinates: of their values the last one would count\n";
        doubts.push(repeated(&columns, &keys));
    }
    body += "  VARS:\n";
    let coords = coords.join(", ");
    let mut n_variables = 0;
    for (i, found) in columns.iter().enumerate() {
        if !keys.contains(&i) {
            let line = drafting.variable(found, &coords);
            n_variables += usize::from(!line.trim_start().starts_with('#'));
            body += &line;
        }
    }
    if n_variables == 0 {
        return Err(DraftError::Nothing(
            "there are no columns of values beside the coordinates; is the layout of the file understood? Write the schema by hand, or try `zf init --like`".to_owned(),
        ));
    }
    Ok(Body {
        declarations: body,
        size: format!(", {} rows", frame.height()),
        decode: Map::new(),
        questions: drafting.questions,
        unzoned: drafting.unzoned,
        doubts,
    })
}

/// What `decode` needs besides for the cells of `frame`: words for no value, and dates that stand beside their times of day.
pub(super) fn decode_of(frame: &DataFrame, decode: &Map<String, Json>) -> Map<String, Json> {
    let mut all = decode.clone();
    let columns: Vec<Found> = Found::all(frame);
    let mut words: Vec<String> = columns.iter().flat_map(Found::words).collect();
    words.sort();
    words.dedup();
    if !words.is_empty() && !decode.contains_key("extract") {
        let mut csv = match all.get("csv") {
            Some(Json::Object(csv)) => csv.clone(),
            _ => Map::new(),
        };
        csv.insert("null_values".to_owned(), json!(words));
        all.insert("csv".to_owned(), Json::Object(csv));
    }
    let date = columns.iter().find(|found| found.is_date());
    let clock = columns.iter().find(|found| found.is_clock());
    if let (Some(date), Some(clock)) = (date, clock) {
        let mut joined = all.clone();
        let both = format!("{{{}}} {{{}}}", date.column, clock.column);
        joined.insert("join".to_owned(), json!({date.column.clone(): both}));
        let is_known = serde_json::from_value::<Decoding>(Json::Object(joined.clone())).is_ok();
        if is_known {
            all = joined;
        }
    }
    all
}

/// Why rows may have the same coordinates.
fn repeated(columns: &[Found], keys: &[usize]) -> String {
    let names: Vec<String> = keys
        .iter()
        .map(|key| format!("`{}`", columns[*key].column))
        .collect();
    let clock = columns.iter().find(|found| found.is_clock());
    let cause = match clock {
        Some(clock) => format!(
            "the time of day stands in a column of its own, `{}`: make one column of both",
            clock.column
        ),
        None => "if an hour comes twice because clocks are put back, say what `fold` is; if a column names what was measured, make columns of its values; if one says where, make it a coordinate".to_owned(),
    };
    format!(
        "several rows have the same {}, and only the last of their values would be kept: {cause}",
        names.join(" and ")
    )
}

fn no_time(columns: &[Found]) -> String {
    let names: Vec<String> = columns
        .iter()
        .take(20)
        .map(|found| format!("`{}`", found.column))
        .collect();
    format!(
        "no column is a time, among {}; if it is written in a way that is not known here, draft from a copy with ISO 8601, then set `format`",
        names.join(", ")
    )
}

/// Columns that, with the time, tell rows apart: as few as do.
fn others(columns: &[Found], time: usize) -> Vec<usize> {
    let mut keys = vec![time];
    // Words such as `id` are found in names of columns as a part between marks.
    let is_place = |found: &Found| {
        let name = name::simple(&found.column);
        name.split('_').any(|word| PLACES.contains(&word))
    };
    let can = |i: usize| {
        let found = &columns[i];
        let is_key = matches!(found.kind, Kind::Text | Kind::Number { is_whole: true })
            || matches!(found.kind, Kind::Number { .. }) && is_place(found);
        i != time && is_key && found.is_full()
    };
    let mut candidates: Vec<usize> = (0..columns.len()).filter(|i| can(*i)).collect();
    candidates.sort_by_key(|i| {
        let found = &columns[*i];
        (!is_place(found), found.kind != Kind::Text, found.n_distinct)
    });
    // Names of what was measured are coordinates even if a file has only one of them.
    let named = candidates
        .iter()
        .find(|i| is_place(&columns[**i]) && columns[**i].kind == Kind::Text);
    keys.extend(named);
    while !is_unique(columns, &keys) && keys.len() <= MAX_OTHERS {
        let next = candidates.iter().find(|i| {
            let found = &columns[**i];
            let is_few = is_place(found) || found.n_distinct * 2 <= found.cells.len();
            is_few && found.n_distinct > 1 && !keys.contains(i)
        });
        let Some(next) = next else { break };
        keys.push(*next);
    }
    keys.split_off(1)
}

fn is_unique(columns: &[Found], keys: &[usize]) -> bool {
    let n = columns.first().map_or(0, |found| found.cells.len());
    let row = |row: usize| -> Vec<&Option<String>> {
        keys.iter().map(|key| &columns[*key].cells[row]).collect()
    };
    let distinct: HashSet<_> = (0..n).map(row).collect();
    distinct.len() == n
}

struct Drafting<'a> {
    wishes: &'a Wishes,
    taken: Vec<String>,
    questions: Vec<Question>,
    unzoned: Vec<Unzoned>,
}

impl Drafting<'_> {
    fn name(&mut self, wanted: String) -> String {
        let name = name::free(wanted, &self.taken);
        self.taken.push(name.clone());
        name
    }

    fn coordinate(&mut self, found: &Found, is_time: bool) -> (String, String) {
        let (simple, unit) = name::split(&found.column);
        let name = self.name(if is_time { "time".to_owned() } else { simple });
        let (keys, remark) = if found.is_time() {
            self.time(found)
        } else {
            let keys = match (&found.kind, unit) {
                (Kind::Number { .. }, Some(unit)) => vec![format!("unit: {}", name::quoted(&unit))],
                (Kind::Number { is_whole: true }, None) => vec!["type: int64".to_owned()],
                (Kind::Number { .. }, None) => Vec::new(),
                _ => vec!["type: str".to_owned(), "sorted: false".to_owned()],
            };
            (keys, None)
        };
        let line = declaration(&name, &found.column, keys, remark);
        (name, line)
    }

    fn variable(&mut self, found: &Found, coords: &str) -> String {
        let (simple, unit) = name::split(&found.column);
        let on = format!("coords: [{coords}]");
        let column = name::quoted(&found.column);
        let (keys, remark) = match &found.kind {
            Kind::Empty => {
                return format!("    # {column} has no value in this file: left out\n");
            }
            Kind::Other(what) => {
                return format!("    # {column} is {what}, which cannot be stored: left out\n");
            }
            Kind::Times(_) | Kind::NativeTimes => self.time(found),
            Kind::Truth => (vec!["type: bool".to_owned()], None),
            Kind::Text => (vec!["type: str".to_owned()], None),
            Kind::Number { .. } => match unit {
                Some(unit) => (vec![format!("unit: {}", name::quoted(&unit))], None),
                None => (Vec::new(), Some("? unit".to_owned())),
            },
        };
        let name = self.name(simple);
        let mut all = vec![on];
        all.extend(keys);
        declaration(&name, &found.column, all, remark)
    }

    /// Keys of a time, and what is to be looked at.
    fn time(&mut self, found: &Found) -> (Vec<String>, Option<String>) {
        let zone = self
            .wishes
            .zone
            .clone()
            .or_else(|| name::offset(&found.column));
        let has_fraction = found.cells.iter().flatten().any(|cell| {
            cell.rsplit_once(':')
                .is_some_and(|(_, rest)| rest.contains('.'))
        });
        let tick = if has_fraction { "ms" } else { "s" };
        let unit = format!("unit: {{tick: {tick}}}");
        let written = match &found.kind {
            Kind::Times(written) => written.clone(),
            _ => Written::Iso { has_offset: false },
        };
        let (format, question) = match written {
            Written::Iso { has_offset: true } => return (vec![unit], None),
            Written::Since1970(tick) => {
                let stored = if tick == "s" { "s" } else { "ms" };
                let keys = vec![
                    format!("unit: {{tick: {stored}}}"),
                    format!("source_unit: {{tick: {tick}}}"),
                ];
                return (keys, Some("numbers count since 1970, UTC".to_owned()));
            }
            Written::Iso { has_offset: false } => (None, None),
            Written::Format(format) => (Some(format), None),
            Written::Ambiguous(readings) => self.choose(found, readings),
        };
        let mut source = format!(
            "tick: {tick}, tz: {}",
            name::quoted(zone.as_deref().unwrap_or("UTC"))
        );
        if let Some(format) = format {
            let _ = write!(source, ", format: {}", name::quoted(&format));
        }
        let assumed = zone.is_none().then(|| {
            self.unzoned.push(Unzoned {
                column: found.column.clone(),
                cells: found.first_cells(),
            });
            "? the times have no offset and are taken for UTC: else write their zone".to_owned()
        });
        let keys = vec![unit, format!("source_unit: {{{source}}}")];
        (keys, question.or(assumed))
    }

    /// One of two readings, if the caller has said which; else a question.
    fn choose(
        &mut self,
        found: &Found,
        readings: Vec<(times::Order, String)>,
    ) -> (Option<String>, Option<String>) {
        let wished = readings
            .iter()
            .find(|(order, _)| Some(*order) == self.wishes.order);
        if let Some((_, format)) = wished {
            return (Some(format.clone()), None);
        }
        let cells = found.first_cells();
        let readings: Vec<Reading> = readings
            .into_iter()
            .filter_map(|(order, format)| {
                let read = cells.iter().map(|cell| times::read(cell, &format));
                Some(Reading {
                    order,
                    cells: read.collect::<Option<_>>()?,
                    format,
                })
            })
            .collect();
        let example = cells.first().map(String::as_str).unwrap_or_default();
        let shown: Vec<String> = readings
            .iter()
            .filter_map(|reading| {
                let read = reading.cells.first()?;
                Some(format!("format: \"{}\" for {read}", reading.format))
            })
            .collect();
        let remark = format!("? `{example}` may be {}", shown.join(", or "));
        self.questions.push(Question {
            column: found.column.clone(),
            cells,
            readings,
        });
        (None, Some(remark))
    }
}

/// A line of `COORDS` or `VARS`.
fn declaration(name: &str, column: &str, mut keys: Vec<String>, remark: Option<String>) -> String {
    if name != column {
        keys.push(format!("df_col: {}", name::quoted(column)));
    }
    let remark = remark
        .map(|remark| format!("  # {}", in_a_line(&remark)))
        .unwrap_or_default();
    format!(
        "    {}: {{{}}}{remark}\n",
        name::quoted(name),
        keys.join(", ")
    )
}
