//! An array is merged into what its cells as rows would have been merged into.

use indexmap::IndexMap;
use polars::prelude::Column;
use zarr_fuse_decode::{Grid, Grids, Limits};

use super::*;
use crate::normalize::{normalize, normalize_grids, takes_grids};

/// Coordinate values, then the cells of each variable over its own coordinates; `None` has no value.
type Arrays = (Vec<Vec<Option<u8>>>, Vec<Vec<Option<u8>>>);

fn story() -> impl Strategy<Value = (Case, Vec<Arrays>, u32)> {
    case().prop_flat_map(|mut case| {
        for coord in &mut case.coords {
            coord.composed = false;
        }
        // One value at least that can be used.
        let axis = (
            0..6_u8,
            prop::collection::vec(prop::option::weighted(0.9, 0..6_u8), 0..3),
        );
        let axis = axis
            .prop_map(|(first, rest)| std::iter::once(Some(first)).chain(rest).collect::<Vec<_>>());
        let all = prop::collection::vec(axis, case.coords.len());
        let vars = case.vars.clone();
        let arrays = all.prop_flat_map(move |axes| {
            let cells: Vec<_> = vars
                .iter()
                .map(|var| {
                    let n = lengths(var, &axes).into_iter().product::<usize>();
                    prop::collection::vec(prop::option::weighted(0.8, 0..6_u8), n)
                })
                .collect();
            (Just(axes), cells)
        });
        let arrays = prop::collection::vec(arrays, 1..4);
        (Just(case), arrays, any::<u32>())
    })
}

fn lengths(var: &Var, axes: &[Vec<Option<u8>>]) -> Vec<usize> {
    let on = (0..axes.len()).filter(|d| var.on >> d & 1 == 1);
    on.map(|d| axes[d].len()).collect()
}

/// Cells as text, as in CSV.
fn column(name: &str, data_type: &str, cells: &[Option<u8>]) -> Column {
    let text = |n: u8| match cell(data_type, n) {
        Json::String(text) => text,
        other => other.to_string(),
    };
    let cells: Vec<Option<String>> = cells.iter().map(|n| n.map(text)).collect();
    Column::new(name.into(), cells)
}

fn grids(case: &Case, (axes, cells): &Arrays) -> Grids {
    let mut coordinates = IndexMap::new();
    for (d, (coord, axis)) in case.coords.iter().zip(axes).enumerate() {
        let name = format!("d{d}");
        coordinates.insert(name.clone(), column(&name, coord.data_type, axis));
    }
    let mut variables = IndexMap::new();
    for (v, (var, cells)) in case.vars.iter().zip(cells).enumerate() {
        let name = format!("v{v}");
        let on = (0..axes.len()).filter(|d| var.on >> d & 1 == 1);
        let grid = Grid {
            dims: on.map(|d| format!("d{d}")).collect(),
            values: column(&name, var.data_type, cells),
        };
        variables.insert(name, grid);
    }
    Grids {
        coordinates,
        variables,
        units: IndexMap::new(),
    }
}

/// Folds the arrays, as they are or as rows (`as_rows` bit by bit), each for itself or together with the next.
async fn content(case: &Case, all: &[Arrays], as_rows: u32, groups: u32) -> (Content, Vec<u64>) {
    let dataset = open(case, Arc::new(InMemory::new())).await.unwrap();
    let node = dataset.node("n").unwrap();
    let mut waiting: Vec<Prepared> = Vec::new();
    let mut accepted = Vec::new();
    for (i, (seq, came)) in (1..).zip(all).enumerate() {
        let grids = grids(case, came);
        assert!(takes_grids(&node.schema));
        let normalized = if as_rows >> i & 1 == 1 {
            normalize(&grids.to_table(&Limits::default()).unwrap(), &node.schema)
        } else {
            normalize_grids(&grids, &node.schema)
        };
        waiting.push(Prepared {
            seq,
            admission: Admission::New,
            result: Ok(normalized.unwrap()),
        });
        if groups >> i & 1 == 1 || i + 1 == all.len() {
            let settled = commit::take(node).await.unwrap();
            let (written, outcomes) = write(
                settled,
                std::mem::take(&mut waiting),
                seq,
                &mut Tries::default(),
            )
            .await
            .unwrap();
            accepted.extend(
                outcomes
                    .iter()
                    .map(|(_, outcome)| outcome.n_coordinates_added),
            );
            commit::publish(written).await.unwrap();
        }
    }
    (comparable(arrays(case, &dataset).await), accepted)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn an_array_is_what_its_rows_are((case, all, groups) in story(), as_rows in any::<u32>()) {
        let rows = block_on(content(&case, &all, u32::MAX, groups));
        prop_assert_eq!(&block_on(content(&case, &all, 0, groups)), &rows);
        prop_assert_eq!(&block_on(content(&case, &all, as_rows, groups)), &rows);
    }
}
