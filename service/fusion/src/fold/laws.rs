//! The laws of merging, held against a naive map from coordinate tuple to value.

mod correction;
mod failing;
mod grid;
mod grids;
mod levels;
mod meaning;
mod outages;
mod readers;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use zarr_fuse_arrays::values::Values;
use zarr_fuse_journal::{JournalSettings, NewContribution};
use zarr_fuse_schemas::{MergeRule, Schema};
use zarr_fuse_store::Store;

use self::failing::{Effect, FailingStore};
use super::*;
use crate::dataset::Dataset;
use crate::merge::coordinate::{Key, key};
use crate::node::{Indices, NodeView, ReadError};

/// What a coordinate of the generated node is like.
#[derive(Debug, Clone, Copy)]
struct Coord {
    data_type: &'static str,
    sorted: bool,
    composed: bool,
    chunk_size: u64,
}

/// What a variable of the generated node is like; it lies on the coordinates whose bit is set.
#[derive(Debug, Clone, Copy)]
struct Var {
    data_type: &'static str,
    on: u8,
    rule: MergeRule,
}

/// A generated node and what is contributed to it.
#[derive(Debug, Clone)]
struct Case {
    coords: Vec<Coord>,
    vars: Vec<Var>,
    /// Factor of coarser levels along the first coordinate that can have them.
    pyramid: Option<u64>,
    /// Per contribution, rows of small numbers: one per coordinate (two when composed), then one per variable.
    contributions: Vec<Vec<Vec<Option<u8>>>>,
}

const TYPES: [&str; 15] = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "str",
    "str[6]",
];

/// The small number as JSON of the type.
fn cell(data_type: &str, n: u8) -> Json {
    match data_type {
        "bool" => json!(n % 2 == 1),
        "float32" | "float64" => json!(f64::from(n) - 2.5),
        "complex64" | "complex128" => json!(format!("{n}+1i")),
        "str" | "str[6]" => json!(format!("s{}", 5 - n % 6)),
        "time" => json!(format!("2024-03-31T0{n}:30:00Z")),
        _ => json!(n),
    }
}

impl Case {
    /// Places of the coordinates of variable `v…`.
    fn coordinates_of(&self, variable: &str) -> Vec<usize> {
        let place: usize = variable[1..].parse().unwrap();
        let on = self.vars[place].on;
        (0..self.coords.len())
            .filter(|d| on >> d & 1 == 1)
            .collect()
    }

    fn schema(&self) -> Schema {
        let mut yaml = String::from("n:\n  COORDS:\n");
        for (d, coord) in self.coords.iter().enumerate() {
            let Coord {
                data_type,
                sorted,
                composed,
                chunk_size,
            } = coord;
            write!(
                yaml,
                "    d{d}: {{chunk_size: {chunk_size}, sorted: {sorted}"
            )
            .unwrap();
            match (*composed, *data_type) {
                (true, _) => write!(yaml, ", composed: [d{d}a, d{d}b]").unwrap(),
                (false, "time") => write!(yaml, ", unit: {{tick: m, tz: UTC}}").unwrap(),
                (false, data_type) => write!(yaml, ", type: \"{data_type}\"").unwrap(),
            }
            yaml.push_str("}\n");
        }
        let can =
            |coord: &Coord| coord.sorted && !coord.composed && !coord.data_type.starts_with("str");
        let along = self.coords.iter().position(can);
        if let (Some(factor), Some(d)) = (self.pyramid, along) {
            writeln!(yaml, "  pyramid: {{coord: d{d}, factor: {factor}}}").unwrap();
        }
        yaml.push_str("  VARS:\n");
        for (d, coord) in self
            .coords
            .iter()
            .enumerate()
            .filter(|(_, coord)| coord.composed)
        {
            let data_type = coord.data_type;
            writeln!(yaml, "    d{d}a: {{coords: d{d}, type: \"{data_type}\"}}").unwrap();
            writeln!(yaml, "    d{d}b: {{coords: d{d}, type: int32}}").unwrap();
        }
        for (
            v,
            Var {
                data_type,
                on,
                rule,
            },
        ) in self.vars.iter().enumerate()
        {
            let coords: Vec<String> = (0..self.coords.len())
                .filter(|d| on >> d & 1 == 1)
                .map(|d| format!("d{d}"))
                .collect();
            let rule = format!("{rule:?}").to_lowercase();
            let coords = coords.join(", ");
            writeln!(
                yaml,
                "    v{v}: {{coords: [{coords}], type: \"{data_type}\", merge: {rule}}}"
            )
            .unwrap();
        }
        Schema::parse(&yaml, "n.yaml", std::path::Path::new("."))
            .unwrap_or_else(|error| panic!("{error}\n{yaml}"))
    }

