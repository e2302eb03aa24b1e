//! Random nodes and selections against a naive filter of all cells.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::Value;

use super::{Fixture, collect};

const SCHEMA: &str = r"
n:
  VARS:
    all: {coords: [a, b, k], type: int16}
    turned: {coords: [k, a], type: int16}
    text: {coords: [b, k], type: str}
    one: {coords: [b], type: int16}
  COORDS:
    a: {type: int32, chunk_size: 2}
    b: {type: str, sorted: false, chunk_size: 2}
    k: {type: float64, chunk_size: 3}
";

const TEXTS: [&str; 5] = ["x", "y,1", "z/2", "q\"", "ž"];

/// One row of a contribution: positions of the coordinate values, then a value per variable.
type Row = ([usize; 3], [Option<i16>; 4]);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let value = || prop::option::of(0_i16..100);
    let row = (
        [0..5_usize, 0..5, 0..5],
        [value(), value(), value(), value()],
    );
    prop::collection::vec(row, 1..30)
}

/// What is asked: variables, ends of `a`, labels of `b`, positions of `k`, and how.
#[derive(Debug, Clone)]
struct Question {
    variables: Vec<usize>,
    a: (Option<usize>, Option<usize>),
    b: Option<Vec<usize>>,
    c: Option<(i64, i64)>,
    keep_na: bool,
    limit: Option<u64>,
}

fn questions() -> impl Strategy<Value = Question> {
    let variables = prop::sample::subsequence(vec![0_usize, 1, 2, 3], 1..=4).prop_shuffle();
    let a = (prop::option::of(0..5_usize), prop::option::of(0..5_usize));
    let b = prop::option::of(prop::collection::vec(0..5_usize, 1..4));
    let c = prop::option::of((-4..5_i64, -4..5_i64));
    let limit = prop::option::of(1..7_u64);
    (variables, a, b, c, any::<bool>(), limit).prop_map(|(variables, a, b, c, keep_na, limit)| {
        Question {
            variables,
            a,
            b,
            c,
            keep_na,
            limit,
        }
    })
}

const NAMES: [&str; 4] = ["all", "turned", "text", "one"];
const COORDS: [&[usize]; 4] = [&[0, 1, 2], &[2, 0], &[1, 2], &[1]];
const COORDINATES: [&str; 3] = ["a", "b", "k"];

fn a_value(position: usize) -> i64 {
    [-7, 0, 3, 100, 2_000_000][position]
}

fn c_value(position: usize) -> f64 {
    [-0.5, 0.1, 1e-3, 7.0, 1e10][position]
}

fn csv(rows: &[Row]) -> String {
    let mut text = "a,b,k,all,turned,text,one\n".to_owned();
    for ([a, b, c], values) in rows {
        let label = TEXTS[*b].replace('"', "\"\"");
        let cell = |i: usize| values[i].map_or_else(String::new, |value| value.to_string());
        let note = values[2].map_or_else(String::new, |value| format!("t{value}"));
        let _ = writeln!(
            text,
            "{},\"{label}\",{},{},{},{note},{}",
            a_value(*a),
            c_value(*c),
            cell(0),
            cell(1),
            cell(3)
        );
    }
    text
}

/// The coordinates in stored order, and the last valid value of every cell.
struct Naive {
    axes: [Vec<usize>; 3],
    cells: BTreeMap<(usize, Vec<usize>), Value>,
}

impl Naive {
    fn new(rows: &[Row]) -> Self {
        let mut axes: [Vec<usize>; 3] = Default::default();
        let mut cells = BTreeMap::new();
        for (at, values) in rows {
            for (axis, position) in axes.iter_mut().zip(at) {
                if !axis.contains(position) {
                    axis.push(*position);
                }
            }
            for (variable, value) in values.iter().enumerate() {
                let cell = COORDS[variable]
                    .iter()
                    .map(|&coordinate| at[coordinate])
                    .collect();
                if let Some(value) = value {
                    let value = if variable == 2 {
                        Value::from(format!("t{value}"))
                    } else {
                        Value::from(*value)
                    };
                    cells.insert((variable, cell), value);
                }
            }
        }
        axes[0].sort_unstable();
        axes[2].sort_by(|&x, &y| c_value(x).total_cmp(&c_value(y)));
        Self { axes, cells }
    }

