//! normalize against a naive map: every type, NA, faults and duplicates, one to four coordinates, all merge rules.
//!
//! Cells are drawn from pools in which each text stands with what it must become, so that the oracle reads nothing.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{Column, DataType as Delivered};
use proptest::prelude::*;
use zarr_fuse_decode::OnBadCell;
use zarr_fuse_schemas::{DataType, MergeRule, Node, Variable};

use super::builder::{composed, node, plain, shown, table, typed, variable};
use super::pools::{Is, Meaning, Na, Pool, RowRejected, kinds};
use crate::normalize::cells::Cells;
use crate::normalize::distinct::Encoder;
use crate::normalize::{Admission, Normalized, Terms, normalize, normalize_as};

/// A node, the pool of each of its columns, and cells as positions in the pools.
#[derive(Debug, Clone)]
struct Case {
    node: Node,
    columns: Vec<(String, Pool)>,
    rows: Vec<Vec<usize>>,
}

const NAMES: [&str; 4] = ["w", "x", "y", "z"];

fn cases() -> impl Strategy<Value = Case> {
    let coordinates = prop::collection::vec((0..18_usize, any::<bool>(), 0..18_usize), 1..=4);
    let variables = prop::collection::vec((0..18_usize, any::<u8>(), 0..5_usize), 0..5);
    (coordinates, variables).prop_flat_map(|(coordinates, variables)| {
        let (node, columns) = build(&coordinates, &variables);
        // Positions beyond a pool's end come back to its first values, so that most rows take part.
        let row = prop::collection::vec(0..60_usize, columns.len());
        prop::collection::vec(row, 0..40).prop_map(move |rows| Case {
            node: node.clone(),
            columns: columns.clone(),
            rows,
        })
    })
}

fn build(
    coordinates: &[(usize, bool, usize)],
    variables: &[(usize, u8, usize)],
) -> (Node, Vec<(String, Pool)>) {
    let (mut made, mut of_node, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for (name, (kind, is_composed, other_kind)) in NAMES.iter().zip(coordinates) {
        if *is_composed {
            let components = [format!("{name}1"), format!("{name}2")];
            for (component, kind) in components.iter().zip([kind, other_kind]) {
                let (component, pool) = kinds(component, &[name]).swap_remove(*kind);
                columns.push((component.name.clone(), pool));
                of_node.push(component);
            }
            made.push(composed(name, &[&components[0], &components[1]]));
        } else {
            let (variable, pool) = kinds(name, &[name]).swap_remove(*kind);
            columns.push(((*name).to_owned(), pool));
            made.push(plain(variable));
        }
    }
    let rules = [
        MergeRule::Last,
        MergeRule::First,
        MergeRule::Min,
        MergeRule::Max,
        MergeRule::Reject,
    ];
    for (at, (kind, used, rule)) in variables.iter().enumerate() {
        let coords: Vec<&str> = NAMES[..coordinates.len()]
            .iter()
            .enumerate()
            .filter(|(bit, _)| used >> bit & 1 == 1)
            .map(|(_, name)| *name)
            .collect();
        let (mut variable, pool) = kinds(&format!("v{at}"), &coords).swap_remove(*kind);
        variable.merge = rules[*rule];
        columns.push((variable.name.clone(), pool));
        of_node.push(variable);
    }
    (node(made, of_node), columns)
}

impl Case {
    fn cell(&self, row: usize, name: &str) -> (Option<&'static str>, Meaning) {
        let at = self
            .columns
            .iter()
            .position(|(column, _)| column == name)
            .expect("a column of the case");
        let pool = self.columns[at].1;
        let drawn = self.rows[row][at];
        let n_valid = pool
            .iter()
            .filter(|(_, meaning)| matches!(meaning, Is(..)))
            .count();
        if drawn < pool.len() {
            pool[drawn]
        } else {
            pool[drawn % n_valid]
        }
    }

    fn table(&self) -> zarr_fuse_decode::Table {
        let cells = |name: &String| {
            (0..self.rows.len())
                .map(|row| self.cell(row, name).0)
                .collect()
        };
        table(
            self.columns
                .iter()
                .map(|(name, _)| (name.as_str(), cells(name)))
                .collect(),
        )
    }

    /// The columns whose values make the coordinate.
    fn keys(&self, coordinate: &str) -> Vec<String> {
        let composed = &self.node.coordinates[coordinate].composed;
        if composed.is_empty() {
            vec![coordinate.to_owned()]
        } else {
            composed.clone()
        }
    }

    /// The elements that make the coordinate in this row, if all are values.
    fn key(&self, row: usize, coordinate: &str) -> Option<Vec<&'static str>> {
        let element = |name: &String| match self.cell(row, name).1 {
            Is(element, _) => Some(element),
            _ => None,
        };
        self.keys(coordinate).iter().map(element).collect()
    }

    fn takes_part(&self, row: usize, on_bad_cell: OnBadCell) -> bool {
        let coordinates = self
            .node
            .coordinates
            .keys()
            .all(|coordinate| self.key(row, coordinate).is_some());
        let is = |name: &String| self.cell(row, name).1;
        let mut values = self.node.variables.keys();
        let has_bad = values.clone().any(|name| matches!(is(name), RowRejected));
        let is_component = |name: &&String| {
            let mut coordinates = self.node.coordinates.keys();
            coordinates.any(|coordinate| self.keys(coordinate).contains(name))
        };
        let has_value = values.any(|name| !is_component(&name) && matches!(is(name), Is(..)));
        coordinates && (!has_bad || (on_bad_cell == OnBadCell::Value && has_value))
    }

    /// Problems of single cells, by row and column.
    fn faults(&self) -> Vec<(u64, String)> {
        let is_key = |name: &String| {
            self.node
                .coordinates
                .keys()
                .any(|coordinate| self.keys(coordinate).contains(name))
        };
        let mut faults = Vec::new();
        for row in 0..self.rows.len() {
            for (name, _) in &self.columns {
                match self.cell(row, name).1 {
                    Is(..) => {}
                    Na if !is_key(name) => {}
                    _ => faults.push((row as u64 + 1, name.clone())),
                }
            }
        }
        faults
    }
}