    /// Names and types of the columns.
    fn columns(&self) -> Vec<(String, &'static str)> {
        let coords = self.coords.iter().enumerate().flat_map(|(d, coord)| {
            if coord.composed {
                vec![
                    (format!("d{d}a"), coord.data_type),
                    (format!("d{d}b"), "int32"),
                ]
            } else {
                vec![(format!("d{d}"), coord.data_type)]
            }
        });
        coords
            .chain(
                self.vars
                    .iter()
                    .enumerate()
                    .map(|(v, var)| (format!("v{v}"), var.data_type)),
            )
            .collect()
    }

    fn payload(&self, rows: &[Vec<Option<u8>>]) -> String {
        let columns = self.columns();
        let record = |row: &Vec<Option<u8>>| {
            let cells = columns.iter().zip(row);
            let cells = cells.map(|((name, data_type), n)| {
                (name.clone(), n.map_or(Json::Null, |n| cell(data_type, n)))
            });
            Json::Object(cells.collect::<Map<_, _>>())
        };
        Json::Array(rows.iter().map(record).collect()).to_string()
    }
}

fn case() -> impl Strategy<Value = Case> {
    let coord = (
        0..8_usize,
        any::<bool>(),
        prop::bool::weighted(0.25),
        1..4_u64,
    )
        .prop_map(|(t, sorted, composed, chunk)| {
            let data_type = [
                "int32", "time", "str", "float64", "uint8", "int64", "str[6]", "float32",
            ][t];
            Coord {
                data_type,
                sorted: sorted && !composed,
                composed,
                chunk_size: chunk,
            }
        });
    let coord = coord.prop_map(|coord| {
        // A component is a plain variable; times as components are tried elsewhere.
        if coord.composed && coord.data_type == "time" {
            Coord {
                data_type: "int32",
                ..coord
            }
        } else {
            coord
        }
    });
    let rules = [
        MergeRule::Last,
        MergeRule::Last,
        MergeRule::First,
        MergeRule::Min,
        MergeRule::Max,
        MergeRule::Reject,
    ];
    let var = (0..TYPES.len(), 1..16_u8, 0..rules.len()).prop_map(move |(t, on, rule)| {
        let ordered =
            TYPES[t] != "bool" && !TYPES[t].starts_with("str") && !TYPES[t].starts_with("complex");
        Var {
            data_type: TYPES[t],
            on,
            rule: if ordered {
                rules[rule]
            } else {
                MergeRule::Last
            },
        }
    });
    (
        prop::collection::vec(coord, 1..=4),
        prop::collection::vec(var, 1..=3),
    )
        .prop_flat_map(|(coords, mut vars)| {
            let all = (1 << coords.len()) - 1;
            vars[0].on = all;
            for var in &mut vars {
                var.on = if var.on & all == 0 { all } else { var.on & all };
            }
            let n_keys = coords
                .iter()
                .map(|coord| if coord.composed { 2 } else { 1 })
                .sum::<usize>();
            let cell = |na: f64| prop::option::weighted(1.0 - na, 0..6_u8);
            let row = (
                prop::collection::vec(cell(0.03), n_keys),
                prop::collection::vec(cell(0.3), vars.len()),
            )
                .prop_map(|(keys, values)| [keys, values].concat());
            let contributions = prop::collection::vec(prop::collection::vec(row, 1..7), 1..6);
            let pyramid = prop::option::weighted(0.6, 2..4_u64);
            (pyramid, contributions).prop_map(move |(pyramid, contributions)| Case {
                coords: coords.clone(),
                vars: vars.clone(),
                pyramid,
                contributions,
            })
        })
}

