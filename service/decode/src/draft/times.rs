//! How times are written, and what could be read in two ways.

use chrono::{NaiveDate, NaiveDateTime};

/// In which order day, month and year come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// 31.12.2024
    DayFirst,
    /// 12/31/2024
    MonthFirst,
}

/// Which order it is is what only a person knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The column.
    pub column: String,
    /// The first different cells of it.
    pub cells: Vec<String>,
    /// What they may mean.
    pub readings: Vec<Reading>,
}

/// One of the things that cells may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Which comes first.
    pub order: Order,
    /// The `format` that says so.
    pub format: String,
    /// The cells of the question in ISO 8601.
    pub cells: Vec<String>,
}

/// Times without an offset, whose zone was not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unzoned {
    /// Their column.
    pub column: String,
    /// The first different cells of it.
    pub cells: Vec<String>,
}

/// How the times of a column are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Written {
    /// ISO 8601; whether all have an offset.
    Iso { has_offset: bool },
    /// In this strftime format.
    Format(String),
    /// In one of several.
    Ambiguous(Vec<(Order, String)>),
    /// Numbers since 1970, in this tick.
    Since1970(&'static str),
}

/// How all of `cells` of a column are written, if they are times.
pub(super) fn written(name: &str, cells: &[&str]) -> Option<Written> {
    if cells.is_empty() {
        return None;
    }
    if let Some(written) = compact(name, cells) {
        return Some(written);
    }
    let offsets: Option<Vec<bool>> = cells.iter().map(|cell| iso(cell)).collect();
    if let Some(offsets) = offsets {
        let has_offset = offsets.iter().all(|has| *has);
        return Some(Written::Iso { has_offset });
    }
    let fitting: Vec<(Order, String)> = formats()
        .filter(|(_, format)| cells.iter().all(|cell| reads(cell, format)))
        .collect();
    match fitting.as_slice() {
        [] => None,
        [(_, format)] => Some(Written::Format(format.clone())),
        several => {
            // The year in front leaves no doubt; else the first of each order.
            let first = |order| several.iter().find(|(other, _)| *other == order).cloned();
            let both: Vec<_> = [first(Order::DayFirst), first(Order::MonthFirst)]
                .into_iter()
                .flatten()
                .collect();
            match both.as_slice() {
                [(_, format)] => Some(Written::Format(format.clone())),
                [(_, a), (_, b)] if a == b => Some(Written::Format(a.clone())),
                _ => Some(Written::Ambiguous(both)),
            }
        }
    }
}

/// How numbers of 8 to 14 digits are dates, if all are: `2024050112` is noon of 1 May 2024. Days alone only in columns whose name
/// says so, since 20240501 may count anything.
fn compact(name: &str, cells: &[&str]) -> Option<Written> {
    let n_digits = cells.first()?.len();
    let format = match n_digits {
        8 if is_named(name) => "%Y%m%d",
        10 => "%Y%m%d%H",
        12 => "%Y%m%d%H%M",
        14 => "%Y%m%d%H%M%S",
        _ => return None,
    };
    let is_date = |cell: &&str| {
        let is_number = cell.len() == n_digits && cell.bytes().all(|b| b.is_ascii_digit());
        is_number && ("1900"..="2100").contains(&&cell[..4]) && read(cell, format).is_some()
    };
    let are_dates = cells.iter().all(is_date);
    are_dates.then(|| Written::Format(format.to_owned()))
}

/// Whether a column's name says that it is a time.
pub(super) fn is_named(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = ["time", "date", "datum", "epoch", "unix", "ts"];
    words.iter().any(|word| name.contains(word))
}

/// Numbers that count since 1970, by how many there are of them.
pub(super) fn since_1970(numbers: impl Iterator<Item = f64>) -> Option<Written> {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for number in numbers {
        least = least.min(number);
        most = most.max(number);
    }
    // 1990 to 2100.
    let within = |per_second: f64| least >= 6.3e8 * per_second && most <= 4.1e9 * per_second;
    let ticks = [(1.0, "s"), (1e3, "ms"), (1e6, "us"), (1e9, "ns")];
    let tick = ticks
        .into_iter()
        .find(|(per_second, _)| within(*per_second));
    tick.map(|(_, tick)| Written::Since1970(tick))
}

/// Whether a cell is ISO 8601 with date and, if any, time, and whether it has an offset.
fn iso(cell: &str) -> Option<bool> {
    let date = cell.get(..10)?;
    NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    let rest = &cell[10..];
    if rest.is_empty() {
        return Some(true);
    }
    let clock = rest.strip_prefix(['T', ' '])?.trim();
    let end = clock
        .find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.')
        .unwrap_or(clock.len());
    let (clock, offset) = clock.split_at(end);
    let is_clock = clock.len() >= 4
        && ["%H:%M", "%H:%M:%S%.f"]
            .into_iter()
            .any(|format| chrono::NaiveTime::parse_from_str(clock, format).is_ok());
    let offset = offset.trim();
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let is_offset =
        offset.is_empty() || offset == "Z" || offset.strip_prefix(['+', '-']).is_some_and(digits);
    (is_clock && is_offset).then_some(!offset.is_empty())
}

/// Dates in usual orders with usual marks, alone and with usual times of day.
fn formats() -> impl Iterator<Item = (Order, String)> {
    const CLOCKS: [&str; 6] = [
        "",
        " %H:%M",
        " %H:%M:%S",
        " %H:%M:%S%.f",
        " %I:%M %p",
        " %I:%M:%S %p",
    ];
    let mut dates = Vec::new();
    for mark in ['.', '/', '-'] {
        for year in ["%Y", "%y"] {
            dates.push((Order::DayFirst, format!("%d{mark}%m{mark}{year}")));
            dates.push((Order::MonthFirst, format!("%m{mark}%d{mark}{year}")));
        }
        dates.push((Order::DayFirst, format!("%Y{mark}%m{mark}%d")));
    }
    dates.into_iter().flat_map(|(order, date)| {
        CLOCKS
            .into_iter()
            .map(move |clock| (order, format!("{date}{clock}")))
    })
}

fn reads(cell: &str, format: &str) -> bool {
    // `%Y` takes any number of digits.
    let n_digits = cell
        .split(['.', '/', '-', ' '])
        .take(3)
        .map(str::len)
        .max()
        .unwrap_or(0);
    (format.contains("%Y") == (n_digits == 4)) && read(cell, format).is_some()
}

/// The cell as ISO 8601.
pub(super) fn read(cell: &str, format: &str) -> Option<String> {
    let has_clock = format.contains("%H") || format.contains("%I");
    if format == "%Y%m%d%H" {
        return read(&format!("{cell}00"), "%Y%m%d%H%M");
    }
    if has_clock {
        let time = NaiveDateTime::parse_from_str(cell, format).ok()?;
        Some(time.format("%Y-%m-%dT%H:%M:%S").to_string())
    } else {
        let date = NaiveDate::parse_from_str(cell, format).ok()?;
        Some(date.format("%Y-%m-%d").to_string())
    }
}