/// A cell of a variable and what holds it: its row among those that take part, and its element.
type Held = BTreeMap<Vec<Vec<&'static str>>, (usize, &'static str, usize)>;

/// The values of a variable, and the rows of the table with another value where one must not be.
fn naive(case: &Case, variable: &Variable, taking_part: &[usize]) -> (Held, Vec<u64>) {
    let must_agree =
        variable.coords.len() < case.node.coordinates.len() || variable.merge == MergeRule::Reject;
    let (mut held, mut differing) = (Held::new(), Vec::new());
    for (batch_row, row) in taking_part.iter().enumerate() {
        let Is(element, rank) = case.cell(*row, &variable.name).1 else {
            continue;
        };
        let key = |coordinate: &String| case.key(*row, coordinate).expect("the row takes part");
        let cell = variable.coords.iter().map(key).collect();
        let Some(before) = held.get_mut(&cell) else {
            held.insert(cell, (batch_row, element, rank));
            continue;
        };
        if must_agree && before.1 != element {
            differing.push(*row as u64 + 1);
        }
        let wins = match variable.merge {
            MergeRule::Last => true,
            MergeRule::First | MergeRule::Reject => false,
            MergeRule::Min => rank < before.2,
            MergeRule::Max => rank > before.2,
        };
        if wins {
            *before = (batch_row, element, rank);
        }
    }
    (held, differing)
}

/// Normalizes a case, and holds what comes of it against the naive map.
fn hold(case: &Case, on_bad_cell: OnBadCell) {
    let terms = Terms {
        on_bad_cell,
        ..Terms::from(Admission::Again)
    };
    let given = normalize_as(&case.table(), &case.node, terms).expect("every column is there");
    hold_against(case, on_bad_cell, &given);
}