/// Coordinate values and cells, as text, by name: what both the arrays and the naive map come down to.
#[derive(Debug, Default, PartialEq)]
struct Content {
    coordinates: BTreeMap<String, Vec<String>>,
    cells: BTreeMap<String, BTreeMap<Vec<String>, String>>,
}

/// The fold as `merge.md` defines it, by maps alone.
fn naive(case: &Case, payloads: &[Vec<Vec<Option<u8>>>]) -> Content {
    let mut content = Content::default();
    let mut orders: Vec<Vec<(Key, String)>> = vec![Vec::new(); case.coords.len()];
    let mut numbers: HashMap<(usize, Vec<String>), u8> = HashMap::new();
    for row in payloads.iter().flatten() {
        let mut cells = row.iter();
        let mut tuple = Vec::new();
        let mut keys = Vec::new();
        let mut complete = true;
        for (d, coord) in case.coords.iter().enumerate() {
            let first = *cells.next().unwrap();
            let second = if coord.composed {
                *cells.next().unwrap()
            } else {
                Some(0)
            };
            let (Some(first), Some(second)) = (first, second) else {
                complete = false;
                tuple.push(String::new());
                keys.push(None);
                continue;
            };
            let text = if coord.composed {
                format!("{}/{second}", shown(coord.data_type, first))
            } else {
                shown(coord.data_type, first)
            };
            keys.push(Some((d, sort_key(coord.data_type, first), text.clone())));
            tuple.push(text);
        }
        if !complete {
            continue;
        }
        for (d, order, text) in keys.into_iter().flatten() {
            if !orders[d].iter().any(|(_, known)| *known == text) {
                orders[d].push((order, text));
            }
        }
        for (v, (var, number)) in case.vars.iter().zip(cells).enumerate() {
            let Some(number) = *number else { continue };
            let at: Vec<String> = (0..tuple.len())
                .filter(|d| var.on >> d & 1 == 1)
                .map(|d| tuple[d].clone())
                .collect();
            let place = (v, at.clone());
            let value = |n: u8| if var.data_type == "bool" { n % 2 } else { n };
            let wins = match (numbers.get(&place), var.rule) {
                (None, _) | (_, MergeRule::Last) => true,
                (Some(_), MergeRule::First | MergeRule::Reject) => false,
                (Some(old), MergeRule::Min) => value(number) < value(*old),
                (Some(old), MergeRule::Max) => value(number) > value(*old),
            };
            if wins {
                numbers.insert(place, number);
                content
                    .cells
                    .entry(format!("v{v}"))
                    .or_default()
                    .insert(at, shown(var.data_type, number));
            }
        }
    }
    for (d, (mut order, coord)) in orders.into_iter().zip(&case.coords).enumerate() {
        if coord.sorted {
            order.sort();
        }
        content.coordinates.insert(
            format!("d{d}"),
            order.into_iter().map(|(_, text)| text).collect(),
        );
    }
    content
}

fn sort_key(data_type: &str, n: u8) -> Key {
    if data_type.starts_with("str") {
        Key::Text(format!("s{}", 5 - n % 6).into())
    } else {
        Key::Number(n.into())
    }
}

/// The small number as [`Values::display`] shows it once stored.
fn shown(data_type: &str, n: u8) -> String {
    match cell(data_type, n) {
        Json::String(text) if data_type.starts_with("complex") => text,
        Json::String(_) if data_type == "time" => {
            // 2024-03-31T00:30Z in minutes.
            (28_530_750 + 60 * i64::from(n)).to_string()
        }
        Json::String(text) => text,
        Json::Number(number) if data_type.starts_with("float") => {
            number.as_f64().unwrap().to_string()
        }
        other => other.to_string(),
    }
}

/// Reads every array of the node, and checks its levels.
async fn arrays(case: &Case, dataset: &Dataset) -> Content {
    let view = dataset.node("n").unwrap().view();
    levels::check(&view).await;
    seen(case, &view).await.unwrap()
}

