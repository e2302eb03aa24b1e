//! Nodes with far fewer chunks than there is place for: what is known of them changes nothing but the time it takes.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use zarr_fuse_fusion::node::{Node, chunk_cache};

use super::{Fixture, collect, params};
use crate::{Bounds, Format, Selection, answer};

const SCHEMA: &str = r"
n:
  VARS:
    v: {coords: [time, b, k], type: int16}
    w: {coords: [k, time, b], unit: degC}
    is_on: {coords: [time, b, k], type: bool}
    text: {coords: [b, k], type: str}
    one: {coords: [b], type: int16}
  COORDS:
    time: {unit: {tick: s}, chunk_size: 2}
    b: {type: int32, sorted: false, chunk_size: 3}
    k: {type: int32, chunk_size: 2}
";

type Row = ([i32; 3], Option<i16>, Option<i16>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let place = [0..40_i32, 0..40, 0..40];
    let value = || prop::option::of(0_i16..50);
    prop::collection::vec((place, value(), value()), 1..16)
}

fn csv(rows: &[Row]) -> String {
    let mut csv = "time,b,k,v,w,is_on,text,one\n".to_owned();
    for ([time, b, k], v, w) in rows {
        let cell = |value: &Option<i16>| value.map_or_else(String::new, |value| value.to_string());
        let is_on = (time + b) % 2 == 0;
        let _ = writeln!(
            csv,
            "{time},{b},{k},{},{},{is_on},t{k},{b}",
            cell(v),
            cell(w)
        );
    }
    csv
}

fn questions() -> impl Strategy<Value = String> {
    let end = || (0..30_i64).prop_map(|end| end.to_string());
    let range = (end(), end()).prop_map(|(from, to)| format!("{from}:{to}"));
    let ranges = prop::collection::vec(range, 1..4).prop_map(|ranges| ranges.join(","));
    let name = prop::sample::select(vec!["time", "b", "k"]);
    let isel = prop::option::of((name, ranges));
    let isel = isel.prop_map(|isel| {
        isel.map_or_else(String::new, |(name, ranges)| {
            format!("isel.{name}={ranges}")
        })
    });
    let vars = vec![
        "",
        "var=v",
        "var=w&unit.w=K",
        "var=v,one",
        "var=is_on,w",
        "var=text,v,w",
        "var=text",
    ];
    let how = vec![
        "",
        "",
        "limit=3",
        "limit=5",
        "na=keep",
        "latest=1",
        "latest=3",
        "max_points=4",
        "resample=10s&agg=count",
        "resample=7s&agg=first",
        "resample=1min&agg=max",
    ];
    let parts = (prop::sample::select(vars), isel, prop::sample::select(how));
    parts.prop_map(|(vars, isel, how)| {
        let parts = [vars, isel.as_str(), how];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("&")
    })
}

/// All pages of an answer, or what is wrong with the question.
async fn ask(node: &Arc<Node>, query: &str, max_block_cells: u64) -> Result<String, String> {
    let mut pages = String::new();
    let mut cursor = None;
    loop {
        let query = match &cursor {
            Some(cursor) => format!("{query}&cursor={cursor}"),
            None => query.to_owned(),
        };
        let view = node.view();
        let bounds = Bounds {
            max_block_cells,
            ..Bounds::default()
        };
        let selection = Selection::parse(&params(&query), view.schema());
        let selection = selection.map_err(|error| error.to_string())?;
        let answer = answer(view, &selection, Format::Csv, bounds).await;
        let mut answer = answer.map_err(|error| error.to_string())?;
        cursor = answer.cursor.take();
        // The last page may be empty: after a row it is not yet known whether another one follows.
        let page = String::from_utf8(collect(answer).await).unwrap();
        let n_before = usize::from(!pages.is_empty());
        pages.extend(page.split_inclusive('\n').skip(n_before));
        if cursor.is_none() {
            return Ok(pages);
        }
    }
}

