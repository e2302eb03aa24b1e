//! Values.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::json;

use crate::world::{World, json, refused};

const CSV: &str =
    "time,borehole,T,n_samples\n2024-05-01T12:00:00,A,11.5,3\n2024-05-01T13:00:00,B,12.25,\n";
const QUERY: &str = "/api/v1/query/boreholes/temperature";

async fn filled() -> World {
    let world = World::new().await;
    world.merge("/api/v1/ingest/boreholes", CSV).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn each_format_is_given_by_name_and_by_accept() {
    let world = filled().await;
    let formats = [
        ("csv", "text/csv"),
        ("json", "application/json"),
        ("ndjson", "application/x-ndjson"),
        ("arrow", "application/vnd.apache.arrow.stream"),
        ("parquet", "application/vnd.apache.parquet"),
    ];
    for (name, media_type) in formats {
        let by_name = world.get(&format!("{QUERY}?format={name}")).await;
        let by_accept = world
            .ask(Method::GET, QUERY)
            .header("accept", media_type)
            .send()
            .await
            .unwrap();
        assert_eq!(
            by_name.headers()["content-type"]
                .to_str()
                .unwrap()
                .split(';')
                .next(),
            Some(media_type)
        );
        assert_eq!(
            by_accept.headers()["content-type"],
            by_name.headers()["content-type"]
        );
        assert_eq!(
            by_name.bytes().await.unwrap(),
            by_accept.bytes().await.unwrap(),
            "{name}"
        );
    }
    let csv = world.get(QUERY).await.text().await.unwrap();
    assert_eq!(
        csv,
        "time,borehole,rock_temp,n_samples\n2024-05-01T10:00:00Z,A,11.5,3\n2024-05-01T11:00:00Z,B,12.25,\n"
    );
    refused(
        world.ask(Method::GET, QUERY).header("accept", "image/png"),
        406,
        "none of the media types in `Accept` can be given; ask for `text/csv`, `application/json`, `application/x-ndjson`, `application/vnd.apache.arrow.stream` or `application/vnd.apache.parquet`, or use `format=`",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_continue_where_the_former_ended() {
    let world = filled().await;
    let first = world.get(&format!("{QUERY}?limit=1&format=json")).await;
    let cursor = first.headers()["next-cursor"].to_str().unwrap().to_owned();
    assert!(first.headers().contains_key("content-length"));
    let page = json(first).await;
    assert_eq!(page["cursor"], json!(cursor));
    assert_eq!(page["rows"].as_array().unwrap().len(), 1);
    let second = world
        .get(&format!("{QUERY}?limit=1&format=json&cursor={cursor}"))
        .await;
    let second = json(second).await;
    assert_eq!(second["rows"][0]["borehole"], "B");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tag_changes_with_the_folded_state() {
    let world = filled().await;
    let ask = async |tag: &str| {
        let request = world
            .ask(Method::GET, QUERY)
            .header("if-none-match", tag.to_owned());
        request.send().await.unwrap()
    };
    let tag = world.get(QUERY).await.headers()["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let same = ask(&tag).await;
    assert_eq!(same.status(), 304);
    assert_eq!(same.headers()["etag"].to_str().unwrap(), tag);
    assert_eq!(ask(&format!("\"x\", W/{tag}")).await.status(), 304);
    let other = world.ask(Method::GET, &format!("{QUERY}?var=rock_temp"));
    let other = other.header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(other.status(), 200, "another question");
    world
        .merge(
            "/api/v1/ingest/boreholes",
            "time,borehole,T\n2024-05-02,A,1\n",
        )
        .await;
    let changed = ask(&tag).await;
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"].to_str().unwrap(), tag);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_make_no_sense_are_problems() {
    let world = filled().await;
    refused(
        world.ask(Method::GET, &format!("{QUERY}?colour=red")),
        400,
        "unknown query parameter `colour`; there are `var`, `sel.<coordinate>`, `isel.<coordinate>`, `bbox`, `unit.<variable>`, `tz`, `layout`, `resample`, `agg`, `na`, `limit`, `cursor`, `format`",
    )
    .await;
    refused(
        world.ask(Method::GET, &format!("{QUERY}?var=rock_tmp")),
        404,
        "node `temperature` has no variable `rock_tmp`; did you mean `rock_temp`?",
    )
    .await;
    refused(
        world.ask(Method::GET, &format!("{QUERY}?unit.rock_temp=m")),
        422,
        "query parameter `unit.rock_temp=m`: cannot convert `degC` to `m`: temperature is not length",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_node_needs_no_name() {
    let world = filled().await;
    let named = world.get(QUERY).await.text().await.unwrap();
    assert_eq!(
        world
            .get("/api/v1/query/boreholes")
            .await
            .text()
            .await
            .unwrap(),
        named
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_is_streamed_whole() {
    let world = World::new().await;
    let mut csv = String::from("time,borehole,T\n");
    for i in 0..3000 {
        writeln!(
            csv,
            "2024-05-01T{:02}:{:02}:00,B{},{i}.5",
            i / 60 % 24,
            i % 60,
            i % 7
        )
        .unwrap();
    }
    world.merge("/api/v1/ingest/boreholes", &csv).await;
    let keep = format!("{QUERY}?na=keep");
    let whole = world.get(&keep).await;
    let n_rows = whole.text().await.unwrap().lines().count() - 1;
    assert_eq!(n_rows, 1440 * 7);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_many_blocks_is_streamed_whole() {
    let limits = zarr_fuse_service::config::LimitsConfig {
        max_query_block_cells: 1000,
        ..Default::default()
    };
    let world = World::bounded(limits).await;
    let mut csv = String::from("time,borehole,T\n");
    for i in 0..10_000 {
        writeln!(
            csv,
            "2024-05-{:02}T{:02}:{:02}:00Z,A,{i}.5",
            1 + i / 1440,
            i / 60 % 24,
            i % 60
        )
        .unwrap();
    }
    world.merge("/api/v1/ingest/boreholes", &csv).await;
    let response = world.get(&format!("{QUERY}?var=rock_temp")).await;
    assert!(response.headers().get("content-length").is_none());
    let rows = response.text().await.unwrap();
    assert_eq!(rows.lines().count(), 10_001);
    assert!(rows.ends_with("2024-05-07T22:39:00Z,A,9999.5\n"));
    world.end().await.unwrap();
}