/// Reads every array of the node but its levels.
async fn seen(case: &Case, view: &NodeView) -> Result<Content, ReadError> {
    let mut content = Content::default();
    let mut texts = Vec::new();
    for (d, coord) in case.coords.iter().enumerate() {
        let values = view.coordinate(&format!("d{d}")).unwrap().clone();
        let ascending = (1..values.len()).all(|i| key(&values, i - 1) < key(&values, i));
        assert!(
            !coord.sorted || ascending,
            "d{d} does not ascend: {values:?}"
        );
        let shown: Vec<String> = if coord.composed {
            let all = [Indices::Range(0..values.len() as u64)];
            let a = view.read(&format!("d{d}a"), &all).await?;
            let b = view.read(&format!("d{d}b"), &all).await?;
            (0..values.len())
                .map(|i| format!("{}/{}", a.display(i), b.display(i)))
                .collect()
        } else {
            (0..values.len()).map(|i| values.display(i)).collect()
        };
        content.coordinates.insert(format!("d{d}"), shown.clone());
        texts.push(shown);
    }
    for (v, var) in case.vars.iter().enumerate() {
        let name = format!("v{v}");
        let on: Vec<usize> = (0..texts.len()).filter(|d| var.on >> d & 1 == 1).collect();
        let all: Vec<Indices> = on
            .iter()
            .map(|&d| Indices::Range(0..texts[d].len() as u64))
            .collect();
        let values = view.read(&name, &all).await?;
        let places = on.iter().map(|&d| texts[d].clone()).collect::<Vec<_>>();
        for (i, at) in crate::merge::region::product(&places)
            .into_iter()
            .enumerate()
        {
            let na = view.na(&name);
            if !values.is_na(i, na) {
                let shown = match (var.data_type, values.display(i).as_str()) {
                    ("bool", "0") => "false".to_owned(),
                    ("bool", "1") => "true".to_owned(),
                    (_, other) => other.to_owned(),
                };
                content
                    .cells
                    .entry(name.clone())
                    .or_default()
                    .insert(at, shown);
            }
        }
    }
    Ok(content)
}

/// Empty strings cannot be told from cells never written.
fn comparable(mut content: Content) -> Content {
    content.cells.retain(|_, cells| !cells.is_empty());
    content
}

async fn open(
    case: &Case,
    objects: Arc<dyn ObjectStore>,
) -> Result<Arc<Dataset>, crate::dataset::OpenError> {
    let store = Store::new(objects, "memory://");
    Dataset::open(
        Arc::new(case.schema()),
        store,
        crate::dataset::Decoders::new("n", HashMap::new()),
        JournalSettings::default(),
    )
    .await
}

fn contribution(payload: String) -> NewContribution {
    NewContribution {
        content_type: "application/json".into(),
        ..NewContribution::csv("n", "n", payload)
    }
}