fn hold_against(case: &Case, on_bad_cell: OnBadCell, given: &Normalized) {
    let taking_part: Vec<usize> = (0..case.rows.len())
        .filter(|row| case.takes_part(*row, on_bad_cell))
        .collect();
    assert_eq!(given.batch.n_rows, taking_part.len());
    assert_eq!(given.n_rows_read, case.rows.len() as u64);
    assert_eq!(
        given.n_rows_rejected,
        (case.rows.len() - taking_part.len()) as u64
    );
    let table_rows: Vec<usize> = match &given.table_rows {
        Some(rows) => rows.iter().map(|row| *row as usize).collect(),
        None => (0..case.rows.len()).collect(),
    };
    assert_eq!(table_rows, taking_part);

    assert_eq!(given.batch.coordinates.len(), case.node.coordinates.len());
    for (brought, (name, coordinate)) in given.batch.coordinates.iter().zip(&case.node.coordinates)
    {
        let mut order: Vec<Vec<&str>> = Vec::new();
        for (batch_row, row) in taking_part.iter().enumerate() {
            let key = case.key(*row, name).expect("the row takes part");
            let at = order
                .iter()
                .position(|known| *known == key)
                .unwrap_or_else(|| {
                    order.push(key.clone());
                    order.len() - 1
                });
            assert_eq!(
                brought.index[batch_row] as usize, at,
                "{name} in order of first appearance"
            );
            if coordinate.composed.is_empty() {
                assert_eq!(shown(&brought.values, at), key[0], "{name}");
            }
        }
        assert_eq!(
            brought.values.len(),
            order.len(),
            "{name} has each value once"
        );
        let distinct: BTreeSet<String> = (0..order.len())
            .map(|at| shown(&brought.values, at))
            .collect();
        assert_eq!(distinct.len(), order.len(), "{name} has each value once");
    }

    let mut conflicts = Vec::new();
    for brought in &given.batch.variables {
        let variable = &case.node.variables[brought.variable_idx];
        let (held, differing) = naive(case, variable, &taking_part);
        let mut expect: Vec<(u32, &str)> = held
            .values()
            .map(|(row, element, _)| (u32::try_from(*row).expect("few rows"), *element))
            .collect();
        expect.sort_unstable();
        let every_row: Vec<u32> =
            (0..u32::try_from(given.batch.n_rows).expect("few rows")).collect();
        assert_ne!(
            brought.rows.as_ref(),
            Some(&every_row),
            "every row is written `None`"
        );
        let rows = brought.rows.as_ref().unwrap_or(&every_row);
        let values: Vec<String> = (0..brought.values.len())
            .map(|at| shown(&brought.values, at))
            .collect();
        let given: Vec<(u32, &str)> = rows
            .iter()
            .copied()
            .zip(values.iter().map(String::as_str))
            .collect();
        assert_eq!(given, expect, "{}", variable.name);
        assert_eq!(rows.len(), values.len(), "{}", variable.name);
        conflicts.extend(
            differing
                .into_iter()
                .map(|row| (row, variable.name.clone())),
        );
    }
    assert_eq!(given.batch.variables.len(), case.node.variables.len());

    let faults = case.faults();
    assert_eq!(given.problems.n, (faults.len() + conflicts.len()) as u64);
    let sorted = |mut problems: Vec<(u64, String)>| {
        problems.sort();
        problems
    };
    let first = given.problems.first.iter().map(|problem| {
        (
            problem.row.expect("all are of rows"),
            problem.column.clone().expect("all are of columns"),
        )
    });
    if given.problems.n <= 100 {
        assert_eq!(
            sorted(first.collect()),
            sorted(faults.into_iter().chain(conflicts).collect())
        );
    }
}

