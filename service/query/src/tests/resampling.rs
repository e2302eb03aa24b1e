//! Intervals of time, held against a naive count.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::{Fixture, boreholes};

async fn check(query: &str, expected: &str) {
    assert_eq!(boreholes().await.text(query).await, expected, "{query}");
}

#[tokio::test]
async fn values_of_an_interval_become_one() {
    check(
        "var=temp&resample=1d",
        "time,borehole,depth,temp\n\
         2024-05-01T00:00:00Z,b,0.1,2.25\n\
         2024-05-01T00:00:00Z,b,2.5,-4.0\n\
         2024-05-01T00:00:00Z,\"a,1\",0.1,2.25\n\
         2024-06-01T00:00:00Z,\"a,1\",0.1,5.0\n",
    )
    .await;
    check(
        "var=count&resample=1y&agg=sum",
        "time,borehole,count\n2024-01-01T00:00:00Z,b,22.0\n2024-01-01T00:00:00Z,\"a,1\",24.0\n",
    )
    .await;
    check(
        "var=count&resample=1month&agg=count",
        "time,borehole,count\n2024-05-01T00:00:00Z,b,2\n2024-05-01T00:00:00Z,\"a,1\",1\n2024-06-01T00:00:00Z,\"a,1\",1\n",
    )
    .await;
    check(
        "var=temp&resample=1d&agg=last&sel.borehole=b&unit.temp=K&sel.depth=0.1",
        "time,borehole,depth,temp\n2024-05-01T00:00:00Z,b,0.1,276.15\n",
    )
    .await;
}

#[tokio::test]
async fn days_are_those_of_the_zone_asked_for() {
    check(
        "var=count&resample=1d&agg=count&tz=Pacific/Auckland",
        "time,borehole,count\n\
         2024-05-01T00:00:00+12:00,b,1\n\
         2024-05-01T00:00:00+12:00,\"a,1\",1\n\
         2024-05-02T00:00:00+12:00,b,1\n\
         2024-06-01T00:00:00+12:00,\"a,1\",1\n",
    )
    .await;
}

#[tokio::test]
async fn wide_rows_are_intervals_too() {
    check(
        "var=count&resample=1y&agg=max&layout=wide",
        "time,count[b],\"count[\"\"a,1\"\"]\"\n2024-01-01T00:00:00Z,12,13\n",
    )
    .await;
}

#[tokio::test]
async fn what_means_nothing_is_refused_or_left_out() {
    let fixture = boreholes().await;
    for (query, reason) in [
        ("var=rock&resample=1d", "needs a time coordinate"),
        ("agg=mean", "resample=1h"),
        ("var=temp&resample=1d&limit=3", "gives no pages"),
        ("var=temp&resample=5fortnights", "`30s`, `10min`"),
        ("var=temp&resample=1d&agg=median", "`mean`, `min`"),
        ("var=temp&resample=1s&na=keep&agg=count", ""),
    ] {
        match fixture.ask(query).await {
            Err(error) => assert!(error.to_string().contains(reason), "{query}: {error}"),
            Ok(_) => assert_eq!(reason, "", "{query}"),
        }
    }
}

const SERIES: &str = "
n:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 5}
    station: {type: int32, sorted: false, chunk_size: 2}
  VARS:
    v: {coords: [time, station]}
";

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_aggregate_is_what_a_naive_count_says(
        cells in prop::collection::btree_map((0..400_i64, 0..3_i64), -50..50_i32, 1..60),
        minutes in prop::sample::select(vec![1_i64, 7, 10, 60]),
        agg in prop::sample::select(vec!["mean", "min", "max", "sum", "count", "first", "last"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(async {
            let mut fixture = Fixture::new(SERIES).await;
            let mut csv = "time,station,v\n".to_owned();
            for ((at, station), v) in &cells {
                writeln!(csv, "{},{station},{v}", 1_700_000_000 + at * 37).unwrap();
            }
            fixture.fold(&csv).await;
            fixture.text(&format!("resample={minutes}min&agg={agg}&format=csv")).await
        });
        let step = minutes * 60;
        let mut buckets: BTreeMap<(i64, i64), Vec<f64>> = BTreeMap::new();
        for ((at, station), v) in &cells {
            let time = 1_700_000_000 + at * 37;
            buckets.entry((time / step * step, *station)).or_default().push(f64::from(*v));
        }
        let mut expected: Vec<String> = buckets
            .into_iter()
            .map(|((time, station), values)| {
                let n = values.len();
                let count = f64::from(u32::try_from(n).unwrap());
                let sum: f64 = values.iter().sum();
                let value = match agg {
                    "mean" => sum / count,
                    "sum" => sum,
                    "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
                    "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    "first" => values[0],
                    "last" => values[n - 1],
                    _ => count,
                };
                let value = if agg == "count" { n.to_string() } else { format!("{value:?}") };
                let time = chrono::DateTime::from_timestamp(time, 0).unwrap();
                format!("{},{station},{value}", time.format("%Y-%m-%dT%H:%M:%SZ"))
            })
            .collect();
        let mut found: Vec<String> = found.lines().skip(1).map(str::to_owned).collect();
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn coarser_levels_give_what_the_values_give(
        cells in prop::collection::btree_map((0..400_i64, 0..3_i64), -50..50_i32, 1..200),
        step_s in prop::sample::select(vec![37_i64, 60]),
        filled in any::<bool>(),
        factor in 2..5_u64,
        minutes in prop::sample::select(vec![8_i64, 16, 60, 240, 1000]),
        agg in prop::sample::select(vec!["mean", "min", "max", "sum", "count", "first", "last"]),
        window in prop::option::of((0..400_i64, 0..400_i64)),
        unit in prop::sample::select(vec!["", "&unit.v=km"]),
    ) {
        let begin = 1_699_999_200;
        let mut csv = "time,station,v\n".to_owned();
        for ((at, station), v) in &cells {
            writeln!(csv, "{},{station},{v}", begin + at * step_s).unwrap();
        }
        // Every time is there: intervals then end where cells do.
        for at in (0..400).filter(|at| filled && !cells.contains_key(&(*at, 0))) {
            writeln!(csv, "{},0,{}", begin + at * step_s, at % 17).unwrap();
        }
        let mut query = format!("resample={minutes}min&agg={agg}{unit}");
        if let Some((a, b)) = window {
            let time = |at: i64| {
                let time = chrono::DateTime::from_timestamp(begin + at * step_s, 0).unwrap();
                time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
            };
            query = format!("{query}&sel.time={}/{}", time(a.min(b)), time(a.max(b)));
        }
        let plain = SERIES.replace("coords: [time, station]", "coords: [time, station], unit: m");
        let levels = plain.replace("n:\n", &format!("n:\n  pyramid: {{coord: time, factor: {factor}}}\n"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ask = |schema: String| {
            runtime.block_on(async {
                let mut fixture = Fixture::new(&schema).await;
                fixture.fold(&csv).await;
                fixture.text(&query).await
            })
        };
        let (expected, found) = (ask(plain), ask(levels));
        prop_assert_eq!(found.lines().count(), expected.lines().count(), "{}", query);
        for (found, expected) in found.lines().zip(expected.lines()).skip(1) {
            let split = |line: &str| {
                let (keys, value) = line.rsplit_once(',').unwrap();
                (keys.to_owned(), value.parse::<f64>().ok())
            };
            let ((keys, a), (expected_keys, b)) = (split(found), split(expected));
            prop_assert_eq!(keys, expected_keys);
            match (a, b) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{query}: {a}, not {b}"),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
