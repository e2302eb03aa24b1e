//! Whoever began to read finds every value where it was then, whatever is inserted afterwards.

use std::collections::BTreeSet;

use super::{Case, Content, InMemory, block_on, case, comparable, contribution, open, seen};
use crate::dataset::Dataset;
use crate::node::{Indices, NodeView};
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_what_is_there_at_the_coordinates_that_were_known(case in case()) {
        block_on(check(&case));
    }
}

async fn check(case: &Case) {
    let dataset = open(case, Arc::new(InMemory::new())).await.unwrap();
    let view = |dataset: &Dataset| dataset.node("n").unwrap().view();
    let mut begun = vec![(view(&dataset), Content::default())];
    for rows in &case.contributions {
        let new = contribution(case.payload(rows));
        dataset.contribute(new).await.unwrap();
        dataset.fold_all().await.unwrap();
        let view = view(&dataset);
        let content = seen(case, &view).await.unwrap();
        begun.push((view, content));
    }
    let now = seen(case, &view(&dataset)).await.unwrap();
    for (view, then) in begun {
        let found = comparable(seen(case, &view).await.unwrap());
        let mut expected = Content {
            coordinates: then.coordinates,
            cells: now.cells.clone(),
        };
        if expected.coordinates.is_empty() {
            expected.coordinates.clone_from(&found.coordinates);
        }
        for (v, cells) in &mut expected.cells {
            let on = case.coordinates_of(v);
            let known: Vec<BTreeSet<&String>> = on
                .iter()
                .map(|d| expected.coordinates[&format!("d{d}")].iter().collect())
                .collect();
            cells.retain(|at, _| {
                at.iter()
                    .zip(&known)
                    .all(|(text, known)| known.contains(text))
            });
        }
        assert_eq!(found, comparable(expected));
        same_in_chunks(&dataset, &view).await;
    }
}

/// The chunks that are made of a former layout hold what the view reads.
async fn same_in_chunks(dataset: &Dataset, view: &NodeView) {
    let node = dataset.node("n").unwrap();
    let Some(layout) = node.layout_number(view.layout()) else {
        panic!("layout {} is not kept", view.layout());
    };
    if !layout.is_former() {
        return;
    }
    let n_coordinates = node.schema.coordinates.len();
    for variable in 0..node.schema.variables.len() {
        let array = n_coordinates + variable;
        let spec = &node.arrays[array];
        // What was appended before the layout ended is there, too.
        let shape = node.shape(array, &layout);
        let chunks: Vec<Vec<u64>> = shape
            .iter()
            .zip(&spec.chunk_shape)
            .map(|(n, chunk_len)| (0..n.div_ceil(*chunk_len)).collect())
            .collect();
        for chunk in crate::merge::region::product(&chunks) {
            let known = view.shape_of(variable);
            let along = chunk.iter().zip(&spec.chunk_shape).zip(&known);
            let inside: Vec<(u64, u64)> = along
                .map(|((at, chunk_len), n)| (at * chunk_len, ((at + 1) * chunk_len).min(*n)))
                .collect();
            if inside.iter().any(|(begin, end)| begin >= end) {
                continue;
            }
            let indices: Vec<Indices> = inside
                .iter()
                .map(|(begin, end)| Indices::Range(*begin..*end))
                .collect();
            let read = view.read_array(variable, &indices).await.unwrap();
            let made = node.chunk_in(&layout, array, &chunk).await.unwrap();
            let made = match made {
                Some(object) => spec.decode(&object).unwrap(),
                None => zarr_fuse_arrays::values::Values::filled(
                    spec.data_type,
                    spec.na.as_ref(),
                    spec.chunk_len(),
                ),
            };
            let offsets: Vec<Vec<u64>> = inside
                .iter()
                .map(|(begin, end)| (0..end - begin).collect())
                .collect();
            for (i, at) in crate::merge::region::product(&offsets).iter().enumerate() {
                let place = at.iter().zip(&spec.chunk_shape);
                let place = place.fold(0, |place, (at, chunk_len)| place * chunk_len + at);
                let place = zarr_fuse_schemas::to_usize(place);
                assert!(read.same(i, &made, place), "{chunk:?} {at:?}");
            }
        }
    }
}
