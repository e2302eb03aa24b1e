//! Extremes and newest values, held against the definition.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::Value;

use super::{Bounds, Fixture, Format, Selection, answer, boreholes, params};

async fn check(query: &str, expected: &str) {
    assert_eq!(boreholes().await.text(query).await, expected, "{query}");
}

#[tokio::test]
async fn the_newest_values_of_every_series_keep_their_own_times() {
    check(
        "var=temp&latest=1",
        "time,borehole,depth,temp\n\
         2024-05-01T12:00:00Z,b,0.1,3.0\n\
         2024-05-01T12:00:00Z,b,2.5,-4.0\n\
         2024-06-01T00:00:00Z,\"a,1\",0.1,5.0\n",
    )
    .await;
    check(
        "var=count,note&latest=1&layout=wide",
        "time,count[b],\"count[\"\"a,1\"\"]\",note[b],\"note[\"\"a,1\"\"]\"\n\
         2024-05-01T12:00:00Z,12,,\"say \"\"hi\"\"\",\"\"\n\
         2024-06-01T00:00:00Z,,13,\"say \"\"hi\"\"\",\"\"\n",
    )
    .await;
    check(
        "var=temp,count&latest=1&sel.borehole=b&sel.depth=0.1&sel.time=/2024-05-01T06:00&unit.temp=K",
        "time,borehole,depth,temp,count\n2024-05-01T00:00:00Z,b,0.1,274.65,10\n",
    )
    .await;
}

#[tokio::test]
async fn extremes_stand_at_their_own_times() {
    let mut fixture = Fixture::new(SERIES).await;
    let mut csv = "time,station,v,w,level\n".to_owned();
    for (i, v) in [5, 1, 7, 7, 1, 5, 2, 2, 9, 0].into_iter().enumerate() {
        writeln!(csv, "{},0,{v},{v},{}", 60 * i, 10 - i).unwrap();
    }
    fixture.fold(&csv).await;
    // Buckets of 5 positions.
    assert_eq!(
        fixture.text("var=v&max_points=4").await,
        "time,station,v\n\
         1970-01-01T00:01:00Z,0,1.0\n\
         1970-01-01T00:02:00Z,0,7.0\n\
         1970-01-01T00:08:00Z,0,9.0\n\
         1970-01-01T00:09:00Z,0,0.0\n"
    );
    // Of one bucket of 16 positions; `level` keeps other times than `v`.
    assert_eq!(
        fixture
            .text(
                "var=v,level&max_points=3&tz=%2B01:00"
                    .replace("%2B", "+")
                    .as_str()
            )
            .await,
        "time,station,v,level\n\
         1970-01-01T01:00:00+01:00,0,,10.0\n\
         1970-01-01T01:08:00+01:00,0,9.0,\n\
         1970-01-01T01:09:00+01:00,0,0.0,1.0\n"
    );
    assert_eq!(
        fixture.text("var=v&max_points=10").await,
        fixture.text("var=v").await
    );
}

#[tokio::test]
async fn what_cannot_be_thinned_is_refused() {
    let fixture = boreholes().await;
    let all = Fixture::new(&super::BOREHOLES.replace(
        "rock: {coords: [borehole]",
        "rock: {coords: [time, borehole]",
    ))
    .await;
    for (fixture, query, reason) in [
        (&fixture, "max_points=1", "at least 2"),
        (&fixture, "latest=0", "at least 1"),
        (
            &fixture,
            "latest=many",
            "write a number of values per series",
        ),
        (
            &fixture,
            "var=temp&max_points=5&limit=2",
            "`max_points` does not go with `limit`",
        ),
        (
            &fixture,
            "var=temp&max_points=5&latest=2",
            "leave one of them out",
        ),
        (
            &fixture,
            "var=temp&latest=5&resample=1h",
            "`latest` does not go with `resample`",
        ),
        (&fixture, "var=rock&max_points=5", "lie along none"),
        (&fixture, "var=time&max_points=5", "add one to `var`"),
        (
            &fixture,
            "var=count&max_points=2&isel.time=0,2",
            "`sel.time=from/to`",
        ),
        (
            &all,
            "max_points=5",
            "`rock` holds labels; leave it out of `var`, or use `limit`",
        ),
    ] {
        let error = fixture.ask(query).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{query}: {error}");
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let view = boreholes().await.view();
    let ask = async |query: &str| {
        let bounds = Bounds {
            max_buckets: 7,
            ..Bounds::default()
        };
        let selection = Selection::parse(&params(query), view.schema()).unwrap();
        answer(view.clone(), &selection, Format::Csv, bounds).await
    };
    let error = ask("var=temp&latest=2").await.unwrap_err().to_string();
    assert_eq!(
        error,
        "`latest=2` of 4 series would keep more than 7 values; ask for fewer, or select less"
    );
    ask("var=temp&latest=1").await.unwrap();
    let error = ask("var=temp&max_points=2").await.unwrap_err().to_string();
    assert!(error.contains("`max_points=2` of 4 series"), "{error}");
}

const SERIES: &str = "
n:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 5}
    station: {type: int32, sorted: false, chunk_size: 2}
  VARS:
    v: {coords: [time, station], unit: degC}
    w: {coords: [station, time], type: int16, na_value: 999}
    level: {coords: [time], type: float32}
    height: {coords: [station], type: int32}
";

/// The rows of an answer: time, station, v, w, level, height.
async fn rows(fixture: &Fixture, query: &str) -> Vec<Value> {
    let answer = fixture.text(&format!("{query}&format=json")).await;
    let mut answer: Value = serde_json::from_str(&answer).unwrap();
    answer["rows"].take().as_array().unwrap().clone()
}

