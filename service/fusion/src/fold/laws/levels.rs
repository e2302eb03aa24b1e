//! Coarser levels, held against what a naive count of the node's own arrays says.

use super::*;
use crate::pyramid::Part;

/// Asserts that every level is there and is what the arrays of the node say.
pub(super) async fn check(view: &NodeView) {
    let schema = view.schema();
    let Some(pyramid) = &schema.pyramid else {
        return;
    };
    let coordinate = view.coordinate(&pyramid.coord).unwrap();
    let n = coordinate.len() as u64;
    let mut expected = Vec::new();
    let mut n_positions = pyramid.factor;
    while n / n_positions > 0 {
        expected.push((n_positions, n / n_positions));
        n_positions *= pyramid.factor;
    }
    let levels: Vec<(u64, u64)> = view
        .levels()
        .iter()
        .map(|level| (level.n_positions, level.n_cells))
        .collect();
    assert_eq!(levels, expected);
    for (level, (n_positions, n_cells)) in levels.into_iter().enumerate() {
        let name = format!("n@{n_positions}/{}", pyramid.coord);
        let array = view.arrays().iter().position(|(path, _)| *path == name);
        let all = [Indices::Range(0..n_cells)];
        let starts = view.read_array(array.unwrap(), &all).await.unwrap();
        for cell in 0..n_cells {
            let first = usize::try_from(cell * n_positions).unwrap();
            assert!(
                starts.same(usize::try_from(cell).unwrap(), coordinate, first),
                "{name}[{cell}]"
            );
        }
        for variable in schema
            .variables
            .values()
            .filter(|variable| schema.has_levels(variable))
        {
            check_variable(view, level, (n_positions, n_cells), &variable.name).await;
        }
    }
}

async fn check_variable(
    view: &NodeView,
    level: usize,
    (n_positions, n_cells): (u64, u64),
    name: &str,
) {
    let schema = view.schema();
    let variable = &schema.variables[name];
    let along = &schema.pyramid.as_ref().unwrap().coord;
    let place = variable
        .coords
        .iter()
        .position(|coord| coord == along)
        .unwrap();
    let lengths: Vec<u64> = variable
        .coords
        .iter()
        .map(|coord| view.coordinate(coord).unwrap().len() as u64)
        .collect();
    let ranges = |n: u64| -> Vec<Indices> {
        let of =
            |(d, length): (usize, &u64)| Indices::Range(0..if d == place { n } else { *length });
        lengths.iter().enumerate().map(of).collect()
    };
    let values = view
        .read(name, &ranges(n_cells * n_positions))
        .await
        .unwrap();
    let cells = ranges(n_cells);
    let read = |part: Part| view.read_level(level, name, part, &cells);
    let [count, min, min_at, max, max_at, mean] = [
        read(Part::Count).await.unwrap(),
        read(Part::Min).await.unwrap(),
        read(Part::MinAt).await.unwrap(),
        read(Part::Max).await.unwrap(),
        read(Part::MaxAt).await.unwrap(),
        read(Part::Mean).await.unwrap(),
    ]
    .map(Option::unwrap);
    let after: u64 = lengths[place + 1..].iter().product();
    let before: u64 = lengths[..place].iter().product();
    for (b, cell, a) in product3(before, n_cells, after) {
        let i = usize::try_from((b * n_cells + cell) * after + a).unwrap();
        let elements = (0..n_positions).map(|j| {
            let element = (b * n_cells * n_positions + cell * n_positions + j) * after + a;
            (j, usize::try_from(element).unwrap())
        });
        let elements = elements.filter(|(_, at)| !values.is_na(*at, variable.na.as_ref()));
        let elements: Vec<(u64, usize)> = elements.collect();
        let what = format!("`{name}` at level {level}, cell {cell} ({b}, {a})");
        assert_eq!(count.display(i), elements.len().to_string(), "{what}");
        let mut order = elements.clone();
        order.sort_by_key(|(j, at)| (key(&values, *at), *j));
        let Some(smallest) = order.first() else {
            continue;
        };
        assert_eq!(min.display(i), values.display(smallest.1), "{what}");
        assert_eq!(min_at.display(i), smallest.0.to_string(), "{what}");
        order.sort_by_key(|(j, at)| (key(&values, *at), std::cmp::Reverse(*j)));
        let largest = order.last().unwrap();
        assert_eq!(max.display(i), values.display(largest.1), "{what}");
        assert_eq!(max_at.display(i), largest.0.to_string(), "{what}");
        let numbers = elements
            .iter()
            .map(|(_, at)| values.display(*at).parse::<f64>().unwrap());
        #[expect(clippy::cast_precision_loss, reason = "a few elements")]
        let expected = numbers.sum::<f64>() / elements.len() as f64;
        let found: f64 = mean.display(i).parse().unwrap();
        assert!(
            (found - expected).abs() < 1e-9,
            "{what}: {found}, not {expected}"
        );
    }
}

fn product3(a: u64, b: u64, c: u64) -> impl Iterator<Item = (u64, u64, u64)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}