/// A node of which nothing is known yet, read in one block.
async fn fresh(fixture: &Fixture) -> Arc<Node> {
    let (store, schema) = (fixture.node.store.clone(), Arc::clone(&fixture.node.schema));
    Node::open(store, schema, chunk_cache(1 << 20))
        .await
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]
    #[test]
    fn what_is_known_of_chunks_changes_no_answer(
        first in rows(), second in rows(), questions in prop::collection::vec(questions(), 6), max_block_cells in 64_u64..4000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut fixture = Fixture::new(SCHEMA).await;
            for rows in [&first, &second] {
                fixture.fold(&csv(rows)).await;
                for name in ["v", "w", "is_on", "text", "one"] {
                    fixture.view().chunks_of(name, true).await.unwrap();
                }
                // More is added while it is known.
                let again: Vec<Row> = rows.iter().map(|([a, b, k], v, w)| ([*a, *k, *b], *w, *v)).collect();
                fixture.fold(&csv(&again)).await;
                for question in &questions {
                    let found = ask(&fixture.node, question, max_block_cells).await;
                    let expected = ask(&fresh(&fixture).await, question, 1 << 20).await;
                    prop_assert_eq!(found, expected, "{}", question);
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_page_of_a_nearly_empty_node_reads_the_chunks_that_are_there() {
    let mut fixture = Fixture::new(SCHEMA).await;
    let rows: Vec<Row> = (0..300).map(|i| ([i, i, i], Some(1), None)).collect();
    fixture.fold(&csv(&rows)).await;
    let before = fixture.node.store.requests().clone();
    let n_read = || before.of(zarr_fuse_store::RequestKind::Get);
    let begin = n_read();
    let answer = ask(&fixture.node, "var=v", 1 << 20).await.unwrap();
    assert_eq!(answer.lines().count(), 301);
    // The chunks are in memory since they were written.
    assert!(n_read() - begin <= 256, "{}", n_read() - begin);
    let node = fresh(&fixture).await;
    ask(&node, "var=v&limit=1", 1 << 20).await.unwrap();
    let begin = n_read();
    assert_eq!(
        ask(&node, "var=v&latest=1", 1 << 20)
            .await
            .unwrap()
            .lines()
            .count(),
        301
    );
    assert!(n_read() - begin <= 300, "{}", n_read() - begin);
    let begin = n_read();
    assert_eq!(
        ask(&node, "var=v&limit=1000", 1 << 20).await.unwrap(),
        answer
    );
    assert_eq!(n_read(), begin);
}

#[tokio::test]
async fn the_newest_values_of_a_nearly_empty_node_cost_no_more_than_there_are() {
    let mut fixture = Fixture::new(SCHEMA).await;
    let rows: Vec<Row> = (0..1000).map(|i| ([i, i, i], Some(1), Some(2))).collect();
    fixture.fold(&csv(&rows)).await;
    // A thousand million rows lie between them.
    let asked = ask(&fixture.node, "var=v,w&latest=1", 1 << 20);
    let answer = tokio::time::timeout(std::time::Duration::from_mins(1), asked);
    let answer = answer.await.expect("few rows are looked at").unwrap();
    assert_eq!(answer.lines().count(), 1001);
    assert!(
        answer.ends_with("1970-01-01T00:16:39Z,999,999,1,2.0\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn selections_that_overlap_select_once() {
    let mut fixture = Fixture::new(SCHEMA).await;
    let rows: Vec<Row> = (0..6).map(|i| ([i, 0, 0], Some(1), None)).collect();
    fixture.fold(&csv(&rows)).await;
    let once = fixture.text("var=v&isel.time=1:4").await;
    assert_eq!(fixture.text("var=v&isel.time=1:3,2,-4:4,2:4").await, once);
    let many = vec!["1:4"; 10_000].join(",");
    assert_eq!(fixture.text(&format!("var=v&isel.time={many}")).await, once);
    let many = vec!["1970-01-01T00:00:01/1970-01-01T00:00:03"; 500].join(",");
    assert_eq!(fixture.text(&format!("var=v&sel.time={many}")).await, once);
    let many = ["0/0", "-1/7"].repeat(500).join(",");
    let all = fixture.text("var=v").await;
    assert_eq!(fixture.text(&format!("var=v&sel.b={many}")).await, all);
}

#[tokio::test]
async fn more_than_there_is_room_for_is_refused() {
    let mut fixture = Fixture::new(SCHEMA).await;
    let rows: Vec<Row> = (0..90).map(|i| ([i, i, i], Some(1), None)).collect();
    fixture.fold(&csv(&rows)).await;
    for (query, what) in [
        (
            "var=v&resample=1s&agg=count",
            "what `resample` keeps of each interval takes about 28 MiB",
        ),
        ("var=v&latest=90", "what `latest` keeps takes about 33 MiB"),
        (
            "var=v&format=covjson",
            "an answer with `format=covjson` takes about",
        ),
    ] {
        let view = fixture.view();
        let selection = Selection::parse(&params(query), view.schema()).unwrap();
        let room = crate::Room::new(1 << 20);
        let bounds = Bounds {
            room: room.clone(),
            ..Bounds::default()
        };
        let format = selection.format().unwrap_or(Format::Csv);
        let error = answer(view, &selection, format, bounds)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(what), "{error}");
        assert!(error.ends_with("more than the 1 MiB that all questions have together (`limits.max_answer_memory_bytes`); select less"), "{error}");
        assert_eq!(room.n_bytes_free(), 1 << 20);
    }
}
