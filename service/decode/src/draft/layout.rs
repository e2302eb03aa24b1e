//! How the lines of a text file are laid out: encoding, delimiter, header, row of units, decimal comma.

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};

/// As many lines are looked at.
const N_LINES: usize = 400;
/// In as many bytes, if they are no UTF-8.
const MAX_BYTES: usize = 4 << 20;

/// The `decode` part of an endpoint for files like this; empty where the defaults do.
pub(super) fn of(payload: &[u8]) -> Map<String, Json> {
    let mut csv = Map::new();
    let text = if let Ok(text) = std::str::from_utf8(payload) {
        Cow::Borrowed(text)
    } else {
        csv.insert("encoding".to_owned(), json!("windows-1252"));
        let head = &payload[..payload.len().min(MAX_BYTES)];
        Cow::Owned(head.iter().map(|byte| char::from(*byte)).collect())
    };
    let text = text.trim_start_matches('\u{feff}');
    if text.starts_with("\"TOA5\"") || text.starts_with("TOA5") {
        return Map::new();
    }
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(N_LINES)
        .collect();
    let is_comment = |line: &&&str| line.starts_with('#');
    let n_comments = lines.iter().take_while(is_comment).count();
    if n_comments > 0 && n_comments < lines.len() {
        csv.insert("comment".to_owned(), json!("#"));
    }
    let lines: Vec<&str> = lines[n_comments.min(lines.len())..]
        .iter()
        .filter(|line| n_comments == 0 || !line.starts_with('#'))
        .copied()
        .collect();
    if let Some(found) = Found::of(&lines) {
        found.say(&lines, &mut csv);
    }
    let mut decode = Map::new();
    if !csv.is_empty() {
        decode.insert("csv".to_owned(), Json::Object(csv));
    }
    decode
}

/// Stands for runs of blanks, where nothing else divides cells.
const BLANKS: char = ' ';

/// What was found.
struct Found {
    delimiter: char,
    /// The first line of data.
    first: usize,
    n_cells: usize,
}

impl Found {
    /// The delimiter that most lines agree on, and where data begin.
    fn of(lines: &[&str]) -> Option<Self> {
        Self::with(lines, &[',', ';', '\t']).or_else(|| Self::with(lines, &[BLANKS]))
    }

    fn with(lines: &[&str], delimiters: &[char]) -> Option<Self> {
        let last = &lines[lines.len() / 3..];
        let (delimiter, n_cells, _) = delimiters
            .iter()
            .filter_map(|&delimiter| {
                let counts: Vec<usize> = last
                    .iter()
                    .map(|line| cells(line, delimiter).len())
                    .collect();
                let usual = counts
                    .iter()
                    .copied()
                    .max_by_key(|n| (counts.iter().filter(|other| *other == n).count(), *n))?;
                let n_agree = counts.iter().filter(|n| **n == usual).count();
                (usual > 1).then_some((delimiter, usual, n_agree))
            })
            .max_by_key(|(_, n_cells, n_agree)| (*n_agree * 2 > last.len(), *n_agree, *n_cells))?;
        let is_data = |line: &str| {
            let cells = cells(line, delimiter);
            let filled: Vec<_> = cells.iter().filter(|cell| !cell.is_empty()).collect();
            let n_data = filled.iter().filter(|cell| is_datum(cell)).count();
            cells.len() + 1 >= n_cells && n_data * 2 >= filled.len() && n_data > 0
        };
        // A line of a heading may look like data, two in a row do not.
        let first = (0..lines.len()).find(|i| {
            let next = lines.get(i + 1);
            is_data(lines[*i]) && next.is_none_or(|next| is_data(next))
        })?;
        Some(Self {
            delimiter,
            first,
            n_cells,
        })
    }

    fn say(&self, lines: &[&str], csv: &mut Map<String, Json>) {
        let fits = |i: usize| {
            let n = cells(lines[i], self.delimiter).len();
            n + 1 >= self.n_cells && n > 1
        };
        let units = self
            .first
            .checked_sub(1)
            .filter(|i| *i > 0 && fits(*i) && fits(*i - 1))
            .filter(|i| are_units(&cells(lines[*i], self.delimiter)));
        let header = match units {
            Some(units) => Some(units - 1),
            None => self.first.checked_sub(1),
        };
        match header {
            None => {
                csv.insert("header".to_owned(), json!(false));
            }
            Some(0) => {}
            Some(line) => {
                csv.insert("header".to_owned(), json!(line + 1));
            }
        }
        if units.is_some() {
            csv.insert("skip_after_header".to_owned(), json!(1));
        }
        let shown = header.map_or(lines[self.first], |line| lines[line]);
        let count = |delimiter| shown.matches(delimiter).count();
        if self.delimiter == BLANKS
            || [',', ';', '\t']
                .into_iter()
                .any(|other| other != self.delimiter && count(other) >= count(self.delimiter))
        {
            let name = match self.delimiter {
                BLANKS => "blanks".to_owned(),
                '\t' => "tab".to_owned(),
                other => other.to_string(),
            };
            csv.insert("delimiter".to_owned(), json!(name));
        }
        let data = &lines[self.first..];
        let all = data.iter().flat_map(|line| cells(line, self.delimiter));
        let (mut n_commas, mut n_points) = (0, 0);
        for cell in all {
            n_commas += usize::from(is_number_with(cell, ','));
            n_points += usize::from(is_number_with(cell, '.'));
        }
        if self.delimiter != ',' && n_commas > n_points {
            csv.insert("decimal_comma".to_owned(), json!(true));
        }
    }
}

/// The cells of a line, without quotes around them.
fn cells(line: &str, delimiter: char) -> Vec<&str> {
    if delimiter == BLANKS {
        return line.split_whitespace().collect();
    }
    let mut found = Vec::new();
    let (mut begin, mut is_quoted) = (0, false);
    for (i, c) in line.char_indices() {
        if c == '"' {
            is_quoted = !is_quoted;
        } else if c == delimiter && !is_quoted {
            found.push(&line[begin..i]);
            begin = i + c.len_utf8();
        }
    }
    found.push(&line[begin..]);
    found
        .into_iter()
        .map(|cell| cell.trim().trim_matches('"').trim())
        .collect()
}

/// Whether a cell is a number or begins like a time.
fn is_datum(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['-', '+', '.', ',']);
    let rest = cell.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.,:/T eEZ".contains(c));
    let is_clock = rest.eq_ignore_ascii_case("am") || rest.eq_ignore_ascii_case("pm");
    digits.starts_with(|c: char| c.is_ascii_digit()) && (rest.is_empty() || is_clock)
        || cell.eq_ignore_ascii_case("nan")
}

fn is_number_with(cell: &str, mark: char) -> bool {
    let cell = cell.trim_start_matches(['-', '+']);
    let Some((whole, fraction)) = cell.split_once(mark) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(fraction)
}

/// Whether a line below the names has units.
fn are_units(cells: &[&str]) -> bool {
    let filled: Vec<_> = cells.iter().filter(|cell| !cell.is_empty()).collect();
    let n_units = filled
        .iter()
        .filter(|cell| {
            let bare = cell.trim_matches(['[', ']', '(', ')']);
            super::name::unit(bare).is_some()
        })
        .count();
    n_units > 0 && n_units * 3 >= filled.len()
}
