//! `step_limits` against a second, plain implementation of the same rules.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "all numbers are small"
)]

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Rows of (x, series, value); x in thousandths so that maps can hold it.
type Rows = Vec<(i64, u8, Option<i32>)>;

/// The grid and its cells after folding contribution after contribution.
#[derive(Debug, Default, PartialEq)]
struct Grid {
    xs: BTreeSet<i64>,
    cells: BTreeMap<(i64, u8), f64>,
}

impl Grid {
    fn fold(&mut self, rows: &Rows, min: i64, max: i64) {
        let delivered: BTreeSet<i64> = rows.iter().map(|row| row.0).collect();
        let existing = self.xs.clone();
        let ends = existing.first().copied().zip(existing.last().copied());
        let (mut low, mut high) = ends.unwrap_or_else(|| {
            (
                delivered.first().copied().unwrap(),
                delivered.first().copied().unwrap(),
            )
        });
        let mut targets = existing.clone();
        targets.insert(low);
        targets.insert(high);
        for &x in delivered.iter().filter(|x| **x > high).collect::<Vec<_>>() {
            high = extend(&mut targets, high, x, min, max);
        }
        for &x in delivered
            .iter()
            .rev()
            .filter(|x| **x < low)
            .collect::<Vec<_>>()
        {
            low = extend(&mut targets, low, x, min, max);
        }
        let mut series: BTreeMap<u8, BTreeMap<i64, Option<i32>>> = BTreeMap::new();
        for (x, name, value) in rows {
            let point = series.entry(*name).or_default().entry(*x).or_default();
            *point = value.or(*point);
        }
        for (name, points) in series {
            for &target in &targets {
                if let Some(value) = value_at(&points, target, max) {
                    self.cells.insert((target, name), value);
                }
            }
            if let (1, Some((&x, &Some(value)))) = (points.len(), points.first_key_value())
                && !targets.contains(&x)
                && ends.is_some_and(|(first, last)| first < x && x < last)
            {
                let nearest = existing
                    .iter()
                    .min_by_key(|e| ((*e - x).abs(), **e))
                    .unwrap();
                self.cells.insert((*nearest, name), f64::from(value));
            }
        }
        self.xs = targets;
    }
}

/// Adds what lies between the last value kept and `x`; gives the new last value.
fn extend(targets: &mut BTreeSet<i64>, from: i64, x: i64, min: i64, max: i64) -> i64 {
    let (gap, sign) = ((x - from).abs(), (x - from).signum());
    if gap < min {
        return from;
    }
    if min == max {
        let n = gap / min;
        targets.extend((1..=n).map(|k| from + sign * k * min));
        return from + sign * n * min;
    }
    let n = if gap > max { (gap + max - 1) / max } else { 1 };
    targets.extend((1..n).map(|k| {
        from + (f64::from(i32::try_from(sign * gap * k).unwrap())
            / f64::from(i32::try_from(n).unwrap()))
        .round() as i64
    }));
    targets.insert(x);
    x
}

fn value_at(points: &BTreeMap<i64, Option<i32>>, target: i64, max: i64) -> Option<f64> {
    if let Some(value) = points.get(&target) {
        return value.map(f64::from);
    }
    let (x0, v0) = points.range(..target).next_back()?;
    let (x1, v1) = points.range(target..).next()?;
    let (v0, v1) = (f64::from((*v0)?), f64::from((*v1)?));
    (x1 - x0 <= max).then(|| v0 + (v1 - v0) * ((target - x0) as f64 / (x1 - x0) as f64))
}

fn schema(min: i64, max: i64) -> Schema {
    let yaml = format!(
        "n:\n  COORDS:\n    x: {{type: int64, chunk_size: 3, step_limits: [{min}, {max}]}}\n    \
         series: {{type: uint8, sorted: false, chunk_size: 2}}\n  VARS:\n    v: {{coords: [x, series]}}\n"
    );
    Schema::parse(&yaml, "n.yaml", std::path::Path::new("."))
        .unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

async fn stored(contributions: &[Rows], min: i64, max: i64, groups: u32) -> Grid {
    let store = Store::new(Arc::new(InMemory::new()), "memory://");
    let decoders = crate::dataset::Decoders::new("n", HashMap::new());
    let dataset = Dataset::open(
        Arc::new(schema(min, max)),
        store,
        decoders,
        JournalSettings::default(),
    )
    .await
    .unwrap();
    for (i, rows) in contributions.iter().enumerate() {
        let records: Vec<Json> = rows
            .iter()
            .map(|(x, series, v)| json!({"x": x, "series": series, "v": v}))
            .collect();
        dataset
            .contribute(contribution(Json::Array(records).to_string()))
            .await
            .unwrap();
        if groups >> i & 1 == 1 {
            dataset.fold_all().await.unwrap();
        }
    }
    dataset.fold_all().await.unwrap();
    let view = dataset.node("n").unwrap().view();
    let (Some(Values::Int64(xs)), Some(Values::UInt8(series))) =
        (view.coordinate("x"), view.coordinate("series"))
    else {
        panic!("other types");
    };
    let all = [xs.len(), series.len()].map(|n| Indices::Range(0..n as u64));
    let Values::Float64(values) = view.read("v", &all).await.unwrap() else {
        panic!("another type")
    };
    let mut grid = Grid {
        xs: xs.iter().copied().collect(),
        ..Grid::default()
    };
    for (i, value) in values
        .iter()
        .enumerate()
        .filter(|(_, value)| !value.is_nan())
    {
        grid.cells
            .insert((xs[i / series.len()], series[i % series.len()]), *value);
    }
    grid
}

fn contributions() -> impl Strategy<Value = Vec<Rows>> {
    let row = (0..60_i64, 0..2_u8, prop::option::weighted(0.8, -5..5_i32));
    prop::collection::vec(prop::collection::vec(row, 1..10), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_regular_grid_is_what_the_rules_say_in_any_grouping(
        contributions in contributions(), min in 1..8_i64, longer in 0..12_i64, groups in any::<u32>(),
    ) {
        let max = min + longer;
        let mut expected = Grid::default();
        for rows in &contributions {
            expected.fold(rows, min, max);
        }
        let found = block_on(stored(&contributions, min, max, groups));
        prop_assert_eq!(&found.xs, &expected.xs);
        prop_assert_eq!(found.cells.keys().collect::<Vec<_>>(), expected.cells.keys().collect::<Vec<_>>());
        for (cell, value) in &found.cells {
            prop_assert!((value - expected.cells[cell]).abs() < 1e-9, "{:?}: {} {}", cell, value, expected.cells[cell]);
        }
    }
}
