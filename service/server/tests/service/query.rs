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
        ("covjson", "application/prs.coverage+json"),
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
        "none of the media types in `Accept` can be given; ask for `text/csv`, `application/json`, `application/x-ndjson`, `application/vnd.apache.arrow.stream`, `application/vnd.apache.parquet` or `application/prs.coverage+json`, or use `format=`",
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
        "unknown query parameter `colour`; there are `var`, `sel.<coordinate>`, `isel.<coordinate>`, `bbox`, `unit.<variable>`, `tz`, `layout`, `resample`, `agg`, `max_points`, `latest`, `na`, `limit`, `cursor`, `format`",
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
    let limits = zarr_fuse_server::config::LimitsConfig {
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

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_values_and_the_extremes_have_tags_of_their_own() {
    let world = filled().await;
    let mut tags = Vec::new();
    for question in ["", "?latest=1", "?latest=2", "?max_points=2&var=rock_temp"] {
        let path = format!("{QUERY}{question}");
        let first = world.get(&path).await;
        assert_eq!(first.status(), 200, "{question}");
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        let again = world.ask(Method::GET, &path).header("if-none-match", &tag);
        assert_eq!(again.send().await.unwrap().status(), 304, "{question}");
        assert!(!tags.contains(&tag), "{question}");
        tags.push(tag);
    }
    world
        .merge(
            "/api/v1/ingest/boreholes",
            "time,borehole,T\n2024-05-02,A,1\n",
        )
        .await;
    let newest = world
        .get(&format!("{QUERY}?var=rock_temp&latest=1&unit.rock_temp=K"))
        .await;
    assert_eq!(
        newest.text().await.unwrap(),
        "time,borehole,rock_temp\n2024-05-01T11:00:00Z,B,285.4\n2024-05-01T22:00:00Z,A,274.15\n"
    );
    world.end().await.unwrap();
}

const ORIGIN: &str = "/api/v1/origin/boreholes/temperature?var=rock_temp&sel.borehole=A";

#[tokio::test(flavor = "multi_thread")]
async fn the_contributions_that_wrote_a_value_are_found() {
    let world = filled().await;
    let corrected = "time,borehole,T,n_samples\n2024-05-01T12:00:00,A,12,\n";
    let corrected = world.merge("/api/v1/ingest/boreholes", corrected).await;
    let other = "time,borehole,T\n2024-05-01T14:00:00,A,13\n";
    let other = world.merge("/api/v1/ingest/boreholes", other).await;
    let cell = format!("{ORIGIN}&sel.time=2024-05-01T10:00:00Z");

    let newest = world.get_json(&cell).await;
    assert_eq!(newest["value"], json!(12.0));
    assert_eq!(
        newest["coordinates"],
        json!({"time": "2024-05-01T10:00:00Z", "borehole": "A"})
    );
    let writers = newest["contributions"].as_array().unwrap();
    assert_eq!(writers.len(), 1);
    assert_eq!(writers[0]["id"], corrected["id"]);
    assert_eq!(writers[0]["value"], json!(12.0));
    assert_eq!(newest["complete"], json!(true));

    let all = world
        .get_json(&format!("{cell}&all=true&unit.rock_temp=K"))
        .await;
    let values: Vec<f64> = all["contributions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|writer| writer["value"].as_f64().unwrap())
        .collect();
    assert_eq!(values, [285.15, 284.65]);
    assert_eq!(
        (&all["n_searched"], &all["before"]),
        (&json!(3), &json!(null))
    );

    // A search goes on where another one ended; what is retracted wrote nothing.
    let before = format!("{cell}&before={}", newest["before"]);
    let earlier = world.get_json(&before).await;
    assert_eq!(earlier["contributions"][0]["value"], json!(11.5));
    let retract = format!("/api/v1/contributions/{}", other["id"].as_str().unwrap());
    let retracted = world.ask(Method::DELETE, &format!("{retract}?wait=merged"));
    assert!(retracted.send().await.unwrap().status().is_success());
    let gone = format!("{ORIGIN}&sel.time=2024-05-01T10:00:00Z&all=true");
    assert_eq!(world.get_json(&gone).await["n_searched"], json!(2));
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_origin_is_asked_for_one_value() {
    let world = filled().await;
    for (query, status, reason) in [
        (
            "",
            422,
            "the selection leaves 2 values of `time`; give one, such as `sel.time=<value>`",
        ),
        (
            "&sel.time=2024-05-01T10:00:00Z&all=maybe",
            400,
            "query parameter `all=maybe`: write `true` or `false`",
        ),
        (
            "&sel.time=2023",
            422,
            "the selection leaves 0 values of `time`; give one, such as `sel.time=<value>`",
        ),
    ] {
        let ask = world.ask(Method::GET, &format!("{ORIGIN}{query}"));
        refused(ask, status, reason).await;
    }
    let coordinate = "/api/v1/origin/boreholes/temperature?var=time&isel.time=0";
    refused(
        world.ask(Method::GET, coordinate),
        422,
        "`time` is a coordinate; give a variable, `var=<name>`",
    )
    .await;
    world.end().await.unwrap();
}