proptest! {
    #[test]
    fn a_table_becomes_what_the_naive_map_says(case in cases()) {
        hold(&case, OnBadCell::Value);
        hold(&case, OnBadCell::Row);
    }

    #[test]
    fn native_numbers_give_what_their_text_gives(
        numbers in prop::collection::vec(prop::option::of(-200_i64..200), 1..30),
        kind in 0..13_usize,
    ) {
        let text: Vec<Option<String>> = numbers.iter().map(|number| number.map(|number| number.to_string())).collect();
        let stations = Column::new("x".into(), (0_i64..).take(numbers.len()).collect::<Vec<_>>());
        let (value, _) = kinds("v", &["x"]).swap_remove(kind);
        let node = node(vec![plain(variable("x", &[], DataType::Int64))], vec![value]);
        let expect = normalize(&typed(vec![stations.clone(), Column::new("v".into(), text)]), &node).expect("all is there");
        let native = Column::new("v".into(), numbers);
        for delivered in [Delivered::Int64, Delivered::Int16, Delivered::Float64, Delivered::Float32] {
            let native = native.cast(&delivered).expect("small numbers fit");
            let given = normalize(&typed(vec![stations.clone(), native]), &node).expect("all is there");
            prop_assert_eq!(&given.batch.variables[0].values, &expect.batch.variables[0].values);
            prop_assert_eq!(&given.batch.variables[0].rows, &expect.batch.variables[0].rows);
            prop_assert_eq!(given.table_rows, expect.table_rows.clone());
        }
    }

    #[test]
    fn rows_of_one_cell_are_found_however_many_values_the_coordinates_have(
        n_values in prop::collection::vec(prop::sample::select(vec![1_u32, 2, 7, 40, 1000, u32::MAX]), 0..5),
        seeds in prop::collection::vec(prop::collection::vec(0..10_u32, 4), 0..60),
    ) {
        let value = |seed: u32, n: u32| if n <= 10 { seed % n } else { (n - 1) / 9 * seed };
        let index = |at: usize, n: u32| seeds.iter().map(|seed| value(seed[at], n)).collect::<Vec<u32>>();
        let indices: Vec<Vec<u32>> = n_values.iter().take(4).enumerate().map(|(at, n)| index(at, *n)).collect();
        let coordinates: Vec<(&[u32], usize)> =
            indices.iter().zip(&n_values).map(|(index, n)| (index.as_slice(), *n as usize)).collect();
        let tuple = |row: usize| indices.iter().map(|index| index[row]).collect::<Vec<u32>>();
        let cells = Cells::number(&coordinates, seeds.len());
        for one in 0..seeds.len() {
            for other in 0..one {
                prop_assert_eq!(cells.ids[one] == cells.ids[other], tuple(one) == tuple(other));
            }
        }
        prop_assert!(cells.ids.iter().all(|id| (*id as usize) < cells.n));
    }

    #[test]
    fn distinct_keys_are_numbered_in_order_of_first_appearance(
        parts in prop::collection::vec((prop::collection::vec(0..30_i64, 20), 0..3_usize), 1..5),
    ) {
        // Of each part: as drawn, ascending, or two ascending rounds.
        let arranged = |(keys, order): &(Vec<i64>, usize)| {
            let mut keys = keys.clone();
            match order {
                0 => {}
                1 => keys.sort_unstable(),
                _ => {
                    keys.truncate(10);
                    keys.sort_unstable();
                    keys.extend(keys.clone());
                }
            }
            keys
        };
        let parts: Vec<Vec<i64>> = parts.iter().map(arranged).collect();
        let keys: Vec<i64> = parts.iter().flatten().copied().collect();
        let mut index = Vec::new();
        let encoders = parts.iter().map(|keys| {
            let mut encoder = Encoder::new();
            index.extend(keys.iter().map(|key| encoder.number(*key)));
            encoder
        });
        let encoders = encoders.collect();
        let distinct = Encoder::join(encoders, &mut index, 20).into_keys();
        let mut expect: Vec<i64> = Vec::new();
        for key in &keys {
            if !expect.contains(key) {
                expect.push(*key);
            }
        }
        prop_assert_eq!(&distinct, &expect);
        let read: Vec<i64> = index.iter().map(|number| distinct[*number as usize]).collect();
        prop_assert_eq!(read, keys);
    }

    #[test]
    fn any_cells_give_a_batch_or_an_error(
        text in prop::collection::vec(prop::option::of(any::<String>()), 0..20),
        numbers in prop::collection::vec(prop::option::of(any::<f64>()), 20),
        wholes in prop::collection::vec(prop::option::of(any::<i64>()), 20),
        kind in 0..18_usize,
        coordinate_kind in 0..18_usize,
    ) {
        let (coordinate, _) = kinds("x", &["x"]).swap_remove(coordinate_kind);
        let (value, _) = kinds("v", &["x"]).swap_remove(kind);
        let node = node(vec![plain(coordinate)], vec![value]);
        let n_rows = text.len();
        let whole = Column::new("x".into(), &wholes[..n_rows]);
        let frames = [
            (Column::new("x".into(), &text), Column::new("v".into(), &numbers[..n_rows])),
            (whole.clone(), Column::new("v".into(), &text)),
            (whole.clone(), whole.cast(&Delivered::Datetime(polars::prelude::TimeUnit::Microseconds, None)).expect("numbers are times")),
            (whole.cast(&Delivered::Date).unwrap_or_else(|_| whole.clone()), whole.cast(&Delivered::UInt64).unwrap_or_else(|_| whole.clone())),
            (Column::full_null("x".into(), n_rows, &Delivered::Null), whole),
        ];
        for (x, mut v) in frames {
            v.rename("v".into());
            let _ = normalize(&typed(vec![x, v]), &node);
        }
    }
}

#[test]
fn many_rows_read_in_parts_are_what_the_naive_map_says() {
    let (node, columns) = build(
        &[(15, false, 0), (13, true, 0)],
        &[
            (0, 0b11, 0),
            (1, 0b11, 1),
            (2, 0b11, 3),
            (13, 0b11, 2),
            (3, 0b10, 4),
        ],
    );
    let mut seed = 1_u64;
    let mut draw = |_: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Faults are rare, and none in the first part.
        usize::try_from(seed >> 33).expect("31 bits") % 60_000
    };
    let row = |at: usize, drawn: usize| if at < 40_000 { drawn + 60 } else { drawn };
    let rows = (0..100_000)
        .map(|at| {
            (0..columns.len())
                .map(|column| row(at, draw(column)))
                .collect()
        })
        .collect();
    let case = Case {
        node,
        columns,
        rows,
    };
    hold(&case, OnBadCell::Row);
    hold(&case, OnBadCell::Value);
}
