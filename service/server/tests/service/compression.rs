//! Answers compressed as clients accept, and what caches are told.

use std::fmt::Write as _;
use std::io::Read as _;

use reqwest::{Method, Response};
use zarr_fuse_server::config::LimitsConfig;

use crate::world::World;

const QUERY: &str = "/api/v1/query/boreholes/temperature";

/// A service with rows for some tens of kilobytes.
async fn filled() -> World {
    let world = World::bounded(LimitsConfig::default()).await;
    let mut csv = "time,borehole,T\n".to_owned();
    for i in 0..1500 {
        let (hour, minute) = (i / 60, i % 60);
        writeln!(
            csv,
            "2024-05-{:02}T{:02}:{minute:02}:00,A,{i}.5",
            1 + hour / 24,
            hour % 24
        )
        .unwrap();
    }
    world.merge("/api/v1/ingest/boreholes", &csv).await;
    world
}

async fn ask(world: &World, path: &str, accept: &str) -> Response {
    let request = world.ask(Method::GET, path);
    request
        .header("accept-encoding", accept)
        .send()
        .await
        .unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

pub(crate) fn decoded(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match encoding {
        "gzip" => flate2::read::GzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .unwrap(),
        "zstd" => zstd::stream::read::Decoder::new(bytes)
            .unwrap()
            .read_to_end(&mut plain)
            .unwrap(),
        "br" => brotli::Decompressor::new(bytes, 4096)
            .read_to_end(&mut plain)
            .unwrap(),
        other => panic!("{other}"),
    };
    plain
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_is_compressed_as_accepted_and_means_the_same() {
    let world = filled().await;
    let query = |format: &str| format!("{QUERY}?format={format}");
    let paths = [query("csv"), query("json"), query("ndjson")];
    let others = ["/openapi.json", "/zarr/boreholes/zarr.json", "/metrics"];
    let paths = paths.iter().map(String::as_str).chain(others);
    for path in paths {
        let plain = ask(&world, path, "identity").await;
        assert_eq!(plain.status(), 200, "{path}");
        assert_eq!(header(&plain, "content-encoding"), "", "{path}");
        assert!(header(&plain, "vary").contains("Accept-Encoding"), "{path}");
        let plain = plain.bytes().await.unwrap();
        for encoding in ["gzip", "zstd", "br"] {
            let response = ask(&world, path, encoding).await;
            assert_eq!(header(&response, "content-encoding"), encoding, "{path}");
            assert!(
                header(&response, "vary").contains("Accept-Encoding"),
                "{path}"
            );
            let bytes = response.bytes().await.unwrap();
            assert!(
                bytes.len() < plain.len(),
                "{path} {encoding}: {} of {}",
                bytes.len(),
                plain.len()
            );
            if path != "/metrics" {
                assert!(decoded(encoding, &bytes) == plain, "{path} {encoding}");
            }
        }
    }
    let answer = ask(&world, &query("csv"), "gzip;q=0.5, br;q=0.9, zstd;q=0.1").await;
    assert_eq!(header(&answer, "content-encoding"), "br");
    assert_eq!(header(&answer, "vary"), "Accept, Accept-Encoding");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_small_compressed_or_a_part_stays_as_it_is() {
    let world = filled().await;
    for path in [
        &format!("{QUERY}?format=parquet"),
        &format!("{QUERY}?format=arrow"),
        "/health/live",
        "/zarr/boreholes/temperature/rock_temp/c/0/0",
        "/docs/favicon-32x32.png",
    ] {
        let response = ask(&world, path, "gzip, br, zstd").await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, "content-encoding"), "", "{path}");
        assert_ne!(header(&response, "content-length"), "", "{path}");
    }
    let part = world.ask(Method::GET, "/zarr/boreholes/zarr.json");
    let part = part
        .header("accept-encoding", "gzip")
        .header("range", "bytes=0-1999");
    let part = part.send().await.unwrap();
    assert_eq!(
        (part.status().as_u16(), header(&part, "content-encoding")),
        (206, "")
    );
    assert_eq!(part.bytes().await.unwrap().len(), 2000);
    let events = ask(&world, "/api/v1/events", "gzip").await;
    assert_eq!(header(&events, "content-encoding"), "");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_of_compressed_answers_are_known_again() {
    let world = filled().await;
    let paths = [QUERY, "/openapi.json", "/zarr/boreholes/zarr.json"];
    for path in paths {
        let strong = header(&ask(&world, path, "identity").await, "etag").to_owned();
        let compressed = ask(&world, path, "gzip").await;
        let weak = header(&compressed, "etag").to_owned();
        assert_eq!(weak, format!("W/{strong}"), "{path}");
        assert_eq!(header(&compressed, "cache-control"), "no-cache", "{path}");
        for tag in [&strong, &weak] {
            for accept in ["identity", "gzip"] {
                let again = world.ask(Method::GET, path).header("if-none-match", tag);
                let again = again
                    .header("accept-encoding", accept)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(again.status(), 304, "{path} {tag}");
                assert_eq!(header(&again, "etag"), tag, "{path}");
                assert!(header(&again, "vary").contains("Accept-Encoding"), "{path}");
            }
        }
    }
    // What is too small to be compressed is tagged, too.
    let before = header(&world.get("/api/v1/datasets/boreholes").await, "etag").to_owned();
    let known = world
        .ask(Method::GET, "/api/v1/datasets/boreholes")
        .header("if-none-match", &before);
    assert_eq!(known.send().await.unwrap().status(), 304);
    world
        .merge(
            "/api/v1/ingest/boreholes",
            "time,borehole,T\n2024-06-01T12:00:00,B,1\n",
        )
        .await;
    let changed = world
        .ask(Method::GET, "/api/v1/datasets/boreholes")
        .header("if-none-match", before);
    assert_eq!(changed.send().await.unwrap().status(), 200);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_is_compressed_while_it_streams() {
    let world = filled().await;
    let path = format!("{QUERY}?format=ndjson&na=keep");
    let mut response = ask(&world, &path, "zstd").await;
    assert_eq!(header(&response, "transfer-encoding"), "chunked");
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    let plain = ask(&world, &path, "").await.bytes().await.unwrap();
    assert!(decoded("zstd", &bytes) == plain);
    world.end().await.unwrap();
}