    /// `None`: the question asks for a label that is not there.
    fn answer(&self, question: &Question) -> Option<Vec<Vec<Value>>> {
        let uses = |coordinate: usize| {
            question
                .variables
                .iter()
                .any(|&v| COORDS[v].contains(&coordinate))
        };
        let (from, to) = question.a;
        let b = question.b.as_ref().filter(|_| uses(1));
        if b.is_some_and(|wanted| wanted.iter().any(|label| !self.axes[1].contains(label))) {
            return None;
        }
        let n = i64::try_from(self.axes[2].len()).unwrap();
        let clip = |i: i64| if i < 0 { (i + n).max(0) } else { i.min(n) };
        let picked: Vec<Vec<usize>> = vec![
            self.axes[0]
                .iter()
                .copied()
                .filter(|&p| from.is_none_or(|from| p >= from) && to.is_none_or(|to| p <= to))
                .collect(),
            self.axes[1]
                .iter()
                .copied()
                .filter(|p| b.is_none_or(|wanted| wanted.contains(p)))
                .collect(),
            (0_i64..)
                .zip(&self.axes[2])
                .filter(|(i, _)| {
                    question
                        .c
                        .is_none_or(|(from, to)| (clip(from)..clip(to)).contains(i))
                })
                .map(|(_, &p)| p)
                .collect(),
        ];
        let row_axes: Vec<usize> = (0..3).filter(|&coordinate| uses(coordinate)).collect();
        let full: Vec<usize> = question
            .variables
            .iter()
            .copied()
            .filter(|&v| COORDS[v].len() == row_axes.len())
            .collect();
        let deciding = if full.is_empty() {
            &question.variables
        } else {
            &full
        };
        let mut rows = Vec::new();
        for &a in if uses(0) { picked[0].as_slice() } else { &[0] } {
            for &b in if uses(1) { picked[1].as_slice() } else { &[0] } {
                for &c in if uses(2) { picked[2].as_slice() } else { &[0] } {
                    let at = [a, b, c];
                    let cell = |v: usize| {
                        self.cells.get(&(
                            v,
                            COORDS[v].iter().map(|&coordinate| at[coordinate]).collect(),
                        ))
                    };
                    if !question.keep_na && deciding.iter().all(|&v| cell(v).is_none()) {
                        continue;
                    }
                    let mut row: Vec<Value> = row_axes
                        .iter()
                        .map(|&axis| match axis {
                            0 => Value::from(a_value(a)),
                            1 => Value::from(TEXTS[b]),
                            _ => Value::from(c_value(c)),
                        })
                        .collect();
                    let absent = |v: usize| if v == 2 { Value::from("") } else { Value::Null };
                    row.extend(
                        question
                            .variables
                            .iter()
                            .map(|&v| cell(v).cloned().unwrap_or_else(|| absent(v))),
                    );
                    rows.push(row);
                }
            }
        }
        Some(rows)
    }
}

impl Question {
    fn query(&self) -> String {
        let uses = |coordinate: usize| {
            self.variables
                .iter()
                .any(|&v| COORDS[v].contains(&coordinate))
        };
        let names: Vec<&str> = self.variables.iter().map(|&v| NAMES[v]).collect();
        let mut query = format!(
            "var={}&na={}",
            names.join(","),
            if self.keep_na { "keep" } else { "drop" }
        );
        if uses(0) {
            let end = |position: Option<usize>| {
                position.map_or_else(String::new, |position| a_value(position).to_string())
            };
            let _ = write!(query, "&sel.a={}/{}", end(self.a.0), end(self.a.1));
        }
        if let Some(labels) = self.b.as_ref().filter(|_| uses(1)) {
            let labels: Vec<_> = labels
                .iter()
                .map(|&label| format!("\"{}\"", TEXTS[label].replace('"', "\"\"")))
                .collect();
            let _ = write!(query, "&sel.b={}", labels.join(","));
        }
        if let Some((from, to)) = self.c.filter(|_| uses(2)) {
            let _ = write!(query, "&isel.k={from}:{to}");
        }
        query
    }