type Cells = BTreeMap<(usize, Option<i64>, usize), f64>;

/// The cells of a node by variable, station and position in `times`.
fn cells(rows: &[Value], times: &[Value]) -> Cells {
    let mut cells = Cells::new();
    for row in rows {
        let at = times.iter().position(|time| *time == row["time"]).unwrap();
        for (variable, name) in ["v", "w", "level"].into_iter().enumerate() {
            let station = row["station"].as_i64().filter(|_| variable < 2);
            if let Some(value) = row[name].as_f64() {
                cells.insert((variable, station, at), value);
            }
        }
    }
    cells
}

/// What the definition of `max_points` keeps of positions `from..to`.
fn extremes(all: &Cells, from: usize, to: usize, n: usize, factor: usize) -> Cells {
    if to - from <= n {
        return all.clone();
    }
    let fits = |length: &usize| 2 * (to.div_ceil(*length) - from / length) <= n;
    let lengths = (0..20).flat_map(|k| (1..factor).map(move |j| j * factor.pow(k)));
    let length = lengths.clone().find(fits).unwrap();
    let series: BTreeSet<_> = all.keys().map(|&(v, station, _)| (v, station)).collect();
    let mut kept = Cells::new();
    for (v, station) in series {
        for bucket in from / length..to.div_ceil(length) {
            let positions = bucket * length..(bucket + 1) * length;
            let values: Vec<(usize, f64)> = positions
                .filter_map(|at| Some((at, *all.get(&(v, station, at))?)))
                .collect();
            let Some(&first) = values.first() else {
                continue;
            };
            let least = values
                .iter()
                .fold(first, |a, b| if b.1 < a.1 { *b } else { a });
            let greatest = values
                .iter()
                .fold(first, |a, b| if b.1 > a.1 { *b } else { a });
            for (at, value) in [least, greatest] {
                kept.insert((v, station, at), value);
            }
        }
    }
    kept
}

/// What the definition of `latest` keeps.
fn latest(all: &Cells, n: usize) -> Cells {
    let is_newest = |(v, station, at): &(usize, Option<i64>, usize)| {
        let newer = all
            .keys()
            .filter(|key| (key.0, key.1) == (*v, *station) && key.2 > *at);
        newer.count() < n
    };
    all.iter()
        .filter(|(key, _)| is_newest(key))
        .map(|(key, value)| (*key, *value))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_is_what_the_definition_says(
        written in prop::collection::btree_map((0..90_i64, 0..4_i64), (prop::option::of(-9..9_i32), prop::option::of(-9..9_i32)), 1..150),
        n in 2..24_usize,
        ends in (0..90_i64, 0..90_i64),
        newest: bool,
        factor in prop::sample::select(vec![None, Some(2_usize), Some(3), Some(8)]),
        variables in prop::sample::subsequence(vec!["v", "w", "level", "height"], 1..=4),
    ) {
        prop_assume!(variables != ["height"]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let pyramid = factor.map_or_else(String::new, |factor| format!("  pyramid: {{coord: time, factor: {factor}}}\n"));
            let mut fixture = Fixture::new(&format!("{SERIES}{pyramid}")).await;
            let mut csv = "time,station,v,w,level,height\n".to_owned();
            let text = |v: Option<i32>| v.map_or_else(String::new, |v| v.to_string());
            for ((at, station), (v, w)) in &written {
                writeln!(csv, "{at},{station},{},{},{},{station}", text(*v), text(*w), at % 7).unwrap();
            }
            fixture.fold(&csv).await;
            let all_times: Vec<Value> = rows(&fixture, "var=time").await.into_iter().map(|mut row| row["time"].take()).collect();
            let time = |at: i64| chrono::DateTime::from_timestamp(at, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ");
            let selection = format!("var={}&sel.time={}/{}&unit.v=K", variables.join(","), time(ends.0.min(ends.1)), time(ends.0.max(ends.1)));
            let everything = rows(&fixture, &format!("{selection}&na=keep")).await;
            let all = cells(&everything, &all_times);
            let positions: BTreeSet<usize> = everything.iter().map(|row| all_times.iter().position(|time| *time == row["time"]).unwrap()).collect();
            let (from, to) = (positions.first().copied().unwrap_or(0), positions.last().map_or(0, |last| last + 1));
            let (parameter, expected) = if newest {
                ("latest", latest(&all, n))
            } else {
                ("max_points", extremes(&all, from, to, n, factor.unwrap_or(8)))
            };
            let answer = rows(&fixture, &format!("{selection}&{parameter}={n}")).await;
            assert_eq!(cells(&answer, &all_times), expected);
            // There are no rows beyond those at which something is kept, and heights are repeated.
            for row in &answer {
                let is_kept = |name: &str| row.get(name).is_some_and(|value| !value.is_null());
                assert!(["v", "w", "level"].into_iter().any(is_kept), "{row}");
                assert!(row.get("height").is_none_or(|height| *height == row["station"]), "{row}");
            }
            let order: Vec<&Value> = everything.iter().filter(|row| answer.iter().any(|kept| (&kept["time"], &kept["station"]) == (&row["time"], &row["station"]))).collect();
            assert_eq!(order.iter().map(|row| (&row["time"], &row["station"])).collect::<Vec<_>>(), answer.iter().map(|row| (&row["time"], &row["station"])).collect::<Vec<_>>());
        });
    }
}
