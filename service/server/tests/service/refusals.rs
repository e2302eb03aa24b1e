//! What goes wrong, as a person meets it: each with its exact text and status.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::json;
use zarr_fuse_server::config::{LimitsConfig, Proxy, ServerConfig};

use crate::world::{World, problem, refused};

const INGEST: &str = "/api/v1/ingest/boreholes?wait=merged";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_is_named() {
    let world = World::new().await;
    let request = world.post(INGEST, "text/csv", "time,T\n2024-05-01,11\n");
    let (status, body) = problem(request).await;
    assert_eq!(status, 422);
    assert_eq!(
        body["detail"],
        "nothing could be taken: column `borehole` is missing; the schema maps it to `borehole`; the table has `time`, `T`"
    );
    assert_eq!(body["seq"], 1, "the payload is kept");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_type_is_named_with_its_row() {
    let world = World::new().await;
    let csv = "time,borehole,n_samples\n2024-05-01,A,many\n";
    let (status, body) = problem(world.post(INGEST, "text/csv", csv)).await;
    assert_eq!(status, 422);
    assert_eq!(
        body["detail"],
        "none of the 1 rows could be taken; the problems say why"
    );
    assert_eq!(
        body["problems"],
        json!([{"row": 1, "line": 2, "column": "n_samples", "value": "many", "reason": "not a number; `n_samples` is int32"}])
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_local_time_is_named_with_its_remedy() {
    let world = World::new().await;
    let csv = "time,borehole,T\n2024-10-27T02:30:00,A,11\n";
    let (status, body) = problem(world.post(INGEST, "text/csv", csv)).await;
    assert_eq!(status, 422);
    assert_eq!(
        body["problems"],
        json!([{"row": 1, "line": 2, "column": "time", "value": "2024-10-27T02:30:00",
            "reason": "this local time exists twice in Europe/Prague: the clocks go back; set `fold: earlier`, `fold: later` or `fold: infer` in `source_unit`, or deliver an offset"}])
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_body_is_refused_by_its_announced_length() {
    let limits = LimitsConfig {
        max_body_bytes: 1000,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let detail = "the body is larger than 1000 bytes; send it in parts, compress it, or raise `limits.max_body_bytes`";
    refused(
        world.post(INGEST, "text/csv", vec![b'a'; 1001]),
        413,
        detail,
    )
    .await;
    let known = world.get_json("/api/v1/contributions").await;
    assert_eq!(known["contributions"], json!([]));
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_body_without_a_length_is_refused_at_the_bound() {
    let limits = LimitsConfig {
        max_body_bytes: 1000,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let pieces = [vec![b'a'; 600], vec![b'a'; 600]].map(Ok::<_, std::io::Error>);
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let detail = "the body is larger than 1000 bytes; send it in parts, compress it, or raise `limits.max_body_bytes`";
    refused(world.post(INGEST, "text/csv", body), 413, detail).await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_over_compressed_body_is_too_large() {
    let world = World::new().await;
    let bomb = gzip(&"a".repeat(1001));
    for question in ["?wait=merged", "?dry_run=true"] {
        let path = format!("/api/v1/ingest/small{question}");
        let request = world.post(&path, "text/csv", bomb.clone());
        let detail = "nothing could be taken: the body is larger than 1000 bytes when decompressed; send it in parts or raise `limits.max_decompressed_bytes`";
        refused(request.header("content-encoding", "gzip"), 413, detail).await;
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_gzip_is_told_from_a_damaged_one() {
    let world = World::new().await;
    let mut cut = gzip("time,borehole,T\n2024-05-01,A,11\n");
    cut.truncate(cut.len() - 12);
    let request = world.post(INGEST, "text/csv", cut);
    let detail = "nothing could be taken: the gzip body ends before its compressed data does; it was cut on the way: send it again";
    refused(request.header("content-encoding", "gzip"), 422, detail).await;
    let request = world.post(INGEST, "text/csv", "time,borehole,T\n");
    let (status, body) = problem(request.header("content-encoding", "gzip")).await;
    assert_eq!(status, 422);
    let detail = body["detail"].as_str().unwrap();
    let expected = "nothing could be taken: the body is not valid gzip; check the `Content-Encoding` header, or send it uncompressed";
    assert!(detail.starts_with(expected), "{detail}");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_node_is_answered_with_those_there_are() {
    let world = World::new().await;
    let csv = || "time,site,air_temp\n";
    refused(
        world.post("/api/v1/ingest/weather/forcast", "text/csv", csv()),
        404,
        "the dataset `weather` has no node `forcast`; it has `forecast`, `stations`",
    )
    .await;
    refused(
        world.post("/api/v1/ingest/weather", "text/csv", csv()),
        404,
        "the path names no node of `weather`; add one of `forecast`, `stations`",
    )
    .await;
    refused(
        world.ask(Method::GET, "/api/v1/query/weather/a/b"),
        404,
        "the dataset `weather` has no node `a/b`; it has `forecast`, `stations`",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_endpoint_is_answered_with_those_there_are() {
    let world = World::new().await;
    refused(
        world.post("/api/v1/ingest/nowhere", "text/csv", "a\n"),
        404,
        "there is no endpoint `nowhere`; there are `logger`, `private`, `small`, `boreholes`, `weather`",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsupported_content_type_is_answered_with_those_there_are() {
    let world = World::new().await;
    refused(
        world.post(INGEST, "image/png", "a\n"),
        415,
        "content type `image/png` is not supported; send one of text/csv, text/tab-separated-values, application/json, application/x-ndjson, application/vnd.apache.parquet, application/vnd.apache.arrow.stream, application/vnd.apache.arrow.file, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, application/vnd.oasis.opendocument.spreadsheet, text/x-toa5, text/x-line-protocol, application/x-netcdf, application/x-grib, application/zip, application/x-www-form-urlencoded, multipart/form-data, or set `format` in the endpoint's `decode`",
    )
    .await;
    refused(
        world.ask(Method::POST, INGEST).body("a\n"),
        415,
        "the request has no `Content-Type`; send one of text/csv, text/tab-separated-values, application/json, application/x-ndjson, application/vnd.apache.parquet, application/vnd.apache.arrow.stream, application/vnd.apache.arrow.file, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, application/vnd.oasis.opendocument.spreadsheet, text/x-toa5, text/x-line-protocol, application/x-netcdf, application/x-grib, application/zip, application/x-www-form-urlencoded, multipart/form-data, or set `format` in the endpoint's `decode`",
    )
    .await;
    refused(
        world
            .post(INGEST, "text/csv", "a\n")
            .header("content-encoding", "br"),
        415,
        "content encoding `br` is not supported; send `gzip`, `zstd`, `bzip2` or no compression",
    )
    .await;
    let known = world.get_json("/api/v1/contributions").await;
    assert_eq!(known["contributions"], json!([]), "nothing was stored");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_json_is_answered_with_its_place() {
    let world = World::new().await;
    let (status, body) =
        problem(world.post(INGEST, "application/json", "[{\"time\": 1,\n oops}]")).await;
    assert_eq!(status, 422);
    let detail = body["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("nothing could be taken: line 2, column 2: not valid JSON"),
        "{detail}"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_methods_are_problems_too() {
    let world = World::new().await;
    refused(
        world.ask(Method::GET, "/api/v2/nothing"),
        404,
        "there is nothing at `/api/v2/nothing`; `/docs` lists what there is",
    )
    .await;
    let response = world
        .ask(Method::DELETE, "/api/v1/datasets")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["allow"], "GET");
    refused(
        world.ask(Method::DELETE, "/api/v1/datasets"),
        405,
        "`DELETE` is not possible here; use `GET`",
    )
    .await;
    for path in [
        "/api/v1/ingest/boreholes",
        "/api/v1/ingest/boreholes/temperature",
        "/api/v1/logger",
    ] {
        refused(
            world.ask(Method::GET, path),
            405,
            "`GET` is not possible here; use `POST`",
        )
        .await;
    }
    refused(
        world.ask(Method::PUT, "/zarr/weather/forecast/zarr.json"),
        405,
        "`PUT` is not possible here; use `GET`, `HEAD`",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_paths_and_parameters_are_problems_too() {
    let world = World::new().await;
    let (status, body) = problem(world.ask(Method::GET, "/api/v1/contributions?limit=all")).await;
    assert_eq!(
        (status.as_u16(), &body["title"]),
        (400, &json!("Unreadable request"))
    );
    let (status, _) = problem(world.ask(Method::GET, "/api/v1/contributions?colour=red")).await;
    assert_eq!(status, 400);
    let (status, _) = problem(world.ask(Method::GET, "/api/v1/contributions?status=lost")).await;
    assert_eq!(status, 400);
    refused(
        world.ask(Method::GET, "/api/v1/contributions?limit=0"),
        400,
        "query parameter `limit=0`: write a number from 1 to 1000",
    )
    .await;
    refused(
        world.post("/api/v1/ingest/boreholes?wait=forever", "text/csv", "a\n"),
        400,
        "query parameter `wait=forever`: write `merged`, or leave it out",
    )
    .await;
    let (status, _) = problem(world.ask(Method::GET, "/api/v1/datasets/%ff%fe")).await;
    assert!(status == 400 || status == 404, "{status}");
    let key = world
        .post(INGEST, "text/csv", "a\n")
        .header("idempotency-key", "k".repeat(256));
    refused(
        key,
        400,
        "the header `Idempotency-Key` must be 1 to 255 visible ASCII characters",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_bound_are_asked_to_come_again() {
    let limits = LimitsConfig {
        max_concurrent_requests: 1,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    // A body that never ends keeps one request busy.
    let body =
        reqwest::Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let slow = tokio::spawn(
        world
            .post("/api/v1/ingest/boreholes", "text/csv", body)
            .send(),
    );
    while world.app.metrics.in_flight.get() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let busy = world
        .ask(Method::GET, "/api/v1/datasets")
        .send()
        .await
        .unwrap();
    assert_eq!(busy.headers()["retry-after"], "1");
    refused(
        world.ask(Method::GET, "/api/v1/datasets"),
        503,
        "1 requests are worked on; try again in a moment",
    )
    .await;
    assert_eq!(world.get("/health/live").await.status(), 200);
    slow.abort();
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_all_places() {
    let limits = LimitsConfig {
        max_concurrent_requests: 8,
        max_concurrent_requests_per_address: 1,
        ..LimitsConfig::default()
    };
    let server = ServerConfig {
        trusted_proxies: vec![Proxy::parse("127.0.0.0/8").unwrap()],
        ..ServerConfig::default()
    };
    let world = World::open_with(limits, server).await;
    let ask = |client: &str| {
        let request = world.ask(Method::GET, "/api/v1/datasets");
        request.header("x-forwarded-for", client)
    };
    // A body that never ends keeps one request busy.
    let body =
        reqwest::Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let slow = world.post("/api/v1/ingest/boreholes", "text/csv", body);
    let slow = tokio::spawn(slow.header("x-forwarded-for", "192.0.2.1").send());
    while world.app.metrics.in_flight.get() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    refused(
        ask("192.0.2.1"),
        429,
        "1 requests of yours are worked on, or their answers are not read yet; wait for one of them (`limits.max_concurrent_requests_per_address`)",
    )
    .await;
    assert_eq!(ask("192.0.2.2").send().await.unwrap().status(), 200);
    // Files have places of their own.
    let file = world.ask(Method::GET, "/docs/swagger-initializer.js");
    let file = file.header("x-forwarded-for", "192.0.2.1");
    assert_eq!(file.send().await.unwrap().status(), 200);
    slow.abort();
    world.end().await.unwrap();
}