    fn columns(&self) -> Vec<&'static str> {
        let uses = |&coordinate: &usize| {
            self.variables
                .iter()
                .any(|&v| COORDS[v].contains(&coordinate))
        };
        let coordinates = (0..3)
            .filter(uses)
            .map(|coordinate| COORDINATES[coordinate]);
        coordinates
            .chain(self.variables.iter().map(|&v| NAMES[v]))
            .collect()
    }
}

/// Cells of a CSV; `None` is an empty cell, `Some("")` an empty text.
fn read_csv(text: &str) -> Vec<Vec<Option<String>>> {
    let mut rows = vec![vec![None::<String>]];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let row = rows.last_mut().unwrap();
        match c {
            ',' => row.push(None),
            '\n' => rows.push(vec![None]),
            '"' => {
                let cell = row.last_mut().unwrap().get_or_insert_default();
                while let Some(c) = chars.next() {
                    if c == '"' && chars.next_if_eq(&'"').is_none() {
                        break;
                    }
                    cell.push(c);
                }
            }
            c => row.last_mut().unwrap().get_or_insert_default().push(c),
        }
    }
    assert_eq!(rows.pop(), Some(vec![None]), "the last line ends");
    rows
}

fn as_csv(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        number => Some(number.to_string()),
    }
}

async fn check(contributions: &[Vec<Row>], question: &Question) {
    let mut fixture = Fixture::new(SCHEMA).await;
    let mut all = Vec::new();
    for rows in contributions {
        fixture.fold(&csv(rows)).await;
        all.extend_from_slice(rows);
    }
    let query = question.query();
    let Some(expected) = Naive::new(&all).answer(question) else {
        let refusal = fixture.ask(&query).await.unwrap_err().to_string();
        assert!(refusal.contains("has no value"), "{refusal}");
        return;
    };
    let columns = question.columns();

    let mut csv = read_csv(&fixture.text(&query).await);
    assert_eq!(
        csv.remove(0),
        columns
            .iter()
            .map(|name| Some((*name).to_owned()))
            .collect::<Vec<_>>()
    );
    let expected_csv: Vec<Vec<_>> = expected
        .iter()
        .map(|row| row.iter().map(as_csv).collect())
        .collect();
    assert_eq!(csv, expected_csv, "{query}");

    let record = |row: &Vec<Value>| {
        columns
            .iter()
            .map(|name| (*name).to_owned())
            .zip(row.iter().cloned())
            .collect()
    };
    let expected_json: Vec<Value> = expected
        .iter()
        .map(|row| Value::Object(record(row)))
        .collect();
    let json: Value =
        serde_json::from_str(&fixture.text(&format!("{query}&format=json")).await).unwrap();
    assert_eq!(json["rows"], Value::from(expected_json.clone()), "{query}");

    let Some(limit) = question.limit else { return };
    let mut paged: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = fixture
            .ask(&format!("{query}&format=json&limit={limit}{cursor}"))
            .await
            .unwrap();
        let next = page.cursor.clone();
        let mut page: Value = serde_json::from_slice(&collect(page).await).unwrap();
        assert_eq!(
            page["cursor"],
            next.clone().map_or(Value::Null, Value::from)
        );
        let rows = page["rows"].as_array_mut().unwrap();
        assert!(rows.len() as u64 == limit || next.is_none());
        paged.append(rows);
        let Some(next) = next else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, expected_json, "{query} by {limit}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn answers_are_those_of_a_naive_filter(
        contributions in prop::collection::vec(rows(), 1..3), question in questions(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(check(&contributions, &question));
    }
}