/// Contributes everything, folding after those whose bit is set in `groups`, and reads the arrays.
async fn folded(case: &Case, payloads: &[Vec<Vec<Option<u8>>>], groups: u32) -> Content {
    let dataset = open(case, Arc::new(InMemory::new())).await.unwrap();
    for (i, rows) in payloads.iter().enumerate() {
        dataset
            .contribute(contribution(case.payload(rows)))
            .await
            .unwrap();
        if groups >> i & 1 == 1 {
            dataset.fold_all().await.unwrap();
        }
    }
    dataset.fold_all().await.unwrap();
    comparable(arrays(case, &dataset).await)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_arrays_are_what_the_naive_map_says_in_any_grouping(case in case(), groups in any::<u32>()) {
        let expected = comparable(naive(&case, &case.contributions));
        prop_assert_eq!(block_on(folded(&case, &case.contributions, groups)), expected);
    }

    #[test]
    fn a_contribution_twice_in_a_row_is_once(case in case()) {
        let twice: Vec<_> = case.contributions.iter().flat_map(|rows| [rows.clone(), rows.clone()]).collect();
        let once = block_on(folded(&case, &case.contributions, 0));
        prop_assert_eq!(block_on(folded(&case, &twice, 0)), once);
    }

    #[test]
    fn contributions_over_disjoint_cells_commute(case in case(), groups in any::<u32>()) {
        let mut case = case;
        for var in &mut case.vars {
            var.on |= 1;
        }
        // Each contribution has a value of the first coordinate to itself.
        for (n, rows) in (0..).zip(&mut case.contributions) {
            for row in rows {
                row[0] = Some(n);
            }
        }
        let reversed: Vec<_> = case.contributions.iter().rev().cloned().collect();
        let unordered = |mut content: Content| {
            content.coordinates.values_mut().for_each(|values| values.sort());
            content
        };
        let forward = unordered(block_on(folded(&case, &case.contributions, groups)));
        prop_assert_eq!(unordered(block_on(folded(&case, &reversed, groups))), forward);
    }

    #[test]
    fn a_contribution_cut_into_parts_is_the_whole(case in case(), groups in any::<u32>()) {
        let parts: Vec<_> = case.contributions.iter().flatten().map(|row| vec![row.clone()]).collect();
        let whole = block_on(folded(&case, &case.contributions, 0));
        prop_assert_eq!(block_on(folded(&case, &parts, groups)), whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crash_cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_write_loses_nothing_that_was_acknowledged(case in case_for_crashes(), groups in any::<u32>()) {
        for effect in [Effect::Lost, Effect::Done] {
            for fail_at in 0.. {
                if !block_on(survives(&case, groups, fail_at, effect)) {
                    break;
                }
            }
        }
    }
}

/// With levels, one variable: each has many arrays, and every write is a place to crash at.
fn case_for_crashes() -> impl Strategy<Value = Case> {
    case().prop_map(|mut case| {
        if case.pyramid.is_some() {
            case.vars.truncate(1);
            case.contributions.truncate(3);
            for row in case.contributions.iter_mut().flatten() {
                row.truncate(
                    case.coords
                        .iter()
                        .map(|coord| 1 + usize::from(coord.composed))
                        .sum::<usize>()
                        + 1,
                );
            }
        }
        case
    })
}

/// Each case is one run per write and kind of failure, so few by default; `ZF_CRASH_CASES` asks for more.
fn crash_cases() -> u32 {
    std::env::var("ZF_CRASH_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(3)
}

/// Lets the store fail at one write, opens it again, and compares with what the journal then holds. Whether it failed.
async fn survives(case: &Case, groups: u32, fail_at: usize, effect: Effect) -> bool {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let failing = Arc::new(FailingStore::new(Arc::clone(&objects), fail_at, effect));
    let mut acknowledged = Vec::new();
    if let Ok(dataset) = open(case, Arc::clone(&failing) as Arc<dyn ObjectStore>).await {
        for (i, rows) in case.contributions.iter().enumerate() {
            let Ok(receipt) = dataset.contribute(contribution(case.payload(rows))).await else {
                break;
            };
            acknowledged.push((receipt.seq, i));
            if groups >> i & 1 == 1 && dataset.fold_all().await.is_err() {
                break;
            }
        }
        let _interrupted = dataset.fold_all().await;
    }
    let dataset = open(case, objects).await.unwrap();
    let journal = dataset.journal.contributions();
    let in_journal: Vec<u64> = journal.iter().map(|entry| entry.header.seq).collect();
    for (seq, i) in &acknowledged {
        assert!(
            in_journal.contains(seq),
            "contribution {i} was acknowledged as {seq} and is lost"
        );
    }
    // The rest comes after the crash, so that it is folded together with what the crash left.
    let n_durable = journal.len();
    for rows in &case.contributions[n_durable..] {
        dataset
            .contribute(contribution(case.payload(rows)))
            .await
            .unwrap();
        if groups >> (31 - n_durable) & 1 == 1 {
            dataset.fold_all().await.unwrap();
        }
    }
    dataset.fold_all().await.unwrap();
    let expected = comparable(naive(case, &case.contributions));
    let found = comparable(arrays(case, &dataset).await);
    assert_eq!(
        found, expected,
        "after a crash at write {fail_at} ({effect:?})"
    );
    let unsettled = dataset
        .journal
        .contributions()
        .iter()
        .filter(|entry| entry.outcome.is_none())
        .count();
    assert_eq!(
        unsettled, 0,
        "contributions without an outcome after a crash at write {fail_at}"
    );
    failing.failed()
}
